"""Canonical forms, their invariances, counts of distinct words, and reading direction."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackmotif.errors import WordError
from stackmotif.stacking import SITES, Guest, Slab, Word, enumerate_words, gap_kind
from stackmotif.stacking.symmetry import mirror, threefold

fractions = st.fractions(min_value=-2, max_value=2, max_denominator=12)
shifts = st.one_of(st.sampled_from([1, 0, -1, None]), st.tuples(fractions, fractions))
integer_shifts = st.sampled_from([1, 0, -1])
guests = st.one_of(
    st.none(),
    st.builds(
        Guest,
        st.sampled_from(["Li", "Na", "H"]),
        st.floats(min_value=1e-6, max_value=1.0),
        st.none(),
        st.one_of(st.none(), st.floats(min_value=0.1, max_value=20.0)),
    ),
)


@st.composite
def words(draw, shift=shifts, max_size=8):
    slab = st.builds(Slab, st.sampled_from([1, -1, 0]), shift, guests)
    slabs = draw(st.lists(slab, min_size=1, max_size=max_size))
    word = Word(tuple(slabs), draw(st.booleans()))
    return _with_sites(word, draw)


def _with_sites(word, draw):
    slabs = list(word.slabs)
    for k, kind in enumerate(word.gap_kinds):
        if slabs[k].guest and kind in SITES:
            site = draw(st.sampled_from([None, *SITES[kind]]))
            guest = Guest(slabs[k].guest.species, slabs[k].guest.occupancy, site)
            slabs[k] = Slab(slabs[k].tilt, slabs[k].shift, guest)
    return Word(tuple(slabs), word.periodic)


@given(words())
def test_parse_inverts_format(word):
    assert Word.parse(str(word)) == word
    assert str(Word.parse(str(word))) == str(word)


@given(words())
def test_canonical_form_is_idempotent_and_invariant(word):
    form = word.canonical()
    assert form.canonical() == form
    assert word.flipped().canonical() == form
    assert word.reversed().canonical() == form
    assert word.reversed().flipped().canonical() == form
    if word.periodic:
        assert word.rotated(3).canonical() == form
        assert Word(word.slabs * 3, True).canonical() == form


@given(words())
def test_vector_operations_keep_the_canonical_form(word):
    for operation in (threefold, mirror):
        if any(slab.guest and slab.guest.site for slab in word.slabs):
            continue
        assert Word(operation(word.slabs), word.periodic).canonical() == word.canonical()


@given(words())
def test_reversal_and_flip_are_involutions(word):
    twice = word.reversed().reversed()
    assert twice == word.reversed().flipped().reversed().flipped()
    assert twice.canonical() == word.canonical()
    assert word.flipped().flipped() == word


@given(words())
def test_gap_kinds_survive_flip_and_reversal(word):
    assert word.flipped().gap_kinds == word.gap_kinds
    turned = word.reversed().gap_kinds[::-1]
    if word.periodic:
        turned = turned[1:] + turned[:1]
    assert turned == word.gap_kinds


def _image(word):
    """Horizontal positions of (lower oxygen, metal, upper oxygen) in thirds, bottom row first."""
    metal = 0
    rows = []
    for slab in word.slabs:
        rows.append((metal - slab.tilt, metal, metal + slab.tilt))
        metal += slab.shift or 0
    return rows


def _upside_down(rows):
    return [tuple(-x for x in reversed(row)) for row in reversed(rows)]


def _kinds_seen(rows):
    leans = [(top - bottom) // 2 for bottom, _, top in rows]
    shifts = [(upper[1] - lower[1] + 1) % 3 - 1 for lower, upper in pairwise(rows)]
    return "".join(gap_kind(t, s, u) for t, s, u in zip(leans, shifts, leans[1:], strict=False))


@pytest.mark.parametrize("text", ["R+6 R.", "L-6 L.", "R+3 R-2 R+2 R.", "R+3 R- L- L+ R+ R0 L0 L."])
def test_upright_and_upside_down_reading_give_the_same_kinds(text):
    word = Word.parse(text)
    assert _kinds_seen(_image(word)) == word.gap_kinds
    assert _kinds_seen(_upside_down(_image(word)))[::-1] == word.gap_kinds


@pytest.mark.parametrize("text", ["R+6 R.", "R+3 R- L- L+ R+ R0 L0 L."])
def test_downward_reading_changes_both_signs(text):
    word = Word.parse(text)
    rows = _image(word)[::-1]
    shifts = [(lower[1] - upper[1] + 1) % 3 - 1 for upper, lower in pairwise(rows)]
    leans = [(bottom - top) // 2 for bottom, _, top in rows]
    kinds = [gap_kind(t, s, u) for t, s, u in zip(leans, shifts, leans[1:], strict=False)]
    assert "".join(kinds)[::-1] == word.gap_kinds


def test_mixing_reading_directions_turns_o3_into_p3():
    assert gap_kind(1, 1, 1) == "3"
    assert gap_kind(1, -1, 1) == "p"


@pytest.mark.parametrize(("n", "distinct", "primitive"), [(1, 3, 3), (2, 10, 7), (3, 28, 25)])
def test_counts_of_short_words(n, distinct, primitive):
    assert len(enumerate_words(n)) == distinct
    assert len(enumerate_words(n, primitive=True)) == primitive


def test_count_of_length_six():
    assert len(enumerate_words(6)) == 2110


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_enumeration_agrees_with_canonical_forms(n):
    letters = [Slab(t, s) for t in (1, -1) for s in (1, 0, -1)]
    every = [Word(slabs, True) for slabs in product(letters, repeat=n)]
    forms = {word.canonical() for word in every if len(word.primitive()) == n}
    assert forms == set(enumerate_words(n, primitive=True))


def test_enumeration_refuses_long_words():
    with pytest.raises(WordError, match="words of 9 slabs; expected 1 to 8"):
        enumerate_words(9)


def test_equivalent_half_shifts_are_one_crystal():
    forms = {Word.parse(f"|L{{{v}}} R{{{v}}}|").canonical() for v in ("0,1/2", "1/2,0", "1/2,1/2")}
    assert len(forms) == 1
    assert forms.pop().name == "T#2"


def test_prismatic_sites_swap_on_reversal():
    word = Word.parse("|R-[Na]|")
    assert str(word.reversed()) == "|R-[Na@u]|"
    assert word.reversed().canonical() == word
    two = Word.parse("|R-[Na@l] R-[Na@u]|")
    assert two.canonical() != word
    assert two.reversed().canonical() == two.canonical()


def test_default_sites_are_left_out():
    assert str(Word.parse("|R0[Na@e] L0[Na@e]|").canonical()) == "|R0[Na] L0[Na]|"
    assert str(Word.parse("|R0[Na@f] L0[Na@e]|").canonical()) == "|R0[Na] L0[Na@f]|"
