"""Rows known modulo a third: weights against every reading added up, and fields that mislead."""

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.matching import judge_cells
from stackmotif.matching.row_fit import RowModel
from stackmotif.matching.row_trust import trust_rows
from stackmotif.stacking.columnset import place_columns, stack_phases

DEVELOPMENT = 6100


def bends_of(n_rows):
    row = np.repeat(np.arange(n_rows), 2)
    return RowModel.of(np.tile([0.0, 1.0], n_rows), row).bends


def trusted(displacement, *, course=None):
    """Weigh rows on a ``course`` (n_rows,), by default the straight one from first to last."""
    n = len(displacement)
    if course is None:
        course = np.linspace(displacement[0], displacement[-1], n)
    return trust_rows(np.asarray(displacement, float), np.full(n, 1e-4), course, bends_of(n))


@pytest.mark.parametrize("n_rows", [3, 8, 40])
def test_rows_that_keep_step_are_taken_as_measured(n_rows):
    trust = trusted(0.03 * np.arange(n_rows))
    assert trust.weight.shape == (n_rows - 1, 4)
    np.testing.assert_allclose(trust.weight.sum(axis=1), 1.0)
    assert trust.weight[:, 1].min() > (0.99 if n_rows > 3 else 0.95)


def test_a_smooth_course_is_believed_and_the_same_steps_in_disorder_are_not():
    step = 0.15 * np.cos(2 * np.pi * np.arange(9) / 9)
    course = np.concatenate([[0.0], np.cumsum(step)])
    smooth = trusted(course, course=course)
    mixed = np.random.default_rng(3).permutation(step)
    jumpy = trusted(np.concatenate([[0.0], np.cumsum(mixed)]))
    assert smooth.weight[:, 1].min() > 0.9
    assert smooth.weight[:, 1].mean() > jumpy.weight[:, 1].mean() + 0.1


def test_a_shear_of_a_sixth_leaves_every_gap_open():
    weight = trusted(np.arange(9) / 6).weight
    np.testing.assert_allclose(weight[:, 0], weight[:, 1], rtol=0.1)


def test_a_step_that_is_no_third_is_told_and_its_neighbours_stay():
    weight = trusted(np.repeat([0.0, 1 / 6], [7, 7]), course=np.zeros(14)).weight
    assert weight[6, 3] > 0.5
    assert weight[6, :3].max() < 0.25
    assert np.delete(weight[:, 1], 6).min() > 0.98


def judged(k, shape=(10, 16), **disturbed):
    """Return the status of a small field, p of the cells that are named, and if each is right."""
    rng = np.random.default_rng(DEVELOPMENT + k)
    states = "".join(rng.choice(["+", "0", "-"], size=shape[0] - 1, p=[0.8, 0.1, 0.1]))
    truth = place_columns(stack_phases(states, shape[1]), rng=rng, noise_A=0.09, **disturbed)
    read = sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=0.09))
    real, thirds = judge_cells(read, truth)
    p = np.stack([read.shifts[name] for name in ("p_minus", "p_zero", "p_plus")], axis=1)
    named = (read.shifts["state"] != "x") & real
    return read.status, p.max(axis=1)[named], (p.argmax(axis=1) - 1 == thirds)[named]


@pytest.mark.parametrize("curvature_A", [0.3, 0.6])
def test_small_curved_fields_are_read(curvature_A):
    for k in range(12):
        status, p, right = judged(k, curvature_A=curvature_A)
        assert right.all()
        assert len(p) > 100
        assert status == ("ok" if curvature_A < 0.5 else "low_confidence")


def test_a_curve_that_rows_cannot_tell_from_a_stacking_is_no_sure_answer():
    for k in range(12):
        status, p, _ = judged(k, curvature_A=1.0)
        assert status == "low_confidence"
        assert p.max() < 0.99


def test_probabilities_hold_where_rows_are_displaced_at_random():
    """Displacements of 0.02 to 0.25 Å, evenly in the logarithm."""
    found = [judged(k, row_jitter_A=float(0.02 * 12.5 ** (k / 59))) for k in range(60)]
    p, right = (np.concatenate([one[n] for one in found]) for n in (1, 2))
    sure = p >= 0.99
    assert sure.mean() > 0.5
    assert np.mean(~right[sure]) < 0.01
    assert p.mean() - right.mean() < 0.03


def test_small_straight_fields_stay_sure():
    for k in range(6):
        status, p, right = judged(k)
        assert status == "ok"
        assert right.all()
        assert np.mean(p >= 0.99) > 0.95


@pytest.mark.parametrize(
    ("shape", "curvature_A", "shear_deg"), [((48, 38), 2.0, 0.0), ((28, 38), 2.0, 1.0)]
)
def test_many_short_rows_that_bend_strongly_are_read(shape, curvature_A, shear_deg):
    for k in range(3):
        _, p, right = judged(k, shape=shape, curvature_A=curvature_A, shear_deg=shear_deg)
        assert right.all()
        assert len(p) > 900


def test_a_half_step_of_the_rows_is_not_named():
    for k in range(12):
        rng = np.random.default_rng(DEVELOPMENT + k)
        phases = stack_phases("+" * 9, 16)
        phases[5:] += 1.5
        truth = place_columns(phases, rng=rng, noise_A=0.09)
        read = sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=0.09))
        halfway = read.shifts["gap"] == 4
        assert halfway.sum() >= 14
        assert np.all(read.shifts["state"][halfway] == "x")
        assert np.mean(read.shifts["state"][~halfway] == "x") < 0.1
