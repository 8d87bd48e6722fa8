"""Rows known modulo a third of the pitch: a hidden Markov chain of their place and sideways step.

From row to row the place moves by a step, and the step itself changes slowly. A row stands at the
place, an offset of its own away, or a third of the pitch to either side; now and then the rows
below stand anywhere. On a grid of places and steps every reading of all rows is summed over.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.steps import SHEAR_SPREAD

Floats = NDArray[np.float64]

_PLACES: Final = 24
"""Places within a third of the pitch: 1/72 of the pitch apart, as the steps are."""
_CIRCLE: Final = 3 * _PLACES
GRID: Final = 1.0 / _CIRCLE
"""Distance of places, and of sideways steps [pitch]."""
_STEP: Final = np.arange(_CIRCLE) - _CIRCLE // 2
_THERE: Final = np.arange(_CIRCLE)
_NO_THIRD: Final = 0.01
"""Share of gaps across which the rows below stand anywhere, a parameter."""


@dataclass(frozen=True)
class ChainReading:
    """What the chain says for each of several spreads (k,) of a row's own offset.

    Parameters
    ----------
    log_evidence : ndarray, shape (k,)
        Of the displacements [nats].
    weight : ndarray, shape (n_rows - 1, k, 4)
        Of a step a third less than measured, as measured, a third more, and of no third at all.
    """

    log_evidence: Floats
    weight: Floats


def read_chain(displacement: Floats, variance: Floats, offset: Floats, bend: float) -> ChainReading:
    """Read rows at ``displacement`` (n_rows,) with ``variance`` (n_rows,), both in pitches.

    ``offset`` (k,) are spreads of a row's own offset [pitch], ``bend`` is that of the change of
    the sideways step from one gap to the next [pitch]. Read upside down, the rows say the same.
    """
    density = _density(displacement, variance[:, None] + offset**2)
    within = density.reshape(*density.shape[:2], 3, _PLACES).sum(axis=2)
    steps, change = _change(bend)
    above, log_evidence = _downward(within, steps, change)
    weight = _upward(density, within, above, change)
    return ChainReading(log_evidence, weight)


def _density(displacement: Floats, variance: Floats) -> Floats:
    """Return the density (n_rows, k, 72) of each row for every place on the whole pitch."""
    apart = displacement[:, None] - _THERE * GRID
    apart -= np.rint(apart)
    around = apart[:, None, :, None] + np.array([-1.0, 0.0, 1.0])
    bell = np.exp(-0.5 * around**2 / variance[:, :, None, None]).sum(axis=-1)
    return np.asarray(bell / np.sqrt(2.0 * np.pi * variance)[:, :, None])


def _change(bend: float) -> tuple[Floats, Floats]:
    """Return how likely every step is (72,), and how likely it is to become another (72, 72).

    A diffusion of `bend` per row under which the spread of scan shear stays what it is.
    """
    likely = np.exp(-0.5 * (_STEP * GRID / SHEAR_SPREAD) ** 2)
    likely /= likely.sum()
    rate = 0.5 * (bend / GRID) ** 2
    beside = np.sqrt(likely[1:] / likely[:-1])
    leave = -rate * (np.append(beside, 0.0) + np.append(0.0, 1.0 / beside))
    both = np.diag(leave) + rate * (np.eye(_CIRCLE, k=1) + np.eye(_CIRCLE, k=-1))
    value, vector = np.linalg.eigh(both)
    symmetric = (vector * np.exp(value)) @ vector.T
    root = np.sqrt(likely)
    return likely, np.maximum(symmetric * root / root[:, None], 0.0)


def _downward(within: Floats, steps: Floats, change: Floats) -> tuple[Floats, Floats]:
    """Return what the rows above say (n_rows, k, 24 places, 72 steps), and the log evidence."""
    n, k, _ = within.shape
    from_place = (np.arange(_PLACES)[:, None] - _STEP) % _PLACES
    above = np.empty((n, k, _PLACES, _CIRCLE))
    above[0] = steps / _PLACES
    log_evidence = np.zeros(k)
    for row in range(n):
        seen = above[row] * within[row][:, :, None]
        total = seen.sum(axis=(1, 2))
        log_evidence += np.log(total)
        if row + 1 < n:
            seen /= total[:, None, None]
            moved = (1.0 - _NO_THIRD) * seen[:, from_place, _THERE]
            above[row + 1] = (moved + _NO_THIRD * seen.mean(axis=1, keepdims=True)) @ change
    return above, log_evidence


def _upward(density: Floats, within: Floats, above: Floats, change: Floats) -> Floats:
    """Add what the rows below say: weights (n_rows - 1, k, 4) of what each step is."""
    n, k, _ = within.shape
    to_place = (np.arange(_PLACES)[:, None] + _STEP) % _PLACES
    from_place = (_THERE[:, None] - _STEP) % _CIRCLE
    weight = np.empty((n - 1, k, 4))
    below = np.ones((k, _PLACES, _CIRCLE))
    for gap in range(n - 2, -1, -1):
        after = below @ change.T
        here = above[gap][:, None] * density[gap].reshape(k, 3, _PLACES, 1)
        moved = here.reshape(k, _CIRCLE, _CIRCLE)[:, from_place, _THERE]
        met = np.einsum("kys,kys->ky", moved, np.tile(after, (1, 3, 1)))
        for third in (-1, 0, 1):
            there = np.roll(density[gap + 1], third * _PLACES, axis=1)
            weight[gap, :, third + 1] = (1.0 - _NO_THIRD) * np.sum(met * there, axis=1)
        seen = after * within[gap + 1][:, :, None]
        anywhere = seen.mean(axis=1, keepdims=True)
        free = (above[gap] * within[gap][:, :, None]).sum(axis=1) * anywhere[:, 0]
        weight[gap, :, 3] = _NO_THIRD * free.sum(axis=1)
        below = (1.0 - _NO_THIRD) * seen[:, to_place, _THERE] + _NO_THIRD * anywhere
        below /= below.mean(axis=(1, 2), keepdims=True)
    return weight / weight.sum(axis=2, keepdims=True)
