"""What the lattice in an image says about its pixel size."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

REFERENCES: Final = (
    "LiNiO2:1",
    "LiNiO2:0.6666666666666666",
    "LiNiO2:0.5",
    "LiNiO2:0.3333333333333333",
    "O1-NiO2",
    "LiCoO2",
    "P3-NaCoO2",
)
"""Lattices of the catalog that an image is compared with if no other one is named."""

_DOUBT: Final = 0.03
"""A pixel size this far off [relative] is warned of: guests change the pitch by as much."""

_AGREE: Final = 0.05
"""How far the two ratios may differ: a wrong pixel size changes both lengths alike."""


@dataclass(frozen=True)
class Reference:
    """A lattice that lengths in an image are compared with.

    Parameters
    ----------
    name : str
        Catalog id or lattice.
    pitch_A, row_spacing_A : float
        Its column pitch and row spacing [Å].
    chosen : bool
        Named by the user; otherwise the one of the nearest shape was taken.
    """

    name: str
    pitch_A: float
    row_spacing_A: float
    chosen: bool = True


def nearest_reference(pitch_A: float, row_spacing_A: float) -> Reference:
    """Return the lattice whose row spacing per pitch is nearest; no calibration enters it."""
    from stackmotif.structures import get_lattice

    lattices = [get_lattice(name) for name in REFERENCES]
    shapes = np.array([one.row_spacing_A() / one.column_pitch_A for one in lattices])
    best = int(np.argmin(np.abs(np.log(shapes * pitch_A / row_spacing_A))))
    lattice = lattices[best]
    return Reference(
        REFERENCES[best], lattice.column_pitch_A, lattice.row_spacing_A(), chosen=False
    )


def compare_pixel_size(
    lattice: dict[str, Any] | None, pixel_size_A: float | None, reference: Reference | None
) -> dict[str, Any] | None:
    """Return measured and reference lengths and their ratios, as plain values.

    Parameters
    ----------
    lattice : dict, optional
        ``lattice`` of a summary.
    pixel_size_A : float, optional
        Pixel edge that the measured lengths rest on [Å].
    reference : Reference, optional
        What to compare with; the catalog's lattice of the nearest shape by default.

    Returns
    -------
    dict or None
        None without a lattice or a pixel size. ``ratio`` is the reference's pitch over the
        measured one, the factor that would make the pixel size right if the crystal is that one.
    """
    if lattice is None or pixel_size_A is None:
        return None
    pitch, spacing = lattice["pitch_A"], lattice["row_spacing_A"]
    known = reference or nearest_reference(pitch, spacing)
    return {
        "reference": known.name,
        "reference_chosen": known.chosen,
        "pitch_A": pitch,
        "reference_pitch_A": round(known.pitch_A, 5),
        "ratio": round(known.pitch_A / pitch, 5),
        "row_spacing_A": spacing,
        "reference_row_spacing_A": round(known.row_spacing_A, 5),
        "row_ratio": round(known.row_spacing_A / spacing, 5),
        "pixel_size_A": pixel_size_A,
        "adopted": False,
    }


def calibration_warnings(compared: dict[str, Any] | None) -> list[str]:
    """Return a warning if both lengths say that the pixel size is wrong."""
    if compared is None or compared["adopted"]:
        return []
    off = np.log([compared["ratio"], compared["row_ratio"]])
    if not (np.abs(off) > _DOUBT).all() or abs(off[0] - off[1]) > _AGREE:
        return []
    return [
        f"the pixel size of {compared['pixel_size_A']:.5g} Å may be wrong: pitch and row spacing "
        f"are {compared['pitch_A']:.3f} and {compared['row_spacing_A']:.3f} Å, those of "
        f"{_told(compared['reference'])} {compared['reference_pitch_A']:.3f} and "
        f"{compared['reference_row_spacing_A']:.3f} Å, {compared['ratio']:.3f} and "
        f"{compared['row_ratio']:.3f} times as long; --calibrate-from ID adopts the pitch of a "
        "catalog entry, such as o3"
    ]


def _told(reference: str) -> str:
    """Return a lattice's name with a content of few digits."""
    name, _, content = reference.partition(":")
    return f"{name} at x = {float(content):.2g}" if content else name
