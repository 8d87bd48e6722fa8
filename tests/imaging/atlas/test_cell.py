"""Cells of the tiles against the crystal builder, and the displacements that tiles share."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.spatial import cKDTree

from stackmotif.errors import SimulationError
from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas import AtlasRecipe, Neighbour
from stackmotif.imaging.atlas.cell import CENTRE, TileCell, displacements_A, tile_cell
from stackmotif.stacking import Word
from stackmotif.structures import build
from stackmotif.structures.orientation import orient

SCOPE = Microscope.preset("stem-300kV")
RECIPE = AtlasRecipe(SCOPE, thickness_A=(6.0,))
TILTS, SHIFTS = {1: "R", -1: "L"}, {-1: "-", 0: "0", 1: "+"}


def around(symbols, positions_A, origin_A, extent_A, *, reach_A: float):
    """Element, x and y of the atoms within ``reach_A`` of a point, sorted."""
    half = np.asarray(extent_A[:2]) / 2
    planar = np.mod(positions_A[:, :2] - origin_A + half, extent_A[:2]) - half
    near = np.hypot(*planar.T) < reach_A
    rows = zip(
        symbols[near], planar[near, 0].round(3) + 0.0, planar[near, 1].round(3) + 0.0, strict=True
    )
    return sorted(set(rows))


@pytest.mark.parametrize(
    "neighbour", RECIPE.neighbours, ids=lambda n: f"{TILTS[n.tilt]}{n.shift}{n.guest}"
)
def test_a_tile_is_the_crystal_of_its_word(neighbour):
    """Slab, reference below and neighbour above stand where the builder puts them."""
    named = neighbour.simulated.guest
    guest = f"[{named}]" if named else ""
    text = f"R+[Li] R{SHIFTS[neighbour.thirds]}{guest} {TILTS[neighbour.tilt]}."
    crystal = orient(build(Word.parse(text), lattice=RECIPE.lattice))
    metals = crystal.positions_A[crystal.symbols == "Ni"]
    middle = np.unique(metals[:, 1].round(2))[1]
    centre = metals[np.isclose(metals[:, 1], middle, atol=0.02)][0]
    cell = tile_cell(RECIPE, neighbour)
    atoms = cell.specimen.atoms
    reach = 5.6
    expected = around(
        crystal.symbols, crystal.positions_A, centre[:2], crystal.extent_A * 1.0, reach_A=reach
    )
    found = around(atoms.symbols, atoms.positions_A, cell.origin_A, atoms.extent_A, reach_A=reach)
    # The crystal's cell is two pitches wide: repeat what it holds.
    pitch = crystal.extent_A[0] / 2
    shifted = {
        (symbol, round(x + n * pitch, 2), round(y, 2))
        for symbol, x, y in expected
        for n in range(-4, 5)
        if np.hypot(x + n * pitch, y) < reach - 0.05
    }
    got = {(s, round(x, 2), round(y, 2)) for s, x, y in found if np.hypot(x, y) < reach - 0.05}
    tree = cKDTree([(x, y) for _, x, y in sorted(shifted)])
    far, _ = tree.query([(x, y) for _, x, y in sorted(got)])
    assert far.max() < 0.02
    count = {s: sum(1 for one in got if one[0] == s) for s in ("Ni", "O", "Li")}
    assert count["Ni"] >= 9
    assert ("Li" in {s for s, *_ in got if _[1] < 0}) == bool(neighbour.guest)


def test_every_metal_has_six_oxygens_and_every_guest_six():
    for neighbour in (*RECIPE.neighbours, Neighbour(1, "Li", Fraction(1, 12))):
        atoms = tile_cell(RECIPE, neighbour).specimen.atoms
        oxygen = atoms.positions_A[atoms.symbols == "O"]
        box = atoms.extent_A + 1e-9
        tree = cKDTree(np.mod(oxygen, atoms.extent_A), boxsize=box)
        for symbol, reach in (("Ni", 2.2), ("Li", 2.45)):
            sites = np.mod(atoms.positions_A[atoms.symbols == symbol], atoms.extent_A)
            near = [len(one) for one in tree.query_ball_point(sites, reach)]
            assert set(near) == {6}, (neighbour, symbol)


def test_cells_share_grid_and_slices():
    cells = [tile_cell(RECIPE, one).specimen for one in RECIPE.neighbours]
    assert len({cell.grid for cell in cells}) == 1
    for cell in cells:
        counts = np.bincount(cell.slice_of, minlength=cell.grid.n_slices)
        assert len(set(counts[: cell.grid.n_slices].tolist())) == 1


def test_shared_atoms_move_alike():
    """A neighbour above leaves the slab, and what is below it, exactly where it was."""
    recipe = AtlasRecipe(SCOPE, thickness_A=(6.0,))
    one, other = (tile_cell(recipe, n) for n in (recipe.neighbours[1], recipe.neighbours[-1]))
    moved = [kept(cell, displacements_A(cell, recipe, 1)) for cell in (one, other)]
    np.testing.assert_array_equal(moved[0], moved[1])
    again = kept(one, displacements_A(one, recipe, 0))
    assert np.abs(again - moved[0]).max() > 0.05


def kept(cell: TileCell, displacements: np.ndarray) -> np.ndarray:
    below = (cell.draws[:, 1] <= CENTRE) & (cell.draws[:, 2] < 3)
    order = np.lexsort(cell.draws[below].T)
    return displacements[below][order]


def test_displacements_have_the_asked_width():
    recipe = AtlasRecipe(SCOPE, thickness_A=(120.0,), sigma_A={"Ni": 0.05, "O": 0.1})
    cell = tile_cell(recipe, recipe.neighbours[0])
    moved = displacements_A(cell, recipe, 3)
    for symbol, sigma in (("Ni", 0.05), ("O", 0.1)):
        spread = moved[cell.specimen.atoms.symbols == symbol].std(axis=0)
        np.testing.assert_allclose(spread, sigma, rtol=0.08)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pitches": 5}, "pitches of the atlas is 5; expected an even number"),
        ({"n_shifts": 4}, "n_shifts of the atlas is 4; expected a multiple of 3"),
        ({"guests": ("",)}, "guests of the atlas are"),
        ({"thickness_A": (40.0, 20.0)}, "expected increasing numbers"),
        ({"n_rows": 10}, "expected an odd number"),
    ],
)
def test_recipes_that_make_no_atlas_are_refused(changes, message):
    with pytest.raises(SimulationError, match=message):
        AtlasRecipe(SCOPE, **changes)


def test_a_recipe_survives_its_file():
    scope = SCOPE.with_(defocus_A=30.0, Cs_A=1e4)
    recipe = AtlasRecipe(scope, n_shifts=12, phonons=9, k_points=(1, 3), sigma_A={"Li": 0.2})
    again = AtlasRecipe.from_settings(recipe.settings())
    assert again.settings() == recipe.settings()
    assert again.microscope.defocus_A == 30.0
    assert again.sigma_A["Li"] == 0.2
