"""What a file claims to hold, looked at before any pixel is read."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stackmotif.errors import ReadError

MAX_BYTES = 2**30
"""Largest decoded image data that is read from one file: 1 GiB."""

_MRC_HEADER = 1024
_MRC_ITEM = {0: 1, 1: 2, 2: 4, 4: 8, 6: 2, 12: 2}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


def check_size(path: Path, *, kind: str, max_bytes: int = MAX_BYTES) -> None:
    """Refuse a file whose header claims more decoded data than the limit.

    Parameters
    ----------
    path : Path
    kind : str
        ``npy``, ``png``, ``tif``, ``mrc``, ``hdf5``, or any other for formats without compression,
        where the file's own size is the measure.
    max_bytes : int
        Limit [bytes].

    Raises
    ------
    ReadError
        If the claim is over the limit, a file is shorter than its header claims, or it points at
        other files.
    """
    claims = {
        "npy": _npy_bytes,
        "png": _png_bytes,
        "tif": _tif_bytes,
        "hdf5": _hdf5_bytes,
        "mrc": _mrc_bytes,
    }
    claimed = claims.get(kind, _plain_bytes)(path)
    if claimed > max_bytes:
        raise ReadError(
            f"{path.name} claims {claimed / 2**20:.0f} MiB of image data, more than the limit of "
            f"{max_bytes / 2**20:.0f} MiB; crop or bin the image first"
        )


def _plain_bytes(path: Path) -> int:
    return path.stat().st_size


def _npy_bytes(path: Path) -> int:
    with path.open("rb") as handle:
        version = np.lib.format.read_magic(handle)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(handle)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(handle)
    if dtype.hasobject:
        raise ReadError(f"{path.name} holds Python objects; expected an array of numbers")
    return math.prod(shape) * dtype.itemsize


def _png_bytes(path: Path) -> int:
    with path.open("rb") as handle:
        head = handle.read(26)
    if len(head) < 26 or not head.startswith(_PNG_SIGNATURE):
        raise ReadError(f"{path.name} is not a PNG image; check that the file is complete")
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    return int(width * height * _PNG_CHANNELS.get(colour, 4) * max(1, depth // 8))


def _mrc_bytes(path: Path) -> int:
    size = path.stat().st_size
    with path.open("rb") as handle:
        head = handle.read(16)
    if size < _MRC_HEADER:
        raise ReadError(f"{path.name} has {size} bytes; an MRC header alone has {_MRC_HEADER}")
    nx, ny, nz, mode = struct.unpack("<4I", head)
    claimed = nx * ny * nz * _MRC_ITEM.get(mode, 0)
    if claimed == 0:
        raise ReadError(
            f"{path.name} is not an MRC image: its header gives {nx} × {ny} × {nz} pixels of "
            f"mode {mode}; check the suffix"
        )
    if claimed > size - _MRC_HEADER:
        raise ReadError(
            f"{path.name} has {size} bytes, less than its header claims ({claimed} of pixels); "
            "copy the file again"
        )
    return int(claimed)


def _tif_bytes(path: Path) -> int:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        files = {page.parent.filename for series in tiff.series for page in series.pages if page}
        if len(files) > 1:
            raise ReadError(
                f"{path.name} points at pixels in other files ({len(files)} in all); "
                "expected one self-contained file: save it as a single TIFF"
            )
        claimed = max((_tif_page_end(page) for page in tiff.pages), default=0)
        if claimed > tiff.filehandle.size:
            raise ReadError(
                f"{path.name} has {tiff.filehandle.size} bytes, less than its header claims "
                f"({claimed}); copy the file again"
            )
        return sum(math.prod(part.shape) * part.dtype.itemsize for part in tiff.series)


def _tif_page_end(page: Any) -> int:
    """Return where the pixels of a page end in the file [bytes]."""
    pieces = zip(page.dataoffsets, page.databytecounts, strict=False)
    return max((offset + count for offset, count in pieces), default=0)


def _hdf5_bytes(path: Path) -> int:
    import h5py

    with h5py.File(path, "r") as file:
        return sum(_dataset_bytes(path, node) for node in _datasets(path, file))


def _datasets(path: Path, group: Any) -> Iterator[Any]:
    """Yield every dataset reached by hard links; refuse links that lead out of the file."""
    import h5py

    for key in group:
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise ReadError(
                f"{path.name} links to another file ({link.filename}) at {group.name}/{key}; "
                "expected a self-contained file: copy the data into it"
            )
        if isinstance(link, h5py.SoftLink):
            continue
        node = group[key]
        if isinstance(node, h5py.Group):
            yield from _datasets(path, node)
        elif isinstance(node, h5py.Dataset):
            yield node


def _dataset_bytes(path: Path, node: Any) -> int:
    if node.is_virtual or node.external:
        raise ReadError(
            f"{path.name} takes {node.name} from other files; "
            "expected a self-contained file: copy the data into it"
        )
    return math.prod(node.shape or (0,)) * int(node.dtype.itemsize)
