"""Models with lateral walls, projected and read: the reader sees what the builder meant."""

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.catalog import load_catalog
from stackmotif.catalog.recipes.walls import WallRecipe
from stackmotif.stacking import Word, word_after
from stackmotif.structures import Jump, lateral_model, repeats_to_close
from stackmotif.structures.orientation import orient, repeat

ENTRIES = {
    k: motif
    for k, motif in load_catalog().items()
    if isinstance(motif.recipe, WallRecipe) and not motif.recipe.inclination_deg
}
FLIPPED = str.maketrans("+-", "-+")


def columns_of(structure, *, tiles=(1, 1, 1), noise_A=0.0, rng=0):
    """Metal columns (y, x) of a crystal as `orient` shows it: y down, x right [Å].

    The lowest slab of a periodic crystal, at height 0, is at the bottom and not one period up.
    """
    cell = repeat(orient(structure), tiles)
    metals = cell.positions_A[cell.symbols == "Ni"][:, [1, 0]]
    metals[:, 0] = (metals[:, 0] - 1.0) % cell.extent_A[1]
    seen = np.unique(np.round(metals, 3), axis=0)
    moved = seen + np.random.default_rng(rng).normal(0.0, noise_A, seen.shape)
    return sm.Columns.from_positions(moved, sigma_A=max(noise_A, 0.03))


def states_upwards(result):
    """States of every gap along its cells, from the lowest gap up, and the cells' places [Å]."""
    shifts = result.shifts
    for gap in np.unique(shifts["gap"])[::-1]:
        cells = shifts[shifts["gap"] == gap]
        cells = cells[np.argsort(cells["x_A"])]
        yield "".join(cells["state"]), np.asarray(cells["x_A"])


LEFT = "R+4 R0 R+3 R-2 R+2 R02 R+3 R."
WALLS = [Jump(5, 20, 1), Jump(9, 30, 1), Jump(10, 45, 2), Jump(13, 36, -1, 6)]


@pytest.mark.parametrize("noise_A", [0.0, 0.08])
def test_reader_sees_the_states_and_the_places_of_the_walls(noise_A):
    """Upper and lower, left and right, and the sign are all told apart by this model."""
    model = lateral_model(LEFT, jumps=WALLS, columns=60)
    result = sm.identify(columns_of(model.structure(), noise_A=noise_A))
    assert result.status == "ok"
    metals = model.atoms.role == "M"
    x, slab = model.atoms.positions_A[metals, 1], model.atoms.slab[metals]
    rows = [np.sort(x[slab == k]) for k in range(len(model.left))]
    read = list(states_upwards(result))
    assert len(read) == model.left.n_gaps
    for gap, (states, places) in enumerate(read):
        disturbed = [wall for wall in WALLS if wall.slab in (gap, gap + 1)]
        word, start = model.left, -np.inf
        for wall in [*sorted(disturbed, key=lambda wall: wall.column), None]:
            stop = rows[wall.slab][wall.column] if wall else np.inf
            inside = (places > start + 0.3) & (places < stop - 0.3)
            expected = word.metal_text[gap]
            assert inside.sum() >= 8
            found = [states[i] for i in np.flatnonzero(inside)]
            # Where a continuous wall ends is known to a column or two.
            assert set(found[2:-2]) == {expected}, (gap, start, stop)
            assert set(found) <= {expected, "x"}, (gap, start, stop)
            if wall:
                start = rows[wall.slab][wall.column + wall.width]
                word = word_after(word, {wall.slab: wall.thirds})


@pytest.mark.parametrize("motif_id", sorted(ENTRIES))
def test_stored_atoms_of_every_wall_read_as_the_stacks_at_both_ends(motif_id):
    motif = ENTRIES[motif_id]
    recipe = motif.recipe
    left = Word.parse(recipe.word)
    left = Word(left.slabs * repeats_to_close(left), True) if left.periodic else left
    right = left
    for jump in recipe.jumps:
        right = word_after(right, {jump.slab: jump.thirds})
    up = max(1, 12 // len(left)) if left.periodic else 1
    tiles = (2 if recipe.closed else 1, up, 1)
    result = sm.identify(columns_of(motif.structure(), tiles=tiles))
    assert result.status != "failed"
    read = [(states[:2], states[-2:]) for states, _ in states_upwards(result)]
    for end, word in enumerate((left, right)):
        found = "".join(gap[end][1 if end == 0 else 0] for gap in read)
        expected = (word.metal_text.strip("|") * up)[: len(found)]
        flipped = result.summary["gauge"]["flipped"]
        told = [s for s in found if s != "x"]
        assert len(told) >= len(found) - 2
        expected = expected.translate(FLIPPED) if flipped else expected
        assert all(f in (e, "x") for f, e in zip(found, expected, strict=True)), (found, expected)


@pytest.mark.parametrize("motif_id", [k for k in sorted(ENTRIES) if k.startswith("lens-")])
def test_stored_atoms_of_every_lens_read_as_its_states_in_the_middle(motif_id):
    motif = ENTRIES[motif_id]
    recipe, structure = motif.recipe, motif.structure()
    inside, begins, ends = Word.parse(recipe.word), [], []
    for first, second in zip(recipe.jumps[::2], recipe.jumps[1::2], strict=True):
        assert first.slab == second.slab
        inside = word_after(inside, {first.slab: first.thirds})
        begins.append(first.column + (recipe.width if first.type == "C" else 5 / 3))
        ends.append(second.column)
    middle = (max(begins) + min(ends)) / 2 * structure.lattice.b / recipe.columns
    result = sm.identify(columns_of(structure, tiles=(2, 1, 1)))
    found = "".join(
        states[int(np.argmin(np.abs(places - middle)))] for states, places in states_upwards(result)
    )
    assert found == inside.metal_text.strip("|")[:-1]
    assert set(found) != {"+"}
