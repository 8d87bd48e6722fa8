"""Images of stacks with lateral walls, from an atlas of words and one of wall tiles.

An abrupt wall is the stack on its left blended into the one on its right, plus what the wall tile
has beyond that, a difference that fades away. In a continuous wall shifts and phases of the rows
change along x: every column of pixels is that of the word that stands there.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.geometry import FINE_SHIFTS
from stackmotif.imaging.atlas.source import blurred, oversampling
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.atlas.walls.blending import BlendedWords
from stackmotif.imaging.atlas.walls.building import WallAtlas
from stackmotif.imaging.atlas.walls.canvas import Canvas
from stackmotif.imaging.atlas.walls.differences import WallDifferences
from stackmotif.imaging.atlas.walls.field import LateralField
from stackmotif.imaging.atlas.walls.views import all_views
from stackmotif.imaging.microscope import Detector, Microscope
from stackmotif.stacking import Word
from stackmotif.structures.lateral.rows import Jump

if TYPE_CHECKING:
    import torch

    from stackmotif.imaging.atlas.model import Atlas


class PreparedWalls:
    """Words and walls of an atlas made ready for some detectors at one thickness.

    Parameters
    ----------
    atlas : Atlas
        Tiles of words.
    detectors : Microscope, str, or sequence of Detector or str
        See :class:`PreparedAtlas`.
    thickness_A : float
        One of the exit planes [Å].
    walls : WallAtlas, optional
        Tiles of abrupt walls; without them walls must be continuous.
    device, dtype : str
        Where and how images are computed.

    Raises
    ------
    SimulationError
        If the beam, an edge of a detector or the thickness is none of the atlas, or the wall tiles
        belong to another one.

    Examples
    --------
    >>> prepared = PreparedWalls(atlas, "stem-300kV", thickness_A=40, walls=walls)  # doctest: +SKIP
    >>> asu = prepared.image(  # doctest: +SKIP
    ...     "|R+6|", jumps=[Jump(3, 7, 1)], pixel_size_A=0.2, field_A=(28, 36)
    ... )
    """

    def __init__(
        self,
        atlas: "Atlas",
        detectors: Microscope | str | Sequence[Detector | str],
        *,
        thickness_A: float,
        walls: WallAtlas | None = None,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        self.words = PreparedAtlas(
            atlas, detectors, thickness_A=thickness_A, device=device, dtype=dtype
        )
        self.detectors = self.words.detectors
        self._blended = BlendedWords(self.words)
        if isinstance(detectors, str):
            detectors = Microscope.preset(detectors)
        listed = detectors.detectors if isinstance(detectors, Microscope) else detectors
        self._differences = None if walls is None else WallDifferences(walls, self._blended, listed)

    def image(
        self,
        word: Word | str,
        *,
        jumps: Sequence[Jump],
        pixel_size_A: float,
        field_A: tuple[float, float],
        position_A: tuple[float, float] = (0.0, 0.0),
        scale: tuple[float, float] = (1.0, 1.0),
        blur_sigma_A: float | None = None,
        between_shifts: bool = False,
        blended: bool = False,
    ) -> NDArray[np.float32]:
        """Return the image of a stack with walls.

        Parameters
        ----------
        word : Word or str
            The stack at the left end, periodic; repeated until it closes along c.
        jumps : sequence of Jump
            The walls, as :func:`stackmotif.structures.build_lateral` takes them.
        pixel_size_A : float
            Pixel edge [Å].
        field_A : tuple of float
            Height and width [Å].
        position_A : tuple of float
            Where the metal of slab 0 and column 0 is, (y, x) from the centre of pixel (0, 0) [Å].
        scale : tuple of float
            Magnification about that point along (y, x).
        blur_sigma_A : float, optional
            Standard deviation of the source [Å]; the microscope's by default.
        between_shifts : bool
            Allow continuous walls with an atlas that has few shifts.
        blended : bool
            Allow abrupt walls of a third of the pitch without wall tiles: the stacks beside them
            are blended into each other, which is about 1 % of the contrast off in HAADF and more
            in other detectors. Wider cuts would show a column that is not there.

        Returns
        -------
        ndarray of float32, shape (detector, y, x)
            Fractions of the incident beam; y down, x right, +c up. Rows are flat: every gap has the
            height of an O3 gap, as in the models of walls.

        Raises
        ------
        StructureError, SimulationError
            If the walls make no model, or the atlas lacks what they need.
        """
        import torch

        if not 0.01 <= pixel_size_A <= 2 or not min(field_A) > 2 * pixel_size_A:
            raise SimulationError(
                f"a field of {field_A} Å in pixels of {pixel_size_A} Å; expected pixels of 0.01 "
                "to 2 Å and two or more along each axis"
            )
        with torch.no_grad():
            image = self.render(
                [LateralField.make(word, jumps)],
                shape=tuple(int(edge / pixel_size_A + 1e-6) for edge in field_A),  # type: ignore[arg-type]
                pixel_size_A=pixel_size_A,
                position_A=position_A,
                scale=scale,
                blur_sigma_A=blur_sigma_A,
                between_shifts=between_shifts,
                blended=blended,
            )[0]
        return np.asarray(image.to("cpu", torch.float32))

    def render(
        self,
        fields: Sequence[LateralField],
        *,
        shape: tuple[int, int],
        pixel_size_A: float,
        position_A: Any = (0.0, 0.0),
        scale: Any = (1.0, 1.0),
        blur_sigma_A: Any = None,
        between_shifts: bool = False,
        blended: bool = False,
    ) -> "torch.Tensor":
        """Return images of fields, differentiable in position, scale and blur if tensors.

        Parameters
        ----------
        fields : sequence of LateralField
            Equally many slabs each.
        shape : tuple of int
            Pixels (y, x).
        pixel_size_A, position_A, scale, blur_sigma_A, between_shifts, blended
            See :meth:`image`; the same for all.

        Returns
        -------
        Tensor, shape (field, detector, y, x)
        """
        import torch

        for field in fields:
            self._check(field, between_shifts, blended)
        if len({len(field.word) for field in fields}) != 1:
            raise SimulationError(
                f"fields have {[len(field.word) for field in fields]} slabs; expected one or more "
                "fields with equally many"
            )
        place, magnified = self._tensor(position_A), self._tensor(scale)
        blur = self.words.source_sigma_A if blur_sigma_A is None else blur_sigma_A
        sigma, step = self._tensor(blur).reshape(1), pixel_size_A / magnified
        fine, pad = oversampling(
            sigma.detach(), step.detach(), band_per_A=self.words.tiles.band_per_A
        )
        rows, columns = ((n - 1) * fine + 1 + 2 * pad for n in shape)
        start = -place / magnified - pad * step / fine
        canvas = Canvas(start, step / fine, (rows, columns))
        images = self._blended.images(fields, canvas)
        if self._differences is not None:
            added = [self._differences.images(field, canvas, like=images[0]) for field in fields]
            images = images + torch.stack(added)
        if not pad:
            return images
        down = blurred(images, sigma, step[:1] / fine, pad, fine)
        return blurred(down.transpose(2, 3), sigma, step[1:] / fine, pad, fine).mT

    def _tensor(self, value: Any) -> "torch.Tensor":
        import torch

        return torch.as_tensor(value, dtype=torch.float64, device=self.words.device)

    def _check(self, field: LateralField, between_shifts: bool, blended: bool) -> None:
        n = self.words.atlas.recipe.n_shifts
        if field.continuous and n < FINE_SHIFTS and not between_shifts:
            raise SimulationError(
                f"a continuous wall needs shifts between thirds and the atlas holds multiples of "
                f"1/{n}; expected an atlas with {FINE_SHIFTS} shifts or more, or between_shifts="
                "True"
            )
        if field.abrupt and self._differences is None and not blended:
            raise SimulationError(
                "abrupt walls need wall tiles and there are none; expected walls=WallAtlas, or "
                "blended=True"
            )
        if self._differences is None and any(wall.jump.thirds == 2 for wall in field.abrupt):
            raise SimulationError(
                "an abrupt wall of two thirds of the pitch needs wall tiles: blended stacks would "
                "show a column in its cut; expected walls=WallAtlas"
            )
        if self._differences is not None:
            self._differences.check(view.tile for view in all_views(field))
