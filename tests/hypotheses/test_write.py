import csv

import pytest

from stackmotif.catalog.cif import parse_cif
from stackmotif.errors import ResultError
from stackmotif.hypotheses import hypothesize, write_hypotheses
from stackmotif.structures import read_word


def lines_of(folder):
    with (folder / "hypotheses.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_one_cif_per_line_holds_the_word(result, tmp_path):
    found = hypothesize(result, top=3)
    write_hypotheses(tmp_path / "h", found)
    lines = lines_of(tmp_path / "h")
    assert [line["rank"] for line in lines] == ["1", "2", "3"]
    assert [line["word"] for line in lines] == [str(h.word) for h in found]
    for line, hypothesis in zip(lines, found, strict=True):
        built = parse_cif((tmp_path / "h" / line["cif"]).read_text())
        assert read_word(built).canonical() == hypothesis.word.canonical()
        assert line["log_image"] == ""
        assert float(line["p_class"]) == pytest.approx(hypothesis.p_class, rel=1e-5)


def test_no_hypotheses_give_a_header_and_are_replaced_freely(result, tmp_path):
    write_hypotheses(tmp_path / "h", [])
    assert lines_of(tmp_path / "h") == []
    assert [entry.name for entry in (tmp_path / "h").iterdir()] == ["hypotheses.csv"]
    write_hypotheses(tmp_path / "h", hypothesize(result, top=1), arguments={"top": 1})
    assert len(lines_of(tmp_path / "h")) == 1


def test_a_rerun_replaces_and_other_arguments_need_overwrite(result, tmp_path):
    target = tmp_path / "h"
    write_hypotheses(target, hypothesize(result, top=3), arguments={"top": 3})
    write_hypotheses(target, hypothesize(result, top=3), arguments={"top": 3})
    with pytest.raises(ResultError, match="other arguments"):
        write_hypotheses(target, hypothesize(result, top=2), arguments={"top": 2})
    assert len(lines_of(target)) == 3
    write_hypotheses(target, hypothesize(result, top=2), arguments={"top": 2}, overwrite=True)
    assert len(list(target.glob("*.cif"))) == len(lines_of(target)) == 2


def test_other_peoples_files_stay(result, tmp_path):
    write_hypotheses(tmp_path / "h", [])
    (tmp_path / "h" / "mine.cif").write_text("mine")
    with pytest.raises(ResultError, match=r"holds 'mine\.cif'"):
        write_hypotheses(tmp_path / "h", hypothesize(result, top=1), overwrite=True)


def test_nothing_is_left_of_a_write_that_fails(result, tmp_path):
    from stackmotif.errors import StructureError

    with pytest.raises(StructureError, match="lattice"):
        write_hypotheses(tmp_path / "h", hypothesize(result, top=1), lattice="no such lattice")
    assert list(tmp_path.iterdir()) == []
