"""Relaxation of small models with a pretrained interatomic potential."""

import contextlib
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif.errors import MissingPackageError, StructureError
from stackmotif.structures.arguments import as_number
from stackmotif.structures.contacts import min_contacts_A

if TYPE_CHECKING:
    from pymatgen.core import Structure

_MOST_ATOMS: Final = 500
_VACUUM_A: Final = 6.0
_OPTIMIZER: Final = "FIRE"


@dataclass(frozen=True)
class Relaxed:
    """A relaxed crystal and how it was made.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        The crystal, its atoms in the order of the ideal one.
    energy_eV : float
        Potential energy of the cell [eV], on the scale of the potential.
    energy_per_atom_eV : float
        The same per atom [eV].
    ideal_energy_eV : float
        Energy of the cell before the relaxation [eV].
    contacts_A : dict of str to float
        Shortest distances by role, as of `stackmotif.structures.min_contacts_A` [Å].
    max_force_eV_A : float
        Largest force that is left on an atom [eV/Å].
    method : str
        Potential with its version, optimizer, force limit, and whether the cell was relaxed.
    steps : int
        Steps that were made.
    converged : bool
        Whether the forces (and stresses) fell below the limit.
    """

    structure: "Structure"
    energy_eV: float
    energy_per_atom_eV: float
    ideal_energy_eV: float
    contacts_A: dict[str, float]
    max_force_eV_A: float
    method: str
    steps: int
    converged: bool


def relax(
    structure: "Structure",
    *,
    calculator: Any = None,
    relax_cell: bool = True,
    fmax_eV_A: float = 0.05,
    max_steps: int = 300,
) -> Relaxed:
    """Return a crystal at rest in an interatomic potential.

    The ideal model is left as it is. Without a calculator, the universal potential CHGNet is used
    on the CPU (``pip install 'stackmotif[relax]'``); its weights come with its package. Energies of
    one potential compare with each other only, and a relaxed model is no observed one.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        Full sites, at most 500 atoms.
    calculator : ase.calculators.calculator.Calculator, optional
        Any calculator with energy, forces and, if the cell is relaxed, stress.
    relax_cell : bool
        Whether the cell changes too; a model with vacuum needs False.
    fmax_eV_A : float
        Largest force that may be left [eV/Å].
    max_steps : int
        Most steps of the optimizer (FIRE).

    Raises
    ------
    StructureError
        For partly filled sites, too many atoms, vacuum in a cell that is to relax, settings out of
        range, or a potential that gives no finite energy.
    MissingPackageError
        Without a calculator and without CHGNet.

    References
    ----------
    .. [1] B. Deng, P. Zhong, K. Jun, J. Riebesell, K. Han, C. J. Bartel and G. Ceder, Nature
       Machine Intelligence 5, 1031 (2023), doi:10.1038/s42256-023-00716-3
    """
    from pymatgen.io.ase import AseAtomsAdaptor

    _check(structure, relax_cell=relax_cell, fmax_eV_A=fmax_eV_A, max_steps=max_steps)
    potential, name = (calculator, _name(calculator)) if calculator is not None else _chgnet()
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = potential
    before = _energy(atoms)
    steps, converged = _run(atoms, relax_cell, fmax_eV_A, max_steps)
    energy = _energy(atoms)
    relaxed = type(structure)(
        atoms.cell[:], structure.species, atoms.get_scaled_positions(wrap=False)
    )
    return Relaxed(
        structure=relaxed,
        energy_eV=energy,
        energy_per_atom_eV=energy / len(relaxed),
        ideal_energy_eV=before,
        contacts_A={pair: round(d, 3) for pair, d in min_contacts_A(relaxed).items()},
        max_force_eV_A=float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
        method=(
            f"{name}, {_OPTIMIZER}, forces below {fmax_eV_A:g} eV/Å, "
            f"cell {'relaxed' if relax_cell else 'fixed'}"
        ),
        steps=steps,
        converged=converged,
    )


def _run(atoms: Any, relax_cell: bool, fmax_eV_A: float, max_steps: int) -> tuple[int, bool]:
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    optimizer = FIRE(FrechetCellFilter(atoms) if relax_cell else atoms, logfile=None)
    converged = bool(optimizer.run(fmax=fmax_eV_A, steps=max_steps))
    return int(optimizer.get_number_of_steps()), converged


def _chgnet() -> tuple[Any, str]:
    try:
        import chgnet
        from chgnet.model.dynamics import CHGNetCalculator
        from chgnet.model.model import CHGNet
    except ImportError as error:
        raise MissingPackageError("chgnet", extra="relax", purpose="relaxing a model") from error
    with contextlib.redirect_stdout(io.StringIO()):  # its loading prints
        model = CHGNet.load(use_device="cpu", verbose=False)
        potential = CHGNetCalculator(model, use_device="cpu")
    return potential, f"CHGNet {model.version} (chgnet {chgnet.__version__})"


def _name(calculator: Any) -> str:
    return str(getattr(calculator, "name", None) or type(calculator).__name__)


def _energy(atoms: Any) -> float:
    energy = float(atoms.get_potential_energy())
    if not math.isfinite(energy):
        raise StructureError(f"the potential gives an energy of {energy} eV; expected a number")
    return energy


def _check(structure: "Structure", *, relax_cell: bool, fmax_eV_A: float, max_steps: int) -> None:
    if not hasattr(structure, "is_ordered"):
        raise StructureError(f"cannot relax {structure!r:.60}; expected a pymatgen Structure")
    if not structure.is_ordered:
        raise StructureError(
            "structure has partly filled sites, which no potential takes; expected full ones: "
            "fill them first with stackmotif.structures.occupy"
        )
    if len(structure) > _MOST_ATOMS:
        raise StructureError(
            f"structure has {len(structure)} atoms; expected at most {_MOST_ATOMS}: cut a smaller "
            "model"
        )
    if not 0 < as_number(fmax_eV_A) < math.inf:
        raise StructureError(f"fmax_eV_A is {fmax_eV_A!r} eV/Å; expected a positive number")
    if not (isinstance(max_steps, int) and max_steps > 0):
        raise StructureError(f"max_steps is {max_steps!r}; expected a positive whole number")
    if relax_cell and (width := _vacuum_A(structure)) > _VACUUM_A:
        raise StructureError(
            f"structure has {width:.1f} Å of vacuum, which a relaxing cell would close; expected "
            "relax_cell=False"
        )


def _vacuum_A(structure: "Structure") -> float:
    """Return the widest slice along a cell vector without an atom [Å]."""
    widest = 0.0
    for axis in range(3):
        places = np.sort(np.mod(structure.frac_coords[:, axis], 1.0))
        spacing = float(np.diff(places, append=places[0] + 1.0).max())
        height = structure.volume / np.linalg.norm(
            np.cross(structure.lattice.matrix[axis - 1], structure.lattice.matrix[axis - 2])
        )
        widest = max(widest, spacing * float(height))
    return widest
