"""The gain of the image without noise: closed forms, and scenes the network never saw."""

import numpy as np
import pytest
import torch

from stackmotif.imaging.scenes import PHASES, make_scene
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import see
from stackmotif.micrograph.network.gain import (
    answer_to_noise,
    line,
    line_without_noise,
    noise_like,
)
from stackmotif.micrograph.network.grid import Axis
from stackmotif.micrograph.network.unet import MAPS, STRIDE
from stackmotif.micrograph.network.weights import Network

SIGMA_PX = 1.5


class Blur(torch.nn.Module):
    """A network that is a Gaussian filter, in every output."""

    def forward(self, image):
        """Return the filtered image once for each output."""
        at = torch.arange(-7, 8, dtype=image.dtype)
        row = torch.exp(-(at**2) / (2 * SIGMA_PX**2))
        kernel = torch.outer(row, row)
        kernel = (kernel / kernel.sum())[None, None]
        return torch.nn.functional.conv2d(image, kernel, padding=7).repeat(
            1, len(MAPS) + len(PHASES), 1, 1
        )


@pytest.fixture(scope="module")
def blur():
    return Network(Blur(), tuple(PHASES), 0.25, "0" * 64)


def test_what_a_filter_shows_of_the_noise(blur):
    axes = [Axis.make(600, 1.0, STRIDE)] * 2
    noise = 3 * np.random.default_rng(1).standard_normal((axes[0].size,) * 2)
    at = np.arange(-7, 8)
    middle = 1 / np.exp(-(at**2) / (2 * SIGMA_PX**2)).sum() ** 2
    with torch.no_grad():
        found = answer_to_noise(torch.zeros(noise.shape), noise, axes, blur, device="cpu")
    assert found == pytest.approx(9 * middle, rel=0.03)


def test_noise_in_what_is_shown_does_not_raise_the_gain(blur):
    generator = np.random.default_rng(2)
    axes = [Axis.make(500, 1.0, STRIDE)] * 2
    shape = (axes[0].size,) * 2
    y, x = np.indices(shape)
    clean = 0.5 * np.cos(2 * np.pi * x / 40) * np.cos(2 * np.pi * y / 50)
    recorded = clean + 2 * generator.standard_normal(shape)
    image = torch.as_tensor(recorded, dtype=torch.float32)
    with torch.no_grad():
        shown = blur.module(image[None, None])[0, 0].double().numpy()
        noise = noise_like(recorded, shown)
        follows = answer_to_noise(image, noise, axes, blur, device="cpu")
    best, _ = line(shown, clean)
    usual, _ = line(shown, recorded)
    found, offset = line_without_noise(shown, recorded, follows)
    assert usual > 1.8 * best
    assert found == pytest.approx(best, rel=0.08)
    assert offset == pytest.approx(recorded.mean() - found * shown.mean())


def test_the_image_without_noise_turns_with_the_image(blur):
    """But for its gain, which rests on noise that is drawn anew."""
    y, x = np.indices((180, 220))
    clean = 40 + 20 * np.cos(2 * np.pi * x / 12) * np.cos(2 * np.pi * y / 20)
    pixels = np.random.default_rng(6).poisson(clean)
    one = see(Micrograph(pixels, 0.25), network=blur).denoised
    turned = Micrograph(np.ascontiguousarray(np.rot90(pixels)), 0.25)
    other = see(turned, network=blur).denoised
    assert one.std() > 5
    np.testing.assert_allclose(np.rot90(one), other, atol=0.03 * one.std())


def test_noise_is_as_strong_as_it_depends_on_brightness():
    x = np.tile(np.linspace(1, 9, 400), (400, 1))
    recorded = x + np.sqrt(x) * np.random.default_rng(3).standard_normal(x.shape)
    made = noise_like(recorded, x)
    for part in (slice(0, 40), slice(180, 220), slice(360, 400)):
        assert made[:, part].var() == pytest.approx(x[:, part].mean(), rel=0.06)


def test_nothing_is_shown_of_noise_alone():
    noise = np.random.default_rng(4).poisson(2.0, (256, 256))
    seen = see(Micrograph(noise, 0.2), symmetric=False)
    assert seen.denoised.std() < 0.05 * noise.std()
    assert seen.denoised.mean() == pytest.approx(noise.mean(), rel=0.02)


@pytest.mark.parametrize(("dose", "number"), [(2000, 1), (100, 3), (35, 1)])
def test_the_clean_image_is_shown_in_its_own_units(dose, number):
    scene = make_scene((92500, number), dose_per_A2=dose, detector="ADF")
    part = (slice(200), slice(200))
    seen = see(Micrograph(scene.pixels[part], scene.pixel_size_A))
    slope, _ = line(seen.denoised.astype(float), scene.clean[part].astype(float))
    assert 0.8 < slope < 1.2
