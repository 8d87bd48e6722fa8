"""Print a markdown table of how well columns are found, on test images with exact truth.

Run as ``python benchmarks/columns.py``. Seeds from 1000 are for reporting only; development used
seeds below 100.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from stackmotif.columns import Columns, find_columns, refine
from stackmotif.columns.noise import estimate_noise
from stackmotif.columns.refinement import start_shapes
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.micrograph import Micrograph

PITCH_A, ROW_A = 2.487, 4.73
REPORT_SEED = 1000
MATCH_A = 0.7


@dataclass(frozen=True)
class Case:
    """One test image with its truth; the model is what the Cramér–Rao bound is computed from."""

    name: str
    pixels: np.ndarray
    pixel_size_A: float
    truth_A: np.ndarray
    heights: np.ndarray
    sigma_A: float
    background: float
    read_variance: float = 0.0
    pitch_A: float = 2.5
    groups: dict[str, np.ndarray] = field(default_factory=dict)


def faulted_o3(shape: tuple[int, int], pixel_size_A: float, *, rng: int) -> np.ndarray:
    """Return columns of an O3 stack along [100] whose gaps are faulted with probability 0.1."""
    generator = np.random.default_rng(rng)
    height, width = np.array(shape) * pixel_size_A
    n_rows, n_slots = int(height / ROW_A) + 3, int(width / PITCH_A) + 4
    faulted = generator.random(n_rows) < 0.1
    shifts = np.where(faulted, generator.integers(-1, 1, n_rows, endpoint=True), 1)
    phase = (np.cumsum(shifts) / 3 + generator.random()) % 1
    x = (np.arange(n_slots) - 2 + phase[:, None]) * PITCH_A
    y = np.repeat((np.arange(n_rows) - 1 + generator.random()) * ROW_A, n_slots)
    points = np.stack([y, x.ravel()], axis=1)
    margin = 3 * 0.5
    return points[np.all((points > -margin) & (points < [height + margin, width + margin]), axis=1)]


def o3_case(edge: str | None, rng: int, *, n: int = 1024, dose: float = 500.0) -> Case:
    """Return a faulted O3 image: 500 e/Å², blur 0.5 Å, 0.16 Å/px, peak 0.25, background 0.04."""
    shape, size, width = (n, n), 0.16, 30.0
    truth = faulted_o3(shape, size, rng=rng)
    pixels = column_sum_image(
        truth,
        shape=shape,
        pixel_size_A=size,
        sigma_A=0.5,
        amplitude=0.25,
        background=0.04,
        dose_e_per_A2=dose,
        edge=edge,
        edge_width_A=width,
        rng=rng,
    )
    if edge:
        truth = truth[truth[:, 1] >= width]
    area = dose * size**2
    heights = np.full(len(truth), 0.25 * area)
    name = f"O3 with faults, {edge or 'no'} edge"
    return Case(name, pixels, size, truth, heights, 0.5, 0.04 * area)


def split_case(separation_A: float, dose: float, rng: int, *, n: int = 512) -> Case:
    """Return a lattice whose columns are all equal pairs, ``separation_A`` apart along the row."""
    size, area = 0.16, dose * 0.16**2
    n_rows, n_slots = int(n * size / ROW_A) + 1, int(n * size / 2.49) + 1
    y, x = np.meshgrid(np.arange(n_rows) * ROW_A, np.arange(n_slots) * 2.49, indexing="ij")
    middle = np.stack([y.ravel(), (x + np.arange(n_rows)[:, None] % 3 * 0.83).ravel()], axis=1)
    half = np.array([0.0, separation_A / 2])
    pixels = column_sum_image(
        np.vstack([middle - half, middle + half]),
        shape=(n, n),
        pixel_size_A=size,
        amplitude=0.125,
        dose_e_per_A2=dose,
        rng=rng,
    )
    heights = np.full(len(middle), 0.25 * area)
    return Case("pairs", pixels, size, middle, heights, 0.5, 0.04 * area)


def close_packed(rng: int, *, ramp: bool, margin_px: float = 0.0) -> Case:
    """Return image A (equal columns) or B (every second row ramps from 10 % to 100 %).

    Columns left of ``margin_px`` are left out.
    """
    shape, size, sigma_px, peak, background, read = (1024, 1024), 0.1419, 3.0, 60.0, 15.0, 2.0
    spacing = np.sqrt(2 / np.sqrt(3) * 1024**2 / 3152)
    generator = np.random.default_rng(rng)
    rows = np.arange(-1, 1024 / (spacing * np.sqrt(3) / 2) + 1)
    cols = np.arange(-1, 1024 / spacing + 1)
    y = np.repeat(rows * spacing * np.sqrt(3) / 2, len(cols))
    x = (cols[None] * spacing + (rows[:, None] % 2) * spacing / 2).ravel()
    truth_px = np.stack([y, x], axis=1) + generator.uniform(0, spacing, 2)
    fade = 0.1 + 0.9 * np.clip(truth_px[:, 1] / 1024, 0, 1)
    height = peak * np.where(ramp & (np.repeat(rows, len(cols)) % 2 == 1), fade, 1.0)
    inside = np.all((truth_px > -9) & (truth_px < 1033), axis=1) & (truth_px[:, 1] > margin_px - 9)
    truth_px, height = truth_px[inside], height[inside]
    mean = column_sum_image(
        truth_px * size,
        shape=shape,
        pixel_size_A=size,
        sigma_A=sigma_px * size,
        amplitude=height,
        background=background,
    )
    pixels = generator.poisson(mean) + generator.normal(0, read, shape)
    return Case(
        "image B, faint rows" if ramp else "image A, close-packed",
        pixels.astype(np.float32),
        size,
        truth_px * size,
        height,
        sigma_px * size,
        background,
        read**2,
        pitch_A=spacing * size,
        groups={"height < 0.4": height < 0.4 * peak} if ramp else {},
    )


def bound_A(case: Case) -> np.ndarray:
    """Return the Cramér–Rao bound of (y, x) of each column [Å], shape (n, 2).

    Joint Fisher matrix of all positions and heights; blur, background and noise are known. Poisson
    variance is the model mean plus read variance.
    """
    truth, sigma = case.truth_A / case.pixel_size_A, case.sigma_A / case.pixel_size_A
    reach = int(np.ceil(5 * sigma))
    offsets = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    nearest = np.rint(truth).astype(int)
    y, x = (nearest[:, i, None] + offsets[i] for i in range(2))
    dy, dx = y - truth[:, :1], x - truth[:, 1:]
    bell = np.exp(-(dy**2 + dx**2) / (2 * sigma**2))
    high = bell * case.heights[:, None]
    derivative = np.stack([high * dy / sigma**2, high * dx / sigma**2, bell], axis=1)
    shape = case.pixels.shape
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    pixel = np.where(inside, y * shape[1] + x, 0)
    derivative *= inside[:, None]
    mean = np.bincount(pixel.ravel(), weights=(high * inside).ravel(), minlength=case.pixels.size)
    variance = mean + case.background + case.read_variance
    n, parameters = len(truth), 3 * len(truth)
    column = np.broadcast_to(np.arange(parameters).reshape(n, 3, 1), derivative.shape)
    row = np.broadcast_to(pixel[:, None], derivative.shape)
    weighted = derivative / np.sqrt(variance)[row]
    entries = (weighted.ravel(), (row.ravel(), column.ravel()))
    jacobian = coo_matrix(entries, shape=(case.pixels.size, parameters)).tocsr()
    fisher = csc_matrix(jacobian.T @ jacobian)
    fisher.setdiag(fisher.diagonal() + 1e-9 * fisher.diagonal().max())
    solver, variances = splu(fisher), np.empty(parameters)
    for start in range(0, parameters, 600):
        which = np.arange(start, min(start + 600, parameters))
        unit = np.zeros((parameters, len(which)))
        unit[which, np.arange(len(which))] = 1.0
        variances[which] = solver.solve(unit)[which, np.arange(len(which))]
    return np.sqrt(variances.reshape(n, 3)[:, :2]) * case.pixel_size_A


@dataclass(frozen=True)
class Score:
    """What one image gave; rms and bound in pixels per axis."""

    recall: float
    precision: float
    rms_px: float
    ratio: float
    inside_1: float
    inside_2: float
    per_second: float
    n: int


def score(case: Case, columns: Columns, seconds: float, group: np.ndarray | None = None) -> Score:
    """Compare found columns with the truth, more than 1 Å away from the image border."""
    size = case.pixel_size_A
    high = np.array(case.pixels.shape) * size - 1.0

    def central(points: np.ndarray) -> np.ndarray:
        return np.all((points > 1.0) & (points < high), axis=1)

    far, owner = cKDTree(case.truth_A).query(columns.positions_A)
    missed, _ = cKDTree(columns.positions_A).query(case.truth_A)
    counted = central(case.truth_A) if group is None else central(case.truth_A) & group
    found = (far < MATCH_A) & counted[owner]
    error = columns.positions_A[found] - case.truth_A[owner[found]]
    inverse = np.linalg.inv(columns.covariances_A2[found])
    distance = np.einsum("ni,nij,nj->n", error, inverse, error)
    relative = error / bound_A(case)[owner[found]]
    return Score(
        recall=float((missed[counted] < MATCH_A).mean()),
        precision=float((far[central(columns.positions_A)] < MATCH_A).mean()),
        rms_px=float(np.sqrt((error**2).mean()) / size),
        ratio=float(np.sqrt((relative**2).mean())),
        inside_1=float((distance < 1).mean()),
        inside_2=float((distance < 4).mean()),
        per_second=len(columns) / seconds,
        n=int(counted.sum()),
    )


def measure(case: Case) -> tuple[Columns, float]:
    """Return the columns of a case and the CPU seconds they took."""
    start = time.process_time()
    columns = find_columns(Micrograph(case.pixels, case.pixel_size_A), pitch_A=case.pitch_A)
    return columns, time.process_time() - start


def _row(name: str, scores: list[Score]) -> str:
    mean = {key: np.mean([getattr(s, key) for s in scores]) for key in Score.__dataclass_fields__}
    return (
        f"| {name} | {mean['n']:.0f} | {mean['recall']:.4f} | {mean['precision']:.4f} "
        f"| {mean['rms_px']:.4f} | {mean['ratio']:.3f} | {mean['inside_1']:.3f} "
        f"| {mean['inside_2']:.3f} | {mean['per_second']:,.0f} |"
    )


def print_doses(seed: int) -> None:
    """Print how many columns are found at low doses."""
    print("\n| dose (e/Å²) | recall | precision | RMS (px/axis) | RMS / bound | in 1σ | in 2σ |")
    print("|---|---|---|---|---|---|---|")
    for dose in (500, 300, 200, 150, 100, 70):
        case = o3_case(None, seed, n=640, dose=dose)
        got = score(case, *measure(case))
        print(
            f"| {dose} | {got.recall:.3f} | {got.precision:.3f} | {got.rms_px:.3f} "
            f"| {got.ratio:.3f} | {got.inside_1:.3f} | {got.inside_2:.3f} |",
            flush=True,
        )


def print_shapes(seed: int) -> None:
    """Print width and ellipticity of columns that are equal pairs."""
    print(
        "\n| dose (e/Å²) | apart (Å) | true ratio | mean ratio | spread | width (Å), true | found |"
    )
    print("|---|---|---|---|---|---|---|")
    for dose in (500, 5000):
        for apart in (0.0, 0.4, 0.6, 0.83, 1.0):
            case = split_case(apart, dose, seed)
            columns, _ = measure(case)
            high = np.array(case.pixels.shape) * case.pixel_size_A - 2.0
            inner = np.all((columns.positions_A > 2) & (columns.positions_A < high), axis=1)
            ratio, true = columns.ellipticity[inner], np.hypot(1, apart / 2 / 0.5)
            print(
                f"| {dose} | {apart:.2f} | {true:.2f} | {ratio.mean():.2f} | {ratio.std():.2f} "
                f"| {0.5 * np.sqrt(true):.3f} | {columns.width_A[inner].mean():.3f} |",
                flush=True,
            )


def print_large(seed: int, device: str, times: int = 6) -> None:
    """Print how long more than 100 000 columns take: image A laid out again and again."""
    case = close_packed(seed, ramp=False)
    pixels, size = np.tile(case.pixels, (times, times)), case.pixel_size_A
    shift = np.stack(np.meshgrid(*[np.arange(times)] * 2), -1).reshape(-1, 1, 2) * 1024
    inside = np.all((case.truth_A > 0) & (case.truth_A < 1023 * size), axis=1)
    places = (shift + case.truth_A[inside] / size).reshape(-1, 2)
    places = places[np.lexsort(places.T[::-1].round())]
    noise = estimate_noise(pixels)
    n, width = len(places), case.sigma_A / size
    start = start_shapes(
        places + np.random.default_rng(seed).normal(0, 0.4, places.shape),
        height=np.full(n, 50.0),
        background=np.full(n, case.background),
        width_px=1.05 * width,
    )
    print(f"\n{device}\n\n| what | columns | s by the clock | CPU-s |\n|---|---|---|---|")
    for name, action in (
        (
            "refined from 0.4 px beside",
            lambda: refine(pixels, start, noise=noise, device=device),
        ),
        (
            "found in the pixels",
            lambda: find_columns(Micrograph(pixels, size), pitch_A=case.pitch_A, device=device),
        ),
    ):
        clock, cpu = time.perf_counter(), time.process_time()
        found = action()
        count = len(found) if isinstance(found, Columns) else len(found.shapes)
        print(f"| {name} | {count} | {time.perf_counter() - clock:.1f} "
              f"| {time.process_time() - cpu:.1f} |", flush=True)  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=REPORT_SEED)
    parser.add_argument("--n", type=int, default=3, help="images per line")
    parser.add_argument("--large", action="store_true", help="only time 100 000 columns")
    parser.add_argument("--device", default="cpu", help="where --large refines")
    options = parser.parse_args()
    if options.large:
        print_large(options.seed, options.device)
        return
    cases: list[Callable[[int], Case]] = [
        lambda rng: o3_case(None, rng),
        lambda rng: o3_case("vacuum", rng),
        lambda rng: o3_case("amorphous", rng),
        lambda rng: close_packed(rng, ramp=False),
        lambda rng: close_packed(rng, ramp=True),
    ]
    measure(o3_case(None, 0, n=128))
    print(
        "| image | columns | recall | precision | RMS (px/axis) | RMS / bound | in 1σ (0.393) "
        "| in 2σ (0.865) | columns / CPU-s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for make in cases:
        results: dict[str, list[Score]] = {}
        for seed in range(options.seed, options.seed + options.n):
            case = make(seed)
            columns, seconds = measure(case)
            results.setdefault(case.name, []).append(score(case, columns, seconds))
            for label, group in case.groups.items():
                part = score(case, columns, seconds, group)
                results.setdefault(f"{case.name}, {label}", []).append(part)
        for name, scores in results.items():
            print(_row(name, scores), flush=True)
    print_doses(options.seed)
    print_shapes(options.seed)
    case = o3_case("amorphous", options.seed, n=2048)
    columns, seconds = measure(case)
    print(f"\n2048 × 2048 pixels: {len(columns)} columns in {seconds:.2f} CPU-s")


if __name__ == "__main__":
    main()
