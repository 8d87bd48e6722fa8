"""Mirror images and turned images of one simulated image.

A crystal turned about the beam by 180°, or its mirror image, needs no simulation of its own: under
a microscope without a preferred direction its image is the turned or mirrored image. Pixel (0, 0)
of a variant is the opposite corner pixel of the simulated one.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.microscope import Microscope

IDENTITY: Final = "identity"

_STEPS: Final = {
    IDENTITY: (1, 1),
    "mirror-x": (1, -1),
    "rotate-180": (-1, -1),
    "mirror-y": (-1, 1),
}
"""Steps along (y, x) of each variant."""

VARIANTS: Final = tuple(_STEPS)
"""As simulated; left and right exchanged; turned by 180°; both, which exchanges top and bottom."""


def vary(image: NDArray[np.float32], variant: str) -> NDArray[np.float32]:
    """Return a variant of an image, shape (..., y, x); y points down, x to the right."""
    step_y, step_x = _STEPS[variant]
    return image[..., ::step_y, ::step_x]


def checked_variants(variants: Sequence[str] | None, microscope: Microscope) -> tuple[str, ...]:
    """Return the variants to offer, the simulated one first; by default all that are right.

    Raises
    ------
    SimulationError
        If one does not exist, or the microscope has a preferred direction.
    """
    round_beam = has_no_direction(microscope)
    if variants is None:
        return VARIANTS if round_beam else (IDENTITY,)
    wanted = [IDENTITY, *(name for name in variants if name != IDENTITY)]
    unknown = [name for name in wanted if name not in VARIANTS]
    if unknown or isinstance(variants, str):
        raise SimulationError(f"variants are {variants!r}; expected some of {', '.join(VARIANTS)}")
    if len(wanted) > 1 and not round_beam:
        raise SimulationError(
            f"variants {', '.join(wanted[1:])} of microscope {microscope.name!r}: tilt, a directed "
            "aberration or a detector that is off centre or in segments would have to turn too; "
            f"expected {IDENTITY!r} alone: simulate the mirrored crystal"
        )
    return tuple(dict.fromkeys(wanted))


def has_no_direction(microscope: Microscope) -> bool:
    """Return whether mirroring the crystal mirrors the image: nothing else has a direction."""
    detectors_round = all(
        one.n_segments == 0 and tuple(one.offset_mrad) == (0.0, 0.0) for one in microscope.detectors
    )
    # C_nm turns m times around the axis; only m = 0 is round.
    directed = any(not name.endswith("0") for name, value in microscope.aberrations if value)
    return detectors_round and tuple(microscope.tilt_mrad) == (0.0, 0.0) and not directed
