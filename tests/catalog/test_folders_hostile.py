"""Files that nobody should have written: each is refused with the file, the key and the reason."""

import os
import shutil
from pathlib import Path

import pytest

from stackmotif.catalog import load_catalog, rebuild, validate
from stackmotif.errors import CatalogError

ENTRY = (load_catalog()["o1"].folder / "motif.toml").read_text(encoding="utf-8")


@pytest.fixture
def own(tmp_path):
    """A folder with one sound entry, the word of which is in no other catalog."""
    folder = tmp_path / "mine"
    entry = folder / "motifs" / "own" / "mine"
    entry.mkdir(parents=True)
    text = ENTRY.replace('id = "o1"', 'id = "mine"').replace('"polytype"', '"own"')
    (entry / "motif.toml").write_text(text, encoding="utf-8")
    shutil.copy(load_catalog()["o1"].folder / "structure.cif", entry / "structure.cif")
    assert load_catalog(own_root(entry))["mine"].structure()
    return folder


def own_root(entry):
    return entry.parents[2]


def entry_of(folder):
    return folder / "motifs" / "own" / "mine"


def edit(folder, old, new):
    path = entry_of(folder) / "motif.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(folder, *words):
    """The entry is refused by reading and by validation, and the message holds all words."""
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)["mine"]
    message = str(caught.value)
    for word in ("motif.toml", *words):
        assert word in message
    assert len(message) < 600
    (problem,) = validate(folder)
    assert problem.file == str(Path("motifs", "own", "mine", "motif.toml"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[checks]", "[checks]\nspin = 1", ("unknown field `spin`", "$.checks")),
        ("[recipe]", "[recipe]\nspin = 1", ("unknown field `spin`", "$.recipe")),
        ("[recipe]", "[extra]\na = 1\n[recipe]", ("unknown field `extra`",)),
        ("schema = 1", "", ("schema is missing", "expected 1")),
        ("schema = 1", "schema = 2", ("schema is '2'", "expected 1")),
        ("schema = 1", "schema = true", ("schema is 'True'",)),
        ("schema = 1", "schema = 1.0", ("schema is '1.0'",)),
        ("schema = 1", 'schema = "1"', ("schema is '1'",)),
        ("schema = 1", f"schema = {10**400}", ("schema is '1000", "expected 1")),
        ("schema = 1", f"schema = {'9' * 5000}", ("beyond reason",)),
        ("[recipe]", "[recipe]\nvacuum_A = nan", ("recipe.vacuum_A is nan", "finite")),
        ("[recipe]", "[recipe]\nvacuum_A = inf", ("recipe.vacuum_A is inf", "finite")),
        ("[recipe]", "[recipe]\nvacuum_A = -inf", ("recipe.vacuum_A is -inf",)),
        ("[recipe]", "[recipe]\nguest_mix = { Li = nan }", ("recipe.guest_mix.Li is nan",)),
        ("[recipe]", "[recipe]\nx = [[1, nan]]", ("recipe.x[0][1] is nan",)),
        ("[recipe]", "[recipe]\nx = [{ y = inf }]", ("recipe.x[0].y is inf",)),
        ("[recipe]", f"[recipe]\nvacuum_A = {10**30}", ("recipe.vacuum_A is 1000",)),
        ("[recipe]", "[recipe]\nvacuum_A = 1e999", ("recipe.vacuum_A is inf",)),
        ("[recipe]", "[recipe]\nvacuum_A = 0", ("$.recipe.vacuum_A",)),
        ("[recipe]", "[recipe]\nguest_mix = { Li = 1.5 }", ("$.recipe.guest_mix",)),
        ("[recipe]", f"[recipe]\nx = {'[' * 5000}{']' * 5000}", ("beyond reason",)),
        ("[recipe]", "[recipe]\nx = " + "{a=" * 5000 + "1" + "}" * 5000, ("beyond reason",)),
        ("[recipe]", "[recipe]\nlattice = 1979-05-27", ("cannot be read as TOML",)),
        ('kind = "word"', 'kind = "os.system"', ("Invalid value 'os.system'", "$.recipe.kind")),
        ('kind = "word"', "kind = 3", ("$.recipe.kind",)),
        ('kind = "word"', "", ("kind", "$.recipe")),
        ('name = "', 'name = "\\u0000', ("name holds the control character '\\x00'",)),
        ('name = "', 'name = "\\u001b[2J', ("name holds the control character '\\x1b'",)),
        ('name = "', 'name = "\\u202e', ("name holds the control character",)),
        ("[checks]", '[checks]\n"\\u001b" = 1', ("checks holds the control character",)),
        ('id = "mine"', 'id = "./mine"', ("$.id",)),
        ('id = "mine"', 'id = "../own/mine"', ("$.id",)),
        ('id = "mine"', 'id = "/etc"', ("$.id",)),
        ('id = "mine"', "id = 'own\\mine'", ("$.id",)),
        ('id = "mine"', 'id = "MINE"', ("$.id",)),
        ('id = "mine"', 'id = "mıne"', ("$.id",)),
        ('id = "mine"', 'id = "mine\\n"', ("id",)),
        ('id = "mine"', f'id = "{"m" * 81}"', ("$.id",)),
        ('id = "mine"', "id = 7", ("$.id",)),
        ('family = "own"', 'family = ".."', ("$.family",)),
    ],
)  # fmt: skip
def test_bad_values_are_refused_with_their_key(own, old, new, words):
    edit(own, old, new)
    refused(own, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe" + ENTRY.encode("utf-16-le"), "cannot be read: 'utf-8' codec"),
        (ENTRY.encode("latin-1", "replace") + b"# caf\xe9", "cannot be read: 'utf-8' codec"),
        (b"\xef\xbb\xbf" + ENTRY.encode(), "byte order mark"),
        (ENTRY.encode() + b"\x00", "cannot be read as TOML"),
        (b"", "schema is missing"),
        (b"\x7fELF\x02\x01", "cannot be read as TOML"),
        (b"#" * ((1 << 20) + 1), "has 1048577 bytes; expected at most 1048576"),
    ],
    ids=["utf-16", "latin-1", "bom", "nul", "empty", "binary", "huge"],
)
def test_bad_encodings_and_sizes_are_refused(own, content, words):
    (entry_of(own) / "motif.toml").write_bytes(content)
    refused(own, words)


FILES = ["motif.toml", "structure.cif", "references.bib", "lattices.toml"]


def place(folder, name):
    return (folder if name in ("references.bib", "lattices.toml") else entry_of(folder)) / name


def read_all(folder):
    motif = load_catalog(folder)["mine"]
    motif.structure()
    motif.bibtex()
    motif.build()


@pytest.mark.parametrize("name", FILES)
def test_a_link_in_place_of_a_file_is_refused(own, tmp_path, name):
    path = place(own, name)
    outside = tmp_path / "outside"
    if path.exists():
        path.rename(outside)
    else:
        outside.write_text("@misc{a, title = {x}}")
    path.symlink_to(outside)
    with pytest.raises(CatalogError, match=rf"{name} is a link; expected a plain file"):
        read_all(own)
    assert "is a link" in str(validate(own)[0])
    outside.unlink()
    with pytest.raises(CatalogError, match=rf"{name} is a link"):
        read_all(own)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_a_file_is_refused(own, name):
    path = place(own, name)
    path.unlink(missing_ok=True)
    path.mkdir()
    with pytest.raises(CatalogError, match=rf"{name} is no regular file"):
        read_all(own)


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_is_refused_and_not_waited_for(own, name):
    path = place(own, name)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(CatalogError, match=rf"{name} is no regular file"):
        read_all(own)
    assert any("is no regular file" in problem.reason for problem in validate(own))


LATTICE = """schema = 1
[rocksalt.Mine]
description = "x"
cation = "Mn"
a_A = 4.4
source = "estimate"
tag = "U"
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("schema = 1", "", ("schema is missing", "expected 1")),
        ("schema = 1", "schema = 2", ("schema is '2'",)),
        ("a_A = 4.4", "a_A = nan", ("rocksalt.Mine.a_A is nan", "finite")),
        ("a_A = 4.4", "a_A = -4.4", ("a_A",)),
        ("a_A = 4.4", f"a_A = {'9' * 5000}", ("beyond reason",)),
        ("a_A = 4.4", f"a_A = {'[' * 5000}{']' * 5000}", ("beyond reason",)),
        ("a_A = 4.4", "a_A = 4.4\nb_A = 1", ("unknown field `b_A`",)),
        ('"Mn"', '"\\u001b[2J"', ("rocksalt.Mine.cation holds the control character",)),
        ("[rocksalt", "[rocksalt", ()),
    ],
)
def test_a_bad_lattice_table_is_refused_with_its_key(own, old, new, words):
    text = LATTICE.replace(old, new)
    (own / "lattices.toml").write_text(text)
    if not words:
        read_all(own)
        return
    with pytest.raises(CatalogError) as caught:
        read_all(own)
    assert all(word in str(caught.value) for word in ("lattices.toml", *words))
    (problem, *_) = validate(own)
    assert problem.file == "lattices.toml"
    (own / "lattices.toml").write_text("schema = 1\n#" + "#" * (1 << 20))
    with pytest.raises(CatalogError, match=r"lattices\.toml has 1048588 bytes"):
        read_all(own)


def test_a_changed_lattice_table_is_read_again(own):
    nodes = "nodes = [{ x = 0.0, a_A = 2.9, slab_height_A = 2.0, gap_height_A = 2.8 }]"
    head = "schema = 1\n[layered.Mine]\ndescription = ''\nhost = { Mn = 1.0 }\n"
    for a_A in ("2.9", "2.8"):
        text = f"{head}source = 'estimate'\ntag = 'U'\n{nodes.replace('2.9', a_A)}\n"
        (own / "lattices.toml").write_text(text)
        built = load_catalog(own)["mine"].build(lattice="Mine")
        assert built.lattice.a == pytest.approx(float(a_A))


def test_a_page_that_is_a_link_is_not_written_through(own, tmp_path):
    outside = tmp_path / "outside.md"
    outside.write_text("<!-- gallery -->\n<!-- /gallery -->\n<!-- recipes -->\n<!-- /recipes -->\n")
    before = outside.read_text()
    (own / "README.md").symlink_to(outside)
    with pytest.raises(CatalogError, match=r"README\.md is a link; expected a plain file"):
        rebuild(own)
    assert outside.read_text() == before


def test_what_cannot_be_written_is_told(own):
    shutil.rmtree(entry_of(own) / "structure.cif", ignore_errors=True)
    (entry_of(own) / "structure.cif").unlink(missing_ok=True)
    (entry_of(own) / "structure.cif").mkdir()
    with pytest.raises(CatalogError, match=r"structure\.cif cannot be written"):
        rebuild(own)
    assert not list(entry_of(own).glob("*.part"))


@pytest.mark.parametrize("level", ["motifs", "motifs/own", "motifs/own/mine"])
def test_a_link_in_place_of_a_folder_is_refused(own, tmp_path, level):
    (own / level).rename(tmp_path / "elsewhere")
    (own / level).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CatalogError, match="is a link; expected a plain folder"):
        load_catalog(own)
    assert "is a link" in validate(own)[0].reason
    with pytest.raises(CatalogError, match="is a link"):
        rebuild(own)


@pytest.mark.parametrize(
    "name",
    ["a.b", "a..", "A", "a\\b", "ä", "ｏ3", "a b", "a_b", "-a", "a-", "a\n", "a\t"],
)
def test_odd_folder_names_are_refused(own, name):
    (own / "motifs" / "own" / name).mkdir()
    with pytest.raises(CatalogError, match="is not allowed; expected lower-case letters"):
        load_catalog(own)


def test_a_pipe_among_the_folders_is_refused(own):
    os.mkfifo(own / "motifs" / "own" / "pipe")
    with pytest.raises(CatalogError, match="pipe is no folder"):
        load_catalog(own)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "data_x\n",
        "data_x\n_cell_length_a nan\n",
        "loop_\n_atom_site_fract_x\n1 2 3\n",
        "\x00" * 100,
        "data_x\n_cell_length_a 1e400\n_cell_length_b 1\n_cell_length_c 1\n",
    ],
)
def test_structures_that_are_none_are_refused(own, content):
    (entry_of(own) / "structure.cif").write_text(content)
    with pytest.raises(CatalogError, match=r"structure\.cif"):
        load_catalog(own)["mine"].structure()


@pytest.mark.parametrize(("old", "new"), [("2.7767", "nan"), ("0.6666666667", "nan")])
def test_numbers_of_a_structure_that_are_none_are_refused(own, old, new):
    path = entry_of(own) / "structure.cif"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CatalogError, match=r"structure\.cif"):
        load_catalog(own)["mine"].structure()


def test_a_huge_structure_is_refused(own, monkeypatch):
    from stackmotif.catalog import files

    monkeypatch.setitem(files.MAX_BYTES, "structure.cif", 100)
    with pytest.raises(CatalogError, match=r"structure\.cif has \d+ bytes; expected at most 100"):
        load_catalog(own)["mine"].structure()


@pytest.mark.parametrize(
    "arguments",
    [{"vacuum_A": float("nan")}, {"vacuum_A": 10**400}, {"word": 3}, {"guest_mix": {"Li": 2}}],
)
def test_arguments_are_checked_as_files_are(own, arguments):
    with pytest.raises(CatalogError, match="recipe argument"):
        load_catalog(own)["mine"].build(**arguments)


def test_stray_hidden_files_do_no_harm(own):
    for name in (".git", ".DS_Store"):
        (own / "motifs" / name).write_text("")
    (entry_of(own) / "notes.md").write_text("mine")
    assert "mine" in load_catalog(own)
