"""Print what the catalog costs: listing it, reading every entry, building every structure.

Run: python benchmarks/catalog.py
"""

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

REPEATS = 5
CORES = 2
TIMED = """
import time
from stackmotif.catalog import load_catalog
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""
FROM_SCRATCH = """
import time
start = time.perf_counter()
import stackmotif as sm
list(sm.load_catalog())
print(time.perf_counter() - start)
"""


def median_s(script: str) -> float:
    """Seconds that a script prints, each time in a fresh interpreter."""
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        for _ in range(REPEATS)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def timed_s(statement: str) -> float:
    """Seconds of a statement in a fresh interpreter, the import of the catalog not counted."""
    return median_s(TIMED.format(statement=statement))


def list_command_s() -> float:
    """Wall seconds of ``stackmotif catalog list``."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "stackmotif", "catalog", "list"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def build_one(motif_id: str) -> tuple[float, int]:
    """Seconds and atoms of one entry built from its recipe; nothing for one without a recipe."""
    from stackmotif.catalog import load_catalog

    motif = load_catalog()[motif_id]
    if not motif.recipe.buildable:
        return 0.0, 0
    start = time.perf_counter()
    structure = motif.build()
    return time.perf_counter() - start, len(structure)


def main() -> None:
    from stackmotif.catalog import load_catalog

    catalog = load_catalog()
    stored = sum(
        path.stat().st_size for motif in catalog.values() for path in motif.folder.iterdir()
    )
    start = time.perf_counter()
    with ProcessPoolExecutor(CORES) as pool:
        built = dict(zip(catalog, pool.map(build_one, catalog, chunksize=4), strict=True))
    wall = time.perf_counter() - start
    slowest = max(built, key=lambda motif_id: built[motif_id][0])
    command = statistics.median(list_command_s() for _ in range(REPEATS))
    print(f"{len(catalog)} entries, {stored / 1e6:.1f} MB, {os.cpu_count()} cores\n")
    print("| what | seconds | limit |\n|---|---|---|")
    print(f"| `list(load_catalog())` | {timed_s('list(load_catalog())'):.4f} | 0.2 |")
    print(f"| the same, imports included | {median_s(FROM_SCRATCH):.2f} | 0.2 |")
    print(f"| `list(load_catalog().values())` | {timed_s('list(load_catalog().values())'):.3f} | |")
    print(f"| `stackmotif catalog list` | {command:.2f} | |")
    print(f"| building all, {CORES} processes | {wall:.1f} | 60 |")
    print(f"| building all, one after the other | {sum(s for s, _ in built.values()):.1f} | |")
    print(f"| the slowest, {slowest} ({built[slowest][1]} atoms) | {built[slowest][0]:.1f} | |")


if __name__ == "__main__":
    main()
