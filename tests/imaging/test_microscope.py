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
    assert set(PRESETS) == {"adf-300kV", "stem-300kV", "adf-200kV", "stem-200kV"}
    assert Microscope.preset("adf-300kV").detectors == (Detector("ADF", 25.0, 150.0),)
    assert Microscope.preset("stem-200kV").detector_names == ("HAADF", "ADF", "ABF", "BF")
    assert Microscope.preset("stem-200kV").energy_eV == 200e3


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
