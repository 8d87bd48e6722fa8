"""Patches against templates: other programs, closed forms, and what must not matter."""

import numpy as np
import pytest

from stackmotif.errors import ResultError, SimulationError
from stackmotif.matching.templates import Patterns, Places, match_patches
from stackmotif.matching.templates.places import PatchGrid, patches_at

STEP_A = 0.2


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(7).normal(size=(90, 120)).astype(np.float32)


@pytest.fixture(scope="module")
def templates():
    return Patterns(np.random.default_rng(8).normal(size=(5, 11, 9)), STEP_A)


def upright(*positions_px):
    return Places.upright(np.array(positions_px, dtype=float), pixel_size_A=STEP_A)


def test_as_scikit_image_does_at_every_pixel(image, templates):
    match_template = pytest.importorskip("skimage.feature").match_template
    ys, xs = np.mgrid[5:85:13, 4:116:17]
    places = upright(*np.stack([ys.ravel(), xs.ravel()], axis=1))
    found = match_patches(image, places, templates).ncc
    for k, template in enumerate(templates.images):
        everywhere = match_template(image, template)
        expected = everywhere[ys.ravel() - 5, xs.ravel() - 4]
        np.testing.assert_allclose(found[:, k], expected, atol=2e-5)


def test_patches_follow_rotation_scale_and_fractions_of_a_pixel():
    angle, pixel = np.radians(20.0), 0.1
    y, x = np.mgrid[:200, :220] * pixel

    def wave(down, right):
        return np.sin(1.3 * right + 0.7 * down) + 0.5 * np.cos(2.1 * down)

    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = np.array([9.87, 11.03])
    local = np.einsum("ij,jyx->iyx", np.linalg.inv(turn), np.stack([y, x]) - centre[:, None, None])
    places = Places(centre[None] / pixel, turn / pixel)
    grid = PatchGrid((24, 17), 0.15)
    seen = patches_at(wave(*local), places, grid)[0]
    np.testing.assert_allclose(seen, wave(*grid.offsets_A.T), atol=0.015)


def test_an_edge_counts_what_is_inside(image, templates):
    places = upright([2.0, 60.0], [45.0, 118.0])
    found = match_patches(image, places, templates)
    for k, template in enumerate(templates.images):
        for n, (patch, part) in enumerate(
            [(image[0:8, 56:65], template[3:]), (image[40:51, 114:120], template[:, :6])]
        ):
            expected = np.corrcoef(patch.ravel(), part.ravel())[0, 1]
            assert found.ncc[n, k] == pytest.approx(expected, abs=2e-5)
    np.testing.assert_allclose(found.inside, [8 / 11, 6 / 9], atol=1e-6)


def test_too_little_inside_and_flat_patches_correlate_with_nothing(image, templates):
    flat = np.array(image)
    flat[30:60, 30:60] = 3.0
    found = match_patches(flat, upright([-3.0, 60.0], [45.0, 45.0], [70.0, 90.0]), templates)
    assert np.isnan(found.ncc[:2]).all()
    assert np.isfinite(found.ncc[2]).all()
    assert found.best(2).shape == (3, 2)


def test_gain_and_offset_do_not_matter_and_a_negative_image_is_opposite(image, templates):
    places = upright([20.3, 30.8], [50.1, 70.6])
    found = match_patches(image, places, templates).ncc
    again = match_patches(-40.0 * image + 900.0, places, templates).ncc
    np.testing.assert_allclose(again, -found, atol=1e-4)


def test_neither_order_nor_chunks_matter(image, templates):
    rng = np.random.default_rng(9)
    places = upright(*rng.uniform(-2, 95, (60, 2)))
    order, mixed = rng.permutation(60), rng.permutation(5)
    whole = match_patches(image, places, templates).ncc
    parts = match_patches(
        image, places[order], Patterns(templates.images[mixed], STEP_A), chunk=7
    ).ncc
    np.testing.assert_allclose(parts, whole[order][:, mixed], atol=1e-5)


def test_the_best_come_first(image, templates):
    found = match_patches(image, upright([40.0, 50.0]), templates)
    best = found.best(3)[0]
    assert found.ncc[0, best[0]] == found.ncc[0].max()
    assert (np.diff(found.ncc[0, best]) <= 0).all()


def test_the_device_is_an_argument(image, templates):
    import torch

    places = upright([40.0, 50.0])
    auto = match_patches(image, places, templates, device="auto").ncc
    np.testing.assert_allclose(auto, match_patches(image, places, templates).ncc, atol=1e-4)
    with pytest.raises(SimulationError, match="device"):
        match_patches(image, places, templates, device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(SimulationError, match="cuda"):
            match_patches(image, places, templates, device="cuda")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.ones((1, 5, 5)), "constant"),
        (np.full((1, 5, 5), np.nan), "finite"),
        (np.ones((5, 5)), "shape"),
    ],
)
def test_templates_that_are_none_are_refused(images, message):
    with pytest.raises(ResultError, match=message):
        Patterns(images, STEP_A)


def test_places_that_are_none_are_refused(image, templates):
    with pytest.raises(ResultError, match="finite"):
        upright([np.nan, 2.0])
    with pytest.raises(ResultError, match="axes"):
        Places(np.zeros((3, 2)), np.eye(3))
    with pytest.raises(ResultError, match="image"):
        match_patches(image[0], upright([1.0, 2.0]), templates)
