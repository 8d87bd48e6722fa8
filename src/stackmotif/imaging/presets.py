"""Built-in microscopes.

Angles are common practice and not those of one instrument: an annular bright field runs from half
the convergence angle to it, a bright field covers the inner half, a dark field starts clear of the
bright disc, a high-angle dark field at about three times the convergence angle.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackmotif.imaging.microscope import Detector, Microscope

_SOURCE_FWHM_A: Final = 0.8
"""Effective source size of the presets [Å]: mid-range of 0.6 to 1.0 Å, a judgement (unverified)."""
_OUTER_MRAD: Final = 150.0
_STANDARD_MRAD: Final = 20.0
_INNER_MRAD: Final = {17: (60.0, 25.0), 20: (60.0, 25.0), 25: (75.0, 32.0), 30: (90.0, 38.0)}
"""Inner angles of HAADF and ADF [mrad] for each convergence semi-angle [mrad]."""
_UNREAD: Final = (
    "unverified: typical values; the angles of Wang et al. 2024, doi:10.1021/jacs.4c02198, could "
    "not be read"
)
_IDPC: Final = (
    "unverified angles; the detector is a quadrant ring across the rim of the bright disc, as in "
    "Lazić et al. 2016, doi:10.1016/j.ultramic.2015.10.011"
)


def detector(kind: str, semiangle_mrad: int) -> Detector:
    """Return the usual ``HAADF``, ``ADF``, ``ABF`` or ``BF`` detector of a convergence angle."""
    haadf, adf = _INNER_MRAD[semiangle_mrad]
    angles = {
        "HAADF": (haadf, _OUTER_MRAD),
        "ADF": (adf, _OUTER_MRAD),
        "ABF": (semiangle_mrad / 2, float(semiangle_mrad)),
        "BF": (0.0, semiangle_mrad / 2),
    }
    return Detector(kind, *angles[kind])


def _all_four(semiangle_mrad: int) -> tuple[Detector, ...]:
    return tuple(detector(kind, semiangle_mrad) for kind in ("HAADF", "ADF", "ABF", "BF"))


def _scope(
    name: str, kilovolt: int, semiangle_mrad: float, detectors: tuple[Detector, ...], note: str = ""
) -> Microscope:
    return Microscope(
        energy_eV=kilovolt * 1e3,
        semiangle_mrad=float(semiangle_mrad),
        detectors=detectors,
        source_fwhm_A=_SOURCE_FWHM_A,
        name=name,
        note=note,
    )


def _presets() -> dict[str, Microscope]:
    scopes = []
    for kilovolt in (300, 200):
        scopes.append(_scope(f"adf-{kilovolt}kV", kilovolt, 20, (detector("ADF", 20),)))
        scopes.append(_scope(f"stem-{kilovolt}kV", kilovolt, 20, _all_four(20)))
    for semiangle in _INNER_MRAD:
        suffix = "" if semiangle == _STANDARD_MRAD else f"-{semiangle}mrad"
        for kind in ("ADF", "HAADF", "ABF", "BF"):
            name = f"{kind.lower()}-300kV{suffix}"
            scopes.append(_scope(name, 300, semiangle, (detector(kind, semiangle),)))
        scopes.append(_scope(f"stem-300kV{suffix}", 300, semiangle, _all_four(semiangle)))
    quadrants = Detector("DPC", 5.0, 25.0, n_segments=4, rotation_deg=0.0)
    scopes.append(_scope("idpc-300kV", 300, 20, (quadrants,), _IDPC))
    for kind in ("ADF", "BF"):
        scopes.append(_scope(f"wang2024-{kind.lower()}", 300, 25, (detector(kind, 25),), _UNREAD))
    return {scope.name: scope for scope in scopes}


PRESETS: Final[Mapping[str, Microscope]] = MappingProxyType(_presets())
"""Built-in microscopes by name.

``adf-300kV``, ``stem-300kV`` and the same at 200 kV have 20 mrad; ``haadf-``, ``abf-`` and ``bf-``
at 300 kV have one detector; ``-17mrad``, ``-25mrad`` and ``-30mrad`` are other convergence angles;
``idpc-300kV`` is a quadrant detector; ``wang2024-adf`` and ``wang2024-bf`` stand for those of the
reference paper.
"""
