"""From planned tasks to a library on disk."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from stackmotif.errors import SimulationError
from stackmotif.imaging.library import format1
from stackmotif.imaging.library.manifest import FORMAT, stated_format
from stackmotif.imaging.library.parts import sync
from stackmotif.imaging.library.planning import LibraryPlan
from stackmotif.imaging.library.store import StoreWriter
from stackmotif.imaging.library.tasks import Progress, load_part, run_tasks
from stackmotif.imaging.result import Template


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
