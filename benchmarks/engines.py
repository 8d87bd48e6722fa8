"""Print what a probe costs: torch and abTEM on the same potential, PRISM, and at equal accuracy.

O3 LiNiO2 along [100], 2.5 x 2.8 nm, 300 kV, 20 mrad, four detectors, one frozen-phonon
configuration. Times are those of the processor over all threads, the best of a few interleaved
rounds: what else the machine does counts as little as possible. abTEM needs a grid of 0.013 Å for
the on-column HAADF signal that atoms placed exactly give at 0.04 Å; both engines see every detector
in one pass.

Run: python benchmarks/engines.py [slices [probes [threads]]]
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging import Microscope
from stackmotif.imaging.engines import detect, detect_prism, detector_weights, prism_window
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.potential import abtem_slices, exact_slices
from stackmotif.imaging.specimen import Specimen, displacements_A, make_specimen
from stackmotif.structures import build

SCOPE = Microscope.preset("stem-300kV")
ROUNDS = 3
FINE_A = 0.013
PRISM_PROBES = 256


@dataclass(frozen=True)
class Crystal:
    """A specimen with its displacements, on one grid."""

    specimen: Specimen
    moved_A: NDArray[np.float64]

    @property
    def grid(self) -> Grid:
        """Its wave grid."""
        return self.specimen.grid


def crystal(n_slices: int, sampling_A: float | None = None) -> Crystal:
    plan = make_plan(
        build("|R+[Li]|", lattice="LiNiO2:1"),
        microscope=SCOPE,
        thickness_A=n_slices * 1.43,
        phonons=1,
        sampling_A=sampling_A,
    )
    wide = replace(plan.grid, repeats=(5, 2, plan.grid.repeats[2]))
    gpts = (plan.grid.gpts[0] * 5 // plan.grid.repeats[0], plan.grid.gpts[1])
    edges = plan.cell.extent_A
    grid = replace(wide, gpts=gpts, extent_A=(5 * float(edges[0]), 2 * float(edges[1])))
    specimen = make_specimen(plan.cell, grid)
    return Crystal(specimen, displacements_A(specimen, seed=0, configuration=0))


def probes(one: Crystal, count: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).uniform(0, 1, (count, 2)) * one.grid.extent_A


def by_torch(
    slices: NDArray[np.float32], one: Crystal, count: int, device: str = "cpu"
) -> NDArray[np.float64]:
    return detect(
        slices,
        probes(one, count),
        grid=one.grid,
        microscope=SCOPE,
        exit_slices=[one.grid.n_slices],
        weights=detector_weights(one.grid, SCOPE, edges="abtem"),
        edges="abtem",
        device=device,
    )


def by_abtem(slices: NDArray[np.float32], one: Crystal, count: int) -> NDArray[np.float64]:
    return scan_signals(
        slices,
        probes(one, count),
        grid=one.grid,
        microscope=SCOPE,
        exit_slices=[one.grid.n_slices],
        advance=lambda _: None,
    )


def by_prism(
    slices: NDArray[np.float32], one: Crystal, count: int, device: str = "cpu"
) -> NDArray[np.float64]:
    window = prism_window(one.grid, 2)
    return detect_prism(
        slices,
        probes(one, count),
        grid=one.grid,
        microscope=SCOPE,
        exit_slices=[one.grid.n_slices],
        weights=detector_weights(window, SCOPE, edges="abtem"),
        interpolation=2,
        edges="abtem",
        device=device,
    )


def best_s(
    *calls: Callable[[], object],
    rounds: int = ROUNDS,
    timer: Callable[[], float] = time.process_time,
) -> list[float]:
    """Return the shortest time of each call over interleaved rounds [s]."""
    found = [float("inf")] * len(calls)
    for _ in range(rounds):
        for number, call in enumerate(calls):
            start = timer()
            call()
            found[number] = min(found[number], timer() - start)
    return found


def peak_GiB() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def row(name: str, *cells: str) -> None:
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def gpu_rows(slices: NDArray[np.float32], one: Crystal) -> None:
    import torch

    if not torch.cuda.is_available():
        row("torch multislice, GPU", "not measured (no GPU)")
        row("abTEM multislice, GPU (CuPy)", "not measured (no GPU)")
        return
    name = torch.cuda.get_device_name()
    count = PRISM_PROBES
    by_torch(slices, one, count, "cuda")
    (torch_s,) = best_s(lambda: by_torch(slices, one, count, "cuda"), timer=time.perf_counter)
    row(f"torch multislice, {name}", f"{1e3 * torch_s / count:.2f} ms per probe")
    (prism_s,) = best_s(lambda: by_prism(slices, one, count, "cuda"), timer=time.perf_counter)
    row(f"torch PRISM f = 2, {name}", f"{prism_s:.2f} s for {count} probes")
    row("abTEM multislice, GPU (CuPy)", "not measured (abTEM runs on the CPU here)")


def main(n_slices: int = 36, count: int = 8, threads: int = 1) -> None:
    import torch

    torch.set_num_threads(threads)
    coarse = crystal(n_slices)
    slices = exact_slices(coarse.specimen, coarse.moved_A)
    shape = f"{coarse.grid.gpts[0]} x {coarse.grid.gpts[1]}, {coarse.grid.n_slices} slices"
    print(f"{shape}, {threads} torch threads\n")
    print("| engine | ms per probe, of the processor or by the clock |\n|---|---|", flush=True)
    for engine in (by_torch, by_abtem):
        engine(slices, coarse, 2)
    torch_s, abtem_s = best_s(
        lambda: by_torch(slices, coarse, count), lambda: by_abtem(slices, coarse, count)
    )
    row("torch multislice", f"{1e3 * torch_s / count:.1f}")
    row("abTEM multislice, same potential", f"{1e3 * abtem_s / count:.1f}")
    row("ratio", f"{abtem_s / torch_s:.2f}")
    torch_s, abtem_s = best_s(
        lambda: by_torch(slices, coarse, count),
        lambda: by_abtem(slices, coarse, count),
        timer=time.perf_counter,
    )
    row("torch, by the clock", f"{1e3 * torch_s / count:.1f}")
    row("abTEM, by the clock", f"{1e3 * abtem_s / count:.1f}")
    row("ratio, by the clock", f"{abtem_s / torch_s:.2f}")
    agreement = by_torch(slices, coarse, 2) / by_abtem(slices, coarse, 2) - 1
    row("largest relative difference", f"{np.abs(agreement).max():.1e}")

    fine = crystal(n_slices, FINE_A)
    fine_slices = abtem_slices(fine.specimen, fine.moved_A)
    fine_s, again_s = best_s(
        lambda: by_abtem(fine_slices, fine, 2), lambda: by_torch(slices, coarse, 2), rounds=2
    )
    row(f"abTEM at {FINE_A} Å (equal accuracy)", f"{1e3 * fine_s / 2:.0f}")
    row("ratio at equal accuracy", f"{fine_s / again_s:.1f}")

    (one_s, many_s) = best_s(
        lambda: by_prism(slices, coarse, 1),
        lambda: by_prism(slices, coarse, PRISM_PROBES),
        rounds=1,
    )
    row("torch PRISM f = 2, plane waves", f"{1e3 * one_s:.0f} ms once")
    each = max(0.0, many_s - one_s) / (PRISM_PROBES - 1)
    row("torch PRISM f = 2, each probe", f"{1e3 * each:.2f}")
    row("largest memory of the process", f"{peak_GiB():.1f} GiB")
    gpu_rows(slices, coarse)


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:4]))
