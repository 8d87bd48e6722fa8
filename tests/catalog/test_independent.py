"""The catalog against crystals, symmetries and readers that are not ours."""

import warnings

import ase.build
import ase.io
import numpy as np
import pytest
from ase.spacegroup import crystal
from pymatgen.analysis.prototypes import PrototypeDatabaseMatcher
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.core.interface import GrainBoundaryGenerator
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.symmetry.groups import SpaceGroup

from stackmotif.catalog import load_catalog, prototype_frame
from stackmotif.stacking import Word
from stackmotif.structures import min_contacts_A, read_word, site_roles

CATALOG = load_catalog()
WORDS = [i for i, motif in CATALOG.items() if motif.word is not None]
MOST_ATOMS = 200
SMALL = [i for i in CATALOG if (CATALOG[i].folder / "structure.cif").stat().st_size < 20_000]
LARGE = [i for i in CATALOG if i not in SMALL]


def without_guests(structure):
    frame = structure.copy()
    frame.remove_sites(np.flatnonzero(site_roles(structure) == "A").tolist())
    return frame


# Symmetry: moyopy, where the catalog's own checks were made with spglib.


@pytest.mark.parametrize("motif_id", [i for i in SMALL if CATALOG[i].checks.space_group])
def test_space_group(motif_id):
    moyopy = pytest.importorskip("moyopy")
    from moyopy.interface import MoyoAdapter

    structure = CATALOG[motif_id].structure()
    if not structure.is_ordered:
        structure = relabelled(structure)
    found = moyopy.MoyoDataset(MoyoAdapter.from_structure(structure), symprec=1e-3)
    assert found.number == SpaceGroup(CATALOG[motif_id].checks.space_group).int_number


def relabelled(structure):
    """One element for each kind of partly filled site."""
    spare = ("Xe", "Kr", "Ar", "Ne", "He")
    kinds = sorted({s.species_string for s in structure})
    assert len(kinds) <= len(spare)
    names = [spare[kinds.index(site.species_string)] for site in structure]
    return Structure(structure.lattice, names, structure.frac_coords)


# Crystals built by others: pymatgen's and ASE's space groups, from printed coordinates.

LICOO2 = Structure.from_spacegroup(
    "R-3m", Lattice.hexagonal(2.8166, 14.052), ["Li", "Co", "O"],
    [[0, 0, 0.5], [0, 0, 0], [0, 0, 0.26]],
)  # fmt: skip
"""LiCoO2 with rounded cell and coordinates."""


def ase_crystal(symbols, basis, group, a, c):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms = crystal(symbols, basis, spacegroup=group, cellpar=[a, a, c, 90, 90, 120])
    return AseAtomsAdaptor.get_structure(atoms)


FOREIGN = {
    "o3": LICOO2,
    "o1": ase_crystal(["Cd", "I"], [(0, 0, 0), (1 / 3, 2 / 3, 0.249)], 164, 4.24, 6.84),
    "p2": ase_crystal(
        ["Na", "Co", "O"], [(1 / 3, 2 / 3, 0.75), (0, 0, 0), (1 / 3, 2 / 3, 0.09)], 194, 2.84, 10.9
    ),
    "nio": AseAtomsAdaptor.get_structure(ase.build.bulk("MgO", "rocksalt", a=4.21)),
}


@pytest.mark.parametrize("motif_id", FOREIGN)
def test_same_crystal_as_one_built_by_others(motif_id):
    matcher = StructureMatcher(ltol=0.1, stol=0.1, angle_tol=2)
    assert matcher.fit_anonymous(CATALOG[motif_id].structure(), FOREIGN[motif_id])
    for other in set(FOREIGN) - {motif_id}:
        assert not matcher.fit_anonymous(CATALOG[other].structure(), FOREIGN[motif_id])


TEXTBOOK = {
    "o3": (166, [(0, 0, 0)], [(0, 0, 1 / 3, -1)]),
    "p3": (166, [(0, 0, 0)], [(0, 0, 1 / 3, 1)]),
    "o1": (164, [(0, 0, 0)], [(1 / 3, 2 / 3, 0, 1)]),
    "o2": (186, [(1 / 3, 2 / 3, 0)], [(0, 0, 0, 1), (2 / 3, 1 / 3, 0, -1)]),
    "p2": (194, [(0, 0, 0)], [(1 / 3, 2 / 3, 0, 1)]),
}
"""Group of the MO2 frame, sites of the metal, and of oxygen: x, y, and z = z0 + sign * h / c,
where h is the height of oxygen above its metal."""


@pytest.mark.parametrize("motif_id", TEXTBOOK)
def test_frame_from_the_space_group_alone(motif_id):
    """The entry's frame and ASE's crystal in textbook sites agree to 0.01 Å."""
    group, metal, oxygen = TEXTBOOK[motif_id]
    frame = without_guests(CATALOG[motif_id].structure())
    frame.replace_species({name: "Ni" for name in frame.symbol_set if name != "O"})
    a, c = frame.lattice.a, frame.lattice.c
    z = frame.cart_coords[:, 2]
    is_oxygen = site_roles(frame) == "O"
    apart = np.mod(z[is_oxygen][:, None] - z[~is_oxygen], c)
    half = np.minimum(apart, c - apart).min() / c
    sites = [*metal, *((x, y, z0 + sign * half) for x, y, z0, sign in oxygen)]
    theirs = ase_crystal(["Ni", *["O"] * len(oxygen)], sites, group, a, c)
    matcher = StructureMatcher(scale=False, ltol=1e-4, stol=0.01 / a, angle_tol=0.01)
    assert len(theirs) == len(frame)
    assert matcher.fit(frame, theirs)


# Twins: pymatgen's grain-boundary builder turns one half of O3 by 60 degrees about c.


def bicrystal(expand, shift):
    """O3 with the metal at 3b, so that pymatgen cuts between the slabs."""
    lattice = Lattice.hexagonal(2.811, 14.331)
    o3 = Structure.from_spacegroup("R-3m", lattice, ["Ni", "O"], [[0, 0, 0.5], [0, 0, 0.235923]])
    builder = GrainBoundaryGenerator(o3)
    boundary = builder.gb_from_parameters(
        [0, 0, 0, 1], 60, expand_times=expand, ab_shift=list(shift), rm_ratio=0.0,
        ratio=builder.get_ratio(),
    )  # fmt: skip
    return Structure.from_sites(list(boundary))


@pytest.mark.parametrize(
    ("expand", "shift", "word"),
    [
        (1, (0, 0), "|R+2 R0 L-2 L0|"),
        (2, (0, 0), "|R+5 R0 L-5 L0|"),
        (1, (1 / 3, 2 / 3), "|R+2 R- L-2 L+|"),
        (2, (1 / 3, 2 / 3), "|R+5 R- L-5 L+|"),
        (1, (2 / 3, 1 / 3), "|R+3 L-3|"),
    ],
)
def test_bicrystals_of_pymatgen_read_as_twins(expand, shift, word):
    """Without a shift the gap is prismatic, with one of a third octahedral, in both settings."""
    assert read_word(bicrystal(expand, shift)).canonical() == Word.parse(word).canonical()


@pytest.mark.parametrize(
    ("motif_id", "expand", "shift"),
    [
        ("microtwin-prismatic-3", 1, (0, 0)),
        ("microtwin-octahedral-3", 1, (1 / 3, 2 / 3)),
        ("microtwin-octahedral-6", 2, (1 / 3, 2 / 3)),
    ],
)
def test_microtwins_are_those_bicrystals(motif_id, expand, shift):
    ours, theirs = CATALOG[motif_id].structure(), bicrystal(expand, shift)
    assert StructureMatcher(scale=False, ltol=0.002, stol=0.01, angle_tol=0.1).fit(ours, theirs)


@pytest.mark.parametrize(
    ("motif_id", "shift"), [("twin-prismatic", (0, 0)), ("twin-octahedral", (1 / 3, 2 / 3))]
)
def test_single_twins_are_a_piece_of_such_a_bicrystal(motif_id, shift):
    """The slabs around the boundary, read from pymatgen's cell, hold the entry's word."""
    word = CATALOG[motif_id].word
    theirs = read_word(bicrystal(3, shift)).without_guests()
    settings = [theirs, theirs.flipped(), theirs.reversed(), theirs.flipped().reversed()]
    assert any(contains(setting, word) for setting in settings)


def contains(periodic, finite):
    steps = [(slab.tilt, slab.shift) for slab in periodic.slabs]
    ring = steps * (2 + len(finite) // len(steps))
    piece = [(slab.tilt, slab.shift) for slab in finite.slabs]
    return any(
        ring[k : k + len(piece) - 1] == piece[:-1] and ring[k + len(piece) - 1][0] == piece[-1][0]
        for k in range(len(steps))
    )


def test_twins_of_a_cut_through_a_slab_are_no_twins_of_ours():
    """pymatgen's cell with the metal at 3a is cut inside a slab: contacts give it away."""
    lattice = Lattice.hexagonal(2.811, 14.331)
    o3 = Structure.from_spacegroup("R-3m", lattice, ["Ni", "O"], [[0, 0, 0], [0, 0, 0.264077]])
    builder = GrainBoundaryGenerator(o3)
    boundary = builder.gb_from_parameters(
        [0, 0, 0, 1], 60, expand_times=1, ab_shift=[1 / 3, 2 / 3], rm_ratio=0.0,
        ratio=builder.get_ratio(),
    )  # fmt: skip
    assert min_contacts_A(Structure.from_sites(list(boundary)))["M-O"] < 1.5


# Prototypes: pymatgen's matcher with our table, asked for crystals of others.


@pytest.fixture(scope="module")
def matcher():
    ids = [i for i in SMALL if CATALOG[i].family in ("polytype", "rocksalt", "densified", "twin")]
    return PrototypeDatabaseMatcher(prototype_frame({i: CATALOG[i] for i in ids}))


def names(matcher, structure):
    return [(tags["id"], tags["guests"]) for tags in matcher.get_prototypes(structure) or []]


def turned(structure, seed):
    """Another size, orientation, origin, cell and order of atoms."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    lattice = Lattice(structure.lattice.matrix @ rotation * rng.uniform(0.8, 1.3))
    order = rng.permutation(len(structure))
    sites = structure.frac_coords[order] + rng.uniform(size=3)
    moved = Structure(lattice, [structure[int(k)].species for k in order], sites)
    moved.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    return moved


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("motif_id", FOREIGN)
def test_the_matcher_names_crystals_of_others(matcher, motif_id, seed):
    foreign = FOREIGN[motif_id] if seed is None else turned(FOREIGN[motif_id], seed)
    assert names(matcher, foreign) == [(motif_id, motif_id in ("o3", "p2"))]


def aflow(label):
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    (found,) = [e for e in AFLOW_PROTOTYPE_LIBRARY if e["tags"]["aflow"] == label]
    return found["snl"].structure


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("ABC2_hR4_166_a_b_c", [("o3", True)]),
        ("AB2_hP3_164_a_d", [("o1", False)]),
        ("AB_cF8_225_a_b", [("nio", False)]),
        ("A2B_tP6_136_f_a", []),
        ("AB_hP4_194_c_a", []),
        ("AB2_cF12_225_a_c", []),
    ],
    ids=["NaCrS2", "CdI2", "NaCl", "rutile", "NiAs", "CaF2"],
)
def test_the_matcher_names_prototypes_of_aflow(matcher, label, expected):
    assert names(matcher, aflow(label)) == expected


def test_the_frame_without_its_guests_is_a_prototype_of_its_own(matcher):
    cdcl2 = Structure.from_spacegroup(
        "R-3m", Lattice.hexagonal(3.85, 17.46), ["Cd", "Cl"], [[0, 0, 0], [0, 0, 0.25]]
    )
    assert names(matcher, cdcl2) == [("o3", False)]


def test_the_table_holds_periodic_ordered_crystals_once():
    frame = prototype_frame({i: CATALOG[i] for i in ("o3", "o3r", "td-1-glided", "h1-3", "p2")})
    assert frame["id"].tolist() == ["o3", "o3", "h1-3", "h1-3", "p2", "p2"]
    assert frame["guests"].tolist() == [True, False] * 3
    for _, row in frame.iterrows():
        assert row["snl"].structure.is_ordered
        assert row["tags"]["id"] == row["id"]


# The stored file: ASE's reader, and the word from the atoms it gives.


def same_atoms(theirs, ours, tolerance_A=1e-3):
    """Every atom of one has one of the same kind at the same place in the other."""
    assert len(theirs) == len(ours)
    distances = ours.lattice.get_all_distances(theirs.frac_coords, ours.frac_coords)
    partner = distances.argmin(axis=1)
    assert len(set(partner.tolist())) == len(ours)
    assert distances[np.arange(len(ours)), partner].max() < tolerance_A
    return all(theirs[k].species == ours[int(p)].species for k, p in enumerate(partner))


def check_file(motif):
    atoms = ase.io.read(motif.folder / "structure.cif", format="cif")
    built = motif.build() if motif.recipe.buildable else motif.structure()
    np.testing.assert_allclose(atoms.cell.cellpar(), built.lattice.parameters, atol=1e-6)
    if built.is_ordered:
        assert same_atoms(AseAtomsAdaptor.get_structure(atoms), built)
    if motif.word is not None and built.is_ordered and len(built) <= MOST_ATOMS:
        read = read_word(AseAtomsAdaptor.get_structure(atoms)).without_guests()
        assert read.canonical() == motif.word.without_guests().canonical()


@pytest.mark.parametrize("motif_id", SMALL)
def test_the_stored_file_read_by_ase_is_what_the_recipe_builds(motif_id):
    check_file(CATALOG[motif_id])


@pytest.mark.slow
@pytest.mark.parametrize("motif_id", LARGE)
def test_the_stored_file_of_a_large_model_read_by_ase(motif_id):
    check_file(CATALOG[motif_id])


# Uniqueness: canonical words, and no two small crystals that pymatgen takes for one.


def test_canonical_words_are_distinct():
    own = [CATALOG[i] for i in WORDS if CATALOG[i].same_crystal_as is None]
    seen = {}
    for motif in own:
        if motif.recipe.identity() is None or not motif.recipe.identity().startswith("word "):
            continue
        word = motif.word.without_guests().canonical()
        assert word not in seen, (motif.id, seen[word])
        seen[word] = motif.id
    assert len(seen) >= 50


def test_every_identity_is_distinct():
    found = [m.recipe.identity() for m in CATALOG.values() if m.same_crystal_as is None]
    stated = [identity for identity in found if identity is not None]
    assert len(stated) == len(set(stated)) >= 50


def test_no_two_small_frames_are_one_crystal():
    """pymatgen's matcher, tight, on all pairs of small periodic frames of words."""
    frames = {}
    for motif_id in WORDS:
        motif = CATALOG[motif_id]
        if motif.word.periodic and len(motif.word) <= 3 and motif.same_crystal_as is None:
            frame = without_guests(motif.structure())
            if motif.family == "polytype" and frame.is_ordered and len(frame) <= 36:
                frame.replace_species({s: "Ni" for s in frame.symbol_set if s not in ("O", "Ni")})
                frames[motif_id] = frame
    tight = StructureMatcher(ltol=0.1, stol=0.1, angle_tol=2)
    same = [
        (a, b)
        for k, a in enumerate(frames)
        for b in list(frames)[k + 1 :]
        if tight.fit(frames[a], frames[b])
    ]
    assert len(frames) >= 10
    assert same == []
