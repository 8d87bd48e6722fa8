"""The main job: a micrograph, or its columns, to a motif map."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog import Host
from stackmotif.columns import Columns
from stackmotif.errors import ColumnsError, StackmotifError
from stackmotif.matching.blends import blended_columns
from stackmotif.matching.calibration import (
    Reference,
    calibration_warnings,
    compare_pixel_size,
)
from stackmotif.matching.checks import FEWEST_COLUMNS, HostWindow, check_zone
from stackmotif.matching.domains import Geometry, domain_table, label_domains
from stackmotif.matching.gauge import Gauge, apply_gauge, choose_gauge, flip_states
from stackmotif.matching.grains import find_rocksalt, with_rocksalt
from stackmotif.matching.hosts import HostPlan, in_terms_of
from stackmotif.matching.labels import cell_states, column_table, gap_table
from stackmotif.matching.lattice import (
    Cells,
    ColumnLattice,
    find_cells,
    row_class_grid,
)
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.orientation import to_row_frame
from stackmotif.matching.oxygen import check_oxygen
from stackmotif.matching.oxygen.applying import Grid, with_oxygen
from stackmotif.matching.runs import OUTSIDE, UNKNOWN, motif_grid
from stackmotif.matching.scan import measure_scan
from stackmotif.matching.second_opinion import describe_sight, sight_warnings
from stackmotif.matching.statistics.summary import with_statistics
from stackmotif.matching.summary import make_summary
from stackmotif.matching.tables import Table, new_table
from stackmotif.matching.templates.asking import check_asked, with_templates
from stackmotif.matching.walls import (
    ColumnShapes,
    leave_unfinished,
    read_walls,
    unfinished_members,
    units_of_members,
    wall_tables,
    walls_of_cells,
    walls_of_members,
)
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import Sight
from stackmotif.stacking import ShiftField

Progress = Callable[[str], None]

_COLUMN_AREA_A2 = 12.0
"""Area of a column of a layered oxide along [100], about: 2.5 by 4.7 Å."""
_HARDLY = 0.2
"""Share of the columns of a layered oxide below which nothing is resolved."""
_SHOWS_LIGHT_ATOMS = ("abf", "idpc")
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


def identify(
    x: Micrograph | Columns,
    *,
    oxygen: Micrograph | None = None,
    zone: str = "100",
    host: str | Host | HostWindow | None = None,
    straighten: bool = False,
    reference: Reference | None = None,
    network: str = "auto",
    templates: str = "auto",
    progress: Progress | None = None,
) -> MotifMap:
    """Read the stacking of a layered oxide from an image or from its columns.

    Parameters
    ----------
    x : Micrograph or Columns
        A calibrated image seen along <11-20>, or columns with positions in ångström.
    oxygen : Micrograph, optional
        An ABF, BF or iDPC image of the same field, with a pixel size of its own: it tells the tilt
        of every slab and the kind of every gap. An ABF or iDPC image alone shows both.
    zone : str
        Zone axis in three-index hexagonal notation: ``100``, ``010`` or ``110``.
    host : str, Host or HostWindow, optional
        What is read: the id of a host of the catalog, such as ``zinc-blende``, or one of
        `stackmotif.catalog.load_hosts`; or the pitch and row spacing of a layered oxide. By default
        ``layered-oxide``. Nothing else is tried.
    straighten : bool
        Take what the scan did (displaced lines, curvature) out of the positions and the image of
        the result. It is measured and told in ``summary["scan"]`` either way.
    reference : Reference, optional
        Lattice that the pixel size is compared with in ``summary["calibration"]``; by default the
        catalog's of the nearest shape. Nothing is rescaled.
    network : {'auto', 'on', 'off'}
        When a network looks for columns and says what phases it sees: where columns hardly stand
        out or none are resolved, always, or never. Positions are fitted to the raw pixels in any
        case.
    templates : {'auto', 'on', 'off'}
        Whether templates are matched at the columns: where the image is what they are of, always
        (saying why if it is not), or never.
    progress : callable, optional
        Called with the name of each stage as it starts.

    Returns
    -------
    MotifMap
        ``status`` is ``failed``, with reasons, where no layered oxide can be read; nothing is
        made up.

    Raises
    ------
    StackmotifError
        For a zone axis in which the stacking does not show, a ``network`` or ``templates`` that is
        none of these, or an oxygen image of another field or of a detector that shows no oxygen.
    """
    check_zone(zone)
    plan = HostPlan.of(host)
    sight = plan.sight(network)
    check_asked(templates)
    if not isinstance(x, Micrograph | Columns):
        raise StackmotifError(
            f"cannot identify a {type(x).__name__}; expected a Micrograph or Columns: "
            "read a file with stackmotif.read(path), or make Micrograph(image, pixel_size_A)"
        )
    if oxygen is not None:
        check_oxygen(oxygen, x if isinstance(x, Micrograph) else None)
    clock = _Clock(progress)
    image = x if isinstance(x, Micrograph) else None
    columns, reasons = (x, []) if isinstance(x, Columns) else _columns_of(x, sight, clock, plan)
    everything, salt = columns, None
    if plan.is_layered:
        clock.start("rock salt")
        columns, salt = find_rocksalt(image, columns, sight=sight)
    clock.start("rows")
    lattice = None
    if salt and len(columns) < FEWEST_COLUMNS:
        reasons = reasons or plan.reasons(plan.index(everything), everything)
    if not reasons:
        lattice = plan.index(columns)
    reasons = reasons or plan.reasons(lattice, columns)
    scan, straight, recorded = None, False, columns
    if image is not None and lattice is not None and not reasons and not plan.host.dumbbells:
        clock.start("scan")
        scan = measure_scan(image, columns, lattice=lattice)
        if scan is not None and straighten:
            moved = scan.columns_without(columns)
            again = plan.index(moved)
            if again is not None and not plan.reasons(again, moved):
                image, columns, lattice = scan.image_without(image), moved, again
                salt = salt and salt.moved(scan.columns_without(salt.columns))
                straight = True
    reading = None
    if lattice is not None and not reasons:
        clock.start("stacking")
        beside = image is not None and image.detector in _SHOWS_LIGHT_ATOMS
        reading = _read(columns, lattice, beside_oxygen=beside, plan=plan)
        reasons = plan.reading_reasons(reading.shifts)
        reading = None if reasons else reading
        clock.start("labels")
    result = _result(image, columns, lattice, reading, reasons, zone=zone, clock=clock)
    if plan.is_layered:
        result = _with_oxygen(result, reading, x, oxygen, recorded, clock)
    told = None if scan is None else {**scan.describe(), "removed": straight}
    warnings = [*result.summary["warnings"]]
    if straighten and not straight:
        warnings.append("the image was not straightened: its lattice does not tell what to undo")
    summary = {**result.summary, "scan": told, "warnings": warnings}
    doubts = plan.doubts(lattice, columns) if lattice is not None and reading is not None else []
    result = replace(result, summary=summary)
    result = in_terms_of(result, plan.host, name=plan.name, doubts=doubts)
    if salt is not None:
        result = with_rocksalt(result, salt)
    result = _with_sight(result, x, sight, clock)
    if plan.is_layered or reference:
        result = _with_calibration(result, reference)
    if plan.is_layered:
        result = with_templates(result, asked=templates, progress=progress)
    clock.start("statistics")
    result = with_statistics(result)
    clock.stop()
    return result


def _with_oxygen(
    result: MotifMap,
    reading: Reading | None,
    x: Micrograph | Columns,
    oxygen: Micrograph | None,
    recorded: Columns,
    clock: "_Clock",
) -> MotifMap:
    """Add tilts and kinds, if there is an image that shows oxygen and a stacking was read."""
    own = x if isinstance(x, Micrograph) and x.detector in _SHOWS_LIGHT_ATOMS else None
    shows = own if oxygen is None else oxygen
    if shows is None or reading is None:
        return result
    clock.start("oxygen")
    grid = Grid(
        reading.lattice,
        reading.cells,
        reading.gauge.flipped,
        reading.states,
        reading.motifs,
        reading.domains,
    )
    result = with_oxygen(result, shows, grid, recorded.positions_A, displaced=shows is not x)
    clock.stop()
    return result


def _with_sight(
    result: MotifMap, x: Micrograph | Columns, sight: Sight, clock: "_Clock"
) -> MotifMap:
    """Add what the network sees, if it was asked or no stacking could be read."""
    summary = result.summary
    failed = summary["status"] == "failed" and sight.seen is None
    if failed and isinstance(x, Micrograph) and sight.able(x) and _unresolved(result, x):
        clock.start("network")
        sight.look(x, bright=x.detector != "abf", symmetric=False)
        clock.stop()
    told = describe_sight(sight, result.shifts, pixel_size_A=result.pixel_size_A)
    more = {"network": told, "warnings": [*summary["warnings"], *sight_warnings(told)]}
    summary = {**summary, **more, "timings_s": clock.timings}
    return replace(result, summary=summary, seen=sight.seen)


def _unresolved(result: MotifMap, x: Micrograph) -> bool:
    """Tell whether hardly any columns are found; with them, it is a crystal of another kind."""
    area_A2 = float(np.prod(x.shape)) * x.pixel_size_A**2
    return len(result.columns) * _COLUMN_AREA_A2 < _HARDLY * area_A2


def _with_calibration(result: MotifMap, reference: Reference | None) -> MotifMap:
    """Add what the lattice says about the pixel size, and a warning if that is far off."""
    summary = result.summary
    compared = compare_pixel_size(summary["lattice"], summary["pixel_size_A"], reference)
    warnings = [*summary["warnings"], *calibration_warnings(compared)]
    return replace(result, summary={**summary, "calibration": compared, "warnings": warnings})


class _Clock:
    """Seconds per stage, and a line of progress as each starts."""

    def __init__(self, progress: Progress | None) -> None:
        self.timings: dict[str, float] = {}
        self._progress = progress
        self._stage = ""
        self._since = time.perf_counter()

    def start(self, stage: str) -> None:
        self.stop()
        self._stage = stage
        if self._progress is not None:
            self._progress(stage)

    def stop(self) -> None:
        now = time.perf_counter()
        if self._stage:
            self.timings[self._stage] = round(now - self._since, 4)
        self._since, self._stage = now, ""


def _columns_of(
    micrograph: Micrograph, sight: Sight, clock: _Clock, plan: HostPlan
) -> tuple[Columns, list[str]]:
    """Find the columns of an image; an image without any is a reason, not an error."""
    from stackmotif.columns import find_columns, metal_columns

    clock.start("columns")
    try:
        if not plan.is_layered:
            return plan.find(micrograph), []
        found = find_columns(micrograph, network=sight)
        shows_light_atoms = micrograph.detector in _SHOWS_LIGHT_ATOMS
        return metal_columns(micrograph, found) if shows_light_atoms else found, []
    except ColumnsError as error:
        return Columns.from_positions(np.empty((0, 2)), sigma_A=0.1), [str(error)]


def _read(
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
    paired = plan.allowed(find_cells(lattice))
    inside = unfinished_members(walls, lattice)
    raw = _veto(replace(paired, probability=leave_unfinished(paired, inside)), blended)
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


def _result(
    micrograph: Micrograph | None,
    columns: Columns,
    lattice: ColumnLattice | None,
    reading: Reading | None,
    reasons: list[str],
    *,
    zone: str,
    clock: _Clock,
) -> MotifMap:
    pixel_size_A = micrograph.pixel_size_A if micrograph else float("nan")
    none = np.empty(0, dtype=np.int64)
    cells = reading.cells if reading else None
    own = reading.shifts["domain"] if reading else none
    motif = reading.motifs[cells.gap, cells.slot] if reading and cells else none
    state = cell_states(cells)[0] if cells else none.astype(np.int8)
    table = column_table(
        columns,
        lattice if reading else None,
        cells,
        pixel_size_A=pixel_size_A,
        state=state,
        motif=motif,
        domain=np.asarray(own),
        unit=reading.units if reading else none.astype(np.str_),
    )
    clock.stop()
    shifts = reading.shifts if reading else new_table("gaps")
    walls = reading.walls if reading else new_table("walls")
    wall_fits = reading.wall_fits if reading else new_table("wall_fits")
    domains = reading.domain_table if reading else new_table("domains")
    summary = make_summary(
        micrograph=micrograph,
        columns=table,
        shifts=shifts,
        walls=walls,
        wall_fits=wall_fits,
        domains=domains,
        lattice=lattice,
        gauge=reading.gauge if reading else None,
        states=reading.states if reading else None,
        motifs=reading.motifs if reading else None,
        labels=reading.domains if reading else None,
        n_blended=reading.n_blended if reading else 0,
        reasons=reasons,
        zone=zone,
        timings_s=clock.timings,
    )
    return MotifMap(
        name=micrograph.name if micrograph else "columns",
        image=micrograph.image if micrograph else None,
        pixel_size_A=pixel_size_A,
        detector=micrograph.detector if micrograph else "adf",
        columns=table,
        shifts=shifts,
        walls=walls,
        wall_fits=wall_fits,
        domains=domains,
        scores=new_table("scores"),
        field=_shift_field(reading),
        summary=summary,
    )


def _shift_field(reading: Reading | None) -> ShiftField:
    """Lay the cells on the integer grid."""
    if reading is None:
        empty = np.empty((0, 0))
        return ShiftField(empty, empty, np.empty((0, 0, 4)), np.empty((0, 0), dtype=np.int8))
    shape = reading.states.shape
    cells = reading.cells
    shift, sigma = np.full(shape, np.nan), np.full(shape, np.nan)
    probability = np.zeros((*shape, 4))
    probability[..., 3] = 1.0
    where = (cells.gap, cells.slot)
    shift[where], sigma[where], probability[where] = cells.shift, cells.sigma, cells.probability
    state = np.where(reading.states == OUTSIDE, UNKNOWN, reading.states).astype(np.int8)
    return ShiftField(shift=shift, sigma=sigma, probability=probability, state=state)
