"""The atlas that ships with the package, stitched."""

import numpy as np
import pytest

from stackmotif.imaging.atlas import default_atlas
from stackmotif.imaging.atlas.channels import signals
from stackmotif.imaging.atlas.sampling import row_basis, tile_series
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.atlas.store import default_atlas_path
from stackmotif.imaging.microscope import Microscope

pytestmark = pytest.mark.skipif(
    not default_atlas_path().exists(), reason="no atlas ships with this version"
)
SCOPE = Microscope.preset("stem-300kV")


@pytest.fixture(scope="module")
def atlas():
    return default_atlas()


@pytest.fixture(scope="module")
def prepared(atlas):
    return PreparedAtlas(atlas, SCOPE, thickness_A=80)


def test_both_views_of_every_gap_are_one_series(atlas):
    """A series is fitted to a gap's tile and to the tile that sees the gap from above.

    Only if turning and mirroring the crystal do what they are said to do can it follow both: what
    it leaves is of the size of the ensemble's noise.
    """
    seen = signals(atlas, SCOPE.detectors, thickness_A=40)
    series = tile_series(atlas, seen.samples, x_sign=seen.x_sign, y_sign=seen.y_sign)
    basis = row_basis(atlas.rows_A, period_A=series.period_A, n=series.n_rows)
    n = atlas.samples.shape[-1]
    waves = np.exp(2j * np.pi * np.outer(np.arange(n // 2 + 1), np.arange(n)) / n)
    fitted = np.einsum("yk,tgskdm,mx->tgsdyx", basis, series.coefficients, waves).real
    contrast = np.ptp(seen.samples[atlas.reference], axis=(1, 2))
    error = np.sqrt(np.square(fitted - seen.samples).mean(axis=(4, 5))) / contrast
    assert error.max() < 0.01
    assert np.median(error) < 0.005


def test_metals_are_where_the_word_has_them(prepared):
    pixel = 0.1
    image = prepared.image(
        "|R+[Li]|", pixel_size_A=pixel, field_A=(12, 8), position_A=(8.0, 3.0), blur_sigma_A=0.3
    )[0]
    haadf = image[prepared.detectors.index("HAADF")]
    lattice_row = prepared.atlas.slab_height_A + float(prepared.atlas.gap_heights_A.max())
    for y, x in ((8.0, 3.0), (8.0 - lattice_row, 3.0 + prepared.atlas.pitch_A / 3)):
        row, column = round(y / pixel), round(x / pixel)
        patch = haadf[row - 5 : row + 6, column - 5 : column + 6]
        assert np.abs(np.array(np.unravel_index(patch.argmax(), patch.shape)) - 5).max() <= 1
        assert patch.max() > 3 * np.median(haadf)


def test_the_lean_of_a_slab_shows_in_the_oxygen_detectors(prepared):
    """Oxygen above a metal of tilt R is to its right, and dark in ABF."""
    half, third = prepared.atlas.slab_height_A / 2, prepared.atlas.pitch_A / 3
    for tilt in ("R", "L"):
        image = prepared.image(
            f"|{tilt}0|", pixel_size_A=0.1, field_A=(12, 8), position_A=(6, 4), blur_sigma_A=0.3
        )[0]
        abf = image[prepared.detectors.index("ABF")]
        row = round((6 - half) / 0.1)
        right, left = (round((4 + side * third) / 0.1) for side in (1, -1))
        darker = abf[row, right] < abf[row, left]
        assert darker == (tilt == "R")


def test_images_are_fractions_of_the_beam(prepared):
    image = prepared.image("|R+[Li] R0 L-[Li] R+|", pixel_size_A=0.2, field_A=(30, 20))
    assert image.dtype == np.float32
    assert (image > 0).all()
    assert (image < 1).all()
