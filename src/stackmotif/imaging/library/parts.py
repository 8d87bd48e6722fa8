"""The file of one finished task: arrays with the settings that they were made from.

A part is a zip of ``.npy`` members and one JSON text. It is written beside its place and put there
by one atomic rename, so that a file of that name is complete; damage that comes later is seen by
the checksums. Reading never unpickles.
"""

import contextlib
import io
import json
import os
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.provenance import sha256_array

FORMAT: Final = "stackmotif-part/1"
_HEADER: Final = "part.json"
_ABANDONED_S: Final = 3600.0
_DAMAGE: Final = (
    OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, NotImplementedError,
    RuntimeError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What zipfile, json and the npy reader raise on bytes that are not what was written."""


@dataclass(frozen=True)
class Part:
    """What a finished task left.

    Parameters
    ----------
    key : str
        Key of the task, 64 hex digits.
    function : str
        ``package.module:function`` that made it.
    settings : mapping
        Settings that the function was given.
    arrays : mapping of str to ndarray
        What the function returned.
    metadata : mapping
        What the function said beside the arrays.
    """

    key: str
    function: str
    settings: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, Any]


def write_part(path: Path, part: Part) -> None:
    """Write a part and publish it by an atomic rename.

    Raises
    ------
    SimulationError
        If the arrays have no usable names or types, or the metadata is no JSON.
    """
    publish(path, _packed(part))


def publish(path: Path, content: bytes) -> None:
    """Write a file so that it is seen complete or not at all."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    sync(path.parent)


def read_part(path: str | Path) -> Part:
    """Read a part and check it.

    Raises
    ------
    SimulationError
        If the file is missing, truncated or changed since it was written.
    """
    file = Path(path)
    try:
        with zipfile.ZipFile(file) as stored:
            header = json.loads(stored.read(_HEADER))
            if header["format"] != FORMAT:
                raise ValueError(f"format {header['format']!r}, expected {FORMAT!r}")
            arrays = {name: _array(stored, name, sha256) for name, sha256 in header["sha256"]}
        return Part(header["key"], header["function"], header["settings"], arrays, header["said"])
    except _DAMAGE as error:
        raise SimulationError(
            f"part {file.name!r} cannot be read ({error}); expected a file written by a finished "
            "task: run the task again"
        ) from error


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left beside the parts, once it is an hour old."""
    for left in folder.glob(".*.npz-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()


def _packed(part: Part) -> bytes:
    arrays = {name: np.ascontiguousarray(array) for name, array in part.arrays.items()}
    for name, array in arrays.items():
        if not (isinstance(name, str) and name.isidentifier()) or array.dtype.hasobject:
            raise SimulationError(
                f"{part.function!r} returned {name!r} of type {array.dtype}; expected arrays of "
                "numbers, each under a plain name"
            )
    header = {
        "format": FORMAT,
        "key": part.key,
        "function": part.function,
        "settings": part.settings,
        "said": part.metadata,
        "sha256": [[name, sha256_array(array)] for name, array in arrays.items()],
    }
    try:
        text = json.dumps(header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SimulationError(
            f"{part.function!r} said something that is no JSON ({error}); expected plain finite "
            "numbers, texts and lists beside the arrays"
        ) from error
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(zipfile.ZipInfo(_HEADER), text)
        for name, array in arrays.items():
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), _npy(array))
    return content.getvalue()


def _npy(array: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    return content.getvalue()


def _array(stored: zipfile.ZipFile, name: str, sha256: str) -> NDArray[Any]:
    # The whole member is read first: its checksum covers the header that says how much to allocate.
    content = io.BytesIO(stored.read(f"{name}.npy"))
    array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    if sha256_array(array) != sha256:
        raise ValueError(f"array {name!r} has another checksum")
    return array


def sync(path: Path) -> None:
    """Make what was written outlive a power cut, where the system has a way to ask for it."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
