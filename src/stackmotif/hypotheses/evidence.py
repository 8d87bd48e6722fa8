"""What the columns say about every gap of a region: one probability per state and gap."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import SHIFT_OF_STATE, STATES
from stackmotif.errors import ResultError

if TYPE_CHECKING:
    from stackmotif.matching import MotifMap
    from stackmotif.matching.tables import Table

Floats = NDArray[np.float64]
Region = tuple[float, float, float, float]

ROW_OFFSET_SIGMA: Final = 0.03
"""Standard deviation of a whole row's leftover offset [pitch]; a parameter, unverified."""

P_UNKNOWN: Final = 1e-3
"""Prior of a gap that is none of the three states; a parameter, unverified."""

_SHORTEST_RUN: Final = 3


@dataclass(frozen=True)
class GapEvidence:
    """Evidence for the state of every gap of a region, from the bottom of the image to its top.

    Parameters
    ----------
    gaps : ndarray of int, shape (n,)
        Gap numbers, falling: words are read along +c, gaps are counted from the top.
    log_likelihood : ndarray, shape (n, 3)
        Log density of the gap's mean shift [1/pitch] under the states ``+``, ``0``, ``-``.
    log_posterior : ndarray, shape (n, 3)
        Log probability of the states, the rest to 1 being an unknown or fractional shift.
    slots : tuple of int
        First and last slot that were averaged.
    """

    gaps: NDArray[np.int64]
    log_likelihood: Floats
    log_posterior: Floats
    slots: tuple[int, int]


def gap_evidence(
    r: "MotifMap", *, region: Region | None, row_offset_sigma: float = ROW_OFFSET_SIGMA
) -> GapEvidence:
    """Average the shifts of every gap over the widest run of slots in which no gap changes state.

    The mean is circular; its error is that of the cells, not below their scatter, plus
    ``row_offset_sigma``, which no averaging removes.

    Raises
    ------
    ResultError
        If the region is malformed or holds no gap cell.
    """
    cells = cells_in(r.shifts, region=region)
    numbers = np.arange(cells["gap"].min(), cells["gap"].max() + 1)
    first, last = quiet_slots(cells)
    chosen = cells[(cells["slot"] >= first) & (cells["slot"] <= last)]
    mean, error = _circular_means(chosen, numbers)
    error = np.hypot(error, row_offset_sigma)
    residual = mean[:, None] - np.array(SHIFT_OF_STATE)
    residual -= np.round(residual)
    log_likelihood = -0.5 * (residual / error[:, None]) ** 2 - np.log(
        error[:, None] * np.sqrt(2 * np.pi)
    )
    log_joint = log_likelihood + np.log((1 - P_UNKNOWN) / 3)
    total = np.logaddexp(np.logaddexp.reduce(log_joint, axis=1), np.log(P_UNKNOWN))
    return GapEvidence(
        gaps=numbers[::-1],
        log_likelihood=log_likelihood[::-1],
        log_posterior=(log_joint - total[:, None])[::-1],
        slots=(first, last),
    )


def _four_numbers(region: Any) -> tuple[float, float, float, float]:
    try:
        y0, x0, y1, x1 = (float(value) for value in region)
    except (TypeError, ValueError) as error:
        raise ResultError(
            f"region is {region!r}; expected four numbers (y0, x0, y1, x1) in Å"
        ) from error
    return y0, x0, y1, x1


def cells_in(gaps: "Table", *, region: Region | None) -> "Table":
    """Return the gap cells whose midpoint lies in a region (y0, x0, y1, x1) [Å]."""
    chosen = gaps
    if region is not None:
        y0, x0, y1, x1 = _four_numbers(region)
        if not (np.isfinite(region).all() and y0 < y1 and x0 < x1):
            raise ResultError(
                f"region is {y0:g},{x0:g},{y1:g},{x1:g} Å; expected y0,x0,y1,x1 with y0 < y1 and "
                "x0 < x1, in image axes"
            )
        inside = (gaps["y_A"] >= y0) & (gaps["y_A"] <= y1)
        chosen = gaps[inside & (gaps["x_A"] >= x0) & (gaps["x_A"] <= x1)].view(type(gaps))
    if not len(chosen):
        where = "the result" if region is None else "region {:g},{:g},{:g},{:g} Å".format(*region)
        raise ResultError(
            f"{where} holds no gap cell; expected at least one pair of columns in neighbouring "
            "rows: choose a region on the lattice"
        )
    return chosen


def quiet_slots(cells: "Table") -> tuple[int, int]:
    """Return the first and last slot of the widest interval in which no gap changes its state.

    Unknown cells and runs of fewer than three cells do not count as a change.
    """
    order = np.lexsort((cells["slot"], cells["gap"]))
    known = order[cells["state"][order] != STATES[3]]
    gap, slot, state = (cells[name][known] for name in ("gap", "slot", "state"))
    low, high = int(cells["slot"].min()), int(cells["slot"].max())
    keep = _long_runs(gap, state)
    gap, slot, state = gap[keep], slot[keep], state[keep]
    change = (np.diff(gap) == 0) & (state[1:] != state[:-1])
    edges = np.unique(np.concatenate([[low], slot[1:][change], [high + 1]]))
    widest = int(np.argmax(np.diff(edges))) if len(edges) > 1 else 0
    return int(edges[widest]), int(edges[min(widest + 1, len(edges) - 1)] - 1)


def _long_runs(gap: NDArray[np.int64], state: NDArray[np.str_]) -> NDArray[np.bool_]:
    if not len(gap):
        return np.zeros(0, dtype=bool)
    starts = np.concatenate([[True], (np.diff(gap) != 0) | (state[1:] != state[:-1])])
    run = np.cumsum(starts) - 1
    return np.bincount(run)[run] >= _SHORTEST_RUN


def _circular_means(cells: NDArray[np.void], numbers: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean shift and its error for each gap [pitch]; the error is one pitch without cells."""
    index = cells["gap"] - numbers[0]
    sigma = np.where(cells["sigma"] > 0, cells["sigma"], 1.0)
    weight = 1.0 / sigma**2
    phase = np.exp(2j * np.pi * cells["shift"])
    n = len(numbers)
    total = np.bincount(index, weights=weight, minlength=n)
    real = np.bincount(index, weights=weight * phase.real, minlength=n)
    imag = np.bincount(index, weights=weight * phase.imag, minlength=n)
    count = np.bincount(index, minlength=n)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.clip(np.hypot(real, imag) / total, 1e-6, 1.0)
        scatter = np.sqrt((1 - length**2) / (2 * count * length**2)) / (2 * np.pi)
        error = np.maximum(1 / np.sqrt(total), scatter)
    return np.arctan2(imag, real) / (2 * np.pi), np.where(count > 0, np.minimum(error, 1.0), 1.0)
