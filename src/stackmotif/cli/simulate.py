"""``stackmotif simulate``."""

from pathlib import Path
from typing import Any

import click

from stackmotif.cli.beam import beam_options, take_beam
from stackmotif.cli.options import (
    DOSE,
    PIXEL_SIZE_A,
    THICKNESS_A,
    atlas_options,
    compute_options,
    overwrite_option,
)
from stackmotif.cli.progress import PATIENCE_S, limit_threads, progress, tell_device

_SUFFIXES = (".npz", ".npy", ".png")
_OF_COST = (
    "lattice",
    "microscope",
    "thickness_A",
    "phonons",
    "engine",
    "device",
    "tolerance",
    "atlas",
    "potential",
    "prism",
)


@click.command()
@click.argument("model", metavar="ID-or-WORD-or-FILE")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="File to write: .npz holds the settings too, .npy and .png the image alone.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["auto", "atlas", "torch", "abtem"]), default="auto",
    show_default=True, help="Engine; auto is the atlas where it knows the model, else torch.",
)  # fmt: skip
@beam_options
@click.option("--thickness-A", "thickness_A", type=THICKNESS_A, default=80.0, show_default=True)
@click.option(
    "--pixel-size-A",
    "pixel_size_A",
    type=PIXEL_SIZE_A,
    default=0.2,
    show_default=True,
)
@click.option("--lattice", metavar="NAME[:x]", help="Lattice of a word.")
@click.option(
    "--phonons", type=click.IntRange(min=0), default=8, show_default=True,
    help="Frozen-phonon configurations; 0 is the static lattice.",
)  # fmt: skip
@click.option(
    "--dose",
    type=DOSE,
    metavar="E",
    help="Electrons per Å²; adds shot noise.",
)
@click.option(
    "--potential", type=click.Choice(["exact", "abtem"]), default="exact", show_default=True,
    help="Atoms exactly in their places, or abTEM's array.",
)  # fmt: skip
@click.option(
    "--prism", type=click.IntRange(1, 16), metavar="F",
    help="Interpolation factor of PRISM instead of multislice, for large fields.",
)  # fmt: skip
@atlas_options
@click.option("--rng", type=click.IntRange(min=0), default=0, show_default=True, help="Seed.")
@compute_options
@overwrite_option
def command(model: str, out: Path, overwrite: bool, **options: Any) -> None:
    """Simulate the image of a catalog entry, a word or a structure file, seen along [100]."""
    from stackmotif.cli.files import check_file

    threads = options.pop("threads")
    limit_threads(threads)
    check_file(out, overwrite=overwrite)
    if out.suffix not in _SUFFIXES:
        raise click.BadParameter(
            f"{out.name!r} has no known suffix; expected {', '.join(_SUFFIXES)}",
            param_hint="--out",
        )
    from stackmotif.imaging import estimate_s, simulate
    from stackmotif.imaging.settings import choose_engine

    options.update(take_beam(options))
    specimen = Path(model) if Path(model).suffix and Path(model).is_file() else model
    _, options["device"] = choose_engine(options["engine"], device=options["device"])
    expected_s = estimate_s(specimen, **{name: options[name] for name in _OF_COST})
    tell_device(threads, device=options["device"])
    if expected_s > PATIENCE_S:
        click.echo(f"simulate {model}: about {expected_s:.0f} s", err=True)
    with progress(f"simulate {model}") as stage:
        template = simulate(
            specimen,
            progress=lambda done, total: stage(f"{done} of {total} probes"),
            **options,
        )
    scratch = out.with_name(f".{out.stem}.part{out.suffix}")
    try:
        template.save(scratch)
        scratch.replace(out)
    finally:
        scratch.unlink(missing_ok=True)
    size = " x ".join(str(n) for n in template.image.shape)
    click.echo(f"{out}: simulated, {', '.join(template.detectors)}, {size}, {template.engine}")
