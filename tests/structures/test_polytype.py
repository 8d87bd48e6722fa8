"""Words to atoms: space groups, gap kinds by coordination, distances, projection."""

import math
from itertools import product

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.stacking import SITES, Guest, Slab, Word, from_name
from stackmotif.structures import build, check_contacts, get_lattice, min_contacts_A, site_roles

LATTICE = "LiNiO2:1"


def _space_group(structure):
    import moyopy
    from moyopy.interface import MoyoAdapter

    return moyopy.MoyoDataset(MoyoAdapter.from_structure(structure), symprec=1e-3).number


def _spglib_number(structure):
    import spglib

    cell = (structure.lattice.matrix, structure.frac_coords, structure.atomic_numbers)
    dataset = spglib.get_symmetry_dataset(cell, symprec=1e-3)
    assert dataset is not None
    return dataset.number


@pytest.mark.parametrize(
    ("name", "slabs", "number", "frame_number"),
    [
        ("O3", 3, 166, 166),
        ("O3r", 3, 166, 166),
        ("O1", 1, 164, 164),
        ("H1-3", 6, 166, 166),
        ("P3", 3, 160, 166),
        ("P2", 2, 194, 194),
        ("O2", 2, 186, 186),
        ("O6", 6, 166, 166),
        ("O4", 4, 186, 186),
        ("OP4", 4, 194, 194),
        ("T#2", 2, 64, 64),
    ],
)
def test_space_groups_of_the_known_words(name, slabs, number, frame_number):
    structure = build(from_name(name), lattice=LATTICE)
    assert (site_roles(structure) == "M").sum() == slabs
    assert _space_group(structure) == _spglib_number(structure) == number
    assert _space_group(build(from_name(name).without_guests())) == frame_number


def _oxygen_angles(structure, site):
    vectors = np.array(
        [n.coords - site.coords for n in structure.get_neighbors(site, 2.4) if "O" in n.species]
    )
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return np.degrees(np.arccos(np.clip(units @ units.T, -1, 1)))


def _metals_on_axis(structure, site):
    """Number of metals straight above or below: faces that the guest shares with slabs."""
    near = [n for n in structure.get_neighbors(site, 2.8) if "Ni" in n.species]
    return sum(math.hypot(*(n.coords - site.coords)[:2]) < 0.1 for n in near)


SIGNATURES = {
    "3": ("oct", 0),
    "2": ("oct", 1),
    "1": ("oct", 2),
    "p": ("prism", 1),
    "q": ("prism", 0),
}


@pytest.mark.parametrize("tilts", product((1, -1), repeat=2))
@pytest.mark.parametrize("shifts", product((1, 0, -1), repeat=2))
def test_gap_kinds_agree_with_the_coordination(tilts, shifts):
    word = Word(tuple(Slab(t, s, Guest("Li")) for t, s in zip(tilts, shifts, strict=True)), True)
    structure = build(word, lattice=LATTICE)
    guests = [site for site in structure if site.specie.symbol == "Li"]
    for site, kind in zip(guests, word.gap_kinds * 3, strict=False):
        angles = _oxygen_angles(structure, site)
        assert len(angles) == 6
        shape = "oct" if (angles > 175).sum() == 6 else "prism"
        assert (shape, _metals_on_axis(structure, site)) == SIGNATURES[kind]


def test_gap_kinds_agree_with_crystalnn():
    from pymatgen.analysis.local_env import CrystalNN

    for name in ("O3", "P2"):
        structure = build(from_name(name), lattice="NaCoO2" if name == "P2" else LATTICE)
        guest = next(i for i, site in enumerate(structure) if site.specie.symbol in ("Li", "Na"))
        structure.add_oxidation_state_by_element({"Li": 1, "Na": 1, "Ni": 3, "Co": 3, "O": -2})
        neighbours = CrystalNN().get_nn_info(structure, guest)
        assert sum(n["site"].specie.symbol == "O" for n in neighbours) == 6


@pytest.mark.parametrize(
    ("text", "site", "coordination", "metals"),
    [
        ("|R0[Na@f] L0[Na@f]|", "f", 6, 2),
        ("|R-[Na@u]|", "u", 6, 1),
        ("|R+[Li@tl]|", "tl", 4, 1),
        ("|R+[Li@tu]|", "tu", 4, 1),
        ("|R0[Li@tl]|", "tl", 4, 0),
        ("|L{0,1/2}[Li] R{0,1/2}[Li]|", "t", 4, 0),
    ],
)
def test_other_guest_sites(text, site, coordination, metals):
    word = Word.parse(text)
    assert site in SITES[word.gap_kinds[0]]
    structure = build(word, lattice=LATTICE)
    guest = structure[-1]
    distances = sorted(
        n.nn_distance for n in structure.get_neighbors(guest, 4.0) if "O" in n.species
    )
    nearest = distances[:coordination]
    assert max(nearest) - min(nearest) < 1e-9
    assert distances[coordination] - nearest[-1] > 0.2
    assert _metals_on_axis(structure, guest) == metals


def test_finite_words_stand_in_vacuum():
    lattice = get_lattice(LATTICE)
    structure = build("R+ R0 R.", lattice=LATTICE, vacuum_A=20.0)
    height = 3 * lattice.slab_height_A + lattice.gap_height_A("3") + lattice.gap_height_A("1")
    assert structure.lattice.c == pytest.approx(height + 20.0)
    z = structure.cart_coords[:, 2]
    assert z.min() == pytest.approx(10.0)
    assert z.max() == pytest.approx(10.0 + height)


def test_gap_height_of_the_word_wins():
    structure = build("|R0[Na;h=3.5] L0|", lattice=LATTICE)
    lattice = get_lattice(LATTICE)
    expected = 2 * lattice.slab_height_A + 3.5 + lattice.gap_height_A("q")
    assert structure.lattice.c == pytest.approx(expected)


def test_occupancy_and_host_fractions():
    structure = build("|R+[Li:0.5]|", lattice="NMC811")
    assert structure[0].species.as_dict() == {"Ni": 0.8, "Mn": 0.1, "Co": 0.1}
    assert structure[-1].species.as_dict() == {"Li": 0.5}
    assert structure.composition["O"] == 6


def test_projection_along_the_beam():
    # Along [100] the horizontal coordinate of (u, v) is v pitches, in steps of s·d/3.
    word = Word.parse("|R+3 R0 R-2|")
    structure = build(word, lattice=LATTICE)
    a_axis = structure.lattice.matrix[0] / structure.lattice.a
    right = np.cross([0.0, 0.0, 1.0], a_axis)
    pitch = get_lattice(LATTICE).column_pitch_A
    metals = structure.cart_coords[site_roles(structure) == "M"] @ right / pitch
    steps = (np.diff(metals, append=metals[0]) + 0.5) % 1 - 0.5
    expected = [float(p) for p in word.projection()]
    np.testing.assert_allclose(steps[: len(word)], expected, atol=1e-9)


def test_columns_never_overlap_along_the_beam():
    for name in ("O3", "O1", "P3"):
        structure = build(from_name(name), lattice=LATTICE)
        xz = np.column_stack([structure.frac_coords[:, 1], structure.frac_coords[:, 2]])
        difference = xz[:, None] - xz[None]
        difference -= np.round(difference)
        scale = np.array([get_lattice(LATTICE).column_pitch_A, structure.lattice.c])
        distance = np.linalg.norm(difference * scale, axis=-1)
        assert distance[~np.eye(len(structure), dtype=bool)].min() > 0.7


def test_rock_salt_continues_o3_but_steps_the_other_way():
    nio = build("|R+[Ni]|", lattice="NiO")
    assert _space_group(nio) == 225
    o3 = build("|R+[Li]|", lattice=LATTICE)

    def steps(structure):
        nickel = [site for site in structure if site.specie.symbol == "Ni"]
        v = np.array([s.frac_coords[1] for s in sorted(nickel, key=lambda s: s.frac_coords[2])])
        return (np.diff(v, append=v[0]) + 0.5) % 1 - 0.5

    np.testing.assert_allclose(steps(o3), 1 / 3, atol=1e-9)
    planes = steps(nio)
    np.testing.assert_allclose(planes, -1 / 3, atol=1e-9)
    slab_to_slab = (planes[::2] + planes[1::2] + 0.5) % 1 - 0.5
    np.testing.assert_allclose(slab_to_slab, 1 / 3, atol=1e-9)


def test_rock_salt_misfit():
    nio = get_lattice("NiO")
    assert nio.a_A / 2.872 - 1 == pytest.approx(0.0267, abs=2e-4)
    assert (nio.slab_height_A + nio.gap_height_A("3")) / (14.20 / 3) - 1 == pytest.approx(
        0.0173, abs=2e-4
    )


def test_contacts_of_a_bulk_slab():
    # a = 2.870 Å, h_s = 2.079 Å: M-M a, M-O sqrt(a²/3 + h_s²/4), O-O across the slab.
    contacts = min_contacts_A(build("|R+[Li]|", lattice=LATTICE))
    lattice = get_lattice(LATTICE)
    half = lattice.slab_height_A / 2
    assert contacts["M-M"] == pytest.approx(lattice.a_A)
    assert contacts["M-O"] == pytest.approx(math.hypot(lattice.a_A / math.sqrt(3), half))
    assert contacts["O-O"] == pytest.approx(math.hypot(lattice.a_A / math.sqrt(3), 2 * half))


def test_crowded_models_are_refused():
    structure = build("|R+[Li]|", lattice=LATTICE)
    assert check_contacts(structure)["M-M"] > 2.4
    structure.scale_lattice(structure.volume * 0.5)
    with pytest.raises(StructureError, match=r"M-M contact of 2\.2\d\d Å; expected at least 2.4"):
        check_contacts(structure)


@pytest.mark.parametrize(
    ("text", "kwargs", "message"),
    [
        ("|?+|", {}, "slab 0 of .* has no tilt or no shift; expected a full word"),
        ("|R?|", {}, "no tilt or no shift"),
        ("|L{1/4,0}[Li] R{1/4,0}|", {}, "gap 0 of kind 'T' has no known guest site"),
        ("|R+100000|", {}, "about 1200000 atoms; expected at most"),
        ("R+ R.", {"vacuum_A": -1.0}, "vacuum is -1.0 Å; expected a length of 0 or more"),
        ("|R+|", {"lattice": "Nowhere"}, "lattice 'Nowhere' is unknown"),
        ("|R+|", {"lattice": None}, "lattice is None; expected a name"),
        ("|R+|", {"lattice": 5}, "lattice is 5; expected a name"),
        ("R+ R.", {"vacuum_A": None}, "vacuum is None Å; expected a length"),
        ("R+ R.", {"vacuum_A": math.nan}, "vacuum is nan Å; expected a length"),
        ("|R+|", {"host": {"Ni": "a"}}, "host is {'Ni': 'a'}; expected fractions"),
        ("|R+|", {"host": ["Ni"]}, "expected elements and their fractions"),
        ("|R+[Li]|", {"guest_mix": {"Li": 0.6, "Ni": 0.6}}, "sum to at most 1"),
        ("|R+[Li;h=9]|", {}, "a gap is 9 Å high; expected at most 8 Å"),
        ("|R+[Li@tl;h=1.6]|", {}, r"a gap of 1\.6 Å holds no tetrahedral site 'tl'.* 1\.651 Å"),
        ("|R+[Li@tu;h=0.5]|", {}, "holds no tetrahedral site 'tu'"),
        (None, {}, "word is None; expected a Word or its text"),
        ("|R+[Li]|", {"lattice": "NiO"}, r"lattice 'NiO' is rock salt.* '\|R\+\[Li\]\|'"),
        ("|R+|", {"lattice": "NiO"}, "is rock salt"),
        ("|R+[Ni:0.5]|", {"lattice": "NiO"}, "is rock salt"),
        ("|R0[Ni]|", {"lattice": "NiO-4177"}, "is rock salt"),
    ],
)
def test_refusals(text, kwargs, message):
    with pytest.raises(StructureError, match=message):
        build(text, **kwargs)


def test_rock_salt_itself_is_built():
    structure = build("|R+[Ni]|", lattice="NiO")
    assert structure.composition.reduced_formula == "NiO"
    assert _space_group(structure) == 225
    assert not get_lattice(LATTICE).is_rocksalt
