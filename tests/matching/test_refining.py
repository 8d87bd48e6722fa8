"""Short rows with walls: pitch and scatter come out as they are, from a wrong first guess too."""

import itertools

import numpy as np
import pytest

from stackmotif.columns import Columns
from stackmotif.matching.blends import blended_columns
from stackmotif.matching.decode import ChainSettings, class_posterior, decode_rows
from stackmotif.matching.displacement import measure_phases
from stackmotif.matching.lattice import index_columns
from stackmotif.matching.refining import refine_phases
from stackmotif.stacking.columnset import place_columns, stack_phases
from stackmotif.stacking.wallset import PlantedWall, add_wall

DEVELOPMENT = 5100
PITCH_A = 2.434
N_SLOTS = 17


def short_rows(seed, *, noise_A=0.09, length=4):
    """Eight rows of sixteen columns; five of them have an abrupt wall and a continuous one."""
    rng = np.random.default_rng(seed)
    phases = stack_phases("+" * 7, N_SLOTS)
    for row in (1, 2, 4, 5, 6):
        jump = int(rng.integers(1, 3))
        add_wall(phases, PlantedWall(row, 4, jump, 1, row))
        add_wall(phases, PlantedWall(row, 9, -jump, length, row))
    return place_columns(phases, pitch_A=PITCH_A, rng=rng, noise_A=noise_A)


def measured(truth, *, first_guess_A):
    u, row = truth.positions_A[:, 1], truth.row
    before = measure_phases(u, row, pitch_A=first_guess_A)
    sigma = np.full(len(u), np.hypot(before.sigma, 0.025))
    after = refine_phases(before, u, row, sigma, pitch_A=first_guess_A)
    assert sum(one.weight for one in after) == pytest.approx(1.0)
    return before, after[0].phases


@pytest.mark.parametrize("error", [-0.04, 0.0, 0.03])
def test_the_pitch_of_short_rows_is_not_bent_by_their_walls(error):
    wrong = []
    for seed in range(DEVELOPMENT, DEVELOPMENT + 20):
        pair = measured(short_rows(seed), first_guess_A=PITCH_A * (1 + error))
        wrong.append([abs(one.pitch_A / PITCH_A - 1) for one in pair])
    before, after = np.array(wrong).max(axis=0)
    assert after < 0.003
    assert before > 2 * after


def test_long_rows_are_left_as_they_were():
    truth = place_columns(stack_phases("+" * 9, 60), pitch_A=PITCH_A, rng=1, noise_A=0.05)
    before, after = measured(truth, first_guess_A=PITCH_A)
    assert after is before


def test_the_scatter_of_columns_is_theirs_and_not_that_of_walls():
    claimed = []
    for seed in range(DEVELOPMENT, DEVELOPMENT + 20):
        truth = short_rows(seed)
        known = Columns.from_positions(truth.positions_A, sigma_A=0.09)
        lattice = index_columns(known.positions_A, known.covariances_A2)
        claimed.append(float(np.median(lattice.sigma)) * PITCH_A)
    assert np.mean(claimed) == pytest.approx(0.09, rel=0.08)


def test_the_evidence_is_the_sum_over_all_classes():
    rng = np.random.default_rng(5)
    phase = np.arange(4) + np.array([0.02, -0.01, 0.3, 0.36])
    sigma, row = 0.05 + 0.02 * rng.random(4), np.zeros(4, dtype=np.int64)
    posterior, evidence = class_posterior(phase, sigma, row)
    total, share = _by_hand(phase, sigma, ChainSettings())
    assert evidence == pytest.approx(np.log(total), abs=1e-9)
    np.testing.assert_allclose(posterior, share, atol=1e-12)
    np.testing.assert_allclose(posterior, decode_rows(phase, sigma, row).probability)


def _by_hand(phase, sigma, settings):
    """Add up every path of a chain of four classes."""
    apart = phase[:, None] - np.array([-1, 0, 1]) / 3
    apart -= np.rint(apart)
    bell = np.exp(-0.5 * (apart / sigma[:, None]) ** 2) / np.sqrt(2 * np.pi) / sigma[:, None]
    density = np.ones((len(phase), 4))
    density[:, :3] = (1 - settings.outlier) * bell + settings.outlier
    step = np.full((4, 4), np.exp(-settings.jump_nats))
    step[:3, 3], step[3, :3] = np.exp(-settings.unknown_nats), np.exp(-settings.known_nats)
    step[np.arange(4), np.arange(4)] = 0.0
    step[np.arange(4), np.arange(4)] = 1 - step.sum(axis=1)
    start = np.array([1, 1, 1, np.exp(settings.known_nats - settings.unknown_nats)])
    start /= start.sum()
    total, share = 0.0, np.zeros((len(phase), 4))
    for path in itertools.product(range(4), repeat=len(phase)):
        weight = start[path[0]] * np.prod([density[k, c] for k, c in enumerate(path)])
        weight *= np.prod([step[a, b] for a, b in itertools.pairwise(path)])
        total += weight
        share[np.arange(len(phase)), path] += weight
    return total, share / total


def test_the_windows_of_a_small_field_are_too_few_to_show_a_blend():
    truth = short_rows(DEVELOPMENT)
    known = Columns.from_positions(truth.positions_A, sigma_A=0.09)
    lattice = index_columns(known.positions_A, known.covariances_A2)
    flagged = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        ellipticity = 1.0 + 0.15 * np.abs(rng.standard_normal(len(lattice.row)))
        width = 0.55 * (1.0 + 0.1 * rng.standard_normal(len(lattice.row)))
        flagged += blended_columns(lattice, ellipticity, width).any()
    assert flagged <= 4


def test_a_column_of_no_class_gives_way_to_one_that_has_one():
    """A squeezed wall has a column more than slots; those that have finished keep theirs."""
    missed = total = 0
    for seed in range(DEVELOPMENT, DEVELOPMENT + 10):
        phases = stack_phases("+" * 7, N_SLOTS)
        for row in (1, 3, 5):
            add_wall(phases, PlantedWall(row, 6, -2, 4, row))
        truth = place_columns(phases, pitch_A=PITCH_A, rng=seed, noise_A=0.05)
        lattice = index_columns(truth.positions_A, np.full((len(truth.row), 2, 2), 0.05**2))
        ends = np.isin(truth.row, (1, 3, 5)) & np.isin(truth.slot, (5, 6, 10, 11))
        missed += int((~np.isin(np.flatnonzero(ends), lattice.member)).sum())
        total += int(ends.sum())
    assert total == 120
    assert missed == 0
