"""An atlas measured against multislice of whole words."""

from dataclasses import replace

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope, TemplateLibrary
from stackmotif.imaging.atlas import AtlasRecipe, build_atlas, measuring
from stackmotif.imaging.atlas.errors import expected_error
from stackmotif.imaging.atlas.measuring import (
    compare,
    make_references,
    measure_errors,
    shown_words,
    signals_at,
)
from stackmotif.imaging.atlas.store import save_atlas, with_errors
from stackmotif.imaging.library.building import build_library
from stackmotif.imaging.library.planning import compute, plan_library
from stackmotif.stacking import Word

RECIPE = AtlasRecipe(
    Microscope.preset("stem-300kV").with_(semiangle_mrad=12.0),
    thickness_A=(6.0, 12.0),
    guests=("Li",),
    phonons=0,
    pitches=4,
    k_points=(2, 2),
    sampling_A=0.12,
    row_step_A=0.38,
    n_rows=15,
    n_columns=7,
    bin_edges_mrad=(0.0, 10.0, 20.0, 50.0),
)
DETECTORS = (Detector("BF", 0.0, 10.0), Detector("ADF", 20.0, 50.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("measured")


@pytest.fixture(scope="module")
def rows(folder):
    return measure_errors(RECIPE, folder, n_words=3, detectors=DETECTORS, rng=5)


def test_a_row_for_each_thickness_and_detector(rows):
    found = [(row["thickness_A"], row["detector"], row["words"]) for row in rows]
    assert found == [(t, name, 3) for t in (6.0, 12.0) for name in ("BF", "ADF")]
    assert all(row["mean_rms_of_contrast"] <= row["rms_of_contrast"] for row in rows)


def test_a_thin_crystal_is_put_together_well(rows):
    assert max(row["rms_of_contrast"] for row in rows) < 0.02
    assert min(row["least_correlation"] for row in rows) > 0.999


def test_a_wrong_word_is_told(folder):
    """The measure can fail: references under the names of other words."""
    atlas = build_atlas(RECIPE, folder)
    words = shown_words(atlas, 3, rng=5)
    references = make_references(RECIPE, words, folder, rng=5)
    wrong = [
        replace(one, word=other)
        for one, other in zip(references, words[1:] + words[:1], strict=True)
    ]
    assert min(row["rms_of_contrast"] for row in compare(atlas, wrong, detectors=DETECTORS)) > 0.05


def test_the_atlas_then_tells_it(folder, rows):
    atlas = with_errors(build_atlas(RECIPE, folder), rows)
    assert expected_error(atlas, DETECTORS[0], thickness_A=6.0) == rows[0]["rms_of_contrast"]


def test_signals_at_places_are_those_of_the_image(folder):
    from stackmotif.imaging.atlas.stitch import PreparedAtlas

    atlas = build_atlas(RECIPE, folder)
    prepared = PreparedAtlas(atlas, DETECTORS, thickness_A=6.0, dtype="float64")
    image = prepared.image(
        "|R+[Li] R0[Li] R0[Li]|", pixel_size_A=0.5, field_A=(10.0, 5.0), blur_sigma_A=0.0
    )[0]
    places = np.array([[0.5 * x, 0.5 * y] for y, x in ((0, 0), (3, 7), (12, 2))])
    found = signals_at(atlas, "|R+[Li] R0[Li] R0[Li]|", places, DETECTORS, thickness_A=6.0)
    np.testing.assert_allclose(found, image[:, [0, 3, 12], [0, 7, 2]], atol=2e-4)


def test_words_without_tiles_are_left_out(folder, monkeypatch):
    """Prismatic gaps need both sites of the guest, and this atlas has one."""
    words = shown_words(build_atlas(RECIPE, folder), 3, rng=5)
    assert not any("p" in word.gap_kinds for word in words)
    monkeypatch.setattr(measuring, "_CANDIDATES", 1)
    with pytest.raises(SimulationError, match="of 9 random words; expected 9"):
        shown_words(build_atlas(RECIPE, folder), 9, rng=5)


@pytest.mark.slow
def test_simulate_takes_an_atlas_of_ones_own(folder, rows, tmp_path):
    """By path or as an object; auto takes it where its error is known, and says which it was."""
    measured = with_errors(build_atlas(RECIPE, folder), rows)
    path = save_atlas(measured, tmp_path / "mine")
    bare = save_atlas(build_atlas(RECIPE, folder), tmp_path / "bare")
    scope = RECIPE.microscope.with_(detectors=DETECTORS, source_fwhm_A=0.5)
    settings = {
        "lattice": "LiNiO2:0.5", "microscope": scope, "phonons": 0, "thickness_A": 12.0,
        "field_A": (8.0, 6.0),
    }  # fmt: skip
    word = "|R+[Li] R0[Li] R0[Li]|"
    mine = sm.simulate(word, engine="auto", atlas=path, tolerance=0.05, **settings)
    assert mine.engine == "atlas"
    assert mine.provenance["atlas"]["recipe"] == RECIPE.settings()
    again = sm.simulate(word, engine="atlas", atlas=measured, **settings)
    np.testing.assert_array_equal(mine.image, again.image)
    assert sm.simulate(word, engine="auto", atlas=bare, **settings).engine == "torch"
    told = sm.simulate(word, engine="atlas", atlas=bare, **settings).provenance["error"]
    assert set(told["rms_of_contrast"].values()) == {None}
    with pytest.raises(SimulationError, match="an atlas was given with the engine 'torch'"):
        sm.simulate(word, engine="torch", atlas=path, **settings)
    with pytest.raises(SimulationError, match="is not an atlas"):
        sm.simulate(word, atlas=tmp_path / "none", **settings)
    with pytest.raises(SimulationError, match="atlas is a float"):
        sm.simulate(word, atlas=1.5, **settings)


def test_a_library_takes_an_atlas_of_ones_own(folder, rows, tmp_path):
    atlas = build_atlas(RECIPE, folder)
    path = save_atlas(atlas, tmp_path / "mine")
    scope = RECIPE.microscope.with_(detectors=DETECTORS)
    settings = {
        "lattice": "LiNiO2:0.5", "microscope": scope, "phonons": 0, "thickness_A": 12.0,
        "engine": "atlas", "atlas": path,
    }  # fmt: skip
    plan = plan_library({"word": Word.parse("|R+[Li] R0[Li] R0[Li]|")}, **settings)
    (library,) = [TemplateLibrary(build_library(plan, tmp_path / "library"))]
    assert library["word/12A/df0A/identity"].engine == "atlas"
    save_atlas(with_errors(atlas, rows), path, overwrite=True)
    with pytest.raises(SimulationError, match="is another one than when the library was planned"):
        compute(plan.tasks[0].settings, **plan.tasks[0].hints)
    again = plan_library({"word": Word.parse("|R+[Li] R0[Li] R0[Li]|")}, **settings)
    assert again.tasks[0].key != plan.tasks[0].key
    with pytest.raises(SimulationError, match="expected the folder of one"):
        plan_library({"o3": "o3"}, atlas=atlas)
    with pytest.raises(SimulationError, match="an atlas was given with the engine 'torch'"):
        plan_library({"o3": "o3"}, atlas=path, engine="torch")
