"""One image through the main job."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackmotif.errors import CatalogError

if TYPE_CHECKING:
    from stackmotif.catalog import Host
    from stackmotif.matching import MotifMap
    from stackmotif.matching.calibration import Reference
    from stackmotif.micrograph import Micrograph
    from stackmotif.micrograph.profiles import Profile

_HOST_TOLERANCE: Final = 0.05
_FARTHEST_RATIO: Final = 2.0
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
    reference : Reference or None
        Lattice that the pixel size is compared with.
    adopt : bool
        Adjust the pixel size to it.
    host : str or None
        Id of the host, or of the catalog entry that stands for it.
    read_as : Host or None
        The host, if it is one of the catalog's.
    sum_frames : bool
        Register the frames of a stack and identify their sum.
    straighten : bool
        Take the distortion of the scan out.
    enhance : str
        When the network looks: ``auto``, ``on`` or ``off``.
    hypotheses : bool
        Rank 3-D models as well.
    profile : Profile or None
        EELS/EDS profile of the image.
    overwrite : bool
        Replace earlier results.
    oxygen : Micrograph or None
        Image of the same field that shows the oxygen.
    """

    zone: str = "100"
    pixel_size_A: float | None = None
    detector: str = "adf"
    pitch_A: float | None = None
    row_spacing_A: float | None = None
    reference: "Reference | None" = None
    adopt: bool = False
    host: str | None = None
    read_as: "Host | None" = None
    sum_frames: bool = False
    straighten: bool = False
    enhance: str = "auto"
    hypotheses: bool = False
    profile: "Profile | None" = None
    overwrite: bool = False
    oxygen: "Micrograph | None" = None


def run_one(micrograph: "Micrograph", out: Path, *, settings: Settings, stage: Stage) -> "MotifMap":
    """Identify one image and write its folder."""
    from stackmotif.report import write_bundle

    result = identify_calibrated(micrograph, settings=settings, stage=stage)
    if settings.profile is not None:
        from stackmotif.matching.grains import with_profile

        stage("profile")
        result = with_profile(result, settings.profile)
    stage("report")
    write_bundle(result, out, overwrite=settings.overwrite, hypotheses=settings.hypotheses)
    return result


def identify_calibrated(
    micrograph: "Micrograph", *, settings: Settings, stage: Stage
) -> "MotifMap":
    """Identify; with a reference pitch, adjust the pixel size to it and identify again."""
    from stackmotif.matching import HostWindow, identify

    host: Host | HostWindow | None = settings.read_as
    if settings.pitch_A is not None and settings.row_spacing_A is not None:
        host = HostWindow(
            pitch_A=(0.97 * settings.pitch_A, 1.03 * settings.pitch_A),
            row_spacing_A=(0.97 * settings.row_spacing_A, 1.03 * settings.row_spacing_A),
            tolerance=_HOST_TOLERANCE,
        )
    oxygen = settings.oxygen
    asked: Any = {
        "zone": settings.zone,
        "host": host,
        "straighten": settings.straighten,
        "network": settings.enhance,
        "reference": settings.reference,
        "progress": stage,
    }
    result = identify(micrograph, oxygen=oxygen, **asked)
    notes: list[str] = []
    if settings.adopt and settings.reference is not None:
        adjusted, note = recalibrated(
            micrograph,
            measured_A=_measured_pitch_A(result),
            reference_A=settings.reference.pitch_A,
            reference_id=settings.reference.name,
        )
        notes.append(note)
        if adjusted is not None:
            if oxygen is not None:
                ratio = adjusted.pixel_size_A / micrograph.pixel_size_A
                oxygen = replace(oxygen, pixel_size_A=oxygen.pixel_size_A * ratio)
            again = identify(adjusted, oxygen=oxygen, **asked)
            result = _adopted(again, result, adjusted.pixel_size_A)
    return _noted(result, host=settings.host, notes=notes)


def _adopted(result: "MotifMap", before: "MotifMap", pixel_size_A: float) -> "MotifMap":
    """Return a result with the comparison that its pixel size was taken from."""
    compared = before.summary["calibration"]
    told = {**compared, "adopted": True, "adopted_pixel_size_A": pixel_size_A}
    return replace(result, summary={**result.summary, "calibration": told})


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
    motif = catalog[motif_id]
    if motif.word is None or not motif.lattice:
        raise CatalogError(
            f"catalog entry {motif_id!r} is no stack of layers; expected one such as 'o3'"
        )
    from stackmotif.structures import get_lattice

    lattice = get_lattice(motif.lattice, folder=motif.folder.parents[2])
    return lattice.column_pitch_A, lattice.row_spacing_A()
