"""Images for ``simulate`` from the atlas, where it knows the crystal and the microscope."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError, StackmotifError
from stackmotif.imaging.atlas.errors import expected_error, noise_of, stretch_of
from stackmotif.imaging.atlas.store import default_atlas
from stackmotif.imaging.microscope import Microscope
from stackmotif.structures.lattices.lattice import get_lattice

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.model import Atlas
    from stackmotif.imaging.atlas.stitch import PreparedAtlas
    from stackmotif.stacking import Word
    from stackmotif.structures.lattices.lattice import Lattice

MIN_FIELD_A: Final = 19.0
"""Least width and height of an image whose field is not given [Å]."""
_DEFAULT_LATTICE: Final = "LiNiO2:1"


class AtlasMismatchError(SimulationError):
    """The atlas cannot show this; another engine can."""


@dataclass(frozen=True)
class ServedImage:
    """Images from the atlas and what is known about them.

    Parameters
    ----------
    images : ndarray of float64, shape (detector, y, x)
        Fractions of the incident beam.
    thickness_A : float
        Thickness of the exit plane [Å].
    phonons : int
        Configurations in the ensemble; 0 is the static lattice.
    label : str
        The word.
    provenance : mapping
        Atlas, error against multislice and noise of the ensemble, per detector.
    """

    images: NDArray[np.float64]
    thickness_A: float
    phonons: int
    label: str
    provenance: Mapping[str, Any]


def serve(
    x: Any,
    *,
    microscope: Microscope,
    thickness_A: float,
    pixel_size_A: float,
    lattice: Any = None,
    field_A: tuple[float, float] | None = None,
    phonons: int = 8,
    tolerance: float | None = None,
    ends: str = "vacuum",
    atlas: "Atlas | None" = None,
) -> ServedImage:
    """Return the images of a word from an atlas.

    Parameters
    ----------
    x : Word, str, or Motif
        A periodic word, its text, a catalog id or entry that is one.
    microscope : Microscope
        Its beam must be that of the atlas, its detectors made of the rings of the atlas.
    thickness_A : float
        An exit plane, within half a period [Å].
    pixel_size_A : float
        Pixel edge [Å].
    lattice : str or Lattice, optional
        Lattice of a word; tiles are stretched to its lengths.
    field_A : tuple of float, optional
        Height and width of the image [Å]; whole periods of 19 Å or more by default.
    phonons : int
        Least number of configurations; 0 asks for the static lattice.
    tolerance : float, optional
        Largest RMS error against multislice, as a share of the contrast.
    ends : str
        What is beyond the ends of a finite word: ``vacuum``, which is refused, or ``continue``.
    atlas : Atlas, optional
        By default that of the package whose lengths are nearest.

    Raises
    ------
    AtlasMismatchError
        If the atlas does not know the crystal, the beam, a detector or the thickness, or its error
        is above the tolerance or unknown.
    """
    word, cell = word_and_lattice(x, lattice)
    source = default_atlas(cell) if atlas is None else atlas
    _check_crystal(source, word, cell, ends)
    _check_phonons(source, phonons)
    stretch = stretch_of(get_lattice(source.recipe.lattice), cell)
    try:
        prepared = _prepared(source, microscope, float(thickness_A))
        images = prepared.image(
            word,
            pixel_size_A=pixel_size_A,
            field_A=_field_A(word, cell) if field_A is None else field_A,
            lattice=cell,
            position_A=(0.0, 0.0) if word.periodic else (_height_A(word, cell), 0.0),
            ends="refuse" if word.periodic else "continue",
        )[0]
    except SimulationError as error:
        raise AtlasMismatchError(str(error)) from error
    errors = {
        one.name: expected_error(
            source, one, thickness_A=prepared.thickness_A, stretch=stretch if stretch > 1e-3 else 0
        )
        for one in microscope.detectors
    }
    _check_errors(errors, tolerance)
    return ServedImage(
        images=np.asarray(images, dtype=np.float64),
        thickness_A=prepared.thickness_A,
        phonons=source.recipe.phonons,
        label=word.format(),
        provenance={
            "atlas": {
                "recipe": source.recipe.settings(),
                "versions": dict(source.provenance.get("versions", {})),
                "stretch": stretch,
            },
            "error": {
                "rms_of_contrast": errors,
                "phonon_noise": {
                    one.name: noise_of(source, one, thickness_A=prepared.thickness_A)
                    for one in microscope.detectors
                },
            },
        },
    )


class SameAtlas:
    """An atlas as a key: the same object, not an equal one."""

    def __init__(self, atlas: "Atlas") -> None:
        self.atlas = atlas

    def __hash__(self) -> int:
        return id(self.atlas)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameAtlas) and other.atlas is self.atlas


@lru_cache(maxsize=8)
def _kept(same: SameAtlas, microscope: Microscope, thickness_A: float) -> "PreparedAtlas":
    from stackmotif.imaging.atlas.stitch import PreparedAtlas

    return PreparedAtlas(same.atlas, microscope, thickness_A=thickness_A)


def _prepared(atlas: "Atlas", microscope: Microscope, thickness_A: float) -> "PreparedAtlas":
    return _kept(SameAtlas(atlas), microscope, thickness_A)


def word_and_lattice(x: Any, lattice: Any) -> tuple["Word", "Lattice"]:
    """Return the word and the lattice of what is to be shown.

    Raises
    ------
    AtlasMismatchError
        If it is no word and no catalog entry that is one.
    """
    from stackmotif.stacking import Word

    motif = _motif(x)
    if motif is not None:
        if lattice is not None:
            raise AtlasMismatchError(
                f"lattice={lattice!r} was given with {motif.id!r}, which has its own; leave it out"
            )
        from stackmotif.catalog.recipes import WordRecipe

        recipe = motif.recipe
        plain = isinstance(recipe, WordRecipe) and not recipe.frame_only and not recipe.host
        word = recipe.stacking_word() if plain else None
        if word is None:
            raise AtlasMismatchError(
                f"{motif.id!r} is no stacking that runs the full width; the atlas knows words "
                "alone: use another engine"
            )
        return word, get_lattice(recipe.lattice)
    if isinstance(x, Word | str):
        try:
            word = Word.parse(x) if isinstance(x, str) else x
            return word, get_lattice(lattice or _DEFAULT_LATTICE)
        except StackmotifError as error:
            raise AtlasMismatchError(str(error)) from error
    raise AtlasMismatchError(
        f"the atlas cannot show a {type(x).__name__}; expected a word or a catalog entry that is "
        "one: use another engine"
    )


def _motif(x: Any) -> Any:
    if hasattr(x, "recipe") and hasattr(x, "id"):
        return x
    if isinstance(x, str):
        from stackmotif.catalog import load_catalog

        return load_catalog().get(x)
    return None


def _check_crystal(atlas: "Atlas", word: "Word", lattice: "Lattice", ends: str) -> None:
    own = get_lattice(atlas.recipe.lattice)
    if not word.periodic and ends == "vacuum":
        raise AtlasMismatchError(
            f"{word.format()!r} is finite and the atlas has no surfaces; expected a periodic word, "
            "ends='continue', or another engine"
        )
    if dict(lattice.host) != dict(own.host) or lattice.anion != own.anion:
        raise AtlasMismatchError(
            f"slabs of {lattice.label} hold {dict(lattice.host)} and {lattice.anion}, those of the "
            f"atlas {dict(own.host)} and {own.anion}; expected the same, or another engine"
        )


def _check_phonons(atlas: "Atlas", phonons: int) -> None:
    own = atlas.recipe.phonons
    if not (isinstance(phonons, int | np.integer) and phonons >= 0):
        raise AtlasMismatchError(f"phonons is {phonons!r}; expected a whole number from 0")
    if (phonons == 0) != (own == 0) or phonons > own:
        raise AtlasMismatchError(
            f"{phonons} phonon configurations were asked for and the atlas has {own}; expected "
            + ("the static lattice, phonons=0" if own == 0 else f"1 to {own}")
            + ", or another engine"
        )


def _check_errors(errors: Mapping[str, float | None], tolerance: float | None) -> None:
    if tolerance is None:
        return
    for name, error in errors.items():
        if error is None or error > tolerance:
            known = "unknown" if error is None else f"{100 * error:.2g} %"
            raise AtlasMismatchError(
                f"the error of the atlas for {name} is {known} of the contrast; expected at most "
                f"{100 * tolerance:g} %: use another engine, or a larger tolerance"
            )


def _field_A(word: "Word", lattice: "Lattice") -> tuple[float, float]:
    """Return height and width [Å] of whole periods, as multislice would simulate them.

    A finite word has the height from its lowest to its highest metal.
    """
    from stackmotif.structures.polytype import repeats_to_close

    height, width = _height_A(word, lattice), 2 * lattice.column_pitch_A
    if not word.periodic:
        return height, math.ceil(MIN_FIELD_A / width) * width
    height *= repeats_to_close(word)
    return math.ceil(MIN_FIELD_A / height) * height, math.ceil(MIN_FIELD_A / width) * width


def _height_A(word: "Word", lattice: "Lattice") -> float:
    """Return the height of all gaps and of a slab for each [Å]."""
    gaps = [
        slab.guest.height_A
        if slab.guest is not None and slab.guest.height_A is not None
        else lattice.gap_height_A(kind)
        for slab, kind in zip(word.slabs, word.gap_kinds, strict=False)
    ]
    return sum(gaps) + len(gaps) * lattice.slab_height_A
