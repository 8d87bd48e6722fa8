r"""What the fillings of different gaps do to each other.

Taking the guests out of a gap changes the mean inner potential there. In a thick crystal, what that
does to the direct beam depends on which gaps around are empty too, whatever the shifts are: the
changes that two gaps make do not add up, in ABF above all. Tiles of O3 with other fillings in one
or two of the four gaps nearest to a slab (above u, below l, next above U, next below V) know by how
much. To second order in the fillings, with F the image of the slab and B all gaps as in O3,

.. math:: F = B + \sum_i F_i + \sum_{i<j} F_{ij}, \quad i, j \in \{u, l, U, V\}.

Images are put together from tiles in whose cells V is empty (any shift meets there). From U and V
on, what F is beyond that sum of tiles is added, the terms of u and l alone cancelling.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.geometry import Stacks
from stackmotif.imaging.atlas.recipe import REFERENCE, AtlasRecipe
from stackmotif.imaging.atlas.views import Views

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.model import Atlas

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]

Gaps = dict[str, str]
"""What differs from O3: gap (u, l, U or V) to element."""


_TURNED_INTO_THEMSELVES: Final = (("u", "l"), ("U", "V"))
"""Pairs of gaps that a half turn exchanges: both views show their terms."""


def terms(recipe: AtlasRecipe) -> Iterator[Gaps]:
    """Yield the terms of a recipe; those that a half turn makes of them are left out."""
    others = recipe.others
    yield from ({"U": one} for one in others)
    for first, second in ("ul", "uU", "uV", "UV"):
        for k, one in enumerate(others):
            limited = others[: k + 1] if (first, second) in _TURNED_INTO_THEMSELVES else others
            yield from ({first: one, second: other} for other in limited)


def coupling_rows(atlas: "Atlas", views: Views, filled: Complexes) -> Complexes:
    """Return the images of the terms, shape (term, detector, row, harmonic).

    Parameters
    ----------
    atlas : Atlas
        Whose tiles they are.
    views : Views
        How tiles are turned.
    filled : ndarray of complex128, shape (tile, detector, row, harmonic)
        Tiles of the recipe's ``fillings``.
    """
    tiles: dict[tuple[str, ...], Complexes] = {
        (one.guest, one.below, one.beyond, one.uppermost): tile
        for one, tile in zip(atlas.recipe.fillings, filled, strict=True)
    }
    found = [_term(gaps, tiles, views) for gaps in (terms(atlas.recipe) if tiles else ())]
    return np.array(found).reshape(-1, *filled.shape[1:])


def _term(gaps: Gaps, tiles: dict[tuple[str, ...], Complexes], views: Views) -> Complexes:
    """Return F_i or F_ij: the tile with one or two changes less those with fewer."""
    tile = _tile(gaps, tiles, views) - _tile({}, tiles, views)
    if len(gaps) > 1:
        for gap, element in gaps.items():
            tile = tile - _term({gap: element}, tiles, views)
    return tile


def _tile(gaps: Gaps, tiles: dict[tuple[str, ...], Complexes], views: Views) -> Complexes:
    key = tuple(gaps.get(gap, REFERENCE.guest) for gap in "ulUV")
    if key in tiles:
        return tiles[key]
    above, below, beyond, uppermost = key
    return views.mirrored(views.upside_down(tiles[below, above, uppermost, beyond]))


def coupling_weights(stacks: Stacks, recipe: AtlasRecipe) -> Floats:
    """Return how much of each term a slab gets, shape (stack, slab, view * term).

    View 0 is upright, view 1 turned by 180 degrees.
    """
    gaps = _by_element(stacks.fillings, recipe)
    ulUV = [np.roll(gaps, shift, axis=1) for shift in (0, 1, -1, 2)]
    upright = dict(zip("ulUV", ulUV, strict=True))
    turned = dict(zip("luVU", ulUV, strict=True))
    return np.concatenate([_weights(recipe, upright), _weights(recipe, turned)], axis=-1)


def _by_element(fillings: Floats, recipe: AtlasRecipe) -> Floats:
    """Return the share of each other element in each gap, whatever the site."""
    belongs = [
        [one.partition("@")[0] == element for element in recipe.others] for one in recipe.guests
    ]
    return fillings @ np.array(belongs, dtype=np.float64)


def _weights(recipe: AtlasRecipe, shares: dict[str, Floats]) -> Floats:
    """Return the weights of all terms in one view, less what the sum of tiles has of them."""
    number = {element: k for k, element in enumerate(recipe.others)}
    # A tile and a turned tile are added and the mean of both is taken off.
    in_tiles = {("U",): {"U": 0.5}, ("u", "V"): {"V": 1.0}}
    weights = []
    for gaps in terms(recipe):
        weight = np.ones(shares["u"].shape[:-1])
        for gap, element in gaps.items():
            known = in_tiles.get(tuple(gaps), {}).get(gap, 0.0)
            less = known if element == REFERENCE.uppermost else 0.0
            weight = weight * (shares[gap][..., number[element]] - less)
        twice = tuple(gaps) in _TURNED_INTO_THEMSELVES and len(set(gaps.values())) == 1
        weights.append(weight / 2 if twice else weight)
    return np.stack(weights, axis=-1)
