"""``stackmotif identify``."""

import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from stackmotif.cli.options import (
    check_device,
    check_scheduler,
    compute_options,
    overwrite_option,
    refuse,
    scheduler_option,
)
from stackmotif.cli.progress import limit_threads, progress, tell_device
from stackmotif.errors import StackmotifError

_DETECTORS = ("adf", "haadf", "bf", "abf", "idpc")


@click.command()
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE…"
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to write."
)
@click.option(
    "--pixel-size-A", "pixel_size_A", type=float, metavar="X",
    help="Pixel edge in Å, in place of the file's calibration.",
)  # fmt: skip
@click.option("--frame", type=click.IntRange(min=0), metavar="N", help="One frame of a stack.")
@click.option(
    "--sum-frames", is_flag=True,
    help="Register the frames of a stack, drift and lines, and read their sum.",
)  # fmt: skip
@click.option(
    "--detector", type=click.Choice(_DETECTORS), default="adf", show_default=True,
    help="Detector that the image is from.",
)  # fmt: skip
@click.option(
    "--oxygen", type=click.Path(path_type=Path), metavar="IMAGE",
    help="Co-registered BF/ABF/iDPC image of the same field, which tells the tilts of the slabs. "
    "Its detector is what its title or name says, else ABF.",
)  # fmt: skip
@click.option(
    "--zone", default="100", show_default=True, help="Zone axis: 100, 010 or 110 (hexagonal)."
)
@click.option(
    "--host", metavar="ID",
    help="What the image is read as: a host, such as zinc-blende, or a catalog entry whose "
    "lattice it must have.",
)  # fmt: skip
@click.option(
    "--enhance", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
    help="When a network looks for columns and phases: where columns hardly stand out or "
    "none are resolved, always, or never.",
)  # fmt: skip
@click.option(
    "--calibrate-from", metavar="ID",
    help="Scale the pixel size so that the column pitch is that of this catalog entry.",
)  # fmt: skip
@click.option(
    "--straighten", is_flag=True,
    help="Take displaced scan lines and slow curvature, measured on the lattice, out of positions "
    "and image.",
)  # fmt: skip
@click.option(
    "--profile", type=click.Path(path_type=Path), metavar="FILE",
    help="EELS/EDS profile of one image, CSV or HyperSpy, laid over its depth profiles.",
)  # fmt: skip
@click.option(
    "--catalog", "catalog_path", type=click.Path(path_type=Path), metavar="DIR",
    help="Catalog folder for --host and --calibrate-from.",
)  # fmt: skip
@click.option("--hypotheses", is_flag=True, help="Also rank 3-D models and write their CIF files.")
@compute_options
@scheduler_option
@overwrite_option
def command(images: tuple[Path, ...], out: Path, **options: Any) -> int:
    """Read the stacking from images: from raw pixels to labelled columns.

    IMAGE is a file (dm3, dm4, emd, ser, mrc, tif, png, npy, hspy, hdf5) or a folder of them. The
    result of one image stands directly in DIR; those of several images, of a folder or of a stack
    in one folder each, listed in DIR/index.csv. A stack gives one result per frame unless --frame
    picks one or --sum-frames registers and sums them.

    Exit code 1 means that the stacking of an image could not be read: its summary.json says why.
    An image of a batch that stops with an error has no folder; the index says why.
    """
    _check_options(options)
    limit_threads(options["threads"])
    return run(images, out, settings=_settings(options), frame=options["frame"], options=options)


def run(
    images: Sequence[Path],
    out: Path,
    *,
    settings: Any,
    frame: int | None,
    options: dict[str, Any],
) -> int:
    """Read every image, then identify them; nothing is written before all have been read."""
    from stackmotif.cli.batch import Job, batch_jobs, check_batch, frames_of, image_files
    from stackmotif.report import check_output

    files = image_files(images)
    frames = [(path, n) for path in files for n in frames_of(path, frame, settings)]
    if len(frames) == 1 and not any(path.is_dir() for path in images):
        job = Job(path=frames[0][0], frame=frames[0][1], out=out)
        check_output(out, overwrite=settings.overwrite)
        return _run_single(job, settings=settings, options=options)
    if settings.profile is not None:
        raise click.BadOptionUsage(
            "--profile",
            f"--profile {settings.profile.name} with {len(frames)} images; expected one image: "
            "a profile belongs to the image that it was taken on",
        )
    jobs = batch_jobs(frames, out)
    if options["oxygen"] is not None:
        raise click.BadOptionUsage(
            "--oxygen",
            f"--oxygen {options['oxygen']} was given with {len(jobs)} images; expected one image, "
            "or one frame of a stack (--frame N, --sum-frames): run identify once for each pair",
        )
    check_batch(out, jobs, overwrite=settings.overwrite)
    return _run_batch(jobs, out, settings=settings, threads=options["threads"])


def _run_single(job: Any, *, settings: Any, options: dict[str, Any]) -> int:
    from stackmotif.cli.batch import read_image
    from stackmotif.cli.identifying import run_one
    from stackmotif.cli.oxygen import read_oxygen

    micrograph = read_image(job, settings)
    if options["oxygen"] is not None:
        oxygen = read_oxygen(options["oxygen"], job, micrograph, settings)
        settings = replace(settings, oxygen=oxygen)
    tell_device(options["threads"])
    with progress(f"identify {job.path.name}") as stage:
        result = run_one(micrograph, job.out, settings=settings, stage=stage)
    _tell(job, result)
    return int(result.summary["status"] == "failed")


def _run_batch(jobs: Sequence[Any], out: Path, *, settings: Any, threads: int | None) -> int:
    from stackmotif.cli.batch import STATISTICS, write_index, write_statistics

    tell_device(threads)
    lines: list[list[str]] = []
    records: list[Any] = []
    (out / STATISTICS).unlink(missing_ok=True)
    with progress(f"identify {len(jobs)} images") as stage:
        for number, job in enumerate(jobs, start=1):
            stage(f"{number} of {len(jobs)}, {job.out.name}")
            lines.append(_batch_line(job, settings, records))
            write_index(out, lines)
    write_statistics(out, records)
    return int(any(line[3] == "failed" for line in lines))


def _batch_line(job: Any, settings: Any, records: list[Any]) -> list[str]:
    """Identify one image of a batch and return its line of the index, whatever happens to it."""
    from stackmotif.cli.batch import failed_line, index_line, read_image
    from stackmotif.cli.group import one_line
    from stackmotif.cli.identifying import run_one
    from stackmotif.matching.statistics import field_record

    try:
        micrograph = read_image(job, settings)
        result = run_one(micrograph, job.out, settings=settings, stage=lambda _: None)
        records.append((job, field_record(result)))
    except Exception as error:  # noqa: BLE001 - a defect that one image meets spares the others
        reason = one_line(error_text(error))
        click.echo(f"stackmotif: error: {one_line(str(job.path))}: {reason}", err=True)
        return failed_line(job, reason)
    _tell(job, result)
    return index_line(job, result)


def error_text(error: Exception) -> str:
    """Return what an error says; for one that is not meant for users, what and where it is."""
    if isinstance(error, StackmotifError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"internal error{where}: {type(error).__name__}: {error}; please report it"


def _tell(job: Any, result: Any) -> None:
    from stackmotif.cli.group import one_line

    summary = result.summary
    reasons = "; ".join(str(reason) for reason in summary.get("reasons") or ())
    text = f"{job.out}: {summary['status']}"
    if summary["status"] != "failed":
        text += f", {summary['n_columns']} columns, stacking along +c: {summary.get('word', '')}"
    click.echo(one_line(f"{text} ({reasons})" if reasons else text))


def _check_options(options: dict[str, Any]) -> None:
    check_device(options["device"])
    check_scheduler(options["scheduler"])
    if options["sum_frames"] and options["frame"] is not None:
        raise click.BadOptionUsage(
            "--sum-frames",
            f"--sum-frames and --frame {options['frame']} contradict each other; expected one of "
            "them: a stack is summed, or one frame of it is read",
        )
    if options["catalog_path"] is not None and not (options["host"] or options["calibrate_from"]):
        refuse(
            "--catalog", options["catalog_path"], instead="it together with --host or "
            "--calibrate-from, the only stages that look into the catalog"
        )  # fmt: skip


def _check_host(read_as: Any, *, hypotheses: bool) -> None:
    if hypotheses and read_as is not None and not read_as.is_layered:
        raise StackmotifError(
            f"--hypotheses makes models of layered oxides, not of {read_as.id!r}; expected no "
            "--hypotheses with this host"
        )


def _settings(options: dict[str, Any]) -> Any:
    from stackmotif.cli.hosts import known_host
    from stackmotif.cli.identifying import Settings, motif_lattice_A
    from stackmotif.matching.checks import check_zone
    from stackmotif.micrograph.profiles import read_profile

    check_zone(options["zone"])
    host = reference = None
    read_as = known_host(options["host"], options["catalog_path"])
    _check_host(read_as, hypotheses=options["hypotheses"])
    if options["host"] or options["calibrate_from"]:
        from stackmotif.catalog import load_catalog
        from stackmotif.matching.calibration import Reference

        catalog = load_catalog(options["catalog_path"])
        if options["host"] and read_as is None:
            host = motif_lattice_A(catalog, options["host"])
        known = options["calibrate_from"] or (options["host"] if read_as is None else None)
        reference = Reference(known, *motif_lattice_A(catalog, known)) if known else None
    pitch, spacing = host or (None, None)
    return Settings(
        zone=options["zone"],
        pixel_size_A=options["pixel_size_A"],
        detector=options["detector"],
        pitch_A=pitch,
        row_spacing_A=spacing,
        reference=reference,
        adopt=options["calibrate_from"] is not None,
        host=options["host"],
        read_as=read_as,
        sum_frames=options["sum_frames"],
        straighten=options["straighten"],
        enhance=options["enhance"],
        hypotheses=options["hypotheses"],
        profile=None if options["profile"] is None else read_profile(options["profile"]),
        overwrite=options["overwrite"],
    )
