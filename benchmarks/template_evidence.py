"""Print what template evidence adds to geometry, on micrographs whose stacking is known.

The truth is multislice of a whole crystal from the structure builder: one period of a six-slab
word, with frozen phonons of another seed than the atlas has, two configurations, on a coarser wave
grid. Nothing but the wave equation and the lattice is shared with the atlas. Micrographs of 4 nm
show cut-outs of it, turned, sheared, blurred, with gain, a sloping background, jitter of the scan
lines and shot noise. Column sums (Gaussians) are what templates are not made for.

Seeds of development start at 74000, reporting seeds at 75000, those of the probabilities at 76000.

Run: python benchmarks/template_evidence.py simulate   (minutes; resumable, one file per word)
     python benchmarks/template_evidence.py report [--fields 60] [--only 0 1]
     python benchmarks/template_evidence.py reliability [--fields 130] [--words 1]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from reliability import MOST, Pairs, print_errors
from scipy.ndimage import gaussian_filter, map_coordinates

import stackmotif as sm
from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas import AtlasRecipe, default_atlas
from stackmotif.imaging.atlas.references import _grid
from stackmotif.imaging.atlas.rings import ring_signals
from stackmotif.imaging.specimen import displacements_A, make_specimen
from stackmotif.matching.templates.cells import image_sign
from stackmotif.matching.templates.conditions import choose_beam
from stackmotif.matching.templates.rendering import Renderer, shows_oxygen
from stackmotif.matching.templates.scoring import score_image
from stackmotif.matching.templates.telling import with_scores
from stackmotif.stacking import Word
from stackmotif.structures import build, get_lattice
from stackmotif.structures.orientation import orient

DEVELOPMENT, REPORTING, RELIABILITY = 74000, 75000, 76000
DOSES = (50.0, 1000.0)
CACHE = Path(__file__).parent / "_cache" / "template_evidence"
WORDS = (
    "|R+[Li] R0[Li] R+[Li] R-[Li] R0[Li] R-[Li]|",
    "|R+[Li] R+[Li] R-[Li] R-[Li] R0[Li] R0[Li]|",
)
THICKNESS_A = (40.0, 80.0)
COLUMNS, STEP_A, PITCHES = 9, 0.24, 6


def recipe() -> AtlasRecipe:
    """Beam and sampling of the truth: a coarser wave grid than that of the atlas."""
    return AtlasRecipe(
        Microscope.preset("stem-300kV"), thickness_A=THICKNESS_A, sampling_A=0.0436, k_points=(1, 1)
    )


def simulate(word: str, path: Path, configurations: int) -> None:
    """Store the rings (exit, ring, row, column) of one pitch of a word, upwards from a metal."""
    made = recipe()
    cell = orient(build(Word.parse(word), lattice=made.lattice))
    specimen = make_specimen(cell, _grid(made, cell.extent_A, PITCHES))
    pitch, height = float(cell.extent_A[0]) / 2, float(cell.extent_A[1])
    rows = round(height / STEP_A)
    x, y = np.meshgrid(np.arange(COLUMNS) / COLUMNS * pitch, -np.arange(rows) / rows * height)
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    # Phonons differ from column to column: the probes are spread over the cell.
    places[:, 0] += 2 * pitch * (np.arange(len(places)) % (PITCHES // 2))
    total = 0.0
    for number in range(configurations):
        moved = displacements_A(specimen, seed=REPORTING, configuration=number)
        total = total + ring_signals(made, specimen, places, configuration=number, moved_A=moved)
    rings = (total / configurations).reshape(len(THICKNESS_A), -1, rows, COLUMNS)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part.npz")
    np.savez(beside, rings=rings, pitch_A=pitch, height_A=height, edges=made.bin_edges_mrad)
    beside.rename(path)


def stored(cache: Path, number: int) -> Path:
    return cache / f"word-{number}.npz"


@dataclass(frozen=True)
class Crystal:
    """One period of a word as an image (upwards, right), and where its gaps are."""

    image: np.ndarray
    pitch_A: float
    height_A: float
    states: tuple[int, ...]
    middles_A: np.ndarray

    def at(self, x_A: np.ndarray, z_A: np.ndarray) -> np.ndarray:
        """Return the signal at places to the right and up [Å]."""
        ny, nx = self.image.shape
        places = [z_A / self.height_A * ny % ny, x_A / self.pitch_A * nx % nx]
        return map_coordinates(self.image, places, order=3, mode="grid-wrap")

    def state(self, z_A: np.ndarray) -> np.ndarray:
        """Return the state of the gap whose middle is nearest: 0, 1, 2 for +, 0, -."""
        away = np.abs((z_A[:, None] - self.middles_A) / self.height_A % 1.0)
        away = np.minimum(away, 1 - away)
        return np.array(self.states)[away.argmin(axis=1)]


def crystal(
    cache: Path, number: int, *, detector: str, exit_plane: int, blur_A: float, gaussians: bool
) -> Crystal:
    with np.load(stored(cache, number)) as kept:
        rings, edges = kept["rings"], kept["edges"]
        pitch, height = float(kept["pitch_A"]), float(kept["height_A"])
    inner, outer = {"adf": (25, 150), "haadf": (60, 150), "abf": (10, 20)}[detector]
    chosen = (edges[:-1] >= inner) & (edges[1:] <= outer)
    coarse = rings[exit_plane, : len(chosen)][chosen].sum(axis=0)
    word = Word.parse(WORDS[number])
    lattice = get_lattice(recipe().lattice)
    gaps = np.array([lattice.gap_height_A(kind) for kind in word.gap_kinds])
    steps = lattice.slab_height_A + gaps
    metals = np.cumsum(steps) - steps
    middles = metals + steps / 2
    states = tuple(1 - slab.shift for slab in word.slabs)
    fine = upsampled(coarse, 4, 4)
    step = height / fine.shape[0], pitch / fine.shape[1]
    if gaussians:
        fine = dots(word, metals, fine.shape, step)
    blurred = gaussian_filter(fine, [blur_A / one for one in step], mode="wrap")
    return Crystal(blurred, pitch, height, states, middles)


def dots(word: Word, metals_A: np.ndarray, shape: tuple[int, int], step: tuple) -> np.ndarray:
    """Return Gaussians of 0.4 Å at the metals on a background, as many as one period has."""
    image, phase = np.zeros(shape), 0.0
    for slab, z in zip(word.slabs, metals_A, strict=True):
        row, column = z / step[0], phase / 3 * shape[1]
        image[round(row) % shape[0], round(column) % shape[1]] += 1
        phase += slab.shift
    spread = gaussian_filter(image, [0.4 / one for one in step], mode="wrap")
    return 0.02 + 0.1 * spread / spread.max()


def upsampled(image: np.ndarray, *factors: int) -> np.ndarray:
    """Return a periodic image with more points, through its Fourier series."""
    from scipy.signal import resample

    for axis, factor in enumerate(factors):
        image = resample(image, image.shape[axis] * factor, axis=axis)
    return image


@dataclass(frozen=True)
class Micrograph:
    """A micrograph and what turns its places into those of the crystal."""

    image: sm.Micrograph
    crystal: Crystal
    back: np.ndarray
    origin_A: np.ndarray

    def truth(self, y_A: np.ndarray, x_A: np.ndarray) -> np.ndarray:
        """Return the state at places of the image [Å], in the image's sign."""
        _, down = self.back @ (np.stack([x_A, y_A]) - self.origin_A[:, None])
        return self.crystal.state(-down)


def micrograph(
    made: Crystal, rng: np.random.Generator, *, dose: float, detector: str, size_A: float = 40.0
) -> Micrograph:
    pixel = float(rng.uniform(0.12, 0.22))
    n = int(size_A / pixel)
    turn, lean = np.radians(rng.uniform(-8, 8)), np.tan(np.radians(rng.uniform(-1, 1)))
    scale = np.diag(rng.uniform(0.98, 1.02, 2))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    back = np.linalg.inv(matrix @ np.array([[1, lean], [0, 1]]) @ scale)
    origin = rng.uniform(0, 30, 2)
    y, x = np.indices((n, n)) * pixel
    x = x + 0.05 * rng.standard_normal((n, 1))
    right, down = np.einsum("ij,jyx->iyx", back, np.stack([x, y]) - origin[:, None, None])
    clean = made.at(right, -down)
    slope = 0.2 * clean.mean() * (rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y) / size_A
    counts = rng.poisson(np.maximum(clean + slope, 0) * dose * pixel**2)
    gain, offset = rng.uniform(0.5, 50), rng.uniform(-100, 100)
    image = sm.Micrograph((gain * counts + offset).astype(np.float32), pixel, detector=detector)
    return Micrograph(image, made, back, origin)


def judge(field: Micrograph) -> dict:
    """Return what geometry and templates made of a field, domain by domain of one state."""
    read = sm.identify(field.image, templates="off")
    out: dict = {"failed": read.status == "failed" or not len(read.domains), "domains": []}
    if out["failed"]:
        return out
    atlas = default_atlas()
    beam = choose_beam(read, atlas)
    renderer = Renderer(atlas, beam.detector, shows_oxygen(read.detector))
    scores, fitted = score_image(read, renderer, beam)
    after = with_scores(read, scores, fitted, renderer, beam, top=5)
    out["told"] = after.summary["templates"]
    sign = image_sign(read)
    true = field.truth(read.shifts["y_A"], read.shifts["x_A"])
    true = true if sign > 0 else 2 - true
    for target, posterior, ncc in zip(scores.targets, scores.posterior, scores.ncc, strict=True):
        number = int(target.name.split()[1])
        own = read.shifts["domain"] == number
        inner = [set(word[1:-1]) for word in target.words]
        if any(len(one) != 1 for one in inner):
            continue
        share = np.bincount(true[own], minlength=3) / own.sum()
        p_template = np.zeros(3)
        for states, one in zip(inner, posterior, strict=True):
            p_template[states.pop()] = one
        geometry = [read.shifts[f"p_{s}"][own].mean() for s in ("plus", "zero", "minus")]
        out["domains"].append(
            {
                "n": int(own.sum()), "true": share, "geometry": np.array(geometry),
                "template": p_template, "was": target.as_read, "ncc": float(np.max(ncc)),
                "p": float(read.domains["p"][number]), "p_after": float(after.domains["p"][number]),
            }
        )  # fmt: skip
    return out


def judge_fields(
    options: argparse.Namespace, start: int, *, dose: float, detector: str, kind: str
) -> list[dict]:
    """Return the judgement of every field of one setting, with its thickness."""
    found = []
    for k in range(options.fields):
        rng = np.random.default_rng([start + k, round(dose)])
        plane = int(rng.integers(len(THICKNESS_A)))
        made = crystal(
            options.cache, k % options.words, detector=detector, exit_plane=plane,
            blur_A=float(rng.uniform(0.25, 0.5)), gaussians=kind == "column sums",
        )  # fmt: skip
        field = micrograph(made, rng, dose=dose, detector=detector)
        found.append({**judge(field), "thickness_A": THICKNESS_A[plane]})
    return found


def rates(judged: list[dict]) -> dict:
    """Return shares of cells right, and how well probabilities are calibrated."""
    domains = [one for field in judged for one in field["domains"]]
    if not domains:
        return {}
    n = np.array([one["n"] for one in domains], dtype=float)
    true = np.array([one["true"] for one in domains])
    geometry = np.array([one["geometry"] for one in domains])
    template = np.array([one["template"] for one in domains])
    read = np.array([one["was"] for one in domains]) >= 0
    both = geometry * template + 1e-12
    both /= both.sum(axis=1, keepdims=True)
    every = np.arange(len(n))

    def right(p: np.ndarray) -> np.ndarray:
        return true[every, p.argmax(axis=1)]

    pure = true.max(axis=1) >= 0.8
    ok_read = (right(geometry) >= 0.8) & read

    def error(p: np.ndarray, ok: np.ndarray) -> float:
        which = np.digitize(p, [0.5, 0.7, 0.9, 0.99])
        return float(
            sum(abs((p - ok)[which == b].mean()) * (which == b).mean() for b in np.unique(which))
        )

    sure = template.max(axis=1) >= 0.99
    return {
        "fields": len(judged),
        "failed": sum(one["failed"] for one in judged),
        "domains": len(n),
        "mixed": float((~pure).mean()),
        "geometry": float((n * right(geometry)).sum() / n.sum()),
        "template": float((n * right(template)).sum() / n.sum()),
        "both": float((n * right(both)).sum() / n.sum()),
        "domains right": [
            float((right(p)[pure] >= 0.8).mean()) for p in (geometry, template, both)
        ],
        "ece p": error(np.array([one["p"] for one in domains])[read], ok_read[read]),
        "ece after": error(np.array([one["p_after"] for one in domains])[read], ok_read[read]),
        "ece template": error(template.max(axis=1)[pure], right(template)[pure] >= 0.8),
        "sure wrong": float((right(template)[sure & pure] < 0.8).sum())
        / max((sure & pure).sum(), 1),
        "sure": float(sure.mean()),
        "p>=.99 wrong": [
            float((~ok_read)[read & (np.array([one[k] for one in domains]) >= 0.99)].mean())
            for k in ("p", "p_after")
        ],
        "fit": float(np.median([f["told"]["fit"] for f in judged if not f["failed"]])),
    }


def thickness_of(judged: list[dict]) -> str:
    """Return the RMS error of the thickness [Å], and the share within two standard deviations."""
    told = [(f["told"], f["thickness_A"]) for f in judged if not f["failed"]]
    if not told:
        return "-"
    error = np.array([one["thickness_A"] - true for one, true in told])
    sigma = np.array([one["thickness_sigma_A"] for one, _ in told])
    within = np.mean(np.abs(error) <= 2 * sigma)
    return f"{np.sqrt(np.mean(error**2)):.0f} Å ({100 * within:.0f} %)"


def report(options: argparse.Namespace) -> None:
    print(
        "| image | dose (e/Å²) | fields (failed) | domains | right: geometry / templates / both "
        "| ECE: p before / p after / templates | posterior ≥ 0.99: share, wrong | fit "
        "| thickness, RMS (within 2 σ) |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    settings = [("multislice", "adf", dose) for dose in (50, 100, 200, 1000)]
    settings += [("column sums", "adf", dose) for dose in (100, 1000)]
    settings += [("multislice", "abf", 1000)]
    chosen = options.only or range(len(settings))
    for kind, detector, dose in [settings[number] for number in chosen]:
        judged = judge_fields(options, REPORTING, dose=dose, detector=detector, kind=kind)
        r = rates(judged)
        if not r:
            print(f"| {kind}, {detector} | {dose} | {len(judged)} (all) |" + " - |" * 6)
            continue
        right = " / ".join(f"{100 * one:.1f}" for one in r["domains right"])
        errors = " / ".join(f"{r[k]:.3f}" for k in ("ece p", "ece after", "ece template"))
        print(
            f"| {kind}, {detector.upper()} | {dose} | {r['fields']} ({r['failed']}) "
            f"| {r['domains']} | {right} % | {errors} "
            f"| {100 * r['sure']:.0f} %, {100 * r['sure wrong']:.1f} % | {r['fit']:.3f} "
            f"| {thickness_of(judged)} |",
            flush=True,
        )


def reliability(options: argparse.Namespace) -> None:
    """Print whether probabilities mean what they say, over doses drawn evenly in the logarithm."""
    told: dict[str, Pairs] = {"templates": [], "domains": [], "domains after templates": []}
    failed = 0
    for k in range(options.fields):
        rng = np.random.default_rng([RELIABILITY, k])
        made = crystal(
            options.cache, k % options.words, detector="adf",
            exit_plane=int(rng.integers(len(THICKNESS_A))),
            blur_A=float(rng.uniform(0.25, 0.5)), gaussians=False,
        )  # fmt: skip
        dose = float(np.exp(rng.uniform(*np.log(DOSES))))
        judged = judge(micrograph(made, rng, dose=dose, detector="adf"))
        failed += judged["failed"]
        for name, pairs in pairs_of(judged["domains"]).items():
            told[name].append(pairs)
    print(f"{options.fields} fields, {DOSES[0]:.0f} to {DOSES[1]:.0f} e/Å², {failed} failed\n")
    print_errors(told)


def pairs_of(domains: list[dict]) -> dict[str, np.ndarray]:
    """Return (probability, right) of the templates' answers, and of domains before and after."""
    found: dict[str, list] = {"templates": [], "domains": [], "domains after templates": []}
    for one in domains:
        template, true = one["template"], one["true"]
        if true.max() >= MOST:
            found["templates"].append((template.max(), true[template.argmax()] >= MOST))
        if one["was"] >= 0:
            right = true[one["geometry"].argmax()] >= MOST
            found["domains"].append((one["p"], right))
            found["domains after templates"].append((one["p_after"], right))
    return {name: np.array(pairs, dtype=float).reshape(-1, 2) for name, pairs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["simulate", "report", "reliability"])
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--fields", type=int, default=60)
    parser.add_argument("--configurations", type=int, default=2)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the lines to print")
    parser.add_argument("--words", type=int, default=1, help="how many of the words to show")
    options = parser.parse_args()
    if options.what == "simulate":
        for number, word in enumerate(WORDS[: options.words]):
            if not stored(options.cache, number).exists():
                simulate(word, stored(options.cache, number), options.configurations)
    elif options.what == "reliability":
        reliability(options)
    else:
        report(options)


if __name__ == "__main__":
    main()
