"""Projections, degeneracy classes, their members, and the gauge."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackmotif.errors import WordError
from stackmotif.stacking import Slab, Word, from_name, gauge_margin, in_gauge, tilt_sequences

HALF = Fraction(1, 2)

finite_words = st.lists(
    st.builds(Slab, st.sampled_from([1, -1]), st.sampled_from([1, 0, -1])), min_size=2, max_size=9
).map(lambda slabs: Word(tuple(slabs), False))


def test_the_other_zone_has_the_other_sign():
    word = Word.parse("|R+ L0 R-|")
    third = Fraction(1, 3)
    assert word.projection() == word.projection(zone="010") == (third, 0, -third)
    assert word.projection(zone="110") == (-third, 0, third)


def test_zones_that_hide_the_stacking_are_refused():
    with pytest.raises(WordError, match=r"zone \[210\] does not show the stacking"):
        Word.parse("|R+|").projection(zone="210")


def test_half_shifts_project_by_variant():
    words = [Word.parse(f"|L{{{v}}} R{{{v}}}|") for v in ("0,1/2", "1/2,0", "1/2,1/2")]
    assert [word.projection()[0] for word in words] == [HALF, 0, HALF]
    assert [word.degeneracy_class for word in words] == ["P:(1/2)", "P:0", "P:(1/2)"]
    assert words[1].degeneracy_class == from_name("O1").degeneracy_class
    assert words[0].metal_text == "|xx|"


@pytest.mark.parametrize(
    ("names", "class_id"),
    [
        (("O3", "O3r", "P3", "O6"), "P:+"),
        (("O1", "P2"), "P:0"),
        (("H1-3",), "P:+_0"),
        (("O2",), "P:+_-"),
        (("O4",), "P:+2_-2"),
        (("OP4",), "P:+_0_-_0"),
        (("TD(2) flipped", "TD(2) glided"), "F:+12_-2_+11"),
        (("O1 fault(3)",), "F:+12_03_+11"),
        (("twin prismatic",), "F:+6_0_-5"),
    ],
)
def test_metal_only_degeneracies(names, class_id):
    assert {from_name(name).degeneracy_class for name in names} == {class_id}


@given(finite_words)
def test_class_is_that_of_the_metal_alone(word):
    assert word.metal_only().degeneracy_class == word.degeneracy_class
    assert Word.parse(word.metal_text).degeneracy_class == word.degeneracy_class
    assert word.flipped().degeneracy_class == word.degeneracy_class
    assert word.reversed().degeneracy_class == word.degeneracy_class


def test_long_ids_are_short_and_distinct():
    a = Word.parse("R+ R0 R-2 " * 12 + "R.")
    b = Word.parse("R+ R0 R-2 " * 11 + "R+ R0 R- R+ R.")
    assert len(a.degeneracy_class) < 45
    assert a.degeneracy_class != b.degeneracy_class
    assert a.degeneracy_class == a.reversed().degeneracy_class


def test_metal_only_word_has_no_kinds_and_a_short_form():
    word = from_name("TD(1) flipped").metal_only()
    assert word.metal_text == "+" * 11 + "-" + "+" * 12
    assert set(word.gap_kinds) == {"?"}
    assert Word.parse(word.metal_text) == word


@pytest.mark.parametrize("metal", ["++-+", "|+0-|", "+0+"])
def test_members_are_all_tilt_sequences(metal):
    word = Word.parse(metal)
    every = {
        Word(tuple(Slab(t, s.shift) for t, s in zip(tilts, word.slabs, strict=True)), word.periodic)
        for tilts in product((1, -1), repeat=len(word))
    }
    members = list(tilt_sequences(metal))
    assert {m.canonical() for m in members} == {w.canonical() for w in every}
    assert len(members) == len({m.canonical() for m in members})
    assert {m.degeneracy_class for m in members} == {word.degeneracy_class}


def test_octahedral_members_hold_the_whole_flipped_family():
    kinds = [
        w.gap_kinds for w in tilt_sequences("+" * 6 + "--" + "+" * 6, kinds="32", limit=10_000)
    ]
    assert all(set(k) <= {"3", "2"} for k in kinds)
    names = {w.name for w in tilt_sequences("+" * 4 + "--" + "+" * 4, kinds="32", limit=10_000)}
    assert {"TD(2) flipped", "TD(2) flipped(1)", "TD(2) flipped(3)"} <= names
    assert "TD(2) glided" not in names


def test_members_stop_at_the_limit_and_keep_known_tilts():
    assert len(list(tilt_sequences("+" * 60, limit=7))) == 7
    fixed = list(tilt_sequences(Word.parse("R+ ?- R.")))
    assert [str(w) for w in fixed] == ["R+ R- R.", "R+ L- R."]


def test_periodic_closure_limits_the_members():
    assert [str(w) for w in tilt_sequences("|+|", kinds="3")] == ["|R+|"]
    assert list(tilt_sequences("|0|", kinds="3")) == []


def test_members_refuse_unknown_shifts_and_kinds():
    with pytest.raises(WordError, match="unknown shift"):
        list(tilt_sequences("+x+"))
    with pytest.raises(WordError, match="gap kinds 'z' are unknown"):
        list(tilt_sequences("+", kinds="3z"))


def test_gauge_flips_tilts_and_shifts_together():
    word = Word.parse("L-3 L+ L-2 L.")
    assert gauge_margin(word) == pytest.approx(-4 / 6)
    assert str(in_gauge(word)) == "R+3 R- R+2 R."
    assert in_gauge(word).gap_kinds == word.gap_kinds
    assert in_gauge(word, margin=0.9) == word
    assert gauge_margin(Word.parse("|R0|")) == 0.0
