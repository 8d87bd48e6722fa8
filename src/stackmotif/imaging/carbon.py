"""Amorphous carbon on the specimen: a support film or contamination.

Atoms are placed at random with a smallest distance, which gives the right mean density and no
long-range order; the bonds of real amorphous carbon are not modelled.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.detector import check_range
from stackmotif.imaging.engines.optics import Slices
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.potential import exact_slices
from stackmotif.imaging.specimen import Specimen
from stackmotif.imaging.transmission import exact_transmission
from stackmotif.structures.orientation import OrientedCell

CARBON_G_CM3: Final = 1.75
"""Density of evaporated amorphous carbon [g/cm³].

M. Wanner et al., Ultramicroscopy 106, 341 (2006), doi:10.1016/j.ultramic.2005.10.004, who measured
a mean inner potential of 9.09 V on it.
"""
MIN_DISTANCE_A: Final = 1.4
"""Smallest distance of two atoms [Å]: about the bond of graphite, 1.42 Å."""
_U_G_A3_PER_CM3: Final = 1.66053906660
"""Atomic mass constant [1e-24 g], which is [g/cm³ per u/Å³] (CODATA 2018)."""
_CARBON_U: Final = 12.011
_MAX_PACKING: Final = 0.45
"""Share of the volume that spheres of the smallest distance may fill; random ones jam at 0.64."""
_MAX_PUSHES: Final = 1000


@dataclass(frozen=True)
class CarbonLayers:
    """Amorphous carbon before and after the crystal.

    Parameters
    ----------
    before_A, after_A : float
        Thickness on the entrance and on the exit surface [Å], up to 1000; rounded to whole slices.
    density_g_cm3 : float
        Density [g/cm³], 0.1 to 3.5.

    Raises
    ------
    SimulationError
        If a thickness or the density is out of range.
    """

    before_A: float = 0.0
    after_A: float = 0.0
    density_g_cm3: float = CARBON_G_CM3

    def __post_init__(self) -> None:
        check_range("carbon before_A", self.before_A, 0.0, 1000.0, "Å")
        check_range("carbon after_A", self.after_A, 0.0, 1000.0, "Å")
        check_range("carbon density_g_cm3", self.density_g_cm3, 0.1, 3.5, "g/cm³")

    def __bool__(self) -> bool:
        return self.before_A > 0 or self.after_A > 0


def carbon_positions(
    extent_A: tuple[float, float],
    thickness_A: float,
    *,
    density_g_cm3: float = CARBON_G_CM3,
    min_distance_A: float = MIN_DISTANCE_A,
    rng: int | np.random.Generator = 0,
) -> NDArray[np.float64]:
    """Return the atoms of a layer of amorphous carbon, periodic along x and y.

    Parameters
    ----------
    extent_A : tuple of float
        Lateral edges (x, y) [Å].
    thickness_A : float
        Thickness [Å]; atoms have 0 <= z <= thickness.
    density_g_cm3 : float
        Density [g/cm³].
    min_distance_A : float
        Smallest distance of two atoms [Å].
    rng : int or Generator
        Seed or generator.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Positions (x, y, z) [Å].

    Raises
    ------
    SimulationError
        If so many atoms cannot be that far from each other.
    """
    number_per_A3 = density_g_cm3 / (_U_G_A3_PER_CM3 * _CARBON_U)
    packing = number_per_A3 * math.pi / 6 * min_distance_A**3
    if not (packing <= _MAX_PACKING and thickness_A > 0 and min(extent_A) > 2 * min_distance_A):
        raise SimulationError(
            f"carbon of {density_g_cm3} g/cm³ with {min_distance_A} Å between atoms in a box of "
            f"{extent_A[0]:.1f} × {extent_A[1]:.1f} × {thickness_A} Å cannot be filled (share "
            f"{packing:.2f}); expected a share up to {_MAX_PACKING}, a positive thickness and "
            "edges above twice the distance"
        )
    box = np.array([*extent_A, thickness_A], dtype=np.float64)
    generator = np.random.default_rng(rng)
    atoms = generator.random((round(number_per_A3 * float(box.prod())), 3)) * box
    return _pushed_apart(atoms, box, min_distance_A)


def _pushed_apart(
    atoms: NDArray[np.float64], box: NDArray[np.float64], distance_A: float
) -> NDArray[np.float64]:
    """Move atoms that are too close apart along their line until none are left."""
    for _ in range(_MAX_PUSHES):
        pairs = _close_pairs(atoms, box, distance_A)
        if not len(pairs):
            return atoms
        away = atoms[pairs[:, 0]] - atoms[pairs[:, 1]]
        away[:, :2] -= box[:2] * np.round(away[:, :2] / box[:2])
        length = np.linalg.norm(away, axis=1, keepdims=True)
        step = away / np.maximum(length, 1e-9) * (1.02 * distance_A - length) / 2
        for axis in range(3):
            for column, sign in ((0, 1.0), (1, -1.0)):
                atoms[:, axis] += sign * np.bincount(
                    pairs[:, column], weights=step[:, axis], minlength=len(atoms)
                )
        atoms[:, :2] = np.mod(atoms[:, :2], box[:2])
        atoms[:, 2] = np.clip(atoms[:, 2], 0.0, box[2])
    raise SimulationError(
        f"carbon atoms in a box of {box[0]:.1f} × {box[1]:.1f} × {box[2]:.1f} Å could not be kept "
        f"{distance_A} Å apart; expected a thicker layer or a lower density"
    )


def _close_pairs(
    atoms: NDArray[np.float64], box: NDArray[np.float64], distance_A: float
) -> NDArray[np.intp]:
    from scipy.spatial import cKDTree

    # Rounding in np.mod can return the edge itself, which the tree refuses.
    inside = np.column_stack([np.minimum(atoms[:, :2], np.nextafter(box[:2], 0)), atoms[:, 2]])
    tree = cKDTree(inside, boxsize=[box[0], box[1], 0.0])
    return tree.query_pairs(distance_A, output_type="ndarray")


def carbon_slices(
    grid: Grid,
    thickness_A: float,
    *,
    density_g_cm3: float = CARBON_G_CM3,
    rng: int | np.random.Generator = 0,
    microscope: Microscope | None = None,
) -> Slices:
    """Return a carbon layer in slices as thick as the crystal's.

    Parameters
    ----------
    grid : Grid
        The crystal's wave grid and slices.
    thickness_A : float
        Thickness [Å], rounded to whole slices and at least one; 0 is no layer.
    density_g_cm3 : float
        Density [g/cm³].
    rng : int or Generator
        Seed or generator.
    microscope : Microscope, optional
        Its energy makes transmission functions of the potential.

    Returns
    -------
    ndarray of float32 or complex64, shape (slice, x, y)
        Projected potential [V Å], or with a microscope transmission functions; no slices for no
        thickness.
    """
    if thickness_A == 0:
        return np.zeros((0, *grid.gpts), dtype=np.float32)
    count = max(1, round(thickness_A / grid.slice_A))
    depth_A = count * grid.slice_A
    atoms = carbon_positions(grid.extent_A, depth_A, density_g_cm3=density_g_cm3, rng=rng)
    own = Grid(
        repeats=(1, 1, 1),
        gpts=grid.gpts,
        extent_A=grid.extent_A,
        slices_per_period=count,
        period_A=depth_A,
    )
    cell = OrientedCell(
        symbols=np.full(len(atoms), "C"),
        positions_A=atoms,
        occupancies=np.ones(len(atoms)),
        extent_A=np.array([*grid.extent_A, depth_A]),
    )
    slice_of = np.clip(np.floor(atoms[:, 2] / grid.slice_A).astype(np.int64), 0, count - 1)
    layer = Specimen(atoms=cell, slice_of=slice_of, grid=own)
    return exact_transmission(layer, microscope=microscope) if microscope else exact_slices(layer)


def between_carbon(
    slices: Slices,
    exit_slices: Sequence[int],
    *,
    grid: Grid,
    layers: CarbonLayers,
    microscope: Microscope,
    rng: int | np.random.Generator = 0,
) -> tuple[Slices, list[int]]:
    """Return the slices of a crystal with its carbon, and after how many the wave is detected.

    Parameters
    ----------
    slices : ndarray of float32 or complex64, shape (slice, x, y)
        The crystal's projected potential [V Å] or transmission functions, repeated along the beam
        if they are fewer.
    exit_slices : sequence of int
        Increasing counts of the crystal's slices after which the wave is detected.
    grid : Grid
        Their wave grid.
    layers : CarbonLayers
        What lies before and after it.
    microscope : Microscope
        Its energy makes transmission functions of carbon where the crystal has them.
    rng : int or Generator
        Seed or generator; both layers are drawn from it.

    Returns
    -------
    tuple of ndarray, shape (slice, x, y), and list of int

    Raises
    ------
    SimulationError
        If carbon lies after the crystal and there is more than one exit plane.
    """
    if layers.after_A > 0 and len(exit_slices) > 1:
        raise SimulationError(
            f"{layers.after_A:g} Å of carbon lie after the crystal and {len(exit_slices)} "
            "thicknesses were asked for in one run; expected one, or carbon before it alone"
        )
    generator = np.random.default_rng(rng)
    before, after = (
        carbon_slices(
            grid,
            thickness,
            density_g_cm3=layers.density_g_cm3,
            rng=generator,
            microscope=microscope if np.iscomplexobj(slices) else None,
        )
        for thickness in (layers.before_A, layers.after_A)
    )
    crystal = slices[np.arange(exit_slices[-1]) % len(slices)]
    exits = [len(before) + count + len(after) for count in exit_slices]
    return np.concatenate([before, crystal, after]), exits
