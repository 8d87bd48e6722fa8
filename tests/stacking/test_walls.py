"""The algebra of jumps: 24 walls of one gap, 8 classes, 6 walls of one row, the two sum rules."""

from collections import Counter, defaultdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackmotif.errors import WordError
from stackmotif.stacking import (
    JUMPS,
    WALL_CLASSES,
    GapWall,
    OneRowWall,
    Word,
    check_row_closes,
    classify_wall,
    gap_walls,
    inclusion_jumps,
    one_row_walls,
    state_after,
    structural_unit,
    word_after,
)

SHIFT = {"+": 1, "0": 0, "-": -1}


def _leads_to(left, right, row, jump):
    """The law itself, not the library's: s right - s left is J above and -J below, modulo 1."""
    change = jump if row == "upper" else -jump
    return (SHIFT[left] + change - SHIFT[right]) % 3 == 0


def test_there_are_24_walls_of_one_gap():
    expected = {
        case for case in product("+0-", "+0-", ("upper", "lower"), JUMPS) if _leads_to(*case)
    }
    found = {(w.left, w.right, w.row, w.jump_thirds) for w in gap_walls()}
    assert len(gap_walls()) == len(found) == 24
    assert found == expected


def test_the_24_walls_fall_into_the_8_classes():
    members = Counter(wall.wall_class for wall in gap_walls())
    assert set(members) == set(WALL_CLASSES)
    assert members == {c: 4 if c.startswith("O1|O3 ") else 2 for c in WALL_CLASSES}


def test_the_mirrors_and_the_turn_generate_exactly_the_classes():
    classes = defaultdict(set)
    for wall in gap_walls():
        classes[wall.wall_class].add(wall)
    for wall in gap_walls():
        orbit, fresh = set(), {wall}
        while fresh:
            orbit |= fresh
            images = {f(w) for w in fresh for f in (GapWall.mirrored_sideways, GapWall.turned)}
            images |= {w.mirrored_upright() for w in fresh}
            fresh = images - orbit
        assert orbit == classes[wall.wall_class]
        assert wall.mirrored_sideways().mirrored_sideways() == wall
        assert wall.turned().turned() == wall


def test_four_classes_are_tensile_and_have_a_unit():
    units = {c: structural_unit(c) for c in WALL_CLASSES}
    assert units == {
        "O1|O3 +1/3": "ASU",
        "O1|O3 -1/3": "none",
        "O1|O3 +2/3": "wide-ASU",
        "O1|O3 -2/3": "none",
        "O3|O3r +1/3": "TSU",
        "O3|O3r -1/3": "none",
        "O3|O3r +2/3": "wide-TSU",
        "O3|O3r -2/3": "none",
    }


@pytest.mark.parametrize(
    ("left", "right", "thirds", "expected"),
    [
        ("0", "+", 1, "O1|O3 +1/3"),
        ("+", "-", 1, "O3|O3r +1/3"),
        ("+", "0", -1, "O1|O3 -1/3"),
        ("+", "-", -2, "O3|O3r -2/3"),
        ("-", "+", 2, "O3|O3r +2/3"),
    ],
)
def test_classes_of_the_table_with_the_wall_in_the_top_row(left, right, thirds, expected):
    assert classify_wall(left, right, row="upper", jump_thirds=thirds) == expected


@pytest.mark.parametrize("jump", JUMPS)
def test_nine_left_pairs_are_six_walls_of_one_row(jump):
    walls = one_row_walls(jump)
    assert len(walls) == 6
    assert len({wall.place for wall in walls}) == 6
    orbits = {
        frozenset({(w.left, w.right), (w.turned().left, w.turned().right)})
        for w in (OneRowWall(a + b, jump) for a, b in product("+0-", repeat=2))
    }
    assert len(orbits) == 6
    assert sum(len(orbit) == 1 for orbit in orbits) == 3
    for wall in walls:
        assert wall.turned().turned() == wall
        assert wall.turned().place == wall.place
        assert Counter(wall.turned().classes) == Counter(wall.classes)


@given(st.sampled_from("+0-"), st.sampled_from("+0-"), st.sampled_from(JUMPS))
def test_one_jump_changes_both_gaps_oppositely(above, below, jump):
    wall = OneRowWall(above + below, jump)
    changes = [(SHIFT[r] - SHIFT[s]) % 3 for s, r in zip(wall.left, wall.right, strict=True)]
    assert changes == [-jump % 3, jump % 3]


@given(
    st.lists(st.tuples(st.sampled_from("RL"), st.sampled_from("+0-")), min_size=2, max_size=9),
    st.dictionaries(st.integers(0, 8), st.sampled_from([*JUMPS, 3, -3])),
    st.booleans(),
)
def test_word_after_obeys_the_law_and_keeps_the_tilts(slabs, jumps, periodic):
    text = " ".join(t + s for t, s in slabs)
    word = Word.parse(f"|{text}|" if periodic else f"{text} R.")
    jumps = {row: jump for row, jump in jumps.items() if row < len(word)}
    after = word_after(word, jumps)
    n = len(word)
    for k in range(word.n_gaps):
        change = jumps.get((k + 1) % n, 0) - jumps.get(k, 0)
        assert (after.slabs[k].shift - word.slabs[k].shift - change) % 3 == 0
    assert [s.tilt for s in after.slabs] == [s.tilt for s in word.slabs]
    back = word_after(after, {row: -jump for row, jump in jumps.items()})
    assert back == word


def test_a_row_closes_when_its_jumps_are_its_missing_columns():
    check_row_closes([1, -1], missing_columns=0, row=0)
    check_row_closes([1, 2], missing_columns=1, row=0)
    check_row_closes([2, 2, 2], missing_columns=2, row=0)
    with pytest.raises(WordError, match=r"row 4: its jumps add up to \+3/3 pitch and 0 columns"):
        check_row_closes([1, 2], missing_columns=0, row=4)
    with pytest.raises(WordError, match=r"row 7: its jumps add up to -1/3"):
        check_row_closes([1, -2], missing_columns=0, row=7)


@pytest.mark.parametrize(
    "states", ["".join(p) for n in range(1, 7) for p in product("0-", repeat=n)]
)
def test_an_inclusion_closes_when_n_o1_plus_2_n_o3r_is_a_multiple_of_3(states):
    if (states.count("0") + 2 * states.count("-")) % 3:
        with pytest.raises(WordError, match="divisible by 3"):
            inclusion_jumps(states)
        return
    jumps = inclusion_jumps(states)
    matrix = Word.parse(f"R+{len(states) + 2} R.")
    rows = {k + 2: jump for k, jump in enumerate(jumps)}
    assert word_after(matrix, rows).metal_text == f"+{states}+"


def test_lone_td_cannot_close():
    with pytest.raises(WordError, match=r"leaves a step of 1/3 pitch above it"):
        inclusion_jumps("-")


def test_wrong_arguments_are_named():
    with pytest.raises(WordError, match="jump is 3 thirds"):
        state_after("0", row="upper", jump_thirds=3)
    with pytest.raises(WordError, match="row is 'top'"):
        state_after("0", row="top", jump_thirds=1)
    with pytest.raises(WordError, match="state is 'x'"):
        state_after("x", row="upper", jump_thirds=1)
    with pytest.raises(WordError, match=r"turns state '0' into '\+', not '-'"):
        classify_wall("0", "-", row="upper", jump_thirds=1)
    with pytest.raises(WordError, match="expected two"):
        OneRowWall("+", 1)
    with pytest.raises(WordError, match="wall class 'O1'"):
        structural_unit("O1")
    with pytest.raises(WordError, match="jump of row 5; expected a row from 0 to 2"):
        word_after(Word.parse("R+2 R."), {5: 1})
    with pytest.raises(WordError, match=r"no shift of \+, 0 or -"):
        word_after(Word.parse("R{0,1/2} R."), {0: 1})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: state_after(["+"], row="upper", jump_thirds=1), r"state is \['\+'\]"),
        (lambda: state_after("+", row=["upper"], jump_thirds=1), r"row is \['upper'\]"),
        (lambda: state_after("+", row="upper", jump_thirds=[1]), r"jump is \[1\] thirds"),
        (lambda: state_after("+", row="upper", jump_thirds=1.0), "jump is 1.0 thirds"),
        (lambda: state_after("+", row="upper", jump_thirds=True), "jump is True thirds"),
        (lambda: OneRowWall(None, 1), "states are None; expected two"),
        (lambda: OneRowWall(["+", "0"], 1), "expected two"),
        (lambda: word_after("R+ R.", {0: 1}), "expected a Word and a mapping"),
        (lambda: word_after(Word.parse("R+2 R."), [1]), "expected a Word and a mapping"),
        (lambda: word_after(Word.parse("R+2 R."), {0.5: 1}), "row 0.5; expected a row from 0"),
        (lambda: word_after(Word.parse("R+2 R."), {"a": 1}), "row a; expected a row from 0"),
        (lambda: word_after(Word.parse("R+2 R."), {0: 1.5}), "row 0 jumps by 1.5 thirds"),
        (lambda: inclusion_jumps(""), "inclusion is ''; expected the states"),
        (lambda: inclusion_jumps(None), "inclusion is None; expected the states"),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(call, message):
    with pytest.raises(WordError, match=message):
        call()
