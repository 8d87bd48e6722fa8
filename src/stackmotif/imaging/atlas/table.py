"""Every tile as every slab sees it, as tensors."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.views import guest_partners, turned_basis

if TYPE_CHECKING:
    import torch

    from stackmotif.imaging.atlas.channels import Signals
    from stackmotif.imaging.atlas.model import Atlas
    from stackmotif.imaging.atlas.recipe import AtlasRecipe
    from stackmotif.imaging.atlas.sampling import TileSeries


@dataclass(frozen=True)
class TileTable:
    """Coefficients of all tiles, real and imaginary parts side by side.

    Parameters
    ----------
    sides : tuple of Tensor, shape (tilt * tilt * guest * shift, basis * detector * harmonic * 2)
        A slab with the gap above it, and with the gap below it, that the row names; the other one
        is that of the reference. The first tilt is the slab's own, to which the second one and the
        shift are relative.
    reference : Tensor, shape (slab tilt, basis * detector * harmonic * 2)
        Both gaps are those of the reference.
    couplings : Tensor, shape (slab tilt * view * tile, basis * detector * harmonic * 2)
        What other fillings of two gaps add, upright and turned.
    recipe : AtlasRecipe
        What the tiles are.
    gap_heights_A : Tensor of float64, shape (tilt, guest, shift)
        Height of the gap that a row names [Å].
    slab_height_A, usual_gap_A : float
        Heights of a slab and of the reference gap [Å].
    n_basis, n_detectors, n_harmonics : int
        Functions across the slab, detectors, harmonics along the pitch.
    period_A : float
        Period of the functions across the slab [Å].
    band_per_A : float
        Highest spatial frequency of an image [1/Å].
    """

    sides: tuple["torch.Tensor", "torch.Tensor"]
    reference: "torch.Tensor"
    couplings: "torch.Tensor"
    recipe: "AtlasRecipe"
    gap_heights_A: "torch.Tensor"
    slab_height_A: float
    usual_gap_A: float
    n_basis: int
    n_detectors: int
    n_harmonics: int
    period_A: float
    band_per_A: float

    @classmethod
    def make(
        cls,
        atlas: "Atlas",
        series: "TileSeries",
        seen: "Signals",
        *,
        device: "torch.device",
        dtype: "torch.dtype",
    ) -> "TileTable":
        """Return the table of an atlas and its series."""
        import torch

        def flat(*views: NDArray[np.complex128]) -> "torch.Tensor":
            stacked = np.stack(views)
            size = math.prod(stacked.shape[-3:])
            pairs = np.ascontiguousarray(stacked.reshape(-1, size)).view(np.float64)
            return torch.as_tensor(pairs, dtype=dtype, device=device)

        tiles, usual = series.coefficients, series.reference
        across, down = seen.x_sign[:, None], seen.y_sign[:, None]
        turned = turned_basis(tiles)[:, guest_partners(atlas.guests)]
        filled = series.couplings
        upside_down = turned_basis(filled)
        heights = torch.as_tensor(atlas.gap_heights_A, dtype=torch.float64, device=device)
        return cls(
            sides=(
                flat(tiles, tiles.conj() * across),
                flat(turned.conj() * across * down, turned * down),
            ),
            reference=flat(usual, usual.conj() * across),
            couplings=flat(
                filled,
                upside_down.conj() * across * down,
                filled.conj() * across,
                upside_down * down,
            ),
            recipe=atlas.recipe,
            gap_heights_A=heights,
            slab_height_A=atlas.slab_height_A,
            usual_gap_A=float(atlas.gap_heights_A[atlas.reference]),
            n_basis=tiles.shape[3],
            n_detectors=tiles.shape[4],
            n_harmonics=tiles.shape[5],
            period_A=series.period_A,
            band_per_A=series.band_per_A,
        )

    @property
    def dtype(self) -> "torch.dtype":
        """Type of the images."""
        return self.reference.dtype

    @property
    def device(self) -> "torch.device":
        """Where the table is."""
        return self.reference.device

    @property
    def n_shifts(self) -> int:
        """Number of equidistant shifts."""
        return int(self.gap_heights_A.shape[2])

    def tensor(self, values: Any) -> "torch.Tensor":
        """Return values as float64 beside the table; a tensor keeps its gradient."""
        import torch

        return torch.as_tensor(values, dtype=torch.float64, device=self.device)

    def indices(self, values: Any) -> "torch.Tensor":
        """Return whole numbers beside the table."""
        import torch

        return torch.as_tensor(values, dtype=torch.int64, device=self.device)
