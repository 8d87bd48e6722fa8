"""Candidates of domains, their names and classes."""

import numpy as np
import pytest

from stackmotif.matching.templates.candidates import (
    class_of,
    domain_targets,
    motif_of,
    triple_numbers,
)
from stackmotif.matching.templates.cells import CellSet, thinned
from stackmotif.matching.templates.places import Places

PLUS, ZERO, MINUS, UNKNOWN = range(4)


def cell_set(domain, gap, states, shared):
    n = len(domain)
    return CellSet(
        places=Places(np.zeros((n, 2)), np.eye(2)),
        group=np.arange(n),
        domain=np.array(domain),
        gap=np.array(gap),
        states=np.array(states),
        shared=np.array(shared, dtype=bool),
        count=np.ones(n, dtype=int),
    )


def single(state, *, above=PLUS, below=PLUS):
    return cell_set([4], [7], [[above, state, below]], [[False, True, False]])


def test_a_single_gap_may_be_each_of_three_things():
    (target,) = domain_targets(single(MINUS), sign=1)
    assert target.name == "domain 4"
    assert target.motifs[target.as_read] == "TD(1)"
    assert set(target.motifs) == {"TD(1)", "O1_fault(1)", "O3"}
    assert target.overlap == 1.0


def test_a_gap_of_unknown_state_was_read_as_nothing():
    (target,) = domain_targets(single(UNKNOWN), sign=1)
    assert target.as_read == -1
    assert set(target.motifs) == {"TD(1)", "O1_fault(1)", "O3"}


def test_neighbours_inside_the_domain_change_with_it():
    cells = cell_set(
        [0, 0], [3, 4], [[PLUS, ZERO, ZERO], [ZERO, ZERO, PLUS]], [[0, 1, 1], [1, 1, 0]]
    )
    (target,) = domain_targets(cells, sign=1)
    minus = target.motifs.index("TD(2)")
    expected = triple_numbers(np.array([[PLUS, MINUS, MINUS], [MINUS, MINUS, PLUS]]), sign=1)
    np.testing.assert_array_equal(target.triples[minus], expected)
    assert target.overlap == pytest.approx(3 / 4)
    assert target.words[minus] == (PLUS, MINUS, MINUS, PLUS)


def test_an_intergrowth_is_compared_with_one_state_replaced():
    gaps, states = [2, 3, 4], [[PLUS, ZERO, PLUS], [ZERO, PLUS, ZERO], [PLUS, ZERO, PLUS]]
    (target,) = domain_targets(
        cell_set([0] * 3, gaps, states, [[0, 1, 1], [1, 1, 1], [1, 1, 0]]), sign=1
    )
    assert len(target.motifs) == 5
    assert target.motifs[0] == "H1-3"
    assert "O3" in target.motifs


def test_the_gauge_turns_what_the_image_shows():
    states = np.array([PLUS, ZERO, MINUS])
    assert triple_numbers(states, sign=1) == 0 * 9 + 1 * 3 + 2
    assert triple_numbers(states, sign=-1) == 2 * 9 + 1 * 3 + 0


def test_unknown_neighbours_go_on_as_the_gap_does():
    assert triple_numbers(np.array([UNKNOWN, MINUS, UNKNOWN]), sign=1) == 2 * 13


@pytest.mark.parametrize("word", [(0, 2, 0), (0, 1, 1, 0), (0, 0, 2, 1), (3, 1, 0)])
def test_upside_down_and_mirrored_words_are_one_class(word):
    name, mirror = class_of(word)
    mirrored = tuple(s if s == UNKNOWN else 2 - s for s in word)
    assert class_of(word[::-1]) == (name, mirror)
    assert class_of(mirrored)[0] == name


def test_a_word_that_is_its_own_mirror_image_is_no_mirror_image():
    assert class_of((1, 1, 1))[1] == 0
    assert {class_of((0, 0))[1], class_of((2, 2))[1]} == {0, 1}


def test_long_runs_are_no_faults():
    assert motif_of((0, *[1] * 9, 0)) == "O1"
    assert motif_of((0, *[2] * 9, 0)) == "O3r"


@pytest.mark.parametrize("most", [5, 40, 400])
def test_thinning_empties_no_group(most):
    rng = np.random.default_rng(3)
    group = rng.integers(12, size=300)
    kept = thinned(group, np.bincount(group, minlength=12), most)
    assert len(kept) <= max(most, 12)
    assert len(np.unique(group[kept])) == 12
