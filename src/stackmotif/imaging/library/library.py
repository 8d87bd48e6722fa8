"""A library of simulated images on disk."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from stackmotif.errors import SimulationError
from stackmotif.imaging.library import format1
from stackmotif.imaging.library.format1 import FirstStore
from stackmotif.imaging.library.manifest import FORMAT, Row, read_manifest, stated_format
from stackmotif.imaging.library.store import Store
from stackmotif.imaging.library.tasks import Progress
from stackmotif.imaging.library.variants import IDENTITY, vary
from stackmotif.imaging.result import Template

_DIGITS_A: Final = 1e-6
"""Two thicknesses closer than this are the same [Å]."""


class TemplateLibrary(Mapping[str, Template]):
    """Read-only mapping from an id to its template; images are read and checked on access.

    An id is ``motif/thickness/defocus/variant``, such as ``o3/80A/df0A/mirror-x``, thickness and
    defocus as they were asked for. Without its variant it is the image as simulated; the motif
    alone will do if the library has one image of it.

    Parameters
    ----------
    path : str or Path
        Folder written by :meth:`build`.

    Raises
    ------
    SimulationError
        If there is no complete library of a known format.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._store = _open(self.path)
        self._manifest = self._store.manifest
        self._rows = {row.id: row for row in self._manifest.rows}
        self._of_motif: dict[str, list[Row]] = {}
        for row in self._manifest.rows:
            self._of_motif.setdefault(row.motif, []).append(row)

    def __len__(self) -> int:
        return len(self._rows) * len(self._manifest.variants)

    def __iter__(self) -> Iterator[str]:
        for row_id in self._rows:
            yield from (self._id(row_id, variant) for variant in self._manifest.variants)

    def __getitem__(self, template_id: str) -> Template:
        row, variant = self._find(template_id)
        metadata = self._store.metadata(row)
        image = self._store.image(row)
        if variant != IDENTITY:
            image = vary(image, variant)
            metadata["provenance"] = {**metadata["provenance"], "variant": variant}
        return Template.from_metadata(
            image[0] if len(metadata["detectors"]) == 1 else image, metadata
        )

    def __repr__(self) -> str:
        return f"TemplateLibrary({str(self.path)!r}): {len(self)} templates"

    @property
    def motifs(self) -> tuple[str, ...]:
        """What the images show, each once, in the order of the library."""
        return tuple(self._of_motif)

    @property
    def variants(self) -> tuple[str, ...]:
        """Variants of every image, the simulated one first."""
        return tuple(self._manifest.variants)

    @property
    def info(self) -> dict[str, Any]:
        """What the library holds: motifs, variants, thicknesses, microscope, phonons, versions."""
        rows, shared = self._manifest.rows, self._manifest.shared
        return {
            "format": self._manifest.format,
            "n_templates": len(self),
            "n_simulated": len(rows),
            "motifs": list(self.motifs),
            "variants": list(self.variants),
            "thickness_A": sorted({round(row.thickness_A, 3) for row in rows}),
            "defocus_A": sorted({row.defocus_A for row in rows}),
            **shared,
            "versions": self._manifest.versions,
        }

    def settings_sha256(self, template_id: str) -> str:
        """Return the hash of everything that a template was made from.

        Raises
        ------
        KeyError
            If there is no such template.
        """
        return self._find(template_id)[0].settings_sha256

    def select(
        self,
        *,
        motif: str | Sequence[str] | None = None,
        variant: str | Sequence[str] | None = None,
        thickness_A: float | None = None,
        defocus_A: float | None = None,
        detector: str | None = None,
    ) -> list[str]:
        """Return the ids of the templates that fit, in the order of the library.

        Parameters
        ----------
        motif, variant : str or sequence of str, optional
            Keep these; all by default.
        thickness_A, defocus_A : float, optional
            Keep, of each motif, the thickness and the defocus nearest to these [Å].
        detector : str, optional
            Keep the templates with this detector; capitals do not matter.

        Raises
        ------
        SimulationError
            If the library has no such motif, variant or detector.
        """
        motifs = _among(motif, self.motifs, "motif")
        variants = _among(variant, self.variants, "variant")
        if detector is not None:
            _among(detector.lower(), [one.lower() for one in self._detectors], "detector")
        rows = [
            row
            for name in self.motifs
            if name in motifs
            for row in _nearest(self._of_motif[name], thickness_A, defocus_A)
        ]
        return [self._id(row.id, one) for row in rows for one in self.variants if one in variants]

    def verify(self) -> list[str]:
        """Recompute every checksum; return the files that changed and the ids that are damaged."""
        found = self._store.damaged_files()
        for row in self._manifest.rows:
            try:
                self._store.image(row)
                Template.from_metadata(
                    np.zeros(row.shape if row.shape[0] > 1 else row.shape[1:], dtype=np.float32),
                    self._store.metadata(row),
                )
            except (SimulationError, KeyError, TypeError, ValueError):
                found.append(row.id)
        return found

    def check_match(self, *, pixel_size_A: float, energy_eV: float, detector: str) -> None:
        """Refuse an image that these templates do not fit.

        Raises
        ------
        SimulationError
            If pixel size (2 %), beam energy (1 %) or detector differ.
        """
        known = self._manifest.shared
        problems = [
            f"{name} {mine} {unit} against {theirs} {unit}"
            for name, mine, theirs, unit, share in (
                ("pixel size", known["pixel_size_A"], pixel_size_A, "Å", 0.02),
                ("energy", known["microscope"]["energy_eV"], energy_eV, "eV", 0.01),
            )
            if abs(mine - theirs) > share * abs(theirs)
        ]
        if detector.lower() not in [name.lower() for name in self._detectors]:
            problems.append(f"detectors {self._detectors} without {detector!r}")
        if problems:
            raise SimulationError(
                f"templates of {self.path.name!r} do not fit the image: {'; '.join(problems)}; "
                "expected templates made for it: build a library with its settings"
            )

    @classmethod
    def build(
        cls,
        motifs: Mapping[str, Any],
        path: str | Path,
        *,
        thickness_A: float | Sequence[float] = 80.0,
        defocus_A: float | Sequence[float] | None = None,
        variants: Sequence[str] | None = None,
        device: str = "auto",
        workers: int = 1,
        scheduler: str | None = None,
        progress: Progress | None = None,
        overwrite: bool = False,
        **settings: Any,
    ) -> "TemplateLibrary":
        """Simulate motifs and write them as a library.

        What is finished is kept in ``<path>.unfinished`` until the library is complete: the same
        call goes on where an interrupted one stopped.

        Parameters
        ----------
        motifs : mapping of str to Motif, Word, str or Structure
            What :func:`~stackmotif.imaging.simulate` accepts, by id.
        path : str or Path
            Folder to write; it must not exist unless ``overwrite``.
        thickness_A, defocus_A : float or sequence of float
            Thicknesses and values of defocus [Å]; the defocus is the microscope's by default.
        variants : sequence of str, optional
            Which of ``identity``, ``mirror-x``, ``rotate-180`` and ``mirror-y`` to offer; by
            default all that are right for the microscope. They cost nothing.
        device : str
            Where the engine computes, see :func:`~stackmotif.imaging.simulate`.
        workers, scheduler, progress
            See :func:`~stackmotif.imaging.library.run_tasks`.
        overwrite : bool
            Replace an existing library.
        **settings
            Passed to ``simulate``; a ``rng`` seed is shared by all. The engine is torch by
            default: the atlas makes its images when they are needed.

        Raises
        ------
        SimulationError
            If nothing is asked for, a setting is not right, or the folder exists.
        """
        from stackmotif.imaging.library.building import build_library
        from stackmotif.imaging.library.planning import plan_library

        plan = plan_library(
            motifs, thickness_A=thickness_A, defocus_A=defocus_A, variants=variants, device=device,
            **settings,
        )  # fmt: skip
        return cls(
            build_library(
                plan, path, workers=workers, scheduler=scheduler, progress=progress,
                overwrite=overwrite,
            )
        )  # fmt: skip

    @property
    def _detectors(self) -> list[str]:
        detectors: list[str] = self._manifest.shared["detectors"]
        return detectors

    def _id(self, row_id: str, variant: str) -> str:
        return row_id if self._manifest.format == format1.FORMAT else f"{row_id}/{variant}"

    def _find(self, template_id: str) -> tuple[Row, str]:
        if template_id in self._rows:
            return self._rows[template_id], IDENTITY
        row_id, _, variant = template_id.rpartition("/")
        if row_id in self._rows and variant in self._manifest.variants:
            return self._rows[row_id], variant
        alone = self._of_motif.get(template_id, ())
        if len(alone) == 1:
            return alone[0], IDENTITY
        raise KeyError(template_id)


def _open(path: Path) -> Store | FirstStore:
    stated = stated_format(path)
    if stated == FORMAT:
        return Store(path, read_manifest(path))
    if stated == format1.FORMAT:
        return FirstStore(path)
    raise SimulationError(f"template library {path.name!r} has another format; expected {FORMAT!r}")


def _among(asked: str | Sequence[str] | None, known: Sequence[str], what: str) -> set[str]:
    """Return the names that were asked for, all of them by default."""
    if asked is None:
        return set(known)
    wanted = {asked} if isinstance(asked, str) else set(asked)
    absent = sorted(wanted - set(known))
    if absent:
        raise SimulationError(
            f"the library has no {what} {', '.join(absent)}; expected some of "
            f"{', '.join(known[:20])}{', …' if len(known) > 20 else ''}"
        )
    return wanted


def _nearest(rows: Sequence[Row], thickness_A: float | None, defocus_A: float | None) -> list[Row]:
    """Return the rows of one motif at the nearest thickness and, among those, defocus."""
    kept = list(rows)
    for name, wanted in (("thickness_A", thickness_A), ("defocus_A", defocus_A)):
        if wanted is not None:
            off = [abs(getattr(row, name) - wanted) for row in kept]
            kept = [row for row, far in zip(kept, off, strict=True) if far <= min(off) + _DIGITS_A]
    return kept
