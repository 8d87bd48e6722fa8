"""Is the order of gaps random? Tests against enumeration, closed forms and simulated truth."""

import itertools
import json
import math

import numpy as np
import pytest
from scipy.stats import kstest, poisson

from stackmotif.errors import StackmotifError
from stackmotif.matching.statistics import (
    FieldRecord,
    gaps_needed,
    poisson_interval,
    pooled_statistics,
    stacking_statistics,
)
from stackmotif.matching.statistics.grams import pattern_classes, run_counts
from stackmotif.matching.statistics.independence import independence_tests
from stackmotif.matching.statistics.permutations import count_orders

RNG = 500  # development seeds; reporting seeds are in benchmarks/intergrowths.py
record = FieldRecord.from_states


def random_states(rng, n, shares=(0.7, 0.25, 0.05)):
    return "".join(rng.choice(list("+0-"), size=n, p=shares))


def chain(rng, n, share, correlation):
    stay, come = share + correlation * (1 - share), share * (1 - correlation)
    state = [rng.random() < share]
    for chance in rng.random(n - 1):
        state.append(chance < (stay if state[-1] else come))
    return "".join("+0"[int(s)] for s in state)


def upside_down(states):
    return states[::-1]


def mirrored(states):
    return states.translate(str.maketrans("+-", "-+"))


def test_p_values_of_random_stackings_are_uniform():
    rng = np.random.default_rng(RNG)
    drawn = {("O1", "any"): [], ("states", "any"): [], ("O1", "order 1"): []}
    for _ in range(200):
        fields = [record(random_states(rng, int(rng.integers(8, 25)))) for _ in range(2)]
        found = stacking_statistics(fields, rng=rng, n_permutations=99)
        for (letters, test), values in drawn.items():
            own = found.tests[(found.tests["letters"] == letters) & (found.tests["test"] == test)]
            if len(own):
                low, high = own["p_below"][0], own["p_value"][0]
                values.append(low + rng.random() * (high - low))
    for values in drawn.values():
        assert len(values) > 150
        assert kstest(values, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("n", "make", "direction"),
    [
        (18, lambda rng, n: ("+0" * n)[:n], -1),
        (60, lambda rng, n: ("+++0" * n)[:n], -1),
        (200, lambda rng, n: chain(rng, n, 0.25, 0.4), 1),
        (200, lambda rng, n: chain(rng, n, 0.3, -0.35), -1),
    ],
)
def test_order_is_found_with_its_direction(n, make, direction):
    rng = np.random.default_rng(RNG + 1)
    found = [stacking_statistics(record(make(rng, n)), rng=rng, n_permutations=199) for _ in "123"]
    assert sum(s.p_value <= 0.05 for s in found) >= 2
    assert np.sign(np.mean([s.neighbour_correlation for s in found])) == direction
    assert "not random" in found[0].describe()["order"]["verdict"]


def test_the_p_value_is_that_of_all_orders():
    states = "0+0+0+++0"

    def pairs(order):
        seen = ["".join(sorted(order[k : k + 2])) for k in range(len(order) - 1)]
        return [seen.count(pair) for pair in ("00", "+0", "++")]

    orders = sorted(set(itertools.permutations(states)))
    counts = np.array([pairs(order) for order in orders], dtype=float)
    expected = counts.mean(axis=0)
    value = 2 * np.sum(counts * np.log(np.maximum(counts, 1e-300) / expected), axis=1)
    observed = value[orders.index(tuple(states))]
    exact = float(np.mean(value >= observed - 1e-6))
    drawn = count_orders([record(states)], rng=np.random.default_rng(0), n_permutations=4999)
    tests = independence_tests(drawn)
    own = tests[(tests["letters"] == "O1") & (tests["test"] == "order 1")][0]
    assert own["statistic"] == pytest.approx(observed, abs=0.06)
    assert own["p_value"] == pytest.approx(exact, abs=0.03)


def test_random_orders_have_the_expected_pairs_and_runs():
    rng = np.random.default_rng(RNG + 2)
    states = random_states(rng, 30, (0.6, 0.4, 0.0))
    n, n_o1 = len(states), states.count("0")
    counts = count_orders([record(states)], rng=rng, n_permutations=2999)
    chance = n_o1 * (n_o1 - 1) / (n * (n - 1))
    lags = np.arange(1, counts.o1_pairs.shape[1] + 1)
    spread = counts.o1_pairs.std(axis=0) / math.sqrt(3000)
    assert np.all(np.abs(counts.o1_pairs.mean(axis=0) - (n - lags) * chance) < 5 * spread)
    # Complete runs of one O1 gap: others on both sides of it.
    single = (n - 2) * n_o1 * (n - n_o1) * (n - n_o1 - 1) / (n * (n - 1) * (n - 2))
    found = counts.runs[1, :, 0]
    assert found.mean() == pytest.approx(single, abs=5 * found.std() / math.sqrt(3000))


@pytest.mark.parametrize("change", [upside_down, mirrored, lambda s: mirrored(upside_down(s))])
def test_gauge_and_direction_change_nothing(change):
    rng = np.random.default_rng(RNG + 3)
    states = [random_states(rng, 40) for _ in range(3)]
    before = stacking_statistics([record(s) for s in states], n_permutations=199)
    # Only the second field is turned: the others keep their own gauge and direction.
    turned = [states[0], change(states[1]), states[2]]
    after = stacking_statistics([record(s) for s in turned], n_permutations=199)
    for name in ("statistic", "p_value", "expected"):
        assert np.allclose(before.tests[name], after.tests[name], atol=1e-4)
    for name in ("observed", "expected", "low", "high"):
        assert np.allclose(before.run_lengths[name], after.run_lengths[name], atol=1e-6)
    assert np.allclose(
        before.pair_correlation["observed"], after.pair_correlation["observed"], equal_nan=True
    )
    assert np.allclose(before.fractions, after.fractions)


def test_patterns_are_counted_without_sign_and_direction():
    assert [pattern_classes(n)[1] for n in (1, 2, 3)] == [2, 4, 10]
    assert [pattern_classes(n, letters="O1")[1] for n in (2, 3)] == [3, 6]


def test_runs_at_the_edge_and_beside_unknown_gaps_are_not_counted():
    states = np.array([[{"+": 0, "0": 1, "-": 2, "x": 3}[s] for s in "0+00+0x+000+-+00"]])
    runs = run_counts(states.astype(np.int8), 4)[:, 0]
    assert runs[1].tolist() == [0, 1, 1, 0]
    assert runs[0].tolist() == [4, 0, 0, 0]
    assert runs[2].tolist() == [1, 0, 0, 0]


def test_unknown_gaps_stay_and_are_not_gaps():
    states = "+0+x0++0+x+0++0+0++x"
    found = stacking_statistics(record(states), n_permutations=99)
    assert found.n_gaps == 17
    assert found.fractions[1] == pytest.approx(6 / 17)
    assert found.misread == 0


def test_several_fields_add_up_but_do_not_join():
    one = "+++0++0++++0+++"
    single = stacking_statistics(record(one), n_permutations=99)
    three = stacking_statistics([record(one)] * 3, n_permutations=99)
    assert three.n_gaps == 3 * single.n_gaps
    runs = three.run_lengths["observed"] / np.maximum(single.run_lengths["observed"], 1e-9)
    assert np.allclose(runs[single.run_lengths["observed"] > 0], 3)


def test_fields_of_different_shares_are_not_taken_for_clusters():
    rng = np.random.default_rng(RNG + 4)
    low = 0
    for _ in range(40):
        fields = [record(random_states(rng, 40, (1 - f, f, 0.0))) for f in (0.05, 0.6)]
        low += stacking_statistics(fields, rng=rng, n_permutations=99).p_value <= 0.05
    assert low <= 7  # 2 expected; P(more than 7) < 0.001


def test_doubtful_gaps_widen_the_p_value():
    sure = record("+0" * 12)
    doubtful = FieldRecord("blurred", 0.6 * sure.probability + 0.4 * sure.probability[:, [1, 0, 2]])
    found = stacking_statistics(doubtful, n_permutations=199)
    assert found.misread == pytest.approx(0.4 * 24, rel=0.01)
    assert found.p_range[1] > 0.05
    assert stacking_statistics(sure).p_range == pytest.approx((0.001, 0.001))


@pytest.mark.parametrize(
    "states", ["", "+", "x" * 20, "+" * 40, "0" * 40, "+0+0+0", "+++0+++0++++"]
)
def test_too_few_gaps_are_said_to_be_too_few(states):
    found = stacking_statistics(record(states))
    assert math.isnan(found.p_value)
    told = found.describe()
    assert told["order"]["p_value"] is None
    assert "too few" in told["order"]["verdict"]
    json.dumps(told, allow_nan=False)


def test_nothing_at_all_is_described_too():
    told = pooled_statistics([])
    assert (told["n_fields"], told["n_gaps"]) == (0, 0)
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("bad", "options", "says"),
    [
        (3, {}, "int"),
        ([record("+0"), "x"], {}, "str"),
        (record("+0"), {"n_permutations": 5}, "99 or more"),
    ],
)
def test_wrong_arguments_are_refused(bad, options, says):
    with pytest.raises(StackmotifError, match=says):
        stacking_statistics(bad, **options)
    with pytest.raises(StackmotifError, match="expected only"):
        record("+?")


def test_poisson_intervals_hold_the_truth():
    low, high = poisson_interval(np.ones(7))
    assert poisson.sf(6, low) == pytest.approx(0.025)
    assert poisson.cdf(7, high) == pytest.approx(0.025)
    rng = np.random.default_rng(RNG + 5)
    held = 0
    for _ in range(400):
        weight = rng.uniform(0.1, 1.0, size=rng.poisson(6.0))
        low, high = poisson_interval(weight)
        held += low <= 6.0 * 0.55 <= high
    assert held >= 375


def test_more_gaps_are_needed_for_less_order_and_for_rare_gaps():
    needed = [gaps_needed(c) for c in (-1.0, 0.5, -0.3, 0.1)]
    assert needed == sorted(needed)
    assert gaps_needed(0.3, share=0.05) > gaps_needed(0.3, share=0.3)
