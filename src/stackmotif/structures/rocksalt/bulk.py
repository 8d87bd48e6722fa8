"""Bulk rock salt along [111], and how it fits a layered host."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stackmotif.errors import StructureError
from stackmotif.structures.lattices.lattice import Lattice, get_lattice
from stackmotif.structures.polytype import build

if TYPE_CHECKING:
    from pymatgen.core import Structure

Sense = Literal["+", "-"]


@dataclass(frozen=True)
class Misfit:
    """How much larger rock salt is than a layered host, as fractions of the host.

    Parameters
    ----------
    in_plane : float
        Of the in-plane constants: a(rock salt)/sqrt(2) against a(host).
    along_c : float
        Of two rock-salt cation planes against one row spacing of the host.
    """

    in_plane: float
    along_c: float


def misfit(shell: Lattice | str = "NiO", *, host: Lattice | str = "LiNiO2:1") -> Misfit:
    """Return the misfit of rock salt against a layered host with O3 gaps.

    Raises
    ------
    StructureError
        If the shell's lattice is no rock salt, or the host's is one.

    Examples
    --------
    >>> round(100 * misfit("NiO", host="LiNiO2:1").in_plane, 2)
    3.14
    """
    salt, layered = rocksalt_lattice(shell), layered_lattice(host)
    return Misfit(
        salt.a_A / layered.a_A - 1,
        salt.row_spacing_A() / layered.row_spacing_A() - 1,
    )


def build_rocksalt(lattice: Lattice | str = "NiO", *, sense: Sense = "+") -> "Structure":
    """Return bulk rock salt in the layered setting: a along <110>, c along [111], three "slabs".

    Parameters
    ----------
    lattice : Lattice or str
        A rock-salt lattice.
    sense : {'+', '-'}
        ``+`` continues the metal lattice of O3 (``R+``) and ``-`` that of its reverse (``L-``).
        Between *neighbouring* cation planes, half a row apart, the projected step is -d/3 for
        ``+`` and +d/3 for ``-``.

    Raises
    ------
    StructureError
        If the lattice is no rock salt, or the sense neither ``+`` nor ``-``.

    Examples
    --------
    >>> build_rocksalt().composition.reduced_formula
    'NiO'
    """
    salt = rocksalt_lattice(lattice)
    step = {"+": "R+", "-": "L-"}[checked_sense(sense)]
    return build(f"|{step}[{salt.guest}]|", lattice=salt)


def rocksalt_lattice(lattice: Lattice | str) -> Lattice:
    """Return a lattice, or refuse it if it is no rock salt.

    Raises
    ------
    StructureError
        For a layered lattice, or an unknown name.
    """
    salt = get_lattice(lattice)
    if not salt.is_rocksalt:
        raise StructureError(f"lattice {salt.name!r} is no rock salt; expected one such as 'NiO'")
    return salt


def layered_lattice(lattice: Lattice | str) -> Lattice:
    """Return a lattice, or refuse it if it is rock salt.

    Raises
    ------
    StructureError
        For rock salt, or an unknown name.
    """
    host = get_lattice(lattice)
    if host.is_rocksalt:
        raise StructureError(
            f"lattice {host.name!r} is rock salt; expected a layered host such as 'LiNiO2:1'"
        )
    return host


def checked_sense(sense: str) -> str:
    """Return an fcc sense, or refuse it.

    Raises
    ------
    StructureError
        If it is neither ``+`` nor ``-``.
    """
    if sense not in ("+", "-"):
        raise StructureError(f"sense is {sense!r}; expected '+' (continues O3) or '-' (its twin)")
    return sense
