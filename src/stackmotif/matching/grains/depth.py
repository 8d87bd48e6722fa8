"""Quantities against depth below the surface, and the thickness of the degraded layer."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StackmotifError
from stackmotif.matching.grains.area import RockSaltArea, rocksalt_area
from stackmotif.matching.grains.guests import guest_metal
from stackmotif.matching.grains.surface import Surface, find_surface
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.orientation import to_row_frame

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BIN_A: Final = 5.0
"""Width of a bin [Å]: about one row of a layered oxide; a choice."""
_STATES: Final = {"O3": "+", "O1": "0", "O3r": "-", "unresolved": "x"}
QUANTITIES: Final = (
    *_STATES,
    "rocksalt",
    "guest_metal",
    "row_spacing_A",
    "pitch_A",
    "faults_per_nm",
)
"""What `depth_profile` knows: shares of the cells by state, the share of the area that is rock
salt, height at guest sites over that of the metal, lengths, and faulted gaps per nm along c."""
_FEWEST: Final = 3
_SPARSE: Final = 0.05
_CENTRE: Final = 0.5


@dataclass(frozen=True)
class DepthProfile:
    """A quantity in bins of depth; bins without enough are left out.

    Parameters
    ----------
    quantity : str
        One of ``QUANTITIES``.
    depth_A : ndarray, shape (n,)
        Middles of the bins, from the surface inwards [Å].
    value, sigma : ndarray, shape (n,)
        Mean in the bin, and its standard error.
    count : ndarray of int, shape (n,)
        Cells, steps or places that it is the mean of.
    bin_A : float
        Width of the bins [Å].
    """

    quantity: str
    depth_A: Floats
    value: Floats
    sigma: Floats
    count: Ints
    bin_A: float

    def describe(self) -> dict[str, Any]:
        """Return plain lists."""
        return {
            "depth_A": [round(float(d), 2) for d in self.depth_A],
            "value": [float(f"{v:.5g}") for v in self.value],
            "sigma": [float(f"{v:.2g}") for v in self.sigma],
            "count": [int(n) for n in self.count],
        }


def depth_profile(
    result: MotifMap, quantity: str, *, surface: Surface | None = None, bin_A: float = BIN_A
) -> DepthProfile | None:
    """Return a quantity against the distance from the surface.

    Parameters
    ----------
    result : MotifMap
        A result.
    quantity : str
        One of ``QUANTITIES``.
    surface : Surface, optional
        The edge; by default that of the columns, see `find_surface`.
    bin_A : float
        Width of the bins [Å].

    Returns
    -------
    DepthProfile or None
        None where there is no surface, or nothing of the quantity was measured.

    Raises
    ------
    StackmotifError
        For another quantity, or a width that is not a finite positive number.
    """
    if quantity not in QUANTITIES:
        raise StackmotifError(f"quantity is {quantity!r}; expected one of {', '.join(QUANTITIES)}")
    if not (np.isfinite(bin_A) and bin_A > 0):
        raise StackmotifError(f"bin_A is {bin_A} Å; expected a finite positive number")
    surface = find_surface(result) if surface is None else surface
    if surface is None:
        return None
    places, values, groups = _measured(result, quantity)
    depth = surface.depth_A(places) if len(places) else np.empty(0)
    inside = depth >= 0
    depth, values, groups = depth[inside], values[inside], groups[inside]
    if not len(depth):
        return None
    number = (depth / bin_A).astype(np.int64)
    n = int(number.max()) + 1
    count = np.bincount(number, minlength=n)
    mean = np.bincount(number, values, n) / np.maximum(count, 1)
    sigma = _errors(number, values, groups, mean, n)
    kept = count >= _FEWEST
    middle = np.asarray((np.arange(n) + _CENTRE) * bin_A, dtype=np.float64)
    return DepthProfile(quantity, middle[kept], mean[kept], sigma[kept], count[kept], bin_A)


def _errors(number: Ints, values: Floats, groups: Ints, mean: Floats, n: int) -> Floats:
    """Return standard errors of the means; values of one group go together.

    Cells of a gap share its state, and places of a grain the grain.
    """
    pair = number * (int(groups.max()) + 1) + groups
    unique, inverse, size = np.unique(pair, return_inverse=True, return_counts=True)
    off = np.bincount(inverse, values - mean[number])
    own = unique // (int(groups.max()) + 1)
    total = np.bincount(own, size, n)
    square = np.bincount(own, off**2, n)
    k = np.bincount(own, minlength=n)
    sigma = np.sqrt(square * k / np.maximum(k - 1, 1)) / np.maximum(total, 1)
    # A single group, or no scatter at all, says nothing about the error: one group in doubt.
    shares = np.all((values == 0) | (values == 1))
    floor = _CENTRE / (np.maximum(k, 1) + 1) if shares else 0.0
    return np.asarray(np.maximum(sigma, floor))


def _measured(result: MotifMap, quantity: str) -> tuple[Floats, Floats, Ints]:
    """Return places (n, 2) [Å], values and groups of a quantity."""
    shifts = result.shifts
    cells = np.stack([shifts["y_A"], shifts["x_A"]], axis=1)
    if quantity in _STATES:
        return cells, (shifts["state"] == _STATES[quantity]).astype(float), shifts["gap"]
    if quantity == "rocksalt":
        area = rocksalt_area(result)
        return area.places_A, area.share, area.block
    if quantity == "guest_metal":
        found = guest_metal(result)
        if found is None:
            return np.empty((0, 2)), np.empty(0), np.empty(0, dtype=np.int64)
        return np.stack([found.y_A, found.x_A], axis=1), found.relative, np.arange(len(found))
    if quantity == "pitch_A":
        return _steps(result)
    drop = _drops_A(result)
    if quantity == "row_spacing_A":
        known = np.isfinite(drop)
        return cells[known], drop[known], np.arange(int(known.sum()))
    known = np.isin(shifts["state"], ("+", "0", "-")) & np.isfinite(drop)
    faulted = (
        (shifts["state"] != "+")[known] * 10.0 / float(np.mean(drop[known]))
        if known.any()
        else np.empty(0)
    )
    return cells[known], faulted, shifts["gap"][known]


def _angle_rad(result: MotifMap) -> float:
    return float(np.radians((result.summary.get("lattice") or {}).get("rotation_deg", 0.0)))


def _on_grid(result: MotifMap) -> Ints:
    """Return the line of ``columns`` at every (row, slot), -1 for none."""
    columns = result.columns
    own = np.flatnonzero(columns["row"] >= 0)
    shape = (int(columns["row"].max(initial=0)) + 1, int(columns["slot"].max(initial=0)) + 2)
    grid = np.full(shape, -1)
    grid[columns["row"][own], columns["slot"][own]] = own
    return grid


def _drops_A(result: MotifMap) -> Floats:
    """Return, per cell, the distance of its two rows [Å]."""
    shifts, columns = result.shifts, result.columns
    if not len(shifts):
        return np.empty(0)
    upper = _on_grid(result)[shifts["gap"], shifts["slot"]]
    above = np.stack([columns["y_A"], columns["x_A"]], axis=1)[upper]
    _, v = to_row_frame(
        np.stack([shifts["y_A"], shifts["x_A"]], axis=1) - above, _angle_rad(result)
    )
    return np.where(upper >= 0, 2.0 * v, np.nan)


def _steps(result: MotifMap) -> tuple[Floats, Floats, Ints]:
    """Return the steps between neighbours in the rows."""
    grid, columns = _on_grid(result), result.columns
    left, right = grid[:, :-1].ravel(), grid[:, 1:].ravel()
    both = (left >= 0) & (right >= 0)
    places = np.stack([columns["y_A"], columns["x_A"]], axis=1)
    first, second = places[left[both]], places[right[both]]
    length = np.hypot(*(second - first).T)
    return 0.5 * (first + second), length, np.arange(len(length))


def degraded_layer(result: MotifMap, *, surface: Surface | None = None) -> dict[str, Any]:
    """Return the mean thickness of the rock salt at the surface.

    The share of the crystal that is rock salt is summed up over the depth, from the surface to
    where there is no more. The error is that over stretches of the surface taken as independent,
    with that of the edge.

    Returns
    -------
    dict
        ``thickness_A``, ``thickness_sigma_A``, ``at_least`` (the layer goes on beyond what the
        field shows), ``method``; thickness None with ``because`` where there is no edge.
    """
    surface = find_surface(result) if surface is None else surface
    if surface is None:
        because = "no edge of the crystal against vacuum or an amorphous film in the field"
        return {"thickness_A": None, "thickness_sigma_A": None, "because": because}
    area: RockSaltArea = rocksalt_area(result)
    depth = surface.depth_A(area.places_A)
    inside = depth >= 0
    depth, share, block = depth[inside], area.share[inside], area.block[inside]
    if not len(depth):
        return {"thickness_A": None, "thickness_sigma_A": None, "because": "nothing inside"}
    whole, deepest = _thickness_A(depth, share)
    blocks = np.unique(block)
    each = [_thickness_A(depth[block != one], share[block != one])[0] for one in blocks]
    k = len(blocks)
    jackknife = (
        np.sqrt((k - 1) / k * np.sum((np.array(each) - np.mean(each)) ** 2)) if k > 1 else whole
    )
    return {
        "thickness_A": round(whole, 2),
        "thickness_sigma_A": round(
            float(np.hypot(jackknife, surface.sigma_A if whole > 0 else 0.0)), 2
        ),
        "at_least": bool(deepest),
        "method": "share of rock salt summed over depth, edge from " + surface.method,
    }


def _thickness_A(depth: Floats, share: Floats) -> tuple[float, bool]:
    """Return the sum over depth, and whether rock salt goes on at the deepest place."""
    bin_A = 0.5 * BIN_A
    number = (depth / bin_A).astype(np.int64)
    count = np.bincount(number)
    salt = np.bincount(number, share) / np.maximum(count, 1)
    few = np.flatnonzero(salt < _SPARSE)
    end = int(few[0]) if len(few) else len(salt)
    return float(salt[:end].sum() * bin_A), end == len(salt)
