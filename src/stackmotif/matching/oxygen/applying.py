"""A result with what an oxygen image adds to it: tables, domains and summary."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.labels import SURE
from stackmotif.matching.lattice import Cells, ColumnLattice
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.oxygen.kinds import KINDS, kind_probability
from stackmotif.matching.oxygen.motifs import (
    answer,
    domain_stack,
    kind_of_domain,
    word_of,
)
from stackmotif.matching.oxygen.reading import Tilts, read_tilts
from stackmotif.matching.oxygen.telling import describe, still_degenerate
from stackmotif.matching.oxygen.view import make_view
from stackmotif.micrograph import Micrograph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FILLED = ("columns.tilt", "gaps.kind")
"""What `summary["not_yet"]` no longer holds once an oxygen image was read."""


@dataclass(frozen=True)
class Grid:
    """Where the stacking of a result was read.

    Parameters
    ----------
    lattice : ColumnLattice
        Rows and slots.
    cells : Cells
        Measured cells, in the gauge of the result.
    flipped : bool
        Whether that gauge is the reverse of how the image lies.
    states : ndarray of int8, shape (gap, slot)
        State of every cell of the grid.
    motifs, domains : ndarray of int, shape (gap, slot)
        Motif code and domain of every cell of the grid.
    """

    lattice: ColumnLattice
    cells: Cells
    flipped: bool
    states: NDArray[np.int8]
    motifs: Ints
    domains: Ints


def with_oxygen(
    result: MotifMap, oxygen: Micrograph, grid: Grid, places_A: Floats, *, displaced: bool
) -> MotifMap:
    """Return a result with the tilts, kinds and words that an oxygen image tells.

    Parameters
    ----------
    result : MotifMap
        What the metal columns tell.
    oxygen : Micrograph
        An image of the same field.
    grid : Grid
        Where it was read.
    places_A : ndarray, shape (n, 2)
        All columns as recorded, (y, x) [Å].
    displaced : bool
        Whether the oxygen image may be offset; False if it is the same image.
    """
    places_A = places_A[grid.lattice.member]
    tilts = read_tilts(oxygen, places_A, grid.lattice, displaced=displaced)
    p = tilts.probability[:, [1, 0]] if grid.flipped else tilts.probability[:, :2]
    columns, letters = _columns(result, grid.lattice, p, told=not tilts.reason)
    gaps = _gaps(result, grid.cells, p, told=not tilts.reason)
    domains = result.domains
    motifs: list[Any] = []
    if not tilts.reason:
        domains, motifs = _domains(result, gaps, grid, p)
    return replace(
        result,
        columns=columns,
        shifts=gaps,
        domains=domains,
        oxygen=make_view(oxygen, places_A, grid.lattice, tilts, letters),
        summary=_summary(result, oxygen, tilts, columns, gaps, domains, motifs, displaced),
    )


def _columns(
    result: MotifMap, lattice: ColumnLattice, p: Floats, *, told: bool
) -> tuple[Any, NDArray[np.str_]]:
    """Return the table of columns with tilts, and the tilts of the members."""
    best, sure = p.argmax(axis=1), p.max(axis=1)
    letters = np.where(sure >= SURE, np.array(["R", "L"])[best], "?")
    table = result.columns.copy()
    if told:
        table["tilt"][lattice.member] = letters
        table["p_tilt"][lattice.member] = np.where(p.sum(axis=1) > 0, sure, np.nan)
    return table, letters


def _gaps(result: MotifMap, cells: Cells, p: Floats, *, told: bool) -> Any:
    """Return the table of gaps with kinds."""
    table = result.shifts.copy()
    if told and len(table):
        kind = kind_probability(p[cells.lower], p[cells.upper], cells.probability)
        best, sure = kind.argmax(axis=1), kind.max(axis=1)
        table["kind"] = np.where(sure >= SURE, np.array(KINDS)[best], "?")
        table["p_kind"] = np.where(kind.sum(axis=1) > 0, sure, np.nan)
    return table


def _domains(result: MotifMap, gaps: Any, grid: Grid, p: Floats) -> tuple[Any, list[Any]]:
    """Return the table of domains with words and kinds, and what each motif is."""
    table, told = result.domains.copy(), []
    tilts = np.full((*grid.lattice.grid.shape, 2), np.nan)
    tilts[grid.lattice.row, grid.lattice.slot] = p
    for line in table:
        number = int(line["id"])
        stack = domain_stack(number, grid.domains, grid.states, tilts)
        own = gaps["domain"] == number
        line["word"] = word_of(stack) or line["word"]
        line["kind"] = kind_of_domain(gaps["kind"][own].tolist(), str(line["kind"]))
        found = answer(stack, int(grid.motifs[grid.domains == number][0]))
        if found is not None:
            place = {"y_A": _middle(line, "y"), "x_A": _middle(line, "x")}
            told.append({"domain": number, **place, **found})
    return table, told


def _middle(line: Any, axis: str) -> float | None:
    value = 0.5 * float(line[f"{axis}_min_A"] + line[f"{axis}_max_A"])
    return round(value, 3) if np.isfinite(value) else None


def _summary(
    result: MotifMap,
    oxygen: Micrograph,
    tilts: Tilts,
    columns: Any,
    gaps: Any,
    domains: Any,
    motifs: list[Any],
    displaced: bool,
) -> dict[str, Any]:
    summary = result.summary
    told = describe(oxygen, tilts, columns, gaps, motifs, displaced=displaced)
    warnings = list(summary["warnings"])
    not_yet, degenerate = summary["not_yet"], summary["degenerate"]
    if tilts.reason:
        warnings.append(f"no tilt was read from the oxygen image: {tilts.reason}")
    else:
        not_yet = [one for one in not_yet if one not in FILLED]
        degenerate = still_degenerate(degenerate, result.domains, gaps)
    more = {"not_yet": not_yet, "degenerate": degenerate, "warnings": warnings}
    return {**summary, **more, "oxygen": told}
