"""From motifs and settings to a library on disk."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.carbon import CarbonLayers
from stackmotif.imaging.library import format1
from stackmotif.imaging.library.manifest import FORMAT, stated_format
from stackmotif.imaging.library.parts import sync
from stackmotif.imaging.library.store import StoreWriter
from stackmotif.imaging.library.tasks import Progress, Task, load_part, run_tasks
from stackmotif.imaging.library.variants import checked_variants
from stackmotif.imaging.microscope import Microscope
from stackmotif.imaging.result import Template, microscope_of
from stackmotif.imaging.settings import Settings, check_settings, choose_engine, seed_of
from stackmotif.imaging.settings import microscope_of as given_microscope
from stackmotif.imaging.simulation import estimate_s, simulate_series
from stackmotif.imaging.sources import to_structure
from stackmotif.provenance import versions

if TYPE_CHECKING:
    from pymatgen.core import Structure

COMPUTE: Final = "stackmotif.imaging.library.building:compute"
_APART: Final = ("lattice", "microscope", "rng", "engine", "device", "tolerance", "progress")
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
    tasks = {
        motif_id: _tasks(motif, [scope.with_(defocus_A=one) for one in defoci], chosen, shared)
        for motif_id, motif in motifs.items()
    }
    return LibraryPlan(
        tasks=tuple(task for several in tasks.values() for task in several),
        motifs=tuple(motif_id for motif_id, several in tasks.items() for _ in several),
        thickness_A=thicknesses,
        variants=seen,
    )


def _tasks(
    motif: Any, scopes: Sequence[Microscope], chosen: Settings, shared: Mapping[str, Any]
) -> list[Task]:
    """Return the tasks of one motif, one per microscope."""
    structure, label = to_structure(motif, lattice=chosen.lattice)
    seconds = estimate_s(
        structure, microscope=scopes[0], thickness_A=shared["thicknesses_A"][-1],
        phonons=chosen.phonons, sampling_A=chosen.sampling_A,
        engine=shared["options"]["engine"],
    )  # fmt: skip
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


def build_library(
    plan: LibraryPlan,
    path: str | Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Do what is left of a plan and write the library; return its folder.

    Parameters
    ----------
    plan : LibraryPlan
        What to build.
    path : str or Path
        Folder to write. Results wait in the folder ``<path>.unfinished`` until all are there.
    workers, scheduler, progress
        See :func:`~stackmotif.imaging.library.run_tasks`.
    overwrite : bool
        Replace an existing library.

    Raises
    ------
    SimulationError
        If the folder exists, or a task fails.
    """
    target = Path(path)
    check_free(target, overwrite=overwrite)
    work = unfinished(target)
    work.mkdir(parents=True, exist_ok=True)
    try:
        run_tasks(plan.tasks, work, workers=workers, scheduler=scheduler, progress=progress)
        _publish(plan, work, target, overwrite=overwrite)
    except BaseException:
        _remove_if_empty(work)
        raise
    shutil.rmtree(work, ignore_errors=True)
    return target


def unfinished(target: Path) -> Path:
    """Return where the results of an incomplete library wait."""
    return target.with_name(f"{target.name}.unfinished")


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse to write over anything but, if asked for, a library.

    Raises
    ------
    SimulationError
        If something is in the way.
    """
    if not target.exists():
        return
    if not overwrite:
        raise SimulationError(
            f"{str(target)!r} exists already; expected a new folder: choose another name or "
            "overwrite it"
        )
    if not _is_library(target):
        raise SimulationError(
            f"{str(target)!r} is not a template library and is left alone; expected a new folder "
            "or a library to overwrite"
        )


def compute(
    settings: Mapping[str, Any], *, device: str = "auto"
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
        _crystal(settings["crystal"]),
        thicknesses_A=settings["thicknesses_A"],
        microscope=microscope_of(settings["microscope"]),
        device=device,
        **options,
    )
    images = [one.image if one.image.ndim == 3 else one.image[None] for one in series]
    metadata = [one.metadata() for one in series]
    for one in metadata:
        one["provenance"].update(source=settings["source"], lattice=settings["lattice"])
    return {"images": np.stack(images)}, {"templates": metadata}


def _engine(chosen: Settings) -> str:
    """Return the engine by name; the device is not asked for, it may be one of a worker."""
    if chosen.engine == "atlas":
        raise SimulationError(
            "engine is 'atlas', which makes its images in milliseconds when they are needed; "
            "expected 'auto', 'torch' or 'abtem' for a library"
        )
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


def _templates(plan: LibraryPlan, work: Path) -> Iterator[tuple[str, str, str, Template]]:
    """Yield row id, motif, key and template of everything that a plan has done."""
    for motif, task in zip(plan.motifs, plan.tasks, strict=True):
        part = load_part(task, work)
        defocus = task.settings["microscope"]["defocus_A"]
        for thickness, image, metadata in zip(
            plan.thickness_A, part.arrays["images"], part.metadata["templates"], strict=True
        ):
            flat = image[0] if len(metadata["detectors"]) == 1 else image
            row_id = f"{motif}/{thickness:g}A/df{defocus:g}A"
            yield row_id, motif, task.key, Template.from_metadata(flat, metadata)


def _publish(plan: LibraryPlan, work: Path, target: Path, *, overwrite: bool) -> None:
    """Write the library beside its place and rename it: what exists is complete."""
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    old = beside.with_name(f"{beside.name}-old")
    try:
        writer = StoreWriter(beside)
        for row_id, motif, key, template in _templates(plan, work):
            writer.add(row_id, template, motif=motif, settings_sha256=key)
        writer.finish(variants=plan.variants, shared=_shared(plan, work))
        check_free(target, overwrite=overwrite)
        if target.exists():
            target.rename(old)
        beside.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(beside, ignore_errors=True)


def _shared(plan: LibraryPlan, work: Path) -> dict[str, Any]:
    first = load_part(plan.tasks[0], work).metadata["templates"][0]
    known = ("detectors", "pixel_size_A", "microscope", "phonons", "engine", "potential", "rng")
    return json.loads(json.dumps({key: first[key] for key in known}))


def _is_library(target: Path) -> bool:
    try:
        return stated_format(target) in (FORMAT, format1.FORMAT)
    except SimulationError:
        return False


def _remove_if_empty(work: Path) -> None:
    for folder in (work / "parts", work):
        with suppress(OSError):
            folder.rmdir()
