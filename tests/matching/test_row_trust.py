"""Rows known modulo a third: weights against every reading added up, and fields that mislead."""

import itertools

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.matching import judge_cells
from stackmotif.matching import row_trust as rt
from stackmotif.matching.row_fit import RowModel
from stackmotif.matching.row_trust import trust_rows
from stackmotif.stacking.columnset import place_columns, stack_phases

DEVELOPMENT = 6100


def bends_of(n_rows):
    row = np.repeat(np.arange(n_rows), 2)
    return RowModel.of(np.tile([0.0, 1.0], n_rows), row).bends


def trusted(displacement, *, variance=1e-4):
    n = len(displacement)
    return trust_rows(np.asarray(displacement, float), np.full(n, variance), bends_of(n))


@pytest.mark.parametrize("n_rows", [3, 8, 40])
def test_rows_that_keep_step_are_taken_as_measured(n_rows):
    trust = trusted(0.03 * np.arange(n_rows))
    assert trust.weight.shape == (n_rows - 1, 3)
    np.testing.assert_allclose(trust.weight.sum(axis=1), 1.0)
    assert trust.weight[:, 1].min() > (0.99 if n_rows > 3 else 0.9)


def test_a_row_near_a_sixth_from_its_neighbours_is_open_on_both_sides():
    displacement = np.zeros(7)
    displacement[3] = 1 / 6
    weight = trusted(displacement).weight
    # The row may be a sixth to the right or to the left of the others: both gaps hang on it.
    assert weight[2, 0] == pytest.approx(weight[2, 1], rel=0.1)
    assert weight[3, 2] == pytest.approx(weight[3, 1], rel=0.1)
    assert weight[[1, 4], 1].min() > 0.9


def test_a_smooth_course_is_believed_and_the_same_steps_in_disorder_are_not():
    step = 0.15 * np.cos(2 * np.pi * np.arange(9) / 9)
    smooth = trusted(np.concatenate([[0.0], np.cumsum(step)]))
    mixed = np.random.default_rng(3).permutation(step)
    jumpy = trusted(np.concatenate([[0.0], np.cumsum(mixed)]))
    assert smooth.weight[:, 1].mean() > jumpy.weight[:, 1].mean() + 0.1


def test_a_shear_of_a_sixth_leaves_every_gap_open():
    weight = trusted(np.arange(9) / 6).weight
    np.testing.assert_allclose(weight[:, 0], weight[:, 1], rtol=0.1)


def test_turned_upside_down_or_mirrored_the_weights_turn_with_the_rows():
    rng = np.random.default_rng(8)
    displacement = 0.08 * rng.standard_normal(9)
    weight = trusted(displacement).weight
    np.testing.assert_allclose(trusted(-displacement).weight, weight[:, ::-1], atol=1e-9)
    turned = trusted(displacement[::-1]).weight
    np.testing.assert_allclose(turned, weight[::-1, ::-1], atol=1e-9)


def test_one_or_two_moves_stand_for_every_reading(monkeypatch):
    """Add up all thirds of all rows by hand, for one spread of offsets and course."""
    monkeypatch.setattr(rt, "_OFFSETS", np.array([0.06]))
    monkeypatch.setattr(rt, "_COURSES", np.array([0.05]))
    rng = np.random.default_rng(4)
    for _ in range(5):
        displacement = 0.06 * rng.standard_normal(5)
        found = trusted(displacement, variance=1e-3).weight
        np.testing.assert_allclose(found, _by_hand(displacement, 1e-3), atol=0.01)


def _by_hand(displacement, variance):
    n, bends = len(displacement), bends_of(len(displacement))
    row = np.arange(n) - (n - 1) / 2
    size = 0.05 * (2 / np.arange(2, 2 + bends.shape[1])) ** 2
    covariance = np.eye(n) * (0.06**2 + variance) + (bends * size**2) @ bends.T + 1.0
    precision = np.linalg.inv(covariance + 0.06**2 * np.outer(row, row))
    total = np.zeros((n - 1, 3))
    for steps in itertools.product((-1, 0, 1), repeat=n - 1):
        moved = displacement + np.concatenate([[0.0], np.cumsum(steps)]) / 3
        moved = moved - moved.mean()
        weight = np.exp(-0.5 * moved @ precision @ moved)
        total[np.arange(n - 1), np.array(steps) + 1] += weight
    return total / total.sum(axis=1, keepdims=True)


def judged(k, **disturbed):
    """Return the status of a small field, p of the cells that are named, and if each is right."""
    rng = np.random.default_rng(DEVELOPMENT + k)
    states = "".join(rng.choice(["+", "0", "-"], size=9, p=[0.8, 0.1, 0.1]))
    truth = place_columns(stack_phases(states, 16), rng=rng, noise_A=0.09, **disturbed)
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
