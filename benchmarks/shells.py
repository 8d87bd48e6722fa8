"""Print markdown tables of what models with nanocrystal shells cost, and how their grains turn out.

Run as ``python benchmarks/shells.py``. Every model is built in a process of its own, so that the
peak of its memory is its own.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stackmotif.structures import GrainSpec, Model, build_nanocrystal_shell, build_particle

SEEDS = (1000, 1001, 1002)


def slab(grain_size_A: float) -> Model:
    return build_nanocrystal_shell(
        size_A=(80.0, 200.0, 200.0),
        shell_thickness_A=100.0,
        grains=GrainSpec(size_A=grain_size_A),
        rng=SEEDS[0],
    )


def particle() -> Model:
    return build_particle(
        facets={(0, 0, 1): 90.0, (1, 0, 4): 100.0},
        shell_thickness_A=50.0,
        grains=GrainSpec(size_A=40.0),
        rng=SEEDS[0],
    )


CASES = {
    "200 × 200 × 80 Å, shell 100 Å, grains 50 Å": lambda: slab(50.0),
    "the same, grains 20 Å": lambda: slab(20.0),
    "particle of {001} and {104}, 18 to 20 nm, shell 50 Å, grains 40 Å": particle,
}


def measure(name: str) -> dict[str, float]:
    """Build one model in this process and return what it cost."""
    start = time.perf_counter()
    model = CASES[name]()
    built = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    import ase.io

    with TemporaryDirectory() as folder:
        loaded = time.perf_counter()
        ase.io.write(Path(folder) / "model.xyz", model.to_ase(), format="extxyz")
        written = time.perf_counter()
    return {
        "atoms": len(model),
        "grains": len(model.grains) - 1,
        "dropped": model.conflicts.n_dropped,
        "build_s": built - start,
        "peak_GB": peak,
        "write_s": written - loaded,
    }


def measured_alone(name: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, name], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def print_costs() -> None:
    print("| model | atoms | grains | left out | built in (s) | peak memory (GB) | extXYZ (s) |")
    print("|---|---|---|---|---|---|---|")
    for name in CASES:
        r = measured_alone(name)
        print(
            f"| {name} | {r['atoms']} | {r['grains']} | {r['dropped']} "
            f"({100 * r['dropped'] / (r['atoms'] + r['dropped']):.1f} %) | {r['build_s']:.1f} "
            f"| {r['peak_GB']:.2f} | {r['write_s']:.1f} |"
        )


def print_sizes() -> None:
    print("| mean asked (Å) | spread asked | mean found (Å) | spread found | grains |")
    print("|---|---|---|---|---|")
    for size, spread in ((20.0, 0.1), (20.0, 0.3), (40.0, 0.1), (40.0, 0.3), (80.0, 0.2)):
        found = [
            build_nanocrystal_shell(
                size_A=(80.0, 200.0, 200.0),
                shell_thickness_A=100.0,
                grains=GrainSpec(size_A=size, spread=spread),
                rng=seed,
            )
            for seed in SEEDS
        ]
        diameters = np.concatenate(
            [[g.diameter_A for g in m.grains if g.kind == "shell"] for m in found]
        )
        print(
            f"| {size:g} | {spread:g} | {diameters.mean():.1f} "
            f"| {diameters.std() / diameters.mean():.2f} | {len(diameters)} |"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        print_costs()
        print()
        print_sizes()
