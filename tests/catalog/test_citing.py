"""BibTeX of entries; bibtexparser, which pymatgen brings, is the oracle."""

import re

import bibtexparser
import pytest

from stackmotif.catalog import bibtex, export, export_catalog, load_catalog
from stackmotif.catalog.exporting.citing import split_bibtex
from stackmotif.errors import CatalogError
from stackmotif.structures import data_folder

CATALOG = load_catalog()


def keys(text):
    return [entry["ID"] for entry in bibtexparser.loads(text).entries]


@pytest.mark.parametrize("motif_id", ["o3", "td-1-flipped", "nio"])
def test_an_entry_cites_itself_and_its_references(motif_id):
    motif = CATALOG[motif_id]
    text = motif.bibtex()
    assert text == bibtex(motif) == export(motif, "bibtex")
    assert keys(text) == [f"stackmotif-{motif_id}", *dict.fromkeys(motif.references)]


def test_every_reference_of_the_catalog_is_complete():
    whole = export_catalog(CATALOG, "bibtex")
    cited = {key for motif in CATALOG.values() for key in motif.references}
    assert sorted(keys(whole)) == sorted({f"stackmotif-{i}" for i in CATALOG} | cited)
    source = bibtexparser.loads((data_folder() / "references.bib").read_text()).entries_dict
    found = bibtexparser.loads(whole).entries_dict
    for key in cited:
        assert found[key] == source[key]


def test_braces_in_titles_and_escapes_are_kept():
    text = (
        "% comment @not{an, entry}\n@article{a,\n title = {{X}: \\{ and {Y{z}}},\n}\n"
        "@misc{b, note = {}}"
    )
    found = split_bibtex(text)
    assert list(found) == ["a", "b"]
    assert found["a"].endswith("{Y{z}}},\n}")
    assert found["b"] == "@misc{b, note = {}}"


def test_an_open_entry_is_refused():
    with pytest.raises(CatalogError, match="reference 'a' has no closing brace"):
        split_bibtex("@misc{a, title = {x}")


def test_own_references_come_before_those_of_the_library(tmp_path):
    source = CATALOG["o1"].folder
    folder = tmp_path / "motifs" / "own" / "mine"
    folder.mkdir(parents=True)
    text = (source / "motif.toml").read_text().replace('id = "o1"', 'id = "mine"')
    text = text.replace('family = "polytype"', 'family = "own"')
    text = re.sub(r"references = \[.*?\]", 'references = ["wang2024", "own2030"]', text)
    (folder / "motif.toml").write_text(text)
    (tmp_path / "references.bib").write_text(
        "@misc{own2030, title = {mine}}\n@misc{wang2024, title = {replaced}}\n"
    )
    text = load_catalog(tmp_path)["mine"].bibtex()
    assert "title = {mine}" in text
    assert "title = {replaced}" in text
    (tmp_path / "references.bib").unlink()
    with pytest.raises(CatalogError, match="'mine' names the reference 'own2030', which is not"):
        load_catalog(tmp_path)["mine"].bibtex()


def test_the_digest_follows_the_file(tmp_path):
    import shutil

    first = CATALOG["o1"].bibtex()
    for name in ("references.bib",):
        shutil.copy(data_folder() / name, tmp_path / name)
    folder = tmp_path / "motifs" / "polytype" / "o1"
    shutil.copytree(CATALOG["o1"].folder, folder)
    with (folder / "motif.toml").open("a") as file:
        file.write("# changed\n")
    from stackmotif.catalog import Motif

    second = Motif.read(folder).bibtex()
    assert first.splitlines()[:3] == second.splitlines()[:3]
    assert first != second
