"""Nanocrystal shells and particles: what lies where, and what was left out."""

import io
import math
import time

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.structures import (
    GrainSpec,
    build,
    build_nanocrystal_shell,
    build_particle,
    get_lattice,
    min_contacts_A,
)
from stackmotif.structures.grains.shapes import plane_family, plane_normal

HOST = "LiNiO2:0.5"
SMALL = GrainSpec(size_A=14)


def oblique():
    """O3 whose slabs stand upright: c along x."""
    from pymatgen.core.operations import SymmOp

    turn = SymmOp.from_rotation_and_translation(np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]))
    structure = build("|R+|", lattice=HOST)
    structure.apply_operation(turn)
    return structure


def small_shell(**arguments):
    given = {
        "size_A": (12, 36, 34), "shell_thickness_A": 15, "grains": SMALL, "core_lattice": HOST
    }  # fmt: skip
    return build_nanocrystal_shell(**(given | arguments))


@pytest.mark.parametrize("core", ["|R+[Li]|", "|R0|", "|R+[Li] R0|", "R+3 R- L+ R+3 R."])
@pytest.mark.parametrize("rng", [0, 1])
def test_contacts_keep_the_limits(core, rng):
    """Measured by pymatgen, with periodic images, on all atoms."""
    model = small_shell(core=core, rng=rng)
    contacts = min_contacts_A(model.to_structure())
    assert contacts["M-M"] >= 2.4
    assert contacts["O-O"] >= 2.2
    assert min(contacts["M-O"], contacts.get("O-A", 9)) >= 1.7
    assert min(contacts.get("M-A", 9), contacts.get("A-A", 9)) >= 2.4
    assert model.conflicts.n_dropped > 0
    assert "higher number" in model.conflicts.rule


def test_without_limits_nothing_is_left_out_and_contacts_are_short():
    none = {"cation-cation": 0.0, "anion-anion": 0.0, "cation-anion": 0.0}
    free, kept = small_shell(limits_A=none), small_shell()
    assert free.conflicts.n_dropped == 0
    assert len(free) == len(kept) + kept.conflicts.n_dropped
    assert min_contacts_A(free.to_structure())["M-M"] < 2.0


def test_the_seed_makes_the_model():
    one, again, other = small_shell(rng=3), small_shell(rng=3), small_shell(rng=4)
    np.testing.assert_array_equal(one.positions_A, again.positions_A)
    np.testing.assert_array_equal(one.numbers, again.numbers)
    assert len(one) != len(other) or not np.array_equal(one.positions_A, other.positions_A)
    passed = small_shell(rng=np.random.default_rng(3))
    np.testing.assert_array_equal(one.positions_A, passed.positions_A)


def test_the_core_is_the_perfect_crystal():
    """Every atom of the core lies on a site of the bulk; none of it is left out."""
    model = small_shell(core="|R+[Li]|")
    bulk = build("|R+[Li]|", lattice=HOST)
    core = model.positions_A[model.grain_of == 0]
    fractions = (core - core[0]) @ np.linalg.inv(bulk.lattice.matrix)
    sites = bulk.frac_coords - bulk.frac_coords[0]
    numbers = model.numbers[model.grain_of == 0]
    assert numbers[0] == 28
    apart = fractions[:, None] - sites
    apart = np.linalg.norm((apart - np.round(apart)) @ bulk.lattice.matrix, axis=2)
    assert apart.min(axis=1).max() < 1e-6
    expected = np.array(bulk.atomic_numbers)[apart.argmin(axis=1)]
    np.testing.assert_array_equal(numbers, expected)


@pytest.mark.parametrize(
    ("surface", "normal"),
    [((0, 0, 1), (0, 0, 1)), ((0, 0, -1), (0, 0, -1)), ((0, 1, 0), (0, 1, 0)), ((0, -1, 4), None)],
)
def test_core_and_shell_lie_on_their_sides(surface, normal):
    found = plane_normal(surface, lattice=get_lattice(HOST))
    if normal is not None:
        np.testing.assert_allclose(found, normal, atol=1e-12)
    model = small_shell(surface=surface)
    height = model.positions_A @ found
    core, shell = height[model.grain_of == 0], height[model.grain_of > 0]
    assert core.max() <= shell.min() + 0.01
    assert np.ptp(shell) <= 15 + 1e-6
    assert np.ptp(shell) > 11


@pytest.mark.parametrize("surface", [(0, -1, 4), (1, 0, 4), (1, 1, 0), (0, 0, 1)])
def test_the_shell_is_a_layer_under_a_plane(surface):
    """As thick everywhere along the surface, which goes from one side of the box to the other."""
    size, thickness = np.array([20.0, 40.0, 90.0]), 16.0
    model = small_shell(size_A=tuple(size), shell_thickness_A=thickness, surface=surface)
    normal = plane_normal(surface, lattice=get_lattice(HOST))
    along = int(np.argmax(size * np.abs(normal)))
    low, high = model.positions_A.min(axis=0), model.positions_A.max(axis=0)
    points = model.positions_A - low
    shell = points[model.grain_of > 0]
    others = [axis for axis in range(3) if axis != along]
    cells = np.floor(shell[:, others] / (high - low)[others] * 3 * 0.999).astype(int)
    depth = shell @ normal
    for cell in np.ndindex(3, 3):
        here = depth[(cells == cell).all(axis=1)]
        assert here.max() == pytest.approx(depth.max(), abs=2.5)
        assert here.min() == pytest.approx(depth.max() - thickness, abs=2.5)


def test_grains_are_numbered_from_the_largest():
    model = small_shell(size_A=(20, 80, 80), shell_thickness_A=20)
    diameters = [grain.diameter_A for grain in model.grains[1:]]
    assert len(diameters) > 10
    assert diameters == sorted(diameters, reverse=True)


def test_104_facets_are_seen_edge_on_where_h_is_0():
    """{104} of O3 are the {100} planes of rock salt: 54.7 degrees from (003) in the cubic case."""
    salt_like = get_lattice("NiO")
    normal = plane_normal((0, -1, 4), lattice=salt_like)
    assert normal[0] == pytest.approx(0)
    assert math.degrees(math.acos(normal[2])) == pytest.approx(54.7356, abs=1e-3)
    assert (0, -1, 4) in plane_family((1, 0, 4))
    assert (0, 1, 4) not in plane_family((1, 0, 4))


def test_grains_fill_the_shell():
    """The volumes of the grains, counted by sites before any is left out, make up the shell."""
    model = small_shell(size_A=(40, 60, 60), shell_thickness_A=40, grains=GrainSpec(size_A=16))
    volume = sum(math.pi / 6 * g.diameter_A**3 for g in model.grains if g.kind == "shell")
    assert volume == pytest.approx(40 * 60 * 40, rel=0.03)
    mean, deviation = model.diameters_A()
    assert mean == pytest.approx(16, rel=0.1)
    assert deviation / mean == pytest.approx(0.2, abs=0.1)


def test_grains_keep_their_orientation_in_the_model():
    """The nearest neighbours of a grain's atoms point where its rotation says."""
    model = small_shell(size_A=(30, 40, 50), shell_thickness_A=35, grains=GrainSpec(size_A=25))
    number = int(np.argmax([grain.n_atoms for grain in model.grains[1:]])) + 1
    mine = (model.grain_of == number) & (model.numbers == 28)
    points = model.positions_A[mine]
    steps = (points[:, None] - points).reshape(-1, 3)
    lengths = np.linalg.norm(steps, axis=1)
    near = steps[(lengths > 0.1) & (lengths < 3.2)]
    expected = model.grains[number].rotation @ [4.17 / math.sqrt(2), 0, 0]
    assert (np.linalg.norm(near - expected, axis=1) < 1e-6).any()
    assert sum(grain.n_atoms for grain in model.grains) == len(model)


def test_a_finite_core_goes_on_at_both_ends():
    model = small_shell(core="R+ R- L+ R.", size_A=(10, 30, 90), shell_thickness_A=20)
    chosen = (model.grain_of == 0) & (model.numbers == 28)
    core = model.positions_A[chosen]
    rows = np.round((core[:, 2] - core[:, 2].min()) / get_lattice(HOST).row_spacing_A(), 2)
    pitch = get_lattice(HOST).column_pitch_A
    phases = [
        np.angle(np.exp(2j * np.pi * core[rows == row, 1] / pitch).sum()) / (2 * np.pi)
        for row in np.unique(rows)
    ]
    steps = (np.diff(phases) + 0.5) % 1 - 0.5
    signs = "".join("+" if s > 0.2 else "-" if s < -0.2 else "0" for s in steps)
    assert signs.count("-") == 1
    assert signs.strip("+") == "-"
    assert len(signs) > 10


def test_a_structure_can_be_the_core():
    structure = build("|R+[Li]|", lattice=HOST)
    one, two = small_shell(core=structure), small_shell(core="|R+[Li]|")
    np.testing.assert_allclose(one.positions_A, two.positions_A)


def test_models_are_handed_on():
    import ase.io

    model = small_shell()
    text = io.StringIO()
    ase.io.write(text, model.to_ase(), format="extxyz")
    text.seek(0)
    back = ase.io.read(text, format="extxyz")
    np.testing.assert_allclose(back.positions, model.positions_A, atol=1e-6)
    np.testing.assert_array_equal(back.numbers, model.numbers)
    np.testing.assert_array_equal(back.arrays["grain"], model.grain_of)
    structure = model.to_structure()
    np.testing.assert_allclose(structure.cart_coords, model.positions_A, atol=1e-9)
    assert structure.composition.get_el_amt_dict() == model.composition
    assert "grains" in repr(model)


def test_vacuum_surrounds_the_model():
    model = small_shell(vacuum_A=20)
    low, high = model.positions_A.min(axis=0), model.positions_A.max(axis=0)
    np.testing.assert_allclose(low, 10, atol=1e-9)
    np.testing.assert_allclose(model.cell_A - high, 10, atol=1e-9)


def test_particles_have_their_facets():
    facets = {(0, 0, 1): 16.0, (1, 0, 4): 18.0}
    model = build_particle(
        facets=facets, shell_thickness_A=7, grains=GrainSpec(size_A=10), core_lattice=HOST
    )
    points = model.positions_A - model.cell_A / 2
    lattice = get_lattice(HOST)
    for hkl, distance in facets.items():
        for plane in plane_family(hkl):
            reach = points @ plane_normal(plane, lattice=lattice)
            assert reach.max() == pytest.approx(distance, abs=1.5)
            assert reach[model.grain_of == 0].max() <= distance - 7 + 1.5


def test_round_particles_have_their_radii():
    model = build_particle(
        radii_A=(12, 16, 20), shell_thickness_A=5, grains=GrainSpec(size_A=9), core_lattice=HOST
    )
    np.testing.assert_allclose(np.ptp(model.positions_A, axis=0), [24, 32, 40], atol=2)
    centred = model.positions_A - model.cell_A / 2
    core = centred[model.grain_of == 0]
    assert ((core / [7, 11, 15]) ** 2).sum(axis=1).max() < 1.25
    assert len({*model.grain_of.tolist()}) > 3


def test_plane_families():
    assert len(plane_family((0, 0, 3))) == 2
    assert len(plane_family((1, 0, 4))) == 6
    assert len(plane_family((1, 1, 0))) == 6
    assert len(plane_family((2, 1, 3))) == 12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small_shell(core=oblique()), "expected a along x, the beam"),
        (lambda: small_shell(size_A=(0.1, 0.1, 30)), "the shell holds no atom"),
        (lambda: small_shell(core="R+ R.", shell_thickness_A=33.9), "the core holds no atom"),
        (lambda: small_shell(shell_thickness_A="15"), "shell thickness is '15' Å"),
        (lambda: small_shell(size_A=("a", 3, 3)), "size is"),
        (lambda: small_shell(surface="001"), "plane is '001'"),
        (lambda: small_shell(surface=(0, 0, math.nan)), "plane is"),
        (lambda: small_shell(surface=None), "plane is None"),
        (lambda: small_shell(rng=-1), "rng is -1; expected a whole number from 0"),
        (lambda: small_shell(rng=None), "rng is None"),
        (lambda: small_shell(grains={"size_A": 14}), "expected a GrainSpec"),
        (lambda: small_shell(limits_A=2.4), "limits are 2.4"),
        (lambda: small_shell(limits_A={"cation-cation": "2"}), "cation-cation is '2' Å"),
        (lambda: GrainSpec(size_A="50"), "grain size is '50' Å"),
        (lambda: GrainSpec(size_A=3), "grain size is 3 Å; expected at least 5"),
        (lambda: GrainSpec(spread=None), "grain spread is None"),
        (lambda: GrainSpec(max_tilt_deg="5"), "largest tilt is '5'"),
        (lambda: GrainSpec(zones=None), "zones is None"),
        (lambda: GrainSpec(zones=(110,)), "zone is 110"),
        (lambda: GrainSpec(zones={"110": "a"}), "weight of zone 110 is 'a'"),
        (lambda: build_particle(radii_A="30"), "radii is"),
        (lambda: build_particle(radii_A=(1, 2)), "radii is"),
        (lambda: build_particle(facets=[(0, 0, 1)]), "no facets"),
        (lambda: build_particle(facets={"001": 12.0}), "plane is '001'"),
        (lambda: small_shell(core=7), "core is 7; expected a word"),
        (lambda: small_shell(core="R."), "expected at least two slabs"),
        (lambda: small_shell(size_A=(10, -3, 30)), "size is"),
        (lambda: small_shell(size_A=(10, 30)), "size is"),
        (lambda: small_shell(shell_thickness_A=34), "shell thickness is 34 Å"),
        (lambda: small_shell(shell_thickness_A=math.nan), "shell thickness is nan"),
        (lambda: small_shell(surface=(0, 0, 0)), "plane is"),
        (lambda: small_shell(surface=(0, 0.5, 1)), "plane is"),
        (lambda: small_shell(vacuum_A=1), "vacuum is 1 Å"),
        (lambda: small_shell(shell_lattice="LiNiO2:1"), "is no rock salt"),
        (lambda: small_shell(size_A=(500, 500, 500)), "takes more than 5000000 atoms"),
        (lambda: GrainSpec(max_rotation_deg=-1), "largest rotation is -1"),
        (lambda: GrainSpec(max_tilt_deg=200), "largest tilt is 200"),
        (lambda: GrainSpec(senses="x"), "sense is 'x'"),
        (lambda: GrainSpec(zones=("1x0",)), "zone is '1x0'"),
        (lambda: build_particle(), "exactly one of them"),
        (lambda: build_particle(radii_A=10, facets={(0, 0, 1): 10}), "exactly one of them"),
        (lambda: build_particle(facets={(0, 0, 1): 30}), "do not enclose a particle"),
        (lambda: build_particle(facets={(0, 0, 1): -3}), "distance of facet"),
        (lambda: build_particle(radii_A=(20, 20, 4), shell_thickness_A=5), "leaves|is left"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(StructureError, match=message):
        call()


@pytest.mark.slow
def test_a_large_model_is_built_in_seconds():
    start = time.perf_counter()
    model = build_nanocrystal_shell(
        size_A=(80, 200, 200), shell_thickness_A=100, grains=GrainSpec(size_A=40)
    )
    assert time.perf_counter() - start < 20
    assert len(model) >= 200_000
