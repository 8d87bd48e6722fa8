"""From a motif map to ranked models: classes of words first, members of a class second."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stackmotif.errors import ResultError
from stackmotif.hypotheses.evidence import GapEvidence, Region, gap_evidence
from stackmotif.hypotheses.members import log_count, metal_word, simplest
from stackmotif.hypotheses.model import Hypothesis
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from stackmotif.matching import MotifMap

LEAST_P_CLASS: Final = 0.7
"""Below this probability of the best class no model is built."""

_NOTABLE_P: Final = 0.01


@dataclass(frozen=True)
class _Class:
    metal: Word
    class_id: str
    p: float
    log_columns: float


def hypothesize(r: "MotifMap", *, region: Region | None = None, top: int = 10) -> list[Hypothesis]:
    """Rank three-dimensional models of a result, or of a rectangle in it.

    Every gap's mean shift, over the widest run of columns in which no gap changes its state, gives
    the probability of each metal word; words with one projection are one class. Classes are ranked
    by probability. Inside a class the prior is uniform, and members are listed by simplicity
    (fewest gaps of the kinds ``2``, ``p`` and ``q``), which says nothing about their probability.
    Each further class with a probability of 0.01 or more keeps one line of the list.

    If the best class has a probability below 0.7 the region is *unresolved*: the classes are
    returned as metal-only words with ``resolved=False``, and no model is built from them.

    Parameters
    ----------
    r : MotifMap
        The result; one that failed, or has no gap cells, gives an empty list.
    region : tuple of float, optional
        (y0, x0, y1, x1) in image axes [Å]; the whole field if None.
    top : int
        Most hypotheses to return, 1 or more.

    Returns
    -------
    list of Hypothesis
        Best first; words are read along +c, from the bottom of the image to its top.

    Raises
    ------
    ResultError
        If ``top`` is not positive, the region is malformed or empty, or the result is that of a
        host which is not layered.
    """
    if not hasattr(r, "shifts"):
        raise ResultError(f"cannot rank models of a {type(r).__name__}; expected a MotifMap")
    if not isinstance(top, int | np.integer) or top < 1:
        raise ResultError(f"top is {top!r}; expected a whole number, 1 or more hypotheses")
    if r.summary.get("host_reading"):
        raise ResultError(
            f"models are of layered oxides, and this result was read as {r.summary['host']!r}; "
            "expected one of the host 'layered-oxide'"
        )
    if r.summary.get("status") == "failed" or not len(r.shifts):
        return []
    evidence = gap_evidence(r, region=region)
    classes = _classes(evidence, limit=max(50, 4 * top))
    if classes[0].p < LEAST_P_CLASS:
        return [_unresolved(c, best=classes[0], evidence=evidence) for c in classes[:top]]
    others = [c for c in classes[1:] if c.p >= _NOTABLE_P][: top - 1]
    found = _members(classes[0], limit=top - len(others))
    for other in others:
        found += _members(other, limit=1)
    return found


def best_words(evidence: GapEvidence, *, limit: int) -> list[tuple[float, tuple[int, ...]]]:
    """Return the most probable metal words: log probability and state indices, best first."""
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for gap in evidence.log_posterior.tolist():
        longer = [(p + gap[s], (*word, s)) for p, word in best for s in range(3)]
        best = sorted(longer, key=lambda item: -item[0])[:limit]
    return best


def _classes(evidence: GapEvidence, *, limit: int) -> list[_Class]:
    found: dict[str, _Class] = {}
    picked = np.arange(len(evidence.gaps))
    for log_p, states in best_words(evidence, limit=limit):
        metal = metal_word(states)
        class_id = metal.degeneracy_class
        earlier = found.get(class_id)
        found[class_id] = _Class(
            metal=earlier.metal if earlier else metal,
            class_id=class_id,
            p=math.exp(log_p) + (earlier.p if earlier else 0.0),
            log_columns=earlier.log_columns
            if earlier
            else float(evidence.log_likelihood[picked, list(states)].sum()),
        )
    return sorted(found.values(), key=lambda c: -c.p)


def _hypothesis(c: _Class, *, word: Word, decides: str, resolved: bool = True) -> Hypothesis:
    """Return one member of a class; all members share the probability of the class equally."""
    log_prior = -log_count(c.metal)
    p_in_class = math.exp(max(log_prior, -700.0))
    return Hypothesis(
        word=word,
        metal_word=c.metal.metal_text,
        class_id=c.class_id,
        p_class=c.p,
        p_in_class=p_in_class,
        log_columns=c.log_columns,
        log_image=math.nan,
        log_prior=log_prior,
        p_uniform_prior=c.p * p_in_class,
        decides=decides,
        resolved=resolved,
    )


def _members(c: _Class, *, limit: int) -> list[Hypothesis]:
    size = math.exp(min(log_count(c.metal), 700.0))
    decides = (
        f"an oxygen image along the same zone axis (ABF, BF or iDPC): about "
        f"{size:.3g} tilt sequences share this metal projection"
    )
    return [_hypothesis(c, word=word, decides=decides) for word in simplest(c.metal, limit=limit)]


def _unresolved(c: _Class, *, best: _Class, evidence: GapEvidence) -> Hypothesis:
    certain = np.exp(evidence.log_posterior.max(axis=1))
    worst = evidence.gaps[np.argsort(certain)[:3]]
    decides = (
        f"unresolved: the best class has probability {best.p:.2f}, below {LEAST_P_CLASS}; "
        f"clearer columns at gaps {', '.join(str(int(g)) for g in np.sort(worst))}, or a "
        "region without them"
    )
    return _hypothesis(c, word=c.metal, decides=decides, resolved=False)
