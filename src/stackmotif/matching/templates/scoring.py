"""Templates matched at the columns of a result: scores of every domain and interface."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.tables import Table, new_table
from stackmotif.matching.templates.averages import Averages, average_cells
from stackmotif.matching.templates.candidates import (
    Target,
    class_of,
    domain_targets,
    triple_numbers,
)
from stackmotif.matching.templates.cells import UNKNOWN, CellSet, cells_of, image_sign
from stackmotif.matching.templates.conditions import Beam, choose_beam
from stackmotif.matching.templates.evidence import (
    Counted,
    count_pixels,
    log_evidence,
    noise_pixels,
    probe_area_A2,
)
from stackmotif.matching.templates.fitting import Fitted, best_correlations, fit_templates
from stackmotif.matching.templates.interfaces import wall_owners, wall_targets
from stackmotif.matching.templates.rendering import Renderer, shows_oxygen

if TYPE_CHECKING:
    from stackmotif.imaging.atlas import Atlas
    from stackmotif.imaging.microscope import Microscope
    from stackmotif.matching.motif_map import MotifMap

Floats = NDArray[np.float64]

TOP: Final = 5
"""Candidates of a target that are listed."""


@dataclass(frozen=True)
class Scores:
    """What templates say about one image.

    Parameters
    ----------
    targets : tuple of Target
        Domains, then interfaces.
    log_evidence : tuple of ndarray, shape (candidate,) each
        Thickness marginalised.
    posterior : tuple of ndarray, shape (candidate,) each
        With equal priors.
    ncc : tuple of ndarray, shape (candidate,) each
        At the best thickness.
    thickness_A : tuple of ndarray, shape (candidate,) each
        Best thickness of each candidate [Å].
    p_thickness : ndarray, shape (thickness,)
        Posterior of the thickness of the field, taken to be one.
    counted : Counted
        Independent pixels of the groups.
    """

    targets: tuple[Target, ...]
    log_evidence: tuple[Floats, ...]
    posterior: tuple[Floats, ...]
    ncc: tuple[Floats, ...]
    thickness_A: tuple[Floats, ...]
    p_thickness: Floats
    counted: Counted


@dataclass(frozen=True)
class _Seen:
    """Groups of cells, their mean patches, and what these are worth."""

    averages: Averages
    ncc: Floats
    counted: Counted

    @property
    def log_evidence(self) -> Floats:
        """Shape (group, thickness, triple)."""
        return self.counted.weight * log_evidence(self.ncc, self.counted.n_eff[:, None, None])

    def pooled(self, target: Target) -> Floats:
        """Return the log-evidence (candidate, thickness) of a target's groups together."""
        found = self.log_evidence[target.groups[None, :], :, target.triples]
        return np.asarray(target.overlap * found.sum(axis=1))

    def mean_ncc(self, target: Target, planes: NDArray[np.int64]) -> Floats:
        """Return the correlation of each candidate at its thickness; NaN where nothing is seen."""
        count = self.averages.count[target.groups]
        if not count.sum():
            return np.full(len(planes), np.nan)
        found = self.ncc[target.groups[None, :], planes[:, None], target.triples]
        return np.asarray(found @ count / count.sum())


def pooled_scores(seen: Sequence[tuple[_Seen, Sequence[Target]]], thicknesses_A: Floats) -> Scores:
    """Pool the evidence of groups into that of targets; the first of ``seen`` are the domains."""
    pairs = [(one, target) for one, targets in seen for target in targets]
    pooled = [one.pooled(target) for one, target in pairs]
    of_domains = pooled[: len(seen[0][1])]
    total = sum(
        (np.logaddexp.reduce(one, axis=0) for one in of_domains), np.zeros(len(thicknesses_A))
    )
    p_thickness = np.exp(total - np.logaddexp.reduce(total))
    log_p = total - np.logaddexp.reduce(total)
    marginal = [np.logaddexp.reduce(one + log_p, axis=1) for one in pooled]
    planes = [np.argmax(one + log_p, axis=1) for one in pooled]
    return Scores(
        targets=tuple(target for _, target in pairs),
        log_evidence=tuple(marginal),
        posterior=tuple(np.exp(one - np.logaddexp.reduce(one)) for one in marginal),
        ncc=tuple(one.mean_ncc(t, k) for (one, t), k in zip(pairs, planes, strict=True)),
        thickness_A=tuple(thicknesses_A[k] for k in planes),
        p_thickness=p_thickness,
        counted=seen[0][0].counted,
    )


def score_domains(
    result: "MotifMap",
    *,
    atlas: "Atlas | None" = None,
    microscope: "Microscope | str | None" = None,
    ignore: Sequence[str] = (),
    top: int = TOP,
) -> "MotifMap":
    """Match templates at the columns of a result, and say what they make of every domain.

    Parameters
    ----------
    result : MotifMap
        What geometry has read in an image.
    atlas : Atlas, optional
        Where templates come from; the one of the package by default.
    microscope : Microscope or str, optional
        What the image is from, if that is known.
    ignore : sequence of str
        Differences between image and templates that are allowed, see `choose_beam`.
    top : int
        Candidates to list for each domain and interface.

    Returns
    -------
    MotifMap
        With ``scores``, ``summary["templates"]``, and a lower ``p`` and a warning for domains that
        templates contradict.

    Raises
    ------
    TemplatesDoNotFitError
        If the image is not what the templates are of.
    """
    from stackmotif.imaging.atlas import default_atlas
    from stackmotif.matching.templates.telling import with_scores

    started = time.perf_counter()
    source = default_atlas() if atlas is None else atlas
    beam = choose_beam(result, source, microscope=microscope, ignore=ignore)
    renderer = Renderer(source, beam.detector, shows_oxygen(result.detector))
    scores, fitted = score_image(result, renderer, beam)
    told = with_scores(result, scores, fitted, renderer, beam, top=top)
    timings = {**result.summary["timings_s"], "templates": round(time.perf_counter() - started, 4)}
    return replace(told, summary={**told.summary, "timings_s": timings})


def score_image(result: "MotifMap", renderer: Renderer, beam: Beam) -> tuple[Scores, Fitted]:
    """Return the scores of an image's domains and walls, and the templates fitted to it."""
    grid, sign = renderer.grid(result.pixel_size_A), image_sign(result)
    grouped = partial(
        cells_of, result, pitch_A=renderer.pitch_A, row_spacing_A=renderer.row_spacing_A
    )
    image = np.asarray(result.image)
    cells = grouped()
    averages = average_cells(image, cells, grid)
    fitted = fit_templates(averages, _as_read(cells, sign), renderer, grid)
    seen = [(_seen(averages, fitted, beam), domain_targets(cells, sign=sign))]
    owners = wall_owners(result)
    if (owners >= 0).any():
        beside = grouped(owner=owners)
        walls = wall_targets(result, beside, sign=sign)
        # The noise is that of the whole image, which the few cells beside walls do not tell.
        few = replace(
            average_cells(image, beside, grid),
            noise_energy=averages.noise_energy,
            residuals=averages.residuals,
        )
        seen.append((_seen(few, fitted, beam), walls))
    return pooled_scores(seen, renderer.thicknesses_A), fitted


def _seen(averages: Averages, fitted: Fitted, beam: Beam) -> _Seen:
    """Correlate mean patches with all templates and count their independent pixels."""
    ncc = best_correlations(averages, fitted)
    scope, blur = beam.microscope, float(fitted.blurs_A.mean())
    probe = probe_area_A2(scope.wavelength_A, scope.semiangle_mrad, blur)
    counted = count_pixels(
        averages,
        ncc.max(axis=(1, 2), initial=-1.0),
        noise_px=noise_pixels(averages, fitted.directions),
        probe_px=probe / fitted.grid.step_A**2,
    )
    return _Seen(averages, ncc, counted)


def _as_read(cells: CellSet, sign: int) -> NDArray[np.int64]:
    known = cells.states[:, 1] != UNKNOWN
    states = np.where(known[:, None], cells.states, 0)
    return np.where(known, triple_numbers(states, sign=sign), -1)


def score_table(scores: Scores, *, top: int = TOP) -> Table:
    """Return ``scores.csv``: the best candidates of every target, best first."""
    lines = []
    for k, target in enumerate(scores.targets):
        if not np.isfinite(scores.ncc[k]).all():
            continue
        for rank, c in enumerate(np.argsort(-scores.log_evidence[k], kind="stable")[:top], start=1):
            name, mirror = class_of(target.words[c])
            lines.append(
                (
                    target.name, rank, target.motifs[c], scores.ncc[k][c],
                    scores.log_evidence[k][c], scores.posterior[k][c], name, mirror,
                    scores.thickness_A[k][c],
                )
            )  # fmt: skip
    table = new_table("scores", len(lines))
    for number, line in enumerate(lines):
        table[number] = line
    return table
