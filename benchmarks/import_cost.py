"""Print what `import stackmotif` and `stackmotif --help` cost, as the median of several processes.

Run: python benchmarks/import_cost.py
"""

import statistics
import subprocess
import sys
import time

REPEATS = 7
IMPORT = (
    "import time; start = time.perf_counter(); import stackmotif; "
    "print(time.perf_counter() - start)"
)


def import_seconds() -> float:
    """Seconds that the import statement takes inside a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, check=True)
    return float(done.stdout)


def process_seconds(*arguments: str) -> float:
    """Wall seconds of a whole interpreter run with these arguments."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    bare = statistics.median(process_seconds("-c", "pass") for _ in range(REPEATS))
    imported = statistics.median(import_seconds() for _ in range(REPEATS))
    helped = statistics.median(
        process_seconds("-m", "stackmotif", "--help") for _ in range(REPEATS)
    )
    print(f"import stackmotif   {imported:6.3f} s   (limit 0.3 s)")
    print(
        f"stackmotif --help   {helped:6.3f} s   (limit 0.5 s, interpreter start {bare:.3f} s of it)"
    )


if __name__ == "__main__":
    main()
