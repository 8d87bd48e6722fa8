import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from stackmotif.explorer import projection_svg
from stackmotif.explorer.drawing import _PITCH
from stackmotif.stacking import Word, from_name
from stackmotif.stacking.palette import ROLE_COLOURS

METAL, OXYGEN, GUEST = (ROLE_COLOURS[role] for role in "MOA")


def rows(word, colour):
    """Height to the horizontal phase [pitch] of the circles of a colour, from the bottom up."""
    tree = ElementTree.fromstring(projection_svg(word))
    found = {}
    for circle in tree.iter("{http://www.w3.org/2000/svg}circle"):
        if circle.get("fill") == colour:
            found.setdefault(float(circle.get("cy")), float(circle.get("cx")))
    return [found[y] / _PITCH for y in sorted(found, reverse=True)]


def steps(values):
    return [round(3 * (b - a)) % 3 for a, b in pairwise(values)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R+ R0 R- R.", [1, 0, 2]),
        ("L+2 R-2 R.", [1, 1, 2, 2]),
        ("|R+[Li]|", [1, 1, 1, 1]),
    ],
)
def test_metal_steps_are_the_shifts_upwards(text, expected):
    found = steps(rows(Word.parse(text), METAL))
    assert found[: len(expected)] == expected


@pytest.mark.parametrize(("tilt", "lean"), [("R", 2), ("L", 1)])
def test_oxygen_leans_with_the_tilt(tilt, lean):
    bottom, top = rows(Word.parse(f"{tilt}."), OXYGEN)
    assert round(3 * (top - bottom)) % 3 == lean


def test_prismatic_gaps_have_oxygen_above_oxygen():
    oxygen = rows(from_name("TD(1) glided"), OXYGEN)
    kinds = from_name("TD(1) glided").gap_kinds
    for k, kind in enumerate(kinds):
        below, above = oxygen[2 * k + 1], oxygen[2 * k + 2]
        assert (round(3 * (above - below)) % 3 == 0) == (kind == "p")


def test_guests_are_drawn_where_they_are_named():
    assert len(rows(Word.parse("R+[Li] R0 R+[Li] R."), GUEST)) == 2
    assert rows(Word.parse("R+ R."), GUEST) == []


def test_unknown_tilts_are_drawn_without_oxygen():
    word = Word.parse("++0-")
    assert rows(word, OXYGEN) == []
    assert len(rows(word, METAL)) == 5


def test_every_gap_kind_is_named():
    svg = projection_svg(from_name("OP4"))
    assert {"3", "q"} <= set(re.findall(r">(\w) <tspan", svg))


@pytest.mark.parametrize("text", ["|R+200|", "R+300 R.", "|L{0,1/2} R{0,1/2}|", "R."])
def test_drawings_are_well_formed_and_bounded(text):
    svg = projection_svg(Word.parse(text))
    ElementTree.fromstring(svg)
    assert len(svg) < 200_000
