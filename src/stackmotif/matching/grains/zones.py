"""Cation lattices of rock salt as columns along low-index zone axes.

Plane vectors are complex numbers x - i y: to the right and *up* in the image, so that angles are
counter-clockwise as seen. Lengths are in units of the cubic lattice constant.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]

NIO_A: Final = 4.17
"""Lattice constant of NiO [Å], from the catalog's lattice ``NiO`` (VASP wiki, NiO_GGA)."""

_HALF_ROW: Final = np.sqrt(2.0) / 4.0
_LAYER: Final = 1.0 / np.sqrt(3.0)
_TRACE_DEG: Final = float(np.degrees(np.arctan(np.sqrt(2.0))))


@dataclass(frozen=True)
class ZoneAxis:
    """Columns of the cations along one zone axis.

    Parameters
    ----------
    name : str
        Indices of the axis, as in ``110``.
    basis : tuple of complex
        Two vectors that make the column lattice.
    ring : ndarray of complex, shape (k,)
        Vectors to the neighbours that a column is recognised by, with both signs.
    needed : int
        How many of them must be there.
    trace_deg : tuple of float
        Directions of rows of columns that are called the rows of the grain.
    turn_deg : float
        The lattice is the same after a turn by this angle.
    pitch, spacing : float
        Distance of columns in such a row, and of such rows.
    spots : ndarray of complex
        Reciprocal lattice vectors, one of each pair, that must show in a power spectrum.
    """

    name: str
    basis: tuple[complex, complex]
    ring: Complex
    needed: int
    trace_deg: tuple[float, ...]
    turn_deg: float
    pitch: float
    spacing: float
    spots: Complex

    @property
    def off_zone(self) -> bool:
        """Whether the grain is not seen along the <110> of a coherent film."""
        return self.name != "110"

    @property
    def area(self) -> float:
        """Area per column."""
        return float(abs((np.conj(self.basis[0]) * self.basis[1]).imag))

    @property
    def shortest(self) -> float:
        """Distance of the nearest columns."""
        return float(np.abs(self.ring).min())


def _zone(
    name: str,
    basis: tuple[complex, complex],
    half: list[tuple[int, int]],
    needed: int,
    *,
    trace_deg: tuple[float, ...] = (0.0,),
    turn_deg: float,
    pitch: float,
    spacing: float,
    spots: list[tuple[int, int]],
) -> ZoneAxis:
    first = np.array([m * basis[0] + n * basis[1] for m, n in half])
    (ax, ay), (bx, by) = ((b.real, b.imag) for b in basis)
    reciprocal = np.linalg.inv(np.array([[ax, bx], [ay, by]]))  # rows: the two vectors
    waves = np.array([h * reciprocal[0] + k * reciprocal[1] for h, k in spots])
    return ZoneAxis(
        name=name,
        basis=basis,
        ring=np.concatenate([first, -first]),
        needed=needed,
        trace_deg=trace_deg,
        turn_deg=turn_deg,
        pitch=pitch,
        spacing=spacing,
        spots=waves[:, 0] + 1j * waves[:, 1],
    )


ZONES: Final = (
    _zone(
        "110",
        (complex(_HALF_ROW, 0.5), complex(-_HALF_ROW, 0.5)),
        [(1, 0), (0, 1), (1, -1)],
        5,
        trace_deg=(_TRACE_DEG, -_TRACE_DEG),
        turn_deg=180.0,
        pitch=np.hypot(_HALF_ROW, 0.5),
        spacing=_LAYER,
        spots=[(1, 0), (0, 1), (1, 1)],
    ),
    _zone(
        "100",
        (0.5 + 0j, 0.5j),
        [(1, 0), (0, 1), (1, 1), (-1, 1)],
        7,
        turn_deg=90.0,
        pitch=0.5,
        spacing=0.5,
        spots=[(1, 0), (0, 1)],
    ),
    _zone(
        "112",
        (complex(_HALF_ROW, 0.0), complex(0.0, _LAYER)),
        [(1, 0), (0, 1), (1, 1), (-1, 1), (2, 0)],
        8,
        turn_deg=180.0,
        pitch=_HALF_ROW,
        spacing=_LAYER,
        spots=[(1, 0), (0, 1)],
    ),
    _zone(
        "111",
        (complex(1 / np.sqrt(6.0), 0.0), complex(0.5 / np.sqrt(6.0), _HALF_ROW)),
        [(1, 0), (0, 1), (-1, 1)],
        6,
        turn_deg=60.0,
        pitch=1 / np.sqrt(6.0),
        spacing=_HALF_ROW,
        spots=[(1, 0), (0, 1), (1, -1)],
    ),
)
"""Axes looked for, the commonest first."""


def zone_named(name: str) -> ZoneAxis:
    """Return the zone axis of that name."""
    return next(zone for zone in ZONES if zone.name == name)


def misorientation_deg(zone: ZoneAxis, direction_deg: float, rows_deg: float) -> float:
    """Return the turn of a grain's rows against the host's rows, the least one of all equal ones.

    Parameters
    ----------
    zone : ZoneAxis
        Of the grain.
    direction_deg : float
        Direction of the zone's first axis (``0°`` of ``trace_deg``), counter-clockwise.
    rows_deg : float
        Direction of the host's rows.

    Examples
    --------
    >>> round(misorientation_deg(zone_named("110"), 54.7356, 0.0), 3)
    0.0
    >>> misorientation_deg(zone_named("100"), 92.0, 0.0)
    2.0
    """
    turns = np.array(zone.trace_deg) + direction_deg - rows_deg
    folded = np.mod(turns + zone.turn_deg / 2, zone.turn_deg) - zone.turn_deg / 2
    return float(folded[np.argmin(np.abs(folded))])
