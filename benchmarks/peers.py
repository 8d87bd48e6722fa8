"""Columns found by stackmotif and by other programs, on the same images (docs/columns.md).

Images A and B of benchmarks/columns.py (1024 x 1024 pixels, about 3 100 close-packed columns of
sigma 3 px, peak 60 counts on 15, read noise 2; in B every second row ramps from 10 % to 100 %), and
A with an empty margin of 150 px. kemstem and atomap run in virtual environments of their own, made
under benchmarks/_cache/peers; scikit-image runs in this one. Seconds are those of the processor
over the whole way from pixels to positions, without imports.

Run: python benchmarks/peers.py   (about five minutes, the first time longer)
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "_cache" / "peers"
PINNED = {"kemstem": ["kemstem==0.0.6"], "atomap": ["atomap==0.4.2"]}
REPORTING = 1000
SPACING_PX, SIGMA_PX, MARGIN_PX = 19.6, 3.0, 150.0


def by_scikit_image(image: np.ndarray) -> np.ndarray:
    """Maxima of the smoothed image, then the centre of mass above the surroundings."""
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian

    smooth = gaussian(image, SIGMA_PX, preserve_range=True)
    peaks = peak_local_max(smooth, min_distance=8, threshold_rel=0.02, exclude_border=False)
    reach = 7
    padded = np.pad(image, reach, mode="reflect")
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = dy**2 + dx**2 <= reach**2
    at = peaks[:, :, None] + reach
    patch = padded[at[:, 0] + dy[disc], at[:, 1] + dx[disc]]
    weight = np.maximum(patch - np.quantile(patch, 0.2, axis=1, keepdims=True), 0)
    total = np.maximum(weight.sum(axis=1), 1e-9)
    shift = np.stack([weight @ dy[disc], weight @ dx[disc]], axis=1) / total[:, None]
    return peaks + shift


def by_kemstem(image: np.ndarray) -> np.ndarray:
    """Its peaks of the smoothed image and its Gaussian fits, in windows of ±2.3 sigma."""
    from kemstem.atomic.columnfind import find_columns, refine_columns
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(image.astype(float), SIGMA_PX)
    found = find_columns(smooth, distance=8, threshold=0.02)
    fits = refine_columns(image.astype(float), found, window_dimension=15, verbose=False)
    return np.asarray(fits[0] if isinstance(fits, tuple) else fits)[:, :2]


def by_atomap(image: np.ndarray) -> np.ndarray:
    """Its usual steps: peaks, centre of mass, two-dimensional Gaussian."""
    import atomap.api as am
    from hyperspy.signals import Signal2D

    signal = Signal2D(image.astype(float))
    start = am.get_atom_positions(signal, separation=8, subtract_background=False)
    lattice = am.Sublattice(start, image=signal.data)
    lattice.find_nearest_neighbors()
    settings = {"percent_to_nn": 0.4, "show_progressbar": False}
    lattice.refine_atom_positions_using_center_of_mass(**settings)
    lattice.refine_atom_positions_using_2d_gaussian(**settings)
    return np.asarray(lattice.atom_positions)[:, ::-1]


METHODS = {"scikit-image": by_scikit_image, "kemstem": by_kemstem, "atomap": by_atomap}


def worker(name: str, source: str, target: str) -> None:
    """Run one program on one image: its first run on a corner takes the imports out of the time."""
    image = np.load(source)
    METHODS[name](image[:256, :256])
    started = time.process_time()
    found = METHODS[name](image)
    np.savez(target, positions_px=found, seconds=time.process_time() - started)


def python_of(name: str) -> str:
    """Return the interpreter of a program's environment, made if it is missing."""
    if name not in PINNED:
        return sys.executable
    home = FOLDER / name
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PINNED[name]], check=True)
    return str(python)


def found_by(name: str, image: np.ndarray) -> tuple[np.ndarray, float]:
    """Return positions (y, x) [px] and processor seconds."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    source, target = FOLDER / "image.npy", FOLDER / "found.npz"
    np.save(source, image)
    command = [python_of(name), __file__, "--worker", name, str(source), str(target)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=os.environ | threads, stderr=subprocess.DEVNULL)
    with np.load(target) as result:
        return result["positions_px"], float(result["seconds"])


def told(
    name: str, case: object, positions_A: np.ndarray, seconds: float, bound: np.ndarray
) -> str:
    """Return a row of the table; bounds are those of the image (n, 2) [Å]."""
    from scipy.spatial import cKDTree

    size, truth = case.pixel_size_A, case.truth_A
    high = np.array(case.pixels.shape) * size - 1.0

    def central(points: np.ndarray) -> np.ndarray:
        return np.all((points > 1.0) & (points < high), axis=1)

    far, owner = cKDTree(truth).query(positions_A)
    missed = cKDTree(positions_A).query(truth)[0]
    cells = []
    weak = case.groups.get("height < 0.4", np.zeros(len(truth), dtype=bool))
    for group in (np.ones(len(truth), dtype=bool), weak):
        counted = central(truth) & group
        if not counted.any():
            cells += ["", "", ""]
            continue
        found = (far < 0.7) & counted[owner]
        error = positions_A[found] - truth[owner[found]]
        ratio = np.sqrt(np.mean((error / bound[owner[found]]) ** 2))
        rms = np.sqrt(np.mean(error**2)) / size
        cells += [f"{(missed[counted] < 0.7).mean():.3f}", f"{rms:.3f}", f"{ratio:.2f}"]
    false = int(((far > 0.7) & central(positions_A)).sum())
    rate = f"{len(positions_A) / seconds:,.0f}"
    return f"| {case.name} | {name} | " + " | ".join(cells) + f" | {false} | {rate} |"


def main() -> None:
    """Print the table."""
    from dataclasses import replace

    from columns import bound_A, close_packed, measure

    cases = [close_packed(REPORTING, ramp=False), close_packed(REPORTING + 1, ramp=True)]
    empty = close_packed(REPORTING + 2, ramp=False, margin_px=MARGIN_PX)
    cases.append(replace(empty, name=f"image A, {MARGIN_PX:g} px empty"))
    print("| image | program | recall | RMS (px) | RMS / bound | weak: recall | RMS (px) "
          "| RMS / bound | false | columns / CPU-s |")  # fmt: skip
    print("|---" * 10 + "|")
    for case in cases:
        bound = bound_A(case)
        columns, seconds = measure(case)
        print(told("stackmotif", case, columns.positions_A, seconds, bound), flush=True)
        for name in METHODS:
            found, seconds = found_by(name, case.pixels)
            print(told(name, case, found * case.pixel_size_A, seconds, bound), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:5])
    else:
        main()
