"""Grains as plain values: sizes, directions against the host's rows, and what else they may be."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.growing import ColumnGrain, RockSaltWindow
from stackmotif.matching.grains.search import RockSalt
from stackmotif.matching.grains.zones import ZoneAxis, misorientation_deg

Floats = NDArray[np.float64]

_CUBIC_AREA: Final = float(np.sqrt(2.0) / 4.0)
_LAYERED_SIZE: Final = 1.011
"""Lattice constant over the host's below which a grain may be a layered oxide: midway between 1
and that of NiO in LiNiO2, 1.022."""
_BENT_DEG: Final = 0.2
"""What scan distortion that bends the lattice adds to a rotation; from development scenes."""
_COHERENT_DEG: Final = 8.0
"""Turn up to which a grain is compared with the host's stacking; a choice."""
_LOOK_ALIKE: Final = (
    "a layered oxide seen along an inclined axis shows the same columns, at the host's size"
)


@dataclass(frozen=True)
class HostRows:
    """The layered crystal that grains are compared with.

    Parameters
    ----------
    direction_deg, direction_sigma_deg : float
        Direction of its rows, counter-clockwise, shear shared out between both axes.
    area_A2 : float
        Area per column [Å²].
    flipped : bool
        Whether the result's ``+`` is a step to the left, upwards, in the image.
    """

    direction_deg: float
    direction_sigma_deg: float
    area_A2: float
    flipped: bool = False

    @classmethod
    def of(cls, summary: dict[str, Any]) -> "HostRows | None":
        """Return the rows of a summary; None where no stacking was read."""
        lattice = summary.get("lattice")
        if summary["status"] == "failed" or not lattice:
            return None
        # A pure shear of the scan turns rows and layer normal by half of it each, oppositely.
        return cls(
            direction_deg=lattice["rotation_deg"] - 0.5 * lattice["shear_deg"],
            direction_sigma_deg=float(
                np.hypot(lattice["rotation_sigma_deg"], 0.5 * lattice["shear_sigma_deg"])
            ),
            area_A2=lattice["pitch_A"] * lattice["row_spacing_A"],
            flipped=bool((summary.get("gauge") or {}).get("flipped")),
        )


def describe_grains(
    salt: RockSalt, host: HostRows | None, *, window: RockSaltWindow
) -> list[dict[str, Any]]:
    """Return one dictionary per grain, in the order of ``salt.grain``."""
    told = []
    for number, grain in enumerate(salt.resolved):
        lattice, zone = grain.lattice, grain.zone
        area = lattice.area_A2 * len(grain.member)
        size_A = window.lattice_A * float(np.sqrt(lattice.stretch[0] * lattice.stretch[1]))
        middle = salt.columns.positions_A[salt.grain == number].mean(axis=0)
        one = _common(
            zone, "columns", area, middle, np.degrees(lattice.direction_rad),
            np.degrees(lattice.direction_sigma_rad), host,
        )  # fmt: skip
        count = int((salt.grain == number).sum())
        one["sense"] = stacking_sense(grain, one["rotation_deg"], host)
        told.append(one | _size(size_A, host) | {"n_columns": count})
    for number, blur in enumerate(salt.blurred, start=len(salt.resolved)):
        one = _common(
            blur.zone, "power spectra", blur.area_A2, blur.windows_A.mean(axis=0),
            blur.direction_deg, blur.direction_sigma_deg, host,
        )  # fmt: skip
        one["sense"] = None
        count = int((salt.grain == number).sum())
        told.append(one | _size(None, host) | {"n_columns": count})
    return told


def stacking_sense(
    grain: ColumnGrain, rotation_deg: float | None, host: HostRows | None
) -> str | None:
    """Return the shift that a coherent grain makes from slab to slab, in the host's gauge.

    ``+`` continues the host's majority, ``-`` is its twin. From one cation plane to the next the
    columns step the other way: two planes are one slab, and twice a third back is a third on.

    Returns
    -------
    str or None
        None for a grain that is not seen along <110>, or turned too far to be a film.
    """
    if host is None or rotation_deg is None or grain.zone.off_zone:
        return None
    if abs(rotation_deg) > _COHERENT_DEG:
        return None
    vectors = grain.lattice.matrix[0] + 1j * grain.lattice.matrix[1]
    aligned = vectors * np.exp(-1j * np.radians(host.direction_deg + rotation_deg))
    along = int(np.argmin(np.abs(aligned.imag)))
    row, up = aligned[along], aligned[1 - along]
    step = float((up * np.sign(up.imag)).real / abs(row.real))
    plane = step - np.rint(step)
    slab_by_slab = -np.sign(plane) * (-1.0 if host.flipped else 1.0)
    return "+" if slab_by_slab > 0 else "-"


def trace_direction_deg(zone: ZoneAxis, direction_deg: float, host: HostRows | None) -> float:
    """Return the direction of the grain's rows nearest to the host's (or to the image's x)."""
    rows = 0.0 if host is None else host.direction_deg
    return rows + misorientation_deg(zone, direction_deg, rows)


def _common(
    zone: ZoneAxis,
    method: str,
    area_A2: float,
    middle_A: Floats,
    direction_deg: float,
    sigma_deg: float,
    host: HostRows | None,
) -> dict[str, Any]:
    trace = trace_direction_deg(zone, direction_deg, host)
    turned = sigma = None
    if host is not None:
        turned = round(misorientation_deg(zone, direction_deg, host.direction_deg), 3)
        errors = (sigma_deg, host.direction_sigma_deg, _BENT_DEG)
        sigma = float(f"{np.sqrt(np.sum(np.square(errors))):.2g}")
    return {
        "method": method,
        "zone": zone.name,
        "off_zone": zone.off_zone,
        "y_A": round(float(middle_A[0]), 2),
        "x_A": round(float(middle_A[1]), 2),
        "area_A2": round(float(area_A2), 1),
        "diameter_A": round(float(2.0 * np.sqrt(area_A2 / np.pi)), 1),
        "direction_deg": round(float(np.mod(trace + 90.0, 180.0) - 90.0), 3),
        "rotation_deg": turned,
        "rotation_sigma_deg": sigma,
    }


def _size(size_A: float | None, host: HostRows | None) -> dict[str, Any]:
    """Return the lattice constant, and what the grain may be instead."""
    ratio = None
    if size_A is not None and host is not None:
        ratio = size_A / float(np.sqrt(host.area_A2 / (2.0 * _CUBIC_AREA)))
    return {
        "lattice_A": None if size_A is None else round(size_A, 4),
        "size_to_host": None if ratio is None else round(ratio, 4),
        "or_else": _LOOK_ALIKE if ratio is None or ratio < _LAYERED_SIZE else None,
    }
