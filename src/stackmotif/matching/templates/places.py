"""Where patches are taken from an image, and the patches themselves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ResultError

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Centres of patches in an image, and how the patch's axes lie in it.

    Parameters
    ----------
    positions_px : ndarray, shape (n, 2)
        Centres (y, x) [px]; the centre of pixel (0, 0) is the origin.
    axes_px : ndarray, shape (n, 2, 2) or (2, 2)
        Takes a template's (down, right) [Å] to the image's (y, x) [px]: rotation, shear, and the
        size of a pixel.

    Raises
    ------
    ResultError
        If the shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> turned = Places(np.array([[20.0, 30.0]]), np.array([[0.0, 5.0], [-5.0, 0.0]]))
    >>> len(turned), turned.axes_px.shape
    (1, (1, 2, 2))
    """

    positions_px: Floats
    axes_px: Floats

    def __post_init__(self) -> None:
        positions = np.asarray(self.positions_px, dtype=np.float64)
        axes = np.asarray(self.axes_px, dtype=np.float64)
        if positions.ndim != 2 or positions.shape[1] != 2:
            raise ResultError(f"places have shape {positions.shape}; expected (n, 2), (y, x) in px")
        if axes.shape not in ((2, 2), (len(positions), 2, 2)):
            raise ResultError(
                f"axes of patches have shape {axes.shape}; expected (2, 2) or "
                f"({len(positions)}, 2, 2), in px per Å"
            )
        if not (np.isfinite(positions).all() and np.isfinite(axes).all()):
            raise ResultError("places or their axes are not finite; expected numbers only")
        object.__setattr__(self, "positions_px", positions)
        full = np.broadcast_to(axes, (len(positions), 2, 2))
        object.__setattr__(self, "axes_px", full)

    @classmethod
    def upright(cls, positions_px: Floats, *, pixel_size_A: float) -> "Places":
        """Return places whose patches lie as the image does."""
        return cls(positions_px, np.eye(2) / pixel_size_A)

    def __len__(self) -> int:
        return len(self.positions_px)

    def __getitem__(self, index: Any) -> "Places":
        return Places(self.positions_px[index], self.axes_px[index])


@dataclass(frozen=True)
class PatchGrid:
    """The points of a patch: rows downwards and columns to the right around its centre.

    Parameters
    ----------
    shape : tuple of int
        Points (y, x).
    step_A : float
        Distance of neighbouring points [Å].
    """

    shape: tuple[int, int]
    step_A: float

    def __len__(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def area_A2(self) -> float:
        """Area of a patch [Å²]."""
        return len(self) * self.step_A**2

    @property
    def offsets_A(self) -> Floats:
        """Points (down, right) from the centre [Å], shape (point, 2)."""
        down, right = (self.step_A * (np.arange(n) - (n - 1) / 2) for n in self.shape)
        return np.stack(np.meshgrid(down, right, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def corners_A(self) -> Floats:
        """The four outermost points (down, right) [Å], shape (4, 2)."""
        down, right = (self.step_A * (n - 1) / 2 for n in self.shape)
        return np.array([[-down, -right], [-down, right], [down, -right], [down, right]])


def whole_inside(places: Places, grid: PatchGrid, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which patches lie inside an image of ``shape`` (y, x), shape (n,)."""
    corners = places.positions_px[:, None] + np.einsum(
        "nij,cj->nci", places.axes_px, grid.corners_A
    )
    return np.all((corners >= 0) & (corners <= np.array(shape) - 1.0), axis=(1, 2))


def points_inside(places: Places, grid: PatchGrid, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which points of patches lie inside an image, shape (n, point)."""
    inside = np.repeat(whole_inside(places, grid, shape)[:, None], len(grid), axis=1)
    cut = np.flatnonzero(~inside[:, 0])
    points = places.positions_px[cut, None] + np.einsum(
        "nij,pj->npi", places.axes_px[cut], grid.offsets_A
    )
    inside[cut] = np.all((points >= 0) & (points <= np.array(shape) - 1.0), axis=2)
    return inside


def sample(
    image: "torch.Tensor", places: Places, grid: PatchGrid
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return an image (y, x) at the points of patches, by cubic convolution, and the points.

    Values have the shape (n, point); points (n, point, 2) are (x, y), -1 to 1 over the image.
    Points outside take what the nearest edge has.
    """
    import torch

    # The scale of grid_sample, x before y, is put into centres and axes: points are made once.
    half = 0.5 * (np.array(image.shape, dtype=np.float64) - 1)
    centres = (places.positions_px / half - 1)[:, ::-1]
    axes = (places.axes_px / half[:, None])[:, ::-1]
    numbers: Any = {"dtype": torch.float32, "device": image.device}
    centre = torch.tensor(centres.copy(), **numbers)
    axis = torch.tensor(axes.copy(), **numbers)
    offsets = torch.tensor(grid.offsets_A.T.copy(), **numbers)
    points = torch.stack(
        [torch.addmm(centre[:, k : k + 1], axis[:, k], offsets) for k in (0, 1)], dim=-1
    )
    values = torch.nn.functional.grid_sample(
        image[None, None], points[None], mode="bicubic", padding_mode="border", align_corners=True
    )
    return values[0, 0], points


def patches_at(image: NDArray[Any], places: Places, grid: PatchGrid) -> NDArray[np.float32]:
    """Return patches resampled to a grid, shape (n, point); edges go on beyond the image."""
    import torch

    if not len(places):
        return np.empty((0, len(grid)), dtype=np.float32)
    with torch.no_grad():
        values, _ = sample(torch.tensor(np.array(image, dtype=np.float32)), places, grid)
    return np.asarray(values)
