"""Many images: which files and frames, a folder for each, and their index."""

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackmotif.cli.identifying import Settings
from stackmotif.errors import ReadError, ResultError

if TYPE_CHECKING:
    from stackmotif.matching import MotifMap
    from stackmotif.matching.statistics import FieldRecord
    from stackmotif.micrograph import Micrograph

SUFFIXES: Final = (
    ".dm3", ".dm4", ".emd", ".ser", ".mrc", ".tif", ".tiff", ".png", ".npy", ".hspy", ".hdf5",
)  # fmt: skip
"""Files of a folder that are taken for images."""

INDEX: Final = "index.csv"
INDEX_FIELDS: Final = (
    "directory", "image", "frame", "status", "reasons", "pixel_size_A", "n_columns", "n_rows",
    "share_plus", "share_zero", "share_minus", "share_unknown", "word",
)  # fmt: skip
"""Columns of ``index.csv``."""

STATISTICS: Final = "statistics.json"
"""Statistics of all images of a batch together."""

_SUMMED: Final = re.compile(r"\bsum of (\d+) frames\b")


@dataclass(frozen=True)
class Job:
    """One image and the folder that its result goes to."""

    path: Path
    frame: int | None
    out: Path


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Return the image files among paths and directly inside folders, sorted within a folder.

    Raises
    ------
    ReadError
        If a path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ReadError(f"image {str(path)!r} does not exist; expected a file or a folder")
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
        )
        if not inside:
            raise ReadError(
                f"folder {str(path)!r} holds no image; expected files ending in "
                f"{', '.join(SUFFIXES)}"
            )
        found += inside
    return found


def frames_of(path: Path, frame: int | None, settings: Settings) -> list[int | None]:
    """Return the frames of a file to identify: the one asked for, every one of a stack, or None.

    With ``settings.sum_frames`` a stack is one image, None.

    The file is read, so that one that cannot be read or calibrated is refused here.
    """
    from stackmotif.micrograph import read

    history = read(
        path, pixel_size_A=settings.pixel_size_A, frame=frame, detector=settings.detector
    ).history
    summed = [match for note in history if (match := _SUMMED.search(note))]
    return list(range(int(summed[0][1]))) if summed and not settings.sum_frames else [frame]


def batch_jobs(frames: Sequence[tuple[Path, int | None]], out: Path) -> list[Job]:
    """Return one job per image with a folder name of its own: ``<stem>[-frame]``.

    Stems that several files share get the suffix too, then a number.
    """
    stems = [path.stem for path, frame in frames if frame in (None, 0)]
    jobs: list[Job] = []
    taken: set[str] = set()
    for path, frame in frames:
        shared = stems.count(path.stem) > 1
        base = f"{path.stem}-{path.suffix[1:].lower()}" if shared else path.stem
        name = stem = base if frame is None else f"{base}-{frame}"
        number = 2
        while name in taken or name in (INDEX, STATISTICS):
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        jobs.append(Job(path=path, frame=frame, out=out / name))
    return jobs


def read_image(job: Job, settings: Settings) -> "Micrograph":
    """Read and calibrate the image of a job."""
    from stackmotif.micrograph import read, read_series, sum_frames

    if settings.sum_frames and job.frame is None:
        frames = read_series(
            job.path, pixel_size_A=settings.pixel_size_A, detector=settings.detector
        )
        if len(frames) > 1:
            return sum_frames(frames)[0]
        note = "nothing summed: the file holds one frame"
        return replace(frames[0], history=(*frames[0].history, note))
    micrograph = read(
        job.path,
        pixel_size_A=settings.pixel_size_A,
        frame=job.frame,
        detector=settings.detector,
    )
    name = micrograph.name if job.frame is None else f"{micrograph.name}-{job.frame}"
    return replace(micrograph, name=name)


def index_line(job: Job, result: "MotifMap") -> list[str]:
    """Return the line of ``index.csv`` of one image."""
    summary = result.summary
    shares = summary.get("fractions") or {}
    return [
        job.out.name,
        job.path.name,
        "" if job.frame is None else str(job.frame),
        str(summary["status"]),
        "; ".join(str(reason) for reason in summary.get("reasons") or ()),
        f"{result.pixel_size_A:.6g}",
        str(summary.get("n_columns", 0)),
        str(summary.get("n_rows", 0)),
        *(f"{shares.get(state, 0.0):.6f}" for state in "+0-x"),
        str(summary.get("word", "")),
    ]


def failed_line(job: Job, reason: str) -> list[str]:
    """Return the line of ``index.csv`` of an image that has no result and so no folder."""
    line = ["", job.path.name, "" if job.frame is None else str(job.frame), "failed", reason]
    return line + [""] * (len(INDEX_FIELDS) - len(line))


def write_index(out: Path, lines: Sequence[Sequence[str]]) -> None:
    """Write ``index.csv`` in one step."""
    from stackmotif.report import write_text

    out.mkdir(parents=True, exist_ok=True)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(INDEX_FIELDS)
    writer.writerows(lines)
    write_text(out / INDEX, buffer.getvalue())


def write_statistics(out: Path, found: Sequence[tuple[Job, "FieldRecord"]]) -> None:
    """Write ``statistics.json``: all images together, of the frames of one file the first read."""
    import json

    from stackmotif.matching.statistics import pooled_statistics
    from stackmotif.report import write_text

    fields: dict[Path, FieldRecord] = {}
    for job, record in found:
        kept = fields.get(job.path)
        if kept is None or (kept.status == "failed" and record.status != "failed"):
            fields[job.path] = record
    told = pooled_statistics(list(fields.values()), n_repeated=len(found) - len(fields))
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(out / STATISTICS, text + "\n")


def check_batch(out: Path, jobs: Sequence[Job], *, overwrite: bool) -> None:
    """Raise if results of a batch would be in the way of anything but an earlier batch.

    Raises
    ------
    ResultError
        If ``out`` is a file, or is not empty and not an earlier batch that may be replaced.
    """
    from stackmotif.report import check_output

    if out.exists() and not out.is_dir():
        raise ResultError(
            f"output {str(out)!r} exists and is not a folder; expected a folder to write: choose "
            "another --out"
        )
    if out.is_dir() and any(os.scandir(out)):
        head = ",".join(INDEX_FIELDS)
        index = out / INDEX
        ours = index.is_file() and index.read_text(encoding="utf-8").startswith(head)
        if not (overwrite and ours):
            raise ResultError(
                f"output folder {str(out)!r} exists and is not empty; expected a new or empty "
                "folder: choose another, or replace an earlier batch with --overwrite"
            )
    for job in jobs:
        check_output(job.out, overwrite=overwrite)
