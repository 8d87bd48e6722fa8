"""Print what a probe costs: torch and abTEM on the same potential, PRISM, and at equal accuracy.

O3 LiNiO2 along [100], 2.5 x 2.8 nm, 300 kV, 20 mrad, four detectors, one frozen-phonon
configuration. Times by the clock and of the processor over all threads, the best of a few
interleaved rounds: what else the machine does counts as little as possible. abTEM needs a grid of
0.013 Å for the on-column HAADF signal that atoms placed exactly give at 0.035 Å; both engines see
every detector in one pass.

Run: python benchmarks/engines.py [slices [probes [threads]]]
     python benchmarks/engines.py sizes     # time of a transform by the size of the grid
     python benchmarks/engines.py columns   # what a grid does to columns that are equal
"""

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging import Microscope
from stackmotif.imaging.engines import detect, detect_prism, detector_weights, prism_window
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.grids import Grid
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.potential import abtem_slices, exact_slices
from stackmotif.imaging.running import run_plan
from stackmotif.imaging.specimen import Specimen, displacements_A, make_specimen
from stackmotif.imaging.transmission import exact_transmission
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


def raster(one: Crystal, count: int) -> NDArray[np.float64]:
    """Return successive points of a scan at the Nyquist step, in a square: what PRISM is for."""
    side = math.isqrt(count - 1) + 1
    step = SCOPE.nyquist_step_A * np.arange(side)
    x, y = np.meshgrid(step, step)
    middle = np.array(one.grid.extent_A) / 2
    return np.stack([x.ravel(), y.ravel()], axis=1)[:count] + middle


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


def by_abtem(
    slices: NDArray[np.float32], one: Crystal, count: int, device: str = "cpu"
) -> NDArray[np.float64]:
    return scan_signals(
        slices,
        probes(one, count),
        grid=one.grid,
        microscope=SCOPE,
        exit_slices=[one.grid.n_slices],
        advance=lambda _: None,
        device=device,
    )


def by_prism(
    slices: NDArray[np.float32], one: Crystal, count: int, device: str = "cpu"
) -> NDArray[np.float64]:
    window = prism_window(one.grid, 2)
    return detect_prism(
        slices,
        raster(one, count),
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


def on_nickel(one: Crystal, engine: str) -> float:
    """Return the mean HAADF signal on four Ni columns, torch with our slices or abTEM's own."""
    atoms = one.specimen.atoms
    nickel = (atoms.symbols == "Ni") & (atoms.positions_A[:, 2] < 1.0)
    points = atoms.positions_A[nickel][:4, :2]
    scope = SCOPE.with_(detectors=SCOPE.detectors[:1])
    settings = {"grid": one.grid, "microscope": scope, "exit_slices": [one.grid.n_slices]}
    if engine == "abtem":
        slices = abtem_slices(one.specimen, one.moved_A)
        return float(scan_signals(slices, points, advance=lambda _: None, **settings).mean())
    waves = exact_transmission(one.specimen, one.moved_A, microscope=scope)
    weights = detector_weights(one.grid, scope, edges="abtem")
    return float(detect(waves, points, weights=weights, edges="abtem", **settings).mean())


def accuracy_rows(n_slices: int, coarse: Crystal, fine: Crystal) -> None:
    best = on_nickel(crystal(n_slices, FINE_A), "torch")
    for name, one, engine in (
        (f"torch at {max(coarse.grid.sampling_A):.3f} Å", coarse, "torch"),
        (f"abTEM at {max(coarse.grid.sampling_A):.3f} Å", coarse, "abtem"),
        (f"abTEM at {FINE_A} Å", fine, "abtem"),
    ):
        row(f"{name}: HAADF on Ni, off by", f"{on_nickel(one, engine) / best - 1:+.1%}")


def fft_pair_s(gpts: tuple[int, int], batch: int, device: str) -> float:
    """Return the time of the two transforms of a slice for each wave, alone [s]."""
    import torch

    waves = torch.ones((batch, *gpts), dtype=torch.complex64, device=device)

    def pair() -> None:
        torch.fft.ifft2(torch.fft.fft2(waves))
        if device == "cuda":
            torch.cuda.synchronize()

    pair()
    return best_s(pair, rounds=10, timer=time.perf_counter)[0] / batch


def gpu_rows(slices: NDArray[np.float32], one: Crystal) -> None:
    import torch

    if not torch.cuda.is_available():
        for name in ("torch multislice", "share of the limit by transforms", "abTEM with CuPy"):
            row(f"{name}, GPU", "not measured (no GPU)")
        return
    name = torch.cuda.get_device_name()
    count = PRISM_PROBES
    by_torch(slices, one, count, "cuda")
    (torch_s,) = best_s(lambda: by_torch(slices, one, count, "cuda"), timer=time.perf_counter)
    row(f"torch multislice, {name}", f"{1e3 * torch_s / count:.2f} ms per probe")
    limit_s = one.grid.n_slices * fft_pair_s(one.grid.gpts, 64, "cuda")
    row("share of the limit by transforms alone", f"{limit_s * count / torch_s:.0%}")
    (prism_s,) = best_s(lambda: by_prism(slices, one, count, "cuda"), timer=time.perf_counter)
    row(f"torch PRISM f = 2, {name}", f"{prism_s:.2f} s for {count} probes")
    if find_spec("cupy") is None:
        row("abTEM multislice, GPU (CuPy)", "not measured (no CuPy)")
        return
    by_abtem(slices, one, 8, "cuda")
    (abtem_s,) = best_s(lambda: by_abtem(slices, one, count, "cuda"), timer=time.perf_counter)
    row(f"abTEM with CuPy, {name}", f"{1e3 * abtem_s / count:.2f} ms per probe")
    row("ratio on the GPU", f"{abtem_s / torch_s:.2f}")


def sizes() -> None:
    """Print the time of a transform for each number of points on the inner axis."""
    import torch

    torch.set_num_threads(1)
    print("| points | ns per point |\n|---|---|")
    for count in range(480, 1009, 8):
        rest = count
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            pair_s = fft_pair_s((480, count), 1, "cpu")
            odd = " = 8 x an odd number" if count // 8 % 2 else ""
            row(f"{count}{odd}", f"{1e9 * pair_s / 2 / 480 / count:.2f}")


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
    accuracy_rows(n_slices, coarse, fine)

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


def columns() -> None:
    """Print the spread over Ni columns that begin at the same surface, and over all of them."""
    plan = make_plan(
        build("|R+[Li]|", lattice="LiNiO2:1"), microscope=SCOPE, thickness_A=30.0, phonons=0
    )
    nickel = plan.cell.symbols == "Ni"
    depth = plan.cell.positions_A[nickel, 2]
    print(f"| grid | potential | {' | '.join(one.name for one in SCOPE.detectors)} |")
    print("|---|---|" + "---|" * len(SCOPE.detectors), flush=True)
    for gpts in (plan.grid.gpts, (500, 720), (499, 710)):
        for potential in ("exact", "abtem"):
            found = run_plan(
                replace(plan, grid=replace(plan.grid, gpts=gpts)),
                potential=potential,
                positions_A=plan.cell.positions_A[nickel, :2],
            )[0]
            cells = (
                f"{np.ptp(one[depth < 0.1]) / one.mean():.2%} ({np.ptp(one) / one.mean():.1%})"
                for one in found
            )
            row(f"{gpts[0]} × {gpts[1]}", potential, *cells)


if __name__ == "__main__":
    if sys.argv[1:] == ["sizes"]:
        sizes()
    elif sys.argv[1:] == ["columns"]:
        columns()
    else:
        main(*(int(given) for given in sys.argv[1:4]))
