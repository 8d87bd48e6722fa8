"""A second look: weak columns beside strong ones, such as oxygen in ABF or guests in a gap."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.arguments import check_false_alarms, check_share, checked_device
from stackmotif.columns.cleaning import clean, far_from
from stackmotif.columns.comb import comb
from stackmotif.columns.contrast import bright_image, pixels_per_pitch
from stackmotif.columns.detection import (
    Candidates,
    blob_response,
    false_alarm_threshold,
    lattice_votes,
    maxima,
    noise_of,
    typical_of,
)
from stackmotif.columns.model import Columns
from stackmotif.columns.noise import Image, NoiseModel
from stackmotif.columns.refinement import Fit, Shapes, refine, start_shapes
from stackmotif.columns.shape import free_shapes
from stackmotif.columns.table import as_columns, is_good, no_columns
from stackmotif.columns.uncertainty import noise_level
from stackmotif.errors import ColumnsError
from stackmotif.micrograph import Micrograph

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SCALE: Final = 0.15
"""Sigma of the filter in units of the pitch: fine enough for columns half a pitch apart."""
LEAST_SHARE: Final = 0.08
"""Weakest response, relative to that of the strong columns, that counts."""

_OWN: Final = 0.35
"""Radius around a column in which there is no other [pitches]."""
_CLEAR: Final = 2.0
"""Significance, relative to that which counts, of a maximum that a known column is moved to."""
_RIM: Final = 0.2
"""What lies nearer to the border is not looked for [pitches]: half a column may be cut off."""
_NEAREST_STRONG: Final = 1.5
"""Farthest that a strong column may be [pitches]."""
_FARTHEST: Final = 0.25
"""Way from where it was seen to where its fit settled, at most [pitches]."""
_DISPLACED: Final = 0.03
"""How far a weak column's place in ABF is off by what noise does not do, per axis [pitches]: tails
of the strong one and channelling. Measured at 4 to 12 nm, development seeds."""
_SIGNIFICANT: Final = 4.0
_SIGNIFICANT_IN_ROW: Final = 1.0
_SEED_VOTES: Final = 4
"""Equally spaced pairs that make a point the first of its kind: one in a hundred of a film has
them (development seeds)."""
_VOTES: Final = 2
_GROWTH_PASSES: Final = 40
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
    look = _Look(image, noise, pitch_px, false_alarms, least_share)
    known, found = look.beside(known)
    found = found.take(far_from(covered, found.positions_px, distance_px=_COVERED * pitch_px))
    start = _joined(known, found)
    vouched = np.concatenate([np.zeros(len(known), dtype=bool), found.in_row])
    for passes in (_ROUGH_PASSES, 10):
        rough = passes == _ROUGH_PASSES
        fit = refine(image, start, noise=noise, max_passes=passes, rough=rough, device=device)
        kept = np.arange(len(start)) < len(known)
        kept |= _stands(start, fit, vouched, len(known), pitch_px, least_share)
        if rough:
            start, vouched = start.take(kept), vouched[kept]
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


@dataclass(frozen=True)
class _Look:
    """An image and what counts in it.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Columns bright.
    noise : NoiseModel
    pitch_px : float
    false_alarms, least_share : float
        See :func:`find_weak_columns`.
    """

    image: Image
    noise: NoiseModel
    pitch_px: float
    false_alarms: float
    least_share: float

    @property
    def scale_px(self) -> float:
        """Sigma of the filter [px]."""
        return SCALE * self.pitch_px

    def beside(self, strong: Shapes) -> tuple[Shapes, Candidates]:
        """Return what is significant, near strong columns but on none, and repeats with them.

        The strong columns come first, moved to where this filter clearly shows them: what was
        fitted to two columns at once lies between them.
        """
        smooth, response = blob_response(self.image, scale_px=self.scale_px)
        limit = false_alarm_threshold(
            self.image.size, scale_px=self.scale_px, expected=self.false_alarms
        )
        at = np.clip(np.rint(strong.centre_px).astype(int), 0, np.array(self.image.shape) - 1)
        typical = typical_of(response[at[:, 0], at[:, 1]])
        if typical <= 0:
            raise ColumnsError(
                "the known columns are not what is bright, or of negative intensity dark, in this "
                "image; expected those that find_columns finds in it"
            )
        least = self.least_share * typical
        alone = maxima(response, smooth, self.noise, scale_px=self.scale_px)
        strong = self._on_their_tops(strong, alone.take(alone.significance > _CLEAR * limit))
        alone = alone.take((alone.significance > limit) & (alone.response > least))
        alone = alone.take(self._free(alone, strong.centre_px))
        rows = self._in_rows(smooth, response, limit, least)
        if rows is not None:
            taken = np.concatenate([strong.centre_px, alone.positions_px])
            alone = alone.joined(rows.take(self._free(rows, taken)))
        return strong, alone.take(self._repeats(alone.positions_px, strong.centre_px))

    def _on_their_tops(self, strong: Shapes, tops: Candidates) -> Shapes:
        """Return columns moved to the nearest of these maxima, if they are nearest to it too."""
        from scipy.spatial import cKDTree

        if not len(tops.response):
            return strong
        away, nearest = cKDTree(tops.positions_px).query(strong.centre_px)
        _, back = cKDTree(strong.centre_px).query(tops.positions_px)
        mutual = back[nearest] == np.arange(len(strong))
        close = (mutual & (away < _OWN * self.pitch_px))[:, None]
        return replace(
            strong, centre_px=np.where(close, tops.positions_px[nearest], strong.centre_px)
        )

    def _in_rows(
        self, smooth: Image, response: Image, limit: float, least: float
    ) -> Candidates | None:
        """Return what is significant once it is added up along the rows."""
        own = float(noise_of(self.noise, smooth.mean(keepdims=True), self.scale_px)[0, 0])
        rows = comb(response, pitch_px=self.pitch_px, scale_px=self.scale_px, noise=own)
        if rows is None:
            return None
        found = maxima(rows.response, smooth, self.noise, scale_px=self.scale_px, share=rows.noise)
        found = found.take((found.significance > limit) & (found.response > least))
        found = found.take(rows.goes_on(found.positions_px))
        return replace(found, in_row=np.ones(len(found.response), dtype=bool))

    def _free(self, found: Candidates, taken_px: Floats) -> Bools:
        """Mark candidates on no column that is known, near one, and not cut by the border."""
        from scipy.spatial import cKDTree

        if not len(found.response):
            return np.zeros(0, dtype=bool)
        last = np.array(self.image.shape) - 1
        rim = np.minimum(found.positions_px, last - found.positions_px).min(axis=1)
        away = cKDTree(taken_px).query(found.positions_px)[0]
        near = (away > _OWN * self.pitch_px) & (away < _NEAREST_STRONG * self.pitch_px)
        return near & (rim > _RIM * self.pitch_px)

    def _repeats(self, points_px: Floats, strong_px: Floats) -> Bools:
        """Mark points equally spaced with two others many times over, and what continues these."""
        everything = np.concatenate([points_px, strong_px])
        accepted = self._votes(points_px, everything, among=True) >= _SEED_VOTES
        for _ in range(_GROWTH_PASSES):
            open_ = np.flatnonzero(~accepted)
            lattice = np.concatenate([points_px[accepted], strong_px])
            new = open_[self._votes(points_px[open_], lattice) >= _VOTES]
            if not accepted.any() or not len(new):
                break
            accepted[new] = True
        return accepted

    def _votes(
        self, points_px: Floats, lattice_px: Floats, *, among: bool = False
    ) -> NDArray[np.int64]:
        """Count how often each point is equally spaced with two of a lattice."""
        if not len(points_px):
            return np.zeros(0, dtype=np.int64)
        beyond, between = lattice_votes(points_px, lattice_px, pitch_px=self.pitch_px, among=among)
        return beyond + between


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
    pairs = cKDTree(centre).query_pairs(0.5 * _OWN * pitch_px, output_type="ndarray")
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
    start: Shapes, fit: Fit, vouched: Bools, n_known: int, pitch_px: float, least_share: float
) -> Bools:
    """Mark columns that are where they were seen, as a fit of all of them says."""
    from scipy.spatial import cKDTree

    shapes = fit.shapes
    sigma = np.sqrt(noise_level(fit) / np.maximum(fit.fisher[:, 2, 2], 1e-30))
    typical = typical_of(shapes.height[:n_known])
    stands = shapes.height / sigma > np.where(vouched, _SIGNIFICANT_IN_ROW, _SIGNIFICANT)
    stands &= shapes.height > 0.5 * least_share * typical
    moved = np.hypot(*(shapes.centre_px - start.centre_px).T)
    stands &= moved < _FARTHEST * pitch_px
    pairs = cKDTree(shapes.centre_px).query_pairs(_OWN * pitch_px, output_type="ndarray")
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    # What is known comes first; of two new ones the higher one stays.
    lower = (second < n_known) | (first < n_known)
    lower |= shapes.height[first] >= shapes.height[second]
    stands[np.where(lower, second, first)] = False
    return stands
