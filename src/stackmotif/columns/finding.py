"""A micrograph in, columns out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.arguments import check_false_alarms, check_share, checked_device
from stackmotif.columns.cleaning import clean, far_from
from stackmotif.columns.contrast import CONTRASTS, bright_image, pixels_per_pitch
from stackmotif.columns.detection import detect
from stackmotif.columns.filtering import Candidates
from stackmotif.columns.model import Columns
from stackmotif.columns.noise import Image, NoiseModel
from stackmotif.columns.refinement import Fit, Shapes, common_width_px, refine, start_shapes
from stackmotif.columns.seen import seen_columns
from stackmotif.columns.shape import free_shapes
from stackmotif.columns.table import as_columns, is_good, no_columns
from stackmotif.columns.uncertainty import noise_level
from stackmotif.errors import ColumnsError
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import Sight

Bools = NDArray[np.bool_]

_COVERED = 0.3
_FARTHEST = 0.45
_FARTHEST_SEEN = 0.3
_CLOSEST = 0.5
_SIGNIFICANT = 4.0
_BRIGHT = 0.5
_FAINT = 0.1
_TYPICALLY = 0.5
_MANY = 9
_BESIDE = 4  # neighbours that say how high a column is
_NARROW = 0.92  # of the usual distance between the neighbours of a column on either side
_UNLIKE = 0.2  # of their height: how unlike columns are
_HOLE = 0.15  # of their height: what their tails make of a place between them
_HOLE_NATS = 4.0  # by which a hole has to be the better explanation: columns are many, holes few


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
    pitch_px = pixels_per_pitch(micrograph, pitch_A)
    device = checked_device(device)
    _check(contrast, min_separation, false_alarms, weak_fraction)
    sight = network if isinstance(network, Sight) else Sight(network)
    pixels, covered = clean(micrograph.image, pitch_px=pitch_px)
    micrograph = replace(micrograph, image=pixels)
    image, noise, sign = bright_image(micrograph, contrast, pitch_px)
    if noise is None:
        return no_columns()

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
        return no_columns()
    start = _start(image, found, pitch_px)
    trusted = sight.seen is not None
    kept, fit = _refine(
        image, start, noise, pitch_px, in_row=found.in_row, trusted=trusted, device=device
    )
    if not len(kept):
        return no_columns()
    found, start = found.take(kept), start.take(kept)
    free = free_shapes(image, fit, noise=noise)
    size = micrograph.pixel_size_A
    good = is_good(start, fit, (_FARTHEST_SEEN if trusted else _FARTHEST) * pitch_px)
    return as_columns(found.positions_px, fit, free, good, unit=sign, pixel_size_A=size)


def _check(contrast: str, min_separation: float, false_alarms: float, weak_fraction: float) -> None:
    if contrast not in CONTRASTS:
        raise ColumnsError(f"contrast is {contrast!r}; expected one of {', '.join(CONTRASTS)}")
    if not 0.2 <= min_separation <= 1.0:
        raise ColumnsError(f"min_separation is {min_separation} pitches; expected 0.2 to 1")
    check_false_alarms(false_alarms)
    check_share("weak_fraction", weak_fraction)


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
    that its row says is there need only be bright, and no hole: where a row is stretched, what is
    added up along it shows a column in the gap.
    """
    ratio = _significance(rough)
    least = _SIGNIFICANT
    if len(ratio) >= _MANY:
        least = min(least, _TYPICALLY * float(np.median(ratio)))
    height = rough.shapes.height
    bright = (ratio > _BRIGHT) & (height > _FAINT * float(np.median(height)))
    bright &= ~_empty_places(rough, height / np.maximum(ratio, 1e-9))
    significant = np.where(in_row, bright, ratio > least)
    finite = np.isfinite(rough.shapes.centre_px).all(axis=1)
    return significant & finite & _first_of_twins(rough.shapes, pitch_px)


def _empty_places(rough: Fit, sigma: NDArray[np.float64]) -> Bools:
    """Mark columns so much darker than their neighbours that a hole explains them far better.

    Only between neighbours that stand nearer together than two steps of the row: the gap of an
    abrupt wall is five thirds of the step wide. ``sigma`` (n,) is what noise makes of a height.
    """
    from scipy.spatial import cKDTree

    centre, height = rough.shapes.centre_px, rough.shapes.height
    finite = np.isfinite(centre).all(axis=1) & np.isfinite(height)
    if finite.sum() < _MANY:
        return np.zeros(len(height), dtype=bool)
    tree = cKDTree(centre[finite])
    near = tree.query(np.where(finite[:, None], centre, 0.0), k=1 + _BESIDE)[1][:, 1:]
    usual = np.median(height[finite][near], axis=1)
    one, two = (centre[finite][near[:, k]] for k in (0, 1))
    between = np.sum((one - centre) * (two - centre), axis=1) < 0
    span = np.hypot(*(one - two).T)
    if not (finite & between).any():
        return np.zeros(len(height), dtype=bool)
    between &= span < _NARROW * np.median(span[finite & between])
    variance = sigma**2 + (_UNLIKE * usual) ** 2
    column = (height - usual) ** 2 / variance + np.log(variance)
    hole = (height - _HOLE * usual) ** 2 / sigma**2 + np.log(sigma**2)
    return finite & between & (usual > 0) & (height < usual) & (column - hole > 2.0 * _HOLE_NATS)


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
