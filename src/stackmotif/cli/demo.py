"""``stackmotif demo``."""

import json
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from stackmotif.cli.options import check_device, compute_options
from stackmotif.cli.progress import limit_threads, progress, tell_device

SAMPLE = "demo.emd"


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("stackmotif-demo"),
    show_default=True,
    help="Folder to write; that of an earlier demo is replaced.",
)
@compute_options
def command(out: Path, device: str, threads: int | None) -> int:
    """Run the main job on the bundled micrograph, which is simulated; offline.

    Writes the same files as `identify`, ranks 3-D models, and says where to look. A folder of an
    earlier demo is replaced; one that holds anything else, a result of your own too, is not.
    """
    check_device(device)
    limit_threads(threads)
    from stackmotif.cli.identifying import Settings, run_one
    from stackmotif.report import check_output

    check_output(out, overwrite=True)
    refuse_other_results(out)
    with tempfile.TemporaryDirectory() as folder:
        micrograph = read_sample(Path(folder))
    click.echo("bundled micrograph: simulated, not measured")
    tell_device(threads)
    with progress("demo") as stage:
        settings = Settings(hypotheses=True, overwrite=True)
        result = run_one(micrograph, out, settings=settings, stage=stage)
    click.echo(f"simulated image, stacking along +c: {result.summary.get('word', '')}")
    click.echo(f"look at {out / 'motifs.png'} and {out / 'report.html'}")
    return int(result.summary["status"] == "failed")


def refuse_other_results(out: Path) -> None:
    """Raise if ``out`` holds a result that is not an earlier demo's.

    Raises
    ------
    ResultError
        If its ``summary.json`` names another image.
    """
    from stackmotif.errors import ResultError
    from stackmotif.report.page import DEMO_NAME

    path = out / "summary.json"
    if not path.is_file():
        return
    summary = json.loads(path.read_text(encoding="utf-8"))
    source = (summary.get("provenance") or {}).get("input")
    if (summary.get("name"), source) != (DEMO_NAME, SAMPLE):
        raise ResultError(
            f"output folder {str(out)!r} holds the result of {source or summary.get('name')!r}; "
            "expected a new folder or that of an earlier demo: choose another --out"
        )


def read_sample(folder: Path) -> Any:
    """Read the bundled micrograph by way of a copy in ``folder``, as a user's file is read."""
    from dataclasses import replace

    from stackmotif.micrograph import read
    from stackmotif.report.page import DEMO_NAME

    copy = folder / SAMPLE
    with files("stackmotif").joinpath("_data", SAMPLE).open("rb") as source, copy.open("wb") as to:
        shutil.copyfileobj(source, to)
    micrograph = read(copy)
    return replace(micrograph, name=DEMO_NAME)
