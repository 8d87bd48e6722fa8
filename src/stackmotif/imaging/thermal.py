"""How far atoms stray from their sites at room temperature.

Refinements print B or U, the mean squared displacement along one axis; the displacement per axis is
sigma = sqrt(U) = sqrt(B / 8 pi²).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class ThermalFactor:
    """Isotropic Debye-Waller factor of an element near 300 K.

    Parameters
    ----------
    B_A2 : float
        B = 8 pi² U [Å²], where U is the mean squared displacement along one axis.
    source : str
        Crystal and reference, or ``unverified`` with what the value was taken from.
    """

    B_A2: float
    source: str

    @property
    def sigma_A(self) -> float:
        """Root mean square displacement along one axis [Å]."""
        return math.sqrt(self.B_A2 / 8) / math.pi

    @property
    def verified(self) -> bool:
        """Whether the value comes from a refinement of this element in such a site."""
        return not self.source.startswith("unverified")


_NIO: Final = "NiO, single-crystal X-ray; Sasaki et al. 1979, doi:10.2183/pjab.55.43"
_LICOO2: Final = "LiCoO2, single-crystal X-ray; Akimoto et al. 1998, doi:10.1006/jssc.1998.7966"
_AS_LI: Final = "unverified: as Li in LiCoO2"

THERMAL: Final[Mapping[str, ThermalFactor]] = MappingProxyType(
    {
        "Ni": ThermalFactor(0.414, _NIO),
        "O": ThermalFactor(0.610, _NIO),
        "Co": ThermalFactor(0.2016, _LICOO2),
        "Li": ThermalFactor(1.2896, _LICOO2),
        "Na": ThermalFactor(1.2896, _AS_LI),
        "K": ThermalFactor(1.2896, _AS_LI),
    }
)
"""Debye-Waller factors by element.

S. Sasaki, K. Fujino and Y. Takéuchi, Proc. Jpn. Acad. B 55, 43 (1979), doi:10.2183/pjab.55.43;
J. Akimoto, Y. Gotoh and Y. Oosawa, J. Solid State Chem. 141, 298 (1998),
doi:10.1006/jssc.1998.7966 (equivalent isotropic values of the crystal with a = 2.816, c = 14.0536 Å
and z(O) = 0.23951, attributed to that paper by its cell; the reference itself was not checked). O
has B = 0.361 Å² in LiCoO2; the larger value of NiO is taken because the octahedra of LiNiO2 are
locally distorted.
"""

OTHERS: Final = ThermalFactor(0.414, "unverified: as Ni in NiO")
"""Every other element: classically the displacement follows from the bonds and not from the mass,
so metals in the same octahedra move alike."""


def thermal_factor(symbol: str) -> ThermalFactor:
    """Return the Debye-Waller factor of an element, :data:`OTHERS` for those without an entry."""
    return THERMAL.get(symbol, OTHERS)


def thermal_sigma_A(symbol: str, table: Mapping[str, float] | None = None) -> float:
    """Return the thermal displacement per axis of an element [Å].

    Parameters
    ----------
    symbol : str
        Element.
    table : mapping of str to float, optional
        Displacements per axis [Å] that go before those of :data:`THERMAL`.

    Examples
    --------
    >>> round(thermal_sigma_A("Ni"), 4), thermal_sigma_A("Ni", {"Ni": 0.05})
    (0.0724, 0.05)
    """
    if table is not None and symbol in table:
        return float(table[symbol])
    return thermal_factor(symbol).sigma_A
