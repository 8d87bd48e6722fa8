"""Mixed and partly filled sites turned into whole atoms: at random, quasirandom, or as given."""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking.slab import ELEMENTS
from stackmotif.structures.arguments import as_number, checked_generator
from stackmotif.structures.contacts import site_roles
from stackmotif.structures.mixtures import checked_mixture
from stackmotif.structures.occupancy.counts import Sublattice, sublattices

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_ATOMS: Final = 200_000
"""Supercells with more sites are refused."""

_EXCLUSION_A: Final = 1.8
"""Two sites of one kind that are closer are never both filled [Å]: no two ions are."""

_ATTEMPTS: Final = 50
_CUTOFFS_A: Final = (3.0, 20.0)
"""Range of the quasirandom search: from the neighbours in a plane on [Å]."""

_ROLES: Final = ("M", "O", "A")


def occupy(
    structure: "Structure",
    *,
    supercell: tuple[int, int, int] = (1, 1, 1),
    method: Literal["random", "sqs", "given"] = "random",
    rng: int | np.random.Generator = 0,
    amounts: Mapping[str, Mapping[str, float]] | None = None,
    assignment: Sequence[str | None] | None = None,
    pair_cutoff_A: float = 6.0,
) -> "Structure":
    """Return a supercell in which every site holds one atom or none.

    The numbers of atoms are exact: those of `exact_counts` for each sublattice, all sites with the
    same mixture; single gaps and slabs of it may have more or less. Sites of one sublattice closer
    than 1.8 Å, such as the two tetrahedral sites of T#2, are never both filled.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        A crystal with mixed or partly filled sites, such as ``build`` gives.
    supercell : tuple of int
        Repeats along a, b and c.
    method : {'random', 'sqs', 'given'}
        At random; as a special quasirandom structure, whose pair correlations are as near to those
        of full disorder as the search finds (needs the package icet); or as ``assignment`` says.
    rng : int or numpy.random.Generator
        Seed of ``random`` and ``sqs``.
    amounts : Mapping, optional
        Other mixtures before that: by role (``M`` metals, ``O`` anions, ``A`` guests) or by an
        element that the sites hold, such as ``{"A": {"Li": 0.5}}``; the rest is vacant.
    assignment : sequence of str or None, optional
        For ``given``: an element, or None for a vacancy, for each mixed site in the order of
        ``structure.make_supercell(supercell)``.
    pair_cutoff_A : float
        For ``sqs``: pairs farther apart are not considered [Å].

    Returns
    -------
    pymatgen.core.Structure
        Ordered; sites keep their order, empty ones are gone.

    Raises
    ------
    StructureError
        For mixtures, repeats or an assignment that do not fit, or where the sites that exclude each
        other leave no room.
    MissingPackageError
        For ``sqs`` without icet.

    References
    ----------
    Zunger, Wei, Ferreira, Bernard, Phys. Rev. Lett. 1990, doi 10.1103/PhysRevLett.65.353.

    Examples
    --------
    >>> from stackmotif.structures import build
    >>> nmc = build("|R+[Li:0.5]|", lattice="NMC811:0.5")
    >>> occupy(nmc, supercell=(5, 2, 1), rng=1).composition.formula
    'Li15 Mn3 Co3 Ni24 O60'
    """
    generator = checked_generator(rng)
    cell = repeated(structure, supercell)
    for key, mixture in _by_key(amounts).items():
        _refill(cell, key, mixture)
    kinds = sublattices(cell)
    if method == "given":
        chosen = _given(kinds, assignment)
    elif assignment is not None:
        raise StructureError(f"an assignment was given for method {method!r}; expected 'given'")
    elif method == "random":
        chosen = _random(cell, kinds, generator)
    elif method == "sqs":
        from stackmotif.structures.occupancy.sqs import quasirandom

        for kind in kinds:
            _check_apart(cell, kind)
        chosen = quasirandom(cell, kinds, rng=generator, pair_cutoff_A=_cutoff(pair_cutoff_A))
    else:
        raise StructureError(f"method is {method!r}; expected 'random', 'sqs' or 'given'")
    for site, element in chosen.items():
        if element:
            cell[site] = element
    cell.remove_sites([site for site, element in chosen.items() if not element])
    return cell


def repeated(structure: "Structure", supercell: tuple[int, int, int]) -> "Structure":
    """Return a supercell, its sites as mixed as they were.

    Raises
    ------
    StructureError
        For anything but a crystal, repeats that are not three whole numbers, or too many sites.
    """
    if not hasattr(structure, "cart_coords"):
        raise StructureError(f"cannot occupy {structure!r:.60}; expected a pymatgen Structure")
    try:
        repeats = [operator.index(n) for n in supercell]
    except TypeError:
        repeats = []
    if len(repeats) != 3 or min(repeats) < 1:
        raise StructureError(f"supercell is {supercell!r}; expected three whole numbers, 1 or more")
    n_sites = len(structure) * math.prod(repeats)
    if n_sites > MAX_ATOMS:
        raise StructureError(
            f"supercell {supercell} has {n_sites} sites; expected at most {MAX_ATOMS}"
        )
    cell = structure.copy()
    cell.make_supercell(repeats, to_unit_cell=False)
    return cell


def _cutoff(pair_cutoff_A: float) -> float:
    low, high = _CUTOFFS_A
    if not low <= as_number(pair_cutoff_A) <= high:
        raise StructureError(f"pair_cutoff_A is {pair_cutoff_A!r} Å; expected {low:g} to {high:g}")
    return pair_cutoff_A


def _by_key(
    amounts: Mapping[str, Mapping[str, float]] | None,
) -> Mapping[str, Mapping[str, float]]:
    if amounts is None:
        return {}
    if not isinstance(amounts, Mapping):
        raise StructureError(
            f"amounts are {amounts!r:.60}; expected mixtures by role or element, such as "
            "{'A': {'Li': 0.5}}"
        )
    return amounts


def _refill(cell: "Structure", key: str, mixture: Mapping[str, float]) -> None:
    """Put another mixture on the sites of a role, or on those that hold an element."""
    present = checked_mixture(mixture, what=f"the mixture on {key!r}", full=False)
    if key in _ROLES:
        sites = np.flatnonzero(site_roles(cell) == key)
    else:
        sites = np.array([k for k, site in enumerate(cell) if _holds(site.species, key)])
    if len(sites) == 0:
        raise StructureError(
            f"amounts are given for {key!r}, which stands nowhere; expected a role, M, O or A, or "
            f"one of {', '.join(sorted(e.symbol for e in cell.composition))}"
        )
    if not present:
        cell.remove_sites(sites.tolist())
        return
    for k in sites:
        cell[int(k)] = dict[Any, float](present)


def _holds(species: Mapping, symbol: str) -> bool:
    return any(element.symbol == symbol for element in species)


def _given(
    kinds: list[Sublattice], assignment: Sequence[str | None] | None
) -> dict[int, str | None]:
    mixed = sorted(int(site) for kind in kinds for site in kind.sites)
    found = [] if assignment is None else list(assignment)
    if len(found) != len(mixed):
        raise StructureError(
            f"the assignment has {len(found)} entries; expected {len(mixed)}, one for each mixed "
            "site of the supercell"
        )
    unknown = sorted({str(e) for e in found if e and str(e) not in ELEMENTS})
    if unknown:
        raise StructureError(
            f"the assignment names {', '.join(unknown)}; expected elements, or None for vacancies"
        )
    return dict(zip(mixed, found, strict=True))


def _random(
    cell: "Structure", kinds: list[Sublattice], rng: np.random.Generator
) -> dict[int, str | None]:
    chosen: dict[int, str | None] = {}
    for kind in kinds:
        atoms = [element for element, count in kind.counts.items() for _ in range(count)]
        filled = _filled_sites(cell, kind, len(atoms), rng)
        chosen |= {int(site): None for site in kind.sites}
        chosen |= dict(zip(filled.tolist(), rng.permutation(atoms).tolist(), strict=True))
    return chosen


def _filled_sites(
    cell: "Structure", kind: Sublattice, n_atoms: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return randomly chosen sites, none of which excludes another, shape (n_atoms,)."""
    neighbours = _exclusions(cell, kind)
    if not neighbours:
        return rng.permutation(kind.sites)[:n_atoms]
    for _ in range(_ATTEMPTS):
        taken: list[int] = []
        barred: set[int] = set()
        for k in rng.permutation(len(kind.sites)).tolist():
            if len(taken) == n_atoms:
                break
            if k not in barred:
                taken.append(k)
                barred |= neighbours.get(k, set())
        if len(taken) == n_atoms:
            return kind.sites[taken]
    raise StructureError(
        f"{n_atoms} atoms on {len(kind.sites)} sites, of which neighbours closer than "
        f"{_EXCLUSION_A} Å exclude each other, were not placed in {_ATTEMPTS} attempts; expected a "
        "lower occupancy, or an assignment"
    )


def _exclusions(cell: "Structure", kind: Sublattice) -> dict[int, set[int]]:
    """Return which sites of a sublattice exclude which others, by their place in it."""
    from pymatgen.core import Structure

    only = Structure(cell.lattice, ["X"] * len(kind.sites), cell.frac_coords[kind.sites])
    centers, others, _, _ = only.get_neighbor_list(_EXCLUSION_A)
    found: dict[int, set[int]] = {}
    for a, b in zip(centers.tolist(), others.tolist(), strict=True):
        found.setdefault(a, set()).add(b)
    return found


def _check_apart(cell: "Structure", kind: Sublattice) -> None:
    if _exclusions(cell, kind):
        raise StructureError(
            f"sites of {dict(kind.fractions)} are closer than {_EXCLUSION_A} Å and exclude each "
            "other, which a quasirandom search does not know; expected method 'random' or 'given'"
        )
