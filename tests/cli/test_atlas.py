"""``stackmotif templates build-atlas`` and what the other commands say of an atlas."""

import json

import pytest

from stackmotif.imaging.atlas.store import default_atlas_path, load_atlas

SMALL = ("--phonons", "0", "--thickness-A", "3")


def test_the_estimate_comes_first_and_writes_nothing(run, tmp_path):
    result = run("templates", "build-atlas", "--out", tmp_path / "a", "--estimate-only")
    assert result.exit_code == 0
    assert "104 simulations: about" in result.stdout
    assert not list(tmp_path.iterdir())


def test_thick_atlases_have_tiles_of_fillings(run, tmp_path):
    asked = ("build-atlas", "--out", tmp_path / "a", "--thickness-A", "40,200", "--estimate-only")
    assert "144 simulations: about" in run("templates", *asked).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shifts", "4"), "n_shifts of the atlas is 4; expected a multiple of 3"),
        (("--microscope", "none"), "microscope preset 'none' does not exist"),
        (("--lattice", "Unobtanium"), "Unobtanium"),
        (("--thickness-A", "80,40"), "expected increasing numbers"),
        (("--scheduler", "nowhere"), "is no address"),
    ],
)
def test_what_is_wrong_is_refused_on_one_line(run, tmp_path, arguments, message):
    result = run("templates", "build-atlas", "--out", tmp_path / "a", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_left_alone(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    result = run("templates", "build-atlas", "--out", tmp_path / "mine", "--overwrite")
    assert result.exit_code == 2
    assert "is not an atlas" in result.stderr
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_info_and_verify_know_an_atlas(run):
    told = run("templates", "info", default_atlas_path())
    assert told.exit_code == 0
    assert "lattice: LiNiO2:0.5" in told.stdout
    assert "phonons: " in told.stdout
    assert "intact" in run("templates", "verify", default_atlas_path()).stdout


@pytest.mark.slow
def test_an_atlas_is_built_kept_and_extended(run, tmp_path):
    """The parts stay: the same command again finds everything done."""
    out = tmp_path / "thin"
    first = run("templates", "build-atlas", "--out", out, *SMALL)
    assert first.exit_code == 0, first.stderr
    assert load_atlas(out).recipe.phonons == 0
    parts = {
        one.name: one.stat().st_mtime_ns for one in (tmp_path / "thin.parts" / "parts").iterdir()
    }
    assert len(parts) == 13  # of neighbours; beyond 12 nm there are fillings too
    assert run("templates", "build-atlas", "--out", out, *SMALL).exit_code == 2
    again = run("templates", "build-atlas", "--out", out, *SMALL, "--measure", 2, "--overwrite")
    assert again.exit_code == 0
    after = {
        one.name: one.stat().st_mtime_ns for one in (tmp_path / "thin.parts" / "parts").iterdir()
    }
    assert {name: after[name] for name in parts} == parts
    assert len(after) == len(parts) + 2 * 2  # words, at places and on their metals
    assert "rms_of_contrast: HAADF 3 Å" in run("templates", "info", out).stdout
    image = tmp_path / "image.npz"
    shown = run(
        "simulate", "|R+[Li]|", "--lattice", "LiNiO2:0.5", "--phonons", 0, "--thickness-A", 3,
        "--microscope", "stem-300kV", "--engine", "atlas", "--atlas", out, "--out", image,
    )  # fmt: skip
    assert shown.exit_code == 0, shown.stderr
    assert "atlas" in shown.stdout
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["sha256"]["noise"] = "0"
    (out / "manifest.json").write_text(json.dumps(manifest))
    broken = run("templates", "verify", out)
    assert broken.exit_code == 2
    assert "differs from its checksum" in broken.stderr
