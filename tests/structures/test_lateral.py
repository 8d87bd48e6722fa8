"""Lateral walls as atoms: the published tables, the algebra read back from atoms, the laws."""

import doctest
import re
from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.stacking import JUMPS, OneRowWall, Word, inclusion_jumps, one_row_walls, word_after
from stackmotif.structures import (
    Jump,
    Lattice,
    build,
    build_lateral,
    coordination,
    lateral_model,
    min_contacts_A,
    site_roles,
)

A, H_SLAB, H = 2.870, 2.080, 4.73
D = A * np.sqrt(3) / 2
TABLE = Lattice("table", 0.0, A, H_SLAB, {"3": H - H_SLAB, "1": 2.2}, {"Ni": 1.0})
ROUNDED = 6e-4
STATE = {1: "+", 0: "0", -1: "-"}


def rows_of(structure):
    """Metal rows, lowest first: (height, sorted x, beam coordinate in that order)."""
    positions = structure.cart_coords[site_roles(structure) == "M"]
    heights = np.round(positions[:, 2] / H).astype(int)
    rows = []
    for level in np.unique(heights):
        row = positions[heights == level]
        row = row[np.argsort(row[:, 1])]
        rows.append((float(row[:, 2].mean()), row[:, 1], row[:, 0]))
    return rows


def walls_of(x, *, period=None):
    """Walls of one row from its spacings alone: (3 J, width in columns, gap number) each."""
    spacing = np.diff(x, append=x[0] + period) if period else np.diff(x)
    odd = np.abs(spacing / D - 1) > 0.01
    walls, k = [], 0
    while k < len(odd):
        if not odd[k]:
            k += 1
            continue
        stop = k
        while stop < len(odd) and odd[stop]:
            stop += 1
        walls.append((round(3 * float((spacing[k:stop] / D - 1).sum())), stop - k, k))
        k = stop
    return walls


def states_at(rows, end):
    """State of every gap at the left (0) or right (-1) end of the rows, upwards."""
    steps = [(upper[1][end] - lower[1][end]) / D for lower, upper in pairwise(rows)]
    return "".join(STATE[round(3 * (s - round(s)))] for s in steps)


def one_row(left, jump, *, width=1, columns=20, **settings):
    """One jumping row in O3 +: three slabs below it and three above; states (above, below)."""
    word = f"R+2 R{left[1]} R{left[0]} R+2 R."
    return lateral_model(
        word, jumps=[Jump(3, 7, jump, width)], columns=columns, lattice=TABLE, **settings
    )


# --- tables -----------------------------------------------------------------------------------


def one_slab(thirds, width, columns=26):
    wall = Jump(0, 8, thirds, width)
    return lateral_model("R.", jumps=[wall], columns=columns, lattice=TABLE).structure()


@pytest.mark.parametrize(
    ("thirds", "width", "metal_metal", "metal_oxygen", "oxygen_oxygen", "odd_coordination"),
    [
        (1, 1, 2.870, 1.956, 2.659, {5: 2}),
        (2, 1, 2.870, 1.956, 2.659, {5: 2}),
        (-1, 1, 1.657, 1.956, 1.657, {7: 2}),
        (-2, 1, 1.657, 1.040, 1.657, {7: 2}),
        (1, 2, 2.870, 1.856, 2.587, {}),
        (1, 4, 2.870, 1.902, None, {}),
        (1, 6, 2.870, 1.919, None, {}),
        (1, 10, 2.870, 1.934, 2.643, {}),
        (-1, 2, 2.192, 1.729, 2.192, {}),
        (-1, 4, 2.520, 1.841, None, {}),
        (-1, 6, 2.634, 1.879, None, {}),
        (-1, 10, 2.728, 1.910, 2.625, {}),
    ],
)
def test_contacts_in_the_slab_that_carries_the_wall(
    thirds, width, metal_metal, metal_oxygen, oxygen_oxygen, odd_coordination
):
    structure = one_slab(thirds, width)
    contacts = min_contacts_A(structure)
    assert contacts["M-M"] == pytest.approx(metal_metal, abs=ROUNDED)
    assert contacts["M-O"] == pytest.approx(metal_oxygen, abs=ROUNDED)
    if oxygen_oxygen is not None:
        assert contacts["O-O"] == pytest.approx(oxygen_oxygen, abs=ROUNDED)
    metals = coordination(structure)["M"]
    assert {n: count for n, count in metals.items() if n != 6} == odd_coordination


def test_bulk_contacts():
    model = lateral_model("|R+3|", jumps=[], columns=4, lattice=TABLE, closed=True)
    contacts = min_contacts_A(model.structure())
    assert [contacts[k] for k in ("M-M", "M-O", "O-O")] == pytest.approx(
        [2.870, 1.956, 2.659], abs=1e-3
    )
    assert coordination(model.structure()) == {"M": {6: 12}}


@pytest.mark.parametrize(("thirds", "across"), [(1, 3.314), (2, 4.384)])
def test_distance_of_the_metals_on_both_sides_of_an_abrupt_wall(thirds, across):
    ((_, x, beam),) = rows_of(one_slab(thirds, 1))
    k = int(np.argmax(np.diff(x)))
    step = beam[k + 1] - beam[k]
    assert np.hypot(x[k + 1] - x[k], step - A * round(step / A)) == pytest.approx(
        across, abs=ROUNDED
    )


@pytest.mark.parametrize(("thirds", "missing"), [(1, 5), (2, 5), (-1, 7)])
def test_the_two_columns_beside_an_abrupt_wall_have_another_coordination(thirds, missing):
    structure = one_slab(thirds, 1)
    metal = np.flatnonzero(site_roles(structure) == "M")
    x = structure.cart_coords[metal, 1]
    inner = metal[(x > x.min() + 4) & (x < x.max() - 4)]
    count = {
        int(i): sum(n.specie.symbol == "O" for n in structure.get_neighbors(structure[i], 2.2))
        for i in inner
    }
    beside = np.argsort(x)[8:10]
    odd = {i for i, n in count.items() if n != 6}
    assert odd == set(metal[beside].tolist())
    assert {count[i] for i in odd} == {missing}


@pytest.mark.parametrize(
    ("left", "right", "thirds", "width", "spacing"),
    [
        ("0", "+", 1, 1, 3.314),
        ("+", "-", 1, 1, 3.314),
        ("+", "0", -1, 1, 1.657),
        ("+", "-", -2, 1, 0.828),
        ("-", "+", 2, 1, 4.142),
        ("0", "+", 1, 4, 2.693),
        ("0", "+", 1, 6, 2.624),
        ("+", "-", 1, 4, 2.693),
    ],
)
def test_two_rows_with_the_wall_in_the_top_row(left, right, thirds, width, spacing):
    model = lateral_model(
        f"R{left} R.", jumps=[Jump(1, 7, thirds, width)], columns=18, lattice=TABLE
    )
    rows = rows_of(model.structure())
    (bottom, top) = (row[1] for row in rows)
    assert states_at(rows, 0) == left
    assert states_at(rows, -1) == right
    assert walls_of(bottom) == []
    assert walls_of(top) == [(thirds, width, 7)]
    assert np.diff(top)[7 : 7 + width] == pytest.approx(np.full(width, spacing), abs=ROUNDED)
    assert np.diff(top)[:7] == pytest.approx(np.full(7, D), abs=1e-9)
    assert rows[1][0] - rows[0][0] == pytest.approx(H, abs=1e-9)


def test_asu_is_a_trapezoid():
    model = lateral_model("R0 R.", jumps=[Jump(1, 7, 1)], columns=18, lattice=TABLE)
    (z0, bottom, _), (z1, top, _) = rows_of(model.structure())
    corners = np.array([[bottom[7], z0], [bottom[8], z0], [top[8], z1], [top[7], z1]])
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*edges.T)
    assert lengths[0] == pytest.approx(2.4855, abs=ROUNDED)
    assert lengths[2] == pytest.approx(3.314, abs=ROUNDED)
    assert edges[3, 0] == pytest.approx(0.0, abs=1e-9)
    assert edges[1, 0] == pytest.approx(D / 3, abs=1e-9)


def test_tsu_is_an_isosceles_triangle_over_one_column():
    model = lateral_model("R+ R.", jumps=[Jump(1, 7, 1)], columns=18, lattice=TABLE)
    (z0, bottom, _), (z1, top, _) = rows_of(model.structure())
    left, right = top[7], top[8]
    apex = bottom[np.argmin(np.abs(bottom - (left + right) / 2))]
    legs = np.hypot([apex - left, right - apex], z1 - z0)
    assert right - left == pytest.approx(3.314, abs=ROUNDED)
    assert legs == pytest.approx([5.012, 5.012], abs=ROUNDED)
    assert (apex - left) / D == pytest.approx(2 / 3, abs=1e-9)
    angle = 2 * np.degrees(np.arctan((right - left) / 2 / (z1 - z0)))
    assert angle == pytest.approx(38.6, abs=0.05)


# --- the algebra, read back from atoms ------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "jump", "width"),
    [
        (above + below, jump, width)
        for above, below, jump, width in product("+0-", "+0-", JUMPS, (1, 3, 5))
    ],
)
def test_every_one_row_wall_reads_back(left, jump, width):
    rows = rows_of(one_row(left, jump, width=width).structure())
    wall = OneRowWall(left, jump)
    assert states_at(rows, 0) == "++" + left[::-1] + "++"
    assert states_at(rows, -1) == "++" + wall.right[::-1] + "++"
    assert [walls_of(row[1]) for k, row in enumerate(rows) if k != 3] == [[]] * 6
    assert walls_of(rows[3][1]) == [(jump, width, 7)]


@pytest.mark.parametrize("jump", JUMPS)
def test_odd_jumps_flip_the_beam_parity_and_even_ones_do_not(jump):
    (_, x, beam) = rows_of(one_row("++", jump).structure())[3]
    parity = np.round(2 * beam / A).astype(int) % 2
    expected = (parity[0] + np.arange(len(x)) + (np.arange(len(x)) > 7) * (jump % 2)) % 2
    assert parity.tolist() == expected.tolist()


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("width", [1, 4])
def test_a_turned_model_is_the_model_of_the_turned_wall(jump, width):
    for wall in one_row_walls(jump):
        here = _cloud(one_row(wall.left, jump, width=width, columns=16).atoms)
        there = _cloud(one_row(wall.turned().left, jump, width=width, columns=16).atoms)
        middle = here[:, 1].mean()
        turned = here * (1, -1, -1)
        mirrored = turned * (-1, 1, 1)
        assert any(_same_inside(image, there, A) for image in (turned, mirrored)), (wall, middle)


def _cloud(atoms):
    """Positions (beam, x, z, role) about the centre of the wall's two columns or ramp."""
    row = (atoms.slab == 3) & (atoms.role == "M")
    x = np.sort(atoms.positions_A[row, 1])
    odd = np.abs(np.diff(x) / D - 1) > 0.01
    start, stop = np.flatnonzero(odd)[[0, -1]]
    centre = (x[start] + x[stop + 1]) / 2, atoms.positions_A[row, 2].mean()
    return atoms.positions_A - (0, *centre)


def _same_inside(a, b, period, *, reach=9.0):
    """Whether two sets agree within ``reach`` of the wall, up to a translation along the beam."""
    a, b = a[np.abs(a[:, 1]) < reach + 3], b[np.abs(b[:, 1]) < reach]

    def agrees(shift):
        moved = a + np.array([shift, 0, 0])
        along = b[:, None, 0] - moved[None, :, 0]
        along -= period * np.round(along / period)
        across = b[:, None, 1:] - moved[None, :, 1:]
        return (np.sqrt(along**2 + (across**2).sum(-1)).min(axis=1) < 1e-6).all()

    near = a[np.argmin(np.hypot(*(a[:, 1:] - b[0, 1:]).T))]
    same_place = np.hypot(*(a[:, 1:] - near[1:]).T) < 1e-3
    return any(agrees(b[0, 0] - start) for start in a[same_place, 0])


def test_without_walls_it_is_the_crystal_of_the_word():
    import moyopy
    from moyopy.interface import MoyoAdapter

    for text, number in [("|R+3|", 166), ("|R0|", 164), ("|R- L+|", 186)]:
        ours = build_lateral(text, jumps=[], columns=4, lattice=TABLE, closed=True)
        flat = Lattice("flat", 0.0, A, H_SLAB, {"3": H - H_SLAB}, {"Ni": 1.0})
        other = build(text, lattice=flat)
        assert ours.volume / len(ours) == pytest.approx(other.volume / len(other))
        assert min_contacts_A(ours) == pytest.approx(min_contacts_A(other))
        for structure in (ours, other):
            dataset = moyopy.MoyoDataset(MoyoAdapter.from_structure(structure), symprec=1e-3)
            assert dataset.number == number


def test_the_image_axes_are_those_of_every_other_crystal():
    from stackmotif.structures.orientation import orient

    def projected(structure):
        cell = orient(structure)
        metal = cell.symbols == "Ni"
        order = np.argsort(-cell.positions_A[metal, 1])
        x, y = cell.positions_A[metal][order, :2].T
        lowest = y > y.max() - 1
        next_row = (y < y.max() - 1) & (y > y.max() - H - 1)
        return round(3 * float((x[next_row][0] - x[lowest][0]) / D)) % 3

    assert projected(build("R+ R.", lattice=TABLE)) == 1
    assert projected(build_lateral("R+ R.", jumps=[], columns=8, lattice=TABLE)) == 1


# --- closed rows ------------------------------------------------------------------------------


def lens(states, *, width=4, left_abrupt=False, columns=20):
    """A lens whose rows all start with the tensile jump and end with its opposite."""
    jumps = []
    for k, thirds in enumerate(inclusion_jumps(states), start=4):
        if thirds == 0:
            continue
        jumps.append(Jump(k, 4, thirds, 1 if left_abrupt else width))
        jumps.append(Jump(k, 11, -thirds, width))
    return lateral_model("|R+9|", jumps=jumps, columns=columns, lattice=TABLE, closed=True)


@pytest.mark.parametrize("states", ["000", "---", "0-", "-0", "0-000"])
def test_a_closed_lens_has_the_matrix_at_both_ends_and_its_states_inside(states):
    model = lens(states)
    assert model.left == model.right == Word.parse("|R+9|")
    rows = rows_of(model.structure())
    middle = [row[1][np.searchsorted(row[1], 9.6 * D)] for row in rows]
    steps = np.diff(middle) / D
    found = "".join(STATE[round(3 * (s - round(s)))] for s in steps)
    assert found == "+++" + states + "+" * (5 - len(states))
    for k, row in enumerate(rows):
        sizes = [wall[0] for wall in walls_of(row[1], period=20 * D)]
        assert sum(sizes) == 0
        assert len(sizes) == 2 * (k - 4 in {i for i, j in enumerate(inclusion_jumps(states)) if j})


def test_two_abrupt_ends_cost_a_column():
    jumps = [
        Jump(4, 5, 2, missing_columns=1),
        Jump(4, 12, 1),
        Jump(5, 5, 1, missing_columns=1),
        Jump(5, 12, 2),
    ]
    model = lateral_model("|R+9|", jumps=jumps, columns=20, lattice=TABLE, closed=True)
    counts = Counter(model.atoms.slab.tolist())
    assert {k: n // 3 for k, n in counts.items()} == {
        k: 19 if k in (4, 5) else 20 for k in range(9)
    }
    for k, (_, x, _) in enumerate(rows_of(model.structure())):
        spacing = np.diff(x, append=x[0] + 20 * D)
        assert spacing.sum() == pytest.approx(20 * D)
        assert len(walls_of(x, period=20 * D)) == (2 if k in (4, 5) else 0)
    assert coordination(model.structure())["M"] == {5: 8, 6: 170}
    assert min_contacts_A(model.structure())["M-M"] == pytest.approx(A, abs=ROUNDED)


def test_a_row_that_does_not_close_is_refused_with_its_number_and_sum():
    for jumps, text in [
        ([Jump(2, 5, 1)], r"row 2: its jumps add up to \+1/3"),
        ([Jump(2, 5, 1), Jump(2, 12, 2)], r"row 2: its jumps add up to \+3/3 pitch and 0 columns"),
        ([Jump(1, 5, 1, 4, 1), Jump(1, 12, -1, 4)], r"\+0/3 pitch and 1 columns are missing"),
    ]:
        with pytest.raises(StructureError, match=text):
            build_lateral("|R+3|", jumps=jumps, columns=20, lattice=TABLE, closed=True)


def test_free_ends_are_flush_and_no_atom_is_lost_in_a_wall():
    for jump in JUMPS:
        model = one_row("++", jump)
        assert set(Counter(zip(model.atoms.slab, model.atoms.column, strict=True)).values()) == {3}
        ends = np.array([row[1][[0, -1]] for row in rows_of(model.structure())])
        assert np.ptp(ends, axis=0).max() < 0.7 * D


def test_right_word_is_the_one_that_the_law_gives():
    model = one_row("+0", 1)
    assert model.right == word_after(model.left, {3: 1})
    assert model.right.metal_text == "+++0++"


def test_the_page_on_walls_says_what_the_code_does(repository):
    page = repository / "docs" / "walls.md"
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


def test_the_table_of_the_page_is_measured(repository):
    text = (repository / "docs" / "walls.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| C, ([+−][12])/3, n = (\d+)[^|]*\|([^|]+)\|([^|]+)\|([^|]+)\|", text, re.M
    )
    assert len(rows) == 14
    for thirds, width, *distances in rows:
        contacts = min_contacts_A(one_slab(int(thirds.replace("−", "-")), int(width)))
        found = [contacts[pair] for pair in ("M-M", "M-O", "O-O")]
        assert found == pytest.approx([float(d) for d in distances], abs=ROUNDED)
