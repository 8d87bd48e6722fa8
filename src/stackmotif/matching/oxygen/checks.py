"""Which image can show the oxygen of a metal image, and which cannot."""

from typing import Final

from stackmotif.errors import ReadError
from stackmotif.micrograph import Micrograph

CONTRAST: Final[dict[str, bool | None]] = {"abf": False, "idpc": True, "bf": None}
"""Detectors that show oxygen: whether it is bright; None where that depends on thickness."""
_SIZE: Final = 0.02
"""Difference of the edges of two images of one field [relative]; registration removes no more."""


def check_oxygen(oxygen: object, metal: Micrograph | None) -> None:
    """Raise unless an image can be the oxygen image of a metal image.

    Raises
    ------
    ReadError
        If it is no micrograph, its detector shows no oxygen, or its field has another size.
    """
    if not isinstance(oxygen, Micrograph):
        raise ReadError(
            f"oxygen is a {type(oxygen).__name__}; expected a Micrograph of the same field: read "
            'it with stackmotif.read(path, detector="abf")'
        )
    if oxygen.detector not in CONTRAST:
        raise ReadError(
            f"the oxygen image {oxygen.name!r} is of detector {oxygen.detector!r}, which shows "
            f"metal alone; expected one of {', '.join(CONTRAST)}: give its detector"
        )
    if metal is not None:
        _check_field(oxygen, metal)


def _check_field(oxygen: Micrograph, metal: Micrograph) -> None:
    """Refuse images whose fields differ in size."""
    for one, other in zip(oxygen.shape, metal.shape, strict=True):
        edge_A, expected_A = one * oxygen.pixel_size_A, other * metal.pixel_size_A
        allowed_A = _SIZE * expected_A + max(oxygen.pixel_size_A, metal.pixel_size_A)
        if abs(edge_A - expected_A) > allowed_A:
            raise ReadError(
                f"the oxygen image {oxygen.name!r} measures {_size(oxygen)} Å and the metal image "
                f"{metal.name!r} {_size(metal)} Å (height × width); expected the same field to 2 "
                "%: give two co-registered images, or correct the pixel size"
            )


def _size(image: Micrograph) -> str:
    height, width = (edge * image.pixel_size_A for edge in image.shape)
    return f"{height:.4g} × {width:.4g}"
