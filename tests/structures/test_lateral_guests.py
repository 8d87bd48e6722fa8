"""Guests of lateral models: on every hole with all its oxygens, and nowhere else."""

from collections import Counter

import numpy as np
import pytest

from stackmotif.stacking import JUMPS
from stackmotif.structures import (
    Jump,
    Lattice,
    build,
    lateral_model,
    min_contacts_A,
    site_roles,
)

A, H_SLAB, H = 2.870, 2.080, 4.73
D = A * np.sqrt(3) / 2
TABLE = Lattice("table", 0.0, A, H_SLAB, {"3": H - H_SLAB, "1": 2.2}, {"Ni": 1.0})


def _bonds(structure, role, *, within=2.4):
    """Distances from every atom of a role to its oxygens."""
    chosen = np.flatnonzero(site_roles(structure) == role)
    return [
        sorted(
            round(n.nn_distance, 6)
            for n in structure.get_neighbors(structure[int(i)], within)
            if n.specie.symbol == "O"
        )
        for i in chosen
    ]


BOND = round(float(np.hypot(A / np.sqrt(3), (H - H_SLAB) / 2)), 6)


@pytest.mark.parametrize(
    ("word", "n_sites"),
    [
        ("|R+[Li]3|", 12),
        ("|R0[Li]3|", 12),
        ("|R-[Na]3|", 12),
        ("|R-[Li] L+[Li]|", 8),
        ("|R0[Na@f] L0[Na@f]|", 8),
        ("|R+[Li] R0|", 12),
    ],
)
def test_guests_without_walls_are_those_of_the_word(word, n_sites):
    model = lateral_model(word, jumps=[], columns=4, lattice=TABLE, closed=True)
    assert model.guests_left_out == 0
    assert Counter(map(tuple, _bonds(model.structure(), "A"))) == {(BOND,) * 6: n_sites}
    flat = Lattice("flat", 0.0, A, H_SLAB, {"3": H - H_SLAB}, {"Ni": 1.0})
    assert min_contacts_A(model.structure()) == pytest.approx(
        min_contacts_A(build(word, lattice=flat))
    )


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("left", ["+0", "00", "-+", "0-"])
def test_guests_keep_their_six_oxygens_beside_a_wall(left, jump):
    word = f"R+[Li]2 R{left[1]}[Li] R{left[0]}[Li] R+[Li]2 R."
    model = lateral_model(word, jumps=[Jump(3, 7, jump, 4)], columns=18, lattice=TABLE)
    bonds = _bonds(model.structure(), "A", within=2.2)
    assert Counter(map(tuple, bonds)) == {(BOND,) * 6: len(bonds)}
    n_sites = int(((model.atoms.role == "M") & (model.atoms.slab < 6)).sum())
    assert len(bonds) + model.guests_left_out == n_sites


def _octahedral_holes(model):
    """Every point half-way up a gap with six oxygens at the length of a bond, by search."""
    atoms, holes = model.atoms, []
    oxygen = atoms.positions_A[atoms.role == "O"]
    for slab in range(len(model.left) - 1):
        metal = atoms.positions_A[(atoms.role == "M") & (atoms.slab == slab)]
        for k in range(-3, 4):
            points = metal + np.array([k * A / 2, k * D / 3, H / 2])
            away = oxygen[None] - points[:, None]
            away[..., 0] -= A * np.round(away[..., 0] / A)
            beside = np.abs(np.linalg.norm(away, axis=-1) - BOND) < 1e-6
            pair = np.abs(np.abs(away[..., 0]) - A / 2) < 1e-6
            found = (beside * np.where(pair, 2, 1)).sum(axis=1) == 6
            holes += [(slab, round(float(x), 4)) for x in points[found, 1]]
    return set(holes)


@pytest.mark.parametrize(("left", "jump"), [("+0", 1), ("0+", 2), ("0+", -1), ("+0", -2)])
@pytest.mark.parametrize("width", [1, 3, 6])
def test_every_octahedral_hole_has_its_guest_and_nothing_else_has(left, jump, width):
    if width == 1 and jump < 0:
        width = 2
    word = f"R+[Li]2 R{left[1]}[Li] R{left[0]}[Li] R+[Li]2 R."
    model = lateral_model(word, jumps=[Jump(3, 7, jump, width)], columns=18, lattice=TABLE)
    guests = model.atoms.role == "A"
    places = zip(model.atoms.slab[guests], model.atoms.positions_A[guests, 1], strict=True)
    assert {(int(k), round(float(x), 4)) for k, x in places} == _octahedral_holes(model)


@pytest.mark.parametrize(
    ("angle", "jump", "width"), [(25.0, 1, 1), (-40.0, 1, 1), (10.0, -1, 5), (55.0, 1, 4)]
)
def test_guests_of_an_inclined_foil_have_all_oxygens_inside_it(angle, jump, width):
    model = lateral_model(
        "R+[Li] R0[Li] R+[Li]2 R.",
        jumps=[Jump(2, 13, jump, width)],
        columns=34,
        lattice=TABLE,
        beam_periods=7,
        inclination_deg=angle,
    )
    atoms = model.atoms
    oxygens, guests = (atoms.positions_A[atoms.role == role] for role in "OA")
    distances = np.linalg.norm(oxygens[None] - guests[:, None], axis=-1)
    depth = guests[:, 0]
    inner = (depth > depth.min() + 1.2 * A) & (depth < depth.max() - 1.2 * A)
    assert ((np.abs(distances - BOND) < 1e-5).sum(axis=1)[inner] == 6).all()
    assert distances.min() > BOND - 1e-5


def test_part_filled_guests_keep_their_occupancy():
    model = lateral_model("|R+[Li:0.5]3|", jumps=[], columns=4, lattice=TABLE, closed=True)
    assert model.structure().composition["Li"] == pytest.approx(6.0)
