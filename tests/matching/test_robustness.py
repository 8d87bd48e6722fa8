"""Reading column sets with known stacking under every disturbance that a microscope makes."""

import numpy as np
import pytest

from stackmotif.matching import score_cells
from stackmotif.stacking.columnset import lens_field, place_columns, stack_phases

MOTIFS = {"TD(1)": 1, "TD(2)": 1, "O1_fault(1)": 1, "O1_fault(5)": 1}


@pytest.mark.parametrize("angle", [0, 7, 45, 89, 90, 91, 135, 179, -45, -89])
def test_any_rotation(make, read, angle):
    truth = make(rotation_deg=angle)
    result = read(truth)
    score = score_cells(result, truth)
    assert result.status == "ok"
    assert score.overall >= 0.999
    assert result.summary["motif_counts"] == MOTIFS
    turned = result.summary["lattice"]["rotation_deg"] - angle
    assert abs((turned + 90) % 180 - 90) < 0.05


def test_word_is_read_along_c(make, read, states):
    # States are given from the top down; a word is read from the bottom up.
    assert read(make()).word == states[::-1]


def test_upside_down_reverses_the_word_and_keeps_the_states(make, read, states):
    assert read(make(rotation_deg=180)).word == states


@pytest.mark.parametrize("mirror", [(1, -1), (-1, 1)])
def test_either_handedness(make, read, states, mirror):
    truth = make()
    mirrored = read(type(truth)(**{**vars(truth), "positions_A": truth.positions_A * mirror}))
    assert score_cells(mirrored, truth).overall >= 0.999
    assert mirrored.word in (states, states[::-1])
    assert mirrored.summary["gauge"]["flipped"] != read(truth).summary["gauge"]["flipped"]


@pytest.mark.parametrize("shear", [-4, -2, 2, 4])
def test_scan_shear_is_fitted(make, read, shear):
    truth = make(shear_deg=shear)
    result = read(truth)
    assert score_cells(result, truth).overall >= 0.999
    assert result.summary["lattice"]["shear_deg"] == pytest.approx(shear, abs=0.1)
    assert result.status == ("ok" if abs(shear) < 3.8 else "low_confidence")


@pytest.mark.parametrize(
    ("change", "floor"),
    [
        ({"curvature_A": 1.0}, 0.99),
        ({"row_jitter_A": 0.1}, 0.995),
        ({"missing": 0.2}, 0.998),
        ({"noise_A": 0.3}, 0.98),
        ({"rotation_deg": 33, "shear_deg": 2, "curvature_A": 0.5, "row_jitter_A": 0.05}, 0.99),
    ],
)
def test_other_distortions(make, read, change, floor):
    truth = make(**change)
    result = read(truth)
    assert score_cells(result, truth).overall >= floor
    assert result.summary["motif_counts"] == MOTIFS


def test_scale_does_not_matter_within_the_calibration_error(make, read, states):
    truth = make(pitch_A=2.4855 * 1.06, row_spacing_A=4.73 * 1.06)
    assert read(truth).word == states[::-1]


def test_uneven_row_spacing(make, read, states):
    truth = make(row_spacing_A=[4.47 if s == "0" else 4.80 for s in states])
    result = read(truth)
    assert result.word == states[::-1]
    spacing = {d["kind"]: d["row_spacing_A"] for d in result.domains}
    assert spacing["O1"] == pytest.approx(4.47, abs=0.03)
    assert spacing["O3"] == pytest.approx(4.80, abs=0.03)


def test_a_strip_without_columns(make, read):
    truth = make()
    truth = truth.keep(~((truth.slot > 20) & (truth.slot < 32)))
    result = read(truth)
    assert score_cells(result, truth).overall >= 0.999
    assert result.summary["motif_counts"] == MOTIFS


def test_a_missing_row_keeps_its_integer(make, read):
    truth = make()
    truth = truth.keep(truth.row != 24)
    result = read(truth)
    assert score_cells(result, truth).overall >= 0.999
    assert result.summary["n_rows"] == 49


def test_an_amorphous_edge_does_not_spread(make, read):
    truth = make()
    low, high = truth.positions_A.min(axis=0), truth.positions_A.max(axis=0)
    rng = np.random.default_rng(12)
    height = high[0] - low[0]
    edge = np.stack([low[0] + rng.random(800) * height, high[1] + 40 * rng.random(800)], axis=1)
    result = read(truth.with_false(edge))
    assert score_cells(result, truth.with_false(edge)).overall >= 0.98
    beyond = result.columns["x_A"] > high[1] + 3
    assert (result.columns["label"][beyond] == "other").mean() > 0.9


def test_another_grain_is_left_out(make, read, states):
    left, right = make(), make("+" * 40, rotation_deg=15, rng=13)
    kept = left.keep(left.positions_A[:, 1] < 80)
    others = right.positions_A[right.positions_A[:, 1] > 82]
    result = read(kept.with_false(others))
    assert result.status == "low_confidence"
    assert result.word == states[::-1]
    beyond = result.columns["label"][len(kept.positions_A) :]
    assert np.isin(beyond, ["other", "unresolved"]).mean() > 0.95


def test_order_of_the_columns_does_not_matter(make, read):
    truth = make()
    order = np.random.default_rng(14).permutation(len(truth.positions_A))
    shuffled = type(truth)(
        **{
            **vars(truth),
            "positions_A": truth.positions_A[order],
            "row": truth.row[order],
            "slot": truth.slot[order],
        }
    )
    first, second = read(truth).columns, read(shuffled).columns
    for name in ("row", "slot", "label", "motif"):
        np.testing.assert_array_equal(first[name][order], second[name])


def test_closed_lenses():
    import stackmotif as sm

    truth = place_columns(
        lens_field(rng=15, n_rows=80, n_slots=120, n_lenses=8),
        rng=16,
        noise_A=0.2,
        missing=0.1,
        false=0.02,
        rotation_deg=3,
        shear_deg=1,
    )
    result = sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=0.2))
    score = score_cells(result, truth)
    assert score.overall >= 0.997
    assert score.outside_o3 >= 0.97


@pytest.mark.parametrize(
    ("n_gaps", "n_slots", "curvature_A"),
    [(20, 30, 0.4), (20, 30, 0.6), (28, 60, 1.0), (49, 60, 2.0)],
)
def test_slow_curvature_in_small_fields(read, n_gaps, n_slots, curvature_A):
    for rng in range(4):
        states = "".join(np.random.default_rng(rng).choice(list("+++0-"), n_gaps))
        truth = place_columns(
            stack_phases(states, n_slots), rng=rng, noise_A=0.1, curvature_A=curvature_A
        )
        assert score_cells(read(truth), truth).reported >= 0.999


@pytest.mark.parametrize("rng", range(6))
def test_false_columns_do_not_merge_rows(read, rng):
    states = "".join(np.random.default_rng(rng).choice(list("+++0-"), 20))
    truth = place_columns(stack_phases(states, 30), rng=rng, noise_A=0.15, false=0.2)
    result = read(truth, sigma_A=0.15)
    real = truth.row >= 0
    offset = result.columns["row"][real] - truth.row[real]
    assert (offset == np.bincount(offset + 50).argmax() - 50).mean() > 0.97


def test_one_column_far_away_costs_nothing(make, read, states):
    truth = make().with_false(np.array([[1e7, 1e7]]))
    assert read(truth).word == states[::-1]


def test_columns_strewn_over_a_huge_area_fail(make, read):
    truth = make()
    far = truth.positions_A + 1e7
    result = read(truth.with_false(far))
    assert result.status == "failed"
