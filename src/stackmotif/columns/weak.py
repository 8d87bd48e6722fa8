"""A second look: weak columns beside strong ones, such as oxygen in ABF or guests in a gap."""

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.arguments import check_false_alarms, check_share, checked_device
from stackmotif.columns.beside import OWN, Look
from stackmotif.columns.cleaning import clean, far_from
from stackmotif.columns.contrast import bright_image, pixels_per_pitch
from stackmotif.columns.detection import typical_of
from stackmotif.columns.filtering import Candidates
from stackmotif.columns.model import Columns
from stackmotif.columns.noise import Image
from stackmotif.columns.refinement import Fit, Shapes, refine, start_shapes
from stackmotif.columns.shape import free_shapes
from stackmotif.columns.table import as_columns, is_good, no_columns
from stackmotif.columns.uncertainty import noise_level
from stackmotif.errors import ColumnsError
from stackmotif.micrograph import Micrograph

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_SHARE: Final = 0.08
"""Weakest response, relative to that of the strong columns, that counts."""
_FARTHEST: Final = 0.25
"""Way from where it was seen to where its fit settled, at most [pitches]."""
_DISPLACED: Final = 0.03
"""How far a weak column's place in ABF is off by what noise does not do, per axis [pitches]: tails
of the strong one and channelling. Measured at 4 to 12 nm, development seeds."""
_SIGNIFICANT: Final = 4.0
_SIGNIFICANT_IN_ROW: Final = 1.0
_COVERED: Final = 0.3
_ROUGH_PASSES: Final = 3


def find_weak_columns(
    micrograph: Micrograph,
    strong: Columns,
    *,
    pitch_A: float = 2.5,
    false_alarms: float = 0.1,
    least_share: float = LEAST_SHARE,
    device: str = "cpu",
) -> tuple[Columns, Columns]:
    """Find weak columns beside known ones and fit both together.

    A finer filter than that of :func:`find_columns` is used, which tells columns half a pitch
    apart, alone and added up along the rows. What it shows counts if noise alone would hardly show
    it, if it repeats as the lattice does, and if the fit of all columns together finds it there.

    Parameters
    ----------
    micrograph : Micrograph
        The image.
    strong : Columns
        Columns that :func:`find_columns` found in it, such as the metal; dark ones have a negative
        intensity.
    pitch_A : float
        Distance of neighbouring strong columns [Å], to about 30 %.
    false_alarms : float
        Expected number of maxima of pure noise that count as significant in the whole image.
    least_share : float
        Weakest column that is looked for, relative to a typical strong one.
    device : {'cpu', 'cuda', 'auto'}
        Where positions are refined.

    Returns
    -------
    strong : Columns
        The known columns in their order, fitted anew with the weak ones beside them.
    weak : Columns
        The others, ordered by y, then x, of where they were seen. Their covariances hold 0.03 pitch
        per axis for what strong neighbours do to them beyond noise.

    Raises
    ------
    ColumnsError
        If an argument is out of range, the pixels are too coarse for the pitch, or the known
        columns are not those of the image: outside it, or bright where they are said to be dark.

    Examples
    --------
    >>> import numpy as np
    >>> from stackmotif.columns import find_columns, find_weak_columns
    >>> from stackmotif.imaging.columnsum import column_sum_image
    >>> y, x = np.meshgrid(np.arange(3.0, 28, 4.7), np.arange(2, 28, 2.5), indexing="ij")
    >>> metal = np.stack([y, x], axis=-1).reshape(-1, 2)
    >>> pixels = column_sum_image(
    ...     np.concatenate([metal, metal + (1.05, 0.83)]),
    ...     amplitude=np.repeat([0.25, 0.1], len(metal)),
    ...     shape=(300, 300),
    ...     pixel_size_A=0.1,
    ...     sigma_A=0.35,
    ...     dose_e_per_A2=8000,
    ... )
    >>> micrograph = Micrograph(pixels, pixel_size_A=0.1)
    >>> strong, weak = find_weak_columns(micrograph, find_columns(micrograph))
    >>> len(strong) == len(weak) == len(metal)
    True
    """
    pitch_px = pixels_per_pitch(micrograph, pitch_A)
    device = checked_device(device)
    check_false_alarms(false_alarms)
    check_share("least_share", least_share)
    _check_inside(strong, micrograph)
    if not len(strong):
        return strong, no_columns()
    pixels, covered = clean(micrograph.image, pitch_px=pitch_px)
    micrograph = replace(micrograph, image=pixels)
    contrast = "bright" if float(np.median(strong.intensity)) >= 0 else "dark"
    image, noise, unit = bright_image(micrograph, contrast, pitch_px)
    if noise is None:
        return strong, no_columns()
    known = _shapes_of(strong, unit=unit, pixel_size_A=micrograph.pixel_size_A)
    known, found = Look(image, noise, pitch_px, false_alarms, least_share).beside(known)
    found = found.take(far_from(covered, found.positions_px, distance_px=_COVERED * pitch_px))
    start = _joined(known, found)
    vouched = np.concatenate([np.zeros(len(known), dtype=bool), found.in_row])
    stands = partial(_stands, n_known=len(known), pitch_px=pitch_px, least_share=least_share)
    fitted = partial(refine, image, noise=noise, device=device)
    kept = stands(start, fitted(start, max_passes=_ROUGH_PASSES, rough=True), vouched)
    start, vouched = start.take(kept), vouched[kept]
    fit = fitted(start)
    kept = stands(start, fit, vouched)
    fit, start = fit.take(kept), start.take(kept)
    good = is_good(start, fit, _FARTHEST * pitch_px) & _own_place(fit.shapes, image, pitch_px)
    table = as_columns(
        start.centre_px,
        fit,
        free_shapes(image, fit, noise=noise),
        good,
        unit=unit,
        pixel_size_A=micrograph.pixel_size_A,
    )
    n = len(known)
    weak = table.take(slice(n, None))
    beside = np.eye(2) * (_DISPLACED * pitch_A) ** 2
    return table.take(slice(None, n)), replace(weak, covariances_A2=weak.covariances_A2 + beside)


def _check_inside(columns: Columns, micrograph: Micrograph) -> None:
    size = micrograph.pixel_size_A
    last = (np.array(micrograph.shape) - 0.5) * size
    outside = np.any((columns.positions_A < -0.5 * size) | (columns.positions_A > last), axis=1)
    if outside.any():
        y, x = columns.positions_A[np.argmax(outside)]
        raise ColumnsError(
            f"{outside.sum()} of the {len(columns)} known columns lie outside the image, one at "
            f"({y:.4g}, {x:.4g}) Å; expected columns of this image, which measures "
            f"{last[0]:.4g} × {last[1]:.4g} Å"
        )


def _own_place(shapes: Shapes, image: Image, pitch_px: float) -> Bools:
    """Mark columns inside the image that no higher one has run into."""
    from scipy.spatial import cKDTree

    centre, last = shapes.centre_px, np.array(image.shape) - 0.5
    own = np.all((centre > -0.5) & (centre < last), axis=1)
    pairs = cKDTree(centre).query_pairs(0.5 * OWN * pitch_px, output_type="ndarray")
    lower = shapes.height[pairs[:, 0]] < shapes.height[pairs[:, 1]]
    own[np.where(lower, pairs[:, 0], pairs[:, 1])] = False
    return own


def _shapes_of(columns: Columns, *, unit: float, pixel_size_A: float) -> Shapes:
    width = float(np.median(columns.width_A)) / pixel_size_A
    return start_shapes(
        columns.positions_A / pixel_size_A,
        height=columns.intensity / unit,
        background=columns.background / unit,
        width_px=width,
    )


def _joined(known: Shapes, found: Candidates) -> Shapes:
    """Return known columns, then candidates, as wide as them."""
    more = start_shapes(
        found.positions_px,
        height=2 * found.response,
        background=found.level - found.response,
        width_px=known.width_px,
    )
    return known.joined(more)


def _stands(
    start: Shapes, fit: Fit, vouched: Bools, *, n_known: int, pitch_px: float, least_share: float
) -> Bools:
    """Mark the known columns, and others that a fit of all of them finds where they were seen."""
    from scipy.spatial import cKDTree

    shapes = fit.shapes
    sigma = np.sqrt(noise_level(fit) / np.maximum(fit.fisher[:, 2, 2], 1e-30))
    typical = typical_of(shapes.height[:n_known])
    stands = shapes.height / sigma > np.where(vouched, _SIGNIFICANT_IN_ROW, _SIGNIFICANT)
    stands &= shapes.height > 0.5 * least_share * typical
    moved = np.hypot(*(shapes.centre_px - start.centre_px).T)
    stands &= moved < _FARTHEST * pitch_px
    pairs = cKDTree(shapes.centre_px).query_pairs(OWN * pitch_px, output_type="ndarray")
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    # What is known comes first; of two new ones the higher one stays.
    lower = (second < n_known) | (first < n_known)
    lower |= shapes.height[first] >= shapes.height[second]
    stands[np.where(lower, second, first)] = False
    stands[:n_known] = True
    return stands
