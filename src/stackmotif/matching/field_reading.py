"""Rows of columns to states, motifs, domains and walls."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns import Columns
from stackmotif.matching.blends import blended_columns
from stackmotif.matching.domains import Geometry, domain_table, label_domains
from stackmotif.matching.gauge import Gauge, apply_gauge, choose_gauge, flip_states
from stackmotif.matching.hosts import HostPlan
from stackmotif.matching.labels import cell_states, gap_table
from stackmotif.matching.lattice import Cells, ColumnLattice, find_cells, row_class_grid
from stackmotif.matching.orientation import to_row_frame
from stackmotif.matching.runs import OUTSIDE, UNKNOWN, motif_grid
from stackmotif.matching.tables import Table
from stackmotif.matching.walls import (
    ColumnShapes,
    believe_walls,
    leave_unfinished,
    members_at_walls,
    read_walls,
    units_of_members,
    wall_tables,
    walls_of_cells,
    walls_of_members,
)

_VETOED = np.array([0.02, 0.02, 0.02, 0.94])
"""Posterior of a cell whose columns are elongated: a parameter, not a measurement."""


@dataclass(frozen=True)
class Reading:
    """Everything that the stages after the columns have made."""

    lattice: ColumnLattice
    cells: Cells
    gauge: Gauge
    states: NDArray[np.int8]
    motifs: NDArray[np.int64]
    domains: NDArray[np.int64]
    shifts: Table
    domain_table: Table
    walls: Table
    wall_fits: Table
    units: NDArray[np.str_]
    n_blended: int


def read_field(
    columns: Columns, lattice: ColumnLattice, *, beside_oxygen: bool, plan: HostPlan
) -> Reading:
    """Decode shifts, fix the gauge and name runs and domains."""
    member = lattice.member
    blended = blended_columns(
        lattice,
        columns.ellipticity[member],
        columns.width_A[member],
        height_beside_oxygen=np.abs(columns.intensity[member]) if beside_oxygen else None,
    )
    blended &= not plan.host.dumbbells
    shapes = ColumnShapes(columns.ellipticity[member], columns.width_A[member])
    walls = read_walls(lattice, shapes=shapes, skip=not plan.is_layered)
    at_walls = members_at_walls(walls, lattice)
    paired = plan.allowed(find_cells(believe_walls(lattice, at_walls.reached)))
    raw = _veto(leave_unfinished(paired, at_walls.inside), blended)
    raw, states = plan.consistent(raw, _dense_states(row_class_grid(lattice), raw))
    gauge = choose_gauge(raw, states)
    cells, states = apply_gauge(raw, gauge), flip_states(states, gauge)
    motifs = motif_grid(states)
    domains = label_domains(states, motifs)
    state, p = cell_states(cells)
    midpoints = _midpoints(columns, lattice, cells)
    geometry = _geometry(columns, lattice, cells, midpoints, p)
    own_wall = walls_of_cells(walls_of_members(walls, lattice), cells)
    table, fits = wall_tables(walls, lattice, columns.positions_A[member], gauge=gauge)
    return Reading(
        lattice=lattice,
        cells=cells,
        gauge=gauge,
        states=states,
        motifs=motifs,
        domains=domains,
        shifts=gap_table(cells, midpoints, state, domains[cells.gap, cells.slot], own_wall),
        domain_table=domain_table(domains, states, motifs, geometry),
        walls=table,
        wall_fits=fits,
        units=units_of_members(walls, lattice, cells),
        n_blended=int(blended.sum()),
    )


def _veto(cells: Cells, blended: NDArray[np.bool_]) -> Cells:
    """Call cells unknown whose columns are blends of two stackings."""
    vetoed = blended[cells.upper] | blended[cells.lower]
    probability = np.where(vetoed[:, None], _VETOED, cells.probability)
    return replace(cells, probability=probability)


def _dense_states(classes: NDArray[np.int8], cells: Cells) -> NDArray[np.int8]:
    """Return the state of every cell from the classes of the rows above and below it.

    A measured cell has the state that its own posterior gives.
    """
    upper, lower = classes[:-1].astype(np.int64), classes[1:].astype(np.int64)
    difference = (upper - lower + 1) % 3 - 1
    states = (1 - difference).astype(np.int8)
    states = np.where((upper == 2) | (lower == 2), UNKNOWN, states)
    states = np.where((upper == OUTSIDE) | (lower == OUTSIDE), OUTSIDE, states).astype(np.int8)
    states[cells.gap, cells.slot], _ = cell_states(cells)
    return states


def _midpoints(columns: Columns, lattice: ColumnLattice, cells: Cells) -> NDArray[np.float64]:
    positions = columns.positions_A[lattice.member]
    return 0.5 * (positions[cells.upper] + positions[cells.lower])


def _geometry(
    columns: Columns,
    lattice: ColumnLattice,
    cells: Cells,
    midpoints: NDArray[np.float64],
    p: NDArray[np.float64],
) -> Geometry:
    """Collect steps along and across the rows for the averages of the domains."""
    u, v = to_row_frame(columns.positions_A[lattice.member], lattice.orientation.angle_rad)
    right = np.full(lattice.grid.shape, -1)
    right[:, :-1] = lattice.grid[:, 1:]
    neighbour = right[lattice.row, lattice.slot][cells.upper]
    found = neighbour >= 0
    step_u = np.where(found, u[neighbour] - u[cells.upper], np.nan)
    step_v = np.where(found, v[neighbour] - v[cells.upper], np.nan)
    return Geometry(
        gap=cells.gap,
        slot=cells.slot,
        y_A=midpoints[:, 0],
        x_A=midpoints[:, 1],
        drop_A=v[cells.lower] - v[cells.upper],
        step_u_A=step_u,
        step_v_A=step_v,
        p=p,
        angle_rad=lattice.orientation.angle_rad,
        pitch_A=lattice.phases.pitch_A,
    )
