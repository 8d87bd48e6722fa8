"""Series of frames put on top of each other, against displacements that are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from column_lattices import PIXEL_A, o3
from stackmotif.columns import find_columns
from stackmotif.errors import ReadError
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.imaging.noise import poisson_dose, row_jitter, row_offsets
from stackmotif.micrograph import Micrograph, read_series, sum_frames
from stackmotif.micrograph.series import aligned, common_part

SHAPE = (280, 300)


def series(n, *, dose, drift_A=(0.25, -0.4), jitter_px=0.0, rng=0):
    """Frames of one drifting O3 crystal, their displacements (y, x) [Å] and those of lines [px]."""
    generator = np.random.default_rng(rng)
    truth = o3(tuple(edge + 60 for edge in SHAPE), rng=rng + 1) - 30 * PIXEL_A
    shifts = np.array(drift_A) * np.arange(n)[:, None]
    shifts[1:] += generator.normal(0, 0.1, (n - 1, 2))
    lines = np.stack([row_offsets(SHAPE[0], jitter_px=jitter_px, rng=generator) for _ in range(n)])
    frames = []
    for shift, line in zip(shifts, lines, strict=True):
        pixels = column_sum_image(truth + shift, shape=SHAPE, pixel_size_A=PIXEL_A)
        pixels = row_jitter(pixels, offsets_px=line)
        counted = poisson_dose(pixels, dose_per_A2=dose, pixel_size_A=PIXEL_A, rng=generator)
        frames.append(Micrograph(counted * dose * PIXEL_A**2, PIXEL_A))
    return frames, shifts, lines, truth


def errors_px(image, truth):
    """RMS (y, x) of the positions, a common shift left out [px]."""
    found = find_columns(image).positions_A
    middle = np.array(image.shape) * PIXEL_A / 2
    start = found[np.argmin(((found - middle) ** 2).sum(axis=1))]
    tree = cKDTree(truth)
    best = None
    # The sum begins where all frames overlap: try the columns that its middle one may be.
    for candidate in truth[tree.query_ball_point(start, 4.0)]:
        distance, nearest = tree.query(found + candidate - start)
        if best is None or np.median(distance) < best[0]:
            best = np.median(distance), found - truth[nearest], distance
    error = best[1][best[2] < 0.8]
    return (error - error.mean(axis=0)).std(axis=0) / PIXEL_A


def test_drift_is_found_to_a_fraction_of_a_pixel():
    frames, shifts, _, _ = series(6, dose=200.0)
    total, found = sum_frames(frames)
    assert found.shift_A.shape == (6, 2)
    assert np.all(found.shift_A[0] == 0)
    assert np.abs(found.shift_A - shifts).max() < 0.15 * PIXEL_A
    assert "sum of 6 registered frames" in total.history[-1]
    assert total.pixel_size_A == PIXEL_A
    lost = np.array(SHAPE) - total.shape
    np.testing.assert_allclose(lost, np.ptp(shifts, axis=0) / PIXEL_A, atol=6)
    # The sum begins where the frame that has moved furthest down, or back, does.
    low = np.ceil(np.maximum(-found.shift_A.min(axis=0) / PIXEL_A, 0)).astype(int)
    part = frames[0].image[low[0] :, low[1] :][: total.shape[0], : total.shape[1]]
    assert np.corrcoef(part.ravel(), total.image.ravel())[0, 1] > 0.35


def test_the_sum_is_as_sharp_as_a_still_series():
    frames, _, _, truth = series(6, dose=200.0)
    still, _, _, _ = series(1, dose=1200.0)
    plain = replace(frames[0], image=sum(one.image for one in frames))
    registered = errors_px(sum_frames(frames)[0], truth)
    best = errors_px(still[0], truth)
    assert np.all(registered < 1.25 * best)
    assert errors_px(plain, truth)[1] > 2 * best[1]


def test_lines_are_registered_where_the_dose_says_anything():
    frames, _, lines, truth = series(6, dose=1500.0, jitter_px=0.7, drift_A=(0.0, 0.16))
    with_lines, found = sum_frames(frames)
    without, none = sum_frames(frames, lines=False)
    true = lines - lines.mean(axis=0)
    true = true - true.mean(axis=1, keepdims=True)
    rows = np.unique(truth[:, 0]) / PIXEL_A
    crossed = np.abs(np.arange(SHAPE[0])[:, None] - rows).min(axis=1) < 3.5
    wrong = (found.line_A / PIXEL_A - true)[:, crossed]
    assert wrong.std() < 0.6 * true[:, crossed].std()
    assert found.line_jitter_A / PIXEL_A == pytest.approx(0.7, rel=0.3)
    assert np.all(none.line_A == 0)
    assert errors_px(with_lines, truth)[1] < errors_px(without, truth)[1]


def test_still_lines_are_left_nearly_alone():
    frames, _, _, truth = series(5, dose=1000.0)
    with_lines, found = sum_frames(frames)
    assert found.line_A.std() < 0.12 * PIXEL_A
    without = sum_frames(frames, lines=False)[0]
    assert errors_px(with_lines, truth)[1] < 1.1 * errors_px(without, truth)[1]


def test_a_frame_is_led_on_by_the_drift_before_it():
    """One pitch per frame would be no step at all; the drift says where to look."""
    frames, shifts, _, _ = series(6, dose=400.0, drift_A=(0.0, 1.0))
    assert np.abs(sum_frames(frames)[1].shift_A - shifts).max() < 0.15 * PIXEL_A


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frames: frames[:1], "1 frame to register; expected two or more"),
        (lambda frames: [frames[0], replace(frames[1], image=frames[1].image[1:])], "frame 1 has"),
        (lambda frames: [frames[0], replace(frames[1], pixel_size_A=0.2)], "pixels of 0.2 Å"),
        (lambda frames: [frames[0], replace(frames[1], image=0 * frames[1].image)], "1 of 2 is bl"),
    ],
)
def test_what_is_no_series_is_refused(change, message):
    frames = series(2, dose=100.0)[0]
    with pytest.raises(ReadError, match=message):
        sum_frames(change(frames))


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan])
def test_a_step_that_is_none_is_refused(step):
    with pytest.raises(ReadError, match="max_step_A is"):
        sum_frames(series(2, dose=100.0)[0], max_step_A=step)


def test_lines_are_put_back_at_shifts_of_part_of_a_pixel():
    """Each line has its own displacement: half way between two there is no pixel."""
    y, x = np.indices(SHAPE).astype(float)
    scene = np.cos(x / 2.5) * np.cos(y / 4)
    lines = np.random.default_rng(3).normal(0, 0.7, SHAPE[0])
    displaced = np.cos((x - lines[:, None]) / 2.5) * np.cos(y / 4)
    moved = np.cos(x / 2.5) * np.cos((y - 0.5) / 4)
    recorded = np.cos((x - lines[:, None]) / 2.5) * np.cos((y - 0.5) / 4)
    back = aligned(np.stack([recorded]), np.array([[0.5, 0.0]]), lines[None])[0]
    middle = (slice(8, -8), slice(8, -8))
    assert np.abs((back - scene)[middle]).max() < 0.01 < np.abs((displaced - moved)[middle]).max()


def test_frames_that_hardly_overlap_are_refused():
    shifts = np.array([[0.0, 0.0], [0.0, 160.0]])
    with pytest.raises(ReadError, match="overlap by 280 × 140 of 280 × 300 pixels"):
        common_part(shifts, np.zeros((2, SHAPE[0])), SHAPE)


def test_every_frame_of_a_file_is_read(tmp_path):
    stack = np.random.default_rng(0).normal(size=(3, 20, 30))
    np.save(tmp_path / "stack.npy", stack)
    np.save(tmp_path / "one.npy", stack[0])
    frames = read_series(tmp_path / "stack.npy", pixel_size_A=0.2)
    assert len(frames) == 3
    np.testing.assert_allclose(frames[2].image, stack[2], rtol=1e-6)
    assert any("frame 2 of 3" in note for note in frames[2].history)
    assert len(read_series(tmp_path / "one.npy", pixel_size_A=0.2)) == 1
