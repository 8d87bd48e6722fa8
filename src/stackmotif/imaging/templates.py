"""A library of simulated images on disk.

One zarr array holds the images, one JSON file the rest. A library is built beside its final place,
its manifest with checksums is written last, and the folder is then renamed: a library that exists
is complete.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.result import Template
from stackmotif.imaging.simulation import simulate
from stackmotif.provenance import sha256_array, versions

FORMAT: Final = "stackmotif-templates/1"
_SHARD: Final = 64


class TemplateLibrary(Mapping[str, Template]):
    """Read-only mapping from an id to its template; images are read on access.

    Parameters
    ----------
    path : str or Path
        Folder written by :meth:`build`.

    Raises
    ------
    SimulationError
        If there is no complete library of this format.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        manifest = self.path / "manifest.json"
        try:
            self._manifest = json.loads(manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SimulationError(
                f"{self.path.name!r} is not a template library ({error}); "
                "expected a folder written by 'stackmotif templates build'"
            ) from error
        known = isinstance(self._manifest, dict) and self._manifest.get("format") == FORMAT
        if not known or not self._manifest.get("templates"):
            raise SimulationError(
                f"template library {self.path.name!r} has another format; expected {FORMAT!r}"
            )
        self._row = {entry["id"]: row for row, entry in enumerate(self._manifest["templates"])}

    def __len__(self) -> int:
        return len(self._row)

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __getitem__(self, motif_id: str) -> Template:
        row = self._row[motif_id]
        return Template.from_metadata(
            self._image(row), self._manifest["templates"][row]["metadata"]
        )

    def _image(self, row: int) -> NDArray[np.float32]:
        entry = self._manifest["templates"][row]
        ny, nx = entry["shape"][-2:]
        try:
            stored = _open_images(self.path)[row]
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise SimulationError(
                f"image {entry['id']!r} of {self.path.name!r} cannot be read ({error}); "
                "expected a complete library: build it again"
            ) from error
        image = np.asarray(stored[:, :ny, :nx], dtype=np.float32)
        return image[0] if len(entry["shape"]) == 2 else image

    @property
    def info(self) -> dict[str, Any]:
        """What the library holds: ids, microscope, pixel size, thickness, phonons, versions."""
        entries = self._manifest["templates"]
        first = entries[0]["metadata"]
        return {
            "format": FORMAT,
            "n_templates": len(entries),
            "ids": list(self._row),
            "versions": self._manifest["versions"],
            **{
                key: first[key]
                for key in ("microscope", "pixel_size_A", "thickness_A", "phonons", "engine")
            },
        }

    def verify(self) -> list[str]:
        """Return the ids whose image no longer has the checksum of the manifest."""
        entries = self._manifest["templates"]
        return [
            entry["id"]
            for row, entry in enumerate(entries)
            if sha256_array(self._image(row)) != entry["sha256"]
        ]

    def check_match(self, *, pixel_size_A: float, energy_eV: float, detector: str) -> None:
        """Refuse an image that these templates do not fit.

        Raises
        ------
        SimulationError
            If pixel size (2 %), beam energy (1 %) or detector differ.
        """
        for motif_id, entry in zip(self, self._manifest["templates"], strict=True):
            known = entry["metadata"]
            problems = [
                f"{name} {mine} {unit} against {theirs} {unit}"
                for name, mine, theirs, unit, share in (
                    ("pixel size", known["pixel_size_A"], pixel_size_A, "Å", 0.02),
                    ("energy", known["microscope"]["energy_eV"], energy_eV, "eV", 0.01),
                )
                if abs(mine - theirs) > share * abs(theirs)
            ]
            if detector.lower() not in [name.lower() for name in known["detectors"]]:
                problems.append(f"detectors {known['detectors']} without {detector!r}")
            if problems:
                raise SimulationError(
                    f"template {motif_id!r} does not fit the image: {'; '.join(problems)}; "
                    "expected templates made for it: build a library with its settings"
                )

    @classmethod
    def build(
        cls,
        motifs: Mapping[str, Any],
        path: str | Path,
        *,
        overwrite: bool = False,
        on_done: Callable[[str], None] | None = None,
        **settings: Any,
    ) -> "TemplateLibrary":
        """Simulate motifs and write them as a library.

        Parameters
        ----------
        motifs : mapping of str to Motif, Word, str or Structure
            What :func:`~stackmotif.imaging.simulate` accepts, by id.
        path : str or Path
            Folder to write; it must not exist unless ``overwrite``.
        overwrite : bool
            Replace an existing library.
        on_done : callable, optional
            Called with each id when its image is finished.
        **settings
            Passed to ``simulate``; a ``rng`` seed is shared by all.

        Raises
        ------
        SimulationError
            If nothing is asked for or the folder exists.
        """
        target = Path(path)
        if not motifs:
            raise SimulationError("no motifs were given; expected one or more to simulate")
        _check_free(target, overwrite)
        templates = {}
        for motif_id, motif in motifs.items():
            templates[motif_id] = simulate(motif, **settings)
            if on_done is not None:
                on_done(motif_id)
        _publish(templates, target)
        return cls(target)


def _check_free(target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if not overwrite:
        raise SimulationError(
            f"{str(target)!r} exists already; expected a new folder: choose another name or "
            "overwrite it"
        )
    if not (target / "manifest.json").is_file():
        raise SimulationError(
            f"{str(target)!r} is not a template library and is left alone; expected a new folder "
            "or a library to overwrite"
        )


def _publish(templates: Mapping[str, Template], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write_images(list(templates.values()), beside)
        manifest = {
            "format": FORMAT,
            "versions": versions(),
            "templates": [_entry(motif_id, one) for motif_id, one in templates.items()],
        }
        text = json.dumps(manifest, indent=1)
        (beside / "manifest.json").write_text(text, encoding="utf-8")
        if target.exists():
            target.rename(beside.with_name(beside.name + "-old"))
        beside.rename(target)
        shutil.rmtree(beside.with_name(beside.name + "-old"), ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _entry(motif_id: str, template: Template) -> dict[str, Any]:
    metadata = template.metadata()
    settings = json.dumps(metadata, sort_keys=True).encode()
    return {
        "id": motif_id,
        "shape": list(template.image.shape),
        "sha256": sha256_array(template.image),
        "settings_sha256": hashlib.sha256(settings).hexdigest(),
        "metadata": metadata,
    }


def _write_images(templates: Sequence[Template], folder: Path) -> None:
    import zarr

    detectors, ny, nx = (
        max(sizes)
        for sizes in zip(
            *((len(one.detectors), *one.image.shape[-2:]) for one in templates), strict=True
        )
    )
    stored = zarr.create_array(
        store=str(folder / "images.zarr"),
        shape=(len(templates), detectors, ny, nx),
        chunks=(1, detectors, ny, nx),
        shards=(_SHARD, detectors, ny, nx),
        dtype="float32",
    )
    for start in range(0, len(templates), _SHARD):
        part = templates[start : start + _SHARD]
        block = np.zeros((len(part), detectors, ny, nx), dtype=np.float32)
        for row, one in enumerate(part):
            block[row, : len(one.detectors), : one.image.shape[-2], : one.image.shape[-1]] = (
                one.image
            )
        stored[start : start + len(part)] = block


def _open_images(path: Path) -> Any:
    import zarr

    return zarr.open_array(store=str(path / "images.zarr"), mode="r")
