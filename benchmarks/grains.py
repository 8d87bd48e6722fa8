"""Rock salt in images: grains, rotations, false alarms, thickness, guest sites (docs/grains.md).

Scenes are those of ``stackmotif.imaging.scenes``: multislice images of rock salt along [110], [100]
and [112] beside layered oxides with faults and walls, with film, vacuum, scan distortion and noise.
Scene seeds from 74000 are for reporting; 64000 to 64099 were used while developing.

python benchmarks/grains.py grains [--scenes N] [--dose D]  # F1, rotation, zones, thickness
python benchmarks/grains.py guests PATH                     # simulate guest layers, minutes each
python benchmarks/grains.py heights PATH                    # their peak heights
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import stackmotif as sm
from stackmotif.imaging.scenes import PHASES, Scene, make_scene
from stackmotif.matching.grains import find_surface, zone_named

if TYPE_CHECKING:
    from pymatgen.core import Structure

REPORTING = 74000
SALT = PHASES.index("rocksalt")
WIDEST_A = 1.35
"""Source size up to which a scene counts as resolved [Å]; one in ten scenes has a wider one."""
SMALL = 20
"""Columns of the smallest true grain that a rotation is asked for."""


def salt_truth(scene: Scene) -> np.ndarray:
    """Return the true columns that lie in rock salt for sure (y, x) [Å]."""
    index = tuple(np.rint(scene.columns_A / scene.pixel_size_A).astype(int).T)
    return scene.columns_A[scene.phase[index] == SALT]


def at(scene: Scene, places_A: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a map's values at places."""
    index = np.clip(np.rint(places_A / scene.pixel_size_A).astype(int), 0, scene.phase.shape[0] - 1)
    return values[tuple(index.T)]


def counted(scene: Scene, r: sm.MotifMap) -> np.ndarray:
    """Return (true columns, found ones, labelled columns, right ones)."""
    from scipy.spatial import cKDTree

    truth = salt_truth(scene)
    own = r.columns[r.columns["label"] == "rocksalt"]
    places = np.stack([own["y_A"], own["x_A"]], axis=1)
    hit = 0
    if len(places) and len(truth):
        hit = int((cKDTree(places).query(truth)[0] < 0.6).sum())
    phase = at(scene, places, scene.phase) if len(places) else np.empty(0)
    return np.array([len(truth), hit, int((phase >= 0).sum()), int((phase == SALT).sum())])


def rotations(scene: Scene, r: sm.MotifMap) -> list[tuple[str, str, float, float, bool]]:
    """Return (true zone, method, error [degrees], stated error, right zone) of every grain."""
    told = []
    for grain in r.summary["rocksalt"]["grains"]:
        own = r.columns[r.columns["domain"] == grain["domain"]]
        places = np.stack([own["y_A"], own["x_A"]], axis=1)
        if len(places) < SMALL and grain["method"] == "columns":
            continue
        if not len(places):
            places = np.array([[grain["y_A"], grain["x_A"]]])
        index = at(scene, places, scene.grain)
        index = index[index >= 0]
        if not len(index) or grain["rotation_deg"] is None:
            continue
        true = scene.grains[int(np.bincount(index).argmax())]
        zone = zone_named(true.zone)
        error = math.nan
        if true.zone == grain["zone"]:
            # Angles of a scene are clockwise, those of a result counter-clockwise.
            turned = np.array(zone.trace_deg) - true.angle_deg
            off = grain["rotation_deg"] - turned
            off = np.mod(off + zone.turn_deg / 2, zone.turn_deg) - zone.turn_deg / 2
            error = float(off[np.argmin(np.abs(off))])
        told.append(
            (
                true.zone,
                grain["method"],
                error,
                grain["rotation_sigma_deg"],
                true.zone == grain["zone"],
            )
        )
    return told


def true_thickness_A(scene: Scene) -> float | None:
    """Return the share of rock salt summed over the distance from film or vacuum [Å].

    None without either. Seams between phases, which have none, belong to the nearest.
    """
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(scene.phase < 0, return_distances=False, return_indices=True)
    phase = scene.phase[tuple(nearest)]
    outside = np.isin(phase, (PHASES.index("amorphous"), PHASES.index("vacuum")))
    if not outside.any():
        return None
    depth = distance_transform_edt(~outside) * scene.pixel_size_A
    number = depth[~outside].astype(int)
    count = np.bincount(number)
    share = np.bincount(number, phase[~outside] == SALT) / np.maximum(count, 1)
    few = np.flatnonzero((share < 0.05) & (count > 0))
    return float(share[: few[0] if len(few) else None].sum())


def grains(args: argparse.Namespace) -> None:
    """Print F1 of columns, errors of rotations, and thicknesses."""
    groups: dict[str, list[np.ndarray]] = {"resolved": [], "all": [], "no rock salt": []}
    turned, layers = [], []
    for seed in range(args.seed, args.seed + args.scenes):
        scene = make_scene(seed, detector=("HAADF", "ADF")[seed % 2], dose_per_A2=args.dose)
        has = len(salt_truth(scene)) > 0 or (scene.phase == SALT).any()
        image = sm.Micrograph(scene.pixels, scene.pixel_size_A, detector=scene.detector.lower())
        r = sm.identify(image, network="auto" if has or args.network else "off")
        count = counted(scene, r)
        groups["all"].append(count)
        if not has:
            groups["no rock salt"].append(np.array([*count[:3], len(r.columns)]))
            continue
        if scene.source_fwhm_A <= WIDEST_A:
            groups["resolved"].append(count)
            turned += rotations(scene, r)
            layer = r.summary["rocksalt"]["layer"]
            salt = (scene.phase == SALT).mean()
            if layer["thickness_A"] and not layer["at_least"] and find_surface(r) and salt < 0.6:
                true = true_thickness_A(scene)
                known = math.nan if true is None else true
                layers.append((layer["thickness_A"], layer["thickness_sigma_A"], known))
                print("layer", layers[-1])
        print(seed, scene.detector, f"{scene.source_fwhm_A:.2f}", r.status, count, flush=True)
        if len(groups["all"]) % 10 == 0:
            print_table(groups, turned, layers)
    print_table(groups, turned, layers)


def print_table(groups: dict, turned: list, layers: list) -> None:
    """Print the figures as Markdown."""
    print("| scenes | number | true columns | recall | precision | F1 |\n|---|---|---|---|---|---|")
    for name in ("resolved", "all"):
        found = np.array(groups[name])
        if not len(found):
            continue
        n, hit, labelled, right = found.sum(axis=0)
        recall, precision = hit / max(n, 1), right / max(labelled, 1)
        f1 = 2 * recall * precision / max(recall + precision, 1e-9)
        chance = np.random.default_rng(0)
        draws = found[chance.integers(0, len(found), (2000, len(found)))].sum(axis=1)
        r, p = draws[:, 1] / np.maximum(draws[:, 0], 1), draws[:, 3] / np.maximum(draws[:, 2], 1)
        low = np.quantile(2 * r * p / np.maximum(r + p, 1e-9), 0.05)
        print(f"| {name} | {len(found)} | {n} | {recall:.3f} | {precision:.4f} | "
              f"{f1:.3f} (>= {low:.3f}) |")  # fmt: skip
    nothing = np.array(groups["no rock salt"])
    if len(nothing):
        print(f"\nscenes without rock salt: {len(nothing)}, columns {nothing[:, 3].sum()}, "
              f"labelled rock salt {nothing[:, 2].sum()}")  # fmt: skip
    print(
        "\n| zone | method | grains | zone right | median error (deg) | within 1 deg "
        "| error / stated (rms) |"
    )
    print("|---|---|---|---|---|---|---|")
    for zone in ("110", "100", "112"):
        for method in ("columns", "power spectra"):
            own = [t for t in turned if t[0] == zone and t[1] == method]
            if not own:
                continue
            error = np.abs([t[2] for t in own])
            known = np.isfinite(error)
            stated = np.array([t[3] for t in own])
            ratio = (
                np.sqrt(np.mean((error[known] / stated[known]) ** 2)) if known.any() else math.nan
            )
            print(
                f"| {zone} | {method} | {len(own)} | {np.mean([t[4] for t in own]):.2f} | "
                f"{np.median(error[known]) if known.any() else math.nan:.2f} | "
                f"{np.mean(error[known] <= 1):.2f} | {ratio:.1f} |"
            )
    if layers:
        found = np.array(layers)
        has = np.isfinite(found[:, 2])
        off, stated = (found[:, 0] - found[:, 2])[has], found[has, 1]
        print(f"\nthickness of the layer, {len(off)} scenes: median error {np.median(off):.1f} Å, "
              f"of its size {np.median(np.abs(off)):.1f} Å, within two stated "
              f"{(np.abs(off) <= 2 * stated).sum()}; a layer told without a surface: "
              f"{(~has).sum()}")  # fmt: skip


PERIODS = (14, 28)
FILLED = {14: (0, 1, 4, 14), 28: (0, 3, 28, 7, 14, 1)}
SOURCE_A = 0.8


def layer_cell(periods: int, filled: int, rng: int) -> "Structure":
    """Return LiNiO2:0.5 without guests, ``filled`` of ``periods`` sites of a guest column metal."""
    from pymatgen.core import Structure

    from stackmotif.structures import build_metal_in_gaps

    cell = build_metal_in_gaps("|R+|", occupancy=1.0, lattice="LiNiO2:0.5").copy()
    guest = np.zeros(len(cell), dtype=bool)
    guest[metals_in_gaps(cell)] = True
    cell.add_site_property("guest", guest.tolist())
    cell.make_supercell([[periods, 0, 0], [1, 2, 0], [0, 0, 1]])
    chance = np.random.default_rng(rng)
    sites = np.flatnonzero(cell.site_properties["guest"])
    places = cell.frac_coords[sites]
    column = (
        np.round(np.mod(places[:, 1], 1) * 4).astype(int) % 4 * 1000
        + np.round(np.mod(places[:, 2], 1) * 60).astype(int) % 60
    )
    left_out = []
    for one in np.unique(column):
        own = chance.permutation(sites[column == one])
        left_out += own[filled:].tolist()
    kept = np.setdiff1d(np.arange(len(cell)), left_out)
    return Structure(cell.lattice, [cell[i].specie for i in kept], cell.frac_coords[kept])


def metals_in_gaps(cell: "Structure") -> list[int]:
    """Return the metals whose oxygen planes are the farther ones: those between the slabs."""
    metal = [i for i, site in enumerate(cell) if site.specie.symbol == "Ni"]
    oxygen = [i for i, site in enumerate(cell) if site.specie.symbol == "O"]
    z = cell.frac_coords[:, 2]
    apart = np.abs(np.mod(z[metal][:, None] - z[oxygen] + 0.5, 1) - 0.5).min(axis=1)
    return [m for m, d in zip(metal, apart, strict=True) if d > 0.5 * (apart.min() + apart.max())]


def guests(args: argparse.Namespace) -> None:
    """Simulate one gap of height c/3 for every filling and thickness; keeps what is there."""
    from stackmotif.imaging import Microscope
    from stackmotif.imaging.simulation import simulate_series

    known = Microscope.preset("stem-300kV")
    # To 85 mrad instead of 150: a grid twice as coarse holds that, four times as fast.
    haadf = next(one for one in known.detectors if one.name == "HAADF")
    chosen = (replace(haadf, outer_mrad=85.0),)
    scope = replace(known, detectors=chosen, source_fwhm_A=0.0)
    args.path.mkdir(parents=True, exist_ok=True)
    for periods in PERIODS:
        for filled in FILLED[periods]:
            path = args.path / f"guests-{periods}-{filled}.npz"
            if path.exists():
                continue
            cell = layer_cell(periods, filled, REPORTING)
            step = cell.lattice.b / 16
            image = simulate_series(
                cell,
                thicknesses_A=(cell.lattice.a,),
                engine="torch",
                microscope=scope,
                pixel_size_A=step,
                field_A=(cell.lattice.c / 3, cell.lattice.b / 2),
                sampling_A=0.079,
                phonons=2,
                rng=REPORTING,
            )[0]
            np.savez(path, image=image.image, pitch=cell.lattice.b / 2, c=cell.lattice.c, step=step)
            print(path.name, image.image.shape, flush=True)


def tiled(path: Path, *, size_A: float = 60.0, pixel_size_A: float = 0.2) -> np.ndarray:
    """Return a field of O3 from one gap: every slab up, columns a third of a pitch to the right."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    with np.load(path) as stored:
        image = stored["image"].reshape(-1, *stored["image"].shape[-2:])[0]
        height, pitch = float(stored["c"]) / 3, float(stored["pitch"])
    n = round(size_A / pixel_size_A)
    y, x = np.indices((n, n)) * pixel_size_A
    up = size_A - y
    slab = np.floor(up / height)
    down = height - (up - slab * height)
    places = [
        down / height * image.shape[0],
        np.mod(x - slab * pitch / 3, pitch) / pitch * image.shape[1],
    ]
    field = map_coordinates(image.astype(np.float64), places, order=3, mode="grid-wrap")
    return gaussian_filter(field, SOURCE_A / math.sqrt(8 * math.log(2)) / pixel_size_A)


def heights(args: argparse.Namespace) -> None:
    """Print the relative height at guest sites for every filling, without noise."""
    from stackmotif.matching.grains import guest_metal

    print(
        "| thickness (Å) | metal on the guest sites | relative height | status |\n|---|---|---|---|"
    )
    for periods in PERIODS:
        for filled in sorted(FILLED[periods]):
            path = args.path / f"guests-{periods}-{filled}.npz"
            if not path.exists():
                continue
            r = sm.identify(
                sm.Micrograph(tiled(path).astype(np.float32), 0.2, detector="haadf"), network="off"
            )
            found = guest_metal(r)
            value = "rock salt" if found is None else f"{np.mean(found.relative):.3f}"
            salt = (r.columns["label"] == "rocksalt").mean()
            print(
                f"| {periods * 2.811:.0f} | {filled / periods:.0%} | {value} | "
                f"{r.status}, {salt:.0%} rock salt |"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(required=True)
    one = parts.add_parser("grains")
    one.add_argument("--scenes", type=int, default=60)
    one.add_argument("--dose", type=float, default=1000.0)
    one.add_argument("--seed", type=int, default=REPORTING)
    one.add_argument("--network", action="store_true", help="let it look in every scene")
    one.set_defaults(run=grains)
    two = parts.add_parser("guests")
    two.add_argument("path", type=Path)
    two.set_defaults(run=guests)
    three = parts.add_parser("heights")
    three.add_argument("path", type=Path)
    three.set_defaults(run=heights)
    given = parser.parse_args()
    given.run(given)
