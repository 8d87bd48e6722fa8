"""How far the steps between short rows can be trusted: what a displacement modulo a third may be.

Rows stand where a slow course, a shear and an offset of their own have put them, and each is known
modulo a third of the pitch. The course is the smooth one that was fitted, or in few fields none:
steps wander. Both are read by the chain of `row_chain` and weighed by their evidence, summed over
how far offsets, steps and course may spread.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.row_chain import GRID, read_chain
from stackmotif.matching.row_fit import bend_sizes, lean

Floats = NDArray[np.float64]

_OFFSETS: Final = np.geomspace(0.02, 0.12, 7)
"""Standard deviations of a row's own offset that are weighed [pitch]."""
_BENDS: Final = np.array([0.004, 0.008, 0.016])
"""Standard deviations of the change of the step from one gap to the next [pitch]."""
_COURSES: Final = np.geomspace(0.002, 0.06, 4)
"""Standard deviations of the slowest bend of a smooth course [pitch per row]."""
_TYPICAL: Final = (0.02, 0.006, 0.015)
"""Beyond which offsets, bends and courses are expected less and less, parameters."""
_WANDERS: Final = 0.05
"""Share of fields whose rows keep to no smooth course, a parameter."""
_LOOSE: Final = 0.03
"""Standard deviation of a row beside its course in the cost of that course [pitch]."""


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


def trust_rows(displacement: Floats, variance: Floats, course: Floats, bends: Floats) -> RowTrust:
    """Weigh the readings of row displacements that are known modulo a third of the pitch.

    Parameters
    ----------
    displacement : ndarray, shape (n_rows,)
        How far each row is displaced, shear and course included [pitch].
    variance : ndarray, shape (n_rows,)
        Of each, as the columns of the row leave it.
    course : ndarray, shape (n_rows,)
        The smooth course fitted to it, shear included.
    bends : ndarray, shape (n_rows, k)
        Shapes of such a course, see `bend_sizes`.
    """
    step, row = lean(course), np.arange(len(course))
    bent = course - step * row
    displacement = displacement - (step - GRID * np.rint(step / GRID)) * row
    smooth = np.log1p(-_WANDERS) + _cost(bent, variance, bends)
    weights, worth = [], []
    for log_prior, beside in ((np.log(_WANDERS), displacement), (smooth, displacement - bent)):
        for bend in _BENDS:
            read = read_chain(beside, variance, _OFFSETS, float(bend))
            weights.append(read.weight)
            expected = _OFFSETS / _TYPICAL[0] + bend / _TYPICAL[1]
            worth.append(read.log_evidence + log_prior - expected)
    share = np.exp(np.array(worth) - np.max(worth))
    share /= share.sum()
    spread = float(np.sqrt(2.0 * np.sum(share * _OFFSETS**2)))
    return RowTrust(np.einsum("bgkc,bk->gc", np.array(weights), share), spread)


def _cost(bent: Floats, variance: Floats, bends: Floats) -> float:
    """Return the log evidence that a smooth course costs [nats], summed over its sizes."""
    shape = np.linalg.lstsq(bends, bent, rcond=None)[0]
    known = (bends / (variance + _LOOSE**2)[:, None]).T @ bends
    log_share = []
    for spread in _COURSES:
        size = spread * len(bent) * bend_sizes(bends)
        narrowed = np.linalg.slogdet(np.eye(len(size)) + size[:, None] * known * size)[1]
        log_share.append(-0.5 * (np.sum((shape / size) ** 2) + narrowed) - spread / _TYPICAL[2])
    return float(np.logaddexp.reduce(log_share) - np.log(len(_COURSES)))
