"""Coherent rock salt on a layered host, in both senses of the fcc oxygen stacking."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking import Word, shift_vector
from stackmotif.stacking.walls import is_integer
from stackmotif.structures.arguments import as_number
from stackmotif.structures.contacts import CONTACT_LIMITS_A, check_contacts
from stackmotif.structures.lattices.lattice import Lattice
from stackmotif.structures.polytype import build
from stackmotif.structures.rocksalt.bulk import (
    Sense,
    checked_sense,
    layered_lattice,
    rocksalt_lattice,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_LAYERS: Final = 200
"""Thicker coherent shells are refused."""

MAX_VACUUM_A: Final = 10_000.0
"""More vacuum is refused [Å]."""

_HOST_MARGIN_A: Final = 20.0
_E: Final = np.array(shift_vector(1), dtype=np.float64)


def build_coherent_shell(
    word: Word | str = "R+5 R.",
    *,
    layers: int = 2,
    sense: Sense = "+",
    interface: Literal["filled", "empty"] | None = None,
    sides: Literal["top", "both"] = "top",
    lattice: Lattice | str = "LiNiO2:1",
    shell_lattice: Lattice | str = "NiO",
    vacuum_A: float = 15.0,
) -> "Structure":
    """Return a layered slab that coherent rock salt covers.

    A layer is one plane of cations and the oxygen plane outside it. The shell is strained in the
    plane to the host's a, and keeps the plane distance a/(2 sqrt(3)) of its own lattice along c; a
    real thin film would answer the in-plane strain along c by an amount that is not in the model.

    Parameters
    ----------
    word : Word or str
        The host, a finite word; its outermost slab sets the direction that the shell continues.
    layers : int
        Layers of rock salt on each covered side.
    sense : {'+', '-'}
        Of the fcc oxygen stacking: ``+`` goes on as in the host's outermost slab, ``-`` is its
        twin.
    interface : {'filled', 'empty'}, optional
        ``filled``: the first cations stand in the octahedra on the host's outer oxygen plane.
        ``empty``: a gap of the host without guests comes first, of kind 3 (``+``) or 2 (``-``, with
        the displacement of the shell's sense). By default ``filled`` for ``+`` and ``empty`` for
        ``-``: in the filled twin, cations would share a face at less than 2.4 Å.
    sides : {'top', 'both'}
        Whether the other side of the host, too, is covered.
    lattice, shell_lattice : Lattice or str
        Of the host and of the rock salt.
    vacuum_A : float
        Empty height of the cell [Å].

    Returns
    -------
    pymatgen.core.Structure
        Hexagonal cell with the host's a, slabs along c, in the middle of the vacuum.

    Raises
    ------
    StructureError
        For a periodic word, an argument out of range, or a contact below the hard limits.

    Examples
    --------
    >>> build_coherent_shell("R+2 R.", layers=2).composition.formula
    'Ni5 O8'
    """
    host_word = _finite(word)
    _check_layers(layers)
    sign = 1 if checked_sense(sense) == "+" else -1
    filled = _filled(interface, sign)
    if sides not in ("top", "both"):
        raise StructureError(f"sides is {sides!r}; expected 'top' or 'both'")
    salt, host = rocksalt_lattice(shell_lattice), layered_lattice(lattice)
    if filled and sign < 0:
        _refuse_filled_twin(host, salt)
    atoms = build(host_word, lattice=host, vacuum_A=_HOST_MARGIN_A)
    shell = [
        plane
        for side in ((1,) if sides == "top" else (1, -1))
        for plane in _shell_planes(
            host_word, atoms, host, salt, side=side, sign=sign, layers=layers, filled=filled
        )
    ]
    return _assembled(atoms, shell, vacuum_A)


@dataclass(frozen=True)
class _Plane:
    """One plane of the shell: its element, in-plane position in hexagonal fractions, height [Å]."""

    element: str
    lateral: NDArray[np.float64]
    z_A: float


def _finite(word: Word | str) -> Word:
    word = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(word, Word) or word.periodic:
        raise StructureError(
            f"host of a shell is {word!s}; expected a finite word, which has a surface, such as "
            "'R+5 R.'"
        )
    return word


def _check_layers(layers: int) -> None:
    if not is_integer(layers) or not 1 <= layers <= MAX_LAYERS:
        raise StructureError(
            f"layers is {layers!r}; expected a whole number from 1 to {MAX_LAYERS}"
        )


def _filled(interface: str | None, sign: int) -> bool:
    if interface not in (None, "filled", "empty"):
        raise StructureError(f"interface is {interface!r}; expected 'filled' or 'empty'")
    return sign > 0 if interface is None else interface == "filled"


def _refuse_filled_twin(host: Lattice, salt: Lattice) -> None:
    """Refuse twinned cations straight above the host's metals when they are too close."""
    distance = (host.slab_height_A + salt.slab_height_A) / 2
    limit = CONTACT_LIMITS_A["M-M"]
    if distance < limit:
        raise StructureError(
            f"a filled twin interface has metals {distance:.3f} Å apart across shared faces; "
            f"expected at least {limit} Å: pass interface='empty'"
        )


def _shell_planes(
    word: Word,
    atoms: "Structure",
    host: Lattice,
    salt: Lattice,
    *,
    side: int,
    sign: int,
    layers: int,
    filled: bool,
) -> Iterator[_Plane]:
    """Yield the planes of one side from the host outwards; ``side`` is +1 above and -1 below.

    Upwards in a slab of tilt t, planes step by +t e: oxygen at p - t e, metal at p, oxygen at
    p + t e, the octahedra of the gap at p + 2t e and the oxygen above it at p again.
    """
    last = len(word) - 1 if side > 0 else 0
    step = side * sign * word.slabs[last].tilt * _E
    metal = atoms[last]
    oxygen_z = metal.coords[2] + side * host.slab_height_A / 2
    spacing = salt.slab_height_A / 2
    if filled:
        start = metal.frac_coords[:2] + side * word.slabs[last].tilt * _E
        first = 1
    else:
        start, first = metal.frac_coords[:2], 0
        oxygen_z += side * host.gap_height_A("3" if sign > 0 else "2")
    for k in range(first, 2 * layers + 1):
        element = str(salt.guest) if k % 2 else salt.anion
        yield _Plane(element, start + k * step, oxygen_z + side * k * spacing)


def _assembled(host: "Structure", shell: list[_Plane], vacuum_A: float) -> "Structure":
    """Return host and shell in a cell of their height and the vacuum, metals first."""
    from pymatgen.core import Lattice as Cell
    from pymatgen.core import Structure

    lateral = np.vstack([host.frac_coords[:, :2], *(plane.lateral for plane in shell)])
    z = np.concatenate([host.cart_coords[:, 2], [plane.z_A for plane in shell]])
    species = [site.species for site in host] + [plane.element for plane in shell]
    height = float(np.ptp(z)) + _checked_vacuum(vacuum_A)
    z = z - z.min() + vacuum_A / 2
    fractions = np.column_stack([lateral % 1.0, z / height])
    built = Structure(Cell.hexagonal(host.lattice.a, height), species, fractions)
    check_contacts(built)
    return built


def _checked_vacuum(vacuum_A: float) -> float:
    if not CONTACT_LIMITS_A["M-M"] <= as_number(vacuum_A) <= MAX_VACUUM_A:
        raise StructureError(
            f"vacuum is {vacuum_A!r} Å; expected at least {CONTACT_LIMITS_A['M-M']} Å, so that the "
            f"two surfaces do not touch, and at most {MAX_VACUUM_A:g} Å"
        )
    return float(vacuum_A)
