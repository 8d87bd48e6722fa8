"""The distortion of short rows, fitted together with the classes of their columns.

In rows of sixteen columns most windows of a third harmonic meet a wall, and what is read as a pitch
may be a wall. The chain along the rows knows walls: the likelihood of everything, classes summed
over, has one clear maximum over pitch, shear, a slow bend and an offset per row. It is climbed by
expectation and maximisation, from the distortion measured before and from several straight ones.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.decode import CLASSES, ChainSettings, class_posterior, log_emission
from stackmotif.matching.displacement import Phases, resultant, shear_of
from stackmotif.matching.steps import weigh_thirds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SHORT = 40
"""Columns of the typical row up to which walls bend what the third harmonic says."""
_PITCHES = np.linspace(-0.06, 0.06, 11)
"""Relative errors of the first guess of the pitch that are tried: basins are 0.015 wide or more."""
_LOOSE = np.array([1.0, 0.3, 0.3, 0.03, 0.03, 0.03])
"""Prior deviations at the edge of the field of place, stretch, shear and three bends [pitch]."""
_OFFSET = (0.008, 0.06)
"""Bounds of the standard deviation of a row's own offset [pitch]."""
_FREEDOM_NATS = 4.0
"""What the distortion of third harmonics must be better by: it bends as it likes."""
_ROUNDS = 12
_SETTLED = 1e-3


@dataclass(frozen=True)
class _Fit:
    """What is left of the phases, the parameters that were taken out, and the log evidence."""

    phase: Floats
    smooth: Floats
    offset: Floats
    spread: float
    evidence: float


def refine_phases(phases: Phases, u: Floats, row: Ints, sigma: Floats, *, pitch_A: float) -> Phases:
    """Return phases with a distortion that fits better, where rows are short.

    Parameters
    ----------
    phases : Phases
        As measured by third harmonics.
    u : ndarray, shape (n,)
        Position along the row [Å].
    row : ndarray of int, shape (n,)
        Row of each column.
    sigma : ndarray, shape (n,)
        Standard deviation of each phase [pitch].
    pitch_A : float
        First guess of the pitch [Å]: walls may have bent what was measured since.
    """
    counts = np.bincount(row)
    if np.median(counts[counts > 0]) > _SHORT:
        return phases
    basis = _Basis.of(phases.phase, row)
    starts = [(phases.phase, phases.pitch_A, phases.shear)]
    for tried_A in pitch_A * (1.0 + _PITCHES):
        straight = (u - u.min()) / tried_A
        shear = shear_of(straight, row)
        starts.append((straight - shear * row, float(tried_A), shear))
    fits = [_climb(start, sigma, basis) for start, _, _ in starts]
    worth = np.array([fit.evidence for fit in fits])
    worth[0] -= _FREEDOM_NATS
    best = int(worth.argmax())
    fit, (_, start_A, shear) = fits[best], starts[best]
    found = replace(
        phases,
        phase=fit.phase,
        pitch_A=start_A / (1.0 - fit.smooth[1] / basis.reach[0]),
        shear=shear + fit.smooth[2] / basis.reach[1],
        strength=resultant(fit.phase, row, phases.sigma),
    )
    return found if best == 0 else _straight(found, fit, row)


def _straight(found: Phases, fit: _Fit, row: Ints) -> Phases:
    """Say of a lattice that was fitted as a straight one how far its steps can be trusted."""
    steps = np.diff(fit.offset, append=fit.offset[-1])
    spread = max(np.sqrt(2.0) * fit.spread, 1e-3)
    alias = np.zeros((len(row), 4))
    alias[:, :3] = weigh_thirds(steps, shear=found.shear, spread=spread)[row]
    return replace(found, steepest=abs(found.shear), step_spread=spread, alias=alias)


@dataclass(frozen=True)
class _Basis:
    """Slow displacements, shape (n, 6), and the row of each column.

    ``reach`` is half the extent of the field, in pitches and in rows.
    """

    slow: Floats
    row: Ints
    reach: tuple[float, float]

    @classmethod
    def of(cls, phase: Floats, row: Ints) -> "_Basis":
        reach = (max(float(np.ptp(phase)) / 2.0, 1.0), max(float(row.max()) / 2.0, 1.0))
        x = (phase - phase.min()) / reach[0] - 1.0
        y = row / reach[1] - 1.0
        slow = [np.ones(len(x)), x, y, x * y, x**2 - 1 / 3, y**2 - 1 / 3]
        return cls(np.stack(slow, axis=1), row, reach)

    def displacement(self, slow: Floats, offset: Floats) -> Floats:
        """Return how far each column is displaced [pitch]."""
        return self.slow @ slow + offset[self.row]

    def solve(self, weight: Floats, pull: Floats, spread: float) -> "_Solution":
        """Solve the weighted least squares: slow terms and, eliminated first, row offsets."""
        own = np.bincount(self.row, weight) + spread**-2
        shared = np.stack([np.bincount(self.row, weight * one) for one in self.slow.T])
        normal = (self.slow * weight[:, None]).T @ self.slow + np.diag(_LOOSE**-2.0)
        left = normal - (shared / own) @ shared.T
        of_rows = np.bincount(self.row, pull)
        slow = np.linalg.solve(left, self.slow.T @ pull - shared @ (of_rows / own))
        through = shared / own
        variance = 1.0 / own + np.sum(through * np.linalg.solve(left, through), axis=0)
        log_det = float(np.linalg.slogdet(left)[1] + np.log(own).sum())
        return _Solution(np.asarray(slow), (of_rows - slow @ shared) / own, variance, log_det)


@dataclass(frozen=True)
class _Solution:
    """Slow terms, offsets of the rows and their variances, log determinant of the equations."""

    slow: Floats
    offset: Floats
    variance: Floats
    log_det: float


def _climb(phase: Floats, sigma: Floats, basis: _Basis) -> _Fit:
    """Climb to the nearest maximum of the likelihood."""
    moved, spread = np.zeros(len(phase)), 0.02
    for _ in range(_ROUNDS):
        weight, pull = _responsibilities(phase - moved, sigma, basis.row)
        used = spread
        found = basis.solve(weight, pull + weight * moved, used)
        before, moved = moved, basis.displacement(found.slow, found.offset)
        spread = float(np.sqrt(np.mean(found.offset**2 + found.variance)))
        spread = float(np.clip(spread, *_OFFSET))
        if np.abs(moved - before).max() < _SETTLED:
            break
    _, evidence = class_posterior(phase - moved, sigma, basis.row)
    evidence -= 0.5 * float(np.sum((found.slow / _LOOSE) ** 2) + np.sum((found.offset / used) ** 2))
    evidence -= float(np.log(_LOOSE).sum() + len(found.offset) * np.log(used))
    evidence -= 0.5 * found.log_det
    return _Fit(phase - moved, found.slow, found.offset, spread, evidence)


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
