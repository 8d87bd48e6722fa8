"""Templates in the blur of one image, and how every group correlates with them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.templates.averages import Averages
from stackmotif.matching.templates.places import PatchGrid
from stackmotif.matching.templates.rendering import TRIPLES, Renderer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLURS_A: Final = (0.1, 0.25, 0.4, 0.55, 0.75, 1.0)
"""Source sizes that are tried (standard deviation) [Å]; the best is found between them."""
_COMMONEST: Final = 3
"""Neighbourhoods that the blur is fitted to."""


@dataclass(frozen=True)
class Fitted:
    """Templates in the blur of an image.

    Parameters
    ----------
    grid : PatchGrid
        Points of a patch.
    thicknesses_A, blurs_A : ndarray, shape (thickness,)
        Thicknesses, and the fitted source size at each (standard deviation) [Å].
    images : ndarray of float32, shape (thickness, triple, variant, y, x)
        Templates.
    directions : ndarray, shape (n, point)
        Differences of templates.
    """

    grid: PatchGrid
    thicknesses_A: Floats
    blurs_A: Floats
    images: NDArray[np.float32]
    directions: Floats


def fit_templates(averages: Averages, triples: Ints, renderer: Renderer, grid: PatchGrid) -> Fitted:
    """Fit the blur of an image and return all templates in it.

    Parameters
    ----------
    averages : Averages
        Mean patches.
    triples : ndarray of int, shape (group,)
        What each group was read as; -1 where that is unknown.
    renderer : Renderer
        Where templates come from.
    grid : PatchGrid
        Points of a patch.
    """
    blurs = _fit_blurs(averages, triples, renderer, grid)
    cells = renderer.cells(grid, blurs)
    middle = len(blurs) // 2
    plain = _unit(cells[middle, [0, 4, 8]].reshape(3, -1, len(grid))[:, 0])
    directions = np.stack([plain[0] - plain[1], plain[1] - plain[2], plain[2] - plain[0]])
    return Fitted(grid, renderer.thicknesses_A, blurs, cells, directions)


def best_correlations(averages: Averages, fitted: Fitted) -> Floats:
    """Return correlations (group, thickness, triple), the best of variants and sideways places.

    A group knows its place along the row up to half a pitch, since which column faces which one
    depends on the stacking, and to about a pixel.
    """
    cells, grid = fitted.images, fitted.grid
    unit, mask = _unit(averages.mean), averages.mask
    cut = np.flatnonzero(~mask.all(axis=1))
    found = np.full((len(unit), *cells.shape[:2]), -1.0)
    half = grid.shape[1] // 2
    for plane, images in enumerate(cells):
        for move in (0, 1, -1, half, half + 1, half - 1):
            moved = np.roll(images, move, axis=-1).reshape(len(TRIPLES), -1, len(grid))
            patterns = _unit(moved)
            ncc = np.einsum("gp,tvp->gtv", unit, patterns, optimize=True)
            ncc[cut] = _masked(averages.mean[cut], mask[cut], patterns)
            ncc = ncc.max(axis=2)
            np.maximum(found[:, plane], ncc, out=found[:, plane])
    return found


def _fit_blurs(averages: Averages, triples: Ints, renderer: Renderer, grid: PatchGrid) -> Floats:
    """Return the source size at each thickness that suits the commonest neighbourhoods best."""
    known = triples >= 0
    weight = np.bincount(triples[known], averages.count[known], len(TRIPLES))
    tried = np.array(BLURS_A)
    total = np.zeros((len(renderer.thicknesses_A), len(tried)))
    for triple in np.argsort(-weight)[:_COMMONEST]:
        if not weight[triple] > 0:
            continue
        chosen = known & (triples == triple)
        mean = averages.count[chosen] @ averages.mean[chosen]
        images = renderer.one_cell(TRIPLES[triple], grid, tried)
        unit = _unit(images.reshape(*images.shape[:2], -1))
        total += weight[triple] * (unit @ _unit(mean[None])[0])
    return np.array([_peak(tried, row) for row in total])


def _peak(x: Floats, y: Floats) -> float:
    """Return where a parabola through the largest value and its neighbours has its top."""
    k = int(np.clip(np.argmax(y), 1, len(x) - 2))
    if not y.any():
        return float(x[len(x) // 2])
    a, b, _ = np.polyfit(x[k - 1 : k + 2], y[k - 1 : k + 2], 2)
    best = -b / (2 * a) if a < 0 else x[int(np.argmax(y))]
    return float(np.clip(best, x[0], x[-1]))


def _masked(mean: Floats, mask: NDArray[np.bool_], patterns: Floats) -> Floats:
    """Return correlations over what is seen of each mean patch, shape (group, triple, variant)."""
    seen = mask.astype(np.float64)
    count = np.maximum(seen.sum(axis=1), 1)[:, None, None]
    first, second = (
        np.einsum("gp,tvp->gtv", seen, one, optimize=True) for one in (patterns, patterns**2)
    )
    product = np.einsum("gp,tvp->gtv", mean, patterns, optimize=True)
    length = np.linalg.norm(mean, axis=1)[:, None, None]
    scale = length * np.sqrt(np.maximum(second - first**2 / count, 1e-12))
    return product / np.where(scale > 0, scale, 1.0)


def _unit(values: NDArray) -> Floats:
    """Return vectors along the last axis with mean 0 and length 1; a constant one stays 0."""
    centred = values.astype(np.float64) - values.mean(axis=-1, keepdims=True, dtype=np.float64)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return centred / np.where(length > 0, length, 1.0)
