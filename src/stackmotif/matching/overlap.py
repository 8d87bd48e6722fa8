"""How far two readings of the same columns agree, such as those of a tile and of the whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StackmotifError
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.scoring import found_cells, mutual_nearest
from stackmotif.matching.tables import Table
from stackmotif.matching.walls.scoring import match_places

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN: Final = 9
"""Code of the state ``x`` in `found_cells`."""

_SAME_WALL_PITCHES: Final = 1.0


@dataclass(frozen=True)
class Agreement:
    """What the reading of a part says of what the reading of the whole says, away from its edges.

    Counts, so that those of many parts add up.

    Parameters
    ----------
    n_columns, n_shared : int
        Columns of the whole, and those of them that the part has too.
    n_labels : int
        Shared columns with the same label.
    n_cells : int
        Cells of the whole whose two columns are shared.
    n_states : int
        Cells of the same state.
    n_unpaired, n_unknown : int
        Cells that the part has not, and those of another state that is ``x`` in one of the two.
    n_walls, n_found : int
        Walls of the whole, and those that the part has within a column, with the same jump.
    n_resolved, n_same_kind : int
        Walls of the whole with a kind, and those of them that were found with the same kind.
    n_extra : int
        Walls of the part that the whole has not.
    mirrored : int
        1 if the part was read in the other sign; its states are turned back before they count.
    """

    n_columns: int
    n_shared: int
    n_labels: int
    n_cells: int
    n_states: int
    n_unpaired: int
    n_unknown: int
    n_walls: int
    n_found: int
    n_resolved: int
    n_same_kind: int
    n_extra: int
    mirrored: int


def compare_readings(
    whole: MotifMap,
    part: MotifMap,
    *,
    corner_A: tuple[float, float] = (0.0, 0.0),
    margin_A: float = 7.5,
    within_A: float = 0.7,
) -> Agreement:
    """Compare the reading of a part of an image with that of the whole image.

    Parameters
    ----------
    whole, part : MotifMap
        The two readings; neither may have failed.
    corner_A : tuple of float
        Where (y, x) of the whole the part has its origin [Å].
    margin_A : float
        How far inside the outermost columns of the part a column, both columns of a cell, and both
        ends of a wall must lie to count [Å]; by default three columns of a layered oxide.
    within_A : float
        Farthest distance of a column from the same one in the other reading [Å].

    Raises
    ------
    StackmotifError
        If one of the two readings has no rows.
    """
    for name, one in (("whole", whole), ("part", part)):
        if one.summary["lattice"] is None:
            raise StackmotifError(f"the reading of the {name} failed; expected two with rows")
    places, found = _places(whole.columns) - corner_A, _places(part.columns)
    low, high = found.min(axis=0) + margin_A, found.max(axis=0) - margin_A
    partner = mutual_nearest(places, found, within_A=within_A)
    inner = _inside(places, low, high)
    shared = inner & (partner >= 0)
    same_label = whole.columns["label"][shared] == part.columns["label"][partner[shared]]
    return Agreement(
        n_columns=int(inner.sum()),
        n_shared=int(shared.sum()),
        n_labels=int(same_label.sum()),
        **_compare_cells(whole, part, np.where(shared, partner, -1)),
        **_compare_walls(whole, part, np.asarray(corner_A), low, high),
    )


def _places(table: Table) -> Floats:
    return np.stack([table["y_A"], table["x_A"]], axis=1)


def _inside(places_A: Floats, low: Floats, high: Floats) -> Bools:
    return np.all((places_A > low) & (places_A < high), axis=1)


def _compare_cells(whole: MotifMap, part: MotifMap, partner: Ints) -> dict[str, int]:
    """Count cells; ``partner`` is the column of the part for each of the whole, or -1."""
    pairs, state = found_cells(whole)
    both = np.all((pairs >= 0) & (partner[pairs] >= 0), axis=1)
    n = len(part.columns)
    wanted = _numbers(partner[pairs[both]], n)
    their_pairs, their_state = found_cells(part)
    numbers = _numbers(their_pairs, n)
    order = np.argsort(numbers)
    place = order[np.clip(np.searchsorted(numbers[order], wanted), 0, len(order) - 1)]
    paired = numbers[place] == wanted
    ours, theirs = state[both][paired], their_state[place[paired]]
    back = np.where(theirs == UNKNOWN, theirs, -theirs)
    mirrored = bool((ours == back).sum() > (ours == theirs).sum())
    theirs = back if mirrored else theirs
    other = ours != theirs
    return {
        "n_cells": int(both.sum()),
        "n_states": int((~other).sum()),
        "n_unpaired": int((~paired).sum()),
        "n_unknown": int((other & ((ours == UNKNOWN) | (theirs == UNKNOWN))).sum()),
        "mirrored": int(mirrored),
    }


def _numbers(pairs: Ints, n: int) -> Ints:
    """Return one number for each unordered pair of columns."""
    return pairs.min(axis=1) * n + pairs.max(axis=1)


def _half_walls(result: MotifMap, lattice: Mapping[str, Any]) -> Floats:
    """Return the way (y, x) from the middle of every wall to its right end [Å]."""
    angle = np.radians(lattice["rotation_deg"])
    reach = 0.5 * lattice["pitch_A"] * result.walls["width_columns"]
    return reach[:, None] * np.array([-np.sin(angle), np.cos(angle)])


def _compare_walls(
    whole: MotifMap, part: MotifMap, corner_A: Floats, low: Floats, high: Floats
) -> dict[str, int]:
    """Count walls that lie inside with both their ends."""
    lattice = whole.summary["lattice"]
    places, found = _places(whole.walls) - corner_A, _places(part.walls)
    inner, their_inner = (
        _inside(at - end, low, high) & _inside(at + end, low, high)
        for at, end in (
            (places, _half_walls(whole, lattice)),
            (found, _half_walls(part, lattice)),
        )
    )
    one, two = match_places(places, found, lattice=lattice, near_pitches=_SAME_WALL_PITCHES)
    same = whole.walls["jump_thirds"][one] == part.walls["jump_thirds"][two]
    alike = same & (whole.walls["kind"][one] == part.walls["kind"][two])
    resolved = inner & (whole.walls["kind"] != "unresolved")
    return {
        "n_walls": int(inner.sum()),
        "n_found": int(inner[one[same]].sum()),
        "n_resolved": int(resolved.sum()),
        "n_same_kind": int(resolved[one[alike]].sum()),
        "n_extra": int(np.delete(their_inner, two).sum()),
    }
