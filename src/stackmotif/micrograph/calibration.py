"""Pixel sizes: units understood, axes compared, nothing guessed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackmotif.errors import CalibrationError

_A_PER_UNIT = {
    "pm": 1e-2,
    "a": 1.0,
    "å": 1.0,
    "ang": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "ångström": 1.0,
    "nm": 10.0,
    "nanometer": 10.0,
    "nanometre": 10.0,
    "um": 1e4,
    "µm": 1e4,
    "μm": 1e4,
    "micron": 1e4,
    "microns": 1e4,
    "mm": 1e7,
    "m": 1e10,
    "meters": 1e10,
    "metres": 1e10,
}
_ALIKE = 0.01
_HINT = "pass pixel_size_A=…"


@dataclass(frozen=True)
class AxisScale:
    """One image axis as the file states it.

    Parameters
    ----------
    name : str
        ``y`` or ``x``.
    scale : float or None
        Pixel edge in ``unit``.
    unit : str
        As written in the file; empty if absent.
    """

    name: str
    scale: float | None
    unit: str

    def __str__(self) -> str:
        if self.scale is None:
            return f"{self.name} not given"
        return f"{self.name} {self.scale:.6g} {self.unit or '(no unit)'}/px"


def image_axes(axes: Sequence[Mapping[str, Any]]) -> tuple[AxisScale, AxisScale]:
    """Return the last two axes of a signal, those of the image, as the file states them."""
    pair = []
    for name, axis in zip(("y", "x"), axes[-2:], strict=True):
        scale, unit = axis.get("scale"), axis.get("units")
        number = None if scale is None else float(scale)
        pair.append(AxisScale(name, number, _clean(unit)))
    return pair[0], pair[1]


def pixel_size_A(axes: tuple[AxisScale, AxisScale]) -> float:
    """Return the pixel edge [Å] that both axes agree on to 1 %.

    Raises
    ------
    CalibrationError
        If an axis has no scale, no length unit or no physical value, or the axes disagree.
    """
    stated = ", ".join(str(axis) for axis in axes)
    sizes = [_in_angstrom(axis, stated) for axis in axes]
    if axes[0].unit != axes[1].unit and not math.isclose(*sizes, rel_tol=_ALIKE):
        raise CalibrationError(
            f"image axes disagree: {stated}; expected the same unit and size on both: "
            f"{_HINT} or fix the file header"
        )
    if not math.isclose(*sizes, rel_tol=_ALIKE):
        raise CalibrationError(
            f"pixels are not square: {stated}; expected equal sizes to 1 %: "
            f"resample the image, or {_HINT}"
        )
    return math.sqrt(sizes[0] * sizes[1])


def angstrom_per(unit: object) -> float:
    """Return how many ångström a unit of length is.

    Raises
    ------
    CalibrationError
        If it is none.
    """
    text = _clean(unit)
    factor = None if text == "M" else _A_PER_UNIT.get(text.lower())
    if factor is None:
        raise CalibrationError(f"the unit is {text!r}; expected a length (pm, Å, nm, µm, m)")
    return factor


def checked_size_A(value: Any) -> float:
    """Return a pixel size given by the user [Å], refused unless finite and positive."""
    try:
        size = float(value)
    except (TypeError, ValueError):
        size = math.nan
    if not (math.isfinite(size) and size > 0):
        raise CalibrationError(
            f"pixel size is {value!r} Å; expected a finite positive number: {_HINT}"
        )
    return size


def _clean(unit: object) -> str:
    if not isinstance(unit, str) or "undefined" in unit.lower():
        return ""
    text = unit.strip().strip("[]").replace("_", "").replace(" ", "")
    return text.replace("\\u00B5", "µ").replace("\\u00b5", "µ")


def _in_angstrom(axis: AxisScale, stated: str) -> float:
    if axis.scale is None or (axis.unit == "" and axis.scale == 1.0):
        raise CalibrationError(f"the file gives no pixel size; {_HINT}")
    if axis.unit in ("", "px", "pixel", "pixels"):
        raise CalibrationError(
            f"the file gives a pixel size without a length unit: {stated}; {_HINT} "
            f"(if the unit is nm, pixel_size_A={axis.scale * 10:.6g})"
        )
    factor = None if axis.unit == "M" else _A_PER_UNIT.get(axis.unit.lower())
    if factor is None:
        raise CalibrationError(
            f"the pixel size has the unit {axis.unit!r} ({stated}); expected a length in real "
            f"space (pm, Å, nm, µm, m): check that the file is an image, or {_HINT}"
        )
    size = axis.scale * factor
    if not (math.isfinite(size) and size > 0):
        raise CalibrationError(
            f"the file gives a pixel size that is not physical: {stated}; "
            f"expected a finite positive number: {_HINT}"
        )
    return size
