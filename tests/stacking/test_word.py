"""Parsing, formatting, gap kinds and names, against the table of known words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackmotif.errors import WordError
from stackmotif.stacking import Guest, Slab, Word, enumerate_words, from_name, gap_kind

KNOWN = {
    "O3": ("|R+[Li]|", "3"),
    "O3r": ("|L-[Li]|", "3"),
    "O1": ("|R0|", "1"),
    "H1-3": ("|R+[Li] R0|", "31"),
    "P3": ("|R-[Na]|", "p"),
    "P2": ("|R0[Na@e] L0[Na@e]|", "qq"),
    "O2": ("|R- L+|", "22"),
    "O6": ("|L+ R+|", "22"),
    "O4": ("|R+ R- L- L+|", "3232"),
    "OP4": ("|R+ R0 L- L0|", "3q3q"),
    "T#2": ("|L{0,1/2} R{0,1/2}|", "TT"),
    "O3-P3": ("|R+ R-|", "3p"),
    "O1-P3": ("|R0 R-|", "1p"),
    "O2-P2": ("|R+ L0|", "2q"),
    "O1 fault(1)": ("R+12 R0 R+11 R.", "3" * 12 + "1" + "3" * 11),
    "O1 fault(4)": ("R+12 R04 R+11 R.", "3" * 12 + "1111" + "3" * 11),
    "TD(1) flipped": ("R+11 R- L+ R+11 R.", "3" * 11 + "22" + "3" * 11),
    "TD(3) flipped": ("R+11 R- L-2 L+ R+11 R.", "3" * 11 + "2332" + "3" * 11),
    "TD(2) flipped(1)": ("R+11 R- L- R+11 R.", "3" * 11 + "22" + "3" * 11),
    "TD(1) flipped(2)": ("R+12 L- L+ R+11 R.", "3" * 11 + "232" + "3" * 11),
    "TD(1) glided": ("R+12 R- R+11 R.", "3" * 12 + "p" + "3" * 11),
    "TD(3) glided": ("R+12 R-3 R+11 R.", "3" * 12 + "ppp" + "3" * 11),
    "twin octahedral": ("R+6 R- L-5 L.", "3" * 6 + "2" + "3" * 5),
    "twin prismatic": ("R+6 R0 L-5 L.", "3" * 6 + "q" + "3" * 5),
    "O3/P3 boundary": ("R+6 R-6 R.", "3" * 6 + "p" * 6),
    "H1-3 domain(2)": ("R+10 (R0 R+)2 R+10 R.", "3" * 10 + "1313" + "3" * 10),
    "H1-3 domain(3)": ("R+10 (R0 R+)3 R+10 R.", "3" * 10 + "131313" + "3" * 10),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_words(name):
    text, kinds = KNOWN[name]
    word = Word.parse(text)
    assert word.gap_kinds == kinds
    assert word.name == name
    assert from_name(name) == word
    assert word.without_guests().name == name
    if word.periodic:
        assert (word.canonical().name == name) is (name != "O3r")


def test_display_name_of_the_reversed_variant():
    assert from_name("O3′") == from_name("O3r") == Word.parse("|L-[Li]|")
    assert from_name("O3r").canonical() == from_name("O3")


def test_mirror_setting_is_the_same_twin():
    assert Word.parse("R+6 R+ L-5 L.").name == "twin octahedral"
    assert Word.parse("R+5 R+ L-6 L.").canonical() == Word.parse("R+6 R- L-5 L.").canonical()


@pytest.mark.parametrize("text", ["|R+ L-|", "R+ R+ R.", "R0 R+ R.", "R+ R- R0 R+ R.", "|?+|"])
def test_words_without_a_name(text):
    word = Word.parse(text)
    assert word.name is None or word.name == "O2"


def test_every_stacking_of_two_slabs_has_a_name():
    names = {word.name for word in enumerate_words(2, primitive=True)}
    assert names == {"H1-3", "O2", "O6", "P2", "O3-P3", "O1-P3", "O2-P2"}


@pytest.mark.parametrize("name", ["O3/P3 boundary", "H1-3 domain(4)", "O2-P2"])
def test_names_do_not_depend_on_the_point_of_view(name):
    word = from_name(name)
    assert {word.reversed().name, word.flipped().name, word.canonical().name} == {name}


def test_single_period_of_h13_in_o3_is_an_o1_fault():
    assert Word.parse("R+10 (R0 R+)1 R+10 R.").name == "O1 fault(1)"
    with pytest.raises(WordError, match="count in a name is 1; expected 2 to"):
        from_name("H1-3 domain(1)")


def test_unknown_names_are_refused():
    with pytest.raises(WordError, match=r"no stacking is named 'O5'; expected one of O3, O3r"):
        from_name("O5")
    with pytest.raises(WordError, match="TD\\(4\\) with 2 reversed slabs would have prismatic"):
        from_name("TD(4) flipped(2)")
    with pytest.raises(WordError, match="count in a name is 0"):
        from_name("TD(0) glided")


def test_gap_kind_table():
    for t in (1, -1):
        assert [gap_kind(t, s * t, t) for s in (1, 0, -1)] == ["3", "1", "p"]
        assert [gap_kind(t, s, -t) for s in (1, 0, -1)] == ["2", "q", "2"]
    assert gap_kind(0, 1, 1) == gap_kind(1, 1, 0) == gap_kind(1, None, 1) == "?"


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        (" | (R+[Li])2R0 | ", "|R+[Li]2 R0|"),
        ("(R+ (R0)2)2 R.", "R+ R02 R+ R02 R."),
        ("R+ R+[Li].", "R+ R."),
        ("R+ R .", "R+ R."),
        ("R.", "R."),
        ("|R{2/3,1/3} R{0,0} L{-1/3,1/3}|", "|R+ R0 L+|"),
        ("|R{-1/2, 3/2}|", "|R{1/2,1/2}|"),
        ("|R?[Na:0.5@e;h=2.70]|", "|R?[Na:0.5@e;h=2.7]|"),
        ("|R+[Li:1.0]|", "|R+[Li]|"),
        ("+++-+++", "?+3 ?- ?+3 ?."),
        ("|+0|", "|?+ ?0|"),
        ("+x", "?+ ?? ?."),
    ],
)
def test_formatting(text, formatted):
    word = Word.parse(text)
    assert str(word) == formatted
    assert Word.parse(formatted) == word
    assert eval(repr(word)) == word


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at character 1: expected a slab .* found the end of the text"),
        ("||", r"at character 2: expected a slab \(a tilt 'R', 'L' or '\?'\) or '\(', found '\|'"),
        ("|R+", r"at character 4: .*'\|' that closes a periodic word, found the end"),
        ("R+ L", r"at character 5: expected a shift '\+', '0', '-', '\?' or '\{u,v\}'"),
        ("R+ L0", "at character 6: .*'.' that ends a finite word"),
        ("|R+ x|", "at character 5: .* found 'x'"),
        ("|R+| R", "at character 6: expected the end of the word, found 'R'"),
        ("|R*|", "at character 3: expected a shift"),
        ("|R00|", "at character 4: expected a count of 1 or more"),
        ("|R+ 2|", "at character 5: expected a slab"),
        ("|()|", "at character 3: expected a slab"),
        ("|(R+|", r"at character 5: expected a slab or '\)'"),
        ("|R+[li]|", "at character 5: expected an element symbol"),
        ("|R+[Xx]|", "at character 4: guest 'Xx' is no element"),
        ("|R+[Li:]|", "at character 8: expected an occupancy"),
        ("|R+[Li:0]|", "at character 4: guest occupancy is 0.0; expected 0 < occupancy <= 1"),
        ("|R+[Li:1e999]|", "guest occupancy is inf"),
        ("|R+[Li@z]|", "guest site 'z' is unknown"),
        ("|R+[Li;h=0]|", "gap height is 0.0 Å"),
        ("|R+[Li;x=1]|", r"at character 7: expected ':', '@', ';h=' or '\]', found ';'"),
        ("|R+[Li|", "at character 7: expected ':'"),
        ("|R{1/0,0}|", "at character 4: expected a rational number"),
        ("|R{1/2}|", "at character 7: expected ',' between"),
        ("|R{1/2,1/3|", "at character 11: expected '}'"),
        ("|R+[Li@e]|", "gap 0 is of kind '3' and has no guest site 'e'; expected o or tl or tu"),
        ("|(R+)100001|", "at character 2 it expands to 100001 slabs; expected at most 100000"),
        ("|((R+1000)1000)1000|", "it expands to 1000000 slabs"),
        ("|R+" + "9" * 5000 + "|", "a count of at most 100000"),
        ("|" + "(" * 51 + "R+" + ")" * 51 + "|", "nest deeper than 50"),
        ("+" * 100_001, "expands to 100001 slabs"),
    ],
)
def test_malformed_words_name_position_and_expectation(text, message):
    with pytest.raises(WordError, match=message):
        Word.parse(text)


def test_objects_refuse_nonsense():
    with pytest.raises(WordError, match="tilt is 2; expected"):
        Slab(2, 0)
    with pytest.raises(WordError, match="shift is 5; expected"):
        Slab(1, 5)
    with pytest.raises(WordError, match="word of 0 slabs"):
        Word((), True)
    with pytest.raises(WordError, match="occupancy is nan"):
        Guest("Li", float("nan"))
    with pytest.raises(WordError, match="finite word has no cyclic rotation"):
        Word.parse("R+ R.").rotated(1)


def test_large_word_is_handled_in_linear_time():
    word = Word.parse("|(R+3 L-2 R0)16666|")
    assert len(word) == 99_996
    assert str(word.primitive()) == "|R+3 L-2 R0|"
    assert word.canonical() == word.primitive().canonical()


@given(st.text(alphabet="RL?+-0x{}()[]|.,/12 9@:;h=LiNaeo", max_size=40))
def test_any_text_is_a_word_or_refused(text):
    try:
        word = Word.parse(text)
    except WordError:
        return
    assert Word.parse(str(word)) == word


@pytest.mark.parametrize("name", [None, 3, ["O3"]])
def test_a_name_that_is_no_text_is_refused(name):
    with pytest.raises(WordError, match=r"a stacking's name is .*; expected a text such as 'O3'"):
        from_name(name)


@pytest.mark.parametrize("arguments", [(1, 2, 1), (1, 1, 5), (3, 0, 1)])
def test_tilts_and_shifts_that_make_no_gap_are_refused(arguments):
    with pytest.raises(WordError, match="make no gap; expected 1, -1 or 0 each"):
        gap_kind(*arguments)
