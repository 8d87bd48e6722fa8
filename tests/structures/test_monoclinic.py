"""Monoclinic distortions: cells, space groups, bond lengths, words read back."""

import math
from dataclasses import replace

import moyopy
import numpy as np
import pytest
from moyopy.interface import MoyoAdapter
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from stackmotif.errors import StructureError
from stackmotif.stacking import Word, from_name
from stackmotif.structures import build, check_contacts, get_lattice, read_word
from stackmotif.structures.lattices.monoclinic import MonoclinicLattice, get_monoclinic
from stackmotif.structures.monoclinic import build_monoclinic

CASES = [
    ("|R+[Na]|", "NaNiO2", False, "C2/m"),
    ("|L-[Na]|", "NaNiO2", False, "C2/m"),
    ("|R-|", "P3-NaxCoO2", False, "C2/m"),
    ("|L+|", "P3-NaxCoO2", False, "C2/m"),
    ("|R-[Na:0.6]|", "P3-NaxCoO2", False, "Cm"),
    ("|R+[Li:0.5]|", "Li05CoO2", True, "P2/m"),
]


@pytest.mark.parametrize(("text", "name", "rows", "group"), CASES)
def test_cell_space_group_and_word(text, name, rows, group):
    lattice = get_monoclinic(name)
    structure = build_monoclinic(text, lattice=lattice, guest_rows=rows)
    given = (lattice.a_A, lattice.b_A, lattice.c_A, 90, lattice.beta_deg, 90)
    assert structure.lattice.parameters == pytest.approx(given, abs=1e-4)
    assert SpacegroupAnalyzer(structure, symprec=1e-3).get_space_group_symbol() == group
    assert read_word(structure).canonical() == Word.parse(text).canonical()
    check_contacts(structure)


def test_moyo_agrees_that_o3_prime_is_c2m_with_the_published_cell():
    structure = build_monoclinic("|R+[Na]|", lattice="NaNiO2")
    data = moyopy.MoyoDataset(MoyoAdapter.from_structure(structure), symprec=1e-3)
    assert data.number == 12
    edges = np.linalg.norm(np.array(data.std_cell.basis), axis=1)
    assert sorted(edges) == pytest.approx(sorted((5.3192, 2.8451, 5.5826)), abs=1e-3)


def test_sodium_distances_follow_from_those_of_nickel():
    """Oxygen was placed by the two Ni-O distances; the reported Na-O distances are a check."""
    structure = build_monoclinic("|R+[Na]|", lattice="NaNiO2")
    for element, expected in (("Ni", [1.911] * 4 + [2.144] * 2), ("Na", [2.328] * 4 + [2.369] * 2)):
        site = next(s for s in structure if s.specie.symbol == element)
        near = (n for n in structure.get_neighbors(site, 3.0) if n.specie.symbol == "O")
        assert sorted(n.nn_distance for n in near)[:6] == pytest.approx(expected, abs=2.5e-3)


@pytest.mark.parametrize("name", ["O3", "P3", "O1"])
def test_without_distortion_it_is_the_hexagonal_crystal(name):
    """The same lengths as cell and as word: the space group of the undistorted crystal returns."""
    hexagonal = get_lattice("LiNiO2:0.5")
    word = from_name(name).without_guests()
    a, row = hexagonal.a_A * math.sqrt(3), hexagonal.row_spacing_A("3")
    shift = 0.0 if name == "O1" else a / 3
    lattice = MonoclinicLattice(
        name="undistorted",
        a_A=a,
        b_A=hexagonal.a_A,
        c_A=math.hypot(row, shift),
        beta_deg=90 + math.degrees(math.atan2(shift, row)),
        slab_height_A=hexagonal.slab_height_A,
        host=hexagonal.host,
    )
    structure = build_monoclinic(word, lattice=lattice)
    plain = build(
        word, lattice=replace(hexagonal, gap_heights_A={"3": row - hexagonal.slab_height_A})
    )
    groups = [
        SpacegroupAnalyzer(s, symprec=1e-3).get_space_group_symbol() for s in (structure, plain)
    ]
    assert groups[0] == groups[1]
    assert structure.volume / len(structure) == pytest.approx(plain.volume / len(plain))


def test_two_slabs_in_one_cell():
    """O2 in a cell of two rows: c upright, no shear, both slabs at their places."""
    lattice = MonoclinicLattice("two", 4.90, 2.81, 9.40, 91.0, 1.98, {"Co": 1.0}, guest="Li")
    structure = build_monoclinic("|R-[Li] L+[Li]|", lattice=lattice)
    assert read_word(structure).canonical() == Word.parse("|R-[Li] L+[Li]|").canonical()
    assert structure.composition.reduced_formula == "LiCoO2"
    assert len(structure) == 16


@pytest.mark.parametrize(("text", "name", "rows", "group"), CASES)
def test_the_other_setting_is_the_same_crystal_seen_along_its_rows(text, name, rows, group):
    standard = build_monoclinic(text, lattice=name, guest_rows=rows)
    turned = build_monoclinic(text, lattice=name, guest_rows=rows, view_along_a=True)
    assert turned.lattice.a == pytest.approx(standard.lattice.b)
    assert np.linalg.det(turned.lattice.matrix) > 0
    assert turned.lattice.matrix[0] == pytest.approx(standard.lattice.matrix[1])
    apart = standard.lattice.get_all_distances(
        standard.frac_coords, standard.lattice.get_fractional_coords(turned.cart_coords)
    )
    assert np.diag(apart).max() < 1e-9
    assert SpacegroupAnalyzer(turned, symprec=1e-3).get_space_group_symbol() == group
    assert read_word(turned).canonical() == Word.parse(text).canonical()


def test_rows_are_filled_before_the_others():
    for amount, sites in ((0.5, {1.0}), (0.7, {1.0, 0.4}), (0.3, {0.6})):
        structure = build_monoclinic(f"|R+[Li:{amount}]|", lattice="Li05CoO2", guest_rows=True)
        found = {round(s.species["Li"], 6) for s in structure if "Li" in s.species}
        assert found == sites
        assert structure.composition["Li"] / structure.composition["Co"] == pytest.approx(amount)


def test_sources_are_told_apart():
    sources = get_monoclinic("NaNiO2").sources
    assert (sources["cell"].tag, sources["oxygen"].tag) == ("A", "N")
    assert get_monoclinic("P3-NaxCoO2").sources["cell"].tag == "U"


@pytest.mark.parametrize(
    ("word", "lattice", "message"),
    [
        ("R+ R.", "NaNiO2", "expected a periodic word"),
        ("|?+|", "NaNiO2", "slab 0 of .* has no tilt"),
        ("|L{0,1/2} R{0,1/2}|", "NaNiO2", "a shift that is no multiple of e"),
        ("|R+[Na@tl]|", "NaNiO2", "guest site 'tl' of a gap of kind '3' cannot be sheared"),
        ("|R0|", "NaNiO2", r"displaces every slab of .* by -?1\.95"),
        ("|R- L+|", "NaNiO2", r"displaces every slab of .* by -0\.975 Å; expected at most"),
        ("|R+ R0 L- L0|", "NaNiO2", r"rows are 1\.308 Å apart"),
        ("|R+|", "LiNiO2", "monoclinic lattice 'LiNiO2' is unknown; expected one of NaNiO2"),
    ],
)
def test_refusals(word, lattice, message):
    with pytest.raises(StructureError, match=message):
        build_monoclinic(word, lattice=lattice)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a_A": -1.0}, r"a is -1\.0 Å"),
        ({"beta_deg": 170.0}, r"beta is 170\.0°; expected 45° to 135°"),
        ({"host": {"Ni": 0.5}}, r"lattice mine: host is \{'Ni': 0\.5\}; expected"),
        ({"oxygen_lean": 0.1}, r"oxygen lean is 0\.1 of a"),
    ],
)
def test_a_cell_that_is_none_is_refused(change, message):
    cell = {
        "name": "mine",
        "a_A": 4.9,
        "b_A": 2.83,
        "c_A": 5.6,
        "beta_deg": 107.0,
        "slab_height_A": 2.0,
        "host": {"Co": 1.0},
    }
    with pytest.raises(StructureError, match=message):
        MonoclinicLattice(**(cell | change))
