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
from stackmotif.matching.hosts.reasons import field_doubts, field_reasons, metric_reasons
from stackmotif.matching.hosts.rows import best_lattice, read_cells
from stackmotif.matching.lattice import Cells, ColumnLattice, index_columns
from stackmotif.matching.runs import UNKNOWN, ZERO
from stackmotif.matching.tables import Table
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import Sight

_SEARCH_STEP = 1.45
"""Pitches that one search covers, largest over smallest: columns are found to about 30 %."""
_WIDER = 1.1
"""Dumbbells are wider than columns and are looked for as if at a larger pitch; measured best."""
_SEARCH_AGAIN = 0.06
"""Relative difference from that pitch from which on they are looked for again."""
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

    def sight(self, network: str) -> Sight:
        """Return when a network is to be asked: never, of a host that it does not know.

        Raises
        ------
        StackmotifError
            If it is to be asked always.
        """
        asked = Sight(network)
        if self.is_layered:
            return asked
        if network == "on":
            raise StackmotifError(
                f"network is 'on', but it knows layered oxides alone, not {self.name!r}; expected "
                "'auto' or 'off' with this host"
            )
        return Sight("off")

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
        if self.is_layered:
            return lattice_reasons(lattice, len(columns), window=self.window)
        basic = row_reasons(lattice, len(columns))
        if lattice is None:
            hint = f"expected rows of {self.host.name}: is it another crystal, or the pixel size?"
            return [*basic, hint]
        return basic + field_reasons(lattice, columns, self.host)

    def doubts(self, lattice: ColumnLattice, columns: Columns) -> list[str]:
        """Return why a reading must not be relied on."""
        return [] if self.is_layered else field_doubts(lattice, columns, self.host)

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
        return not metric_reasons(lattice, self.host)
