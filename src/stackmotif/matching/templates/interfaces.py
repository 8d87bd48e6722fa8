"""Lateral walls as targets: the jump of a row as it was read, or one of its sides going on."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.orientation import to_row_frame
from stackmotif.matching.templates.candidates import Target, triple_numbers
from stackmotif.matching.templates.cells import UNKNOWN, CellSet

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Ints = NDArray[np.int64]

BESIDE: Final = 4.0
"""Columns to either side of a wall that are looked at, beyond half its width."""
_LEFT, _RIGHT = 0, 1


def wall_owners(result: "MotifMap") -> Ints:
    """Return what each cell belongs to: twice the line of its wall, plus 1 right of it; else -1.

    Cells of the gaps above and below the row that jumps count; of overlapping walls the first one.
    """
    cells, walls = result.shifts, result.walls
    owner = np.full(len(cells), -1)
    if not len(walls):
        return owner
    lattice = result.summary["lattice"]
    angle, pitch = np.radians(lattice["rotation_deg"]), lattice["pitch_A"]
    along, _ = to_row_frame(np.stack([cells["y_A"], cells["x_A"]], axis=1), angle)
    at, _ = to_row_frame(np.stack([walls["y_A"], walls["x_A"]], axis=1), angle)
    for line in range(len(walls) - 1, -1, -1):
        width = float(np.nan_to_num(walls["width_columns"][line], nan=1.0))
        away = (along - at[line]) / pitch
        beside = np.isin(cells["gap"], (walls["gap"][line] - 1, walls["gap"][line]))
        beside &= (np.abs(away) > 0.5 + width / 2) & (np.abs(away) <= 0.5 + width / 2 + BESIDE)
        owner[beside] = 2 * line + np.where(away[beside] > 0, _RIGHT, _LEFT)
    return owner


def wall_targets(result: "MotifMap", cells: CellSet, *, sign: int) -> list[Target]:
    """Return every wall whose two sides are seen: as it was read, or one side going on.

    ``cells`` are grouped by `wall_owners`.
    """
    targets = []
    for line in np.unique(cells.domain // 2):
        groups = np.flatnonzero(cells.domain // 2 == line)
        sides = cells.domain[groups] % 2
        gap = cells.gap[groups]
        lower = int(result.walls["gap"][line])
        states = _states_beside(result, int(line))
        if len(np.unique(sides)) < 2 or UNKNOWN in states:
            continue
        below = (gap == lower).astype(np.int64)
        candidates = (sides, np.full_like(sides, _LEFT), np.full_like(sides, _RIGHT))
        shown = [_neighbourhoods(cells.states[groups], states, one, below) for one in candidates]
        targets.append(_target(result, int(line), groups, shown, states, sign))
    return targets


def _states_beside(result: "MotifMap", line: int) -> Ints:
    """Return states (side, gap above or below) of a wall."""
    wall = result.walls[line]
    texts = (str(wall["left"]), str(wall["right"]))
    return np.array([[STATES.index(one) if one in STATES else UNKNOWN for one in t] for t in texts])


def _neighbourhoods(around: Ints, states: Ints, sides: Ints, below: Ints) -> Ints:
    """Return the neighbourhoods (n, 3) of groups if each shows one side of the wall."""
    found = around.copy()
    found[:, 1] = states[sides, below]
    # The other gap of the jumping row is above the lower gap and below the upper one.
    found[np.arange(len(found)), np.where(below == 1, 0, 2)] = states[sides, 1 - below]
    return found


def _target(
    result: "MotifMap",
    line: int,
    groups: Ints,
    neighbourhoods: list[Ints],
    states: Ints,
    sign: int,
) -> Target:
    wall = result.walls[line]
    name = str(wall["wall_class"]) or f"{wall['left']}|{wall['right']}"
    left, right = (tuple(int(s) for s in states[side][::-1]) for side in (_LEFT, _RIGHT))
    return Target(
        name=f"wall {int(wall['id'])}",
        groups=groups,
        triples=np.stack([triple_numbers(one, sign=sign) for one in neighbourhoods]),
        motifs=(name[:32], f"no wall, {wall['left']}", f"no wall, {wall['right']}"),
        words=(left + right, left + left, right + right),
        as_read=0,
        overlap=0.75,
    )
