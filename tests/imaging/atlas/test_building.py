"""Tiles, assembly and store, on the smallest atlas there is."""

import json
from dataclasses import replace
from itertools import combinations

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
from stackmotif.imaging.atlas.measuring import whole_rings
from stackmotif.imaging.atlas.tiles import compute
from stackmotif.imaging.library.tasks import load_part

SMALL = AtlasRecipe(
    Microscope.preset("stem-300kV"),
    thickness_A=(6.0, 9.0),
    guests=("", "Li"),
    phonons=0,
    couplings=True,
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
    parts = [load_part(task, folder).arrays["samples"] for task in atlas_tasks(SMALL)]
    usual = [atlas.samples[atlas.index(one)] for one in SMALL.neighbours]
    np.testing.assert_array_equal(usual, parts[: len(usual)])
    np.testing.assert_array_equal(atlas.couplings, parts[len(usual) :])
    assert atlas.samples.shape == (2, 2, 3, 2, 5, 9, 5)
    assert atlas.couplings.shape == (7, 2, 5, 9, 5)
    assert (atlas.noise == 0).all()


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
    few, more = (AtlasRecipe(SMALL.microscope, thickness_A=(6.0,), phonons=n) for n in (8, 12))
    keys = [task.key for task in atlas_tasks(few)]
    assert [task.key for task in atlas_tasks(more)][: len(keys)] == keys
    other = AtlasRecipe(SMALL.microscope, thickness_A=(6.0,), phonons=8, rng=1)
    assert not {task.key for task in atlas_tasks(other)} & set(keys)
    assert estimate_s(more) == pytest.approx(1.5 * estimate_s(few))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phonons": 2}, "phonons of the atlas is 2 with 4 sets of wave vectors"),
        ({"k_points": (2,)}, r"k_points of the atlas is \(2,\); expected two whole numbers"),
        ({"k_points": (2.5, 2)}, "expected two whole numbers"),
        ({"k_points": ()}, "expected two whole numbers"),
    ],
)
def test_ensembles_that_favour_a_set_of_wave_vectors_are_refused(changes, message):
    with pytest.raises(SimulationError, match=message):
        replace(SMALL, **changes)


def test_rings_hold_the_detectors_of_the_microscope():
    scope = Microscope.preset("stem-300kV-30mrad")
    recipe = AtlasRecipe.for_microscope(scope)
    rims = {one for each in scope.detectors for one in (each.inner_mrad, each.outer_mrad)}
    assert rims <= set(recipe.bin_edges_mrad)
    assert [one.name for one in whole_rings(recipe)] == [one.name for one in scope.detectors]
    usual = AtlasRecipe.for_microscope(Microscope.preset("stem-300kV"))
    assert usual.settings() == AtlasRecipe(Microscope.preset("stem-300kV")).settings()
    low = AtlasRecipe.for_microscope(scope, bin_edges_mrad=(0.0, 10.0, 20.0))
    assert low.sampling_A == 0.06
    assert [one.name for one in whole_rings(low)] == ["ABF", "BF"]


def test_a_missing_part_is_told(tmp_path):
    with pytest.raises(SimulationError, match="part"):
        assemble_atlas(SMALL, tmp_path)


def test_pairs_of_configurations_take_turns(tmp_path):
    """A lattice at rest under both terminations and every set of wave vectors is the static one."""
    still = {"Ni": 0.0, "O": 0.0, "Li": 0.0}
    rest = AtlasRecipe(**{**SMALL.__dict__, "phonons": 8, "sigma_A": still})
    tasks = atlas_tasks(rest)[:: len(rest.tiles)]
    each = np.stack([compute(task.settings)["samples"] for task in tasks])
    static = compute(atlas_tasks(SMALL)[0].settings)["samples"]
    np.testing.assert_array_equal(each[::2], each[1::2])
    assert min(np.abs(a - b).max() for a, b in combinations(each[::2], 2)) > 1e-4
    assert np.abs(each.mean(axis=0) - static).max() < 0.1 * np.abs(each - static).max()


@pytest.mark.slow
def test_noise_is_that_of_pairs(tmp_path):
    """Independent atlases scatter by what each tells."""
    one = AtlasRecipe(**{**SMALL.__dict__, "phonons": 16, "guests": ("Li",)})
    several = [build_atlas(replace(one, rng=seed), tmp_path) for seed in range(1, 6)]
    scatter = np.var([each.samples for each in several], axis=0, ddof=1).mean(axis=(0, 1, 2, 5, 6))
    told = np.mean([each.noise**2 for each in several], axis=0)
    assert (scatter < 2.5 * told).all()
    assert (scatter > 0.4 * told).all()


@pytest.mark.slow
def test_an_ensemble_that_is_no_multiple_favours_no_set(tmp_path):
    """Ten configurations of a lattice at rest are eight: the fifth pair sees what the first saw."""
    still = {"Ni": 0.0, "O": 0.0, "Li": 0.0}
    atlases = [
        build_atlas(
            AtlasRecipe(**{**SMALL.__dict__, "phonons": n, "sigma_A": still, "guests": ("Li",)}),
            tmp_path,
        )
        for n in (8, 10)
    ]
    np.testing.assert_allclose(atlases[0].samples, atlases[1].samples, rtol=1e-5, atol=1e-7)


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


def test_thick_crystals_get_larger_cells():
    scope = Microscope.preset("stem-300kV")
    for thickest, phonons, sets in (
        (120.0, 8, (2, 2)),
        (200.0, 0, (2, 3)),
        (200.0, 12, (2, 3)),
        (200.0, 8, (2, 2)),
        (400.0, 0, (4, 2)),
        (400.0, 12, (2, 3)),
    ):
        recipe = AtlasRecipe.for_microscope(scope, thickness_A=(40.0, thickest), phonons=phonons)
        assert recipe.k_points == sets
        assert recipe.couplings == (thickest > 120)
    assert AtlasRecipe.for_microscope(scope, thickness_A=(200.0,), k_points=(2, 2)).k_points == (
        2,
        2,
    )
