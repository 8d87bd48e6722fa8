"""Slow distortion and row offsets of short rows: a linear model, the classes summed over.

The likelihood is that of the chain along the rows; it is climbed by expectation and maximisation,
and the evidence of what was found is Laplace's.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.decode import CLASSES, ChainSettings, class_posterior, log_emission
from stackmotif.matching.steps import SHEAR_SPREAD

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LOOSE = np.array([1.0, 0.3, 0.3, 0.03, 0.03])
"""Prior deviations at the edge of the field of place, stretch, shear and two bends [pitch]."""
_COURSE = (0.002, 0.03)
"""Bounds of the prior deviation of a row's slow course, which is fitted [pitch per row]: what
drifts has gone the farther the more rows there are."""
_DEGREE = 6
"""Degree of the polynomial of that course, at most."""
_OFFSET = (0.008, 0.06)
"""Bounds of the standard deviation of a row's own offset [pitch]."""
_ROUNDS = 12
_SETTLED = 1e-3


@dataclass(frozen=True)
class RowModel:
    """Slow displacements of the columns, shape (n, 5 + bends), and the row of each column.

    ``bends`` (n_rows, k) are polynomials of the row without mean and slope. ``reach`` is half the
    extent of the field, in pitches and in rows.
    """

    slow: Floats
    bends: Floats
    row: Ints
    reach: tuple[float, float]

    @classmethod
    def of(cls, phase: Floats, row: Ints) -> "RowModel":
        """Return the model of columns at ``phase`` (n,) [pitch] in rows counted from 0."""
        n_rows = int(row.max()) + 1
        reach = (max(float(np.ptp(phase)) / 2.0, 1.0), max((n_rows - 1) / 2.0, 1.0))
        x = (phase - phase.min()) / reach[0] - 1.0
        y = row / reach[1] - 1.0
        bends = _bends(n_rows)
        slow = [np.ones(len(x)), x, y, x * y, x**2 - 1 / 3]
        return cls(np.column_stack([*slow, bends[row]]), bends, row, reach)

    def course(self, slow: Floats) -> Floats:
        """Return how far each row is displaced, mean and slope left out (n_rows,) [pitch]."""
        return self.bends @ slow[len(_LOOSE) :]

    def bent(self, course: Floats) -> Floats:
        """Return the slow terms of a course of the rows that has neither mean nor slope."""
        bends = np.linalg.lstsq(self.bends, course, rcond=None)[0]
        return np.concatenate([np.zeros(len(_LOOSE)), bends])

    def project(self, displacement: Floats) -> tuple[Floats, Floats]:
        """Return the slow terms and row offsets nearest to a displacement (n,) [pitch]."""
        slow = np.linalg.lstsq(self.slow, displacement, rcond=None)[0]
        count = np.maximum(np.bincount(self.row), 1)
        offset = np.bincount(self.row, displacement - self.slow @ slow) / count
        return np.asarray(slow), np.asarray(offset)

    def _loose(self, course: float) -> Floats:
        """Return the prior deviation of every slow term, for a course [pitch per row]."""
        return np.concatenate([_LOOSE, course * len(self.bends) * bend_sizes(self.bends)])

    def _solve(self, weight: Floats, pull: Floats, prior: "_Prior") -> "_Solution":
        """Solve the weighted least squares: slow terms and, eliminated first, row offsets."""
        own = np.bincount(self.row, weight) + prior.offset**-2
        shared = np.stack([np.bincount(self.row, weight * one) for one in self.slow.T])
        normal = (self.slow * weight[:, None]).T @ self.slow
        normal += np.diag(self._loose(prior.course) ** -2.0)
        left = normal - (shared / own) @ shared.T
        inverse = np.linalg.inv(left)
        of_rows = np.bincount(self.row, pull)
        slow = inverse @ (self.slow.T @ pull - shared @ (of_rows / own))
        through = shared / own
        variance = 1.0 / own + np.sum(through * (inverse @ through), axis=0)
        log_det = float(np.linalg.slogdet(left)[1] + np.log(own).sum())
        offset = (of_rows - slow @ shared) / own
        return _Solution(slow, np.diag(inverse), offset, variance, log_det)

    def _prior(self, found: "_Solution") -> "_Prior":
        """Return the deviations that a solution itself suggests."""
        n = len(_LOOSE)
        bends = (found.slow[n:] ** 2 + found.slow_variance[n:]) / bend_sizes(self.bends) ** 2
        course = float(np.sqrt(np.mean(bends)))
        offset = float(np.sqrt(np.mean(found.offset**2 + found.offset_variance)))
        course = float(np.clip(course / len(self.bends), *_COURSE))
        return _Prior(course, float(np.clip(offset, *_OFFSET)))

    def _log_prior(self, slow: Floats, offset: Floats, prior: "_Prior") -> float:
        loose = self._loose(prior.course)
        squares = np.sum((slow / loose) ** 2) + np.sum((offset / prior.offset) ** 2)
        return -float(0.5 * squares + np.log(loose).sum() + len(offset) * np.log(prior.offset))


def bend_sizes(bends: Floats) -> Floats:
    """Return the deviation of every bend (k,) over that of the slowest: slow ones are larger."""
    return (2.0 / np.arange(2, 2 + bends.shape[1])) ** 2


def _bends(n_rows: int) -> Floats:
    """Return Legendre polynomials of degree two and more of the row, mean and slope taken out."""
    y = np.linspace(-1.0, 1.0, n_rows)
    bends = np.polynomial.legendre.legvander(y, max(min(_DEGREE, n_rows // 2), 2))[:, 2:]
    straight = np.stack([np.ones(n_rows), y], axis=1)
    return np.asarray(bends - straight @ np.linalg.lstsq(straight, bends, rcond=None)[0])


@dataclass(frozen=True)
class _Prior:
    """Deviations of the course of the rows [pitch per row] and of a row's own offset [pitch]."""

    course: float = 0.003
    offset: float = 0.02


@dataclass(frozen=True)
class _Solution:
    """Slow terms, offsets of the rows, the variances of both, log determinant."""

    slow: Floats
    slow_variance: Floats
    offset: Floats
    offset_variance: Floats
    log_det: float


@dataclass(frozen=True)
class Start:
    """A first guess: the phases (n,) that its pitch [Å] and shear [pitch per row] leave.

    ``slow`` are the terms to start from. ``taken`` is what has been taken out of the phases
    beside pitch and shear, as slow terms and row offsets: it costs what the prior says.
    """

    phase: Floats
    pitch_A: float
    shear: float
    slow: Floats | None = None
    taken: tuple[Floats, Floats] | None = None


@dataclass(frozen=True)
class RowFit:
    """What a start has led to.

    Parameters
    ----------
    start : Start
    phase : ndarray, shape (n,)
        What is left of the phases [pitch].
    slow : ndarray, shape (k,)
        Slow terms, see `RowModel`.
    offset, variance : ndarray, shape (n_rows,)
        A row's own offset as its columns alone say [pitch], and its variance.
    evidence : float
        Log evidence [nats].
    """

    start: Start
    phase: Floats
    slow: Floats
    offset: Floats
    variance: Floats
    evidence: float

    def course(self, model: RowModel) -> Floats:
        """Return how far each row is displaced, shear included (n_rows,) [pitch]."""
        shear = self.start.shear + float(self.slow[2]) / model.reach[1]
        return shear * np.arange(len(self.offset)) + model.course(self.slow)


def lean(course: Floats) -> float:
    """Return the mean sideways step of a course (n_rows,) [pitch per row]."""
    return float(course[-1] - course[0]) / (len(course) - 1)


def climb(start: Start, sigma: Floats, model: RowModel) -> RowFit:
    """Climb to the nearest maximum of the likelihood.

    ``sigma`` (n,) is the standard deviation of each phase [pitch].
    """
    phase, prior = start.phase, _Prior()
    moved = np.zeros(len(phase))
    if start.slow is not None:
        moved = model.slow @ start.slow
        prior = replace(prior, course=_COURSE[1])
    for _ in range(_ROUNDS):
        weight, pull = _responsibilities(phase - moved, sigma, model.row)
        used = prior
        found = model._solve(weight, pull + weight * moved, used)
        before, moved = moved, model.slow @ found.slow + found.offset[model.row]
        prior = model._prior(found)
        if np.abs(moved - before).max() < _SETTLED:
            break
    _, evidence = class_posterior(phase - moved, sigma, model.row)
    alone = np.maximum(np.bincount(model.row, weight), 1.0)
    free = found.offset * (1.0 + used.offset**-2 / alone)
    slow, offset = found.slow, found.offset
    if start.taken is not None:
        slow, offset = slow + start.taken[0], offset + start.taken[1]
        free = free + start.taken[1]
        used = model._prior(replace(found, slow=slow, offset=offset))
        found = model._solve(weight, pull + weight * moved, used)
    evidence += model._log_prior(slow, offset, used) - 0.5 * found.log_det
    fit = RowFit(start, phase - moved, slow, free, 1.0 / alone, evidence)
    return replace(fit, evidence=evidence - 0.5 * (lean(fit.course(model)) / SHEAR_SPREAD) ** 2)


def _responsibilities(phase: Floats, sigma: Floats, row: Ints) -> tuple[Floats, Floats]:
    """Return the weight of each column, and its weighted distance from its classes."""
    posterior, _ = class_posterior(phase, sigma, row)
    apart = phase[:, None] - CLASSES / 3.0
    apart -= np.rint(apart)
    wide = sigma[:, None]
    outlier = ChainSettings().outlier
    regular = 1.0 - outlier * np.exp(-log_emission(phase, sigma, outlier=outlier)[:, :3])
    weight = posterior[:, :3] * regular / wide**2
    return weight.sum(axis=1), (weight * apart).sum(axis=1)
