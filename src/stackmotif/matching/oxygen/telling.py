"""The part of the summary that is about oxygen, and what is left undecided."""

from typing import Any, Final

import numpy as np

from stackmotif.matching.oxygen.kinds import KINDS
from stackmotif.matching.oxygen.reading import Tilts
from stackmotif.matching.tables import Table
from stackmotif.micrograph import Micrograph

_DECIDED: Final = 0.95
"""Share of the cells of a kind of domain that must have a kind of gap for it to be decided."""


def describe(
    oxygen: Micrograph,
    tilts: Tilts,
    columns: Table,
    gaps: Table,
    motifs: list[Any],
    *,
    displaced: bool,
) -> dict[str, Any]:
    """Return ``summary["oxygen"]``.

    Returns
    -------
    dict
        ``image``, ``detector``, ``pixel_size_A``: what was read, the metal image itself or another
        (``same_image``). ``read``: whether tilts are told; ``reasons`` if not. ``contrast``: oxygen
        ``bright`` or ``dark``. ``offset_A``: (y, x) of the oxygen image against the metal image.
        ``pattern``: how well the mean slab fits, and how much worse another offset and the other
        contrast do. ``lean``: contrast of a lean and noise of one column [grey levels]. ``tilts``,
        ``kinds``: share of the columns and of the cells. ``motifs``: what each motif is, flipped or
        glided, with the probability of each.
    """
    pattern, evidence = tilts.pattern, tilts.evidence
    inside = columns["row"] >= 0
    return {
        "image": oxygen.name,
        "detector": oxygen.detector,
        "pixel_size_A": oxygen.pixel_size_A,
        "source": oxygen.metadata.get("source"),
        "sha256": oxygen.metadata.get("sha256"),
        "same_image": not displaced,
        "read": not tilts.reason,
        "reasons": [tilts.reason] if tilts.reason else [],
        "contrast": None if pattern is None else ("bright" if pattern.bright else "dark"),
        "offset_A": _rounded(tilts.offset_A, 3),
        "pattern": None
        if pattern is None
        else {
            "explained": _number(pattern.explained),
            "other_contrast": _number(pattern.against),
            "other_offset": _number(pattern.elsewhere) if displaced else None,
        },
        "lean": None
        if evidence is None
        else {"contrast": _number(evidence.amplitude), "noise": _number(evidence.noise)},
        "tilts": _shares(columns["tilt"][inside], "RL?"),
        "kinds": _shares(gaps["kind"], (*KINDS, "?")),
        "motifs": motifs,
    }


def _shares(values: Any, names: Any) -> dict[str, float]:
    n = max(len(values), 1)
    return {name: round(float((values == name).sum()) / n, 6) for name in names}


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _rounded(values: tuple[float, float], digits: int) -> list[float | None]:
    return [round(v, digits) if np.isfinite(v) else None for v in values]


def still_degenerate(listed: list[dict[str, Any]], domains: Table, gaps: Table) -> list[Any]:
    """Return the entries of ``degenerate`` that the kinds of the gaps do not decide.

    A repeated word such as ``(+-)n`` is decided if the whole field is.
    """
    kept = []
    for entry in listed:
        numbers = domains["id"][domains["kind"] == entry["kind"]]
        own = gaps["kind"][np.isin(gaps["domain"], numbers) if len(numbers) else slice(None)]
        open_ = float(np.mean(own == "?")) if len(own) else 0.0
        if open_ > 1 - _DECIDED:
            more = "more oxygen contrast or dose, or an image of places that are not blurred"
            told = f"{entry['because']}; of their cells {100 * open_:.0f} % have no tilt"
            kept.append({**entry, "because": told, "decides": more, "undecided": round(open_, 4)})
    return kept
