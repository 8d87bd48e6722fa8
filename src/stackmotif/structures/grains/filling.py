"""Crystals turned and cut to fill a region, and the rule for atoms that come too close."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.structures.arguments import as_number
from stackmotif.structures.contacts import ANIONS, CONTACT_LIMITS_A
from stackmotif.structures.grains.model import Array, Conflicts

if TYPE_CHECKING:
    from pymatgen.core import Structure

GRAIN_LIMITS_A: Final = {
    "cation-cation": CONTACT_LIMITS_A["M-M"],
    "anion-anion": CONTACT_LIMITS_A["O-O"],
    "cation-anion": 1.7,
}
"""Least distances between atoms of two grains [Å]. The last is a choice, shorter than any
metal-oxygen distance of the lateral walls that the hard limits admit; it is a parameter."""

MAX_MODEL_ATOMS: Final = 5_000_000
"""Models of more atoms are refused."""

_EDGE_A: Final = 1e-6
"""Faces are moved by this much, so that no atom lies on one exactly."""


@dataclass(frozen=True)
class Crystal:
    """A crystal to cut pieces from.

    Parameters
    ----------
    cell : ndarray, shape (3, 3)
        Lattice vectors as rows [Å].
    fractions : ndarray, shape (m, 3)
        Sites in fractions of the cell.
    species : tuple of tuple of (int, float)
        For each site, atomic numbers and their shares; a rest is vacant.
    repeats_along_c : bool
        False for a stack of slabs that stands alone.
    """

    cell: Array
    fractions: Array
    species: tuple[tuple[tuple[int, float], ...], ...]
    repeats_along_c: bool = True

    @classmethod
    def from_structure(cls, structure: "Structure", *, repeats_along_c: bool = True) -> "Crystal":
        """Return a pymatgen structure as it stands: its Cartesian axes are kept."""
        return cls(
            cell=np.asarray(structure.lattice.matrix, dtype=np.float64),
            fractions=np.asarray(structure.frac_coords, dtype=np.float64),
            species=tuple(
                tuple((kind.Z, float(share)) for kind, share in site.species.items())
                for site in structure
            ),
            repeats_along_c=repeats_along_c,
        )

    @property
    def volume_per_site_A3(self) -> float:
        """Volume of the cell divided by its sites [Å³]."""
        return float(abs(np.linalg.det(self.cell))) / len(self.fractions)


@dataclass(frozen=True)
class Piece:
    """Sites of a turned crystal inside a box: positions (n, 3) [Å] and site numbers (n,)."""

    positions_A: Array
    site: NDArray[np.intp]

    def where(self, mask: NDArray[np.bool_]) -> "Piece":
        """Return the sites of a mask."""
        return Piece(self.positions_A[mask], self.site[mask])


def fill_box(crystal: Crystal, *, box_A: Array, rotation: Array, origin_A: Array) -> Piece:
    """Return the sites of a crystal in a box, edges included below and excluded above.

    Parameters
    ----------
    crystal : Crystal
        What fills it.
    box_A : ndarray, shape (2, 3)
        Lower and upper corner [Å].
    rotation : ndarray, shape (3, 3)
        Turns the crystal about its origin.
    origin_A : ndarray, shape (3,)
        Where the origin of the crystal comes to lie [Å].

    Raises
    ------
    StructureError
        If the box takes more than `MAX_MODEL_ATOMS` sites.
    """
    vectors = crystal.cell @ rotation.T
    corners = box_A[np.indices((2, 2, 2)).reshape(3, -1).T, np.arange(3)]
    spans = (corners - origin_A) @ np.linalg.inv(vectors)
    low, high = np.floor(spans.min(axis=0)) - 1, np.ceil(spans.max(axis=0)) + 1
    if not crystal.repeats_along_c:
        low[2], high[2] = 0, 0
    if float(np.prod(np.ptp(box_A, axis=0))) / crystal.volume_per_site_A3 > MAX_MODEL_ATOMS:
        raise StructureError(
            f"a box of {' × '.join(f'{x:g}' for x in np.ptp(box_A, axis=0))} Å takes more than "
            f"{MAX_MODEL_ATOMS} atoms; expected a smaller one"
        )
    shape = (high - low + 1).astype(np.intp)
    cells = np.indices(tuple(shape)).reshape(3, -1).T + low
    margin = np.abs(vectors).sum(axis=0)
    wider = np.array([box_A[0] - margin, box_A[1] + margin])
    cells = cells[_inside(cells @ vectors + origin_A, wider)]
    sites = np.arange(len(crystal.fractions))
    positions = (cells @ vectors)[:, None] + (crystal.fractions @ vectors)[None] + origin_A
    piece = Piece(positions.reshape(-1, 3), np.tile(sites, len(cells)))
    return piece.where(_inside(piece.positions_A, box_A))


def _inside(points: Array, box_A: Array) -> NDArray[np.bool_]:
    shifted = points + _EDGE_A
    return np.all((shifted >= box_A[0]) & (shifted < box_A[1]), axis=1)


def draw_species(
    crystal: Crystal, piece: Piece, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the atomic number on each site, 0 where it is vacant; shares are drawn at random."""
    numbers = np.zeros(len(piece.site), dtype=np.uint8)
    for site, shares in enumerate(crystal.species):
        at = np.flatnonzero(piece.site == site)
        if len(shares) == 1 and shares[0][1] == 1.0:
            numbers[at] = shares[0][0]
            continue
        kinds = np.array([number for number, _ in shares] + [0], dtype=np.uint8)
        limits = np.cumsum([share for _, share in shares])
        numbers[at] = kinds[np.searchsorted(limits, generator.random(len(at)), side="right")]
    return numbers


def drop_later(
    numbers: NDArray[np.uint8],
    positions_A: Array,
    grain_of: NDArray[np.int32],
    *,
    limits_A: Mapping[str, float] = GRAIN_LIMITS_A,
    period_x_A: float = 0.0,
) -> tuple[NDArray[np.bool_], Conflicts]:
    """Return which atoms stay where those of two grains are too close.

    Grains are gone through by number; an atom that is closer than the limit to an atom kept of a
    lower-numbered grain is left out. Atoms of one grain are never compared.

    Parameters
    ----------
    numbers : ndarray of uint8, shape (n,)
        Atomic numbers.
    positions_A : ndarray, shape (n, 3)
        Positions [Å].
    grain_of : ndarray of int32, shape (n,)
        Number of each atom's grain.
    limits_A : Mapping of str to float
        See `GRAIN_LIMITS_A` [Å].
    period_x_A : float
        Period along x [Å]; 0 for none.

    Returns
    -------
    keep : ndarray of bool, shape (n,)
        False for atoms to leave out.
    conflicts : Conflicts
        What was counted.
    """
    limits = checked_limits(limits_A)
    anion = np.isin(numbers, anion_numbers())
    first, later, kind = _close_pairs(positions_A, grain_of, anion, limits, period_x_A)
    keep = np.ones(len(numbers), dtype=bool)
    order = np.argsort(grain_of[later], kind="stable")
    first, later = first[order], later[order]
    for grain in np.unique(grain_of[later]):
        low, high = np.searchsorted(grain_of[later], [grain, grain + 1])
        keep[later[low:high][keep[first[low:high]]]] = False
    counts = np.bincount(kind, minlength=len(limits))
    pairs = {name: int(n) for name, n in zip(limits, counts, strict=True)}
    return keep, Conflicts(limits, pairs, _by_element(numbers[~keep]))


def checked_limits(limits_A: Mapping[str, float]) -> dict[str, float]:
    """Return limits in the order of `GRAIN_LIMITS_A`, or refuse them.

    Raises
    ------
    StructureError
        For an unknown kind of pair, or a limit outside 0 to 4 Å.
    """
    if not isinstance(limits_A, Mapping):
        raise StructureError(
            f"limits are {limits_A!r:.60}; expected lengths in Å by kind of pair, such as "
            "{'cation-cation': 2.4}"
        )
    unknown = sorted(map(str, set(limits_A) - set(GRAIN_LIMITS_A)))
    if unknown:
        raise StructureError(
            f"limits for {', '.join(unknown)}; expected {', '.join(GRAIN_LIMITS_A)}"
        )
    merged = {**GRAIN_LIMITS_A, **limits_A}
    for name, limit in merged.items():
        if not 0 <= as_number(limit) <= 4:
            raise StructureError(f"limit of {name} is {limit!r} Å; expected 0 to 4 Å")
    return merged


def anion_numbers() -> list[int]:
    """Return the atomic numbers of the anions."""
    from ase.data import atomic_numbers

    return [atomic_numbers[symbol] for symbol in sorted(ANIONS)]


def _close_pairs(
    positions_A: Array,
    grain_of: NDArray[np.int32],
    anion: NDArray[np.bool_],
    limits: Mapping[str, float],
    period_x_A: float,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs of two grains below their limit, the lower-numbered first, and their kind."""
    from scipy.spatial import cKDTree

    points = positions_A
    if period_x_A:
        wrapped = positions_A[:, 0] % period_x_A
        wrapped[wrapped >= period_x_A] = 0.0  # a tiny negative number is rounded up to the period
        points = np.column_stack([wrapped, positions_A[:, 1:]])
    tree = cKDTree(points, boxsize=[period_x_A, 0, 0] if period_x_A else None)
    pairs = tree.query_pairs(max(limits.values()), output_type="ndarray")
    pairs = pairs[grain_of[pairs[:, 0]] != grain_of[pairs[:, 1]]]
    step = points[pairs[:, 0]] - points[pairs[:, 1]]
    if period_x_A:
        step[:, 0] -= np.round(step[:, 0] / period_x_A) * period_x_A
    n_anions = anion[pairs].sum(axis=1)
    kind = np.array([0, 2, 1])[n_anions]
    close = np.linalg.norm(step, axis=1) < np.array(list(limits.values()))[kind]
    pairs, kind = pairs[close], kind[close]
    swap = grain_of[pairs[:, 0]] > grain_of[pairs[:, 1]]
    pairs[swap] = pairs[swap][:, ::-1]
    return pairs[:, 0], pairs[:, 1], kind


def _by_element(numbers: NDArray[np.uint8]) -> dict[str, int]:
    from ase.data import chemical_symbols

    values, counts = np.unique(numbers, return_counts=True)
    return {chemical_symbols[v]: int(n) for v, n in zip(values, counts, strict=True)}
