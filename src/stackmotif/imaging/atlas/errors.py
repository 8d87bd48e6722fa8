"""How far an atlas is from full multislice, as measured and stored with it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif.imaging.microscope import Detector

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.model import Atlas
    from stackmotif.structures.lattices.lattice import Lattice

STRETCH_SHARE: Final = 0.7
"""Error that a stretched tile adds, over the largest relative difference of a length.

Not below what was measured for O3 and H1-3 of LixNiO2 at x = 1, 2/3 and 1/3, 2 to 8 nm thick
(docs/atlas.md)."""

MOST_UNLIKE: Final = 0.5
"""How much a detector may differ from a measured one to be told its error: octaves of both edges
together. A judgement (unverified)."""

_BEYOND_A: Final = 3.0
"""How far beyond the measured thicknesses an error is told [Å]: a period along the beam."""


def expected_error(
    atlas: "Atlas", detector: Detector, *, thickness_A: float, stretch: float = 0.0
) -> float | None:
    """Return the expected RMS error of an image, as a share of its contrast.

    Contrast is the largest less the smallest value of the image. The error is against multislice
    of the whole word with the same displacement parameters; the noise of a phonon ensemble comes
    on top.

    Parameters
    ----------
    atlas : Atlas
        Its measured errors are those of four detectors; the most similar one counts, if it is
        similar.
    detector : Detector
        Angles asked for.
    thickness_A : float
        Thickness [Å]; the worse of the two measured ones around it counts.
    stretch : float
        Largest relative difference of a length of the crystal from that of the atlas.

    Returns
    -------
    float or None
        None if nothing like it was measured.
    """
    nearest = min(atlas.errors, key=lambda row: _unlike(row, detector), default=None)
    if nearest is None or _unlike(nearest, detector) > MOST_UNLIKE:
        return None
    rows = sorted(
        (row["thickness_A"], row["rms_of_contrast"])
        for row in atlas.errors
        if row["detector"] == nearest["detector"]
    )
    thicknesses, values = (np.array(column) for column in zip(*rows, strict=True))
    if not thicknesses[0] - _BEYOND_A <= thickness_A <= thicknesses[-1] + _BEYOND_A:
        return None
    around = np.abs(thicknesses - thickness_A) <= _BEYOND_A
    if not around.any():
        above = int(np.searchsorted(thicknesses, thickness_A))
        around[[above - 1, above]] = True
    return float(values[around].max() + STRETCH_SHARE * stretch)


def noise_of(atlas: "Atlas", detector: Detector, *, thickness_A: float) -> float:
    """Return the standard error that the phonon ensemble leaves in a pixel, before the source.

    A fraction of the incident beam; rings count as independent.
    """
    edges = atlas.bin_edges_mrad
    inside = (edges[:-1] >= detector.inner_mrad - 1e-6) & (edges[1:] <= detector.outer_mrad + 1e-6)
    plane = int(np.argmin(np.abs(atlas.thickness_A - thickness_A)))
    return float(np.sqrt(np.square(atlas.noise[plane, : len(inside)][inside]).sum()))


def stretch_of(own: "Lattice", lattice: "Lattice") -> float:
    """Return the largest relative difference between the lengths of two crystals."""
    kinds = {*own.gap_heights_A, *lattice.gap_heights_A}
    pairs = [
        (lattice.a_A, own.a_A),
        (lattice.slab_height_A, own.slab_height_A),
        *((lattice.gap_height_A(kind), own.gap_height_A(kind)) for kind in kinds),
    ]
    return max(abs(one / other - 1) for one, other in pairs)


def _unlike(row: Mapping[str, Any], detector: Detector) -> float:
    """Return how much two detectors differ, in octaves of their angles."""
    pairs = (
        (row["inner_mrad"], detector.inner_mrad),
        (row["outer_mrad"], detector.outer_mrad),
    )
    return float(sum(abs(np.log2((one + 5.0) / (other + 5.0))) for one, other in pairs))
