"""Rock salt in the result: lines of the tables and a part of the summary."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from stackmotif.columns import Columns
from stackmotif.matching.grains.depth import degraded_layer
from stackmotif.matching.grains.growing import RockSaltWindow
from stackmotif.matching.grains.guests import describe_guests, guest_metal
from stackmotif.matching.grains.search import RockSalt
from stackmotif.matching.grains.telling import HostRows, describe_grains
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.tables import Table, new_table

P_RESOLVED: Final = 0.99
"""Share of columns in resolved grains that are rock salt, in development scenes; at least."""
P_BLURRED: Final = 0.95
"""The same of columns in blurred grains."""


def with_rocksalt(
    result: MotifMap, salt: RockSalt, *, window: RockSaltWindow | None = None
) -> MotifMap:
    """Return the result of the host with the grains and their columns.

    Columns of grains follow the host's in ``columns``, grains its domains in ``domains``, where
    ``rotation_deg`` is the direction of the grain's rows in the image as for every other kind.
    Against the host's rows it stands in ``summary["rocksalt"]``.
    """
    window = window or RockSaltWindow()
    host = HostRows.of(result.summary)
    grains = describe_grains(salt, host, window=window)
    first = len(result.domains)
    for number, grain in enumerate(grains):
        grain["domain"] = first + number
    summary = {**result.summary, "rocksalt": _told(salt, grains, window)}
    if salt.guests is not None and len(salt.guests):
        result = _with_guests(result, salt.guests)
        summary["n_columns"] = len(result.columns)
    if not salt:
        return _measured(replace(result, summary=summary))
    columns = _column_lines(salt, len(result.columns), first, result.pixel_size_A)
    summary["n_columns"] = len(result.columns) + len(columns)
    summary["motif_counts"] = {**summary["motif_counts"], "rocksalt_grain": len(grains)}
    if summary["status"] == "failed":
        summary["reasons"] = [*summary["reasons"], _beside(grains)]
    return _measured(
        replace(
            result,
            columns=_joined(result.columns, columns),
            domains=_joined(result.domains, _domain_lines(salt, grains, first)),
            summary=summary,
        )
    )


def _with_guests(result: MotifMap, guests: Columns) -> MotifMap:
    """Add columns that stand in guest layers: they are no rows and are ``other``."""
    lines = _lines(guests, len(result.columns), result.pixel_size_A)
    return replace(result, columns=_joined(result.columns, lines))


def _measured(result: MotifMap) -> MotifMap:
    """Add the thickness of the degraded layer and the height of guest sites."""
    told = {
        **result.summary["rocksalt"],
        "layer": degraded_layer(result),
        "guest_layer": describe_guests(guest_metal(result)),
    }
    return replace(result, summary={**result.summary, "rocksalt": told})


def _told(salt: RockSalt, grains: list[dict[str, Any]], window: RockSaltWindow) -> dict[str, Any]:
    return {
        "grains": grains,
        "area_A2": round(sum(grain["area_A2"] for grain in grains), 1),
        "expected": {"lattice_A": window.lattice_A, "tolerance": window.tolerance},
        "network": salt.network,
        "guest_columns": 0 if salt.guests is None else len(salt.guests),
    }


def _beside(grains: list[dict[str, Any]]) -> str:
    return (
        f"rock salt was found ({len(grains)} grains, {sum(g['n_columns'] for g in grains)} "
        "columns), and no layered oxide beside it"
    )


def _column_lines(salt: RockSalt, start: int, domain: int, pixel_size_A: float) -> Table:
    table = _lines(salt.columns, start, pixel_size_A)
    table["label"], table["domain"] = "rocksalt", domain + salt.grain
    table["p_label"] = np.where(salt.grain < len(salt.resolved), P_RESOLVED, P_BLURRED)
    return table


def _lines(columns: Columns, start: int, pixel_size_A: float) -> Table:
    """Return lines of columns that belong to no row and no domain."""
    table = new_table("columns", len(columns))
    table["id"] = start + np.arange(len(columns))
    table["y_A"], table["x_A"] = columns.positions_A.T
    table["y_px"], table["x_px"] = columns.positions_A.T / pixel_size_A
    table["sigma_y_A"] = np.sqrt(columns.covariances_A2[:, 0, 0])
    table["sigma_x_A"] = np.sqrt(columns.covariances_A2[:, 1, 1])
    table["intensity"] = columns.intensity
    table["row"] = table["slot"] = table["domain"] = -1
    table["tilt"], table["p_tilt"], table["label"] = "?", np.nan, "other"
    return table


def _domain_lines(salt: RockSalt, grains: list[dict[str, Any]], first: int) -> Table:
    table = new_table("domains", len(grains))
    for line, grain, number in zip(table, grains, range(len(grains)), strict=True):
        line["id"], line["kind"] = first + number, "rocksalt"
        line["rotation_deg"], line["area_A2"] = grain["direction_deg"], grain["area_A2"]
        places = salt.columns.positions_A[salt.grain == number]
        line["p"] = P_RESOLVED
        line["pitch_A"] = line["row_spacing_A"] = np.nan
        if number < len(salt.resolved):
            lattice, zone = salt.resolved[number].lattice, salt.resolved[number].zone
            turn = np.radians(grain["direction_deg"]) - lattice.direction_rad
            line["pitch_A"] = _pitch_A(lattice.matrix, zone, turn)
            line["row_spacing_A"] = lattice.area_A2 / line["pitch_A"]
        else:
            places, line["p"] = salt.blurred[number - len(salt.resolved)].windows_A, P_BLURRED
        line["y_min_A"], line["x_min_A"] = places.min(axis=0)
        line["y_max_A"], line["x_max_A"] = places.max(axis=0)
    return table


def _pitch_A(matrix: Any, zone: Any, turn_rad: float) -> float:
    """Return the distance of columns along the rows that are turned from the first axis."""
    along = zone.pitch * np.array([np.cos(turn_rad), np.sin(turn_rad)])
    basis = np.array([[b.real for b in zone.basis], [b.imag for b in zone.basis]])
    index = np.rint(np.linalg.solve(basis, along))
    return float(np.hypot(*(matrix @ index)))


def _joined(first: Table, second: Table) -> Table:
    return np.concatenate([first, second]).view(Table)
