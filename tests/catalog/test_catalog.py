"""The catalog that comes with the library: its entries, and how they are found."""

import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from stackmotif.catalog import Catalog, catalog_version, load_catalog, rebuild, validate
from stackmotif.errors import CatalogError
from stackmotif.stacking import Word, from_name

NAMED = {
    "o3": "O3",
    "o3r": "O3r",
    "o1": "O1",
    "h1-3": "H1-3",
    "p3": "P3",
    "p2": "P2",
    "o2": "O2",
    "o6": "O6",
    "o4": "O4",
    "op4": "OP4",
    "t2": "T#2",
    "o3-p3": "O3-P3",
    "o1-p3": "O1-P3",
    "o2-p2": "O2-P2",
    **{f"o1-fault-{n}": f"O1 fault({n})" for n in range(1, 7)},
    **{f"h13-domain-{n}": f"H1-3 domain({n})" for n in (2, 3, 4, 6)},
    **{f"td-{n}-glided": f"TD({n}) glided" for n in range(1, 7)},
    **{f"td-{n}-flipped": f"TD({n}) flipped" for n in range(1, 7)},
    **{f"td-{n}-flipped-{n - 1}": f"TD({n}) flipped({n - 1})" for n in range(2, 7)},
    **{f"td-{n}-flipped-{n + 1}": f"TD({n}) flipped({n + 1})" for n in range(1, 7)},
    "twin-octahedral": "twin octahedral",
    "twin-prismatic": "twin prismatic",
    "twin-glided": "O3/P3 boundary",
}
"""Entries whose word has a systematic name."""

CATALOG = load_catalog()


def test_the_entries_are_there():
    assert set(NAMED) | {"nio"} <= set(CATALOG)
    assert list(CATALOG) == sorted(CATALOG)
    assert isinstance(CATALOG, Catalog)
    assert len(CATALOG) == len(list(CATALOG))
    assert "o3" in CATALOG
    assert "o33" not in CATALOG
    with pytest.raises(KeyError):
        CATALOG["o33"]


def trimmed(word):
    """The slabs and gaps of a word, its two ends of O3 cut to one gap each."""
    frame = [(slab.tilt, slab.shift) for slab in word.slabs]
    if word.periodic:
        return frame
    start = next(k for k, kind in enumerate(word.gap_kinds) if kind != "3")
    stop = max(k for k, kind in enumerate(word.gap_kinds) if kind != "3")
    return frame[start - 1 : stop + 2]


@pytest.mark.parametrize("motif_id", NAMED)
def test_entry_is_the_word_of_its_name(motif_id):
    motif = CATALOG[motif_id]
    assert motif.word.name == NAMED[motif_id]
    named = from_name(NAMED[motif_id])
    assert trimmed(motif.word) == trimmed(named)
    assert motif.degeneracy_class == motif.word.degeneracy_class


def test_every_entry_says_what_it_is():
    for motif_id, motif in CATALOG.items():
        assert motif.id == motif_id
        assert len(motif.description) > 40, motif_id
        assert motif.references, motif_id
        assert motif.zone_axes, motif_id
    descriptions = [motif.description for motif in CATALOG.values()]
    assert len(set(descriptions)) == len(descriptions)


def test_a_hundred_motifs_and_no_crowded_family():
    identities = [m.recipe.identity() for m in CATALOG.values() if m.same_crystal_as is None]
    assert len(set(identities)) == len(identities)
    assert len(identities) >= 100
    families = Counter(motif.family for motif in CATALOG.values())
    assert max(families.values()) <= 25


def test_rock_salt_is_no_word():
    assert CATALOG["nio"].word is None
    assert CATALOG["nio"].degeneracy_class == "rocksalt"


def test_the_whole_catalog_is_valid():
    assert validate() == []


@pytest.mark.slow
def test_rebuilding_changes_nothing():
    before = {i: (m.folder / "structure.cif").read_bytes() for i, m in CATALOG.items()}
    assert rebuild() == []
    assert {i: (m.folder / "structure.cif").read_bytes() for i, m in CATALOG.items()} == before


def test_stored_structures_are_the_known_crystals():
    nio = CATALOG["nio"].structure()
    assert nio.volume / (len(nio) / 8) == pytest.approx(4.17**3, rel=1e-6)
    o1 = CATALOG["o1"].structure()
    assert o1.lattice.c == pytest.approx(4.4727, abs=1e-3)
    p2 = CATALOG["p2"].structure()
    assert p2.composition.reduced_formula == "NaCoO2"


def test_families_and_classes_can_be_queried():
    assert {"twin-octahedral", "twin-prismatic"} <= {m.id for m in CATALOG.query(family="twin")}
    same = CATALOG.query(degeneracy_class=CATALOG["td-2-glided"].degeneracy_class)
    assert [m.id for m in same] == [
        "td-2-flipped",
        "td-2-flipped-1",
        "td-2-flipped-3",
        "td-2-glided",
    ]
    alike = CATALOG.query(family="polytype", degeneracy_class="P:+")
    assert {m.id for m in alike} == {"o3", "o3r", "o6", "p3"}
    assert CATALOG.query(family="polytype", status="observed") == []


def test_mirror_setting_is_an_alias():
    twin = CATALOG["twin-octahedral"]
    assert [Word.parse(alias).name for alias in twin.aliases] == [twin.word.name]
    assert CATALOG["o3r"].same_crystal_as == "o3"


def test_metal_planes_of_rock_salt_are_evenly_spaced():
    nio = CATALOG["nio"].structure()
    z = np.sort([s.coords[2] for s in nio if s.specie.symbol == "Ni"])
    np.testing.assert_allclose(np.diff(z), 2.4075, atol=1e-3)


def test_templates_hand_the_motif_to_the_simulator_once(monkeypatch):
    calls = []

    def series(motif, **settings):
        calls.append((motif.id, settings))
        return tuple(f"{thickness:g} A" for thickness in settings["thicknesses_A"])

    monkeypatch.setattr("stackmotif.imaging.simulate_series", series)
    made = CATALOG["o1"].templates(thicknesses_A=(50, 20.0, 50.0), microscope="stem-300kV")
    assert made == ["50 A", "20 A", "50 A"]
    assert calls == [("o1", {"thicknesses_A": [20.0, 50.0], "microscope": "stem-300kV"})]


def test_loading_is_light():
    code = (
        "import sys, time; from stackmotif.catalog import load_catalog; t = time.perf_counter();"
        "entries = list(load_catalog().values()); spent = time.perf_counter() - t;"
        "heavy = {'pymatgen', 'ase', 'abtem', 'torch', 'matplotlib', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy; assert spent < 0.2, spent; assert any(e.word for e in entries)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_entry_without_recipe_cannot_be_built(tmp_path):
    folder = tmp_path / "motifs" / "own" / "relaxed"
    folder.mkdir(parents=True)
    source = (CATALOG["o1"].folder / "motif.toml").read_text()
    recipe = '[recipe]\nkind = "structure"\nword = "|R0|"\n\n[checks]'
    head, _, rest = source.partition("[recipe]")
    text = head + recipe + rest.partition("[checks]")[2]
    text = text.replace('id = "o1"', 'id = "relaxed"').replace('"polytype"', '"own"')
    (folder / "motif.toml").write_text(text)
    structure = (CATALOG["o1"].folder / "structure.cif").read_text()
    (folder / "structure.cif").write_text(structure)
    assert [problem.key for problem in validate(tmp_path)] == ["picture"]
    assert rebuild(tmp_path) == ["relaxed"], "its picture"
    assert (folder / "structure.cif").read_text() == structure
    assert validate(tmp_path) == []
    assert rebuild(tmp_path) == []
    motif = load_catalog(tmp_path)["relaxed"]
    assert motif.structure().composition.reduced_formula == "NiO2"
    with pytest.raises(CatalogError, match="entry 'relaxed' has no recipe"):
        motif.build()


@pytest.mark.parametrize(
    ("motif_id", "near"), [("o33", "o3"), ("H1-3", "h1-3"), ("td-1", "td-1-"), ("zz", "")]
)
def test_an_unknown_id_is_told_with_those_near_it(motif_id, near):
    with pytest.raises(CatalogError, match=f"no entry '{motif_id}'; expected .*such as.*{near}"):
        CATALOG[motif_id]
    with pytest.raises(KeyError):
        CATALOG[motif_id]
    assert CATALOG.get(motif_id) is None


@pytest.mark.parametrize("motif_id", [None, 3, ["o3"]])
def test_an_id_that_is_no_text_is_unknown(motif_id):
    assert motif_id not in CATALOG
    with pytest.raises(CatalogError, match="has no entry"):
        CATALOG[motif_id]


def test_a_catalog_path_that_is_none_is_refused():
    for function in (load_catalog, validate, rebuild):
        with pytest.raises(CatalogError, match="catalog is 5; expected the path of a folder"):
            function(5)


def test_the_version_follows_the_content_of_entries_and_lattices(tmp_path):
    own = tmp_path / "own"
    entry = own / "motifs" / "mine" / "new"
    entry.mkdir(parents=True)
    (entry / "motif.toml").write_text("a")
    seen = {catalog_version(), catalog_version(own)}
    assert seen == {load_catalog().version, load_catalog(own).version}
    shutil.copytree(own, tmp_path / "moved")
    assert catalog_version(tmp_path / "moved") in seen
    (entry / "structure.cif").write_text("data")
    assert catalog_version(own) in seen
    (entry / "motif.toml").write_text("b")
    seen.add(catalog_version(own))
    (own / "lattices.toml").write_text("c")
    seen.add(catalog_version(own))
    entry.rename(entry.with_name("renamed"))
    seen.add(catalog_version(own))
    assert len(seen) == 5
    assert all(len(version) == 12 and int(version, 16) >= 0 for version in seen)
