"""The main job: a micrograph, or its columns, to a motif map."""

from dataclasses import replace

import numpy as np

from stackmotif.catalog import Host
from stackmotif.columns import Columns
from stackmotif.errors import StackmotifError
from stackmotif.matching.assembling import assemble_result
from stackmotif.matching.calibration import (
    Reference,
    calibration_warnings,
    compare_pixel_size,
)
from stackmotif.matching.checks import HostWindow, check_zone
from stackmotif.matching.clock import Clock, Progress
from stackmotif.matching.field_reading import Reading, read_field
from stackmotif.matching.grains import with_rocksalt
from stackmotif.matching.hosts import HostPlan, in_terms_of
from stackmotif.matching.indexing import SHOWS_LIGHT_ATOMS, Indexed, index_rows
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.oxygen import check_oxygen
from stackmotif.matching.oxygen.applying import Grid, with_oxygen
from stackmotif.matching.second_opinion import describe_sight, sight_warnings
from stackmotif.matching.statistics.summary import with_statistics
from stackmotif.matching.templates.asking import check_asked, with_templates
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import Sight

_COLUMN_AREA_A2 = 12.0
"""Area of a column of a layered oxide along [100], about: 2.5 by 4.7 Å."""
_HARDLY = 0.2
"""Share of the columns of a layered oxide below which nothing is resolved."""


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
    clock = Clock(progress)
    found = index_rows(x, plan=plan, sight=sight, straighten=straighten, clock=clock)
    found, reading = _read(found, plan, clock)
    result = assemble_result(found, reading, zone=zone, clock=clock)
    if plan.is_layered:
        result = _with_oxygen(result, reading, x, oxygen, found.recorded, clock)
    result = _with_scan(result, found, asked=straighten)
    result = in_terms_of(result, plan.host, name=plan.name, doubts=_doubts(found, reading, plan))
    if found.salt is not None:
        result = with_rocksalt(result, found.salt)
    result = _with_sight(result, x, sight, clock)
    if plan.is_layered or reference:
        result = _with_calibration(result, reference)
    if plan.is_layered:
        clock.start("templates")
        result = with_templates(result, asked=templates, progress=progress)
    clock.start("statistics")
    result = with_statistics(result)
    clock.stop()
    return result


def _read(found: Indexed, plan: HostPlan, clock: Clock) -> tuple[Indexed, Reading | None]:
    """Read the stacking of rows; what is no stacking of the host is a reason."""
    if found.lattice is None or found.reasons:
        return found, None
    clock.start("stacking")
    beside = found.image is not None and found.image.detector in SHOWS_LIGHT_ATOMS
    reading = read_field(found.columns, found.lattice, beside_oxygen=beside, plan=plan)
    reasons = plan.reading_reasons(reading.shifts)
    clock.start("labels")
    return replace(found, reasons=reasons), None if reasons else reading


def _doubts(found: Indexed, reading: Reading | None, plan: HostPlan) -> list[str]:
    if found.lattice is None or reading is None:
        return []
    return plan.doubts(found.lattice, found.columns)


def _with_scan(result: MotifMap, found: Indexed, *, asked: bool) -> MotifMap:
    """Add what the scan did, and whether it was taken out."""
    scan = found.scan
    told = None if scan is None else {**scan.describe(), "removed": found.straight}
    warnings = [*result.summary["warnings"]]
    if asked and not found.straight:
        warnings.append("the image was not straightened: its lattice does not tell what to undo")
    return replace(result, summary={**result.summary, "scan": told, "warnings": warnings})


def _with_oxygen(
    result: MotifMap,
    reading: Reading | None,
    x: Micrograph | Columns,
    oxygen: Micrograph | None,
    recorded: Columns,
    clock: Clock,
) -> MotifMap:
    """Add tilts and kinds, if there is an image that shows oxygen and a stacking was read."""
    own = x if isinstance(x, Micrograph) and x.detector in SHOWS_LIGHT_ATOMS else None
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


def _with_sight(result: MotifMap, x: Micrograph | Columns, sight: Sight, clock: Clock) -> MotifMap:
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
