"""Cost of a library of 10 000 templates of four detectors, 81 × 115 pixels (1.5 GB).

Run it as ``python benchmarks/library.py [N]`` where 2 GB are free; it prints a table.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging import Microscope, Template, TemplateLibrary
from stackmotif.imaging.library import VARIANTS
from stackmotif.imaging.library.store import StoreWriter
from stackmotif.provenance import versions

SHAPE = (4, 81, 115)
N_READS = 400


def images(rng: np.random.Generator, count: int) -> Iterator[NDArray[np.float32]]:
    """Columns on a lattice with the noise of few phonons: they compress as simulated images do."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]] * 0.2
    for _ in range(count):
        phase = rng.uniform(0, 2 * np.pi, (2, 4, 1, 1))
        wave = np.cos(2 * np.pi * x / 1.24 + phase[0]) * np.cos(2 * np.pi * y / 4.73 + phase[1])
        yield (0.1 + 0.05 * wave + rng.normal(0, 1e-4, SHAPE)).astype(np.float32)


def templates(count: int, rng: np.random.Generator) -> Iterator[Template]:
    pool = list(images(rng, 64))
    scope = Microscope.preset("stem-300kV")
    provenance = {"source": "o3", "versions": versions(), "grid": {"gpts": [504, 720]}}
    for number in range(count):
        yield Template(
            image=pool[number % 64] + np.float32(1e-6 * number), detectors=scope.detector_names,
            pixel_size_A=0.2, engine="torch", potential="exact", thickness_A=80.5,
            microscope=scope, phonons=8, rng=0, provenance=provenance,
        )  # fmt: skip


class Watch:
    """Wall and processor seconds of what runs inside, added up."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def __enter__(self) -> "Watch":
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.wall.append(time.perf_counter() - self._start[0])
        self.cpu.append(time.process_time() - self._start[1])

    def row(self, what: str, *, per: int = 1, aim: str = "") -> str:
        """Return a line of the table; times of one of ``per`` [ms]."""
        wall, cpu = (1e3 * sum(times) / per for times in (self.wall, self.cpu))
        return f"| {what} | {wall:.2f} ms | {cpu:.2f} ms | {aim} |"


def write(folder: Path, count: int) -> Watch:
    """Write a library; the images are made outside of the time."""
    writer, watch = StoreWriter(folder), Watch()
    for number, template in enumerate(templates(count, np.random.default_rng(0))):
        name = f"m{number}"
        with watch:
            writer.add(f"{name}/80A/df0A", template, motif=name, settings_sha256="0" * 64)
    shared = {"detectors": list(template.detectors), "pixel_size_A": 0.2}
    with watch:
        writer.finish(variants=VARIANTS, shared=shared)
    return watch


def read(folder: Path, count: int) -> list[str]:
    """Return the lines of everything that reads."""
    opening, first, each, selecting, verifying = (Watch() for _ in range(5))
    with opening:
        library = TemplateLibrary(folder)
    with first:
        library["m0"]
    for number in np.random.default_rng(1).integers(0, count, N_READS):
        with each:
            library[f"m{number}/80A/df0A/mirror-x"]
    with selecting:
        library.select(motif="m7", thickness_A=60)
    with verifying:
        library.verify()
    return [
        opening.row("open", aim="200 ms"),
        first.row("first read, which imports zarr"),
        each.row("read one at random and check it, mean", per=N_READS, aim="1 ms"),
        f"| the same, 95th percentile | {1e3 * np.percentile(each.wall, 95):.2f} ms |  | 5 ms |",
        selecting.row("select one motif"),
        verifying.row("verify, per image", per=count),
    ]


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = [write(folder, count).row("write, per image", per=count, aim="0.6 ms")]
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        rows += read(folder, count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} images of {'×'.join(map(str, SHAPE))} float32, {len(VARIANTS) * count} templates"
    )
    print(f"{size / 1e9:.2f} GB on disk, {memory:.0f} MB of memory; "
          f"{os.getloadavg()[0]:.1f} processes wanted the {os.cpu_count()} cores")  # fmt: skip
    print("\n| what | wall | processor | aim |\n|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
