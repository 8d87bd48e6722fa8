"""Connected regions of one kind on the cell grid, as a table of domains."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.runs import (
    H13,
    MINUS,
    NO_MOTIF,
    O1_FAULT,
    OUTSIDE,
    PLUS,
    TD,
    UNKNOWN,
    ZERO,
)
from stackmotif.matching.tables import Table, new_table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WORD_LIMIT = 60
_MIN_CELLS = 3
_KIND_OF_STATE = {PLUS: "O3", ZERO: "O1", MINUS: "O3r", UNKNOWN: "other"}


@dataclass(frozen=True)
class Geometry:
    """Measured cells and in-row steps that domains are averaged over.

    Parameters
    ----------
    gap, slot : ndarray of int, shape (n,)
        Place of each measured cell.
    y_A, x_A : ndarray, shape (n,)
        Its midpoint in image axes [Å].
    drop_A : ndarray, shape (n,)
        Distance of its two rows, across the rows [Å].
    step_u_A, step_v_A : ndarray, shape (n,)
        Step from its upper column to the next one in the row, along and across [Å]; NaN if missing.
    p : ndarray, shape (n,)
        Posterior of its state.
    angle_rad, pitch_A : float
        Row direction and pitch of the whole field.
    """

    gap: Ints
    slot: Ints
    y_A: Floats
    x_A: Floats
    drop_A: Floats
    step_u_A: Floats
    step_v_A: Floats
    p: Floats
    angle_rad: float
    pitch_A: float


def label_domains(states: NDArray[np.int8], motifs: Ints) -> Ints:
    """Return a number per cell, equal for connected cells of equal state and motif; else -1.

    Cells of an H1-3 belong together although their states alternate. Specks of fewer than three
    cells are no domain (-1).
    """
    from scipy.ndimage import label

    key = np.where(motifs >= H13, H13, motifs * 10 + states)
    key = np.where(states == OUTSIDE, -1, key)
    numbers = np.full(states.shape, -1)
    count = 0
    for value in np.unique(key[key >= 0]):
        found, n = label(key == value)
        large = np.bincount(found.ravel(), minlength=n + 1) >= _MIN_CELLS
        large[0] = False
        renumbered = np.where(large, np.cumsum(large) + count - 1, -1)[found]
        numbers = np.maximum(numbers, renumbered)
        count += int(large.sum())
    return numbers


def domain_table(
    numbers: Ints, states: NDArray[np.int8], motifs: Ints, geometry: Geometry
) -> Table:
    """Return one line per domain; coordinates span the measured cells inside it."""
    n = int(numbers.max(initial=-1)) + 1
    table = new_table("domains", n)
    table["id"] = np.arange(n)
    first = _first_cell(numbers, n)
    motif, state = motifs.ravel()[first], states.ravel()[first]
    table["kind"] = [_kind(m, s) for m, s in zip(motif.tolist(), state.tolist(), strict=True)]
    table["n_gaps"], table["word"] = _extent_and_word(numbers, states, n)
    own, geometry = _inside(numbers[geometry.gap, geometry.slot], geometry)
    count = np.maximum(np.bincount(own, minlength=n), 1)
    table["y_min_A"], table["y_max_A"] = _bounds(geometry.y_A, own, n)
    table["x_min_A"], table["x_max_A"] = _bounds(geometry.x_A, own, n)
    table["row_spacing_A"] = _mean(geometry.drop_A, own, n)
    table["p"] = np.bincount(own, geometry.p, n) / count
    stepped = np.isfinite(geometry.step_u_A)
    du = _mean(geometry.step_u_A[stepped], own[stepped], n)
    dv = _mean(geometry.step_v_A[stepped], own[stepped], n)
    table["pitch_A"] = np.hypot(du, dv)
    table["rotation_deg"] = np.degrees(geometry.angle_rad - np.arctan2(dv, du))
    cells = np.bincount(numbers[numbers >= 0], minlength=n)
    table["area_A2"] = cells * geometry.pitch_A * table["row_spacing_A"]
    return table


def _alternating_word(states_up: list[int]) -> str:
    """Return two states in turn, as in H1-3, as a repeated group; empty for anything else."""
    first, second = states_up[0], states_up[1]
    pairs, rest = divmod(len(states_up), 2)
    in_turn = [first, second] * pairs + [first] * rest
    if first == second or UNKNOWN in (first, second) or states_up != in_turn:
        return ""
    end = f"?{STATES[first]}" if rest else ""
    return f"(?{STATES[first]}?{STATES[second]}){pairs}{end}?."


def _inside(own: Ints, geometry: Geometry) -> tuple[Ints, Geometry]:
    """Drop the cells that belong to no domain."""
    used = own >= 0
    arrays = ("gap", "slot", "y_A", "x_A", "drop_A", "step_u_A", "step_v_A", "p")
    kept = {name: getattr(geometry, name)[used] for name in arrays}
    return own[used], replace(geometry, **kept)


def metal_word(states_up: list[int], *, limit: int = _WORD_LIMIT) -> str:
    """Write gap states, read along +c, as a metal-only word; with counts beyond ``limit`` gaps.

    >>> metal_word([0, 0, 2, 0])
    '++-+'
    """
    if len(states_up) <= limit:
        return "".join(STATES[s] for s in states_up)
    alternating = _alternating_word(states_up)
    if alternating:
        return alternating
    parts: list[str] = []
    values = np.array(states_up)
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    for start, length in zip(starts, np.diff(np.append(starts, len(values))), strict=True):
        symbol = STATES[values[start]] if values[start] != UNKNOWN else "?"
        parts.append(f"?{symbol}{length if length > 1 else ''}")
    return "".join(parts) + "?."


def _kind(motif: int, state: int) -> str:
    family = motif // 100 * 100
    if family == TD:
        return "TD"
    if family == H13:
        return "H1-3"
    if family in (O1_FAULT, NO_MOTIF):
        return _KIND_OF_STATE[state]
    return "other"


def _first_cell(numbers: Ints, n: int) -> Ints:
    """Return the flat index of one cell of every domain."""
    flat = numbers.ravel()
    first = np.zeros(n, dtype=np.int64)
    inside = np.flatnonzero(flat >= 0)[::-1]
    first[flat[inside]] = inside
    return first


def _extent_and_word(numbers: Ints, states: NDArray[np.int8], n: int) -> tuple[Ints, list[str]]:
    """Return, per domain, the gaps of its tallest slot and their states read along +c."""
    n_slots = numbers.shape[1]
    gap, slot = np.nonzero(numbers >= 0)
    key = numbers[gap, slot] * n_slots + slot
    order = np.lexsort((gap, key))
    unique, start, height = np.unique(key[order], return_index=True, return_counts=True)
    owner = unique // n_slots
    tallest = np.lexsort((-height, owner))
    chosen = tallest[np.unique(owner[tallest], return_index=True)[1]]
    words = []
    for begin, size in zip(start[chosen], height[chosen], strict=True):
        cells = order[begin : begin + size]
        words.append(metal_word(states[gap[cells], slot[cells]][::-1].tolist()))
    return height[chosen], words


def _bounds(value: Floats, own: Ints, n: int) -> tuple[Floats, Floats]:
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, own, value)
    np.maximum.at(high, own, value)
    empty = ~np.isfinite(low)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _mean(value: Floats, own: Ints, n: int) -> Floats:
    count = np.bincount(own, minlength=n)
    total = np.bincount(own, value, n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
