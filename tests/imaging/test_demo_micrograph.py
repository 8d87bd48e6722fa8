"""The bundled micrograph: readable, labelled as simulated, and true to its truth file."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

import stackmotif
from stackmotif.provenance import sha256_file

DATA = Path(stackmotif.__file__).parent / "_data"


@pytest.fixture(scope="module")
def truth():
    return json.loads((DATA / "demo_truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def stored():
    from rsciio.emd import file_reader

    (signal,) = file_reader(str(DATA / "demo.emd"))
    return signal


def test_the_file_says_that_it_is_simulated(stored, truth):
    assert "simulated" in stored["metadata"]["General"]["title"]
    assert truth["simulated"] is True
    assert truth["file_sha256"] == sha256_file(DATA / "demo.emd")


def test_size_type_and_calibration(stored, truth):
    assert stored["data"].dtype == np.uint16
    assert list(stored["data"].shape) == truth["shape"]
    assert [axis["units"] for axis in stored["axes"]] == ["nm", "nm"]
    for axis in stored["axes"]:
        assert axis["scale"] == pytest.approx(truth["pixel_size_A"] / 10)
        assert axis["scale"] * axis["size"] >= 12
    assert (DATA / "demo.emd").stat().st_size < 5_000_000


def test_image_is_bright_at_the_true_columns(stored, truth):
    image = gaussian_filter(stored["data"].astype(float), 1.5)
    y, x = (
        np.concatenate([row[key] for row in truth["rows_top_down"]]) for key in ("y_px", "x_px")
    )

    def mean(dy, dx):
        return map_coordinates(image, [y + dy, x + dx], order=1, mode="nearest").mean()

    half = truth["pitch_A"] / truth["pixel_size_A"] / 2
    for dy, dx in ((0, half), (0, -half), (half, 0), (-half, 0)):
        assert mean(0, 0) > mean(dy, dx) + 30
    assert mean(0, 0) > max(mean(0, 2), mean(0, -2), mean(2, 0), mean(-2, 0))


def test_word_gaps_and_columns_tell_the_same_story(truth):
    """The shift x(upper) - x(lower) of the true columns is that of the gap's state."""
    states = [gap["state"] for gap in truth["gaps_top_down"]]
    assert truth["metal_word"] == "".join(reversed(states))
    assert truth["metal_word"].strip("+") == "-+++++00000+++++--"
    back = np.linalg.inv(np.array(truth["affine_crystal_to_scan"]))
    for state, (upper, lower) in zip(states, pairwise(truth["rows_top_down"]), strict=True):
        places = [
            (back @ np.array([row["x_px"][0], row["y_px"][0]])) * truth["pixel_size_A"]
            for row in (upper, lower)
        ]
        shift = (places[0][0] - places[1][0]) / truth["pitch_A"]
        expected = {"+": 1 / 3, "0": 0.0, "-": -1 / 3}[state]
        assert (shift - expected + 0.5) % 1 - 0.5 == pytest.approx(0.0, abs=0.005)
        assert truth["row_spacing_A"]["1" if state == "0" else "3"] == pytest.approx(
            places[1][1] - places[0][1], abs=0.01
        )
