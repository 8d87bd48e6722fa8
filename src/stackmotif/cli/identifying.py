"""One image or many through the main job."""

import csv
import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackmotif.errors import CatalogError, ReadError, ResultError

if TYPE_CHECKING:
    from stackmotif.matching import MotifMap
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

_HOST_TOLERANCE: Final = 0.05
_FARTHEST_RATIO: Final = 2.0
_SUMMED: Final = re.compile(r"\bsum of (\d+) frames\b")

Stage = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What the user asked for, the same for every image.

    Parameters
    ----------
    zone : str
        Zone axis.
    pixel_size_A : float or None
        Pixel edge in place of the file's [Å].
    detector : str
        Detector of the images.
    pitch_A, row_spacing_A : float or None
        Lattice of the host; None accepts every layered oxide.
    reference_pitch_A : float or None
        Column pitch that the pixel size is to be adjusted to [Å].
    reference_id : str
        Where that pitch is from.
    host : str or None
        Catalog id of the host.
    hypotheses : bool
        Rank 3-D models as well.
    overwrite : bool
        Replace earlier results.
    """

    zone: str = "100"
    pixel_size_A: float | None = None
    detector: str = "adf"
    pitch_A: float | None = None
    row_spacing_A: float | None = None
    reference_pitch_A: float | None = None
    reference_id: str = ""
    host: str | None = None
    hypotheses: bool = False
    overwrite: bool = False


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

    The file is read, so that one that cannot be read or calibrated is refused here.
    """
    from stackmotif.micrograph import read

    history = read(
        path, pixel_size_A=settings.pixel_size_A, frame=frame, detector=settings.detector
    ).history
    summed = [match for note in history if (match := _SUMMED.search(note))]
    return list(range(int(summed[0][1]))) if summed else [frame]


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
        while name in taken or name == INDEX:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        jobs.append(Job(path=path, frame=frame, out=out / name))
    return jobs


def read_image(job: Job, settings: Settings) -> "Micrograph":
    """Read and calibrate the image of a job."""
    from stackmotif.micrograph import read

    micrograph = read(
        job.path,
        pixel_size_A=settings.pixel_size_A,
        frame=job.frame,
        detector=settings.detector,
    )
    name = micrograph.name if job.frame is None else f"{micrograph.name}-{job.frame}"
    return replace(micrograph, name=name)


def run_one(micrograph: "Micrograph", out: Path, *, settings: Settings, stage: Stage) -> "MotifMap":
    """Identify one image and write its folder."""
    from stackmotif.report import write_bundle

    result = identify_calibrated(micrograph, settings=settings, stage=stage)
    stage("report")
    write_bundle(result, out, overwrite=settings.overwrite, hypotheses=settings.hypotheses)
    return result


def identify_calibrated(
    micrograph: "Micrograph", *, settings: Settings, stage: Stage
) -> "MotifMap":
    """Identify; with a reference pitch, adjust the pixel size to it and identify again."""
    from stackmotif.matching import HostWindow, identify

    host = None
    if settings.pitch_A is not None and settings.row_spacing_A is not None:
        host = HostWindow(
            pitch_A=(0.97 * settings.pitch_A, 1.03 * settings.pitch_A),
            row_spacing_A=(0.97 * settings.row_spacing_A, 1.03 * settings.row_spacing_A),
            tolerance=_HOST_TOLERANCE,
        )
    result = identify(micrograph, zone=settings.zone, host=host, progress=stage)
    notes: list[str] = []
    if settings.reference_pitch_A is not None:
        adjusted, note = recalibrated(
            micrograph,
            measured_A=_measured_pitch_A(result),
            reference_A=settings.reference_pitch_A,
            reference_id=settings.reference_id,
        )
        notes.append(note)
        if adjusted is not None:
            result = identify(adjusted, zone=settings.zone, host=host, progress=stage)
    return _noted(result, host=settings.host, notes=notes)


def recalibrated(
    micrograph: "Micrograph", *, measured_A: float | None, reference_A: float, reference_id: str
) -> tuple["Micrograph | None", str]:
    """Return the image with its pixel size scaled so that the pitch is the reference's, and a note.

    Without a measured pitch, or with one that differs by more than a factor of two, there is no
    image: the pixel size stays as it is, and the note says so.
    """
    if measured_A is None:
        return None, f"pixel size not calibrated from {reference_id}: no rows of columns were found"
    ratio = reference_A / measured_A
    if not 1 / _FARTHEST_RATIO <= ratio <= _FARTHEST_RATIO:
        return None, (
            f"pixel size not calibrated from {reference_id}: the measured pitch {measured_A:.4g} Å "
            f"is not within a factor of two of {reference_A:.4g} Å"
        )
    note = (
        f"pixel size calibrated from {reference_id}: measured pitch {measured_A:.4f} Å, reference "
        f"{reference_A:.4f} Å, pixel size {micrograph.pixel_size_A:.6g} Å times {ratio:.5f}"
    )
    adjusted = replace(
        micrograph,
        pixel_size_A=micrograph.pixel_size_A * ratio,
        history=(*micrograph.history, note),
    )
    return adjusted, note


def _measured_pitch_A(result: "MotifMap") -> float | None:
    lattice = result.summary.get("lattice") or {}
    return lattice.get("pitch_A")


def _noted(result: "MotifMap", *, host: str | None, notes: list[str]) -> "MotifMap":
    if host is None and not notes:
        return result
    summary = {**result.summary, "warnings": [*result.summary.get("warnings", ()), *notes]}
    if host is not None:
        summary["host"] = host
    return replace(result, summary=summary)


def motif_lattice_A(catalog: Any, motif_id: str) -> tuple[float, float]:
    """Return the column pitch and row spacing of a catalog entry [Å].

    Raises
    ------
    CatalogError
        If there is no such entry, or it has no layers.
    """
    if motif_id not in catalog:
        raise CatalogError(
            f"catalog has no entry {motif_id!r}; expected one of {', '.join(list(catalog)[:40])}"
        )
    motif = catalog[motif_id]
    if motif.word is None or not motif.lattice:
        raise CatalogError(
            f"catalog entry {motif_id!r} is no stack of layers; expected one such as 'o3'"
        )
    from stackmotif.structures import get_lattice

    lattice = get_lattice(motif.lattice)
    return lattice.column_pitch_A, lattice.row_spacing_A()


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


def write_index(out: Path, lines: Sequence[Sequence[str]]) -> None:
    """Write ``index.csv`` in one step."""
    from stackmotif.report import write_text

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(INDEX_FIELDS)
    writer.writerows(lines)
    write_text(out / INDEX, buffer.getvalue())


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
