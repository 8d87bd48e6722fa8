r"""Log-evidence of templates: what the correlation is worth in independent pixels.

With unknown gain and offset and noise of unknown strength, the profile likelihood of a template is

    ln L = -(N_eff / 2) ln(1 - NCC²).

N_eff is counted, not taken for granted. What a mean patch has beyond its best template is partly
noise, whose share and correlation the scatter of the cells shows, and partly what the template gets
wrong: the same in every cell, and as smooth as the image is. Of the latter a patch has no more
independent pixels than its area over that of the probe's autocorrelation, however many cells.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.templates.averages import Averages

Floats = NDArray[np.float64]

GOOD_FIT, NO_FIT = 0.9, 0.6
"""Correlation without noise from which templates count in full, and up to which not at all.

Parameters, unverified: right multislice templates have 0.95 and more, wrong ones below 0.9."""
_SIGNIFICANT: Final = 2.0
"""Standard deviations of the noise's strength beyond which a group's misfit is not noise."""
_AIRY: Final = 0.51
"""Full width at half maximum of an Airy disc, in units of wavelength over semi-angle."""
_FWHM: Final = math.sqrt(8 * math.log(2))


@dataclass(frozen=True)
class Counted:
    """How many independent pixels the mean patches have.

    Parameters
    ----------
    n_eff : ndarray, shape (group,)
        Effective number of independent pixels.
    fit : float
        Correlation of the image with its best templates, noise taken out; 0 to 1.
    weight : float
        Factor of the evidence for it: 1 above ``GOOD_FIT``, 0 below ``NO_FIT``.
    noise_px : float
        Points of the patch per independent pixel of the noise.
    probe_px : float
        Points of the patch per area of the probe's autocorrelation.
    """

    n_eff: Floats
    fit: float
    weight: float
    noise_px: float
    probe_px: float


def probe_area_A2(wavelength_A: float, semiangle_mrad: float, blur_A: float) -> float:
    """Return the area of the probe's autocorrelation, 4 pi sigma² of a Gaussian probe [Å²].

    >>> round(probe_area_A2(0.01969, 20.0, 0.4), 2)
    2.58
    """
    sigma = _AIRY * wavelength_A / (1e-3 * semiangle_mrad) / _FWHM
    return 4 * math.pi * (sigma**2 + blur_A**2)


def noise_pixels(averages: Averages, directions: Floats) -> float:
    """Return how many points of a patch have one independent value of the noise, 1 or more.

    White noise is equally strong along every direction; correlated noise lies along the smooth
    differences of templates, ``directions`` (n, point).
    """
    rest = averages.residuals
    if not len(rest) or not averages.noise_energy > 0:
        return 1.0
    unit = directions - directions.mean(axis=1, keepdims=True)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    along = np.mean((rest @ unit.T) ** 2)
    return max(1.0, float(rest.shape[1] * along / np.mean(np.sum(rest**2, axis=1))))


def count_pixels(
    averages: Averages, best_ncc: Floats, *, noise_px: float, probe_px: float
) -> Counted:
    """Return the effective numbers of pixels of groups whose best templates fit by ``best_ncc``."""
    energy, noise = averages.energy, averages.noise_in_mean
    used = averages.count > 0
    fit = _fit(averages, best_ncc)
    rest = (1 - best_ncc**2) * energy
    # A group's own excess over the noise counts where it is more than the noise may make of it.
    points = np.maximum(averages.mask.sum(axis=1), 1)
    most = noise * (1 + _SIGNIFICANT * np.sqrt(2 * noise_px / points))
    alike = (1 - fit**2) * np.maximum(energy - noise, 0.0)
    wrong = np.where(rest > most, np.maximum(rest - noise, alike), alike)
    wrong = np.where(noise > 0, wrong, rest)
    total = noise + wrong
    area = (noise * noise_px + wrong * probe_px) / np.where(total > 0, total, 1.0)
    area = np.where(total > 0, area, probe_px)
    n_eff = np.where(used, averages.mask.sum(axis=1) / np.maximum(area, 1.0), 0.0)
    weight = float(np.clip((fit - NO_FIT) / (GOOD_FIT - NO_FIT), 0.0, 1.0))
    return Counted(n_eff, fit, weight, noise_px, probe_px)


def _fit(averages: Averages, best_ncc: Floats) -> float:
    """Return the correlation that is left when the noise is taken out of the mean patches."""
    used = averages.count > 0
    n = averages.count[used]
    signal = np.sum(n * (averages.energy - averages.noise_in_mean)[used])
    told = np.sum(n * (np.maximum(best_ncc, 0) ** 2 * averages.energy)[used])
    return float(np.sqrt(np.clip(told / signal, 0, 1))) if signal > 0 else 0.0


def log_evidence(ncc: Floats, n_eff: Floats) -> Floats:
    """Return -(N_eff/2) ln(1 - NCC²); a negative correlation counts as none.

    >>> low, high = log_evidence(np.array([0.90, 0.92]), np.array([500.0, 500.0]))
    >>> int(round(high - low))
    53
    """
    known = np.clip(ncc, 0.0, 1 - 1e-9)
    return -0.5 * n_eff * np.log1p(-(known**2))
