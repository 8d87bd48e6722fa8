"""Words to atoms: slabs stacked along c of a hexagonal cell."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking import Guest, Slab, Word, default_site, shift_vector
from stackmotif.stacking.gaps import site_offsets
from stackmotif.structures.arguments import as_number
from stackmotif.structures.lattices.lattice import Lattice, get_lattice
from stackmotif.structures.mixtures import checked_mixture

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_ATOMS: Final = 200_000
"""Structures with more atoms are refused."""

_HIGHEST_GAP_A: Final = 8.0


def build(
    word: Word | str,
    *,
    lattice: Lattice | str = "LiNiO2:1",
    vacuum_A: float = 15.0,
    guest_mix: Mapping[str, float] | None = None,
    host: Mapping[str, float] | None = None,
) -> "Structure":
    """Return the atoms of a stacking word, slabs stacked along +c of a hexagonal cell.

    A periodic word is repeated until its shifts add up to a lattice vector (O3: three slabs), the
    first metal at the origin. A finite word stands in the middle of ``vacuum_A`` of vacuum. Only
    the guests that the word names are there.

    Parameters
    ----------
    word : Word or str
        A word, or its text.
    lattice : Lattice or str
        ``NAME[:x]`` of the lattice table.
    vacuum_A : float
        From the top oxygen plane of a finite word to the bottom one of its image [Å].
    guest_mix : Mapping of str to float, optional
        What stands on every guest site that the word names, in place of its own guest: elements
        and their fractions, at most 1 in all; the rest is vacant.
    host : Mapping of str to float, optional
        Metals of the slabs in place of the lattice's, fractions summing to 1.

    Returns
    -------
    pymatgen.core.Structure
        Metals first, then oxygens, then guests, each from the bottom to the top.

    Raises
    ------
    StructureError
        For unknown tilts or shifts, a guest whose site is not known, a stack on a rock-salt
        lattice, fractions that do not fit, or too many atoms.

    Examples
    --------
    >>> build("|R+[Li]|").composition.reduced_formula
    'LiNiO2'
    """
    from pymatgen.core import Lattice as Cell
    from pymatgen.core import Structure

    word = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(word, Word):
        raise StructureError(f"word is {word!r}; expected a Word or its text, such as '|R+[Li]|'")
    dimensions = get_lattice(lattice)
    if host is not None:
        dimensions = replace(dimensions, host=checked_mixture(host, what="host", full=True))
    _check_fits(word, dimensions)
    atoms = _stack(_closed(_buildable(word)), dimensions, vacuum_A=_checked_vacuum(vacuum_A))
    if guest_mix is not None:
        _mix_guests(atoms, checked_mixture(guest_mix, what="guest mix", full=False))
    coordinates = atoms.coordinates
    coordinates[:, 2] /= atoms.height_A
    return Structure(
        Cell.hexagonal(dimensions.a_A, atoms.height_A), atoms.species, coordinates % 1.0
    )


@dataclass
class _Atoms:
    """Species and positions: in-plane in hexagonal fractions, along c in Å; guests come last."""

    species: list[Any]
    coordinates: NDArray[np.float64]
    height_A: float
    guest_shares: list[float]
    """Of each guest position, how many guests per metal it takes: 1 / equivalent positions."""


def _mix_guests(atoms: _Atoms, mix: dict[str, float]) -> None:
    n_guests = len(atoms.guest_shares)
    if n_guests == 0:
        raise StructureError(
            "a guest mix was given for a word without guests; expected one that names the sites, "
            "such as '|R+[Li]|'"
        )
    start = len(atoms.species) - n_guests
    if mix:
        atoms.species[start:] = [
            {element: share * part for element, part in mix.items()} for share in atoms.guest_shares
        ]
    else:
        del atoms.species[start:]
        atoms.coordinates = atoms.coordinates[:start]


def repeats_to_close(word: Word) -> int:
    """Return how often a periodic word is repeated until its shifts add up to a lattice vector.

    >>> repeats_to_close(Word.parse("|R+|"))
    3
    """
    net = word.net_shift
    if net is None or not word.periodic:
        return 1
    return math.lcm(net[0].denominator, net[1].denominator)


def _check_fits(word: Word, lattice: Lattice) -> None:
    """Refuse a stack of layers on a rock-salt lattice, whose gaps are as full as its slabs."""
    if not lattice.is_rocksalt:
        return
    gaps = zip(word.slabs, word.gap_kinds, strict=False)
    if not all(
        kind == "3" and slab.guest is not None and slab.guest.species == lattice.guest
        and slab.guest.occupancy == 1.0
        for slab, kind in gaps
    ):  # fmt: skip
        raise StructureError(
            f"lattice {lattice.name!r} is rock salt, which is no stack of layers as "
            f"{word.format()!r} is; expected a layered lattice such as 'LiNiO2:1', or the catalog "
            "entry 'nio' for rock salt"
        )


def _buildable(word: Word) -> Word:
    for k, slab in enumerate(word.slabs):
        if slab.tilt == 0 or (slab.shift is None and k < word.n_gaps):
            raise StructureError(
                f"slab {k} of {word.metal_text!r} has no tilt or no shift; expected a full word: "
                "choose one with stackmotif.stacking.tilt_sequences"
            )
    return word


def _checked_vacuum(vacuum_A: float) -> float:
    if not 0 <= as_number(vacuum_A) < math.inf:
        raise StructureError(f"vacuum is {vacuum_A!r} Å; expected a length of 0 or more")
    return vacuum_A


def _closed(word: Word) -> Word:
    repeats = repeats_to_close(word)
    if len(word) * repeats * 4 > MAX_ATOMS:
        raise StructureError(
            f"word of {len(word)} slabs gives about {len(word) * repeats * 4} atoms; "
            f"expected at most {MAX_ATOMS}"
        )
    return Word(word.slabs * repeats, True) if word.periodic else word


def _stack(word: Word, lattice: Lattice, *, vacuum_A: float) -> _Atoms:
    slabs, kinds = word.slabs, word.gap_kinds
    half = lattice.slab_height_A / 2
    gaps = np.array([_gap_height(s, k, lattice) for s, k in zip(slabs, kinds, strict=False)])
    steps = lattice.slab_height_A + gaps
    metal_z = np.concatenate([[0.0], np.cumsum(steps)])[: len(slabs)]
    height = float(steps.sum()) if word.periodic else float(metal_z[-1]) + 2 * half + vacuum_A
    if not word.periodic:
        metal_z += half + vacuum_A / 2
    metals = _metal_positions(slabs)
    planes = [_plane(metals, metal_z)]
    for side in (-1, 1):
        lean = [_add(p, shift_vector(side * s.tilt)) for p, s in zip(metals, slabs, strict=True)]
        planes.append(_plane(lean, metal_z + side * half))
    guests, shares, guest_positions = _guests(word, metals, metal_z + half, gaps, lattice)
    host = dict(lattice.host)
    species = [host] * len(slabs) + [lattice.anion] * (2 * len(slabs)) + guests
    return _Atoms(species, np.concatenate([*planes, guest_positions]), height, shares)


def _gap_height(slab: Slab, kind: str, lattice: Lattice) -> float:
    if slab.guest is None or slab.guest.height_A is None:
        return lattice.gap_height_A(kind)
    if slab.guest.height_A > _HIGHEST_GAP_A:
        raise StructureError(
            f"a gap is {slab.guest.height_A:g} Å high; expected at most {_HIGHEST_GAP_A:g} Å, from "
            "where on it reads as vacuum"
        )
    return slab.guest.height_A


def _metal_positions(slabs: tuple[Slab, ...]) -> list[tuple[Fraction, Fraction]]:
    """Return the exact in-plane position of every slab's metal, the first at the origin."""
    positions = [(Fraction(0), Fraction(0))]
    for slab in slabs[:-1]:
        positions.append(_add(positions[-1], shift_vector(slab.shift or 0)))
    return positions


def _add(a: tuple[Fraction, Fraction], b: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    return (a[0] + b[0]) % 1, (a[1] + b[1]) % 1


def _plane(
    positions: list[tuple[Fraction, Fraction]], z_A: NDArray[np.float64]
) -> NDArray[np.float64]:
    lateral = np.array(positions, dtype=np.float64).reshape(-1, 2)
    return np.column_stack([lateral, z_A])


def _guests(
    word: Word,
    metals: list[tuple[Fraction, Fraction]],
    gap_bottom_A: NDArray[np.float64],
    gaps_A: NDArray[np.float64],
    lattice: Lattice,
) -> tuple[list[Any], list[float], NDArray[np.float64]]:
    """Return what stands on each guest position, its share of the guests per metal, and where."""
    species: list[Any] = []
    shares: list[float] = []
    positions: list[tuple[Fraction, Fraction]] = []
    heights: list[float] = []
    for k, kind in enumerate(word.gap_kinds):
        guest = word.slabs[k].guest
        if guest is None:
            continue
        site = guest.site or default_site(kind) or ""
        offsets = site_offsets(word.slabs[k], word.slabs[(k + 1) % len(word)], site)
        if not offsets:
            raise StructureError(
                f"gap {k} of kind {kind!r} has no known guest site; expected an empty gap, or a "
                "shift by half a lattice vector between its oxygen planes"
            )
        height = gap_bottom_A[k] + _site_height(site, float(gaps_A[k]), lattice.a_A)
        share = 1 / len(offsets)
        species += [_occupant(guest, share=share)] * len(offsets)
        shares += [share] * len(offsets)
        positions += [_add(metals[k], offset) for offset in offsets]
        heights += [height] * len(offsets)
    return species, shares, _plane(positions, np.array(heights))


def _occupant(guest: Guest, *, share: float) -> Any:
    amount = guest.occupancy * share
    return guest.species if amount == 1.0 else {guest.species: amount}


def _site_height(site: str, gap_A: float, a_A: float) -> float:
    """Return a site's height above the lower oxygen plane: the point equally far from all oxygens.

    A tetrahedron's base, of edge a, lies at a / sqrt(3) around the site's foot, and its apex at the
    gap's height above the base: z² + a²/3 = (gap - z)².
    """
    if site not in ("tl", "tu"):
        return gap_A / 2
    above_base = (gap_A**2 - a_A**2 / 3) / (2 * gap_A)
    if above_base <= 0:
        raise StructureError(
            f"a gap of {gap_A:g} Å holds no tetrahedral site {site!r}, whose centre would be "
            f"outside it; expected more than {a_A / math.sqrt(3):.3f} Å"
        )
    return above_base if site == "tu" else gap_A - above_base
