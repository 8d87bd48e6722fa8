"""The cells of a result in groups that ought to look alike, and where their patches lie.

A patch shows one cell: the two slabs of a gap, a pitch wide. It is centred between its two columns,
so that what a column's error moves is the patch, never one row against the other.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.orientation import from_row_frame, to_row_frame
from stackmotif.matching.templates.places import Places

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN: Final = 3
MOST_CELLS: Final = 20_000
"""Cells of an image that are looked at, spread evenly: what bounds the time."""
_SMOOTH: Final = 8
"""Slots to either side over which lean and height of a gap are averaged."""


@dataclass(frozen=True)
class CellSet:
    """Cells of an image, those that are to be averaged sharing a group.

    Parameters
    ----------
    places : Places
        Centres and local axes, for templates of the given pitch and row spacing.
    group : ndarray of int, shape (n,)
        Line of the arrays below.
    domain, gap : ndarray of int, shape (group,)
        What a group belongs to.
    states : ndarray of int, shape (group, 3)
        States of the gap above, of the gap itself and of the gap below: indices into ``STATES``.
    shared : ndarray of bool, shape (group, 3)
        Whether the gap above or below belongs to the same domain; true in the middle.
    count : ndarray of int, shape (group,)
        Cells of the group in the image, those left out for the time's sake included.
    """

    places: Places
    group: Ints
    domain: Ints
    gap: Ints
    states: Ints
    shared: NDArray[np.bool_]
    count: Ints

    def __len__(self) -> int:
        return len(self.domain)


def cells_of(
    result: "MotifMap",
    *,
    pitch_A: float,
    row_spacing_A: float,
    owner: Ints | None = None,
    most: int = MOST_CELLS,
) -> CellSet:
    """Return the measured cells of a result, grouped by domain, gap and neighbouring states.

    Parameters
    ----------
    result : MotifMap
        What was read; its columns and cells count.
    pitch_A, row_spacing_A : float
        Lengths of the templates [Å]: patches are stretched to them.
    owner : ndarray of int, optional
        What each cell of ``result.shifts`` belongs to, -1 for nothing; its domain by default.
    most : int
        Cells to use; larger groups are thinned first.
    """
    cells = result.shifts
    gap, slot = np.asarray(cells["gap"]), np.asarray(cells["slot"])
    owner = np.asarray(cells["domain"]) if owner is None else owner
    around = _around(result, gap, slot, owner)
    states, shared = around
    key = np.column_stack([owner, gap, states, shared])
    used = np.flatnonzero(owner >= 0)
    _, first, group = np.unique(key[used], axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    lines = used[first]
    count = np.bincount(group, minlength=len(lines))
    kept = thinned(group, count, most)
    used, group = used[kept], group[kept]
    places = _places(result, used, group, pitch_A=pitch_A, row_spacing_A=row_spacing_A)
    return CellSet(
        places, group, owner[lines], gap[lines], states[lines], shared[lines].astype(bool), count
    )


def thinned(group: Ints, count: Ints, most: int) -> Ints:
    """Return indices of ``most`` members at most, large groups thinned evenly, none emptied.

    >>> thinned(np.array([0, 0, 0, 0, 1]), np.array([4, 1]), 3).tolist()
    [1, 3, 4]
    """
    if len(group) <= most:
        return np.arange(len(group))
    low, high = 1, int(count.max())
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(count, middle).sum() <= most else (low, middle - 1)
    order = np.argsort(group, kind="stable")
    rank = np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
    share = np.minimum(count, low)[group[order]] / count[group[order]]
    chosen = np.floor((rank + 1) * share + 1e-9) > np.floor(rank * share + 1e-9)
    return np.sort(order[chosen])


def _around(
    result: "MotifMap", gap: Ints, slot: Ints, owner: Ints
) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the states of the gaps above, of and below each cell, and which share its owner."""
    shape = result.field.state.shape
    dense = np.full((shape[0] + 2, shape[1]), UNKNOWN)
    dense[1:-1] = result.field.state
    owners = np.full(dense.shape, -2)
    owners[gap + 1, slot] = owner
    rows = gap[:, None] + np.array([0, 1, 2])
    states = dense[rows, slot[:, None]]
    states[:, 1] = _state_codes(result)
    return states, owners[rows, slot[:, None]] == owner[:, None]


def _state_codes(result: "MotifMap") -> Ints:
    order = np.array([ord(one) for one in STATES])
    codes = np.asarray(result.shifts["state"]).astype("U1").view(np.uint32)
    return (codes[:, None] == order).argmax(axis=1)


def _places(
    result: "MotifMap", used: Ints, group: Ints, *, pitch_A: float, row_spacing_A: float
) -> Places:
    """Return where the patches of some cells lie: centres, lean and lengths measured around them.

    A cell's shift is known modulo a pitch; the columns of a group are paired alike.
    """
    cells, lattice = result.shifts, result.summary["lattice"]
    angle, own_pitch = np.radians(lattice["rotation_deg"]), lattice["pitch_A"]
    sign = image_sign(result)
    middle = np.stack([cells["y_A"], cells["x_A"]], axis=1)
    u, v = to_row_frame(middle, angle)
    upper_u, upper_v = to_row_frame(_upper(result), angle)
    shift = sign * np.asarray(cells["shift"])
    lean = 2 * (upper_u - u) / own_pitch - shift
    lean -= np.rint(lean - np.median(lean))
    drop = 2 * (v - upper_v)
    lean, drop = _smooth(result, lean), _smooth(result, drop)
    moved = _repaired(shift[used], group)
    centre = np.stack(
        from_row_frame(u[used] + 0.5 * moved * own_pitch, v[used], float(angle)), axis=1
    )
    right = np.stack(from_row_frame(own_pitch, 0.0, float(angle)))
    down = np.stack(from_row_frame(-lean[used] * own_pitch, drop[used], float(angle)), axis=1)
    axes = np.stack([down / row_spacing_A, np.broadcast_to(right / pitch_A, down.shape)], axis=2)
    return Places(centre / result.pixel_size_A, axes / result.pixel_size_A)


def image_sign(result: "MotifMap") -> int:
    """Return -1 where the gauge turned the sign of all shifts against the image, else 1."""
    return -1 if (result.summary.get("gauge") or {}).get("flipped") else 1


def _upper(result: "MotifMap") -> Floats:
    """Return the upper column of every cell (y, x) [Å]."""
    columns, cells = result.columns, result.shifts
    inside = np.flatnonzero(columns["row"] >= 0)
    width = int(max(columns["slot"].max(initial=0), cells["slot"].max(initial=0))) + 1
    keys = np.asarray(columns["row"][inside]) * width + np.asarray(columns["slot"][inside])
    order = np.argsort(keys)
    wanted = np.asarray(cells["gap"]) * width + np.asarray(cells["slot"])
    found = inside[order[np.clip(np.searchsorted(keys[order], wanted), 0, len(order) - 1)]]
    return np.stack([columns["y_A"][found], columns["x_A"][found]], axis=1)


def _smooth(result: "MotifMap", value: Floats) -> Floats:
    """Return a value of each cell averaged along its gap."""
    from scipy.ndimage import uniform_filter1d

    gap, slot = result.shifts["gap"], result.shifts["slot"]
    total, weight = np.zeros(result.field.state.shape), np.zeros(result.field.state.shape)
    total[gap, slot], weight[gap, slot] = value, 1.0
    width = 2 * _SMOOTH + 1
    above, below = (
        uniform_filter1d(one, width, axis=1, mode="constant") for one in (total, weight)
    )
    return (above / np.maximum(below, 1e-9))[gap, slot]


def _repaired(shift: Floats, group: Ints) -> Floats:
    """Return by how many pitches each shift is off the mean of its group."""
    n = int(group.max(initial=-1)) + 1
    real = np.bincount(group, np.cos(2 * np.pi * shift), n)
    imaginary = np.bincount(group, np.sin(2 * np.pi * shift), n)
    mean = np.arctan2(imaginary, real) / (2 * np.pi)
    return np.rint(shift - mean[group])
