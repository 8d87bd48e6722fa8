import numpy as np
import pytest
import torch

from atlas_world import SIGMA_A, Blobs, gap_weight, world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector
from stackmotif.imaging.atlas.rows import flat_stacks, render_rows
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.stacking import Word
from stackmotif.structures import Jump

DETECTORS = (Detector("BF", 0, 10), Detector("ABF", 10, 20), Detector("ADF", 20, 60))
VIEW = {"shape": (80, 50), "pixel_size_A": 0.21, "position_A": (1.3, 2.1)}


@pytest.fixture(scope="module")
def prepared():
    atlas = world_atlas(12, one_height=True)
    return PreparedAtlas(atlas, DETECTORS, thickness_A=20, dtype="float64")


def wall_displacements(word, jump, *, pitch_A):
    """Return knots and displacements of all rows, one of which jumps."""
    start = (sum(float(one) for one in word.projection()[: jump.slab]) + 0.5) % 1 - 0.5
    size = jump.thirds / 3
    knots = np.tile([jump.column + start, jump.column + start + jump.width + size], (len(word), 1))
    moved = np.zeros((len(word), 2))
    moved[jump.slab] = [0.0, size]
    return knots * pitch_A, moved


def flat(prepared, word):
    return flat_stacks(prepared.stacks(word), prepared.tiles.usual_gap_A)


def test_rows_displaced_as_a_whole_are_another_word(prepared):
    stacks = flat(prepared, "|R+ R0 L- R+|")
    moved = np.array([0.0, 0.31, 0.0, -0.2])
    places = np.tile([4.0, 9.0], (4, 1))
    given = render_rows(
        prepared,
        stacks,
        knots_A=places,
        displacements=np.tile(moved[:, None], 2),
        blur_sigma_A=0.3,
        **VIEW,
    )
    other = stacks.with_shifts(stacks.shifts + np.roll(moved, -1) - moved)
    expected = prepared.render(other, blur_sigma_A=0.3, **VIEW)
    np.testing.assert_allclose(given, expected, atol=1e-7)


def test_far_from_a_wall_there_are_the_words_on_its_sides(prepared):
    word = Word.parse("|R+ R0 R+ R-|")
    pitch = prepared.atlas.pitch_A
    places, moved = wall_displacements(word, Jump(1, 10, 1, width=4), pitch_A=pitch)
    view = {"shape": (80, 180), "pixel_size_A": 0.2, "blur_sigma_A": 0.0}
    image = render_rows(prepared, flat(prepared, word), knots_A=places, displacements=moved, **view)
    left = prepared.render(flat(prepared, word), **view)
    right = prepared.render(flat(prepared, "|R- R+ R+ R-|"), **view)
    begin, end = (int(one * pitch / 0.2) for one in (10.34, 14.66))
    np.testing.assert_allclose(image[..., : begin - 1], left[..., : begin - 1], atol=1e-9)
    np.testing.assert_allclose(image[..., end + 2 :], right[..., end + 2 :], atol=1e-9)
    assert np.abs(image[..., begin:end] - left[..., begin:end]).max() > 0.1


def wall_truth(atlas, word, jump, x_A, y_A, *, columns):
    """Return the closed form: every column is displaced by its own undisplaced place."""
    pitch, half = atlas.pitch_A, atlas.slab_height_A / 2
    step = atlas.slab_height_A + float(atlas.gap_heights_A.max())
    shifts = [float(one) for one in word.projection()]
    phases = np.concatenate([[0], np.cumsum(shifts * 3)])
    blobs = Blobs([], [], [])
    start = (sum(shifts[: jump.slab]) + 0.5) % 1 - 0.5

    def moved(k, place):
        """Return the image place of a place in row k, and the displacement [pitch]."""
        if k % len(word) != jump.slab:
            return 0.0
        return jump.thirds / 3 * np.clip((place - start - jump.column) / jump.width, 0, 1)

    n = len(word)
    for k in range(3 * n - 1):
        y, t, up = -(k - n) * step, word.slabs[k % n].tilt, word.slabs[(k + 1) % n].tilt
        phase, above = phases[k] - phases[n], phases[k + 1] - phases[n]
        for column in range(-3, columns):
            for side, weight in (
                (0, [0.6, -0.4, 0.8, 1.0]),
                (-1, [-0.5, 0.6, 0.25, 0.1]),
                (1, [-0.5, 0.6, 0.25, 0.1]),
            ):
                place = column + phase + side * t / 3
                blobs.add((place + moved(k, place)) * pitch, y - side * half, np.array(weight))
            for row, place, height in (
                (k, column + phase + t / 3, y - half - 0.3),
                (k + 1, column + above - up / 3, y - step + half + 0.3),
            ):
                image = place + moved(row, place)
                inverse = image - moved(row, place)
                here = above - phase + moved(k + 1, inverse) - moved(k, inverse)
                weight = gap_weight(t, here, up, "")[0]
                blobs.add(image * pitch, height, weight)
    weight = np.array(blobs.weight)
    across = np.exp(-((np.asarray(y_A)[None] - np.array(blobs.y)[:, None]) ** 2) / 2 / SIGMA_A**2)
    along = np.exp(-((np.asarray(x_A)[None] - np.array(blobs.x)[:, None]) ** 2) / 2 / SIGMA_A**2)
    image = np.einsum("nc,ny,nx->cyx", weight, across, along, optimize=True)[:3]
    image[0] += 1
    return image


def test_a_gentle_wall_has_the_image_of_displaced_columns(prepared):
    word = Word.parse("|R+ R0 R+|")
    errors = []
    for width in (6, 12, 24):
        jump = Jump(1, 4, 1, width=width)
        places, moved = wall_displacements(word, jump, pitch_A=prepared.atlas.pitch_A)
        columns = width + 12
        count = int((columns - 4) * prepared.atlas.pitch_A / 0.2)
        image = render_rows(
            prepared,
            flat(prepared, word),
            knots_A=places,
            displacements=moved,
            shape=(70, count),
            pixel_size_A=0.2,
            position_A=(10.0, 0.0),
            blur_sigma_A=0.0,
        )[0].numpy()
        y, x = np.arange(70) * 0.2 - 10.0, np.arange(count) * 0.2
        expected = wall_truth(prepared.atlas, word, jump, x, y, columns=columns + 3)
        errors.append(np.abs(image - expected).max() / np.ptp(expected))
    # A tile is strained with its row: the error falls as the strain does.
    assert errors[0] < 0.06
    assert errors[1] < 0.6 * errors[0]
    assert errors[2] < 0.6 * errors[1]


def test_gradients_of_displaced_rows_are_those_of_finite_differences(prepared):
    stacks = flat(prepared, "|R+ R0 L-|")
    generator = torch.Generator().manual_seed(2)
    fixed = torch.randn(3, 8, 8, dtype=torch.float64, generator=generator)

    def value(places, moved, sigma):
        image = render_rows(
            prepared,
            stacks,
            knots_A=places,
            displacements=moved,
            shape=(8, 8),
            pixel_size_A=0.55,
            blur_sigma_A=sigma,
        )
        return (image[0] * fixed).sum()

    places = torch.tensor([[1.03, 3.31], [0.77, 2.9], [2.23, 4.47]], dtype=torch.float64)
    moved = torch.tensor([[0.0, 0.1], [0.05, 0.3], [0.0, -0.2]], dtype=torch.float64)
    arguments = [places, moved, torch.tensor(0.31, dtype=torch.float64)]
    for one in arguments:
        one.requires_grad_()
    assert torch.autograd.gradcheck(value, arguments, eps=1e-6, atol=1e-4, rtol=1e-4)


def test_what_cannot_be_shown_is_refused(prepared):
    word = Word.parse("|R+ R0 R+|")
    stacks = flat(prepared, word)
    with pytest.raises(SimulationError, match=r"shape \(2, 2\); expected \(slab, knot\)"):
        render_rows(prepared, stacks, knots_A=np.eye(2), displacements=np.zeros((2, 2)), **VIEW)
    coarse = PreparedAtlas(world_atlas(3), DETECTORS, thickness_A=20)
    with pytest.raises(SimulationError, match=r"has 3 shifts over the pitch; expected 6 or more"):
        render_rows(
            coarse, stacks, knots_A=np.zeros((3, 2)), displacements=np.zeros((3, 2)), **VIEW
        )
