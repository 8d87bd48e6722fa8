"""Pictures of motifs and the page that shows them: geometry read back from the SVG text."""

import re
from itertools import pairwise
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from stackmotif.catalog import load_catalog
from stackmotif.catalog.drawing.gallery import (
    TREE,
    gallery_markdown,
    recipes_markdown,
    rewrite_readme,
    updated_readme,
)
from stackmotif.catalog.drawing.picture import MOST_COLUMNS, picture_svg, picture_text
from stackmotif.errors import CatalogError
from stackmotif.stacking import Word
from stackmotif.stacking.palette import GAP_COLOURS, ROLE_COLOURS, STATE_COLOURS, UNIT_COLOURS
from stackmotif.structures import Jump, build, build_lateral, get_lattice

CATALOG = load_catalog()
UNITS_PER_A = 20
SVG = "{http://www.w3.org/2000/svg}"
METALS = (ROLE_COLOURS["M"], "#757575")
STEP = re.compile(r"([mlM])(-?\d+) (-?\d+)")


def dots(svg, *colours):
    """Centres of the dots of some colours, (x, y) with y upwards, in ångström."""
    found = []
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if path.get("stroke") in colours and path.get("stroke-linecap") == "round":
            steps = np.array([(int(x), int(y)) for _, x, y in STEP.findall(path.get("d"))])
            found.append(np.cumsum(steps, axis=0))
    points = np.concatenate(found) if found else np.zeros((0, 2))
    return points * (1.0, -1.0) / UNITS_PER_A


def rows(points):
    """Columns by row, from the bottom up."""
    ordered = points[np.argsort(points[:, 1])]
    cuts = np.flatnonzero(np.diff(ordered[:, 1]) > 1.0) + 1
    return [np.sort(row[:, 0]) for row in np.split(ordered, cuts)]


def steps(points, pitch_A):
    """Shift of every row against the one below, in thirds of the pitch."""
    return [round(3 * (b[0] - a[0]) / pitch_A) % 3 for a, b in pairwise(rows(points))]


def bands(svg):
    """Colour of every band, from the bottom up."""
    shapes = [r for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("fill-opacity")]
    return [r.get("fill") for r in sorted(shapes, key=lambda r: -float(r.get("y")))]


@pytest.mark.parametrize("text", ["R+3 R0 R-2 R.", "L-2 L+ R0 R+2 R.", "|R+ R0 L- L0|", "|L-|"])
def test_rows_step_as_the_word_says(text):
    word, lattice = Word.parse(text), get_lattice("LiNiO2:0.5")
    svg = picture_svg(build(word, lattice=lattice), word=word)
    found = steps(dots(svg, *METALS), lattice.column_pitch_A)
    expected = [slab.shift % 3 for slab in word.slabs[: word.n_gaps]]
    assert found[: len(expected)] == expected


def test_seen_along_110_the_rows_step_the_other_way():
    structure, pitch = build("|R+|", lattice="LiNiO2:0.5"), get_lattice("LiNiO2:0.5").column_pitch_A
    assert set(steps(dots(picture_svg(structure), *METALS), pitch)) == {1}
    assert set(steps(dots(picture_svg(structure, zone="010"), *METALS), pitch)) == {1}
    assert set(steps(dots(picture_svg(structure, zone="110"), *METALS), pitch)) == {2}


@pytest.mark.parametrize(("tilt", "lean"), [("R", 2), ("L", 1)])
def test_oxygen_leans_with_the_tilt(tilt, lean):
    lattice = get_lattice("LiNiO2:0.5")
    svg = picture_svg(build(f"{tilt}0 {tilt}.", lattice=lattice))
    assert steps(dots(svg, ROLE_COLOURS["O"]), lattice.column_pitch_A)[0] == lean


def test_both_directions_have_one_scale():
    lattice = get_lattice("LiNiO2:0.5")
    svg = picture_svg(build("R+3 R.", lattice=lattice))
    metals = dots(svg, *METALS)
    pitches = np.concatenate([np.diff(row) for row in rows(metals)])
    np.testing.assert_allclose(pitches, lattice.column_pitch_A, atol=1.1 / UNITS_PER_A)
    heights = np.unique(metals[:, 1])
    np.testing.assert_allclose(np.diff(heights), lattice.row_spacing_A(), atol=1.1 / UNITS_PER_A)
    bar = re.search(r"M\d+ \d+h(\d+)", svg)
    assert int(bar[1]) == 10 * UNITS_PER_A


def test_half_of_the_columns_stand_half_a_period_behind():
    svg = picture_svg(build("R0 R.", lattice="LiNiO2:0.5"))
    dark, light = (rows(dots(svg, colour)) for colour in METALS)
    together = np.sort(np.concatenate([dark[0], light[0]]))
    assert np.all(np.isin(together[::2], dark[0])) != np.all(np.isin(together[::2], light[0]))


def test_guests_are_drawn_and_empty_gaps_are_not():
    svg = picture_svg(build("|R+[Li] R0|", lattice="LiNiO2:0.5"))
    metals, guests = rows(dots(svg, *METALS)), rows(dots(svg, ROLE_COLOURS["A"]))
    assert len(guests) == (len(metals) - 1) // 2


@pytest.mark.parametrize("motif_id", ["o2-p2", "h1-3", "twin-octahedral-o1", "t2"])
def test_bands_have_the_colours_of_the_gap_kinds(motif_id):
    motif = CATALOG[motif_id]
    kinds = motif.word.gap_kinds
    found = bands(picture_text(motif))
    shown = "".join({v: k for k, v in GAP_COLOURS.items()}[colour] for colour in found)
    assert shown in kinds * 12
    assert set(shown) == set(kinds)


def test_long_ends_are_cut_to_three_slabs():
    found = bands(picture_text(CATALOG["td-4-flipped"]))
    letters = "".join({v: k for k, v in GAP_COLOURS.items()}[colour] for colour in found)
    assert letters == "333" + "23332" + "333"


def test_vacuum_is_not_repeated():
    svg = picture_svg(build("R+2 R.", lattice="LiNiO2:0.5", vacuum_A=7.0))
    assert len(rows(dots(svg, *METALS))) == 3


def test_the_text_does_not_depend_on_the_order_of_the_atoms():
    word = Word.parse("|R+[Li] R0|")
    structure = build(word, lattice="LiNiO2:0.5")
    shuffled = Structure.from_sites([structure[k] for k in (5, 0, 9, 3, 8, 1, 7, 2, 6, 4)])
    rest = [structure[k] for k in range(10, len(structure))]
    again = Structure.from_sites([*shuffled, *rest[::-1]])
    assert picture_svg(again, word=word) == picture_svg(structure, word=word)


def test_another_origin_shows_the_same_stacking():
    word, pitch = Word.parse("|R+[Li] R0|"), get_lattice("LiNiO2:0.5").column_pitch_A
    moved = build(word, lattice="LiNiO2:0.5")
    shown = dots(picture_svg(moved, word=word), *METALS)
    moved.translate_sites(range(len(moved)), [1 / 3, 2 / 3, 0.0])
    again = dots(picture_svg(moved, word=word), *METALS)
    assert steps(again, pitch) == steps(shown, pitch)


def test_monoclinic_cells_are_drawn_with_their_slabs_level():
    lattice = get_lattice("LiNiO2:0.5")
    hexagonal = build("|R+|", lattice=lattice)
    lean = Structure(
        Lattice([[1, 0, 0], [0, 1, 0], [1 / 3, 2 / 3, 1 / 3]] @ hexagonal.lattice.matrix),
        [hexagonal[0].species, "O", "O"],
        [hexagonal[k].coords for k in (0, 3, 6)],
        coords_are_cartesian=True,
    )
    found = rows(dots(picture_svg(lean), *METALS))
    assert len(found) > 4
    assert steps(dots(picture_svg(lean), *METALS), lattice.column_pitch_A)[0] in (1, 2)


@pytest.mark.parametrize(
    ("word", "colour"), [("R+2 R02 R+2 R.", "ASU"), ("R+6 R.", "TSU")], ids=["ASU", "TSU"]
)
def test_five_coordinate_metals_of_an_abrupt_wall_are_ringed(word, colour):
    slab = 3
    structure = build_lateral(word, jumps=[Jump(slab, 8, 1)], columns=18, lattice="LiNiO2:0.5")
    svg = picture_svg(structure, states=True)
    ringed = dots(svg, UNIT_COLOURS[colour])
    assert len(ringed) == 2
    spacing = 4 / 3 * get_lattice("LiNiO2:0.5").column_pitch_A
    assert np.ptp(ringed[:, 0]) == pytest.approx(spacing, abs=0.06)
    others = {c for c in UNIT_COLOURS.values() if c != UNIT_COLOURS[colour]}
    assert len(dots(svg, *others)) == 0


def test_cells_change_colour_at_a_wall():
    structure = build_lateral("R+6 R.", jumps=[Jump(3, 8, 1)], columns=18, lattice="LiNiO2:0.5")
    svg = picture_svg(structure, states=True)
    shapes = [r for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("fill-opacity")]
    by_gap = {}
    for shape in sorted(shapes, key=lambda r: float(r.get("x"))):
        by_gap.setdefault(-float(shape.get("y")), []).append(shape.get("fill"))
    names = {v: k for k, v in STATE_COLOURS.items()}
    states = ["".join(names[c] for c in by_gap[y]).replace("x", "") for y in sorted(by_gap)]
    assert states == ["+", "+", "+-", "+0", "+", "+"]


def test_a_continuous_wall_has_no_ring_and_grey_cells():
    structure = build_lateral("R+6 R.", jumps=[Jump(3, 6, 1, 5)], columns=18, lattice="LiNiO2:0.5")
    svg = picture_svg(structure, states=True)
    assert len(dots(svg, *UNIT_COLOURS.values())) == 0
    assert STATE_COLOURS["x"] in bands(svg)


def test_models_with_too_many_columns_are_cut_to_their_middle():
    rng = np.random.default_rng(3)
    many = 4 * MOST_COLUMNS
    structure = Structure(Lattice.orthorhombic(3, 300, 300), ["Ni"] * many, rng.random((many, 3)))
    svg = picture_svg(structure)
    assert 0.9 * MOST_COLUMNS < len(dots(svg, *METALS)) < 1.1 * MOST_COLUMNS
    assert len(svg) < 30_000


def test_a_slice_shows_the_middle_alone():
    heights = [0.1, 0.5, 0.9]
    structure = Structure(
        Lattice.orthorhombic(30, 10, 10),
        ["Ni"] * 3,
        [[h, k / 3, 0.5] for k, h in enumerate(heights)],
    )
    assert len(rows(dots(picture_svg(structure), *METALS))[0]) > 3
    one = rows(dots(picture_svg(structure, slice_A=3.0), *METALS))[0]
    np.testing.assert_allclose(np.diff(one), 10.0, atol=0.06)


def test_titles_are_escaped():
    svg = picture_svg(build("|R0|", lattice="O1-NiO2"), title='<b> & "x"')
    assert ElementTree.fromstring(svg).get("aria-label") == '<b> & "x"'


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(CatalogError, match="zone '001' shows no stacking; expected one of 100"):
        picture_svg(build("|R0|", lattice="O1-NiO2"), zone="001")
    with pytest.raises(CatalogError, match="a crystal without atoms has no picture"):
        picture_svg(Structure(Lattice.cubic(3), [], []))


def test_every_entry_has_a_small_picture_in_plain_svg():
    for motif in CATALOG.values():
        text = (motif.folder / "picture.svg").read_text(encoding="utf-8")
        assert 500 < len(text.encode()) <= 30_000, motif.id
        tree = ElementTree.fromstring(text)
        tags = {element.tag.removeprefix(SVG) for element in tree.iter()}
        assert tags <= {"svg", "rect", "path", "text"}, motif.id


def test_the_page_of_the_catalog_is_up_to_date(repository):
    page = (repository / "catalog" / "README.md").read_text(encoding="utf-8")
    assert updated_readme(page, CATALOG) == page, "run: stackmotif catalog rebuild"


def test_every_link_of_the_page_leads_somewhere(repository):
    page = (repository / "catalog" / "README.md").read_text(encoding="utf-8")
    links = re.findall(r'src="([^"]+)"|\]\(([^)]+)\)', page)
    targets = [one or other for one, other in links]
    assert len(targets) == 2 * len(CATALOG)
    assert all((repository / "catalog" / target).exists() for target in targets)


def test_the_tree_counts_every_entry_once():
    text = gallery_markdown(CATALOG)
    counts = [int(n) for n in re.findall(r"── [a-z0-9-]+ +(\d+)  ", text)]
    assert sum(counts) == len(CATALOG)
    assert f"{len(CATALOG)} motifs" in text
    assert "Others" not in text
    families = {motif.family for motif in CATALOG.values()}
    assert families <= {family for group in TREE.values() for family in group}


def test_families_of_ones_own_come_last():
    o3 = CATALOG["o3"]
    own = SimpleNamespace(
        id="mine", family="own", name="A|B", description="First. Second.", word=o3.word
    )
    text = gallery_markdown({"o3": o3, "mine": own})
    assert text.index("### Others") > text.index("### Whole crystals")
    assert "#### `own`\n" in text
    assert "**A\\|B**, [`mine`](motifs/own/mine)<br>`\\|R+[Li]\\|`<br>First. |" in text


def test_every_recipe_kind_is_listed_with_its_arguments():
    text = recipes_markdown()
    for motif in CATALOG.values():
        kind = motif.recipe.__struct_config__.tag
        line = next(x for x in text.splitlines() if x.startswith(f"| `{kind}` |"))
        assert all(f"`{field}" in line for field in motif.recipe.__struct_fields__)
    assert "**`word`**, **`lattice`**, `vacuum_A = 15.0`" in text


def test_only_marked_pages_are_rewritten(tmp_path):
    assert not rewrite_readme(tmp_path, CATALOG)
    page = tmp_path / "README.md"
    page.write_text("mine\n")
    assert not rewrite_readme(tmp_path, CATALOG)
    assert page.read_text() == "mine\n"
    page.write_text(
        "<!-- gallery -->\n<!-- /gallery -->\n<!-- recipes -->\nstale text\n<!-- /recipes -->\n"
    )
    assert rewrite_readme(tmp_path, CATALOG)
    assert not rewrite_readme(tmp_path, CATALOG)
    assert "stale text" not in page.read_text()
    page.write_text("<!-- gallery -->\n")
    with pytest.raises(CatalogError, match=r"README.md has no part between <!-- gallery --> and"):
        rewrite_readme(tmp_path, CATALOG)
