"""Fillings that do not add up: a world in closed form in which four gaps act on a slab together."""

from dataclasses import replace

import numpy as np
import pytest

from atlas_world import blobs_of_stack, picture, recipe, truth, world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector
from stackmotif.imaging.atlas.points import values_at
from stackmotif.imaging.atlas.rows import flat_stacks, render_rows
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.atlas.store import load_atlas, save_atlas
from stackmotif.stacking import Word

BF = (Detector("BF", 0, 10),)
SIZES = (0.5, 0.9, 0.3, 0.7, 1.1, 0.8)
"""Sizes of the patterns of u, U, ul, uU, uV and UV (and of what half a turn makes of them)."""


def pattern(number, x_A, y_A, pitch_A):
    """Return a pattern that dies out before the gaps; a half turn keeps those of ul and UV."""
    along = np.cos(2 * np.pi * x_A / pitch_A) * np.exp(-(y_A**2) / 2 / 0.55**2)
    lean = np.sin(2 * np.pi * x_A / pitch_A + number) * y_A * np.exp(-(y_A**2) / 2 / 0.5**2)
    return SIZES[number] * (along if number in (2, 5) else along + lean)


def of_gaps(up, low, far_up, far_low, x_A, y_A, pitch_A):
    """Return what gaps with these empty shares (above, below, next above, next below) add."""
    here = (x_A, y_A, pitch_A)
    turned = (-x_A, -y_A, pitch_A)
    return (
        up * pattern(0, *here) + low * pattern(0, *turned)
        + far_up * pattern(1, *here) + far_low * pattern(1, *turned)
        + up * low * pattern(2, *here)
        + up * far_up * pattern(3, *here) + low * far_low * pattern(3, *turned)
        + up * far_low * pattern(4, *here) + low * far_up * pattern(4, *turned)
        + far_up * far_low * pattern(5, *here)
    )  # fmt: skip


def coupled(n_shifts=3, **changes):
    """Return an atlas of that world."""
    plain = world_atlas(n_shifts, **changes)
    made = replace(plain.recipe, couplings=True)
    y, x = plain.rows_A[:, None], np.arange(made.n_columns) / made.n_columns * plain.pitch_A
    samples = plain.samples.copy()
    for one in made.neighbours:
        added = of_gaps(one.guest == "", 0, 0, 1, x, y, plain.pitch_A)
        samples[plain.index(one)][:, 0] += added.astype(np.float32)
    step = plain.slab_height_A + float(plain.gap_heights_A[plain.reference])
    fillings = []
    for one in made.fillings:
        empty = [gap == "" for gap in (one.guest, one.below, one.beyond, one.uppermost)]
        image = picture(
            blobs_of_stack(
                [1, 1, 1, 1],
                np.arange(-1, 3) / 3,
                np.arange(-1, 3) * step,
                [one.below, one.guest, one.beyond],
                slab_A=plain.slab_height_A,
                pitch_A=plain.pitch_A,
            ),
            x,
            y[:, 0],
            pitch_A=plain.pitch_A,
        )
        image[0] += of_gaps(*empty, x, y, plain.pitch_A)
        fillings.append(np.stack([image, image]))
    return replace(
        plain,
        recipe=made,
        samples=samples,
        couplings=np.stack(fillings).astype(np.float32),
    )


@pytest.fixture(scope="module")
def atlas():
    return coupled()


@pytest.fixture(scope="module")
def prepared(atlas):
    return PreparedAtlas(atlas, BF, thickness_A=20, dtype="float64")


def places_around(stacks, atlas, rng=0):
    """Return the slab of random places, and where they are: from its metal, and in the image."""
    generator = np.random.default_rng(rng)
    slab = generator.integers(stacks.tilts.shape[1], size=60)
    x, y = generator.random(60) * atlas.pitch_A, generator.uniform(-1.6, 1.6, 60)
    phases = np.concatenate([[0.0], np.cumsum(stacks.shifts[0])[:-1]])
    at = np.stack([y - stacks.heights_A[0, slab], x + phases[slab] * atlas.pitch_A], axis=1)
    return slab, x, y, at


def expected(word, stacks, atlas, slab, x, y, at):
    empty = stacks.fillings[0, :, atlas.guests.index("")]
    gaps = [np.roll(empty, shift)[slab] for shift in (0, 1, -1, 2)]
    own = of_gaps(*gaps, x * stacks.tilts[0, slab], y, atlas.pitch_A)
    base = [truth(word, atlas, [one[1]], [one[0]])[0, 0, 0] for one in at]
    return np.array(base) + own


@pytest.mark.parametrize(
    "text",
    [
        "|R+[Li]|", "|R+|", "|R+[Li] R+|", "|R+[Li]3 R+|", "|R+[Li]2 R+2|", "|R+2 R+[Li] R0|",
        "|L-[Li] R0 L+ R-[Li] L0|", "|R0[Li] L0 R+[Li]2 R-2|",
    ],
)  # fmt: skip
def test_four_gaps_act_together(prepared, atlas, text):
    stacks = prepared.stacks(text)
    slab, x, y, at = places_around(stacks, atlas)
    found = values_at(prepared, stacks, at, blur_sigma_A=0.0)[0, 0].numpy()
    wanted = expected(Word.parse(text), stacks, atlas, slab, x, y, at)
    assert np.abs(found - wanted).max() < 2e-3 * np.ptp(wanted)


def test_without_the_tiles_it_is_far_from_it(atlas):
    """The test above can fail."""
    plain = replace(
        atlas, recipe=replace(atlas.recipe, couplings=False), couplings=atlas.couplings[:0]
    )
    prepared = PreparedAtlas(plain, BF, thickness_A=20, dtype="float64")
    stacks = prepared.stacks("|R+|")
    slab, x, y, at = places_around(stacks, atlas)
    found = values_at(prepared, stacks, at, blur_sigma_A=0.0)[0, 0].numpy()
    wanted = expected(Word.parse("|R+|"), stacks, atlas, slab, x, y, at)
    assert np.abs(found - wanted).max() > 0.1 * np.ptp(wanted)


def test_rows_of_walls_have_it_too():
    """Rows that are not displaced are the word."""
    prepared = PreparedAtlas(coupled(12, one_height=True), BF, thickness_A=20, dtype="float64")
    stacks = flat_stacks(prepared.stacks("|R+[Li] R0 R-[Li] R+2 R0|"), prepared.tiles.usual_gap_A)
    shown = {"shape": (60, 40), "pixel_size_A": 0.2}
    knots = np.tile([0.0, 5.0], (6, 1))
    rows = render_rows(prepared, stacks, knots_A=knots, displacements=0 * knots, **shown)
    np.testing.assert_allclose(rows, prepared.render(stacks, **shown), atol=1e-9)


def test_it_is_stored_and_read(atlas, tmp_path):
    again = load_atlas(save_atlas(atlas, tmp_path / "mine"))
    np.testing.assert_array_equal(again.couplings, atlas.couplings)
    assert again.recipe.fillings == atlas.recipe.fillings


def test_fillings_that_are_lacking_are_told(atlas):
    with pytest.raises(SimulationError, match="holds couplings of shape"):
        replace(atlas, couplings=atlas.couplings[:3])


def test_a_tile_of_fillings_is_none_of_the_neighbours(atlas):
    with pytest.raises(SimulationError, match="other guests around it"):
        atlas.index(atlas.recipe.fillings[-1])


@pytest.mark.parametrize(
    ("guests", "count"), [(("Li",), 7), (("Li", ""), 7), (("Li", "", "Na"), 19)]
)
def test_fillings_are_told_once(guests, count):
    """At most two of four gaps, and none twice, upright or turned."""
    fillings = recipe(guests=guests, couplings=True).fillings
    gaps = [(one.guest, one.below, one.beyond, one.uppermost) for one in fillings]
    turned = [(low, up, far_low, far_up) for up, low, far_up, far_low in gaps]
    assert len(gaps) == count
    assert len({frozenset(pair) for pair in zip(gaps, turned, strict=True)}) == count
    assert all(one.count("Li") >= 2 for one in gaps)
