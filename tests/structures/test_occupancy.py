"""Whole atoms on mixed sites: counts, seeds, exclusion, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackmotif.errors import MissingPackageError, StructureError
from stackmotif.stacking import Word
from stackmotif.structures import build, min_contacts_A, read_word, site_roles
from stackmotif.structures.occupancy.assignment import occupy
from stackmotif.structures.occupancy.counts import exact_counts, sublattices

NMC = build("|R+[Li:0.5]|", lattice="NMC811:0.5")
T2 = build("|L{0,1/2}[Li:0.6] R{0,1/2}[Li:0.6]|", lattice="LiCoO2")
PLAIN = build("|R+[Li]|", lattice="LiCoO2")

fractions = st.lists(st.integers(0, 50), min_size=1, max_size=4).map(
    lambda parts: {e: p / 200 for e, p in zip(("Ni", "Mn", "Co", "Al"), parts, strict=False)}
)


@given(fractions, st.integers(0, 500))
def test_counts_are_whole_and_within_one_of_their_share(mixture, n_sites):
    counts = exact_counts(n_sites, mixture)
    assert list(counts) == list(mixture)
    assert all(abs(counts[e] - n_sites * share) < 1 + 1e-9 for e, share in mixture.items())
    vacant = n_sites - sum(counts.values())
    assert abs(vacant - n_sites * (1 - sum(mixture.values()))) < 1 + 1e-9


def test_largest_remainders_win():
    assert exact_counts(9, {"Ni": 0.8, "Mn": 0.1, "Co": 0.1}) == {"Ni": 7, "Mn": 1, "Co": 1}
    assert exact_counts(4, {"Ni": 0.8, "Mn": 0.1, "Co": 0.1}) == {"Ni": 3, "Mn": 0, "Co": 1}
    assert exact_counts(3, {"Li": 0.5}) == {"Li": 1}, "the tie goes to the vacancies, '' before Li"
    assert exact_counts(10, {"Li": 0.1 + 0.2}) == {"Li": 3}, "no rounding error"


def test_amounts_are_exact_and_the_word_stays():
    whole = occupy(NMC, supercell=(10, 5, 2), rng=3)
    assert whole.is_ordered
    assert whole.composition.as_dict() == {"Ni": 240, "Mn": 30, "Co": 30, "O": 600, "Li": 150}
    assert read_word(whole).without_guests().canonical() == Word.parse("|R+|")


def test_atoms_keep_their_places():
    whole = occupy(NMC, supercell=(4, 4, 1), rng=3)
    cell = NMC.copy()
    cell.make_supercell([4, 4, 1])
    apart = cell.lattice.get_all_distances(whole.frac_coords, cell.frac_coords)
    assert apart.min(axis=1).max() < 1e-8
    assert len(set(apart.argmin(axis=1))) == len(whole)


def test_the_seed_decides():
    def chosen(rng):
        return [site.specie.symbol for site in occupy(NMC, supercell=(5, 4, 1), rng=rng)]

    assert chosen(7) == chosen(7) == chosen(np.random.default_rng(7))
    assert chosen(7) != chosen(8)


def test_metals_are_spread_without_preference():
    """Mean occupation of every metal site over 200 seeds; 4.5 standard errors are allowed."""
    n = 200
    manganese = [
        [s.specie.symbol == "Mn" for s in occupy(NMC, supercell=(5, 2, 1), rng=k)[:30]]
        for k in range(n)
    ]
    share = np.mean(manganese, axis=0)
    assert share.mean() == pytest.approx(0.1)
    assert np.abs(share - 0.1).max() < 4.5 * np.sqrt(0.1 * 0.9 / n)


def test_neighbouring_tetrahedra_are_never_both_filled():
    assert min_contacts_A(T2)["A-A"] < 1.5
    whole = occupy(T2, supercell=(5, 5, 1), rng=2)
    assert whole.composition["Li"] == 30
    assert min_contacts_A(whole)["A-A"] > 2.4
    assert read_word(whole).without_guests().name == "T#2"


def test_a_jammed_sublattice_is_refused():
    full = build("|L{0,1/2}[Li] R{0,1/2}[Li]|", lattice="LiCoO2")
    with pytest.raises(StructureError, match=r"50 atoms on 100 sites, .* not placed in 50"):
        occupy(full, supercell=(5, 5, 1))
    with pytest.raises(StructureError, match=r"closer than 1\.8 Å and exclude each other"):
        occupy(T2, supercell=(5, 1, 1), method="sqs")


def test_other_amounts_by_role_and_by_element():
    by_role = occupy(PLAIN, supercell=(4, 4, 1), amounts={"A": {"Li": 0.25}})
    assert by_role.composition["Li"] == 12
    doped = occupy(PLAIN, supercell=(5, 4, 1), amounts={"Co": {"Co": 0.9, "Al": 0.1}})
    assert doped.composition.as_dict() == {"Co": 54, "Al": 6, "O": 120, "Li": 60}


def test_an_amount_of_nothing_empties_the_sites():
    assert occupy(PLAIN, amounts={"A": {"Li": 0.0}}).composition.formula == "Co3 O6"


def test_repeats_may_come_from_numpy():
    whole = occupy(NMC, supercell=tuple(np.array([2, 2, 1])), rng=np.int64(4))
    assert whole == occupy(NMC, supercell=(2, 2, 1), rng=4)


def test_a_given_assignment():
    cell = NMC.copy()
    mixed = np.sort(np.concatenate([kind.sites for kind in sublattices(cell)]))
    assert site_roles(cell)[mixed].tolist() == ["M"] * 3 + ["A"] * 3
    whole = occupy(NMC, method="given", assignment=["Ni", "Mn", "Co", "Li", None, None])
    assert [site.specie.symbol for site in whole] == ["Ni", "Mn", "Co"] + ["O"] * 6 + ["Li"]
    assert np.allclose(whole[-1].frac_coords, NMC[int(mixed[3])].frac_coords)


def test_a_whole_crystal_stays_as_it_is():
    assert occupy(PLAIN) == PLAIN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"supercell": (0, 1, 1)}, r"supercell is \(0, 1, 1\)"),
        ({"supercell": (200, 200, 2)}, "has 960000 sites; expected at most 200000"),
        ({"method": "best"}, "method is 'best'; expected 'random', 'sqs' or 'given'"),
        ({"method": "given"}, "the assignment has 0 entries; expected 6"),
        ({"method": "given", "assignment": ["Ni"] * 5 + ["Xx"]}, "the assignment names Xx"),
        ({"assignment": ["Ni"] * 6}, "given for method 'random'"),
        ({"amounts": {"Fe": {"Fe": 1.0}}}, "'Fe', which stands nowhere; expected a role"),
        ({"amounts": {"M": {"Ni": 1.2}}}, "sum to at most 1"),
        ({"amounts": {"M": {"Nn": 0.5}}}, "the mixture on 'M': 'Nn' is no element"),
        ({"amounts": {"A": {"Li": "x"}}}, "the mixture on 'A' is"),
        ({"amounts": {"A": {"Li": float("nan")}}}, "the mixture on 'A' is"),
        ({"amounts": {"A": None}}, "the mixture on 'A' is None; expected elements"),
        ({"amounts": ["A"]}, "amounts are .*; expected mixtures by role or element"),
        ({"supercell": None}, "supercell is None; expected three whole numbers"),
        ({"supercell": (1.5, 1, 1)}, r"supercell is \(1\.5, 1, 1\)"),
        ({"rng": "x"}, "rng is 'x'; expected a whole number"),
        ({"rng": -1}, "rng is -1; expected a whole number"),
        ({"method": "sqs", "pair_cutoff_A": float("nan")}, "pair_cutoff_A is nan Å; expected 3 to"),
        ({"method": "given", "assignment": [["Ni"]] * 6}, r"the assignment names \['Ni'\]"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(StructureError, match=message):
        occupy(NMC, **arguments)


def test_sqs_names_the_package_that_it_needs(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "icet", None)
    with pytest.raises(MissingPackageError, match=r"'icet', .* pip install 'stackmotif\[sqs\]'"):
        occupy(NMC, supercell=(2, 2, 1), method="sqs")
