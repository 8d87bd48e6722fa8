"""The sign of the shifts: fixed once per image, never per domain."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import Cells
from stackmotif.matching.runs import MINUS, PLUS


@dataclass(frozen=True)
class Gauge:
    """Which of the two mirror-related readings was chosen.

    Parameters
    ----------
    flipped : bool
        True if shifts are x(lower) - x(upper) as the image lies, so that the majority is ``+``.
    margin : float
        (n_plus - n_minus) / (n_plus + n_minus) after the choice: 0 for a tie, 1 for one variant.
    """

    flipped: bool
    margin: float


def choose_gauge(cells: Cells, states: NDArray[np.int8]) -> Gauge:
    """Choose the sign that makes the majority O3 variant ``+``; a tie goes to the top-left cell."""
    plus = int((cells.probability[:, 0] > 0.5).sum())
    minus = int((cells.probability[:, 2] > 0.5).sum())
    if plus + minus == 0:
        return Gauge(flipped=False, margin=0.0)
    margin = abs(plus - minus) / (plus + minus)
    flipped = minus > plus
    if plus == minus:
        signed = states[(states == PLUS) | (states == MINUS)]
        flipped = bool(len(signed)) and int(signed[0]) == MINUS
    return Gauge(flipped=flipped, margin=float(margin))


def apply_gauge(cells: Cells, gauge: Gauge) -> Cells:
    """Return the cells with shifts and probabilities in the chosen sign."""
    if not gauge.flipped:
        return cells
    shift = -cells.shift
    shift -= np.ceil(shift - 0.5)
    return replace(cells, shift=shift, probability=cells.probability[:, [2, 1, 0, 3]])


def flip_states(states: NDArray[np.int8], gauge: Gauge) -> NDArray[np.int8]:
    """Return a dense state grid in the chosen sign."""
    if not gauge.flipped:
        return states
    table = np.arange(10, dtype=np.int8)
    table[PLUS], table[MINUS] = MINUS, PLUS
    return table[states]
