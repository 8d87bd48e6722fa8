"""Where weak columns are beside strong ones, to about a pixel."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns.detection import lattice_votes, typical_of
from stackmotif.columns.filtering import Candidates, Filtered, in_rows
from stackmotif.columns.noise import Image, NoiseModel
from stackmotif.columns.refinement import Shapes
from stackmotif.errors import ColumnsError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SCALE: Final = 0.15
"""Sigma of the filter in units of the pitch: fine enough for columns half a pitch apart."""
OWN: Final = 0.35
"""Radius around a column in which there is no other [pitches]."""
_CLEAR: Final = 2.0
"""Significance, relative to that which counts, of a maximum that a known column is moved to."""
_RIM: Final = 0.2
"""What lies nearer to the border is not looked for [pitches]: half a column may be cut off."""
_NEAREST_STRONG: Final = 1.5
"""Farthest that a strong column may be [pitches]."""
_SEED_VOTES: Final = 4
"""Equally spaced pairs that make a point the first of its kind: one in a hundred of a film has
them (development seeds)."""
_VOTES: Final = 2
_GROWTH_PASSES: Final = 40


@dataclass(frozen=True)
class Look:
    """An image and what counts in it as a column beside strong ones.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Columns bright.
    noise : NoiseModel
    pitch_px : float
    false_alarms, least_share : float
        See :func:`stackmotif.columns.find_weak_columns`.
    """

    image: Image
    noise: NoiseModel
    pitch_px: float
    false_alarms: float
    least_share: float

    def beside(self, strong: Shapes) -> tuple[Shapes, Candidates]:
        """Return what is significant, near strong columns but on none, and repeats with them.

        The strong columns come first, moved to where this filter clearly shows them: what was
        fitted to two columns at once lies between them.
        """
        filtered = Filtered.of(self.image, self.noise, SCALE * self.pitch_px)
        limit, response = filtered.limit(self.false_alarms), filtered.response
        at = np.clip(np.rint(strong.centre_px).astype(int), 0, np.array(self.image.shape) - 1)
        typical = typical_of(response[at[:, 0], at[:, 1]])
        if typical <= 0:
            raise ColumnsError(
                "the known columns are not what is bright, or of negative intensity dark, in this "
                "image; expected those that find_columns finds in it"
            )
        least = self.least_share * typical
        alone = filtered.maxima()
        strong = self._on_their_tops(strong, alone.take(alone.significance > _CLEAR * limit))
        alone = alone.take((alone.significance > limit) & (alone.response > least))
        alone = alone.take(self._free(alone, strong.centre_px))
        rows = in_rows(filtered, self.pitch_px, least=limit)
        if rows is not None:
            rows = rows.take(rows.response > least)
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
        close = (mutual & (away < OWN * self.pitch_px))[:, None]
        return replace(
            strong, centre_px=np.where(close, tops.positions_px[nearest], strong.centre_px)
        )

    def _free(self, found: Candidates, taken_px: Floats) -> Bools:
        """Mark candidates on no column that is known, near one, and not cut by the border."""
        from scipy.spatial import cKDTree

        if not len(found.response):
            return np.zeros(0, dtype=bool)
        last = np.array(self.image.shape) - 1
        rim = np.minimum(found.positions_px, last - found.positions_px).min(axis=1)
        away = cKDTree(taken_px).query(found.positions_px)[0]
        near = (away > OWN * self.pitch_px) & (away < _NEAREST_STRONG * self.pitch_px)
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
