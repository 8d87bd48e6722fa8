"""Rock-salt grains of a scene: multislice images of NiO down three zone axes, turned at will."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.scenes.stacks import SCOPE

if TYPE_CHECKING:
    from pymatgen.core import Structure

Floats = NDArray[np.float64]

IMAGES: Final = Path(__file__).parent / "rocksalt.npz"
THICKNESS_A: Final = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0)
"""Thicknesses asked for, those of the default atlas; each is rounded to whole periods."""
PHONONS: Final = 4
"""Frozen-phonon configurations."""
DETECTORS: Final = ("HAADF", "ADF", "ABF")
NIO_A: Final = 4.1769
"""Lattice constant of the images [Å]: ``NiO-4177`` of the catalog to 0.1 mÅ (unverified)."""
ZONES: Final = {
    "110": ((0.5, 0.5, 0.0), (0.5, -0.5, 0.0), (0.0, 0.0, 1.0)),
    "100": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "112": ((0.5, 0.5, 1.0), (0.5, -0.5, 0.0), (1.0, 1.0, -1.0)),
}
"""Axes along the beam, to the right and up, in cubic lattice constants; at right angles."""
_STEP_A: Final = 0.15
_MARGIN_A: Final = 0.9


@dataclass(frozen=True)
class GrainImages:
    """Images of one rock salt along its zone axes, by a point source.

    Parameters
    ----------
    zone : str
        A key of :data:`ZONES`.
    images : ndarray of float32, shape (thickness, detector, y, x)
        One period and a margin all round, fractions of the incident beam.
    period_A : tuple of float
        Height and width of the period [Å].
    columns_A : ndarray, shape (n, 2)
        Metal columns of one period (y, x) [Å].
    """

    zone: str
    images: NDArray[np.float32]
    period_A: tuple[float, float]
    columns_A: Floats

    def at(self, detector: str, thickness_A: float, y_A: Floats, x_A: Floats) -> Floats:
        """Return the image at places in the crystal."""
        from scipy.ndimage import map_coordinates

        plane = int(np.argmin(np.abs(np.array(THICKNESS_A) - thickness_A)))
        image = self.images[plane, DETECTORS.index(detector)]
        places = [
            (np.mod(axis - _MARGIN_A, period) + _MARGIN_A) / _STEP_A
            for axis, period in zip((y_A, x_A), self.period_A, strict=True)
        ]
        return map_coordinates(image.astype(np.float64), places, order=3)


def rocksalt_cell(zone: str, *, edge_A: float = NIO_A) -> "Structure":
    """Return NiO with a zone axis along a, in an orthogonal cell of the least size."""
    from pymatgen.core import Lattice, Structure

    axes = np.array(ZONES[zone])
    lengths = edge_A * np.linalg.norm(axes, axis=1)
    steps = np.indices((9, 9, 9)).reshape(3, -1).T - 4
    cells = np.linalg.inv(axes)
    names, places = [], []
    for name, parity in (("Ni", 0), ("O", 1)):
        points = steps[steps.sum(axis=1) % 2 == parity] / 2
        inside = points @ cells
        chosen = np.all((inside > -1e-6) & (inside < 1 - 1e-6), axis=1)
        places.append(inside[chosen])
        names += [name] * int(chosen.sum())
    return Structure(Lattice.orthorhombic(*lengths), names, np.concatenate(places))


def build_images(
    path: Path = IMAGES,
    *,
    thicknesses_A: Sequence[float] = THICKNESS_A,
    phonons: int = PHONONS,
    rng: int = 0,
) -> None:
    """Simulate the images anew (minutes) and write them; the defaults are those of what ships."""
    from stackmotif.imaging import Microscope
    from stackmotif.imaging.simulation import simulate_series

    known = Microscope.preset(SCOPE)
    chosen = tuple(one for one in known.detectors if one.name in DETECTORS)
    scope = replace(known, detectors=chosen, source_fwhm_A=0.0)
    arrays = {}
    for zone in ZONES:
        cell = rocksalt_cell(zone)
        height, width = cell.lattice.c, cell.lattice.b
        field = (height + 2 * _MARGIN_A + _STEP_A, width + 2 * _MARGIN_A + _STEP_A)
        series = simulate_series(
            cell,
            thicknesses_A=thicknesses_A,
            engine="torch",
            microscope=scope,
            pixel_size_A=_STEP_A,
            field_A=field,
            phonons=phonons,
            rng=rng,
        )
        arrays[zone] = np.stack([one.image for one in series]).astype(np.float32)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


@lru_cache(maxsize=4)
def grain_images(zone: str, path: Path = IMAGES) -> GrainImages:
    """Return the images that ship with the package.

    Raises
    ------
    SimulationError
        If the zone axis is none of :data:`ZONES`.
    """
    if zone not in ZONES:
        raise SimulationError(f"zone axis is {zone!r}; expected one of {', '.join(ZONES)}")
    cell = rocksalt_cell(zone)
    metal = cell.frac_coords[[site.specie.symbol == "Ni" for site in cell]]
    flat = np.unique(np.round(np.mod(metal[:, 1:], 1.0), 6) % 1.0, axis=0)
    period = (float(cell.lattice.c), float(cell.lattice.b))
    # Up in the crystal is a smaller y.
    columns = np.stack([np.mod(-flat[:, 1], 1.0) * period[0], flat[:, 0] * period[1]], axis=1)
    with np.load(path, allow_pickle=False) as stored:
        images = stored[zone]
    return GrainImages(zone, images, period, columns)


@dataclass(frozen=True)
class Grain:
    """One grain: its images and how it lies in the layered crystal's axes.

    Parameters
    ----------
    images : GrainImages
        Of its zone axis.
    angle_deg : float
        Turn against the rows of the layered crystal.
    origin_A : tuple of float
        Where its first metal is.
    """

    images: GrainImages
    angle_deg: float
    origin_A: tuple[float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator, *, coherent: bool) -> "Grain":
        """Draw a grain; a coherent one has its {111} planes along the slabs."""
        zone = "110" if coherent else str(rng.choice(list(ZONES), p=[0.5, 0.2, 0.3]))
        # {111} is 54.7° from (001) in the [110] projection, with either sense of fcc.
        angle = rng.choice([-1, 1]) * math.degrees(math.atan(math.sqrt(2)))
        angle = angle + rng.normal(0, 1.0) if coherent else rng.uniform(-90, 90)
        return cls(grain_images(zone), float(angle), tuple(rng.uniform(0, 10, 2)))

    def places(self, v_A: Floats, u_A: Floats) -> tuple[Floats, Floats]:
        """Return places of the layered crystal (v, u) in the axes of the grain."""
        c, s = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        y, x = v_A - self.origin_A[0], u_A - self.origin_A[1]
        return c * y - s * x, s * y + c * x

    def image(self, detector: str, thickness_A: float, v_A: Floats, u_A: Floats) -> Floats:
        """Return the image of the grain at places of the layered crystal."""
        return self.images.at(detector, thickness_A, *self.places(v_A, u_A))

    def columns_A(self, reach_A: float) -> Floats:
        """Return metal columns (v, u) within a square of half edge ``reach_A``."""
        n = [int(2 * reach_A / period) + 2 for period in self.images.period_A]
        cells = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in n], indexing="ij"), axis=-1)
        points = cells.reshape(-1, 1, 2) * np.array(self.images.period_A) + self.images.columns_A
        y, x = points.reshape(-1, 2).T
        c, s = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        found = np.stack([c * y + s * x, -s * y + c * x], axis=1) + np.array(self.origin_A)
        return found[np.all(np.abs(found) < reach_A, axis=1)]
