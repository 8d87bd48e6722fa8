"""Sub-pixel refinement of all columns at once.

The model is a sum of elliptical Gaussians, each with a flat background of its own. In every pass
the sum of all columns is rendered, and each column takes a Gauss–Newton step of its seven
parameters on what its neighbours leave in its patch. All columns step together, chunk by chunk.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.noise import Image, NoiseModel
from stackmotif.columns.patches import Patches
from stackmotif.columns.small_systems import solved

Floats = NDArray[np.float64]

REACH = 3.0
"""Radius of a column's patch in units of its width."""

CROWDED_REACH = 4.0
"""How far a column's tail is drawn where it reaches into the next patch."""

SHAPE_PRIOR = 0.2
"""Prior standard deviation of the relative inverse variance: it holds faint columns in shape."""

CROWDED_SHAPE_PRIOR = 0.05
"""The same where columns touch: there a free shape trades against the neighbours' positions."""

N_PARAMETERS = 7
_CHUNK_VALUES = 60_000
_LINES = 16
DAMPING = (0.05, 0.0)
_ROOMY = 4.6
_DISTANT = 6.2
_SHARE_OF_SPACING = 0.75
_OVERLAPPING = 3.0
"""Distance, in widths, below which columns that step together overshoot together."""
_CLOSE_SHARE = 0.1
_CAUTION = 0.6
_SETTLED = 0.05
_EXPLAINED = 1.3
_CORRELATION_SAMPLE = 500
_WIDTH_SAMPLE = 500
_TYPICAL_WIDTH = 0.2  # pitches; for an image whose only columns lie on its border
MAX_STEP = 0.7
SHAPE_RANGE = (0.25, 2.5)
_PER_COLUMN = ("centre_px", "height", "background", "inverse")


@dataclass(frozen=True)
class Shapes:
    """The fitted parameters of n columns, in pixels and image units.

    Parameters
    ----------
    centre_px : ndarray, shape (n, 2)
        (y, x) [px].
    height, background : ndarray, shape (n,)
        In image units.
    inverse : ndarray, shape (n, 3)
        Inverse variance (yy, yx, xx) in units of ``1 / width_px²``; (1, 0, 1) is a round column.
    width_px : float
        Gaussian sigma that ``inverse`` refers to [px].
    """

    centre_px: Floats
    height: Floats
    background: Floats
    inverse: Floats
    width_px: float

    def __len__(self) -> int:
        return len(self.height)

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> "Shapes":
        """Return the columns selected by a boolean mask or by indices."""
        return replace(self, **{name: getattr(self, name)[kept] for name in _PER_COLUMN})

    def joined(self, other: "Shapes") -> "Shapes":
        """Return these columns and then others of the same width."""
        both = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in _PER_COLUMN
        }
        return Shapes(**both, width_px=self.width_px)

    def put(self, at: NDArray[np.int64], changed: "Shapes") -> "Shapes":
        """Return a copy with the columns at the given indices replaced."""
        copies = {name: getattr(self, name).copy() for name in _PER_COLUMN}
        for name, values in copies.items():
            values[at] = getattr(changed, name)
        return replace(self, **copies)

    def with_width(self, width_px: float) -> "Shapes":
        """Return the same columns with their shapes referred to another width [px]."""
        ratio = (width_px / self.width_px) ** 2
        return replace(self, inverse=bounded(self.inverse * ratio), width_px=width_px)

    def common_width_px(self) -> float:
        """Return the width at which the median fitted column is round [px]."""
        mean = (self.inverse[:, 0] + self.inverse[:, 2]) / 2
        return self.width_px / float(np.sqrt(np.median(mean)))

    def inside(self, shape: tuple[int, ...]) -> "Shapes":
        """Return the columns with centres held within half a pixel of an image."""
        limit = np.array(shape) - 0.5
        return replace(self, centre_px=np.clip(self.centre_px, -0.5, limit))

    def axes_px(self) -> tuple[Floats, Floats]:
        """Return the long and the short Gaussian sigma of each column [px]."""
        yy, yx, xx = self.inverse.T
        mean, root = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
        tiny = np.finfo(np.float64).tiny
        return (
            self.width_px / np.sqrt(np.maximum(mean - root, tiny)),
            self.width_px / np.sqrt(np.maximum(mean + root, tiny)),
        )


@dataclass(frozen=True)
class Fit:
    """Shapes with their Fisher matrices and how well they explain their patches.

    Parameters
    ----------
    shapes : Shapes
    fisher : ndarray, shape (n, 7, 7)
        Order (y, x, height, yy, yx, xx, background), shape prior included.
    chi2 : ndarray, shape (n,)
        Reduced chi-square of the patch.
    last_step : ndarray, shape (n,)
        Length of the last position step [px].
    correlation : float
        Variance factor of neighbouring pixels that share noise; 1 for white noise.
    """

    shapes: Shapes
    fisher: Floats
    chi2: Floats
    last_step: Floats
    correlation: float

    def take(self, kept: NDArray[np.bool_]) -> "Fit":
        """Return the columns selected by a boolean mask."""
        return replace(
            self,
            shapes=self.shapes.take(kept),
            fisher=self.fisher[kept],
            chi2=self.chi2[kept],
            last_step=self.last_step[kept],
        )


def start_shapes(
    centre_px: Floats, *, height: Floats, background: Floats, width_px: float
) -> Shapes:
    """Return round columns of one width at detected positions."""
    inverse = np.tile([1.0, 0.0, 1.0], (len(centre_px), 1))
    return Shapes(centre_px, height, background, inverse, width_px)


def common_width_px(image: Image, centre_px: Floats, *, pitch_px: float) -> float:
    """Return the Gaussian sigma [px] that explains the mean patch of the given columns best."""
    patches = Patches.cut(image, 0.42 * pitch_px, margin_px=0.42 * pitch_px)
    inside = np.all((centre_px > 0) & (centre_px < np.array(image.shape) - 1), axis=1)
    if not inside.any():
        return _TYPICAL_WIDTH * pitch_px
    step = max(1, int(inside.sum()) // _WIDTH_SAMPLE)
    index, dy, dx = patches.pixels(centre_px[inside][::step])
    value = patches.image.ravel()[index]
    value = value - value.mean(axis=1, keepdims=True)
    candidates = pitch_px * np.geomspace(0.08, 0.45, 24)
    explained, square, shape = [], dy**2 + dx**2, np.empty_like(dy)
    for sigma in candidates:
        np.exp(np.multiply(square, np.float32(-0.5 / sigma**2), out=shape), out=shape)
        shape -= shape.mean(axis=1, keepdims=True)
        explained.append(float(np.vdot(value, shape) ** 2 / np.vdot(shape, shape)))
    best = int(np.clip(np.argmax(explained), 1, len(candidates) - 2))
    before, here, after = explained[best - 1 : best + 2]
    bend = 2 * here - before - after
    shift = np.clip((after - before) / (2 * bend), -1, 1) if bend > 0 else 0.0
    return float(candidates[best] * (candidates[1] / candidates[0]) ** shift)


def refine(
    image: Image,
    shapes: Shapes,
    *,
    noise: NoiseModel,
    max_passes: int = 10,
    rough: bool = False,
    device: str = "cpu",
) -> Fit:
    """Refine every column and return the fit with its Fisher matrices.

    Columns that have settled leave the later passes. Where columns touch, patches are smaller, the
    shapes are held together more strongly and the passes go on longer.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Columns bright.
    shapes : Shapes
        Start values, within about one width of the truth.
    noise : NoiseModel
        Variance of a pixel as a function of the model's intensity.
    max_passes : int
        Upper limit of passes; more where columns overlap and steps are shorter.
    rough : bool
        Take the noise to be white and leave it at that.
    device : str
        ``cpu`` is NumPy; ``cuda`` does the same in torch, in any order of the sums.
    """
    if device != "cpu":
        from stackmotif.columns.on_device import refine_on

        return refine_on(device, image, shapes, noise=noise, max_passes=max_passes, rough=rough)
    n = len(shapes)
    plan = Plan.of(shapes)
    patches = Patches.cut(image, plan.reach_px, margin_px=plan.tail_px)
    tails = patches.wider(plan.tail_px)
    fisher = np.tile(np.eye(N_PARAMETERS), (n, 1, 1))
    chi2, step = np.zeros(n), np.full(n, np.inf)
    active = np.arange(n)
    total = rendered(tails, shapes)
    passes = round(max_passes / plan.share)
    for number in range(passes):
        before = shapes.take(active)
        fisher[active], gradient, chi2[active] = normal_equations(patches, total, before, noise)
        _add_prior(before, fisher, gradient, active, plan.shape_prior)
        damping = DAMPING[min(number, len(DAMPING) - 1)]
        change = plan.share * solved(fisher[active], gradient, damping=damping)
        after, step[active] = _moved(before, change)
        after = after.inside(image.shape)
        shapes = shapes.put(active, after)
        if rough and number + 1 == passes:
            break
        total = updated(tails, total, shapes, before, after)
        active = active[step[active] > plan.tolerance_px]
        if not len(active):
            break
        if plan.crowded:
            shapes = shapes.with_width(shapes.common_width_px())
    shared = 1.0 if rough else noise_correlation(patches, total, shapes, noise)
    return Fit(shapes, fisher, chi2, step, shared)


@dataclass(frozen=True)
class Plan:
    """Patch sizes, stopping step [px] and shape prior, from how closely the columns stand.

    ``share`` is what is taken of each step, and the inverse of how many more are taken.
    """

    reach_px: float
    tail_px: float
    tolerance_px: float
    shape_prior: float
    crowded: bool
    share: float = 1.0

    @classmethod
    def of(cls, shapes: Shapes) -> "Plan":
        """Return the plan for columns that stand as far apart as these, in the median."""
        from scipy.spatial import cKDTree

        width, spacing, share = shapes.width_px, np.inf, 1.0
        if len(shapes) > 1:
            nearest = cKDTree(shapes.centre_px).query(shapes.centre_px, k=2)[0][:, 1]
            spacing = float(np.median(nearest)) / width
            if float(np.quantile(nearest, _CLOSE_SHARE)) < _OVERLAPPING * width:
                share = _CAUTION
        if spacing > _ROOMY:
            tail = (REACH if spacing > _DISTANT else CROWDED_REACH) * width
            return cls(REACH * width, tail, 0.01 * width, SHAPE_PRIOR, False, share)
        reach = np.clip(_SHARE_OF_SPACING * spacing, 1.5, REACH) * width
        tail = CROWDED_REACH * width
        return cls(float(reach), tail, 0.003 * width, CROWDED_SHAPE_PRIOR, True, share)


def updated(patches: Patches, total: Image, shapes: Shapes, before: Shapes, after: Shapes) -> Image:
    """Return the rendered sum after some columns changed; the old one may be changed with it."""
    if 2 * len(after) > len(shapes):
        return rendered(patches, shapes)
    add_columns(patches, total, before, sign=-1.0)
    add_columns(patches, total, after)
    return total


def _chunks(n_columns: int, n_pixels: int, *, least: int = 0) -> list[slice]:
    size = max(1, max(_CHUNK_VALUES, least) // n_pixels)
    return [slice(start, start + size) for start in range(0, n_columns, size)]


def rendered(patches: Patches, shapes: Shapes) -> Image:
    """Return the sum of all columns, without backgrounds, on the padded image."""
    total = np.zeros(patches.image.shape, dtype=np.float32)
    add_columns(patches, total, shapes)
    return total


def add_columns(patches: Patches, total: Image, shapes: Shapes, *, sign: float = 1.0) -> None:
    """Add columns to a sum on the padded image, or with a negative sign take them away."""
    flat, inverse = total.reshape(-1), shapes.inverse / shapes.width_px**2
    low, high = int(patches.steps.min()), int(patches.steps.max())
    # A chunk touches whole lines of the image: on a wide one, fewer and larger chunks cost less.
    for part in _chunks(len(shapes), len(patches.offsets), least=_LINES * patches.stride):
        index, rest = patches.places(shapes.centre_px[part])
        bell = patches.powers.bells(inverse[part], rest)
        bell *= (sign * shapes.height[part, None]).astype(np.float32)
        middle = index[:, patches.middle]
        first, last = int(middle.min()) + low, int(middle.max()) + high + 1
        index -= first
        flat[first:last] += np.bincount(
            index.ravel(), weights=bell.ravel(), minlength=last - first
        ).astype(np.float32)


def normal_equations(
    patches: Patches, total: Image, shapes: Shapes, noise: NoiseModel
) -> tuple[Floats, Floats, Floats]:
    """Return Fisher matrices (n, 7, 7), gradients (n, 7) and reduced chi-squares (n,)."""
    n = len(shapes)
    fisher = np.empty((n, N_PARAMETERS, N_PARAMETERS))
    gradient = np.empty((n, N_PARAMETERS))
    chi2 = np.empty(n)
    inverse = shapes.inverse / shapes.width_px**2
    for part in _chunks(n, len(patches.offsets)):
        index, rest = patches.places(shapes.centre_px[part])
        residual, weight = residual_of(patches, total, index, shapes.background[part], noise)
        bell = patches.powers.bells(inverse[part], rest)
        slopes = patches.powers.derivatives(
            inverse[part], rest, shapes.height[part], shapes.width_px
        )
        found = patches.powers.equations(bell, weight, residual, slopes)
        fisher[part], gradient[part], squares = found
        inside = weight.shape[1] if weight.all() else np.count_nonzero(weight, axis=1)
        freedom = np.maximum(inside - N_PARAMETERS, 1)
        chi2[part] = squares / freedom
    return fisher, gradient, chi2


def residual_of(
    patches: Patches,
    total: Image,
    index: NDArray[np.int64],
    background: Floats,
    noise: NoiseModel,
) -> tuple[Image, Image]:
    """Return image minus model, and the weight of each patch pixel (0 outside the image)."""
    model = total.reshape(-1).take(index)
    model += background[:, None].astype(np.float32)
    weight: Image = np.reciprocal(noise.variance(model))
    if not patches.cover(index):
        weight *= patches.valid.reshape(-1).take(index)
    residual = patches.image.reshape(-1).take(index)
    residual -= model
    return residual, weight


def noise_correlation(patches: Patches, total: Image, shapes: Shapes, noise: NoiseModel) -> float:
    """Return the variance factor of noise that neighbouring pixels share, from the residuals.

    Correlations are summed along each axis up to the first lag below ``_SETTLED``, weighted as the
    position estimate weights them. A sample of well explained patches is enough; a column cut by
    the border would pass for correlated noise.
    """
    sample = np.zeros(len(shapes), dtype=bool)
    sample[:: max(1, len(shapes) // _CORRELATION_SAMPLE)] = True
    index, _ = patches.places(shapes.centre_px[sample])
    residual, weight = residual_of(patches, total, index, shapes.background[sample], noise)
    white = residual * np.sqrt(weight)
    level = (white**2).mean(axis=1)
    white = white[level <= _EXPLAINED * np.median(level)]
    factor = 1.0
    for axis in _lag_pairs(patches.offsets):
        products = np.array([float((white[:, a] * white[:, b]).mean()) for a, b in axis])
        rho = products[1:] / max(products[0], np.finfo(np.float32).tiny)
        lag = np.arange(1, len(products))
        taper = np.exp(-(lag**2) / (4 * shapes.width_px**2)) * np.cumprod(rho > _SETTLED)
        factor *= 1 + 2 * float((rho * taper).sum())
    return factor


def _lag_pairs(
    offsets: NDArray[np.int64], n_lags: int = 6
) -> list[list[tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """Return, per axis and lag, which patch pixels are that far apart."""
    reach = int(np.abs(offsets).max())
    table = np.full((2 * reach + n_lags, 2 * reach + n_lags), -1)
    place = offsets + reach
    table[place[:, 0], place[:, 1]] = np.arange(len(offsets))
    pairs = []
    for step in ((1, 0), (0, 1)):
        axis = []
        for lag in range(min(n_lags, 2 * reach + 1)):
            partner = table[place[:, 0] + lag * step[0], place[:, 1] + lag * step[1]]
            has = np.flatnonzero(partner >= 0)
            axis.append((has, partner[has]))
        pairs.append(axis)
    return pairs


def _add_prior(
    shapes: Shapes, fisher: Floats, gradient: Floats, active: NDArray[np.int64], prior: float
) -> None:
    """Add the shape prior to the Fisher matrices of the active columns and their gradients."""
    precision = 1.0 / prior**2
    pull = np.array([1.0, 0.0, 1.0]) - shapes.inverse
    for k in range(3):
        fisher[active, 3 + k, 3 + k] += precision
        gradient[:, 3 + k] += precision * pull[:, k]


def _moved(shapes: Shapes, step: Floats) -> tuple[Shapes, Floats]:
    """Return the columns after a step no longer than a trust radius, and its length [px]."""
    length = np.hypot(step[:, 0], step[:, 1])
    shrink = np.minimum(1.0, MAX_STEP * shapes.width_px / np.maximum(length, 1e-12))
    height = shapes.height + step[:, 2]
    moved = replace(
        shapes,
        centre_px=shapes.centre_px + step[:, :2] * shrink[:, None],
        height=np.clip(height, 0.3 * shapes.height, 3.0 * shapes.height),
        background=shapes.background + step[:, 6],
        inverse=bounded(shapes.inverse + step[:, 3:6]),
    )
    return moved, length * shrink


def bounded(inverse: Floats) -> Floats:
    """Clip both eigenvalues of each inverse-variance matrix."""
    yy, yx, xx = inverse.T
    mean, half, root = (yy + xx) / 2, (yy - xx) / 2, np.hypot((yy - xx) / 2, yx)
    high = np.clip(mean + root, *SHAPE_RANGE)
    low = np.clip(mean - root, *SHAPE_RANGE)
    ratio = np.divide((high - low) / 2, root, out=np.zeros_like(root), where=root > 0)
    middle = (high + low) / 2
    return np.stack([middle + half * ratio, yx * ratio, middle - half * ratio], axis=1)
