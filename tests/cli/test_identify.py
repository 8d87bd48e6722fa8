import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from stackmotif.cli.batch import INDEX_FIELDS, batch_jobs, image_files
from stackmotif.errors import ReadError
from stackmotif.matching import identify
from stackmotif.micrograph import Micrograph
from synthetic_result import STATES, make_micrograph

REAL = Path(os.environ.get("STACKMOTIF_REAL_DATA", ""))
needs_real_data = pytest.mark.skipif(
    "STACKMOTIF_REAL_DATA" not in os.environ, reason="STACKMOTIF_REAL_DATA names no folder"
)
PIXEL = ("--pixel-size-A", "0.2")


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def index_of(folder):
    with (folder / "index.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_one_image_stands_directly_in_its_folder(saved):
    assert summary_of(saved)["status"] == "ok"
    assert summary_of(saved)["word"] == STATES[::-1]
    assert (saved / "motifs.png").is_file()
    assert not (saved / "index.csv").exists()
    assert {entry.name for entry in saved.parent.iterdir()} == {"out"}


def test_command_tells_device_and_result(run, images, tmp_path):
    done = run("identify", images / "good.npy", "--out", tmp_path / "o", *PIXEL, "--threads", 1)
    assert done.exit_code == 0
    assert done.stdout.startswith("device: cpu (1 threads)\n")
    assert STATES[::-1] in done.stdout


def test_an_image_without_layers_is_exit_1_with_all_files(run, images, tmp_path, saved):
    done = run("identify", images / "square.npy", "--out", tmp_path / "o", *PIXEL)
    assert done.exit_code == 1
    names = {entry.name for entry in (tmp_path / "o").iterdir()}
    assert names == {entry.name for entry in saved.iterdir()}
    assert summary_of(tmp_path / "o")["status"] == "failed"
    assert summary_of(tmp_path / "o")["reasons"][0] in done.stdout


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", None, "does not exist"),
        ("a.npy", b"", "empty"),
        ("a.npy", b"rubbish", "cannot be read"),
        ("a.txt", b"text", "suffix"),
        ("good.npy", "copy", "no pixel size; pass --pixel-size-A X"),
    ],
)
def test_what_cannot_be_read_or_calibrated_writes_nothing(
    name, content, message, refused, images, tmp_path
):
    if content == "copy":
        shutil.copy(images / "good.npy", tmp_path / name)
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    assert message in refused("identify", tmp_path / name, "--out", tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--oxygen", "abf.dm4"), "abf.dm4 does not exist"),
        (("--scheduler", "tcp://x"), "--scheduler tcp://x: this version"),
        (("--device", "cuda"), "--device cuda: this version"),
        (("--catalog", "c"), "together with --host or --calibrate-from"),
        (("--host", "zz"), "catalog has no entry 'zz'"),
        (("--host", "nio"), "no stack of layers"),
        (("--zone", "1-10"), "every stacking projects to zero shift"),
        (("--zone", "up"), "expected one of 100"),
        (("--frame", "5"), "frame is 5; expected 0 to 0"),
        (("--sum-frames", "--frame", "0"), "--sum-frames and --frame 0 contradict"),
        (("--pixel-size-A", "nan"), "expected a finite positive number"),
        (("--pixel-size-A", "-1"), "expected a finite positive number"),
    ],
)
def test_options_that_do_nothing_or_make_no_sense_are_refused(
    options, message, refused, images, tmp_path
):
    said = refused("identify", images / "good.npy", "--out", tmp_path / "o", *PIXEL, *options)
    assert message in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [("--enhance", "off"), ("--device", "cpu"), ("--zone", "110")])
def test_defaults_spelt_out_are_accepted(options, run, images, tmp_path):
    done = run("identify", images / "good.npy", "--out", tmp_path / "o", *PIXEL, *options)
    assert done.exit_code == 0


def test_an_earlier_result_needs_overwrite(run, refused, images, tmp_path):
    args = ("identify", images / "good.npy", "--out", tmp_path / "o", *PIXEL)
    assert run(*args).exit_code == 0
    assert "--overwrite" in refused(*args)
    assert run(*args, "--overwrite").exit_code == 0
    (tmp_path / "o" / "notes.txt").write_text("mine")
    assert "notes.txt" in refused(*args, "--overwrite")


def test_a_folder_gives_one_folder_per_image_and_an_index(run, refused, images, tmp_path):
    out = tmp_path / "out"
    done = run("identify", images, "--out", out, *PIXEL)
    assert done.exit_code == 1
    lines = index_of(out)
    assert [line["directory"] for line in lines] == ["good", "square", "stack-0", "stack-1"]
    assert tuple(lines[0]) == INDEX_FIELDS
    assert [line["status"] for line in lines] == ["ok", "failed", "ok", "ok"]
    assert [line["frame"] for line in lines] == ["", "", "0", "1"]
    assert {entry.name for entry in out.iterdir()} == {
        "index.csv",
        "statistics.json",
        *(x["directory"] for x in lines),
    }
    pooled = json.loads((out / "statistics.json").read_text(encoding="utf-8"))
    # The frames of the stack show one field: it counts once.
    assert [field["status"] for field in pooled["fields"]] == ["ok", "failed", "ok"]
    assert (pooled["n_fields"], pooled["n_skipped"], pooled["n_repeated"]) == (2, 1, 1)
    single = [summary_of(out / name)["statistics"]["n_gaps"] for name in ("good", "stack-0")]
    assert pooled["n_gaps"] == sum(single)
    for line in lines:
        assert summary_of(out / line["directory"])["status"] == line["status"]
        assert summary_of(out / line["directory"])["word"] == line["word"]
    assert "--overwrite" in refused("identify", images, "--out", out, *PIXEL)


def test_a_folder_of_one_image_has_an_index_too(run, images, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(images / "good.npy", tmp_path / "in" / "a b.npy")
    (tmp_path / "in" / "notes.txt").write_text("mine")
    assert run("identify", tmp_path / "in", "--out", tmp_path / "o", *PIXEL).exit_code == 0
    assert [line["image"] for line in index_of(tmp_path / "o")] == ["a b.npy"]
    again = ("identify", tmp_path / "in", "--out", tmp_path / "o", *PIXEL, "--overwrite")
    assert run(*again).exit_code == 0


def test_one_frame_of_a_stack_is_one_image(run, images, tmp_path):
    args = ("identify", images / "stack.npy", "--out", tmp_path / "o", *PIXEL, "--frame", 1)
    assert run(*args).exit_code == 0
    assert summary_of(tmp_path / "o")["name"] == "stack-1"


def test_one_bad_image_stops_the_batch_before_it_begins(refused, images, tmp_path):
    (tmp_path / "bad.npy").write_bytes(b"rubbish")
    args = ("identify", images / "good.npy", tmp_path / "bad.npy", "--out", tmp_path / "o", *PIXEL)
    assert "bad.npy" in refused(*args)
    assert not (tmp_path / "o").exists()


def test_batch_never_writes_into_a_folder_of_something_else(refused, images, tmp_path):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "thesis.tex").write_text("mine")
    args = ("identify", images, "--out", tmp_path / "o", *PIXEL, "--overwrite")
    assert "not empty" in refused(*args)
    assert [entry.name for entry in (tmp_path / "o").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("many", [False, True])
def test_a_place_that_cannot_be_written_is_refused_before_the_job(
    many, refused, images, locked, monkeypatch
):
    from stackmotif.cli import identifying

    monkeypatch.setattr(identifying, "run_one", lambda *_, **__: pytest.fail("worked"))
    image = images if many else images / "good.npy"
    said = refused("identify", image, "--out", locked / "a" / "b", *PIXEL)
    assert "cannot be made" in said
    assert list(locked.iterdir()) == []


def test_an_empty_stack_is_refused(refused, tmp_path):
    np.save(tmp_path / "empty.npy", np.zeros((0, 50, 50)))
    for frame in ((), ("--frame", 0)):
        said = refused("identify", tmp_path / "empty.npy", "--out", tmp_path / "o", *PIXEL, *frame)
        assert "(0, 50, 50), which holds no pixel" in said
    assert not (tmp_path / "o").exists()


def test_an_image_that_meets_a_defect_spares_the_others_of_its_batch(
    run, images, tmp_path, monkeypatch
):
    from stackmotif import report

    write = report.write_bundle

    def break_on_the_first(r, directory, **options):
        if r.name == "good":
            raise ZeroDivisionError("defect\nof ours")
        return write(r, directory, **options)

    monkeypatch.setattr(report, "write_bundle", break_on_the_first)
    out = tmp_path / "o"
    args = ("identify", images / "good.npy", images / "stack.npy", "--out", out, *PIXEL)
    done = run(*args)
    assert done.exit_code == 1
    assert done.stderr.count("stackmotif: error:") == 1
    assert "defect\nof" not in done.stderr
    assert "good.npy: internal error in test_identify.py:" in done.stderr
    assert {entry.name for entry in out.iterdir()} == {
        "index.csv", "statistics.json", "stack-0", "stack-1",
    }  # fmt: skip
    lines = index_of(out)
    assert [line["status"] for line in lines] == ["failed", "ok", "ok"]
    assert [line["directory"] for line in lines] == ["", "stack-0", "stack-1"]
    assert "ZeroDivisionError: defect of ours" in lines[0]["reasons"]
    monkeypatch.setattr(report, "write_bundle", write)
    assert run(*args, "--overwrite").exit_code == 0
    assert [line["status"] for line in index_of(out)] == ["ok", "ok", "ok"]


def test_a_batch_that_is_interrupted_leaves_the_index_of_what_is_done(
    run, images, tmp_path, monkeypatch
):
    from stackmotif import report

    write = report.write_bundle

    def interrupted(r, directory, **options):
        if r.name == "square":
            raise KeyboardInterrupt
        return write(r, directory, **options)

    monkeypatch.setattr(report, "write_bundle", interrupted)
    done = run("identify", images, "--out", tmp_path / "o", *PIXEL)
    assert done.exit_code == 130
    assert [line["directory"] for line in index_of(tmp_path / "o")] == ["good"]


def test_stems_that_meet_get_names_of_their_own(tmp_path):
    from pathlib import Path

    frames = [(Path("x/a.tif"), None), (Path("x/a.png"), None), (Path("y/a.tif"), None)]
    names = [job.out.name for job in batch_jobs(frames, tmp_path)]
    assert names == ["a-tif", "a-png", "a-tif-2"]
    assert len(batch_jobs([(Path("index.csv.npy"), None)], tmp_path)) == 1
    for name in ("index.csv", "statistics.json"):
        assert batch_jobs([(Path(f"{name}.npy"), None)], tmp_path)[0].out.name != name


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(ReadError, match="holds no image"):
        image_files([tmp_path])


@pytest.mark.parametrize("wrong", [0.17, 0.23])
def test_pixel_size_is_calibrated_from_the_catalog(wrong, run, images, tmp_path):
    args = ("identify", images / "good.npy", "--out", tmp_path / "o", "--pixel-size-A", wrong)
    assert run(*args, "--calibrate-from", "o3").exit_code == 0
    summary = summary_of(tmp_path / "o")
    assert summary["lattice"]["pitch_A"] == pytest.approx(2.859 * 3**0.5 / 2, rel=1e-3)
    assert summary["pixel_size_A"] == pytest.approx(0.2 * 2.476 / 2.4855, rel=1e-3)
    assert any("calibrated from o3" in warning for warning in summary["warnings"])
    compared = summary["calibration"]
    assert compared["adopted"]
    assert compared["reference"] == "o3"
    assert compared["pixel_size_A"] == wrong
    assert compared["ratio"] == pytest.approx(0.2 / wrong * 2.476 / 2.4855, rel=1e-3)
    assert compared["adopted_pixel_size_A"] == summary["pixel_size_A"]


def test_a_pixel_size_that_lies_is_told_and_left_alone(run, images, tmp_path):
    args = ("identify", images / "good.npy", "--out", tmp_path / "o", "--overwrite")
    assert run(*args, "--pixel-size-A", 0.215).exit_code == 0
    summary = summary_of(tmp_path / "o")
    assert summary["pixel_size_A"] == 0.215
    compared = summary["calibration"]
    assert not compared["adopted"]
    assert not compared["reference_chosen"]
    assert compared["reference"].startswith("LiNiO2")
    assert 0.90 < compared["ratio"] < 0.95
    assert 0.90 < compared["row_ratio"] < 0.95
    assert any("may be wrong" in warning for warning in summary["warnings"])
    assert run(*args, *PIXEL).exit_code == 0
    assert not any("may be wrong" in one for one in summary_of(tmp_path / "o")["warnings"])
    assert run(*args, *PIXEL, "--host", "o1").exit_code in (0, 1)
    assert summary_of(tmp_path / "o")["calibration"]["reference"] == "o1"


def test_frames_are_summed_and_lines_put_straight_on_request(run, images, tmp_path):
    args = ("identify", images / "stack.npy", "--out", tmp_path / "o", *PIXEL)
    assert run(*args, "--sum-frames", "--straighten").exit_code == 0
    summary = summary_of(tmp_path / "o")
    assert summary["status"] == "ok"
    assert summary["scan"]["removed"]
    assert not (tmp_path / "o" / "index.csv").exists()


def test_an_image_without_layers_is_not_calibrated_into_one(run, images, tmp_path):
    args = ("identify", images / "square.npy", "--out", tmp_path / "o", *PIXEL)
    assert run(*args, "--calibrate-from", "o3").exit_code == 1
    assert summary_of(tmp_path / "o")["status"] == "failed"


def test_a_host_whose_lattice_does_not_fit_is_said(run, images, tmp_path):
    args = ("identify", images / "good.npy", "--out", tmp_path / "o")
    assert run(*args, *PIXEL, "--host", "o3").exit_code == 0
    assert summary_of(tmp_path / "o")["host"] == "o3"
    far = (*args, "--pixel-size-A", 0.22, "--overwrite")
    assert run(*far).exit_code == 0
    assert run(*far, "--host", "o3").exit_code == 1


def test_hypotheses_on_request(run, images, tmp_path):
    args = ("identify", images / "good.npy", "--out", tmp_path / "o", *PIXEL, "--hypotheses")
    assert run(*args).exit_code == 0
    assert len(list((tmp_path / "o" / "hypotheses").glob("*.cif"))) == 10


def test_a_hostile_file_name_is_text(run, images, tmp_path):
    name = "<img src=x onerror=alert(1)>$x^$\x1b[31m.npy"
    shutil.copy(images / "good.npy", tmp_path / name)
    done = run("identify", tmp_path / name, "--out", tmp_path / "o", *PIXEL)
    assert done.exit_code == 0
    assert "\x1b" not in done.output
    page = (tmp_path / "o" / "report.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror" in page


def test_the_command_gives_what_python_gives(saved):
    micrograph = make_micrograph()
    direct = identify(Micrograph(micrograph.image, 0.2, name="good"))
    with (saved / "columns.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    np.testing.assert_allclose(
        [float(line["x_A"]) for line in lines], direct.columns["x_A"], atol=1e-4
    )
    assert [line["motif"] for line in lines] == direct.columns["motif"].tolist()


@needs_real_data
@pytest.mark.parametrize(
    ("name", "options", "fewest"),
    [
        ("CdTe_110_twin.dm3", (), 1300),
        ("CdTe_110_tilt_boundary.dm3", (), 750),
        ("Si_110.png", ("--pixel-size-A", 0.0977), 220),
        ("dumbbells_8_frames.png", ("--pixel-size-A", 0.1), 190),
        ("SrTiO3_110_ADF.hdf5", ("--pixel-size-A", 0.0932627), 1550),
        ("SrTiO3_110_ABF.hdf5", ("--pixel-size-A", 0.0932627, "--detector", "abf"), 1550),
    ],
)
def test_real_micrographs_are_read_and_not_taken_for_oxides(name, options, fewest, run, tmp_path):
    done = run("identify", REAL / name, "--out", tmp_path / "o", *options)
    assert done.exit_code == 1
    assert "fit no layered oxide" in " ".join(summary_of(tmp_path / "o")["reasons"])
    columns = (tmp_path / "o" / "columns.csv").read_text().splitlines()
    assert fewest < len(columns) - 1 < 1.2 * fewest
