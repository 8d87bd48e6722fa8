"""From decoded cells to the words of the result tables."""

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns import Columns
from stackmotif.conventions import STATES
from stackmotif.matching.lattice import Cells, ColumnLattice
from stackmotif.matching.runs import H13, MINUS, NO_MOTIF, PLUS, UNKNOWN, ZERO, motif_name
from stackmotif.matching.tables import Table, new_table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SURE = 0.6
"""Posterior below which a cell's state is ``x`` and a column's label ``unresolved``."""

LIKELIER = 0.5
"""The same of a cell that may stand inside a lateral wall: a wall too long by a column misnames
no stack."""

_NONE = 4
_LABEL_OF_STATE = {PLUS: "O3", ZERO: "O1", MINUS: "O3r", UNKNOWN: "unresolved"}


def cell_states(cells: Cells) -> tuple[NDArray[np.int8], Floats]:
    """Return state codes and their posteriors; unsure cells are unknown."""
    state = cells.probability.argmax(axis=1)
    p = cells.probability[np.arange(len(state)), state]
    needed = np.maximum(LIKELIER, SURE * cells.finished)
    return np.where(p < needed, UNKNOWN, state).astype(np.int8), p


def gap_table(
    cells: Cells, midpoints_A: Floats, state: NDArray[np.int8], domain: Ints, wall: Ints
) -> Table:
    """Return ``gaps.csv``: one line per cell; the kind stays ``?`` without an oxygen image."""
    table = new_table("gaps", len(state))
    table["gap"], table["slot"] = cells.gap, cells.slot
    table["y_A"], table["x_A"] = midpoints_A.T
    table["shift"], table["sigma"] = cells.shift, cells.sigma
    table["state"] = np.array(STATES)[state]
    names = ("p_plus", "p_zero", "p_minus", "p_unknown")
    for name, column in zip(names, cells.probability.T, strict=True):
        table[name] = column
    table["kind"], table["p_kind"] = "?", np.nan
    table["domain"], table["wall"] = domain, wall
    return table


def column_table(
    columns: Columns,
    lattice: ColumnLattice | None,
    cells: Cells | None,
    *,
    pixel_size_A: float,
    state: NDArray[np.int8],
    motif: Ints,
    domain: Ints,
    unit: NDArray[np.str_],
) -> Table:
    """Return ``columns.csv``: one line per column found, those outside the rows ``other``.

    ``state``, ``motif`` and ``domain`` are per cell, ``unit`` is per member of the lattice: the
    structural unit that it is a corner of, which is smaller than any motif of gaps.
    """
    table = new_table("columns", len(columns))
    table["id"] = np.arange(len(columns))
    table["y_A"], table["x_A"] = columns.positions_A.T
    table["y_px"], table["x_px"] = columns.positions_A.T / pixel_size_A
    table["sigma_y_A"] = np.sqrt(columns.covariances_A2[:, 0, 0])
    table["sigma_x_A"] = np.sqrt(columns.covariances_A2[:, 1, 1])
    table["intensity"] = columns.intensity
    table["row"] = table["slot"] = table["domain"] = -1
    table["tilt"], table["p_tilt"], table["label"] = "?", np.nan, "other"
    if lattice is None or cells is None:
        return table
    member = lattice.member
    table["row"][member], table["slot"][member] = lattice.row, lattice.slot
    n = len(member)
    above, below = _per_column(cells.lower, state, n), _per_column(cells.upper, state, n)
    names = np.array([*STATES, ""])
    table["state_above"][member], table["state_below"][member] = names[above], names[below]
    sure = cells.probability.max(axis=1) if len(state) else np.empty(0)
    label, p = _labels(above, below, _per_column(cells.lower, sure, n, 1.0), _per_column(
        cells.upper, sure, n, 1.0
    ))  # fmt: skip
    table["label"][member], table["p_label"][member] = label, p
    code, own = _smallest_motif(cells, motif, domain, n)
    used, inverse = np.unique(code, return_inverse=True)
    names = np.array([motif_name(int(c)) for c in used], dtype="U16")[inverse]
    table["motif"][member] = np.where(unit == "", names, unit)
    table["domain"][member] = own
    return table


def _per_column(index: Ints, value: NDArray, n: int, empty: float = _NONE) -> NDArray:
    """Scatter a value per cell to the members it touches."""
    result = np.full(n, empty, dtype=np.result_type(np.asarray(value).dtype, np.int8))
    result[index] = value
    return result


def _labels(above: Ints, below: Ints, p_above: Floats, p_below: Floats) -> tuple[NDArray, Floats]:
    """Return the label of each member and its probability."""
    first = np.where(above == _NONE, below, above)
    second = np.where(below == _NONE, above, below)
    names = np.array([_LABEL_OF_STATE[s] for s in (PLUS, ZERO, MINUS, UNKNOWN)] + ["unresolved"])
    label = np.where(first == second, names[first], "boundary").astype("U10")
    label = np.where((first >= UNKNOWN) | (second >= UNKNOWN), "unresolved", label)
    p = np.where(first == _NONE, 0.0, p_above * p_below)
    label = np.where(p < SURE, "unresolved", label)
    return label, p


def _smallest_motif(cells: Cells, motif: Ints, domain: Ints, n: int) -> tuple[Ints, Ints]:
    """Return, per member, the code and domain of the smallest motif of the gaps it touches."""
    size = np.where(motif == NO_MOTIF, 99, np.where(motif >= H13, 50, motif % 100))
    code, own = np.full(n, NO_MOTIF), np.full(n, -1)
    best = np.full(n, 100)
    for index in (cells.lower, cells.upper):
        better = size < best[index]
        where = index[better]
        best[where], code[where], own[where] = size[better], motif[better], domain[better]
    return code, own
