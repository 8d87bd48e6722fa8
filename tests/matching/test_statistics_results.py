"""Statistics of readings: extents, densities, chunks, and what must not change them."""

import json

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.matching import stacking_statistics
from stackmotif.matching.statistics import (
    FieldRecord,
    field_record,
    measure_chunks,
    motif_extents,
    pooled_statistics,
)
from stackmotif.stacking.columnset import add_lens, place_columns, stack_phases

PITCH_A = 2.4855


def read_points(positions_A, noise_A=0.1):
    return sm.identify(sm.Columns.from_positions(positions_A, sigma_A=noise_A))


@pytest.fixture(scope="module")
def lens():
    """Three O1 gaps from slot 20 to 38, and a TD(1) over the whole width, turned and sheared."""
    phases = stack_phases("+" * 14 + "-" + "+" * 9, 60)
    add_lens(phases, gap=5, start=20, stop=38, states="000")
    return place_columns(
        phases, rng=31, noise_A=0.1, missing=0.05, rotation_deg=7.0, shear_deg=1.0, curvature_A=0.3
    )


@pytest.fixture(scope="module")
def mixed(make):
    rng = np.random.default_rng(77)
    states = "".join(rng.choice(list("+0-"), size=40, p=(0.7, 0.25, 0.05)))
    return states, make(states, n_slots=30, noise_A=0.15, shear_deg=1.0, curvature_A=0.5)


def test_lateral_ends_are_where_they_are(lens):
    found = motif_extents(read_points(lens.positions_A))
    by_name = {str(line["motif"]): line for line in found}
    assert set(by_name) == {"O1_fault(3)", "TD(1)"}
    fault, td = by_name["O1_fault(3)"], by_name["TD(1)"]
    assert (fault["gap"], fault["n_gaps"]) == (5, 3)
    assert (fault["left_end"], fault["right_end"]) == ("inside", "inside")
    assert fault["extent_A"] == pytest.approx(18 * PITCH_A, abs=1.5 * PITCH_A)
    assert (td["gap"], td["left_end"], td["right_end"]) == (14, "edge", "edge")
    assert td["extent_A"] == pytest.approx(60 * PITCH_A, abs=2 * PITCH_A)
    # The ends stand at the true columns: the leftmost and rightmost that lie in the lens.
    for row, slot, end in ((6, 20, "left"), (6, 37, "right")):
        near = np.flatnonzero((np.abs(lens.row - row) <= 1) & (np.abs(lens.slot - slot) <= 1))
        point = (fault[f"{end}_y_A"], fault[f"{end}_x_A"])
        assert np.min(np.hypot(*(lens.positions_A[near] - point).T)) < 1.5 * 4.73


def test_unread_cells_cut_a_motif(make, read):
    truth = make("+" * 6 + "0" + "+" * 6, n_slots=60, missing=0.0, false=0.0)
    hole = (truth.slot >= 40) & (np.abs(truth.row - 6.5) < 3)
    rng = np.random.default_rng(5)
    points = truth.positions_A.copy()
    points[hole] += rng.uniform(-0.8, 0.8, size=(int(hole.sum()), 2))
    found = motif_extents(read_points(points))
    faults = found[found["motif"] == "O1_fault(1)"]
    assert len(faults)
    widest = faults[np.argmax(faults["extent_A"])]
    assert widest["left_end"] == "edge"
    assert widest["right_end"] in ("unknown", "inside")
    assert widest["extent_A"] < 50 * PITCH_A


def test_densities_are_counts_over_sizes(read, make, states):
    r = read(make())
    found = stacking_statistics(r)
    lines = {str(line["motif"]): line for line in found.densities}
    assert lines["TD (all)"]["n"] == 2
    assert lines["O1_fault(1)"]["n"] == 1
    assert found.length_nm == pytest.approx(len(states) * 0.473, rel=0.02)
    assert found.area_nm2 == pytest.approx(len(states) * 0.473 * 60 * 0.24855, rel=0.04)
    td = lines["TD (all)"]
    assert td["per_nm"] == pytest.approx(2 / found.length_nm, rel=0.03)
    assert td["per_nm2_low"] < td["per_nm2"] < td["per_nm2_high"]
    assert td["n_cut"] == 2


@pytest.mark.parametrize("turn", ["upside down", "mirrored", "quarter"])
def test_turned_and_mirrored_images_say_the_same(mixed, turn):
    _, truth = mixed
    points = truth.positions_A
    moved = {
        "upside down": points * [-1, -1],
        "mirrored": points * [1, -1],
        "quarter": points[:, ::-1] * [1, -1],
    }[turn]
    one, two = (stacking_statistics(read_points(p, 0.15)) for p in (points, moved))
    assert one.n_gaps == two.n_gaps
    assert np.allclose(one.fractions, two.fractions, atol=0.005)
    assert one.p_value == pytest.approx(two.p_value, abs=0.05)
    assert np.allclose(one.run_lengths["observed"], two.run_lengths["observed"])
    assert np.allclose(
        one.pair_correlation["observed"], two.pair_correlation["observed"], rtol=0.02, atol=1e-3
    )
    assert one.densities["n"].tolist() == two.densities["n"].tolist()
    assert np.allclose(one.densities["per_nm"], two.densities["per_nm"], rtol=0.03)


def test_a_reading_says_what_its_states_say(mixed):
    states, truth = mixed
    r = read_points(truth.positions_A, 0.15)
    read, true = stacking_statistics(r), stacking_statistics(FieldRecord.from_states(states))
    assert read.n_gaps == true.n_gaps
    assert read.p_value == pytest.approx(true.p_value, abs=0.05)
    assert np.allclose(read.run_lengths["observed"], true.run_lengths["observed"])


def test_fields_of_either_gauge_are_pooled(mixed):
    _, truth = mixed
    turned = [truth.positions_A, truth.positions_A * [1, -1]]
    mixed_gauge = stacking_statistics([read_points(p, 0.15) for p in turned])
    same_gauge = stacking_statistics([read_points(truth.positions_A, 0.15)] * 2)
    assert mixed_gauge.n_fields == 2
    assert mixed_gauge.p_value == pytest.approx(same_gauge.p_value, abs=0.05)
    assert np.allclose(mixed_gauge.fractions, same_gauge.fractions, atol=0.005)


def test_gaps_with_walls_are_met_once(lens):
    record = field_record(read_points(lens.positions_A))
    assert record.probability.shape == (24, 3)
    assert record.n_walled == 3


@pytest.mark.parametrize("states", ["++", "+0", "+" * 12])
def test_small_and_plain_fields(make, read, states):
    r = read(make(states, n_slots=40))
    told = r.summary["statistics"]
    assert told["n_gaps"] == len(states)
    assert "too few" in told["order"]["verdict"]
    json.dumps([told, r.summary["motif_extents"], r.summary["chunks"]], allow_nan=False)


def test_failed_results_have_no_statistics_and_do_not_spoil_a_pool(make, read):
    rng = np.random.default_rng(3)
    failed = sm.identify(sm.Columns.from_positions(rng.uniform(0, 80, (300, 2)), sigma_A=0.1))
    assert failed.status == "failed"
    assert failed.summary["motif_extents"] == failed.summary["chunks"] == []
    assert not failed.summary["statistics"]["n_gaps"]
    good = read(make())
    found = stacking_statistics([failed, good])
    assert (found.n_fields, found.n_skipped) == (1, 1)
    assert found.p_value == stacking_statistics(good).p_value
    told = pooled_statistics([field_record(failed), field_record(good)])
    assert [field["status"] for field in told["fields"]] == ["failed", good.status]
    assert not len(motif_extents(failed))


def test_saved_results_give_the_same_statistics(make, read, tmp_path):
    r = read(make())
    r.to_npz(tmp_path / "result.npz")
    again = sm.load(tmp_path / "result.npz")
    assert again.summary["statistics"] == r.summary["statistics"]
    assert stacking_statistics(again).p_value == stacking_statistics(r).p_value


def chunk_points(rng, *, spacing_A=4.73, turn_deg=0.0, **changes):
    """Eight O1 gaps in forty, with their own spacing and turned against the rest."""
    states = "+" * 16 + "0" * 8 + "+" * 16
    spacing = np.where(np.array(list(states)) == "0", spacing_A, 4.73)
    truth = place_columns(
        stack_phases(states, 60),
        rng=rng,
        noise_A=0.1,
        missing=0.1,
        row_spacing_A=spacing,
        **changes,
    )
    points = truth.positions_A.copy()
    inside = (truth.row > 16) & (truth.row < 24)
    centre = points[inside].mean(axis=0)
    y, x = (points[inside] - centre).T
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    points[inside] = np.stack([y * c - x * s, x * c + y * s], axis=1) + centre
    return points


@pytest.mark.parametrize(
    "changes", [{}, {"shear_deg": 2.0, "row_jitter_A": 0.08}, {"curvature_A": 1.0}]
)
def test_distortion_does_not_pass_for_a_chunk_of_its_own(changes):
    for rng in range(2):
        [chunk] = measure_chunks(read_points(chunk_points(600 + rng, **changes)))
        assert not chunk["row_spacing_clear"]
        assert not chunk["misorientation_clear"]
        assert chunk["row_spacing_difference_A"] is None
        assert chunk["misorientation_difference_deg"] is None
        assert chunk["row_spacing_bound_A"] > 0


def test_spacing_and_rotation_of_a_chunk_are_measured():
    [chunk] = measure_chunks(read_points(chunk_points(610, spacing_A=4.5, turn_deg=1.0)))
    assert chunk["row_spacing_difference_A"] == pytest.approx(-0.23, abs=0.02)
    assert chunk["row_spacing_A"] == pytest.approx(4.5, abs=0.02)
    assert chunk["misorientation_difference_deg"] == pytest.approx(1.0, abs=0.15)
    assert "row spacing, misorientation" in chunk["note"]
    [mirror] = measure_chunks(read_points(chunk_points(610, spacing_A=4.5, turn_deg=1.0) * [1, -1]))
    assert mirror["misorientation_difference_deg"] == pytest.approx(
        -chunk["misorientation_difference_deg"], abs=0.02
    )


def test_a_chunk_without_surroundings_claims_nothing(make, read):
    r = read(make("+" * 4 + "0" * 10 + "+" * 4, n_slots=20))
    for chunk in r.summary["chunks"]:
        assert not chunk["row_spacing_clear"]
        assert "too little O3" in chunk["note"]
