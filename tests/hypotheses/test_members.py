import itertools
import math

import pytest

from stackmotif.hypotheses.members import log_count, metal_word, simplest
from stackmotif.stacking import Word, from_name, tilt_sequences


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_count_is_that_of_all_tilt_sequences(n):
    for states in itertools.product(range(3), repeat=n):
        metal = metal_word(states)
        members = list(tilt_sequences(metal))
        assert math.exp(log_count(metal)) == pytest.approx(len(members))
        assert {w.canonical() for w in simplest(metal, limit=len(members) + 3)} == {
            w.canonical() for w in members
        }


def test_count_of_a_long_word_does_not_overflow():
    assert log_count(metal_word((0,) * 5000)) == pytest.approx(5000 * math.log(2), rel=1e-3)


@pytest.mark.parametrize("states", [(0,) * 8, (1,) * 8, (0, 1) * 4])
def test_the_simplest_word_keeps_one_tilt(states):
    best = simplest(metal_word(states), limit=3)[0]
    assert {slab.tilt for slab in best.slabs} == {1}
    assert set(best.gap_kinds) <= {"3", "1"}


def test_a_twin_domain_is_glided_or_one_of_the_flipped_family():
    metal = from_name("TD(2) flipped").metal_only()
    found = [word.name for word in simplest(metal, limit=6)]
    assert {"TD(2) glided", "TD(2) flipped", "TD(2) flipped(1)"} <= set(found)


def test_members_share_the_metal_word():
    metal = Word.parse("++0--+0")
    for word in simplest(metal, limit=40):
        assert word.metal_text == metal.metal_text
        assert word.degeneracy_class == metal.degeneracy_class


def test_order_is_by_unusual_gaps():
    words = simplest(Word.parse("++++--++++"), limit=30)
    unusual = [sum(kind in "2pq" for kind in word.gap_kinds[1:-1]) for word in words]
    ends = [sum(kind in "2pq" for kind in word.gap_kinds[::9]) for word in words]
    costs = [a + 3 * b for a, b in zip(unusual, ends, strict=True)]
    assert costs == sorted(costs)
