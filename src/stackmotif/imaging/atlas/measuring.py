"""How far an atlas is from full multislice: random words at scattered places, told per detector."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.building import atlas_tasks, build_atlas, estimate_s
from stackmotif.imaging.atlas.geometry import stacks_of_words
from stackmotif.imaging.atlas.model import Atlas
from stackmotif.imaging.atlas.recipe import AtlasRecipe
from stackmotif.imaging.atlas.references import random_words, reference_task
from stackmotif.imaging.detector import Detector
from stackmotif.imaging.library.tasks import Progress, load_part, run_tasks
from stackmotif.stacking import Word

Floats = NDArray[np.float64]

DETECTORS: Final = (
    Detector("HAADF", 60.0, 150.0),
    Detector("ADF", 25.0, 150.0),
    Detector("ABF", 10.0, 20.0),
    Detector("BF", 0.0, 10.0),
)
"""Detectors whose errors are told where no others are named."""
_CANDIDATES: Final = 12
"""Random words drawn for each that is wanted."""


@dataclass(frozen=True)
class Reference:
    """Multislice of one word.

    Parameters
    ----------
    word : Word
        The word.
    thickness_A : tuple of float
        Thicknesses [Å].
    places_A : ndarray, shape (place, 2)
        Places (x, y) from a metal of the lowest slab; y down [Å].
    signals : ndarray, shape (exit, channel, place)
        What the rings see there.
    on_metals : ndarray, shape (exit, channel, slab), optional
        What they see on a metal column of every slab.
    """

    word: Word
    thickness_A: tuple[float, ...]
    places_A: Floats
    signals: Floats
    on_metals: Floats | None = None

    def seen_by(self, detector: Detector, recipe: AtlasRecipe, thickness_A: float) -> Floats:
        """Return the signal of a detector made of whole rings, shape (place,)."""
        return self._seen(self.signals, detector, recipe, thickness_A)

    def contrast(self, detector: Detector, recipe: AtlasRecipe, thickness_A: float) -> float:
        """Return the largest less the smallest signal of a detector, on the metals and anywhere."""
        several = [self.signals] if self.on_metals is None else [self.signals, self.on_metals]
        seen = [self._seen(one, detector, recipe, thickness_A) for one in several]
        return float(np.ptp(np.concatenate(seen)))

    def _seen(
        self, signals: Floats, detector: Detector, recipe: AtlasRecipe, thickness_A: float
    ) -> Floats:
        edges = np.asarray(recipe.bin_edges_mrad)
        rings = (edges[:-1] >= detector.inner_mrad) & (edges[1:] <= detector.outer_mrad)
        plane = self.thickness_A.index(thickness_A)
        return np.asarray(signals[plane, : len(rings)][rings].sum(axis=0))


def make_references(
    recipe: AtlasRecipe,
    words: Sequence[Word],
    folder: str | Path,
    *,
    rng: int,
    points: int = 64,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[Reference]:
    """Return multislice of words of a static lattice, each at places of its own.

    Parameters
    ----------
    recipe : AtlasRecipe
        Beam, lattice, thicknesses, rings and sampling.
    words : sequence of Word
        From :func:`random_words`.
    folder : str or Path
        Where the results are kept; a rerun goes on where an earlier one stopped.
    rng : int
        Seed of the places of the first word, one more for each further one.
    points : int
        Places of each word.
    workers, scheduler, progress
        See :func:`stackmotif.imaging.library.tasks.run_tasks`.
    device : str
        Where they run.
    """
    tasks = [
        reference_task(recipe, word, points=points, rng=rng + k, on_metals=metals, device=device)
        for metals in (False, True)
        for k, word in enumerate(words)
    ]
    run_tasks(tasks, folder, workers=workers, scheduler=scheduler, progress=progress)
    found = [load_part(task, folder).arrays for task in tasks]
    scattered, on_metals = found[: len(words)], found[len(words) :]
    return [
        Reference(word, recipe.thickness_A, **part, on_metals=metals["signals"])
        for word, part, metals in zip(words, scattered, on_metals, strict=True)
    ]


def compare(
    atlas: Atlas,
    references: Iterable[Reference],
    *,
    detectors: Sequence[Detector] = DETECTORS,
    lattice: str | None = None,
) -> list[dict[str, Any]]:
    """Return the error of an atlas, one row for each thickness and detector.

    Parameters
    ----------
    atlas : Atlas
        With the exit planes of the references, or more.
    references : iterable of Reference
        Words of the lattice of the atlas, or of ``lattice``.
    detectors : sequence of Detector
        Made of whole rings.
    lattice : str, optional
        Lattice of the references, to which the tiles are stretched.

    Returns
    -------
    list of dict
        ``rms_of_contrast`` is the largest RMS difference of a word at the scattered places over the
        contrast of its reference there and on its metals, ``mean_rms_of_contrast`` the mean over
        the words.
    """
    several = list(references)
    rows = []
    for thickness_A in atlas.recipe.thickness_A:
        there = [one for one in several if thickness_A in one.thickness_A]
        if not there:
            continue
        errors = np.array(
            [_errors(atlas, one, detectors, thickness_A, lattice) for one in there]
        ).transpose(2, 1, 0)
        for detector, (rms, correlation) in zip(detectors, errors, strict=True):
            rows.append(
                {
                    "detector": detector.name,
                    "inner_mrad": detector.inner_mrad,
                    "outer_mrad": detector.outer_mrad,
                    "thickness_A": thickness_A,
                    "rms_of_contrast": float(rms.max()),
                    "mean_rms_of_contrast": float(rms.mean()),
                    "least_correlation": float(correlation.min()),
                    "words": len(there),
                    "lattice": "static",
                }
            )
    return rows


def _errors(
    atlas: Atlas,
    reference: Reference,
    detectors: Sequence[Detector],
    thickness_A: float,
    lattice: str | None,
) -> Floats:
    """Return RMS error over contrast, and correlation, of every detector, shape (2, detector)."""
    found = signals_at(
        atlas, reference.word, reference.places_A, detectors,
        thickness_A=thickness_A, lattice=lattice,
    )  # fmt: skip
    true = np.stack([reference.seen_by(one, atlas.recipe, thickness_A) for one in detectors])
    contrast = [reference.contrast(one, atlas.recipe, thickness_A) for one in detectors]
    rms = np.sqrt(np.square(found - true).mean(axis=1)) / contrast
    pairs = zip(found, true, strict=True)
    return np.stack([rms, [np.corrcoef(one, other)[0, 1] for one, other in pairs]])


def signals_at(
    atlas: Atlas,
    word: Word | str,
    places_A: Floats,
    detectors: Sequence[Detector],
    *,
    thickness_A: float,
    lattice: str | None = None,
) -> Floats:
    """Return what an atlas gives at places (x, y) from a metal of the lowest slab.

    Returns
    -------
    ndarray of float64, shape (detector, place)
    """
    import torch

    from stackmotif.imaging.atlas.points import values_at
    from stackmotif.imaging.atlas.stitch import PreparedAtlas

    prepared = PreparedAtlas(atlas, detectors, thickness_A=thickness_A, dtype="float64")
    stacks = prepared.stacks(word, lattice=lattice)
    with torch.no_grad():
        found = values_at(prepared, stacks, np.asarray(places_A)[:, ::-1].copy(), blur_sigma_A=0.0)
    return np.asarray(found[0].numpy())


def measure_errors(
    recipe: AtlasRecipe,
    folder: str | Path,
    *,
    n_words: int = 12,
    detectors: Sequence[Detector] | None = None,
    rng: int = 0,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Return the errors of the static twin of an atlas on random words, see :func:`compare`.

    Parameters
    ----------
    recipe : AtlasRecipe
        Recipe of the atlas; phonons are left out, since their noise would hide the error.
    folder : str or Path
        Where what is simulated is kept; a rerun goes on where an earlier one stopped.
    n_words : int
        Random words of six slabs, tilts and fillings mixed.
    detectors : sequence of Detector, optional
        Made of whole rings; by default those of the recipe's microscope that are, else HAADF, ADF,
        ABF and BF as far as they are.
    rng : int
        Seed of words and places.
    workers, scheduler, device, progress
        See :func:`stackmotif.imaging.atlas.build_atlas`.
    """
    still = replace(recipe, phonons=0)
    settings: dict[str, Any] = {
        "workers": workers, "scheduler": scheduler, "device": device, "progress": progress
    }  # fmt: skip
    atlas = build_atlas(still, folder, **settings)
    words = shown_words(atlas, n_words, rng=rng)
    references = make_references(still, words, folder, rng=rng, **settings)
    chosen = whole_rings(recipe) if detectors is None else detectors
    return compare(atlas, references, detectors=chosen)


def whole_rings(recipe: AtlasRecipe) -> tuple[Detector, ...]:
    """Return the detectors of a recipe's microscope that are whole rings, else the usual ones."""
    edges = set(recipe.bin_edges_mrad)
    everything = {recipe.bin_edges_mrad[0], recipe.bin_edges_mrad[-1]}
    for several in (recipe.microscope.detectors, DETECTORS):
        fitting = tuple(
            one
            for one in several
            if {one.inner_mrad, one.outer_mrad} <= edges
            and {one.inner_mrad, one.outer_mrad} != everything
            and not one.n_segments
        )
        if fitting:
            return fitting
    raise SimulationError(
        f"the atlas has rings with the edges {recipe.bin_edges_mrad} mrad, of which none of its "
        "detectors is made; expected detectors=…, made of whole rings"
    )


def measuring_cost(recipe: AtlasRecipe, *, n_words: int) -> tuple[int, float]:
    """Return how many simulations :func:`measure_errors` takes, and their time on one core [s]."""
    still = replace(recipe, phonons=0)
    (word,) = random_words(1, rng=0)
    each_s = sum(
        reference_task(still, word, points=64, rng=0, on_metals=metals).estimate_s
        for metals in (False, True)
    )
    n_tiles = len({task.key for task in atlas_tasks(still)})
    return n_tiles + 2 * n_words, estimate_s(still) + n_words * each_s


def shown_words(atlas: Atlas, n: int, *, rng: int) -> list[Word]:
    """Return the first of :func:`random_words` that an atlas has the tiles for.

    Raises
    ------
    SimulationError
        If it has them for too few.
    """
    elements = tuple(dict.fromkeys(one.partition("@")[0] for one in atlas.guests))
    words = []
    for word in random_words(_CANDIDATES * n, rng=rng, guests=elements):
        try:
            stacks_of_words(word, atlas)
        except SimulationError:
            continue
        words.append(word)
    if len(words) < n:
        raise SimulationError(
            f"the atlas shows {len(words)} of {_CANDIDATES * n} random words; expected {n} or "
            f"more: its gaps hold {atlas.guests}, prismatic ones need both sites of a guest"
        )
    return words[:n]
