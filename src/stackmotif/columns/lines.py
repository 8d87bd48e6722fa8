"""How far each scan line was displaced along x, from where its columns should be.

A line that the scan put too far right shows every column's profile shifted. Against a model drawn
at the places that the columns should have, the shift of a line is a weighted mean over all the
columns that it crosses: one Gauss–Newton step for all lines at once, repeated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.model import Columns
from stackmotif.columns.noise import Image, NoiseModel, estimate_noise
from stackmotif.columns.refinement import Patches, Shapes, jacobian_of, rendered, residual_of
from stackmotif.micrograph import Micrograph

Floats = NDArray[np.float64]

_REACH = 2.0  # widths: further out a pixel says more about the neighbour
_TAIL = 4.0
_CHUNK = 1024
_LARGEST = 1.0  # widths: a shift beyond which a Gauss–Newton step is not believed


@dataclass(frozen=True)
class LineOffsets:
    """Displacement of every scan line to the right.

    Parameters
    ----------
    offset_px : ndarray, shape (n_lines,)
        Displacement [px]; 0 where no column is crossed.
    precision : ndarray, shape (n_lines,)
        Inverse variance of it [1/px²]; 0 where no column is crossed.
    """

    offset_px: Floats
    precision: Floats


def line_offsets(
    micrograph: Micrograph,
    columns: Columns,
    expected_A: Floats,
    *,
    known: NDArray[np.bool_],
    start_px: Floats,
) -> LineOffsets:
    """Measure the displacement of each line of an image, by one step from a first guess.

    Parameters
    ----------
    micrograph : Micrograph
    columns : Columns
        All columns of the image; they say how high and wide each one is.
    expected_A : ndarray, shape (n, 2)
        Where each column would be without the displacements, (y, x) [Å].
    known : ndarray of bool, shape (n,)
        Columns whose expected place is known; the others are drawn and not measured.
    start_px : ndarray, shape (n_lines,)
        First guess [px]; displacements of half a column's width and less need no second step.
    """
    unit = float(np.std(micrograph.image, dtype=np.float64)) or 1.0
    image = micrograph.image / np.float32(unit)
    shapes = _shapes(columns, expected_A, micrograph.pixel_size_A, unit)
    noise = estimate_noise(image)
    limit = _LARGEST * shapes.width_px
    step, precision = _step(image, shapes, known, noise, start_px)
    return LineOffsets(np.clip(start_px + step, -limit, limit), precision)


def line_weights(
    columns: Columns, *, n_lines: int, pixel_size_A: float
) -> tuple[NDArray[np.int64], Floats]:
    """Return which lines each column was measured on and how much each counts, both (n, m).

    The x of a round Gaussian is measured on a line at height h with the weight exp(-h²/σ²); weights
    of a column sum to 1.
    """
    width = columns.width_A / pixel_size_A
    reach = int(np.ceil(_REACH * float(np.quantile(width, 0.99)))) + 1
    y = columns.positions_A[:, 0] / pixel_size_A
    line = np.rint(y).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    weight = np.exp(-(((line - y[:, None]) / width[:, None]) ** 2))
    weight *= (line >= 0) & (line < n_lines)
    total = weight.sum(axis=1, keepdims=True)
    return np.clip(line, 0, n_lines - 1), weight / np.maximum(total, 1e-12)


def _shapes(columns: Columns, expected_A: Floats, pixel_size_A: float, unit: float) -> Shapes:
    width = float(np.median(columns.width_A)) / pixel_size_A
    round_ = (width * pixel_size_A / columns.width_A) ** 2
    return Shapes(
        centre_px=expected_A / pixel_size_A,
        height=columns.intensity / unit,
        background=columns.background / unit,
        inverse=np.stack([round_, np.zeros_like(round_), round_], axis=1),
        width_px=width,
    )


def _step(
    image: Image, shapes: Shapes, known: NDArray[np.bool_], noise: NoiseModel, offset_px: Floats
) -> tuple[Floats, Floats]:
    """Return a Gauss–Newton step of every line [px] and its precision [1/px²]."""
    margin = _TAIL * shapes.width_px
    tails = Patches.cut(image, margin, margin_px=margin, line_px=offset_px)
    patches = Patches.cut(image, _REACH * shapes.width_px, margin_px=margin, line_px=offset_px)
    inside = np.all((shapes.centre_px > -0.5) & (shapes.centre_px < np.array(image.shape) - 0.5), 1)
    total = rendered(tails, shapes.take(inside))
    used = np.flatnonzero(known & inside)
    pull, precision = np.zeros(len(offset_px)), np.zeros(len(offset_px))
    for start in range(0, len(used), _CHUNK):
        some = shapes.take(used[start : start + _CHUNK])
        index, dy, dx = patches.pixels(some.centre_px)
        residual, weight = residual_of(patches, total, index, some.background, noise)
        slope = jacobian_of(some, slice(None), dy, dx)[:, 1]
        line = np.clip(patches.lines(index), 0, len(offset_px) - 1).ravel()
        n = len(offset_px)
        pull += np.bincount(line, (weight * slope * residual).ravel(), n)
        precision += np.bincount(line, (weight * slope * slope).ravel(), n)
    step = np.divide(pull, precision, out=np.zeros_like(pull), where=precision > 0)
    return step, precision
