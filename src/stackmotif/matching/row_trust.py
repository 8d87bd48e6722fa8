"""How far the steps between short rows can be trusted: what a displacement modulo a third may be.

Rows stand where a slow course, a shear and an offset of their own have put them, and each is known
modulo a third of the pitch. Steps that differ by thirds are other readings of the same columns,
each as likely as the normal density says that its displacements are, summed over how far offsets
and course may spread. For every gap all readings of the gaps around it are weighed, that of it and
any one farther gap, and a third more or less along any stretch of gaps. A step may also be none.
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.row_fit import bend_sizes
from stackmotif.matching.steps import SHEAR_SPREAD

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OFFSETS: Final = np.geomspace(0.008, 0.12, 9)
"""Standard deviations of a row's own offset that are weighed, evenly in the logarithm [pitch]."""
_COURSES: Final = np.geomspace(0.002, 0.06, 4)
"""Standard deviations of the slowest bend of the course that are weighed [pitch per row]."""
_TYPICAL: Final = (0.05, 0.015)
"""Beyond which offsets [pitch] and courses [pitch per row] are less expected, parameters."""
_NO_THIRD: Final = (0.01, 0.1)
"""Share of steps that are no third, and how far these are from one [pitch], parameters."""
_AROUND: Final = 3
"""Gaps on either side of which every reading is weighed."""
_LOCAL: Final = np.array(list(itertools.product((-1, 0, 1), repeat=2 * _AROUND + 1)))
_MOST_NATS: Final = 50.0
_FORBIDDEN: Final = 1e6


@dataclass(frozen=True)
class RowTrust:
    """How far steps can be trusted.

    Parameters
    ----------
    weight : ndarray, shape (n_rows - 1, 4)
        Of a step a third less than measured, as measured, a third more, and of no third at all.
    spread : float
        Standard deviation of the steps that offsets of rows make [pitch].
    """

    weight: Floats
    spread: float


def trust_rows(displacement: Floats, variance: Floats, bends: Floats) -> RowTrust:
    """Weigh the readings of row displacements that are known modulo a third of the pitch.

    Parameters
    ----------
    displacement : ndarray, shape (n_rows,)
        How far each row is displaced, shear and course included [pitch].
    variance : ndarray, shape (n_rows,)
        Of each, as the columns of the row leave it.
    bends : ndarray, shape (n_rows, k)
        Shapes of the slow course, see `bend_sizes`.
    """
    settings = list(itertools.product(_OFFSETS, _COURSES))
    densities = [_Density.of(displacement, variance, bends, *setting) for setting in settings]
    largest = max(float(np.max([one.log_base, one.freed().max()])) for one in densities)
    weight = np.zeros((len(displacement) - 1, 4))
    worth = np.empty(len(settings))
    for number, density in enumerate(densities):
        share = np.exp(density.log_base - largest) * density.thirds()
        free = _NO_THIRD[0] * np.exp(density.freed() - largest)
        share[:, 1] += free.sum() - free
        weight += np.column_stack([share, free])
        worth[number] = np.exp(density.log_base - largest) + free.sum()
    squares = np.array([offset**2 for offset, _ in settings])
    spread = float(np.sqrt(2.0 * np.sum(worth * squares) / worth.sum()))
    return RowTrust(weight / weight.sum(axis=1, keepdims=True), spread)


@dataclass(frozen=True)
class _Density:
    """Log density of row displacements, in terms of the steps between them.

    With steps changed by x (n_gaps,) [pitch] it is log_base - pull x - x stiff x / 2.
    """

    log_base: float
    pull: Floats
    stiff: Floats

    @classmethod
    def of(
        cls, displacement: Floats, variance: Floats, bends: Floats, offset: float, course: float
    ) -> "_Density":
        """Return it for one spread of offsets [pitch] and of the course [pitch per row].

        A displacement of all rows together costs nothing.
        """
        n = len(displacement)
        row = np.arange(n) - (n - 1) / 2.0
        covariance = np.diag(offset**2 + variance)
        covariance += (bends * (course * n * bend_sizes(bends)) ** 2) @ bends.T
        covariance += SHEAR_SPREAD**2 * np.outer(row, row)
        precision = np.linalg.inv(covariance)
        together = precision.sum(axis=0)
        precision = precision - np.outer(together, together) / together.sum()
        log_det = np.linalg.slogdet(covariance)[1] + np.log(together.sum())
        force = precision @ displacement
        expected = offset / _TYPICAL[0] + course / _TYPICAL[1]
        below = np.tri(n, n - 1, -1)
        return cls(
            float(-0.5 * (log_det + displacement @ force) - expected),
            np.asarray(below.T @ force),
            np.asarray(below.T @ precision @ below),
        )

    def thirds(self) -> Floats:
        """Return the weights (n_gaps, 3) of a third less, none and a third more at every gap."""
        return self._around() + self._apart() + self._along()

    def freed(self) -> Floats:
        """Return the log density if the rows below one gap stand anywhere, for every gap."""
        anywhere = _NO_THIRD[1] ** 2
        stiff = np.diag(self.stiff)
        gain = self.pull**2 / (1.0 / anywhere + stiff) - np.log1p(anywhere * stiff)
        return np.asarray(self.log_base + 0.5 * gain)

    def _around(self) -> Floats:
        """Sum over every reading of the gaps around each gap."""
        n, reach = len(self.pull), _AROUND
        pull = np.pad(self.pull, reach)
        stiff = np.pad(self.stiff, reach)
        outside = np.r_[:reach, n + reach : n + 2 * reach]
        stiff[outside, outside] = _FORBIDDEN
        near = np.arange(n)[:, None] + np.arange(2 * reach + 1)
        x = _LOCAL / 3.0
        squares = np.einsum("ma,mb->mab", x, x).reshape(len(x), -1)
        block = stiff[near[:, :, None], near[:, None, :]].reshape(n, -1)
        weight = _bounded(-pull[near] @ x.T - 0.5 * block @ squares.T)
        kinds = _LOCAL[:, [reach]] == np.array([-1, 0, 1])
        return np.asarray(weight @ kinds)

    def _apart(self) -> Floats:
        """Sum over readings of each gap and one other, farther than those around it."""
        n = len(self.pull)
        own = np.diag(self.stiff)
        far = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) > _AROUND
        result = np.zeros((n, 3))
        for first, second in itertools.product((-1, 1), (-1, 1)):
            pull = (first * self.pull[:, None] + second * self.pull) / 3.0
            stiff = (own[:, None] + own + 2 * first * second * self.stiff) / 9.0
            result[:, first + 1] += np.sum(_bounded(-pull - 0.5 * stiff) * far, axis=1)
        return result

    def _along(self) -> Floats:
        """Sum over readings with a third more, or less, along a stretch of gaps."""
        n = len(self.pull)
        pull = np.concatenate([[0.0], np.cumsum(self.pull)])
        total = np.pad(self.stiff, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
        start, stop = np.triu_indices(n + 1, 2 * _AROUND + 2)
        inside = total[stop, stop] - total[start, stop] - total[stop, start] + total[start, start]
        result = np.zeros((n, 3))
        for sign in (-1, 1):
            weight = _bounded(-sign * (pull[stop] - pull[start]) / 3.0 - inside / 18.0)
            change = np.bincount(start, weight, n + 1) - np.bincount(stop, weight, n + 1)
            result[:, sign + 1] = np.cumsum(change)[:n]
        return np.maximum(result, 0.0)


def _bounded(nats: Floats) -> Floats:
    """Return the exponential; no other reading is taken for better than the best by any more."""
    return np.exp(np.minimum(nats, _MOST_NATS))
