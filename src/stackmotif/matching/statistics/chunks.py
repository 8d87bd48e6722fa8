"""Chunks of O1: their own row spacing, pitch and rotation against the O3 around them, with errors.

Noise, displaced lines and slow distortion of the scan also bend rows. What they do is measured on
the same image: the field is laid out in tiles of the size of the chunk, and each tile of O3 is
predicted from the others by the same smooth surface that predicts the chunk. A difference counts
only against the errors of those predictions. Only rows between two gaps of the chunk are its own;
the outermost belong to the O3 beyond as well.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.orientation import to_row_frame
from stackmotif.matching.runs import MINUS, PLUS, ZERO
from stackmotif.matching.statistics.grids import dense_states
from stackmotif.matching.statistics.surface import Prediction, predict

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_GAPS: Final = 3
"""Gaps of O1 on top of each other from which a domain has a spacing and rotation of its own."""

CLEAR: Final = 0.001
"""Two-sided probability below which a difference is claimed: 3.3 standard deviations."""

_MIN_CELLS = 12
_MIN_SLOTS = 8  # a narrower chunk says nothing about the direction of its rows
_PURE = 0.95
_MOST_TILES = 60  # the nearest: those far away say little about the distortion here
_WIDEST = 24  # slots of a tile: a wide chunk is compared piece by piece
_QUANTITIES: Final = (
    ("row_spacing", "A", 4), ("pitch", "A", 4), ("misorientation", "deg", 3),
)  # fmt: skip


@dataclass(frozen=True)
class _Field:
    """Columns on the grid (row, slot) in the row frame [Å], NaN where there is none."""

    u: Floats
    v: Floats
    o3: NDArray[np.bool_]
    chunk: Ints


def measure_chunks(r: "MotifMap") -> list[dict[str, Any]]:
    """Return one entry per O1 domain of three gaps and eight columns or more, as plain values.

    Each has ``domain`` (line of ``domains.csv``), ``n_gaps``, and for ``row_spacing_A``,
    ``pitch_A`` and ``misorientation_deg`` (counter-clockwise as seen): ``…_difference`` from the O3
    around it (None unless it is clear of its error), ``…_sigma`` and ``…_bound`` (its size is below
    this with 95 % confidence), ``…_clear``, and ``note``.
    """
    numbers = np.asarray(r.domains["id"])[
        (r.domains["kind"] == "O1") & (r.domains["n_gaps"] >= MIN_GAPS)
    ]
    lattice = r.summary.get("lattice")
    if not len(numbers) or not lattice:
        return []
    grid = _field(r, float(lattice["rotation_deg"]))
    return [one for number in numbers if (one := _measured(r, grid, int(number)))]


def _field(r: "MotifMap", rotation_deg: float) -> _Field:
    """Lay columns and states out on the grid of rows and slots."""
    states = dense_states(r)
    shape = (states.shape[0] + 1, states.shape[1])
    own = r.columns["row"] >= 0
    place = (r.columns["row"][own], r.columns["slot"][own])
    positions = np.stack([r.columns["y_A"][own], r.columns["x_A"][own]], axis=1)
    laid = np.full((2, *shape), np.nan)
    laid[0][place], laid[1][place] = to_row_frame(positions, float(np.radians(rotation_deg)))
    domain = np.full(states.shape, -1)
    domain[r.shifts["gap"], r.shifts["slot"]] = r.shifts["domain"]
    signed = (states == PLUS) | (states == MINUS)
    domain = np.where(states == ZERO, domain, -1)
    return _Field(u=laid[0], v=laid[1], o3=signed, chunk=domain)


def _measured(r: "MotifMap", grid: _Field, number: int) -> dict[str, Any] | None:
    """Compare one chunk, cut into pieces of at most `_WIDEST` slots, with tiles of O3."""
    cells = grid.chunk == number
    gap, slot = np.nonzero(cells)
    if len(gap) < _MIN_CELLS or np.ptp(slot) + 1 < _MIN_SLOTS:
        return None
    rows, slots = (int(gap.min()), int(gap.max()) + 2), (int(slot.min()), int(slot.max()) + 1)
    n_pieces = -(-(slots[1] - slots[0]) // _WIDEST)
    width = -(-(slots[1] - slots[0]) // n_pieces)
    size = (rows[1] - rows[0], width)
    lefts = [slots[0] + k * width for k in range(n_pieces)]
    value, centre = _pieces(grid, cells, rows, lefts, size)
    tiles, centres = _tiles(grid, size, rows[0], slots[0])
    entry: dict[str, Any] = {
        "domain": number,
        "n_gaps": int(r.domains["n_gaps"][r.domains["id"] == number][0]),
        "n_tiles": len(tiles),
    }
    good = np.isfinite(value).all(axis=1)
    for k, (name, unit, digits) in enumerate(_QUANTITIES):
        expected = predict(centres, tiles[:, k], centre[good]) if good.any() else None
        entry |= _compared(name, unit, digits, value[good, k], expected)
    entry["note"] = _note(entry)
    return entry


def _compared(
    name: str, unit: str, digits: int, value: Floats, expected: Prediction | None
) -> dict[str, Any]:
    """Return a difference with its error, and the difference itself only if it is clear."""
    from scipy.stats import t

    keys = [f"{name}_{part}_{unit}" for part in ("difference", "sigma", "bound")]
    told: dict[str, Any] = dict.fromkeys(keys)
    if name != "misorientation" and len(value):
        told = {f"{name}_{unit}": round(float(value.mean()), digits)} | told
    if expected is None:
        return told | {f"{name}_clear": False}
    difference = float(np.mean(value - expected.value))
    sigma = max(expected.sigma, 1e-12)
    clear = 2 * float(t.sf(abs(difference) / sigma, expected.freedom)) < CLEAR
    bound = abs(difference) + float(t.ppf(0.95, expected.freedom)) * sigma
    if clear:
        told[keys[0]] = round(difference, digits)
    told |= {keys[1]: float(f"{sigma:.3g}"), keys[2]: float(f"{bound:.3g}")}
    return told | {f"{name}_clear": clear}


def _note(entry: dict[str, Any]) -> str:
    if entry["row_spacing_sigma_A"] is None:
        return (
            "too little O3 of the size of the chunk in the field to tell a difference from "
            "distortion; a larger field would"
        )
    clear = [name.replace("_", " ") for name, *_ in _QUANTITIES if entry[f"{name}_clear"]]
    if clear:
        return f"differs from the O3 around it in {', '.join(clear)}"
    return "no difference from the O3 around it is clear of noise and distortion of the scan"


def _tiles(grid: _Field, size: tuple[int, int], row: int, slot: int) -> tuple[Floats, Floats]:
    """Return what is measured in tiles of O3 around a chunk, in step with it, and their centres."""
    n_rows, n_slots = grid.u.shape
    # Neighbouring tiles share no row: a displaced row would be in both.
    tops = np.arange(row % size[0], n_rows - size[0] + 1, size[0])
    lefts = np.arange(slot % size[1], n_slots - size[1] + 1, size[1])
    top, left = (x.ravel() for x in np.meshgrid(tops, lefts, indexing="ij"))
    distance = ((top - row) / size[0]) ** 2 + ((left - slot) / size[1]) ** 2
    values, centres = [], []
    for k in np.argsort(distance, kind="stable"):
        box = (slice(top[k], top[k] + size[0]), slice(left[k], left[k] + size[1]))
        if grid.o3[top[k] : top[k] + size[0] - 1, box[1]].mean() < _PURE:
            continue
        value = _affine(grid.u[box][1:-1], grid.v[box][1:-1])
        if np.isfinite(value).all():
            values.append(value)
            centres.append((top[k] + size[0] / 2, left[k] + size[1] / 2))
        if len(values) == _MOST_TILES:
            break
    return np.array(values).reshape(-1, 3), np.array(centres).reshape(-1, 2)


def _pieces(
    grid: _Field, cells: NDArray[np.bool_], rows: tuple[int, int], lefts: list[int],
    size: tuple[int, int],
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return what is measured in the pieces of a chunk, in the rows between its gaps."""
    sides = np.zeros(grid.u.shape, dtype=np.int64)
    sides[:-1] += cells
    sides[1:] += cells
    values, centres = [], []
    for left in lefts:
        box = (slice(*rows), slice(left, left + size[1]))
        u, v = (np.where(sides[box] == 2, w[box], np.nan) for w in (grid.u, grid.v))
        values.append(_affine(u, v))
        centres.append((rows[0] + size[0] / 2, left + size[1] / 2))
    return np.array(values), np.array(centres)


def _affine(u: Floats, v: Floats) -> Floats:
    """Return row spacing [Å], pitch [Å] and slope of the rows [deg, counter-clockwise] of a box.

    Rows share one slope and one spacing; for the pitch each row has its own offset.
    """
    rows, place = np.nonzero(np.isfinite(u))
    slots, u, v = place.astype(np.float64), u[rows, place], v[rows, place]
    if len(u) < _MIN_CELLS or len(np.unique(rows)) < 2:
        return np.full(3, np.nan)
    pitch, spread = _shared_slope(rows, slots, u)
    if spread < 2:
        return np.full(3, np.nan)
    slope, _ = _shared_slope(rows, u, v)
    spacing, _ = _shared_slope(np.zeros_like(rows), rows.astype(np.float64), v - slope * u)
    angle = np.arctan(slope)
    return np.array([spacing * np.cos(angle), pitch, -np.degrees(angle)])


def _shared_slope(rows: Ints, x: Floats, y: Floats) -> tuple[float, float]:
    """Return the slope of y over x that all rows share, each with its offset, and the spread."""
    count = np.maximum(np.bincount(rows), 1)
    x = x - (np.bincount(rows, x) / count)[rows]
    y = y - (np.bincount(rows, y) / count)[rows]
    spread = float((x * x).sum())
    return float((x * y).sum()) / max(spread, 1e-9), spread
