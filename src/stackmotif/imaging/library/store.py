"""The files of a library: images in zarr, one array per image size, metadata as lines of JSON.

A chunk is one image of all detectors, a shard up to 64 of them; a shard is written once, by one
writer.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.library import manifest as manifests
from stackmotif.imaging.library.manifest import Manifest, Row
from stackmotif.imaging.library.parts import publish, sync
from stackmotif.imaging.result import Template
from stackmotif.provenance import sha256_array, sha256_file, versions

IMAGES: Final = "images.zarr"
METADATA: Final = "metadata.jsonl"
_SHARD: Final = 64
_SHARD_BYTES: Final = 2**26

Shape = tuple[int, int, int]


class Store:
    """Reads the rows of a library; files are opened when they are needed.

    Parameters
    ----------
    folder : Path
        The library.
    manifest : Manifest
        Its manifest.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._arrays: dict[Shape, Any] = {}

    def image(self, row: Row) -> NDArray[np.float32]:
        """Return the image of a row, shape (detector, y, x), checked.

        Raises
        ------
        SimulationError
            If it cannot be read, or is not what was written.
        """
        try:
            image = np.asarray(self._array(row.shape)[row.place], dtype=np.float32)
        except (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
            raise damaged(self.folder, row.id, str(error)) from error
        if sha256_array(image) != row.sha256:
            raise damaged(self.folder, row.id, "its checksum differs")
        return image

    def metadata(self, row: Row) -> dict[str, Any]:
        """Return what :meth:`Template.metadata` gave for a row.

        Raises
        ------
        SimulationError
            If it cannot be read.
        """
        try:
            with (self.folder / METADATA).open("rb") as lines:
                lines.seek(row.start)
                metadata: dict[str, Any] = json.loads(lines.read(row.length))
        except (OSError, ValueError) as error:
            raise damaged(self.folder, row.id, str(error)) from error
        return metadata

    def damaged_files(self) -> list[str]:
        """Return the files that are missing or changed, the manifest included."""
        found = [
            name
            for name, expected in self.manifest.files.items()
            if not _has_sum(self.folder / name, expected)
        ]
        if manifests.checksum(self.manifest) != self.manifest.sha256:
            found.insert(0, manifests.NAME)
        return found

    @cached_property
    def _group(self) -> Any:
        import zarr

        return zarr.open_group(store=str(self.folder / IMAGES), mode="r")

    def _array(self, shape: Shape) -> Any:
        if shape not in self._arrays:
            self._arrays[shape] = self._group[_name(shape)]
        return self._arrays[shape]


class StoreWriter:
    """Writes the rows of a library into an empty folder, a shard at a time.

    Parameters
    ----------
    folder : Path
        Where to write; nobody else writes there.
    """

    def __init__(self, folder: Path) -> None:
        import zarr

        self.folder = folder
        self.rows: list[Row] = []
        self._group = zarr.open_group(store=str(folder / IMAGES), mode="w", zarr_format=3)
        self._waiting: dict[Shape, list[NDArray[np.float32]]] = {}
        self._count: dict[Shape, int] = {}
        self._metadata = (folder / METADATA).open("wb")

    def add(self, row_id: str, template: Template, *, motif: str, settings_sha256: str) -> None:
        """Add the image of all detectors of a template."""
        image = template.image if template.image.ndim == 3 else template.image[None]
        shape: Shape = (image.shape[0], image.shape[1], image.shape[2])
        line = json.dumps(template.metadata(), allow_nan=False).encode() + b"\n"
        place = self._count.get(shape, 0)
        self.rows.append(
            Row(
                id=row_id,
                motif=motif,
                thickness_A=float(template.thickness_A),
                defocus_A=float(template.microscope.defocus_A),
                shape=shape,
                place=place,
                sha256=sha256_array(image),
                settings_sha256=settings_sha256,
                start=self._metadata.tell(),
                length=len(line),
            )
        )
        self._metadata.write(line)
        self._count[shape] = place + 1
        waiting = self._waiting.setdefault(shape, [])
        waiting.append(image)
        if len(waiting) == _shard(shape):
            self._flush(shape)

    def finish(self, *, variants: tuple[str, ...], shared: Mapping[str, Any]) -> None:
        """Write what is left, and the manifest after everything else."""
        for shape in self._waiting:
            self._flush(shape)
        self._metadata.close()
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        for path in files:
            sync(path)
        manifest = Manifest(
            format=manifests.FORMAT,
            versions=versions(),
            variants=list(variants),
            shared=dict(shared),
            rows=self.rows,
            files={path.relative_to(self.folder).as_posix(): sha256_file(path) for path in files},
        )
        publish(self.folder / manifests.NAME, manifests.encoded(manifest))

    def _flush(self, shape: Shape) -> None:
        waiting, end = self._waiting[shape], self._count[shape]
        if not waiting:
            return
        start = end - len(waiting)
        array: Any = self._create(shape) if start == 0 else self._group[_name(shape)]
        array.resize((end, *shape))
        array[start:end] = np.stack(waiting)
        self._waiting[shape] = []

    def _create(self, shape: Shape) -> Any:
        from zarr.codecs import BloscCodec

        return self._group.create_array(
            _name(shape),
            shape=(0, *shape),
            chunks=(1, *shape),
            shards=(_shard(shape), *shape),
            dtype="float32",
            compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
        )


def _name(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)


def _shard(shape: Shape) -> int:
    """Images per shard; fewer of large ones, since a shard is held in memory."""
    return max(1, min(_SHARD, _SHARD_BYTES // (4 * int(np.prod(shape)))))


def _has_sum(path: Path, expected: str) -> bool:
    try:
        return sha256_file(path) == expected
    except OSError:
        return False


def damaged(folder: Path, row_id: str, reason: str) -> SimulationError:
    """Return the error of an image that is not what was written."""
    return SimulationError(
        f"image {row_id!r} of {folder.name!r} cannot be read ({reason}); "
        "expected a complete library: build it again"
    )
