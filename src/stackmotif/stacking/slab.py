"""One slab of a stacking word: its tilt, the shift to the next slab and the guest between them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from stackmotif.errors import WordError

Vector = tuple[Fraction, Fraction]
Shift = int | Vector | None
"""A shift in units of e, a vector in hexagonal fractions, or None where it is unknown or absent."""

UNIT_SHIFT: Final[Vector] = (Fraction(2, 3), Fraction(1, 3))
"""e in exact hexagonal fractions."""

SITE_NAMES: Final = ("o", "e", "f", "l", "u", "t", "tl", "tu")
"""Guest sites; `stackmotif.stacking.gaps.SITES` says which gap offers which."""

ELEMENTS: Final = frozenset(
    """H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se
    Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy
    Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf
    Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og""".split()  # noqa: SIM905
)


def shift_vector(shift: int | Vector) -> Vector:
    """Return a shift as a vector in hexagonal fractions, each component in [0, 1).

    >>> shift_vector(-1)
    (Fraction(1, 3), Fraction(2, 3))
    """
    u, v = (shift * UNIT_SHIFT[0], shift * UNIT_SHIFT[1]) if isinstance(shift, int) else shift
    return u % 1, v % 1


_UNIT_MULTIPLES: Final = {shift_vector(s): s for s in (1, 0, -1)}


def reduced_shift(vector: Iterable[Fraction]) -> int | Vector:
    """Return the shift of a vector: +1, 0 or -1 where it is that multiple of e, else mod 1."""
    u, v = vector
    wrapped = (u % 1, v % 1)
    return _UNIT_MULTIPLES.get(wrapped, wrapped)


@dataclass(frozen=True, slots=True)
class Guest:
    """The guest ions in one gap.

    Parameters
    ----------
    species : str
        Element symbol.
    occupancy : float
        Guests per metal of one slab, in (0, 1].
    site : str or None
        One of `SITE_NAMES`; None is the gap kind's default.
    height_A : float or None
        Height of the gap, from its lower to its upper oxygen plane [Å]; None takes the lattice's.

    Raises
    ------
    WordError
        For an unknown element or site, or a number out of range.
    """

    species: str
    occupancy: float = 1.0
    site: str | None = None
    height_A: float | None = None

    def __post_init__(self) -> None:
        if self.species not in ELEMENTS:
            raise WordError(f"guest {self.species!r} is no element; expected a symbol such as 'Li'")
        if not 0.0 < self.occupancy <= 1.0:
            raise WordError(f"guest occupancy is {self.occupancy}; expected 0 < occupancy <= 1")
        if self.site is not None and self.site not in SITE_NAMES:
            raise WordError(
                f"guest site {self.site!r} is unknown; expected {', '.join(SITE_NAMES)}"
            )
        if self.height_A is not None and not (math.isfinite(self.height_A) and self.height_A > 0):
            raise WordError(f"gap height is {self.height_A} Å; expected a positive number")


@dataclass(frozen=True, slots=True)
class Slab:
    """One MO2 slab, and the gap above it.

    Parameters
    ----------
    tilt : int
        +1 (``R``: oxygen below at -e, above at +e), -1 (``L``) or 0 (unknown).
    shift : int, pair of Fraction, or None
        From this slab's metal to the next one's: +1, 0 or -1 in units of e = (2/3, 1/3), or a
        vector in hexagonal fractions, reduced modulo 1 and to a multiple of e where it is one;
        None where it is unknown, and in the last slab of a finite word.
    guest : Guest or None
        The ions in the gap above this slab.
    """

    tilt: int
    shift: Shift = None
    guest: Guest | None = None

    def __post_init__(self) -> None:
        if self.tilt not in (1, 0, -1):
            raise WordError(f"tilt is {self.tilt!r}; expected +1 (R), -1 (L) or 0 (unknown)")
        if isinstance(self.shift, tuple):
            object.__setattr__(self, "shift", reduced_shift(self.shift))
        elif self.shift not in (1, 0, -1, None):
            raise WordError(f"shift is {self.shift!r}; expected +1, 0, -1, a vector or None")
