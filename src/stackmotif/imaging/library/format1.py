"""Libraries of the first format: one array padded to the largest image, all metadata in one file.

They are read, and no longer written.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.library.manifest import NAME, Manifest, Row
from stackmotif.imaging.library.store import IMAGES, damaged
from stackmotif.imaging.library.variants import IDENTITY
from stackmotif.provenance import sha256_array

FORMAT: Final = "stackmotif-templates/1"


class FirstStore:
    """Reads the rows of a library of the first format.

    Parameters
    ----------
    folder : Path
        The library.

    Raises
    ------
    SimulationError
        If its manifest is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            stored = json.loads((folder / NAME).read_text(encoding="utf-8"))
            self._entries = stored["templates"]
            self.manifest = Manifest(
                format=FORMAT,
                versions=stored["versions"],
                variants=[IDENTITY],
                shared=_shared(self._entries[0]["metadata"]),
                rows=[_row(place, entry) for place, entry in enumerate(self._entries)],
                files={},
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise SimulationError(
                f"manifest of the template library {folder.name!r} is damaged ({error!r}); "
                "expected a complete library: build it again"
            ) from error

    def image(self, row: Row) -> NDArray[np.float32]:
        """Return the image of a row, shape (detector, y, x), checked.

        Raises
        ------
        SimulationError
            If it cannot be read, or is not what was written.
        """
        n_detectors, ny, nx = row.shape
        try:
            stored = self._array[row.place, :n_detectors, :ny, :nx]
        except (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
            raise damaged(self.folder, row.id, str(error)) from error
        image = np.ascontiguousarray(stored, dtype=np.float32)
        # The checksum was taken of the image of one detector without its first axis.
        flat = len(self._entries[row.place]["shape"]) == 2
        if sha256_array(image[0] if flat else image) != row.sha256:
            raise damaged(self.folder, row.id, "its checksum differs")
        return image

    def metadata(self, row: Row) -> dict[str, Any]:
        """Return what :meth:`Template.metadata` gave for a row."""
        metadata: dict[str, Any] = self._entries[row.place]["metadata"]
        return metadata

    def damaged_files(self) -> list[str]:
        """Return no file: this format has checksums of images alone."""
        return []

    @cached_property
    def _array(self) -> Any:
        import zarr

        return zarr.open_array(store=str(self.folder / IMAGES), mode="r")


def _shared(metadata: dict[str, Any]) -> dict[str, Any]:
    known = ("detectors", "pixel_size_A", "microscope", "phonons", "engine", "potential", "rng")
    return {key: metadata[key] for key in known}


def _row(place: int, entry: dict[str, Any]) -> Row:
    shape, metadata = entry["shape"], entry["metadata"]
    return Row(
        id=entry["id"],
        motif=entry["id"],
        thickness_A=float(metadata["thickness_A"]),
        defocus_A=float(metadata["microscope"]["defocus_A"]),
        shape=(len(metadata["detectors"]), shape[-2], shape[-1]),
        place=place,
        sha256=entry["sha256"],
        settings_sha256=entry["settings_sha256"],
        start=0,
        length=0,
    )
