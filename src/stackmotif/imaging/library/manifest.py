"""The manifest of a library: what it holds, where, and with which checksums."""

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec

from stackmotif.errors import SimulationError

FORMAT: Final = "stackmotif-templates/2"
NAME: Final = "manifest.json"


class Row(msgspec.Struct, array_like=True, frozen=True):
    """One simulated image of all detectors; its variants are made from it.

    Parameters
    ----------
    id, motif : str
        Name of the row in the library, and what it shows.
    thickness_A, defocus_A : float
        Simulated thickness and defocus [Å].
    shape : tuple of int
        Detectors, y and x.
    place : int
        Index in the stored array of this shape.
    sha256, settings_sha256 : str
        Checksum of the image, and of everything that it was made from.
    start, length : int
        Where its metadata is in the metadata file [bytes].
    """

    id: str
    motif: str
    thickness_A: float
    defocus_A: float
    shape: tuple[int, int, int]
    place: int
    sha256: str
    settings_sha256: str
    start: int
    length: int


class Manifest(msgspec.Struct, frozen=True):
    """All rows of a library and what they share.

    Parameters
    ----------
    format : str
        Name and version of the layout.
    versions : mapping of str to str
        Packages that the library was written with.
    variants : list of str
        Variants of every row, the simulated one first.
    shared : mapping
        Metadata that all rows have in common.
    rows : list of Row
        The images, in the order of the library.
    files : mapping of str to str
        Checksum of every other file.
    sha256 : str
        Checksum of the manifest, taken with this field empty.
    """

    format: str
    versions: dict[str, str]
    variants: list[str]
    shared: dict[str, Any]
    rows: list[Row]
    files: dict[str, str]
    sha256: str = ""


def encoded(manifest: Manifest) -> bytes:
    """Return the text of a manifest with its own checksum."""
    return msgspec.json.encode(msgspec.structs.replace(manifest, sha256=checksum(manifest)))


def checksum(manifest: Manifest) -> str:
    """Return the checksum of a manifest, whatever it says about itself."""
    return hashlib.sha256(
        msgspec.json.encode(msgspec.structs.replace(manifest, sha256=""))
    ).hexdigest()


def stated_format(folder: Path) -> str:
    """Return the format that a library names.

    Raises
    ------
    SimulationError
        If the folder holds no manifest.
    """
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=_Head).format
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise SimulationError(
            f"{folder.name!r} is not a template library ({error}); "
            "expected a folder written by 'stackmotif templates build'"
        ) from error


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a library of this format.

    Raises
    ------
    SimulationError
        If it is damaged.
    """
    try:
        manifest = msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise SimulationError(
            f"manifest of the template library {folder.name!r} is damaged ({error}); "
            "expected a complete library: build it again"
        ) from error
    if not (manifest.rows and manifest.variants):
        raise SimulationError(
            f"template library {folder.name!r} is empty; expected one or more templates: build it "
            "again"
        )
    return manifest


class _Head(msgspec.Struct):
    format: str = ""
