"""The template library on disk."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope, Template, TemplateLibrary, simulate
from stackmotif.imaging.library import VARIANTS, planning
from stackmotif.imaging.library.building import unfinished
from stackmotif.imaging.library.planning import plan_library
from stackmotif.imaging.library.store import StoreWriter
from stackmotif.imaging.sources import to_structure
from stackmotif.structures.lattices.lattice import get_lattice

SCOPE = Microscope(300e3, 20.0, (Detector("BF", 0, 10), Detector("ABF", 10, 20)))
ONE = {
    "engine": "torch",
    "lattice": "O1-NiO2",
    "microscope": SCOPE.with_(detectors=(Detector("BF", 0, 10),)),
    "thickness_A": 3.0,
    "phonons": 0,
    "field_A": (6.0, 5.0),
}
MANY = {**ONE, "microscope": SCOPE, "thickness_A": (6.0, 3.0), "defocus_A": (0.0, 40.0)}
WORDS = {"right": "|R0|", "left": "|L0|"}
STORED = Path(__file__).parent / "stored" / "format-1"


def stand_in(structure, *, thicknesses_A, microscope, pixel_size_A, phonons, rng, device, **more):
    """What the library needs of ``simulate_series``, without waves: no two images are alike."""
    y, x = np.mgrid[:30, :25]
    channels = len(microscope.detectors)
    tilt = structure.frac_coords[-1][0]
    images = [
        [
            channel + tilt + np.sin(0.1 * y + 0.05 * thickness * x + 0.01 * microscope.defocus_A)
            for channel in range(channels)
        ]
        for thickness in thicknesses_A
    ]
    return tuple(
        Template(
            image=np.array(image if channels > 1 else image[0]), pixel_size_A=pixel_size_A,
            detectors=microscope.detector_names, engine="torch", potential=more["potential"],
            thickness_A=thickness + 0.123, microscope=microscope, phonons=phonons, rng=rng,
            provenance={"source": "crystal", "lattice": None},
        )
        for thickness, image in zip(thicknesses_A, images, strict=True)
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_waves(request, monkeypatch):
    if "waves" not in request.node.name:
        monkeypatch.setattr(planning, "simulate_series", stand_in)


@pytest.fixture
def library(tmp_path):
    told = []
    path = tmp_path / "here" / "templates"
    made = TemplateLibrary.build(WORDS, path, progress=lambda *now: told.append(now[:2]), **MANY)
    assert told == [(n, 4) for n in range(5)]
    return made


def test_ids_are_motif_thickness_defocus_and_variant(library):
    ids = list(library)
    assert len(library) == len(ids) == len(set(ids)) == 2 * 2 * 2 * 4
    assert ids[0] == "right/3A/df0A/identity"
    assert ids[-1] == "left/6A/df40A/mirror-y"
    assert library.motifs == ("right", "left")
    assert library.variants == VARIANTS
    assert "right/3A/df0A" in library
    assert "right" not in library
    with pytest.raises(KeyError, match="right/3A/df1A/identity"):
        library["right/3A/df1A/identity"]


def test_templates_are_those_of_their_settings(library):
    scope = SCOPE.with_(defocus_A=40.0)
    (expected,) = stand_in(
        to_structure("|L0|", lattice="O1-NiO2")[0], thicknesses_A=[6.0], microscope=scope,
        pixel_size_A=0.2, phonons=0, rng=0, device="cpu", potential="exact",
    )  # fmt: skip
    stored = library["left/6A/df40A/identity"]
    np.testing.assert_array_equal(stored.image, expected.image)
    assert stored.microscope == scope
    assert stored.thickness_A == 6.123
    assert stored.provenance["source"] == "|L0|"
    assert stored.provenance["lattice"] == "O1-NiO2"


def test_waves_give_what_simulate_gives(tmp_path):
    settings = {**ONE, "microscope": SCOPE, "defocus_A": 40.0}
    library = TemplateLibrary.build({"left": "|L0|"}, tmp_path / "real", **settings)
    settings["microscope"] = SCOPE.with_(defocus_A=settings.pop("defocus_A"))
    fresh, stored = simulate("|L0|", **settings), library["left"]
    np.testing.assert_allclose(stored.image, fresh.image, rtol=0, atol=2e-6)
    assert stored.microscope == fresh.microscope
    assert stored.thickness_A == fresh.thickness_A
    for name in ("source", "lattice", "versions", "grid"):
        assert stored.provenance[name] == json.loads(json.dumps(fresh.provenance[name]))


def test_variants_are_the_image_turned_and_mirrored(library):
    row = "right/6A/df40A"
    image = library[row].image
    assert "variant" not in library[f"{row}/identity"].provenance
    for variant, expected in (
        ("mirror-x", image[:, :, ::-1]),
        ("mirror-y", image[:, ::-1]),
        ("rotate-180", image[:, ::-1, ::-1]),
    ):
        template = library[f"{row}/{variant}"]
        np.testing.assert_array_equal(template.image, expected)
        assert template.provenance["variant"] == variant


def test_waves_of_the_mirrored_crystal_give_the_mirrored_image():
    """``|L0|`` is the mirror image of ``|R0|``; their origins may differ along x."""
    period = get_lattice("O1-NiO2").a_A * 3**0.5
    settings = {**ONE, "pixel_size_A": period / 24, "field_A": (4.0, period)}
    right, left = (simulate(word, **settings).image for word in WORDS.values())
    assert right.shape[1] == 24
    mirrored, target = np.fft.rfft(right[:, ::-1]), np.fft.rfft(left)
    k = np.arange(mirrored.shape[1])
    apart = min(
        np.abs(np.fft.irfft(mirrored * np.exp(-2j * np.pi * k * shift) - target, n=24)).max()
        for shift in np.arange(0, 1, 1 / 240)
    )
    assert apart < 0.05 * np.abs(right - left).max()


def test_variants_are_refused_where_the_microscope_has_a_direction(tmp_path):
    tilted = {**ONE, "microscope": SCOPE.with_(tilt_mrad=(5.0, 0.0))}
    assert plan_library(WORDS, **tilted).variants == ("identity",)
    for changed in (
        {"tilt_mrad": (0.0, 3.0)},
        {"aberrations": {"C12": 20.0}},
        {"detectors": (Detector("DF", 5, 25, n_segments=4),)},
        {"detectors": (Detector("BF", 0, 10, offset_mrad=(1.0, 0.0)),)},
    ):
        with pytest.raises(SimulationError, match="simulate the mirrored crystal"):
            plan_library(
                WORDS, **{**ONE, "microscope": SCOPE.with_(**changed)}, variants=["mirror-x"]
            )
    round_one = {**ONE, "microscope": SCOPE.with_(aberrations={"C50": 1e7}, Cs_A=1e4)}
    assert plan_library(WORDS, **round_one).variants == VARIANTS
    with pytest.raises(SimulationError, match="expected some of identity, mirror-x"):
        plan_library(WORDS, **ONE, variants=["flipped"])
    assert plan_library(WORDS, **ONE, variants=["mirror-y"]).variants == ("identity", "mirror-y")


def test_select_finds_the_nearest(library):
    assert library.select(motif="left", variant="mirror-x", thickness_A=5.9, defocus_A=-10) == [
        "left/6A/df0A/mirror-x"
    ]
    assert len(library.select()) == len(library)
    assert len(library.select(thickness_A=500.0)) == len(library) // 2
    assert library.select(motif=["left"], detector="bf") == library.select(motif="left")
    for asked, message in (
        ({"motif": "up"}, "no motif up; expected some of right, left"),
        ({"variant": "turned"}, "no variant turned"),
        ({"detector": "HAADF"}, "no detector haadf; expected some of bf, abf"),
    ):
        with pytest.raises(SimulationError, match=message):
            library.select(**asked)


def test_info_says_what_there_is(library):
    info = library.info
    assert (info["n_templates"], info["n_simulated"]) == (32, 8)
    assert info["motifs"] == ["right", "left"]
    assert len(info["thickness_A"]) == 2
    assert info["defocus_A"] == [0.0, 40.0]
    assert info["detectors"] == ["BF", "ABF"]
    assert info["microscope"]["energy_eV"] == 300e3


def test_settings_are_hashed_with_the_crystal():
    def keys(motifs, **changes):
        return [task.key for task in plan_library(motifs, **{**ONE, **changes}).tasks]

    base = keys({"x": "|R0|"})
    assert base == keys({"y": "|R0|"}) == keys({"x": "|R0|"}, device="cpu")
    others = [
        keys({"x": "|L0|"}),
        keys({"x": "|R0|"}, lattice="LiNiO2:0.5"),
        keys({"x": "|R0|"}, thickness_A=6.0),
        keys({"x": "|R0|"}, phonons=1),
        keys({"x": "|R0|"}, rng=1),
        keys({"x": "|R0|"}, defocus_A=1.0),
    ]
    assert len({key for (key,) in [base, *others]}) == 7


def test_nothing_is_left_beside_a_finished_library(library):
    assert [entry.name for entry in library.path.parent.iterdir()] == ["templates"]


def test_one_image_of_a_motif_needs_no_more_than_its_name(tmp_path):
    made = TemplateLibrary.build({"right": "|R0|"}, tmp_path / "one", **ONE)
    assert made["right"].image.shape == (30, 25)
    assert made["right"].provenance["source"] == "|R0|"
    assert made.settings_sha256("right") == plan_library({"right": "|R0|"}, **ONE).tasks[0].key


@pytest.fixture
def copy(library, tmp_path):
    return Path(shutil.copytree(library.path, tmp_path / "copy"))


def test_an_intact_library_is_found_so(copy):
    assert TemplateLibrary(copy).verify() == []


def test_a_changed_image_is_found_and_not_given(copy):
    import zarr

    array = zarr.open_group(store=str(copy / "images.zarr"), mode="r+")["2x30x25"]
    array[0] = np.asarray(array[0]) + 0.1
    changed = TemplateLibrary(copy)
    assert changed.verify() == ["images.zarr/2x30x25/c/0/0/0/0", "right/3A/df0A"]
    with pytest.raises(SimulationError, match="checksum differs"):
        changed["right/3A/df0A/mirror-x"]
    assert changed["right/6A/df0A"].image.shape == (2, 30, 25)


def test_every_damaged_file_is_named(copy):
    files = [path for path in copy.rglob("*") if path.is_file() and path.name != "manifest.json"]
    assert len(files) == 4
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        found = TemplateLibrary(copy).verify()
        assert found[0] == file.relative_to(copy).as_posix()
        file.unlink()
        assert found[0] in TemplateLibrary(copy).verify()
        file.write_bytes(content)
    assert TemplateLibrary(copy).verify() == []


def test_a_changed_manifest_is_found(copy):
    manifest = copy / "manifest.json"
    content = manifest.read_text()
    manifest.write_text(content.replace('"phonons":0', '"phonons":8'))
    assert TemplateLibrary(copy).verify() == ["manifest.json"]
    manifest.write_text(content[:-30])
    with pytest.raises(SimulationError, match="is not a template library"):
        TemplateLibrary(copy)


def test_a_library_without_its_images_is_an_error(copy):
    (copy / "images.zarr").rename(copy / "elsewhere")
    with pytest.raises(SimulationError, match="build it again"):
        TemplateLibrary(copy)["right/3A/df0A"]


def test_an_existing_folder_is_not_replaced_unless_asked(library, tmp_path):
    with pytest.raises(SimulationError, match="exists already"):
        TemplateLibrary.build({"right": "|R0|"}, library.path, **ONE)
    (tmp_path / "mine").mkdir()
    with pytest.raises(SimulationError, match="left alone"):
        TemplateLibrary.build({"right": "|R0|"}, tmp_path / "mine", overwrite=True, **ONE)
    assert (tmp_path / "mine").is_dir()
    for _ in range(2):
        one = TemplateLibrary.build({"left": "|L0|"}, tmp_path / "again", overwrite=True, **ONE)
    assert one.motifs == ("left",)
    assert [entry.name for entry in tmp_path.iterdir() if "again" in entry.name] == ["again"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phonons": -1}, "phonons"),
        ({"thickness_A": ()}, "one or more finite"),
        ({"thickness_A": (30.0, float("nan"))}, "one or more finite"),
        ({"defocus_A": "no"}, "one or more finite"),
        ({"pixel_size_A": -1.0}, "pixel size is -1.0"),
        ({"rng": -1}, "rng is -1"),
        ({"engine": "none"}, "engine 'none'"),
        ({"engine": "atlas"}, "0 phonon configurations were asked for"),
    ],
)
def test_a_refused_build_leaves_nothing(tmp_path, changes, message):
    with pytest.raises(SimulationError, match=message):
        TemplateLibrary.build({"x": "|R0|"}, tmp_path / "new", **{**ONE, **changes})
    assert list(tmp_path.iterdir()) == []


def test_nothing_and_unknown_settings_are_refused(tmp_path):
    with pytest.raises(SimulationError, match="one or more"):
        TemplateLibrary.build({}, tmp_path / "new", **ONE)
    with pytest.raises(TypeError, match="colour"):
        TemplateLibrary.build({"x": "|R0|"}, tmp_path / "new", colour="red", **ONE)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_build_goes_on(tmp_path):
    class InterruptedError_(Exception):
        pass

    def interrupt(done, total, left_s):
        if done == 1:
            raise InterruptedError_

    path = tmp_path / "new"
    with pytest.raises(InterruptedError_):
        TemplateLibrary.build(WORDS, path, progress=interrupt, **ONE)
    assert [entry.name for entry in tmp_path.iterdir()] == [unfinished(path).name]
    told = []
    made = TemplateLibrary.build(WORDS, path, progress=lambda *now: told.append(now[0]), **ONE)
    assert told == [1, 2]
    assert made.verify() == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["new"]


def test_waves_that_are_refused_leave_nothing(tmp_path):
    with pytest.raises(SimulationError, match="failed: a field of"):
        TemplateLibrary.build({"x": "|R0|"}, tmp_path / "new", **{**ONE, "field_A": (0.1, 0.1)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_waves_in_processes_give_the_same_library(tmp_path):
    one = TemplateLibrary.build(WORDS, tmp_path / "one", **ONE)
    other = TemplateLibrary.build(WORDS, tmp_path / "other", workers=2, **ONE)
    assert list(other) == list(one)
    for motif in WORDS:
        np.testing.assert_allclose(other[motif].image, one[motif].image, rtol=0, atol=1e-6)


def test_folders_that_are_no_library_are_refused(tmp_path):
    with pytest.raises(SimulationError, match="not a template library"):
        TemplateLibrary(tmp_path)
    for text in ("{}", '{"format": "other"}', '{"format": "stackmotif-template/1"}'):
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
        with pytest.raises(SimulationError, match="another format"):
            TemplateLibrary(tmp_path)
    for text in ("[]", "{", '{"format": 3}'):
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
        with pytest.raises(SimulationError, match="not a template library"):
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
@pytest.mark.parametrize("stored", [False, True])
def test_images_that_do_not_fit_are_refused(library, stored, change, message):
    image = {"pixel_size_A": 0.201, "energy_eV": 300e3, "detector": "bf", **change}
    one = TemplateLibrary(STORED) if stored else library
    if message is None:
        one.check_match(**image)
        return
    with pytest.raises(SimulationError, match=message):
        one.check_match(**image)


def test_libraries_of_the_first_format_are_read(tmp_path):
    """Written by version 0.1.0; the sum was printed when it was."""
    old = TemplateLibrary(STORED)
    assert list(old) == ["right", "left"]
    assert old.variants == ("identity",)
    assert old["left"].image.shape == (2, 15, 12)
    assert old["left"].image.sum() == pytest.approx(178.954483, abs=1e-4)
    assert old["right"].detectors == ("BF", "ABF")
    assert old.verify() == []
    assert old.info["motifs"] == ["right", "left"]
    assert old.select(motif="left", thickness_A=80) == ["left"]
    copy = shutil.copytree(STORED, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["templates"][0]["sha256"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert TemplateLibrary(copy).verify() == ["right"]
    del manifest["templates"][0]["metadata"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SimulationError, match="is damaged"):
        TemplateLibrary(copy)


def template(value, shape):
    return Template(
        image=np.full(shape, value), detectors=("BF", "ABF"), pixel_size_A=0.2, engine="torch",
        potential="exact", thickness_A=30.0, microscope=SCOPE, phonons=0, rng=0,
    )  # fmt: skip


def test_many_images_of_several_sizes_come_back(tmp_path):
    writer = StoreWriter(tmp_path)
    sizes = [(2, 4, 5), (2, 3, 7)]
    for n in range(150):
        writer.add(f"{n}", template(n, sizes[n % 7 == 0]), motif=f"{n}", settings_sha256="")
    shared = {"detectors": ["BF", "ABF"]}
    writer.finish(variants=("identity", "mirror-x"), shared=shared)
    made = TemplateLibrary(tmp_path)
    assert len(made) == 300
    for n in (149, 0, 63, 64, 65, 127, 128, 7):
        assert made[f"{n}"].image.shape == sizes[n % 7 == 0]
        assert (made[f"{n}"].image == n).all()
    assert made.verify() == []
    shards = sorted(path.name for path in (tmp_path / "images.zarr" / "2x4x5" / "c").iterdir())
    assert shards == ["0", "1"]


def test_opening_reads_no_image():
    script = (
        "import sys; from stackmotif.imaging import TemplateLibrary; "
        f"list(TemplateLibrary({str(STORED)!r})); "
        "print([m for m in ('zarr', 'torch', 'abtem', 'pymatgen') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
