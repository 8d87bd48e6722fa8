"""Twin planes: where layers change their sense, how straight, how far."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.runs import MINUS, OUTSIDE, PLUS

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]
_FEWEST = 3


def plane_records(
    result: "MotifMap", layers: NDArray[np.int8], *, dumbbells: bool
) -> list[dict[str, Any]]:
    """Return the twin planes, those of faults and bands included, from the top, as plain values.

    Parameters
    ----------
    result : MotifMap
        With columns that have rows and slots.
    layers : ndarray of int8, shape (n, n_slots)
        Sense of every layer: of gaps, or of rows for ``dumbbells``.
    dumbbells : bool
        A plane lies in the gap between two rows; otherwise it is a row.

    Returns
    -------
    list of dict
        ``row``: of a plane that is a row, or the row above one between rows. ``above``, ``below``:
        senses. ``y_A``, ``x_A``: its middle; ``length_A``, ``n_columns``; ``angle_deg``: as
        ``rotation_deg`` of the lattice; ``straight_A``: root mean square distance of its columns
        (or pairs) from one straight line [Å].
    """
    upper, lower = layers[:-1], layers[1:]
    change = ((upper == PLUS) & (lower == MINUS)) | ((upper == MINUS) & (lower == PLUS))
    known = (upper != OUTSIDE) & (lower != OUTSIDE)
    places = _places(result, change.shape, dumbbells=dumbbells)
    records = []
    for number in np.flatnonzero((change & known).any(axis=1)):
        for above in (PLUS, MINUS):
            slots = np.flatnonzero(change[number] & (upper[number] == above))
            points = places[number, slots]
            points = points[np.isfinite(points).all(axis=1)]
            if len(points) >= _FEWEST:
                row = int(number) if dumbbells else int(number) + 1
                records.append({"row": row, **_record(points, above)})
    return records


def _record(points: Floats, above: int) -> dict[str, Any]:
    centre = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - centre, full_matrices=False)
    along = axes[0] if axes[0][1] >= 0 else -axes[0]
    reach = (points - centre) @ along
    beside = (points - centre) @ np.array([along[1], -along[0]])
    return {
        "above": "+" if above == PLUS else "-",
        "below": "-" if above == PLUS else "+",
        "y_A": round(float(centre[0]), 3),
        "x_A": round(float(centre[1]), 3),
        "length_A": round(float(np.ptp(reach)), 2),
        "n_columns": len(points),
        "angle_deg": round(float(np.degrees(np.arctan2(-along[0], along[1]))), 3),
        "straight_A": round(float(np.sqrt(np.mean(beside**2))), 4),
    }


def _places(result: "MotifMap", shape: tuple[int, ...], *, dumbbells: bool) -> Floats:
    """Return (y, x) [Å] of every place a plane may pass: (n, n_slots, 2), NaN without a column."""
    if dumbbells:
        cells = result.shifts
        places = np.full((*shape, 2), np.nan)
        places[cells["gap"], cells["slot"]] = np.stack([cells["y_A"], cells["x_A"]], axis=1)
        return places
    columns = result.columns
    places = np.full((shape[0] + 2, shape[1], 2), np.nan)
    used = columns[columns["row"] >= 0]
    places[used["row"], used["slot"]] = np.stack([used["y_A"], used["x_A"]], axis=1)
    return places[1:-1]
