"""Simple lattices with exact truth."""

import numpy as np
from scipy.spatial import cKDTree

PITCH_A, ROW_A, PIXEL_A = 2.487, 4.73, 0.16


def o3(shape, *, rng, faults=0.1, pixel_size_A=PIXEL_A):
    """Columns of an O3 stack along [100] with faulted gaps, (y, x) [Å], inside the image."""
    generator = np.random.default_rng(rng)
    high = np.array(shape) * pixel_size_A
    n_rows, n_slots = int(high[0] / ROW_A) + 2, int(high[1] / PITCH_A) + 4
    shifts = np.where(generator.random(n_rows) < faults, generator.integers(-1, 2, n_rows), 1)
    phase = (np.cumsum(shifts) / 3 + generator.random()) % 1
    x = (np.arange(n_slots) - 2 + phase[:, None]) * PITCH_A
    y = np.repeat((np.arange(n_rows) + generator.random()) * ROW_A, n_slots)
    points = np.stack([y, x.ravel()], axis=1)
    return points[np.all((points > -1.5) & (points < high + 1.5), axis=1)]


def compare(columns, truth_A, shape, *, border_A=1.0, pixel_size_A=PIXEL_A):
    """Recall, precision, position errors [Å] and the indices of the columns they belong to."""
    high = np.array(shape) * pixel_size_A - border_A

    def central(points):
        return np.all((points > border_A) & (points < high), axis=1)

    distance, owner = cKDTree(truth_A).query(columns.positions_A)
    missed, _ = cKDTree(columns.positions_A).query(truth_A)
    inner = central(columns.positions_A)
    matched = np.flatnonzero((distance < 0.7) & inner)
    error = columns.positions_A[matched] - truth_A[owner[matched]]
    recall = float((missed[central(truth_A)] < 0.7).mean())
    return recall, float((distance[inner] < 0.7).mean()), error, matched
