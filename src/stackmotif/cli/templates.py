"""``stackmotif templates``."""

from pathlib import Path
from typing import Any

import click

from stackmotif.cli.options import (
    PIXEL_SIZE_A,
    THICKNESS_A,
    check_device,
    check_scheduler,
    compute_options,
    overwrite_option,
    scheduler_option,
    show_help,
)
from stackmotif.cli.progress import limit_threads, progress, tell_device

_PATH = click.Path(path_type=Path)


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make and check the library of template images."""
    show_help(ctx)


@command.command("build")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--out", required=True, type=_PATH, metavar="DIR", help="Folder to write.")
@click.option("--catalog", "catalog_path", type=_PATH, metavar="DIR", help="Catalog folder.")
@click.option(
    "--microscope", default="adf-300kV", show_default=True, help="Preset of a microscope."
)
@click.option("--thickness-A", "thickness_A", type=THICKNESS_A, default=80.0, show_default=True)
@click.option(
    "--pixel-size-A",
    "pixel_size_A",
    type=PIXEL_SIZE_A,
    default=0.2,
    show_default=True,
)
@click.option("--phonons", type=click.IntRange(min=0), default=8, show_default=True)
@click.option("--rng", type=click.IntRange(min=0), default=0, show_default=True, help="Seed.")
@compute_options
@scheduler_option
@overwrite_option
def build_library(
    ids: tuple[str, ...],
    out: Path,
    catalog_path: Path | None,
    device: str,
    threads: int | None,
    scheduler: str | None,
    overwrite: bool,
    **settings: Any,
) -> None:
    """Simulate templates of catalog entries, all of them by default."""
    check_device(device)
    check_scheduler(scheduler)
    limit_threads(threads)
    from stackmotif.catalog import load_catalog
    from stackmotif.imaging import Microscope, TemplateLibrary
    from stackmotif.report import check_writable

    Microscope.preset(settings["microscope"])
    catalog = load_catalog(catalog_path)
    motifs = {motif_id: catalog[motif_id] for motif_id in ids or list(catalog)}
    check_writable(out)
    with progress(f"simulate {len(motifs)} templates") as stage:
        library = TemplateLibrary.build(
            motifs, out, overwrite=overwrite, on_done=lambda done: stage(f"{done} done"), **settings
        )
    tell_device(threads)
    click.echo(f"{out}: {len(library)} templates")


@command.command()
@click.argument("path", type=_PATH, metavar="DIR")
def info(path: Path) -> None:
    """Show what a library holds."""
    from stackmotif.imaging import TemplateLibrary

    for key, value in TemplateLibrary(path).info.items():
        text = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key}: {text}")


@command.command()
@click.argument("path", type=_PATH, metavar="DIR")
def verify(path: Path) -> int:
    """Check every image of a library against its checksum."""
    from stackmotif.imaging import TemplateLibrary

    library = TemplateLibrary(path)
    with progress("verify"):
        damaged = library.verify()
    if damaged:
        click.echo(
            f"stackmotif: error: {len(damaged)} of {len(library)} templates are damaged "
            f"({', '.join(damaged[:5])}); expected the images of the manifest: build it again",
            err=True,
        )
        return 2
    click.echo(f"{len(library)} templates are intact")
    return 0
