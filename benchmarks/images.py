"""Print how right the stacking is read from images with known truth, and how long it takes.

Images are Gaussian column sums (no multislice): blur 0.5 Å, 0.16 Å/px, column peak 0.25 and
background 0.04 of the beam, Poisson noise of the dose. Stackings run full width; each gap is `+`
with probability 0.7, `0` or `-` with 0.15. Reporting seeds start at 41000.

Run: python benchmarks/images.py
"""

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import stackmotif as sm
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching import match_columns, score_cells
from stackmotif.matching.scoring import true_pairs
from stackmotif.stacking.columnset import ColumnSet, place_columns, stack_phases

REPORTING_SEED = 41000
PIXEL_A = 0.16
PITCH_A, ROW_A = 2.4855, 4.73
MARGIN_A = 2.0
KIBIBYTE = 1024
"""Unit of the peak memory that Linux reports [B]."""


def random_truth(size_px: int, rng: np.random.Generator) -> ColumnSet:
    """Columns of a random stacking that covers a square image, rotated and sheared."""
    field_A = size_px * PIXEL_A
    n_gaps, n_slots = int(1.35 * field_A / ROW_A), int(1.35 * field_A / PITCH_A)
    states = "".join(rng.choice(["+", "0", "-"], size=n_gaps, p=[0.7, 0.15, 0.15]))
    return placed(stack_phases(states, n_slots), size_px, rng)


def placed(phases: np.ndarray, size_px: int, rng: np.random.Generator) -> ColumnSet:
    """Columns of a displacement field larger than a square image, rotated, sheared and cut."""
    field_A = size_px * PIXEL_A
    truth = place_columns(
        phases,
        rng=rng,
        pitch_A=PITCH_A,
        row_spacing_A=ROW_A,
        noise_A=0.0,
        rotation_deg=float(rng.uniform(-8, 8)),
        shear_deg=float(rng.uniform(-1, 1)),
    )
    centre = truth.positions_A.mean(axis=0)
    positions = truth.positions_A - centre + field_A / 2
    return replace(truth, positions_A=positions).keep(
        np.all((positions > -1.0) & (positions < field_A + 1.0), axis=1)
    )


def picture(truth: ColumnSet, size_px: int, dose: float, rng: int) -> sm.Micrograph:
    pixels = column_sum_image(
        truth.positions_A,
        shape=(size_px, size_px),
        pixel_size_A=PIXEL_A,
        sigma_A=0.5,
        amplitude=0.25,
        background=0.04,
        dose_e_per_A2=dose,
        rng=rng,
    )
    return sm.Micrograph(pixels, PIXEL_A)


def score_image(seed: int, dose: float) -> tuple[float, float, float, float]:
    """Recall, precision, share of cells right and RMS position error [Å] of one 1024² image."""
    size_px = 1024
    truth = random_truth(size_px, np.random.default_rng(seed))
    result = sm.identify(picture(truth, size_px, dose, seed))
    field_A = (size_px - 1) * PIXEL_A
    matched = match_columns(result, truth)
    inner_true = inside(truth.positions_A, field_A)
    inner_found = inside(matched.positions_A, field_A)
    hit = matched.row >= 0
    keys = truth.row * 10_000 + truth.slot
    found = np.isin(keys, matched.row[hit] * 10_000 + matched.slot[hit])
    cells = 0.0
    if result.status != "failed":
        score = score_cells(result, matched)
        cells = score.overall * score.n_cells / n_true_cells(truth.keep(inner_true))
    order = np.argsort(keys)
    place = order[np.searchsorted(keys[order], (matched.row * 10_000 + matched.slot)[hit])]
    error = matched.positions_A[hit] - truth.positions_A[place]
    return (
        float(found[inner_true].mean()),
        float(hit[inner_found].mean()),
        min(1.0, cells),
        float(np.sqrt(np.mean(error**2))),
    )


def inside(positions_A: np.ndarray, field_A: float) -> np.ndarray:
    """Columns far enough from the edge of the image to be seen whole."""
    return np.all((positions_A > MARGIN_A) & (positions_A < field_A - MARGIN_A), axis=1)


def n_true_cells(truth: ColumnSet) -> int:
    return len(true_pairs(truth)[0])


def accuracy_table() -> None:
    print("### Images with known stacking, 1024 x 1024 at 0.16 Å/px, 6 images per dose\n")
    print("| dose (e/Å²) | recall | precision | cells right | RMS error (Å) | bar |")
    print("|---|---|---|---|---|---|")
    for dose in (100.0, 200.0, 500.0, 2000.0):
        rows = np.array([score_image(REPORTING_SEED + k, dose) for k in range(6)])
        recall, precision, cells, error = rows.mean(axis=0)
        bar = ">= 0.99 each" if dose == 500 else "-"
        print(
            f"| {dose:.0f} | {recall:.4f} | {precision:.4f} | {cells:.4f} | {error:.4f} | {bar} |"
        )


@dataclass(frozen=True)
class Cost:
    """What a whole process took: by the clock [s], of the processors [s], and at its peak [GB]."""

    seconds: float
    processor_s: float
    peak_GB: float


def whole_process(image: np.ndarray, folder: Path) -> Cost:
    """Save an image and identify it in a process of its own; the result is in ``folder/out``."""
    path, out = folder / "image.npy", folder / "out"
    np.save(path, image)
    command = [sys.executable, "-m", "stackmotif", "identify", str(path), "--out", str(out)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, "--pixel-size-A", str(PIXEL_A)], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(seconds, processor_s, after.ru_maxrss * KIBIBYTE / 1e9)


def file_to_report(size_px: int = 2048) -> None:
    truth = random_truth(size_px, np.random.default_rng(REPORTING_SEED + 50))
    image = picture(truth, size_px, 500.0, REPORTING_SEED + 50).image
    with tempfile.TemporaryDirectory() as folder:
        cost = whole_process(image, Path(folder))
        size_MB = (Path(folder) / "out" / "report.html").stat().st_size / 1e6
    print(f"\n### From file to report, {size_px} x {size_px}, whole process\n")
    print("| seconds | limit | report.html (MB) |")
    print("|---|---|---|")
    print(f"| {cost.seconds:.1f} | 60 | {size_MB:.1f} |")


if __name__ == "__main__":
    accuracy_table()
    file_to_report()
