import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackmotif.matching.tables import TABLES, new_table
from stackmotif.report import csvfile
from stackmotif.report.csvfile import DECIMALS, DEFAULT_DECIMALS, write_csv


def random_table(name, n, rng=0):
    rng = np.random.default_rng(rng)
    table = new_table(name, n)
    for field in table.fields:
        kind = table.dtype[field].kind
        if kind == "f":
            table[field] = rng.normal(0, 10.0 ** rng.integers(-3, 4, n), n)
            table[field][rng.random(n) < 0.1] = np.nan
        elif kind == "i":
            table[field] = rng.integers(-2, 10 ** rng.integers(1, 9, n))
        else:
            table[field] = rng.choice(["", "+", "-", "O1_fault(1)", "|R+[Li]|"], n)
    return table


def read_back(path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.reader(handle))


@pytest.mark.parametrize("name", TABLES)
def test_values_survive_a_plain_csv_reader(name, tmp_path):
    table = random_table(name, 500)
    write_csv(tmp_path / "t.csv", table)
    header, *lines = read_back(tmp_path / "t.csv")
    assert header == [field for field, _ in TABLES[name]]
    assert len(lines) == len(table)
    for column, field in enumerate(header):
        texts = [line[column] for line in lines]
        if table.dtype[field].kind != "f":
            assert texts == [str(v) for v in table[field].tolist()]
            continue
        missing = np.isnan(table[field])
        assert [text == "" for text in texts] == missing.tolist()
        values = np.array([float(text) for text in texts if text])
        decimals = DECIMALS.get(field, DEFAULT_DECIMALS)
        if field in csvfile.SIGNIFICANT:
            np.testing.assert_allclose(values, table[field][~missing], rtol=1e-5)
        else:
            np.testing.assert_allclose(
                values, table[field][~missing], rtol=0, atol=0.51 * 10.0**-decimals
            )


def test_empty_table_has_the_full_header(tmp_path):
    write_csv(tmp_path / "walls.csv", new_table("walls"))
    text = (tmp_path / "walls.csv").read_text()
    assert text == ",".join(field for field, _ in TABLES["walls"]) + "\n"


def test_lines_do_not_depend_on_the_chunk(tmp_path, monkeypatch):
    table = random_table("columns", 50)
    write_csv(tmp_path / "whole.csv", table)
    monkeypatch.setattr(csvfile, "_CHUNK", 7)
    write_csv(tmp_path / "cut.csv", table)
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
def test_fixed_numbers_are_those_of_format(values):
    table = np.array(values, dtype=[("x_A", "f8")])
    lines = csvfile.csv_lines(table).decode().splitlines()
    for line, value in zip(lines, values, strict=True):
        assert abs(float(line) - value) <= 0.5001e-4 + 1e-15 * abs(value) * 4
        assert len(line.partition(".")[2]) == 4
        assert line != "-0.0000"


@pytest.mark.parametrize("text", ["a,b", 'say "x"', "two\nlines", "é′", "{0,1/2}", ""])
def test_awkward_strings_are_quoted(text):
    table = np.array([(text, 1), ("plain", -2)], dtype=[("word", "U16"), ("n", "i8")])
    lines = csvfile.csv_lines(table).decode()
    assert list(csv.reader(io.StringIO(lines))) == [[text, "1"], ["plain", "-2"]]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 3e15, -1e300])
def test_numbers_beyond_the_fixed_range_are_written_too(value):
    table = np.array([value, 1.5], dtype=[("x_A", "f8")])
    first, second = csvfile.csv_lines(table).decode().split()
    assert float(first) == pytest.approx(value, rel=1e-5)
    assert float(second) == 1.5
