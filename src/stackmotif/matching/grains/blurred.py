"""Grains whose columns are not resolved, from local power spectra alone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.growing import ColumnGrain
from stackmotif.matching.grains.spectra import STRIDE_A, WINDOW_A, LocalSpectra
from stackmotif.matching.grains.zones import ZONES, ZoneAxis

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CORE_A: Final = 0.5 * WINDOW_A
"""Edge of the middle of a window, from which most of its signal comes [Å]."""
_COVERED: Final = 0.3
_TURN_DEG: Final = 6.0
_FEWEST: Final = 3
_ROUNDING_DEG: Final = 1.5  # turns are looked at in steps of 2°, with a spot wider than that


@dataclass(frozen=True)
class BlurredGrain:
    """A grain seen in power spectra.

    Parameters
    ----------
    zone : ZoneAxis
        Axis that it is seen along.
    direction_deg, direction_sigma_deg : float
        Direction of the zone's first axis, counter-clockwise, and its standard error.
    windows_A : ndarray, shape (n, 2)
        Middles (y, x) of its windows [Å].
    """

    zone: ZoneAxis
    direction_deg: float
    direction_sigma_deg: float
    windows_A: Floats

    @property
    def area_A2(self) -> float:
        """Area of the middles of its windows [Å²]."""
        return len(self.windows_A) * STRIDE_A**2

    def covers(self, positions_A: Floats) -> Bools:
        """Tell which places lie in the middle of one of its windows."""
        return near_windows(positions_A, self.windows_A, 0.5 * CORE_A)


def near_windows(positions_A: Floats, windows_A: Floats, reach_A: float) -> Bools:
    """Tell which places are within a square of half edge ``reach_A`` about a window's middle."""
    from scipy.spatial import cKDTree

    if not len(windows_A) or not len(positions_A):
        return np.zeros(len(positions_A), dtype=bool)
    distance, _ = cKDTree(windows_A).query(positions_A, p=np.inf)
    return np.asarray(distance <= reach_A)


def blurred_grains(
    spectra: LocalSpectra, grains: list[ColumnGrain], positions_A: Floats, *, lattice_A: float
) -> list[BlurredGrain]:
    """Return grains in windows that no grain of columns covers.

    A region needs three neighbouring windows with the spots of the same axis, turned alike.
    """
    from scipy.ndimage import label

    free = spectra.rocksalt & ~_covered(spectra, grains, positions_A, lattice_A)
    found = []
    for index, zone in enumerate(ZONES):
        of_zone = free & (spectra.zone == index)
        while of_zone.any():
            strongest = np.argmax(np.where(of_zone, spectra.power, 0.0))
            turn = zone.turn_deg
            apart = spectra.direction_deg - spectra.direction_deg.flat[strongest]
            alike = of_zone & (np.abs(np.mod(apart + turn / 2, turn) - turn / 2) <= _TURN_DEG)
            numbers, _ = label(alike, structure=np.ones((3, 3)))
            region = numbers == numbers.flat[strongest]
            of_zone &= ~region
            if region.sum() >= _FEWEST:
                found.append(_grain(spectra, region, zone))
    return found


def _covered(
    spectra: LocalSpectra, grains: list[ColumnGrain], positions_A: Floats, lattice_A: float
) -> Bools:
    """Mark windows in whose middle grains have the columns that they should have there."""
    from scipy.spatial import cKDTree

    covered = np.zeros(spectra.zone.shape, dtype=bool)
    y, x = np.meshgrid(spectra.y_A, spectra.x_A, indexing="ij")
    middles = np.stack([y.ravel(), x.ravel()], axis=1)
    share = np.zeros(len(middles))
    tree = cKDTree(middles)
    for grain in grains:
        near = tree.query_ball_point(positions_A[grain.member], 0.5 * CORE_A, p=np.inf)
        count = np.bincount(np.concatenate([np.array(n, int) for n in near]), minlength=len(share))
        share += count * grain.zone.area * lattice_A**2 / CORE_A**2
    covered.ravel()[:] = share >= _COVERED
    return covered


def _grain(spectra: LocalSpectra, region: Bools, zone: ZoneAxis) -> BlurredGrain:
    weight = spectra.power[region]
    turns = np.exp(2j * np.pi * spectra.direction_deg[region] / zone.turn_deg)
    mean = np.sum(weight * turns) / weight.sum()
    spread = np.sqrt(max(-2.0 * np.log(max(abs(mean), 1e-9)), 0.0)) / (2 * np.pi) * zone.turn_deg
    independent = max(1.0, len(weight) * STRIDE_A**2 / CORE_A**2)
    rows, columns = np.nonzero(region)
    return BlurredGrain(
        zone=zone,
        direction_deg=float(np.angle(mean) / (2 * np.pi) * zone.turn_deg),
        direction_sigma_deg=float(np.hypot(spread / np.sqrt(independent), _ROUNDING_DEG)),
        windows_A=np.stack([spectra.y_A[rows], spectra.x_A[columns]], axis=1),
    )


def part_of(blurred: BlurredGrain, grains: list[ColumnGrain], positions_A: Floats) -> int | None:
    """Return which grain of columns goes on in a blurred one beside it, alike in axis and turn."""
    from scipy.spatial import cKDTree

    turn = blurred.zone.turn_deg
    for number, grain in enumerate(grains):
        if grain.zone is not blurred.zone:
            continue
        apart = np.degrees(grain.lattice.direction_rad) - blurred.direction_deg
        if abs(np.mod(apart + turn / 2, turn) - turn / 2) > _TURN_DEG:
            continue
        distance, _ = cKDTree(positions_A[grain.member]).query(blurred.windows_A, p=np.inf)
        if distance.min() <= CORE_A:
            return number
    return None
