"""A result in the terms of its host: labels, domain kinds, motif names and what cannot be told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.catalog import Host
from stackmotif.matching.domains import label_domains
from stackmotif.matching.hosts.layers import row_leans
from stackmotif.matching.hosts.planes import plane_records
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.runs import MINUS, NO_MOTIF, OUTSIDE, PLUS, TD, UNKNOWN, motif_grid
from stackmotif.matching.summary import count_motifs, field_word
from stackmotif.matching.tables import Table

States = NDArray[np.int8]

_NAMES = {1: "intrinsic_fault", 2: "extrinsic_fault"}
_FEWEST_CHANGES = 5
_NOT_YET = ["columns.tilt", "gaps.kind", "walls", "scores", "hypotheses"]
_SAME = {
    "single": (
        ["fcc along <110>", "rock salt along <110> (its metal)", "bcc along <110>"],
        "positions of one kind of column give the lattice and its stacking, not the elements on it",
        "the size of the lattice, or spectroscopy",
    ),
    "dumbbell": (
        ["zinc blende", "diamond"],
        "dumbbells counted as one column do not show which of their two atoms is which: neither "
        "the element nor the polarity of a side",
        "an image that resolves the dumbbells",
    ),
}


def in_terms_of(result: MotifMap, host: Host, *, name: str, doubts: Sequence[str] = ()) -> MotifMap:
    """Return a result with the names that its host gives to what was read.

    Parameters
    ----------
    result : MotifMap
        In the terms of a layered oxide.
    host : Host
        What was read; a layered one only adds its name.
    name : str
        What ``summary["host"]`` says.
    doubts : sequence of str
        Why it must not be relied on, beside what is said already.

    Returns
    -------
    MotifMap
        For a host that is not layered: the labels O3, O3r and O1 become the host's, as do kinds of
        domains; motifs are faults and twin bands; ``summary["host_reading"]`` tells the names of
        the states, the sense of every layer, and the twin planes.
    """
    if host.is_layered:
        return replace(result, summary={**result.summary, "host": name})
    common: dict[str, Any] = {
        "host": name,
        "zone": host.zone,
        "calibration": None,
        "degenerate": [],
        "not_yet": _NOT_YET,
    }
    if result.status == "failed":
        common["host_reading"] = {"name": host.name, "states": dict(host.states)}
        return replace(result, summary={**result.summary, **common})
    columns, domains = result.columns.copy(), result.domains.copy()
    columns["label"][np.isin(columns["label"], ("O3", "O1", "O3r"))] = host.label
    domains["kind"] = host.label
    if doubts:
        common |= {"status": "low_confidence", "reasons": [*result.summary["reasons"], *doubts]}
    states = _dense_states(result)
    layers = row_leans(states) if host.dumbbells else states
    motifs = motif_grid(layers)
    _name_motifs(columns, motifs, by_row=host.dumbbells)
    counts = count_motifs(motifs, label_domains(layers, motifs))
    told = {
        **common,
        "motif_counts": {_motif_name(key): n for key, n in counts.items()},
        "degenerate": [_degenerate(host)],
        "host_reading": _reading(host, layers, replace(result, columns=columns, domains=domains)),
    }
    warnings = [*result.summary["warnings"], *_direct_changes(states, host)]
    summary = {**result.summary, **told, "warnings": warnings}
    return replace(result, columns=columns, domains=domains, summary=summary)


def _direct_changes(states: States, host: Host) -> list[str]:
    """Return a warning where ``+`` and ``-`` gaps meet in a row of dumbbells, which cannot be."""
    upper, lower = states[:-1], states[1:]
    direct = ((upper == PLUS) & (lower == MINUS)) | ((upper == MINUS) & (lower == PLUS))
    n = int(direct.sum())
    if not host.dumbbells or n < _FEWEST_CHANGES:
        return []
    return [
        f"at {n} columns + and - gaps meet without a straight one between, which dumbbells with "
        "equal atoms cannot do: perhaps one atom of each dumbbell outshines the other; no twin "
        "plane is placed there"
    ]


def _reading(host: Host, layers: States, result: MotifMap) -> dict[str, Any]:
    lattice = result.summary["lattice"] or {}
    cubic = host.cubic_constant_A(lattice["pitch_A"], lattice["row_spacing_A"]) if lattice else None
    told: dict[str, Any] = {
        "name": host.name,
        "states": dict(host.states),
        "columns": host.columns,
        "cubic_a_A": None if cubic is None else round(cubic, 4),
        "layers": field_word(layers),
        "layers_are": "rows" if host.dumbbells else "gaps",
        "twin_planes": plane_records(result, layers, dumbbells=host.dumbbells),
    }
    if host.rows_per_slab > 1:
        told["slab_states"] = slab_states(host)
    return told


def slab_states(host: Host) -> dict[str, str]:
    """Return, for each state from row to row, the state from slab to slab of the layered crystal.

    In rock salt, of which two rows make a slab, they are opposite: two steps of a third to the
    right are one of a third to the left.

    >>> from stackmotif.catalog import get_host
    >>> slab_states(get_host("rock-salt"))
    {'+': '-', '-': '+'}
    """
    shift = {"+": 1, "-": -1}
    name = {1: "+", 0: "0", 2: "-"}
    return {s: name[host.rows_per_slab * step % 3] for s, step in shift.items()}


def _degenerate(host: Host) -> dict[str, Any]:
    members, why, decides = _SAME[host.columns]
    return {"kind": host.name, "same_projection": members, "because": why, "decides": decides}


def _dense_states(result: MotifMap) -> States:
    """Return the states of the field, with the slots beyond either row's ends marked as such."""
    states = result.field.state.copy()
    first, last = _extents(result.columns, *states.shape)
    slots = np.arange(states.shape[1])
    start, end = np.maximum(first[:-1], first[1:]), np.minimum(last[:-1], last[1:])
    outside = (slots < start[:, None]) | (slots > end[:, None])
    return np.where(outside & (states == UNKNOWN), OUTSIDE, states).astype(np.int8)


def _extents(columns: Table, n_gaps: int, n_slots: int) -> tuple[NDArray, NDArray]:
    row, slot = columns["row"], columns["slot"]
    used = row >= 0
    first, last = np.full(n_gaps + 1, n_slots), np.full(n_gaps + 1, -1)
    np.minimum.at(first, row[used], slot[used])
    np.maximum.at(last, row[used], slot[used])
    return first, last


def _name_motifs(columns: Table, motifs: NDArray[np.int64], *, by_row: bool) -> None:
    """Write the motif of every column: that of its row, or the smaller one of its two gaps."""
    used = np.flatnonzero(columns["row"] >= 0)
    row, slot = columns["row"][used], columns["slot"][used]
    if by_row:
        code = motifs[row, slot]
    else:
        none = np.full((1, motifs.shape[1]), NO_MOTIF)
        padded = np.concatenate([none, motifs, none])
        above, below = padded[row, slot], padded[row + 1, slot]
        code = np.where((above == NO_MOTIF) | (below == NO_MOTIF), above + below, 0)
        code = np.where(code == 0, np.minimum(above, below), code)
    names = {int(c): _motif_name(f"TD({c - TD})") if c > TD else "" for c in np.unique(code)}
    columns["motif"] = ""
    columns["motif"][used] = [names[c] for c in code.tolist()]


def _motif_name(layered: str) -> str:
    """Return what ``TD(n)``, n layers of the other sense, is called.

    >>> [_motif_name(f"TD({n})") for n in (1, 2, 3)]
    ['intrinsic_fault', 'extrinsic_fault', 'twin_band(3)']
    """
    n = int(layered.partition("(")[2].rstrip(")") or 0)
    return _NAMES.get(n, f"twin_band({n})")
