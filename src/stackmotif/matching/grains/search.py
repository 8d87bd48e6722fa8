"""Rock salt in a field: where it may be, its columns, and grains without any."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns import Columns, find_columns
from stackmotif.errors import ColumnsError
from stackmotif.matching.grains.between import weak_between
from stackmotif.matching.grains.blurred import (
    BlurredGrain,
    blurred_grains,
    part_of,
)
from stackmotif.matching.grains.growing import ColumnGrain, RockSaltWindow, grow_grains
from stackmotif.matching.grains.joining import join_pieces
from stackmotif.matching.grains.neighbourhoods import plane
from stackmotif.matching.grains.spectra import LocalSpectra, local_spectra
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import Sight

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_HALO_A: Final = 14.0
_TAKEN_A: Final = 1.6  # nearer than this to a column of a grain there is no other
_MOST_PIXELS: Final = 2_000_000  # that the network is asked about: half a minute a million


@dataclass(frozen=True)
class RockSalt:
    """The rock salt of a field.

    Parameters
    ----------
    columns : Columns
        Its columns, grain by grain; those of blurred grains last.
    grain : ndarray of int, shape (n,)
        Grain of each: an index into ``resolved`` followed by ``blurred``.
    resolved : tuple of ColumnGrain
        Grains whose columns show; their ``member`` are indices into ``columns``.
    blurred : tuple of BlurredGrain
        Grains that power spectra show.
    network : str or None
        sha256 of the network that looked for columns in them, if one did.
    guests : Columns, optional
        Weak columns between strong ones, which belong to no row: metal in guest layers.
    """

    columns: Columns
    grain: NDArray[np.int64]
    resolved: tuple[ColumnGrain, ...]
    blurred: tuple[BlurredGrain, ...]
    network: str | None = None
    guests: Columns | None = None

    def __bool__(self) -> bool:
        return bool(self.resolved or self.blurred)

    def moved(self, columns: Columns) -> "RockSalt":
        """Return the same with its columns elsewhere; lattices stay as they were fitted."""
        return replace(self, columns=columns)


def find_rocksalt(
    image: Micrograph | None,
    columns: Columns,
    *,
    sight: Sight | None = None,
    window: RockSaltWindow | None = None,
) -> tuple[Columns, RockSalt]:
    """Find rock salt and set its columns aside.

    Where local power spectra, or the columns, show rock salt, a network is asked for columns
    again: the filter looks for those of layered oxides, which are farther apart. It only says
    where to look; what is rock salt the lattice of the fitted columns says.

    Parameters
    ----------
    image : Micrograph or None
        The image, if there is one.
    columns : Columns
        What was found in it.
    sight : Sight, optional
        Whether a network may look, and what it has seen already.
    window : RockSaltWindow, optional
        What counts as rock salt.

    Returns
    -------
    host : Columns
        Those that belong to no rock salt.
    rocksalt : RockSalt
    """
    window = window or RockSaltWindow()
    spectra = None
    if image is not None:
        spectra = local_spectra(
            image.image, pixel_size_A=image.pixel_size_A, lattice_A=window.lattice_A
        )
    weak = _weak(columns)
    columns, guests = columns.take(~weak), columns.take(weak)
    grains = _grains(columns, window)
    network, found = None, columns
    if image is not None and (grains or (spectra is not None and spectra.rocksalt.any())):
        looked = _look_again(image, columns, grains, spectra, sight)
        if looked is not None:
            found, network = looked
            found = found.take(~_weak(found))
            grains = _grains(found, window)
    blurred: list[BlurredGrain] = []
    if spectra is not None:
        blurred = blurred_grains(spectra, grains, found.positions_A, lattice_A=window.lattice_A)
    host, salt = _set_aside(columns, found, grains, blurred, network)
    return host, replace(salt, guests=_apart(guests, salt.columns))


def _weak(columns: Columns) -> Bools:
    return weak_between(columns.positions_A, np.abs(columns.intensity))


def _apart(columns: Columns, taken: Columns) -> Columns:
    """Return the columns that are not found again among others."""
    from scipy.spatial import cKDTree

    if not len(taken) or not len(columns):
        return columns
    distance, _ = cKDTree(taken.positions_A).query(columns.positions_A)
    return columns.take(distance > _TAKEN_A)


def _grains(columns: Columns, window: RockSaltWindow) -> list[ColumnGrain]:
    grains = grow_grains(columns.positions_A, np.abs(columns.intensity), window=window)
    return join_pieces(grains, plane(columns.positions_A), window=window)


def _look_again(
    image: Micrograph,
    columns: Columns,
    grains: list[ColumnGrain],
    spectra: LocalSpectra | None,
    sight: Sight | None,
) -> tuple[Columns, str] | None:
    """Return the columns that a network sees around what may be rock salt, and its sha256."""
    if sight is None or sight.seen is not None or not sight.able(image):
        return None
    places = [columns.positions_A[g.member] for g in grains]
    if spectra is not None:
        rows, across = np.nonzero(spectra.rocksalt)
        places.append(np.stack([spectra.y_A[rows], spectra.x_A[across]], axis=1))
    spots = np.concatenate(places)
    size = image.pixel_size_A
    low = np.maximum(np.floor((spots.min(axis=0) - _HALO_A) / size).astype(int), 0)
    high = np.minimum(np.ceil((spots.max(axis=0) + _HALO_A) / size).astype(int), image.shape)
    if np.prod(high - low) > _MOST_PIXELS:
        return None
    crop = replace(image, image=image.image[low[0] : high[0], low[1] : high[1]])
    own = Sight("on", network=sight.network)
    try:
        seen = find_columns(crop, network=own)
    except ColumnsError:
        return None
    if own.seen is None:
        return None
    return replace(seen, positions_A=seen.positions_A + low * size), own.seen.network


def _set_aside(
    columns: Columns,
    found: Columns,
    grains: list[ColumnGrain],
    blurred: list[BlurredGrain],
    network: str | None,
) -> tuple[Columns, RockSalt]:
    """Split the columns into the host's and those of the grains."""
    parts, numbers, resolved, n = [], [], [], 0
    for number, grain in enumerate(grains):
        parts.append(found.take(grain.member))
        numbers.append(np.full(len(grain.member), number))
        resolved.append(replace(grain, member=n + np.arange(len(grain.member))))
        n += len(grain.member)
    host = columns
    if n:
        host = _apart(columns, found.take(np.concatenate([grain.member for grain in grains])))
    alone: list[BlurredGrain] = []
    for one in blurred:
        inside = one.covers(host.positions_A)
        joined = part_of(one, grains, found.positions_A)
        number = len(grains) + len(alone) if joined is None else joined
        if joined is None:
            alone.append(one)
        parts.append(host.take(inside))
        numbers.append(np.full(int(inside.sum()), number))
        host = host.take(~inside)
    own = columns.take(slice(0, 0))
    for part in parts:
        own = _appended(own, part)
    grain_of = np.concatenate([np.zeros(0, dtype=np.int64), *numbers]).astype(np.int64)
    return host, RockSalt(own, grain_of, tuple(resolved), tuple(alone), network)


def _appended(first: Columns, second: Columns) -> Columns:
    """Return both, in this order."""
    from dataclasses import fields

    names = [one.name for one in fields(first)]
    return Columns(*(np.concatenate([getattr(first, k), getattr(second, k)]) for k in names))
