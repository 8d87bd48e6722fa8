"""The error that an image from the atlas tells, and where it tells none."""

from dataclasses import replace

import pytest

from stackmotif.imaging import Detector
from stackmotif.imaging.atlas import default_atlas
from stackmotif.imaging.atlas.errors import STRETCH_SHARE, expected_error

ADF = Detector("ADF", 25.0, 150.0)


def rows(**errors):
    return tuple(
        {"detector": "ADF", "inner_mrad": 25.0, "outer_mrad": 150.0, "thickness_A": float(t[1:]),
         "rms_of_contrast": value}
        for t, value in errors.items()
    )  # fmt: skip


@pytest.fixture(scope="module")
def atlas():
    return replace(default_atlas(), errors=rows(t20=0.004, t80=0.002, t200=0.009))


def test_the_worse_of_the_thicknesses_around_counts(atlas):
    assert expected_error(atlas, ADF, thickness_A=80.0) == pytest.approx(0.002)
    assert expected_error(atlas, ADF, thickness_A=78.7) == pytest.approx(0.002)
    assert expected_error(atlas, ADF, thickness_A=50.0) == pytest.approx(0.004)
    assert expected_error(atlas, ADF, thickness_A=120.0) == pytest.approx(0.009)
    stretched = expected_error(atlas, ADF, thickness_A=80.0, stretch=0.02)
    assert stretched == pytest.approx(0.002 + 0.02 * STRETCH_SHARE)


@pytest.mark.parametrize("thickness_A", [5.0, 16.0, 204.0, 400.0])
def test_beyond_the_measured_thicknesses_it_is_unknown(atlas, thickness_A):
    assert expected_error(atlas, ADF, thickness_A=thickness_A) is None


def test_for_detectors_like_none_that_was_measured_it_is_unknown(atlas):
    near, far = Detector("near", 30.0, 140.0), Detector("DF", 10.0, 45.0)
    assert expected_error(atlas, near, thickness_A=80.0) is not None
    assert expected_error(atlas, far, thickness_A=80.0) is None
    assert expected_error(replace(atlas, errors=()), ADF, thickness_A=80.0) is None
