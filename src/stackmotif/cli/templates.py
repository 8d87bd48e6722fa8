"""``stackmotif templates``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stackmotif.cli.atlas import build_atlas_command
from stackmotif.cli.options import (
    PIXEL_SIZE_A,
    THICKNESS_A,
    FiniteRange,
    Several,
    atlas_options,
    check_answering,
    compute_options,
    overwrite_option,
    show_help,
)
from stackmotif.cli.progress import count_of, limit_threads, progress, span_of, tell_device

if TYPE_CHECKING:
    from stackmotif.catalog import Catalog, Motif
    from stackmotif.imaging import Microscope

_PATH: Final = click.Path(path_type=Path)
_DETECTOR: Final = re.compile(r"(\w+):([0-9.]+)-([0-9.]+)")


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make and check the library of template images."""
    show_help(ctx)


command.add_command(build_atlas_command)


@command.command("build")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--out", required=True, type=_PATH, metavar="DIR", help="Folder to write.")
@click.option("--catalog", "catalog_path", type=_PATH, metavar="DIR", help="Catalog folder.")
@click.option(
    "--microscope", default="adf-300kV", show_default=True, help="Preset of a microscope."
)
@click.option(
    "--detectors", type=Several(click.STRING), metavar="NAME,…",
    help="Detectors of the microscope to keep, or your own as NAME:INNER-OUTER in mrad.",
)  # fmt: skip
@click.option(
    "--thickness-A", "thickness_A", type=Several(THICKNESS_A), default="80", show_default=True,
    metavar="T,…", help="Thicknesses; a series costs what its last costs.",
)  # fmt: skip
@click.option(
    "--defocus-A", "defocus_A", type=Several(FiniteRange(min=-1e5, max=1e5)), metavar="DF,…",
    help="Values of defocus, positive is underfocus; that of the microscope by default.",
)  # fmt: skip
@click.option(
    "--variants", type=Several(click.STRING), metavar="NAME,…",
    help="Of identity, mirror-x, rotate-180, mirror-y; by default all that are right.",
)  # fmt: skip
@click.option("--pixel-size-A", "pixel_size_A", type=PIXEL_SIZE_A, default=0.2, show_default=True)
@click.option("--phonons", type=click.IntRange(min=0), default=8, show_default=True)
@click.option("--rng", type=click.IntRange(min=0), default=0, show_default=True, help="Seed.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "atlas", "torch", "abtem"]),
    default="auto",
    show_default=True,
    help="auto is the atlas where it knows the entry, else torch.",
)
@atlas_options
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Processes on this machine.",
)  # fmt: skip
@click.option(
    "--scheduler", metavar="ADDRESS",
    help="Dask scheduler, such as tcp://10.0.0.1:8786; its workers share the folder.",
)  # fmt: skip
@compute_options
@click.option("--estimate-only", is_flag=True, help="Tell the cost and stop.")
@overwrite_option
def build_library(
    ids: tuple[str, ...],
    out: Path,
    catalog_path: Path | None,
    workers: int,
    scheduler: str | None,
    threads: int | None,
    estimate_only: bool,
    overwrite: bool,
    **settings: Any,
) -> None:
    """Simulate templates of catalog entries: by default of every full-width stacking.

    Walls, shells and other structures of their own take longer; ask for them by id. An interrupted
    build goes on where it was if the same command is given again.
    """
    check_answering(scheduler)
    limit_threads(threads)
    from stackmotif.catalog import load_catalog
    from stackmotif.imaging.library.building import build_library, check_free
    from stackmotif.imaging.library.planning import plan_library
    from stackmotif.report import check_writable

    settings["microscope"] = _microscope(settings["microscope"], settings.pop("detectors"))
    if scheduler is None:
        _resolve_device(settings)
    motifs = _motifs(load_catalog(catalog_path), ids)
    if not estimate_only:
        check_free(out, overwrite=overwrite)
        check_writable(out)
    with progress(f"plan {count_of(len(motifs), 'motif')}"):
        plan = plan_library(motifs, **settings)
    told = (
        f"{count_of(plan.n_templates, 'template')} of {count_of(len(motifs), 'motif')} from "
        f"{count_of(len(plan.tasks), 'simulation')}: about {span_of(plan.estimate_s)} on one core"
    )
    if workers > 1:
        told += f", {span_of(plan.estimate_s / workers)} on {workers}"
    if estimate_only:
        click.echo(told)
        return
    if not ids:
        told += "; full-width stackings, others by id (see: stackmotif catalog list)"
    with progress(f"simulate, {told}", patience_s=0.0) as stage:
        build_library(
            plan, out, workers=workers, scheduler=scheduler, overwrite=overwrite,
            progress=lambda done, total, left_s: stage(_state(done, total, left_s)),
        )  # fmt: skip
    if scheduler is None:
        tell_device(threads, device=settings["device"])
    else:
        click.echo(f"device: workers of {scheduler}")
    click.echo(f"{out}: {count_of(plan.n_templates, 'template')}")


@command.command()
@click.argument("path", type=_PATH, metavar="DIR")
def info(path: Path) -> None:
    """Show what a library or an atlas holds."""
    from stackmotif.imaging import TemplateLibrary
    from stackmotif.imaging.atlas.store import atlas_info, is_atlas

    if is_atlas(path):
        for key, text in atlas_info(path).items():
            click.echo(f"{key}: {text}")
        return
    for key, value in TemplateLibrary(path).info.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{key}: {text}")


@command.command()
@click.argument("path", type=_PATH, metavar="DIR")
def verify(path: Path) -> int:
    """Recompute the checksum of every file and every image of a library or an atlas."""
    from stackmotif.imaging import TemplateLibrary
    from stackmotif.imaging.atlas.store import is_atlas, load_atlas

    if is_atlas(path):
        load_atlas(path)
        click.echo("the atlas is intact")
        return 0
    library = TemplateLibrary(path)
    with progress("verify"):
        damaged = library.verify()
    if damaged:
        named = ", ".join(damaged[:5]) + (", …" if len(damaged) > 5 else "")
        click.echo(
            f"stackmotif: error: {len(damaged)} files and images are damaged "
            f"({named}); expected those of the manifest: build it again",
            err=True,
        )
        return 2
    click.echo(f"{len(library)} templates are intact")
    return 0


def _microscope(preset: str, detectors: tuple[str, ...] | None) -> "Microscope":
    """Return a preset, with the detectors that were asked for."""
    from stackmotif.imaging import Detector, Microscope

    scope = Microscope.preset(preset)
    if detectors is None:
        return scope
    known = {one.name.lower(): one for one in scope.detectors}
    chosen = []
    for text in detectors:
        own = _DETECTOR.fullmatch(text)
        if own is None and text.lower() not in known:
            raise click.BadParameter(
                f"{text!r} is no detector of {preset!r}; expected some of "
                f"{', '.join(scope.detector_names)}, or NAME:INNER-OUTER in mrad",
                param_hint="--detectors",
            )
        if own is None:
            chosen.append(known[text.lower()])
        else:
            chosen.append(Detector(own[1], _number(own[2]), _number(own[3])))
    return scope.with_(detectors=tuple(chosen))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no angle; expected a number in mrad", param_hint="--detectors"
        ) from error


def _motifs(catalog: "Catalog", ids: tuple[str, ...]) -> "Mapping[str, Motif]":
    """Return the entries that were asked for, or every full-width stacking."""
    from stackmotif.catalog.recipes import WordRecipe

    if ids:
        return {motif_id: catalog[motif_id] for motif_id in ids}
    return {one: motif for one, motif in catalog.items() if isinstance(motif.recipe, WordRecipe)}


def _resolve_device(settings: dict[str, Any]) -> None:
    from stackmotif.imaging.settings import choose_engine

    _, settings["device"] = choose_engine(settings["engine"], device=settings["device"])


def _state(done: int, total: int, left_s: float) -> str:
    return f"{done} of {total} done, about {span_of(left_s)} left"
