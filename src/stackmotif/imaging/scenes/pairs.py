"""Several detectors' images of one stacking with known tilts: a metal and an oxygen image."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas import PreparedAtlas, default_atlas
from stackmotif.imaging.noise import poisson_dose
from stackmotif.stacking import Word

Floats = NDArray[np.float64]

_SCOPE: Final = "stem-300kV"
_FWHM_TO_SIGMA: Final = float(np.sqrt(8 * np.log(2)))


@dataclass(frozen=True)
class Pair:
    """Images of one field by several detectors, without noise, and where its slabs are.

    Parameters
    ----------
    images : dict of str to ndarray of float32, shape (y, x)
        By detector, lower case (``haadf``, ``adf``, ``abf``, ``bf``): fraction of the beam.
    pixel_size_A : float
        Pixel edge [Å].
    word : Word
        The stacking, read along +c, upwards in the image; it repeats.
    heights_A : ndarray, shape (n_slabs + 1,)
        Of the metal of every slab above that of slab 0; the last is the period [Å].
    position_A : tuple of float
        A metal column of slab 0, (y, x) [Å]; the crystal is turned about it.
    rotation_deg : float
        From x towards y: clockwise as displayed, below 90° either way.
    """

    images: dict[str, NDArray[np.float32]]
    pixel_size_A: float
    word: Word
    heights_A: Floats
    position_A: tuple[float, float]
    rotation_deg: float

    def counted(
        self, detector: str, *, dose_per_A2: float, rng: np.random.Generator | int
    ) -> NDArray[np.float32]:
        """Return the image of one detector as electrons draw it (fraction of the beam)."""
        return poisson_dose(
            self.images[detector],
            dose_per_A2=dose_per_A2,
            pixel_size_A=self.pixel_size_A,
            rng=rng,
        ).astype(np.float32)

    def slab_at(self, positions_A: Floats) -> NDArray[np.int64]:
        """Return the slab of the word that metal columns (y, x) [Å] belong to, 0 or more."""
        y, x = (np.asarray(positions_A, dtype=np.float64) - self.position_A).T
        angle = np.radians(self.rotation_deg)
        height = (x * np.sin(angle) - y * np.cos(angle)) % self.heights_A[-1]
        away = np.abs(height[:, None] - self.heights_A)
        return np.asarray(away.argmin(axis=1) % (len(self.heights_A) - 1))

    def tilts_at(self, positions_A: Floats) -> NDArray[np.int64]:
        """Return the tilt (+1, -1) of the slabs of metal columns, as the image shows it."""
        tilts = np.array([one.tilt for one in self.word.slabs])
        return np.asarray(tilts[self.slab_at(positions_A)])

    def kinds_at(self, lower_A: Floats) -> NDArray[np.str_]:
        """Return the kind of the gaps above the slabs of metal columns."""
        return np.array(list(self.word.gap_kinds))[self.slab_at(lower_A)]


@lru_cache(maxsize=8)
def _prepared(thickness_A: float) -> PreparedAtlas:
    return PreparedAtlas(default_atlas(), _SCOPE, thickness_A=thickness_A, interpolate=True)


def make_pair(
    word: Word | str,
    *,
    thickness_A: float = 60.0,
    pixel_size_A: float = 0.15,
    field_A: tuple[float, float] = (50.0, 50.0),
    rotation_deg: float = 0.0,
    source_fwhm_A: float = 0.7,
    position_A: tuple[float, float] | None = None,
) -> Pair:
    """Make images of a periodic word by the four detectors of the atlas.

    Parameters
    ----------
    word : Word or str
        The stacking; guests must be given (``[Li]``) or left out gap by gap.
    thickness_A : float
        Along the beam, 20 to 120 Å.
    pixel_size_A : float
        Pixel edge [Å].
    field_A : tuple of float
        Height and width of the images [Å].
    rotation_deg : float
        See `Pair`.
    source_fwhm_A : float
        Size of the source [Å].
    position_A : tuple of float, optional
        See `Pair`; the middle of the field by default.
    """
    word = Word.parse(word) if isinstance(word, str) else word
    place = (field_A[0] / 2, field_A[1] / 2) if position_A is None else position_A
    prepared = _prepared(thickness_A)
    pixels = prepared.image(
        [word],
        pixel_size_A=pixel_size_A,
        field_A=field_A,
        position_A=place,
        rotation_deg=rotation_deg,
        blur_sigma_A=source_fwhm_A / _FWHM_TO_SIGMA,
        mix_guests=True,
    )[0]
    return Pair(
        images={str(n).lower(): one for n, one in zip(prepared.detectors, pixels, strict=True)},
        pixel_size_A=pixel_size_A,
        word=word,
        heights_A=_heights_A(word, prepared),
        position_A=place,
        rotation_deg=rotation_deg,
    )


def _heights_A(word: Word, prepared: PreparedAtlas) -> Floats:
    """Return the heights of the metals above slab 0, and the period."""
    stacks = prepared.stacks([word])
    gaps = np.asarray(stacks.gap_heights_A, dtype=np.float64).reshape(-1)
    return np.concatenate([[0.0], np.cumsum(gaps + float(stacks.slab_height_A))])
