"""A result in words: what is sure, and what is not."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackmotif.report.host_names import host_lines, reading_of, state_names
from stackmotif.report.palette import STATE_NAMES, motif_name

if TYPE_CHECKING:
    from stackmotif.matching import MotifMap


def verdict(r: "MotifMap") -> str:
    """Return one sentence on whether the result can be trusted."""
    status = r.summary.get("status")
    reasons = "; ".join(str(reason) for reason in r.summary.get("reasons") or ())
    if status == "ok":
        return "The stacking was read."
    if status == "low_confidence":
        return f"The stacking was read with low confidence: {reasons or 'no reason given'}."
    return f"The stacking could not be read: {reasons or 'no reason given'}."


def sure(r: "MotifMap") -> list[str]:
    """Return what the image shows, one sentence each; nothing for a failed result."""
    if r.summary.get("status") == "failed" or not len(r.columns):
        return []
    said = [
        f"{len(r.columns)} columns stand in {r.summary.get('n_rows', 0)} rows; "
        f"{len(r.shifts)} gap cells were measured."
    ]
    word = str(r.summary.get("word") or "")
    if word:
        said.append(f"Gap states along +c, from the bottom of the image to its top: {word}")
    names = state_names(r)
    said += host_lines(r)
    said += [
        f"{names[state]}: {100 * share:.1f} % of the gap cells."
        for state, share in state_shares(r).items()
        if share > 0 and state != "x"
    ]
    motifs = {k: n for k, n in (r.summary.get("motif_counts") or {}).items() if n}
    if motifs:
        named = ", ".join(f"{motif_name(k)} × {n}" for k, n in sorted(motifs.items()))
        said.append(f"Motifs: {named}.")
    return said


def unsure(r: "MotifMap") -> list[str]:
    """Return what the image cannot tell, and what measurement would, one sentence each."""
    said = []
    unresolved = state_shares(r).get("x", 0.0)
    if unresolved > 0:
        said.append(f"{100 * unresolved:.1f} % of the gap cells have no resolved state.")
    said += [ambiguity(item) for item in as_list(r.summary.get("degenerate"))]
    if len(r.shifts) and reading_of(r):
        said.append(
            "Which of the two senses is called + is a choice (the majority); only the difference "
            "between them is measured."
        )
    elif len(r.shifts):
        said.append(
            "Which of the two O3 variants is called O3 is a choice (the majority); only the "
            "difference between them is measured."
        )
    missing = as_list(r.summary.get("not_yet"))
    if missing:
        said.append(f"Not filled by this version: {', '.join(str(m) for m in missing)}.")
    return said


def statistics(summary: Mapping[str, Any]) -> list[str]:
    """Return what the statistics along c say, one sentence each; nothing without any gap."""
    told = summary.get("statistics") or {}
    if not told.get("n_gaps"):
        return []
    said = [f"{told['order']['verdict']}."]
    shown = ("O1_fault (all)", "TD (all)", "H1-3")
    said += [_density(line) for line in told["densities"] if line["motif"] in shown]
    if told["gaps_with_walls"]:
        said.append(
            f"{told['gaps_with_walls']} gaps change their state along the row; the order is that "
            "along one line along c, and walls tie neighbouring gaps to each other there."
        )
    return said + [
        f"O1 domain {chunk['domain']}, {chunk['n_gaps']} gaps: {chunk['note']}."
        for chunk in summary.get("chunks") or ()
    ]


def _density(line: Mapping[str, Any]) -> str:
    per_nm, per_nm2 = (
        f"{line[key]:.3g} ({line[f'{key}_low']:.2g} to {line[f'{key}_high']:.2g})"
        for key in ("per_nm", "per_nm2")
    )
    cut = f", {line['n_cut']} of them cut by the edge or unread cells" if line["n_cut"] else ""
    return (
        f"{motif_name(line['motif'])}: {line['n']} seen{cut}; {per_nm} per nm along c, {per_nm2} "
        "per nm² (95 %)."
    )


def ambiguity(item: Any) -> str:
    """Return an entry of ``degenerate`` as a sentence."""
    if isinstance(item, Mapping) and {"because", "decides"} <= set(item):
        same = " = ".join(str(name) for name in item.get("same_projection") or ())
        reason = f"{item['because']}; {item['decides']}."
        return f"{same}: {reason}" if same else reason
    return sentence(item)


def state_shares(r: "MotifMap") -> dict[str, float]:
    """Return the fraction of gap cells in each state; empty without cells."""
    n = len(r.shifts)
    return {s: float((r.shifts["state"] == s).sum()) / n for s in STATE_NAMES} if n else {}


def as_list(value: Any) -> list[Any]:
    """Return a list for a list, a mapping's items as one-key mappings, or one value."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [{key: item} for key, item in value.items()]
    return list(value) if isinstance(value, list | tuple) else [value]


def sentence(item: Any) -> str:
    """Return a summary entry, text or mapping, as one line."""
    if isinstance(item, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')}: {sentence(v)}" for key, v in item.items())
    if isinstance(item, list | tuple):
        return ", ".join(sentence(v) for v in item)
    return f"{item:.5g}" if isinstance(item, float) else str(item)
