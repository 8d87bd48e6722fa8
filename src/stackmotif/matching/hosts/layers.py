"""From gap states to layers: in which sense every close-packed layer goes on.

In a lattice of single columns a layer's sense is the state of the gap above it. In one of
dumbbells, counted at their middle, every row leans to one side; with leans t = ±1 and the lower
atom of a row straight above the upper atom of the row below, the middles of neighbouring rows are
(t + t')/6 of the pitch apart: a third where both lean alike, nothing where they lean opposite ways.
Hence a straight gap is a change of lean: ``+`` can follow ``+`` after an even number of straight
gaps only, and ``-`` after an odd number.
"""

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.runs import MINUS, OUTSIDE, PLUS, UNKNOWN, ZERO, find_runs

States = NDArray[np.int8]


def without_odd_straight_gaps(states: States) -> States:
    """Return gap states (n_gaps, n_slots) of dumbbells with impossible straight gaps unknown."""
    runs = find_runs(states)
    n = len(runs.state)
    before = np.full(n, OUTSIDE)
    after = np.full(n, OUTSIDE)
    before[1:] = np.where(runs.slot[1:] == runs.slot[:-1], runs.state[:-1], OUTSIDE)
    after[:-1] = np.where(runs.slot[:-1] == runs.slot[1:], runs.state[1:], OUTSIDE)
    signed = np.isin(before, (PLUS, MINUS)) & np.isin(after, (PLUS, MINUS))
    odd = (runs.state == ZERO) & signed & ((before == after) != (runs.length % 2 == 0))
    return np.where(odd[runs.of_cell], UNKNOWN, states).astype(np.int8)


def row_leans(states: States) -> States:
    """Return the lean of every row (n_gaps + 1, n_slots): PLUS, MINUS, UNKNOWN or OUTSIDE.

    Parameters
    ----------
    states : ndarray of int8, shape (n_gaps, n_slots)
        Gap states of dumbbells counted at their middle.
    """
    downwards = _carried(states)
    upwards = _carried(states[::-1])[::-1]
    known = downwards == UNKNOWN
    lean = np.where(known, upwards, downwards)
    clash = (downwards != UNKNOWN) & (upwards != UNKNOWN) & (downwards != upwards)
    inside = np.zeros(lean.shape, dtype=bool)
    inside[:-1] |= states != OUTSIDE
    inside[1:] |= states != OUTSIDE
    return np.where(inside, np.where(clash, UNKNOWN, lean), OUTSIDE).astype(np.int8)


def _carried(states: States) -> States:
    """Return the lean of every row as its own gap above and the leans further above have it."""
    lean = np.full((len(states) + 1, states.shape[1]), UNKNOWN, dtype=np.int8)
    opposite = np.full(10, UNKNOWN, dtype=np.int8)
    opposite[PLUS], opposite[MINUS] = MINUS, PLUS
    for gap, state in enumerate(states):
        signed = (state == PLUS) | (state == MINUS)
        lean[gap + 1] = np.where(signed, state, np.where(state == ZERO, opposite[lean[gap]], 3))
    return lean
