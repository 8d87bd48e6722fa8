"""Kinematic diffraction: where the spots of a crystal lie and how strong one scattering is."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class DiffractionPattern:
    """Spots of the zeroth-order Laue zone, in image axes.

    Parameters
    ----------
    hkl : ndarray of int, shape (n, 3)
        Indices in the structure's own reciprocal basis; 000 is left out.
    g_per_A : ndarray of float64, shape (n, 2)
        Spot positions (y, x) [1/Å]; y points down, x right, as in an image's Fourier transform.
    intensity : ndarray of float64, shape (n,)
        |F|², the strongest spot is 1.
    zone : tuple of int
        Direction [uvw] that points at the viewer.
    """

    hkl: NDArray[np.int64]
    g_per_A: NDArray[np.float64]
    intensity: NDArray[np.float64]
    zone: tuple[int, int, int]


def kinematic_pattern(
    structure: "Structure",
    *,
    zone: tuple[int, int, int] = (1, 0, 0),
    max_g_per_A: float = 1.0,
    min_intensity: float = 1e-6,
) -> DiffractionPattern:
    """Return the kinematic diffraction pattern of a crystal along a zone axis.

    The structure factor sums the electron scattering factors of Lobato and Van Dyck
    (doi:10.1107/S205327331401643X) over the sites, weighted by occupancy; multiple scattering,
    thickness and thermal motion are left out.

    Parameters
    ----------
    structure : pymatgen Structure
        The crystal.
    zone : tuple of int
        Direction [uvw].
    max_g_per_A : float
        Largest spatial frequency [1/Å].
    min_intensity : float
        Spots weaker than this fraction of the strongest are left out.

    Raises
    ------
    SimulationError
        If the zone is zero or parallel to c, or the range is not positive.
    """
    if not (math.isfinite(max_g_per_A) and 0 < max_g_per_A <= 5):
        raise SimulationError(f"max_g_per_A is {max_g_per_A} 1/Å; expected more than 0 and up to 5")
    reciprocal = np.asarray(structure.lattice.reciprocal_lattice_crystallographic.matrix)
    right, up = _screen_axes(np.asarray(structure.lattice.matrix), zone)
    hkl = _zone_indices(np.asarray(structure.lattice.abc), zone, max_g_per_A)
    vectors = hkl @ reciprocal
    inside = np.linalg.norm(vectors, axis=1) <= max_g_per_A
    hkl, vectors = hkl[inside], vectors[inside]
    strength = np.abs(_structure_factors(structure, hkl, vectors)) ** 2
    strength = strength / max(float(strength.max(initial=0.0)), np.finfo(np.float64).tiny)
    kept = strength >= min_intensity
    return DiffractionPattern(
        hkl=hkl[kept],
        g_per_A=np.stack([-vectors[kept] @ up, vectors[kept] @ right], axis=1),
        intensity=strength[kept],
        zone=zone,
    )


def _screen_axes(
    lattice: NDArray[np.float64], zone: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    beam = np.asarray(zone) @ lattice
    length = float(np.linalg.norm(beam))
    toward = beam / length if length > 0 else beam
    up = lattice[2] - (lattice[2] @ toward) * toward
    if length == 0 or np.linalg.norm(up) < 0.1 * np.linalg.norm(lattice[2]):
        raise SimulationError(
            f"zone axis {list(zone)} is zero or (nearly) parallel to c; expected one across the "
            "slabs, such as [1, 0, 0]"
        )
    up = up / np.linalg.norm(up)
    return np.cross(up, toward), up


def _zone_indices(
    edges_A: NDArray[np.float64], zone: tuple[int, int, int], max_g_per_A: float
) -> NDArray[np.int64]:
    """Return all indices of the zeroth Laue zone inside the sphere's bounding box, without 000."""
    spans = [np.arange(-reach, reach + 1) for reach in np.ceil(edges_A * max_g_per_A).astype(int)]
    hkl = np.stack(np.meshgrid(*spans, indexing="ij"), -1).reshape(-1, 3)
    return hkl[(hkl @ np.asarray(zone) == 0) & hkl.any(axis=1)]


def _structure_factors(
    structure: "Structure", hkl: NDArray[np.int64], vectors: NDArray[np.float64]
) -> NDArray[np.complex128]:
    from stackmotif.imaging.potential import scattering_factor
    from stackmotif.structures.orientation import site_table

    symbols, sites, occupancies = site_table(structure)
    fractions = np.asarray(structure.frac_coords)[sites]
    k2 = (vectors**2).sum(axis=1)
    total = np.zeros(len(hkl), dtype=np.complex128)
    for symbol in np.unique(symbols):
        chosen = symbols == symbol
        phases = np.exp(2j * np.pi * hkl @ fractions[chosen].T)
        total += scattering_factor(str(symbol), k2) * (phases @ occupancies[chosen])
    return total
