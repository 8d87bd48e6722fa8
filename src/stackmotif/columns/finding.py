"""A micrograph in, columns out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.cleaning import clean, far_from
from stackmotif.columns.detection import FILTER_SCALE, Candidates, blob_response, detect
from stackmotif.columns.model import Columns
from stackmotif.columns.noise import Image, NoiseModel, estimate_noise
from stackmotif.columns.refinement import Fit, Shapes, common_width_px, refine, start_shapes
from stackmotif.columns.seen import seen_columns
from stackmotif.columns.shape import FreeShapes, free_shapes
from stackmotif.columns.uncertainty import noise_level, position_covariances
from stackmotif.errors import ColumnsError
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import Sight

Bools = NDArray[np.bool_]

MIN_PIXELS_PER_PITCH = 6.0
"""Coarser images do not resolve a column from its neighbour with a usable uncertainty."""

CONTRASTS = ("auto", "bright", "dark")

_DARK_DETECTORS = ("abf",)
_UNSURE_DETECTORS = ("bf",)
_COVERED = 0.3
_FARTHEST = 0.45
_FARTHEST_SEEN = 0.3
_CLOSEST = 0.5
_SIGNIFICANT = 4.0
_BRIGHT = 0.5
_FAINT = 0.1
_TYPICALLY = 0.5
_MANY = 9
_WIDTHS = (0.6, 1.7)
_WORST_CHI2 = 3.0


def find_columns(
    micrograph: Micrograph,
    *,
    pitch_A: float = 2.5,
    contrast: str = "auto",
    min_separation: float = 0.6,
    false_alarms: float = 0.1,
    weak_fraction: float = 0.08,
    network: str | Sight = "off",
    device: str = "cpu",
) -> Columns:
    """Find and refine every atomic column of an image.

    Detection takes the local maxima of a Laplacian-of-Gaussian filter that noise alone would
    pass ``false_alarms`` times in the whole image, and drops what is faint and does not
    continue a lattice (amorphous speckle). Columns that hardly stand out are looked for with
    their rows. Refinement fits an elliptical Gaussian with a local background to every column,
    neighbours included, by Gauss–Newton steps taken for all columns at once. The result is
    deterministic. Hot pixels and burned-in scale bars are taken out beforehand.

    Parameters
    ----------
    micrograph : Micrograph
    pitch_A : float
        Distance of neighbouring columns [Å], to about 30 %; 2.5 Å fits layered oxides along
        <11-20>.
    contrast : {'auto', 'bright', 'dark'}
        Whether columns are brighter or darker than what lies between them. ``auto`` takes bright
        for ADF, HAADF and iDPC, dark for ABF, and decides a BF image by the sign of its contrast.
    min_separation : float
        Of two maxima closer than this, the weaker is dropped [pitches].
    false_alarms : float
        Expected number of maxima of pure noise accepted as significant in the whole image.
    weak_fraction : float
        Weakest column, relative to the typical one, that is kept where it continues the lattice.
    network : {'off', 'auto', 'on'} or Sight
        Who says where to look: the filter; the network where columns hardly stand out and the
        filter elsewhere; or the network always. Positions are fitted to the pixels as they are in
        any case.
    device : {'cpu', 'cuda', 'auto'}
        Where positions are refined; detection and shapes stay on the CPU.

    Returns
    -------
    Columns
        Ordered by y, then x, of the detected maximum. ``intensity`` is negative for dark columns.
        ``quality`` is 0 where the fit failed; such a column keeps its detected position and an
        uncertainty of one width. The table is empty where nothing is significant.

    Raises
    ------
    ColumnsError
        If an argument is out of range or the pixels are too coarse for the pitch.
    ReadError
        If the network is asked and there is none, or cannot take pixels of this size.

    Examples
    --------
    >>> import numpy as np
    >>> from stackmotif.imaging.columnsum import column_sum_image
    >>> truth = np.stack(np.meshgrid(np.arange(3.0, 30, 4), np.arange(2, 30, 2.5)), -1)
    >>> pixels = column_sum_image(truth, shape=(160, 160), pixel_size_A=0.2, dose_e_per_A2=1e4)
    >>> columns = find_columns(Micrograph(pixels, pixel_size_A=0.2))
    >>> len(columns) == truth.size // 2
    True
    """
    pitch_px = _pitch_px(micrograph, pitch_A)
    device = _device(device)
    _check(contrast, min_separation, false_alarms, weak_fraction)
    sight = network if isinstance(network, Sight) else Sight(network)
    pixels, covered = clean(micrograph.image, pitch_px=pitch_px)
    micrograph = replace(micrograph, image=pixels)
    image, noise, sign = _bright_image(micrograph, contrast, pitch_px)
    if noise is None:
        return _empty()

    def seen() -> Candidates:
        spots = sight.look(micrograph, bright=sign > 0).columns
        return seen_columns(image, spots, noise=noise, pitch_px=pitch_px)

    found = seen() if sight.mode == "on" else detect(
        image,
        noise=noise,
        pitch_px=pitch_px,
        min_separation=min_separation,
        false_alarms=false_alarms,
        weak_fraction=weak_fraction,
        when_dim=seen if sight.able(micrograph) else None,
    )  # fmt: skip
    found = found.take(far_from(covered, found.positions_px, distance_px=_COVERED * pitch_px))
    if not len(found.response):
        return _empty()
    start = _start(image, found, pitch_px)
    trusted = sight.seen is not None
    kept, fit = _refine(
        image, start, noise, pitch_px, in_row=found.in_row, trusted=trusted, device=device
    )
    if not len(kept):
        return _empty()
    found, start = found.take(kept), start.take(kept)
    free = free_shapes(image, fit, noise=noise)
    size = micrograph.pixel_size_A
    good = _is_good(start, fit, (_FARTHEST_SEEN if trusted else _FARTHEST) * pitch_px)
    return _columns(found, fit, free, good, sign=sign, pixel_size_A=size)


def _pitch_px(micrograph: Micrograph, pitch_A: float) -> float:
    if not (np.isfinite(pitch_A) and pitch_A > 0):
        raise ColumnsError(f"pitch is {pitch_A} Å; expected a finite positive number")
    size = micrograph.pixel_size_A
    if pitch_A / size < MIN_PIXELS_PER_PITCH:
        raise ColumnsError(
            f"pixel size is {size:.4g} Å, {pitch_A / size:.2g} pixels per column pitch of "
            f"{pitch_A:.4g} Å; expected at least {MIN_PIXELS_PER_PITCH:g}, that is pixels of "
            f"{pitch_A / MIN_PIXELS_PER_PITCH:.3g} Å or less: check the calibration, or record "
            "at a higher magnification"
        )
    if pitch_A / size > min(micrograph.shape):
        raise ColumnsError(
            f"the image measures {micrograph.shape[0] * size:.4g} × "
            f"{micrograph.shape[1] * size:.4g} Å, less than one column pitch of {pitch_A:.4g} Å; "
            "check the pixel size"
        )
    return pitch_A / size


def _device(name: str) -> str:
    """Return where to refine; what is no graphics card with float64 is the CPU.

    Raises
    ------
    ColumnsError
        If the device is unknown or not there.
    """
    if name == "cpu":
        return name
    import torch

    there = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if there else "cpu"
    if name != "cuda" or not there:
        raise ColumnsError(
            f"device is {name!r}; expected 'cpu', 'auto'"
            + (" or 'cuda'" if there else "; torch finds no CUDA device here")
        )
    return name


def _check(contrast: str, min_separation: float, false_alarms: float, weak_fraction: float) -> None:
    if contrast not in CONTRASTS:
        raise ColumnsError(f"contrast is {contrast!r}; expected one of {', '.join(CONTRASTS)}")
    if not 0.2 <= min_separation <= 1.0:
        raise ColumnsError(f"min_separation is {min_separation} pitches; expected 0.2 to 1")
    if not 0 < false_alarms < np.inf:
        raise ColumnsError(f"false_alarms is {false_alarms}; expected a positive number")
    if not 0 <= weak_fraction <= 1:
        raise ColumnsError(f"weak_fraction is {weak_fraction}; expected 0 to 1")


def _bright_image(
    micrograph: Micrograph, contrast: str, pitch_px: float
) -> tuple[Image, NoiseModel | None, float]:
    """Return the image with bright columns in units of its own spread, its noise, and the unit.

    A negative unit means that the image was turned over. Noise is None for a constant image.
    """
    pixels = micrograph.image
    spread = float(np.std(pixels, dtype=np.float64))
    if spread <= 1e-6 * float(np.abs(pixels).max()):
        return pixels, None, 1.0
    unit = spread if _is_bright(micrograph, contrast, pitch_px) else -spread
    image = pixels * np.float32(1 / unit)
    noise = estimate_noise(pixels * np.float32(1 / spread))
    return image, replace(noise, gain=noise.gain * float(np.sign(unit))), unit


def _is_bright(micrograph: Micrograph, contrast: str, pitch_px: float) -> bool:
    if contrast != "auto":
        return contrast == "bright"
    if micrograph.detector not in _UNSURE_DETECTORS:
        return micrograph.detector not in _DARK_DETECTORS
    _, response = blob_response(micrograph.image, scale_px=FILTER_SCALE * pitch_px)
    return float(np.mean(response.astype(np.float64) ** 3)) >= 0


def _start(image: Image, found: Candidates, pitch_px: float) -> Shapes:
    width = common_width_px(image, found.positions_px, pitch_px=pitch_px)
    return start_shapes(
        found.positions_px,
        height=2 * found.response,
        background=found.level - found.response,
        width_px=width,
    )


def _refine(
    image: Image,
    start: Shapes,
    noise: NoiseModel,
    pitch_px: float,
    *,
    in_row: Bools,
    trusted: bool,
    device: str,
) -> tuple[NDArray[np.int64], Fit]:
    """Refine twice: roughly, to drop what is no column; then fully, with the width then known.

    Columns that can be trusted to be there are not dropped. Returns which are left, and their fit.
    """
    rough = refine(image, start, noise=noise, max_passes=2, rough=True, device=device)
    kept = _worth_keeping(rough, pitch_px, in_row)
    if trusted:
        kept = _inside(rough.shapes.centre_px, image.shape)
        kept &= _first_of_twins(start, pitch_px)
    left, shapes = np.flatnonzero(kept), rough.shapes.take(kept)
    if not len(shapes):
        return left, rough.take(kept)
    width = common_width_px(image, shapes.centre_px, pitch_px=pitch_px)
    fit = refine(image, shapes.with_width(width), noise=noise, device=device)
    inside = _inside(fit.shapes.centre_px, image.shape)
    inside &= trusted | _first_of_twins(fit.shapes, pitch_px)
    return left[inside], fit.take(inside)


def _worth_keeping(rough: Fit, pitch_px: float, in_row: Bools) -> Bools:
    """Mark columns whose height is significant and which are not a second fit of another one.

    Where many columns stand in a lattice, their typical significance says what a column has. One
    that its row says is there need only be bright.
    """
    ratio = _significance(rough)
    least = _SIGNIFICANT
    if len(ratio) >= _MANY:
        least = min(least, _TYPICALLY * float(np.median(ratio)))
    height = rough.shapes.height
    bright = (ratio > _BRIGHT) & (height > _FAINT * float(np.median(height)))
    significant = np.where(in_row, bright, ratio > least)
    finite = np.isfinite(rough.shapes.centre_px).all(axis=1)
    return significant & finite & _first_of_twins(rough.shapes, pitch_px)


def _significance(fit: Fit) -> NDArray[np.float64]:
    """Return the heights over what noise alone makes of them, the other parameters known."""
    sigma = np.sqrt(noise_level(fit) / np.maximum(fit.fisher[:, 2, 2], 1e-30))
    return np.asarray(fit.shapes.height / sigma)


def _inside(centre_px: NDArray[np.float64], shape: tuple[int, ...]) -> Bools:
    """Mark centres in the image; one that is not finite is not."""
    return np.all((centre_px > -0.5) & (centre_px < np.array(shape) - 0.5), axis=1)


def _first_of_twins(shapes: Shapes, pitch_px: float) -> Bools:
    """Mark columns without a higher one within half a pitch."""
    from scipy.spatial import cKDTree

    kept = np.ones(len(shapes), dtype=bool)
    if len(shapes) > 1:
        pairs = cKDTree(shapes.centre_px).query_pairs(_CLOSEST * pitch_px, output_type="ndarray")
        lower = shapes.height[pairs[:, 0]] < shapes.height[pairs[:, 1]]
        kept[np.where(lower, pairs[:, 0], pairs[:, 1])] = False
    return kept


def _columns(
    found: Candidates, fit: Fit, free: FreeShapes, good: Bools, *, sign: float, pixel_size_A: float
) -> Columns:
    shapes = fit.shapes
    # A failed fit may have no height left, and then no inverse.
    fisher = np.where(good[:, None, None], fit.fisher, np.eye(fit.fisher.shape[1]))
    fit = replace(fit, fisher=fisher)
    covariance = position_covariances(fit)
    covariance[~good] = np.eye(2) * shapes.width_px**2
    centre = np.where(good[:, None], shapes.centre_px, found.positions_px)
    return Columns(
        positions_A=centre * pixel_size_A,
        covariances_A2=covariance * pixel_size_A**2,
        intensity=shapes.height * sign,
        background=shapes.background * sign,
        width_A=np.where(good, free.width_px, shapes.width_px) * pixel_size_A,
        ellipticity=np.where(good, free.ellipticity, 1.0),
        quality=good.astype(np.float64),
    )


def _is_good(start: Shapes, fit: Fit, farthest_px: float) -> Bools:
    """Mark fits that settled near their start, with a column's width, and explain their patch."""
    width = fit.shapes.width_px
    long_px, short_px = fit.shapes.axes_px()
    moved = np.hypot(*(fit.shapes.centre_px - start.centre_px).T)
    low, high = _WIDTHS[0] * width, _WIDTHS[1] * width
    return (
        (moved < farthest_px)
        & (fit.last_step < 0.1 * width)
        & (short_px > low)
        & (long_px < high)
        & (fit.chi2 < _WORST_CHI2 * noise_level(fit))
    )


def _empty() -> Columns:
    none = np.zeros(0)
    return Columns(np.zeros((0, 2)), np.zeros((0, 2, 2)), none, none, none, none, none)
