"""Runs along c and the names they get."""

import numpy as np
import pytest

from stackmotif.matching.domains import label_domains, metal_word
from stackmotif.matching.runs import OUTSIDE, find_runs, motif_grid, motif_name
from stackmotif.stacking import Word

CODE = {"+": 0, "0": 1, "-": 2, "?": 3, ".": OUTSIDE}


def grid(*slots):
    """One column of states per slot, top down."""
    return np.array([[CODE[s] for s in slot] for slot in slots], dtype=np.int8).T


def names(column):
    return [motif_name(int(c)) for c in motif_grid(grid(column, column))[:, 0]]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("+++-+++", {3: "TD(1)"}),
        ("+++--+++", {3: "TD(2)", 4: "TD(2)"}),
        ("+++0+++", {3: "O1_fault(1)"}),
        ("---00---", {3: "O1_fault(2)", 4: "O1_fault(2)"}),
        ("+++0---", {}),  # a prismatic twin boundary is no fault
        ("+++---", {}),  # a run that leaves the field may be a twin
        ("+++?+++", {}),
        ("---+---", {3: "TD(1)"}),  # a TD inside an O3r domain
        ("+-+-+-+", {1: "TD(1)", 3: "TD(1)", 5: "TD(1)"}),
        ("++" + "0" * 7 + "++", {}),  # a chunk is a domain of its own
        ("++0+0+0++", dict.fromkeys(range(2, 7), "H1-3")),
        ("++0+0++", {2: "O1_fault(1)", 4: "O1_fault(1)"}),
        ("++0+0-0++", {2: "O1_fault(1)", 5: "", 4: ""}),
    ],
)
def test_names_of_runs(column, expected):
    found = names(column)
    for place, name in enumerate(found):
        assert name == expected.get(place, ""), (place, found)


@pytest.mark.parametrize("column", ["+++--++0+++", "++0+0+0++-+", "---+---0---"])
def test_upside_down_mirrors_the_names(column):
    assert names(column)[::-1] == names(column[::-1])


def test_a_motif_goes_on_where_the_rows_around_it_end():
    states = grid("+++-+++", "+++-+++", "..+-+..")
    assert motif_name(int(motif_grid(states)[3, 2])) == "TD(1)"


def test_runs_do_not_cross_slots():
    runs = find_runs(grid("++", "++"))
    assert runs.length.tolist() == [2, 2]
    assert runs.slot.tolist() == [0, 1]


def test_domains_are_connected_and_specks_are_none():
    states = grid("+++++", "++0++", "+++++", "+0+++", "+0+++", "+0+++")
    numbers = label_domains(states, np.zeros(states.shape, dtype=np.int64))
    assert numbers[2, 1] == -1
    assert numbers[1, 3] == numbers[1, 5] >= 0
    assert len(np.unique(numbers[numbers >= 0])) == 2


def test_long_words_are_counted():
    assert metal_word([0] * 70 + [1, 3]) == "?+70?0??" + "?."
    assert metal_word([0, 1, 2, 3]) == "+0-x"


@pytest.mark.parametrize(
    "states", [[0, 1, 2, 3], [0] * 70 + [1, 3, 3], [0, 1] * 40, [1, 0] * 40 + [1]]
)
def test_words_of_results_can_be_parsed(states):
    shifts = [{1: 0, 0: 1, -1: 2, None: 3}[s.shift] for s in Word.parse(metal_word(states)).slabs]
    assert shifts[: len(states)] == states
