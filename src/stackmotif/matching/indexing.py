"""An image to columns, and columns to rows: everything before the stacking is read."""

from dataclasses import dataclass, replace

import numpy as np

from stackmotif.columns import Columns
from stackmotif.errors import ColumnsError
from stackmotif.matching.checks import FEWEST_COLUMNS
from stackmotif.matching.clock import Clock
from stackmotif.matching.grains import RockSalt, find_rocksalt
from stackmotif.matching.hosts import HostPlan
from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.scan import ScanDistortion, measure_scan
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import Sight

SHOWS_LIGHT_ATOMS = ("abf", "idpc")
"""Detectors whose images show oxygen beside the metal."""


@dataclass(frozen=True)
class Indexed:
    """Columns of an image and the rows that they make.

    Parameters
    ----------
    image : Micrograph or None
        The image, straightened if that was asked and could be done.
    columns : Columns
        Columns that are read, in its axes.
    recorded : Columns
        The same as they were recorded.
    salt : RockSalt or None
        What was set aside as rock salt; None for a host that is no layered oxide.
    lattice : ColumnLattice or None
        Rows and slots.
    reasons : list of str
        Why the columns are not to be read; empty if they are.
    scan : ScanDistortion or None
        What the scan did.
    straight : bool
        Whether it was taken out.
    """

    image: Micrograph | None
    columns: Columns
    recorded: Columns
    salt: RockSalt | None
    lattice: ColumnLattice | None
    reasons: list[str]
    scan: ScanDistortion | None = None
    straight: bool = False

    @property
    def readable(self) -> bool:
        """Whether there are rows to read."""
        return self.lattice is not None and not self.reasons


def index_rows(
    x: Micrograph | Columns, *, plan: HostPlan, sight: Sight, straighten: bool, clock: Clock
) -> Indexed:
    """Find columns, set rock salt aside, index the rest as rows and measure the scan."""
    image = x if isinstance(x, Micrograph) else None
    found, reasons = (x, []) if isinstance(x, Columns) else _columns_of(x, sight, clock, plan)
    columns, salt = found, None
    if plan.is_layered:
        clock.start("rock salt")
        columns, salt = find_rocksalt(image, found, sight=sight)
    clock.start("rows")
    if salt and len(columns) < FEWEST_COLUMNS:
        reasons = reasons or plan.reasons(plan.index(found), found)
    lattice = None if reasons else plan.index(columns)
    reasons = reasons or plan.reasons(lattice, columns)
    indexed = Indexed(image, columns, columns, salt, lattice, reasons)
    if image is None or not indexed.readable or plan.host.dumbbells:
        return indexed
    clock.start("scan")
    scan = measure_scan(image, columns, lattice=lattice)
    indexed = replace(indexed, scan=scan)
    return _straightened(indexed, plan) if straighten else indexed


def _straightened(indexed: Indexed, plan: HostPlan) -> Indexed:
    """Take what the scan did out of positions and image, if rows are still rows then."""
    scan, image, salt = indexed.scan, indexed.image, indexed.salt
    if scan is None or image is None:
        return indexed
    moved = scan.columns_without(indexed.columns)
    again = plan.index(moved)
    if again is None or plan.reasons(again, moved):
        return indexed
    return replace(
        indexed,
        image=scan.image_without(image),
        columns=moved,
        lattice=again,
        salt=None if salt is None else salt.moved(scan.columns_without(salt.columns)),
        straight=True,
    )


def _columns_of(
    micrograph: Micrograph, sight: Sight, clock: Clock, plan: HostPlan
) -> tuple[Columns, list[str]]:
    """Find the columns of an image; an image without any is a reason, not an error."""
    from stackmotif.columns import find_columns, metal_columns

    clock.start("columns")
    try:
        if not plan.is_layered:
            return plan.find(micrograph), []
        found = find_columns(micrograph, network=sight)
        shows_light_atoms = micrograph.detector in SHOWS_LIGHT_ATOMS
        return metal_columns(micrograph, found) if shows_light_atoms else found, []
    except ColumnsError as error:
        return Columns.from_positions(np.empty((0, 2)), sigma_A=0.1), [str(error)]
