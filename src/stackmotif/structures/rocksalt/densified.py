"""Between layered oxide and rock salt: metal in the guest layer, disordered or ordered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from stackmotif.errors import StructureError
from stackmotif.stacking import Guest, Slab, Word
from stackmotif.structures.arguments import as_number
from stackmotif.structures.contacts import check_contacts
from stackmotif.structures.lattices.lattice import Lattice
from stackmotif.structures.polytype import build, repeats_to_close

if TYPE_CHECKING:
    from pymatgen.core import Structure

Ordering = Literal["2x2", "rows"]

MAX_GAP_A: Final = 20.0
"""Higher gaps with metal are refused [Å]."""

_ORDERINGS: Final = {
    "2x2": ((2, 2), (2 / 3, 4 / 3)),
    "rows": ((1, 2), (-1 / 3, -2 / 3)),
}
"""In-plane supercell, and the displacement of the filled sites from one gap to the next."""


def build_metal_in_gaps(
    word: Word | str = "|R+[Li]|",
    *,
    metal: str = "Ni",
    occupancy: float = 0.05,
    gaps: Sequence[int] | None = None,
    gap_height_A: float | None = None,
    lattice: Lattice | str = "LiNiO2:1",
    vacuum_A: float = 15.0,
) -> "Structure":
    """Return a stack with metal on the guest sites, as mean occupancies.

    Parameters
    ----------
    word : Word or str
        The stack. Guests that it names stay, as far as the metal leaves them room; a gap without
        guests takes the metal on its default site.
    metal : str
        Element in the gaps.
    occupancy : float
        Metal per guest site, in (0, 1].
    gaps : sequence of int, optional
        Numbers of the word's gaps that get metal; all by default.
    gap_height_A : float, optional
        Height of those gaps, from oxygen to oxygen plane; the lattice's by default [Å].
    lattice : Lattice or str
        Of the stack.
    vacuum_A : float
        Around a finite word [Å].

    Returns
    -------
    pymatgen.core.Structure
        Sites of the gaps hold ``metal`` and guest with their occupancies.

    Raises
    ------
    StructureError
        For an argument out of range, or metal closer than 2.4 Å to a slab's metal: in gaps that
        share faces with a slab, pass a ``gap_height_A`` that is large enough.

    Examples
    --------
    >>> build_metal_in_gaps("|R+[Li]|", occupancy=0.05).composition.formula
    'Li2.85 Ni3.15 O6'
    """
    word = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(word, Word):
        raise StructureError(f"word is {word!r}; expected a Word or its text, such as '|R+[Li]|'")
    if not 0 < as_number(occupancy) <= 1:
        raise StructureError(f"occupancy of {metal} is {occupancy!r}; expected 0 < occupancy <= 1")
    if gap_height_A is not None and not 0 < as_number(gap_height_A) <= MAX_GAP_A:
        raise StructureError(
            f"gap height is {gap_height_A!r} Å; expected more than 0 and at most {MAX_GAP_A:g} Å"
        )
    chosen = _chosen_gaps(word, gaps)
    filled = _with_metal(word, metal, chosen, gap_height_A)
    built = build(filled, lattice=lattice, vacuum_A=vacuum_A)
    _check_face_sharing(built)
    repeats = repeats_to_close(word)
    mixes = [
        _mix(word.slabs[k].guest, metal, occupancy if k in chosen else 0.0)
        for k, slab in enumerate(filled.slabs)
        if slab.guest is not None
    ] * repeats
    start = len(built) - len(mixes)
    for site, mix in enumerate(mixes, start):
        built.replace(site, mix)
    return built


def _chosen_gaps(word: Word, gaps: Sequence[int] | None) -> set[int]:
    numbers = range(word.n_gaps)
    if not numbers:
        raise StructureError(
            f"word {word} has no gap; expected at least two slabs, such as 'R+ R.'"
        )
    try:
        chosen = set(numbers if gaps is None else gaps)
    except TypeError:
        chosen = set()
    if not chosen or not chosen <= set(numbers):
        raise StructureError(f"gaps are {gaps!r}; expected numbers from 0 to {word.n_gaps - 1}")
    return chosen


def _with_metal(word: Word, metal: str, chosen: set[int], gap_height_A: float | None) -> Word:
    """Return the word with full gaps of metal where they are chosen, sites and heights kept."""
    slabs: list[Slab] = []
    for k, slab in enumerate(word.slabs):
        old = slab.guest
        if k not in chosen:
            slabs.append(slab)
            continue
        site, height = (old.site, old.height_A) if old else (None, None)
        guest = Guest(metal, 1.0, site, height if gap_height_A is None else gap_height_A)
        slabs.append(replace(slab, guest=guest))
    return Word(tuple(slabs), word.periodic)


def _mix(guest: Guest | None, metal: str, occupancy: float) -> dict[str, float]:
    mix = {metal: occupancy} if occupancy else {}
    if guest is not None:
        room = round(min(guest.occupancy, 1 - occupancy), 12)
        if room > 0:
            mix[guest.species] = mix.get(guest.species, 0.0) + room
    return mix


def _check_face_sharing(structure: "Structure") -> None:
    try:
        check_contacts(structure)
    except StructureError as error:
        raise StructureError(
            f"metal in the gaps: {error}; gaps that share faces with a slab need a larger "
            "gap_height_A"
        ) from error


def build_ordered_metal(
    ordering: Ordering = "2x2",
    *,
    metal: str = "Ni",
    lattice: Lattice | str = "LiNiO2:0.5",
) -> "Structure":
    """Return O3 with metal on an ordered part of the octahedra between slabs, the others empty.

    ``2x2`` fills one site in four, with threefold symmetry kept from gap to gap; ``rows`` fills
    every second row along a, the rows of successive gaps displaced as in the cell reported for
    Li0.5CoO2 (P2/m, a = 4.865, c = 5.063 Å, beta = 108.68 degrees): by 2/3 of the column pitch
    against the shift of the slabs. Seen along [100], ``rows`` shows every second column of the
    guest layers; along [010] and [110] all of them at half strength.

    Parameters
    ----------
    ordering : {'2x2', 'rows'}
        Which sites.
    metal : str
        Element in the gaps.
    lattice : Lattice or str
        Of the host.

    Returns
    -------
    pymatgen.core.Structure
        Hexagonal-like cell, slabs along c, three slabs; 2a × 2a or a × 2a in the plane.

    Raises
    ------
    StructureError
        For another ordering, or contacts below the hard limits.

    References
    ----------
    Ben Yahia, Shikano and Kobayashi, Chem. Mater. 2013 (abstract).

    Examples
    --------
    >>> build_ordered_metal("2x2").composition.formula
    'Ni15 O24'
    """
    if not isinstance(ordering, str) or ordering not in _ORDERINGS:
        raise StructureError(f"ordering is {ordering!r}; expected one of {', '.join(_ORDERINGS)}")
    cells, step = _ORDERINGS[ordering]
    parent = build(f"|R+[{metal}]|", lattice=lattice)
    gap_sites = [parent[k] for k in range(len(parent) - 3, len(parent))]
    first = gap_sites[0].frac_coords[:2]
    lateral = (first + np.outer(np.arange(3), step)) / cells
    z = np.array([site.frac_coords[2] for site in gap_sites])
    parent.remove_sites(range(len(parent) - 3, len(parent)))
    parent.make_supercell([*cells, 1])
    for (u, v), height in zip(lateral % 1.0, z, strict=True):
        parent.append(metal, [u, v, height])
    check_contacts(parent)
    return parent
