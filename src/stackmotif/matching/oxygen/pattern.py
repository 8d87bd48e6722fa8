"""What a slab looks like: metal, and oxygen a third of a pitch beside it, above and below.

Along [100] the oxygen columns of a slab stand at a third of the pitch to the right above the metal
and to the left below it (tilt ``R``), or the other way round (``L``), half the height of a slab
above and below. The pattern is a sum of round spots with free heights; along the row it repeats.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.oxygen.patches import ALONG, STEP, Patches

Floats = NDArray[np.float64]

HALF_SLAB: Final = 0.41
"""Half the height of a slab [pitch]; 0.39 to 0.43 from NiO2 to LiNiO2 (docs/lattices.md)."""
REACH: Final = 0.72
"""How far above and below the metal a pattern is looked at [pitch]: guests stand at 0.95 to 1.0."""
FARTHEST: Final = 0.56
"""Offset between the images up to which it is measured [pitch]."""
_WIDTHS: Final = (0.16, 0.2, 0.25, 0.31)
"""Gaussian sigmas of spots, tried for metal and oxygen apart [pitch]."""
_APART: Final = 0.28
"""Distance from the best offset at which another one is another explanation [pitch]."""


@dataclass(frozen=True)
class Pattern:
    """The pattern of a field.

    Parameters
    ----------
    offset : tuple of float
        Of the oxygen image against the metal image: (u, v) [pitch].
    widths : tuple of float
        Sigma of metal and of oxygen [pitch].
    heights : ndarray, shape (4,)
        Background, metal, and oxygen where it stands in slabs of tilt ``R`` and of ``L``.
    bright : bool
        Whether oxygen is brighter than what is between the columns.
    explained : float
        Share of the variance of the mean patch along the row that the pattern explains: what the
        mean over the row shows tells nothing of where columns stand.
    against : float
        Misfit of the best pattern with the other contrast, relative to that of this one.
    elsewhere : float
        Misfit of the best pattern at another offset, relative to that of this one.
    """

    offset: tuple[float, float]
    widths: tuple[float, float]
    heights: Floats
    bright: bool
    explained: float
    against: float
    elsewhere: float


def spots(u: Floats, v: Floats, widths: tuple[float, float]) -> Floats:
    """Return background, metal, oxygen of ``R`` and of ``L``, of unit height: shape (4, v, u)."""
    metal, oxygen = widths
    around = [
        _spot(u, v, (tilt / 3.0, -HALF_SLAB), oxygen)
        + _spot(u, v, (-tilt / 3.0, HALF_SLAB), oxygen)
        for tilt in (1, -1)
    ]
    return np.stack([np.ones((len(v), len(u))), _spot(u, v, (0.0, 0.0), metal), *around])


def _spot(u: Floats, v: Floats, place: tuple[float, float], width: float) -> Floats:
    away = u - place[0]
    along = sum(np.exp(-0.5 * ((away + k) / width) ** 2) for k in (-2, -1, 0, 1, 2))
    return np.asarray(np.exp(-0.5 * ((v[:, None] - place[1]) / width) ** 2) * along)


def fit_pattern(mean: Patches, *, bright: bool | None, search: bool) -> Pattern:
    """Fit the pattern to a mean patch.

    Parameters
    ----------
    mean : Patches
        One patch that reaches ``REACH + FARTHEST`` above and below.
    bright : bool, optional
        The contrast of the oxygen, where it is known.
    search : bool
        Whether the image may be displaced.
    """
    moves = _moves() if search else [(0, 0)]
    table = np.stack(
        [mean.moved(du / ALONG, dv * STEP, REACH).values[0].ravel() for du, dv in moves]
    ).astype(np.float64)
    u, v = mean.u, mean.moved(0.0, 0.0, REACH).v
    scores = {one: _misfits(table, u, v, one) for one in (True, False)}
    told = bright
    if bright is None:
        told = bool(scores[True][0].min() <= scores[False][0].min())
    misfit, heights, widths = scores[bool(told)]
    at = np.array(moves)
    best = int(np.argmin(misfit))
    far = np.hypot(*((at - at[best]) * (1 / ALONG, STEP)).T) > _APART
    total = float(np.sum((table[best] - table[best].mean()) ** 2))
    least = max(float(misfit[best]), 1e-12 * total, 1e-300)
    return Pattern(
        offset=_refined(moves, misfit, best),
        widths=widths[best],
        heights=heights[best],
        bright=bool(told),
        explained=_explained(table[best], heights[best], spots(u, v, widths[best])),
        against=float(scores[not told][0][best]) / least,
        elsewhere=float(misfit[far].min()) / least if far.any() else np.inf,
    )


def _explained(patch: Floats, heights: Floats, basis: Floats) -> float:
    """Return the share of a patch's variance along the row that a pattern explains."""
    shape = basis.shape[1:]
    rest = patch.reshape(shape) - np.tensordot(heights, basis, axes=1)
    left, whole = (np.sum((one - one.mean(axis=1, keepdims=True)) ** 2) for one in
                   (rest, patch.reshape(shape)))  # fmt: skip
    return float(1.0 - left / max(float(whole), 1e-300))


def _moves() -> list[tuple[int, int]]:
    """Return offsets within half a pitch, in samples along and across the rows."""
    along = range(-ALONG // 2, ALONG // 2)
    across = range(-round(FARTHEST / STEP), round(FARTHEST / STEP) + 1)
    return [
        (i, j)
        for i, j in product(along, across)
        if np.hypot(i / ALONG, j * STEP) <= FARTHEST + 0.5 * STEP
    ]


def _misfits(
    table: Floats, u: Floats, v: Floats, bright: bool
) -> tuple[Floats, Floats, list[tuple[float, float]]]:
    """Return, for each line of ``table``, the least squares misfit, the heights and the widths.

    Oxygen of both tilts has one sign: that of a tilt which comes out with the other is left out.
    """
    sign = 1.0 if bright else -1.0
    least, kept = np.full(len(table), np.inf), np.zeros((len(table), 4))
    widths = [(_WIDTHS[0], _WIDTHS[0])] * len(table)
    for pair in product(_WIDTHS, _WIDTHS):
        basis = spots(u, v, pair).reshape(4, -1)
        heights = _one_sign(basis, table, sign)
        misfit = np.sum((table - heights @ basis) ** 2, axis=1)
        better = misfit < least
        least[better], kept[better] = misfit[better], heights[better]
        widths = [pair if b else w for b, w in zip(better, widths, strict=True)]
    return least, kept, widths


def _one_sign(basis: Floats, table: Floats, sign: float) -> Floats:
    """Return least squares heights, those of oxygen (2 and 3) of the given sign or zero."""
    heights = np.zeros((len(table), 4))
    least = np.full(len(table), np.inf)
    for used in ([0, 1], [0, 1, 2], [0, 1, 3], [0, 1, 2, 3]):
        part = table @ np.linalg.pinv(basis[used])
        misfit = np.sum((table - part @ basis[used]) ** 2, axis=1)
        better = np.all(sign * part[:, 2:] >= 0, axis=1) & (misfit < least)
        least[better] = misfit[better]
        heights[better] = 0.0
        heights[np.ix_(better, used)] = part[better]
    return heights


def _refined(moves: list[tuple[int, int]], misfit: Floats, best: int) -> tuple[float, float]:
    """Return the offset [pitch], to a fraction of a sample by a parabola along each axis."""
    found = {move: float(m) for move, m in zip(moves, misfit, strict=True)}
    i, j = moves[best]
    at = []
    for (di, dj), step, k in (((1, 0), 1 / ALONG, i), ((0, 1), STEP, j)):
        low, high = found.get((i - di, j - dj)), found.get((i + di, j + dj))
        bend = 0.0 if low is None or high is None else low - 2 * found[moves[best]] + high
        part = 0.0
        if low is not None and high is not None and bend > 0:
            part = float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5))
        at.append((k + part) * step)
    return at[0], at[1]
