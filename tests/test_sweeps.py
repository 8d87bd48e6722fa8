"""The readers that stackmotif is set beside are no straw men, and all are counted alike."""

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.matching import match_columns, score_cells

SEED = 9100
"""A development seed; reporting seeds are in benchmarks/sweeps.py."""


@pytest.fixture
def sweeps(repository, monkeypatch):
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import sweeps

    return sweeps


def templates(sweeps):
    return {
        name: sweeps.patches(
            sweeps.prepared(sweeps.THICKNESS_A, sweeps.DETECTOR),
            sweeps.grid(),
            half_width=half_width,
            pixel_size_A=sweeps.PIXEL_A,
            blur_sigma_A=sweeps.blur_of(0.0),
        )
        for name, half_width in sweeps.TEMPLATES.items()
    }


def test_every_method_reads_an_image_that_has_hardly_any_noise(sweeps):
    pixels, truth = sweeps.image_of(SEED, extra_A=0.0)
    image = sweeps.noisy(pixels, dose=1e5, rng=SEED)
    told, thirds = sweeps.read_all(image, truth, templates(sweeps))
    for states in told.values():
        counts = sweeps.outcomes(states, thirds)[None]
        assert counts[:, 1].sum() > 100
        assert sweeps.shares(counts, "outside O3")[0] > 0.95


def test_stackmotif_counts_as_in_the_scores_of_the_other_pages(sweeps, monkeypatch):
    monkeypatch.setattr(sweeps, "MARGIN_A", -1e3)
    pixels, truth = sweeps.image_of(SEED, extra_A=0.0)
    image = sweeps.noisy(pixels, dose=300.0, rng=SEED)
    told, thirds = sweeps.read_all(image, truth, {})
    result = sm.identify(image, network="off", templates="off")
    score = score_cells(result, match_columns(result, truth, within_A=sweeps.MATCHED_A))
    right = sweeps.outcomes(told["stackmotif"], thirds)[:2, 0]
    assert right.sum() == round(score.overall * score.n_cells)
    assert right[1] == round(score.outside_o3 * score.n_outside)
    columns = sm.find_columns(image, network="off")
    np.testing.assert_array_equal(columns.positions_A[:, 0], result.columns["y_A"])


def test_a_crossing_lies_between_the_points_around_it(sweeps):
    assert sweeps.crossing([3.0, 2.0, 1.0], [1.0, 0.97, 0.93]) == pytest.approx(1.5)
    assert np.isnan(sweeps.crossing([3.0, 2.0], [0.9, 0.99]))
    assert np.isinf(sweeps.crossing([3.0, 2.0], [0.99, 0.96]))


def test_environments_are_recognised_turned_and_scaled_and_others_are_not(sweeps):
    from simple_readers import UNREAD, Grid, by_environment

    from stackmotif.stacking.columnset import place_columns, stack_phases

    truth = place_columns(stack_phases("++0--+0", 12), rng=1, noise_A=0.0, rotation_deg=2.0)
    positions = truth.positions_A * 1.05
    grid = Grid(truth.pitch_A, 4.73)
    told = by_environment(positions, grid)
    inner = (truth.row < 7) & (truth.slot > 1) & (truth.slot < 10)
    assert (told[inner] == truth.thirds[truth.row[inner], truth.slot[inner]]).all()
    scattered = np.random.default_rng(2).uniform(0, 40, size=(80, 2))
    assert (by_environment(scattered, grid) == UNREAD).mean() > 0.5
