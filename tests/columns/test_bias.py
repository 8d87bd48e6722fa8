"""A network that moves columns is told so; a fair filter is not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from stackmotif.columns import LARGEST_SHIFT_PX, position_bias
from stackmotif.columns.bias import VIEWS
from stackmotif.errors import ColumnsError
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.micrograph import Micrograph


@pytest.fixture(scope="module")
def micrograph():
    truth = np.stack(np.meshgrid(np.arange(3.0, 50, 4.4), np.arange(2, 40, 2.5), indexing="ij"), -1)
    pixels = column_sum_image(
        truth.reshape(-1, 2) + np.random.default_rng(0).normal(0, 0.05, (truth.size // 2, 2)),
        shape=(260, 210),
        pixel_size_A=0.2,
        dose_e_per_A2=3e3,
    )
    return Micrograph(pixels, 0.2)


def moving(offset):
    def network(one):
        return replace(one, image=shift(one.image, offset, order=3, mode="nearest"))

    return network


def test_a_shift_stays_on_the_axes_of_the_network(micrograph):
    found = position_bias(micrograph, moving((0.3, -0.1)))
    assert found.shift_px.shape == (len(VIEWS), 2)
    assert np.allclose(found.shift_px, (0.3, -0.1), atol=0.02)
    assert not found.measures
    assert found.largest_px == pytest.approx(np.hypot(0.3, 0.1), abs=0.02)
    assert "mirrored" in str(found)


def test_a_fair_filter_moves_nothing(micrograph):
    found = position_bias(micrograph, lambda one: replace(one, image=gaussian_filter(one.image, 1)))
    assert found.largest_px < LARGEST_SHIFT_PX / 2
    assert found.measures
    assert np.all(found.n > 150)


def test_an_image_without_columns_is_refused(micrograph):
    noise = np.random.default_rng(1).normal(1, 0.1, micrograph.shape)
    with pytest.raises(ColumnsError, match="10 or more"):
        position_bias(replace(micrograph, image=noise), lambda one: one)
