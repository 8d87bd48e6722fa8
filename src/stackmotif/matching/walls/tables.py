"""Walls as result tables, and what the summary says about them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.gauge import Gauge, flip_states
from stackmotif.matching.lattice import Cells, ColumnLattice
from stackmotif.matching.tables import Table, new_table
from stackmotif.matching.walls.kinds import KINDS
from stackmotif.matching.walls.reading import WallReading
from stackmotif.matching.walls.units import NO_ROW, UNITS, wall_classes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BESIDE = 0.5  # pitches beyond a wall within which a column still belongs to it
_CORNER = 0.9  # pitches from an abrupt wall to the columns of its unit, those of wide ones included


def wall_tables(
    walls: WallReading, lattice: ColumnLattice, positions_A: Floats, *, gauge: Gauge
) -> tuple[Table, Table]:
    """Return ``walls.csv`` and ``wall_fits.csv``: one line each per row jump.

    Parameters
    ----------
    walls : WallReading
        What was found.
    lattice : ColumnLattice
        Rows of columns.
    positions_A : ndarray, shape (m, 2)
        (y, x) of its members [Å].
    gauge : Gauge
        The sign of the states. Jumps have none: positive is stretched either way.
    """
    return _plain(walls, lattice, positions_A, gauge), _fits(walls)


def _plain(walls: WallReading, lattice: ColumnLattice, positions_A: Floats, gauge: Gauge) -> Table:
    table = new_table("walls", len(walls))
    table["id"] = np.arange(len(walls))
    table["row"] = table["gap"] = walls.found.row
    table["y_A"], table["x_A"] = _places(walls, lattice, positions_A).T
    table["left"] = _letters(walls.strips.left, gauge)
    table["right"] = _letters(walls.strips.right, gauge)
    table["jump_thirds"] = walls.jump_thirds
    table["kind"] = np.array(KINDS)[walls.kinds.kind]
    table["width_columns"], table["width_sigma"] = walls.kinds.width, walls.kinds.sigma
    last = walls.strips.left[:, 1] == NO_ROW
    unit, classes = np.array(UNITS)[walls.unit], wall_classes(walls.strips)
    table["unit"] = np.where(last, unit[:, 0], unit[:, 1])
    table["wall_class"] = np.where(last, classes[:, 0], classes[:, 1])
    table["n_pooled"] = walls.kinds.n_pooled
    return table


def _fits(walls: WallReading) -> Table:
    table = new_table("wall_fits", len(walls))
    table["id"] = np.arange(len(walls))
    table["p"], table["p_jump"] = walls.found.p, walls.p_jump
    for name, share in zip(("p_abrupt", "p_narrow", "p_continuous"), walls.kinds.p.T, strict=True):
        table[name] = share
    table["separation"] = walls.kinds.separation
    unit, classes = np.array(UNITS)[walls.unit], wall_classes(walls.strips)
    table["unit_above"], table["unit_below"] = unit.T
    table["class_above"], table["class_below"] = classes.T
    table["partner_below"] = walls.strips.partner[:, 1]
    table["pool"], table["inclusion"] = walls.kinds.pool, walls.closure.inclusion
    table["row_sum_thirds"] = walls.closure.row_sum_thirds
    table["partial"], table["blurred"] = walls.closure.partial, walls.blurred
    ends = np.where(walls.closure.partial >= 0, "partial", "open")
    table["end"] = np.where(walls.closure.open_row, ends, "closed")
    return table


def _letters(states: Ints, gauge: Gauge) -> NDArray[np.str_]:
    """Return the states above and below as two letters; where there is no row it is unknown."""
    signs = flip_states(states.astype(np.int8), gauge)
    letters = np.array([*STATES, *"xxxxxx"])[signs]
    return np.char.add(letters[:, 0], letters[:, 1])


def _places(walls: WallReading, lattice: ColumnLattice, positions_A: Floats) -> Floats:
    """Return (y, x) of the middle of every wall [Å], between the columns beside it."""
    phase, found = lattice.phases.phase, walls.found
    low, high = phase[found.left], phase[found.right]
    share = ((walls.centre - low) / np.maximum(high - low, 1e-9))[:, None]
    return positions_A[found.left] * (1.0 - share) + positions_A[found.right] * share


def walls_of_members(walls: WallReading, lattice: ColumnLattice) -> Ints:
    """Return the wall that each member of the lattice stands in, -1 for none."""
    half = 0.5 * walls.kinds.width + _BESIDE
    return _members_near(walls, lattice, half, np.arange(len(walls)))


def walls_of_cells(member_wall: Ints, cells: Cells) -> Ints:
    """Return the wall that each cell stands in: that of its upper column, else of its lower one."""
    upper, lower = member_wall[cells.upper], member_wall[cells.lower]
    return np.where(upper >= 0, upper, lower)


def units_of_members(walls: WallReading, lattice: ColumnLattice, cells: Cells) -> NDArray[np.str_]:
    """Return the structural unit that each member is a corner of, empty for none."""
    result = np.zeros(len(lattice.row), dtype=np.int64)
    for side, own, other in ((1, cells.upper, cells.lower), (0, cells.lower, cells.upper)):
        reach = np.where(walls.unit[:, side] > 0, _CORNER, -1.0)
        mark = _members_near(walls, lattice, reach, walls.unit[:, side], none=0)
        result = np.where(mark > 0, mark, result)
        cell = mark[own] > 0
        result[other[cell]] = mark[own[cell]]
    return np.where(result > 0, np.array(UNITS)[result], "")


def _members_near(
    walls: WallReading, lattice: ColumnLattice, half: Floats, value: Ints, *, none: int = -1
) -> Ints:
    """Give the members within ``half`` pitches of a wall, in its row, the value of the wall."""
    phase = lattice.phases.phase
    result = np.full(len(phase), none)
    if not len(walls):
        return result
    order = np.lexsort((phase, lattice.row))
    far = float(np.ptp(phase)) + 100.0
    key = (lattice.row * far + phase - phase.min())[order]
    base = walls.found.row * far + walls.centre - phase.min()
    first, stop = np.searchsorted(key, base - half), np.searchsorted(key, base + half)
    count = np.maximum(stop - first, 0)
    index = (
        np.repeat(first, count)
        + np.arange(count.sum())
        - np.repeat(np.cumsum(count) - count, count)
    )
    result[order[index]] = np.repeat(value, count)
    return result


def count_walls(walls: Table, fits: Table) -> dict[str, int]:
    """Return how many abrupt and continuous walls and structural units there are.

    A unit that two walls share, one in each of its rows, counts once.
    """
    counts = {f"{kind}_wall": int((walls["kind"] == kind).sum()) for kind in KINDS[:2]}
    units: Counter[str] = Counter()
    for name in UNITS[1:]:
        units[name] = int((fits["unit_below"] == name).sum() + (fits["unit_above"] == name).sum())
        units[name] -= _shared(fits, name)
    return {name: n for name, n in (counts | units).items() if n}


def _shared(fits: Table, name: str) -> int:
    """Return how many units of a name stand between two walls of neighbouring rows."""
    other = fits["partner_below"]
    both = (other >= 0) & (fits["unit_below"] == name) & (fits["unit_above"][other] == name)
    return int(both.sum())


@dataclass(frozen=True)
class WallStory:
    """What the summary tells about walls, as plain values."""

    walls: Table
    fits: Table

    def describe(self) -> dict[str, Any]:
        """Return counts, closed inclusions, partials and rows that lack columns."""
        walls, fits = self.walls, self.fits
        kinds = Counter(walls["kind"].tolist())
        return {
            "n": len(walls),
            "kinds": {kind: kinds.get(kind, 0) for kind in KINDS},
            "n_open": int((fits["end"] == "open").sum()),
            "inclusions": self._inclusions(),
            "partials": self._partials(),
            "needs": self._needs(),
        }

    def _inclusions(self) -> list[dict[str, Any]]:
        found = []
        for number in np.unique(self.fits["inclusion"][self.fits["inclusion"] >= 0]):
            chosen = self.fits["inclusion"] == number
            walls = self.walls[chosen]
            rows = np.unique(walls["row"])
            sums = {
                int(r): int(self.fits["row_sum_thirds"][chosen][walls["row"] == r][0]) for r in rows
            }
            found.append(
                {
                    "id": int(number),
                    "rows": [int(rows[0]), int(rows[-1])],
                    "x_A": [
                        round(float(walls["x_A"].min()), 2),
                        round(float(walls["x_A"].max()), 2),
                    ],
                    "y_A": [
                        round(float(walls["y_A"].min()), 2),
                        round(float(walls["y_A"].max()), 2),
                    ],
                    "walls": walls["id"].tolist(),
                    "missing_columns": {str(r): s // 3 for r, s in sums.items() if s},
                    "burgers_pitch": sum(sums.values()) / 3.0,
                }
            )
        return found

    def _partials(self) -> list[dict[str, Any]]:
        found = []
        for number in np.unique(self.fits["partial"][self.fits["partial"] >= 0]):
            walls = self.walls[self.fits["partial"] == number]
            rows = np.sort(walls["row"])
            found.append(
                {
                    "id": int(number),
                    "rows": [int(rows[0]), int(rows[-1])],
                    "x_A": round(float(np.median(walls["x_A"])), 2),
                    "burgers_thirds_modulo_3": int(walls["jump_thirds"][0]) % 3,
                    "walls": walls["id"].tolist(),
                }
            )
        return found

    def _needs(self) -> str | None:
        """Say what would resolve the walls that are not."""
        loose = int((self.walls["kind"] == "unresolved").sum())
        if not loose:
            return None
        return (
            f"{loose} of {len(self.walls)} walls are between abrupt and continuous (less than 3 "
            "standard deviations apart, two or three columns wide, or blurred): a higher dose, or "
            "several rows that share the wall, would decide"
        )
