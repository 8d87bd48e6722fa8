"""Integration of deflections against closed forms, and segments against shifted discs."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope
from stackmotif.imaging.engines.detection import segments as segment_weights
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.idpc import deflection_mrad, idpc_image, integrate_field, phase_image
from stackmotif.imaging.result import Template

STEP_A = 0.2


def gaussian(shape=(96, 120), y=9.0, x=13.0, sigma=0.9, step=STEP_A):
    """A Gaussian hill and its gradient in closed form."""
    rows, columns = (np.arange(size) * step for size in shape)
    dy, dx = rows[:, None] - y, columns[None] - x
    hill = np.exp(-(dy**2 + dx**2) / (2 * sigma**2))
    return hill, -dx / sigma**2 * hill, -dy / sigma**2 * hill


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("shape", [(96, 120), (95, 121)])
def test_a_gaussian_is_found_from_its_gradient(periodic, shape):
    hill, along_x, along_y = gaussian(shape)
    found = integrate_field(along_x, along_y, pixel_size_A=STEP_A, periodic=periodic)
    np.testing.assert_allclose(found, hill - hill.mean(), atol=1e-9)


def test_a_hill_cut_by_the_edge_needs_no_period():
    hill, along_x, along_y = gaussian(y=0.3, x=0.5)
    open_edges = integrate_field(along_x, along_y, pixel_size_A=STEP_A)
    wrapped = integrate_field(along_x, along_y, pixel_size_A=STEP_A, periodic=True)
    errors = [np.abs(found - hill + hill.mean()).max() for found in (open_edges, wrapped)]
    assert errors[0] < 0.1 < 0.5 * errors[1]


def test_pixels_may_be_oblong():
    rows, columns = np.arange(60) * 0.1, np.arange(40) * 0.25
    phase_y, phase_x = 2 * np.pi * rows[:, None] / 6, 2 * np.pi * columns[None] / 10
    wave = np.sin(phase_y + phase_x)
    slope = np.cos(phase_y + phase_x)
    found = integrate_field(
        slope * 2 * np.pi / 10, slope * 2 * np.pi / 6, pixel_size_A=(0.1, 0.25), periodic=True
    )
    np.testing.assert_allclose(found, wave, atol=1e-10)


def test_integration_is_linear():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 2, 30, 40))
    parts = [integrate_field(*one, pixel_size_A=STEP_A) for one in (first, second)]
    both = integrate_field(*(2 * first - 3 * second), pixel_size_A=STEP_A)
    np.testing.assert_allclose(both, 2 * parts[0] - 3 * parts[1], atol=1e-10)


def test_a_curl_leaves_no_trace():
    _, along_x, along_y = gaussian()
    found = integrate_field(-along_y, along_x, pixel_size_A=STEP_A, periodic=True)
    assert np.abs(found).max() < 1e-9


def test_turning_the_image_turns_the_result():
    """A quarter turn counter-clockwise takes +x (right) to -y (up) and +y (down) to +x."""
    hill, along_x, along_y = gaussian()
    turned = integrate_field(np.rot90(along_y), -np.rot90(along_x), pixel_size_A=STEP_A)
    np.testing.assert_allclose(turned, np.rot90(hill) - hill.mean(), atol=1e-9)


def test_high_pass_halves_its_own_period_and_drops_longer_ones():
    columns = np.arange(400) * STEP_A

    def kept(period_A):
        slope = np.broadcast_to(np.cos(2 * np.pi * columns / period_A), (8, 400))
        flat = np.zeros((8, 400))
        settings = {"pixel_size_A": STEP_A, "periodic": True}
        plain = integrate_field(slope, flat, **settings)
        return np.abs(integrate_field(slope, flat, high_pass_A=10.0, **settings)).max() / (
            np.abs(plain).max()
        )

    assert kept(10.0) == pytest.approx(0.5, abs=1e-9)
    assert kept(80.0) < 0.02
    assert kept(2.0) > 0.999


def weak_phase_scan():
    """Deflections of a weak Gaussian phase, probe by probe, by the definition of the mean angle."""
    scope = Microscope(300e3, 20.0, (Detector("DPC", 5.0, 25.0, n_segments=4),))
    edge, n = 12.0, 48
    k = np.fft.fftfreq(n, edge / n)
    angle = 1e3 * scope.wavelength_A * np.hypot(k[:, None], k[None])
    aperture = np.sqrt(np.clip((20.0 - angle) / (1e3 * scope.wavelength_A / edge) + 0.5, 0, 1))
    place = np.arange(n) * edge / n
    away = place - edge / 2
    phase = 0.02 * np.exp(-(away[:, None] ** 2 + away[None] ** 2) / (2 * 0.6**2))
    patterns = np.empty((n, n, n, n))
    for column in range(n):
        for row in range(n):
            ramp = np.exp(-2j * np.pi * (k[:, None] * place[column] + k[None] * place[row]))
            probe = np.fft.ifft2(aperture * ramp)
            patterns[row, column] = np.abs(np.fft.fft2(probe * np.exp(1j * phase))) ** 2
    patterns /= (aperture**2).sum()
    return scope, edge, k, aperture, phase, patterns


@pytest.fixture(scope="module")
def scan():
    return weak_phase_scan()


def seen_through_the_probe(aperture, phase):
    probe = np.abs(np.fft.ifft2(aperture)) ** 2
    probe /= probe.sum()
    return np.fft.ifft2(np.fft.fft2(phase) * np.conj(np.fft.fft2(probe))).real


def test_integrated_centre_of_mass_is_the_phase_through_the_probe(scan):
    scope, edge, k, aperture, phase, patterns = scan
    angle = 1e3 * scope.wavelength_A * k
    x = (patterns * angle[:, None]).sum(axis=(-2, -1))
    y = (patterns * angle[None]).sum(axis=(-2, -1))
    found = phase_image(
        x, y, pixel_size_A=edge / len(k), wavelength_A=scope.wavelength_A, periodic=True
    )
    expected = seen_through_the_probe(aperture, phase).T
    expected -= expected.mean()
    assert np.abs(found - expected).max() < 0.01 * np.ptp(expected)


def test_quadrants_show_nearly_the_same_phase(scan):
    scope, edge, _, aperture, phase, patterns = scan
    grid = Grid((1, 1, 1), (48, 48), (edge, edge), 1, 1.0)
    ring = scope.detectors[0]
    weights = segment_weights(grid, scope.wavelength_A, 5.0, 25.0, count=4, semiangle_mrad=20.0)
    signals = np.einsum("rcxy,sxy->src", patterns, weights)
    template = Template(
        image=signals.astype(np.float32),
        detectors=scope.detector_names,
        pixel_size_A=edge / 48,
        engine="torch",
        potential="exact",
        thickness_A=1.0,
        microscope=scope,
        phonons=0,
        rng=0,
    )
    found = idpc_image(template, periodic=True)
    expected = seen_through_the_probe(aperture, phase).T
    assert ring.n_segments == 4
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98
    assert np.ptp(found) == pytest.approx(np.ptp(expected), rel=0.25)


@pytest.mark.parametrize("count", [3, 4, 8])
@pytest.mark.parametrize("rotation_deg", [0.0, 33.0])
def test_a_shifted_disc_gives_its_shift(count, rotation_deg):
    detector = Detector("DPC", 8.0, 32.0, n_segments=count, rotation_deg=rotation_deg)
    axis = np.linspace(-34, 34, 1361)
    x, y = axis[None], axis[:, None]
    shift = np.array([0.5, -0.8])
    disc = (np.hypot(x - shift[0], y - shift[1]) < 20) / (np.pi * 20**2) * 0.05**2
    inside = (np.hypot(x, y) >= 8) & (np.hypot(x, y) < 32)
    turn = np.mod(np.degrees(np.arctan2(y, x)) - rotation_deg, 360)
    number = np.floor(turn / 360 * count)
    signals = np.array([(disc * inside * (number == one)).sum() for one in range(count)])
    found = deflection_mrad(signals, detector=detector, semiangle_mrad=20.0)
    np.testing.assert_allclose(found, shift, atol=0.03)


def test_detectors_that_miss_the_rim_are_refused():
    signals = np.zeros((4, 3, 3))
    for inner, outer in ((0.0, 20.0), (20.0, 40.0), (5.0, 15.0)):
        wrong = Detector("DPC", inner, outer, n_segments=4)
        with pytest.raises(SimulationError, match="rim of the bright disc"):
            deflection_mrad(signals, detector=wrong, semiangle_mrad=20.0)
    halves = Detector("DPC", 5.0, 25.0, n_segments=2)
    with pytest.raises(SimulationError, match="2 segments"):
        deflection_mrad(signals[:2], detector=halves, semiangle_mrad=20.0)


def test_wrong_fields_are_refused():
    flat = np.zeros((4, 4))
    with pytest.raises(SimulationError, match=r"expected \(y, x\) twice"):
        integrate_field(flat, flat[:2], pixel_size_A=STEP_A)
    with pytest.raises(SimulationError, match="pixel size is 0 Å"):
        integrate_field(flat, flat, pixel_size_A=0)
    with pytest.raises(SimulationError, match="high pass is -1 Å"):
        integrate_field(flat, flat, pixel_size_A=STEP_A, high_pass_A=-1)


def test_a_template_without_segments_is_refused():
    template = Template(
        image=np.zeros((4, 4), np.float32),
        detectors=("ADF",),
        pixel_size_A=0.2,
        engine="torch",
        potential="exact",
        thickness_A=1.0,
        microscope=Microscope.preset("adf-300kV"),
        phonons=0,
        rng=0,
    )
    with pytest.raises(SimulationError, match="idpc-300kV"):
        idpc_image(template)
