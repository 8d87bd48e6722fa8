"""Wall tiles: what they hold, their tasks, and that they are put together again."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas import AtlasRecipe, Neighbour
from stackmotif.imaging.atlas.walls import (
    WallRecipe,
    WallTile,
    assemble_walls,
    build_walls,
    needed_tiles,
    wall_tasks,
)
from stackmotif.imaging.atlas.walls.multislice import LateralScene
from stackmotif.stacking import word_after
from stackmotif.structures import Jump

ATLAS = AtlasRecipe(
    Microscope.preset("stem-300kV"),
    thickness_A=(6.0,),
    guests=("", "Li"),
    phonons=0,
    sampling_A=0.12,
    bin_edges_mrad=(0.0, 10.0, 20.0, 50.0),
)
SMALL = WallRecipe(ATLAS, jumps=(1,), columns=8, step_A=0.6, n_rows=9, n_columns=11)
O3 = WallTile(1, Neighbour(1, "", Fraction(1, 3)))


def test_stacks_of_tiles_close_and_have_their_neighbour():
    for tile in WallRecipe(ATLAS, guests=("", "Li")).tiles:
        word = tile.word
        assert sum(slab.shift for slab in word.slabs) % 3 == 0
        assert (word.slabs[1].shift - 3 * tile.above.shift) % 3 == 0
        assert (word.slabs[0].shift, word.slabs[1].tilt) == (1, 1)
        assert word.slabs[2].tilt == tile.above.tilt
        kinds = {word.gap_kinds[1], word_after(word, {1: tile.jump_thirds}).gap_kinds[1]}
        assert tile.prismatic == ("p" in kinds)
        assert not (tile.above.guest and tile.prismatic)


def test_one_tile_serves_both_gaps_of_an_o3_wall():
    assert needed_tiles("|R+6|", [Jump(3, 7, 1)]) == (O3,)
    assert needed_tiles("|L-6|", [Jump(3, 7, 1)]) == (O3,)


def test_asu_at_o1_and_td_and_tsu_need_few_tiles():
    for word in ("|R+ R- R0 R+3|", "|R+2 R0 R- R+2|", "|R+3 R- R- R-|"):
        assert 1 <= len(needed_tiles(word, [Jump(2, 6, 1)])) <= 3


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walls")
    return folder, build_walls(SMALL, folder, tiles=[O3])


def test_a_tile_is_multislice_around_the_cut(built):
    _, walls = built
    tile = walls.samples[SMALL.index(O3)][0]
    scene = LateralScene.make(SMALL.beam, O3.word, jumps=[Jump(1, 3, 1)], columns=8)
    before, after = scene.metal_A(1, 3), scene.metal_A(1, 4)
    pitch = scene.metal_A(0, 1)[0] - scene.metal_A(0, 0)[0]
    assert after[0] - before[0] == pytest.approx(4 / 3 * pitch)
    middle = (before + after) / 2
    found = scene.signals(middle + np.array([[0.0, 0.0], [0.6, -1.2]]))[0]
    np.testing.assert_allclose(tile[:, 4, 5], found[:, 0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(tile[:, 2, 6], found[:, 1], rtol=1e-4, atol=1e-6)


def test_the_wall_of_o3_has_a_hole_between_two_metals(built):
    _, walls = built
    dark = walls.samples[SMALL.index(O3)][0, 2, 4]
    assert dark[5] < 0.5 * dark.max()


def test_what_was_not_built_is_known(built):
    _, walls = built
    assert walls.has(O3)
    assert not walls.has(WallTile(1, Neighbour(-1, "", Fraction(0))))


def test_a_rerun_computes_nothing(built, monkeypatch):
    folder, walls = built
    monkeypatch.setattr("stackmotif.imaging.atlas.walls.building.compute", None)
    again = build_walls(SMALL, folder, tiles=[O3])
    np.testing.assert_array_equal(again.samples, walls.samples)


def test_a_missing_part_is_told(tmp_path):
    with pytest.raises(SimulationError, match="part"):
        assemble_walls(SMALL, tmp_path, tiles=[O3])


def test_tasks_are_short_and_cover_every_row():
    dear = WallRecipe(replace(ATLAS, thickness_A=(120.0,), sampling_A=0.05), jumps=(1,))
    tasks = wall_tasks(dear, tiles=[O3])
    rows = [tuple(task.settings["rows"]) for task in tasks]
    assert rows[0][0] == 0
    assert rows[-1][1] == dear.n_rows
    assert [one for one, _ in rows[1:]] == [stop for _, stop in rows[:-1]]
    assert max(task.estimate_s for task in tasks) < 60
    other = {task.key for task in wall_tasks(replace(dear, jumps=(1, 2), guests=("", "Li")))}
    assert {task.key for task in tasks} <= other


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"jumps": (-1,)}, "has no abrupt wall"),
        ({"guests": ("Li",)}, "expected an empty text"),
        ({"guests": ("", "K")}, "guests of the atlas"),
        ({"n_rows": 10}, "n_rows of wall tiles is 10; expected an odd"),
        ({"columns": 4}, "expected a whole number from 8"),
        ({"step_A": 0.0}, "step of wall tiles is 0.0"),
    ],
)
def test_recipes_that_make_no_tile_are_refused(changes, reason):
    with pytest.raises(SimulationError, match=reason):
        WallRecipe(ATLAS, **changes)
