"""Print how right walls, units and cells are read from multislice images of fields with walls.

Images come from the shipped atlas of multislice tiles (300 kV, 20 mrad, eight phonon
configurations): HAADF or ADF of an O3 stack without guests, with lateral walls, four and eight
nanometres thick, with shot noise. Continuous walls displace their rows; at abrupt ones the stacks
on both sides are blended, which is 0.9 % (HAADF) to 3.4 % (ADF) of the contrast off against
multislice of the whole model (docs/atlas.md). Reporting seeds start at 86000 and are used nowhere
else in the repository.

    python benchmarks/micrographs.py [--fields 24] [--detector HAADF] [--doses 500 100]
"""

import argparse
import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from motifs import Tally, add, calibration_error
from numpy.typing import NDArray

import stackmotif as sm
from stackmotif.imaging.atlas import default_atlas
from stackmotif.imaging.atlas.walls import PreparedWalls
from stackmotif.matching import match_columns, score_cells
from stackmotif.matching.statistics import motif_extents
from stackmotif.stacking import Word
from stackmotif.stacking.columnset import ColumnSet
from stackmotif.stacking.wallset import PlantedWall, add_wall, wall_field
from stackmotif.structures import Jump, get_lattice

REPORTING = 86000
THICKNESS_A = (40.0, 80.0)
PIXEL_A = 0.16
ROWS, SLOTS, OUTSIDE = 12, 64, 2
"""Slabs, columns of a row, and columns of them beyond the left edge of the image."""
WIDTHS = (1, 1, 4, 6, 8)
HEAD = (
    "| thickness (nm) | dose (e/Å²) | planted | recall | precision | jump right | resolved | "
    "A/C right | units F1 | cells right | outside O3 | error of p(jump) | of p(kind) |\n"
    + "|---" * 13
    + "|"
)


@functools.lru_cache
def prepared(thickness_A: float, detector: str) -> PreparedWalls:
    preset = {"HAADF": "haadf-300kV", "ADF": "adf-300kV"}[detector]
    return PreparedWalls(default_atlas(), preset, thickness_A=thickness_A)


def field_of(seed: int) -> tuple[NDArray[np.float64], list[PlantedWall]]:
    """Return displacements and walls; walls of one row and of its neighbours may come near."""
    _, drawn = wall_field(rng=seed, n_rows=ROWS, n_slots=SLOTS, n_inclusions=3, widths=WIDTHS)
    # Blended stacks would show a column in an abrupt cut of two thirds.
    walls = [replace(w, width=4) if w.jump_thirds == 2 and w.width == 1 else w for w in drawn]
    moved = np.zeros((ROWS, SLOTS))
    for wall in walls:
        add_wall(moved, wall)
    return moved, walls


def micrograph(
    walls: list[PlantedWall],
    moved: NDArray[np.float64],
    *,
    thickness_A: float,
    detector: str,
    word: str = f"|R+{ROWS}|",
    blur_sigma_A: float | None = None,
) -> tuple[NDArray[np.float32], ColumnSet]:
    """Return the image without noise, and where its metals are.

    ``word`` is the stack at the left edge, `ROWS` slabs that close along c; ``blur_sigma_A`` [Å] is
    that of the source, the microscope's by default.
    """
    lattice = get_lattice(default_atlas().recipe.lattice)
    pitch, spacing = lattice.column_pitch_A, lattice.row_spacing_A("3")
    jumps = [
        Jump(
            ROWS - 1 - w.row, w.start, w.jump_thirds, **({} if w.width == 1 else {"width": w.width})
        )
        for w in walls
    ]
    size = ((ROWS - 1 + 0.6) * spacing, (SLOTS - 2 * OUTSIDE) * pitch)
    bottom = size[0] - 0.3 * spacing
    pixels = prepared(thickness_A, detector).image(
        word,
        jumps=jumps,
        pixel_size_A=PIXEL_A,
        field_A=size,
        position_A=(bottom, -OUTSIDE * pitch),
        blur_sigma_A=blur_sigma_A,
        between_shifts=True,
        blended=True,
    )[0]
    slab = np.arange(ROWS)[::-1]
    thirds = np.cumsum([0, *(int(one.shift) for one in Word.parse(word).slabs[:-1])])[slab]
    first = ((thirds + 1) % 3 - 1) / 3.0
    x = (np.arange(SLOTS) - OUTSIDE + first[:, None] + moved / 3.0) * pitch
    y = np.repeat((bottom - slab * spacing)[:, None], SLOTS, axis=1)
    row, slot = np.indices(x.shape)
    seen = ((x > 0) & (x < pixels.shape[1] * PIXEL_A)).ravel()
    positions = np.stack([y.ravel(), x.ravel()], axis=1)[seen]
    whole = moved + 3.0 * first[:, None]
    none = np.zeros((ROWS - 1, SLOTS))
    return pixels, ColumnSet(
        positions, row.ravel()[seen], slot.ravel()[seen], none.astype(np.int8),
        none.astype(bool), whole, pitch,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=24)
    parser.add_argument("--detector", choices=("HAADF", "ADF"), default="HAADF")
    parser.add_argument("--doses", type=float, nargs="+", default=[500.0, 100.0])
    parser.add_argument("--seed", type=int, default=REPORTING)
    asked = parser.parse_args()
    print(f"### Walls in {asked.detector} images of the atlas, {asked.fields} fields\n")
    print(HEAD)
    for thickness_A in THICKNESS_A:
        images = []
        for k in range(asked.fields):
            moved, walls = field_of(asked.seed + k)
            images.append(
                (*micrograph(walls, moved, thickness_A=thickness_A, detector=asked.detector), walls)
            )
        for dose in asked.doses:
            found = read(images, dose=dose, seed=asked.seed)
            print(line(found, thickness_A=thickness_A, dose=dose), flush=True)


@dataclass
class Outcome:
    """What was read right in the images of one line."""

    tally: Tally = field(default_factory=Tally)
    cells: list[tuple[float, int]] = field(default_factory=list)
    outside: list[tuple[float, int]] = field(default_factory=list)
    n_wrong: int = 0
    told: Counter[str] = field(default_factory=Counter)
    planted: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        """Share of the planted walls that were found."""
        return self.tally.hit / self.tally.planted

    @property
    def precision(self) -> float:
        """Share of the walls that were found and had been planted."""
        return self.tally.hit / max(self.tally.found, 1)

    @property
    def jump_right(self) -> float:
        """Share of the walls found whose jump is the planted one."""
        return float(np.mean([ok for _, ok in self.tally.jump]))

    @property
    def resolved(self) -> float:
        """Share of the walls of one column, or of four and more, that were called A or C."""
        return self._named(lambda kind, told: told != "unresolved") / max(
            self._named(lambda kind, told: True), 1
        )

    @property
    def kind_right(self) -> float:
        """Share of those that are what they were called."""
        return self._named(lambda kind, told: kind == told) / max(
            self._named(lambda kind, told: told != "unresolved"), 1
        )

    @property
    def units_f1(self) -> float:
        """F1 of structural units at walls whose row jumps alone."""
        hit, false, planted = (self.tally.units[name] for name in ("hit", "false", "planted"))
        return 2 * hit / max(hit + false + planted, 1)

    @property
    def cells_right(self) -> float:
        """Share of all true cells that were read right."""
        return _mean(self.cells)

    @property
    def outside_right(self) -> float:
        """Share of those that are not O3."""
        return _mean(self.outside)

    def _named(self, chosen: Callable[[str, str], bool]) -> int:
        kinds = self.tally.kinds.items()
        return sum(n for (kind, told), n in kinds if kind != "narrow" and chosen(kind, told))


def _mean(parts: list[tuple[float, int]]) -> float:
    share, count = np.array(parts).T
    return float((share * count)[count > 0].sum() / count.sum())


def read(images: list, *, dose: float, seed: int, pixel_A: float = PIXEL_A) -> Outcome:
    """Read every image (pixels, truth, walls) with the shot noise of a dose [e/Å²]."""
    outcome = Outcome()
    for k, (pixels, truth, walls) in enumerate(images):
        rng = np.random.default_rng(seed + 500 + k)
        noisy = rng.poisson(np.maximum(pixels, 0) * dose * pixel_A**2).astype(np.float32)
        result = sm.identify(sm.Micrograph(noisy, pixel_A), network="off", templates="off")
        add(outcome.tally, result, truth, walls)
        score = score_cells(result, match_columns(result, truth))
        outcome.cells.append((score.overall, score.n_cells))
        outcome.outside.append((score.outside_o3, score.n_outside))
        outcome.n_wrong += score.n_wrong
        outcome.told.update(motifs_of(result))
        exact = sm.Columns.from_positions(truth.positions_A, sigma_A=0.02)
        outcome.planted.update(motifs_of(sm.identify(exact)))
    return outcome


def motifs_of(result: sm.MotifMap) -> Counter[str]:
    """Return how many domains of O1 gaps and of reversed gaps (TDs included) a result has."""
    names = (str(name) for name in motif_extents(result)["motif"])
    return Counter("O1" if name.startswith("O1") else "reversed" for name in names)


def line(found: Outcome, *, thickness_A: float, dose: float) -> str:
    """Return the line of the table of `HEAD`."""
    return (
        f"| {thickness_A / 10:.0f} | {dose:.0f} | {found.tally.planted} | "
        f"{found.recall:.3f} | {found.precision:.3f} | {found.jump_right:.3f} | "
        f"{found.resolved:.3f} | {found.kind_right:.3f} | {found.units_f1:.3f} | "
        f"{found.cells_right:.4f} | {found.outside_right:.4f} | "
        f"{calibration_error(found.tally.jump):.3f} | "
        f"{calibration_error(found.tally.shares):.3f} |"
    )


if __name__ == "__main__":
    main()
