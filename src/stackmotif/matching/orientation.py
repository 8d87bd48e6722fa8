"""The row direction, the column pitch and the row spacing of a set of columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SAMPLE = 6000
_REACH = 4.6  # neighbours looked at, in median nearest-neighbour distances


@dataclass(frozen=True)
class Orientation:
    """How the rows of columns lie in the image.

    Parameters
    ----------
    angle_rad : float
        Row direction, counter-clockwise as seen from +x (y points down), in (-pi/2, pi/2] to
        within the last refinement.
    pitch_A : float
        Distance between neighbours in a row [Å].
    row_spacing_A : float
        Distance between neighbouring rows [Å]; NaN if there is only one row.
    coherence : float
        How regularly columns follow each other along the rows: 0 at random, 1 for a lattice.
    """

    angle_rad: float
    pitch_A: float
    row_spacing_A: float
    coherence: float


def to_row_frame(positions_A: Floats, angle_rad: float) -> tuple[Floats, Floats]:
    """Return coordinates along the rows (u, to the right) and across them (v, downwards) [Å]."""
    y, x = positions_A.T
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return x * c - y * s, y * c + x * s


def from_row_frame(
    u_A: Floats | float, v_A: Floats | float, angle_rad: float
) -> tuple[Floats, Floats]:
    """Return (y, x) [Å] of coordinates along and across the rows."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.asarray(v_A * c - u_A * s), np.asarray(u_A * c + v_A * s)


def fold_angle(angle_rad: float) -> float:
    """Fold a row direction to (-pi/2, pi/2]: a row has no head."""
    folded = (angle_rad + np.pi / 2) % np.pi - np.pi / 2
    return float(np.pi / 2 if np.isclose(folded, -np.pi / 2) else folded)


def find_orientation(positions_A: Floats) -> Orientation | None:
    """Find the direction in which columns follow each other most regularly at a short distance.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) in image axes [Å].

    Returns
    -------
    Orientation or None
        None if there are too few columns to have a direction.
    """
    found = measure_orientations(positions_A)
    if not found:
        return None
    best = max(c.coherence for c in found)
    good = [c for c in found if c.coherence >= min(0.75 * best, best)]
    nearest = _neighbour_vectors(positions_A)[1]
    return min(good, key=lambda c: (round(c.pitch_A / nearest, 1), -c.coherence))


def measure_orientations(
    positions_A: Floats, *, around_rad: Sequence[float] | None = None
) -> list[Orientation]:
    """Measure every direction in which columns follow each other at a short distance.

    Parameters
    ----------
    positions_A : ndarray, shape (n, 2)
        (y, x) in image axes [Å].
    around_rad : sequence of float, optional
        Directions to start from in place of those in which neighbours cluster.
    """
    if len(positions_A) < 12:
        return []
    vectors, nearest = _neighbour_vectors(positions_A)
    if not nearest > 0:
        return []
    angles = _candidates(vectors, nearest) if around_rad is None else around_rad
    measured = [_measure(vectors, nearest, angle) for angle in angles]
    return [one for one in measured if one is not None]


def _neighbour_vectors(positions_A: Floats) -> tuple[Floats, float]:
    """Return neighbour vectors (m, 2) = (y, x) around a central sample, and the median distance."""
    from scipy.spatial import cKDTree

    tree = cKDTree(positions_A)
    centre = np.median(positions_A, axis=0)
    order = np.argsort(((positions_A - centre) ** 2).sum(axis=1), kind="stable")
    sample = positions_A[order[:: max(1, len(order) // _SAMPLE)]]
    distance, _ = tree.query(sample, k=2)
    nearest = float(np.median(distance[:, 1]))
    if not nearest > 0:
        return np.empty((0, 2)), 0.0
    distance, index = tree.query(sample, k=64, distance_upper_bound=_REACH * nearest)
    inside = np.isfinite(distance) & (distance > 0)
    padded = np.vstack([positions_A, [[np.nan, np.nan]]])
    vectors = padded[index] - sample[:, None, :]
    return vectors[inside], nearest


def _candidates(vectors: Floats, nearest: float) -> list[float]:
    """Return the angles [rad] at which short neighbour vectors cluster, strongest first."""
    short = vectors[np.hypot(vectors[:, 0], vectors[:, 1]) < 1.4 * nearest]
    angle = np.arctan2(-short[:, 0], short[:, 1]) % np.pi
    counts, edges = np.histogram(angle, bins=180, range=(0.0, np.pi))
    kernel = np.exp(-0.5 * (np.arange(-9, 10) / 3.0) ** 2)
    smooth = np.convolve(np.concatenate([counts[-9:], counts, counts[:9]]), kernel, mode="valid")
    peak = (smooth >= np.roll(smooth, 1)) & (smooth > np.roll(smooth, -1))
    peak &= smooth > 0.15 * smooth.max()
    found = np.nonzero(peak)[0]
    strongest = found[np.argsort(-smooth[found], kind="stable")][:6]
    return [float(edges[i] + 0.5 * (edges[1] - edges[0])) for i in strongest]


def _measure(vectors: Floats, nearest: float, angle: float) -> Orientation | None:
    """Refine one candidate direction and measure pitch, spacing and coherence along it."""
    short = vectors[np.hypot(vectors[:, 0], vectors[:, 1]) < 1.4 * nearest]
    for window in (0.35, 0.2, 0.15, 0.15):
        u, v = to_row_frame(short, angle)
        row = np.abs(v) < window * np.abs(u)
        if row.sum() < 8:
            return None
        angle -= float(np.sum(u[row] * v[row]) / np.sum(u[row] ** 2))
    pitch = float(np.median(np.abs(u[row])))
    u, v = to_row_frame(vectors, angle)
    for reach in (1.5, 2.5, 3.5, 4.5):
        band = (np.abs(v) < 0.3 * pitch) & (np.abs(u) < reach * pitch)
        order = np.rint(np.abs(u[band]) / pitch)
        used = order > 0
        if used.sum() < 8:
            return None
        pitch = float(np.sum(np.abs(u[band][used]) * order[used]) / np.sum(order[used] ** 2))
    band = (np.abs(v) < 0.3 * pitch) & (np.abs(u) > 1.5 * pitch) & (np.abs(u) < 4.5 * pitch)
    regular = float(np.cos(2 * np.pi * u[band] / pitch).mean()) if band.sum() > 8 else 0.0
    return Orientation(
        angle_rad=fold_angle(angle),
        pitch_A=pitch,
        row_spacing_A=_row_spacing(u, v, pitch),
        coherence=regular,
    )


def _row_spacing(u: Floats, v: Floats, pitch: float) -> float:
    """Return the distance [Å] to the nearest parallel row: the first strong peak across."""
    near = (np.abs(u) < 0.75 * pitch) & (v > 0.4 * pitch) & (v < 3.9 * pitch)
    if near.sum() < 8:
        return float("nan")
    counts, edges = np.histogram(v[near] / pitch, bins=175, range=(0.4, 3.9))
    smooth = np.convolve(counts, np.exp(-0.5 * (np.arange(-12, 13) / 4.0) ** 2), mode="same")
    peak = np.zeros(len(smooth), dtype=bool)
    peak[1:-1] = (smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:])
    strong = np.nonzero(peak & (smooth > 0.5 * smooth.max()))[0]
    if not len(strong):
        return float("nan")
    guess = (edges[strong[0]] + 0.5 * (edges[1] - edges[0])) * pitch
    around = near & (np.abs(v - guess) < 0.25 * guess)
    return float(np.median(v[around]))
