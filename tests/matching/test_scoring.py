"""True cells: what counts as one, and what belongs to no stack."""

import numpy as np

from stackmotif.matching.scoring import true_pairs
from stackmotif.stacking.columnset import place_columns, stack_phases, unfinished_slots
from stackmotif.stacking.wallset import PlantedWall, add_wall


def field(*walls: PlantedWall):
    phases = stack_phases("++", 20)
    for wall in walls:
        add_wall(phases, wall)
    return phases


def test_half_way_through_two_thirds_is_no_state():
    phases = field(PlantedWall(1, 6, 2, 4))
    assert unfinished_slots(phases)[1].nonzero()[0].tolist() == [7, 8, 9]
    truth = place_columns(phases, rng=0, noise_A=0.0)
    upper, lower, _ = true_pairs(truth)
    slots = {int(truth.slot[k]) for k in (*upper, *lower) if truth.row[k] == 1}
    assert slots == set(range(20)) - {7, 8, 9}


def test_columns_beside_an_abrupt_wall_have_a_state():
    for thirds in (1, 2, -1):
        assert not unfinished_slots(field(PlantedWall(1, 6, thirds, 1))).any()


def test_turned_and_negative_fields_have_the_same_unfinished_slots():
    phases = field(PlantedWall(0, 4, -2, 4), PlantedWall(2, 9, 1, 3))
    inside = unfinished_slots(phases)
    assert np.array_equal(unfinished_slots(-phases), inside)
    assert np.array_equal(unfinished_slots(phases[::-1, ::-1]), inside[::-1, ::-1])
