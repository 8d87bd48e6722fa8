"""Seeded fields with walls that nature allows: single rows cut open or stretched, far apart."""

from dataclasses import dataclass

import numpy as np

import stackmotif as sm
from stackmotif.stacking import OneRowWall
from stackmotif.stacking.columnset import lens_field, place_columns, stack_phases

CODE = {"+": 1, "0": 0, "-": -1}
IMAGES = {
    "mirrored": lambda p: p * [1, -1],
    "upside down": lambda p: p * [-1, 1],
    "turned": lambda p: -p,
    "by 37 degrees": lambda p: p @ np.array([[0.79863551, 0.60181502], [-0.60181502, 0.79863551]]),
}
"""Moves of an image, positions (y, x)."""

FAULTS = ("-", "--", "---", "0", "00", "0+0+0", "-+-")


@dataclass(frozen=True)
class Planted:
    """A wall: the row from the top that carries it, its last column in place, and its length."""

    row: int
    slot: int
    length: int
    wall: OneRowWall


def random_states(rng, *, n_gaps):
    """Gap states from the top down: O3 with faults, TDs and H1-3 in between."""
    states = "+" * int(rng.integers(3, 8))
    while len(states) < n_gaps - 3:
        states += str(rng.choice(FAULTS)) + "+" * int(rng.integers(1, 8))
    return (states + "+++")[:n_gaps] if len(states) < n_gaps else states[: n_gaps - 3] + "+++"


def plant_walls(rng, *, n_rows=40, n_slots=70, n_walls=10, lengths=(1,), jumps=(1, 1, 2)):
    """Displacements [thirds] of a random stack in which single rows jump, and its walls.

    A wall's length is 1 (abrupt) or the pitches over which a continuous one spreads. The row stays
    displaced to the right of its wall; no other row within two of it has a wall.
    """
    states = random_states(rng, n_gaps=n_rows - 1)
    phases = stack_phases(states, n_slots)
    planted = []
    rows = rng.permutation(np.arange(2, n_rows - 2, 3))[:n_walls]
    for row in np.sort(rows):
        slot = int(rng.integers(14, n_slots - 24))
        length, jump = int(rng.choice(lengths)), int(rng.choice(jumps))
        rise = np.clip((np.arange(n_slots) - slot) / length, 0.0, 1.0)
        left = states[row - 1] + states[row]
        phases[row] += jump * rise
        planted.append(Planted(int(row), slot, length, OneRowWall(left, jump)))
    return phases, planted


def make_field(kind, rng, **changes):
    rng = np.random.default_rng(rng)
    settings = {"noise_A": 0.1, "missing": 0.04, "false": 0.01, **changes}
    if kind == "lenses":
        phases = lens_field(rng=rng, n_rows=50, n_slots=80, n_lenses=7)
    elif kind == "walls":
        phases, _ = plant_walls(rng)
    else:
        phases = stack_phases(random_states(rng, n_gaps=40), 40)
        settings["rotation_deg"] = float(rng.uniform(-89, 89)) if kind == "words-rotated" else 0.0
    return place_columns(phases, rng=rng, **settings)


def read(truth, sigma_A=0.1):
    return sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=sigma_A))
