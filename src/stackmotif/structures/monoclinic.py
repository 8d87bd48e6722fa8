"""Monoclinic distortions of stacking words: O'3, P'3 and relatives, in a C-centred cell.

The axis a lies along e = (2/3, 1/3), which is a/3 long; b is a close-packed row of metals, normal
to the mirror plane; c leads from a metal to the one a period of the word higher. A primitive word
of one slab then has the cell of O'3-NaNiO2 (C2/m).
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif.errors import StructureError
from stackmotif.stacking import Guest, Word, default_site
from stackmotif.stacking.gaps import site_offsets
from stackmotif.stacking.slab import Slab, reduced_shift
from stackmotif.stacking.symmetry import flip
from stackmotif.structures.lattices.monoclinic import MonoclinicLattice, get_monoclinic

if TYPE_CHECKING:
    from pymatgen.core import Structure

_LARGEST_SHEAR: Final = 1 / 18
"""Largest displacement per row from the stacking position, in units of a: a sixth of e."""

_CENTRED: Final = ((0.0, 0.0), (0.5, 0.5))


def build_monoclinic(
    word: Word | str,
    *,
    lattice: MonoclinicLattice | str,
    guest_rows: bool = False,
    view_along_a: bool = False,
) -> "Structure":
    """Return the atoms of a periodic word, sheared into a monoclinic cell.

    Slabs keep their stacking positions along a up to a shear that is the same in every row, so that
    the mirror plane normal to b remains; gaps are equally high. The word is turned by 180° about
    the slabs' normal where that fits the cell's angle better, which is the same crystal.

    Parameters
    ----------
    word : Word or str
        A periodic word, shifts in units of e.
    lattice : MonoclinicLattice or str
        A cell, or its name in the lattice table; its c spans the primitive word.
    guest_rows : bool
        Whether the guests of a gap fill every second row along b before the others, as the lithium
        of Li0.5CoO2 does (P2/m), instead of being spread over all sites (C2/m).
    view_along_a : bool
        Whether to call the cell's axes b, -a and c instead of a, b and c, so that [100] looks
        along the rows, as in a hexagonal crystal; in the standard setting [010] does.

    Returns
    -------
    pymatgen.core.Structure
        The C-centred cell, two metals to a slab: metals, oxygens, guests.

    Raises
    ------
    StructureError
        For a finite word, unknown tilts or shifts, vector shifts, a site that is not on the mirror
        plane, or a cell that is no distortion of the word.

    Examples
    --------
    >>> build_monoclinic("|R+[Na]|", lattice="NaNiO2").composition.reduced_formula
    'NaNiO2'
    """
    from pymatgen.core import Lattice as Cell
    from pymatgen.core import Structure

    dimensions = get_monoclinic(lattice)
    slabs, shear = _sheared(_plain(word), dimensions)
    species, sites = _atoms(slabs, dimensions, shear=shear, guest_rows=guest_rows)
    cell = Cell.from_parameters(
        dimensions.a_A, dimensions.b_A, dimensions.c_A, 90, dimensions.beta_deg, 90
    )
    x, y, z = np.array(sites).T
    fractions = np.column_stack([x - z * dimensions.lean_of_c, y, z])
    matrix = np.asarray(cell.matrix)
    if view_along_a:
        matrix = matrix[[1, 0, 2]] * [[1], [-1], [1]]
        fractions = fractions[:, [1, 0, 2]] * [1, -1, 1]
    return Structure(Cell(matrix), species, fractions % 1.0)


def _plain(word: Word | str) -> tuple[Slab, ...]:
    """Return the slabs of a primitive periodic word whose shifts are multiples of e."""
    parsed = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(parsed, Word) or not parsed.periodic:
        raise StructureError(f"word is {word!r}; expected a periodic word, such as '|R+[Na]|'")
    parsed = parsed.primitive()
    for k, slab in enumerate(parsed.slabs):
        if slab.tilt == 0 or not isinstance(slab.shift, int):
            raise StructureError(
                f"slab {k} of {parsed.format()!r} has no tilt, or a shift that is no multiple of "
                "e; expected R or L and +, 0 or -"
            )
    return parsed.slabs


def _sheared(slabs: tuple[Slab, ...], lattice: MonoclinicLattice) -> tuple[tuple[Slab, ...], float]:
    """Return the slabs, turned about their normal if need be, and the shear per row over a."""
    row = lattice.height_A / len(slabs)
    if row <= lattice.slab_height_A:
        raise StructureError(
            f"lattice {lattice.name}: rows are {row:.3f} Å apart and slabs "
            f"{lattice.slab_height_A} Å high; expected a c axis that spans {len(slabs)} slabs"
        )
    settings = []
    for turned in (slabs, flip(slabs)):
        excess = lattice.lean_of_c - sum(_steps(turned)) / 3
        settings.append(((excess - round(excess)) / len(slabs), turned))
    shear, chosen = min(settings, key=lambda setting: abs(setting[0]))
    if abs(shear) > _LARGEST_SHEAR:
        raise StructureError(
            f"lattice {lattice.name}: its angle displaces every slab of {Word(slabs, True)!r} by "
            f"{shear * lattice.a_A:.3f} Å; expected at most "
            f"{_LARGEST_SHEAR * lattice.a_A:.3f} Å, a distortion of the word"
        )
    return chosen, shear


def _steps(slabs: tuple[Slab, ...]) -> list[int]:
    return [slab.shift for slab in slabs if isinstance(slab.shift, int)]


_Site = tuple[float, float, float]
"""Along a and b in units of a and b from the first metal, and along c as a share of the period."""


def _atoms(
    slabs: tuple[Slab, ...], lattice: MonoclinicLattice, *, shear: float, guest_rows: bool
) -> tuple[list[Any], list[_Site]]:
    n = len(slabs)
    half = lattice.slab_height_A / 2 / lattice.height_A
    places = [(sum(_steps(slabs)[:k]) / 3 + k * shear, k / n) for k in range(n)]
    metals = [(dict(lattice.host), x, z) for x, z in places]
    oxygens = [
        (lattice.anion, x + side * slab.tilt * lattice.oxygen_lean, z + side * half)
        for side in (-1, 1)
        for slab, (x, z) in zip(slabs, places, strict=True)
    ]
    species, sites = [], []
    for what, x, z in metals + oxygens:
        for u, v in _CENTRED:
            species.append(what)
            sites.append((x + u, v, z))
    for k, slab in enumerate(slabs):
        if slab.guest is None:
            continue
        across = _site_along_a(slab, slabs[(k + 1) % n]) + places[k][0] + shear / 2
        shares = _row_shares(slab.guest, guest_rows=guest_rows)
        for (u, v), share in zip(_CENTRED, shares, strict=True):
            if share > 0:
                species.append({slab.guest.species: share})
                sites.append((across + u, v, places[k][1] + 0.5 / n))
    return species, sites


def _site_along_a(lower: Slab, upper: Slab) -> float:
    """Return how far along a, in units of a, a guest stands from the lower metal."""
    kind = Word((lower, upper), True).gap_kinds[0]
    site = lower.guest.site if lower.guest and lower.guest.site else default_site(kind)
    offsets = site_offsets(lower, upper, site or "")
    shift = reduced_shift(offsets[0]) if offsets else None
    if not isinstance(shift, int) or site in ("tl", "tu"):
        raise StructureError(
            f"guest site {site!r} of a gap of kind {kind!r} cannot be sheared; expected an "
            "octahedral or prismatic site"
        )
    return shift / 3


def _row_shares(guest: Guest, *, guest_rows: bool) -> tuple[float, float]:
    """Return the occupation of the two kinds of rows along b that C-centring would make equal."""
    if not guest_rows:
        return guest.occupancy, guest.occupancy
    first = min(1.0, 2 * guest.occupancy)
    return first, 2 * guest.occupancy - first
