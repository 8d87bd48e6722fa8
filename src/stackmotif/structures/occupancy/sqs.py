"""Special quasirandom structures, searched for by the optional package icet."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif.errors import MissingPackageError, StructureError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from stackmotif.structures.occupancy.counts import Sublattice

VACANCY: Final = "X"
"""What icet calls an empty site."""

_STEPS: Final = 20_000
_TRIPLET_SHARE: Final = 0.6
"""Triplets are considered up to this share of the cut-off of pairs."""


def quasirandom(
    cell: "Structure",
    kinds: "list[Sublattice]",
    *,
    rng: np.random.Generator,
    pair_cutoff_A: float = 6.0,
    n_steps: int = _STEPS,
) -> dict[int, str | None]:
    """Return the element, or None, of each mixed site of a special quasirandom structure.

    Monte Carlo annealing of the cluster vector towards that of full disorder; the cell keeps its
    shape and the numbers of atoms are exact.

    Parameters
    ----------
    cell : pymatgen.core.Structure
        The supercell, with its mixed sites.
    kinds : list of Sublattice
        Its mixed sites; no two with the same elements.
    rng : numpy.random.Generator
        Gives the seed of the search.
    pair_cutoff_A : float
        Pairs farther apart are not considered [Å]; triplets up to 0.6 of it.
    n_steps : int
        Length of the search.

    Raises
    ------
    MissingPackageError
        If icet is not installed.
    StructureError
        If two mixtures have the same elements, which the search cannot tell apart.

    References
    ----------
    Angqvist et al., icet, Adv. Theory Simul. 2019, doi 10.1002/adts.201900015.
    """
    if not kinds:
        return {}
    try:
        from icet import ClusterSpace
        from icet.tools.structure_generation import generate_sqs_from_supercells
    except ImportError as error:
        raise MissingPackageError(
            "icet", extra="sqs", purpose="a special quasirandom structure"
        ) from error
    from ase import Atoms

    allowed = _allowed(cell, kinds)
    atoms = Atoms(
        [symbols[0] for symbols in allowed],
        positions=cell.cart_coords,
        cell=cell.lattice.matrix,
        pbc=True,
    )
    space = ClusterSpace(
        atoms,
        cutoffs=[pair_cutoff_A, _TRIPLET_SHARE * pair_cutoff_A],
        chemical_symbols=allowed,
        symprec=1e-3,
    )
    found = generate_sqs_from_supercells(
        space,
        [atoms],
        _concentrations(space, atoms, kinds),
        n_steps=n_steps,
        random_seed=int(rng.integers(2**31)),
    )
    return _elements(found, cell, kinds)


def _symbols(kind: "Sublattice") -> list[str]:
    """Return what a site may hold; where some are empty, the vacancy too."""
    filled = [element for element, count in kind.counts.items() if count]
    return sorted(filled + [VACANCY] * (sum(kind.counts.values()) < len(kind.sites)))


def _allowed(cell: "Structure", kinds: "list[Sublattice]") -> list[list[str]]:
    sets = [tuple(_symbols(kind)) for kind in kinds]
    if len(set(sets)) < len(sets):
        raise StructureError(
            f"two sublattices hold the same elements, {', '.join(sets[0])}, in other amounts, "
            "which a quasirandom search cannot tell apart; expected method 'random'"
        )
    allowed: list[list[str]] = [[next(iter(site.species)).symbol] for site in cell]
    for kind, symbols in zip(kinds, sets, strict=True):
        for site in kind.sites:
            allowed[int(site)] = list(symbols)
    return allowed


def _concentrations(
    space: Any, atoms: Any, kinds: "list[Sublattice]"
) -> dict[str, dict[str, float]]:
    """Return the exact shares of each sublattice, by the letter that icet gives it."""
    by_symbols = {tuple(_symbols(kind)): kind for kind in kinds}
    found = {}
    for sublattice in space.get_sublattices(atoms):
        symbols = tuple(sorted(sublattice.chemical_symbols))
        if len(symbols) > 1:
            kind = by_symbols[symbols]
            n = len(kind.sites)
            shares = {element: count / n for element, count in kind.counts.items() if count}
            if VACANCY in symbols:
                shares[VACANCY] = 1 - sum(shares.values())
            found[sublattice.symbol] = shares
    return found


def _elements(found: Any, cell: "Structure", kinds: "list[Sublattice]") -> dict[int, str | None]:
    """Return what the search put on each mixed site; it may have reordered the atoms."""
    distances = cell.lattice.get_all_distances(cell.frac_coords, found.get_scaled_positions())
    partner = np.argmin(distances, axis=1)
    symbols = np.array(found.get_chemical_symbols())[partner]
    mixed = [int(site) for kind in kinds for site in kind.sites]
    return {site: None if symbols[site] == VACANCY else str(symbols[site]) for site in mixed}
