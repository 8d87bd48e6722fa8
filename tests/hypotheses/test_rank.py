import itertools
from dataclasses import replace

import numpy as np
import pytest

from stackmotif.errors import ResultError, StructureError
from stackmotif.hypotheses import hypothesize
from stackmotif.hypotheses.evidence import GapEvidence, gap_evidence, quiet_slots
from stackmotif.hypotheses.rank import best_words
from stackmotif.matching.tables import Table, new_table
from stackmotif.structures import read_word
from synthetic_result import STATES, make_result


def cells_of(rows, *, sigma=0.03):
    """Gap cells of a grid of shifts [pitch], one row of the grid per gap."""
    shifts = np.asarray(rows, dtype=float)
    table = new_table("gaps", shifts.size)
    gap, slot = np.indices(shifts.shape)
    table["gap"], table["slot"] = gap.ravel(), slot.ravel()
    table["y_A"], table["x_A"] = 4.7 * (gap.ravel() + 0.5), 2.5 * slot.ravel()
    table["shift"], table["sigma"] = shifts.ravel(), sigma
    table["state"] = np.array(["0", "+", "-"])[np.rint(3 * shifts.ravel()).astype(int)]
    return table


def with_cells(result, table):
    return replace(result, shifts=table.view(Table))


def test_words_are_read_from_the_bottom_of_the_image_to_its_top(result):
    found = hypothesize(result)
    assert found[0].metal_word == STATES[::-1] == result.summary["word"]
    assert found[0].p_class > 0.95
    assert all(h.resolved and h.class_id == found[0].class_id for h in found)
    assert len(found) == 10


@pytest.mark.parametrize("states", ["+++-+++++++0++", "++++00++++---+++"])
@pytest.mark.parametrize("rotation_deg", [0.0, 4.0])
def test_truth_is_the_best_class(states, rotation_deg):
    r = make_result(states, rotation_deg=rotation_deg, rng=3)
    assert hypothesize(r, top=1)[0].metal_word == states[::-1]


def test_region_picks_gaps_and_columns():
    r = make_result(lens={"gap": 11, "start": 8, "stop": 18, "states": "000"})
    lens = r.shifts[(r.shifts["state"] == "0") & np.isin(r.shifts["gap"], (11, 12, 13))]
    region = (
        lens["y_A"].min() - 1,
        lens["x_A"].min() + 5,
        lens["y_A"].max() + 1,
        lens["x_A"].max() - 5,
    )
    assert hypothesize(r, region=region, top=1)[0].metal_word == "000"


def test_the_widest_interval_without_a_wall_is_read():
    row = [1 / 3] * 20
    lens = [1 / 3] * 4 + [0.0] * 4 + [1 / 3] * 12
    table = cells_of([row, lens, row])
    assert quiet_slots(table) == (8, 19)
    speck = [1 / 3] * 10 + [0.0] + [1 / 3] * 9
    assert quiet_slots(cells_of([row, speck, row])) == (0, 19)


def test_classes_are_ranked_as_by_counting_all_words():
    rng = np.random.default_rng(5)
    p = rng.dirichlet([1, 1, 1, 0.2], size=4)[:, :3]
    evidence = GapEvidence(np.arange(4)[::-1], np.zeros((4, 3)), np.log(p), (0, 1))
    expected = sorted(
        (
            (float(np.log(p[range(4), states]).sum()), states)
            for states in itertools.product(range(3), repeat=4)
        ),
        reverse=True,
    )
    found = best_words(evidence, limit=20)
    assert [states for _, states in found] == [states for _, states in expected[:20]]
    np.testing.assert_allclose([lp for lp, _ in found], [lp for lp, _ in expected[:20]])
    assert sum(np.exp(lp) for lp, _ in best_words(evidence, limit=81)) == pytest.approx(
        p.sum(axis=1).prod()
    )


def test_probabilities_fall_and_never_pass_one(result):
    table = cells_of([[1 / 3] * 12, [0.18] * 12, [1 / 3] * 12], sigma=0.1)
    found = hypothesize(with_cells(result, table), top=6)
    p = [h.p_class for h in found]
    assert p == sorted(p, reverse=True)
    classes = {h.class_id: h.p_class for h in found}
    assert len(classes) > 1
    assert sum(classes.values()) <= 1 + 1e-9
    for h in found:
        assert h.p_uniform_prior == pytest.approx(h.p_class * h.p_in_class)
        assert h.p_in_class == pytest.approx(np.exp(h.log_prior))
        assert np.isnan(h.log_image)


@pytest.mark.parametrize("shift", [1 / 6, 0.5, -0.17])
def test_a_gap_between_two_states_is_unresolved_and_builds_nothing(shift, result):
    table = cells_of([[1 / 3] * 12, [1 / 3] * 12, [shift] * 12, [1 / 3] * 12])
    found = hypothesize(with_cells(result, table))
    assert found
    assert not any(h.resolved for h in found)
    assert "unresolved" in found[0].decides
    assert "gaps" in found[0].decides
    assert "2" in found[0].decides
    with pytest.raises(StructureError, match=r"expected 0\.7 or more"):
        found[0].structure()


def test_scattered_shifts_give_no_certainty(result):
    rng = np.random.default_rng(1)
    table = cells_of(rng.uniform(-0.5, 0.5, (6, 15)))
    assert not hypothesize(with_cells(result, table))[0].resolved


def test_a_gap_without_cells_is_unknown(result):
    table = cells_of([[1 / 3] * 12] * 5)
    evidence = gap_evidence(with_cells(result, table[table["gap"] != 2]), region=None)
    assert evidence.gaps.tolist() == [4, 3, 2, 1, 0]
    best = np.exp(evidence.log_posterior.max(axis=1))
    assert best[2] < 0.5
    assert best[[0, 1, 3, 4]].min() > 0.99


def test_mean_shifts_across_the_wrap_do_not_cancel(result):
    table = cells_of([[0.49, -0.49] * 6, [1 / 3] * 12])
    evidence = gap_evidence(with_cells(result, table), region=None)
    assert np.exp(evidence.log_posterior[-1]).max() < 0.01


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((10.0, 0.0, 5.0, 9.0), "expected y0,x0,y1,x1 with y0 < y1"),
        ((0.0, 0.0, float("nan"), 9.0), "expected y0,x0,y1,x1"),
        ((1e5, 0.0, 2e5, 9.0), "holds no gap cell"),
    ],
)
def test_a_region_off_the_lattice_is_refused(region, message, result):
    with pytest.raises(ResultError, match=message):
        hypothesize(result, region=region)


def test_top_is_positive_and_kept(result):
    with pytest.raises(ResultError, match="top is 0"):
        hypothesize(result, top=0)
    assert len(hypothesize(result, top=3)) == 3


def test_a_failed_result_has_no_models(failed):
    assert hypothesize(failed) == []


def test_a_model_reads_back_as_its_word(result):
    for hypothesis in hypothesize(result, top=2):
        built = hypothesis.structure(lattice="LiNiO2:0.5")
        assert read_word(built).canonical() == hypothesis.word.canonical()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top": "all"}, "top is 'all'; expected a whole number"),
        ({"top": 1.5}, "top is 1.5"),
        ({"region": 5}, "region is 5; expected four numbers"),
        ({"region": (0, 1, 2)}, "expected four numbers"),
        ({"region": ("a", "b", "c", "d")}, "expected four numbers"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused(result, settings, message):
    with pytest.raises(ResultError, match=message):
        hypothesize(result, **settings)


@pytest.mark.parametrize("result", [None, "result", 5])
def test_what_is_no_result_is_refused(result):
    with pytest.raises(ResultError, match="expected a MotifMap"):
        hypothesize(result)
