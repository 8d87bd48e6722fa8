import pytest

from stackmotif.errors import CalibrationError
from stackmotif.micrograph.calibration import AxisScale, checked_size_A, image_axes, pixel_size_A


def axes(scale_y, unit_y, scale_x=None, unit_x=None):
    pair = [
        {"scale": scale_y, "units": unit_y},
        {"scale": scale_y if scale_x is None else scale_x, "units": unit_x or unit_y},
    ]
    return image_axes(pair)


@pytest.mark.parametrize(
    ("scale", "unit", "expected_A"),
    [
        (0.02, "nm", 0.2),
        (20.0, "pm", 0.2),
        (0.2, "Å", 0.2),
        (0.2, "A", 0.2),
        (2e-5, "um", 0.2),
        (2e-5, "µm", 0.2),
        (2e-5, "μm", 0.2),
        (2e-11, "m", 0.2),
        (0.02, "[n_m]", 0.2),
    ],
)
def test_every_length_unit_gives_angstrom(scale, unit, expected_A):
    assert pixel_size_A(axes(scale, unit)) == pytest.approx(expected_A, rel=1e-12)


@pytest.mark.parametrize("unit", ["1/nm", "1 / nm", "nm^-1", "mrad", "s", "M"])
def test_units_that_are_no_length_are_refused(unit):
    with pytest.raises(CalibrationError, match="expected a length in real space"):
        pixel_size_A(axes(0.02, unit))


@pytest.mark.parametrize("scale", [0.0, -0.02, float("nan"), float("inf")])
def test_values_that_are_not_physical_are_refused(scale):
    with pytest.raises(CalibrationError, match="not physical"):
        pixel_size_A(axes(scale, "nm"))


def test_nm_and_um_on_two_axes_name_both():
    with pytest.raises(CalibrationError, match=r"image axes disagree: y 5\.1 nm/px, x 5\.1 µm/px"):
        pixel_size_A(axes(5.1, "nm", 5.1, "µm"))


def test_pixels_may_differ_by_less_than_one_percent_only():
    assert pixel_size_A(axes(0.02, "nm", 0.0201, "nm")) == pytest.approx(0.2005, rel=1e-4)
    with pytest.raises(CalibrationError, match="pixels are not square"):
        pixel_size_A(axes(0.02, "nm", 0.0205, "nm"))


def test_no_unit_names_the_size_it_would_be_in_nm():
    with pytest.raises(CalibrationError, match=r"without a length unit.*pixel_size_A=0\.0933"):
        pixel_size_A(axes(0.00933, None))


def test_no_calibration_tells_what_to_pass():
    with pytest.raises(CalibrationError, match="gives no pixel size; pass pixel_size_A"):
        pixel_size_A((AxisScale("y", None, ""), AxisScale("x", None, "")))
    with pytest.raises(CalibrationError, match="gives no pixel size"):
        pixel_size_A(axes(1.0, None))


@pytest.mark.parametrize("value", [0, -0.1, float("nan"), float("inf")])
def test_a_given_size_must_be_physical(value):
    with pytest.raises(CalibrationError, match="expected a finite positive number"):
        checked_size_A(value)
