"""Scores put into a result: the table, the summary, what is lowered and what is warned of."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.templates.conditions import Beam
from stackmotif.matching.templates.fitting import Fitted
from stackmotif.matching.templates.rendering import Renderer
from stackmotif.matching.templates.scoring import Scores, score_table

if TYPE_CHECKING:
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]

_POOR_FIT: Final = 0.9
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
    domains = result.domains.copy()
    for number, posterior in contradicted.items():
        line = np.flatnonzero(domains["id"] == number)
        domains["p"][line] = lowered(domains["p"][line], posterior)
    warnings = scores_warnings(scores, contradicted)
    told = describe(scores, fitted, renderer, beam, contradicted, warnings)
    summary = {
        **result.summary,
        "templates": told,
        "warnings": [*result.summary["warnings"], *warnings],
    }
    return replace(result, scores=score_table(scores, top=top), domains=domains, summary=summary)


def lowered(p: Floats, posterior: float) -> Floats:
    """Return the probability of a domain whose reading has a small posterior among templates.

    Columns and templates look at the same pixels: they are no independent witnesses, and the
    smaller probability counts.
    """
    return np.minimum(p, posterior)


def contradictions(scores: Scores) -> dict[int, float]:
    """Return the domains whose best template is not what was read, with the reading's posterior."""
    found = {}
    for target, posterior in zip(scores.targets, scores.posterior, strict=True):
        kind, _, number = target.name.partition(" ")
        if kind == "domain" and target.as_read >= 0 and int(posterior.argmax()) != target.as_read:
            found[int(number)] = float(posterior[target.as_read])
    return found


def scores_warnings(scores: Scores, contradicted: dict[int, float]) -> list[str]:
    """Return what a reader of the result has to be wary of."""
    warnings = []
    if scores.counted.fit < _POOR_FIT:
        warnings.append(
            f"templates describe the image with a correlation of {scores.counted.fit:.2f} without "
            f"noise (expected {_POOR_FIT} or more): their evidence counts by "
            f"{scores.counted.weight:.2f} of it; detector, voltage or defocus may be others"
        )
    best = {t.name: (t, p) for t, p in zip(scores.targets, scores.posterior, strict=True)}
    for number in list(contradicted)[:_MOST_NAMED]:
        target, posterior = best[f"domain {number}"]
        first = int(posterior.argmax())
        warnings.append(
            f"domain {number} was read as {target.motifs[target.as_read]} and its image is rather "
            f"that of {target.motifs[first]} (posterior {posterior[first]:.2f}): its p is lowered"
        )
    if len(contradicted) > _MOST_NAMED:
        rest = len(contradicted) - _MOST_NAMED
        warnings.append(f"templates contradict {rest} more domains: their p is lowered")
    return warnings


def describe(
    scores: Scores,
    fitted: Fitted,
    renderer: Renderer,
    beam: Beam,
    contradicted: dict[int, float],
    warnings: list[str],
) -> dict[str, Any]:
    """Return ``summary["templates"]``."""
    read = [t for t in scores.targets if t.name.startswith("domain") and t.as_read >= 0]
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
