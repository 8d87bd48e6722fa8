"""Sideways steps from each row of columns to the next, and how far they can be trusted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]

_ODD_STEP = 0.09  # distance from a third of the pitch that is no third any more [pitch]
_SMALL_SPREAD = 0.05  # spread of the steps up to which they hardly wrap around [pitch]
SHEAR_SPREAD = 0.06
"""Standard deviation of scan shear expected of a microscope, a parameter [pitch per row]."""
_STEP_SMOOTH = (6.0, 20.0)  # Gaussian sigma of the neighbourhood: rows, columns


@dataclass(frozen=True)
class RowSteps:
    """Sideways steps from each row to the next (n_rows - 1, n_bins), as third harmonics.

    ``own`` is averaged along the row only; ``around`` over neighbouring rows too, outlying rows
    left out, so that one odd step does not bend it. ``agreement`` is the resultant of the one about
    the other: 1 where rows keep step, 0 where they are offset at random.
    """

    own: Complex
    around: Complex
    agreement: float


def row_steps(third: Complex, noise: float, *, finest: float = 1.0) -> RowSteps:
    """Measure the steps between rows; the noisier the columns, the wider the neighbourhood.

    ``finest`` scales the smallest neighbourhood that is used.
    """
    rows, columns = np.array(_STEP_SMOOTH) * float(np.clip((noise / 0.08) ** 2, finest, 4.0))
    own = smoothed(third[1:] * np.conj(third[:-1]), (0.0, columns))
    around = smoothed(own, (rows, 0.0))
    agreement = _agreement(own, around, rows)
    if agreement < 0.75:
        around = smoothed(own, (rows * min(0.5 / agreement**2, 4.0), 0.0))
        return RowSteps(own=own, around=around, agreement=agreement)
    for _ in range(2):
        apart = np.angle(own * np.conj(around))
        around = smoothed(own * np.exp(-((apart / 0.9) ** 2)), (rows, 0.0))
    return RowSteps(own=own, around=around, agreement=agreement)


def _agreement(own: Complex, around: Complex, rows: float) -> float:
    """Return the resultant of the steps about their neighbourhood, without small-sample bias."""
    size = smoothed(np.abs(own) + 0j, (rows, 0.0)).real
    used = size > 0.05 * size.max(initial=0.0)
    if not used.any():
        return 1.0
    square = float(np.mean((np.abs(around[used]) / size[used]) ** 2))
    share = 1.0 / max(2.0 * np.sqrt(np.pi) * rows, 2.0)
    return float(np.sqrt(np.clip((square - share) / (1.0 - share), 0.01, 1.0)))


def add_up(steps: RowSteps) -> Floats:
    """Return the displacement (n_rows, n_bins) [pitch] that the steps between rows add up to."""
    n_bins = steps.around.shape[1]
    if len(steps.around) < 2:
        return np.zeros((len(steps.around) + 1, n_bins))
    known = np.abs(steps.around) > 1e-3 * np.abs(steps.around).max()
    step = fill_along(np.angle(steps.around) / (6 * np.pi), known)
    return np.concatenate([np.zeros((1, n_bins)), np.cumsum(step, axis=0)])


@dataclass(frozen=True)
class StepTrust:
    """How far the decoded step below each row can be trusted.

    Parameters
    ----------
    weight : ndarray, shape (n_rows, n_bins, 4)
        Weight of a step a third less than measured, as measured, a third more, and of no third.
    spread : float
        Standard deviation of rigid steps of rows against their neighbours [pitch].
    shear : ndarray, shape (n_rows - 1, n_bins)
        Local sideways step, averaged over neighbouring rows [pitch per row].
    """

    weight: Floats
    spread: float
    shear: Floats


def trust_steps(steps: RowSteps, shear: Floats, removed: Floats) -> StepTrust:
    """Weigh the alternatives that a step modulo a third of the pitch leaves.

    Two things may hide a third: a rigid offset of a row against its neighbours, and a shear near
    a sixth of the pitch per row. Each alternative is weighed by a normal density; a step that is
    no outcome of either is no third at all.

    Parameters
    ----------
    steps : RowSteps
        Steps that are left when the displacement ``shear`` adds up to is taken out.
    shear : ndarray, shape (n_rows - 1, n_bins)
        Sideways step that was taken out [pitch per row].
    removed : ndarray, shape (n_rows - 1, n_bins)
        Sideways step that was taken out before the rows were decoded, finer displacements and row
        offsets included [pitch per row]: where it is a third away from what the neighbourhood
        says, the decoded state is a third off.
    """
    n_gaps, n_bins = steps.own.shape
    weight = np.zeros((n_gaps + 1, n_bins, 4))
    weight[..., 1] = 1.0
    local = shear + np.angle(steps.around) / (6 * np.pi)
    certain = np.abs(steps.own) > 0.05 * np.abs(steps.own).max(initial=0.0)
    if n_gaps < 2 or not certain.any():
        return StepTrust(weight, 0.0, local)
    apart = np.angle(steps.own * np.conj(steps.around)) / (6 * np.pi)
    spread = _spread(steps, apart, certain)
    decoded = apart + np.rint(3.0 * (removed - local - apart)) / 3.0
    share = _share(decoded, local, spread)
    odd = certain & (np.abs(apart) > max(_ODD_STEP, 5.0 * spread))
    weight[:-1, :, :3] = share * np.where(odd, 0.05, 1.0)[..., None]
    weight[:-1, :, 3] = np.where(odd, 0.95, 0.0)
    return StepTrust(weight, spread, np.where(certain, local, 0.0))


def _share(step: Floats, shear: Floats, spread: float) -> Floats:
    """Weigh what a rigid step and a shear together leave open, shape (..., 3)."""
    offset, sheared = _thirds(step, spread), _thirds(shear, SHEAR_SPREAD)
    parts = [offset[..., [k]] * np.roll(sheared, k - 1, axis=-1) for k in range(3)]
    return np.sum(parts, axis=0)


def _spread(steps: RowSteps, apart: Floats, certain: NDArray[np.bool_]) -> float:
    """Return the standard deviation of the steps about their neighbourhood [pitch].

    Small ones are taken from the median, which a few odd steps do not move; large ones wrap around
    and are taken from resultants, about the neighbourhood and about the whole field.
    """
    typical = 1.4826 * float(np.median(np.abs(apart[certain])))
    if typical < _SMALL_SPREAD:
        return max(typical, 1e-3)
    unit = steps.own[certain] / np.abs(steps.own[certain])
    whole = float(np.abs(unit.mean()))
    resultant = min(steps.agreement, max(whole, 0.01), 1.0 - 1e-4)
    return float(np.sqrt(-2.0 * np.log(resultant))) / (6 * np.pi)


def _thirds(value: Floats, spread: float) -> Floats:
    """Weigh ``value`` less a third, as it is, and plus a third by a normal density."""
    cost = np.stack([((value + third) / spread) ** 2 for third in (-1 / 3, 0.0, 1 / 3)], axis=-1)
    share = np.exp(-0.5 * (cost - cost.min(axis=-1, keepdims=True)))
    return share / share.sum(axis=-1, keepdims=True)


def smoothed(value: Complex, sigma: tuple[float, float]) -> Complex:
    """Return a Gaussian average; ``sigma`` is (rows, columns), zero beyond the edges."""
    from scipy.ndimage import gaussian_filter

    real = gaussian_filter(value.real, sigma, mode="constant")
    return real + 1j * gaussian_filter(value.imag, sigma, mode="constant")


def fill_along(value: Floats, known: NDArray[np.bool_]) -> Floats:
    """Replace unknown entries of each line by the last known one before, or the first after."""
    n = value.shape[1]
    last = np.maximum.accumulate(np.where(known, np.arange(n), -1), axis=1)
    first = np.where(known.any(axis=1), known.argmax(axis=1), 0)
    return np.take_along_axis(value, np.where(last < 0, first[:, None], last), axis=1)
