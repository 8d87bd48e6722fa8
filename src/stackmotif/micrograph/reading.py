"""Files to calibrated images."""

import os
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np

from stackmotif.errors import CalibrationError, ReadError
from stackmotif.micrograph.calibration import AxisScale, checked_size_A, image_axes, pixel_size_A
from stackmotif.micrograph.frames import Signal, choose_signal, image_of, refuse_colour, title
from stackmotif.micrograph.model import Micrograph
from stackmotif.micrograph.safety import MAX_BYTES, check_size
from stackmotif.provenance import sha256_file

_KINDS = {
    ".npy": "npy",
    ".png": "png",
    ".tif": "tif",
    ".tiff": "tif",
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".emd": "emd",
    ".ser": "tia",
    ".emi": "tia",
    ".mrc": "mrc",
    ".hspy": "hspy",
    ".hdf5": "hspy",
}
_PLUGINS = {"png": "image", "tif": "tiff"}
_HDF5_KINDS = ("emd", "hspy")

_READER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    ParseError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


def read(
    path: str | Path,
    *,
    pixel_size_A: float | None = None,
    frame: int | None = None,
    detector: str = "adf",
    max_bytes: int = MAX_BYTES,
) -> Micrograph:
    """Read an image file with its calibration.

    Parameters
    ----------
    path : str or Path
        A tif, png, npy, dm3, dm4, emd (NCEM or Velox), ser, emi, mrc, hspy or HyperSpy hdf5 file.
    pixel_size_A : float, optional
        Pixel edge [Å], overriding the file's; needed where the file gives none (png, npy).
    frame : int, optional
        Frame of a stack, from 0; without it the frames are summed.
    detector : str
        One of ``adf``, ``haadf``, ``bf``, ``abf``, ``idpc``; also picks the image of a file that
        holds one per detector.
    max_bytes : int
        Largest decoded size that is read [bytes].

    Returns
    -------
    Micrograph
        ``metadata`` holds source, sha256, title and the pixel size as the file states it;
        ``history`` says what was chosen, summed or overridden.

    Raises
    ------
    ReadError
        If the file is missing, damaged, too large, points at other files or holds no grey image of
        finite numbers.
    CalibrationError
        If the pixel size is missing, not a length, not positive or differs between the axes by
        more than 1 %.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "image.npy"
    >>> np.save(path, np.eye(4))
    >>> read(path, pixel_size_A=0.2).history
    ('read image.npy', 'pixel size 0.2 Å given by the user; the file gives none')
    >>> folder.cleanup()
    """
    given = None if pixel_size_A is None else checked_size_A(pixel_size_A)
    file = _existing(path)
    signals = _signals(file, max_bytes=max_bytes)
    with _named(file):
        signal, choice = choose_signal(signals, detector=detector)
        return _micrographs(file, signal, choice, [frame], given=given, detector=detector)[0]


def read_series(
    path: str | Path,
    *,
    pixel_size_A: float | None = None,
    detector: str = "adf",
    max_bytes: int = MAX_BYTES,
) -> list[Micrograph]:
    """Read every frame of an image file, as :func:`read` reads one.

    Returns
    -------
    list of Micrograph
        One for a file that holds a single image. ``stackmotif.micrograph.sum_frames`` puts several
        on top of each other.

    Raises
    ------
    ReadError, CalibrationError
        As :func:`read`.
    """
    given = None if pixel_size_A is None else checked_size_A(pixel_size_A)
    file = _existing(path)
    signals = _signals(file, max_bytes=max_bytes)
    with _named(file):
        signal, choice = choose_signal(signals, detector=detector)
        stack = np.ndim(signal["data"]) == 3
        frames: list[int | None] = [*range(len(signal["data"]))] if stack else [None]
        return _micrographs(file, signal, choice, frames, given=given, detector=detector)


def read_signals(path: str | Path, *, max_bytes: int = MAX_BYTES) -> Sequence[Signal]:
    """Return everything that a file holds: data with axes, as its reader gives it.

    Raises
    ------
    ReadError
        If the file is missing, damaged, too large or points at other files.
    """
    return _signals(_existing(path), max_bytes=max_bytes)


def _micrographs(
    file: Path,
    signal: Signal,
    choice: str,
    frames: Sequence[int | None],
    *,
    given: float | None,
    detector: str,
) -> list[Micrograph]:
    """Return some frames of a signal, with the same calibration and metadata."""
    images = [image_of(signal["data"], frame=frame) for frame in frames]
    axes = image_axes(signal["axes"])
    size, origin = _pixel_size(axes, given)
    metadata = _metadata(file, signal, axes)
    return [
        Micrograph(
            image=image,
            pixel_size_A=size,
            detector=detector,
            name=file.stem,
            metadata=metadata,
            history=tuple(n for n in (f"read {file.name}", choice, reduction, origin) if n),
        )
        for image, reduction in images
    ]


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except CalibrationError as error:
        raise CalibrationError(f"{file.name}: {error}") from error
    except ReadError as error:
        raise ReadError(f"{file.name}: {error}") from error


def _existing(path: str | Path) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise ReadError(f"image is {path!r}; expected the path of an image file")
    path = Path(path)
    if path.is_dir():
        raise ReadError(f"{path} is a folder; expected an image file: name one file in it")
    if not path.is_file():
        raise ReadError(f"{path} does not exist; expected an image file: check the path")
    if path.stat().st_size == 0:
        raise ReadError(f"{path.name} is empty (0 bytes); copy the file again")
    if path.suffix.lower() not in _KINDS:
        raise ReadError(
            f"{path.name} has the suffix {path.suffix!r}; expected one of {', '.join(_KINDS)}"
        )
    return path


def _signals(path: Path, *, max_bytes: int) -> Sequence[Signal]:
    """Return what the file holds, with every reader's failure turned into one error."""
    kind = _KINDS[path.suffix.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_size(path, kind="hdf5" if kind in _HDF5_KINDS else kind, max_bytes=max_bytes)
            signals = _npy(path) if kind == "npy" else _rosettasciio(path, kind)
    except ReadError:
        raise
    except _reader_errors() as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReadError(
            f"{path.name} cannot be read as {path.suffix.lower().lstrip('.')}: {reason}; "
            "check that the file is complete and its suffix right"
        ) from error
    return signals


def _npy(path: Path) -> Sequence[Signal]:
    data = np.load(path, allow_pickle=False)
    return [{"data": data, "axes": [{} for _ in range(data.ndim)]}]


def _rosettasciio(path: Path, kind: str) -> Sequence[Signal]:
    reader: Callable[..., Any] = import_module(f"rsciio.{_PLUGINS.get(kind, kind)}").file_reader
    options: dict[str, Any] = {}
    if kind == "mrc":
        options["metadata_file"] = None
    if kind == "emd" and _is_velox(path):
        options["select_type"] = "images"
    if kind == "png":
        _refuse_colour(path)
    signals = [dict(signal) for signal in reader(str(path), **options)]
    for signal in signals:
        if kind == "png" or (kind == "mrc" and _mrc_is_uncalibrated(signal)):
            signal["axes"] = [{} for _ in range(np.ndim(signal["data"]))]
    return signals


def _refuse_colour(path: Path) -> None:
    """Refuse a PNG whose channels differ; the reader itself compares two of the three only."""
    from PIL import Image

    with Image.open(path) as picture:
        if picture.mode not in ("P", "RGB", "RGBA"):
            return
        channels = np.asarray(picture.convert("RGB"))
    try:
        refuse_colour(list(np.moveaxis(channels, -1, 0)))
    except ReadError as error:
        raise ReadError(f"{path.name}: {error}") from error


def _is_velox(path: Path) -> bool:
    import h5py

    with h5py.File(path, "r") as file:
        return "Data" in file and "Image" in file["Data"]


def _mrc_is_uncalibrated(signal: Signal) -> bool:
    """Tell whether an MRC header leaves its sampling out, for which the reader fills in 1 nm."""
    header = signal.get("original_metadata", {}).get("std_header", {})
    extended = "fei_header" in signal.get("original_metadata", {})
    return not extended and not all(header.get(key) for key in ("MX", "MY", "Xlen", "Ylen"))


def _reader_errors() -> tuple[type[Exception], ...]:
    """Return what a damaged file makes readers raise: built-in errors and the formats' own."""
    module = import_module("rsciio.exceptions")
    own = [getattr(module, name) for name in module.__all__]
    return (*_READER_ERRORS, *(e for e in own if isinstance(e, type) and issubclass(e, Exception)))


def _pixel_size(axes: tuple[AxisScale, AxisScale], given: float | None) -> tuple[float, str]:
    """Return the pixel size [Å] and a note on where it comes from."""
    if given is None:
        return pixel_size_A(axes), ""
    try:
        stated = f"the file says {pixel_size_A(axes):.6g} Å"
    except CalibrationError:
        known = any(axis.scale is not None and (axis.unit or axis.scale != 1) for axis in axes)
        stated = f"the file says {axes[0]}, {axes[1]}" if known else "the file gives none"
    return given, f"pixel size {given:.6g} Å given by the user; {stated}"


def _metadata(
    file: Path, signal: Signal, axes: tuple[AxisScale, AxisScale]
) -> MappingProxyType[str, Any]:
    return MappingProxyType(
        {
            "source": file.name,
            "sha256": sha256_file(file),
            "title": title(signal),
            "stated_pixel_size": ", ".join(str(axis) for axis in axes),
        }
    )
