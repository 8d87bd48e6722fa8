"""The five steps of the catalog's page, as somebody who writes no code takes them."""

import re

import pytest
from click.testing import CliRunner

from stackmotif.catalog import load_catalog
from stackmotif.cli import main

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks(repository):
    page = (repository / "catalog" / "README.md").read_text(encoding="utf-8")
    steps = page[page.index("## Adding a motif, in five steps") :]
    return BLOCK.findall(steps)


@pytest.fixture
def follow(blocks, tmp_path, monkeypatch):
    """Take the steps with this ``motif.toml``; return what the commands of the page print."""

    def take(motif_id, motif):
        toml = [text for kind, text in blocks if kind == "toml"]
        entry = tmp_path / "mine" / "motifs" / "faults" / motif_id
        entry.mkdir(parents=True)
        (entry / "motif.toml").write_text(motif, encoding="utf-8")
        (tmp_path / "mine" / "lattices.toml").write_text(toml[2], encoding="utf-8")
        bib = next(text for kind, text in blocks if kind == "bibtex")
        (tmp_path / "mine" / "references.bib").write_text(bib, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        assert command("rebuild mine") == f"written: {motif_id}\n"
        printed = command(f"checks {motif_id} --catalog mine")
        unchecked = CliRunner().invoke(main, ["catalog", "validate", "mine"])
        assert f"catalog checks {motif_id} --catalog mine" in unchecked.stdout
        cell, _, table = printed.partition("[checks]")
        text = motif.partition("[checks]")[0].replace('degeneracy_class = "?"', cell.strip())
        (entry / "motif.toml").write_text(f"{text}[checks]{table}", encoding="utf-8")
        assert command("validate mine") == "catalog is valid\n"
        return load_catalog("mine")[motif_id]

    return take


def command(line):
    done = CliRunner().invoke(main, ["catalog", *line.split()])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_word_of_the_page(blocks, follow):
    toml = [text for kind, text in blocks if kind == "toml"]
    motif = follow("o1-two-and-one", toml[0])
    assert motif.checks.gap_kinds == "33333311331333333"
    assert motif.checks.coordination == {"M": {"6": 18}}
    assert (motif.folder / "picture.svg").is_file()


def test_the_wall_of_the_page(blocks, follow):
    toml = [text for kind, text in blocks if kind == "toml"]
    head, _, rest = toml[0].partition("[recipe]")
    text = f"{head}{toml[1]}\n[checks]{rest.partition('[checks]')[2]}"
    motif = follow("my-wall", text.replace("o1-two-and-one", "my-wall"))
    assert motif.checks.coordination["M"]["5"] == 2


def test_the_commands_of_the_page_are_these(blocks):
    lines = "".join(text for kind, text in blocks if kind == "console").splitlines()
    assert lines == [
        "$ stackmotif catalog rebuild mine",
        "written: o1-two-and-one",
        "$ stackmotif catalog checks o1-two-and-one --catalog mine",
        "$ stackmotif catalog validate mine",
        "catalog is valid",
    ]
