"""``identify --oxygen``."""

import csv
import json

import numpy as np
import pytest

from stackmotif.cli.oxygen import detector_of
from stackmotif.imaging.scenes.pairs import make_pair

SIZE = 0.15


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with a metal and oxygen images of one field, and some that do not go with it."""
    made = make_pair("|R- L- L+ R+7|", field_A=(40.0, 34.0), pixel_size_A=SIZE)
    folder = tmp_path_factory.mktemp("pair")
    chance = np.random.default_rng(4)
    for name in ("adf", "abf", "bf"):
        electrons = chance.poisson(made.images[name] * 2000 * SIZE**2)
        np.save(folder / f"field_{name}.npy", electrons.astype(np.float32))
    abf = np.load(folder / "field_abf.npy")
    np.save(folder / "unnamed.npy", abf)
    np.save(folder / "cropped_abf.npy", abf[:150])
    np.save(folder / "binned_abf.npy", abf[:266, :226].reshape(133, 2, 113, 2).mean(axis=(1, 3)))
    return folder


def identified(run, pair, out, *options):
    done = run("identify", pair / "field_adf.npy", "--out", out, "--pixel-size-A", SIZE, *options)
    assert done.exit_code == 0, done.stderr
    with (out / "gaps.csv").open(encoding="utf-8") as lines:
        kinds = [line["kind"] for line in csv.DictReader(lines)]
    return json.loads((out / "summary.json").read_text(encoding="utf-8")), kinds, out


@pytest.mark.parametrize(
    ("name", "detector"),
    [("field_abf", "abf"), ("field_bf", "bf"), ("unnamed", "abf"), ("binned_abf", "abf")],
)
def test_an_oxygen_image_tells_kinds(name, detector, run, pair, tmp_path):
    summary, kinds, out = identified(run, pair, tmp_path / "o", "--oxygen", pair / f"{name}.npy")
    assert summary["oxygen"]["detector"] == detector
    assert summary["oxygen"]["read"]
    assert {"3", "2"} <= set(kinds) <= {"3", "2", "?"}
    assert summary["not_yet"] == ["hypotheses.log_image"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h2>Oxygen</h2>" in page
    assert f"--oxygen {name}.npy" in page
    assert f"detector=&#39;{detector}&#39;)" in page


def test_without_it_nothing_changes(run, pair, tmp_path):
    summary, kinds, out = identified(run, pair, tmp_path / "o")
    assert set(kinds) == {"?"}
    assert "oxygen" not in summary
    assert "<h2>Oxygen</h2>" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("oxygen", "message"),
    [
        ("missing.npy", "does not exist"),
        ("cropped_abf.npy", "expected the same field"),
        ("field_adf.npy", "of detector 'adf', which shows metal alone"),
    ],
)
def test_what_cannot_be_the_oxygen_image_is_refused(oxygen, message, refused, pair, tmp_path):
    said = refused(
        "identify", pair / "field_adf.npy", "--out", tmp_path / "o", "--pixel-size-A", SIZE,
        "--oxygen", pair / oxygen,
    )  # fmt: skip
    assert message in said
    assert not (tmp_path / "o").exists()


def test_one_oxygen_image_goes_with_one_image(refused, pair, tmp_path):
    images = (pair / "field_adf.npy", pair / "field_bf.npy")
    said = refused(
        "identify", *images, "--out", tmp_path / "o", "--pixel-size-A", SIZE,
        "--oxygen", pair / "field_abf.npy",
    )  # fmt: skip
    assert "was given with 2 images; expected one image" in said


@pytest.mark.parametrize(
    ("text", "detector"),
    [("20-iDPC_3", "idpc"), ("sample BF", "bf"), ("abfall", None), ("HAADF-ABF", "abf")],
)
def test_detector_from_a_name(text, detector):
    assert detector_of(text) == detector
