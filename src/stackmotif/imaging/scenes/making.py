"""One scene from one seed."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.noise import row_jitter, row_offsets
from stackmotif.imaging.scenes.grains import DETECTORS, THICKNESS_A, Grain
from stackmotif.imaging.scenes.layout import Layout, draw_layout
from stackmotif.imaging.scenes.model import PHASES, UNKNOWN, Scene, TrueGrain
from stackmotif.imaging.scenes.stacks import STEP_A, Stack

Floats = NDArray[np.float64]

DOSES: Final = (15.0, 5000.0)
"""Range of the dose [e/Å²]; even in its logarithm."""
FWHM_A: Final = (0.6, 1.3)
"""Range of the source size [Å]; one scene in ten has up to twice as much."""
_DETECTOR_ODDS: Final = (0.4, 0.4, 0.2)
_VACUUM: Final = {"HAADF": 0.0, "ADF": 0.0, "ABF": 0.75}
"""Share of the beam on the detector without a specimen (ABF: 10 to 20 of 20 mrad, by area)."""
_PROBE_A: Final = 0.35
"""Width to which a carbon atom is drawn before the source blurs it [Å]; a judgement."""
_CARBON_PER_A3: Final = 0.0877
"""Atoms in evaporated carbon of 1.75 g/cm³ [1/Å³], see :mod:`stackmotif.imaging.carbon`."""
_SURE: Final = 0.9
"""A phase is known where it has at least this share."""


@dataclass(frozen=True)
class _Map:
    """From places in the image to those in the crystal and back [Å], both from the middle."""

    matrix: Floats
    waves: Floats
    size_A: float

    @classmethod
    def draw(cls, rng: np.random.Generator, size_A: float) -> "_Map":
        angle, lean = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.012)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        scale = np.diag(1 / rng.uniform(0.96, 1.04, 2))
        waves = np.stack(
            [rng.uniform(0, 0.3, 2), rng.uniform(0.5, 2, 2), rng.uniform(0, 6, 2)], axis=1
        )
        return cls(scale @ turn @ np.array([[1.0, 0.0], [lean, 1.0]]), waves, size_A)

    @property
    def rows_deg(self) -> float:
        """Direction in the image of what runs along u in the crystal, from +x towards +y."""
        dy, dx = np.linalg.inv(self.matrix)[:, 1]
        return math.degrees(math.atan2(dy, dx))

    def _bend(self, y: Floats, x: Floats) -> tuple[Floats, Floats]:
        (a, p, f), (b, q, g) = self.waves
        turns = 2 * np.pi * y
        size = self.size_A
        return a * np.sin(turns / (p * size) + f), b * np.sin(turns / (q * size) + g)

    def inwards(self, y: Floats, x: Floats) -> tuple[Floats, Floats]:
        dy, dx = self._bend(y, x)
        m = self.matrix
        return m[0, 0] * (y + dy) + m[0, 1] * (x + dx), m[1, 0] * (y + dy) + m[1, 1] * (x + dx)

    def outwards(self, points_A: Floats) -> Floats:
        straight = points_A @ np.linalg.inv(self.matrix).T
        found = straight
        for _ in range(6):
            found = straight - np.stack(self._bend(*found.T), axis=1)
        return found


def make_scene(
    rng: int | tuple[int, ...],
    *,
    shape: tuple[int, int] = (320, 320),
    pixel_size_A: float = 0.25,
    detector: str | None = None,
    dose_per_A2: float | None = None,
    source_fwhm_A: float | None = None,
) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    rng : int or tuple of int
        Seed; the scene depends on nothing else but the arguments.
    shape : tuple of int
        Pixels (y, x).
    pixel_size_A : float
        Pixel edge [Å], 0.05 to 0.4.
    detector : str, optional
        ``HAADF``, ``ADF`` or ``ABF``; drawn by default.
    dose_per_A2 : float, optional
        Incident electrons [e/Å²]; drawn by default.
    source_fwhm_A : float, optional
        Source size [Å]; drawn by default.

    Returns
    -------
    Scene

    Raises
    ------
    SimulationError
        If the detector is none of these, or the pixels are too coarse.
    """
    if not 0.05 <= pixel_size_A <= 0.4:
        raise SimulationError(f"pixel size is {pixel_size_A} Å; expected 0.05 to 0.4 Å")
    chance = np.random.default_rng(rng)
    drawn = str(chance.choice(DETECTORS, p=_DETECTOR_ODDS))
    seen = drawn if detector is None else detector
    if seen not in DETECTORS:
        raise SimulationError(f"detector is {seen!r}; expected one of {', '.join(DETECTORS)}")
    dose = math.exp(chance.uniform(*np.log(DOSES))) if dose_per_A2 is None else dose_per_A2
    fwhm = _fwhm(chance) if source_fwhm_A is None else source_fwhm_A
    field = _Field.make(chance, shape, pixel_size_A)
    crystal, sharp, thickness, covered = field.drawn(chance, seen)
    if covered:
        field = replace(field, layout=field.layout.covered())
    clean = _blurred(crystal, fwhm / math.sqrt(8 * math.log(2)) / pixel_size_A)
    return Scene(
        pixels=_exposed(chance, clean, dose, pixel_size_A).astype(np.float32),
        clean=clean.astype(np.float32),
        sharp=sharp.astype(np.float32),
        phase=field.phase(),
        columns_A=field.columns_A(),
        pixel_size_A=pixel_size_A,
        detector=seen,
        dose_per_A2=float(dose),
        source_fwhm_A=float(fwhm),
        thickness_A=thickness,
        rows_deg=field.map.rows_deg,
        grains=tuple(TrueGrain(one.images.zone, one.angle_deg) for one in field.grains),
        grain=field.grain(),
    )


def _fwhm(rng: np.random.Generator) -> float:
    return rng.uniform(*FWHM_A) * (rng.uniform(1, 2) if rng.random() < 0.1 else 1.0)


@dataclass(frozen=True)
class _Field:
    """Geometry of a scene, before any detector sees it."""

    shape: tuple[int, int]
    pixel_A: float
    map: _Map
    layout: Layout
    stack: Stack
    grains: tuple[Grain, ...]
    v_A: Floats
    u_A: Floats
    ramp: Floats

    @classmethod
    def make(cls, rng: np.random.Generator, shape: tuple[int, int], pixel_A: float) -> "_Field":
        size = pixel_A * max(shape)
        y, x = (np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2) * pixel_A
        mapping = _Map.draw(rng, size)
        layout = draw_layout(rng, y, x, size)
        reach = 0.5 * size * math.sqrt(2) * 1.09 + 3.0
        coherent = rng.random() < 0.4
        grains = tuple(
            Grain.draw(rng, coherent=bool(coherent or rng.random() < 0.2)) for _ in layout.grains
        )
        angle, slope = rng.uniform(0, 2 * math.pi), rng.uniform(0, 1)
        ramp = np.clip(
            rng.random() + slope * (math.cos(angle) * y + math.sin(angle) * x) / size, 0, 1
        )
        return cls(
            shape, pixel_A, mapping, layout, Stack.draw(rng, reach), grains,
            *mapping.inwards(y, x), ramp,
        )  # fmt: skip

    def drawn(self, rng: np.random.Generator, detector: str) -> tuple[Floats, Floats, float, bool]:
        """Return the image by a point source, its crystals alone, and the thickness [Å].

        The last is whether a film lies over everything.
        """
        first = int(rng.integers(0, len(THICKNESS_A) - 1))
        planes = THICKNESS_A[first : first + 2]
        empty = _VACUUM[detector]
        sign = -1.0 if detector == "ABF" else 1.0
        image, sharp = empty * self.layout.vacuum, np.zeros(self.shape)
        parts = [(self.layout.crystal, self._stack_images(detector, planes))]
        for grain, share in zip(self.grains, self.layout.grains, strict=True):
            if share.max() > 0.01:
                found = [grain.image(detector, t, self.v_A, self.u_A) for t in planes]
                parts.append((share, found))
        for share, (thin, thick) in parts:
            one = (1 - self.ramp) * thin + self.ramp * thick
            image = image + share * one
            level = np.percentile((sign * one)[share > 0.5], 1) if (share > 0.5).any() else 0.0
            sharp = sharp + share * np.maximum(sign * one - level, 0)
        film, amount = _carbon(rng, self.shape, self.pixel_A)
        image = image + self.layout.amorphous * (empty + sign * film * amount)
        covered = rng.random() < 0.3
        if covered:
            over, amount = _carbon(rng, self.shape, self.pixel_A)
            image = image + sign * 0.5 * amount * over
        return image, sharp, float(planes[1]), covered

    def _stack_images(self, detector: str, planes: tuple[float, ...]) -> list[Floats]:
        from scipy.ndimage import map_coordinates

        places = [(axis - self.stack.x_A[0]) / STEP_A for axis in (self.v_A, self.u_A)]
        return [
            map_coordinates(
                self.stack.image(detector, t).astype(np.float64), places, order=3, mode="nearest"
            )
            for t in planes
        ]

    def phase(self) -> NDArray[np.int8]:
        """Return what each pixel belongs to."""
        places = [np.rint((axis - self.stack.x_A[0]) / STEP_A).astype(int) for axis in
                  (self.v_A, self.u_A)]  # fmt: skip
        layered = self.stack.phase()[tuple(places)]
        layout = self.layout
        phase = np.full(self.shape, UNKNOWN, dtype=np.int8)
        inside = layout.crystal > _SURE
        phase[inside] = layered[inside]
        salt = layout.grains.sum(axis=0)
        for name, share in (
            ("rocksalt", salt), ("amorphous", layout.amorphous), ("vacuum", layout.vacuum)
        ):  # fmt: skip
            phase[share > _SURE] = PHASES.index(name)
        return phase

    def grain(self) -> NDArray[np.int8]:
        """Return which grain each pixel belongs to."""
        shares = self.layout.grains
        if not len(shares):
            return np.full(self.shape, UNKNOWN, dtype=np.int8)
        return np.where(shares.max(axis=0) > _SURE, shares.argmax(axis=0), UNKNOWN).astype(np.int8)

    def columns_A(self) -> Floats:
        """Return the metal columns in the field, from the centre of pixel (0, 0)."""
        half = (np.array(self.shape) - 1) / 2 * self.pixel_A
        found = []
        reach = float(self.stack.x_A[-1])
        parts = [(self.layout.crystal, self.stack.columns_A())]
        for grain, share in zip(self.grains, self.layout.grains, strict=True):
            if grain.images.zone != "112" and share.max() > 0.5:
                parts.append((share, grain.columns_A(reach)))
        for share, points in parts:
            places = self.map.outwards(points) + half
            index = np.rint(places / self.pixel_A).astype(int)
            inside = np.all((index >= 0) & (index < np.array(self.shape)), axis=1)
            kept = places[inside]
            found.append(kept[share[tuple(index[inside].T)] > 0.5])
        return np.concatenate(found)


def _carbon(
    rng: np.random.Generator, shape: tuple[int, int], pixel_A: float
) -> tuple[Floats, float]:
    """Return a film of mean 1, its atoms strewn at random, and what it scatters."""
    depth = math.exp(rng.uniform(*np.log((15.0, 150.0))))
    mean = depth * _CARBON_PER_A3 * pixel_A**2
    film = _blurred(rng.poisson(mean, shape).astype(np.float64) / mean, _PROBE_A / pixel_A)
    return film, depth / 50 * math.exp(rng.uniform(*np.log((0.005, 0.03))))


def _blurred(image: Floats, sigma_px: float) -> Floats:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, sigma_px, mode="reflect") if sigma_px > 0 else image


def _exposed(rng: np.random.Generator, clean: Floats, dose: float, pixel_A: float) -> Floats:
    """Return the image that is measured: jitter of the lines, electrons, electronics."""
    quiet = clean
    if rng.random() < 0.6:
        offsets = row_offsets(len(clean), jitter_px=rng.uniform(0, 0.15) / pixel_A, rng=rng)
        quiet = row_jitter(clean, offsets_px=offsets)
    per_pixel = dose * pixel_A**2
    counted = rng.poisson(np.maximum(quiet, 0) * per_pixel) / per_pixel
    if rng.random() < 0.4:
        counted = counted + rng.normal(0, rng.uniform(0, 0.5), clean.shape) / per_pixel
    return counted
