"""Fields with walls, against a world whose images are known in closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from atlas_world import SIGMA_A, gap_weight, guest_name, world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector
from stackmotif.imaging.atlas.walls import (
    LateralField,
    PreparedWalls,
    WallAtlas,
    WallRecipe,
    needed_tiles,
)
from stackmotif.imaging.atlas.walls.blending import BlendedWords
from stackmotif.imaging.atlas.walls.canvas import Canvas
from stackmotif.stacking import Word, word_after
from stackmotif.structures import Jump

DETECTORS = (Detector("BF", 0, 10), Detector("ADF", 20, 60), "com_x", "com_y")
CHANNELS = [0, 2, 4, 5]
PIXEL_A = 0.25


class Picture:
    """Columns of a stack with abrupt walls, one by one."""

    def __init__(self, field, atlas):
        self.field, self.atlas = field, atlas
        self.x, self.y, self.weight = [], [], []
        word = field.word
        gap = float(atlas.gap_heights_A[0, 0, 0])
        self.gap, self.step = gap, atlas.slab_height_A + gap
        thirds = np.cumsum([0, *(slab.shift for slab in word.slabs)])
        self.phases = ((thirds[:-1] + 1) % 3 - 1) / 3
        for turn in (-1, 0, 1):
            for row in range(len(word)):
                self._row(row, -(turn * len(word) + row) * self.step)

    def _walls(self, row):
        return [wall for wall in self.field.abrupt if wall.jump.slab == row]

    def _row(self, row, y):
        word, half = self.field.word, self.atlas.slab_height_A / 2
        tilt = word.slabs[row].tilt
        units = self.phases[row] + np.arange(-8.0, 24.0)
        for wall in self._walls(row):
            share = wall.jump.thirds / 3
            units = units + share * (units > wall.start - share / 2)
        self._add(units, y, np.array([0.6, -0.4, 0.8, 1.0]))
        # Oxygen of tilt R leans left in the lower plane and right in the upper one.
        self._add(units - tilt / 3, y + half, np.array([-0.5, 0.6, 0.25, 0.1]))
        self._add(units + tilt / 3, y - half, np.array([-0.5, 0.6, 0.25, 0.1]))
        self._gap(row, units, units + tilt / 3, y - half - 0.3, 0)
        self._gap((row - 1) % len(word), units, units - tilt / 3, y + half + 0.3, 1)

    def _gap(self, gap, units, columns, y, which):
        word = self.field.word
        above = (gap + 1) % len(word)
        row = above if which else gap
        shift = float(word.slabs[gap].shift) / 3
        left = np.zeros(len(columns)) + shift
        for wall in self._walls(gap) + self._walls(above):
            share = wall.jump.thirds / 3 * (1 if wall.jump.slab == above else -1)
            # A row moves unit by unit; the row beside it feels the wall from the cut's middle on.
            place = units if wall.jump.slab == row else columns
            done = (np.sign(np.round(place - wall.start, 9)) + 1) / 2
            left = left + share * done
        tilts = word.slabs[gap].tilt, word.slabs[above].tilt
        guest = guest_name(word.slabs[gap].guest)
        weights = np.array([gap_weight(tilts[0], s, tilts[1], guest)[which] for s in left])
        self._add(columns, y, weights)

    def _add(self, columns, y, weight):
        self.x += list(columns * self.atlas.pitch_A)
        self.y += [y] * len(columns)
        self.weight += list(np.broadcast_to(weight, (len(columns), 4)))

    def __call__(self, x_A, y_A, sigma_A=SIGMA_A):
        weight = np.array(self.weight)
        dx = x_A - np.array(self.x)[:, None]
        dy = y_A - np.array(self.y)[:, None]
        along = np.exp(-(dx**2) / 2 / sigma_A**2) * (SIGMA_A / sigma_A)
        across = np.exp(-(dy**2) / 2 / sigma_A**2) * (SIGMA_A / sigma_A)
        image = np.stack([across.T @ (one[:, None] * along) for one in weight.T])
        image[0] += 1
        com_x = across.T @ (weight[:, :1] * dx * along)
        com_y = (dy * across).T @ (weight[:, :1] * along)
        return np.concatenate([image, [com_x, com_y]])


@pytest.fixture(scope="module")
def atlas():
    return world_atlas(one_height=True)


@pytest.fixture(scope="module")
def walls(atlas):
    recipe = WallRecipe(atlas.recipe, guests=("", "Li"), n_rows=45, n_columns=51)
    samples = np.full((2, 2, 2, 3, 2, 6, 45, 51), np.nan, dtype=np.float32)
    y, x = ((np.arange(n) - n // 2) * recipe.step_A for n in (45, 51))
    needed = {tile for word, jumps in FIELDS.values() for tile in needed_tiles(word, jumps)}
    for tile in needed:
        field = LateralField.make(tile.word, [Jump(1, 4, tile.jump_thirds)])
        picture = Picture(field, atlas)
        centre = field.abrupt[0].start * atlas.pitch_A
        image = picture(centre + x, y - picture.step)
        samples[recipe.index(tile)] = np.stack([image, 2 * image])
    return WallAtlas(samples, recipe)


@pytest.fixture(scope="module")
def prepared(atlas, walls):
    return PreparedWalls(atlas, DETECTORS, thickness_A=20, walls=walls, dtype="float64")


FIELDS = {
    "o3": ("|R+6|", [Jump(2, 6, 1)]),
    "wide": ("|R+6|", [Jump(2, 6, 2)]),
    "o1-jog": ("|R+2 R0[Li] R+3|", [Jump(3, 6, 1)]),
    "o1-td": ("|R+ R- R0 R+3|", [Jump(2, 6, 1)]),
    "left tilt": ("|L-2 L0[Li] L+ L-2|", [Jump(2, 6, 1)]),
    "mixed tilts": ("|R+ L- R+[Li] R+ L0 R0|", [Jump(1, 6, 1)]),
    "mixed wide": ("|R+[Li] L-[Li] R+[Li] R+ L0 R0|", [Jump(4, 6, 2)]),
    "row 0": ("|R+6|", [Jump(0, 6, 1)]),
    "two rows": ("|R+9|", [Jump(2, 4, 1), Jump(6, 7, 2)]),
}


def shown(prepared, word, jumps, **options):
    return prepared.image(
        word,
        jumps=jumps,
        pixel_size_A=PIXEL_A,
        field_A=(24, 30),
        position_A=(22.0, -2.0),
        blur_sigma_A=options.pop("blur_sigma_A", 0.0),
        **options,
    )


def expected(field, atlas, **options):
    y = PIXEL_A * np.arange(96) - 22.0
    x = PIXEL_A * np.arange(120) + 2.0
    return Picture(field, atlas)(x, y, **options)[CHANNELS]


def worst(image, truth):
    return np.abs(image - truth).max(axis=(1, 2)) / np.ptp(truth, axis=(1, 2))


@pytest.mark.parametrize("name", FIELDS)
def test_a_wall_is_that_of_the_world(prepared, atlas, name):
    word, jumps = FIELDS[name]
    image = shown(prepared, word, jumps)
    truth = expected(LateralField.make(word, jumps), atlas)
    assert worst(image, truth).max() < 0.01


def test_a_source_blurs_wall_and_words_alike(prepared, atlas):
    word, jumps = FIELDS["o3"]
    image = shown(prepared, word, jumps, blur_sigma_A=0.4)[:2]
    field = LateralField.make(word, jumps)
    truth = expected(field, atlas, sigma_A=np.hypot(SIGMA_A, 0.4))[:2]
    assert worst(image, truth).max() < 0.01


def test_a_blend_alone_is_no_wall(prepared, atlas):
    word, jumps = FIELDS["o3"]
    field = LateralField.make(word, jumps)
    canvas = Canvas(torch.tensor([-22.0, 2.0]), torch.full((2,), PIXEL_A), (96, 120))
    blend = BlendedWords(prepared.words).images([field], canvas)[0].numpy()
    assert worst(blend, expected(field, atlas))[1] > 0.1


def test_position_and_blur_have_gradients(prepared):
    field = LateralField.make(*FIELDS["o3"])
    weights = torch.linspace(-1, 1, 20 * 24, dtype=torch.float64).reshape(20, 24)

    def score(place, blur):
        (image,) = prepared.render(
            [field], shape=(20, 24), pixel_size_A=0.4, position_A=place, blur_sigma_A=blur
        )
        return (image[0] * weights).sum()

    place = torch.tensor([15.0, -10.0], dtype=torch.float64, requires_grad=True)
    blur = torch.tensor(0.37, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(score, (place, blur), eps=1e-5, atol=1e-3)


def test_a_continuous_wall_leads_from_one_word_to_another():
    fine = world_atlas(12, one_height=True)
    prepared = PreparedWalls(fine, DETECTORS, thickness_A=20, dtype="float64")
    word, jumps = "|R+6|", [Jump(3, 3, 1, width=3), Jump(1, 4, -1, width=4)]
    options = {"pixel_size_A": PIXEL_A, "position_A": (22.0, 0.0), "blur_sigma_A": 0.0}
    image = prepared.image(word, jumps=jumps, field_A=(20, 30), **options)
    left, right = LateralField.make(word, jumps).word, word_after(Word.parse(word), {3: 1, 1: -1})
    for stack, part in ((left, slice(0, 24)), (right, slice(96, 120))):
        plain = prepared.words.image(stack, field_A=(20, 30), **options)[0]
        np.testing.assert_allclose(image[..., part], plain[..., part], atol=1e-5)
    assert np.abs(image - plain)[..., 40:80].max() > 0.05


def test_a_batch_of_fields_is_its_members():
    fine = world_atlas(12, one_height=True)
    prepared = PreparedWalls(fine, DETECTORS, thickness_A=20, dtype="float64")
    options = {"pixel_size_A": PIXEL_A, "position_A": (22.0, 0.0), "blur_sigma_A": 0.3}
    several = [
        ("|R+6|", [Jump(3, 3, 1, width=3), Jump(1, 4, -1, width=4)]),
        ("|R+2 R0 R- R+2|", [Jump(2, 5, 1, width=4)]),
        ("|R+6|", []),
    ]
    fields = [LateralField.make(word, jumps) for word, jumps in several]
    together = prepared.render(fields, shape=(40, 50), **options)
    for one, (word, jumps) in zip(together, several, strict=True):
        alone = prepared.image(word, jumps=jumps, field_A=(10.0, 12.5), **options)
        np.testing.assert_allclose(one.numpy(), alone, atol=1e-5)
    with pytest.raises(SimulationError, match="equally many"):
        prepared.render([*fields, LateralField.make("|R+9|", [])], shape=(40, 50), **options)


def test_a_batch_of_abrupt_walls_is_its_members(prepared):
    names = ("o3", "wide", "row 0")
    fields = [LateralField.make(*FIELDS[name]) for name in names]
    together = prepared.render(
        fields, shape=(96, 120), pixel_size_A=PIXEL_A, position_A=(22.0, -2.0), blur_sigma_A=0.2
    )
    for one, name in zip(together, names, strict=True):
        alone = shown(prepared, *FIELDS[name], blur_sigma_A=0.2)
        np.testing.assert_allclose(one.numpy(), alone, atol=1e-5)


REFUSED = {
    "squeezes": ("|R+6|", [Jump(3, 5, -1)], "squeezes its row by 1/3"),
    "finite": ("R+5 R.", [Jump(3, 5, 1)], "is finite"),
    "coarse": ("|R+6|", [Jump(3, 5, 1, width=4)], "needs shifts between thirds"),
    "inside": ("|R+6|", [Jump(3, 5, 1), Jump(2, 3, 1, width=5)], "inside a continuous wall"),
    "prismatic": ("|R+3 R0[Li] R+2|", [Jump(3, 5, 1)], "prismatic on neither side"),
    "missing": ("|R+ L+ R+[Li] R+ L0 R0|", [Jump(1, 6, 2)], "wall tiles are missing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_tile_is_refused(prepared, name):
    word, jumps, reason = REFUSED[name]
    with pytest.raises(SimulationError, match=reason):
        prepared.image(
            word, jumps=jumps, pixel_size_A=0.5, field_A=(4, 4), between_shifts=name == "inside"
        )


def test_abrupt_walls_need_tiles(atlas):
    prepared = PreparedWalls(atlas, DETECTORS, thickness_A=20)
    with pytest.raises(SimulationError, match="need wall tiles"):
        prepared.image("|R+6|", jumps=[Jump(3, 5, 1)], pixel_size_A=0.5, field_A=(4, 4))


def test_blended_stacks_stand_for_a_narrow_cut_alone(atlas, walls):
    """Without tiles a cut of a third is near what tiles show; a wider one is refused."""
    bare = PreparedWalls(atlas, DETECTORS, thickness_A=20)
    tiled = PreparedWalls(atlas, DETECTORS, thickness_A=20, walls=walls)
    view = {"pixel_size_A": 0.4, "field_A": (12, 16), "position_A": (20, -8)}
    blended = bare.image("|R+6|", jumps=[Jump(3, 5, 1)], blended=True, **view)
    full = tiled.image("|R+6|", jumps=[Jump(3, 5, 1)], **view)
    assert np.abs(blended - full).max() < 0.5 * np.ptp(full)
    assert np.corrcoef(blended[0].ravel(), full[0].ravel())[0, 1] > 0.9
    with pytest.raises(SimulationError, match="show a column in its cut"):
        bare.image("|R+6|", jumps=[Jump(3, 5, 2)], blended=True, **view)


def test_walls_of_another_atlas_are_refused(atlas, walls):
    other = replace(walls.recipe, atlas=replace(walls.recipe.atlas, lattice="LiNiO2:1"))
    with pytest.raises(SimulationError, match="differ in lattice"):
        PreparedWalls(atlas, DETECTORS, thickness_A=20, walls=WallAtlas(walls.samples, other))
