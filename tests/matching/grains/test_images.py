"""Rock salt in simulated and real images."""

import os
from pathlib import Path

import numpy as np
import pytest

import stackmotif as sm
from rocksalt_columns import crystal
from stackmotif.columns import find_columns
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.imaging.scenes import PHASES, make_scene
from stackmotif.imaging.scenes.grains import Grain, grain_images
from stackmotif.matching.grains import find_rocksalt, local_spectra, zone_named
from stackmotif.stacking.columnset import place_columns, stack_phases

REAL = Path(os.environ.get("STACKMOTIF_REAL_DATA", ""))
PIXEL_A = 0.25
real = pytest.mark.skipif(
    "STACKMOTIF_REAL_DATA" not in os.environ, reason="STACKMOTIF_REAL_DATA names no folder"
)


def blurred_crystal(zone, angle_deg, *, fwhm_A, dose=800.0):
    """Rock salt in vacuum's place everywhere, seen through a wide source."""
    from scipy.ndimage import gaussian_filter

    grain = Grain(grain_images(zone), -angle_deg, (1.0, 2.0))
    y, x = np.indices((220, 220)) * PIXEL_A
    image = gaussian_filter(grain.image("HAADF", 80.0, y, x), fwhm_A / 2.355 / PIXEL_A)
    counted = np.random.default_rng(1).poisson(np.maximum(image, 0) * dose * PIXEL_A**2)
    return sm.Micrograph(counted.astype(np.float32), PIXEL_A, detector="haadf")


@pytest.mark.parametrize(("zone", "fwhm_A"), [("110", 1.2), ("100", 1.3), ("112", 0.8)])
def test_spectra_see_what_no_column_shows(zone, fwhm_A):
    image = blurred_crystal(zone, 20.0, fwhm_A=fwhm_A)
    spectra = local_spectra(image.image, pixel_size_A=PIXEL_A, lattice_A=4.17)
    assert spectra.rocksalt.mean() > 0.6
    axis = zone_named(zone)
    turn = axis.turn_deg
    off = spectra.direction_deg[spectra.rocksalt] - 20.0
    assert np.abs((off + turn / 2) % turn - turn / 2).max() <= 3.0
    nothing = sm.Columns.from_positions(np.empty((0, 2)), sigma_A=0.1)
    _, salt = find_rocksalt(image, nothing)
    (grain,) = salt.blurred
    assert grain.zone.name == zone
    assert salt.resolved == ()


def test_noise_and_layers_have_no_such_spots():
    rng = np.random.default_rng(0)
    noise = rng.poisson(4.0, (400, 400)).astype(np.float32)
    assert not local_spectra(noise, pixel_size_A=PIXEL_A, lattice_A=4.17).rocksalt.any()
    for states in ("+" * 20, "0" * 20, "+0" * 10, "+-" * 10):
        places = place_columns(stack_phases(states, 40), rng=1, noise_A=0.05).positions_A
        pixels = column_sum_image(places, shape=(360, 360), pixel_size_A=PIXEL_A, dose_e_per_A2=1e3)
        assert not local_spectra(pixels, pixel_size_A=PIXEL_A, lattice_A=4.17).rocksalt.any()
    assert local_spectra(noise[:50], pixel_size_A=PIXEL_A, lattice_A=4.17) is None
    assert local_spectra(noise, pixel_size_A=1.2, lattice_A=4.17) is None


def test_spectra_do_not_depend_on_the_pixel():
    places = crystal("100", 30.0, size_A=60.0) + 30.0
    for pixel_A in (0.1, 0.24):
        n = round(60 / pixel_A)
        pixels = column_sum_image(places, shape=(n, n), pixel_size_A=pixel_A, dose_e_per_A2=1e3)
        spectra = local_spectra(pixels, pixel_size_A=pixel_A, lattice_A=4.17)
        assert spectra.rocksalt.mean() > 0.9
        assert spectra.y_A[0] == pytest.approx(13.0, abs=0.5)


def test_a_scene_is_read_with_its_grains():
    scene = make_scene(64005, shape=(200, 200), detector="ADF", dose_per_A2=1500.0)
    r = sm.identify(sm.Micrograph(scene.pixels, scene.pixel_size_A), network="off")
    own = r.columns[r.columns["label"] == "rocksalt"]
    index = tuple(np.rint(np.stack([own["y_px"], own["x_px"]], axis=0)).astype(int))
    phase = scene.phase[index]
    assert len(own) > 60
    assert np.mean(phase[phase >= 0] == PHASES.index("rocksalt")) > 0.98
    grain = max(r.summary["rocksalt"]["grains"], key=lambda g: g["area_A2"])
    assert grain["zone"] == "110"
    assert scene.grains[0].zone in ("110", "100", "112")
    assert scene.grain.shape == scene.phase.shape


@real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pixel_A"),
    [
        ("CdTe_110_twin.dm3", None),
        ("CdTe_110_tilt_boundary.dm3", None),
        ("SrTiO3_110_ADF.hdf5", 0.0932627),
    ],
)
def test_other_real_crystals_hold_no_rock_salt(name, pixel_A):
    image = sm.read(REAL / name, pixel_size_A=pixel_A)
    assert not find_rocksalt(image, find_columns(image))[1]
