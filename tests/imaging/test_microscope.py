"""Microscope and detectors."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import PRESETS, Detector, Microscope
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.potential import scattering_factor

ADF = Detector("ADF", 25.0, 80.0)


@pytest.mark.parametrize(
    ("kilovolt", "expected"), [(100, 0.037014), (200, 0.025079), (300, 0.019687)]
)
def test_wavelength_matches_textbook_values(kilovolt, expected):
    scope = Microscope(energy_eV=kilovolt * 1e3, semiangle_mrad=20, detectors=(ADF,))
    assert scope.wavelength_A == pytest.approx(expected, abs=2e-6)


def test_presets_hold_the_promised_detectors():
    assert Microscope.preset("adf-300kV").detectors == (Detector("ADF", 25.0, 150.0),)
    assert Microscope.preset("stem-200kV").detector_names == ("HAADF", "ADF", "ABF", "BF")
    assert Microscope.preset("stem-200kV").energy_eV == 200e3


@pytest.mark.parametrize("name", ["adf-300kV", "stem-300kV", "adf-200kV", "stem-200kV"])
def test_the_first_presets_stay_what_they_were(name):
    four = (("HAADF", 60, 150), ("ADF", 25, 150), ("ABF", 10, 20), ("BF", 0, 10))
    detectors = four if name.startswith("stem") else four[1:2]
    assert PRESETS[name] == Microscope(
        energy_eV=300e3 if "300" in name else 200e3,
        semiangle_mrad=20.0,
        detectors=tuple(Detector(*one) for one in detectors),
        source_fwhm_A=0.8,
        name=name,
    )


@pytest.mark.parametrize("name", list(PRESETS))
def test_dark_fields_of_the_presets_lie_clear_of_the_bright_disc(name):
    scope = Microscope.preset(name)
    assert scope.name == name
    for detector in scope.detectors:
        if detector.name in ("ADF", "HAADF"):
            assert detector.inner_mrad > scope.semiangle_mrad
        if detector.name in ("ABF", "BF"):
            assert detector.outer_mrad <= scope.semiangle_mrad


@pytest.mark.parametrize("name", ["wang2024-adf", "wang2024-bf", "idpc-300kV"])
def test_presets_without_a_source_say_so(name):
    assert "unverified" in Microscope.preset(name).note
    assert "unverified" in Microscope.preset(name).describe()


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(SimulationError, match="adf-300kV"):
        Microscope.preset("haadf")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy_eV": 300.0}, "energy_eV is 300.0 eV"),
        ({"energy_eV": float("nan")}, "energy_eV"),
        ({"semiangle_mrad": 0.0}, "semiangle_mrad"),
        ({"source_fwhm_A": -1.0}, "source_fwhm_A"),
        ({"detectors": ()}, "one or more"),
        ({"detectors": (ADF, ADF)}, "different names"),
        ({"tilt_mrad": (31.0, 0.0)}, "from -30 to 30 mrad"),
        ({"tilt_mrad": 3.0}, "two numbers"),
        ({"tilt_mrad": (0.0, float("nan"))}, "two numbers"),
        ({"Cc_A": -1.0}, "Cc_A is -1.0 Å"),
        ({"energy_spread_eV": 30.0}, "energy_spread_eV is 30.0 eV"),
        ({"aberrations": {"C99": 1.0}}, "C99"),
    ],
)
def test_unphysical_microscopes_are_refused(change, message):
    with pytest.raises(SimulationError, match=message):
        Microscope.preset("adf-300kV").with_(**change)


@pytest.mark.parametrize("angles", [(-1, 10), (10, 10), (20, 10), (0, float("inf"))])
def test_detectors_with_disordered_angles_are_refused(angles):
    with pytest.raises(SimulationError, match="inner_mrad < outer_mrad"):
        Detector("x", *angles)


def test_positive_defocus_focuses_inside_the_crystal():
    """A single atom deep below the surface scatters most when the focus lies on it."""
    n, edge, slice_A, depth_slices = 128, 10.0, 10.0, 15
    frequencies = np.fft.fftfreq(n, edge / n)
    k2 = frequencies[:, None] ** 2 + frequencies[None] ** 2
    band = np.sqrt(k2) < 2 / 3 * n / (2 * edge)
    atom = np.fft.ifft2(scattering_factor("Ni", k2) * band).real * (n / edge) ** 2
    slices = np.zeros((depth_slices, n, n), dtype=np.float32)
    slices[-1] = atom
    grid = Grid((1, 1, depth_slices), (n, n), (edge, edge), 1, slice_A)

    def signal(defocus_A):
        scope = Microscope(300e3, 20.0, (Detector("ADF", 25.0, 75.0),), defocus_A=defocus_A)
        found = scan_signals(
            slices,
            np.zeros((1, 2)),
            grid=grid,
            microscope=scope,
            exit_slices=[depth_slices],
            advance=lambda count: None,
        )
        return float(found[0, 0, 0])

    depth = slice_A * (depth_slices - 1)
    assert signal(depth) > 1.5 * signal(0.0) > 3 * signal(-depth) > 0


@pytest.mark.parametrize("wrong", [None, "a", [], {}, float("nan")])
def test_settings_of_the_wrong_kind_are_refused(wrong):
    scope = Microscope.preset("adf-300kV")
    for refused in (
        lambda: Microscope.preset(wrong),
        lambda: scope.with_(energy_eV=wrong),
        lambda: scope.with_(detectors=(wrong,)),
        lambda: scope.with_(detectors=wrong),
        lambda: Detector("ADF", wrong, 100.0),
    ):
        with pytest.raises(SimulationError, match="expected"):
            refused()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_segments": 1}, "1 segments"),
        ({"n_segments": True}, "True segments"),
        ({"offset_mrad": (1.0,)}, "offset_mrad"),
        ({"offset_mrad": (1.0, float("inf"))}, "offset_mrad"),
        ({"rotation_deg": 400.0}, "rotation_deg"),
    ],
)
def test_detectors_that_cannot_be_are_refused(settings, message):
    with pytest.raises(SimulationError, match=message):
        Detector("DF", 5.0, 25.0, **settings)


def test_segments_are_channels_of_their_own():
    ring = Detector("DF", 5.0, 25.0, n_segments=4, rotation_deg=10.0, offset_mrad=(3.0, -4.0))
    scope = Microscope(300e3, 20.0, (ADF, ring))
    assert scope.detector_names == ("ADF", "DF-1", "DF-2", "DF-3", "DF-4")
    assert ring.bisectors_deg == (55.0, 145.0, 235.0, 325.0)
    assert scope.outer_mrad == 80.0
    assert ring.reach_mrad == 30.0


def test_names_of_segments_do_not_collide_with_detectors():
    ring = Detector("DF", 5.0, 25.0, n_segments=2)
    with pytest.raises(SimulationError, match="different names"):
        Microscope(300e3, 20.0, (ring, Detector("DF-1", 0.0, 5.0)))


def test_description_lists_every_number_with_its_unit():
    scope = Microscope(
        200e3,
        21.5,
        (Detector("DF", 5.5, 25.25, offset_mrad=(1.5, -2.5), n_segments=4, rotation_deg=12.5),),
        defocus_A=33.5,
        Cs_A=1234.5,
        source_fwhm_A=0.75,
        name="mine",
        tilt_mrad=(2.25, -3.25),
        Cc_A=1.3e7,
        energy_spread_eV=0.85,
        aberrations={"C12": 17.5, "phi12": 0.125},
        note="from a log book",
    )
    text = scope.describe()
    for shown in (
        "mine", "200 kV", "21.5 mrad", "5.5 to 25.25 mrad", "(1.5, -2.5) mrad", "4 segments",
        "12.5°", "33.5 Å", "1234.5 Å", "0.75 Å", "(2.25, -3.25) mrad", "1.3e+07 Å", "0.85 eV",
        "C12 17.5 Å", "phi12 0.125 rad", "from a log book",
    ):  # fmt: skip
        assert shown in text


def test_focal_spread_of_a_textbook_instrument():
    """Cc = 1.2 mm and 0.7 eV at 300 kV: 42 Å full width, 18 Å standard deviation without and 22
    with relativity, here 1.2 mm * 0.7/300000 * 1.2268 / 2.3548."""
    scope = Microscope.preset("adf-300kV").with_(Cc_A=1.2e7, energy_spread_eV=0.7)
    assert scope.focal_spread_A == pytest.approx(28 * 1.2268 / 2.3548, rel=1e-4)
    assert Microscope.preset("adf-300kV").focal_spread_A == 0


@pytest.mark.parametrize("count", [3, 5, 7])
def test_defocus_series_has_the_moments_of_a_gaussian(count):
    scope = Microscope.preset("adf-300kV").with_(defocus_A=25.0, Cc_A=1e7, energy_spread_eV=1.0)
    defoci, weights = np.array(scope.defocus_series(count)).T
    spread = scope.focal_spread_A
    away = (defoci - 25.0) / spread
    moments = [(weights * away**power).sum() for power in range(6)]
    np.testing.assert_allclose(moments, [1, 0, 1, 0, 3, 0], atol=1e-12)
    blurred = (weights * np.cos(away)).sum()
    assert blurred == pytest.approx(np.exp(-0.5), abs={3: 0.02, 5: 3e-4, 7: 3e-6}[count])


def test_without_a_spread_there_is_one_defocus():
    scope = Microscope.preset("adf-300kV").with_(defocus_A=7.0)
    assert scope.defocus_series() == ((7.0, 1.0),)
    with pytest.raises(SimulationError, match="1 to 15"):
        scope.defocus_series(0)


def test_phase_coefficients_hold_defocus_and_cs():
    scope = Microscope.preset("adf-300kV").with_(
        defocus_A=50.0, Cs_A=1e6, aberrations=(("C12", 3.0),)
    )
    assert scope.phase_coefficients == {"C10": -50.0, "C30": 1e6, "C12": 3.0}


def test_microscopes_are_hashable_and_survive_a_walk_through_json():
    import json
    from dataclasses import asdict

    from stackmotif.imaging.result import microscope_of

    scope = Microscope.preset("idpc-300kV").with_(
        aberrations={"C12": 3.0, "phi12": 0.5}, tilt_mrad=[1, 2]
    )
    again = microscope_of(json.loads(json.dumps(asdict(scope))))
    assert again == scope
    assert hash(again) == hash(scope)
