"""Runs of equal gap states along c, and the motif that each of them is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
States = NDArray[np.int8]

PLUS, ZERO, MINUS, UNKNOWN, OUTSIDE = 0, 1, 2, 3, 9
"""State codes of a dense grid: indices into `stackmotif.conventions.STATES`, and no row there."""

MAX_MOTIF_GAPS = 6
"""Longest run of gaps that is called a fault or a TD; a longer one is a domain of its own."""

NO_MOTIF, TD, O1_FAULT, H13 = 0, 100, 200, 300
"""Motif codes: the family plus the number of gaps, ``TD + 2`` for ``TD(2)``."""


@dataclass(frozen=True)
class Runs:
    """Vertical runs of a state grid; ``of_cell`` gives the run of every cell (n_gaps, n_slots)."""

    state: Ints
    length: Ints
    slot: Ints
    of_cell: Ints


def motif_name(code: int) -> str:
    """Return the contract's name of a motif code.

    >>> motif_name(TD + 2), motif_name(O1_FAULT + 1), motif_name(NO_MOTIF)
    ('TD(2)', 'O1_fault(1)', '')
    """
    family, n = code // 100 * 100, code % 100
    if family == TD:
        return f"TD({n})"
    if family == O1_FAULT:
        return f"O1_fault({n})"
    return "H1-3" if family == H13 else ""


def find_runs(states: States) -> Runs:
    """Split every slot of a dense state grid (n_gaps, n_slots) into runs of equal state."""
    n_gaps, n_slots = states.shape
    line = states.T.ravel().astype(np.int64)
    starts = np.ones(len(line), dtype=bool)
    starts[1:] = line[1:] != line[:-1]
    starts[::n_gaps] = True
    number = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    return Runs(
        state=line[first],
        length=np.diff(np.append(first, len(line))),
        slot=first // n_gaps,
        of_cell=number.reshape(n_slots, n_gaps).T,
    )


def motif_grid(states: States) -> Ints:
    """Return the motif code of every cell of a dense state grid (n_gaps, n_slots).

    A TD(n) is n gaps reversed against the gaps above and below, an O1_fault(n) is n straight gaps
    between gaps of one sign, H1-3 is three or more single straight gaps with single gaps of one
    sign between them. A run that reaches the edge of the field or an unknown gap has no motif. A
    gap that ends sideways before its neighbours is taken to go on as it ends.
    """
    runs = find_runs(_extended(states))
    code = np.full(len(runs.state), NO_MOTIF)
    before, after = _neighbour(runs, runs.state, -1), _neighbour(runs, runs.state, 1)
    short = runs.length <= MAX_MOTIF_GAPS
    signed = (before == after) & ((before == PLUS) | (before == MINUS))
    fault = (runs.state == ZERO) & signed & short
    code[fault] = O1_FAULT + runs.length[fault]
    reversed_ = signed & short & (runs.state == PLUS + MINUS - before) & _is_guest(runs)
    code[reversed_] = TD + runs.length[reversed_]
    code[_alternating(runs)] = H13
    return np.where(states == OUTSIDE, NO_MOTIF, code[runs.of_cell])


def _extended(states: States) -> States:
    """Continue the first and the last state of every gap to the sides."""
    inside = states != OUTSIDE
    n = states.shape[1]
    first = np.where(inside.any(axis=1), inside.argmax(axis=1), 0)
    last = n - 1 - np.flip(inside, axis=1).argmax(axis=1)
    place = np.clip(np.arange(n)[None, :], first[:, None], np.maximum(last, first)[:, None])
    return np.take_along_axis(states, place, axis=1)


def _neighbour(runs: Runs, values: Ints, step: int) -> Ints:
    """Return the value of the run ``step`` places below (above) in the same slot, or OUTSIDE."""
    n = len(values)
    place = np.arange(n) + step
    inside = (place >= 0) & (place < n)
    place = np.clip(place, 0, n - 1)
    inside &= runs.slot[place] == runs.slot
    return np.where(inside, values[place], OUTSIDE)


def _is_guest(runs: Runs) -> NDArray[np.bool_]:
    """Return which runs interrupt their surroundings, and not the other way round.

    The majority sign is ``+`` (the gauge), so a ``-`` run is the guest unless both runs around it
    are shorter; a ``+`` run only where both are longer.
    """
    edge = 10**6
    above = np.where(_neighbour(runs, runs.state, -2) == OUTSIDE, edge, 0)
    below = np.where(_neighbour(runs, runs.state, 2) == OUTSIDE, edge, 0)
    above = above + _neighbour(runs, runs.length, -1)
    below = below + _neighbour(runs, runs.length, 1)
    shortest, longest = np.minimum(above, below), np.maximum(above, below)
    return np.where(runs.state == MINUS, longest >= runs.length, shortest > runs.length)


def _alternating(runs: Runs) -> NDArray[np.bool_]:
    """Return the runs in chains of three or more single ``0``, single gaps of one sign between."""
    single = runs.length == 1
    zero = single & (runs.state == ZERO)
    between = single & ((runs.state == PLUS) | (runs.state == MINUS))
    linked = between & (_neighbour(runs, zero.astype(np.int64), -1) == 1)
    linked &= _neighbour(runs, zero.astype(np.int64), 1) == 1
    part = zero | linked
    breaks = ~part | (runs.slot != np.roll(runs.slot, 1))
    breaks |= zero & ~np.roll(linked, 1)
    breaks |= linked & (np.roll(runs.state, 2) != runs.state) & np.roll(linked, 2)
    chain = np.cumsum(breaks)
    zeros = np.bincount(chain, zero, int(chain.max()) + 1)
    return part & (zeros[chain] >= 3)
