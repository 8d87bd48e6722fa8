"""The chain of rows known modulo a third: every reading added up by hand, and symmetries."""

import itertools

import numpy as np
import pytest

from stackmotif.matching import row_chain
from stackmotif.matching.row_chain import read_chain
from stackmotif.matching.steps import SHEAR_SPREAD

FLAT = 1e3
"""Standard deviation of what may be anywhere [pitch]."""
VARIANCE = 1e-4


def read(displacement, *, offset=0.05, bend=0.016):
    """Return the weights (n_rows - 1, 4) and the log evidence for one spread of offsets."""
    displacement = np.asarray(displacement, float)
    variance = np.full(len(displacement), VARIANCE)
    found = read_chain(displacement, variance, np.array([offset]), bend)
    return found.weight[:, 0], found.log_evidence[0]


def by_hand(displacement, *, offset, bend, reach):
    """Add up the normal densities of all steps by up to ``reach`` thirds, any of them free."""
    n = len(displacement)
    gap, below = np.arange(n - 1), np.tri(n, n - 1, -1)
    apart = np.abs(np.subtract.outer(gap, gap))
    steps = SHEAR_SPREAD**2 * np.exp(-apart * bend**2 / (2 * SHEAR_SPREAD**2))
    base = below @ steps @ below.T + np.eye(n) * (offset**2 + VARIANCE) + FLAT**2
    any_place = 3 * np.sqrt(2 * np.pi) * FLAT
    share = row_chain._NO_THIRD
    total = np.zeros((n - 1, 4))
    thirds = np.arange(-reach, reach + 1)
    for free in itertools.product((False, True), repeat=n - 1):
        if share == 0 and any(free):
            continue
        choices = [(0,) if loose else thirds for loose in free]
        moves = np.array(list(itertools.product(*choices)))
        moved = displacement + moves @ below.T / 3
        open_ends = below[:, free]
        covariance = base + FLAT**2 * open_ends @ open_ends.T
        log = -0.5 * np.einsum("ma,ab,mb->m", moved, np.linalg.inv(covariance), moved)
        log -= 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
        odds = any_place * (share * any_place) ** sum(free) * (1 - share) ** (n - 1 - sum(free))
        weight = odds * np.exp(log)
        for g in range(n - 1):
            kinds = [weight.sum() if free[g] else 0.0]
            here = [
                0.0 if free[g] else weight[(moves[:, g] - k) % 3 == 0].sum() for k in (-1, 0, 1)
            ]
            total[g] += here + kinds
    return total / total.sum(axis=1, keepdims=True), np.log(total[0].sum())


@pytest.mark.parametrize("bend", [0.004, 0.016, 0.05])
@pytest.mark.parametrize(
    ("n_rows", "offset", "reach", "share"),
    [(5, 0.1, 3, 0.0), (8, 0.05, 1, 0.0), (4, 0.06, 2, 0.02), (4, 0.02, 1, 0.3)],
)
def test_the_chain_adds_up_every_reading(monkeypatch, n_rows, offset, bend, reach, share):
    monkeypatch.setattr(row_chain, "_NO_THIRD", share)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        lean = 0.06 * rng.standard_normal()
        displacement = offset * rng.standard_normal(n_rows) + lean * np.arange(n_rows)
        weight, evidence = read(displacement, offset=offset, bend=bend)
        expected, log_total = by_hand(displacement, offset=offset, bend=bend, reach=reach)
        np.testing.assert_allclose(weight, expected, atol=0.005)
        assert evidence == pytest.approx(log_total, abs=0.03)


@pytest.mark.parametrize("n_rows", [3, 9, 14, 30])
def test_turned_upside_down_or_mirrored_the_weights_turn_with_the_rows(n_rows):
    displacement = 0.08 * np.random.default_rng(8).standard_normal(n_rows)
    weight, evidence = read(displacement)
    mirrored, same = read(-displacement)
    np.testing.assert_allclose(mirrored, weight[:, [2, 1, 0, 3]], atol=1e-9)
    assert same == pytest.approx(evidence, abs=1e-9)
    turned, same = read(displacement[::-1])
    np.testing.assert_allclose(turned, weight[::-1][:, [2, 1, 0, 3]], atol=1e-9)
    assert same == pytest.approx(evidence, abs=1e-9)


def test_a_third_more_is_the_same_rows():
    displacement = 0.05 * np.random.default_rng(2).standard_normal(8)
    weight, evidence = read(displacement)
    moved, same = read(displacement + np.where(np.arange(8) >= 5, 1 / 3, 0.0))
    assert same == pytest.approx(evidence, abs=1e-9)
    np.testing.assert_allclose(moved[4], weight[4][[1, 2, 0, 3]], atol=1e-9)
    np.testing.assert_allclose(np.delete(moved, 4, axis=0), np.delete(weight, 4, axis=0), atol=1e-9)


@pytest.mark.parametrize("row", [11, 12, 13, 24, 25])
def test_one_row_near_a_sixth_opens_its_two_gaps_alone(row):
    displacement = np.zeros(40)
    displacement[row] = 1 / 6
    weight, _ = read(displacement, bend=0.004)
    assert weight[[row - 1, row], 1].max() < 0.51
    assert np.delete(weight[:, 1], [row - 1, row]).min() > 0.95


def test_a_row_without_columns_says_nothing():
    """Its displacement is unknown: what it is given as changes nothing, the others keep step."""
    variance = np.full(9, VARIANCE)
    variance[4] = 1.0
    found = []
    for place in (0.0, 0.17):
        displacement = np.zeros(9)
        displacement[4] = place
        found.append(read_chain(displacement, variance, np.array([0.02]), 0.004).weight[:, 0])
    np.testing.assert_allclose(found[0], found[1], atol=0.02)
    assert found[0][[0, 1, 6, 7], 1].min() > 0.95
