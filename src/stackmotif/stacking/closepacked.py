"""Seeded close-packed layers along <110>, with truth: twins and faults of fcc and zinc blende."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import WordError
from stackmotif.stacking.columnset import ColumnSet, place_columns

PITCH_PER_A = 6**0.5 / 4.0
"""Column pitch of {111} rows along <110> per cubic constant."""

SPACING_PER_A = 3**-0.5
"""Distance of {111} rows per cubic constant."""


@dataclass(frozen=True)
class CloseLayers:
    """Layers seen along <110>.

    Parameters
    ----------
    columns : ColumnSet
        Lattice points with their truth; the middles of dumbbells.
    atoms_A : ndarray, shape (m, 2)
        (y, x) of every column of atoms [Å]: two of each dumbbell, first all upper ones.
    senses : ndarray of int
        +1 or -1, from the top: of every row of dumbbells, or of every gap of single columns.
    """

    columns: ColumnSet
    atoms_A: NDArray[np.float64]
    senses: NDArray[np.int64]


def close_layers(
    senses: str,
    n_slots: int,
    *,
    cubic_a_A: float,
    dumbbells: bool,
    rng: int | np.random.Generator,
    noise_A: float = 0.0,
    missing: float = 0.0,
    false: float = 0.0,
    rotation_deg: float = 0.0,
    shear_deg: float = 0.0,
) -> CloseLayers:
    """Place close-packed layers of the given senses, from the top of the image down.

    In single columns each gap has a sense, the sign of x(upper) - x(lower), a third of the pitch.
    Of dumbbells each row has one: the side that its upper atoms lean to, by a third of the pitch.
    The bond to the next row is upright, from an upper atom to the lower atom above it. A perfect
    crystal has one sense, an intrinsic fault one layer of the other, an extrinsic fault two, a twin
    the other sense from some layer on.

    Parameters
    ----------
    senses : str
        ``+`` and ``-``: n_rows of them for dumbbells, n_rows - 1 for single columns.
    n_slots : int
        Columns of a row.
    cubic_a_A : float
        Cubic constant [Å].
    dumbbells : bool
        Two atoms a quarter of the cubic constant apart in place of each column.
    rng : int or Generator
        Seed or generator.
    noise_A, missing, false, rotation_deg, shear_deg : float
        As for `stackmotif.stacking.columnset.place_columns`; both atoms of a dumbbell share them.

    Examples
    --------
    >>> made = close_layers("++--", 9, cubic_a_A=6.48, dumbbells=True, rng=0)
    >>> made.columns.thirds[:, 0].tolist(), len(made.atoms_A)
    ([1, 0, -1], 72)
    """
    if set(senses) - {"+", "-"} or not senses:
        raise WordError(f"senses is {senses!r}; expected '+' and '-' alone")
    sense = np.array([1 if s == "+" else -1 for s in senses])
    pitch, spacing = cubic_a_A * PITCH_PER_A, cubic_a_A * SPACING_PER_A
    thirds = _middles(sense) if dumbbells else np.append(0, -np.cumsum(sense))
    wrapped = (thirds + 1) % 3 - 1.0
    placed = place_columns(
        np.repeat(wrapped[:, None], n_slots, axis=1),
        rng=rng,
        pitch_A=pitch,
        row_spacing_A=spacing,
        noise_A=noise_A,
        missing=missing,
        false=false,
        rotation_deg=rotation_deg,
        shear_deg=shear_deg,
    )
    atoms = placed.positions_A
    if dumbbells:
        lean = np.where(placed.row >= 0, sense[placed.row], 1)
        to_upper = _upper_atom(lean, pitch, spacing, rotation_deg, shear_deg)
        atoms = np.concatenate([atoms + to_upper, atoms - to_upper])
    return CloseLayers(placed, atoms, sense)


def _middles(lean: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the middles of rows of dumbbells, from the top, in thirds of the pitch.

    Upper atoms stand at U and lower ones at L = U - lean; the lower atom of a row stands upright
    above the upper atom of the next one below. Middles are at (U + L) / 2, less one half.
    """
    upper = np.zeros(len(lean), dtype=np.int64)
    for row in range(1, len(lean)):
        upper[row] = upper[row - 1] - lean[row - 1]
    lower = upper - lean
    return (upper + lower - lean[0]) // 2


def _upper_atom(
    lean: NDArray[np.int64], pitch: float, spacing: float, rotation_deg: float, shear_deg: float
) -> NDArray[np.float64]:
    """Return the vectors (y, x) [Å] from the middles of dumbbells to their upper atoms."""
    y = np.full(len(lean), -spacing / 8.0)
    x = lean * pitch / 6.0 - np.tan(np.radians(shear_deg)) * y
    c, s = np.cos(np.radians(rotation_deg)), np.sin(np.radians(rotation_deg))
    return np.stack([y * c - x * s, x * c + y * s], axis=1)
