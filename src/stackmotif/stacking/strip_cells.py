"""Strip cells: four neighbouring columns of two rows, and the structural unit that they are.

A strip cell lies between two neighbouring columns of an upper row and the two of the same index in
the row below it. It has a shift on either side, ``s = x(upper) - x(lower)``, unwrapped along the
row, and a width above and below, all in units of the column pitch and along the row direction in
which shifts are counted. Whatever the columns do, ``s_right - s_left = w_top - w_bottom``.

The names follow from geometry (rigid rows, no published coordinates): two equal shifts of a third
or of zero are bulk, one third more on one side is the wall of one gap, and that wall in a *single*
cell is an abrupt one. See ``docs/walls.md`` and ``docs/graph.md``.
"""

from dataclasses import dataclass
from itertools import product
from math import atan, degrees, hypot
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stackmotif.errors import WordError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELL_KINDS: Final = ("RECT", "PARA+", "PARA-", "ASU", "TSU", "wide-ASU", "wide-TSU", "other")
"""What a strip cell can be; ``other`` is neither bulk nor an abrupt tensile wall."""

UNITS: Final = ("ASU", "TSU", "wide-ASU", "wide-TSU")
"""The kinds that are structural units of abrupt walls."""

_BULK, _OTHER = 3, 7
_CHUNK = 8192
_WIDTHS: Final = (1, 2, 3, 4, 5)  # thirds of the pitch
_RAMP_CELLS: Final = (2, 4)  # cells per third over which a competing continuous wall is spread
_SCATTER = 3.0  # scatter of a value beyond which a cell fits nothing


@dataclass(frozen=True)
class StripCells:
    """What strip cells are, and how sure that is.

    Parameters
    ----------
    kind : ndarray of str, shape (n,)
        One of `CELL_KINDS`.
    sigma : ndarray, shape (n,)
        How many standard deviations the next best kind lies off: the square root of the difference
        of the two χ². For a unit, walls that take two cells or more for a third of the pitch
        compete. (An ASU or TSU by itself may be half of a jump of two thirds: its neighbours tell.)
        Zero where nothing can be said.
    shift_thirds : ndarray of int, shape (n, 2)
        Shifts at the left and right of the best ideal cell, unwrapped, in thirds of the pitch.
    width_thirds : ndarray of int, shape (n, 2)
        Its widths above and below, in thirds of the pitch: 3 is bulk.
    """

    kind: NDArray[np.str_]
    sigma: Floats
    shift_thirds: Ints
    width_thirds: Ints


def classify_strip_cells(
    s_left: ArrayLike,
    s_right: ArrayLike,
    w_top: ArrayLike,
    w_bottom: ArrayLike,
    *,
    sigma: ArrayLike,
    tolerance: float = 1 / 12,
) -> StripCells:
    """Name strip cells by the ideal cell that their four columns fit best.

    Parameters
    ----------
    s_left, s_right : array_like, shape (n,)
        Shifts of the two column pairs [pitch], wrapped or not.
    w_top, w_bottom : array_like, shape (n,)
        Distances of the two columns of the upper and of the lower row [pitch].
    sigma : array_like, scalar or shape (n,)
        Standard deviation of the place of one column along the row [pitch]; shifts and widths share
        columns, which is taken into account.
    tolerance : float
        Deviation of a shift or a width from the ideal cell that strain may cause [pitch]; a cell
        beyond it (or beyond three times its scatter, if that is more) is ``other``. A parameter,
        unverified.

    Returns
    -------
    StripCells
        Cells with a value that is not finite are ``other`` with a sigma of zero.

    Raises
    ------
    WordError
        If the arrays do not fit each other, or sigma or tolerance is not positive.

    Examples
    --------
    >>> cells = classify_strip_cells([0, 1 / 3], [1 / 3, 2 / 3], [4 / 3] * 2, [1, 1], sigma=0.02)
    >>> cells.kind.tolist(), cells.sigma.round(1).tolist()
    (['ASU', 'TSU'], [5.9, 5.9])
    """
    values, error = _checked(s_left, s_right, w_top, w_bottom, sigma, tolerance)
    parts = [
        _classify(values[k : k + _CHUNK], error[k : k + _CHUNK], tolerance)
        for k in range(0, max(len(values), 1), _CHUNK)
    ]
    return StripCells(
        kind=np.concatenate([part.kind for part in parts]),
        sigma=np.concatenate([part.sigma for part in parts]),
        shift_thirds=np.concatenate([part.shift_thirds for part in parts]),
        width_thirds=np.concatenate([part.width_thirds for part in parts]),
    )


def tsu_triangle(*, pitch_A: float, row_spacing_A: float) -> tuple[float, float, float]:
    """Return base [Å], legs [Å] and apex angle [deg] of an abrupt TSU's triangle.

    The base is the row interval that is a third of the pitch wider; the apex is the column of the
    other row that stands two thirds of the pitch from both its ends.

    Raises
    ------
    WordError
        If a length is not positive.

    Examples
    --------
    >>> [round(x, 3) for x in tsu_triangle(pitch_A=2.4855, row_spacing_A=4.73)]
    [3.314, 5.012, 38.612]
    """
    if not (pitch_A > 0 and row_spacing_A > 0):
        raise WordError(
            f"pitch {pitch_A} Å and row spacing {row_spacing_A} Å; expected two positive lengths"
        )
    half = 2 * pitch_A / 3
    return 2 * half, hypot(half, row_spacing_A), 2 * degrees(atan(half / row_spacing_A))


@dataclass(frozen=True)
class _Ideals:
    """Ideal cells in thirds of the pitch, and the continuous walls that compete with units."""

    kind: Ints
    shift: Ints
    width: Ints
    places: Floats
    ramp_start: Floats
    ramp_length: Floats
    ramp_way: Floats


def _kind_of(s_left: int, top: int, bottom: int) -> int:
    """Return the index in `CELL_KINDS` of an ideal cell, all in thirds of the pitch."""
    change = top - bottom
    if top == bottom == 3:
        return (0, 1, 2)[s_left % 3]
    if change == 0 or min(top, bottom) < 3:
        return _OTHER
    with_zero = 0 in (s_left % 3, (s_left + change) % 3)
    return _BULK + (not with_zero) + 2 * (abs(change) == 2)


def _places(s_left: Floats, top: Floats, bottom: Floats) -> Floats:
    """Return the places of the four columns about their mean (n, 4): top two, then bottom two."""
    x = np.stack([s_left, s_left + top, np.zeros_like(bottom), bottom], axis=-1)
    return x - x.mean(axis=-1, keepdims=True)


def _ideals() -> _Ideals:
    cells = np.array(list(product((-1, 0, 1), _WIDTHS, _WIDTHS)))
    s_left, top, bottom = cells.T
    walls = np.array(list(product((-1, 0, 1), (1, 0), (1, -1, 2, -2), _RAMP_CELLS)))
    start, whole = walls[:, 0] / 3, walls[:, 2] / 3
    step = np.sign(whole) / (3 * walls[:, 3])
    upper = walls[:, 1] == 1
    way = np.where(upper, 1.0, -1.0)
    return _Ideals(
        kind=np.array([_kind_of(*cell) for cell in cells.tolist()]),
        shift=np.stack([s_left, s_left + top - bottom], axis=1),
        width=np.stack([top, bottom], axis=1),
        places=_places(s_left / 3, top / 3, bottom / 3),
        ramp_start=_places(start, 1 + np.where(upper, step, 0), 1 + np.where(upper, 0, step)),
        ramp_length=(whole - step),
        ramp_way=way[:, None] * np.array([0.5, 0.5, -0.5, -0.5]),
    )


def _checked(*arguments: ArrayLike | float) -> tuple[Floats, Floats]:
    """Return the four values (n, 4) and the column error (n,)."""
    *given, sigma, tolerance = arguments
    try:
        columns = [np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in given]
        values = np.stack(np.broadcast_arrays(*columns), axis=-1)
        error = np.broadcast_to(np.asarray(sigma, dtype=np.float64), values.shape[:-1])
        sound = values.ndim == 2 and float(tolerance) > 0  # type: ignore[arg-type]
    except (TypeError, ValueError) as problem:
        raise WordError(f"strip cells do not fit each other: {problem}") from problem
    if not sound or bool((error <= 0).any()):
        raise WordError(
            f"strip cells have values of shape {values.shape[:-1]}, tolerance {tolerance!r} and a "
            "sigma that may be zero; expected one-dimensional arrays, and both positive [pitch]"
        )
    return values, error


def _classify(values: Floats, error: Floats, tolerance: float) -> StripCells:
    usable = np.isfinite(values).all(axis=1) & np.isfinite(error)
    s_left, s_right, top, bottom = np.where(usable[:, None], values, 0.0).T
    error = np.where(usable, error, 1.0)
    s_left = s_left - np.ceil(s_left - 0.5)
    misclosure = s_left + top - bottom - s_right
    misclosure -= np.rint(misclosure)
    quarter = misclosure / 4
    places = _places(s_left - quarter, top - quarter, bottom + quarter)
    ideals = _ideals()
    places, best, chi2 = _nearest(places, ideals, error)
    ramp = _ramp_chi2(places, ideals, error)
    own = ideals.kind[best]
    unit = (own >= _BULK) & (own < _OTHER)
    here = chi2[np.arange(len(best)), best]
    rival = np.where(ideals.kind[None, :] == own[:, None], np.inf, chi2).min(axis=1, initial=np.inf)
    rival = np.where(unit, np.minimum(rival, ramp), rival)
    bent = np.where(unit, ramp < here, (own < _BULK) & (ramp < here - _SCATTER**2))
    far = _misfit(places, ideals.places[best]) > np.maximum(
        tolerance, _SCATTER * np.sqrt(2.0) * error
    )
    far |= np.abs(misclosure) > np.maximum(tolerance, 2 * _SCATTER * error)
    kind = np.where(bent | far | ~usable, _OTHER, own)
    margin = np.sqrt(np.abs(np.where(bent, ramp, rival) - here))
    margin = np.where(far | ~usable, 0.0, margin)
    return StripCells(
        kind=np.array(CELL_KINDS)[kind],
        sigma=margin,
        shift_thirds=ideals.shift[best],
        width_thirds=ideals.width[best],
    )


def _nearest(places: Floats, ideals: _Ideals, error: Floats) -> tuple[Floats, Ints, Floats]:
    """Return the places, the best ideal cell and χ² (n, m), whole pitches of shift left free.

    A shift close to half a pitch may have been wrapped to the wrong side of it.
    """
    turn = np.array([0.5, 0.5, -0.5, -0.5])
    squares = []
    for whole in (0.0, 1.0, -1.0):
        rest = (places + whole * turn)[:, None, :] - ideals.places[None]
        squares.append(np.einsum("nmk,nmk->nm", rest, rest))
    every = np.stack(squares)
    side = every.min(axis=2).argmin(axis=0)
    chosen = every[side, np.arange(len(places))]
    moved = places + np.array([0.0, 1.0, -1.0])[side][:, None] * turn
    return moved, chosen.argmin(axis=1), chosen / error[:, None] ** 2


def _ramp_chi2(places: Floats, ideals: _Ideals, error: Floats) -> Floats:
    """Return χ² of the best continuous wall, whose place along the row is free."""
    rest = places[:, None, :] - ideals.ramp_start[None]
    along = np.einsum("nmk,mk->nm", rest, ideals.ramp_way)
    low, high = np.minimum(ideals.ramp_length, 0), np.maximum(ideals.ramp_length, 0)
    rest = rest - np.clip(along, low, high)[..., None] * ideals.ramp_way[None]
    return np.einsum("nmk,nmk->nm", rest, rest).min(axis=1) / error**2


def _misfit(places: Floats, ideal: Floats) -> Floats:
    """Return the largest deviation of a shift or width from the ideal cell [pitch]."""
    rest = places - ideal
    pairs = ((0, 2), (1, 3), (1, 0), (3, 2))
    return np.max([np.abs(rest[:, a] - rest[:, b]) for a, b in pairs], axis=0)
