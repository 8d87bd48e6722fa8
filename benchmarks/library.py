"""Cost of a library of 10 000 templates of four detectors, 81 × 115 pixels (1.5 GB).

Run it as ``python benchmarks/library.py [N]`` where 2 GB are free; it prints a table.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging import Microscope, Template, TemplateLibrary
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


def write(folder: Path, count: int) -> float:
    """Return the seconds that the library took, without making its images."""
    writer, spent = StoreWriter(folder), 0.0
    for number, template in enumerate(templates(count, np.random.default_rng(0))):
        start = time.perf_counter()
        writer.add(f"m{number}/80A/df0A", template, motif=f"m{number}", settings_sha256="0" * 64)
        spent += time.perf_counter() - start
    start = time.perf_counter()
    first = {"detectors": list(template.detectors), "pixel_size_A": 0.2}
    writer.finish(variants=("identity", "mirror-x", "rotate-180", "mirror-y"), shared=first)
    return spent + time.perf_counter() - start


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def main(count: int) -> None:
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wrote_s = write(folder, count)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        open_s = min(timed(TemplateLibrary, folder)[0] for _ in range(5))
        library = TemplateLibrary(folder)
        first_s, _ = timed(lambda: library["m0"].image.sum())
        chosen = rng.integers(0, count, N_READS)
        each = [timed(lambda n=n: library[f"m{n}/80A/df0A/mirror-x"])[0] for n in chosen]
        select_s, found = timed(lambda: library.select(motif="m7", thickness_A=60))
        verify_s, damaged = timed(library.verify)
    rows = [
        ("write", f"{1e3 * wrote_s / count:.2f} ms a template", "0.6 ms"),
        ("size", f"{size / 1e9:.2f} GB for {count} images, {4 * count} templates", ""),
        ("open", f"{1e3 * open_s:.0f} ms", "200 ms"),
        ("first read, zarr imported by it", f"{1e3 * first_s:.0f} ms", ""),
        (
            "read one at random and check it, median",
            f"{1e3 * np.median(each):.2f} ms",
            "1 ms",
        ),
        ("the same, 99th percentile", f"{1e3 * np.percentile(each, 99):.2f} ms", "5 ms"),
        ("select one motif", f"{1e3 * select_s:.1f} ms, {len(found)} found", ""),
        ("verify all", f"{verify_s:.1f} s, {len(damaged)} damaged", ""),
        (
            "peak memory",
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB",
            "",
        ),
    ]
    print(f"| {count} images of {'×'.join(map(str, SHAPE))} float32 | measured | aim |")
    print("|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
