"""The slow distortion of an image, measured without knowing the stacking.

Every row of an O3, O1 or P stacking lies at a multiple of d/3 from its neighbours, so the third
harmonic exp(2 pi i 3 x / d) does not see the stacking. Averaged over a neighbourhood it gives the
displacement of the lattice modulo d/3, and with it shear, curvature and drift.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.steps import add_up, fill_along, row_steps, smoothed, trust_steps

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
Ints = NDArray[np.int64]

_ROUGHNESS_COST = 2.0  # of a bend of one pitch per row and row, in units of the resultant
_WIDEST = 9  # columns averaged along a row before the third harmonic is taken, at most
_NARROWEST = 5
_SHOWS = 5.0  # standard deviations of a sum of random phases
_STRAIGHT = 0.03  # error of the pitch over the length of a row that is worth while [pitch]
_QUIET = 0.045  # noise of the average that its third harmonic bears well [pitch]
_SMOOTH = (3.0, 12.0)  # Gaussian sigma of the neighbourhood: rows, columns


@dataclass(frozen=True)
class Phases:
    """Column positions in units of the pitch with the slow distortion taken out.

    Parameters
    ----------
    phase : ndarray, shape (n,)
        Position along the row [pitch]; modulo 1/3 the same constant for an undisturbed lattice.
    pitch_A : float
        Mean column pitch [Å].
    shear : float
        Mean sideways step from a row to the next one below, modulo 1/3 [pitch per row].
    steepest : float
        Local sideways step that 95 % of the field stays below [pitch per row].
    step_spread : float
        Standard deviation of rigid sideways steps from row to row, shear removed [pitch].
    alias : ndarray, shape (n, 4)
        For the gap below each column: weight of a step a third less than measured, as measured,
        a third more, and of no third at all.
    strength : float
        Resultant of the third harmonic, 0 (no multiple of d/3) to 1.
    sigma : float
        Standard deviation of one column along the row [pitch].
    """

    phase: Floats
    pitch_A: float
    shear: float
    steepest: float
    step_spread: float
    alias: Floats
    strength: float
    sigma: float


def measure_phases(u: Floats, row: Ints, *, pitch_A: float) -> Phases:
    """Take pitch, shear, slow distortion and row offsets out of the positions along the rows.

    Parameters
    ----------
    u : ndarray, shape (n,)
        Position along the row [Å].
    row : ndarray of int, shape (n,)
        Row of each column, 0 or more.
    pitch_A : float
        First guess of the column pitch [Å], good to a few per cent.
    """
    position = (u - u.min()) / pitch_A
    bins = np.rint(position).astype(np.int64)
    shape = (int(row.max()) + 1, int(bins.max()) + 1)
    slope = _pitch_slope(position, row, bins, shape)
    slope += _blind_slope(position - slope * bins, row, bins, shape)
    position = position - slope * bins
    noise = _noise(position, row)
    window = _window(noise)
    shear = _shear(_third_harmonic(position, row, bins, shape, window))
    position = position - shear * row
    guesses = _follow_steps(position, row, bins, shape, noise)
    fits = [_fit_field(position, row, bins, field, window) for field in guesses]
    best = max(range(len(fits)), key=lambda k: fits[k][2] - _roughness(fits[k][0]))
    field, offset, strength = fits[best]
    third = _third_harmonic(position - guesses[best][row, bins], row, bins, shape, window)
    removed = shear + np.diff(field + offset[:, None], axis=0)
    trust = trust_steps(row_steps(third, noise), shear + np.diff(guesses[best], axis=0), removed)
    position = position - field[row, bins] - offset[row]
    drift = float(np.nanmean(np.diff(field, axis=0))) if shape[0] > 1 else 0.0
    stretch = float(np.nanmean(np.diff(field, axis=1))) if shape[1] > 1 else 0.0
    return Phases(
        phase=position,
        pitch_A=pitch_A * (1.0 + slope + stretch),
        shear=shear + drift,
        steepest=float(np.quantile(np.abs(trust.shear), 0.95)) if trust.shear.size else 0.0,
        step_spread=trust.spread,
        alias=trust.weight[row, bins],
        strength=strength,
        sigma=noise,
    )


def shear_of(position: Floats, row: Ints) -> float:
    """Return the sideways step per row, modulo 1/3, of positions along the rows [pitch]."""
    bins = np.rint(position - position.min()).astype(np.int64)
    shape = (int(row.max()) + 1, int(bins.max()) + 1)
    return _shear(_third_harmonic(position, row, bins, shape, _NARROWEST))


def resultant(position: Floats, row: Ints, noise: float) -> float:
    """Return the mean resultant of the third harmonics of the rows, 0 to 1."""
    bins = np.rint(position - position.min()).astype(np.int64)
    shape = (int(row.max()) + 1, int(bins.max()) + 1)
    windows = (_window(noise), _WIDEST)
    return max(
        _row_offsets(_third_harmonic(position, row, bins, shape, one), one)[1] for one in windows
    )


def _roughness(field: Floats) -> float:
    """Return how fast the sideways step changes from gap to gap at worst, as a cost."""
    if field.shape[0] < 3:
        return 0.0
    bend = np.abs(np.diff(field, n=2, axis=0))
    return _ROUGHNESS_COST * float(np.quantile(bend.max(axis=0), 0.5))


def _follow_steps(
    position: Floats, row: Ints, bins: Ints, shape: tuple[int, int], noise: float
) -> list[Floats]:
    """Return guesses of the slow displacement (n_rows, n_bins) [pitch], from none to the finest.

    Each takes up what the one before has left of the steps between rows. The less the noise, the
    more often this is worth while.
    """
    fields, window = [np.zeros(shape)], _window(noise)
    if shape[0] < 3:
        return fields
    for finest in (1.0, 1.0, 0.5, 0.5) if noise < 0.07 else (1.0, 1.0) if noise < 0.11 else (1.0,):
        third = _third_harmonic(position - fields[-1][row, bins], row, bins, shape, window)
        fields.append(fields[-1] + add_up(row_steps(third, noise, finest=finest)))
    return fields


def _fit_field(
    position: Floats, row: Ints, bins: Ints, field: Floats, window: int
) -> tuple[Floats, Floats, float]:
    """Refine a guess of the slow displacement; return it, the row offsets and the resultant."""
    for _ in range(2):
        field = field + _slow_field(position - field[row, bins], row, bins, field.shape, window)
    rest = position - field[row, bins]
    offset, strength = _row_offsets(_third_harmonic(rest, row, bins, field.shape, window), window)
    # Wide windows are clearer where rows are uniform, narrow ones where walls are near.
    wide = _third_harmonic(rest, row, bins, field.shape, _WIDEST)
    return field, offset, max(strength, _row_offsets(wide, _WIDEST)[1])


def _grid(value: Complex, row: Ints, bins: Ints, shape: tuple[int, int]) -> Complex:
    """Sum complex values per (row, bin)."""
    flat = row * shape[1] + bins
    size = shape[0] * shape[1]
    real = np.bincount(flat, value.real, size)
    imaginary = np.bincount(flat, value.imag, size)
    return (real + 1j * imaginary).reshape(shape)


def _pitch_slope(position: Floats, row: Ints, bins: Ints, shape: tuple[int, int]) -> float:
    """Return the relative error of the pitch guess, from phase steps at growing distance."""
    slope = 0.0
    for lag in (1, 2, 4, 8):
        if lag >= shape[1]:
            break
        z = _grid(np.exp(2j * np.pi * (position - slope * bins)), row, bins, shape)
        product = np.sum(z[:, lag:] * np.conj(z[:, :-lag]))
        slope += float(np.angle(product)) / (2 * np.pi * lag)
    return slope


def _blind_slope(position: Floats, row: Ints, bins: Ints, shape: tuple[int, int]) -> float:
    """Return the relative error of the pitch that is left, from third harmonics where they show.

    Walls turn the first harmonic, and in short rows they pass for another pitch; the third does
    not see them.
    """
    slope, error = 0.0, np.inf
    for lag in (1, 2, 4, 8):
        if lag >= shape[1]:
            break
        z = _grid(np.exp(6j * np.pi * (position - slope * bins)), row, bins, shape)
        products = z[:, lag:] * np.conj(z[:, :-lag])
        total = np.sum(products)
        clear = float(np.abs(total) / np.sqrt(max(np.sum(np.abs(products) ** 2), 1e-12)))
        if clear < _SHOWS:
            break
        slope += float(np.angle(total)) / (6 * np.pi * lag)
        error = 1.0 / (6 * np.pi * lag * clear)
    return slope if error * shape[1] < _STRAIGHT else 0.0


def _third_harmonic(
    position: Floats, row: Ints, bins: Ints, shape: tuple[int, int], window: int
) -> Complex:
    """Return the third harmonic of the locally averaged row phase, weighted by its certainty."""
    from scipy.ndimage import uniform_filter1d

    z = _grid(np.exp(2j * np.pi * position), row, bins, shape)
    size = min(window, shape[1])
    mean = uniform_filter1d(z.real, size, axis=1, mode="constant") + 1j * uniform_filter1d(
        z.imag, size, axis=1, mode="constant"
    )
    length = np.abs(mean)
    return length * (mean / np.maximum(length, 1e-12)) ** 3


def _shear(third: Complex) -> float:
    """Return the sideways step per row, modulo 1/3 [pitch]."""
    shear = 0.0
    rows = np.arange(len(third))
    for lag in (1, 2, 4):
        if lag >= len(third):
            break
        turned = third * np.exp(-6j * np.pi * shear * rows)[:, None]
        product = np.sum(turned[lag:] * np.conj(turned[:-lag]))
        shear += float(np.angle(product)) / (6 * np.pi * lag)
    return shear


def _slow_field(
    position: Floats, row: Ints, bins: Ints, shape: tuple[int, int], window: int
) -> Floats:
    """Return the slow displacement (n_rows, n_bins) [pitch], continuous, modulo a constant 1/3."""
    smooth = smoothed(_third_harmonic(position, row, bins, shape, window), _SMOOTH)
    weight = np.abs(smooth)
    known = weight > 0.02 * weight.max()
    turns = np.unwrap(fill_along(np.angle(smooth) / (2 * np.pi), known), axis=1, period=1.0)
    return _join_rows(turns, weight * known) / 3.0


def _join_rows(turns: Floats, weight: Floats) -> Floats:
    """Remove whole turns between consecutive rows, judged where both rows are well known."""
    common = np.sqrt(weight[1:] * weight[:-1])
    total = common.sum(axis=1)
    step = np.sum((turns[1:] - turns[:-1]) * common, axis=1) / np.maximum(total, 1e-300)
    whole = np.rint(np.where(total > 0, step, 0.0))
    return turns - np.concatenate([[0.0], np.cumsum(whole)])[:, None]


def _row_offsets(third: Complex, window: int) -> tuple[Floats, float]:
    """Return rigid row offsets [pitch], shrunk towards 0 by their noise, and the mean resultant."""
    weight = np.abs(third).sum(axis=1)
    total = third.sum(axis=1)
    used = weight > 0
    resultant = np.abs(total) / np.maximum(weight, 1e-12)
    strength = float((resultant * weight).sum() / max(float(weight.sum()), 1e-12))
    offset = np.angle(total) / (6 * np.pi)
    n_eff = np.maximum((np.abs(third) > 0).sum(axis=1) / window, 1.0)
    noise = (1 - resultant**2) / (2 * n_eff * np.maximum(resultant, 1e-3) ** 2)
    variance = np.minimum(noise, 3.0) / (6 * np.pi) ** 2
    excess = max(0.0, float(np.mean((offset**2 - variance)[used]))) if used.any() else 0.0
    shrunk = offset * excess / (excess + variance + 1e-12)
    return np.where(used, shrunk, 0.0), strength


def _window(noise: float) -> int:
    """Return the columns that are averaged along a row: no more than their noise asks for.

    The average over a wall is neither of its sides, and its third harmonic has the wrong sign.
    """
    needed = 2 * int(np.ceil(((noise / _QUIET) ** 2 - 1.0) / 2.0)) + 1
    return int(np.clip(needed, _NARROWEST, _WIDEST))


def _noise(position: Floats, row: Ints) -> float:
    """Return the standard deviation of one column [pitch], from steps between row neighbours."""
    order = np.lexsort((position, row))
    step = np.diff(position[order])[np.diff(row[order]) == 0]
    step = step[(step > 0.5) & (step < 3.5)]
    if not len(step):
        return 0.05
    return float(np.clip(1.4826 * np.median(np.abs(step - np.rint(step))) / np.sqrt(2), 0.005, 0.3))
