r"""Axes, units and signs, in one place.

Lengths are in ångström (suffix ``_A``), angles in degrees (``_deg``) or milliradian (``_mrad``),
energies in electronvolt (``_eV``), dose in electrons per square ångström.

*Image axes*: arrays are (row, column) = (y, x); y points down, x right; the origin is the centre of
pixel (0, 0).

*Viewer*: the zone axis points at the viewer, +c is up in the image, x to the right. A shift is
``s = x(upper) - x(lower)`` in units of the column pitch d; a lean is
``t = x(O_top) - x(O_bottom)``. Words are read along +c, from the bottom of the image to its top.

*Projection along [100]*: pitch ``d = a * sqrt(3) / 2``; a shift of one unit e = (2/3, 1/3) moves
the next row by d/3.
"""

import math
from typing import Final

COLUMN_PITCH_PER_A: Final = math.sqrt(3.0) / 2.0
"""Column pitch along <11-20>, in units of the in-plane lattice constant a."""

SHIFT_UNIT: Final = (2.0 / 3.0, 1.0 / 3.0)
"""The in-plane shift e, in hexagonal fractions: letters A = 0, B = e, C = 2e (mod 1)."""

STATES: Final = ("+", "0", "-", "x")
"""Gap states, in the order of every probability array: plus, zero, minus, unknown."""

SHIFT_OF_STATE: Final = (1.0 / 3.0, 0.0, -1.0 / 3.0)
"""Projected shift of the states ``+``, ``0``, ``-`` in units of the column pitch."""


def column_pitch_A(a_A: float) -> float:
    """Return the column pitch d in ångström along <11-20> of a lattice constant ``a_A``.

    >>> round(column_pitch_A(2.872), 3)
    2.487
    """
    return a_A * COLUMN_PITCH_PER_A
