"""``stackmotif simulate``: options of the microscope."""

import pytest

from stackmotif.cli.beam import take_beam
from stackmotif.imaging import PRESETS, Microscope
from stackmotif.imaging.carbon import CarbonLayers

NOTHING = {
    "microscope": "stem-300kV",
    "semiangle_mrad": None,
    "defocus_A": None,
    "source_fwhm_A": None,
    "tilt_mrad": None,
    "carbon_A": None,
}


def test_without_changes_the_preset_stays():
    options = {**NOTHING, "phonons": 3}
    assert take_beam(options) == {"microscope": "stem-300kV"}
    assert options == {"phonons": 3}


def test_changes_go_into_the_microscope():
    changes = {"defocus_A": 0.0, "tilt_mrad": (2.0, -3.0), "semiangle_mrad": 22.0}
    taken = take_beam({**NOTHING, **changes, "carbon_A": (10.0, 0.0)})
    expected = Microscope.preset("stem-300kV").with_(**changes, name="stem-300kV, changed")
    assert taken == {"microscope": expected, "carbon": CarbonLayers(before_A=10.0)}


def test_presets_are_listed_with_all_their_numbers(run):
    said = run("simulate", "--list-microscopes").stdout
    for name in PRESETS:
        assert f"\n{name}\n" in f"\n{said}"
    assert "detector ABF: 10 to 20 mrad" in said
    assert "unverified" in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--tilt-mrad", "31", "0"), "31"),
        (("--tilt-mrad", "nan", "0"), "range"),
        (("--carbon-A", "-1", "0"), "-1"),
        (("--semiangle-mrad", "0"), "0"),
    ],
)
def test_impossible_beams_are_refused(args, message, refused, tmp_path):
    assert message in refused("simulate", "o3", "--out", tmp_path / "x.npz", *args)
