"""How far each scan line was displaced along x, from where its columns should be.

A line that the scan put too far right shows every column's profile shifted. Against a model drawn
at the places that the columns should have, the shift of a line is a weighted mean over all the
columns that it crosses: one Gauss–Newton step for all lines at once, repeated.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.model import Columns
from stackmotif.columns.noise import Image, NoiseModel, estimate_noise
from stackmotif.columns.patches import Patches
from stackmotif.columns.refinement import Shapes, noise_correlation, rendered, residual_of
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
        First guess [px]; what is left of half a column's width and less needs no second step.
    """
    unit = float(np.std(micrograph.image, dtype=np.float64)) or 1.0
    image = micrograph.image / np.float32(unit)
    shapes = _shapes(columns, expected_A, micrograph.pixel_size_A, unit)
    noise = estimate_noise(image)
    step, precision = _step(image, shapes, known, noise, start_px)
    limit = _LARGEST * shapes.width_px
    return LineOffsets(start_px + np.clip(step, -limit, limit), precision)


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


def _mean_offset(offset_px: Floats, shapes: Shapes) -> Floats:
    """Return the displacement of the lines that each column was measured on, (n,) [px]."""
    from scipy.ndimage import gaussian_filter1d

    # The weight exp(-h²/σ²) of a line is a Gaussian of σ/√2.
    smooth = gaussian_filter1d(offset_px, shapes.width_px / np.sqrt(2), mode="nearest")
    return np.interp(shapes.centre_px[:, 0], np.arange(len(smooth)), smooth)


def _step(
    image: Image, shapes: Shapes, known: NDArray[np.bool_], noise: NoiseModel, offset_px: Floats
) -> tuple[Floats, Floats]:
    """Return a Gauss–Newton step of every line [px] and its precision [1/px²]."""
    # A column is looked for where its lines have gone: their mean is added to its place, and a
    # line's own displacement counts from there.
    mean = _mean_offset(offset_px, shapes)
    centre = shapes.centre_px + np.stack([np.zeros_like(mean), mean], axis=1)
    shapes = replace(shapes, centre_px=centre)
    margin = _TAIL * shapes.width_px
    tails = Patches.cut(image, margin, margin_px=margin)
    patches = Patches.cut(image, _REACH * shapes.width_px, margin_px=margin)
    inside = np.all((centre > -0.5) & (centre < np.array(image.shape) - 0.5), axis=1)
    total = rendered(tails, shapes.take(inside))
    used = np.flatnonzero(known & inside)
    pull, precision = np.zeros(len(offset_px)), np.zeros(len(offset_px))
    correlation = noise_correlation(patches, total, shapes.take(used), noise)
    for start in range(0, len(used), _CHUNK):
        part = used[start : start + _CHUNK]
        some = shapes.take(part)
        index, slope = _slopes(patches, some)
        line = np.clip(patches.lines(index), 0, len(offset_px) - 1)
        own = (offset_px[line] - mean[part, None]).astype(np.float32)
        residual, weight = residual_of(patches, total, index, some.background, noise)
        # To first order the drawn column moves along with its line.
        residual = residual - slope * own
        n = len(offset_px)
        pull += np.bincount(line.ravel(), (weight * slope * residual).ravel(), n)
        precision += np.bincount(line.ravel(), (weight * slope * slope).ravel(), n)
    precision = precision / correlation
    pull = pull / correlation
    step = np.divide(pull, precision, out=np.zeros_like(pull), where=precision > 0)
    return step, precision


def _slopes(patches: Patches, shapes: Shapes) -> tuple[NDArray[np.int64], Image]:
    """Return flat indices and the derivative by x of every column's pixels, (n, m)."""
    index, rest = patches.places(shapes.centre_px)
    inverse = shapes.inverse / shapes.width_px**2
    away = (patches.offsets + rest[:, None]).astype(np.float32)
    height, _, yx, xx = np.column_stack([shapes.height, inverse]).astype(np.float32).T[:, :, None]
    pull_x = yx * away[..., 0] + xx * away[..., 1]
    return index, height * patches.powers.bells(inverse, rest) * pull_x
