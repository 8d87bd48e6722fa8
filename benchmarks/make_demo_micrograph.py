"""Make the bundled micrograph: a simulated ADF image with known stacking, as a microscope file.

A stack of O3 holds an O1 chunk, a one-gap and a two-gap domain of glided slabs. All of them run the
full width, so the image of one column pitch of each slab is enough. Each slab is simulated by
multislice inside a window of its own, with its two neighbours on either side; equal windows are
simulated once, and a window read upside down is the same one turned by 180 degrees. The windows are
stitched along c, repeated sideways, interpolated between exit planes for a thickness ramp, sampled
along distorted scan lines, and given shot noise.

Run as ``python benchmarks/make_demo_micrograph.py``; results are kept in ``benchmarks/_cache``, and
a second run resumes. ``--check`` compares stitched windows with the simulation of a whole stack.
"""

import argparse
import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.ndimage import gaussian_filter1d, map_coordinates

from stackmotif.imaging import Detector, Microscope
from stackmotif.imaging.engines.abtem import scan_signals
from stackmotif.imaging.grids import Grid, choose_grid
from stackmotif.imaging.noise import affine_matrix, poisson_dose, row_offsets
from stackmotif.imaging.potential import exact_slices
from stackmotif.imaging.specimen import Specimen, displacements_A, make_specimen
from stackmotif.provenance import sha256_file, versions
from stackmotif.structures import build, get_lattice
from stackmotif.structures.orientation import OrientedCell, orient, translations_A

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "benchmarks" / "_cache"
DATA = ROOT / "src" / "stackmotif" / "_data"

LATTICE = "LiNiO2:0.5"
GUEST = "[Li:0.5]"
GAPS = "333333" + "p" + "33333" + "11111" + "33333" + "pp" + "333333"
"""Gap kinds along +c in the middle of the field; O3 goes on beyond both ends."""
SHIFT = {"3": 1, "1": 0, "p": -1}
REACH = 2
"""Neighbouring slabs on either side of a simulated one."""
MICROSCOPE = Microscope(
    energy_eV=300e3,
    semiangle_mrad=20.0,
    detectors=(Detector("ADF", 25.0, 110.0),),
    source_fwhm_A=0.8,
    name="demo ADF",
)
THICKNESS_A = (40.0, 50.0, 60.0, 70.0, 80.0)
N_X, N_Y = 11, 24
"""Samples per pitch (odd) and per slab."""
PIXELS, PIXEL_A = 1024, 0.13
ROTATION_DEG, SHEAR_DEG = 3.2, 1.0
DOSE_PER_A2 = 1.5e4
JITTER_PX, DRIFT_PX = 0.25, 0.6
GAIN, OFFSET, READ_NOISE = 12.0, 200.0, 8.0
SEED = 20240613
FINE_Y_A, FINE_X = 0.1, 32


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Window:
    """One slab among its neighbours, ready to be scanned."""

    gaps: str
    specimen: Specimen
    positions_A: np.ndarray

    @property
    def grid(self) -> Grid:
        """Wave grid and slices."""
        return self.specimen.grid


def word_of(gaps: str) -> str:
    """Return the periodic word of all-R slabs whose shifts close, given all gaps but the last."""
    closing = {0: "1", 1: "p", 2: "3"}[sum(SHIFT[kind] for kind in gaps) % 3]
    sign = {"3": "+", "1": "0", "p": "-"}
    slabs = [f"R{sign[kind]}{'' if kind == '1' else GUEST}" for kind in gaps + closing]
    return f"|{' '.join(slabs)}|"


def slab_rows(kinds: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (metal height, upper mid-gap) [Å] of each slab but the last, from the lowest metal."""
    lattice = get_lattice(LATTICE)
    steps = np.array([lattice.row_spacing_A(kind) for kind in kinds])
    metals = np.concatenate([[0.0], np.cumsum(steps)])
    return metals, metals[:-1] + steps / 2


def scan_points(cell: OrientedCell, kinds: str, slab: int) -> np.ndarray:
    """Return probe positions over one pitch of a slab, from its upper to its lower mid-gap."""
    _, middles = slab_rows(kinds)
    top, bottom = middles[slab], middles[slab - 1]
    pitch = get_lattice(LATTICE).column_pitch_A
    z = top - (np.arange(N_Y) + 0.5) / N_Y * (top - bottom)
    shift = sum(SHIFT[kind] for kind in kinds[:slab]) * pitch / 3
    x = shift + np.arange(N_X) / N_X * pitch
    points = np.stack(np.meshgrid(x, cell.extent_A[1] - z), -1)
    return points.reshape(-1, 2) % cell.extent_A[:2]


def make_window(gaps: str) -> Window:
    structure = build(word_of(gaps), lattice=LATTICE)
    cell = orient(structure)
    grid = choose_grid(cell, translations_A(cell), MICROSCOPE, thickness_A=max(THICKNESS_A))
    return Window(gaps, make_specimen(cell, grid), scan_points(cell, gaps, REACH))


def canonical(gaps: str) -> tuple[str, bool]:
    """Return the window to simulate, and whether its image has to be turned by 180 degrees."""
    return min((gaps, False), (gaps[::-1], True))


def windows_of(kinds: str) -> list[tuple[str, bool]]:
    """Return the window of each slab that has two neighbours on either side."""
    return [canonical(kinds[k - REACH : k + REACH]) for k in range(REACH, len(kinds) + 1 - REACH)]


def signals(window: Window, *, configuration: int | None) -> np.ndarray:
    """Return (exit, y, x) of one configuration, from the cache if it is there."""
    periods = [round(one / window.grid.period_A) for one in THICKNESS_A]
    key = {
        "gaps": window.gaps, "lattice": LATTICE, "seed": SEED,
        "configuration": configuration, "microscope": asdict(MICROSCOPE), "periods": periods,
        "grid": asdict(window.grid), "points": window.positions_A.round(6).tolist(), "version": 1,
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]
    stored = CACHE / f"{digest}.npy"
    if stored.is_file():
        return np.load(stored)
    moved = None
    if configuration is not None:
        moved = displacements_A(window.specimen, seed=SEED, configuration=configuration)
    found = scan_signals(
        exact_slices(window.specimen, moved),
        window.positions_A,
        grid=window.grid,
        microscope=MICROSCOPE,
        exit_slices=[count * window.grid.slices_per_period for count in periods],
        advance=lambda count: None,
    )[:, 0].reshape(len(periods), -1, N_X)
    CACHE.mkdir(exist_ok=True)
    beside = stored.with_suffix(".part.npy")
    np.save(beside, found)
    beside.rename(stored)
    return found


def estimate_s(windows: list[Window], configurations: int) -> float:
    work = sum(
        len(one.positions_A) * one.grid.n_slices * one.grid.gpts[0] * one.grid.gpts[1]
        for one in windows
    )
    return work * configurations * 1.6e-8 / 2


def simulate_tiles(names: list[str], configurations: int) -> dict[str, np.ndarray]:
    """Return the mean (exit, y, x) of each window; no configurations is the static lattice."""
    windows = [make_window(name) for name in names]
    numbers = list(range(configurations)) if configurations else [None]
    say(f"{len(windows)} windows × {len(numbers)} configurations, about "
        f"{estimate_s(windows, len(numbers)) / 60:.0f} min on two cores")  # fmt: skip
    totals = dict.fromkeys(names, 0.0)
    start = time.monotonic()
    for number in numbers:
        for window in windows:
            totals[window.gaps] = totals[window.gaps] + signals(window, configuration=number)
            say(f"  {time.monotonic() - start:7.0f} s  configuration {number}  {window.gaps}")
    return {name: total / len(numbers) for name, total in totals.items()}


def stitch(kinds: str, tiles: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return row heights z [Å] and Fourier coefficients (exit, row, mode) along x, upwards.

    Row heights count from the lowest metal of the stack, positions along x from its column.
    """
    pitch = get_lattice(LATTICE).column_pitch_A
    _, middles = slab_rows(kinds)
    modes = np.arange(N_X) - N_X // 2
    heights, rows = [], []
    for slab, (name, turned) in enumerate(windows_of(kinds), start=REACH):
        tile = tiles[name]
        if turned:
            tile = np.roll(tile[:, ::-1, ::-1], 1, axis=-1)
        bottom, top = middles[slab - 1], middles[slab]
        shift = sum(SHIFT[kind] for kind in kinds[:slab]) * pitch / 3
        coefficients = np.fft.fft(tile, axis=-1)[..., modes % N_X] / N_X
        coefficients = coefficients * np.exp(-2j * np.pi * modes * shift / pitch)
        heights.append(bottom + (np.arange(N_Y) + 0.5) / N_Y * (top - bottom))
        rows.append(coefficients[:, ::-1])
    return np.concatenate(heights), np.concatenate(rows, axis=1)


def fine_stack(kinds: str, tiles: dict[str, np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the lowest height z [Å] and the blurred image (exit, z, u) of one pitch."""
    heights, rows = stitch(kinds, tiles)
    pitch = get_lattice(LATTICE).column_pitch_A
    z = np.arange(heights[0], heights[-1], FINE_Y_A)
    fine = make_interp_spline(heights, rows, k=5, axis=1)(z)
    modes = np.arange(N_X) - N_X // 2
    sigma = MICROSCOPE.source_sigma_A
    fine = fine * np.exp(-2 * (np.pi * sigma * modes / pitch) ** 2)
    wave = np.exp(2j * np.pi * np.outer(modes, np.arange(FINE_X) / FINE_X))
    image = (fine @ wave).real
    return float(z[0]), gaussian_filter1d(image, sigma / FINE_Y_A, axis=1, mode="nearest")


def crystal_points(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return crystal (x, z) [Å] of scan-frame pixels, both zero in the middle of the frame."""
    back = np.linalg.inv(affine_matrix(rotation_deg=ROTATION_DEG, shear_deg=SHEAR_DEG))
    x = (columns - (PIXELS - 1) / 2) * PIXEL_A
    y = (rows - (PIXELS - 1) / 2) * PIXEL_A
    return back[0, 0] * x + back[0, 1] * y, -(back[1, 0] * x + back[1, 1] * y)


def full_stack() -> tuple[str, float]:
    """Return the gap kinds of a stack that overfills the field, and its centre's height [Å]."""
    kinds = "3" * 6 + GAPS + "3" * 6
    metals, _ = slab_rows(kinds)
    return kinds, float(metals[6] + metals[6 + len(GAPS)]) / 2


def clean_image(tiles: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the noise-free micrograph and the displacement of each scan line [px]."""
    kinds, middle = full_stack()
    lowest, stack = fine_stack(kinds, tiles)
    pitch = get_lattice(LATTICE).column_pitch_A
    offsets = row_offsets(PIXELS, jitter_px=JITTER_PX, drift_px=DRIFT_PX, rng=SEED)
    rows, columns = np.meshgrid(np.arange(PIXELS), np.arange(PIXELS), indexing="ij")
    x, z = crystal_points(rows, columns - offsets[:, None])
    exits = columns / (PIXELS - 1) * (len(THICKNESS_A) - 1)
    wrapped = np.pad(stack, ((0, 0), (0, 0), (4, 4)), mode="wrap")
    points = [exits, (z + middle - lowest) / FINE_Y_A, (x / pitch % 1) * FINE_X + 4]
    return map_coordinates(wrapped, points, order=3, mode="nearest"), offsets


def digitise(image: np.ndarray) -> np.ndarray:
    """Return the 16-bit counts of an image: shot noise, gain, offset, read noise."""
    rng = np.random.default_rng([SEED, 1])
    dose = poisson_dose(image, dose_per_A2=DOSE_PER_A2, pixel_size_A=PIXEL_A, rng=rng)
    counts = dose * DOSE_PER_A2 * PIXEL_A**2 * GAIN + OFFSET
    counts = counts + READ_NOISE * rng.standard_normal(image.shape)
    return np.clip(np.round(counts), 0, 65535).astype(np.uint16)


def true_columns() -> list[dict]:
    """Return the metal rows in the field, from top to bottom, with their columns [px]."""
    kinds, middle = full_stack()
    metals, _ = slab_rows(kinds)
    pitch = get_lattice(LATTICE).column_pitch_A
    matrix = affine_matrix(rotation_deg=ROTATION_DEG, shear_deg=SHEAR_DEG)
    found = []
    for slab in reversed(range(len(metals))):
        shift = sum(SHIFT[kind] for kind in kinds[:slab]) * pitch / 3
        slots = np.arange(-60, 61)
        x = shift + (slots - round(shift / pitch)) * pitch
        xy = matrix @ np.stack([x, np.full(len(x), middle - metals[slab])])
        px = xy / PIXEL_A + (PIXELS - 1) / 2
        inside = ((px > -0.5) & (px < PIXELS - 0.5)).all(axis=0)
        if inside.any():
            above = kinds[slab] if slab < len(kinds) else "3"
            found.append({"slab": slab, "gap_above": above, "slots": slots[inside].tolist(),
                          "x_px": px[0, inside].round(2).tolist(),
                          "y_px": px[1, inside].round(2).tolist()})  # fmt: skip
    return found


def truth(configurations: int) -> dict:
    kinds, _ = full_stack()
    lattice = get_lattice(LATTICE)
    rows = true_columns()
    states = {"3": "+", "1": "0", "p": "-"}
    seen = [row["gap_above"] for row in rows[1:]]
    gaps = [
        {
            "gap": number,
            "state": states[kind],
            "kind": kind,
            "y_px_left": round((rows[number]["y_px"][0] + rows[number + 1]["y_px"][0]) / 2, 2),
            "y_px_mean": round(
                (np.mean(rows[number]["y_px"]) + np.mean(rows[number + 1]["y_px"])) / 2, 2
            ),
        }
        for number, kind in enumerate(seen)
    ]
    return {
        "format": "stackmotif-truth/1",
        "simulated": True,
        "metal_word": "".join(states[kind] for kind in reversed(seen)),
        "metal_word_note": "gap states of the field along +c, from the bottom of the image up; "
        "every motif runs the full width; the slabs are all R, so '-' gaps are prismatic (glided)",
        "gaps_top_down": gaps,
        "rows_top_down": rows,
        "columns_note": "metal columns, pixel centres count from (0, 0), without the line jitter",
        "pitch_A": lattice.column_pitch_A,
        "row_spacing_A": {kind: lattice.row_spacing_A(kind) for kind in "31p"},
        "lattice": LATTICE,
        "rotation_deg": ROTATION_DEG,
        "shear_deg": SHEAR_DEG,
        "affine_crystal_to_scan": affine_matrix(
            rotation_deg=ROTATION_DEG, shear_deg=SHEAR_DEG
        ).tolist(),
        "pixel_size_A": PIXEL_A,
        "shape": [PIXELS, PIXELS],
        "thickness_A": {"left": THICKNESS_A[0], "right": THICKNESS_A[-1]},
        "dose_per_A2": DOSE_PER_A2,
        "counts": {"gain": GAIN, "offset": OFFSET, "read_noise": READ_NOISE},
        "line_jitter_px": JITTER_PX,
        "line_drift_px": DRIFT_PX,
        "microscope": asdict(MICROSCOPE),
        "frozen_phonons": configurations,
        "seed": SEED,
        "stack": kinds,
        "versions": versions(),
    }


def write_emd(counts: np.ndarray, path: Path) -> None:
    from rsciio.emd import file_writer

    title = "stackmotif demo (simulated ADF-STEM, layered oxide along [100])"
    axes = [
        {"name": name, "size": PIXELS, "offset": 0.0, "scale": PIXEL_A / 10, "units": "nm",
         "index_in_array": index, "navigate": False}
        for index, name in enumerate(("y", "x"))
    ]  # fmt: skip
    signal = {
        "data": counts,
        "axes": axes,
        "metadata": {"General": {"title": title}, "Signal": {"quantity": "counts"}},
        "original_metadata": {
            "microscope": {"voltage": MICROSCOPE.energy_eV / 1e3, "simulated": True},
            "comments": {"comments": "Simulated by multislice; not an experiment."},
        },
    }
    path.unlink(missing_ok=True)
    file_writer(
        path,
        signal,
        chunks=(256, 256),
        compression="gzip",
        compression_opts=9,
        shuffle=True,
    )


def check(configurations: int) -> None:
    """Compare stitched windows with the whole stack on a short one, and print the difference."""
    kinds = "33113p3"
    whole = word_of(kinds)
    cell = orient(build(whole, lattice=LATTICE))
    grid = choose_grid(cell, translations_A(cell), MICROSCOPE, thickness_A=max(THICKNESS_A))
    specimen = make_specimen(cell, grid)
    say(f"whole stack {whole}: grid {grid.gpts}")
    for slab in range(REACH, len(kinds) + 1 - REACH):
        gaps = kinds[slab - REACH : slab + REACH]
        reference = Window(gaps + " in " + kinds, specimen, scan_points(cell, kinds, slab))
        for number in range(configurations) if configurations else [None]:
            _compare(make_window(gaps), reference, number)


def _compare(window: Window, reference: Window, configuration: int | None) -> None:
    mine = signals(window, configuration=configuration)
    other = signals(reference, configuration=configuration)
    contrast = np.ptp(other, axis=(1, 2))
    difference = np.abs(mine - other)
    rms = np.sqrt((difference**2).mean(axis=(1, 2))) / contrast
    largest = difference.max(axis=(1, 2)) / contrast
    say(f"{reference.gaps}, fractions of the contrast at {THICKNESS_A} Å: "
        f"rms {rms.round(5).tolist()}, largest {largest.round(5).tolist()}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configurations", type=int, default=6, help="0 is the static lattice")
    parser.add_argument("--check", action="store_true", help="compare stitched and whole stacks")
    parser.add_argument("--out", type=Path, default=DATA, help="folder of demo.emd")
    options = parser.parse_args()
    if options.check:
        check(0)
        return
    names = sorted({name for name, _ in windows_of(full_stack()[0])})
    tiles = simulate_tiles(names, options.configurations)
    image, _ = clean_image(tiles)
    counts = digitise(image)
    options.out.mkdir(parents=True, exist_ok=True)
    write_emd(counts, options.out / "demo.emd")
    record = truth(options.configurations)
    record["file_sha256"] = sha256_file(options.out / "demo.emd")
    text = json.dumps(record, indent=None, separators=(",", ":"))
    (options.out / "demo_truth.json").write_text(text + "\n", encoding="utf-8")
    say(f"clean image {image.min():.4f} to {image.max():.4f}, counts to {counts.max()}")


if __name__ == "__main__":
    main()
