"""One lattice through a connected region of columns, from its middle outwards."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.zones import Complex, ZoneAxis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_GROWTH: Final = 1.5
_STRAY: Final = 0.25  # residual of a member, in shortest distances
_FEWEST: Final = 5
_ROUNDS: Final = 14


@dataclass(frozen=True)
class GrainLattice:
    """Columns at ``origin + matrix @ (m, n)``, as (right, up) [Å].

    Parameters
    ----------
    origin : complex
        Place of the column (0, 0).
    matrix : ndarray, shape (2, 2)
        Columns are the two lattice vectors (right, up) [Å].
    direction_rad, direction_sigma_rad : float
        Direction of the zone's first axis and its standard error: the rotation of the polar
        decomposition, to which a stretched image contributes nothing.
    stretch : tuple of float
        Principal stretches against the lattice it should be, the larger first.
    scatter_A : float
        Root mean square distance of the members from the lattice, per axis [Å].
    """

    origin: complex
    matrix: Floats
    direction_rad: float
    direction_sigma_rad: float
    stretch: tuple[float, float]
    scatter_A: float

    @property
    def area_A2(self) -> float:
        """Area per column [Å²]."""
        return float(abs(np.linalg.det(self.matrix)))

    def indices(self, places: Complex) -> tuple[Ints, Floats]:
        """Return the nearest lattice point of every place, and the distance from it [Å]."""
        vectors = np.stack([(places - self.origin).real, (places - self.origin).imag], axis=1)
        index = np.rint(vectors @ np.linalg.inv(self.matrix).T)
        rest = vectors - index @ self.matrix.T
        return index.astype(np.int64), np.hypot(*rest.T)


def fit_lattice(
    places: Complex, zone: ZoneAxis, *, lattice_A: float, start: int, turn_rad: float
) -> tuple[GrainLattice, Bools] | None:
    """Fit a lattice, beginning at one column and looking further out in every round.

    Parameters
    ----------
    places : ndarray of complex, shape (n,)
        Columns, x - i y [Å].
    zone : ZoneAxis
        Axis that they are seen along.
    lattice_A : float
        Lattice constant [Å].
    start : int
        Column to begin at.
    turn_rad : float
        Direction of the zone's first axis there.

    Returns
    -------
    lattice : GrainLattice
    member : ndarray of bool, shape (n,)
    """
    ideal = lattice_A * np.array(
        [[b.real for b in zone.basis], [b.imag for b in zone.basis]], dtype=np.float64
    )
    shortest = lattice_A * zone.shortest
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    matrix, origin = np.array([[c, -s], [s, c]]) @ ideal, complex(places[start])
    found = GrainLattice(origin, matrix, turn_rad, np.inf, (1.0, 1.0), np.inf)
    away = np.abs(places - places[start])
    reach, member = 1.25 * lattice_A * float(np.abs(zone.ring).max()), np.zeros(len(places), bool)
    for _ in range(_ROUNDS):
        index, rest = found.indices(places)
        member = (away <= reach) & (rest < _STRAY * shortest)
        if member.sum() < _FEWEST:
            return None
        found = _solve(places[member], index[member], ideal)
        if reach > away.max() and _same(member, found.indices(places)[1] < _STRAY * shortest):
            break
        reach *= _GROWTH
    return found, member


def refit(
    lattice: GrainLattice, places: Complex, zone: ZoneAxis, *, lattice_A: float
) -> GrainLattice:
    """Return the lattice through more columns, each at the point that it is nearest to."""
    ideal = lattice_A * np.array([[b.real for b in zone.basis], [b.imag for b in zone.basis]])
    index, rest = lattice.indices(places)
    near = rest < _STRAY * lattice_A * zone.shortest
    return _solve(places[near], index[near], ideal) if near.sum() >= _FEWEST else lattice


def _same(first: Bools, second: Bools) -> bool:
    return bool((first == second).all())


def _solve(places: Complex, index: Ints, ideal: Floats) -> GrainLattice:
    """Return the least squares lattice."""
    design = np.column_stack([np.ones(len(index)), index])
    target = np.stack([places.real, places.imag], axis=1)
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    matrix = np.asarray(solution[1:].T, dtype=np.float64)
    rest = target - design @ solution
    scatter = float(np.sqrt((rest**2).sum() / max(2 * len(index) - 6, 1)))
    left, stretch, right = np.linalg.svd(matrix @ np.linalg.inv(ideal))
    turn = left @ right
    spread = index @ matrix.T
    spread = spread - spread.mean(axis=0)
    return GrainLattice(
        origin=complex(*solution[0]),
        matrix=matrix,
        direction_rad=float(np.arctan2(turn[1, 0], turn[0, 0])),
        direction_sigma_rad=scatter / max(float(np.sqrt((spread**2).sum())), 1e-9),
        stretch=(float(stretch[0]), float(stretch[1])),
        scatter_A=scatter,
    )
