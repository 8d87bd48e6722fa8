"""The atlas that ships with the package: rebuilt in part, and what ``simulate`` makes of it."""

from dataclasses import replace

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope
from stackmotif.imaging.atlas import Neighbour, atlas_tasks, default_atlas
from stackmotif.imaging.atlas.recipe import AtlasRecipe
from stackmotif.imaging.atlas.serving import AtlasMismatchError, serve
from stackmotif.imaging.atlas.store import default_atlas_path
from stackmotif.imaging.atlas.tiles import compute, tile_settings
from stackmotif.structures.lattices.lattice import get_lattice

SCOPE = Microscope.preset("stem-300kV")
WORD = "|R+[Li] R0|"


def test_it_is_small_and_says_what_it_is():
    folder = default_atlas_path().parent
    size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    assert size < 15e6
    recipe = default_atlas().recipe
    assert recipe.phonons >= 4
    assert {"", "Li", "Li@u"} <= set(recipe.guests)
    assert recipe.thickness_A[0] == 20.0
    assert recipe.thickness_A[-1] == 120.0
    assert (default_atlas().noise > 0).all()


@pytest.mark.slow
def test_a_tile_is_what_its_recipe_makes():
    """The thinnest exit plane of one tile, simulated again: thicker runs repeat thinner ones.

    One period more, because the other termination begins and ends half a period deeper.
    """
    atlas = default_atlas()
    first = atlas.recipe.thickness_A[0]
    planes = (first, first + get_lattice(atlas.recipe.lattice).a_A)
    thin = AtlasRecipe(**{**atlas.recipe.__dict__, "thickness_A": planes})
    neighbour = atlas.recipe.neighbours[-2]
    runs = [
        compute(tile_settings(thin, neighbour, number), device="cpu")["samples"][0]
        for number in thin.configurations
    ]
    stored = atlas.samples[atlas.index(neighbour)][0]
    np.testing.assert_allclose(np.mean(runs, axis=0), stored, atol=3e-6, rtol=1e-4)


def test_what_the_rings_lack_is_scattered_beyond_them():
    """Beyond 150 mrad: the more, the thicker the crystal, and up to 5 % on a column at 12 nm."""
    rings = len(default_atlas().recipe.bin_edges_mrad) - 1
    total = default_atlas().samples[..., :rings, :, :].sum(axis=-3)
    assert total.max() <= 1.0 + 5e-4
    assert 0.93 < total.min() < 0.97
    means = total.mean(axis=(0, 1, 2, 4, 5))
    assert (np.diff(means) < 0).all()
    assert means[-1] > 0.98


def test_simulate_takes_the_atlas_and_tells_its_error():
    template = sm.simulate(
        WORD, lattice="LiNiO2:0.5", microscope="stem-300kV", engine="atlas", field_A=(30, 20)
    )
    assert template.engine == "atlas"
    assert template.image.shape == (4, 150, 100)
    assert abs(template.thickness_A - 80) < 1.5
    error = template.provenance["error"]
    assert set(error["rms_of_contrast"]) == {"HAADF", "ADF", "ABF", "BF"}
    assert all(0 < one < 0.01 for one in error["rms_of_contrast"].values())
    assert all(0 < one < 0.05 for one in error["phonon_noise"].values())


def test_auto_takes_the_atlas_where_it_is_near_enough():
    """Rings like none that was measured are left to multislice."""
    settings = {"lattice": "LiNiO2:0.5", "field_A": (20, 15), "thickness_A": 20.0}
    assert sm.simulate(WORD, microscope="stem-300kV", **settings).engine == "atlas"
    unlike = SCOPE.with_(detectors=(Detector("DF", 10.0, 45.0),))
    with pytest.raises(AtlasMismatchError, match="the error of the atlas for DF is unknown"):
        serve(WORD, microscope=unlike, pixel_size_A=0.2, tolerance=0.01, **settings)


def test_auto_takes_the_atlas_only_within_the_tolerance():
    settings = {"microscope": SCOPE, "thickness_A": 80.0, "pixel_size_A": 0.2}
    near = serve(WORD, lattice="LiNiO2:0.5", tolerance=0.01, **settings)
    far = serve(WORD, lattice="LiNiO2:1", **settings)
    told = [one.provenance["error"]["rms_of_contrast"]["BF"] for one in (near, far)]
    assert told[1] > 0.02 > 0.01 > told[0]
    with pytest.raises(AtlasMismatchError, match=r"the error of the atlas for \w+ is .* % of the"):
        serve(WORD, lattice="LiNiO2:1", tolerance=0.01, **settings)


def test_a_catalog_entry_is_a_word_too():
    image = serve("o3", microscope=SCOPE, thickness_A=40.0, pixel_size_A=0.2).images
    assert image.shape[0] == 4
    with pytest.raises(AtlasMismatchError, match="is no stacking"):
        serve("nio", microscope=SCOPE, thickness_A=40.0, pixel_size_A=0.2)


@pytest.mark.parametrize(
    ("word", "changes", "message"),
    [
        ("R+[Li] R.", {}, "is finite and the atlas has no surfaces"),
        (WORD, {"lattice": "LiCoO2"}, "slabs of LiCoO2"),
        (WORD, {"phonons": 0}, "0 phonon configurations were asked for"),
        (WORD, {"phonons": 1000}, "expected 1 to"),
        (WORD, {"thickness_A": 50.0}, "50"),
        (WORD, {"microscope": SCOPE.with_(defocus_A=50.0)}, "defocus_A 50.0 against 0.0"),
        (WORD, {"microscope": Microscope.preset("stem-200kV")}, "energy_eV"),
        ("|R+[Na]|", {}, "holds Na"),
        (3.5, {}, "the atlas cannot show a float"),
    ],
)
def test_what_it_does_not_know_is_told(word, changes, message):
    settings = {"microscope": SCOPE, "thickness_A": 80.0, "pixel_size_A": 0.2} | changes
    settings.setdefault("lattice", "LiNiO2:0.5")
    with pytest.raises(AtlasMismatchError, match=message):
        serve(word, **settings)


def test_a_lattice_at_rest_has_no_business_with_another_potential():
    with pytest.raises(SimulationError, match="the atlas has its own potential"):
        sm.simulate(WORD, engine="atlas", sampling_A=0.05)


def test_tasks_of_shared_tiles_are_one():
    recipe = default_atlas().recipe
    keys = {task.key for task in atlas_tasks(replace(recipe, phonons=0))}
    assert len(keys) == 13
    upper, lower = (Neighbour(1, guest, recipe.neighbours[2].shift) for guest in ("Li@u", "Li"))
    same = [default_atlas().samples[default_atlas().index(one)] for one in (upper, lower)]
    assert np.abs(same[0] - same[1]).max() > 1e-3
