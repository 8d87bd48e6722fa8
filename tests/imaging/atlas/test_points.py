import numpy as np
import pytest
import torch

from atlas_world import truth, world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector
from stackmotif.imaging.atlas.points import values_at
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.stacking import Word

DETECTORS = (Detector("BF", 0, 10), Detector("ABF", 10, 20), Detector("ADF", 20, 60), "com_x")
WORD = "|R+[Li] R0 L-[Li] R-|"


@pytest.fixture(scope="module")
def prepared():
    return PreparedAtlas(world_atlas(), DETECTORS, thickness_A=20, dtype="float64")


@pytest.mark.parametrize("blur_A", [0.0, 0.3])
def test_points_have_the_values_of_the_pixels_there(prepared, blur_A):
    stacks = prepared.stacks([WORD, "|R- R- L0 L+[Li]|"])
    shape, pixel = (30, 20), 0.23
    image = prepared.render(
        stacks, shape=shape, pixel_size_A=pixel, position_A=(2.2, 0.7), blur_sigma_A=blur_A
    )
    y, x = np.meshgrid(*(np.arange(n) * pixel for n in shape), indexing="ij")
    points = np.stack([y.ravel() - 2.2, x.ravel() - 0.7], axis=1)
    values = values_at(prepared, stacks, points, blur_sigma_A=blur_A)
    spread = np.ptp(np.asarray(image), axis=(2, 3), keepdims=True)
    error = np.abs(np.asarray(values).reshape(image.shape) - np.asarray(image)) / spread
    assert error.max() < 1e-4


def test_a_turned_image_is_the_closed_form_at_turned_points(prepared):
    angle, place, pixel = 17.0, (4.0, 3.0), 0.25
    image = prepared.image(
        WORD, pixel_size_A=pixel, field_A=(10, 8), position_A=place, rotation_deg=angle
    )[0]
    rows, columns = np.meshgrid(*(np.arange(n) * pixel for n in image.shape[1:]), indexing="ij")
    turn = np.deg2rad(angle)
    # Turned from x towards y: the crystal's x axis points along (cos, sin) in (x, y).
    x = (columns - place[1]) * np.cos(turn) + (rows - place[0]) * np.sin(turn)
    y = (rows - place[0]) * np.cos(turn) - (columns - place[1]) * np.sin(turn)
    word = Word.parse(WORD)
    for k in range(0, x.size, 37):
        expected = truth(word, prepared.atlas, [x.flat[k]], [y.flat[k]])[[0, 1, 2, 4], 0, 0]
        np.testing.assert_allclose(image.reshape(4, -1)[:, k], expected, atol=2e-4)


def test_a_turn_by_half_a_revolution_and_none_at_all(prepared):
    view = {"shape": (41, 21), "pixel_size_A": 0.25, "position_A": (5.0, 2.5), "blur_sigma_A": 0.3}
    stacks = prepared.stacks(WORD)
    straight = np.asarray(prepared.render(stacks, **view))
    zero = np.asarray(prepared.render(stacks, rotation_deg=torch.tensor(0.0), **view))
    half = np.asarray(prepared.render(stacks, rotation_deg=180.0, **view))
    np.testing.assert_allclose(zero, straight, atol=1e-4)
    np.testing.assert_allclose(half[..., ::-1, ::-1], straight, atol=1e-4)


def test_gradients_of_a_turned_image_are_those_of_finite_differences(prepared):
    stacks = prepared.stacks("|R+[Li] R0|")
    generator = torch.Generator().manual_seed(3)
    fixed = torch.randn(4, 6, 5, dtype=torch.float64, generator=generator)

    def value(place, scale, angle):
        image = prepared.render(
            stacks,
            shape=(6, 5),
            pixel_size_A=0.61,
            position_A=place,
            scale=scale,
            rotation_deg=angle,
            blur_sigma_A=0.0,
        )
        return (image[0] * fixed).sum()

    arguments = [
        torch.tensor(one, dtype=torch.float64, requires_grad=True)
        for one in ([1.03, 0.41], [1.01, 0.98], 3.3)
    ]
    assert torch.autograd.gradcheck(value, arguments, eps=1e-6, atol=2e-3, rtol=2e-3)


def test_points_of_another_shape_or_too_far_apart_are_refused(prepared):
    stacks = prepared.stacks(WORD)
    with pytest.raises(SimulationError, match=r"shape \(4,\); expected \(point, 2\)"):
        values_at(prepared, stacks, np.zeros(4))
    with pytest.raises(SimulationError, match=r"points are 90000\.0 Å apart along y"):
        values_at(prepared, stacks, [[0.0, 0.0], [9e4, 0.0]])
