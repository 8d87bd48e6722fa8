"""Pictures of motifs: their atoms along the beam, as compact SVG with a fixed text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog.drawing.bands import (
    Band,
    bonds,
    cell_sides,
    five_coordinate,
    kind_bands,
    state_bands,
    window_of_interest,
)
from stackmotif.catalog.drawing.view import View, view_of
from stackmotif.catalog.recipes.shells import NanocrystalShellRecipe, ParticleRecipe
from stackmotif.catalog.recipes.walls import WallRecipe
from stackmotif.errors import CatalogError
from stackmotif.stacking import Word
from stackmotif.stacking.palette import BLACK, ROLE_COLOURS, WHITE

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from stackmotif.catalog.motif import Motif

_UNITS_PER_A: Final = 20
_PIXELS_PER_A: Final = 5.0
_HALF: Final = 0.5 + 1e-6
"""Rounds to the nearest, and what is half-way upwards, in spite of the last digits of a file."""

_MARGIN_A: Final = 1.2
_LETTERS_A: Final = 3.0
_BAR_A: Final = 10.0
_FOOT_A: Final = 3.4

_WIDTH_A: Final = 22.0
_HEIGHT_A: Final = 22.0
_TALLEST_A: Final = 60.0
_FLANK: Final = 3
_SLICE_A: Final = 3.0
"""About one period along the beam, so that every column in zone is met once."""

_DIAMETER_A: Final = {"M": 1.4, "O": 0.9, "A": 1.1}
_HALO_A: Final = 2.6
_BOND_A: Final = 0.25
_SIDE_A: Final = 0.15
_LIGHT: Final = "#757575"
"""Metals half a beam period behind the others."""

MOST_COLUMNS: Final = 2400
"""Larger views are cut to their middle, which keeps a picture below 30 kB."""


def picture_svg(
    structure: "Structure",
    *,
    zone: str = "100",
    word: Word | None = None,
    states: bool = False,
    slice_A: float | None = None,
    title: str = "",
) -> str:
    """Draw a crystal along a zone axis, +c up and x to the right, to one scale in both directions.

    Metals are grey (light ones stand half a period behind), anions red and guests green; a bar
    shows 1 nm. The text is the same wherever it is made.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        Slabs stacked along c. What is periodic is repeated to a useful size; axes with vacuum are
        drawn once.
    zone : {'100', '010', '110'}
        Direction that points at the viewer.
    word : Word, optional
        The stacking, from the lowest slab up: its gap kinds are drawn as coloured bands, and of
        long ends of a finite word three slabs.
    states : bool
        Colour every cell between two rows by its metal shift, and ring five-coordinate metals:
        for lateral walls.
    slice_A : float, optional
        Thickness along the beam of a slice through the middle [Å], for models in which atoms of
        several grains lie behind each other; all atoms by default.
    title : str
        What a screen reader says.

    Raises
    ------
    CatalogError
        For another zone, a slice of no thickness, or a crystal without atoms.

    Examples
    --------
    >>> from stackmotif.structures import build
    >>> picture_svg(build("|R+[Li]|"), word=Word.parse("|R+[Li]|")).startswith("<svg ")
    True
    """
    if len(structure) == 0:
        raise CatalogError("a crystal without atoms has no picture; expected at least one atom")
    if slice_A is not None and not 0 < slice_A < math.inf:
        raise CatalogError(f"slice is {slice_A} Å thick; expected a positive length")
    view = view_of(structure, zone=zone, width_A=_WIDTH_A, height_A=_HEIGHT_A, slice_A=slice_A)
    bands: list[Band] = []
    halos: Mapping[str, Sequence[int]] = {}
    if word is not None:
        bands = kind_bands(view, word)
        if not word.periodic and view.size_A[1] > _TALLEST_A:
            view, bands = _cropped(view, bands, window_of_interest(view, word, flank=_FLANK))
    elif states:
        bands, halos = state_bands(view), five_coordinate(structure, view)
    if len(view.roles) > MOST_COLUMNS:
        view = view.middle(math.sqrt(MOST_COLUMNS / len(view.roles)))
    return _svg(view, bands, halos, title=title or f"{structure.formula} along [{zone}], +c up")


def picture_text(motif: "Motif", *, structure: "Structure | None" = None) -> str:
    """Return the picture of a catalog entry, as its ``picture.svg`` holds it.

    Parameters
    ----------
    motif : Motif
        An entry.
    structure : pymatgen.core.Structure, optional
        Its atoms, where they have been built already.

    Raises
    ------
    CatalogError, StructureError
        If it has no atoms to show.
    """
    if structure is None:
        structure = motif.build() if motif.recipe.buildable else motif.structure()
    zone = motif.zone_axes[0] if motif.zone_axes else "100"
    grains = isinstance(motif.recipe, NanocrystalShellRecipe | ParticleRecipe)
    return picture_svg(
        structure,
        zone=zone,
        word=motif.word,
        states=isinstance(motif.recipe, WallRecipe),
        slice_A=_SLICE_A if grains else None,
        title=f"{motif.name} along [{zone}], +c up",
    )


def _cropped(view: View, bands: list[Band], window: tuple[float, float]) -> tuple[View, list[Band]]:
    low, high = window
    shown = [
        replace(band, y_A=band.y_A - low)
        for band in bands
        if band.y_A > low and band.y_A + band.height_A < high
    ]
    return view.inside(low, high), shown


def _svg(view: View, bands: list[Band], halos: Mapping[str, Sequence[int]], *, title: str) -> str:
    letters = _LETTERS_A if any(band.letter for band in bands) else 0.0
    width = max(view.size_A[0] + letters, _BAR_A) + 2 * _MARGIN_A
    height = view.size_A[1] + 2 * _MARGIN_A + _FOOT_A
    points = _units(view.positions_A, view)
    shapes = [_rectangle(band, view) for band in bands]
    shapes += [_letter(band, view) for band in bands if band.letter]
    shapes += [_dots(points[columns], _HALO_A, colour) for colour, columns in halos.items()]
    shapes += [_lines(_units(bonds(view).reshape(-1, 2), view), _BOND_A, ROLE_COLOURS["O"])]
    if bands:
        shapes += [_lines(_units(cell_sides(view).reshape(-1, 2), view), _SIDE_A, BLACK)]
    shapes += [
        _dots(points[chosen], _DIAMETER_A[role], colour)
        for chosen, role, colour in _layers(view)
        if chosen.any()
    ]
    shapes += _scale_bar(view)
    box = f"{_length(width)} {_length(height)}"
    wide, high = (_length(length, per_A=_PIXELS_PER_A) for length in (width, height))
    said = escape(title)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box}" '
            f'width="{wide}" height="{high}" role="img" aria-label="{said}">',
            f'<rect width="100%" height="100%" fill="{WHITE}"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def _layers(view: View) -> list[tuple[NDArray[np.bool_], str, str]]:
    """Return which columns are drawn together, from the back to the front."""
    metals = view.roles == "M"
    return [
        (view.roles == "A", "A", ROLE_COLOURS["A"]),
        (view.roles == "O", "O", ROLE_COLOURS["O"]),
        (metals & view.halfway, "M", _LIGHT),
        (metals & ~view.halfway, "M", ROLE_COLOURS["M"]),
    ]


def _units(positions_A: NDArray[np.float64], view: View) -> NDArray[np.int64]:
    """Return points in the units of the drawing, y down."""
    x = positions_A[:, 0] + _MARGIN_A
    y = view.size_A[1] - positions_A[:, 1] + _MARGIN_A
    return np.floor(np.column_stack([x, y]) * _UNITS_PER_A + _HALF).astype(np.int64)


def _length(length_A: float, *, per_A: float = _UNITS_PER_A) -> int:
    return math.floor(length_A * per_A + _HALF)


def _dots(points: NDArray[np.int64], diameter_A: float, colour: str) -> str:
    """Return points as one path: lines without length, whose round ends are the dots."""
    steps = np.diff(points, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    path = "".join(f"m{dx} {dy}h0" for dx, dy in steps.tolist())
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" '
        f'stroke-width="{_length(diameter_A)}" stroke-linecap="round"/>'
    )


def _lines(ends: NDArray[np.int64], width_A: float, colour: str) -> str:
    """Return lines, two ends each, as one path."""
    steps = np.diff(ends, axis=0, prepend=np.zeros((1, 2), dtype=np.int64)).tolist()
    path = "".join(f"{'l' if k % 2 else 'm'}{dx} {dy}" for k, (dx, dy) in enumerate(steps))
    width = _length(width_A)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _rectangle(band: Band, view: View) -> str:
    corner = np.array([[band.x_A, band.y_A + band.height_A]])
    (x, y) = _units(corner, view)[0]
    width, height = (_length(length) for length in (band.width_A, band.height_A))
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{band.colour}" '
        'fill-opacity=".3"/>'
    )


def _letter(band: Band, view: View) -> str:
    anchor = np.array([[float(view.size_A[0]) + 1.0, band.y_A + band.height_A / 2 - 0.9]])
    (x, y) = _units(anchor, view)[0]
    return (
        f'<text x="{x}" y="{y}" font-size="{_length(2.6)}" '
        f'font-family="sans-serif" fill="{band.colour}">{escape(band.letter)}</text>'
    )


def _scale_bar(view: View) -> list[str]:
    (x, y) = _units(np.array([[0.0, -2.6]]), view)[0]
    length = _length(_BAR_A)
    return [
        f'<path d="M{x} {y}h{length}" fill="none" stroke="{BLACK}" stroke-width="8"/>',
        f'<text x="{x + length + 12}" y="{y + 16}" font-size="44" font-family="sans-serif" '
        f'fill="{BLACK}">1 nm</text>',
    ]
