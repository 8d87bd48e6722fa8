"""Folders of one's own, and everything that a careless or hostile one may hold."""

import shutil
import tomllib
from pathlib import Path

import pytest

from stackmotif.catalog import Motif, checks_text, load_catalog, rebuild, validate
from stackmotif.errors import CatalogError
from stackmotif.structures import data_folder

LIBRARY = data_folder()
ENTRY = """
schema = 1
id = "gapped"
family = "own"
name = "Five O1 gaps in seven"
status = "idealized"
description = "A stacking of one's own."
zone_axes = ["100"]
references = ["wang2024"]
degeneracy_class = "P:+2_05"

[recipe]
kind = "word"
word = "|R+2 R05|"
lattice = "LiNiO2:0.5"

[checks]
space_group = "R-3m"
n_slabs = 21
gap_kinds = "3311111"
min_contacts_A = { M-M = 2.811, M-O = 1.902, O-O = 2.564 }
coordination = { M = { 6 = 21 } }
"""


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "mine"
    entry = folder / "motifs" / "own" / "gapped"
    entry.mkdir(parents=True)
    (entry / "motif.toml").write_text(ENTRY, encoding="utf-8")
    assert rebuild(folder) == ["gapped"]
    return folder


@pytest.fixture
def copy(tmp_path):
    """Return a writable copy of the library's entries of two families."""
    folder = tmp_path / "copy"
    for family in ("twin", "rocksalt"):
        shutil.copytree(LIBRARY / "motifs" / family, folder / "motifs" / family)
    return folder


def _motif(folder):
    return folder / "motifs" / "own" / "gapped" / "motif.toml"


def _edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_folder_is_read_beside_the_library(own, monkeypatch):
    assert validate(own) == []
    assert set(load_catalog(own)) - set(load_catalog()) == {"gapped"}
    assert load_catalog(str(own))["gapped"].word.gap_kinds == "3311111"
    monkeypatch.setenv("STACKMOTIF_CATALOG", str(own))
    assert "gapped" in load_catalog()
    assert "gapped" in load_catalog(own)


def test_a_folder_may_bring_its_own_lattice(own):
    (own / "lattices.toml").write_text(
        "schema = 1\n"
        "[layered.Mine]\ndescription = 'x'\nhost = { Mn = 1.0 }\nsource = 'estimate'\ntag = 'U'\n"
        "nodes = [{ x = 0.0, a_A = 2.9, slab_height_A = 2.0, gap_height_A = 2.8 }]\n"
    )
    _edit(_motif(own), "LiNiO2:0.5", "Mine")
    assert load_catalog(own)["gapped"].build().composition.reduced_formula == "MnO2"
    problems = [str(p) for p in validate(own)]
    assert any("differs from its recipe: cell" in p for p in problems)
    assert rebuild(own) == ["gapped"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "', 'colour = "red"\nname = "', "motif.toml: .*unknown field `colour`"),
        ('id = "gapped"', 'id = "Gapped"', r"motif.toml: .*\$\.id"),
        ('id = "gapped"', 'id = "../../etc"', r"motif.toml: .*\$\.id"),
        ('id = "gapped"', 'id = "other"', "id is 'other'; expected its folder's name 'gapped'"),
        ('"own"', '"else"', "family is 'else'; expected its folder's name 'own'"),
        ("M-M = 2.811", "M-M = nan", r"motif.toml: .*min_contacts_A"),
        ("M-M = 2.811", "M-M = -1.0", r"motif.toml: .*min_contacts_A"),
        ("n_slabs = 21", 'n_slabs = "21"', r"n_slabs"),
        ('"idealized"', '"guessed"', r"\$\.status"),
        ('kind = "word"', 'kind = "python"', r"Invalid value 'python' - at `\$\.recipe\.kind`"),
        ("[checks]", "[checks", "cannot be read as TOML"),
        ('["100"]', '["210"]', "zone_axes"),
    ],
)
def test_bad_entries_are_refused_with_file_and_key(own, old, new, message):
    _edit(_motif(own), old, new)
    with pytest.raises(CatalogError, match=message):
        load_catalog(own)["gapped"]
    problems = validate(own)
    assert len(problems) == 1
    assert problems[0].file == str(Path("motifs", "own", "gapped", "motif.toml"))


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('"wang2024"', '"nobody"', "references", "'nobody' is not in references.bib"),
        ("P:+2_05", "P:+_0", "degeneracy_class", "the recipe gives 'P:+2_05'"),
        ('"R-3m"', '"P1"', "checks.space_group", "the structure has 'R-3m'"),
        ("n_slabs = 21", "n_slabs = 3", "checks.n_slabs", "the structure has 21"),
        ('"3311111"', '"131"', "checks.gap_kinds", "the structure has '3311111'"),
        ("O-O = 2.564", "O-O = 2.6", "checks.min_contacts_A.O-O", "the atoms have 2.564"),
        (", O-O = 2.564", "", "checks.min_contacts_A", "expected"),
        ("|R+2 R05|", "|R+ R02", "recipe.word", "closes a periodic word"),
        ("LiNiO2:0.5", "LiNiO2:0.6", "structure", "differs from its recipe: cell"),
        ("LiNiO2:0.5", "Unobtainium", "structure", "lattice 'Unobtainium' is unknown"),
        ("zone_axes", 'aliases = ["|R0|"]\nzone_axes', "aliases", "is not another word"),
        ("zone_axes", 'same_crystal_as = "x"\nzone_axes', "same_crystal_as", "no entry 'x'"),
    ],
)
def test_wrong_claims_are_found(own, old, new, key, reason):
    _edit(_motif(own), old, new)
    found = [(p.key, p.reason) for p in validate(own)]
    assert any(k == key and reason in r for k, r in found), found


def test_moved_atoms_are_found(own):
    cif = _motif(own).with_name("structure.cif")
    text = cif.read_text()
    line = next(x for x in text.splitlines() if x.split()[:1] == ["O"])
    words = line.split()
    words[5] = f"{float(words[5]) + 0.05:.10f}"
    cif.write_text(text.replace(line, " ".join(words)))
    assert any("differs from its recipe" in p.reason for p in validate(own))


def test_swapped_structures_are_found(copy):
    one, other = (copy / "motifs" / "twin" / f"twin-{k}" for k in ("octahedral", "prismatic"))
    shutil.copy(other / "structure.cif", one / "structure.cif")
    reasons = [p.reason for p in validate(copy) if "twin-octahedral" in p.file]
    assert any("differs from its recipe" in reason for reason in reasons)
    assert any("its atoms read as" in reason for reason in reasons)


def test_the_same_crystal_twice_is_found(own):
    _edit(_motif(own), "|R+2 R05|", "|L02 L-2 L03|")
    assert not any("the motif of" in p.reason for p in validate(own))
    again = own / "motifs" / "own" / "again"
    shutil.copytree(own / "motifs" / "own" / "gapped", again)
    _edit(again / "motif.toml", '"gapped"', '"again"')
    assert any("is the motif of 'again'" in p.reason for p in validate(own))


def test_missing_and_damaged_structures_are_found(own):
    cif = _motif(own).with_name("structure.cif")
    cif.write_text("no crystal here")
    assert any("holds no crystal that can be read" in p.reason for p in validate(own))
    cif.unlink()
    assert any("structure.cif cannot be read" in p.reason for p in validate(own))
    assert rebuild(own) == ["gapped"]
    assert validate(own) == []


def test_ids_must_not_stand_twice(own, tmp_path):
    shutil.copytree(LIBRARY / "motifs" / "twin", own / "motifs" / "twin")
    with pytest.raises(CatalogError, match=r"id '[a-z0-9-]+' stands twice: .* rename one"):
        load_catalog(own)
    (own / "motifs" / "twin").rename(own / "motifs" / "first")
    shutil.copytree(LIBRARY / "motifs" / "twin", own / "motifs" / "second")
    with pytest.raises(CatalogError, match="stands twice"):
        load_catalog(own)


def test_links_are_refused(own, tmp_path):
    target = _motif(own)
    outside = tmp_path / "outside.toml"
    target.rename(outside)
    target.symlink_to(outside)
    with pytest.raises(CatalogError, match="is a link; expected a plain file"):
        load_catalog(own)["gapped"]
    shutil.move(own / "motifs" / "own", tmp_path / "elsewhere")
    (own / "motifs" / "own").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CatalogError, match="is a link; expected a plain folder"):
        load_catalog(own)
    assert "is a link" in validate(own)[0].reason


@pytest.mark.parametrize("name", ["Upper", "two words", "o3_1", "-x"])
def test_odd_names_are_refused(own, name):
    (own / "motifs" / "own" / name).mkdir()
    with pytest.raises(CatalogError, match="is not allowed; expected lower-case letters"):
        load_catalog(own)


def test_stray_files_are_refused_and_hidden_ones_ignored(own):
    (own / "motifs" / ".DS_Store").write_text("")
    assert "gapped" in load_catalog(own)
    (own / "motifs" / "notes.txt").write_text("")
    with pytest.raises(CatalogError, match=r"notes\.txt is no folder"):
        load_catalog(own)


def test_what_is_no_catalog_is_refused(tmp_path):
    with pytest.raises(CatalogError, match="is no catalog: it has no folder 'motifs'"):
        load_catalog(tmp_path / "nowhere")
    assert "is no catalog" in str(validate(tmp_path)[0])


def test_huge_files_are_refused(own):
    _motif(own).write_text("#" * ((1 << 20) + 1))
    with pytest.raises(CatalogError, match="has 1048577 bytes; expected at most 1048576"):
        load_catalog(own)["gapped"]


def test_lattice_sources_must_exist(own):
    (own / "lattices.toml").write_text(
        "schema = 1\n"
        "[rocksalt.Mine]\ndescription='x'\ncation='Mn'\na_A=4.4\nsource='nobody'\ntag='U'\n"
    )
    assert [p.key for p in validate(own)] == ["rocksalt.Mine.source"]
    (own / "references.bib").write_text("@misc{nobody,\n title = {x}}\n")
    assert validate(own) == []


@pytest.mark.parametrize("again", ["mine", "MINE"])
def test_a_reference_that_stands_twice_is_found(own, again):
    text = f"@misc{{mine, title = {{a}}}}\n@article{{{again}, title = {{b}}}}\n"
    (own / "references.bib").write_text(text)
    (problem,) = validate(own)
    assert str(problem) == "references.bib: mine: stands 2 times; expected one entry for it"


def test_a_comment_is_no_reference_and_an_open_brace_is_told(own):
    (own / "references.bib").write_text("@comment{mine, x}\n@misc{mine, title = {a}}\n")
    assert validate(own) == []
    (own / "references.bib").write_text("@misc{mine, title = {a}\n")
    (problem,) = validate(own)
    assert problem.reason.startswith("reference 'mine' has no closing brace")


def test_a_relaxed_model_of_another_ideal_one_is_found(own):
    source, entry = load_catalog()["o1"].folder, _motif(own).parent
    for name in ("relaxed.cif", "relaxed.toml"):
        shutil.copy(source / name, entry / name)
    problems = validate(own)
    assert {p.file for p in problems} == {"motifs/own/gapped/relaxed.toml"}
    assert [p.key for p in problems] == ["relaxed.ideal_sha256", "relaxed"]
    (entry / "relaxed.toml").write_text("schema = 7")
    assert "schema is '7'" in validate(own)[0].reason


STALE = """
space_group = "P1"
min_contacts_A = { M-M = 1.0 }
coordination = { M = { 1 = 1 } }
"""


@pytest.mark.parametrize("motif_id", ["o3", "td-1-flipped", "wall-asu-o1-o3", "nio", "li05coo2"])
def test_computed_checks_make_an_entry_valid(tmp_path, motif_id):
    """Copy, build, paste: what a person without code does."""
    source = load_catalog()[motif_id].folder
    entry = tmp_path / "motifs" / source.parent.name / motif_id
    entry.mkdir(parents=True)
    text = (source / "motif.toml").read_text()
    head = text.partition("[checks]")[0]
    (entry / "motif.toml").write_text(f"{head}[checks]{STALE}")
    rebuild(tmp_path)
    motif = Motif.read(entry)
    asked = checks_text(motif)
    (entry / "motif.toml").write_text(head + asked[asked.index("[checks]") :] + "\n")
    key = 'degeneracy_class = "'
    assert asked.partition(key)[2].partition('"')[0] in ("", motif.degeneracy_class)
    assert [p.reason for p in validate(tmp_path) if "is the motif of" not in p.reason] == []
    assert tomllib.loads((entry / "motif.toml").read_text()) == tomllib.loads(text)


def test_an_id_of_the_library_is_taken(own):
    _motif(own).parent.rename(own / "motifs" / "own" / "o1")
    path = own / "motifs" / "own" / "o1" / "motif.toml"
    _edit(path, 'id = "gapped"', 'id = "o1"')
    assert [(p.key, p.reason) for p in validate(own)] == [
        ("id", "'o1' is another motif of the library; rename it")
    ]
    with pytest.raises(CatalogError, match="id 'o1' stands twice"):
        load_catalog(own)
