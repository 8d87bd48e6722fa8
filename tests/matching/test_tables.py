"""The tables of a result, and its way to disk and back."""

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.matching import TABLES


@pytest.fixture(scope="module")
def result(make, read):
    return read(make(n_slots=40))


def test_tables_have_the_fields_of_the_contract(result):
    tables = {"columns": result.columns, "gaps": result.shifts, "walls": result.walls}
    tables |= {"domains": result.domains, "scores": result.scores}
    for name, table in tables.items():
        assert table.dtype == np.dtype(TABLES[name])
        assert list(table.to_frame().columns) == [field for field, _ in TABLES[name]]


def test_every_column_has_a_line(make, read, result):
    truth = make(n_slots=40)
    assert len(result.columns) == len(truth.positions_A)
    np.testing.assert_allclose(result.columns["y_A"], truth.positions_A[:, 0])
    np.testing.assert_allclose(result.columns["x_A"], truth.positions_A[:, 1])


def test_probabilities_sum_to_one(result):
    total = sum(result.shifts[name] for name in ("p_plus", "p_zero", "p_minus", "p_unknown"))
    np.testing.assert_allclose(total, 1.0, atol=1e-9)


def test_shift_is_upper_minus_lower_in_the_gauge(result):
    columns = {(c["row"], c["slot"]): c for c in result.columns if c["row"] >= 0}
    expected = {"+": 1 / 3, "0": 0.0, "-": -1 / 3}
    errors = [c["shift"] - expected[c["state"]] for c in result.shifts if c["state"] != "x"]
    errors = np.array(errors) - np.rint(errors)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(0.1 * np.sqrt(2) / 2.4855, rel=0.25)
    assert all((c["gap"], c["slot"]) in columns for c in result.shifts)
    assert ((result.shifts["shift"] > -0.5) & (result.shifts["shift"] <= 0.5)).all()


def test_labels_follow_the_states(result):
    columns = result.columns
    both = (columns["state_above"] != "") & (columns["state_below"] != "")
    sure = both & (columns["label"] != "unresolved")
    equal = columns["state_above"] == columns["state_below"]
    assert set(columns["label"][sure & ~equal]) == {"boundary"}
    for state, label in (("+", "O3"), ("0", "O1"), ("-", "O3r")):
        chosen = sure & equal & (columns["state_above"] == state)
        assert chosen.any()
        assert set(columns["label"][chosen]) == {label}


def test_single_layer_motifs_are_not_lost(result):
    motifs = result.columns["motif"]
    for name, rows in (("TD(1)", 2), ("O1_fault(1)", 2), ("TD(2)", 3)):
        assert (motifs == name).sum() == pytest.approx(rows * 40 * 0.9, rel=0.15)


def test_domains_tell_where_and_what(result):
    domains = result.domains
    kinds = domains["kind"].tolist()
    assert kinds.count("O3") == 5
    assert kinds.count("TD") == 2
    assert kinds.count("O1") == 2
    assert domains["pitch_A"] == pytest.approx(2.4855, abs=0.05)
    assert (domains["y_max_A"] >= domains["y_min_A"]).all()
    assert {d["word"] for d in domains if d["kind"] == "TD"} == {"-", "--"}


def test_field_and_table_agree(result):
    field, cells = result.field, result.shifts
    np.testing.assert_allclose(field.shift[cells["gap"], cells["slot"]], cells["shift"])
    assert field.measured.sum() == len(cells)


def test_npz_gives_the_result_back(result, tmp_path):
    path = tmp_path / "result.npz"
    result.to_npz(path)
    again = sm.load(path)
    assert again.summary == result.summary
    np.testing.assert_array_equal(again.columns["label"], result.columns["label"])
    np.testing.assert_allclose(again.field.shift, result.field.shift, atol=1e-6)
    assert again.image is None


def test_a_damaged_result_is_one_clear_error(tmp_path):
    path = tmp_path / "result.npz"
    path.write_bytes(b"PK\x03\x04 not a result")
    with pytest.raises(sm.StackmotifError, match=r"cannot read the result result\.npz"):
        sm.load(tmp_path)
    with pytest.raises(sm.StackmotifError, match="cannot read the result"):
        sm.load(tmp_path / "nothing")
