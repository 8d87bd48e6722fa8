"""Rock salt by its columns alone: axes, turns, senses, and nothing where there is none."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

import stackmotif as sm
from rocksalt_columns import NIO_A, crystal, turned
from stackmotif.imaging.scenes.grains import grain_images
from stackmotif.matching.grains import ZONES, RockSaltWindow, grow_grains, zone_named
from stackmotif.matching.grains.neighbourhoods import plane
from stackmotif.stacking.columnset import place_columns, stack_phases
from stackmotif.structures.rocksalt.coherent import build_coherent_shell


def beside_layers(grain, *, states="+" * 14, n_slots=34, noise_A=0.08, rng=3):
    """Put a grain (y, x) under layered rows; return all columns and which are the grain's."""
    host = place_columns(stack_phases(states, n_slots), rng=rng, noise_A=noise_A).positions_A
    host = host - host.mean(axis=0)
    below = grain - [grain[:, 0].min() - host[:, 0].max() - 2.6, grain[:, 1].mean()]
    return np.concatenate([host, below]), np.arange(len(host) + len(below)) >= len(host)


def identify(points):
    return sm.identify(sm.Columns.from_positions(points, sigma_A=0.08))


@pytest.mark.parametrize("zone", ["110", "100", "112"])
def test_neighbours_are_those_of_the_simulated_crystal(zone):
    """The lattices of the reader and of the scenes were written down apart."""
    images = grain_images(zone)
    cells = np.stack(np.meshgrid(np.arange(9), np.arange(9), indexing="ij"), -1).reshape(-1, 1, 2)
    points = (cells * np.array(images.period_A) + images.columns_A).reshape(-1, 2)
    middle = np.argmin(np.abs(points - points.mean(axis=0)).sum(axis=1))
    ring = zone_named(zone).ring * 4.1769
    sites = plane(points[[middle]]) + ring
    distance, _ = cKDTree(points).query(np.stack([-sites.imag, sites.real], axis=1))
    assert distance.max() < 1e-3
    near = cKDTree(points).query_ball_point(points[middle], 1.05 * np.abs(ring).max())
    assert len(near) - 1 == len(ring)


@pytest.mark.parametrize("zone", [axis.name for axis in ZONES])
@pytest.mark.parametrize("angle", [-37.0, 61.0])
def test_axis_and_direction_are_found(zone, angle):
    axis = zone_named(zone)
    points = crystal(zone, angle, size_A=30.0, noise_A=0.05)
    (grain,) = grow_grains(points, np.ones(len(points)))
    assert grain.zone.name == zone
    off = np.degrees(grain.lattice.direction_rad) - angle
    assert abs((off + axis.turn_deg / 2) % axis.turn_deg - axis.turn_deg / 2) < 0.3
    assert len(grain.member) > 0.95 * len(points)


@pytest.mark.parametrize("image_deg", [0.0, 25.0])
@pytest.mark.parametrize(
    ("zone", "angle", "expected"), [("110", 70.0, 15.264), ("100", 12.0, 12.0)]
)
def test_a_grain_beside_layers_is_labelled_with_its_turn(image_deg, zone, angle, expected):
    points, own = beside_layers(crystal(zone, angle, size_A=34.0))
    r = identify(turned(points, image_deg))
    assert r.status == "ok"
    assert set(r.word) == {"+"}
    (grain,) = r.summary["rocksalt"]["grains"]
    assert grain["zone"] == zone
    assert grain["off_zone"] == (zone == "100")
    assert grain["rotation_deg"] == pytest.approx(expected, abs=0.5)
    assert r.summary["motif_counts"]["rocksalt_grain"] == 1
    labelled = r.columns["label"] == "rocksalt"
    assert labelled.sum() == pytest.approx(own.sum(), rel=0.04)
    line = r.domains[r.domains["kind"] == "rocksalt"][0]
    assert line["area_A2"] == pytest.approx(34.0**2, rel=0.1)
    assert line["pitch_A"] == pytest.approx(NIO_A * zone_named(zone).pitch, rel=0.01)
    assert line["row_spacing_A"] == pytest.approx(NIO_A * zone_named(zone).spacing, rel=0.01)
    assert np.unique(r.columns["id"]).size == len(r.columns)


def test_a_mirrored_image_turns_the_other_way():
    points, _ = beside_layers(crystal("110", 70.0, size_A=34.0))
    angle = identify(points * [1, -1]).summary["rocksalt"]["grains"][0]["rotation_deg"]
    assert angle == pytest.approx(-15.264, abs=0.5)


def test_a_stretched_and_sheared_scan_turns_nothing():
    points, _ = beside_layers(crystal("110", 80.0, size_A=40.0, noise_A=0.03), noise_A=0.03)
    straight = identify(points).summary["rocksalt"]["grains"][0]["rotation_deg"]
    bent = identify(points @ np.array([[1.03, 0.012], [0.0, 0.98]]))
    grain = bent.summary["rocksalt"]["grains"][0]
    assert grain["rotation_deg"] == pytest.approx(straight, abs=0.35)


def metals(structure, width_A=60.0):
    """Project the cations of a slab along a: (y, x), y down; a = x of the structure's frame."""
    from pymatgen.core import Element

    lattice = structure.lattice
    own = [site for site in structure if Element(site.specie.symbol).is_transition_metal]
    along = lattice.matrix[0] / lattice.a
    up = np.cross(lattice.matrix[0], lattice.matrix[1])
    up = up / np.linalg.norm(up)
    # The axis points at the viewer, c up: x to the right completes the right-handed set.
    right = np.cross(up, along)
    pitch = lattice.a * np.sqrt(3) / 2
    x = np.array([site.coords @ right for site in own])
    y = -np.array([site.coords @ up for site in own])
    steps = np.arange(int(width_A / pitch)) * pitch
    points = np.stack([np.repeat(y, len(steps)), (x % pitch)[:, None].repeat(len(steps), 1).ravel()
                       + np.tile(steps, len(y))], axis=1)  # fmt: skip
    return points


@pytest.mark.parametrize("sense", ["+", "-"])
@pytest.mark.parametrize("upside_down", [False, True])
def test_the_sense_of_a_coherent_film_is_told_slab_by_slab(sense, upside_down):
    """NiO that continues O3 ``+`` steps by -d/3 from plane to plane and is not called ``-``."""
    film = build_coherent_shell("R+7 R.", layers=8, sense=sense, lattice="LiNiO2:0.5")
    points = metals(film)
    points = points * (-1 if upside_down else 1)
    points = points + np.random.default_rng(5).normal(0, 0.05, points.shape)
    r = identify(points)
    assert r.status == "ok"
    # A twin begins beyond a gap that is reversed.
    assert r.word.strip("-") in ("+" * 7, "+" * 8)
    assert r.word.count("-") <= (sense == "-")
    (grain,) = r.summary["rocksalt"]["grains"]
    assert grain["rotation_deg"] == pytest.approx(0.0, abs=0.6)
    assert grain["sense"] == sense
    labels = r.columns["label"]
    assert (labels == "O3").sum() >= 7 * 20
    assert (labels == "rocksalt").sum() >= 7 * 20


def test_a_grain_of_the_hosts_size_may_be_the_host():
    size = np.sqrt(2.4855 * 4.73 / (2 * np.sqrt(2) / 4))
    points, _ = beside_layers(crystal("110", 70.0, size_A=34.0, edge_A=size))
    (grain,) = identify(points).summary["rocksalt"]["grains"]
    assert "layered oxide" in grain["or_else"]
    points, _ = beside_layers(crystal("110", 70.0, size_A=34.0))
    (grain,) = identify(points).summary["rocksalt"]["grains"]
    assert grain["or_else"] is None


def test_planes_of_unequal_height_are_no_rock_salt():
    points = crystal("110", 54.7356, size_A=34.0, noise_A=0.03)
    plane_number = np.rint(points[:, 0] / (NIO_A / np.sqrt(3))).astype(int)
    heights = np.where(plane_number % 2, 1.0, 0.4)
    assert grow_grains(points, np.ones(len(points)))
    assert not grow_grains(points, heights)


@pytest.mark.parametrize(
    ("edge_A", "found"), [(4.17 * 1.035, True), (4.17 * 1.06, False), (3.9, False)]
)
def test_the_size_decides(edge_A, found):
    points = crystal("110", 20.0, size_A=34.0, edge_A=edge_A)
    assert bool(grow_grains(points, np.ones(len(points)))) == found
    wide = RockSaltWindow(lattice_A=edge_A)
    assert grow_grains(points, np.ones(len(points)), window=wide)


def two_layered_grains():
    first = place_columns(stack_phases("+" * 14, 30), rng=1, noise_A=0.1).positions_A
    second = turned(place_columns(stack_phases("0" * 14, 30), rng=2, noise_A=0.1).positions_A, 33)
    second = second - second.mean(axis=0) + first.mean(axis=0) + [0.0, 85.0]
    return np.concatenate([first, second])


def strontium_titanate():
    y, x = (a.ravel() for a in np.meshgrid(np.arange(25) * 1.9525, np.arange(25) * 2.761))
    points = np.stack([y, x], axis=1)
    return points + np.random.default_rng(0).normal(0, 0.06, points.shape)


def nothing():
    rng = np.random.default_rng(6)
    return {
        "O3 with everything": place_columns(
            stack_phases("+++0++-++00+--+", 80), rng=1, noise_A=0.2, missing=0.1, false=0.1
        ).positions_A,
        "two layered grains": two_layered_grains(),
        "random points": rng.random((3000, 2)) * 130.0,
        "points apart": np.indices((45, 45)).reshape(2, -1).T * 2.4
        + rng.uniform(-0.9, 0.9, (2025, 2)),
        "SrTiO3 [110]": strontium_titanate(),
        "CdTe [110], dumbbells": np.concatenate(
            [
                crystal("110", 0.0, edge_A=6.48),
                crystal("110", 0.0, edge_A=6.48) + np.array([1.62, 0.0]),
            ]
        ),
        "hexagonal 2.49 Å": crystal("111", 0.0, edge_A=2.49 * np.sqrt(6.0)),
    }


def test_other_crystals_and_no_crystal_have_no_grains():
    for name, points in nothing().items():
        assert grow_grains(points, np.ones(len(points))) == [], name
