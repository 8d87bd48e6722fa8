"""Tiles, assembly and store, on the smallest atlas there is."""

import json
from dataclasses import replace

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas import (
    AtlasRecipe,
    assemble_atlas,
    atlas_tasks,
    build_atlas,
    estimate_s,
    load_atlas,
    save_atlas,
)
from stackmotif.imaging.atlas.band import band_factors, touched
from stackmotif.imaging.atlas.tiles import compute
from stackmotif.imaging.library.tasks import load_part

SMALL = AtlasRecipe(
    Microscope.preset("stem-300kV"),
    thickness_A=(6.0, 9.0),
    guests=("", "Li"),
    phonons=0,
    pitches=4,
    sampling_A=0.1,
    n_rows=9,
    n_columns=5,
    row_step_A=0.6,
    bin_edges_mrad=(0.0, 10.0, 20.0, 60.0),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("atlas")


@pytest.fixture(scope="module")
def atlas(folder):
    return build_atlas(SMALL, folder, device="cpu")


def test_tiles_stand_where_their_neighbours_say(atlas, folder):
    for task, neighbour in zip(atlas_tasks(SMALL), SMALL.neighbours, strict=True):
        samples = load_part(task, folder).arrays["samples"]
        np.testing.assert_array_equal(atlas.samples[atlas.index(neighbour)][:, :2], samples[:, :2])
    assert atlas.samples.shape == (2, 2, 3, 2, 5, 9, 5)
    assert (atlas.noise == 0).all()


def test_rings_near_the_band_limit_are_brought_to_a_finer_grid(atlas, folder):
    """The grid carries 66 mrad: the ring from 20 to 60 loses light, those within 20 do not."""
    assert touched(SMALL).tolist() == [False, False, True, False, False]
    assert not touched(replace(SMALL, bin_edges_mrad=(0.0, 10.0, 20.0, 45.0))).any()
    factors = band_factors(SMALL, folder)
    assert (factors[:, [0, 1, 3, 4]] == 1).all()
    assert (np.abs(factors[:, 2] - 1) < 0.1).all()
    assert (factors[:, 2] != 1).all()
    raw = load_part(atlas_tasks(SMALL)[0], folder).arrays["samples"]
    kept = atlas.samples[atlas.index(SMALL.neighbours[0])]
    np.testing.assert_allclose(kept[:, 2], raw[:, 2] * factors[:, 2, None, None], rtol=1e-6)


def test_thicknesses_are_whole_periods(atlas):
    np.testing.assert_allclose(atlas.thickness_A / 2.811, [2, 3])


def test_the_reference_tile_is_its_own_half_turn(atlas):
    """O3 is unchanged by half a turn about the beam: rows and columns reversed, moments too."""
    tile = atlas.samples[atlas.reference]
    turned = np.roll(tile[..., ::-1, ::-1], 1, axis=-1)
    sign = np.array([1, 1, 1, -1, -1])[:, None, None]
    span = np.ptp(tile, axis=(-2, -1), keepdims=True)
    assert (np.abs(turned * sign - tile) / span).max() < 5e-3


def test_a_neighbour_is_felt_above_the_slab_and_hardly_below(atlas):
    changed = np.abs(atlas.samples[0, 0, 0] - atlas.samples[atlas.reference])[-1, 1]
    assert changed[0].max() > 2e-3
    assert changed[-2:].max() < changed[0].max() / 20


def test_a_rerun_computes_nothing(atlas, folder, monkeypatch):
    monkeypatch.setattr("stackmotif.imaging.atlas.tiles.compute", None)
    again = build_atlas(SMALL, folder)
    np.testing.assert_array_equal(again.samples, atlas.samples)


def test_more_configurations_keep_the_first_ones():
    two, three = (AtlasRecipe(SMALL.microscope, thickness_A=(6.0,), phonons=n) for n in (2, 3))
    keys = [task.key for task in atlas_tasks(two)]
    assert [task.key for task in atlas_tasks(three)][: len(keys)] == keys
    other = AtlasRecipe(SMALL.microscope, thickness_A=(6.0,), phonons=2, rng=1)
    assert not {task.key for task in atlas_tasks(other)} & set(keys)
    assert estimate_s(three) == pytest.approx(1.5 * estimate_s(two))


def test_a_missing_part_is_told(tmp_path):
    with pytest.raises(SimulationError, match="part"):
        assemble_atlas(SMALL, tmp_path)


def test_configurations_alternate_the_termination(tmp_path):
    """Odd configurations of a lattice at rest begin a/2 deeper; the static tile is the mean."""
    still = {"Ni": 0.0, "O": 0.0, "Li": 0.0}
    rest = AtlasRecipe(**{**SMALL.__dict__, "phonons": 2, "sigma_A": still})
    tasks = atlas_tasks(rest)
    even, odd = (compute(tasks[n].settings)["samples"] for n in (0, len(rest.neighbours)))
    static = compute(atlas_tasks(SMALL)[0].settings)["samples"]
    assert np.abs(even - odd).max() > 1e-3
    np.testing.assert_allclose((even + odd) / 2, static, atol=2e-6)


def test_a_stored_atlas_comes_back(atlas, tmp_path):
    path = save_atlas(atlas, tmp_path / "mine")
    again = load_atlas(path)
    np.testing.assert_array_equal(again.samples, atlas.samples)
    assert again.recipe.settings() == atlas.recipe.settings()
    assert again.pitch_A == atlas.pitch_A
    with pytest.raises(SimulationError, match="exists already"):
        save_atlas(atlas, path)
    save_atlas(atlas, path, overwrite=True)


def test_damage_and_strangers_are_refused(atlas, tmp_path):
    path = save_atlas(atlas, tmp_path / "mine")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"]["samples"] = "0" * 64
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SimulationError, match="'samples' of atlas 'mine' differs"):
        load_atlas(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SimulationError, match="is not an atlas"):
        load_atlas(tmp_path / "empty")
    with pytest.raises(SimulationError, match="is not an atlas"):
        save_atlas(atlas, tmp_path / "empty", overwrite=True)
