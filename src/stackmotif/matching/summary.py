"""The content of ``summary.json``: what was read, how sure it is, and what it cannot tell."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog import catalog_version
from stackmotif.conventions import STATES
from stackmotif.matching.domains import metal_word
from stackmotif.matching.gauge import Gauge
from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.motif_map import SCHEMA
from stackmotif.matching.orientation import to_row_frame
from stackmotif.matching.runs import NO_MOTIF, UNKNOWN, motif_name
from stackmotif.matching.tables import Table
from stackmotif.matching.walls import WallStory, count_walls
from stackmotif.micrograph import Micrograph
from stackmotif.provenance import versions

NOT_YET = ["columns.tilt", "gaps.kind", "hypotheses.log_image"]
"""What this version does not fill, or not without an image that shows oxygen."""

_OXYGEN = "a BF, ABF or iDPC image of the same field shows the oxygen and decides"
_DEGENERATE = {
    "O3": (["O3", "O6"], "gaps seen as O3 are also those of O6"),
    "O3r": (["O3r", "P3"], "reversed gaps are O3′ (slabs reversed) or P3 (slabs glided)"),
    "O1": (["O1", "P2"], "straight gaps are O1 or P2"),
    "TD": (["TD flipped", "TD glided"], "a TD is flipped (slabs reversed) or glided (prismatic)"),
}
_PERIODIC = {
    "+-": (["O2", "TD(1) in every second gap"], "gaps of + and - in turn"),
    "++--": (["O4", "TD(2) in every second pair of gaps"], "pairs of + and - gaps in turn"),
    "+0-0": (["OP4", "twin boundaries with straight gaps"], "straight gaps between + and -"),
    "+0": (["H1-3", "its prismatic variants"], "gaps of + and 0 in turn"),
}
_PERIODS = 3
_MIN_CELLS = 3
_STEP_DOUBT = 0.065  # a step of 1/6 of the pitch is then 2.6 sigma
_SHEAR_DOUBT = 0.13  # a shear of 1/6 of the pitch per row cannot be told from a stacking
_BELIEVED = (0.9, 0.25)  # weight of a step as measured; share of columns that may fall short
_MIN_BLEND = 5  # columns
_LONGEST_SHORT_WORD = 400


def make_summary(
    *,
    micrograph: Micrograph | None,
    columns: Table,
    shifts: Table,
    walls: Table,
    wall_fits: Table,
    domains: Table,
    lattice: ColumnLattice | None,
    gauge: Gauge | None,
    states: NDArray[np.int8] | None,
    motifs: NDArray[np.int64] | None,
    labels: NDArray[np.int64] | None,
    n_blended: int,
    reasons: list[str],
    zone: str,
    timings_s: dict[str, float],
) -> dict[str, Any]:
    """Return the summary of one image as plain, JSON-ready Python values."""
    unresolved = float(np.mean(columns["label"] == "unresolved")) if len(columns) else 0.0
    doubts = [] if gauge is None or lattice is None else _doubts(columns, lattice, unresolved)
    status = "failed" if reasons else ("low_confidence" if doubts else "ok")
    metadata = dict(micrograph.metadata) if micrograph else {}
    word = "" if states is None else field_word(states)
    return {
        "schema": SCHEMA,
        "name": micrograph.name if micrograph else "columns",
        "simulated": "simulated" in str(metadata.get("title", "")).lower(),
        "status": status,
        "reasons": reasons or doubts,
        "not_yet": NOT_YET,
        "pixel_size_A": micrograph.pixel_size_A if micrograph else None,
        "zone": zone,
        "host": None,
        "gauge": _gauge(gauge),
        "lattice": _lattice(columns, shifts, lattice),
        "n_columns": len(columns),
        "n_rows": 0 if states is None else states.shape[0] + 1,
        "word": word,
        "fractions": _fractions(shifts),
        "motif_counts": (
            {}
            if motifs is None or labels is None
            else count_motifs(motifs, labels) | count_walls(walls, wall_fits)
        ),
        "walls": WallStory(walls, wall_fits).describe(),
        "degenerate": _degenerate(domains, word),
        "timings_s": timings_s,
        "warnings": _warnings(columns, micrograph, n_blended),
        "provenance": {
            "versions": versions(),
            "rng": None,
            "device": "cpu",
            "input": metadata.get("source"),
            "input_sha256": metadata.get("sha256"),
            "history": list(micrograph.history) if micrograph else [],
            "catalog": catalog_version(),
        },
    }


def field_word(states: NDArray[np.int8]) -> str:
    """Return the majority state of every gap, read along +c, as a metal-only word."""
    counts = np.stack([(states == s).sum(axis=1) for s in range(4)], axis=1)
    best = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), UNKNOWN)
    return metal_word(best[::-1].tolist(), limit=_LONGEST_SHORT_WORD)


def count_motifs(motifs: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, int]:
    """Return how many connected motifs of each name there are, those of three cells or more."""
    inside = (motifs != NO_MOTIF) & (labels >= 0)
    number, first, cells = np.unique(labels[inside], return_index=True, return_counts=True)
    del number
    codes = motifs[inside][first][cells >= _MIN_CELLS]
    names, counts = np.unique(codes, return_counts=True)
    return {motif_name(int(c)): int(n) for c, n in zip(names, counts, strict=True)}


def _fractions(shifts: Table) -> dict[str, float]:
    """Return the share of measured cells in each state."""
    n = max(len(shifts), 1)
    return {s: round(float((shifts["state"] == s).sum() / n), 6) for s in STATES}


def _gauge(gauge: Gauge | None) -> dict[str, Any] | None:
    if gauge is None:
        return None
    return {"majority": "+", "flipped": gauge.flipped, "margin": round(gauge.margin, 4)}


def _lattice(columns: Table, shifts: Table, lattice: ColumnLattice | None) -> dict[str, Any] | None:
    """Return pitch, spacing, shear and rotation with standard errors."""
    if lattice is None or lattice.grid.shape[0] < 2:
        return None
    phases = lattice.phases
    spacing, error = _row_spacing(columns, lattice)
    shear = -np.degrees(np.arctan2(phases.shear * phases.pitch_A, spacing))
    slots = max(lattice.grid.shape[1], 2)
    pitch_sigma = phases.sigma * phases.pitch_A * np.sqrt(12 / len(lattice.member)) / slots
    angle_sigma = phases.sigma * np.sqrt(12 / len(lattice.member)) / slots
    cells = max(len(shifts), 1)
    return {
        "pitch_A": round(phases.pitch_A, 5),
        "pitch_sigma_A": float(f"{pitch_sigma:.2g}"),
        "row_spacing_A": round(spacing, 5),
        "row_spacing_sigma_A": float(f"{error:.2g}"),
        "shear_deg": round(float(shear), 4),
        "shear_sigma_deg": float(
            f"{np.degrees(phases.sigma * np.sqrt(2 / cells) * phases.pitch_A / spacing):.2g}"
        ),
        "rotation_deg": round(float(np.degrees(lattice.orientation.angle_rad)), 4),
        "rotation_sigma_deg": float(f"{np.degrees(angle_sigma):.2g}"),
        "column_sigma_A": round(phases.sigma * phases.pitch_A, 4),
        "third_harmonic": round(phases.strength, 4),
    }


def _row_spacing(columns: Table, lattice: ColumnLattice) -> tuple[float, float]:
    """Return the mean distance of neighbouring rows and its standard error [Å]."""
    positions = np.stack([columns["y_A"], columns["x_A"]], axis=1)[lattice.member]
    _, v = to_row_frame(positions, lattice.orientation.angle_rad)
    row = lattice.row - lattice.row.mean()
    slope = float(np.sum(row * v) / max(float(np.sum(row**2)), 1e-9))
    rest = v - v.mean() - slope * row
    error = float(np.std(rest) / max(np.sqrt(np.sum(row**2)), 1e-9))
    return slope, error


def _doubts(columns: Table, lattice: ColumnLattice, unresolved: float) -> list[str]:
    doubts = []
    outside = 1.0 - len(lattice.member) / len(columns)
    if unresolved > 0.2:
        doubts.append(f"{unresolved:.0%} of the columns are unresolved")
    if outside > 0.25:
        doubts.append(f"{outside:.0%} of the columns lie outside the rows that were read")
    phases = lattice.phases
    if phases.strength < 0.3:
        doubts.append(
            f"rows hardly lie at thirds of the pitch (third harmonic "
            f"{phases.strength:.2f}; expected 0.3 or more)"
        )
    if phases.step_spread > _STEP_DOUBT:
        doubts.append(
            f"neighbouring rows are offset at random by {phases.step_spread:.3f} of the pitch "
            f"(expected {_STEP_DOUBT} or less): some gaps may be read one state off; "
            "scan along the c axis or average frames"
        )
    if phases.steepest > _SHEAR_DOUBT:
        doubts.append(
            f"the image is sheared by up to {phases.steepest:.3f} of the pitch per row (expected "
            f"{_SHEAR_DOUBT} or less; 1/6 cannot be told from a stacking): correct the scan"
        )
    likeliest = lattice.readings[0]
    open_share = float(np.mean(likeliest.weight * likeliest.alias[:, 1] < _BELIEVED[0]))
    if open_share > _BELIEVED[1]:
        doubts.append(
            f"rows may be displaced otherwise than taken: at {open_share:.0%} of the columns the "
            f"step to the next row is believed with less than {_BELIEVED[0]}; take a wider field"
        )
    return doubts


def _degenerate(domains: Table, word: str) -> list[dict[str, Any]]:
    """Return what the metal columns cannot tell, for the kinds and repeats that were found."""
    found = set(np.unique(domains["kind"]).tolist())
    cases = [(kind, *case) for kind, case in _DEGENERATE.items() if kind in found]
    cases += [
        (f"({period})n", *case)
        for period, case in _PERIODIC.items()
        if any(_turned(period, k) * _PERIODS in word for k in range(len(period)))
    ]
    return [
        {"kind": kind, "same_projection": members, "because": why, "decides": _OXYGEN}
        for kind, members, why in cases
    ]


def _turned(period: str, start: int) -> str:
    return period[start:] + period[:start]


def _warnings(columns: Table, micrograph: Micrograph | None, n_blended: int) -> list[str]:
    warnings = list(micrograph.metadata.get("warnings", ())) if micrograph else []
    outside = int((columns["row"] < 0).sum())
    if outside and len(columns):
        warnings.append(f"{outside} of {len(columns)} columns belong to no row and are `other`")
    if n_blended >= _MIN_BLEND:
        warnings.append(
            f"{n_blended} columns are elongated or dim together: two stackings may overlap along "
            "the beam there, and their gaps are not read"
        )
    return warnings
