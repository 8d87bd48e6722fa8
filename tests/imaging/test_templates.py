"""The template library on disk."""

import json

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope, TemplateLibrary

SETTINGS = {
    "lattice": "O1-NiO2",
    "microscope": Microscope(300e3, 20.0, (Detector("BF", 0, 10),)),
    "thickness_A": 3.0,
    "phonons": 0,
    "field_A": (6.0, 5.0),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "templates"
    done = []
    made = TemplateLibrary.build(
        {"right": "|R0|", "left": "|L0|"}, path, on_done=done.append, **SETTINGS
    )
    assert done == ["right", "left"]
    return made


def test_templates_come_back_by_id(library):
    assert list(library) == ["right", "left"]
    assert library["right"].image.shape == (30, 25)
    assert library["right"].provenance["source"] == "|R0|"
    assert np.abs(library["right"].image - library["left"].image).max() > 1e-4
    assert library.info["n_templates"] == 2
    assert library.info["microscope"]["energy_eV"] == 300e3


def test_nothing_is_left_beside_a_finished_library(library):
    assert [entry.name for entry in library.path.parent.iterdir()] == ["templates"]


def test_a_damaged_image_is_found(library, tmp_path):
    import zarr

    copy = TemplateLibrary.build({"right": "|R0|"}, tmp_path / "copy", **SETTINGS)
    assert copy.verify() == []
    array = zarr.open_array(store=str(copy.path / "images.zarr"), mode="r+")
    array[0] = np.asarray(array[0]) + 0.1
    assert TemplateLibrary(copy.path).verify() == ["right"]


def test_a_library_without_its_images_is_an_error(tmp_path):
    copy = TemplateLibrary.build({"right": "|R0|"}, tmp_path / "copy", **SETTINGS)
    (copy.path / "images.zarr").rename(tmp_path / "elsewhere")
    with pytest.raises(SimulationError, match="build it again"):
        copy["right"]


def test_an_existing_folder_is_not_replaced_unless_asked(library, tmp_path):
    with pytest.raises(SimulationError, match="exists already"):
        TemplateLibrary.build({"right": "|R0|"}, library.path, **SETTINGS)
    (tmp_path / "mine").mkdir()
    with pytest.raises(SimulationError, match="left alone"):
        TemplateLibrary.build({"right": "|R0|"}, tmp_path / "mine", overwrite=True, **SETTINGS)
    assert (tmp_path / "mine").is_dir()
    for _ in range(2):
        one = TemplateLibrary.build(
            {"left": "|L0|"}, tmp_path / "again", overwrite=True, **SETTINGS
        )
    assert list(one) == ["left"]
    assert [entry.name for entry in tmp_path.iterdir() if "again" in entry.name] == ["again"]


def test_a_failed_build_leaves_nothing(tmp_path):
    with pytest.raises(SimulationError, match="phonons"):
        TemplateLibrary.build({"x": "|R0|"}, tmp_path / "new", **{**SETTINGS, "phonons": -1})
    with pytest.raises(SimulationError, match="one or more"):
        TemplateLibrary.build({}, tmp_path / "new", **SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_no_library_are_refused(tmp_path):
    with pytest.raises(SimulationError, match="not a template library"):
        TemplateLibrary(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": "other"}), encoding="utf-8")
    with pytest.raises(SimulationError, match="another format"):
        TemplateLibrary(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"pixel_size_A": 0.25}, "pixel size"),
        ({"energy_eV": 200e3}, "energy"),
        ({"detector": "adf"}, "without 'adf'"),
    ],
)
def test_images_that_do_not_fit_are_refused(library, change, message):
    image = {"pixel_size_A": 0.201, "energy_eV": 300e3, "detector": "bf", **change}
    if message is None:
        library.check_match(**image)
        return
    with pytest.raises(SimulationError, match=message):
        library.check_match(**image)
