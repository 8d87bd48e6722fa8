"""Entries that are words: what their texts claim about them, against enumeration and atoms."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from stackmotif.catalog import load_catalog
from stackmotif.stacking import Slab, Word, enumerate_words, shift_vector, tilt_sequences

CATALOG = load_catalog()
FAMILIES = {"polytype": 23, "o1-fault": 6, "o1-domain": 14, "td": 23, "td-dense": 12, "twin": 11}
ENTRIES = [motif for motif in CATALOG.values() if motif.family in FAMILIES]
TD_SLABS = {
    f"td-{n}-{kind}": (n, slabs)
    for n in range(1, 7)
    for kind, slabs in (
        ("glided", 0),
        ("flipped", n),
        (f"flipped-{n - 1}", n - 1),
        (f"flipped-{n + 1}", n + 1),
    )
    if (n, slabs) != (1, 0) or kind == "glided"
}


def frame(motif_id):
    return CATALOG[motif_id].word.without_guests()


def offset_against_o3(word):
    """What lies above, against undisturbed O3 with as many gaps; thirds of the pitch, modulo 3."""
    return sum(s.shift - 1 for s in word.slabs[:-1]) % 3


def metal_rows(structure):
    return np.sort([site.z for site in structure if "O" not in site.species])


def test_the_families_are_complete():
    assert Counter(motif.family for motif in ENTRIES) == FAMILIES
    forms = {frame(m.id).canonical() for m in ENTRIES if m.same_crystal_as is None}
    assert len(forms) == len(ENTRIES) - 1, "o3r alone is another entry's crystal"


@pytest.mark.parametrize("n_slabs", [1, 2])
def test_every_primitive_stacking_of_one_and_two_slabs_is_there(n_slabs):
    forms = {frame(m.id).canonical() for m in CATALOG.query(family="polytype")}
    assert set(enumerate_words(n_slabs, primitive=True)) <= forms


@pytest.mark.parametrize("motif_id", TD_SLABS)
def test_td_entries(motif_id):
    n, reversed_slabs = TD_SLABS[motif_id]
    word = frame(motif_id)
    assert sum(slab.tilt == -1 for slab in word.slabs) == reversed_slabs
    assert word.degeneracy_class == f"F:+12_-{n if n > 1 else ''}_+11".replace("-1_", "-_")
    kinds = Counter(word.gap_kinds)
    assert kinds == {"3": 23, "p": n} if reversed_slabs == 0 else {"3": 21 + n, "2": 2}


@pytest.mark.parametrize("n", range(1, 7))
def test_one_reversed_block_has_no_other_sizes_than_those_of_the_entries(n):
    """Independent of how the entries were written: all tilts behind one metal image, kinds 3, 2."""
    behind = tilt_sequences("+" * 4 + "-" * n + "+" * 4, kinds="32")
    blocks = [
        sum(slab.tilt == -1 for slab in word.slabs)
        for word in behind
        if sum(a.tilt != b.tilt for a, b in pairwise(word.slabs)) == 2
        and word.gap_kinds[:3] + word.gap_kinds[-3:] == "333333"
        and word.slabs[0].tilt == word.slabs[-1].tilt == 1
    ]
    assert sorted(blocks) == sorted(m for k, m in TD_SLABS.values() if k == n and m > 0)


@pytest.mark.parametrize(
    "ids",
    [
        ("h1-3", "o1-p3", "o2-p2"),
        ("op4", "p2-o2-zigzag"),
        ("o2", "o3-p3"),
        ("o1", "p2"),
        ("o4", "microtwin-glided-2"),
        ("twin-octahedral", "twin-glided"),
        ("twin-prismatic", "twin-octahedral-o1"),
        ("td-dense-1-glided", "td-dense-1-flipped"),
        ("td-array-2-glided", "td-array-2-flipped"),
        *((f"td-dense-{m}-glided", f"td-dense-{m}-flipped") for m in (2, 3, 4)),
    ],
)
def test_entries_that_the_metal_cannot_tell_apart(ids):
    assert len({CATALOG[i].degeneracy_class for i in ids}) == 1
    assert len({frame(i).canonical() for i in ids}) == len(ids)


@pytest.mark.parametrize(
    ("motif_id", "in_register"),
    [
        ("o1-fault-1", False),
        ("o1-fault-3", True),
        ("o1-fault-6", True),
        ("o1-chunk", True),
        ("o1-triplet", True),
        ("o1-pair-2", False),
        ("h13-domain-3", True),
        ("h13-domain-4", False),
        ("h13-domain-6", True),
        ("td-2-glided", False),
        ("td-3-glided", True),
        ("td-3-flipped", True),
        ("td-6-glided", True),
    ],
)
def test_register_of_what_lies_above(motif_id, in_register):
    assert (offset_against_o3(frame(motif_id)) == 0) is in_register


def test_o1_gaps_are_narrower_than_o3_gaps():
    spacing = np.diff(metal_rows(CATALOG["o1-chunk"].structure()))
    kinds = np.array(list(frame("o1-chunk").gap_kinds))
    np.testing.assert_allclose(spacing[kinds == "1"], 1.985 + 2.589, atol=2e-3)
    np.testing.assert_allclose(spacing[kinds == "3"], 1.985 + 2.792, atol=2e-3)
    assert spacing[kinds == "1"].sum() == pytest.approx(55, abs=0.5)


def test_oxygen_leans_one_way_where_only_gliding_was_needed():
    for motif in (*CATALOG.query(family="o1-domain"), *CATALOG.query(family="o1-fault")):
        assert {slab.tilt for slab in motif.word.slabs} == {1}, motif.id


def test_leans_alternate_throughout_from_p2_to_o2():
    for motif_id in ("p2", "p2-o2-3-1", "p2-o2-2-2", "o2-p2", "p2-o2-zigzag", "p2-o2-1-3", "o2"):
        slabs = frame(motif_id).slabs
        assert all(a.tilt == -b.tilt for a, b in zip(slabs, (*slabs[1:], slabs[0]), strict=True))
        share = Fraction(frame(motif_id).gap_kinds.count("q"), len(slabs))
        assert {"p2": 1, "p2-o2-3-1": Fraction(3, 4), "o2": 0}.get(motif_id, share) == share


@pytest.mark.parametrize(
    ("word", "motif_id"),
    [
        ("|R- L+|", "o2"),
        ("|R+ R- L- L+|", "o4"),
        ("|R0 L0|", "p2"),
        ("|R+ R0 L- L0|", "op4"),
        ("|R+2 R- L-2 L+|", "microtwin-octahedral-3"),
        ("|R+2 R0 L-2 L0|", "microtwin-prismatic-3"),
        ("|(R- R+)1|", "o3-p3"),
    ],
)
def test_microtwins_and_arrays_end_in_polytypes(word, motif_id):
    assert Word.parse(word).canonical() == frame(motif_id).canonical()


def test_t2_comes_from_o2_by_a_glide_of_every_second_slab():
    """Carlier 2004: a glide by (1/3, 1/6, 0)."""
    o2, t2 = frame("o2").slabs, frame("t2")
    glide = (Fraction(1, 3), Fraction(1, 6))
    shifts = [(Fraction(2, 3) * s.shift, Fraction(1, 3) * s.shift) for s in o2]
    for sign in (1, -1):
        first = tuple((a + sign * g) % 1 for a, g in zip(shifts[0], glide, strict=True))
        second = tuple((a - sign * g) % 1 for a, g in zip(shifts[1], glide, strict=True))
        halves = {Fraction(0), Fraction(1, 2)}
        if set(first) | set(second) <= halves:
            text = [f"{{{a},{b}}}" for a, b in (first, second)]
            tilts = ["R" if s.tilt == 1 else "L" for s in o2]
            word = Word.parse("|" + " ".join(t + s for t, s in zip(tilts, text, strict=True)) + "|")
            assert word.canonical() == t2.canonical()
            return
    pytest.fail("neither sense of the glide leads to half shifts")


def test_lithium_of_intergrowths_is_in_the_o3_gaps_alone():
    for motif_id in ("h1-3", "o3-o1-2-1", "o3-o1-1-2", "o3-o1-2-2"):
        word = CATALOG[motif_id].word
        for slab, kind in zip(word.slabs, word.gap_kinds, strict=True):
            assert (slab.guest is not None) == (kind == "3")


def test_the_two_boundaries_of_a_flipped_td_are_turns_of_each_other():
    """About an axis in the layers with one reversed slab fewer, about c with as many as gaps."""
    below = Word.parse("R+6 R- L-5 L.")
    assert below.reversed() == Word.parse("L-5 L- R+6 R."), "upper boundary of td-6-flipped-5"
    assert below.flipped() == Word.parse("L-6 L+ R+5 R."), "upper boundary of td-6-flipped"
    for name, shift in (("td-6-flipped-5", -1), ("td-6-flipped", 1)):
        assert [s.shift for s in frame(name).slabs if s.tilt == -1][-1] == shift


def test_o3_p3_is_reached_from_o3_when_slabs_move_in_pairs():
    """Where every second slab moves alone, every gap changes, and O1 and P3 gaps alternate."""
    tilts = {slab.tilt for slab in frame("o3-p3").slabs}
    assert tilts == {1}
    pairs, alone = [0, 0, 1, 1, 2], [0, 1, 0, 1, 0]
    for places, expected in ((pairs, "o3-p3"), (alone, "o1-p3")):
        shifts = [(1 + b - a + 1) % 3 - 1 for a, b in pairwise(places)]
        reached = Word(tuple(Slab(1, shift) for shift in shifts), True)
        assert reached.canonical() == frame(expected).canonical()


def test_t2_comes_from_o2_by_the_reported_glide():
    """Carlier et al. 2004, abstract: every second slab moves by (1/3, 1/6, 0), a/sqrt(12)."""
    lower, upper = frame("t2").slabs
    assert [lower.tilt, upper.tilt] == [-1, 1]
    moves = [
        tuple(b - a for a, b in zip(shift_vector(s), shift_vector(slab.shift), strict=True))
        for s, slab in ((1, lower), (-1, upper))
    ]
    assert [(a + b) % 1 for a, b in zip(*moves, strict=True)] == [0, 0]
    u, v = moves[0]
    lengths = {
        (u + i) ** 2 + (v + j) ** 2 - (u + i) * (v + j) for i in (-1, 0, 1) for j in (-1, 0, 1)
    }
    assert min(lengths) == Fraction(1, 12)
