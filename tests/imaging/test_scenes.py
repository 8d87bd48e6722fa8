"""Random scenes: the truth that comes with them is the truth."""

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from scipy.ndimage import map_coordinates

from stackmotif.errors import SimulationError
from stackmotif.imaging.scenes import PHASES, make_scene
from stackmotif.imaging.scenes.grains import (
    DETECTORS,
    THICKNESS_A,
    ZONES,
    Grain,
    build_images,
    grain_images,
    rocksalt_cell,
)
from stackmotif.imaging.scenes.stacks import STEP_A, Stack


@pytest.fixture(scope="module")
def scenes():
    return [make_scene((11, k), source_fwhm_A=0.8) for k in range(12)]


def test_a_scene_is_drawn_from_its_seed_alone(scenes):
    again = make_scene((11, 3), source_fwhm_A=0.8)
    assert np.array_equal(again.pixels, scenes[3].pixels)
    assert np.array_equal(again.columns_A, scenes[3].columns_A)
    assert not np.array_equal(scenes[2].clean, scenes[3].clean)


def test_columns_stand_where_the_image_says(scenes):
    near = np.linspace(0, 2 * np.pi, 9)[:-1]
    ring = np.stack([np.sin(near), np.cos(near)], axis=1)
    shares = []
    for scene in scenes:
        sign = 1 if scene.bright else -1
        size = scene.pixel_size_A
        limit = (np.array(scene.clean.shape) - 1) * size - 1.5
        inside = scene.columns_A[np.all((scene.columns_A > 1.5) & (scene.columns_A < limit), 1)]
        if not len(inside):
            continue
        here = sign * map_coordinates(scene.clean, (inside / size).T, order=3)
        around = [
            sign * map_coordinates(scene.clean, ((inside + 0.75 * one) / size).T, order=3)
            for one in ring
        ]
        shares.append(np.mean(here > np.max(around, axis=0)))
    assert len(shares) > 8
    assert np.median(shares) > 0.97
    assert min(shares) > 0.85


def test_counts_are_those_of_the_dose():
    scene = make_scene((12, 1), dose_per_A2=3000.0, detector="ABF")
    per_pixel = 3000 * scene.pixel_size_A**2
    residual = (scene.pixels - scene.clean) * np.sqrt(per_pixel / np.maximum(scene.clean, 1e-3))
    assert np.abs(residual.mean()) < 0.02
    assert 0.9 < residual.std() < 1.5


def test_vacuum_is_empty_and_every_phase_occurs(scenes):
    found = np.concatenate([scene.phase.ravel() for scene in scenes])
    assert set(np.unique(found)) == {-1, *range(len(PHASES))}
    for scene in scenes:
        empty = scene.phase == PHASES.index("vacuum")
        if scene.bright and empty.sum() > 500:
            assert np.median(scene.clean[empty]) < 0.2 * scene.clean.max()
            inside = np.rint(scene.columns_A / scene.pixel_size_A).astype(int)
            assert not empty[tuple(inside.T)].any()


def test_gaps_are_what_their_rows_say():
    """O1 has column above column; checked from the column positions alone."""
    checked = 0
    for seed in range(6):
        stack = Stack.draw(np.random.default_rng(seed), 40.0)
        phase, pitch = stack.phase(), stack.stacks.pitch_A
        columns = stack.columns_A()
        for v in np.unique(columns[:, 0].round(6)):
            upper = columns[np.abs(columns[:, 0] - v) < 1e-5][:, 1]
            lower = columns[np.abs(columns[:, 0] - v - stack.spacing_A) < 1e-5][:, 1]
            if not len(lower) or abs(v) > 34:
                continue
            here = upper[np.abs(upper) < 34]
            apart = here[:, None] - lower
            apart = apart[np.arange(len(here)), np.abs(apart).argmin(axis=1)] / pitch
            y = np.rint((v + stack.spacing_A / 2 - stack.x_A[0]) / STEP_A).astype(int)
            x = np.rint((here - stack.x_A[0]) / STEP_A).astype(int)
            told = phase[y, x]
            assert np.all(np.abs(apart[told == 1]) < 0.13)
            assert np.all(np.abs(np.abs(apart[told == 0]) - 1 / 3) < 0.13)
            checked += len(here)
    assert checked > 1000


@pytest.mark.parametrize("zone", ZONES)
def test_every_zone_shows_the_same_crystal(zone):
    edge = 4.1769
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(edge), ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    assert StructureMatcher(scale=False, ltol=1e-4, stol=1e-4).fit(rocksalt_cell(zone), salt)


@pytest.mark.parametrize("zone", ["110", "100"])
def test_metal_of_a_grain_is_brightest(zone):
    images = grain_images(zone)
    y, x = images.columns_A.T
    rows, columns = (np.arange(0, period, 0.1) for period in images.period_A)
    everywhere = images.at("HAADF", 80.0, *np.meshgrid(rows, columns, indexing="ij"))
    assert np.all(images.at("HAADF", 80.0, y, x) > 0.97 * everywhere.max())
    assert images.images.shape[:2] == (len(THICKNESS_A), len(DETECTORS))


@pytest.mark.slow
def test_images_of_grains_are_what_their_builder_makes(tmp_path):
    build_images(tmp_path / "anew.npz", thicknesses_A=THICKNESS_A[:1])
    with np.load(tmp_path / "anew.npz") as anew:
        for zone in ZONES:
            ships = grain_images(zone).images[0]
            apart = np.sqrt(np.mean((anew[zone][0] - ships) ** 2, axis=(1, 2)))
            assert np.all(apart < 0.01 * np.ptp(ships, axis=(1, 2)))


def test_a_turned_grain_has_its_columns_with_it():
    grain = Grain(grain_images("110"), 33.0, (1.0, 2.0))
    found = grain.columns_A(20.0)
    values = grain.image("HAADF", 60.0, found[:, 0], found[:, 1])
    assert len(found) > 100
    assert np.ptp(values) < 1e-3 * values.mean()


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"pixel_size_A": 0.6}, "0.6"), ({"detector": "DPC"}, "DPC")],
)
def test_what_cannot_be_drawn_is_refused(settings, told):
    with pytest.raises(SimulationError, match=told):
        make_scene(1, **settings)
    with pytest.raises(SimulationError, match="zone"):
        grain_images("111")
