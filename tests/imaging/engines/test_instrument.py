"""Tilt, aberrations, shifted and segmented detectors: both engines, and symmetry."""

import numpy as np
import pytest

from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.engines.detection import detector_weights
from stackmotif.imaging.engines.torch_multislice import detect
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.microscope import Detector, Microscope

GRID = Grid(
    repeats=(1, 1, 10),
    gpts=(128, 160),
    extent_A=(8.0, 10.0),
    slices_per_period=2,
    period_A=2.88,
)
RING = Detector("DPC", 5.0, 30.0, n_segments=4, rotation_deg=20.0)
SCOPE = Microscope(300e3, 20.0, (Detector("ADF", 25, 75), Detector("BF", 0, 10), RING))
POINTS = np.array([[0.3, 0.4], [1.3, 2.2], [4.4, 6.1], [2.0, 7.9], [5.1, 3.3]])
EXITS = [6, 20]


@pytest.fixture(scope="module")
def slices():
    """Two smooth random slices, about as strong as columns of nickel."""
    rng = np.random.default_rng(5)
    kx, ky = (np.fft.fftfreq(n, step) for n, step in zip(GRID.gpts, GRID.sampling_A, strict=True))
    smooth = np.exp(-((kx[:, None] / 1.5) ** 2) - (ky[None] / 1.5) ** 2)
    white = np.fft.fft2(rng.standard_normal((2, *GRID.gpts)))
    rough = np.fft.ifft2(white * smooth).real
    return (200 * rough / np.abs(rough).max()).astype(np.float32)


def by_torch(slices, scope, *, edges="area", points=POINTS, exits=EXITS):
    return detect(
        slices,
        points,
        grid=GRID,
        microscope=scope,
        exit_slices=exits,
        weights=detector_weights(GRID, scope, edges=edges),
        edges=edges,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"tilt_mrad": (12.0, -7.0)},
        {"defocus_A": 60.0, "Cs_A": 5e5, "aberrations": {"C12": 30.0, "phi12": 0.6}},
        {"aberrations": {"C21": 900.0, "phi21": 1.0, "C34": 3e4, "phi34": -0.3}},
    ],
    ids=["tilt", "astigmatism", "coma"],
)
def test_torch_and_abtem_agree(slices, changes):
    scope = SCOPE.with_(**changes)
    theirs = scan_signals(
        slices, POINTS, grid=GRID, microscope=scope, exit_slices=EXITS, advance=lambda count: None
    )
    ours = by_torch(slices, scope, edges="abtem")
    assert ours.shape == (2, 6, len(POINTS))
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-7)
    plain = by_torch(slices, SCOPE, edges="abtem")
    assert np.abs(ours / plain - 1).max() > 0.02


def test_torch_and_abtem_agree_on_a_detector_moved_by_whole_pixels(slices):
    # abTEM moves a detector by whole pixels of the diffraction pattern.
    pixel = 1e3 * SCOPE.wavelength_A / np.array(GRID.extent_A)
    offset = (2 * pixel[0], -3 * pixel[1])
    scope = SCOPE.with_(detectors=(Detector("moved", 3.0, 24.0, offset_mrad=offset),))
    theirs = scan_signals(
        slices, POINTS, grid=GRID, microscope=scope, exit_slices=EXITS, advance=lambda count: None
    )
    np.testing.assert_allclose(by_torch(slices, scope, edges="abtem"), theirs, rtol=2e-4)


def test_segments_add_up_to_the_ring(slices):
    whole = SCOPE.with_(detectors=(Detector("DPC", 5.0, 30.0),))
    for edges in ("area", "abtem"):
        parts = by_torch(slices, SCOPE, edges=edges)[:, 2:].sum(axis=1)
        np.testing.assert_allclose(parts, by_torch(slices, whole, edges=edges)[:, 0], rtol=1e-5)


def test_turning_the_cuts_by_a_segment_renames_the_segments(slices):
    ahead = Detector("DPC", 5.0, 30.0, n_segments=4, rotation_deg=110.0)
    turned = by_torch(slices, SCOPE.with_(detectors=(ahead,)))
    plain = by_torch(slices, SCOPE.with_(detectors=(RING,)))
    np.testing.assert_allclose(turned, plain[:, [1, 2, 3, 0]], rtol=1e-5)


def test_a_mirrored_crystal_under_a_mirrored_tilt_gives_the_same(slices):
    """x goes to -x: the grid's point i goes to -i, and only rings are left as they were."""
    rings = SCOPE.with_(detectors=SCOPE.detectors[:2])
    mirrored = np.roll(slices[:, ::-1], 1, axis=1)
    points = POINTS * np.array([-1, 1]) + np.array([GRID.extent_A[0], 0])
    plain = by_torch(slices, rings.with_(tilt_mrad=(15.0, 4.0)))
    again = by_torch(mirrored, rings.with_(tilt_mrad=(-15.0, 4.0)), points=points)
    np.testing.assert_allclose(again, plain, rtol=2e-4)
    wrong = by_torch(mirrored, rings.with_(tilt_mrad=(15.0, 4.0)), points=points)
    assert np.abs(wrong / plain - 1).max() > 0.02


def test_a_tilted_beam_meets_what_lies_where_it_moves_to(slices):
    """A slab after much vacuum: a beam tilted towards +x sees what an upright one sees further on.

    The detected angles are those about the beam, so that nothing else changes.
    """
    depth, step = 30, GRID.slice_A
    deep = np.zeros((depth + 1, *GRID.gpts), dtype=np.float32)
    deep[-1] = slices[0]
    tilt = 5.0
    moved = np.tan(tilt * 1e-3) * depth * step
    tilted = by_torch(deep, SCOPE.with_(tilt_mrad=(tilt, 0.0)), exits=[depth + 1])
    shifted = by_torch(deep, SCOPE, points=POINTS + np.array([moved, 0.0]), exits=[depth + 1])
    np.testing.assert_allclose(tilted, shifted, rtol=2e-3)
    assert np.abs(by_torch(deep, SCOPE, exits=[depth + 1]) / shifted - 1).max() > 0.01


def test_the_mean_over_a_defocus_series_converges(slices):
    scope = SCOPE.with_(Cc_A=2e7, energy_spread_eV=1.2, defocus_A=10.0)

    def mean(count):
        return sum(
            weight * by_torch(slices, scope.with_(defocus_A=defocus_A))
            for defocus_A, weight in scope.defocus_series(count)
        )

    reference = mean(11)
    assert np.abs(mean(1) / reference - 1).max() > 3e-3
    assert np.abs(mean(7) / reference - 1).max() < 1e-3
