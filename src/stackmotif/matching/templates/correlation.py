"""Every patch against every template: one matrix multiplication per chunk of patches."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ResultError
from stackmotif.imaging.engines.devices import choose_device, fitting
from stackmotif.matching.templates.places import (
    PatchGrid,
    Places,
    sample,
    whole_inside,
)

if TYPE_CHECKING:
    import torch

LEAST_INSIDE: Final = 0.5
"""Share of a patch that has to lie inside the image, a judgement."""
_MOST_AT_ONCE: Final = {"cpu": 512, "cuda": 8192}
"""Patches per chunk: on a CPU they stay in its cache."""
_FLAT: Final = 1e-6
"""Standard deviation of a patch, relative to the image's, below which nothing correlates."""


@dataclass(frozen=True)
class Patterns:
    """Template images of one size.

    Parameters
    ----------
    images : ndarray, shape (template, y, x)
        Any units; only how they vary counts.
    step_A : float
        Pixel edge [Å].

    Raises
    ------
    ResultError
        If they have another shape, are not finite, or one is constant.
    """

    images: NDArray[np.float32]
    step_A: float

    def __post_init__(self) -> None:
        images = np.asarray(self.images, dtype=np.float32)
        if images.ndim != 3 or not len(images) or min(images.shape[1:]) < 2:
            raise ResultError(
                f"templates have shape {images.shape}; expected (template, y, x), one or more of "
                "2 x 2 pixels or more"
            )
        if not np.isfinite(images).all():
            raise ResultError("templates hold values that are not finite; expected numbers only")
        spread = np.ptp(images, axis=(1, 2))
        if not (spread > 0).all():
            raise ResultError(
                f"template {int(np.argmin(spread))} is constant; expected contrast: nothing "
                "correlates with it"
            )
        if not (np.isfinite(self.step_A) and self.step_A > 0):
            raise ResultError(f"step of templates is {self.step_A} Å; expected a positive number")
        object.__setattr__(self, "images", images)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def grid(self) -> PatchGrid:
        """The points of a template."""
        return PatchGrid((self.images.shape[1], self.images.shape[2]), float(self.step_A))


@dataclass(frozen=True)
class Matches:
    """Correlations of patches with templates.

    Parameters
    ----------
    ncc : ndarray of float32, shape (n, template)
        Zero-mean normalised cross-correlation over what lies inside the image, -1 to 1; NaN where
        too little does, or a patch is flat.
    inside : ndarray of float32, shape (n,)
        Share of each patch inside the image.
    """

    ncc: NDArray[np.float32]
    inside: NDArray[np.float32]

    def best(self, k: int) -> NDArray[np.int64]:
        """Return the ``k`` best templates of every place, best first, shape (n, k)."""
        known = np.where(np.isnan(self.ncc), -2.0, self.ncc)
        k = min(k, known.shape[1])
        top = np.argpartition(-known, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(known, top, axis=1), axis=1)
        return np.take_along_axis(top, order, axis=1)


def match_patches(
    image: NDArray[Any],
    places: Places,
    templates: Patterns,
    *,
    device: str = "cpu",
    least_inside: float = LEAST_INSIDE,
    chunk: int | None = None,
) -> Matches:
    """Correlate the patch at every place with every template.

    Patches are resampled to the templates' grid by cubic convolution, in the local axes of their
    place. Where a patch reaches beyond the image, both sides are normalised over what is inside.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Intensity in any unit.
    places : Places
        Where, to a fraction of a pixel.
    templates : Patterns
        What with.
    device : str
        ``cpu``, ``cuda`` or ``auto``.
    least_inside : float
        Share of a patch that has to be inside.
    chunk : int, optional
        Patches at once; by default as many as fit into the memory, 512 at most on a CPU.

    Returns
    -------
    Matches

    Raises
    ------
    ResultError
        If the image is none.
    SimulationError
        If the device is not there.

    Examples
    --------
    >>> image = np.random.default_rng(1).normal(size=(60, 60)).astype(np.float32)
    >>> one = Patterns(image[10:21, 20:31][None], step_A=0.2)
    >>> here = Places.upright(np.array([[15.0, 25.0], [40.0, 40.0]]), pixel_size_A=0.2)
    >>> [round(float(value), 3) >= 0.999 for value in match_patches(image, here, one).ncc[:, 0]]
    [True, False]
    """
    import torch

    pixels = np.array(image, dtype=np.float32)
    if pixels.ndim != 2 or min(pixels.shape) < 2 or not np.isfinite(pixels).all():
        raise ResultError(
            f"image has shape {pixels.shape}; expected two axes (y, x) and finite numbers"
        )
    where = torch.device(choose_device(device))
    grid = templates.grid
    size = chunk or fitting(
        where.type, bytes_each=32 * len(grid), most=_MOST_AT_ONCE.get(where.type, 2048)
    )
    spread = float(pixels.std()) or 1.0
    prepared = _Prepared.make(templates, torch.as_tensor(pixels - pixels.mean(), device=where))
    whole = whole_inside(places, grid, pixels.shape)
    ncc = np.full((len(places), len(templates)), np.nan, dtype=np.float32)
    inside = np.ones(len(places), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(places), size):
            part = np.arange(start, min(start + size, len(places)))
            for members, masked in ((part[whole[part]], False), (part[~whole[part]], True)):
                if len(members):
                    found, share = prepared.correlate(places[members], _FLAT * spread, masked)
                    ncc[members] = found.cpu().numpy()
                    inside[members] = share.cpu().numpy()
    ncc[inside < least_inside] = np.nan
    return Matches(ncc, inside)


@dataclass(frozen=True)
class _Prepared:
    """An image and normalised templates on a device."""

    image: "torch.Tensor"
    unit: "torch.Tensor"
    grid: PatchGrid

    @classmethod
    def make(cls, templates: Patterns, image: "torch.Tensor") -> "_Prepared":
        import torch

        flat = torch.as_tensor(templates.images, device=image.device).flatten(1).double()
        flat = flat - flat.mean(dim=1, keepdim=True)
        unit = flat / flat.norm(dim=1, keepdim=True)
        return cls(image, unit.float().T.contiguous(), templates.grid)

    def correlate(
        self, places: Places, least: float, masked: bool
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Return correlations (n, template), and the shares of patches inside (n,)."""
        import torch

        patches, points = sample(self.image, places, self.grid)
        if masked:
            mask = (points.abs() <= 1).all(dim=-1).to(patches.dtype)
            return self._masked(patches, mask, least)
        patches = patches - patches.mean(dim=1, keepdim=True)
        norm = patches.norm(dim=1, keepdim=True)
        norm = torch.where(norm > least * len(self.grid) ** 0.5, norm, torch.nan)
        return (patches @ self.unit) / norm, torch.ones(len(patches), device=patches.device)

    def _masked(
        self, patches: "torch.Tensor", mask: "torch.Tensor", least: float
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        import torch

        count = mask.sum(dim=1, keepdim=True).clamp(min=1)
        patches = mask * (patches - (mask * patches).sum(dim=1, keepdim=True) / count)
        norm = patches.norm(dim=1, keepdim=True)
        norm = torch.where(norm > least * count.sqrt(), norm, torch.nan)
        spread = mask @ self.unit**2 - (mask @ self.unit) ** 2 / count
        return (patches @ self.unit) / norm / spread.clamp(min=1e-12).sqrt(), mask.mean(dim=1)
