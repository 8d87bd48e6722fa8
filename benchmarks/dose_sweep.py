"""Columns of multislice images against dose (docs/columns.md).

Images come from the atlas that ships with the package: random words of twelve slabs, 8 nm thick,
300 kV, 20 mrad, eight phonon configurations, a source of 0.8 Å, turned by a random angle, 640 x 640
pixels of 0.16 Å. Columns are looked for by the filter and by the network. Truth is the metal of the
model. The bound is that of Gaussians fitted to the image without noise, all of them jointly with
their heights; multislice columns are no Gaussians, and an error beyond the bound includes what that
costs.

Run: python benchmarks/dose_sweep.py   (about ten minutes)
"""

import argparse

import numpy as np
from scipy.spatial import cKDTree

from columns import Case, score
from stackmotif.columns import find_columns
from stackmotif.imaging.atlas import default_atlas
from stackmotif.imaging.atlas.references import random_words
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.noise import poisson_dose
from stackmotif.micrograph import Micrograph
from stackmotif.stacking import Word
from stackmotif.stacking.projection import project_shift
from stackmotif.structures.lattices.lattice import get_lattice

REPORTING = 61000
"""Seed of words, angles and electrons; other ones were used while developing."""
DOSES = (3000, 1000, 500, 200, 100, 70, 50)
IMAGES = 3
WHO = {"filter": "off", "network": "on"}
SHAPE, SIZE, THICKNESS_A = (640, 640), 0.16, 80.0
FIELD = np.array(SHAPE) * SIZE
LATTICE = "LiNiO2:0.5"


def metal(word: Word, angle_deg: float) -> np.ndarray:
    """Return the metal columns (y, x) [Å] that are in the field, slab 0 at its middle."""
    lattice = get_lattice(LATTICE)
    pitch = lattice.column_pitch_A
    drops, steps = [], []
    for slab, kind in zip(word.slabs, word.gap_kinds, strict=True):
        drops.append(lattice.row_spacing_A(kind))
        steps.append(float(project_shift(slab.shift)) * pitch)
    repeats = int(2 * np.hypot(*FIELD) / sum(drops)) + 1
    up = np.concatenate([[0.0], np.cumsum(np.tile(drops, repeats))])
    right = np.concatenate([[0.0], np.cumsum(np.tile(steps, repeats))])
    # The stack is periodic: take as many slabs below the middle as above it.
    whole = (repeats // 2) * len(drops)
    up, right = up - up[whole], right - right[whole]
    along = pitch * np.arange(-80, 81)
    y = np.repeat(-up, len(along))
    x = (right[:, None] + along - np.rint(right / pitch)[:, None] * pitch).ravel()
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    points = np.stack([s * x + c * y, c * x - s * y], axis=1) + FIELD / 2
    return points[np.all((points > -2) & (points < FIELD + 2), axis=1)]


def without_noise(prepared: PreparedAtlas, word: Word, angle_deg: float) -> np.ndarray:
    return prepared.image(
        [word],
        pixel_size_A=SIZE,
        field_A=tuple(FIELD),
        position_A=tuple(FIELD / 2),
        rotation_deg=angle_deg,
        blur_sigma_A=0.8 / np.sqrt(8 * np.log(2)),
        mix_guests=True,
    )[0]


def case_of(name: str, mean: np.ndarray, truth: np.ndarray, *, dose: float, rng: int) -> Case:
    """Return a counted image with its truth and the Gaussians that describe it."""
    area = dose * SIZE**2
    ideal = find_columns(Micrograph(mean * 1e6, SIZE))
    distance, nearest = cKDTree(ideal.positions_A).query(truth)
    if np.quantile(distance, 0.9) > 0.2:
        raise RuntimeError(
            f"the model is not where the image is: {np.quantile(distance, 0.9):.2f} Å"
        )
    counted = poisson_dose(mean, dose_per_A2=dose, pixel_size_A=SIZE, rng=rng) * area
    return Case(
        name,
        counted.astype(np.float32),
        SIZE,
        truth,
        ideal.intensity[nearest] / 1e6 * area,
        float(np.median(ideal.width_A)),
        float(np.median(ideal.background)) / 1e6 * area,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rng", type=int, default=REPORTING)
    rng = parser.parse_args().rng
    generator = np.random.default_rng(rng)
    words = random_words(IMAGES, rng=rng, n_slabs=12)
    angles = generator.uniform(-20, 20, IMAGES)
    prepared = PreparedAtlas(default_atlas(), "stem-300kV", thickness_A=THICKNESS_A)
    names = list(prepared.detectors)
    images = [without_noise(prepared, *each) for each in zip(words, angles, strict=True)]
    print(
        "| detector | dose (e/Å²) | who looks | columns | recall | precision | RMS (px per axis) "
        "| RMS / bound | in 1σ | in 2σ |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for detector in ("HAADF", "ADF"):
        means = [one[names.index(detector)] for one in images]
        for dose in DOSES:
            cases = [
                case_of(detector, mean, metal(word, angle), dose=dose, rng=rng + k)
                for k, (mean, word, angle) in enumerate(zip(means, words, angles, strict=True))
            ]
            for who in WHO:
                told, n = scored(cases, network=WHO[who])
                print(f"| {detector} | {dose} | {who} | {n} | "
                      + " | ".join(f"{v:.3f}" for v in told) + " |", flush=True)  # fmt: skip


def scored(cases: list[Case], *, network: str) -> tuple[np.ndarray, int]:
    """Return the means of what is told of an image, and the number of columns."""
    keys = ("recall", "precision", "rms_px", "ratio", "inside_1", "inside_2")
    scores = []
    for case in cases:
        columns = find_columns(Micrograph(case.pixels, SIZE), network=network)
        if len(columns):
            scores.append(score(case, columns, 1.0))
    told = [[getattr(one, key) for key in keys] for one in scores]
    return np.mean(told, axis=0), sum(one.n for one in scores)


if __name__ == "__main__":
    main()
