"""Special quasirandom structures against random ones, by pair correlations counted here."""

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.structures import build
from stackmotif.structures.occupancy.assignment import occupy

pytest.importorskip("icet", reason="the extra sqs is not installed")

NMC = build("|R+|", lattice="NMC811:0.5")
SUPERCELL = (5, 4, 1)


def short_range_order(structure, *, cutoff_A=5.9):
    """Return the root mean square Warren-Cowley parameter over shells and pairs of metals."""
    metals = structure.copy()
    metals.remove_species(["O", "Li"])
    symbols = np.array([site.specie.symbol for site in metals])
    centers, others, _, distances = metals.get_neighbor_list(cutoff_A)
    shells = np.round(distances, 2)
    found = []
    for shell in np.unique(shells):
        for a, b in (("Ni", "Mn"), ("Ni", "Co"), ("Mn", "Co"), ("Mn", "Mn"), ("Co", "Co")):
            at = (shells == shell) & (symbols[centers] == a)
            share = (symbols[others[at]] == b).mean()
            found.append(1 - share / (symbols == b).mean())
    return float(np.sqrt(np.mean(np.square(found))))


@pytest.mark.slow
def test_it_is_less_ordered_than_random_arrangements():
    quasirandom = occupy(NMC, supercell=SUPERCELL, method="sqs", rng=5)
    randoms = [occupy(NMC, supercell=SUPERCELL, rng=k) for k in range(30)]
    assert quasirandom.composition == randoms[0].composition
    assert short_range_order(quasirandom) < min(map(short_range_order, randoms))


@pytest.mark.slow
def test_the_seed_decides_and_vacancies_count():
    crystal = build("|R+[Li:0.5]|", lattice="NMC811:0.5")
    first, second = (
        occupy(crystal, supercell=(4, 2, 1), method="sqs", rng=9, pair_cutoff_A=4.0)
        for _ in range(2)
    )
    assert first == second
    assert first.composition.as_dict() == {"Ni": 19, "Mn": 2, "Co": 3, "O": 48, "Li": 12}


@pytest.mark.slow
def test_mixtures_of_the_same_elements_are_refused():
    crystal = build("|R+ R0|", lattice="NMC811:0.5")
    crystal[0] = {"Ni": 0.5, "Mn": 0.25, "Co": 0.25}
    with pytest.raises(StructureError, match="two sublattices hold the same elements, Co, Mn, Ni"):
        occupy(crystal, supercell=(4, 4, 1), method="sqs")
