"""Local power spectra: where spots stand as in a rock salt, and no spot of a layered oxide."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.zones import ZONES, ZoneAxis

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW_A: Final = 26.0
"""Edge of a window [Å]; its Hann taper leaves half of that."""
STRIDE_A: Final = 6.5
LEAST_POWER: Final = 12.0
"""Power of a spot over the mean of its ring, of which noise exceeds it once in exp(12) trials."""
_COARSEST_A: Final = 0.45
_TURN_STEP_DEG: Final = 2.0
_LAYERS_A: Final = (4.3, 5.9)  # row spacings of layered oxides
_RING: Final = 0.03  # half width of a ring [1/Å]
_BATCH: Final = 256


@dataclass(frozen=True)
class LocalSpectra:
    """What the windows of an image show, on a grid of windows.

    Parameters
    ----------
    y_A, x_A : ndarray, shape (rows,), (columns,)
        Middles of the windows [Å].
    zone : ndarray of int, shape (rows, columns)
        Index into ``ZONES`` of the axis whose spots stand out most, -1 for none.
    direction_deg : ndarray
        Direction of its first axis, counter-clockwise, modulo its turn.
    power : ndarray
        Of the weakest of its spots, over the mean of the ring that the spot is on.
    layers : ndarray
        Of the strongest spot at row spacings of layered oxides, in the same units.
    """

    y_A: Floats
    x_A: Floats
    zone: Ints
    direction_deg: Floats
    power: Floats
    layers: Floats

    @property
    def rocksalt(self) -> NDArray[np.bool_]:
        """Windows with the spots of rock salt and none of layers."""
        return (self.zone >= 0) & (self.power >= LEAST_POWER) & (self.layers < LEAST_POWER)


def local_spectra(
    image: NDArray[np.floating], *, pixel_size_A: float, lattice_A: float
) -> LocalSpectra | None:
    """Return what windows over the image show; None if the image is smaller than one.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        The image; bright or dark columns.
    pixel_size_A : float
        Pixel edge [Å].
    lattice_A : float
        Lattice constant of the rock salt [Å].
    """
    bins = max(1, int(_COARSEST_A / pixel_size_A))
    size = bins * pixel_size_A
    small = _binned(np.asarray(image, dtype=np.float32), bins)
    n, step = round(WINDOW_A / size), max(1, round(STRIDE_A / size))
    if min(small.shape) < n or 0.5 / size < 1.05 * np.abs(ZONES[0].spots[2]) / lattice_A:
        return None
    views = np.lib.stride_tricks.sliding_window_view(small, (n, n))[::step, ::step]
    shape = views.shape[:2]
    flat = np.arange(shape[0] * shape[1])
    probe = _Probe.make(n, size, lattice_A)
    parts = []
    for start in range(0, len(flat), _BATCH):
        rows, columns = np.divmod(flat[start : start + _BATCH], shape[1])
        parts.append(probe.look(views[rows, columns]))
    zone, direction, power, layers = (
        np.concatenate(one).reshape(shape) for one in zip(*parts, strict=True)
    )
    middle = (0.5 * n - 0.5) * size + 0.5 * (bins - 1) * pixel_size_A
    y, x = (np.asarray(np.arange(k) * step * size + middle, np.float64) for k in shape)
    return LocalSpectra(y, x, zone.astype(np.int64), direction, power, layers)


def _binned(image: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    height, width = (k // bins * bins for k in image.shape)
    blocks = image[:height, :width].reshape(height // bins, bins, width // bins, bins)
    return np.asarray(blocks.mean(axis=(1, 3)))


@dataclass(frozen=True)
class _Probe:
    """Where in a spectrum to look."""

    taper: Floats
    rings: list[Ints]
    spots: list[tuple[ZoneAxis, Floats, Ints, Ints]]
    layers: Ints
    layer_ring: Ints

    @classmethod
    def make(cls, n: int, size_A: float, lattice_A: float) -> "_Probe":
        m = 2 * n
        frequency = np.fft.fftfreq(m, size_A)
        wave = np.hypot(frequency[:, None], frequency[None, : m // 2 + 1])
        rings: list[Ints] = []
        places: dict[float, int] = {}

        def ring(length: float) -> int:
            key = round(length, 4)
            if key not in places:
                places[key] = len(rings)
                rings.append(np.flatnonzero(np.abs(wave - length) < _RING))
            return places[key]

        spots = []
        for zone in ZONES:
            g = zone.spots / lattice_A
            if np.abs(g).max() > 0.48 / size_A:
                continue
            turns = np.arange(0.0, zone.turn_deg, _TURN_STEP_DEG)
            index = _pixels(g * np.exp(1j * np.radians(turns))[:, None], m, size_A)
            spots.append((zone, turns, index, np.array([ring(float(k)) for k in np.abs(g)])))
        low, high = (1.0 / d for d in reversed(_LAYERS_A))
        layers = np.flatnonzero((wave > low) & (wave < high))
        around = np.flatnonzero(np.abs(wave - 0.5 * (low + high)) < _RING)
        taper = np.outer(np.hanning(n), np.hanning(n))
        return cls(taper, rings, spots, layers, around)

    def look(self, windows: NDArray[np.float32]) -> tuple[Floats, Floats, Floats, Floats]:
        """Return zone, direction [degrees], power and power of layers of every window."""
        m = 2 * windows.shape[-1]
        flat = windows - windows.mean(axis=(1, 2), keepdims=True)
        power = np.abs(np.fft.rfft2(flat * self.taper, s=(m, m))) ** 2
        power = power.reshape(len(windows), -1)
        level = np.stack([_mean_of(power[:, ring]) for ring in self.rings], axis=1)
        best, direction = np.zeros(len(windows)), np.zeros(len(windows))
        zone = np.full(len(windows), -1.0)
        for axis, turns, index, rings in self.spots:
            relative = power[:, index] / level[:, rings][:, None, :]
            weakest = relative.min(axis=2)
            at = weakest.argmax(axis=1)
            value = weakest[np.arange(len(at)), at]
            better = value > best
            zone[better] = next(k for k, one in enumerate(ZONES) if one is axis)
            best[better], direction[better] = value[better], turns[at[better]]
        layers = power[:, self.layers].max(axis=1) / _mean_of(power[:, self.layer_ring])
        return zone, direction, best, layers


def _mean_of(power: Floats) -> Floats:
    """Return the mean of noise from its median, which spots do not move."""
    return np.maximum(np.median(power, axis=1) / np.log(2.0), np.finfo(np.float64).tiny)


def _pixels(g: NDArray[np.complex128], m: int, size_A: float) -> Ints:
    """Return flat indices of the half spectrum for waves (right, up) [1/Å]."""
    right = np.rint(g.real * m * size_A).astype(np.int64)
    down = np.rint(-g.imag * m * size_A).astype(np.int64)
    turned = right < 0
    right, down = np.where(turned, -right, right), np.where(turned, -down, down)
    return np.mod(down, m) * (m // 2 + 1) + right
