"""Scores put into a result: the table, the summary, what is lowered and what is warned of."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.templates.conditions import Beam
from stackmotif.matching.templates.evidence import GOOD_FIT
from stackmotif.matching.templates.fitting import Fitted
from stackmotif.matching.templates.rendering import Renderer
from stackmotif.matching.templates.scoring import Scores, score_table

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]

_MOST_NAMED: Final = 5


def with_scores(
    result: "MotifMap",
    scores: Scores,
    fitted: Fitted,
    renderer: Renderer,
    beam: Beam,
    *,
    top: int,
) -> "MotifMap":
    """Return a result with its scores, and with lower ``p`` where templates contradict it."""
    contradicted = contradictions(scores)
    domains, change = result.domains.copy(), {}
    for number, k in contradicted.items():
        line = int(np.flatnonzero(domains["id"] == number)[0])
        before = float(domains["p"][line])
        after = lowered(before, scores.posterior[k], scores.targets[k].as_read)
        if after < before:
            domains["p"][line], change[number] = after, (before, after)
    warnings = scores_warnings(scores, contradicted, change)
    told = describe(scores, fitted, renderer, beam, contradicted, warnings)
    summary = {
        **result.summary,
        "templates": told,
        "warnings": [*result.summary["warnings"], *warnings],
    }
    return replace(result, scores=score_table(scores, top=top), domains=domains, summary=summary)


def lowered(p: float, posterior: Floats, as_read: int) -> float:
    """Return the probability of a domain whose image is rather that of another candidate.

    Bayes' rule with geometry as the prior, what it leaves shared by the other candidates; never
    above what geometry gave, since columns and templates look at the same pixels.

    >>> round(lowered(0.9, np.array([0.05, 0.9, 0.05]), 0), 2), lowered(0.9, np.ones(3) / 3, 0)
    (0.49, 0.9)
    """
    prior = np.full(len(posterior), (1 - p) / max(len(posterior) - 1, 1))
    prior[as_read] = p
    joint = prior * posterior
    return float(min(p, joint[as_read] / joint.sum())) if joint.sum() > 0 else p


def contradictions(scores: Scores) -> dict[int, int]:
    """Return the domains whose best candidate is not what was read: their number, their target."""
    found = {}
    for k, target in enumerate(scores.targets):
        kind, _, number = target.name.partition(" ")
        if kind != "domain" or target.as_read < 0 or not np.isfinite(scores.ncc[k]).all():
            continue
        if int(scores.posterior[k].argmax()) != target.as_read:
            found[int(number)] = k
    return found


def scores_warnings(
    scores: Scores, contradicted: dict[int, int], change: dict[int, tuple[float, float]]
) -> list[str]:
    """Return what a reader of the result has to be wary of.

    ``change`` holds the probability of a contradicted domain before and after.
    """
    warnings = []
    counted = scores.counted
    if counted.fit < GOOD_FIT:
        warnings.append(
            f"templates describe the image with a correlation of {counted.fit:.2f} without noise "
            f"(expected {GOOD_FIT} or more): their evidence counts {counted.weight:.2f} times as "
            "much as it would; detector, voltage or defocus may be others"
        )
    worst = sorted(change, key=lambda number: change[number][1] - change[number][0])
    for number in worst[:_MOST_NAMED]:
        k = contradicted[number]
        target, posterior = scores.targets[k], scores.posterior[k]
        first, (before, after) = int(posterior.argmax()), change[number]
        warnings.append(
            f"domain {number} was read as {target.motifs[target.as_read]} and its image is rather "
            f"that of {target.motifs[first]} (posterior {posterior[first]:.2f}): its p is lowered "
            f"from {before:.2f} to {after:.2f}"
        )
    if len(worst) > _MOST_NAMED:
        rest = len(worst) - _MOST_NAMED
        warnings.append(f"templates contradict {rest} more domains, and their p is lowered")
    return warnings


def describe(
    scores: Scores,
    fitted: Fitted,
    renderer: Renderer,
    beam: Beam,
    contradicted: dict[int, int],
    warnings: list[str],
) -> dict[str, Any]:
    """Return ``summary["templates"]``."""
    read = [
        t
        for t, ncc in zip(scores.targets, scores.ncc, strict=True)
        if t.name.startswith("domain") and t.as_read >= 0 and np.isfinite(ncc).all()
    ]
    agreeing = len(read) - len(contradicted)
    counted, p = scores.counted, scores.p_thickness
    mean = float(p @ renderer.thicknesses_A)
    step = float(np.diff(renderer.thicknesses_A).mean())
    sigma = float(np.sqrt(p @ (renderer.thicknesses_A - mean) ** 2 + step**2 / 12))
    best = int(p.argmax())
    return {
        "used": True,
        "agreement": round(agreeing / len(read), 4) if read else None,
        "n_domains": len(read),
        "contradicted": sorted(contradicted),
        "n_eff": round(float(counted.n_eff.sum()), 1),
        "fit": round(counted.fit, 4),
        "weight": round(counted.weight, 4),
        "thickness_A": round(mean, 1),
        "thickness_sigma_A": round(sigma, 1),
        "p_thickness": {
            f"{t:.1f}": round(float(one), 4)
            for t, one in zip(renderer.thicknesses_A, p, strict=True)
        },
        "blur_sigma_A": round(float(fitted.blurs_A[best]), 3),
        "atlas": atlas_id(renderer),
        "beam": {
            "energy_eV": beam.microscope.energy_eV,
            "semiangle_mrad": beam.microscope.semiangle_mrad,
            "detector": beam.detector.name,
            "inner_mrad": beam.detector.inner_mrad,
            "outer_mrad": beam.detector.outer_mrad,
        },
        "assumed": list(beam.assumed),
        "not_in_templates": ["tilts of the beam", "defocus", "row spacing"],
        "warnings": warnings,
    }


def atlas_id(renderer: Renderer) -> str:
    """Return a short name of an atlas: its lattice and a digest of its tiles."""
    from stackmotif.provenance import sha256_array

    atlas = renderer.atlas
    return f"{atlas.recipe.lattice}-{sha256_array(atlas.samples)[:12]}"
