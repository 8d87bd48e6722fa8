"""Images of any stacking, put together from the tiles of an atlas.

With the two gaps of a slab independent of each other, its part of the image is

    I = U(gap above) + L(gap below) - I_ref,

where U, L and I_ref are the tiles with one, the other or both of its gaps that of the reference
stacking. What the fillings of several gaps do to each other comes on top (``couplings``). Parts of
neighbouring slabs are blended smoothly in the middle of the gap between them.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.channels import check_beam, check_round, signals
from stackmotif.imaging.atlas.geometry import Stacks, check_lengths, stacks_of_words
from stackmotif.imaging.atlas.layout import Shown, added
from stackmotif.imaging.atlas.parts import basis_on_lines, word_parts
from stackmotif.imaging.atlas.points import turned_pixels_A, values_at
from stackmotif.imaging.atlas.sampling import tile_series
from stackmotif.imaging.atlas.source import blurred, oversampling
from stackmotif.imaging.atlas.table import TileTable
from stackmotif.imaging.engines.devices import choose_device
from stackmotif.imaging.microscope import Detector, Microscope
from stackmotif.stacking import Word

if TYPE_CHECKING:
    import torch

    from stackmotif.imaging.atlas.model import Atlas
    from stackmotif.structures.lattices.lattice import Lattice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_PIXELS: Final = 20_000


class PreparedAtlas:
    """An atlas made ready for some detectors at one thickness.

    Parameters
    ----------
    atlas : Atlas
        Tiles.
    detectors : Microscope, str, or sequence of Detector or str
        A microscope or preset whose beam is that of the atlas, with its detectors and source size;
        or detectors alone, ``com_x`` and ``com_y`` among them where wanted [mrad].
    thickness_A : float
        One of the atlas's exit planes [Å].
    interpolate : bool
        Whether a thickness between two exit planes is interpolated.
    device, dtype : str
        Where and how images are computed: ``cpu``, ``cuda`` or ``auto``; ``float32`` or
        ``float64``.

    Raises
    ------
    SimulationError
        If the beam, an edge of a detector or the thickness is none of the atlas, or the device has
        no double precision.

    Examples
    --------
    >>> prepared = PreparedAtlas(default_atlas(), "stem-300kV", thickness_A=80)  # doctest: +SKIP
    >>> image = prepared.image("|R+[Li]|", pixel_size_A=0.2, field_A=(30, 40))  # doctest: +SKIP
    """

    def __init__(
        self,
        atlas: "Atlas",
        detectors: Microscope | str | Sequence[Detector | str],
        *,
        thickness_A: float,
        interpolate: bool = False,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        where, numbers = _device_and_dtype(device, dtype)
        self.source_sigma_A = 0.0
        if isinstance(detectors, str):
            detectors = Microscope.preset(detectors)
        if isinstance(detectors, Microscope):
            check_beam(atlas, detectors)
            self.source_sigma_A = detectors.source_sigma_A
            detectors = detectors.detectors
        check_round(atlas)
        seen = signals(atlas, detectors, thickness_A=thickness_A, interpolate=interpolate)
        self.atlas = atlas
        self.detectors = seen.names
        self.thickness_A = seen.thickness_A
        series = tile_series(
            atlas,
            seen.samples,
            x_sign=seen.x_sign,
            y_sign=seen.y_sign,
            couplings=seen.couplings,
        )
        self.tiles = TileTable.make(
            atlas,
            series,
            seen,
            device=where,
            dtype=numbers,
        )

    @property
    def device(self) -> "torch.device":
        """Where images are computed."""
        return self.tiles.device

    @property
    def dtype(self) -> "torch.dtype":
        """Type of the images."""
        return self.tiles.dtype

    def stacks(
        self,
        words: Word | str | Sequence[Word | str],
        *,
        lattice: "Lattice | str | None" = None,
        mix_guests: bool = False,
        between_shifts: bool = False,
        continued: int | None = None,
    ) -> Stacks:
        """Return the stacks of words, see :func:`stacks_of_words`."""
        return stacks_of_words(
            words,
            self.atlas,
            lattice=lattice,
            mix_guests=mix_guests,
            between_shifts=between_shifts,
            continued=continued,
        )

    def image(
        self,
        words: Word | str | Sequence[Word | str],
        *,
        pixel_size_A: float,
        field_A: tuple[float, float],
        position_A: tuple[float, float] = (0.0, 0.0),
        scale: float | tuple[float, float] = 1.0,
        rotation_deg: float = 0.0,
        blur_sigma_A: float | None = None,
        lattice: "Lattice | str | None" = None,
        ends: str = "refuse",
        mix_guests: bool = False,
        between_shifts: bool = False,
    ) -> NDArray[np.float32]:
        """Return images of words.

        Parameters
        ----------
        words : Word, str, or a sequence of them
            Equally many slabs each, all periodic or all finite.
        pixel_size_A : float
            Pixel edge [Å].
        field_A : tuple of float
            Height and width of the image [Å].
        position_A : tuple of float
            Where a metal column of slab 0 is, (y, x) from the centre of pixel (0, 0) [Å].
        scale : float or tuple of float
            Magnification about that point, of everything or along (y, x): 1.01 shows the crystal
            1 % larger, as a pixel size does that is believed 1 % too large.
        rotation_deg : float
            Angle by which the crystal is turned about that point, from x towards y: clockwise as
            displayed.
        blur_sigma_A : float, optional
            Standard deviation of the source at the specimen [Å]; the microscope's by default.
        lattice : Lattice or str, optional
            Lengths of the crystal, those of the atlas by default.
        ends : {'refuse', 'continue'}
            What to do with a finite word: the atlas has no surfaces. ``continue`` lets the
            reference stacking go on above and below.
        mix_guests : bool
            Mix a partly filled gap from an empty and a full one.
        between_shifts : bool
            Interpolate between the shifts of an atlas that has few.

        Returns
        -------
        ndarray of float32, shape (word, detector, y, x)
            Fractions of the incident beam (moments: mrad); y down, x right, +c up.

        Raises
        ------
        SimulationError
            If the atlas lacks what a word needs, or the field is too large.
        """
        if ends not in ("refuse", "continue"):
            raise SimulationError(f"ends is {ends!r}; expected 'refuse' or 'continue'")
        shape = _shape(field_A, pixel_size_A)
        pair = _pair(scale)
        continued = None
        if ends == "continue":
            spacing = self.atlas.slab_height_A + float(self.atlas.gap_heights_A.min())
            edges = [abs(p) + n * pixel_size_A for p, n in zip(position_A, shape, strict=True)]
            reach = (math.hypot(*edges) if rotation_deg else edges[0]) / pair[0]
            continued = 3 + math.ceil(reach / (0.8 * spacing))
        stacks = self.stacks(
            words,
            lattice=lattice,
            mix_guests=mix_guests,
            between_shifts=between_shifts,
            continued=continued,
        )
        import torch

        with torch.no_grad():
            images = self.render(
                stacks,
                shape=shape,
                pixel_size_A=pixel_size_A,
                position_A=position_A,
                scale=pair,
                rotation_deg=rotation_deg,
                blur_sigma_A=blur_sigma_A,
            )
        return np.asarray(images.to("cpu", torch.float32))

    def render(
        self,
        stacks: Stacks,
        *,
        shape: tuple[int, int],
        pixel_size_A: float,
        position_A: Any = (0.0, 0.0),
        scale: Any = (1.0, 1.0),
        rotation_deg: Any = 0.0,
        blur_sigma_A: Any = None,
    ) -> "torch.Tensor":
        """Return images of stacks, differentiable in what is given as tensors.

        Parameters
        ----------
        stacks : Stacks
            Their shifts may be a tensor (stack, slab).
        shape : tuple of int
            Pixels (y, x).
        pixel_size_A : float
            Pixel edge [Å].
        position_A, scale : sequence or Tensor, shape (2,) or (stack, 2)
            See :meth:`image`; (y, x).
        rotation_deg : float or Tensor, shape () or (stack,)
            See :meth:`image`. A number 0 takes a shorter way, which a tensor does not.
        blur_sigma_A : float or Tensor, shape () or (stack,)
            Standard deviation of the source [Å]; the microscope's by default. At 0 the image does
            not depend on it, and neither does its gradient.

        Returns
        -------
        Tensor, shape (stack, detector, y, x)
        """
        import torch

        check_lengths(stacks, self.atlas)
        place = self.tiles.tensor(position_A).reshape(-1, 2)
        magnified = self.tiles.tensor(scale).reshape(-1, 2)
        blur = self.source_sigma_A if blur_sigma_A is None else blur_sigma_A
        sigma = self.tiles.tensor(blur).reshape(-1)
        if not (isinstance(rotation_deg, int | float) and rotation_deg == 0):
            pixels = turned_pixels_A(
                shape,
                pixel_size_A=pixel_size_A,
                position_A=place,
                scale=magnified,
                rotation_deg=self.tiles.tensor(rotation_deg).reshape(-1),
            )
            values = values_at(self, stacks, pixels, blur_sigma_A=sigma)
            return values.unflatten(2, shape)
        step = pixel_size_A / magnified[:, 0]
        fine, pad = oversampling(sigma.detach(), step.detach(), band_per_A=self.tiles.band_per_A)
        start = -place[:, 0] / magnified[:, 0] - pad * step / fine
        lines = self.lines(stacks, start, step / fine, shape[0], fine, pad)
        if pad:
            lines = blurred(lines, sigma, step / fine, pad, fine)
        x = torch.arange(shape[1], dtype=torch.float64, device=self.tiles.device) * pixel_size_A
        along = (x - place[:, 1:]) / magnified[:, 1:] / stacks.pitch_A
        waves = self.waves(along, sigma / stacks.pitch_A)
        return torch.matmul(lines, waves if len(waves) == 1 else waves[:, None])

    def lines(
        self,
        stacks: Stacks,
        start_A: "torch.Tensor",
        step_A: "torch.Tensor",
        n_lines: int,
        fine: int = 1,
        pad: int = 0,
    ) -> "torch.Tensor":
        """Return the harmonics of lines of the images, without blur.

        Parameters
        ----------
        stacks : Stacks
            What is shown.
        start_A, step_A : Tensor, shape (1,) or (stack,)
            First line and distance of lines, below the metals of slab ``first`` [Å].
        n_lines, fine, pad : int
            Lines wanted, lines in place of each of them, and how many more at either end.

        Returns
        -------
        Tensor, shape (stack, detector, line, harmonic * 2)
        """
        import torch

        count = (n_lines - 1) * fine + 1 + 2 * pad
        start, step = start_A, step_A

        tiles = self.tiles
        shifts = tiles.tensor(stacks.shifts)
        parts = word_parts(stacks, shifts, tiles)
        shown = Shown.make(stacks, start.detach(), step.detach(), count)
        basis = basis_on_lines(stacks, shown, parts, tiles, shown.away_A(tiles, start, step))
        slab = tiles.indices(shown.slab)
        coefficients = parts.coefficients.flatten(2, 3)
        chosen = coefficients.gather(
            1, slab[..., None, None].expand(-1, -1, *coefficients.shape[2:])
        )
        rows = torch.matmul(basis.flatten(3), chosen)
        rows = self._shifted(rows, shown.phases(tiles, shifts, stacks.first))
        lines = added(rows, tiles.indices(shown.target(count)), count)
        return lines.reshape(len(stacks), count, len(self.detectors), -1).transpose(1, 2)

    def _shifted(self, rows: "torch.Tensor", phase: "torch.Tensor") -> "torch.Tensor":
        """Move each slab's lines sideways by its phase."""
        import torch

        m = torch.arange(self.tiles.n_harmonics, dtype=torch.float64, device=self.tiles.device)
        angle = -2 * math.pi * (phase - phase.detach().round())[..., None] * m
        turn = torch.complex(torch.cos(angle), torch.sin(angle))
        turn = turn.to(torch.complex64 if self.tiles.dtype == torch.float32 else torch.complex128)
        waves = torch.view_as_complex(rows.reshape(*rows.shape[:3], len(self.detectors), -1, 2))
        return torch.view_as_real(waves * turn[:, :, None, None]).flatten(3)

    def waves(self, along: "torch.Tensor", sigma: "torch.Tensor") -> "torch.Tensor":
        """Return the harmonics along x [pitch], blurred, as real rows (…, 2 harmonics, x)."""
        import torch

        m = torch.arange(self.tiles.n_harmonics, dtype=torch.float64, device=self.tiles.device)
        angle = 2 * math.pi * (along - along.detach().round())[:, None] * m[:, None]
        passed = torch.exp(-2 * (math.pi * sigma[:, None] * m) ** 2)[..., None]
        waves = torch.stack([torch.cos(angle) * passed, -torch.sin(angle) * passed], dim=2)
        return waves.flatten(1, 2).to(self.tiles.dtype)


def _device_and_dtype(device: str, dtype: str) -> tuple["torch.device", "torch.dtype"]:
    import torch

    kinds = {"float32": torch.float32, "float64": torch.float64}
    chosen = choose_device(device)
    if device == "auto" and chosen == "mps":
        chosen = "cpu"
    if dtype not in kinds or chosen == "mps":
        raise SimulationError(
            f"images were asked for as {dtype} on {device!r}; expected float32 or float64, on a "
            "device that has double precision, in which places are computed: cpu or cuda"
        )
    return torch.device(chosen), kinds[dtype]


def _pair(scale: float | tuple[float, float]) -> tuple[float, float]:
    pair = (scale, scale) if isinstance(scale, int | float) else tuple(scale)
    if len(pair) != 2 or not all(math.isfinite(one) and 0.5 <= one <= 2 for one in pair):
        raise SimulationError(
            f"scale is {scale!r}; expected a number from 0.5 to 2, or one for y and one for x"
        )
    return float(pair[0]), float(pair[1])


def _shape(field_A: tuple[float, float], pixel_size_A: float) -> tuple[int, int]:
    if not (math.isfinite(pixel_size_A) and 0.01 <= pixel_size_A <= 2):
        raise SimulationError(f"pixel size is {pixel_size_A} Å; expected 0.01 to 2 Å")
    counts = [int(edge / pixel_size_A + 1e-6) for edge in field_A]
    if len(counts) != 2 or min(counts) < 2 or max(counts) > _MOST_PIXELS:
        raise SimulationError(
            f"a field of {field_A} Å has {counts} pixels of {pixel_size_A} Å; expected 2 to "
            f"{_MOST_PIXELS} along each of two axes"
        )
    return counts[0], counts[1]
