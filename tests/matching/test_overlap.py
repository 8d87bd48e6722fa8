"""Readings of the same columns compared: what counts as agreement, and tiles against the whole."""

from dataclasses import replace

import numpy as np
import pytest

import stackmotif as sm
from planted_walls import make_field, read
from stackmotif.errors import StackmotifError
from stackmotif.matching.overlap import Agreement, compare_readings


@pytest.fixture(scope="module")
def whole():
    return read(make_field("walls", 3, noise_A=0.05, missing=0.0, false=0.0))


def changed(result, table, **columns):
    """Return a reading with other values in some columns of a table."""
    copy = getattr(result, table).copy()
    for name, values in columns.items():
        copy[name] = values
    return replace(result, **{table: copy})


def test_a_reading_agrees_with_itself(whole):
    one = compare_readings(whole, whole)
    assert one.n_cells > 2000
    assert one.n_columns == one.n_shared == one.n_labels
    assert one.n_cells == one.n_states
    assert 5 <= one.n_resolved <= one.n_walls == one.n_found
    assert one.n_same_kind == one.n_resolved
    assert (one.n_unpaired, one.n_unknown, one.n_extra, one.mirrored) == (0, 0, 0, 0)


def test_other_states_and_unknown_ones_count(whole):
    all_of_it = compare_readings(whole, whole)
    middle = np.hypot(*(whole.shifts[k] - whole.shifts[k].mean() for k in ("y_A", "x_A")))
    states = whole.shifts["state"].copy()
    states[np.argsort(middle)[:7]] = ["x", "x", "x", *("0" if s == "+" else "+" for s in "++++")]
    one = compare_readings(whole, changed(whole, "shifts", state=states))
    differ = int((states != whole.shifts["state"]).sum())
    assert differ >= 3
    assert all_of_it.n_states - one.n_states == differ
    assert one.n_unknown == 3


def test_a_reading_in_the_other_sign_is_turned_back(whole):
    swapped = np.array([{"+": "-", "-": "+"}.get(s, s) for s in whole.shifts["state"]])
    one = compare_readings(whole, changed(whole, "shifts", state=swapped))
    assert one.mirrored == 1
    assert one.n_states == one.n_cells


def test_walls_count_by_place_jump_and_kind(whole):
    before = compare_readings(whole, whole)
    jump, kind = whole.walls["jump_thirds"].copy(), whole.walls["kind"].copy()
    inside = int(np.flatnonzero(kind == "A")[len(kind) // 4])
    jump[inside] += 1
    one = compare_readings(whole, changed(whole, "walls", jump_thirds=jump))
    assert (one.n_found, one.n_same_kind) == (before.n_found - 1, before.n_same_kind - 1)
    kind[inside] = "C"
    one = compare_readings(whole, changed(whole, "walls", kind=kind))
    assert (one.n_found, one.n_same_kind) == (before.n_found, before.n_same_kind - 1)
    fewer = replace(whole, walls=np.delete(whole.walls, inside).view(type(whole.walls)))
    assert compare_readings(whole, fewer).n_found == before.n_found - 1
    assert compare_readings(fewer, whole).n_extra == 1
    beside = whole.walls["x_A"] + 1.2 * whole.summary["lattice"]["pitch_A"]
    assert compare_readings(whole, changed(whole, "walls", x_A=beside)).n_found == 0


def test_columns_elsewhere_are_not_shared(whole):
    here = compare_readings(whole, whole)
    one = compare_readings(whole, whole, corner_A=(0.0, 1.2))
    assert one.n_shared < 0.1 * here.n_shared


def test_a_failed_reading_cannot_be_compared(whole):
    failed = replace(whole, summary={**whole.summary, "lattice": None})
    with pytest.raises(StackmotifError, match="reading of the part failed"):
        compare_readings(whole, failed)


def test_tiles_agree_with_the_whole_image(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import huge

    truth, _ = huge.walled_truth(1024, np.random.default_rng(9201))
    image = huge.picture(truth, 1024, huge.DOSE, 9201)
    found = sm.identify(image, templates="off")
    one: Agreement = huge.read_in_tiles(image, found, 2, templates="off")
    assert one.n_cells > 1200
    assert one.n_shared >= 0.995 * one.n_columns
    assert one.n_states >= 0.995 * one.n_cells
    assert one.n_labels >= 0.99 * one.n_shared
    assert one.n_resolved >= 4
    assert one.n_same_kind == one.n_resolved
    assert one.n_found == one.n_walls
    assert (one.n_extra, one.mirrored) == (0, 0)
