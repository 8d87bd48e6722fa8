"""What cannot be known is not made up."""

import dataclasses

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.matching import score_cells
from stackmotif.stacking.columnset import place_columns, stack_phases


def lattice(pitch_A, row_spacing_A, step_thirds):
    phases = np.repeat((np.arange(30) * step_thirds % 3.0)[:, None], 50, axis=1)
    truth = place_columns(
        phases, rng=1, noise_A=0.05, pitch_A=pitch_A, row_spacing_A=row_spacing_A, rotation_deg=10
    )
    return sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=0.05))


@pytest.mark.parametrize(
    ("pitch_A", "row_spacing_A", "step", "reason"),
    [
        (2.761, 3.905, 0.0, "fit no layered oxide"),  # SrTiO3 [110], Sr columns
        (3.967, 3.742, 1.0, "fit no layered oxide"),  # CdTe [110]
        (2.554, 2.408, 2.0, "fit no layered oxide"),  # NiO [110]
        (1.436, 4.73, 0.0, "<10-10> zone axis"),
        (2.487, 9.46, 1.0, "every second row"),
        (3.00, 5.70, 1.0, "check the pixel size"),  # O3 with a pixel size 20 % too large
    ],
)
def test_other_crystals_fail_with_the_reason(pitch_A, row_spacing_A, step, reason):
    result = lattice(pitch_A, row_spacing_A, step)
    assert result.status == "failed"
    assert reason in " ".join(result.summary["reasons"])
    assert result.word == ""
    assert set(result.columns["label"]) <= {"other", "rocksalt"}
    assert (result.columns["label"] == "rocksalt").any() == (row_spacing_A == 2.408)


@pytest.mark.parametrize("n", [0, 5, 100, 2000])
def test_random_points_fail(n):
    points = np.random.default_rng(n).random((n, 2)) * np.sqrt(11.7 * max(n, 1))
    result = sm.identify(sm.Columns.from_positions(points, sigma_A=0.1))
    assert result.status == "failed"
    assert result.summary["reasons"]
    assert len(result.shifts) == 0


def test_points_that_keep_their_distance_fail():
    rng = np.random.default_rng(3)
    points = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0)), axis=-1).reshape(-1, 2) * 2.9
    points += rng.uniform(-1.2, 1.2, points.shape)
    result = sm.identify(sm.Columns.from_positions(points, sigma_A=0.1))
    assert result.status == "failed"


def test_half_shifts_are_not_read_as_thirds(read):
    phases = np.repeat((np.arange(40) % 2 * 1.5)[:, None], 60, axis=1)
    result = read(place_columns(phases, rng=1, noise_A=0.1))
    assert result.status == "low_confidence"
    assert result.summary["fractions"]["x"] > 0.95
    assert set(result.word) == {"x"}


def test_one_half_shift_in_o3_is_unknown(read):
    phases = stack_phases("+" * 40, 60)
    phases[20:] += 1.5
    result = read(place_columns(phases, rng=1, noise_A=0.1))
    assert result.word == "+" * 20 + "x" + "+" * 19 or result.word == "+" * 19 + "x" + "+" * 20
    assert result.summary["fractions"]["x"] == pytest.approx(1 / 40, abs=0.003)


@pytest.mark.parametrize(
    "steps",
    [
        dict.fromkeys((8, 12, 16, 20), 0.4),
        {6: 1.5, 10: -1.5, 14: 1.5, 18: -1.5, 22: 1.5},
        dict.fromkeys((10, 12, 14, 20, 22), 1.5),
    ],
)
def test_repeated_fractional_steps_are_unknown(read, steps):
    phases = stack_phases("+" * 30, 60)
    for row, thirds in steps.items():
        phases[row:] += thirds
    word = read(place_columns(phases, rng=3, noise_A=0.1)).word[::-1]
    assert {k for k, state in enumerate(word) if state == "x"} == {row - 1 for row in steps}
    assert set(word) == {"+", "x"}


def test_errors_of_shifts_follow_their_columns(make):
    truth = make(missing=0.0, false=0.0)
    n = len(truth.positions_A)
    covariances = np.tile(np.eye(2) * 0.01, (n, 1, 1))
    covariances[truth.row == 5] *= 16.0
    plain = sm.Columns.from_positions(truth.positions_A, sigma_A=0.1)
    result = sm.identify(dataclasses.replace(plain, covariances_A2=covariances))
    sigma = result.shifts["sigma"]
    beside = np.isin(result.shifts["gap"], (4, 5))
    assert np.median(sigma[beside]) > 2.0 * np.median(sigma[~beside])


def test_errors_of_shifts_cover_their_scatter(make, read):
    cells = read(make(row_jitter_A=0.05, curvature_A=0.5)).shifts
    third = {"+": 1 / 3, "0": 0.0, "-": -1 / 3}
    known = cells["state"] != "x"
    ideal = np.array([third[s] for s in cells["state"][known]])
    pull = (cells["shift"][known] - ideal) / cells["sigma"][known]
    assert np.median(np.abs(pull)) * 1.4826 == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("states", "other"),
    [("+-" * 12, "O2"), ("++--" * 6, "O4"), ("+0-0" * 6, "OP4"), ("+0" * 12, "H1-3")],
)
def test_periodic_stackings_name_what_they_may_be(make, read, states, other):
    found = read(make(states)).summary["degenerate"]
    assert other in [member for entry in found for member in entry["same_projection"]]


def test_large_row_offsets_lower_the_confidence(make, read):
    result = read(make(row_jitter_A=0.25))
    assert result.status == "low_confidence"
    assert "offset at random" in " ".join(result.summary["reasons"])


@pytest.mark.parametrize("x", ["image.tif", None, np.zeros((5, 5))])
def test_what_is_no_image_is_refused(x):
    with pytest.raises(sm.StackmotifError, match="expected a Micrograph or Columns"):
        sm.identify(x)


@pytest.mark.parametrize("zone", ["1-10", "210", "120"])
def test_blind_zone_axes_are_refused(make, zone):
    columns = sm.Columns.from_positions(make().positions_A, sigma_A=0.1)
    with pytest.raises(sm.StackmotifError, match="every stacking projects to zero shift"):
        sm.identify(columns, zone=zone)


def test_unknown_zone_axis_is_refused(make):
    columns = sm.Columns.from_positions(make().positions_A, sigma_A=0.1)
    with pytest.raises(sm.StackmotifError, match="zone axis is '001'"):
        sm.identify(columns, zone="001")


def test_posteriors_are_calibrated(make, read):
    # Of the cells read with a probability near p, a share near p must be right.
    truth = make("+" * 30 + "0" * 30 + "+" * 30, n_slots=80, noise_A=0.42, missing=0.0, false=0.0)
    result = read(truth, sigma_A=0.42)
    cells = result.shifts
    p = np.max([cells["p_plus"], cells["p_zero"], cells["p_minus"]], axis=0)
    assert p.mean() == pytest.approx(score_cells(result, truth).reported, abs=0.015)


def test_what_the_metal_cannot_tell_is_said(make, read):
    result = read(make())
    kinds = {entry["kind"] for entry in result.summary["degenerate"]}
    assert {"O3", "O1", "TD"} <= kinds
    assert all("oxygen" in entry["decides"] for entry in result.summary["degenerate"])
    assert set(result.shifts["kind"]) == {"?"}
    assert set(result.columns["tilt"]) == {"?"}
