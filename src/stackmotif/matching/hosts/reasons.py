"""Why columns are no rows of a host, or must not be relied on: shape, size, grains, broken rows."""

from stackmotif.catalog import Host
from stackmotif.columns import Columns
from stackmotif.matching.hosts.rows import misfit_beyond_noise, reads_otherwise, uniformity
from stackmotif.matching.lattice import ColumnLattice

_LEAST_IN_ROWS = 0.7
"""Share of the columns that must lie in one set of rows; below, there is a second grain."""
_MOST_TURN_DEG = 5.0
"""Rows that turn by more across the field are those of two grains: a parameter."""
_MOST_OTHER = 0.15
"""Share of the field that may have another lattice than the rest."""
_MOST_SHEAR = 0.13
"""Sideways step from row to row, beyond a third [pitch]: at a sixth, 9°, nothing can be told."""
_MOST_ASTRAY = 0.11
"""Root mean square distance from lattice sites [pitch]: 0.04 in a real twin, 0.17 in two grains."""
_BROKEN_ROWS = 0.06
"""The same, of doubt: a fault that rows cross, in the middle of 30 rows, gives 0.08."""


def field_reasons(lattice: ColumnLattice, columns: Columns, host: Host) -> list[str]:
    """Return why a field is not one crystal of this host; empty if it may be."""
    return [*_grain_reasons(lattice, columns), *metric_reasons(lattice, host)]


def _grain_reasons(lattice: ColumnLattice, columns: Columns) -> list[str]:
    reasons = []
    share = len(lattice.member) / len(columns)
    if 0.5 <= share < _LEAST_IN_ROWS:
        reasons.append(
            f"only {share:.0%} of {len(columns)} columns lie in one set of parallel rows (expected "
            f"{_LEAST_IN_ROWS:.0%} or more): another crystal, or a second grain"
        )
    field = uniformity(lattice, columns.positions_A)
    if field.turn_deg > _MOST_TURN_DEG or field.other > _MOST_OTHER:
        reasons.append(
            f"rows turn by {field.turn_deg:.1f}° across the field (expected {_MOST_TURN_DEG:g}° or "
            f"less) and {field.other:.0%} of it has another lattice than the rest (expected "
            f"{_MOST_OTHER:.0%} or less): grains without rows in common, or a bent crystal"
        )
    steepest = lattice.phases.steepest
    if steepest > _MOST_SHEAR:
        reasons.append(
            f"rows step sideways by up to {steepest:.3f} of the pitch beyond a third (expected "
            f"{_MOST_SHEAR:g} or less): not this lattice in the whole field, or a sheared scan"
        )
    astray = misfit_beyond_noise(lattice, columns.positions_A)
    if astray > _MOST_ASTRAY:
        reasons.append(
            f"columns stand {astray:.3f} of the pitch off the sites of one lattice, noise aside "
            f"(expected {_MOST_ASTRAY:g} or less): another crystal, or several grains"
        )
    return reasons


def field_doubts(lattice: ColumnLattice, columns: Columns, host: Host) -> list[str]:
    """Return why a reading of this host must not be relied on; empty if it may be."""
    doubts = []
    astray = misfit_beyond_noise(lattice, columns.positions_A)
    if astray > _BROKEN_ROWS:
        doubts.append(
            f"columns stand {astray:.3f} of the pitch off the sites of one lattice, noise aside "
            f"(expected {_BROKEN_ROWS:g} or less): rows may be broken, such as by faults on the "
            "other set of planes, which are not read"
        )
    if reads_otherwise(lattice, columns, host):
        doubts.append(
            "rows along the other set of planes fit the columns about as well and tell another "
            "stacking: raise the dose, or read a larger field"
        )
    return doubts


def metric_reasons(lattice: ColumnLattice, host: Host) -> list[str]:
    """Return why pitch and row spacing are not those of this host; empty if they may be."""
    pitch, spacing = lattice.phases.pitch_A, lattice.orientation.row_spacing_A
    ratio = spacing / pitch
    low, high = host.pitch_window_A
    (flat, tall), name = host.ratio_window, host.name
    seen = f"pitch {pitch:.3f} Å and row spacing {spacing:.3f} Å (ratio {ratio:.3f})"
    wanted = f"pitch {low:.2f}-{high:.2f} Å and a ratio of {flat:.3f}-{tall:.3f}"
    if not flat <= ratio <= tall:
        return [f"{seen} fit no {name} along {host.zone}: expected {wanted}"]
    if not low / (1.0 + host.tolerance) <= pitch <= high * (1.0 + host.tolerance):
        return [
            f"{seen} have the shape of {name} along {host.zone} but not its size: expected "
            f"{wanted}; check the pixel size, or name another host"
        ]
    return []
