"""Seeded column sets with known stacking: the truth that readers of columns are tested against."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import WordError

_THIRDS = {"+": 1, "0": 0, "-": -1}


@dataclass(frozen=True)
class ColumnSet:
    """Column positions and the stacking that they were made from.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) in image axes [Å], false columns included, in random order.
    row, slot : ndarray of int, shape (n,)
        True row (from the top of the unrotated field) and in-row index; -1 for a false column.
    thirds : ndarray of int8, shape (n_rows - 1, n_slots)
        True shift of the cell below each column of the upper row, in thirds of the pitch:
        +1, 0, -1 for the states ``+``, ``0``, ``-`` (upper minus lower).
    inside_wall : ndarray of bool, shape (n_rows - 1, n_slots)
        Cells in which a continuous wall has not finished: their state is not defined.
    phases : ndarray, shape (n_rows, n_slots)
        Row displacement, in thirds of the pitch, walls included.
    pitch_A : float
        Column pitch [Å].
    """

    positions_A: NDArray[np.float64]
    row: NDArray[np.int64]
    slot: NDArray[np.int64]
    thirds: NDArray[np.int8]
    inside_wall: NDArray[np.bool_]
    phases: NDArray[np.float64]
    pitch_A: float

    def keep(self, chosen: NDArray[np.bool_]) -> "ColumnSet":
        """Return the set with only the ``chosen`` columns; the true cells stay as they are."""
        return replace(
            self,
            positions_A=self.positions_A[chosen],
            row=self.row[chosen],
            slot=self.slot[chosen],
        )

    def with_false(self, positions_A: NDArray[np.float64]) -> "ColumnSet":
        """Return the set with false columns added at ``positions_A`` (n, 2)."""
        none = np.full(len(positions_A), -1)
        return replace(
            self,
            positions_A=np.concatenate([self.positions_A, positions_A]),
            row=np.concatenate([self.row, none]),
            slot=np.concatenate([self.slot, none]),
        )


def wrap_thirds(thirds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wrap shifts in thirds of the pitch to (-1.5, 1.5]."""
    return thirds - 3.0 * np.ceil(thirds / 3.0 - 0.5)


def unfinished_slots(phases: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which slots stand inside a wall that has not finished.

    Their displacement is no whole number of thirds, or changes on both sides of them alike: half
    way through a jump of two thirds a slot is displaced by one third, and belongs to no stack.

    Parameters
    ----------
    phases : ndarray, shape (n_rows, n_slots)
        Displacements in thirds of the pitch.

    Returns
    -------
    ndarray of bool, shape (n_rows, n_slots)

    >>> unfinished_slots(np.array([[0.0, 0.5, 1.0, 1.5, 2.0, 2.0]])).astype(int).tolist()
    [[0, 1, 1, 1, 0, 0]]
    """
    steps = np.diff(phases, axis=1)
    inside = np.abs(phases - np.rint(phases)) > 1e-6
    inside[:, 1:-1] |= steps[:, :-1] * steps[:, 1:] > 1e-6
    return inside


def stack_phases(states: str, n_slots: int) -> NDArray[np.float64]:
    """Return the row displacements (n_gaps + 1, n_slots), in thirds, of full-width gap states.

    ``states`` is read from the top of the image down; the shift of a gap is upper minus lower.

    >>> stack_phases("+0-", 1).ravel().tolist()
    [0.0, -1.0, -1.0, 0.0]
    """
    unknown = set(states) - set(_THIRDS)
    if unknown:
        raise WordError(f"states hold {sorted(unknown)}; expected only '+', '0' and '-'")
    steps = np.array([_THIRDS[s] for s in states], dtype=np.float64)
    phases = np.concatenate([[0.0], -np.cumsum(steps)])
    wrapped = wrap_thirds(phases)
    return np.repeat(wrapped[:, None], n_slots, axis=1)


def add_lens(
    phases: NDArray[np.float64],
    *,
    gap: int,
    start: int,
    stop: int,
    states: str,
    wall_columns: int = 1,
) -> None:
    """Change the ``states`` of consecutive gaps inside [start, stop) of a field, in place.

    The inclusion must close: the changes of shift add up to a whole pitch, so that the rows below
    it are where they were. ``wall_columns`` is the length of each wall: 1 is abrupt; n spreads the
    jump linearly over n pitches outwards.

    Raises
    ------
    WordError
        If the inclusion does not close.
    """
    old = phases[gap : gap + len(states), start] - phases[gap + 1 : gap + 1 + len(states), start]
    change = np.array([_THIRDS[s] for s in states]) - old
    jumps = wrap_thirds(-np.cumsum(change))
    if abs(jumps[-1]) > 1e-9:
        raise WordError(
            f"inclusion {states!r} at gap {gap} leaves a step of {jumps[-1]:+.0f}/3 pitch below; "
            "expected the changes of shift to add up to a whole pitch"
        )
    slots = np.arange(phases.shape[1])
    rise = np.clip((slots - (start - wall_columns)) / wall_columns, 0.0, 1.0)
    fall = np.clip(((stop - 1 + wall_columns) - slots) / wall_columns, 0.0, 1.0)
    profile = np.minimum(rise, fall)
    phases[gap + 1 : gap + len(states)] += jumps[:-1, None] * profile[None, :]


def place_columns(
    phases: NDArray[np.float64],
    *,
    rng: int | np.random.Generator,
    pitch_A: float = 2.4855,
    row_spacing_A: float | Sequence[float] = 4.73,
    noise_A: float = 0.1,
    missing: float = 0.0,
    false: float = 0.0,
    rotation_deg: float = 0.0,
    shear_deg: float = 0.0,
    curvature_A: float = 0.0,
    row_jitter_A: float = 0.0,
) -> ColumnSet:
    """Place a column at every (row, slot) of a displacement field, then disturb the set.

    Parameters
    ----------
    phases : ndarray, shape (n_rows, n_slots)
        Row displacements in thirds of the pitch (`stack_phases`, `add_lens`).
    pitch_A, row_spacing_A : float
        Column pitch and row spacing [Å]; the spacing may be one value per gap.
    noise_A : float
        Standard deviation of each coordinate [Å].
    missing, false : float
        Fraction of columns left out, and of columns added at random places.
    rotation_deg, shear_deg : float
        Rotation of the field (counter-clockwise as seen) and lean of the c axis to the right [deg].
    curvature_A : float
        Amplitude of a slow sinusoidal distortion, one period over the field [Å].
    row_jitter_A : float
        Standard deviation of a rigid offset of each whole row along itself [Å].
    """
    rng = np.random.default_rng(rng)
    n_rows, n_slots = phases.shape
    spacings = np.broadcast_to(np.asarray(row_spacing_A, dtype=np.float64), n_rows - 1)
    heights = np.concatenate([[0.0], np.cumsum(spacings)])
    x: NDArray[np.float64] = pitch_A * (np.arange(n_slots)[None, :] + phases / 3.0)
    y: NDArray[np.float64] = np.repeat(heights[:, None], n_slots, axis=1)
    x = x + row_jitter_A * rng.standard_normal((n_rows, 1)) - np.tan(np.radians(shear_deg)) * y
    width, height = float(np.ptp(x)) + pitch_A, float(heights[-1]) + 1.0
    x, y = (
        x + curvature_A * np.sin(2 * np.pi * y / height),
        y + curvature_A * np.sin(2 * np.pi * x / width),
    )
    index = np.indices(phases.shape)
    keep = rng.random(phases.shape) >= missing
    true = np.stack([y[keep], x[keep]], axis=1)
    true += noise_A * rng.standard_normal(true.shape)
    n_false = round(false * true.shape[0])
    low, high = true.min(axis=0), true.max(axis=0)
    spurious = low + rng.random((n_false, 2)) * (high - low)
    positions = _rotate(np.concatenate([true, spurious]), rotation_deg)
    row = np.concatenate([index[0][keep], np.full(n_false, -1)])
    slot = np.concatenate([index[1][keep], np.full(n_false, -1)])
    order = rng.permutation(len(positions))
    exact = wrap_thirds(_cell_shift(phases))
    thirds = np.rint(exact)
    return ColumnSet(
        positions_A=positions[order],
        row=row[order],
        slot=slot[order],
        thirds=np.where(thirds == 2, -1, thirds).astype(np.int8),
        inside_wall=np.abs(exact - thirds) > 1e-6,
        phases=phases,
        pitch_A=pitch_A,
    )


def lens_field(
    *, rng: int | np.random.Generator, n_rows: int = 250, n_slots: int = 400, n_lenses: int = 60
) -> NDArray[np.float64]:
    """Return the displacements of an O3 field with closed lenses three gaps high, none touching.

    Each lens is three O1 gaps, three reversed gaps, or an O1 gap beside a reversed one, 12 to 40
    columns long, with abrupt walls.
    """
    rng = np.random.default_rng(rng)
    phases = stack_phases("+" * (n_rows - 1), n_slots)
    taken = np.zeros((n_rows - 1, n_slots), dtype=bool)
    placed = 0
    while placed < n_lenses:
        length = int(rng.integers(12, 41))
        gap = int(rng.integers(2, n_rows - 7))
        start = int(rng.integers(6, n_slots - length - 6))
        states = ("000", "---", "0-", "-0")[int(rng.integers(4))]
        around = (slice(gap - 2, gap + 5), slice(start - 6, start + length + 6))
        if taken[around].any():
            continue
        add_lens(phases, gap=gap, start=start, stop=start + length, states=states)
        taken[around] = True
        placed += 1
    return phases


def _cell_shift(phases: NDArray[np.float64]) -> NDArray[np.float64]:
    return phases[:-1] - phases[1:]


def _rotate(positions: NDArray[np.float64], angle_deg: float) -> NDArray[np.float64]:
    """Rotate (y, x) counter-clockwise as seen, y pointing down, about the centre of the set."""
    centre = positions.mean(axis=0)
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    y, x = (positions - centre).T
    return np.stack([y * c - x * s, x * c + y * s], axis=1) + centre
