"""Make multislice micrographs of whole models with lateral walls, and print how they are read.

Each field is an O3 frame of eight slabs, 4.0 x 4.0 nm of it in the image, with closed inclusions of
one to three rows: abrupt and continuous walls of a third and of two thirds of the pitch. The whole
model goes through PRISM (windows of 10.2 x 11.0 Å, 300 kV, 17 mrad, ADF 25-78 mrad) with four
frozen-phonon configurations, at two thicknesses. Nothing of the image is put together: walls are
those of `build_lateral`, atoms included.

The seeds were chosen from the numbers after 960000, before any image was made, so that every class
of wall (docs/walls.md) is planted 60 times or more; `wall_fields.json` holds what each field is,
by hash, and the mean and spread of its images. The images are no part of the repository: `make`
builds those that are missing.

    python benchmarks/wall_fields.py make FOLDER [--workers 2] [--fields 6]
    python benchmarks/wall_fields.py read FOLDER [--doses 500 200 100]
    python benchmarks/wall_fields.py draws FOLDER [--doses 500] [--draws 5]
"""

import argparse
import hashlib
import json
import multiprocessing
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from micrographs import HEAD, Outcome, line, read
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.imaging.microscope import Detector, Microscope
from stackmotif.imaging.plan import Plan, make_plan
from stackmotif.imaging.running import run_ensemble
from stackmotif.imaging.scan import fourier_image
from stackmotif.stacking import OneRowWall
from stackmotif.stacking.columnset import ColumnSet
from stackmotif.stacking.walls import WALL_CLASSES
from stackmotif.stacking.wallset import PlantedWall, add_wall
from stackmotif.structures import Jump, build_lateral, get_lattice
from stackmotif.structures.lateral.model import lateral_model

RECORD = Path(__file__).with_name("wall_fields.json")
REPORTING = 960_000
LEAST = 60
"""Walls of every class that are planted at least."""
OFFERS = 300
Scene = tuple[NDArray[np.float32], ColumnSet, list[PlantedWall]]
LATTICE = "LiNiO2:0.5"
ROWS, COLUMNS, VACUUM_A = 8, 18, 5.4
WORD = f"R+{ROWS - 1} R."
THICKNESS_A = (30.0, 60.0)
FIELD_A, PIXEL_A = 40.0, 0.16
PHONONS, PRISM, SAMPLING_A = 4, 4, 0.082
LEFT_SLOT = 1.0
"""Place of the left edge of the image [pitch] from the first column of slab 0."""
LAYOUTS = (
    ((1,), (3,), (5, 6)), ((1, 2), (4,), (6,)), ((1,), (3, 4), (6,)), ((1, 2), (4, 5)),
    ((1, 2, 3), (5, 6)), ((1, 2), (4, 5, 6)),
)  # fmt: skip
"""Rows of the inclusions, from the top of the image."""
MOTIFS = ("O1", "reversed")
WIDTHS = ((1, 4), (4, 1), (1, 4), (4, 1), (1, 1))
"""Widths of the walls at the left and at the right end of an inclusion."""


def microscope() -> Microscope:
    """Return the beam and the detector of all fields."""
    return Microscope.preset("adf-300kV-17mrad").with_(detectors=(Detector("ADF", 25.0, 78.0),))


@dataclass(frozen=True)
class Field:
    """One model: the seed that it is drawn with, and its walls by row from the top and by slot."""

    seed: int
    walls: tuple[PlantedWall, ...]

    @property
    def jumps(self) -> list[Jump]:
        """The walls as the builder takes them; each row that moved on lacks a column."""
        last = {row: max(w.start for w in self.walls if w.row == row) for row in self.rows}
        return [
            Jump(
                ROWS - 1 - w.row, w.start, w.jump_thirds, width=w.width,
                missing_columns=int(w.start == last[w.row] and self.moved(w.row) == 3),
            )
            for w in self.walls
        ]  # fmt: skip

    @property
    def rows(self) -> set[int]:
        """Rows that have walls."""
        return {wall.row for wall in self.walls}

    def moved(self, row: int) -> int:
        """Return the displacement of a row beyond its last wall, in thirds of the pitch."""
        return sum(wall.jump_thirds for wall in self.walls if wall.row == row)

    def classes(self) -> Counter[str]:
        """Return how often each class of wall is planted, in the gaps above and below the rows.

        Rows that are cut at one place count one after the other.
        """
        found: Counter[str] = Counter()
        for wall in self.walls:
            middle = wall.start + wall.width / 2.0
            x = [first_thirds(row) + self._displaced(row, middle) for row in range(ROWS)]
            left = (_state(x[upper] - x[upper + 1]) for upper in (wall.row - 1, wall.row))
            found.update(OneRowWall("".join(left), wall.jump_thirds).classes)
        return found

    def _displaced(self, row: int, slot: float) -> int:
        own = [w for w in self.walls if w.row == row and w.start + w.width / 2.0 < slot]
        return sum(wall.jump_thirds for wall in own)


def first_thirds(row: int) -> float:
    """Return where a row of the undisturbed stack stands, in thirds of the pitch."""
    return float((ROWS - row) % 3 - 1)


def _state(thirds: float) -> str:
    return "0+-"[round(thirds) % 3]


def draw(seed: int) -> Field:
    """Draw the walls of one field, four columns or more from the ends of the rows in the image.

    A row of an inclusion has an abrupt wall and a continuous one, in either order, or two abrupt
    walls: then it lacks a column.
    """
    rng = np.random.default_rng(seed)
    walls = []
    for number, rows in enumerate(LAYOUTS[rng.integers(len(LAYOUTS))]):
        widths = WIDTHS[rng.integers(len(WIDTHS))]
        start = 5 if max(widths) > 1 else int(rng.integers(5, 7))
        stop = start + widths[0] + (3 if max(widths) > 1 else 5)
        for row in rows:
            jump = int(rng.integers(1, 3))
            begin, end = (int(rng.integers(2)) if len(rows) > 1 else 0 for _ in range(2))
            jumps = (jump, 3 - jump)
            if max(widths) > 1 and rng.random() < 0.8:
                jumps = (-jump, jump) if widths[0] > 1 else (jump, -jump)
            for k, place in enumerate((start - begin, stop + end)):
                walls.append(PlantedWall(row, place, jumps[k], widths[k], number))
    return Field(seed, tuple(walls))


def choose() -> list[int]:
    """Return seeds after `REPORTING` such that every class is planted `LEAST` times or more.

    Each is the one of the next `OFFERS` numbers that adds most to the classes that are still short,
    and can be built.
    """
    total: Counter[str] = Counter()
    chosen: list[int] = []
    while min(total[name] for name in WALL_CLASSES) < LEAST:
        first = REPORTING + OFFERS * len(chosen)
        offers = sorted((_gain(seed, total), -seed) for seed in range(first, first + OFFERS))
        best = next(-seed for _, seed in reversed(offers) if _can_be_built(draw(-seed)))
        chosen.append(best)
        total.update(draw(best).classes())
    return chosen


def _gain(seed: int, total: Counter[str]) -> int:
    found = draw(seed).classes()
    return sum(min(found[name], max(LEAST - total[name], 0)) for name in WALL_CLASSES)


def _can_be_built(field: Field) -> bool:
    try:
        build_lateral(
            WORD, jumps=field.jumps, columns=COLUMNS, lattice=LATTICE, closed=True,
            vacuum_A=VACUUM_A,
        )  # fmt: skip
    except StructureError:
        return False
    return True


def plan_of(field: Field) -> tuple[Plan, tuple[float, float]]:
    """Return the plan, and where (x, y) the image begins in its cell [Å]."""
    model = lateral_model(
        WORD, jumps=field.jumps, columns=COLUMNS, lattice=LATTICE, closed=True, vacuum_A=VACUUM_A
    )
    plan = make_plan(
        model.structure(), microscope=microscope(), thickness_A=THICKNESS_A[-1], phonons=PHONONS,
        sampling_A=SAMPLING_A, prism=PRISM,
    )  # fmt: skip
    atoms = model.atoms
    first = (atoms.slab == 0) & (atoms.column == 0) & (atoms.role == "M")
    _, right, up = atoms.positions_A[np.flatnonzero(first)[0]]
    bottom = model.cell_A[2] - up
    pitch = get_lattice(LATTICE).column_pitch_A
    spacing = get_lattice(LATTICE).row_spacing_A("3")
    middle = bottom - (ROWS - 1) * spacing / 2.0
    return plan, (right + LEFT_SLOT * pitch, middle - FIELD_A / 2.0)


def truth_of(field: Field) -> ColumnSet:
    """Return where the metals of a field are in its image."""
    lattice = get_lattice(LATTICE)
    pitch, spacing = lattice.column_pitch_A, lattice.row_spacing_A("3")
    moved = np.zeros((ROWS, COLUMNS + 2))
    for wall in field.walls:
        add_wall(moved, wall)
    first = np.array([first_thirds(row) - first_thirds(ROWS - 1) for row in range(ROWS)])
    whole = moved + first[:, None]
    row, slot = np.indices(whole.shape)
    x = (slot + whole / 3.0 - LEFT_SLOT) * pitch
    y = FIELD_A / 2.0 + (row - (ROWS - 1) / 2.0) * spacing
    seen = ((x > 0) & (x < FIELD_A)).ravel()
    none = np.zeros((ROWS - 1, COLUMNS + 2))
    return ColumnSet(
        np.stack([y.ravel(), x.ravel()], axis=1)[seen], row.ravel()[seen], slot.ravel()[seen],
        none.astype(np.int8), none.astype(bool), whole, pitch,
    )  # fmt: skip


def images_of(field: Field) -> NDArray[np.float32]:
    """Simulate a field; returns (thickness, y, x), shares of the beam."""
    plan, (left, top) = plan_of(field)
    found = run_ensemble(
        plan, seed=field.seed, device="cpu", prism=PRISM,
        exit_periods=[round(one / plan.grid.period_A) for one in THICKNESS_A],
    ).mean  # fmt: skip
    pixels = (np.arange(round(FIELD_A / PIXEL_A)) + 0.5) * PIXEL_A
    image = fourier_image(
        found[:, 0].reshape(-1, plan.unit.n_y, plan.unit.n_x), plan.unit,
        x_A=left + pixels, y_A=top + pixels, blur_sigma_A=plan.microscope.source_sigma_A,
    )  # fmt: skip
    return image.astype(np.float32)


def fingerprint(field: Field) -> str:
    """Return a hash of the atoms [0.001 Å] and the settings that an image is made with."""
    plan, corner = plan_of(field)
    atoms = plan.cell
    order = np.lexsort(np.round(atoms.positions_A, 3).T)
    told = [
        plan.grid.gpts, THICKNESS_A, PHONONS, PRISM, field.seed, FIELD_A, PIXEL_A,
        [round(one, 3) for one in corner], plan.microscope.describe(),
    ]  # fmt: skip
    found = hashlib.sha256(repr(told).encode())
    found.update("".join(atoms.symbols[order]).encode())
    found.update(np.round(1000 * atoms.positions_A[order]).astype("<i8").tobytes())
    return found.hexdigest()[:16]


def made(seed: int, folder: Path) -> NDArray[np.float32]:
    """Return the images of a field, from the folder if they are there for these settings."""
    field, path = draw(seed), folder / f"{seed}.npz"
    key = fingerprint(field)
    if path.exists():
        with np.load(path) as stored:
            if str(stored["key"]) == key:
                return np.asarray(stored["images"])
    images = images_of(field)
    temporary = path.with_suffix(".part.npz")
    np.savez(temporary, images=images, key=key)
    temporary.replace(path)
    return images


def summary_of(images: NDArray[np.float32]) -> list[list[float]]:
    """Return mean and standard deviation of each image, to four digits: they check a rebuild."""
    return [[float(f"{one.mean():.4g}"), float(f"{one.std():.4g}")] for one in images]


def _make_one(task: tuple[int, Path]) -> tuple[int, str, list[list[float]]]:
    import torch

    torch.set_num_threads(1)
    seed, folder = task
    return seed, fingerprint(draw(seed)), summary_of(made(seed, folder))


def make(folder: Path, seeds: list[int], *, workers: int) -> dict[str, dict[str, object]]:
    """Simulate the fields that are missing in a folder; returns the record of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for seed, key, numbers in pool.imap(_make_one, [(seed, folder) for seed in seeds]):
            found[str(seed)] = {"model": key, "mean_std": numbers}
            print(f"{len(found)} of {len(seeds)}: field {seed}", flush=True)
    return found


def scenes(folder: Path, seeds: list[int], number: int) -> list[Scene]:
    """Return images of the thickness of that number, their columns and their walls."""
    drawn = [draw(seed) for seed in seeds]
    return [
        (made(field.seed, folder)[number], truth_of(field), list(field.walls)) for field in drawn
    ]


def outcome(folder: Path, seeds: list[int], number: int, *, dose: float) -> Outcome:
    """Read the fields at the thickness of that number and a dose [e/Å²]."""
    return read(scenes(folder, seeds, number), dose=dose, seed=seeds[0])


def least_error_A(found: list[Scene], *, dose: float) -> float:
    """Return the Cramér-Rao bound of a column along its row at a dose [e/Å²], RMS [Å].

    Of a column that may be displaced as a whole, shape and brightness known.
    """
    information = columns = 0.0
    for image, truth, _ in found:
        counts = np.maximum(image, 1e-6) * dose * PIXEL_A**2
        information += float((np.gradient(counts, PIXEL_A, axis=1) ** 2 / counts).sum())
        columns += len(truth.positions_A)
    return (columns / information) ** 0.5


def print_table(folder: Path, seeds: list[int], doses: list[float]) -> None:
    """Print a table line for every thickness and dose, from the fields of a folder."""
    print(f"### Walls of whole models, {len(seeds)} fields of {FIELD_A / 10:.0f} nm squared\n")
    print(HEAD)
    counted: list[str] = []
    for number, thickness_A in enumerate(THICKNESS_A):
        found = scenes(folder, seeds, number)
        for dose in doses:
            read_right = read(found, dose=dose, seed=seeds[0])
            print(line(read_right, thickness_A=thickness_A, dose=dose), flush=True)
            counted.append(
                f"| {thickness_A / 10:.0f} | {dose:.0f} | "
                + " | ".join(
                    f"{read_right.told[name]} of {read_right.planted[name]}" for name in MOTIFS
                )
                + f" | {read_right.n_wrong} of {sum(n for _, n in read_right.cells)}"
                + f" | {least_error_A(found, dose=dose):.3f} |"
            )
    names = " | ".join(f"{name} domains" for name in MOTIFS)
    print(f"\n| thickness (nm) | dose (e/Å²) | {names} | cells named wrongly | bound (Å) |")
    print("|---" * 6 + "|")
    print("\n".join(counted))
    planted: Counter[str] = Counter()
    for seed in seeds:
        planted.update(draw(seed).classes())
    print("\nPlanted:", ", ".join(f"{name}: {planted[name]}" for name in WALL_CLASSES))


def print_draws(folder: Path, seeds: list[int], doses: list[float], *, draws: int) -> None:
    """Print what other noise on the same images gives; the first draw is that of the table."""
    names = " | ".join(f"{name} domains" for name in MOTIFS)
    print(f"| thickness (nm) | dose (e/Å²) | draw | cells right | named wrongly | {names} |")
    print("|---" * 7 + "|")
    for number, thickness_A in enumerate(THICKNESS_A):
        found = scenes(folder, seeds, number)
        for dose in doses:
            for draw_number in range(draws):
                one = read(found, dose=dose, seed=seeds[0] + 1000 * draw_number)
                told = " | ".join(f"{one.told[name]} of {one.planted[name]}" for name in MOTIFS)
                print(
                    f"| {thickness_A / 10:.0f} | {dose:.0f} | {draw_number + 1} | "
                    f"{one.cells_right:.4f} | {one.n_wrong} | {told} |",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=("choose", "make", "read", "draws"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fields", type=int, default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=None)
    parser.add_argument("--doses", type=float, nargs="+", default=[500.0, 200.0, 100.0])
    parser.add_argument("--draws", type=int, default=5)
    asked = parser.parse_args()
    if asked.job == "choose":
        print(choose())
        return
    seeds = asked.seeds or [int(seed) for seed in json.loads(RECORD.read_text())["fields"]]
    if asked.job == "make":
        record = make(asked.folder, seeds[: asked.fields], workers=asked.workers)
        print(json.dumps(record, indent=1))
    elif asked.job == "draws":
        print_draws(asked.folder, seeds[: asked.fields], asked.doses, draws=asked.draws)
    else:
        print_table(asked.folder, seeds[: asked.fields], asked.doses)


if __name__ == "__main__":
    main()
