import csv
import json
from pathlib import Path

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.errors import ResultError
from stackmotif.matching.tables import TABLES
from stackmotif.report import bundle, check_output, write_bundle, write_page, write_text
from stackmotif.report.bundle import plain

FILES = {
    "summary.json", "columns.csv", "gaps.csv", "walls.csv", "domains.csv", "scores.csv",
    "hypotheses", "motifs.png", "report.html", "result.npz",
}  # fmt: skip


def names(folder):
    return {entry.name for entry in folder.iterdir()}


def check_complete(folder):
    assert names(folder) == FILES
    for name, fields in TABLES.items():
        with (folder / f"{name}.csv").open() as handle:
            assert next(csv.reader(handle)) == [field for field, _ in fields]
    head = (folder / "hypotheses" / "hypotheses.csv").read_text().splitlines()[0]
    assert head == (
        "rank,word,metal_word,class_id,p_class,p_in_class,log_columns,log_image,log_prior,"
        "p_uniform_prior,decides,cif"
    )
    assert (folder / "motifs.png").read_bytes()[:4] == b"\x89PNG"
    json.loads((folder / "summary.json").read_text(), parse_constant=pytest.fail)


def test_every_file_is_written_with_its_header(result, tmp_path):
    assert write_bundle(result, tmp_path / "a" / "out") == tmp_path / "a" / "out"
    check_complete(tmp_path / "a" / "out")
    assert names(tmp_path / "a") == {"out"}
    with (tmp_path / "a" / "out" / "columns.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == len(result.columns)
    assert {"TD(1)", "O1_fault(1)"} <= {line["motif"] for line in lines}


def test_a_failed_result_has_every_file_too(failed, tmp_path):
    write_bundle(failed, tmp_path / "out", hypotheses=True)
    check_complete(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["status"] == "failed"


def test_a_saved_result_is_loaded_again(result, tmp_path):
    result.save(tmp_path / "out")
    loaded = sm.load(tmp_path / "out")
    for table in ("columns", "shifts", "walls", "domains", "scores"):
        for field in getattr(result, table).fields:
            np.testing.assert_array_equal(
                getattr(loaded, table)[field], getattr(result, table)[field]
            )
    assert loaded.summary == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_an_empty_folder_is_used(result, tmp_path):
    (tmp_path / "out").mkdir()
    write_bundle(result, tmp_path / "out")
    check_complete(tmp_path / "out")


def test_an_earlier_result_is_kept_unless_asked(result, tmp_path):
    write_bundle(result, tmp_path / "out")
    before = (tmp_path / "out" / "summary.json").stat().st_ino
    with pytest.raises(ResultError, match=r"not empty.*--overwrite"):
        write_bundle(result, tmp_path / "out")
    with pytest.raises(ResultError, match="not empty"):
        check_output(tmp_path / "out")
    assert (tmp_path / "out" / "summary.json").stat().st_ino == before
    write_bundle(result, tmp_path / "out", overwrite=True)
    check_complete(tmp_path / "out")
    assert names(tmp_path) == {"out"}


@pytest.mark.parametrize("where", ["notes.txt", "hypotheses/notes.txt"])
def test_other_peoples_files_are_never_replaced(where, result, tmp_path):
    write_bundle(result, tmp_path / "out")
    (tmp_path / "out" / where).write_text("mine")
    with pytest.raises(ResultError, match=r"holds 'notes\.txt'"):
        write_bundle(result, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / where).read_text() == "mine"


@pytest.mark.parametrize("summary", [None, "{}", "[1]", "no json", '{"schema": "theirs-1"}'])
def test_a_folder_that_is_no_result_is_never_replaced(summary, result, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "columns.csv").write_text("theirs")
    if summary is not None:
        (tmp_path / "out" / "summary.json").write_text(summary)
    with pytest.raises(ResultError, match="not part of an earlier result"):
        write_bundle(result, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "columns.csv").read_text() == "theirs"


def test_a_file_or_link_in_the_way_is_refused(result, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("file", "link"):
        with pytest.raises(ResultError, match="not a folder"):
            write_bundle(result, tmp_path / name, overwrite=True)
    with pytest.raises(ResultError, match="cannot be made"):
        write_bundle(result, tmp_path / "file" / "out")


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_is_left_of_a_write_that_fails(overwrite, result, tmp_path, monkeypatch):
    if overwrite:
        write_bundle(result, tmp_path / "out")
    before = names(tmp_path)

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, "write_json", fail)
    with pytest.raises(OSError, match="No space"):
        write_bundle(result, tmp_path / "out", overwrite=overwrite)
    assert names(tmp_path) == before
    if overwrite:
        check_complete(tmp_path / "out")


@pytest.mark.parametrize("failing", [2, 3])
def test_a_failed_exchange_puts_the_old_result_back(failing, result, tmp_path, monkeypatch):
    write_bundle(result, tmp_path / "out")
    rename = Path.rename
    calls = []

    def fail_once(self, target):
        calls.append(self)
        if len(calls) == failing:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OSError, match="Input/output"):
        write_bundle(result, tmp_path / "out", overwrite=True)
    monkeypatch.undo()
    check_complete(tmp_path / "out")
    assert names(tmp_path) == {"out"}


def test_hypotheses_are_written_on_request(result, tmp_path):
    write_bundle(result, tmp_path / "out", hypotheses=True)
    with (tmp_path / "out" / "hypotheses" / "hypotheses.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == 10
    for line in lines:
        assert (tmp_path / "out" / "hypotheses" / line["cif"]).read_text().startswith("#")
    assert lines[0]["word"] in (tmp_path / "out" / "report.html").read_text()


def test_page_is_renewed_in_one_step(result, tmp_path):
    write_page(result, tmp_path)
    assert names(tmp_path) == {"report.html"}
    with pytest.raises(ResultError, match="cannot be written"):
        write_text(tmp_path / "missing" / "page.html", "x")


def test_json_holds_plain_values():
    content = {
        "a": np.float32(0.5), "b": float("nan"), "c": np.arange(2), "d": (np.int64(3), None),
        "e": np.bool_(True), "f": np.inf,
    }  # fmt: skip
    expected = {"a": 0.5, "b": None, "c": [0, 1], "d": [3, None], "e": True, "f": None}
    assert plain(content) == expected
    assert type(plain(content)["e"]) is bool
