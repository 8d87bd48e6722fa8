"""The simulated image and what can be read off it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.microscope import Detector, Microscope

FORMAT: Final = "stackmotif-template/1"
_SUFFIXES: Final = (".npz", ".npy", ".png")


@dataclass(frozen=True)
class PowerSpectrum:
    """Logarithm of an image's power spectrum with its axes.

    Parameters
    ----------
    log_power : ndarray of float32, shape (fy, fx)
        log10 of the squared modulus of the Hann-windowed image's Fourier transform, mean removed;
        zero frequency in the middle.
    fy_per_A, fx_per_A : ndarray
        Frequencies of rows and columns [1/Å]; y points down.
    """

    log_power: NDArray[np.float32]
    fy_per_A: NDArray[np.float64]
    fx_per_A: NDArray[np.float64]


@dataclass(frozen=True)
class Template:
    """A simulated image.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x) or (detector, y, x)
        Fraction of the incident beam; y points down (towards -c), x to the right.
    detectors : tuple of str
        Names of the detectors, in the order of the first axis.
    pixel_size_A : float
        Pixel edge [Å].
    engine, potential : str
        Which engine made the image, and from which potential.
    thickness_A : float
        Simulated thickness, a whole number of periods along the beam [Å].
    microscope : Microscope
        Beam, lens, source and detectors.
    phonons : int
        Frozen-phonon configurations averaged; 0 is the static lattice.
    rng : int
        Seed of displacements and noise.
    dose_per_A2 : float or None
        Electrons per Å² of the shot noise; None is noise-free.
    provenance : mapping
        Source, grid, slices, scan and versions.
    """

    image: NDArray[np.float32]
    detectors: tuple[str, ...]
    pixel_size_A: float
    engine: str
    potential: str
    thickness_A: float
    microscope: Microscope
    phonons: int
    rng: int
    dose_per_A2: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        image = np.ascontiguousarray(self.image, dtype=np.float32)
        stacked = 3 if len(self.detectors) > 1 else 2
        if image.ndim != stacked or (stacked == 3 and len(image) != len(self.detectors)):
            raise SimulationError(
                f"template image has shape {image.shape} for the detectors {self.detectors}; "
                "expected (y, x) for one detector and (detector, y, x) for several"
            )
        image.flags.writeable = False
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "detectors", tuple(self.detectors))

    def channel(self, detector: str | None = None) -> NDArray[np.float32]:
        """Return the image of one detector, shape (y, x); the first one by default.

        Raises
        ------
        SimulationError
            If there is no detector of that name.
        """
        name = self.detectors[0] if detector is None else detector
        if name not in self.detectors:
            raise SimulationError(
                f"template has no detector {name!r}; expected one of {', '.join(self.detectors)}"
            )
        return self.image if self.image.ndim == 2 else self.image[self.detectors.index(name)]

    def fft(self, detector: str | None = None) -> PowerSpectrum:
        """Return the power spectrum of one detector's image with its frequency axes."""
        image = np.asarray(self.channel(detector), dtype=np.float64)
        window = np.outer(np.hanning(image.shape[0]), np.hanning(image.shape[1]))
        centred = (image - np.average(image, weights=window + 1e-12)) * window
        power = np.abs(np.fft.fftshift(np.fft.fft2(centred))) ** 2
        floor = max(float(power.max()) * 1e-12, np.finfo(np.float64).tiny)
        fy, fx = (np.fft.fftshift(np.fft.fftfreq(size, self.pixel_size_A)) for size in image.shape)
        return PowerSpectrum(np.log10(np.maximum(power, floor)).astype(np.float32), fy, fx)

    def metadata(self) -> dict[str, Any]:
        """Return everything but the image, as plain numbers, texts and lists."""
        return {
            "format": FORMAT,
            "detectors": list(self.detectors),
            "pixel_size_A": self.pixel_size_A,
            "engine": self.engine,
            "potential": self.potential,
            "thickness_A": self.thickness_A,
            "microscope": asdict(self.microscope),
            "phonons": self.phonons,
            "rng": self.rng,
            "dose_per_A2": self.dose_per_A2,
            "provenance": dict(self.provenance),
        }

    def save(self, path: str | Path) -> Path:
        """Write the template: ``.npz`` with all its metadata, ``.npy`` or ``.png`` the image alone.

        Raises
        ------
        SimulationError
            If the suffix is another one.
        """
        target = Path(path)
        if target.suffix not in _SUFFIXES:
            raise SimulationError(
                f"cannot write {target.name!r}; expected a name ending in {', '.join(_SUFFIXES)}"
            )
        if target.suffix == ".npz":
            with target.open("wb") as handle:
                np.savez_compressed(
                    handle, image=self.image, metadata=np.array(json.dumps(self.metadata()))
                )
        elif target.suffix == ".npy":
            np.save(target, self.image, allow_pickle=False)
        else:
            _write_png(self, target)
        return target

    @classmethod
    def load(cls, path: str | Path) -> "Template":
        """Read a template written as ``.npz``.

        Raises
        ------
        SimulationError
            If the file is not a template of this format.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as stored:
                image, text = stored["image"], str(stored["metadata"])
            return cls.from_metadata(image, json.loads(text))
        except (KeyError, ValueError, OSError) as error:
            raise SimulationError(
                f"{Path(path).name!r} cannot be read as a template ({error}); "
                "expected an .npz file written by Template.save"
            ) from error

    @classmethod
    def from_metadata(cls, image: NDArray[np.float32], metadata: Mapping[str, Any]) -> "Template":
        """Return the template of an image and the mapping that :meth:`metadata` returned."""
        values = {key: value for key, value in metadata.items() if key != "format"}
        if metadata.get("format") != FORMAT:
            raise SimulationError(
                f"template format is {metadata.get('format')!r}; expected {FORMAT!r}"
            )
        microscope = microscope_of(values.pop("microscope"))
        values["detectors"] = tuple(values["detectors"])
        return cls(image=image, microscope=microscope, **values)


def microscope_of(settings: Mapping[str, Any]) -> Microscope:
    """Return the microscope that ``dataclasses.asdict`` described, after JSON too."""
    values = {name: _hashable(value) for name, value in settings.items()}
    detectors = [
        {name: _hashable(value) for name, value in one.items()} for one in settings["detectors"]
    ]
    return Microscope(**{**values, "detectors": tuple(Detector(**one) for one in detectors)})


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _write_png(template: Template, target: Path) -> None:
    """Write the channels side by side, each scaled to its own range."""
    from matplotlib.image import imsave

    channels = [template.channel(name) for name in template.detectors]
    scaled = [(one - one.min()) / max(float(np.ptp(one)), 1e-12) for one in channels]
    imsave(target, np.concatenate(scaled, axis=1), cmap="gray", vmin=0.0, vmax=1.0)
