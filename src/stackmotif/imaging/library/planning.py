"""What a library will hold, as tasks; nothing is simulated before they are run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.serving import AtlasMismatchError, serve, word_and_lattice
from stackmotif.imaging.atlas.store import (
    atlas_digest,
    atlas_of,
    default_atlas_path,
    shipped_atlas_paths,
)
from stackmotif.imaging.carbon import CarbonLayers
from stackmotif.imaging.library.task import Task
from stackmotif.imaging.library.variants import checked_variants
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.result import microscope_of
from stackmotif.imaging.settings import Settings, check_settings, choose_engine, seed_of
from stackmotif.imaging.settings import microscope_of as given_microscope
from stackmotif.imaging.simulation import AUTO_TOLERANCE, estimate_s, simulate_series
from stackmotif.imaging.sources import to_structure
from stackmotif.provenance import versions
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from pymatgen.core import Structure

COMPUTE: Final = "stackmotif.imaging.library.planning:compute"
_ATLAS_S: Final = 0.3
"""Time of the images of a motif from the atlas [s]."""
_APART: Final = (
    "atlas",
    "lattice",
    "microscope",
    "rng",
    "engine",
    "device",
    "tolerance",
    "ends",
    "progress",
)
"""Settings that are not passed on as they are."""


@dataclass(frozen=True)
class LibraryPlan:
    """What a library will hold, before any work.

    Parameters
    ----------
    tasks : tuple of Task
        One per motif and defocus; each gives all thicknesses.
    motifs : tuple of str
        Id of the motif of each task.
    thickness_A : tuple of float
        Thicknesses that are asked for [Å].
    variants : tuple of str
        Variants of every image.
    """

    tasks: tuple[Task, ...]
    motifs: tuple[str, ...]
    thickness_A: tuple[float, ...]
    variants: tuple[str, ...]

    @property
    def n_templates(self) -> int:
        """Templates that the library will have, variants included."""
        return len(self.tasks) * len(self.thickness_A) * len(self.variants)

    @property
    def estimate_s(self) -> float:
        """Expected time on one core [s], right within a factor of about two."""
        return sum(task.estimate_s for task in self.tasks)


def plan_library(
    motifs: Mapping[str, Any],
    *,
    thickness_A: float | Sequence[float] = 80.0,
    defocus_A: float | Sequence[float] | None = None,
    variants: Sequence[str] | None = None,
    device: str = "auto",
    **settings: Any,
) -> LibraryPlan:
    """Return the tasks of a library and their expected cost; nothing is simulated.

    Parameters
    ----------
    motifs, thickness_A, defocus_A, variants, device
        See :meth:`stackmotif.imaging.TemplateLibrary.build`.
    **settings
        See :func:`stackmotif.imaging.simulate`.

    Raises
    ------
    SimulationError
        If nothing is asked for, or a setting cannot give a right image.
    TypeError
        If ``simulate`` has no such setting.
    """
    if not motifs:
        raise SimulationError("no motifs were given; expected one or more to simulate")
    thicknesses = tuple(sorted(_several(thickness_A, "thickness")))
    chosen = Settings(**settings, device=device)
    check_settings(thicknesses, chosen)
    engine = _engine(chosen)
    scope = given_microscope(chosen.microscope)
    defoci = (scope.defocus_A,) if defocus_A is None else _several(defocus_A, "defocus")
    seen = checked_variants(variants, scope)
    shared = {
        "lattice": None if chosen.lattice is None else str(chosen.lattice),
        "thicknesses_A": thicknesses,
        "options": {**_options(chosen), "engine": engine, "rng": seed_of(chosen.rng)},
        "version": versions(("stackmotif",))["stackmotif"],
    }
    folder = _atlas_folder(chosen)
    tasks = {
        motif_id: _tasks(
            motif, [scope.with_(defocus_A=one) for one in defoci], chosen, shared, folder
        )
        for motif_id, motif in motifs.items()
    }
    return LibraryPlan(
        tasks=tuple(task for several in tasks.values() for task in several),
        motifs=tuple(motif_id for motif_id, several in tasks.items() for _ in several),
        thickness_A=thicknesses,
        variants=seen,
    )


def _tasks(
    motif: Any,
    scopes: Sequence[Microscope],
    chosen: Settings,
    shared: Mapping[str, Any],
    folder: Path | None,
) -> list[Task]:
    """Return the tasks of one motif, one per microscope."""
    served = _from_atlas(motif, scopes, chosen, shared, folder)
    if served is not None:
        return served
    structure, label = to_structure(motif, lattice=chosen.lattice)
    own = replace(chosen, engine=shared["options"]["engine"], lattice=None, atlas=None)
    settings = {one.name: getattr(own, one.name) for one in fields(Settings)}
    settings |= {"microscope": scopes[0], "device": "cpu"}
    seconds = estimate_s(structure, thickness_A=shared["thicknesses_A"][-1], **settings)
    crystal = {"source": label, "crystal": _described(structure)}
    return [
        Task(
            COMPUTE,
            {**shared, **crystal, "microscope": asdict(scope)},
            seconds,
            {"device": chosen.device},
        )
        for scope in scopes
    ]


def _from_atlas(
    motif: Any,
    scopes: Sequence[Microscope],
    chosen: Settings,
    shared: Mapping[str, Any],
    folder: Path | None,
) -> list[Task] | None:
    """Return the tasks of a motif that the atlas shows, None for any other.

    Raises
    ------
    SimulationError
        If the engine is to be the atlas and it cannot.
    """
    if chosen.engine not in ("auto", "atlas") or chosen.carbon or chosen.sigma_A:
        return None
    if not isinstance(motif, str | Word) and not hasattr(motif, "recipe"):
        return None
    options = {**shared["options"], "engine": "atlas", "ends": "continue"}
    if chosen.engine == "auto" and chosen.tolerance is None:
        options["tolerance"] = AUTO_TOLERANCE
    try:
        word, lattice = word_and_lattice(motif, chosen.lattice)
        source = default_atlas_path(lattice) if folder is None else folder
        for scope in scopes:
            for thickness_A in shared["thicknesses_A"]:
                serve(
                    word, lattice=lattice, microscope=scope, thickness_A=thickness_A,
                    pixel_size_A=1.0, field_A=(4.0, 4.0), phonons=chosen.phonons,
                    tolerance=options.get("tolerance"), ends="continue",
                    atlas=atlas_of(source),
                )  # fmt: skip
    except AtlasMismatchError:
        if chosen.engine == "atlas":
            raise
        return None
    crystal = {"source": getattr(motif, "id", word.format()), "word": word.format()}
    settings = {**shared, **crystal, "options": options, "lattice": lattice.label}
    settings["atlas_sha256"] = atlas_digest(source)
    hints = {"device": "cpu"} if folder is None else {"device": "cpu", "atlas": str(folder)}
    return [
        Task(COMPUTE, {**settings, "microscope": asdict(scope)}, _ATLAS_S, hints)
        for scope in scopes
    ]


def compute(
    settings: Mapping[str, Any], *, device: str = "auto", atlas: str | None = None
) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Simulate one motif at one defocus: a task of :func:`plan_library`.

    Returns
    -------
    arrays : dict
        ``images``, shape (thickness, detector, y, x).
    said : dict
        ``templates``: the metadata of each thickness.
    """
    options = dict(settings["options"])
    if options.get("carbon"):
        options["carbon"] = CarbonLayers(**options["carbon"])
    series = simulate_series(
        settings["word"] if "word" in settings else _crystal(settings["crystal"]),
        lattice=settings["lattice"] if "word" in settings else None,
        thicknesses_A=settings["thicknesses_A"],
        microscope=microscope_of(settings["microscope"]),
        device=device,
        atlas=_same_atlas(atlas, settings["atlas_sha256"]) if "word" in settings else None,
        **options,
    )
    images = [one.image if one.image.ndim == 3 else one.image[None] for one in series]
    metadata = [one.metadata() for one in series]
    for one in metadata:
        one["provenance"].update(source=settings["source"], lattice=settings["lattice"])
    return {"images": np.stack(images)}, {"templates": metadata}


def _atlas_folder(chosen: Settings) -> Path | None:
    """Return where the atlas of a library lies, None for those of the package.

    Raises
    ------
    SimulationError
        If it is not on disk, where every worker can read it, or another engine is to be used.
    """
    given = chosen.atlas
    if given is None:
        return None
    if chosen.engine not in ("auto", "atlas"):
        raise SimulationError(
            f"an atlas was given with the engine {chosen.engine!r}; expected engine='atlas' or "
            "'auto'"
        )
    if not isinstance(given, str | Path):
        raise SimulationError(
            f"atlas is a {type(given).__name__}; expected the folder of one, which every worker "
            "can read: save it with save_atlas"
        )
    return Path(given).resolve()


def _same_atlas(given: str | None, sha256: str) -> Path:
    """Return the folder of the atlas that a task was made for."""
    candidates = shipped_atlas_paths() if given is None else (Path(given),)
    for folder in candidates:
        if atlas_digest(folder) == sha256:
            return folder
    name = "of the package" if given is None else repr(Path(given).name)
    raise SimulationError(
        f"the atlas {name} is another one than when the library was planned; expected the same: "
        "plan the library again"
    )


def _engine(chosen: Settings) -> str:
    """Return the engine by name; the device is not asked for, it may be one of a worker."""
    return choose_engine(chosen.engine)[0]


def _options(chosen: Settings) -> dict[str, Any]:
    values = {one.name: getattr(chosen, one.name) for one in fields(Settings)}
    return {
        name: asdict(value) if isinstance(value, CarbonLayers) else value
        for name, value in values.items()
        if name not in _APART
    }


def _several(given: float | Sequence[float], what: str) -> tuple[float, ...]:
    values = [given] if isinstance(given, Real) else list(given)  # type: ignore[arg-type]
    if not values or not all(isinstance(one, Real) and np.isfinite(one) for one in values):
        raise SimulationError(f"{what} is {given!r} Å; expected one or more finite numbers")
    return tuple(dict.fromkeys(float(one) for one in values))


def _described(structure: "Structure") -> dict[str, Any]:
    """Return a crystal as plain numbers and texts: a part of the key of its images."""
    return {
        "lattice_A": structure.lattice.matrix.tolist(),
        "species": [
            {str(kind): float(share) for kind, share in site.species.items()} for site in structure
        ],
        "coordinates": structure.frac_coords.tolist(),
    }


def _crystal(described: Mapping[str, Any]) -> "Structure":
    from pymatgen.core import Lattice, Structure

    return Structure(
        Lattice(described["lattice_A"]), described["species"], described["coordinates"]
    )
