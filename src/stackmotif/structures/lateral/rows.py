"""Rows of a lateral model: where the columns of each slab stand, and how walls displace them.

Axes: the first coordinate along the beam (positive towards the viewer), the second to the right,
the third up along c. A shift of e = (2/3, 1/3) is a third of the pitch to the right and a/2 along
the beam; neighbouring columns of a row alternate by a/2 along the beam.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking import JUMPS
from stackmotif.stacking.walls import is_integer
from stackmotif.structures.arguments import as_number

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROLES: Final = ("M", "O", "O")
_SIDES: Final = (0, -1, 1)
"""Atoms of one MO2 unit: metal, oxygen below, oxygen above."""


@dataclass(frozen=True)
class Jump:
    """A wall in one slab: what is to its right is displaced along the row.

    Parameters
    ----------
    slab : int
        Slab that carries the wall, counted up from 0.
    column : float
        Last column in place, counted from 0 at the row's left end; a continuous wall starts there.
    thirds : int
        3 J: ±1 or ±2, positive is tensile. The displacement is J pitches along the row, and a/2
        along the beam when ``thirds`` is odd.
    width : int
        1 is an abrupt wall (A-type), between ``column`` and the next one; n >= 2 a continuous one
        (C-type), n pitches long.
    missing_columns : int
        Columns that the row has lost at this wall. Only a row that closes can miss one.

    Raises
    ------
    StructureError
        For a value out of range.
    """

    slab: int
    column: float
    thirds: int
    width: int = 1
    missing_columns: int = 0

    def __post_init__(self) -> None:
        if not is_integer(self.slab) or self.slab < 0:
            raise StructureError(f"wall in slab {self.slab!r}; expected a slab, 0 or more")
        if not is_integer(self.thirds) or self.thirds not in JUMPS:
            raise StructureError(
                f"jump of slab {self.slab} is {self.thirds!r} thirds of the pitch; "
                "expected +1, -1, +2 or -2"
            )
        if not is_integer(self.width) or self.width < 1:
            raise StructureError(
                f"wall in slab {self.slab} is {self.width!r} columns wide; expected 1 (abrupt), or "
                "2 and more (continuous)"
            )
        if not is_integer(self.missing_columns) or not 0 <= self.missing_columns <= 2:
            raise StructureError(
                f"wall in slab {self.slab} misses {self.missing_columns!r} columns; expected 0 to 2"
            )
        if not 0 <= as_number(self.column) < np.inf:
            raise StructureError(
                f"wall in slab {self.slab} stands at column {self.column!r}; expected 0 or more"
            )


@dataclass(frozen=True)
class Row:
    """The perfect row of one slab, before its walls displace it.

    Parameters
    ----------
    slab : int
        Number of the slab.
    tilt : int
        Its tilt, +1 or -1.
    phase : int
        Its place at the left end, in thirds of the pitch.
    n_columns : int
        Columns in the row.
    height_A : float
        Height of the metals [Å].
    jumps : tuple of Jump
        The slab's walls, from left to right.
    closed : bool
        Whether the row is periodic.
    """

    slab: int
    tilt: int
    phase: int
    n_columns: int
    height_A: float
    jumps: tuple[Jump, ...]
    closed: bool


@dataclass(frozen=True)
class Atoms:
    """Atoms of a lateral model, unit by unit.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 3)
        Along the beam, to the right, up [Å].
    role : ndarray of str, shape (n,)
        ``M``, ``O``, or ``A`` for a guest.
    slab, column : ndarray of int, shape (n,)
        Row and in-row number of the atom's MO2 unit; of the one below a guest.
    """

    positions_A: Floats
    role: NDArray[np.str_]
    slab: Ints
    column: Ints


@dataclass(frozen=True)
class Scale:
    """Lengths of a lateral model [Å], and the slope of its walls.

    Parameters
    ----------
    a_A, pitch_A, slab_height_A : float
        In-plane constant, column pitch, and height of a slab [Å].
    periods : int
        Periods along the beam.
    foil : bool
        Whether the model ends along the beam; otherwise it is periodic.
    slope : float
        Sideways displacement of every wall per unit of depth towards the viewer.
    """

    a_A: float
    pitch_A: float
    slab_height_A: float
    periods: int
    foil: bool
    slope: float

    @property
    def thickness_A(self) -> float:
        """Length along the beam [Å]."""
        return self.periods * self.a_A

    @property
    def beam_step_A(self) -> float:
        """Displacement along the beam of an odd jump [Å].

        Where a wall leans, one column is displaced on one side of it only. The sign moves its two
        parts away from each other.
        """
        return -self.a_A / 2 if self.slope > 0 else self.a_A / 2


def row_atoms(row: Row, scale: Scale) -> Atoms:
    """Return the atoms of one row, displaced by its walls."""
    units = _units(row, scale)
    metals = np.repeat(units[:, :1], 3, axis=1)
    moved = units.copy()
    for jump in row.jumps:
        done = _progress(jump, units, metals, row, scale)
        moved[..., 0] += done * (scale.beam_step_A if jump.thirds % 2 else 0.0)
        moved[..., 1] += done * (jump.thirds / 3 * scale.pitch_A)
    if not scale.foil:
        moved[..., 0] %= scale.thickness_A
    n = len(units)
    columns = np.repeat(np.arange(row.n_columns), scale.periods)
    return Atoms(
        positions_A=moved.reshape(-1, 3),
        role=np.tile(np.array(_ROLES), n),
        slab=np.full(3 * n, row.slab),
        column=np.repeat(columns, 3),
    )


def _units(row: Row, scale: Scale) -> Floats:
    """Return the perfect row, shape (units, 3 atoms, 3)."""
    column, period = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(row.n_columns), np.arange(scale.periods), indexing="ij")
    )
    sides = np.array(_SIDES)
    third = row.phase + 3 * column[:, None] + row.tilt * sides[None, :]
    units = np.empty((len(column), 3, 3))
    units[..., 0] = scale.a_A * (period[:, None] + third % 2 / 2)
    units[..., 1] = scale.pitch_A / 3 * third
    units[..., 2] = row.height_A + scale.slab_height_A / 2 * sides
    return units


def _progress(jump: Jump, units: Floats, metals: Floats, row: Row, scale: Scale) -> Floats:
    """Return the part of a jump that each atom has made, 0 to the left and 1 to the right.

    An abrupt wall moves whole units, so that no metal leaves its own oxygens; a continuous one is
    linear in each atom's own place.
    """
    points = metals if jump.width == 1 else units
    depth = points[..., 0] - scale.thickness_A / 2
    along = (points[..., 1] - scale.slope * depth) / scale.pitch_A - row.phase / 3
    if jump.width == 1:
        return (along > jump.column + 0.5).astype(np.float64)
    return np.clip((along - jump.column) / jump.width, 0.0, 1.0)


def joined(parts: list[Atoms]) -> Atoms:
    """Return the atoms of all rows together."""
    return Atoms(
        positions_A=np.concatenate([part.positions_A for part in parts]),
        role=np.concatenate([part.role for part in parts]),
        slab=np.concatenate([part.slab for part in parts]),
        column=np.concatenate([part.column for part in parts]),
    )
