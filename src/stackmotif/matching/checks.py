"""Is it a layered oxide seen along <11-20> at all? Reasons why a reading must not be trusted."""

from dataclasses import dataclass

import numpy as np

from stackmotif.errors import StackmotifError
from stackmotif.matching.lattice import ColumnLattice

FEWEST_COLUMNS = 30
"""Columns of the smallest field that is read."""

STACKING_ZONES = ("100", "010", "110")
"""The <11-20> zones, in which the stacking shows."""

BLIND_ZONES = ("1-10", "210", "120")
"""The <10-10> zones, in which every stacking projects to zero shift."""


@dataclass(frozen=True)
class HostWindow:
    """Column lattices that a layered oxide can show along <11-20>.

    The defaults span the lattices of the catalog, from O1-NiO2 (a = 2.777 Å, spacing 4.47 Å) to
    sodium compounds (a up to 3.07 Å, spacing up to 5.7 Å: a working bound, unverified).

    Parameters
    ----------
    pitch_A : tuple of float
        Smallest and largest column pitch [Å].
    row_spacing_A : tuple of float
        Smallest and largest row spacing [Å].
    tolerance : float
        Relative calibration error that is let through.
    """

    pitch_A: tuple[float, float] = (2.40, 2.66)
    row_spacing_A: tuple[float, float] = (4.40, 5.70)
    tolerance: float = 0.12

    @property
    def ratio(self) -> tuple[float, float]:
        """Smallest and largest row spacing per pitch; does not depend on the calibration."""
        pitch = sum(self.pitch_A) / 2.0
        return self.row_spacing_A[0] / pitch, self.row_spacing_A[1] / pitch


_BLIND = (
    " look like a <10-10> zone axis (columns a/2 apart), in which every stacking projects to zero "
    "shift; tilt to <11-20>"
)
_EVERY_SECOND = (
    " look like every second row of a layered oxide: the columns of the rows between are too weak "
    "to be found, or this is another crystal; raise the dose or the contrast"
)


def check_zone(zone: str) -> None:
    """Refuse zone axes in which the stacking cannot be seen.

    Raises
    ------
    StackmotifError
        For a <10-10> zone, which projects every stacking to zero shift, and for unknown zones.
    """
    if zone in BLIND_ZONES:
        raise StackmotifError(
            f"zone axis [{zone}] is a <10-10> direction: every stacking projects to zero shift; "
            f"expected one of {', '.join(f'[{z}]' for z in STACKING_ZONES)}: tilt to <11-20>"
        )
    if zone not in STACKING_ZONES:
        raise StackmotifError(
            f"zone axis is {zone!r}; expected one of {', '.join(STACKING_ZONES)} "
            "(three-index hexagonal notation)"
        )


def lattice_reasons(
    lattice: ColumnLattice | None, n_columns: int, *, window: HostWindow | None = None
) -> list[str]:
    """Return why the columns are not rows of a layered oxide; empty if they may be."""
    reasons = row_reasons(lattice, n_columns)
    if lattice is None or n_columns < FEWEST_COLUMNS:
        return reasons
    return reasons + _metric_reasons(lattice, window or HostWindow())


def row_reasons(lattice: ColumnLattice | None, n_columns: int) -> list[str]:
    """Return why the columns are no rows of any crystal; empty if they may be."""
    if n_columns < FEWEST_COLUMNS:
        return [
            f"{n_columns} atomic columns found; expected {FEWEST_COLUMNS} or more: is there a "
            "lattice at all?"
        ]
    if lattice is None:
        return [f"the {n_columns} columns found make no rows"]
    reasons = []
    share = len(lattice.member) / n_columns
    if share < 0.5:
        reasons.append(f"only {share:.0%} of {n_columns} columns lie in one set of parallel rows")
    if lattice.orientation.coherence < 0.35:
        reasons.append(
            f"columns do not repeat along the rows (coherence "
            f"{lattice.orientation.coherence:.2f}; expected 0.35 or more)"
        )
    if lattice.grid.shape[0] < 3 or lattice.grid.shape[1] < 8:
        reasons.append(
            f"{lattice.grid.shape[0]} rows of at most {lattice.grid.shape[1]} columns found; "
            "expected 3 rows of 8 or more"
        )
    return reasons


def _metric_reasons(lattice: ColumnLattice, window: HostWindow) -> list[str]:
    pitch, spacing = lattice.phases.pitch_A, lattice.orientation.row_spacing_A
    ratio = spacing / pitch
    seen = f"pitch {pitch:.3f} Å and row spacing {spacing:.3f} Å (ratio {ratio:.2f})"
    wanted = (
        f"pitch {window.pitch_A[0]:.2f}-{window.pitch_A[1]:.2f} Å and row spacing "
        f"{window.row_spacing_A[0]:.2f}-{window.row_spacing_A[1]:.2f} Å"
    )
    low, high = window.ratio
    if 3.0 < ratio < 4.1:
        return [seen + (_BLIND if pitch < 0.8 * window.pitch_A[0] else _EVERY_SECOND)]
    if not low * 0.97 <= ratio <= high * 1.03:
        return [f"{seen} fit no layered oxide along <11-20>: expected {wanted}"]
    stretch = pitch / np.mean(window.pitch_A)
    if abs(np.log(stretch)) > np.log1p(window.tolerance):
        return [
            f"{seen} have the shape of a layered oxide but {stretch:.2f} times its size: "
            f"expected {wanted}; check the pixel size"
        ]
    return []
