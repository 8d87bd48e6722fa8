"""Entries of lateral walls: complete, distinct, and what their stored atoms show."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from stackmotif.catalog import load_catalog
from stackmotif.catalog.recipes.walls import WallJump, WallRecipe
from stackmotif.errors import StructureError
from stackmotif.stacking import OneRowWall, Word, one_row_walls, structural_unit
from stackmotif.structures import coordination, get_lattice, site_roles

WALLS = {k: motif for k, motif in load_catalog().items() if isinstance(motif.recipe, WallRecipe)}
UPRIGHT = sorted(k for k, motif in WALLS.items() if not motif.recipe.inclination_deg)
HERE = Path("nowhere")


def _one_row(motif):
    """The jumping row of an entry with one wall, as the algebra knows it."""
    (jump,) = motif.recipe.jumps
    states = Word.parse(motif.recipe.word).metal_text
    return OneRowWall(states[jump.slab] + states[jump.slab - 1], jump.thirds)


def test_families_and_the_ids_that_others_rely_on():
    counts = Counter(motif.family for motif in WALLS.values())
    assert set(counts) == {"wall-abrupt", "wall-continuous", "lens", "boundary", "inclined"}
    assert max(counts.values()) <= 25
    assert {"wall-asu-o1-o3", "wall-asu-o1-td", "wall-tsu-o3r-o3"} <= set(WALLS)
    assert all(motif.status == "idealized" and motif.inferred for motif in WALLS.values())


@pytest.mark.parametrize(
    ("family", "jumps"), [("wall-abrupt", (1, 2)), ("wall-continuous", (1, -1, 2, -2))]
)
def test_every_one_row_wall_in_o3_has_its_entry(family, jumps):
    found = {_one_row(m).canonical() for m in WALLS.values() if m.family == family}
    assert found == {wall for jump in jumps for wall in one_row_walls(jump)}


@pytest.mark.parametrize(
    ("motif_id", "units"),
    [
        ("wall-asu-o1-o3", {"ASU"}),
        ("wall-asu-o1-td", {"ASU"}),
        ("wall-tsu-o3r-o3", {"TSU"}),
        ("wall-asu-tsu-o3", {"ASU", "TSU"}),
        ("wall-wide-o1-o3", {"wide-ASU"}),
        ("wall-wide-o3r-o3", {"wide-TSU"}),
    ],
)
def test_ids_name_the_units_of_the_wall(motif_id, units):
    wall = _one_row(WALLS[motif_id])
    assert {structural_unit(c) for c in wall.classes} == units


def test_entries_are_distinct_motifs():
    identities = defaultdict(list)
    for motif_id, motif in WALLS.items():
        identities[motif.recipe.identity()].append(motif_id)
    assert [ids for ids in identities.values() if len(ids) > 1] == []


def test_only_tilts_hide_from_the_metal_columns():
    classes = defaultdict(set)
    for motif_id, motif in WALLS.items():
        classes[motif.degeneracy_class].add(motif_id)
    assert sorted(map(sorted, (ids for ids in classes.values() if len(ids) > 1))) == [
        ["boundary-o3r-o3-tensile", "boundary-o6-o6r-tensile"],
        ["wall-tsu-o3r-o3", "wall-tsu-o3r-o3-glided"],
        ["wall-wide-o3r-o3", "wall-wide-o3r-o3-glided"],
    ]


def _recipe(left, thirds, **settings):
    word = f"R+2 R{left[1]} R{left[0]} R+2 R."
    return WallRecipe(
        word=word,
        lattice="LiNiO2:0.5",
        columns=settings.pop("columns", 18),
        jumps=[WallJump(slab=3, column=6, thirds=thirds, type=settings.pop("type", "A"))],
        **settings,
    )


def test_a_turned_wall_is_the_same_motif_and_a_wider_one_another():
    for jump in (1, -1, 2, -2):
        for wall in one_row_walls(jump):
            here, there = (_recipe(w.left, jump, type="C") for w in (wall, wall.turned()))
            assert here.identity() == there.identity()
            assert here.degeneracy_class() == there.degeneracy_class()
    base = _recipe("+0", 1, type="C")
    assert base.identity() != _recipe("+0", 1, type="C", width=5).identity()
    assert base.identity() != _recipe("+0", 1).identity()
    assert base.identity() == _recipe("+0", 1, type="C", columns=30).identity()


def test_a_model_seen_from_behind_is_the_same_motif():
    recipe = _recipe("0-", 2)
    left = Word.parse(recipe.word)
    behind = WallRecipe(
        word=left.flipped().reversed().format(),
        lattice="LiNiO2:1",
        columns=22,
        jumps=[WallJump(slab=3, column=9, thirds=2)],
    )
    assert behind.identity() == recipe.identity()


def test_a_boundary_written_twice_along_c_is_the_same_motif():
    once = WALLS["boundary-o3-o1-tensile"].recipe
    jumps = [
        {"slab": j.slab + up, "column": j.column, "thirds": j.thirds}
        for j in once.jumps
        for up in (0, 3)
    ]
    twice = once.replaced({"word": "|R+6|", "jumps": jumps})
    assert twice.identity() == once.identity()
    assert twice.degeneracy_class() == once.degeneracy_class()
    moved = once.replaced({"word": "|R+6|", "jumps": jumps[:-1]})
    assert moved.identity() != once.identity()


def test_a_lens_cut_open_inside_is_the_same_motif():
    """The model of a lens begins anywhere along its rows: here between its walls."""
    outside = WALLS["lens-o1-td-missing"].recipe
    inside = outside.replaced(
        {
            "word": "|R+3 R0 R- R+4|",
            "jumps": [
                {"slab": 4, "column": 5, "thirds": 1},
                {"slab": 4, "column": 16, "thirds": 2, "missing_columns": 1},
            ],
        }
    )
    assert inside.identity() == outside.identity()
    assert inside.degeneracy_class() == outside.degeneracy_class()
    first, second = ({"slab": 4, "column": column} for column in (5, 16))
    swapped = [first | {"thirds": 2, "missing_columns": 1}, second | {"thirds": 1}]
    assert inside.replaced({"jumps": swapped}).identity() != outside.identity()


def _walls_in(x, pitch_A, *, period_A):
    """Return (3 J, width) of the walls of one row of metals, from its spacings."""
    spacing = np.diff(np.append(x, x[0] + period_A) if period_A else x) / pitch_A - 1
    odd = np.abs(spacing) > 0.01
    starts = np.flatnonzero(odd & ~np.roll(odd, 1))
    found = []
    for start in starts:
        stop = start + int(np.argmin(np.append(odd[start:], False)))
        found.append((round(3 * float(spacing[start:stop].sum())), stop - start))
    return found


@pytest.mark.parametrize("motif_id", UPRIGHT)
def test_the_stored_atoms_show_the_walls_of_the_recipe(motif_id):
    motif = WALLS[motif_id]
    recipe, structure = motif.recipe, motif.structure()
    pitch = get_lattice(recipe.lattice).column_pitch_A
    metals = structure.cart_coords[site_roles(structure) == "M"]
    heights = np.unique(np.round(metals[:, 2], 3))
    for k, height in enumerate(heights):
        x = np.sort(metals[np.abs(metals[:, 2] - height) < 0.1, 1])
        expected = [
            (j.thirds, 1 if j.type == "A" else recipe.width)
            for j in sorted(recipe.jumps, key=lambda j: j.column)
            if j.slab == k
        ]
        period = structure.lattice.b if recipe.closed else None
        assert _walls_in(x, pitch, period_A=period) == expected


@pytest.mark.parametrize("motif_id", sorted(WALLS))
def test_lengths_in_a_description_are_lengths_of_its_atoms(motif_id):
    motif = WALLS[motif_id]
    claimed = [float(n) for n in re.findall(r"(\d\.\d\d) Å", motif.description)]
    structure = motif.structure()
    metals = structure.cart_coords[site_roles(structure) == "M"]
    found = list(motif.checks.min_contacts_A.values())
    for height in np.unique(np.round(metals[:, 2], 3)):
        row = np.sort(metals[np.abs(metals[:, 2] - height) < 0.1, 1])
        found += list(np.diff(row))
    if motif.recipe.inclination_deg:  # rows differ with the depth
        found += [get_lattice(motif.recipe.lattice).column_pitch_A * n / 3 for n in (3, 4, 5)]
    assert all(np.min(np.abs(np.array(found) - length)) < 6e-3 for length in claimed), claimed


def test_only_walls_that_the_paper_shows_are_said_to_be_shown():
    shown = {k for k, m in WALLS.items() if any("shows such walls" in text for text in m.inferred)}
    assert shown == {
        "wall-asu-o1-o3",
        "wall-asu-o1-td",
        "wall-tsu-o3r-o3",
        "wall-tsu-o3r-o3-glided",
        "wall-c-o1-jog-plus-1",
    }


@pytest.mark.parametrize("motif_id", UPRIGHT)
def test_two_metals_beside_each_abrupt_wall_have_five_oxygens(motif_id):
    motif = WALLS[motif_id]
    n_abrupt = sum(jump.type == "A" for jump in motif.recipe.jumps)
    claimed = motif.checks.coordination["M"]
    assert claimed.get("5", 0) == 2 * n_abrupt
    assert set(claimed) <= {"5", "6"}


def test_width_and_inclination_are_arguments():
    motif = WALLS["wall-c-o1-jog-plus-1"]
    wide = motif.build(width=8, columns=24)
    assert coordination(wide)["M"].keys() == {6}
    leaning = WALLS["inclined-boundary"]
    assert leaning.build(inclination_deg=10.0).lattice.a == pytest.approx(
        leaning.structure().lattice.a, abs=2.0
    )
    with pytest.raises(StructureError, match=r"M-M contact of 2\.1.* in slab 3"):
        WALLS["wall-c-o1-jog-minus-1"].build(width=2)


def test_a_lens_that_does_not_close_cannot_be_built():
    recipe = WALLS["lens-o1-td-missing"].recipe
    jumps = [{"slab": 4, "column": 5, "thirds": 2}, {"slab": 4, "column": 13, "thirds": 1}]
    with pytest.raises(StructureError, match=r"row 4: its jumps add up to \+3/3 pitch and 0"):
        recipe.replaced({"jumps": jumps}).build(folder=HERE)


def test_it_does_not_matter_at_which_wall_a_column_is_missing():
    recipe = WALLS["lens-o1-td-missing"].recipe
    first, second = recipe.jumps
    moved = recipe.replaced(
        {
            "jumps": [
                {"slab": 4, "column": first.column, "thirds": first.thirds},
                {"slab": 4, "column": second.column, "thirds": 1, "missing_columns": 1},
            ]
        }
    )
    assert moved.identity() == recipe.identity()
    assert np.allclose(moved.build(folder=HERE).cart_coords, recipe.build(folder=HERE).cart_coords)
