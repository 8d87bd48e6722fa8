"""Scan errors measured on the lattice, against images whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from column_lattices import PITCH_A, PIXEL_A, ROW_A, o3
from stackmotif.columns import Columns, find_columns
from stackmotif.errors import StackmotifError
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.imaging.noise import affine_matrix, poisson_dose, row_jitter, row_offsets
from stackmotif.matching import identify, measure_scan
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.line_smoothing import smooth_lines

SHAPE = (560, 560)
SIZE = np.array(SHAPE) * PIXEL_A


def lattice(*, angle_deg=0.0, rng=3, matrix=None):
    """Columns (y, x) [Å] of a turned O3 stack with faults."""
    big = tuple(int(1.5 * n) for n in SHAPE)
    points = o3(big, rng=rng) - np.array(big) * PIXEL_A / 2
    turned = points[:, ::-1] @ affine_matrix(rotation_deg=angle_deg).T
    if matrix is not None:
        turned = turned @ np.asarray(matrix).T
    return turned[:, ::-1] + SIZE / 2


def record(truth, *, lines_px=None, dose=1500.0, dark=False, rng=5):
    """The micrograph of columns whose scan lines are displaced."""
    drawn = np.all((truth > -3) & (truth < SIZE + 3), axis=1)
    look = {"amplitude": -0.3, "background": 0.5} if dark else {}
    pixels = column_sum_image(truth[drawn], shape=SHAPE, pixel_size_A=PIXEL_A, **look)
    if lines_px is not None:
        pixels = row_jitter(pixels, offsets_px=lines_px)
    counted = poisson_dose(pixels, dose_per_A2=dose, pixel_size_A=PIXEL_A, rng=rng)
    return Micrograph(counted * dose * PIXEL_A**2, PIXEL_A, detector="abf" if dark else "adf")


def errors_px(columns, truth):
    """RMS (y, x) of positions, an affine change of the whole image left out [px]."""
    distance, nearest = cKDTree(truth).query(columns.positions_A)
    central = np.all((columns.positions_A > 2) & (columns.positions_A < SIZE - 2), axis=1)
    kept = (distance < 0.7) & central
    true = truth[nearest[kept]]
    design = np.column_stack([np.ones(len(true)), true])
    error = columns.positions_A[kept] - true
    error -= design @ np.linalg.lstsq(design, error, rcond=None)[0]
    return error.std(axis=0) / PIXEL_A


def inside(points):
    return np.all((points > 0) & (points < SIZE), axis=1)


def place(table):
    return np.stack([table["y_A"], table["x_A"]], axis=1)


def without_cubic(values):
    y = np.linspace(-1, 1, len(values))
    return values - np.polyval(np.polyfit(y, values, 3), y)


@pytest.mark.parametrize("angle_deg", [0.0, 4.0, 30.0, 90.0])
def test_jitter_is_measured_and_taken_out(angle_deg):
    truth = lattice(angle_deg=angle_deg)
    lines = row_offsets(SHAPE[0], jitter_px=0.4, rng=7)
    image, still = record(truth, lines_px=lines), record(truth)
    columns = find_columns(image)
    scan = measure_scan(image, columns)
    assert scan.jitter_A / PIXEL_A == pytest.approx(0.4, rel=0.2)
    assert scan.assumes_thirds == (angle_deg < 10)
    wrong = without_cubic(scan.line_A / PIXEL_A - lines)
    told = np.sqrt(np.mean(scan.line_sigma_A**2)) / PIXEL_A
    assert wrong.std() == pytest.approx(told, rel=0.15)
    best = errors_px(find_columns(still), truth)[1]
    assert errors_px(columns, truth)[1] > 1.1 * best
    assert errors_px(scan.columns_without(columns), truth)[1] < 1.08 * best


@pytest.mark.parametrize(("angle_deg", "walk_px"), [(0.0, 0.6), (30.0, 1.5), (90.0, 1.5)])
def test_a_slow_walk_of_the_lines_goes_away(angle_deg, walk_px):
    truth = lattice(angle_deg=angle_deg)
    lines = row_offsets(SHAPE[0], jitter_px=0.2, drift_px=walk_px, rng=8)
    image = record(truth, lines_px=lines)
    columns = find_columns(image)
    straight = measure_scan(image, columns).columns_without(columns)
    best = errors_px(find_columns(record(truth)), truth)
    before, after = errors_px(columns, truth), errors_px(straight, truth)
    assert before[1] > 2 * best[1]
    assert np.all(after < 1.12 * best)


def test_a_still_scan_is_left_alone():
    truth = lattice(angle_deg=4.0)
    image = record(truth)
    columns = find_columns(image)
    scan = measure_scan(image, columns)
    assert scan.jitter_A < 0.1 * PIXEL_A
    assert scan.bend_A < 0.02
    moved = scan.columns_without(columns).positions_A - columns.positions_A
    assert np.sqrt(np.mean(moved**2)) < 0.1 * PIXEL_A
    assert errors_px(scan.columns_without(columns), truth)[1] < 1.02 * errors_px(columns, truth)[1]


def test_slow_curvature_is_measured_and_taken_out():
    truth = lattice(angle_deg=4.0)
    at = (truth - SIZE / 2) / (SIZE / 2)
    bend = np.stack([0.2 * at[:, 1] ** 2, 0.5 * at[:, 0] * at[:, 1] - 0.3 * at[:, 1] ** 3], axis=1)
    image = record(truth + bend)
    columns = find_columns(image)
    scan = measure_scan(image, columns)
    assert errors_px(columns, truth)[1] > 2 * errors_px(scan.columns_without(columns), truth)[1]
    best = errors_px(find_columns(record(truth)), truth)
    assert np.all(errors_px(scan.columns_without(columns), truth) < 1.1 * best)
    seen = inside(truth)
    design = np.column_stack([np.ones(seen.sum()), truth[seen]])
    curved = bend[seen] - design @ np.linalg.lstsq(design, bend[seen], rcond=None)[0]
    assert scan.bend_A == pytest.approx(np.sqrt((curved**2).sum(axis=1).mean()), rel=0.15)
    straight = scan.image_without(image)
    assert errors_px(find_columns(straight), truth)[1] < 1.3 * best[1]
    bent = scan.image_without(image, bend=False)
    assert errors_px(find_columns(bent), truth)[1] > 2 * best[1]


def test_drift_follows_from_the_lattice_if_its_ratio_is_known():
    right, down = 0.004, -0.002  # per unit of y
    drifting = [[1.0, right], [0.0, 1.0 + down]]
    scan = measure_scan(record(lattice(angle_deg=12.0, matrix=drifting)))
    x, y = scan.drift_A_per_line(ROW_A / PITCH_A)
    assert x / PIXEL_A == pytest.approx(right, abs=4e-4)
    assert y / PIXEL_A == pytest.approx(down, abs=4e-4)
    none = measure_scan(record(lattice(angle_deg=12.0))).drift_A_per_line(ROW_A / PITCH_A)
    assert np.abs(none).max() / PIXEL_A < 4e-4


def test_shear_has_the_sign_of_the_affine_matrix():
    sheared = affine_matrix(shear_deg=1.0)
    assert measure_scan(record(lattice(matrix=sheared))).shear_deg == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("angle_deg", [0.0, 45.0, 90.0])
def test_the_error_of_the_shear_holds_the_slope_of_the_walk(angle_deg):
    """A walk leans the stack: along the rows one way, across them the other, at 45° not at all."""
    truth, deviations = lattice(angle_deg=angle_deg), []
    for rng in range(20, 26):
        lines = row_offsets(SHAPE[0], jitter_px=0.0, drift_px=0.0, rng=rng)
        steps = np.random.default_rng(rng).normal(0, 0.03, SHAPE[0])
        scan = measure_scan(record(truth, lines_px=lines + np.cumsum(steps), rng=rng))
        deviations.append(scan.shear_deg / scan.shear_sigma_deg)
    assert 0.3 < np.sqrt(np.mean(np.square(deviations))) < 2.2


def test_a_mirror_changes_the_sign_alone():
    lines = row_offsets(SHAPE[0], jitter_px=0.4, rng=9)
    image = record(lattice(angle_deg=10.0), lines_px=lines)
    scan = measure_scan(image)
    mirrored = measure_scan(replace(image, image=image.image[:, ::-1]))
    np.testing.assert_allclose(mirrored.line_A, -scan.line_A, atol=0.01 * PIXEL_A)


def test_dark_columns_serve_as_well():
    lines = row_offsets(SHAPE[0], jitter_px=0.4, rng=9)
    scan = measure_scan(record(lattice(angle_deg=10.0), lines_px=lines, dark=True, dose=4000.0))
    assert scan.jitter_A / PIXEL_A == pytest.approx(0.4, rel=0.2)
    wrong = without_cubic(scan.line_A / PIXEL_A - lines)
    assert wrong.std() < 0.6 * lines.std()


def test_the_image_is_put_straight_and_says_so():
    lines = row_offsets(SHAPE[0], jitter_px=0.6, rng=10)
    truth = lattice(angle_deg=4.0)
    image = record(truth, lines_px=lines, dose=5000.0)
    scan = measure_scan(image)
    straight = scan.image_without(image)
    assert "put back" in straight.history[-1]
    assert image.history == ()
    still = record(truth, dose=5000.0)
    assert np.std(straight.image - still.image) < np.std(image.image - still.image)
    assert measure_scan(straight).jitter_A < 0.5 * scan.jitter_A
    with pytest.raises(StackmotifError, match="559 lines"):
        scan.image_without(replace(image, image=image.image[1:]))


def test_rows_at_random_along_the_scan_tell_nothing():
    """A row of its own place and a displaced line look alike."""
    rng = np.random.default_rng(11)
    y = np.arange(0, SIZE[0] + 3, ROW_A)
    x = np.arange(-3, SIZE[1] + 3, PITCH_A)
    own = rng.uniform(0, PITCH_A, len(y))
    truth = np.stack([np.repeat(y, len(x)), (x + own[:, None]).ravel()], axis=1)
    assert measure_scan(record(truth)) is None


@pytest.mark.parametrize("n_rows", [3, 4, 6])
@pytest.mark.parametrize("rng", [1, 2, 3])
def test_a_few_rows_are_not_bent_straight(n_rows, rng):
    shape = (int((n_rows + 0.3) * ROW_A / PIXEL_A), 260)
    truth = o3(shape, rng=rng)
    pixels = column_sum_image(truth, shape=shape, pixel_size_A=PIXEL_A, dose_e_per_A2=1500, rng=rng)
    image = Micrograph(pixels, PIXEL_A)
    plain, straight = identify(image), identify(image, straighten=True)
    assert plain.summary["word"] == straight.summary["word"]
    assert plain.status == straight.status
    if plain.summary["scan"] is None:
        return
    assert plain.summary["scan"]["bend_A"] < 0.02
    shear, error = (plain.summary["scan"][name] for name in ("shear_deg", "shear_sigma_deg"))
    assert abs(shear) < 4 * error + 0.05


@pytest.mark.parametrize(("angle_deg", "walk_px"), [(30, 3), (30, 5), (60, 8), (90, 8)])
def test_a_large_walk_is_measured_or_refused(angle_deg, walk_px):
    truth = lattice(angle_deg=angle_deg)
    for rng in (4, 5):
        lines = row_offsets(SHAPE[0], jitter_px=0.2, drift_px=walk_px, rng=rng)
        scan = measure_scan(record(truth, lines_px=lines))
        if scan is None:
            continue
        wrong = without_cubic(scan.line_A / PIXEL_A - lines).std()
        told = np.sqrt(np.mean(scan.line_sigma_A**2)) / PIXEL_A
        assert wrong < 1.5 * told + 0.1


def test_noise_that_pixels_share_is_not_taken_for_jitter():
    image = record(lattice(angle_deg=30.0))
    for blur_px in (0.5, 1.0):
        soft = replace(image, image=gaussian_filter(image.image, blur_px))
        assert measure_scan(soft).jitter_A < 0.12 * PIXEL_A


def test_straightening_leaves_the_mean_lattice_alone():
    truth = lattice(angle_deg=4.0)
    at = (truth - SIZE / 2) / (SIZE / 2)
    bend = np.stack([0.3 * at[:, 1] ** 2, 0.5 * at[:, 1] ** 3], axis=1)
    plain = identify(record(truth + bend))
    straight = identify(record(truth + bend), straighten=True)
    pitches = [one.summary["lattice"]["pitch_A"] for one in (plain, straight)]
    assert pitches[0] == pytest.approx(pitches[1], rel=1e-3)


def test_what_cannot_be_straightened_says_so():
    lines = row_offsets(SHAPE[0], jitter_px=1.0, drift_px=4.0, rng=8)
    result = identify(record(lattice(), lines_px=lines), straighten=True)
    assert result.summary["scan"] is None
    assert any("not straightened" in one for one in result.summary["warnings"])


def test_covariances_grow_by_what_is_unknown_of_the_lines():
    lines = row_offsets(SHAPE[0], jitter_px=0.4, rng=7)
    image = record(lattice(angle_deg=30.0), lines_px=lines)
    columns = find_columns(image)
    scan = measure_scan(image, columns)
    grown = (scan.columns_without(columns).covariances_A2 - columns.covariances_A2)[:, 1, 1]
    n_eff = np.sqrt(2 * np.pi) * np.median(columns.width_A) / PIXEL_A
    expected = np.mean(scan.line_sigma_A**2) / n_eff
    assert np.median(grown) == pytest.approx(expected, rel=0.2)
    assert len(scan.columns_without(Columns.from_positions([], sigma_A=0.1))) == 0
    with pytest.raises(StackmotifError, match="ratio is 0"):
        scan.drift_A_per_line(0)


def test_lines_displaced_by_more_than_a_third_tell_nothing():
    lines = row_offsets(SHAPE[0], jitter_px=1.0, drift_px=4.0, rng=8)
    assert measure_scan(record(lattice(), lines_px=lines)) is None


def test_no_lattice_no_distortion():
    image = Micrograph(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), 0.2)
    assert measure_scan(image, Columns.from_positions([], sigma_A=0.1)) is None


def test_identify_tells_the_scan_and_straightens_when_asked():
    lines = row_offsets(SHAPE[0], jitter_px=0.4, drift_px=0.5, rng=12)
    truth = lattice(angle_deg=3.0)
    image = record(truth, lines_px=lines)
    plain, straight = identify(image), identify(image, straighten=True)
    assert plain.summary["scan"]["removed"] is False
    assert straight.summary["scan"]["removed"] is True
    assert plain.summary["scan"]["line_jitter_A"] == pytest.approx(0.4 * PIXEL_A, rel=0.2)
    assert plain.summary["word"] == straight.summary["word"]
    assert np.array_equal(plain.image, image.image)
    assert not np.array_equal(straight.image, image.image)
    before, after = (
        errors_px(Columns.from_positions(place(one.columns), sigma_A=0.1), truth)
        for one in (plain, straight)
    )
    assert after[1] < 0.6 * before[1]
    assert identify(find_columns(image)).summary["scan"] is None


def test_lines_are_smoothed_as_well_as_they_are_known():
    """Noise of known variance on a walk with jitter: the error is what is told."""
    rng = np.random.default_rng(13)
    n, jitter, step = 4000, 0.3, 0.1
    truth = np.cumsum(rng.normal(0, step, n)) + rng.normal(0, jitter, n)
    noise = rng.uniform(0.1, 0.5, n)
    measured = truth + rng.normal(0, noise)
    precision = np.where(rng.random(n) < 0.2, 0.0, 1 / noise**2)
    found = smooth_lines(measured, precision)
    assert found.jitter == pytest.approx(jitter, rel=0.1)
    assert found.step == pytest.approx(step, rel=0.3)
    wrong = found.offset - truth
    wrong -= wrong.mean()
    assert np.sqrt(np.mean((wrong / found.sigma) ** 2)) == pytest.approx(1.0, abs=0.1)
    assert wrong[precision > 0].std() < 0.8 * np.std((measured - truth)[precision > 0])
