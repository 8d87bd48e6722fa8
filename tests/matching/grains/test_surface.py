"""Regions without columns: film and vacuum are outside, an unrecognised crystal is not."""

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.imaging.scenes import make_scene
from stackmotif.matching.grains import find_surface
from stackmotif.matching.grains.crystalline import is_crystalline

PIXEL_A = 0.25
EVERYWHERE = np.ones((60, 60), dtype=bool)


def counted(mean, seed=0):
    return np.random.default_rng(seed).poisson(mean).astype(np.float32)


def lattice(contrast):
    """Return electrons per pixel of planes 2.1 Å apart in two directions, six on average."""
    y, x = np.indices((240, 240)) * PIXEL_A
    waves = np.cos(2 * np.pi * x / 2.1) + np.cos(2 * np.pi * (0.5 * x + 0.866 * y) / 2.1)
    return 6.0 * (1 + contrast * waves / 2)


def told(image, region=EVERYWHERE):
    return is_crystalline(image, region, pixel_size_A=PIXEL_A, step_A=1.0)


@pytest.mark.parametrize("seed", range(5))
def test_film_and_vacuum_are_no_crystal(seed):
    rng = np.random.default_rng(seed)
    from scipy.ndimage import gaussian_filter

    grain = gaussian_filter(rng.standard_normal((240, 240)), 3.0)
    film = 6.0 * np.clip(1 + 0.3 * grain / grain.std(), 0, None)
    assert not told(counted(film, seed))
    assert not told(counted(np.full((240, 240), 0.02), seed))
    assert not told(np.zeros((240, 240), dtype=np.float32))


def test_planes_are_a_crystal_whatever_gain_and_offset():
    image = counted(lattice(0.5))
    assert told(image)
    assert told(1000.0 * image - 40.0)
    assert told(image[::-1].T)


def test_only_the_region_is_looked_at():
    image = counted(np.where(np.arange(240) < 120, lattice(0.5), 6.0))
    right = EVERYWHERE & (np.arange(60) >= 31)
    assert told(image, ~right)
    assert not told(image, right)


def test_a_region_too_small_for_a_window_is_no_crystal():
    region = np.zeros((60, 60), dtype=bool)
    region[:12, :12] = True
    assert not told(counted(lattice(0.5)), region)


@pytest.mark.parametrize("seed", [64009, 64013, 64023])
def test_an_unresolved_grain_at_the_border_is_no_edge(seed):
    assert surface_of(seed) is None


@pytest.mark.parametrize("seed", [64003, 64011])
def test_film_or_vacuum_still_is_one(seed):
    assert surface_of(seed) is not None


def surface_of(seed):
    scene = make_scene(seed, detector=("HAADF", "ADF")[seed % 2], dose_per_A2=1000.0)
    image = sm.Micrograph(scene.pixels, scene.pixel_size_A, detector=scene.detector.lower())
    return find_surface(sm.identify(image, network="off", templates="off"))
