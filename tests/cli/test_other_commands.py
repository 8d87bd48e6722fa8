import csv
import json
import shutil
import sys
import threading
import urllib.request

import pytest

from stackmotif.catalog import FORMATS, load_catalog
from stackmotif.catalog.cif import parse_cif
from stackmotif.cli.diagnosis import diagnose, problems
from stackmotif.cli.progress import limit_threads, progress
from stackmotif.stacking import Word
from stackmotif.structures import read_word


@pytest.fixture
def result_folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "out")


def test_hypothesize_writes_models_and_renews_the_page(run, result_folder):
    done = run("hypothesize", result_folder, "--top", 3)
    assert done.exit_code == 0
    with (result_folder / "hypotheses" / "hypotheses.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == 3
    assert lines[2]["word"] in (result_folder / "report.html").read_text()
    assert not list(result_folder.glob(".*"))


def test_hypothesize_again_and_with_other_arguments(run, refused, result_folder):
    args = ("hypothesize", result_folder, "--top", 2)
    assert run(*args).exit_code == 0
    assert run(*args).exit_code == 0
    other = ("hypothesize", result_folder, "--top", 2, "--region", "0,0,60,40")
    assert "other arguments" in refused(*other)
    assert run(*other, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--region", "9,9,1,1"), "expected y0,x0,y1,x1"),
        (("--region", "a,b,c,d"), "expected four numbers"),
        (("--region", "9e5,0,9e6,9"), "no gap cell"),
    ],
)
def test_hypothesize_refuses_bad_regions(options, message, refused, result_folder):
    assert message in refused("hypothesize", result_folder, *options)


def test_hypothesize_needs_a_result(refused, tmp_path):
    assert "not a folder" in refused("hypothesize", tmp_path / "none")
    assert "result.npz" in refused("hypothesize", tmp_path)
    (tmp_path / "result.npz").write_bytes(b"rubbish")
    assert "cannot read" in refused("hypothesize", tmp_path)


def test_hypothesize_of_a_failed_result_is_exit_1(run, images, tmp_path):
    out = tmp_path / "o"
    run("identify", images / "square.npy", "--out", out, "--pixel-size-A", "0.2")
    assert run("hypothesize", out).exit_code == 1
    assert len((out / "hypotheses" / "hypotheses.csv").read_text().splitlines()) == 1


def test_catalog_lists_every_entry_under_its_family(run):
    done = run("catalog", "list")
    assert done.exit_code == 0
    blocks = [block.splitlines() for block in done.stdout.split("\n\n")]
    catalog = load_catalog()
    shown = {line.split()[0]: block[0] for block in blocks for line in block[1:]}
    assert sorted(shown) == list(catalog)
    for motif_id, title in shown.items():
        motif = catalog[motif_id]
        count = len(catalog.query(family=motif.family))
        assert title.startswith(f"{motif.family} ({count}): ")
    lines = {line.split()[0]: line for block in blocks for line in block[1:]}
    assert lines["h1-3"].endswith("  |R+[Li] R0|")
    assert lines["wall-asu-o1-o3"].endswith(f"  {catalog['wall-asu-o1-o3'].name}")
    assert max(len(line) for line in done.stdout.splitlines()) <= 100
    family = run("catalog", "list", "--family", "td").stdout
    assert family.strip() == done.stdout[done.stdout.index("td (") :].partition("\n\n")[0]


def test_catalog_show(run, refused):
    shown = run("catalog", "show", "td-1-flipped").stdout
    motif = load_catalog()["td-1-flipped"]
    for line in (
        "word: R+11 R- L+ R+11 R.",
        "status: idealized",
        f"identity: {motif.recipe.identity()}",
        "recipe.kind: word",
        f"recipe.lattice: {motif.lattice}",
        f"space group: {motif.checks.space_group}",
        "coordination of metals: 25 with 6 anions",
        "reference: wang2024",
        f"structure: {motif.folder / 'structure.cif'}",
    ):
        assert f"{line}\n" in f"{shown}\n", line
    assert motif.description in shown
    assert all(f"inferred: {text}" in shown for text in motif.inferred)
    assert run("catalog", "show", "nio").exit_code == 0
    assert "no entry 'zz'" in refused("catalog", "show", "zz")
    assert "has no entries" in refused("catalog", "list", "--family", "zz")


@pytest.mark.parametrize("fmt", FORMATS)
def test_catalog_export(fmt, run, refused, tmp_path):
    on_terminal = run("catalog", "export", "o3", "--format", fmt)
    assert on_terminal.exit_code == 0
    args = ("catalog", "export", "o3", "--format", fmt, "--out", tmp_path / "x")
    assert run(*args).exit_code == 0
    assert (tmp_path / "x").read_text().strip() == on_terminal.stdout.strip()
    assert "exists" in refused(*args)
    assert run(*args, "--overwrite").exit_code == 0


def test_catalog_export_refuses_what_it_cannot_write(refused):
    assert "format 'pdb'" in refused("catalog", "export", "o3", "--format", "pdb")
    assert "zone '001'" in refused("catalog", "export", "o3", "--format", "abtem", "--zone", "001")
    assert "expected one ID, or --all" in refused("catalog", "export", "--format", "cif")
    assert "or --all" in refused("catalog", "export", "o3", "--all", "--format", "optimade")
    assert "expected one of optimade" in refused("catalog", "export", "--all", "--format", "cif")
    assert "has no relaxed model" in refused(
        "catalog", "export", "td-1-flipped", "--relaxed", "--format", "cif"
    )


def test_the_whole_catalog_is_one_file(run, tmp_path):
    out = tmp_path / "catalog.bib"
    assert run("catalog", "export", "--all", "--format", "bibtex", "--out", out).exit_code == 0
    assert out.read_text().count("{stackmotif-") == len(load_catalog())


def test_every_format_is_in_the_help(run):
    text = run("catalog", "export", "--help").stdout
    assert all(f"\n  {fmt} " in text for fmt in FORMATS)


def test_catalog_relax_writes_beside_and_never_over(run, refused, tmp_path, monkeypatch):
    from stackmotif import structures
    from stackmotif.structures import Relaxed

    asked = {}

    def stand_in(structure, **settings):
        asked.update(settings)
        return Relaxed(
            structure=structure, energy_eV=-3.0, energy_per_atom_eV=-1.0, ideal_energy_eV=-2.0,
            contacts_A={"M-M": 2.777}, max_force_eV_A=0.01, method="a stand-in", steps=7,
            converged=False,
        )  # fmt: skip

    monkeypatch.setattr(structures, "relax", stand_in)
    args = ("catalog", "relax", "o1", "--out", tmp_path, "--fmax", "0.1", "--max-steps", 7)
    done = run(*args, "--fixed-cell")
    assert done.exit_code == 0, done.output
    assert "NOT converged after 7 steps, -1.0000 eV per atom, a stand-in" in done.stdout
    assert asked == {"fmax_eV_A": 0.1, "max_steps": 7, "relax_cell": False}
    assert {path.name for path in tmp_path.iterdir()} == {"relaxed.cif", "relaxed.toml"}
    assert "exists" in refused(*args)
    assert run(*args, "--overwrite").exit_code == 0
    assert asked["relax_cell"]
    assert "does not exist" in refused("catalog", "relax", "o1", "--out", tmp_path / "none")
    assert "no entry 'zz'" in refused("catalog", "relax", "zz", "--out", tmp_path)
    assert "0<x<=1" in refused("catalog", "relax", "o1", "--out", tmp_path, "--fmax", "0")


def test_catalog_relax_names_the_extra(refused, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "chgnet", None)
    assert "stackmotif[relax]" in refused("catalog", "relax", "o1", "--out", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_relaxed_models_are_exported(run):
    args = ("catalog", "export", "o1", "--format", "cif")
    ideal, relaxed = run(*args), run(*args, "--relaxed")
    assert relaxed.exit_code == 0
    assert parse_cif(relaxed.stdout).volume > parse_cif(ideal.stdout).volume
    assert "relaxed: " in run("catalog", "show", "o1").stdout


def test_catalog_validate(run, tmp_path):
    folder = tmp_path / "part"
    entry = folder / "motifs" / "polytype" / "again"
    shutil.copytree(load_catalog()["o1"].folder, entry)
    text = (entry / "motif.toml").read_text().replace('id = "o1"', 'id = "again"')
    (entry / "motif.toml").write_text(text)
    done = run("catalog", "validate", folder)
    assert "is the motif of 'o1'; expected one entry for it: lattice and sizes" in done.stdout
    (entry / "motif.toml").write_text(text.replace("[recipe]", 'same_crystal_as = "o1"\n[recipe]'))
    done = run("catalog", "validate", folder)
    assert (done.exit_code, done.stdout) == (0, "catalog is valid\n")
    assert run("catalog", "rebuild", folder).stdout == "all entries were up to date\n"
    done = run("catalog", "validate", tmp_path / "none")
    assert done.exit_code == 2
    assert done.stderr.startswith("stackmotif: error: catalog has")


@pytest.mark.parametrize(
    ("model", "word"),
    [
        ("|R+[Li] R0|", "|R+[Li] R0|"),
        ("h1-3", "|R+[Li] R0|"),
        ("O1 fault(1)", "R+12 R0 R+11 R."),
        ("R+3 R- L+ R+3 R.", "R+3 R- L+ R+3 R."),
    ],
)
def test_build_writes_the_word(model, word, run, tmp_path):
    assert run("build", model, "--out", tmp_path / "x.cif").exit_code == 0
    built = read_word(parse_cif((tmp_path / "x.cif").read_text()))
    expected = Word.parse(word)
    assert built.without_guests().canonical() == expected.without_guests().canonical()


@pytest.mark.parametrize("name", ["x.vasp", "POSCAR", "x.extxyz", "x.json"])
def test_build_formats(name, run, tmp_path):
    from pymatgen.core import Structure

    assert run("build", "|R+[Li]|", "--out", tmp_path / name).exit_code == 0
    if name.endswith("xyz"):
        import ase.io

        assert len(ase.io.read(tmp_path / name)) == 12
    else:
        fmt = "poscar" if name in ("x.vasp", "POSCAR") else name[2:]
        assert len(Structure.from_str((tmp_path / name).read_text(), fmt=fmt)) == 12


def test_build_takes_a_lattice(run, tmp_path):
    for lattice in ("LiNiO2:1", "LiNiO2:0.5"):
        run("build", "|R+|", "--out", tmp_path / f"{lattice[-1]}.cif", "--lattice", lattice)
    a = [parse_cif((tmp_path / name).read_text()).lattice.a for name in ("1.cif", "5.cif")]
    assert a[0] - a[1] == pytest.approx(2.859 - 2.811, abs=2e-3)


def test_build_sets_arguments_of_the_recipe(run, tmp_path):
    out = tmp_path / "x.cif"
    args = ("build", "o3", "--out", out, "--set", "guest_mix={ Li = 0.5 }", "--lattice")
    assert run(*args, "LiNiO2:0.5").exit_code == 0
    structure = parse_cif(out.read_text())
    assert structure.composition.formula == "Li1.5 Ni3 O6"
    assert structure.lattice.a == pytest.approx(2.811, abs=2e-3)
    for value in ("LiCoO2", "'LiCoO2'"):
        args = ("build", "o3", "--out", out, "--overwrite", "--set", f"lattice={value}")
        assert run(*args).exit_code == 0
        assert parse_cif(out.read_text()).composition.reduced_formula == "LiCoO2"
    assert run(*args[:5], "--set", "word='|R0|'").exit_code == 0
    assert read_word(parse_cif(out.read_text())).name == "O1"


def test_own_folders_are_read_by_build_show_and_export(run, tmp_path):
    entry = tmp_path / "motifs" / "own" / "mine"
    entry.mkdir(parents=True)
    text = (load_catalog()["o1"].folder / "motif.toml").read_text()
    text = text.replace('id = "o1"', 'id = "mine"').replace('"polytype"', '"own"')
    (entry / "motif.toml").write_text(text)
    assert run("catalog", "rebuild", tmp_path).exit_code == 0
    own = ("--catalog", tmp_path)
    assert run("catalog", "show", "mine", *own).exit_code == 0
    assert run("catalog", "export", "mine", "--format", "cif", *own).exit_code == 0
    assert run("build", "mine", "--out", tmp_path / "x.cif", *own).exit_code == 0
    assert "own (1)\n  mine  |R0|\n" in run("catalog", "list", *own).stdout
    assert run("build", "mine", "--out", tmp_path / "y.cif").exit_code == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("|R+", "--out", "x.cif"), "at character 4"),
        (("zz", "--out", "x.cif"), "no catalog id, word or name"),
        (("|R+|", "--out", "x.foo"), "no known suffix"),
        (("|R+[Li:0.5]|", "--out", "x.vasp"), "partly filled"),
        (("|R+|", "--out", "none/x.cif"), "does not exist"),
        (("|R+|", "--out", "x.cif", "--lattice", "zz"), "lattice"),
        (("nio", "--out", "x.cif", "--lattice", "LiNiO2:1"), "LiNiO2"),
        (("o3", "--out", "x.cif", "--set", "n=3"), "no argument n; expected one of word, lattice"),
        (("o3", "--out", "x.cif", "--set", "vacuum_A=nan"), "vacuum_A"),
        (("o3", "--out", "x.cif", "--set", "vacuum_A='x'"), "vacuum_A"),
        (("o3", "--out", "x.cif", "--set", "guest_mix={Li=2}"), "guest_mix"),
        (("o3", "--out", "x.cif", "--set", "word"), "expected NAME=VALUE"),
        (("o3", "--out", "x.cif", "--set", "a b=1"), "expected NAME=VALUE"),
        (("o3", "--out", "x.cif", "--set", "word=[1"), "expected NAME=VALUE"),
        (("o3", "--out", "x.cif", "--set", "word='x'\ny=1"), "expected NAME=VALUE"),
        (("|R+|", "--out", "x.cif", "--set", "lattice=NMC811"), "a word has no recipe"),
        (("o3", "--out", "x.cif", "--catalog", "none"), "is no catalog"),
        (("+0-", "--out", "x.cif"), "tilt"),
        (("o3", "--out", "x.cif", "--lattice", "NiO"), "'NiO' is rock salt"),
        (("|R+|", "--out", "x.cif", "--lattice", "NiO-4177"), "is rock salt"),
    ],
)
def test_build_refuses(args, message, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("build", *args)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nio", "--out", "x.npz", "--engine", "atlas"), "'nio' is no stacking"),
        (
            ("o3", "--out", "x.npz", "--engine", "abtem", "--device", "cuda"),
            "device is 'cuda' with the engine 'abtem'",
        ),
        (("o3", "--out", "x.npz", "--microscope", "zz"), "preset 'zz'"),
        (("o3", "--out", "x.npz", "--pixel-size-A", "9"), "0.01<=x<=2"),
        (("o3", "--out", "x.jpg"), "no known suffix"),
        (("|R+", "--out", "x.npz"), "at character 4"),
        (("zz", "--out", "x.npz"), "neither a stacking word"),
        (("o3", "--out", "x.npz", "--lattice", "LiNiO2:1"), "has its own"),
    ],
)
def test_simulate_refuses(args, message, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("simulate", *args)
    assert list(tmp_path.iterdir()) == []


def test_simulate_hands_over_every_option_and_leaves_one_file(run, tmp_path, monkeypatch):
    import numpy as np

    from stackmotif import imaging
    from stackmotif.imaging import Microscope, Template

    asked = {}

    def stand_in(x, **options):
        asked.update(options, x=x)
        return Template(
            image=np.ones((4, 5)), detectors=("ADF",), pixel_size_A=0.3, engine="abtem",
            potential="exact", thickness_A=20.0, phonons=0, rng=3,
            microscope=Microscope.preset("adf-200kV"),
        )  # fmt: skip

    monkeypatch.setattr(imaging, "simulate", stand_in)
    done = run(
        "simulate", "|R0|", "--out", tmp_path / "x.npz", "--thickness-A", 20, "--pixel-size-A",
        0.3, "--phonons", 0, "--rng", 3, "--dose", 500, "--microscope", "adf-200kV", "--lattice",
        "LiNiO2:0.5", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "device: cpu" in done.stdout
    assert "simulated" in done.stdout
    asked.pop("progress")
    assert asked == {
        "x": "|R0|", "thickness_A": 20.0, "pixel_size_A": 0.3, "phonons": 0, "rng": 3,
        "dose": 500.0, "microscope": "adf-200kV", "lattice": "LiNiO2:0.5", "engine": "auto",
        "tolerance": None, "device": "cpu", "atlas": None,
        "potential": "exact", "prism": None,
    }  # fmt: skip
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npz"]
    assert Template.load(tmp_path / "x.npz").thickness_A == 20.0


def test_doctor_tells_versions_and_known_problems(run):
    done = run("doctor")
    assert done.exit_code == 0
    for name in ("python: ", "numpy: ", "abtem: ", "cuda: ", "device in use: cpu"):
        assert name in done.stdout
    assert dict(diagnose().facts)["stackmotif"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"rosettasciio": "0.7"}, "unpickles"),
        ({"abtem": "1.0.6"}, "1.0.10"),
        ({"abtem": "1.1.0"}, "1.0.10"),
        ({"numpy": "1.26.4"}, "2.0"),
        ({"rosettasciio": "0.13", "abtem": "1.0.10", "numpy": "2.0.0"}, None),
        ({"rosettasciio": "1.0.dev3", "abtem": "1.0.12"}, None),
    ],
)
def test_known_bad_versions_are_named(found, words, run):
    said = problems(found)
    assert (words is None) == (said == [])
    assert words is None or words in said[0]


def test_explore_prints_an_address_that_answers(run, monkeypatch):
    from stackmotif import explorer
    from stackmotif.explorer import server

    seen = {}

    def serve_once(*, port, catalog, on_ready):
        with server.ExplorerServer(catalog, port=port) as running:
            threading.Thread(target=running.handle_request, daemon=True).start()
            on_ready(running.url)
            seen["status"] = urllib.request.urlopen(running.url, timeout=10).status

    monkeypatch.setattr(explorer, "serve", serve_once)
    done = run("explore")
    assert done.stdout.startswith("open http://127.0.0.1:")
    assert seen["status"] == 200


def test_progress_is_told_only_after_a_while(capsys):
    import time

    with progress("quick", patience_s=5.0):
        pass
    assert capsys.readouterr().err == ""
    with progress("slow", patience_s=0.05) as stage:
        stage("second stage")
        time.sleep(0.2)
    captured = capsys.readouterr()
    assert captured.err.startswith("slow: second stage … ")
    assert captured.out == ""


def test_threads_are_limited_for_libraries_loaded_later(monkeypatch):
    import os

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "DASK_NUM_WORKERS"):
        monkeypatch.setenv(name, "7")
    for name in ("NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, "2"))
    limit_threads(None)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    limit_threads(1)
    assert os.environ["OMP_NUM_THREADS"] == os.environ["DASK_NUM_WORKERS"] == "1"


def test_demo_reads_the_bundled_image_and_says_that_it_is_simulated(run, refused, tmp_path):
    from importlib.resources import files

    truth = json.loads(files("stackmotif").joinpath("_data", "demo_truth.json").read_text())
    out = tmp_path / "demo"
    for _ in range(2):
        done = run("demo", "--out", out)
        assert done.exit_code == 0, done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["simulated"]
    assert summary["word"] == truth["metal_word"]
    assert {"TD(1)", "TD(2)"} <= set(summary["motif_counts"])
    assert "simulated" in done.stdout
    assert str(out / "report.html") in done.stdout
    page = (out / "report.html").read_text()
    assert page.count("simulated image") >= 2
    assert "<pre>stackmotif demo</pre>" in page
    assert list((out / "hypotheses").glob("*.cif"))
    (out / "notes.txt").write_text("mine")
    assert "notes.txt" in refused("demo", "--out", out)


@pytest.mark.parametrize("changed", [{}, {"name": "stackmotif-demo"}, {"provenance": None}])
def test_demo_never_replaces_a_result_of_another_image(changed, refused, result_folder):
    path = result_folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    before = {entry.name: entry.stat().st_mtime_ns for entry in result_folder.iterdir()}
    assert "earlier demo" in refused("demo", "--out", result_folder)
    after = {entry.name: entry.stat().st_mtime_ns for entry in result_folder.iterdir()}
    assert after == before
    assert {entry.name for entry in result_folder.parent.iterdir()} == {result_folder.name}


@pytest.mark.parametrize("name", ["catalog", "templates"])
def test_a_group_without_a_sub_command_shows_its_help(name, run):
    done = run(name)
    assert done.exit_code == 0
    assert done.stderr == ""
    assert done.stdout == run(name, "--help").stdout
    assert done.stdout.count("\n") > 5


NUMBERS = [("--thickness-A", "nan"), ("--thickness-A", "inf"), ("--pixel-size-A", "nan")]


@pytest.mark.parametrize(
    ("option", "value"),
    [*NUMBERS, ("--dose", "nan"), ("--dose", "inf"), ("--dose", "-inf"), ("--dose", "1e300")],
)
def test_simulate_refuses_what_is_no_number_before_any_work(
    option, value, refused, tmp_path, monkeypatch
):
    from stackmotif import imaging

    monkeypatch.setattr(imaging, "estimate_s", lambda *_, **__: pytest.fail("worked"))
    said = refused("simulate", "o3", "--out", tmp_path / "x.npz", option, value)
    assert f"{value} is not in the range" in said or f"{float(value)} is not in the range" in said
    assert list(tmp_path.iterdir()) == []


def test_a_region_of_nan_is_refused(refused, result_folder):
    assert "finite" in refused("hypothesize", result_folder, "--region", "nan,0,9,9")


@pytest.mark.parametrize(
    "args",
    [
        ("simulate", "o3", "--out", "locked/x.npz"),
        ("build", "o3", "--out", "locked/x.cif"),
        ("templates", "build", "o3", "--out", "locked/a/t"),
        ("demo", "--out", "locked/a/demo"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    args, refused, tmp_path, monkeypatch, locked
):
    monkeypatch.chdir(tmp_path)
    assert "cannot be made (Permission denied)" in refused(*args)
    assert [entry.name for entry in tmp_path.iterdir()] == ["locked"]


def test_a_mistyped_id_is_told_with_those_near_it(refused, tmp_path):
    said = refused("build", "wall-asu-o1-o4", "--out", str(tmp_path / "x.cif"))
    assert "'wall-asu-o1-o4' is no catalog id, word or name" in said
    assert "wall-asu-o1-o3" in said


@pytest.mark.parametrize(("settings", "told"), [((), True), (("guest_mix={Li=0.35}",), False)])
def test_guests_that_do_not_fit_the_lattice_are_told(run, tmp_path, settings, told):
    options = [text for setting in settings for text in ("--set", setting)]
    out = str(tmp_path / "x.cif")
    done = run("build", "o3", "--lattice", "NMC811:0.35", *options, "--out", out)
    assert done.exit_code == 0
    assert ("note: 1 guests per metal" in done.stderr) is told


def test_a_finite_stack_is_not_told_off_for_its_outermost_slab(run, tmp_path):
    done = run("build", "R+[Li]2 R.", "--lattice", "LiNiO2:1", "--out", tmp_path / "x.cif")
    assert done.exit_code == 0
    assert "note" not in done.stderr
