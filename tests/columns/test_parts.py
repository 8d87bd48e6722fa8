import numpy as np
import pytest
from scipy.ndimage import gaussian_laplace, maximum_filter, shift
from scipy.spatial import cKDTree

from column_lattices import o3
from stackmotif.columns.comb import _moved, row_step_px
from stackmotif.columns.coupling import cluster_matrices, touching
from stackmotif.columns.detection import detect, in_order, lattice_order
from stackmotif.columns.filtering import _window_maximum, blob_response, false_alarm_threshold
from stackmotif.columns.noise import NoiseModel, estimate_noise
from stackmotif.columns.patches import Patches
from stackmotif.columns.refinement import (
    Shapes,
    _lag_pairs,
    common_width_px,
    normal_equations,
    refine,
    rendered,
    residual_of,
    start_shapes,
)
from stackmotif.columns.small_systems import inverses, solved
from stackmotif.imaging.columnsum import column_sum_image


@pytest.mark.parametrize(("gain", "read_noise"), [(1.0, 0.0), (1.0, 3.0), (4.0, 2.0)])
def test_noise_is_a_line_of_intensity(gain, read_noise):
    generator = np.random.default_rng(0)
    mean = column_sum_image(o3((600, 600), rng=0), shape=(600, 600), pixel_size_A=0.16) * 400
    noisy = gain * generator.poisson(mean) + generator.normal(0, read_noise, mean.shape)
    model = estimate_noise(noisy.astype(np.float32))
    for level in (20.0, 60.0, 110.0):
        expected = gain**2 * level + read_noise**2
        value = float(model.variance(np.array([gain * level], dtype=np.float32))[0])
        assert value == pytest.approx(expected, rel=0.07)


def test_blob_response_is_the_scaled_laplacian():
    field = np.random.default_rng(0).normal(size=(80, 90)).astype(np.float32)
    _, response = blob_response(field, scale_px=3.0)
    exact = -9.0 * gaussian_laplace(field, 3.0, truncate=5)
    assert np.corrcoef(response.ravel(), exact.ravel())[0, 1] > 0.995


@pytest.mark.parametrize(
    "by_px",
    [(3.3, -15.2), (-3.0, 7.0), (0.0, 15.5), (-2.0000001, 60.5), (-49.0, 3.0), (1e-17, -1e-17)],
)
def test_an_image_seen_from_further_on_is_the_moved_image(by_px):
    image = np.random.default_rng(2).normal(size=(50, 70)).astype(np.float32)
    pixels, seen = _moved(image, np.array(by_px))
    exact = shift(image.astype(np.float64), -np.array(by_px), order=1)
    np.testing.assert_allclose(seen, exact[pixels], atol=1e-6)
    # No pixel is left out from which that place is in the image.
    for axis, by in enumerate(by_px):
        places = np.arange(image.shape[axis]) + by
        inside = np.flatnonzero((places >= 0) & (places <= image.shape[axis] - 1))
        assert set(inside[1:-1]) <= set(range(image.shape[axis])[pixels[axis]])


def test_false_alarms_of_white_noise_are_those_asked_for():
    scale, shape = 3.0, (1500, 1500)
    limit = false_alarm_threshold(shape[0] * shape[1], scale_px=scale, expected=100.0)
    field = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    _, response = blob_response(field, scale_px=scale)
    top = response / np.sqrt(1 / (2 * np.pi * scale**2))
    inner = top[1:-1, 1:-1]
    around = [top[1 + i : 1499 + i, 1 + j : 1499 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    maxima = np.all([inner >= other for other in around], axis=0) & (inner > limit)
    assert 60 <= maxima.sum() <= 140


def test_lattice_order_tells_crystal_from_chance():
    crystal = o3((600, 600), rng=1) / 0.16
    generator = np.random.default_rng(0)
    chance = generator.uniform(0, 600, (900, 2))
    apart = cKDTree(chance).query(chance, k=2)[0][:, 1] > 9
    assert np.quantile(lattice_order(crystal, pitch_px=15.6), 0.05) > 0.3
    assert np.quantile(lattice_order(chance[apart], pitch_px=15.6), 0.95) < 0.2
    assert lattice_order(crystal[:5], pitch_px=15.6).tolist() == [1.0] * 5


def test_detection_is_good_to_a_pixel():
    truth = o3((400, 400), rng=2)
    pixels = column_sum_image(truth, shape=(400, 400), pixel_size_A=0.16, dose_e_per_A2=2000)
    found = detect(pixels, noise=estimate_noise(pixels), pitch_px=15.6)
    distance, _ = cKDTree(truth / 0.16).query(found.positions_px)
    inner = np.all((found.positions_px > 5) & (found.positions_px < 395), axis=1)
    assert distance[inner].max() < 1.5
    assert (np.diff(np.rint(found.positions_px[:, 0])) >= -1).all()


def test_common_width():
    truth = o3((400, 400), rng=2)
    pixels = column_sum_image(truth, shape=(400, 400), pixel_size_A=0.16, dose_e_per_A2=2e4)
    assert common_width_px(pixels, truth / 0.16, pitch_px=15.6) == pytest.approx(3.125, rel=0.02)


def test_refinement_without_noise_is_exact():
    truth = np.array([[30.3, 30.7], [30.9, 46.2], [47.6, 39.1], [60.0, 60.0]])
    heights = np.array([1.0, 0.6, 0.8, 0.2])
    pixels = column_sum_image(
        truth, shape=(90, 90), pixel_size_A=1.0, sigma_A=3.0, amplitude=heights, background=0.1
    )
    start = start_shapes(
        truth + np.array([1.0, -0.8]), height=0.8 * heights, background=np.zeros(4), width_px=2.8
    )
    fit = refine(pixels, start, noise=NoiseModel(offset=1e-4, gain=0.0, floor=1e-4))
    np.testing.assert_allclose(fit.shapes.centre_px, truth, atol=0.01)
    np.testing.assert_allclose(fit.shapes.height, heights, rtol=0.02)
    np.testing.assert_allclose(fit.shapes.background, 0.1, atol=0.01)
    long_px, short_px = fit.shapes.axes_px()
    np.testing.assert_allclose(np.sqrt(long_px * short_px), 3.0, rtol=0.03)


def test_cluster_matrix_is_the_fisher_matrix_of_the_rendered_pair():
    width, centres, height = 3.0, np.array([[40.0, 36.0], [41.0, 44.5]]), np.array([1.0, 0.7])
    y, x = np.mgrid[:80, :80]
    rows = []
    for (cy, cx), high in zip(centres, height, strict=True):
        bell = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * width**2))
        rows += [high * bell * (y - cy) / width**2, high * bell * (x - cx) / width**2, bell]
    flat = np.stack(rows).reshape(6, -1)
    exact = flat @ flat.T
    own = np.stack([exact[:3, :3], exact[3:, 3:]])
    members = touching(centres, width_px=width)
    got = cluster_matrices(members, own=own, centre_px=centres, height=height, width_px=width)
    np.testing.assert_allclose(got[0], exact, atol=1e-6 * exact.max())


def test_columns_far_apart_do_not_touch():
    assert touching(np.array([[0.0, 0.0], [0.0, 50.0]]), width_px=3.0) is None


@pytest.mark.parametrize("angle_deg", [0.0, 7.0, -35.0])
def test_the_step_along_a_row_is_found_in_the_noise(angle_deg):
    rng, scale, pitch = np.random.default_rng(5), 4.2, 15.3
    turn = np.radians(angle_deg)
    step = pitch * np.array([-np.sin(turn), np.cos(turn)])
    across = 29.7 * np.array([np.cos(turn), np.sin(turn)])
    n = np.mgrid[-30:31, -15:16].reshape(2, -1).T
    places = 200 + n[:, :1] * step + n[:, 1:] * across + (n[:, 1:] % 3) * step / 3
    pixels = column_sum_image(places, shape=(400, 400), pixel_size_A=1.0, sigma_A=3.0)
    noisy = (pixels + rng.normal(0, 0.25, pixels.shape)).astype(np.float32)
    _, response = blob_response(noisy, scale_px=scale)
    noise = 0.25 / np.sqrt(2 * np.pi) / scale
    found = row_step_px(response, pitch_px=14.0, scale_px=scale, noise=noise)
    assert np.abs(found * np.sign(found @ step) - step).max() < 0.15
    _, response = blob_response(
        rng.normal(0, 0.25, pixels.shape).astype(np.float32), scale_px=scale
    )
    assert row_step_px(response, pitch_px=14.0, scale_px=scale, noise=noise) is None


def test_moments_are_the_sums_over_the_pixels():
    """Fisher matrix, gradient and chi-square against the derivatives written out."""
    rng = np.random.default_rng(4)
    centre = np.stack(np.meshgrid([3.2, 20.0, 37.4], [1.0, 19.6, 38.9]), -1).reshape(-1, 2)
    centre = centre + rng.uniform(-0.5, 0.5, centre.shape)
    inverse = np.tile([1.1, 0.2, 0.8], (9, 1)) + rng.normal(0, 0.05, (9, 3))
    shapes = Shapes(centre, rng.uniform(3, 6, 9), rng.uniform(1, 2, 9), inverse, 2.7)
    pixels = rng.normal(2, 0.3, (42, 40)).astype(np.float32)
    patches, noise = Patches.cut(pixels, 8.1, margin_px=10.8), NoiseModel(0.1, 0.02, 0.01)
    total = rendered(patches.wider(10.8), shapes)
    fisher, gradient, chi2 = normal_equations(patches, total, shapes, noise)

    index, dy, dx = patches.pixels(centre)
    residual, weight = residual_of(patches, total, index, shapes.background, noise)
    yy, yx, xx = (inverse / 2.7**2).T[:, :, None]
    pull_y, pull_x = yy * dy + yx * dx, yx * dy + xx * dx
    bell = np.exp(-(pull_y * dy + pull_x * dx) / 2)
    high, spread = shapes.height[:, None] * bell, -0.5 / 2.7**2
    slope = np.stack(
        [high * pull_y, high * pull_x, bell, spread * high * dy**2, spread * high * 2 * dy * dx,
         spread * high * dx**2, np.ones_like(bell)], axis=1,
    )  # fmt: skip
    wanted = np.einsum("nam,nm,nbm->nab", slope, weight, slope)
    size = np.sqrt(np.diagonal(wanted, axis1=1, axis2=2))
    assert np.allclose(fisher / size[:, None] / size[:, :, None],
                       wanted / size[:, None] / size[:, :, None], atol=2e-5)  # fmt: skip
    pulled = np.einsum("nam,nm,nm->na", slope, weight, residual)
    assert np.allclose(gradient / size, pulled / size, atol=2e-3)
    freedom = (weight > 0).sum(axis=1) - 7
    assert np.allclose(chi2, (weight * residual**2).sum(axis=1) / freedom, rtol=1e-4)
    assert not patches.cover(index)
    assert patches.cover(index[4:5])


def random_systems(n=40, k=7):
    """Return well-conditioned matrices whose units differ by ten orders of magnitude."""
    generator = np.random.default_rng(3)
    a = generator.normal(size=(n, 2 * k, k))
    size = 10 ** generator.uniform(-5, 5, (n, 1, k))
    return (a * size).transpose(0, 2, 1) @ (a * size), generator.normal(size=(n, k))


def test_small_systems_are_solved_as_a_library_solves_them():
    matrices, rights = random_systems()
    found = solved(matrices, rights)
    np.testing.assert_allclose(
        found, np.linalg.solve(matrices, rights[..., None])[..., 0], rtol=1e-9
    )
    np.testing.assert_allclose(inverses(matrices), np.linalg.inv(matrices), rtol=1e-8)
    np.testing.assert_allclose(inverses(matrices, 3), np.linalg.inv(matrices)[:, :3, :3], rtol=1e-8)


def test_damping_adds_to_the_diagonal_of_scaled_systems():
    matrices, rights = random_systems()
    damped = matrices + 0.3 * matrices * np.eye(7)
    np.testing.assert_allclose(solved(matrices, rights, damping=0.3), solved(damped, rights))


def test_a_singular_system_has_a_finite_solution():
    """Two parameters of which only the sum shows; it is right all the same."""
    matrices, rights = np.ones((1, 2, 2)), np.array([[1.0, 1.0]])
    found = solved(matrices, rights)
    assert found.sum() == pytest.approx(1.0)
    assert np.isfinite(inverses(matrices)).all()
    assert np.isfinite(solved(np.zeros((1, 3, 3)), np.zeros((1, 3)))).all()


@pytest.mark.parametrize("reach", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("shape", [(40, 31), (17, 50)])
def test_windows_of_maxima(shape, reach):
    image = np.random.default_rng(reach).normal(size=shape).astype(np.float32)
    expected = maximum_filter(image, size=2 * reach + 1, mode="nearest")
    np.testing.assert_array_equal(_window_maximum(image, reach), expected)


@pytest.mark.parametrize("reach", [1, 2, 3, 8])
def test_pixels_of_small_patches_are_paired_no_farther_than_they_reach(reach):
    offsets = np.stack(np.mgrid[-reach : reach + 1, -reach : reach + 1], axis=-1).reshape(-1, 2)
    for number, axis in enumerate(_lag_pairs(offsets)):
        assert len(axis) == min(6, 2 * reach + 1)
        for lag, (first, second) in enumerate(axis):
            assert len(first)
            apart = offsets[second] - offsets[first]
            assert (apart[:, number] == lag).all()
            assert (apart[:, 1 - number] == 0).all()


def small_crystal(rng, *, noise_A, pixel_A=0.16):
    """Return points [px] of eight rows of seventeen columns, a piece of the first two displaced."""
    row, slot = np.indices((8, 17))
    x = slot + (row % 3) / 3.0
    x[(row < 2) & (slot > 4) & (slot < 10)] += 1 / 3
    points = np.stack([4.77 * row, 2.46 * x], axis=-1).reshape(-1, 2)
    return (points + np.random.default_rng(rng).normal(0.0, noise_A, points.shape)) / pixel_A


def test_no_piece_of_a_dim_crystal_is_lost_at_its_border():
    """Beyond the outermost columns none is expected, and a noisy piece goes on from the rest."""
    lost = [
        int((~in_order(small_crystal(rng, noise_A=0.1), 2.46 / 0.16, dim=True)).sum())
        for rng in range(60)
    ]
    assert max(lost) <= 4
    assert np.mean(lost) < 1.0


def test_chance_does_not_go_on_from_a_dim_crystal():
    rng = np.random.default_rng(5)
    crystal = small_crystal(1, noise_A=0.1)
    chance = rng.uniform([0.0, 300.0], [230.0, 700.0], (400, 2))
    points = np.concatenate([crystal, chance])
    near, _ = cKDTree(points).query(points, k=2)
    points = points[near[:, 1] > 6.0]
    kept = in_order(points, 2.46 / 0.16, dim=True)
    strewn = points[:, 1] > 300.0
    assert strewn.sum() > 100
    assert kept[strewn].mean() < 0.05
    assert kept[~strewn].mean() > 0.9
