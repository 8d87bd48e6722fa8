"""Hosts: the column lattices that a stacking can be read in, as data of the catalog."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from stackmotif.catalog.collection import catalog_folders
from stackmotif.catalog.files import HOSTS_FILE, read_table
from stackmotif.catalog.recipes.base import Length, Text
from stackmotif.catalog.schema import Id
from stackmotif.errors import CatalogError

DEFAULT_HOST: Final = "layered-oxide"
"""The host that an image is read as if none is named."""

_PITCH_PER_A: Final = 6**0.5 / 4.0
_SPACING_PER_A: Final = 3**-0.5
State = Literal["+", "0", "-"]
_STATE_OF_SHIFT: Final[dict[int, State]] = {1: "+", 0: "0", -1: "-"}
Window = tuple[Length, Length]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=0.3)]


class Host(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A crystal in whose image rows of columns are read, one entry of ``hosts.toml``.

    Parameters
    ----------
    id, name, description : str
        What it is called, and what it is.
    zone : str
        Zone axis in which its stacking shows.
    tolerance : float
        Relative error of the pixel size that is let through.
    ratio_tolerance : float
        Relative error of row spacing per pitch that is let through.
    shifts : list of int
        Steps from row to row that a stacking can have, in thirds of the pitch.
    columns : str
        ``single``, or ``dumbbell`` for pairs that are counted as one column at their middle.
    states : dict
        What gaps of each state are called.
    label : str
        Label of columns between equal gaps; ``by-state`` for O3, O3r and O1.
    source, tag : str
        Reference key (or ``estimate``), and how well known its numbers are.
    pitch_A, row_spacing_A : tuple of float, optional
        Smallest and largest column pitch and row spacing [Å].
    cubic_a_A : tuple of float, optional
        In their place: smallest and largest cubic constant of an fcc lattice along <110> [Å].
    rows_per_slab : int
        Rows between two slabs of the layered crystal that this host continues.
    """

    id: Id
    name: Text
    description: Text
    zone: Text
    tolerance: Share
    ratio_tolerance: Share
    shifts: list[Literal[-1, 0, 1]]
    columns: Literal["single", "dumbbell"]
    states: dict[State, Text]
    label: Literal["by-state", "rocksalt", "other"]
    source: Text
    tag: Literal["R", "A", "N", "U"]
    pitch_A: Window | None = None
    row_spacing_A: Window | None = None
    cubic_a_A: Window | None = None
    rows_per_slab: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1

    @property
    def is_layered(self) -> bool:
        """Whether states are those of a layered oxide: O3, O1 and O3′."""
        return self.label == "by-state"

    @property
    def dumbbells(self) -> bool:
        """Whether a column stands for a pair of columns."""
        return self.columns == "dumbbell"

    @property
    def pitch_window_A(self) -> tuple[float, float]:
        """Smallest and largest column pitch [Å]."""
        if self.cubic_a_A is not None:
            low, high = self.cubic_a_A
            return low * _PITCH_PER_A, high * _PITCH_PER_A
        return self.pitch_A or (0.0, 0.0)

    @property
    def spacing_window_A(self) -> tuple[float, float]:
        """Smallest and largest row spacing [Å]."""
        if self.cubic_a_A is not None:
            low, high = self.cubic_a_A
            return low * _SPACING_PER_A, high * _SPACING_PER_A
        return self.row_spacing_A or (0.0, 0.0)

    @property
    def ratio_window(self) -> tuple[float, float]:
        """Smallest and largest row spacing per pitch, tolerance included; needs no calibration."""
        if self.cubic_a_A is not None:
            low = high = _SPACING_PER_A / _PITCH_PER_A
        else:
            mean = sum(self.pitch_window_A) / 2.0
            low, high = (spacing / mean for spacing in self.spacing_window_A)
        return low * (1.0 - self.ratio_tolerance), high * (1.0 + self.ratio_tolerance)

    def cubic_constant_A(self, pitch_A: float, row_spacing_A: float) -> float | None:
        """Return the cubic constant of a measured lattice [Å]; None for a host that is not cubic.

        The area of a cell is taken, which a sheared or drifting scan changes least.

        >>> round(get_host("zinc-blende").cubic_constant_A(3.968, 3.741), 2)
        6.48
        """
        if self.cubic_a_A is None:
            return None
        return float((pitch_A * row_spacing_A / (_PITCH_PER_A * _SPACING_PER_A)) ** 0.5)


class HostFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole of one ``hosts.toml``."""

    schema: int
    host: list[Host]


class UnknownHostError(CatalogError, KeyError):
    """An id that no host has."""

    __str__ = Exception.__str__

    def __init__(self, host_id: object, *, known: Iterator[str] | list[str]) -> None:
        ids = list(known)
        near = get_close_matches(str(host_id).lower(), ids, n=1, cutoff=0.4)
        guess = f"; did you mean {near[0]}?" if near else ""
        super().__init__(f"no host {host_id!r}; expected one of {', '.join(ids)}{guess}")


def read_hosts(path: Path) -> list[Host]:
    """Return the checked hosts of one ``hosts.toml``.

    Raises
    ------
    CatalogError
        With the file, the key and the reason.
    """
    try:
        found = msgspec.convert(read_table(path), HostFile).host
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}: {error}") from error
    for host in found:
        for reason in _faults(host):
            raise CatalogError(f"{path}: host {host.id!r}: {reason}")
    return found


def load_hosts(path: Path | str | None = None) -> dict[str, Host]:
    """Return the hosts by id, the library's first, with those of one's own catalogs beside them.

    Parameters
    ----------
    path : Path or str, optional
        A catalog folder with a ``hosts.toml`` of its own; ``STACKMOTIF_CATALOG`` names more.

    Raises
    ------
    CatalogError
        For a file that is none, or an id that stands twice.

    Examples
    --------
    >>> list(load_hosts())
    ['layered-oxide', 'rock-salt', 'fcc', 'zinc-blende', 'diamond']
    """
    hosts: dict[str, Host] = {}
    for folder in catalog_folders(path):
        file = folder / HOSTS_FILE
        for host in read_hosts(file) if os.path.lexists(file) else ():
            if host.id in hosts:
                raise CatalogError(f"{file}: host {host.id!r} stands twice; rename one")
            hosts[host.id] = host
    return hosts


def get_host(host_id: str, *, path: Path | str | None = None) -> Host:
    """Return one host.

    Raises
    ------
    UnknownHostError
        With the ids that there are.

    Examples
    --------
    >>> get_host("zinc-blende").columns
    'dumbbell'
    """
    hosts = load_hosts(path)
    if host_id not in hosts:
        raise UnknownHostError(host_id, known=list(hosts))
    return hosts[host_id]


def _faults(host: Host) -> Iterator[str]:
    """Yield what contradicts itself in an entry."""
    plain = host.pitch_A is not None and host.row_spacing_A is not None
    half = host.pitch_A is not None or host.row_spacing_A is not None
    if plain == (host.cubic_a_A is not None) or (half and not plain):
        yield "expected either pitch_A and row_spacing_A, or cubic_a_A"
        return
    windows = {"pitch_A": host.pitch_A, "row_spacing_A": host.row_spacing_A}
    for key, window in {**windows, "cubic_a_A": host.cubic_a_A}.items():
        if window is not None and not window[0] < window[1]:
            yield f"{key} is {list(window)}; expected the smaller value first"
    if len(set(host.shifts)) != len(host.shifts) or not {-1, 1} <= set(host.shifts):
        yield f"shifts is {host.shifts}; expected -1 and 1, and 0 where straight gaps are met"
    if {_STATE_OF_SHIFT[s] for s in host.shifts} != set(host.states):
        yield f"states names {sorted(host.states)}; expected one name for each of the shifts"
    if host.is_layered and set(host.shifts) != {-1, 0, 1}:
        yield "label is 'by-state'; expected the shifts -1, 0 and 1 for it"
