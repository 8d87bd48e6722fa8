"""Dense grids of gap states, in the gauge of the statistics."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.runs import MINUS, OUTSIDE, PLUS, UNKNOWN

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

States = NDArray[np.int8]

_SPECK = 3  # slots: a shorter lateral run of a state is a misreading or a wall, no domain


def dense_states(r: "MotifMap") -> States:
    """Return the states of all cells (n_gaps, n_slots), `OUTSIDE` beyond the ends of a gap."""
    states = r.field.state.copy()
    inside = r.field.measured | (states != UNKNOWN)
    n = states.shape[1]
    first = np.where(inside.any(axis=1), inside.argmax(axis=1), n)
    last = n - 1 - np.flip(inside, axis=1).argmax(axis=1)
    slot = np.arange(n)
    states[(slot < first[:, None]) | (slot > last[:, None])] = OUTSIDE
    return states


def despeck(states: States) -> States:
    """Give lateral runs of fewer than three slots the state that stands on both sides of them."""
    states = states.copy()
    n_slots = states.shape[1]
    line = states.astype(np.int64).ravel()
    starts = np.ones(len(line), dtype=bool)
    starts[1:] = line[1:] != line[:-1]
    starts[::n_slots] = True
    first = np.flatnonzero(starts)
    length = np.diff(np.append(first, len(line)))
    if len(first) < 3:
        return states
    gap = first // n_slots
    small = np.zeros(len(first), dtype=bool)
    small[1:-1] = (
        (length[1:-1] < _SPECK)
        & (line[first[:-2]] == line[first[2:]])
        & (gap[:-2] == gap[1:-1])
        & (gap[2:] == gap[1:-1])
    )
    value = line[first]
    value[small] = value[np.flatnonzero(small) - 1]
    return np.repeat(value, length).reshape(states.shape).astype(np.int8)


def majority_states(states: States) -> States:
    """Return states in the sign in which ``+`` is the majority: the gauge of the statistics."""
    if int((states == MINUS).sum()) <= int((states == PLUS).sum()):
        return states
    table = np.arange(10, dtype=np.int8)
    table[PLUS], table[MINUS] = MINUS, PLUS
    return table[states]
