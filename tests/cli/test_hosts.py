"""``identify --host`` takes hosts and catalog entries."""

import json

import numpy as np
import pytest

from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.stacking.closepacked import close_layers


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A file with a twin of copper along <110>, 0.16 Å per pixel."""
    made = close_layers("+" * 8 + "-" * 7, 18, cubic_a_A=3.61, dumbbells=False, rng=3)
    points = made.columns.positions_A - made.columns.positions_A.min(axis=0) + 4.0
    shape = tuple(np.ceil((points.max(axis=0) + 4.0) / 0.16).astype(int))
    path = tmp_path_factory.mktemp("twin") / "twin.npy"
    np.save(path, column_sum_image(points, shape=shape, pixel_size_A=0.16, dose_e_per_A2=2000.0))
    return path


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_a_host_is_read(run, twin, tmp_path):
    args = ("identify", twin, "--out", tmp_path / "o", "--pixel-size-A", "0.16", "--host", "fcc")
    done = run(*args)
    assert done.exit_code == 0, done.output
    summary = summary_of(tmp_path / "o")
    assert summary["host"] == "fcc"
    assert summary["status"] == "ok"
    assert summary["word"] in ("+" * 8 + "-" * 7, "-" * 7 + "+" * 8)
    assert summary["host_reading"]["cubic_a_A"] == pytest.approx(3.61, rel=0.01)
    assert summary["calibration"] is None
    assert "--host fcc" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")


def test_another_host_fails_with_the_reason(run, twin, tmp_path):
    args = ("identify", twin, "--out", tmp_path / "o", "--pixel-size-A", "0.16")
    assert run(*args, "--host", "zinc-blende").exit_code == 1
    summary = summary_of(tmp_path / "o")
    assert summary["host"] == "zinc-blende"
    assert "zinc blende" in " ".join(summary["reasons"])
    assert run(*args, "--overwrite").exit_code == 1
    assert summary_of(tmp_path / "o")["host"] == "layered-oxide"


def test_an_unknown_host_names_both_kinds(refused, twin, tmp_path):
    said = refused("identify", twin, "--out", tmp_path / "o", "--host", "zincblende")
    assert "catalog has no entry 'zincblende'" in said
    assert "one of the hosts layered-oxide, rock-salt, fcc, zinc-blende, diamond" in said
    assert not (tmp_path / "o").exists()


def test_models_are_of_layered_oxides_alone(refused, twin, tmp_path):
    args = ("identify", twin, "--out", tmp_path / "o", "--host", "fcc", "--hypotheses")
    assert "not of 'fcc'" in refused(*args)
    assert not (tmp_path / "o").exists()


def test_validate_checks_hosts(run, tmp_path):
    own = tmp_path / "own"
    (own / "motifs").mkdir(parents=True)
    (own / "hosts.toml").write_text('schema = 1\n[[host]]\nid = "mine"\n')
    done = run("catalog", "validate", own)
    assert done.exit_code == 2
    assert "hosts.toml: file:" in done.stdout
    assert "missing required field" in done.stdout
