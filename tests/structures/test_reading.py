"""Atoms to words: round trips, and crystals that other packages built in other settings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackmotif.errors import StructureError
from stackmotif.stacking import Guest, Slab, Word, enumerate_words, from_name
from stackmotif.structures import build, get_lattice, read_word


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_round_trip_of_all_short_words(n):
    for word in enumerate_words(n, primitive=True):
        assert read_word(build(word)).canonical() == word


@pytest.mark.parametrize("n", [1, 2])
def test_round_trip_with_guests(n):
    for word in enumerate_words(n, primitive=True):
        full = Word(tuple(Slab(s.tilt, s.shift, Guest("Na", 0.75)) for s in word.slabs), True)
        assert read_word(build(full)).canonical() == full.canonical()


@pytest.mark.parametrize(
    "text",
    [
        "|R-[Na@u] R-[Na@l]|",
        "|R0[Na@f] L0[Na@e]|",
        "|R+[Li@tl] R0[Li@tu] R+|",
        "|L{0,1/2}[Li] R{0,1/2}[Li]|",
        "|R{1/2,0} L{1/4,0} R+|",
        "R.",
        "R+5 R- L- L+ R+2 R.",
        "R+[Li]3 R0 R+[Li:0.25]2 R.",
    ],
)
def test_round_trip_of_sites_and_finite_words(text):
    word = Word.parse(text)
    assert read_word(build(word)).canonical() == word.canonical()


@pytest.mark.parametrize("name", ["O1 fault(2)", "TD(2) flipped", "TD(3) glided", "twin prismatic"])
def test_names_survive(name):
    assert read_word(build(from_name(name), lattice="LiNiO2:0.5")).name == name


def _lithium_nickelate():
    from pymatgen.core import Lattice, Structure

    return Structure.from_spacegroup(
        "R-3m",
        Lattice.hexagonal(2.875, 14.19),
        ["Li", "Ni", "O"],
        [[0, 0, 0], [0, 0, 0.5], [0, 0, 0.2414]],
    )


def _settings():
    conventional = _lithium_nickelate()
    yield "conventional", conventional
    yield "primitive", conventional.get_primitive_structure()
    yield "niggli", conventional.get_reduced_structure()
    for name, matrix in {
        "supercell": [[2, 1, 0], [0, 3, 0], [0, 0, 2]],
        "orthogonal": [[1, 0, 0], [1, 2, 0], [0, 0, 1]],
        "tilted": [[1, 0, 0], [0, 1, 0], [1, 1, 1]],
        "cyclic axes": [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
        "turned over": [[0, 1, 0], [1, 0, 0], [0, 0, -1]],
    }.items():
        structure = conventional.copy()
        structure.make_supercell(matrix, to_unit_cell=True)
        yield name, structure


@pytest.mark.parametrize(("name", "structure"), list(_settings()), ids=lambda v: str(v)[:12])
def test_o3_from_pymatgen_in_any_setting(name, structure):
    assert read_word(structure).canonical() == Word.parse("|R+[Li]|"), name


def test_known_word_in_any_orientation_and_origin():
    rng = np.random.default_rng(5)
    word = from_name("OP4")
    for _ in range(6):
        structure = build(word)
        structure.make_supercell([[1, 0, 0], [0, 1, 0], [0, 1, 1]])
        structure.translate_sites(range(len(structure)), rng.random(3))
        q, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        turned = structure.copy()
        turned.lattice = type(structure.lattice)(structure.lattice.matrix @ q)
        assert read_word(turned).canonical() == word.canonical()


def test_tilted_primitive_cells_keep_guests():
    word = Word.parse("|R+[Li] R-[Na]|")
    structure = build(word)
    for seed in range(4):
        moved = structure.get_primitive_structure()
        moved.translate_sites(range(len(moved)), np.random.default_rng(seed).random(3))
        assert read_word(moved).canonical() == word.canonical()


@pytest.mark.parametrize("matrix", [[1, 1, 2], [[1, 0, 1], [0, 1, 0], [1, 0, 2]]])
def test_a_finite_stack_may_stand_in_the_cell_several_times(matrix):
    word = Word.parse("R+[Li] R0 R- L-[Na] L.")
    structure = build(word)
    structure.make_supercell(matrix)
    assert read_word(structure).canonical() == word.canonical()


def test_different_stacks_in_one_cell_are_refused():
    from pymatgen.core import Lattice, Structure

    parts = [build("R+ R."), build("R0 R.")]
    cell = Lattice.hexagonal(parts[0].lattice.a, sum(p.lattice.c for p in parts))
    low, high = (p.cart_coords for p in parts)
    both = Structure(
        cell,
        [*parts[0].species, *parts[1].species],
        np.concatenate([low, high + np.array([0, 0, parts[0].lattice.c])]),
        coords_are_cartesian=True,
    )
    with pytest.raises(StructureError, match="holds 2 different stacks"):
        read_word(both)


def test_o3_from_ase():
    from ase.spacegroup import crystal
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = crystal(
        ["Co", "Na", "O"],
        basis=[(0, 0, 0), (0, 0, 0.5), (0, 0, 0.2698)],
        spacegroup=166,
        cellpar=[2.889, 2.889, 15.609, 90, 90, 120],
    )
    structure = AseAtomsAdaptor.get_structure(atoms.repeat((2, 2, 1)))
    assert read_word(structure).name == "O3"


def test_p2_from_pymatgen():
    from pymatgen.core import Lattice, Structure

    structure = Structure.from_spacegroup(
        "P6_3/mmc",
        Lattice.hexagonal(2.84, 10.81),
        ["Co", {"Na": 0.7}, "O"],
        [[0, 0, 0], [1 / 3, 2 / 3, 3 / 4], [1 / 3, 2 / 3, 0.09]],
    )
    word = read_word(structure)
    assert word.name == "P2"
    assert {(s.guest.species, s.guest.occupancy) for s in word.slabs} == {("Na", 0.7)}


def test_monoclinic_distortion_is_read():
    from pymatgen.core import Lattice, Structure

    # The cell of O'3-NaNiO2; oxygen near its place in the undistorted structure.
    structure = Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(5.3192, 2.8451, 5.5826, 110.449),
        ["Ni", "Na", "O"],
        [[0, 0, 0], [0, 0.5, 0.5], [0.28, 0, 0.80]],
    )
    assert read_word(structure).name == "O3"


def test_ordered_vacancies_become_an_occupancy():
    structure = _lithium_nickelate()
    structure.make_supercell([2, 2, 1])
    lithium = [i for i, site in enumerate(structure) if site.specie.symbol == "Li"]
    heights = structure.frac_coords[lithium, 2]
    structure.remove_sites([i for i, z in zip(lithium, heights, strict=True) if z < 0.1][:1])
    word = read_word(structure)
    assert sorted(s.guest.occupancy for s in word.slabs) == [0.75, 1.0, 1.0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2109), st.integers(0, 2**32 - 1))
def test_small_displacements_do_not_change_the_word(index, seed):
    word = enumerate_words(6)[index]
    structure = build(word, lattice="LiNiO2:0.5")
    structure.make_supercell([2, 2, 1])
    noise = 0.03 * np.random.default_rng(seed).standard_normal((len(structure), 3))
    moved = type(structure)(
        structure.lattice,
        structure.species,
        structure.cart_coords + noise,
        coords_are_cartesian=True,
    )
    assert read_word(moved).canonical() == word.canonical()


def test_half_shifts_are_not_mistaken_for_letters():
    assert read_word(build("|R{0,1/2} R+ R+|")).gap_kinds.count("T") == 1


def _refused():
    from pymatgen.core import Lattice, Structure

    o3 = build("|R+[Li]|")
    yield build("|R+[Ni]|", lattice="NiO"), "do not lie in planes"
    yield Structure(Lattice.cubic(3.9), ["Sr"], [[0, 0, 0]]), "no metal atoms"
    yield Structure(Lattice.hexagonal(2.8, 5.0), ["Ni"], [[0, 0, 0]]), "no anions"
    yield Structure(Lattice.cubic(9.0), ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]), "no two metals"
    broken = o3.copy()
    broken.make_supercell([3, 3, 1])
    broken.remove_sites([0])
    yield broken, "metals per interval between anion planes are"
    height = get_lattice("LiNiO2:1").slab_height_A
    prismatic = Structure(
        Lattice.hexagonal(3.16, 6.2),
        ["Mo", "S", "S"],
        [[0, 0, 0.5], [1 / 3, 2 / 3, 0.5 + height / 9], [1 / 3, 2 / 3, 0.5 - height / 9]],
    )
    yield prismatic, "expected an octahedral"
    floating = build("R+ R.")
    floating.append("Li", [0.0, 0.0, 0.98])
    yield floating, "guest stands in the vacuum"
    inside = o3.copy()
    inside.append("Li", [0.5, 0.5, 0.0])
    yield inside, "guest stands inside a slab"
    mixed = o3.copy()
    mixed.make_supercell([2, 1, 1])
    mixed.replace(next(i for i, s in enumerate(mixed) if s.specie.symbol == "Li"), "Na")
    yield mixed, "holds Li and Na; expected one guest element per gap"
    moved = o3.copy()
    moved.translate_sites([len(moved) - 1], [0.5, 0.0, 0.0])
    yield moved, "guests of a gap of kind '3' are not all on one site"


@pytest.mark.parametrize(("structure", "message"), list(_refused()), ids=lambda v: str(v)[:16])
def test_refusals(structure, message):
    with pytest.raises(StructureError, match=message):
        read_word(structure)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "distinct"), [(1, 3), (2, 7), (3, 25)])
def test_structure_matcher_finds_the_same_number_of_crystals(n, distinct):
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(ltol=1e-3, stol=0.01, angle_tol=0.1)
    structures = [build(word) for word in enumerate_words(n, primitive=True)]
    assert len(matcher.group_structures(structures)) == distinct


@pytest.mark.parametrize("structure", [None, "o3.cif", 5])
def test_what_is_no_structure_is_refused(structure):
    with pytest.raises(StructureError, match="expected a pymatgen Structure"):
        read_word(structure)
