"""The scripts behind the studies in the documentation, on cases with a known answer."""

import numpy as np
import pytest


@pytest.fixture
def scripts(repository, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(repository / "benchmarks")
    import convergence
    import degenerate_pairs
    import interaction_range
    import studies

    monkeypatch.setattr(studies, "CACHE", tmp_path)
    return {
        "studies": studies,
        "range": interaction_range,
        "convergence": convergence,
        "pairs": degenerate_pairs,
    }


def test_all_stackings_of_one_comparison_are_equally_high(scripts):
    words = [getattr(scripts["range"], name) for name in ("O3", "GLIDED", "FLIPPED", "CHUNK")]
    extents = [scripts["studies"].crystal(word).extent_A for word in words]
    assert np.ptp(extents, axis=0).max() < 1e-9


def test_only_the_glided_slab_and_its_guests_move(scripts):
    study, tools = scripts["range"], scripts["studies"]
    o3, other = tools.crystal(study.O3), tools.crystal(study.GLIDED)
    moved = np.unique(np.round(study.moved_y_A(other, o3), 2))
    slab = tools.metal_y_A(o3, 4)
    assert np.abs(moved - slab).max() < 2.5
    probe = np.array([[0.0, tools.metal_y_A(o3, 0)]])
    assert study.distances_A(probe, other, o3) == pytest.approx([study.TOP_A], abs=0.05)


@pytest.mark.parametrize("upper", "+0-")
@pytest.mark.parametrize("lower", "+0-")
def test_neighbours_change_alone(scripts, upper, lower):
    study, tools = scripts["range"], scripts["studies"]
    cell = tools.crystal(study.rigid(upper, lower))
    o3 = tools.crystal(study.rigid("+", "+"))
    assert cell.extent_A == pytest.approx(o3.extent_A)
    for slab in (0, 3):
        assert tools.metal_x_A(cell, slab) == pytest.approx(tools.metal_x_A(o3, slab))


def test_shared_atoms_vibrate_alike(scripts):
    study, tools = scripts["range"], scripts["studies"]
    o3, other = tools.crystal(study.SIX), tools.crystal(study.FAR)
    grid = tools.make_grid(o3, repeats=(1, 1), gpts=(16, 16), slices_per_period=2, thickness_A=6.0)
    partner = study.partners(other, o3)
    mine = study.common_displacements_A(other, o3, grid, 0).reshape(-1, len(o3), 3)
    theirs = study.common_displacements_A(o3, o3, grid, 0).reshape(-1, len(o3), 3)
    shared = partner >= 0
    assert 0.3 < shared.mean() < 0.9
    np.testing.assert_array_equal(mine[:, shared], theirs[:, partner[shared]])
    assert len(np.unique(mine)) == mine.size


def test_signals_are_kept_and_differ_with_the_crystal(scripts):
    tools = scripts["studies"]
    microscope = tools.four_detectors(outer_mrad=70.0)
    found = []
    for word in ("R+ R+ R+", "R0 R0 R0", "R+ R+ R+"):
        cell = tools.crystal(word)
        grid = tools.make_grid(
            cell, repeats=(2, 1), gpts=(112, 162), slices_per_period=2, thickness_A=9.0
        )
        here = tools.unit_cell_probes(cell, 1, 2, rng=1)
        found.append(tools.signals(cell, grid, here, microscope, (3.0, 9.0)))
    assert found[0].shape == (2, 4, 4)
    np.testing.assert_array_equal(found[0], found[2])
    assert np.abs(found[0] - found[1]).max() > 1e-3
    assert len(list(tools.CACHE.iterdir())) == 2


def test_an_atom_spread_over_slices_keeps_its_projection(scripts):
    tools = scripts["studies"]
    cell = tools.crystal("R+ R+ R+")
    grids = [
        tools.make_grid(
            cell, repeats=(1, 1), gpts=(64, 180), slices_per_period=parts, thickness_A=2.9
        )
        for parts in (2, 8)
    ]
    flat = tools.potential_of(cell, grids[0], None)
    spread = tools.slices_in_depth(cell, grids[1], None)
    assert spread.shape == (8, 64, 180)
    assert np.abs(flat.sum(0) - spread.sum(0)).max() < 1e-3 * flat.max()
    assert spread[[1, 2]].sum() > 1.5 * spread[[0, 3]].sum()


def test_bins_and_reach(scripts):
    study = scripts["range"]
    distance = np.array([0.5, 1.0, 3.0, 13.0])
    values = np.array([[3.0, -4.0, 0.2, 0.01]])
    rows = study.binned(distance, values)
    assert rows[0, 0] == pytest.approx(np.sqrt(12.5))
    assert rows[0, 1] == pytest.approx(0.2)
    assert np.isnan(rows[0, 2])
    np.testing.assert_array_equal(study.reach_A(distance, values, 0.1), [3.0])
    np.testing.assert_array_equal(study.reach_A(distance, values, 1.0), [1.0])


def test_the_phonon_error_of_pairs_is_that_of_their_means(scripts):
    """Three quarters of the power are opposite within a pair: it is worth four, not two."""
    study = scripts["convergence"]
    rng = np.random.default_rng(4)
    odd, even = rng.standard_normal((2, 32, 1, 1, 400)) * 0.1
    odd, even = odd * np.sqrt(0.75), even * np.sqrt(0.25)
    runs = np.linspace(0.0, 1.0, 400) + np.stack([even + odd, even - odd], axis=1)
    runs[1::2] += 0.5
    runs = runs.reshape(64, 1, 1, 400)
    counts = (2, 4, 8)
    single, pairs = (study.standard_errors(runs, counts, paired=one) for one in (False, True))
    np.testing.assert_allclose((single[0] / single).ravel(), np.sqrt([1.0, 2.0, 4.0]))
    np.testing.assert_allclose((single / pairs) ** 2, 2.0, rtol=0.1)


def test_pairs_share_their_metal_columns(scripts):
    tools = scripts["studies"]
    for pair in scripts["pairs"].PAIRS:
        first, second = (tools.crystal(word) for word in pair.words)
        metals = [
            np.unique(np.round(one.positions_A[one.symbols == "Ni"], 2), axis=0)
            for one in (first, second)
        ]
        np.testing.assert_allclose(*metals, atol=0.02, err_msg=pair.name)


def test_correlation_of_a_scaled_copy_is_one(scripts):
    values = np.random.default_rng(0).random((2, 3, 50))
    study = scripts["pairs"]
    np.testing.assert_allclose(study.correlations(values, 3 * values - 1), 1.0)
    assert np.abs(study.correlations(values, values[..., ::-1])).max() < 0.9
