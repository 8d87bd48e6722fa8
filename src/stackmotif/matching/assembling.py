"""What was found and read, put together as one result."""

import numpy as np

from stackmotif.matching.clock import Clock
from stackmotif.matching.field_reading import Reading
from stackmotif.matching.indexing import Indexed
from stackmotif.matching.labels import cell_states, column_table
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.runs import OUTSIDE, UNKNOWN
from stackmotif.matching.summary import make_summary
from stackmotif.matching.tables import Table, new_table
from stackmotif.stacking import ShiftField


def assemble_result(
    found: Indexed, reading: Reading | None, *, zone: str, clock: Clock
) -> MotifMap:
    """Return the result of a reading, or of none: then its tables but that of columns are empty."""
    micrograph = found.image
    pixel_size_A = micrograph.pixel_size_A if micrograph else float("nan")
    columns = _columns(found, reading, pixel_size_A)
    clock.stop()
    shifts = reading.shifts if reading else new_table("gaps")
    walls = reading.walls if reading else new_table("walls")
    wall_fits = reading.wall_fits if reading else new_table("wall_fits")
    domains = reading.domain_table if reading else new_table("domains")
    summary = make_summary(
        micrograph=micrograph,
        columns=columns,
        shifts=shifts,
        walls=walls,
        wall_fits=wall_fits,
        domains=domains,
        lattice=found.lattice,
        gauge=reading.gauge if reading else None,
        states=reading.states if reading else None,
        motifs=reading.motifs if reading else None,
        labels=reading.domains if reading else None,
        n_blended=reading.n_blended if reading else 0,
        reasons=found.reasons,
        zone=zone,
        timings_s=clock.timings,
    )
    return MotifMap(
        name=micrograph.name if micrograph else "columns",
        image=micrograph.image if micrograph else None,
        pixel_size_A=pixel_size_A,
        detector=micrograph.detector if micrograph else "adf",
        columns=columns,
        shifts=shifts,
        walls=walls,
        wall_fits=wall_fits,
        domains=domains,
        scores=new_table("scores"),
        field=_shift_field(reading),
        summary=summary,
    )


def _columns(found: Indexed, reading: Reading | None, pixel_size_A: float) -> Table:
    """Return the table of columns, without states if nothing was read."""
    none = np.empty(0, dtype=np.int64)
    if reading is None:
        return column_table(
            found.columns, None, None, pixel_size_A=pixel_size_A, state=none.astype(np.int8),
            motif=none, domain=none, unit=none.astype(np.str_),
        )  # fmt: skip
    cells = reading.cells
    return column_table(
        found.columns,
        reading.lattice,
        cells,
        pixel_size_A=pixel_size_A,
        state=cell_states(cells)[0],
        motif=reading.motifs[cells.gap, cells.slot],
        domain=np.asarray(reading.shifts["domain"]),
        unit=reading.units,
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
