"""Print how right twins and faults of fcc lattices along <110> are read, and what is not read.

Images are sums of Gaussians (`column_sum_image`): 22 rows of 24 columns, CdTe with both atoms of
every dumbbell and copper without, turned by any angle, mirrored in every second field, sheared by
up to 2°, 3 % of the columns missing. A field is a perfect crystal, a twin, or has an intrinsic or
an extrinsic fault, in turn. Cells of both columns present count; the sign is free (the gauge).
Reporting seeds start at 71000 and are used nowhere else in the repository.

Run: python benchmarks/hosts.py [--real FOLDER] [--fields N] [--doses D …]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

import stackmotif as sm
from stackmotif.catalog import load_hosts
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching.scoring import true_pairs
from stackmotif.stacking.closepacked import CloseLayers, close_layers
from stackmotif.stacking.columnset import ColumnSet

REPORTING_SEED = 71000
KINDS = ("perfect", "twin", "intrinsic", "extrinsic")
IMAGES = {
    "zinc-blende": {"cubic_a_A": 6.48, "pixel_size_A": 0.2, "sigma_A": 0.65, "amplitude": 0.12},
    "fcc": {"cubic_a_A": 3.61, "pixel_size_A": 0.16, "sigma_A": 0.5, "amplitude": 0.25},
}
DOSES = (100, 200, 400, 800, 1600)
ROWS, SLOTS = 22, 24


@dataclass(frozen=True)
class Outcome:
    """One field: cells that were read, their posteriors and whether they are right; the layers.

    ``false`` marks cells where there is none: one of their columns is no column of the crystal.
    """

    p: np.ndarray
    right: np.ndarray
    known: np.ndarray
    false: np.ndarray
    n_true: int
    status: str
    layers_right: bool
    motifs_right: bool


def senses(kind: str, n: int, rng: np.random.Generator) -> str:
    """Return the layers of a field, the defect anywhere but in the outer four rows."""
    at = int(rng.integers(4, n - 5))
    other = {"perfect": 0, "twin": n - at, "intrinsic": 1, "extrinsic": 2}[kind]
    return ("+" * at + "-" * other + "+" * n)[:n]


def field(host: str, kind: str, dose: float, seed: int) -> tuple[sm.Micrograph, CloseLayers, str]:
    rng = np.random.default_rng(seed)
    settings = IMAGES[host]
    dumbbells = load_hosts()[host].dumbbells
    word = senses(kind, ROWS if dumbbells else ROWS - 1, rng)
    made = close_layers(
        word, SLOTS, cubic_a_A=settings["cubic_a_A"], dumbbells=dumbbells, rng=rng, missing=0.03,
        rotation_deg=float(rng.uniform(-90, 90)), shear_deg=float(rng.uniform(-2, 2)),
    )  # fmt: skip
    atoms, points, size = made.atoms_A, made.columns.positions_A, settings["pixel_size_A"]
    low = atoms.min(axis=0) - 4.0
    high = atoms.max(axis=0) + 4.0 - low
    points -= low
    if dumbbells:
        atoms = atoms - low
    if seed % 2:
        points[:, 1] = high[1] - points[:, 1]
        if dumbbells:
            atoms[:, 1] = high[1] - atoms[:, 1]
    pixels = column_sum_image(
        atoms, shape=tuple(np.ceil(high / size).astype(int)), pixel_size_A=size,
        sigma_A=settings["sigma_A"], amplitude=settings["amplitude"], dose_e_per_A2=dose, rng=rng,
    )  # fmt: skip
    return sm.Micrograph(pixels, size), made, word


def outcome(result: sm.MotifMap, truth: ColumnSet, word: str) -> Outcome:
    upper, lower, thirds = true_pairs(truth)
    cells = result.shifts
    none = np.empty(0)
    if not len(cells):
        return Outcome(none, none, none, none, len(thirds), result.status, False, False)
    middle = 0.5 * (truth.positions_A[upper] + truth.positions_A[lower])
    distance, owner = cKDTree(middle).query(np.stack([cells["y_A"], cells["x_A"]], axis=1))
    code = {"+": 1, "0": 0, "-": -1, "x": 9}
    state = np.array([code[s] for s in cells["state"].tolist()])
    near = distance < 0.25 * truth.pitch_A
    best = max((1, -1), key=lambda sign: int((state == sign * thirds[owner])[near].sum()))
    right = (state == best * thirds[owner]) & near
    p = np.stack([cells[name] for name in ("p_plus", "p_zero", "p_minus")]).max(axis=0)
    layers = (result.summary.get("host_reading") or {}).get("layers", "")
    mirror = str.maketrans("+-", "-+")
    alike = {word, word[::-1]} | {word.translate(mirror), word[::-1].translate(mirror)}
    expected = {"-": "intrinsic_fault", "--": "extrinsic_fault"}
    inner = word.strip("+")
    wanted = {expected[inner]: 1} if inner in expected and word.endswith("+") else {}
    return Outcome(
        p, right, state != 9, ~near, len(thirds), result.status, layers in alike,
        result.summary["motif_counts"] == wanted,
    )  # fmt: skip


def dose_table(n_fields: int, doses: tuple[int, ...]) -> None:
    print("| host | dose (e/Å²) | cells read | wrong state | of a false column | either, at "
          "p >= 0.99 | calibration "
          "error | layers right | faults right | ok / low / failed | wrong but ok |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for host in IMAGES:
        for dose in doses:
            found = []
            for k in range(n_fields):
                seed = REPORTING_SEED + 1000 * DOSES.index(dose) + k
                image, made, word = field(host, KINDS[k % len(KINDS)], dose, seed)
                found.append(outcome(sm.identify(image, host=host), made.columns, word))
            print(_line(host, dose, found))


def _line(host: str, dose: float, found: list[Outcome]) -> str:
    p, right, known, false = (
        np.concatenate([getattr(one, name) for one in found]).astype(float)
        for name in ("p", "right", "known", "false")
    )
    use = known > 0
    p, right, false = p[use], right[use], false[use]
    sure = p >= 0.99
    status = [sum(one.status == s for one in found) for s in ("ok", "low_confidence", "failed")]
    ok = [one for one in found if one.status == "ok"]
    bad = sum(not one.layers_right for one in ok)
    return (
        f"| {host} | {dose} | {len(p) / sum(one.n_true for one in found):.3f} "
        f"| {abs(1 - right.mean() - false.mean()):.4f} | {false.mean():.4f} "
        f"| {1 - right[sure].mean():.4f} | {_ece(p, right):.4f} "
        f"| {sum(o.layers_right for o in found)}/{len(found)} "
        f"| {sum(o.motifs_right for o in found)}/{len(found)} "
        f"| {' / '.join(map(str, status))} | {bad} |"
    )


def _ece(p: np.ndarray, right: np.ndarray) -> float:
    """Return the mean difference of posterior and share of right cells over ten bins of p."""
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [abs(p[bins == b].mean() - right[bins == b].mean()) * (bins == b).sum()
            for b in np.unique(bins)]  # fmt: skip
    return float(sum(gaps) / len(p))


def null_table(n_fields: int) -> None:
    print("\n| what | fields | hosts asked | read as a stacking |")
    print("|---|---|---|---|")
    hosts = list(load_hosts())
    for name in ("random points", "SrTiO3 [110], Sr", "SrTiO3 [110], all", "square", "hexagonal"):
        read = sum(
            sm.identify(_columns(other(name, REPORTING_SEED + 20000 + k)), host=host).status
            != "failed"
            for k in range(n_fields)
            for host in hosts
        )
        print(f"| {name} | {n_fields} | {len(hosts)} | {read} |")
    read = sum(
        sm.identify(_columns(two_grains(REPORTING_SEED + 30000 + k)), host="zinc-blende").status
        != "failed"
        for k in range(4 * n_fields)
    )
    print(f"| two grains, 8° to 62° apart | {4 * n_fields} | zinc-blende | {read} |")


def _columns(points: np.ndarray) -> sm.Columns:
    return sm.Columns.from_positions(points, sigma_A=0.1)


def other(name: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if name == "random points":
        return rng.random((700, 2)) * 95.0
    pitch, spacing, step = {
        "SrTiO3 [110], Sr": (2.761, 3.905, 0.0),
        "SrTiO3 [110], all": (1.953, 2.761, 0.0),
        "square": (3.905, 3.905, 0.0),
        "hexagonal": (3.9, 3.377, 0.5),
    }[name]
    row, slot = np.indices((30, 30)).reshape(2, -1)
    points = np.stack([row * spacing, (slot + step * row % 1.0) * pitch], axis=1)
    return turned(points + rng.normal(0, 0.1, points.shape), rng.uniform(0, 180))


def turned(points: np.ndarray, angle_deg: float) -> np.ndarray:
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return points @ np.array([[c, -s], [s, c]])


def two_grains(seed: int) -> np.ndarray:
    """Return columns of two perfect CdTe grains of at least a third of the field each."""
    rng = np.random.default_rng(seed)
    angle, share, base = rng.uniform(8, 62), rng.uniform(0.35, 0.65), rng.uniform(0, 180)
    normal, parts = turned(np.array([[1.0, 0.0]]), rng.uniform(0, 180))[0], []
    for side, turn in ((-1, base), (1, base + angle)):
        made = close_layers(
            "+" * 49, 50, cubic_a_A=6.48, dumbbells=False, rng=rng, noise_A=0.1, rotation_deg=turn
        )
        points = made.columns.positions_A - made.columns.positions_A.mean(axis=0)
        parts.append(points[side * (points @ normal - (share - 0.5) * 100.0) > 1.0])
    points = np.concatenate(parts)
    return points[np.abs(points).max(axis=1) < 50.0]


def real_table(folder: Path) -> None:
    result = sm.identify(sm.read(folder / "CdTe_110_twin.dm3"), host="zinc-blende")
    p = np.stack([result.shifts[name] for name in ("p_plus", "p_zero", "p_minus")]).max(axis=0)
    told = result.summary["host_reading"]
    print(f"\nCdTe twin: {result.status}, {result.word}; {len(result.columns)} columns, "
          f"{len(result.shifts)} cells, {(p >= 0.9).mean():.3f} with p >= 0.9, "
          f"{(p >= 0.99).mean():.3f} with p >= 0.99; {told['twin_planes']}, "
          f"a = {told['cubic_a_A']} Å, lattice {result.summary['lattice']}")  # fmt: skip
    print("\n| image | host | status | reasons |")
    print("|---|---|---|---|")
    for name in ("CdTe_110_twin.dm3", "CdTe_110_tilt_boundary.dm3", "SrTiO3_110_ADF.hdf5"):
        image = sm.read(folder / name, pixel_size_A=0.0933 if "SrTiO3" in name else None)
        for host in load_hosts():
            result = sm.identify(image, host=host)
            reasons = "; ".join(result.summary["reasons"])
            print(f"| {name} | {host} | {result.status} | {reasons} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--fields", type=int, default=12)
    parser.add_argument("--doses", type=int, nargs="*", default=DOSES)
    asked = parser.parse_args()
    dose_table(asked.fields, tuple(asked.doses))
    null_table(max(asked.fields // 2, 1))
    if asked.real is not None:
        real_table(asked.real)


if __name__ == "__main__":
    main()
