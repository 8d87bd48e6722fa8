"""Tessellations, orientations, cut crystals, the rule for conflicts, and embedded domains."""

import math

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.structures import (
    Region,
    build,
    build_rocksalt,
    embed_domain,
    get_lattice,
    min_contacts_A,
)
from stackmotif.structures.grains.filling import (
    GRAIN_LIMITS_A,
    Crystal,
    draw_species,
    drop_later,
    fill_box,
)
from stackmotif.structures.grains.tessellation import (
    Tessellation,
    checked_zones,
    tessellate,
    turned_grain,
    zone_family,
)

BOX = np.array([[0.0, 0.0, 0.0], [60.0, 50.0, 40.0]])
HOST = "LiNiO2:0.5"


def points_in(box, n=20_000, rng=0):
    return np.random.default_rng(rng).uniform(box[0], box[1], (n, 3))


@pytest.mark.parametrize("spread", [0.0, 0.4])
@pytest.mark.parametrize("n_rng", [0, 7])
def test_cells_are_those_of_the_nearest_power(spread, n_rng):
    tiles = tessellate(BOX, grain_size_A=15, grain_spread=spread, rng=n_rng)
    points = points_in(BOX)
    power = ((points[:, None] - tiles.seeds_A) ** 2).sum(axis=2) - tiles.radii_A**2
    np.testing.assert_array_equal(tiles.assign(points), power.argmin(axis=1))


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_boxes_hold_their_cells_and_touch_them(spread):
    tiles = tessellate(BOX, grain_size_A=15, grain_spread=spread, rng=3)
    points = points_in(BOX, n=200_000)
    owner, boxes = tiles.assign(points), tiles.cell_boxes()
    assert np.all(points >= boxes[owner, 0] - 1e-9)
    assert np.all(points <= boxes[owner, 1] + 1e-9)
    for k in range(len(tiles)):
        mine = points[owner == k]
        slack = np.concatenate([mine.min(axis=0) - boxes[k, 0], boxes[k, 1] - mine.max(axis=0)])
        assert slack.max() < 6.0


def test_one_grain_takes_the_whole_box():
    tiles = tessellate(BOX, grain_size_A=500, rng=0)
    assert len(tiles) == 1
    np.testing.assert_allclose(tiles.cell_boxes()[0], BOX)


def test_a_swallowed_grain_has_no_box():
    seeds = np.array([[30.0, 25.0, 20.0], [31.0, 25.0, 20.0], [5.0, 5.0, 5.0]])
    boxes = Tessellation(seeds, np.array([20.0, 2.0, 10.0]), BOX).cell_boxes()
    assert np.isnan(boxes[1]).all()
    assert np.isfinite(boxes[[0, 2]]).all()


@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_grains_have_the_size_and_spread_asked_for(spread):
    box = np.array([[0.0] * 3, [240.0] * 3])
    tiles = tessellate(box, grain_size_A=30, grain_spread=spread, rng=1)
    shares = np.bincount(tiles.assign(points_in(box, n=400_000)), minlength=len(tiles)) / 400_000
    diameters = np.cbrt(6 / np.pi * shares * 240.0**3)
    assert diameters.mean() == pytest.approx(30, rel=0.05)
    assert diameters.std() / diameters.mean() == pytest.approx(spread, abs=0.05)


def test_seeds_stay_in_the_region_and_repeat():
    def upper(points):
        return points[:, 2] > 25

    one = tessellate(BOX, grain_size_A=12, region=upper, rng=5)
    again = tessellate(BOX, grain_size_A=12, region=upper, rng=np.random.default_rng(5))
    assert (one.seeds_A[:, 2] > 25).all()
    np.testing.assert_array_equal(one.seeds_A, again.seeds_A)
    assert np.all(np.diff(one.radii_A) <= 0)
    assert not np.array_equal(
        one.seeds_A[0], tessellate(BOX, grain_size_A=12, region=upper, rng=6).seeds_A[0]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grain_size_A": 2}, "grain size is 2 Å; expected at least 5"),
        ({"grain_size_A": math.inf}, "grain size is inf"),
        ({"grain_size_A": 20, "grain_spread": 2}, "grain spread is 2"),
        ({"grain_size_A": 20, "region": lambda p: p[:, 0] < -1}, "region of the grains is empty"),
    ],
)
def test_tessellation_refusals(arguments, message):
    with pytest.raises(StructureError, match=message):
        tessellate(BOX, **arguments)


def test_too_many_grains_are_refused():
    with pytest.raises(StructureError, match="expected at most 20000"):
        tessellate(np.array([[0.0] * 3, [1000.0] * 3]), grain_size_A=5)


def cubic_axes(sense):
    """Unit <100> directions of rock salt in the model's frame, from the oxygens around a metal."""
    structure = build_rocksalt(sense=sense)
    metal = next(site for site in structure if site.specie.symbol == "Ni")
    vectors = [n.coords - metal.coords for n in structure.get_neighbors(metal, 2.2)]
    kept = [v for v in vectors if v[2] > 0]
    return np.array(kept) / np.linalg.norm(kept[0])


@pytest.mark.parametrize("sense", ["+", "-"])
@pytest.mark.parametrize("zone", ["110", "100", "112", "111", "310"])
def test_the_zone_lies_along_the_beam(zone, sense):
    generator = np.random.default_rng(4)
    for _ in range(5):
        grain = turned_grain(generator, zones={zone: 1.0}, senses=(sense,), max_rotation_deg=40)
        np.testing.assert_allclose(grain.rotation @ grain.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(grain.rotation) == pytest.approx(1)
        # The grain starts in the sense "+" crystal; a sense is part of its rotation.
        directions = zone_family(zone) @ cubic_axes("+") @ grain.rotation.T
        directions /= np.linalg.norm(directions, axis=1)[:, None]
        assert directions[:, 0].max() == pytest.approx(1, abs=1e-9)


def test_untilted_grains_in_zone_turn_about_the_beam_alone():
    generator = np.random.default_rng(0)
    grain = turned_grain(generator, zones={"110": 1.0}, max_rotation_deg=25)
    angle = math.radians(grain.rotation_deg)
    expected = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    np.testing.assert_allclose(grain.rotation[1:, 1:], expected, atol=1e-12)
    still = turned_grain(generator, zones={"110": 1.0}, max_rotation_deg=0)
    np.testing.assert_allclose(still.rotation, np.eye(3), atol=1e-12)


def test_the_other_sense_is_the_other_crystal():
    grain = turned_grain(
        np.random.default_rng(0), zones={"110": 1.0}, senses=("-",), max_rotation_deg=0
    )
    turned = cubic_axes("+") @ grain.rotation.T
    agreement = np.abs(turned @ cubic_axes("-").T).max(axis=1)
    np.testing.assert_allclose(agreement, 1, atol=1e-6)


def test_tilts_lead_off_the_beam_by_at_most_the_angle():
    generator = np.random.default_rng(1)
    tilts = []
    for _ in range(40):
        grain = turned_grain(generator, zones={"110": 1.0}, max_rotation_deg=0, max_tilt_deg=12)
        off = math.degrees(math.acos(min(1.0, grain.rotation[0, 0])))
        assert off == pytest.approx(grain.tilt_deg, abs=1e-6)
        tilts.append(off)
    assert max(tilts) <= 12
    assert max(tilts) > 8


def test_zones_are_drawn_by_weight():
    generator = np.random.default_rng(2)
    zones = checked_zones({"110": 3.0, "100": 1.0})
    drawn = [turned_grain(generator, zones=zones).zone for _ in range(400)]
    assert drawn.count("110") / 400 == pytest.approx(0.75, abs=0.06)


@pytest.mark.parametrize(
    ("zones", "message"),
    [
        ("110", "expected several"),
        ((), "expected several"),
        (("11",), "expected three digits"),
        (("000",), "expected three digits"),
        ({"110": 0.0}, "weight of zone 110 is 0.0"),
    ],
)
def test_zone_refusals(zones, message):
    with pytest.raises(StructureError, match=message):
        checked_zones(zones)


def test_filled_boxes_agree_with_a_supercell():
    structure = build_rocksalt()
    crystal = Crystal.from_structure(structure)
    box = np.array([[0.0] * 3, [11.0, 13.0, 17.0]])
    piece = fill_box(crystal, box_A=box, rotation=np.eye(3), origin_A=np.zeros(3))
    big = structure * (14, 14, 6)
    coordinates = big.cart_coords - 7 * structure.lattice.matrix[:2].sum(axis=0)
    coordinates = coordinates - 2 * structure.lattice.matrix[2]
    inside = np.all((coordinates + 1e-6 >= box[0]) & (coordinates + 1e-6 < box[1]), axis=1)
    expected = coordinates[inside]
    assert len(piece.positions_A) == len(expected)
    order = np.lexsort(np.round(expected, 4).T)
    mine = np.lexsort(np.round(piece.positions_A, 4).T)
    np.testing.assert_allclose(piece.positions_A[mine], expected[order], atol=1e-6)


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 35, 70), (90, 0, 45)])
def test_density_does_not_depend_on_the_turn(angles):
    from scipy.spatial.transform import Rotation

    crystal = Crystal.from_structure(build_rocksalt())
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    box = np.array([[-5.0, 3.0, 0.0], [40.0, 48.0, 45.0]])
    piece = fill_box(crystal, box_A=box, rotation=rotation, origin_A=np.array([100.0, -50, 20]))
    assert len(piece.site) * 4.17**3 / 8 == pytest.approx(45.0**3, rel=0.02)


def test_boxes_that_are_too_large_are_refused():
    crystal = Crystal.from_structure(build_rocksalt())
    with pytest.raises(StructureError, match="takes more than 5000000 atoms"):
        fill_box(
            crystal,
            box_A=np.array([[0.0] * 3, [400.0] * 3]),
            rotation=np.eye(3),
            origin_A=np.zeros(3),
        )


def test_partly_filled_sites_are_drawn_with_their_shares():
    structure = build("|R+[Li:0.3]|", lattice=HOST, host={"Ni": 0.8, "Co": 0.2})
    crystal = Crystal.from_structure(structure)
    box = np.array([[0.0] * 3, [50.0] * 3])
    piece = fill_box(crystal, box_A=box, rotation=np.eye(3), origin_A=np.zeros(3))
    numbers = draw_species(crystal, piece, np.random.default_rng(0))
    kinds = [max(shares)[0] for shares in crystal.species]
    lithium = numbers[np.isin(piece.site, [k for k, kind in enumerate(kinds) if kind == 3])]
    metal = numbers[np.isin(piece.site, [k for k, kind in enumerate(kinds) if kind in (27, 28)])]
    assert set(np.unique(lithium)) == {0, 3}
    assert (lithium == 3).mean() == pytest.approx(0.3, abs=0.02)
    assert set(np.unique(metal)) == {27, 28}
    assert (metal == 28).mean() == pytest.approx(0.8, abs=0.02)


def greedy(numbers, positions, grain_of, period=0.0):
    """The rule, written out atom by atom."""
    keep = np.ones(len(numbers), dtype=bool)
    limits = {0: 2.4, 1: 1.7, 2: 2.2}
    for j in np.argsort(grain_of, kind="stable"):
        for i in range(len(numbers)):
            if grain_of[i] >= grain_of[j] or not keep[i]:
                continue
            step = positions[i] - positions[j]
            if period:
                step[0] -= round(step[0] / period) * period
            if np.linalg.norm(step) < limits[int(numbers[i] == 8) + int(numbers[j] == 8)]:
                keep[j] = False
    return keep


@pytest.mark.parametrize("period", [0.0, 9.0])
@pytest.mark.parametrize("rng", [0, 1, 2])
def test_the_rule_against_its_definition(rng, period):
    generator = np.random.default_rng(rng)
    positions = generator.uniform(0, 9, (120, 3))
    numbers = generator.choice([8, 28, 3], 120).astype(np.uint8)
    grain_of = generator.integers(0, 4, 120).astype(np.int32)
    keep, conflicts = drop_later(numbers, positions, grain_of, period_x_A=period)
    expected = greedy(numbers, positions, grain_of, period)
    np.testing.assert_array_equal(keep, expected)
    assert conflicts.n_dropped == (~expected).sum() > 0
    assert conflicts.pairs.keys() == GRAIN_LIMITS_A.keys()


def test_an_atom_beside_one_that_is_left_out_stays():
    """Three in a row: the middle one goes for the first, so that the third has nothing to mind."""
    positions = np.array([[0.0, 0, 0], [2.0, 0, 0], [4.0, 0, 0]])
    numbers = np.full(3, 28, dtype=np.uint8)
    keep, conflicts = drop_later(numbers, positions, np.arange(3, dtype=np.int32))
    assert keep.tolist() == [True, False, True]
    assert conflicts.pairs == {"cation-cation": 2, "anion-anion": 0, "cation-anion": 0}
    assert conflicts.dropped == {"Ni": 1}


def test_atoms_of_one_grain_are_never_compared():
    positions = np.array([[0.0, 0, 0], [1.0, 0, 0]])
    keep, _ = drop_later(np.full(2, 28, dtype=np.uint8), positions, np.zeros(2, dtype=np.int32))
    assert keep.all()


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"M-M": 2.0}, "limits for M-M"), ({"anion-anion": 9.0}, "limit of anion-anion is 9.0 Å")],
)
def test_limit_refusals(limits, message):
    with pytest.raises(StructureError, match=message):
        drop_later(
            np.full(2, 28, dtype=np.uint8),
            np.zeros((2, 3)),
            np.zeros(2, dtype=np.int32),
            limits_A=limits,
        )


def test_a_domain_of_the_host_itself_changes_nothing():
    region = Region(15, 12, "rectangle")
    model = embed_domain("|R+|", domain_lattice=HOST, lattice=HOST, region=region)
    bare = embed_domain("|R+|", domain_lattice=HOST, lattice=HOST, region=Region(1e-3, 1e-3))
    assert bare.grains[1].n_atoms <= 1
    assert model.conflicts.n_dropped == 0
    assert len(model) == len(bare)
    one, two = (np.round(m.positions_A, 4) for m in (model, bare))
    np.testing.assert_allclose(one[np.lexsort(one.T)], two[np.lexsort(two.T)], atol=2e-4)
    assert min_contacts_A(model.to_structure())["M-M"] == pytest.approx(get_lattice(HOST).a_A)


@pytest.mark.parametrize("rotation", [0.0, 2.5, -4.0])
def test_the_domain_keeps_its_own_lattice_and_angle(rotation):
    model = embed_domain("|R0|", rotation_deg=rotation, region=Region(18, 16))
    domain = get_lattice("O1-NiO2")
    metals = model.positions_A[(model.grain_of == 1) & (model.numbers == 28)][:, 1:]
    steps = (metals[:, None] - metals).reshape(-1, 2)
    angle = math.radians(rotation)
    row = domain.column_pitch_A * np.array([math.cos(angle), math.sin(angle)])
    up = domain.row_spacing_A("1") * np.array([-math.sin(angle), math.cos(angle)])
    for expected in (row, up):
        assert (np.linalg.norm(steps - expected, axis=1) < 1e-6).sum() > len(metals) / 2


def test_the_domain_lies_where_it_is_put():
    region = Region(14, 9, "rectangle", right_A=6, up_A=-5)
    model = embed_domain("|L-|", domain_lattice=HOST, region=region)
    points = model.positions_A[:, 1:]
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    domain = points[model.grain_of == 1] - centre
    np.testing.assert_allclose(domain.mean(axis=0), [6, -5], atol=1.5)
    np.testing.assert_allclose(np.ptp(domain, axis=0), [28, 18], atol=3)


@pytest.mark.parametrize(
    ("shape", "angle", "inside"),
    [
        ("rectangle", 0, [True, True, False]),
        ("ellipse", 0, [True, False, False]),
        ("rectangle", 90, [False, False, True]),
    ],
)
def test_outlines(shape, angle, inside):
    points = np.array([[7.0, 9.5, 0.0], [0.0, 9.0, 3.5], [0.0, 0.0, 9.0]])
    assert Region(10, 4, shape, angle_deg=angle).contains(points).tolist() == inside


@pytest.mark.parametrize("rotation", [0.0, 3.0, 5.0])
def test_contacts_at_the_rim_keep_the_limits(rotation):
    model = embed_domain("|R0|", rotation_deg=rotation)
    contacts = min_contacts_A(model.to_structure())
    assert contacts["M-M"] >= 2.4
    assert contacts["O-O"] >= 2.2
    assert contacts["M-O"] >= 1.7
    assert model.periodic == (True, False, False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: embed_domain("R0 R."), "domain is R0 R.; expected a periodic word"),
        (lambda: embed_domain(host="|R+|"), "host is"),
        (lambda: embed_domain(width_A=-1), "width is"),
        (lambda: embed_domain(vacuum_A=1), "vacuum is 1 Å"),
        (lambda: Region(0, 5), "half width is"),
        (lambda: Region("9", 5), "half width is '9' Å"),
        (lambda: Region(5, 5, angle_deg=math.nan), "turn of the region is nan"),
        (lambda: embed_domain(rotation_deg="3"), "turn of the domain is '3'"),
        (lambda: embed_domain(rotation_deg=math.inf), "turn of the domain is inf"),
        (lambda: embed_domain(region=Region(5, 5, right_A=99)), "centred 99 Å to the right"),
        (lambda: embed_domain(region=Region(5, 5, up_A=math.nan)), "and nan Å up"),
        (lambda: embed_domain(region={"half_width_A": 5}), "expected a Region"),
        (lambda: embed_domain(region=Region(500, 500)), "takes the whole host"),
        (lambda: embed_domain(rng=1.5), "rng is 1.5"),
        (lambda: Region(5, 5, "star"), "region is a 'star'"),
    ],
)
def test_embedding_refusals(call, message):
    with pytest.raises(StructureError, match=message):
        call()
