"""Three simple readers of the stacking, to set beside stackmotif: what a peer might write.

Each takes the columns that a finder gave, positions (y, x) [Å] of shape (n, 2), and returns the
state of the gap below every column, shape (n,): +1, 0 or -1 thirds of the pitch, or `UNREAD`. All
are told what stackmotif has to find out: rows run along x, and pitch, row spacing, blur and the
absolute sign of the shifts are the true ones. Their parameters were chosen on development seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, maximum_filter

from stackmotif.imaging.atlas.walls import PreparedWalls

Floats = NDArray[np.float64]
States = NDArray[np.int64]
Template = tuple[int, NDArray[np.float32]]

UNREAD = 9
OTHER_ROW = 0.35
"""How far from its height a column still belongs to a row, in row spacings."""
WORDS = {1: ("|R+|", "|L+|"), 0: ("|R0|",), -1: ("|R-|", "|L-|")}
"""Stacks of the templates of each state; seen from behind, `|L0|` is `|R0|`."""
WIDE, NARROW = 5.0, 1.0
"""Half widths of templates [pitch]: the best one, and that of a single cell."""
SEARCH_A = 0.8
"""How far around a column a template may fit best [Å]."""
RMSD = 0.2
"""Largest deviation of an environment from an ideal one [pitch]."""


@dataclass(frozen=True)
class Grid:
    """What the readers are told of the crystal: pitch and row spacing [Å]."""

    pitch_A: float
    spacing_A: float


@dataclass(frozen=True)
class Beside:
    """The nearest column to the left and to the right in one row beside every column.

    Parameters
    ----------
    column : ndarray of int, shape (n, 2)
        Its number; -1 where there is none within 1.3 pitches.
    offset : ndarray, shape (n, 2)
        How far it stands to the right [pitch]; NaN where there is none.
    drop : ndarray, shape (n, 2)
        How far it stands below [pitch]; NaN where there is none.
    """

    column: NDArray[np.int64]
    offset: Floats
    drop: Floats


def beside(positions_A: Floats, grid: Grid, *, rows_below: int) -> Beside:
    """Return the nearest columns to both sides in the row some rows below (0: in its own)."""
    away = (positions_A[None] - positions_A[:, None]) / grid.pitch_A
    ratio = grid.spacing_A / grid.pitch_A
    here = np.abs(away[..., 0] - rows_below * ratio) < OTHER_ROW * ratio
    np.fill_diagonal(here, False)
    found = []
    for right in (False, True):
        x = away[..., 1]
        fits = here & ((x > 0) == right) & (np.abs(x) < 1.3)
        found.append(np.where(fits, np.abs(x), np.inf).argmin(axis=1))
        found[-1] = np.where(fits.any(axis=1), found[-1], -1)
    column = np.stack(found, axis=1)
    own = np.arange(len(positions_A))[:, None]
    drop, offset = np.moveaxis(np.where(column[..., None] >= 0, away[own, column], np.nan), 2, 0)
    return Beside(column, offset, drop)


def by_threshold(positions_A: Floats, grid: Grid) -> States:
    """Round the sideways offset of each column from the next row to a third of the pitch.

    The offset is that of the nearest column on either side, or the mean of both, modulo the pitch.
    """
    below = beside(positions_A, grid, rows_below=1)
    turn = np.nansum(np.exp(-2j * np.pi * below.offset), axis=1)
    state = np.rint(3 * np.angle(turn) / (2 * np.pi)).astype(np.int64)
    return np.where((below.column >= 0).any(axis=1), (state + 1) % 3 - 1, UNREAD)


def patches(
    prepared: PreparedWalls,
    grid: Grid,
    *,
    half_width: float,
    pixel_size_A: float,
    blur_sigma_A: float,
) -> list[Template]:
    """Return templates of two rows, with their states; the upper row has a column at the middle.

    They are ``half_width`` pitches wide to either side.
    """
    half_px = [
        int(0.8 * grid.spacing_A / pixel_size_A),
        int(half_width * grid.pitch_A / pixel_size_A),
    ]
    shape = [2 * half + 1 for half in half_px]
    middle_A = np.array(half_px) * pixel_size_A
    return [
        (
            state,
            prepared.image(
                word,
                jumps=[],
                pixel_size_A=pixel_size_A,
                field_A=tuple((n + 0.01) * pixel_size_A for n in shape),
                position_A=(
                    middle_A[0] + grid.spacing_A / 2,
                    middle_A[1] - state / 3 * grid.pitch_A,
                ),
                blur_sigma_A=blur_sigma_A,
            )[0],
        )
        for state, words in WORDS.items()
        for word in words
    ]


def by_template(
    image: NDArray[np.float32],
    positions_A: Floats,
    grid: Grid,
    templates: list[Template],
    *,
    pixel_size_A: float,
) -> States:
    """Name the gap below each column after the template that correlates best with the image."""
    from skimage.feature import match_template

    place = (positions_A + np.array([grid.spacing_A / 2, 0.0])).T / pixel_size_A
    reach = 2 * int(SEARCH_A / pixel_size_A) + 1
    best = {state: np.full(len(positions_A), -np.inf) for state in WORDS}
    for state, template in templates:
        score = match_template(image, template, pad_input=True, mode="mean")
        peak = maximum_filter(score, size=reach)
        best[state] = np.maximum(best[state], map_coordinates(peak, place, order=0, cval=-1.0))
    states = np.array(list(best))
    scores = np.stack(list(best.values()))
    return np.where(scores.max(axis=0) > 0, states[scores.argmax(axis=0)], UNREAD)


SIDES = {1: ((-1 / 3, 2 / 3),), 0: ((0.0, 1.0), (-1.0, 0.0)), -1: ((-2 / 3, 1 / 3),)}
"""Where the columns of the row below stand to the left and right, by state of the gap [pitch]."""


def by_environment(positions_A: Floats, grid: Grid) -> States:
    """Compare each column's neighbours with ideal environments, as polyhedral templates do.

    Six neighbours: in the own row, the row above and the row below the nearest to the left and to
    the right. Environments are all pairs of states above and below; the one whose deviation is
    least after the best rotation and scale names both gaps, if it is at most `RMSD`. The gap below
    a column is also the one above a column of the next row: the better fit of both counts. In three
    dimensions: Larsen, Schmidt and Schiøtz, doi:10.1088/0965-0393/24/5/055007.
    """
    own, above, below = (beside(positions_A, grid, rows_below=k) for k in (0, -1, 1))
    seen = np.concatenate([_points(one) for one in (own, above, below)], axis=1)
    ideal, states = _environments(grid)
    error = _deviations(seen, ideal)
    best = error.argmin(axis=1)
    least = error[np.arange(len(error)), best]
    up, down = states[best].T
    down_error = np.where((below.column >= 0).any(axis=1), least, np.inf)
    up_error = np.where((above.column >= 0).any(axis=1), least, np.inf)
    for side in (0, 1):
        # The column below whose own gap above is this one.
        partner = below.column[:, side]
        near = (partner >= 0) & (np.abs(below.offset[:, side]) < 0.5)
        better = near & (up_error[partner] < down_error)
        down = np.where(better, up[partner], down)
        down_error = np.where(better, up_error[partner], down_error)
    return np.where(down_error < RMSD, down, UNREAD)


def _points(one: Beside) -> NDArray[np.complex128]:
    return one.offset + 1j * one.drop


def _environments(grid: Grid) -> tuple[NDArray[np.complex128], NDArray[np.int64]]:
    """Return ideal neighbours (environment, 6), and the states (above, below) of each."""
    drop = 1j * grid.spacing_A / grid.pitch_A
    points, states = [], []
    for up, uppers in SIDES.items():
        for down, lowers in SIDES.items():
            for upper in uppers:
                for lower in lowers:
                    # Seen from below, the offsets of a gap change sign.
                    above = [-x - drop for x in upper[::-1]]
                    points.append([-1.0, 1.0, *above, *(x + drop for x in lower)])
                    states.append((up, down))
    return np.array(points), np.array(states)


def _deviations(seen: NDArray[np.complex128], ideal: NDArray[np.complex128]) -> Floats:
    """Return the RMS deviation (column, environment) after the best similarity [pitch].

    The column itself is the seventh point; neighbours that are missing are left out on both sides.
    """
    there = np.isfinite(seen)
    weight = np.concatenate([np.ones((len(seen), 1)), there], axis=1)[:, None]
    z = np.concatenate([np.zeros((len(seen), 1)), np.where(there, seen, 0.0)], axis=1)[:, None]
    w = np.concatenate([np.zeros((len(ideal), 1)), ideal], axis=1)[None]
    count = weight.sum(axis=2, keepdims=True)
    z = (z - (z * weight).sum(axis=2, keepdims=True) / count) * weight
    w = (w - (w * weight).sum(axis=2, keepdims=True) / count) * weight
    length = np.maximum((np.abs(w) ** 2).sum(axis=2), 1e-12)
    shared = np.abs((np.conj(w) * z).sum(axis=2)) ** 2 / length
    error = np.sqrt(np.maximum((np.abs(z) ** 2).sum(axis=2) - shared, 0.0) / count[..., 0])
    return np.where(there.sum(axis=1, keepdims=True) >= 4, error, np.inf)
