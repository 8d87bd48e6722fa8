"""The distortion of short rows, fitted together with the classes of their columns.

In rows of sixteen columns most windows of a third harmonic meet a wall, and what is read as a pitch
may be a wall. The chain along the rows knows walls: the likelihood of everything, classes summed
over, tells pitch, shear, a slow course of the rows and an offset per row. It is climbed from the
distortion measured before, from several straight ones, and from rows whose steps change as little
as they can. Where a few rows leave several stackings open, all are kept, each with its weight.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.displacement import Phases, resultant, shear_of
from stackmotif.matching.row_fit import RowFit, RowModel, Start, climb, lean
from stackmotif.matching.row_trust import trust_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SHORT = 40
"""Columns of the typical row up to which walls bend what the third harmonic says."""
_FEWEST_ROWS = 3
_PITCHES = np.linspace(-0.06, 0.06, 11)
"""Relative errors of the first guess of the pitch that are tried: basins are 0.015 wide or more."""
_FREEDOM_NATS = 4.0
"""What the distortion of third harmonics must be better by: it bends as it likes."""
_OPEN_NATS = 8.0
"""Evidence that a distortion may be worse by and still be weighed."""


@dataclass(frozen=True)
class Distortion:
    """Phases with one distortion taken out, and the weight of that one among all."""

    phases: Phases
    weight: float = 1.0


def refine_phases(
    phases: Phases, u: Floats, row: Ints, sigma: Floats, *, pitch_A: float
) -> list[Distortion]:
    """Return the distortions that explain short rows, the likeliest first; else the one given.

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
    if len(counts) < _FEWEST_ROWS or np.median(counts[counts > 0]) > _SHORT:
        return [Distortion(phases)]
    model = RowModel.of(phases.phase, row)
    starts = [_as_measured(phases, u, model)]
    for tried_A in pitch_A * (1.0 + _PITCHES):
        starts += _starts((u - u.min()) / tried_A, float(tried_A), model)
    fits = [climb(start, sigma, model) for start in starts]
    worth = np.array([fit.evidence for fit in fits])
    worth[0] -= _FREEDOM_NATS
    chosen = _open(fits, worth, row)
    weight = np.exp(worth[chosen] - worth[chosen[0]])
    weight /= weight.sum()
    found = [_describe(fits[k], phases, model) for k in chosen]
    return [Distortion(one, float(w)) for one, w in zip(found, weight, strict=True)]


def _as_measured(phases: Phases, u: Floats, model: RowModel) -> Start:
    """Start from what third harmonics say, told in terms of the model."""
    straight = (u - u.min()) / phases.pitch_A - phases.shear * model.row
    taken = model.project(straight - phases.phase)
    return Start(phases.phase, phases.pitch_A, phases.shear, taken=taken)


def _starts(position: Floats, pitch_A: float, model: RowModel) -> list[Start]:
    """Start from rows that keep one step, and from steps that change as little as they can."""
    row = model.row
    shear = shear_of(position, row)
    phase = position - shear * row
    third = np.bincount(row, np.cos(6 * np.pi * phase)) + 1j * np.bincount(
        row, np.sin(6 * np.pi * phase)
    )
    there = np.flatnonzero(np.bincount(row))
    turned = np.angle(third[there[1:]] * np.conj(third[there[:-1]])) / (6 * np.pi)
    step = np.unwrap(turned, period=1 / 3)
    step += shear - np.rint(3.0 * (step.mean() + shear)) / 3.0
    moved = np.concatenate([[0.0], np.cumsum(step + shear * (np.diff(there) - 1))])
    lean, place = np.polyfit(there, moved, 1)
    height = np.arange(len(third))
    course = np.interp(height, there, moved - place - lean * there)
    bent = position - place - lean * row
    return [
        Start(phase, pitch_A, shear),
        Start(bent, pitch_A, float(lean), slow=model.bent(course)),
    ]


def _open(fits: list[RowFit], worth: Floats, row: Ints) -> list[int]:
    """Return which fits stay open, the best first, one for every stacking."""
    order = np.argsort(-worth, kind="stable")
    chosen: list[int] = []
    for k in order[worth[order] > worth[order[0]] - _OPEN_NATS]:
        if all(_differ(fits[k].phase, fits[other].phase, row) for other in chosen):
            chosen.append(int(k))
    return chosen


def _differ(first: Floats, second: Floats, row: Ints) -> bool:
    """Tell whether two distortions say different stackings: rows a third of a pitch apart."""
    count = np.maximum(np.bincount(row), 1)
    turn = np.exp(2j * np.pi * (first - second))
    apart = np.bincount(row, turn.real) + 1j * np.bincount(row, turn.imag)
    step = np.angle(apart[1:] * np.conj(apart[:-1])) / (2 * np.pi)
    known = (count[1:] > 1) & (count[:-1] > 1)
    return bool(np.any(known & (np.abs(step) > 1 / 6)))


def _describe(fit: RowFit, phases: Phases, model: RowModel) -> Phases:
    """Return the phases of a fit, and how far their steps can be trusted."""
    row, course = model.row, fit.course(model)
    trust = trust_rows(course + fit.offset, fit.variance, course, model.bends)
    return replace(
        phases,
        phase=fit.phase,
        pitch_A=fit.start.pitch_A / (1.0 - float(fit.slow[1]) / model.reach[0]),
        shear=lean(course),
        steepest=float(np.quantile(np.abs(np.diff(course)), 0.95)),
        step_spread=trust.spread,
        alias=np.append(trust.weight, [[0.0, 1.0, 0.0, 0.0]], axis=0)[row],
        strength=resultant(fit.phase, row, phases.sigma),
    )
