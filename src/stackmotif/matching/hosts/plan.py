"""What a host asks of a reading: where its columns are looked for, and which steps it can have."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog import Host, get_host
from stackmotif.catalog.hosts import DEFAULT_HOST
from stackmotif.columns import Columns
from stackmotif.errors import StackmotifError
from stackmotif.matching.checks import HostWindow, lattice_reasons, row_reasons
from stackmotif.matching.hosts.layers import without_odd_straight_gaps
from stackmotif.matching.hosts.rows import (
    best_lattice,
    misfit_beyond_noise,
    read_cells,
    reads_otherwise,
    uniformity,
)
from stackmotif.matching.lattice import Cells, ColumnLattice, index_columns
from stackmotif.matching.runs import UNKNOWN, ZERO
from stackmotif.matching.tables import Table
from stackmotif.micrograph import Micrograph

_SEARCH_STEP = 1.45
"""Pitches that one search covers, largest over smallest: columns are found to about 30 %."""
_WIDER = 1.1
"""Dumbbells are wider than columns and are looked for as if at a larger pitch; measured best."""
_SEARCH_AGAIN = 0.06
"""Relative difference from that pitch from which on they are looked for again."""
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
_LEAST_KNOWN = 0.7
"""Share of the cells that must be a step of close packing."""


@dataclass(frozen=True)
class HostPlan:
    """A host, and the lattice window that goes with it.

    Parameters
    ----------
    host : Host
        Entry of the catalog.
    window : HostWindow
        Pitch and row spacing of a layered host.
    name : str
        What ``summary["host"]`` says.
    """

    host: Host
    window: HostWindow
    name: str

    @classmethod
    def of(cls, host: "HostWindow | Host | str | None") -> "HostPlan":
        """Return the plan for what a caller may name: an id, a host, a window, or nothing.

        Raises
        ------
        StackmotifError
            For anything else, or an id that no host has.
        """
        if isinstance(host, HostWindow):
            return cls(get_host(DEFAULT_HOST), host, "window")
        if host is None or isinstance(host, str):
            host = get_host(host or DEFAULT_HOST)
        if not isinstance(host, Host):
            raise StackmotifError(
                f"host is a {type(host).__name__}; expected the id of a host, such as "
                f"'{DEFAULT_HOST}', a Host or a HostWindow"
            )
        window = HostWindow(host.pitch_window_A, host.spacing_window_A, host.tolerance)
        return cls(host, window, host.id)

    @property
    def is_layered(self) -> bool:
        """Whether the host is read as layered oxides are."""
        return self.host.is_layered

    def find(self, micrograph: Micrograph) -> Columns:
        """Return the columns of an image, looked for at the pitches of the host.

        Of several searches, the one whose columns read best is kept; dumbbells are merged.

        Raises
        ------
        ColumnsError
            If the pixels are too coarse.
        """
        tried = [self._found(micrograph, pitch) for pitch in self._search_pitches_A()]
        columns, lattice, score = max(tried, key=lambda one: one[2])
        if lattice is not None and self.host.dumbbells and self._fits(lattice):
            wanted = _WIDER * lattice.phases.pitch_A
            if min(abs(np.log(p / wanted)) for p in self._search_pitches_A()) > _SEARCH_AGAIN:
                again = self._found(micrograph, wanted)
                columns = again[0] if again[2] >= score else columns
        return columns

    def index(self, columns: Columns) -> ColumnLattice | None:
        """Return the columns along the row direction that reads best; None if they make no rows."""
        if self.is_layered:
            return index_columns(columns.positions_A, columns.covariances_A2)
        return best_lattice(columns, self.host)

    def reasons(self, lattice: ColumnLattice | None, columns: Columns) -> list[str]:
        """Return why the columns are not rows of this host; empty if they may be."""
        n = len(columns)
        if self.is_layered:
            return lattice_reasons(lattice, n, window=self.window)
        basic = row_reasons(lattice, n)
        if lattice is None:
            return basic
        share = len(lattice.member) / n
        if 0.5 <= share < _LEAST_IN_ROWS:
            basic.append(
                f"only {share:.0%} of {n} columns lie in one set of parallel rows (expected "
                f"{_LEAST_IN_ROWS:.0%} or more): there is a second grain without a row in common"
            )
        field = uniformity(lattice, columns.positions_A)
        if field.turn_deg > _MOST_TURN_DEG or field.other > _MOST_OTHER:
            basic.append(
                f"rows turn by {field.turn_deg:.1f}° across the field (expected "
                f"{_MOST_TURN_DEG:g}° or less) and {field.other:.0%} of it has another lattice "
                "than the rest (expected "
                f"{_MOST_OTHER:.0%} or less): grains without rows in common, or a bent crystal"
            )
        phases = lattice.phases
        if phases.steepest > _MOST_SHEAR:
            basic.append(
                f"rows step sideways by up to {phases.steepest:.3f} of the pitch beyond a third "
                f"(expected {_MOST_SHEAR:g} or less): not this lattice in the whole field, or a "
                "sheared scan"
            )
        astray = misfit_beyond_noise(lattice, columns.positions_A)
        if astray > _MOST_ASTRAY:
            basic.append(
                f"columns stand {astray:.3f} of the pitch off the sites of one lattice, noise "
                f"aside (expected {_MOST_ASTRAY:g} or less): another crystal, or several grains"
            )
        return basic + self._metric_reasons(lattice)

    def doubts(self, lattice: ColumnLattice, columns: Columns) -> list[str]:
        """Return why a reading must not be relied on."""
        if self.is_layered:
            return []
        doubts = []
        astray = misfit_beyond_noise(lattice, columns.positions_A)
        if astray > _BROKEN_ROWS:
            doubts.append(
                f"columns stand {astray:.3f} of the pitch off the sites of one lattice, noise "
                f"aside (expected {_BROKEN_ROWS:g} or less): rows may be broken, such as by faults "
                "on the other set of planes, which are not read"
            )
        if reads_otherwise(lattice, columns, self.host):
            doubts.append(
                "rows along the other set of planes fit the columns about as well and tell another "
                "stacking: raise the dose, or read a larger field"
            )
        return doubts

    def reading_reasons(self, shifts: Table) -> list[str]:
        """Return why the cells that were read are no stacking of this host."""
        if self.is_layered:
            return []
        known = float(np.isin(shifts["state"], ("+", "-")).mean()) if len(shifts) else 0.0
        if known >= _LEAST_KNOWN:
            return []
        return [
            f"only {known:.0%} of the gap cells step by a third of the pitch (expected "
            f"{_LEAST_KNOWN:.0%} or more): no stacking of {self.host.name}"
        ]

    def allowed(self, cells: Cells) -> Cells:
        """Return cells in which a step that this host does not have is unknown."""
        if 0 in self.host.shifts:
            return cells
        probability = cells.probability.copy()
        probability[:, UNKNOWN] += probability[:, ZERO]
        probability[:, ZERO] = 0.0
        return replace(cells, probability=probability)

    def consistent(self, cells: Cells, states: NDArray[np.int8]) -> tuple[Cells, NDArray[np.int8]]:
        """Call unknown what contradicts the host: cells, and the dense grid of their states."""
        if 0 not in self.host.shifts:
            return cells, np.where(states == ZERO, UNKNOWN, states).astype(np.int8)
        if not self.host.dumbbells:
            return cells, states
        kept = without_odd_straight_gaps(states)
        odd = (kept != states)[cells.gap, cells.slot]
        probability = cells.probability.copy()
        probability[odd, UNKNOWN] += probability[odd, ZERO]
        probability[odd, ZERO] = 0.0
        return replace(cells, probability=probability), kept

    def _search_pitches_A(self) -> list[float]:
        wider = _WIDER if self.host.dumbbells else 1.0
        low, high = self.host.pitch_window_A
        n = max(1, int(np.ceil(np.log(high / low) / np.log(_SEARCH_STEP))))
        step = (high / low) ** (1.0 / n)
        return [wider * low * step ** (k + 0.5) for k in range(n)]

    def _found(
        self, micrograph: Micrograph, pitch_A: float
    ) -> tuple[Columns, ColumnLattice | None, float]:
        from stackmotif.columns import find_columns, merge_dumbbells, metal_columns

        columns = find_columns(micrograph, pitch_A=pitch_A)
        if micrograph.detector == "abf" and self.host.label == "rocksalt":
            columns = metal_columns(micrograph, columns, pitch_A=pitch_A)
        if self.host.dumbbells:
            columns = merge_dumbbells(micrograph, columns, pitch_A=pitch_A / _WIDER)
        lattice = self.index(columns)
        if lattice is None:
            return columns, None, 0.0
        score = read_cells(lattice, self.host) / max(len(columns), 1)
        return columns, lattice, score * (1.0 + self._fits(lattice))

    def _fits(self, lattice: ColumnLattice) -> bool:
        return not self._metric_reasons(lattice)

    def _metric_reasons(self, lattice: ColumnLattice) -> list[str]:
        pitch, spacing = lattice.phases.pitch_A, lattice.orientation.row_spacing_A
        host, ratio = self.host, spacing / pitch
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
