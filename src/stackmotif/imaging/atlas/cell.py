"""The simulated cell of one tile: a slab, its reference below, a neighbour above.

x runs along the row, y down (+c up) and z along the beam. A position of f pitches along a row is
(f d, 3/2 f a mod a) in x and z: a third of a pitch along e = (2/3, 1/3) is half a period along the
beam, and a whole pitch likewise.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.recipe import REFERENCE, AtlasRecipe, Neighbour
from stackmotif.imaging.ensemble import drawn
from stackmotif.imaging.grids import Grid, fast_gpts
from stackmotif.imaging.specimen import Specimen
from stackmotif.stacking import default_site, gap_kind
from stackmotif.structures.lattices.lattice import Lattice, get_lattice
from stackmotif.structures.orientation import OrientedCell

CENTRE: Final = 1
"""Number of the imaged slab, counted from the bottom of the cell."""
_ROLES: Final = 4
"""Sites of one slab and column: metal, lower oxygen, upper oxygen, guest above."""


@dataclass(frozen=True)
class TileCell:
    """Atoms of a tile and where its slab is.

    Parameters
    ----------
    specimen : Specimen
        The whole thickness.
    origin_A : tuple of float
        (x, y) of a metal column of the imaged slab, near the middle of the cell [Å].
    draws : ndarray of int, shape (n, 4)
        Period along the beam, slab, role and column of each atom: what its displacement is drawn
        by, so that tiles share the displacements of the atoms that they share.
    """

    specimen: Specimen
    origin_A: tuple[float, float]
    draws: NDArray[np.int64]


def gap_height_A(lattice: Lattice, neighbour: Neighbour) -> float:
    """Return the height of the gap between a slab of tilt R and its neighbour above [Å]."""
    return lattice.gap_height_A(neighbour.kind or "3")


def n_periods(recipe: AtlasRecipe, thickness_A: float) -> int:
    """Return a thickness in whole periods along the beam."""
    return max(1, round(thickness_A / get_lattice(recipe.lattice).a_A))


def tile_cell(recipe: AtlasRecipe, neighbour: Neighbour) -> TileCell:
    """Return the cell of the tile of one neighbour.

    Every tile's cell has the same size: what differs in height is made up in the uppermost gap,
    far from the imaged slab, so that all waves have the same grid.
    """
    lattice = get_lattice(recipe.lattice)
    repeats = n_periods(recipe, recipe.thickness_A[-1])
    grid = tile_grid(recipe, lattice, repeats)
    phases, tilts, guests = _stack(recipe, neighbour)
    heights = _metal_heights(recipe, lattice, neighbour)
    sites = _sites(lattice, phases, tilts, guests, heights)
    atoms, draws = _repeated(sites, recipe, lattice, grid)
    step = grid.slice_A
    planes = np.floor(np.mod(atoms.positions_A[:, 2] + step / 2, grid.thickness_A) / step)
    specimen = Specimen(atoms=atoms, slice_of=planes.astype(np.int64), grid=grid)
    middle = recipe.pitches // 4 * 2
    origin = middle * grid.extent_A[0] / recipe.pitches, grid.extent_A[1] - heights[CENTRE]
    return TileCell(specimen=specimen, origin_A=origin, draws=draws)


def tile_grid(recipe: AtlasRecipe, lattice: Lattice, repeats: int) -> Grid:
    """Return the wave grid that all tiles of a recipe share."""
    pitch = lattice.a_A * np.sqrt(3) / 2
    extent = recipe.pitches * pitch, recipe.slabs * lattice.row_spacing_A("3")
    return Grid(
        repeats=(recipe.pitches, 1, repeats),
        gpts=fast_gpts(extent, recipe.sampling_A),
        extent_A=(float(extent[0]), float(extent[1])),
        slices_per_period=2,
        period_A=float(lattice.a_A),
        k_points=recipe.k_points,
    )


def displacements_A(cell: TileCell, recipe: AtlasRecipe, configuration: int) -> NDArray[np.float64]:
    """Return the displacements of one configuration [Å], shape (n, 3); shared sites move alike."""
    atoms, grid = cell.specimen.atoms, cell.specimen.grid
    shape = (grid.repeats[2], recipe.slabs, _ROLES, recipe.pitches, 3)
    moves = drawn(recipe.rng, configuration, shape)[tuple(cell.draws.T)]
    kinds, labels = np.unique(atoms.symbols, return_inverse=True)
    sigma = np.array([recipe.sigma_A[str(kind)] for kind in kinds])[labels]
    return moves * sigma[:, None]


def _stack(
    recipe: AtlasRecipe, neighbour: Neighbour
) -> tuple[list[Fraction], list[int], list[str]]:
    """Return phase, tilt and guest above of every slab, from the bottom."""
    third = Fraction(1, 3)
    phases = [-REFERENCE.shift, Fraction(0), neighbour.shift]
    tilts = [REFERENCE.tilt, 1, neighbour.tilt]
    while len(phases) < recipe.slabs:
        phases.append(phases[-1] + third * neighbour.tilt)
        tilts.append(neighbour.tilt)
    guests = [neighbour.below, neighbour.simulated.guest, neighbour.beyond]
    guests += [REFERENCE.guest] * (recipe.slabs - 4) + [neighbour.uppermost]
    return phases, tilts, guests


def _metal_heights(
    recipe: AtlasRecipe, lattice: Lattice, neighbour: Neighbour
) -> NDArray[np.float64]:
    gaps = np.full(recipe.slabs - 1, lattice.gap_height_A("3"))
    gaps[CENTRE] = gap_height_A(lattice, neighbour)
    start = lattice.row_spacing_A("3") / 2
    return start + np.concatenate([[0.0], np.cumsum(lattice.slab_height_A + gaps)])


def _sites(
    lattice: Lattice,
    phases: list[Fraction],
    tilts: list[int],
    guests: list[str],
    heights: NDArray[np.float64],
) -> list[tuple[str, float, float, int, int, float]]:
    """Return (element, phase, height, slab, role, occupancy) of every column of the cell."""
    half, third = lattice.slab_height_A / 2, Fraction(1, 3)
    sites = []
    # The cell repeats: the slab above the last one is the first one.
    next_height = float(heights[-1]) + lattice.row_spacing_A("3")
    above = [*zip(phases[1:], tilts[1:], map(float, heights[1:]), strict=True)]
    above += [(phases[0], tilts[0], next_height)]
    for k, (phase, tilt) in enumerate(zip(phases, tilts, strict=True)):
        for symbol, share in lattice.host.items():
            sites.append((symbol, float(phase), float(heights[k]), k, 0, share))
        for role, side in ((1, -1), (2, 1)):
            lean = float(phase + side * tilt * third)
            sites.append((lattice.anion, lean, float(heights[k] + side * half), k, role, 1.0))
        if guests[k]:
            next_phase, next_tilt, next_height = above[k]
            between = (float(heights[k]) + next_height) / 2
            element, _, site = guests[k].partition("@")
            offset = _guest_phase(next_phase - phase, tilt, next_tilt, site)
            sites.append((element, float(phase + offset), between, k, 3, 1.0))
    return sites


def _guest_phase(shift: Fraction, tilt: int, tilt_above: int, site: str) -> Fraction:
    """Return a guest's place from the metal below, in pitches.

    Between the thirds it keeps as far as it can from the oxygen columns of both planes.
    """
    thirds = shift * 3
    if thirds.denominator == 1:
        wrapped = (int(thirds) + 1) % 3 - 1
        kind = gap_kind(tilt, wrapped, tilt_above)
        taken = site if kind == "p" and site else default_site(kind)
        letters = {"o": -(tilt + wrapped - tilt_above), "l": 0, "u": wrapped, "e": -tilt}
        if taken not in letters:
            raise SimulationError(f"guest site {taken!r} is none that the atlas knows")
        return Fraction(letters[taken], 3)
    below, above = Fraction(tilt, 3), shift - Fraction(tilt_above, 3)
    return below + ((above - below + Fraction(1, 2)) % 1 - Fraction(1, 2)) / 2 + Fraction(1, 2)


def _repeated(
    sites: list[tuple[str, float, float, int, int, float]],
    recipe: AtlasRecipe,
    lattice: Lattice,
    grid: Grid,
) -> tuple[OrientedCell, NDArray[np.int64]]:
    symbols, phases, heights, slabs, roles, shares = zip(*sites, strict=True)
    column, period, site = (
        axis.ravel()
        for axis in np.meshgrid(
            np.arange(recipe.pitches), np.arange(grid.repeats[2]), np.arange(len(sites)),
            indexing="ij",
        )
    )  # fmt: skip
    place = np.asarray(phases)[site] + column
    pitch = grid.extent_A[0] / recipe.pitches
    x = np.mod(place * pitch, grid.extent_A[0])
    depth = np.mod(1.5 * place + 1e-9, 1.0) - 1e-9
    z = (depth + period) * lattice.a_A
    y = np.mod(grid.extent_A[1] - np.asarray(heights)[site], grid.extent_A[1])
    atoms = OrientedCell(
        symbols=np.asarray(symbols)[site],
        positions_A=np.stack([x, y, z], axis=1),
        occupancies=np.asarray(shares, dtype=np.float64)[site],
        extent_A=np.array([*grid.extent_A, grid.thickness_A]),
    )
    draws = np.stack([period, np.asarray(slabs)[site], np.asarray(roles)[site], column], axis=1)
    return atoms, draws
