"""Metal in the guest layer: how far the guest sites stand out, against the metal's own columns."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ResultError
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.orientation import from_row_frame, to_row_frame

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DETECTORS: Final = ("adf", "haadf")
"""Detectors on which a guest site without metal is dark: lithium hardly scatters there."""
MEANING: Final = (
    "height of a peak at the guest site over that of the metal's columns beside it; "
    "not an occupancy, see docs/grains.md for how the two go together"
)
_HALF_A: Final = 1.3  # half edge of the patch about a site; the rows are 2.4 away
_SIGMA_A: Final = (0.35, 0.75)  # limits of a column's width
_FEWEST: Final = 20
_BATCH: Final = 4000
_DECIDED: Final = ("+", "0", "-")


@dataclass(frozen=True)
class GuestMetal:
    """One value per cell whose state is known.

    Parameters
    ----------
    cell : ndarray of int, shape (n,)
        Line of ``result.shifts``.
    y_A, x_A : ndarray, shape (n,)
        The guest site [Å].
    relative : ndarray, shape (n,)
        Height of the peak there over the mean height of the metal columns around.
    sigma : ndarray, shape (n,)
        Its standard error, from the noise of the pixels alone.
    """

    cell: Ints
    y_A: Floats
    x_A: Floats
    relative: Floats
    sigma: Floats

    def __len__(self) -> int:
        return len(self.cell)


def guest_metal(result: MotifMap) -> GuestMetal | None:
    """Measure the guest sites of every cell of a HAADF or ADF image.

    The site is at the middle of the gap. Sideways it is where the octahedron between the two
    slabs is: half a pitch beside the middle of the two columns of a ``+`` or ``-`` cell, and
    between them in a ``0`` cell. In ``-`` gaps that only glided (P3) guests sit elsewhere, and
    the value does not count for them.

    Parameters
    ----------
    result : MotifMap
        A result with its image.

    Returns
    -------
    GuestMetal or None
        None without an image, a stacking, a fitting detector, or enough cells.
    """
    lattice = result.summary.get("lattice")
    if result.image is None or result.detector not in DETECTORS or lattice is None:
        return None
    shifts = result.shifts
    cell = np.flatnonzero(np.isin(shifts["state"], _DECIDED))
    if len(cell) < _FEWEST or result.summary["status"] == "failed":
        return None
    angle = np.radians(lattice["rotation_deg"])
    aside = np.where(shifts["state"][cell] == "0", 0.0, 0.5 * lattice["pitch_A"])
    dy, dx = from_row_frame(aside, 0.0 * aside, angle)
    places = np.stack([shifts["y_A"][cell] + dy, shifts["x_A"][cell] + dx], axis=1)
    rows = result.columns["row"] >= 0
    metal = np.stack([result.columns["y_A"], result.columns["x_A"]], axis=1)[rows]
    own, _ = _heights(result, metal, angle)
    inside = _inside(places, result)
    cell, places = cell[inside], places[inside]
    height, sigma = _heights(result, places, angle)
    scale = _beside(places, metal, own)
    good = (scale > 0) & np.isfinite(height)
    return GuestMetal(
        cell=cell[good],
        y_A=places[good, 0],
        x_A=places[good, 1],
        relative=height[good] / scale[good],
        sigma=sigma[good] / scale[good],
    )


def describe_guests(measured: GuestMetal | None) -> dict[str, Any] | None:
    """Return the field's mean and what it means; None where nothing was measured."""
    if measured is None or not len(measured):
        return None
    n = len(measured)
    return {
        "relative_height": round(float(np.mean(measured.relative)), 4),
        "relative_height_sigma": float(f"{np.std(measured.relative) / np.sqrt(n):.2g}"),
        "n_cells": n,
        "means": MEANING,
    }


def _image(result: MotifMap) -> NDArray[np.float32]:
    """Return the image; a result without one has no guest sites to look at."""
    if result.image is None:
        raise ResultError("the result holds no image; expected one of an image, not of columns")
    return result.image


def _inside(places_A: Floats, result: MotifMap) -> NDArray[np.bool_]:
    edge = (np.array(_image(result).shape) - 1) * result.pixel_size_A - 1.5 * _HALF_A
    return np.asarray(np.all((places_A > 1.5 * _HALF_A) & (places_A < edge), axis=1))


def _heights(result: MotifMap, places_A: Floats, angle_rad: float) -> tuple[Floats, Floats]:
    """Return the height of a peak of common width at each place, and its error.

    A peak on a background that curves along and across the rows, by least squares on the pixels
    as they are.
    """
    width = _width_A(result)
    parts = [
        _fitted(result, places_A[start : start + _BATCH], angle_rad, width)
        for start in range(0, len(places_A), _BATCH)
    ]
    height, sigma = zip(*parts, strict=True)
    return np.concatenate(height), np.concatenate(sigma)


def _fitted(
    result: MotifMap, places_A: Floats, angle_rad: float, width_A: float
) -> tuple[Floats, Floats]:
    image, size = _image(result), result.pixel_size_A
    reach = np.arange(-np.ceil(_HALF_A / size), np.ceil(_HALF_A / size) + 1)
    steps = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    middle = np.rint(places_A / size)
    at = (middle[:, None] + steps).astype(np.int64)
    top = np.array(image.shape) - 1
    pixels = image[tuple(np.moveaxis(np.clip(at, 0, top), -1, 0))].astype(np.float64)
    u, v = to_row_frame((at * size - places_A[:, None]).reshape(-1, 2), angle_rad)
    u, v = u.reshape(pixels.shape), v.reshape(pixels.shape)
    used = (np.hypot(u, v) <= _HALF_A) & ((at >= 0) & (at <= top)).all(axis=-1)
    peak = np.exp(-0.5 * (u**2 + v**2) / width_A**2)
    design = np.stack([peak, np.ones_like(u), u, v, u**2, v**2], axis=-1) * used[..., None]
    level = np.mean(pixels, axis=1, keepdims=True)
    target = (pixels - level) * used
    normal = design.swapaxes(1, 2) @ design + 1e-9 * np.eye(design.shape[-1])
    inverse = np.linalg.inv(normal)
    found = np.einsum("nij,nkj,nk->ni", inverse, design, target)
    rest = (target - np.einsum("nkj,nj->nk", design, found)) * used
    free = np.maximum(used.sum(axis=1) - design.shape[-1], 1)
    noise = np.sqrt((rest**2).sum(axis=1) / free)
    return found[:, 0], noise * np.sqrt(inverse[:, 0, 0])


def _width_A(result: MotifMap) -> float:
    """Return the width of the metal's columns from the curvature of their mean image [Å]."""
    from scipy.ndimage import map_coordinates

    rows = result.columns["row"] >= 0
    places = np.stack([result.columns["y_A"], result.columns["x_A"]], axis=1)[rows]
    radius = np.array([0.0, 0.5, 1.2])
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    away = np.stack([np.sin(turn), np.cos(turn)], axis=1)
    at = places[:, None, None, :] + radius[:, None, None] * away
    pixels = map_coordinates(
        _image(result).astype(np.float64),
        np.moveaxis(at, -1, 0) / result.pixel_size_A, order=1, mode="nearest",
    )  # fmt: skip
    top, side, floor = pixels.mean(axis=(0, 2))
    share = np.clip((side - floor) / max(top - floor, 1e-12), 0.05, 0.95)
    return float(np.clip(0.5 / np.sqrt(-2.0 * np.log(share)), *_SIGMA_A))


def _beside(places_A: Floats, metal_A: Floats, heights: Floats) -> Floats:
    """Return the mean height of the six metal columns nearest to each place."""
    from scipy.spatial import cKDTree

    _, index = cKDTree(metal_A).query(places_A, k=min(6, len(metal_A)))
    return np.asarray(np.mean(heights[index], axis=1))
