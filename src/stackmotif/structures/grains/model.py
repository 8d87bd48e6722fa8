"""Models of many crystals as arrays: quick to make and to write at hundreds of thousands of atoms.

Frame of every model: x along the beam, pointing at the viewer; y to the right in the image; z up,
along +c of the core.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

Array = NDArray[np.float64]

CONFLICT_RULE: Final = (
    "Where atoms of two grains are closer than the limit, the atom of the grain with the higher "
    "number is left out. Grain 0 is the core or host; the others are numbered from the largest, by "
    "the sites that they fill. "
    "Charge and composition are not restored."
)
"""What happens to atoms that are too close, in words that a report can carry."""


@dataclass(frozen=True)
class Grain:
    """One crystal of a model.

    Parameters
    ----------
    kind : str
        ``core`` for the host, ``shell`` for a grain of rock salt, ``domain`` for an embedded one.
    rotation : ndarray, shape (3, 3)
        Turns vectors of the unturned crystal (a along x, c along z) into the model's frame.
    rotation_deg : float
        Turn about the beam, counter-clockwise for the viewer, after the zone was chosen [degrees].
    zone : str
        Cubic zone along the beam, such as ``110``; empty for a layered crystal.
    sense : str
        Fcc sense before the turn, ``+`` or ``-``; empty for a layered crystal.
    tilt_deg : float
        Further tilt of that zone away from the beam [degrees].
    n_atoms : int
        Atoms of this grain in the model.
    diameter_A : float
        Diameter of the sphere of the grain's volume, before atoms were left out [Å].
    """

    kind: str
    rotation: Array
    rotation_deg: float = 0.0
    zone: str = ""
    sense: str = ""
    tilt_deg: float = 0.0
    n_atoms: int = 0
    diameter_A: float = 0.0


@dataclass(frozen=True)
class Conflicts:
    """What was too close at the boundaries of grains, and what the rule left out.

    Parameters
    ----------
    limits_A : Mapping of str to float
        Least distances of ``cation-cation``, ``anion-anion`` and ``cation-anion`` [Å].
    pairs : Mapping of str to int
        Pairs below the limit, by the same kinds.
    dropped : Mapping of str to int
        Atoms left out, by element.
    rule : str
        Which atom of a pair is left out.
    """

    limits_A: Mapping[str, float]
    pairs: Mapping[str, int]
    dropped: Mapping[str, int]
    rule: str = CONFLICT_RULE

    @property
    def n_dropped(self) -> int:
        """Number of atoms left out."""
        return sum(self.dropped.values())


@dataclass(frozen=True)
class Model:
    """Atoms of one or more crystals in an orthogonal cell.

    Parameters
    ----------
    numbers : ndarray of uint8, shape (n,)
        Atomic numbers.
    positions_A : ndarray of float64, shape (n, 3)
        Positions (x, y, z): along the beam, right, up [Å].
    grain_of : ndarray of int32, shape (n,)
        Index into ``grains``.
    cell_A : ndarray of float64, shape (3,)
        Edges of the cell [Å].
    periodic : tuple of bool
        Whether the atoms go on periodically along x, y and z; elsewhere the cell holds vacuum.
    grains : tuple of Grain
        The crystals, the core or host first.
    conflicts : Conflicts
        What was left out at their boundaries.
    """

    numbers: NDArray[np.uint8]
    positions_A: Array
    grain_of: NDArray[np.int32]
    cell_A: Array
    periodic: tuple[bool, bool, bool]
    grains: tuple[Grain, ...]
    conflicts: Conflicts

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        size = " × ".join(f"{edge:.0f}" for edge in self.cell_A)
        return f"<Model of {len(self)} atoms in {len(self.grains)} grains, cell {size} Å>"

    @property
    def composition(self) -> dict[str, int]:
        """Number of atoms of each element; nothing makes it neutral or stoichiometric."""
        from ase.data import chemical_symbols

        values, counts = np.unique(self.numbers, return_counts=True)
        return {chemical_symbols[v]: int(n) for v, n in zip(values, counts, strict=True)}

    def diameters_A(self, *, kind: str = "shell") -> tuple[float, float]:
        """Return mean and standard deviation of the diameters of the grains of one kind [Å].

        Grains are cut by the surface, by the core and by the edge of the model, and count as cut.
        """
        sizes = np.array([grain.diameter_A for grain in self.grains if grain.kind == kind])
        return (float(sizes.mean()), float(sizes.std())) if len(sizes) else (0.0, 0.0)

    def to_ase(self) -> "Atoms":
        """Return the model for ASE, with the grains' numbers as the array ``grain``.

        ``ase.io.write("model.xyz", model.to_ase())`` writes extended XYZ.
        """
        from ase import Atoms

        atoms = Atoms(
            numbers=self.numbers, positions=self.positions_A, cell=self.cell_A, pbc=self.periodic
        )
        atoms.set_array("grain", self.grain_of)
        return atoms

    def to_structure(self) -> "Structure":
        """Return the model for pymatgen, which takes about 20 µs per atom."""
        from ase.data import chemical_symbols
        from pymatgen.core import Lattice, Structure

        return Structure(
            Lattice.orthorhombic(*self.cell_A),
            [chemical_symbols[number] for number in self.numbers],
            self.positions_A / self.cell_A,
        )
