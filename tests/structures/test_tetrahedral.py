"""The tetrahedral sites of T#2: distances, angles, number, symmetry, reading."""

import math
from fractions import Fraction

import moyopy
import numpy as np
import pytest
from moyopy.interface import MoyoAdapter
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from stackmotif.errors import StructureError
from stackmotif.stacking import Slab, Word, from_name, shift_vector
from stackmotif.stacking.gaps import site_offsets
from stackmotif.structures import build, coordination, get_lattice, read_word

VECTORS = ("{0,1/2}", "{1/2,0}", "{1/2,1/2}")
WORDS = [f"|{a}{v}[Li:0.6] {b}{v}[Li:0.6]|" for v in VECTORS for a, b in ("LR", "RL")]


def around(structure, site, *, cutoff_A=3.0):
    """Return vectors from a site to its oxygens, the nearest first, shape (n, 3) [Å]."""
    near = structure.get_neighbors(structure[site], cutoff_A)
    oxygens = sorted((n for n in near if "O" in n.species), key=lambda n: n.nn_distance)
    return np.array([n.coords - structure[site].coords for n in oxygens])


def guests(structure):
    return [k for k, site in enumerate(structure) if "Li" in site.species]


@pytest.mark.parametrize("text", WORDS)
def test_four_oxygens_are_equally_far_and_no_fifth_is_near(text):
    lattice = get_lattice("LiCoO2")
    structure = build(text, lattice=lattice)
    expected = math.hypot(lattice.a_A, lattice.gap_height_A("T")) / 2
    for site in guests(structure):
        distances = np.linalg.norm(around(structure, site), axis=1)
        assert distances[:4] == pytest.approx([expected] * 4, abs=1e-9)
        assert distances[4:].min(initial=9.0) > 1.35 * expected
    assert coordination(structure) == {"M": {6: 2}, "A": {4: 4}}


@pytest.mark.parametrize("text", WORDS)
def test_angles_are_those_of_a_very_distorted_tetrahedron(text):
    """Two edges of length a, h_g apart and 60° askew; 90° askew would be a regular tetrahedron."""
    lattice = get_lattice("LiCoO2")
    a, gap = lattice.a_A, lattice.gap_height_A("T")
    structure = build(text, lattice=lattice)
    bond = around(structure, guests(structure)[0])[:4]
    bond /= np.linalg.norm(bond, axis=1)[:, None]
    found = np.degrees(np.arccos((bond @ bond.T)[np.triu_indices(4, 1)]))
    along = [(a**2 * cosine - gap**2) / (a**2 + gap**2) for cosine in (0.5, 0.5, -0.5, -0.5)]
    within = [(gap**2 - a**2) / (a**2 + gap**2)] * 2
    assert sorted(found) == pytest.approx(sorted(np.degrees(np.arccos(along + within))), abs=1e-6)
    assert np.abs(found - 109.47).max() > 10


@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize("lattice", ["LiCoO2", "LiNiO2:0.5", "NaCoO2"])
def test_space_group_is_cmce_with_the_guest(text, lattice):
    structure = build(text, lattice=lattice)
    assert SpacegroupAnalyzer(structure, symprec=1e-3).get_space_group_symbol() == "Cmce"
    symbols = [max(site.species, key=lambda s: s.Z).symbol for site in structure]
    ordered = structure.copy()
    for k, symbol in enumerate(symbols):
        ordered[k] = symbol
    found = moyopy.MoyoDataset(MoyoAdapter.from_structure(ordered), symprec=1e-3)
    assert found.number == 64
    letters = {w for s, w in zip(symbols, found.wyckoffs, strict=True) if s == "Li"}
    assert letters == {"e"}, "8e: twice as many sites as metals on 4a or 4b"


@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize("amount", [0.25, 0.52, 1.0])
def test_round_trip_with_guests(text, amount):
    word = Word.parse(text.replace("0.6", str(amount)))
    assert read_word(build(word, lattice="LiNiO2:0.5")) == word
    assert word.canonical() == Word.parse(WORDS[0].replace("0.6", str(amount))).canonical()


def test_an_ordered_choice_of_sites_is_read_too():
    """One site of each pair full: the same guests per metal as half of both."""
    word = Word.parse("|L{0,1/2}[Li] R{0,1/2}[Li]|")
    structure = build(word, lattice="LiCoO2")
    sites = guests(structure)
    assert len(sites) == 4
    structure.remove_sites(sites[::2])
    for k in guests(structure):
        structure[k] = "Li"
    assert read_word(structure) == word


def test_guests_off_the_sites_are_refused():
    structure = build("|L{0,1/2}[Li] R{0,1/2}[Li]|", lattice="LiCoO2")
    structure.translate_sites(guests(structure), [0.2, 0.1, 0.0])
    with pytest.raises(StructureError, match="kind 'T' are not all on one site; expected t"):
        read_word(structure)


def test_two_sites_per_metal_half_a_lattice_vector_apart():
    half = Fraction(1, 2)
    lower, upper = Slab(-1, (Fraction(0), half)), Slab(1, (Fraction(0), half))
    first, second = site_offsets(lower, upper, "t")
    assert tuple((b - a) % 1 for a, b in zip(first, second, strict=True)) == lower.shift
    assert site_offsets(lower, upper, "o") == ()


@pytest.mark.parametrize(("tilts", "vector"), [((1, 1), "0,1/2"), ((1, -1), "1/4,0")])
def test_other_vector_shifts_have_no_tetrahedral_site(tilts, vector):
    u, v = (Fraction(x) for x in vector.split(","))
    assert site_offsets(Slab(tilts[0], (u, v)), Slab(tilts[1], None), "t") == ()
    letters = ["R" if t == 1 else "L" for t in tilts]
    text = f"|{letters[0]}{{{vector}}}[Li] {letters[1]}{{{vector}}}|"
    with pytest.raises(StructureError, match="gap 0 of kind 'T' has no known guest site"):
        build(text)


def test_same_tilts_have_the_site_where_their_oxygens_are_half_a_vector_apart():
    word = Word.parse("|R{1/3,1/6}[Li:0.5]|")
    structure = build(word, lattice="LiCoO2")
    assert coordination(structure)["A"] == {4: len(guests(structure))}
    assert read_word(structure) == word


def test_t2_is_o2_with_every_second_slab_glided():
    """The published relation: O2, every second slab displaced by (1/3, 1/6)."""
    glide = (Fraction(1, 3), Fraction(1, 6))
    slabs = from_name("O2").slabs
    shifts = [shift_vector(slab.shift) for slab in slabs]
    moved = [
        Slab(slab.tilt, tuple(s + sign * g for s, g in zip(shift, glide, strict=True)))
        for slab, shift, sign in zip(slabs, shifts, (-1, 1), strict=True)
    ]
    assert Word(tuple(moved), True).canonical() == from_name("T#2").canonical()


def test_a_guest_mixture_is_shared_by_both_sites():
    mixed = build(WORDS[0], lattice="LiCoO2", guest_mix={"Li": 0.5, "Ni": 0.25})
    assert mixed.composition["Li"] == pytest.approx(1.0)
    assert mixed.composition["Ni"] == pytest.approx(0.5)
