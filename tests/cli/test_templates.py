"""``stackmotif templates``."""

import json
import re

import numpy as np
import pytest

from stackmotif.cli.progress import span_of
from stackmotif.imaging import Template, TemplateLibrary
from stackmotif.imaging.library import planning


@pytest.fixture
def series(monkeypatch):
    """Images without waves; returns what was asked of them."""
    asked = []

    def simulate_series(structure, *, thicknesses_A, microscope, pixel_size_A, **more):
        asked.append({"thicknesses_A": thicknesses_A, "microscope": microscope, **more})
        shape = (len(microscope.detectors), 4, 5)
        return tuple(
            Template(
                image=np.full(shape if shape[0] > 1 else shape[1:], thickness),
                detectors=microscope.detector_names, pixel_size_A=pixel_size_A, engine="torch",
                potential="exact", thickness_A=thickness, phonons=more["phonons"], rng=0,
                microscope=microscope,
            )
            for thickness in thicknesses_A
        )  # fmt: skip

    monkeypatch.setattr(planning, "simulate_series", simulate_series)
    return asked


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("build", "--out", "t", "--scheduler", "somewhere"), "'somewhere' is no address"),
        (("build", "--out", "t", "--scheduler", "tcp://127.0.0.1:1"), "does not answer"),
        (("build", "--out", "t", "--scheduler", "tcp://127.0.0.1:99999"), "does not answer"),
        (("build", "zz", "--out", "t"), "no entry 'zz'"),
        (("build", "--out", "t", "--microscope", "zz"), "preset 'zz'"),
        (("build", "--out", "t", "--engine", "fast"), "'fast' is not one of"),
        (("build", "--out", "t", "--workers", "0"), "--workers"),
        (("build", "--out", "t", "--detectors", "HAADF"), "no detector of 'adf-300kV'"),
        (("build", "--out", "t", "--detectors", "X:1.2.3-4"), "'1.2.3' is no angle"),
        (("build", "--out", "t", "--detectors", "X:30-20"), "runs from 30.0 to 20.0 mrad"),
        (("build", "o3", "--out", "t", "--variants", "up"), "expected some of identity"),
        (("build", "o3", "--out", "t", "--thickness-A", "20,"), "is not a valid float"),
        (("build", "o3", "--out", "t", "--thickness-A", "20,nan"), "nan is not in the range"),
        (("build", "o3", "--out", "t", "--thickness-A", "inf"), "is not in the range"),
        (("build", "o3", "--out", "t", "--defocus-A", "1e9"), "is not in the range"),
        (("build", "o3", "--out", "t", "--pixel-size-A", "nan"), "is not in the range"),
        (("build", "o3", "--out", "t", "--phonons", "-1"), "is not in the range"),
        (("info", "none"), "not a template library"),
        (("verify", "none"), "not a template library"),
    ],
)
def test_what_is_wrong_is_refused(args, message, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("templates", *args)
    assert list(tmp_path.iterdir()) == []


def test_templates_are_built_shown_and_checked(run, tmp_path, series):
    out = tmp_path / "t"
    done = run("templates", "build", "o3", "o1", "--out", out, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert f"{out}: 8 templates" in done.stdout
    assert "device: cpu" in done.stdout
    shown = run("templates", "info", out).stdout
    assert "motifs: o3, o1\n" in shown
    assert "variants: identity, mirror-x, rotate-180, mirror-y\n" in shown
    done = run("templates", "verify", out)
    assert (done.exit_code, done.stdout) == (0, "8 templates are intact\n")
    shard = next(path for path in (out / "images.zarr").rglob("c/0/*/*/*") if path.is_file())
    shard.write_bytes(bytes(reversed(shard.read_bytes())))
    done = run("templates", "verify", out)
    assert done.exit_code == 2
    assert "3 files and images are damaged (images.zarr" in done.stderr
    assert "o3/80A/df0A, o1/80A/df0A" in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_option_is_handed_over(run, tmp_path, series):
    done = run(
        "templates", "build", "o1", "--out", tmp_path / "t", "--microscope", "stem-300kV",
        "--detectors", "abf,DF:40-60", "--thickness-A", "40,20", "--defocus-A", "0,-50",
        "--variants", "mirror-x", "--pixel-size-A", 0.3, "--phonons", 2, "--rng", 5,
        "--engine", "torch", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert [one["microscope"].defocus_A for one in series] == [0.0, -50.0]
    first = series[0]
    assert first["thicknesses_A"] == [20.0, 40.0]
    assert first["microscope"].detector_names == ("ABF", "DF")
    assert first["microscope"].detectors[1].outer_mrad == 60.0
    assert (first["phonons"], first["rng"], first["engine"]) == (2, 5, "torch")
    library = TemplateLibrary(tmp_path / "t")
    assert list(library)[1] == "o1/20A/df0A/mirror-x"
    assert len(library) == 8
    assert library.info["pixel_size_A"] == 0.3


def test_the_estimate_tells_the_cost_and_writes_nothing(run, tmp_path, series):
    out = tmp_path / "t"
    done = run("templates", "build", "o1", "--out", out, "--estimate-only")
    assert done.exit_code == 0, done.output
    assert re.fullmatch(
        r"4 templates of 1 motif from 1 simulation: about [\d.]+ (s|min|h) on one core\n",
        done.stdout,
    )
    assert list(tmp_path.iterdir()) == []
    assert series == []


def test_all_full_width_stackings_are_the_default(run, tmp_path):
    from stackmotif.catalog import load_catalog
    from stackmotif.cli.templates import _motifs

    chosen = _motifs(load_catalog(), ())
    assert {"o1", "o3", "h1-3", "td-1-flipped", "twin-glided"} <= set(chosen)
    assert all(motif.word is not None for motif in chosen.values())
    assert not {"wall-asu-o1-o3", "shell-o3-edge", "nio"} & set(chosen)


def test_an_interrupted_build_is_told_and_goes_on(run, tmp_path, series, monkeypatch):
    out, made = tmp_path / "t", planning.simulate_series

    def interrupted(*args, **settings):
        if len(series) == 1:
            raise KeyboardInterrupt
        return made(*args, **settings)

    monkeypatch.setattr(planning, "simulate_series", interrupted)
    done = run("templates", "build", "o1", "o3", "--out", out, "--device", "cpu")
    assert done.exit_code == 130
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.unfinished"]
    monkeypatch.setattr(planning, "simulate_series", made)
    done = run("templates", "build", "o1", "o3", "--out", out, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert len(series) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]


def test_an_existing_library_is_replaced_only_if_asked(run, refused, tmp_path, series):
    args = ("templates", "build", "o1", "--out", tmp_path / "t", "--device", "cpu")
    assert run(*args).exit_code == 0
    manifest = json.loads((tmp_path / "t" / "manifest.json").read_text())
    assert "exists already" in refused(*args)
    assert run(*args, "--overwrite", "--phonons", 1).exit_code == 0
    changed = json.loads((tmp_path / "t" / "manifest.json").read_text())
    assert (manifest["shared"]["phonons"], changed["shared"]["phonons"]) == (8, 1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (119, "119 s"), (1e3, "16.7 min"), (1e4, "2.8 h"), (3e5, "3.5 days")],
)
def test_times_are_told_in_fitting_units(seconds, text):
    assert span_of(seconds) == text
