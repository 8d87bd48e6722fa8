"""``stackmotif templates build-atlas``."""

from pathlib import Path
from typing import Any

import click

from stackmotif.cli.options import (
    THICKNESS_A,
    FiniteRange,
    Several,
    check_answering,
    compute_options,
    overwrite_option,
)
from stackmotif.cli.progress import count_of, limit_threads, progress, span_of, tell_device

_PATH = click.Path(path_type=Path)


@click.command("build-atlas")
@click.option("--out", required=True, type=_PATH, metavar="DIR", help="Folder to write.")
@click.option(
    "--microscope", default="stem-300kV", show_default=True, help="Preset whose beam is used."
)
@click.option(
    "--thickness-A", "thickness_A", type=Several(THICKNESS_A), default="20,40,60,80,100,120",
    show_default=True, metavar="T,…", help="Exit planes; the last one decides the cost.",
)  # fmt: skip
@click.option("--lattice", default="LiNiO2:0.5", show_default=True, metavar="NAME[:x]")
@click.option(
    "--defocus-A", "defocus_A", type=FiniteRange(min=-1e5, max=1e5), metavar="DF",
    help="Defocus, positive is underfocus; that of the microscope by default.",
)  # fmt: skip
@click.option(
    "--shifts", "n_shifts", type=click.IntRange(3, 48), default=3, show_default=True,
    help="Shifts over one pitch, a multiple of 3: 3 for words, 12 for continuous walls.",
)  # fmt: skip
@click.option("--phonons", type=click.IntRange(min=0), default=8, show_default=True)
@click.option("--rng", type=click.IntRange(min=0), default=0, show_default=True, help="Seed.")
@click.option(
    "--measure", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Measure the error against multislice of N random words, without which it is unknown.",
)  # fmt: skip
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
def build_atlas_command(
    out: Path,
    microscope: str,
    defocus_A: float | None,
    workers: int,
    scheduler: str | None,
    threads: int | None,
    device: str,
    measure: int,
    estimate_only: bool,
    overwrite: bool,
    **recipe: Any,
) -> None:
    """Simulate the tiles that images of every full-width stacking are put together from.

    What is simulated is kept in DIR.parts: an interrupted build goes on where it was if the same
    command is given again, and more phonons are added to those that are there.
    """
    check_answering(scheduler)
    limit_threads(threads)
    from stackmotif.imaging import Microscope
    from stackmotif.imaging.atlas import (
        AtlasRecipe,
        atlas_tasks,
        build_atlas,
        estimate_s,
        save_atlas,
    )
    from stackmotif.imaging.atlas.measuring import measure_errors, measuring_cost
    from stackmotif.imaging.atlas.store import check_free, with_errors
    from stackmotif.imaging.engines.devices import choose_device
    from stackmotif.report import check_writable

    scope = Microscope.preset(microscope)
    if defocus_A is not None:
        scope = scope.with_(defocus_A=defocus_A)
    asked = AtlasRecipe.for_microscope(scope, **recipe)
    chosen = device if scheduler is not None else choose_device(device)
    n_more, more_s = measuring_cost(asked, n_words=measure) if measure else (0, 0.0)
    cost_s = estimate_s(asked) + more_s
    n_tasks = len({task.key for task in atlas_tasks(asked)}) + n_more
    told = f"{count_of(n_tasks, 'simulation')}: about {span_of(cost_s)} on one core"
    if workers > 1:
        told += f", {span_of(cost_s / workers)} on {workers}"
    if estimate_only:
        click.echo(told)
        return
    check_free(out, overwrite=overwrite)
    check_writable(out)
    parts = out.with_name(f"{out.name}.parts")
    with progress(f"atlas, {told}", patience_s=0.0) as stage:
        settings: dict[str, Any] = {
            "workers": workers, "scheduler": scheduler, "device": chosen,
            "progress": lambda done, total, left_s: stage(
                f"{done} of {total} done, about {span_of(left_s)} left"
            ),
        }  # fmt: skip
        atlas = build_atlas(asked, parts, **settings)
        if measure:
            atlas = with_errors(atlas, measure_errors(asked, parts, n_words=measure, **settings))
        save_atlas(atlas, out, overwrite=overwrite)
    tell_device(threads, device=chosen)
    click.echo(f"{out}: atlas of {count_of(len(asked.neighbours), 'neighbour')}")
