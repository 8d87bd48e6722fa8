"""Tilts of all slabs from an image that shows oxygen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.orientation import from_row_frame
from stackmotif.matching.oxygen.chain import MATCH, tilt_probability
from stackmotif.matching.oxygen.checks import CONTRAST
from stackmotif.matching.oxygen.evidence import Evidence, weigh
from stackmotif.matching.oxygen.patches import Patches, cut_patches
from stackmotif.matching.oxygen.pattern import FARTHEST, REACH, STEP, Pattern, fit_pattern
from stackmotif.micrograph import Micrograph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COMMON: Final = 0.002
"""Probability of what all tilts of a field have in common being wrong, given that the checks of
contrast and offset were passed. A parameter."""
_FEWEST: Final = 24
"""Patches inside the image below which nothing is read."""
_MEAN_OF: Final = 6000
_EXPLAINED: Final = 0.5
"""Share of the mean patch's variance that the pattern must explain. In images of 2 to 12 nm at 30
e/Å² and more it is 0.75 to 0.99 (development seeds)."""
_ELSEWHERE: Final = 1.15
"""How much worse another offset must fit."""
_AGAINST: Final = 2.0
"""How much worse the other contrast must fit, where the detector does not say which it is: 4 or
more where it was read right at 3 to 8 nm, 1.2 where a blur had turned it (development seeds)."""
_CONTRADICTED: Final = 0.75
"""How much better the other contrast may fit, where the detector says which it is."""
_DISPLACED: Final = 0.1
"""Share of the columns in displaced rows above which images are not of one field: none in pairs of
one field, 0.39 or more in others of the same crystal and angle (development seeds)."""
_REVERSED: Final = 0.3
_LOST: Final = 0.5


@dataclass(frozen=True)
class Tilts:
    """What an oxygen image says about the slabs.

    Parameters
    ----------
    probability : ndarray, shape (m, 3)
        P(R), P(L) and P(neither told) of the slab of each member column, as the image lies.
    pattern : Pattern or None
        The mean slab; None where there was nothing to fit.
    evidence : Evidence or None
        The lean of every patch.
    offset_A : tuple of float
        Of the oxygen image against the metal image, (y, x) [Å].
    reason : str
        Why nothing is told; empty otherwise.
    """

    probability: Floats
    pattern: Pattern | None
    evidence: Evidence | None
    offset_A: tuple[float, float]
    reason: str


def read_tilts(
    oxygen: Micrograph, places_A: Floats, lattice: ColumnLattice, *, displaced: bool
) -> Tilts:
    """Read the tilt of the slab that each column is in.

    Parameters
    ----------
    oxygen : Micrograph
        An ABF, BF or iDPC image of the field.
    places_A : ndarray, shape (m, 2)
        Metal columns of the lattice, its members, (y, x) in the metal image as recorded [Å].
    lattice : ColumnLattice
        Their rows and slots.
    displaced : bool
        Whether the image may be offset against the metal image; False if they are the same.
    """
    size_A, pitch_A = oxygen.pixel_size_A, lattice.phases.pitch_A
    cut = _Cutter(oxygen, places_A / size_A, pitch_A / size_A, lattice.orientation.angle_rad)
    mean = cut.mean(REACH + FARTHEST + STEP)
    if mean is None:
        return _untold(lattice, "too few columns lie inside the oxygen image")
    pattern = fit_pattern(mean, bright=CONTRAST[oxygen.detector], search=displaced)
    along_px, across_px = (one * pitch_A / size_A for one in pattern.offset)
    offset_px = from_row_frame(along_px, across_px, cut.angle_rad)
    offset_A = (float(offset_px[0] * size_A), float(offset_px[1] * size_A))
    patches = cut.patches(REACH, offset_px=(float(offset_px[0]), float(offset_px[1])))
    evidence = weigh(patches, pattern, lattice.row, lattice.slot)
    reason = _doubt(pattern, evidence, oxygen.detector, displaced=displaced)
    if reason:
        return _untold(lattice, reason, pattern, evidence, offset_A)
    told = tilt_probability(evidence, lattice.row, lattice.slot)
    told[:, :2] = (1 - COMMON) * told[:, :2] + 0.5 * COMMON * told[:, :2].sum(axis=1, keepdims=True)
    return Tilts(told, pattern, evidence, offset_A, "")


@dataclass(frozen=True)
class _Cutter:
    """Cuts patches around the columns of one image."""

    image: Micrograph
    places_px: Floats
    pitch_px: float
    angle_rad: float

    def patches(
        self, reach: float, *, offset_px: tuple[float, float] = (0.0, 0.0), every: int = 1
    ) -> Patches:
        return cut_patches(
            self.image.image,
            self.places_px[::every],
            pitch_px=self.pitch_px,
            angle_rad=self.angle_rad,
            reach=reach,
            offset_px=offset_px,
        )

    def mean(self, reach: float) -> Patches | None:
        """Return the mean patch; None if too few lie inside the image."""
        cut = self.patches(reach, every=1 + len(self.places_px) // _MEAN_OF)
        if cut.whole.sum() < _FEWEST:
            return None
        value = cut.values[cut.whole].mean(axis=0, keepdims=True, dtype=np.float64)
        return Patches(value.astype(np.float32), cut.u, cut.v, cut.whole[:1])


def _untold(
    lattice: ColumnLattice,
    reason: str,
    pattern: Pattern | None = None,
    evidence: Evidence | None = None,
    offset_A: tuple[float, float] = (float("nan"), float("nan")),
) -> Tilts:
    nothing = np.tile([0.0, 0.0, 1.0], (len(lattice.member), 1))
    return Tilts(nothing, pattern, evidence, offset_A, reason)


def _doubt(pattern: Pattern, evidence: Evidence, detector: str, *, displaced: bool) -> str:
    """Return why the image cannot be read; empty if it can."""
    if evidence.used.sum() < _FEWEST:
        return "too few columns lie inside the oxygen image"
    reversed_ = (
        f"oxygen is {'dark' if pattern.bright else 'bright'} in the oxygen image, which is not "
        f"what {detector} shows at focus: check detector and defocus"
    )
    if pattern.against < _REVERSED:
        return reversed_
    if not pattern.explained >= _EXPLAINED:
        return (
            f"the oxygen image shows no slabs around the metal columns (pattern explains "
            f"{pattern.explained:.2f} of the mean patch; expected {_EXPLAINED} or more): another "
            "field, an offset of more than half a pitch, or too few electrons"
        )
    if displaced and pattern.elsewhere < _ELSEWHERE:
        return "the offset between the images has two answers that fit alike: register them first"
    if CONTRAST[detector] is None and pattern.against < _AGAINST:
        return "oxygen may be bright or dark in the oxygen image: more dose, or an ABF image"
    if pattern.against < _CONTRADICTED:
        return reversed_
    if not evidence.significant:
        return "the slabs of the oxygen image lean neither way beyond noise: more dose"
    if float(np.mean(evidence.displaced[evidence.used])) > _DISPLACED:
        return (
            f"rows of the oxygen image stand a third of the pitch beside those of the metal image "
            f"({100 * np.mean(evidence.displaced[evidence.used]):.0f} % of the columns; expected "
            f"{100 * _DISPLACED:.0f} % or less): another field"
        )
    if float(np.mean(evidence.match[evidence.used] < MATCH)) > _LOST:
        return "most rows of the oxygen image do not stand where those of the metal image do"
    return ""
