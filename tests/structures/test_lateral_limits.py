"""Lateral models at their limits: short contacts, inclined walls, wrong arguments."""

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.structures import (
    Jump,
    Lattice,
    build_lateral,
    coordination,
    lateral_model,
    min_contacts_A,
)

A, H_SLAB, H = 2.870, 2.080, 4.73
D = A * np.sqrt(3) / 2
ROUNDED = 6e-4
TABLE = Lattice("table", 0.0, A, H_SLAB, {"3": H - H_SLAB, "1": 2.2}, {"Ni": 1.0})


def one_row(left, jump, *, width=1, columns=20, **settings):
    """One jumping row in O3 +: three slabs below it and three above; states (above, below)."""
    word = f"R+2 R{left[1]} R{left[0]} R+2 R."
    return lateral_model(
        word, jumps=[Jump(3, 7, jump, width)], columns=columns, lattice=TABLE, **settings
    )


@pytest.mark.parametrize("jump", [-1, -2])
def test_an_abrupt_compressive_wall_is_refused_with_the_contact_and_the_slab(jump):
    with pytest.raises(StructureError, match=r"M-M contact of 1\.657 Å in slab 3.*2\.4 Å"):
        build_lateral("R+6 R.", jumps=[Jump(3, 7, jump)], columns=18, lattice=TABLE)
    found = one_row("++", jump).close_contacts()
    assert {rows for _, _, rows in found} == {(3, 3)}


def test_the_narrowest_compressive_wall_that_passes():
    with pytest.raises(StructureError, match=r"contact of 2\.192 Å in slab 1"):
        build_lateral("R+2 R.", jumps=[Jump(1, 7, -1, 2)], columns=18, lattice=TABLE)
    build_lateral("R+2 R.", jumps=[Jump(1, 7, -1, 3)], columns=18, lattice=TABLE)


@pytest.mark.parametrize(
    ("angle", "jump"),
    [(15.0, 1), (30.0, 1), (-30.0, 1), (50.0, 1), (15.0, 2), (30.0, 2), (-30.0, 2)],
)
def test_an_inclined_abrupt_wall_shifts_with_depth_and_only_opens(angle, jump):
    model = one_row("+0", jump, columns=24, beam_periods=6, inclination_deg=angle)
    assert model.close_contacts() == []
    contacts = min_contacts_A(model.structure())
    assert contacts["M-M"] == pytest.approx(A, abs=ROUNDED)
    assert contacts["M-O"] == pytest.approx(1.956, abs=ROUNDED)
    assert contacts["O-O"] > H - H_SLAB - 1e-6  # as in a prismatic gap
    atoms = model.atoms
    chosen = (atoms.slab == 3) & (atoms.role == "M")
    depth, x = atoms.positions_A[chosen, 0], atoms.positions_A[chosen, 1]
    places = []
    for layer in np.unique(np.round(depth, 2)):
        row = np.sort(x[np.abs(depth - layer) < 0.1])
        odd = np.flatnonzero(np.abs(np.diff(row) / D - 2) > 0.01)
        if len(odd):
            assert len(odd) == 1
            places.append((layer, row[odd[0] : odd[0] + 2].mean()))
    assert len(places) >= 2 * 6 - 1
    slope = np.polyfit(*np.array(places).T, 1)[0]
    assert slope == pytest.approx(np.tan(np.radians(angle)), abs=0.15)


@pytest.mark.parametrize(("angle", "jump"), [(30.0, 1), (-50.0, 1), (25.0, 2)])
def test_an_abrupt_cut_never_parts_a_metal_from_its_own_oxygens(angle, jump):
    atoms = one_row("+0", jump, columns=24, beam_periods=6, inclination_deg=angle).atoms
    units = atoms.positions_A.reshape(-1, 3, 3)
    own = np.round(np.abs(units[:, 1:] - units[:, :1]), 6).reshape(-1, 3)
    own[:, 0] = np.round(np.abs(own[:, 0]) % A, 6)
    assert np.allclose(np.unique(own, axis=0), [[A / 2, D / 3, H_SLAB / 2]])


@pytest.mark.parametrize(("column", "last"), [(7, 7), (7.4, 7), (7.6, 8), (8, 8)])
def test_an_abrupt_wall_cuts_half_a_pitch_behind_its_column(column, last):
    atoms = lateral_model("R.", jumps=[Jump(0, column, 1)], columns=16, lattice=TABLE).atoms
    spacing = np.diff(np.sort(atoms.positions_A[atoms.role == "M", 1]))
    assert np.argmax(spacing) == last


def test_a_continuous_inclined_wall_is_at_each_depth_the_upright_wall_at_its_place():
    angle, periods = 35.0, 6
    model = one_row("+0", 2, width=4, columns=24, beam_periods=periods, inclination_deg=angle)
    slope = np.tan(np.radians(angle))
    here = model.atoms
    foil = here.positions_A[:, 0] - here.positions_A[:, 0].min()
    for depth in np.unique(np.round(foil[(here.slab == 3) & (here.role == "M")], 3)):
        shift = slope * (depth - periods * A / 2) / D
        upright = lateral_model(
            "R+2 R0 R+ R+2 R.", jumps=[Jump(3, 7 + shift, 2, 4)], columns=24, lattice=TABLE
        ).atoms
        layer = (here.slab == 3) & (here.role == "M") & (np.abs(foil - depth) < 1e-2)
        expected = upright.positions_A[(upright.slab == 3) & (upright.role == "M"), 1]
        near = np.abs(here.positions_A[layer, 1][:, None] - expected[None]).min(axis=1)
        assert near.max() < 1e-6


def test_inclined_and_upright_walls_meet_at_zero_degrees():
    thin = one_row("+0", 1, beam_periods=2, inclination_deg=1e-9).atoms
    upright = one_row("+0", 1, beam_periods=2).atoms
    assert np.allclose(thin.positions_A[:, 1:], upright.positions_A[:, 1:], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"word": "R+ ?+ R."}, "slab 1 of .* has no tilt"),
        ({"word": "R+ R{0,1/2} R."}, "no shift"),
        ({"word": 3}, "expected a Word or its text"),
        ({"word": "R+[Li@tl]3 R."}, "a tetrahedral site"),
        ({"word": "R+[Li;h=2.5] R+ R."}, "a height of its own"),
        ({"columns": 3}, "rows of 3 columns"),
        ({"columns": 13, "closed": True, "jumps": []}, "an even one where rows close"),
        ({"beam_periods": 0}, "beam periods are 0"),
        ({"columns": 40_000}, "expected at most 200000"),
        ({"vacuum_A": -1.0}, "vacuum is -1.0 Å"),
        ({"vacuum_A": 1e9}, "expected a length from 0 to 10000"),
        ({"lateral_vacuum_A": float("nan")}, "lateral vacuum is nan Å"),
        ({"inclination_deg": "steep"}, "inclination is 'steep' degrees"),
        ({"inclination_deg": float("nan"), "beam_periods": 4}, "inclination is nan degrees"),
        ({"columns": 16.0}, "rows of 16.0 columns; expected a whole number"),
        ({"columns": True}, "rows of True columns"),
        ({"jumps": None}, "jumps are None; expected a list of Jump"),
        ({"jumps": Jump(1, 7, 1)}, "expected a list of Jump"),
        ({"jumps": [(1, 7, 1)]}, "expected a list of Jump"),
        ({"inclination_deg": 20.0}, "expected several beam_periods"),
        ({"inclination_deg": 80.0, "beam_periods": 3}, "inclination is 80.0 degrees"),
        ({"inclination_deg": 60.0, "beam_periods": 9}, "reaches from column"),
        ({"jumps": [Jump(9, 7, 1)]}, "wall in slab 9; expected a slab from 0 to 3"),
        ({"jumps": [Jump(1, 15, 1)]}, "reaches from column 15 to 16"),
        ({"jumps": [Jump(1, 3, 1, 4), Jump(1, 5, 1)]}, "overlap"),
        ({"jumps": [Jump(1, 3, 1, missing_columns=1)]}, "a row with free ends"),
        ({"lattice": "NiO"}, "is rock salt"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    settings = {"word": "R+3 R.", "jumps": [Jump(1, 7, 1)], "columns": 16, "lattice": TABLE}
    settings |= changes
    with pytest.raises(StructureError, match=message):
        build_lateral(settings.pop("word"), **settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.5, 1, 1), "wall in slab 1.5; expected a slab"),
        (("top", 1, 1), "wall in slab 'top'"),
        ((-1, 1, 1), "wall in slab -1"),
        ((0, 1, 3), "3 thirds"),
        ((0, 1, True), "True thirds"),
        ((0, 1, [1]), r"\[1\] thirds"),
        ((0, "1", 1), "column '1'"),
        ((0, 1, 1, 0), "0 columns wide"),
        ((0, 1, 1, 1.5), "1.5 columns wide"),
        ((0, -1.0, 1), "column -1.0"),
        ((0, float("nan"), 1), "column nan"),
        ((0, 1, 1, 1, 3), "misses 3 columns"),
    ],
)
def test_wrong_walls_are_named(arguments, message):
    with pytest.raises(StructureError, match=message):
        Jump(*arguments)


def test_numbers_of_numpy_are_numbers():
    wall = Jump(np.int64(1), np.float32(7), np.int8(1), np.int32(3))
    arguments = {"columns": np.int64(16), "beam_periods": np.int16(2), "vacuum_A": np.float32(12)}
    here = build_lateral("R+2 R.", jumps=[wall], lattice=TABLE, **arguments)
    plain = {"columns": 16, "beam_periods": 2, "vacuum_A": 12.0}
    there = build_lateral("R+2 R.", jumps=[Jump(1, 7.0, 1, 3)], lattice=TABLE, **plain)
    assert np.allclose(here.cart_coords, there.cart_coords)


def test_a_row_with_free_ends_says_which_columns_it_lacks():
    """Two abrupt ends in one row cost a column, also where the row ends in vacuum."""
    lens = [Jump(3, 5, 2), Jump(3, 12, 1)]
    model = lateral_model("R+6 R.", jumps=lens, columns=20, lattice=TABLE)
    assert model.left == model.right
    assert model.missing_columns == {3: 1}
    metals = model.atoms.slab[model.atoms.role == "M"]
    assert np.bincount(metals).tolist() == [20, 20, 20, 19, 20, 20, 20]
    balanced = [Jump(3, 5, -1, 4), Jump(3, 12, 1)]
    assert lateral_model("R+6 R.", jumps=balanced, columns=20).missing_columns == {}
    stated = [Jump(4, 5, 2, missing_columns=1), Jump(4, 12, 1)]
    closed = lateral_model("|R+9|", jumps=stated, columns=20, closed=True)
    assert closed.missing_columns == {4: 1}


def test_contacts_of_nothing_and_cutoffs_of_nothing():
    from pymatgen.core import Lattice as Cell
    from pymatgen.core import Structure

    empty = Structure(Cell.cubic(4.0), [], [])
    assert min_contacts_A(empty) == {}
    assert coordination(empty) == {}
    for cutoff in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(StructureError, match=r"cutoff is .* expected a finite length"):
            min_contacts_A(empty, cutoff_A=cutoff)
