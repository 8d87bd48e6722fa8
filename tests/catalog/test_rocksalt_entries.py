"""Entries between layered oxide and rock salt: their arguments, and what they say of themselves."""

import re

import msgspec
import numpy as np
import pytest

from stackmotif.catalog import load_catalog
from stackmotif.catalog.recipes import Recipe
from stackmotif.errors import CatalogError, StructureError
from stackmotif.structures import check_contacts, site_roles

CATALOG = load_catalog()
FAMILIES = {"rocksalt": 12, "shell": 11, "densified": 10, "chunk": 7}
MODELS = [m.id for f in ("shell", "chunk") for m in CATALOG.query(family=f)]
ENTRIES = [m.id for f in FAMILIES for m in CATALOG.query(family=f)]


@pytest.mark.parametrize(("family", "least"), FAMILIES.items())
def test_families(family, least):
    entries = CATALOG.query(family=family)
    assert least <= len(entries) <= 25
    distinct = [m.recipe.identity() for m in entries if m.same_crystal_as is None]
    assert None not in distinct
    assert len(set(distinct)) == len(distinct)


@pytest.mark.parametrize("motif_id", ENTRIES)
def test_entries_speak_for_themselves(motif_id):
    motif = CATALOG[motif_id]
    assert motif.status == "idealized"
    assert motif.word is None
    assert 100 < len(motif.description) < 700
    assert motif.inferred or motif.family == "rocksalt"
    assert "\n\n" not in motif.description


@pytest.mark.parametrize("motif_id", MODELS)
def test_the_atoms_left_out_are_told(motif_id):
    """The count in the entry is that of the model, and the stored atoms are the rest."""
    motif = CATALOG[motif_id]
    model = motif.recipe.model(folder=motif.folder.parents[2])
    told = " ".join(motif.inferred)
    if model.conflicts.n_dropped:
        total, out = map(int, re.search(r"Of (\d+) atoms, (\d+) were closer", told).groups())
        assert (total - out, out) == (len(model), model.conflicts.n_dropped)
    else:
        assert f"None of its {len(model)} atoms was too close" in told
    structure = motif.structure()
    assert len(structure) == len(model)
    assert len(structure) <= 1500
    assert structure.composition.get_el_amt_dict() == model.composition


@pytest.mark.parametrize("motif_id", MODELS)
def test_no_coordinate_is_rounded_by_readers(motif_id):
    fractions = np.asarray(CATALOG[motif_id].structure().frac_coords) % 1
    for third in (1 / 3, 2 / 3):
        assert np.abs(fractions - third).min() > 1e-4


def rows(motif_id):
    """Projected steps of the cation rows in units of d, upwards, and their distances [Å]."""
    structure = CATALOG[motif_id].structure()
    cations = structure.cart_coords[site_roles(structure) != "O"]
    cations = cations[np.argsort(cations[:, 2])]
    steps = np.diff(cations[:, 1]) / (structure.lattice.a * np.sqrt(3) / 2)
    return np.round((steps + 0.49) % 1 - 0.49, 2).tolist(), np.diff(cations[:, 2])


def test_both_surfaces_step_alike_when_read_upwards():
    assert rows("coherent-o3-both")[0] == [-0.33] * 2 + [0.33] * 5 + [-0.33] * 2
    assert rows("coherent-twin-both")[0] == [0.33, -0.33, *[0.33] * 5, -0.33, 0.33]


def test_across_an_empty_gap_columns_are_those_of_one_slab_more():
    one, gap = rows("coherent-o3-1"), rows("coherent-gap-2")
    assert gap[0] == [0.33, *one[0]]
    np.testing.assert_allclose(gap[1][-2:] - one[1][-2:], 0.21, atol=0.01)
    classes = {CATALOG[m].degeneracy_class for m in ("coherent-o3-1", "coherent-gap-2")}
    assert len(classes) == 1


def test_a_glide_alone_leaves_the_metal_of_the_gap_under_oxygen():
    """Slabs step by +e and the metal by -e, both against the slab below."""
    straight, sheared = (CATALOG[m].structure() for m in ("o1-metal-in-gaps", "o1-metal-sheared"))
    e = np.array([2 / 3, 1 / 3])

    def at(structure, height):
        near = [s for s in structure if abs(s.coords[2] - height) < 0.01]
        assert len(near) == 1
        return near[0].frac_coords[:2]

    row, half = 1.883 + 2.932, 1.883 / 2
    assert np.allclose(at(straight, row / 2), 0, atol=1e-3)
    assert np.allclose((at(sheared, row / 2) + e + 0.5) % 1, 0.5, atol=1e-3)
    assert np.allclose(at(sheared, row - half) % 1, 0, atol=1e-3)  # oxygen, above the old place


@pytest.mark.parametrize("motif_id", [m.id for m in CATALOG.query(family="shell")])
def test_zones_named_in_descriptions_are_those_of_the_grains(motif_id):
    motif = CATALOG[motif_id]
    named = set(re.findall(r"<(\d{3})>", motif.description))
    grains = motif.recipe.model(folder=motif.folder.parents[2]).grains[1:]
    assert len(grains) >= 3
    assert not named or named == {grain.zone for grain in grains}


@pytest.mark.parametrize("layers", [1, 3, 12])
def test_layers_are_an_argument(layers):
    thin = CATALOG["coherent-o3-1"].build(layers=layers)
    assert len(thin) == len(CATALOG["coherent-o3-1"].structure()) + 2 * (layers - 1)


@pytest.mark.parametrize("occupancy", [0.02, 0.1, 0.5])
def test_the_share_of_metal_is_an_argument(occupancy):
    built = CATALOG["o3-metal-in-gaps"].build(occupancy=occupancy)
    assert built.composition["Ni"] == pytest.approx(3 + 3 * occupancy)
    assert built.composition["Li"] == pytest.approx(3 - 3 * occupancy)


def test_seed_size_and_thickness_are_arguments():
    shell = CATALOG["shell-o3-basal"]
    built = shell.build(rng=11, size_A=[9.0, 24.0, 30.0], shell_thickness_A=9.0)
    check_contacts(built)
    assert len(built) < len(shell.structure())
    larger = shell.build(grains={"size_A": 20.0, "zones": ["110"], "senses": "+"})
    check_contacts(larger)


def test_angle_and_outline_are_arguments():
    chunk = CATALOG["chunk-o1-turned"]
    assert len(chunk.build(rotation_deg=-2.0)) != len(chunk.build(half_width_A=8.0))
    assert chunk.recipe.replaced({"rotation_deg": 5.0}).identity() == chunk.recipe.identity()
    assert chunk.recipe.replaced({"rotation_deg": 0.0}).identity() != chunk.recipe.identity()


@pytest.mark.parametrize(
    ("motif_id", "arguments", "error", "message"),
    [
        ("coherent-o3-1", {"layers": 0}, CatalogError, "layers"),
        ("coherent-o3-1", {"depth": 3}, CatalogError, "no argument depth"),
        ("coherent-twin-1", {"interface": "filled"}, StructureError, "across shared faces"),
        ("o3-metal-in-gaps", {"occupancy": 0.0}, CatalogError, "occupancy"),
        ("o1-metal-in-gaps", {"gap_height_A": None}, StructureError, "larger gap_height_A"),
        ("shell-o3-basal", {"grains": {"zones": ["abc"]}}, StructureError, "zone is 'abc'"),
        ("shell-o3-basal", {"grains": {"size": 3}}, CatalogError, "unknown field"),
        ("particle-round", {"radii_A": None}, StructureError, "exactly one"),
        ("chunk-o1-block", {"shape": "star"}, CatalogError, "star"),
    ],
)
def test_refused_arguments(motif_id, arguments, error, message):
    with pytest.raises(error, match=message):
        CATALOG[motif_id].build(**arguments)


def test_unknown_keys_of_a_recipe_are_refused():
    for kind in ("coherent-shell", "nanocrystal-shell", "particle", "chunk", "spinel"):
        with pytest.raises(msgspec.ValidationError, match=r"unknown field|missing required"):
            msgspec.convert({"kind": kind, "lattice": "NiO", "colour": "red"}, Recipe)
