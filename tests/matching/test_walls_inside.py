"""Columns inside continuous walls: which they are, how surely, and what widths of a field say."""

import numpy as np
import pytest

from stackmotif.columns import Columns
from stackmotif.matching.lattice import find_cells, index_columns
from stackmotif.matching.walls import believe_walls, members_at_walls, read_walls
from stackmotif.matching.walls.fitting import PLACES, WIDTHS, fit_walls, place_shares
from stackmotif.matching.walls.kinds import shared_prior, width_prior
from stackmotif.stacking.columnset import place_columns, stack_phases, unfinished_slots
from stackmotif.stacking.wallset import PlantedWall, add_wall, wall_field

DEVELOPMENT = 3400


def indexed(truth, noise_A):
    """Return lattice and walls of known columns."""
    columns = Columns.from_positions(truth.positions_A, sigma_A=noise_A)
    lattice = index_columns(columns.positions_A, columns.covariances_A2)
    return lattice, read_walls(lattice)


def lone(width, jump=1, *, rng=DEVELOPMENT, noise_A=0.08, n_slots=60, start=28):
    """Columns of sixteen rows of O3, the eighth of which has one wall."""
    phases = stack_phases("+" * 15, n_slots)
    add_wall(phases, PlantedWall(8, start, jump, width, 0))
    return place_columns(phases, rng=rng, noise_A=noise_A)


@pytest.mark.parametrize("noise_A", [0.08, 0.12])
def test_columns_called_inside_are_inside_as_often_as_said(noise_A):
    said, true = [], []
    for k in range(6):
        size = {"n_rows": 30, "n_slots": 90, "n_inclusions": 8, "widths": (4, 6, 8, 10)}
        phases, _ = wall_field(rng=DEVELOPMENT + k, **size)
        truth = place_columns(phases, rng=k, noise_A=noise_A)
        lattice, walls = indexed(truth, noise_A)
        said.append(members_at_walls(walls, lattice).inside)
        stands_inside = unfinished_slots(truth.phases)[truth.row, truth.slot]
        true.append(stands_inside[lattice.member])
    said, true = np.concatenate(said), np.concatenate(true)
    for low, high in ((0.02, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95)):
        chosen = (said > low) & (said <= high)
        assert chosen.sum() > 20
        chance = np.sqrt(np.mean(said[chosen] * (1 - said[chosen])) / chosen.sum())
        assert abs(true[chosen].mean() - said[chosen].mean()) < 0.1 + 2 * chance
    assert true[said > 0.95].mean() > 0.98
    assert true[said < 0.02].mean() < 0.01


def test_the_place_of_a_wall_is_as_uncertain_as_its_columns():
    """The least error of the place: that of a line through the columns of a rise of J / n."""
    noise_A, width = 0.08, 8
    truth = lone(width, noise_A=noise_A)
    lattice, walls = indexed(truth, noise_A)
    found, jump = walls.found, walls.jump_thirds
    share = place_shares(lattice, found, jump, walls.centres)[0, list(WIDTHS).index(width)]
    spread = np.sqrt(share @ PLACES**2 - (share @ PLACES) ** 2)
    sigma = np.hypot(np.median(lattice.sigma), 0.02)
    bound = sigma / (abs(jump[0]) / 3.0 / width) / np.sqrt(width - 1)
    assert share.sum() == pytest.approx(1.0)
    assert spread == pytest.approx(bound, rel=0.35)


def test_a_mirrored_row_has_the_same_columns_inside():
    truth = lone(6)
    lattice, walls = indexed(truth, 0.08)
    here = members_at_walls(walls, lattice).inside
    mirrored = truth.positions_A * [1.0, -1.0] + [0.0, 400.0]
    columns = Columns.from_positions(mirrored, sigma_A=0.08)
    other = index_columns(columns.positions_A, columns.covariances_A2)
    there = members_at_walls(read_walls(other), other).inside
    assert here.max() > 0.9
    both = np.zeros((2, len(mirrored)))
    both[0, lattice.member], both[1, other.member] = here, there
    np.testing.assert_allclose(both[0], both[1], atol=0.06)


def test_abrupt_walls_have_no_inside():
    truth = lone(1)
    lattice, walls = indexed(truth, 0.08)
    assert len(walls) == 1
    members = members_at_walls(walls, lattice)
    assert not members.inside.any()
    assert not members.reached.any()


def test_a_column_beside_a_wall_has_the_class_of_its_side():
    """A column just beyond a wall that noise has moved is no sign that the wall goes on."""
    phases = stack_phases("+" * 15, 60)
    add_wall(phases, PlantedWall(8, 28, 2, 6, 0))
    phases[8, 35] += 0.45
    truth = place_columns(phases, rng=4, noise_A=0.08)
    lattice, walls = indexed(truth, 0.08)
    member = np.flatnonzero((truth.row == 8) & (truth.slot == 35))[0]
    at = np.flatnonzero(lattice.member == member)[0]
    members = members_at_walls(walls, lattice)
    believed = believe_walls(lattice, members.reached)
    before, after = lattice.readings[0].probability[at], believed.readings[0].probability[at]
    assert before[3] > 0.3 > 0.02 > after[3]
    assert members.inside[at] < 0.3
    far = members.reached == 0
    same, other = (one.readings[0].probability[far] for one in (believed, lattice))
    np.testing.assert_allclose(same, other, atol=1e-9)
    cells = find_cells(believed)
    np.testing.assert_allclose(cells.probability.sum(axis=1), 1.0)


def unsure(width, spread):
    """Log likelihood of one wall that fits a width, and others less and less."""
    return -0.5 * (np.log(WIDTHS / width) / spread) ** 2


def test_widths_of_a_field_tell_about_each_other():
    prior = width_prior(np.ones(7))
    clear = np.tile(unsure(6.0, 0.05), (6, 1))
    vague = np.vstack([clear, unsure(5.0, 0.6)])
    share = np.exp(shared_prior(vague, prior, np.arange(7)))
    base = np.exp(prior[0])
    six = list(WIDTHS).index(6)
    assert share[-1, six] > 2.5 * base[six]
    for chosen in (WIDTHS < 1.25, (WIDTHS > 1.25) & (WIDTHS < 3.25), WIDTHS > 3.25):
        np.testing.assert_allclose(share[:, chosen].sum(axis=1), base[chosen].sum())
    order = np.random.default_rng(0).permutation(7)
    shuffled = np.exp(shared_prior(vague[order], prior, np.arange(7)))
    np.testing.assert_allclose(shuffled, share[order])


def test_one_wall_learns_nothing_from_itself():
    prior = width_prior(np.ones(2))
    alone = shared_prior(unsure(6.0, 0.05)[None], prior, np.zeros(2, dtype=np.int64))
    np.testing.assert_allclose(alone, prior)


def test_no_walls_have_no_members():
    lattice, _ = indexed(lone(1, jump=1), 0.08)
    none = read_walls(lattice, skip=True)
    assert fit_walls(lattice, none.found).centre.shape == (0, 2, len(WIDTHS))
    assert not members_at_walls(none, lattice).inside.any()
