"""Which images the templates fit, and what is taken for granted about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stackmotif.errors import ResultError

if TYPE_CHECKING:
    from stackmotif.imaging.atlas import Atlas
    from stackmotif.imaging.microscope import Detector, Microscope
    from stackmotif.matching.motif_map import MotifMap

PRESET: Final = "stem-300kV"
"""What an image is taken to be from where nothing is known: 300 kV, 20 mrad, usual detectors."""
IGNORABLE: Final = ("detector", "voltage", "pixel size", "lattice")
COARSEST_PX_A: Final = 0.5
"""Largest pixel edge [Å]: beyond it neighbouring columns of oxides merge."""
FARTHEST_LENGTH: Final = 0.08
"""Largest relative difference of pitch or row spacing from the templates' (pixel sizes are off by a
few per cent; a parameter)."""
_NAMES: Final = {"adf": "ADF", "haadf": "HAADF", "abf": "ABF", "bf": "BF"}


@dataclass(frozen=True)
class Beam:
    """The beam and detector of the templates.

    Parameters
    ----------
    microscope : Microscope
        Beam of the atlas.
    detector : Detector
        Angles that are counted.
    assumed : tuple of str
        What was taken for granted, in words.
    """

    microscope: "Microscope"
    detector: "Detector"
    assumed: tuple[str, ...]


class TemplatesDoNotFitError(ResultError):
    """Templates that are not those of the image."""


def choose_beam(
    result: "MotifMap",
    atlas: "Atlas",
    *,
    microscope: "Microscope | str | None" = None,
    ignore: Sequence[str] = (),
) -> Beam:
    """Return what the templates of an image are made for.

    Parameters
    ----------
    result : MotifMap
        The image with its detector, pixel size and lattice.
    atlas : Atlas
        Where templates come from.
    microscope : Microscope or str, optional
        What the image is from; taken to be the beam of the atlas if not given, which is said.
    ignore : sequence of str
        What may differ: ``detector``, ``voltage`` (the whole beam), ``pixel size``, ``lattice``.

    Raises
    ------
    TemplatesDoNotFitError
        If something differs that is not to be ignored.
    """
    from stackmotif.imaging.microscope import Microscope

    if unknown := set(ignore) - set(IGNORABLE):
        raise ResultError(
            f"ignore names {sorted(unknown)}; expected some of {', '.join(IGNORABLE)}"
        )
    if "pixel size" not in ignore:
        _check_pixel(result)
    if "lattice" not in ignore:
        _check_lattice(result, atlas)
    given = Microscope.preset(microscope) if isinstance(microscope, str) else microscope
    if given is not None and "voltage" not in ignore:
        _check_beam(given, atlas)
    own = atlas.recipe.microscope
    detector = _detector(result.detector, given, "detector" in ignore)
    assumed = []
    if given is None:
        assumed.append(
            f"{own.energy_eV / 1e3:g} kV, {own.semiangle_mrad:g} mrad and the {detector.name} "
            f"detector from {detector.inner_mrad:g} to {detector.outer_mrad:g} mrad are assumed: "
            "the image does not say"
        )
    assumed += [f"a different {name} was allowed" for name in ignore]
    return Beam(own, detector, tuple(assumed))


def _check_pixel(result: "MotifMap") -> None:
    if not 0 < result.pixel_size_A <= COARSEST_PX_A:
        raise TemplatesDoNotFitError(
            f"pixel size is {result.pixel_size_A:g} Å; expected at most {COARSEST_PX_A} Å: "
            "templates cannot be told apart on coarser pixels"
        )


def _check_lattice(result: "MotifMap", atlas: "Atlas") -> None:
    lattice = result.summary.get("lattice") or {}
    spacing = float(atlas.slab_height_A + atlas.gap_heights_A.mean())
    for name, own in (("pitch_A", float(atlas.pitch_A)), ("row_spacing_A", spacing)):
        found = float(lattice.get(name) or 0.0)
        if not abs(found / own - 1) <= FARTHEST_LENGTH:
            raise TemplatesDoNotFitError(
                f"the measured {name[:-2].replace('_', ' ')} is {found:.3f} Å and that of the "
                f"templates {own:.3f} Å; expected no more than {100 * FARTHEST_LENGTH:g} % between "
                "them: calibrate the pixel size, or use an atlas of that lattice"
            )


def _check_beam(microscope: "Microscope", atlas: "Atlas") -> None:
    from stackmotif.errors import SimulationError
    from stackmotif.imaging.atlas.channels import check_beam

    try:
        check_beam(atlas, microscope)
    except SimulationError as error:
        raise TemplatesDoNotFitError(str(error)) from error


def _detector(name: str, given: "Microscope | None", anyway: bool) -> "Detector":
    """Return the detector of that name of a microscope, or of the preset."""
    from stackmotif.imaging.microscope import Microscope

    scope = given or Microscope.preset(PRESET)
    wanted = _NAMES.get(name)
    for detector in scope.detectors:
        if detector.name == wanted:
            return detector
    if anyway:
        return scope.detectors[0]
    known: Any = ", ".join(detector.name for detector in scope.detectors)
    raise TemplatesDoNotFitError(
        f"the image is from the detector {name!r} and the templates are of {known}; expected one "
        "of them"
    )
