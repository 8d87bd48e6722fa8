"""Twins and faults of fcc lattices along <110>, and what is no stacking of the host asked for."""

import json
import os
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.catalog import get_host, load_hosts
from stackmotif.errors import ResultError, StackmotifError
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching import HostWindow, match_columns, score_cells
from stackmotif.matching.hosts.layers import row_leans, without_odd_straight_gaps
from stackmotif.matching.hosts.terms import slab_states
from stackmotif.stacking.closepacked import close_layers
from stackmotif.stacking.columnset import place_columns, stack_phases
from stackmotif.structures import build_rocksalt

REAL = Path(os.environ.get("STACKMOTIF_REAL_DATA", ""))
needs_real = pytest.mark.skipif(
    "STACKMOTIF_REAL_DATA" not in os.environ, reason="STACKMOTIF_REAL_DATA names no folder"
)
HOSTS = list(load_hosts())
CUBIC_A = {"fcc": 4.05, "zinc-blende": 6.48, "diamond": 5.43, "rock-salt": 4.17}
USUAL = {"noise_A": 0.08, "missing": 0.08, "rotation_deg": 33.0, "shear_deg": 1.0, "rng": 5}


def layers(senses, host, *, n_slots=30, **changes):
    dumbbells = get_host(host).dumbbells
    settings = {**USUAL, **changes}
    return close_layers(senses, n_slots, cubic_a_A=CUBIC_A[host], dumbbells=dumbbells, **settings)


def read(positions_A, host, *, sigma_A=0.08):
    return sm.identify(sm.Columns.from_positions(positions_A, sigma_A=sigma_A), host=host)


def gaps_of(senses):
    """Gap states, from the top, of rows that lean: half the sum of both leans."""
    step = {"++": "+", "--": "-", "+-": "0", "-+": "0"}
    return "".join(step[a + b] for a, b in pairwise(senses))


def told(word):
    """A word read in the gauge in which + is the majority."""
    return word if word.count("+") >= word.count("-") else word.translate(str.maketrans("+-", "-+"))


def test_middles_of_dumbbells_follow_from_their_atoms():
    made = close_layers("++--+--", 3, cubic_a_A=6.48, dumbbells=True, rng=0)
    n = len(made.columns.row)
    upper, lower = made.atoms_A[:n], made.atoms_A[n:]
    pitch, bond = made.columns.pitch_A, 6.48 * 3**0.5 / 4
    for row in range(6):
        above, below = (made.columns.row == row), (made.columns.row == row + 1)
        apart = lower[above][:, None, 1] - upper[below][None, :, 1]
        assert np.abs(apart / pitch - np.rint(apart / pitch)).max() < 1e-9  # upright bonds
        drop = upper[below][:, 0].mean() - lower[above][:, 0].mean()
        assert drop == pytest.approx(bond, abs=1e-9)
    length = np.hypot(*(upper - lower).T)
    assert length == pytest.approx(6.48 / 4, abs=1e-9)
    assert "".join("0+-"[t] for t in made.columns.thirds[:, 0]) == gaps_of("++--+--") == "+0-00-"


STACKS = {
    "perfect": "+" * 24,
    "twin": "+" * 13 + "-" * 11,
    "intrinsic": "+" * 13 + "-" + "+" * 10,
    "extrinsic": "+" * 13 + "--" + "+" * 9,
    "band": "+" * 9 + "----" + "+" * 11,
}
MOTIFS = {
    "perfect": {}, "twin": {}, "intrinsic": {"intrinsic_fault": 1},
    "extrinsic": {"extrinsic_fault": 1}, "band": {"twin_band(4)": 1},
}  # fmt: skip


@pytest.mark.parametrize("host", ["fcc", "zinc-blende"])
@pytest.mark.parametrize("name", STACKS)
def test_twins_and_faults_are_read_along_their_own_planes(name, host):
    senses = STACKS[name]
    made = layers(senses, host)
    result = read(made.columns.positions_A, host)
    gaps = gaps_of(senses) if get_host(host).dumbbells else senses
    assert result.status == "ok"
    assert result.word == told(gaps[::-1])
    assert result.summary["host"] == host
    reading = result.summary["host_reading"]
    assert reading["layers"] == told(senses[::-1])
    assert reading["cubic_a_A"] == pytest.approx(CUBIC_A[host], rel=0.01)
    assert result.summary["motif_counts"] == MOTIFS[name]
    planes = reading["twin_planes"]
    assert len(planes) == {"perfect": 0, "twin": 1}.get(name, 2)
    assert all(plane["straight_A"] < 0.15 for plane in planes)
    assert score_cells(result, made.columns).overall > 0.97
    named = result.columns["motif"][result.columns["motif"] != ""]
    assert set(named) == set(MOTIFS[name])
    assert set(result.columns["label"]) <= {"other", "boundary", "unresolved"}
    assert set(result.domains["kind"]) == {"other"}


@pytest.mark.parametrize(
    ("host", "senses"), [("diamond", STACKS["twin"]), ("fcc", STACKS["extrinsic"])]
)
def test_turned_and_mirrored_fields_read_the_same(host, senses):
    made = layers(senses, host, rotation_deg=0.0, shear_deg=0.0).columns
    words = set()
    for angle in (0.0, 70.0, 145.0):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        turned = made.positions_A @ np.array([[c, -s], [s, c]])
        for points in (turned, turned * [1.0, -1.0]):
            result = read(points, host)
            assert result.status == "ok"
            assert score_cells(result, made).overall > 0.97
            words |= {min(result.word, result.word[::-1])}
    gaps = gaps_of(senses) if get_host(host).dumbbells else senses
    assert words <= {min(told(w), told(w)[::-1]) for w in (gaps, gaps[::-1])}


def test_a_straight_gap_is_unknown_where_only_thirds_are_allowed():
    a = CUBIC_A["fcc"]
    states = "+" * 10 + "0" + "+" * 10
    sizes = {"pitch_A": a * 6**0.5 / 4, "row_spacing_A": a / 3**0.5}
    truth = place_columns(stack_phases(states, 30), noise_A=0.05, rng=2, **sizes)
    result = read(truth.positions_A, "fcc")
    assert result.word == "+" * 10 + "x" + "+" * 10
    assert (result.shifts["p_zero"] == 0.0).all()
    total = sum(result.shifts[p] for p in ("p_plus", "p_zero", "p_minus", "p_unknown"))
    np.testing.assert_allclose(total, 1.0, atol=1e-9)


@pytest.mark.parametrize("states", ["+" * 10 + "0" + "+" * 10, "+" * 10 + "00" + "-" * 10])
def test_straight_gaps_that_no_dumbbells_make_are_unknown(states):
    a = CUBIC_A["zinc-blende"]
    sizes = {"pitch_A": a * 6**0.5 / 4, "row_spacing_A": a / 3**0.5}
    truth = place_columns(stack_phases(states, 30), noise_A=0.05, rng=2, **sizes)
    result = read(truth.positions_A, "zinc-blende")
    straight = states.replace("0", "x")
    assert result.word in {told(straight), told(straight[::-1])}


def test_parity_of_straight_gaps_by_hand():
    code = {"+": 0, "0": 1, "-": 2, "x": 3}
    for gaps, kept, leans in [
        ("++0--", "++0--", "+++---"),
        ("+00+", "+00+", "++-++"),
        ("+0-0+", "+0-0+", "++--++"),
        ("+0+", "+x+", "++++"),
        ("+00-", "+xx-", "++x--"),
        ("00+", "00+", "+-++"),
        ("000", "000", "xxxx"),
        ("+-", "+-", "+x-"),
    ]:
        states = np.array([[code[s]] for s in gaps], dtype=np.int8)
        found = without_odd_straight_gaps(states)
        assert "".join("+0-x"[s] for s in found[:, 0]) == kept
        assert "".join("+0-x"[s] for s in row_leans(found)[:, 0]) == leans


def test_a_twin_of_unequal_atoms_is_no_twin_plane_made_up():
    """Where one atom of each dumbbell alone is seen, + gaps meet - gaps in a row."""
    a = CUBIC_A["zinc-blende"]
    made = close_layers("+" * 13 + "-" * 11, 30, cubic_a_A=a, dumbbells=True, rng=1, noise_A=0.05)
    upper = made.atoms_A[: len(made.columns.row)]
    result = read(upper, "zinc-blende")
    assert result.word in ("-" * 10 + "+" * 13, "+" * 13 + "-" * 10)
    assert any("one atom of each dumbbell" in w for w in result.summary["warnings"])
    assert result.summary["host_reading"]["twin_planes"] == []


def rock_salt_planes(sense):
    """Metal planes of NiO along [100] of the layered setting: (height, x) [Å]."""
    structure = build_rocksalt("NiO", sense=sense)
    frame = structure.lattice.matrix
    metal = np.array([site.coords for site in structure if site.specie.symbol == "Ni"])
    beam = frame[0] / np.linalg.norm(frame[0])
    up = np.cross(frame[0], frame[1])
    up /= np.linalg.norm(up)
    across = np.cross(up, beam)  # beam points at the viewer: x right, up up
    return np.stack([metal @ up, metal @ across], axis=1)


@pytest.mark.parametrize("sense", ["+", "-"])
def test_the_sense_trap_of_rock_salt(sense):
    """Plane by plane NiO steps against the O3 that it continues; slab by slab as it does."""
    pitch = 4.17 * 6**0.5 / 4
    planes = rock_salt_planes(sense)
    order = np.argsort(planes[:, 0])
    heights = planes[order, 0]
    x = planes[order, 1] / pitch
    first = np.flatnonzero(np.diff(heights, prepend=-np.inf) > 0.5)
    step = np.diff(x[first])
    step -= np.rint(step)
    expected = {"+": -1 / 3, "-": 1 / 3}[sense]
    np.testing.assert_allclose(step, expected, atol=1e-6)
    assert slab_states(get_host("rock-salt"))[{-1: "-", 1: "+"}[round(3 * expected)]] == sense


@pytest.mark.parametrize("senses", ["+" * 24, "+" * 12 + "-" * 11])
def test_rock_salt_is_read_plane_by_plane(senses):
    made = layers(senses, "rock-salt", noise_A=0.06)
    result = read(made.columns.positions_A, "rock-salt", sigma_A=0.06)
    assert result.status == "ok"
    assert result.word == told(senses[::-1])
    assert result.summary["lattice"]["pitch_A"] == pytest.approx(2.554, abs=0.02)
    assert result.summary["lattice"]["row_spacing_A"] == pytest.approx(2.408, abs=0.02)
    assert set(result.columns["label"]) <= {"rocksalt", "boundary", "unresolved", "other"}
    assert (result.columns["label"] == "rocksalt").mean() > 0.85
    assert result.summary["host_reading"]["slab_states"] == {"+": "-", "-": "+"}
    assert sm.identify(
        sm.Columns.from_positions(made.columns.positions_A, sigma_A=0.06)
    ).status == ("failed")


def turned(points, angle_deg):
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return points @ np.array([[c, -s], [s, c]])


def other_crystal(name, rng):
    generator = np.random.default_rng(rng)
    if name == "random":
        return generator.random((500, 2)) * 80.0
    size = {
        "strontium titanate, strontium": (2.761, 3.905, 0.0),
        "strontium titanate, all": (1.953, 2.761, 0.0),
        "square": (3.905, 3.905, 0.0),
        "square, stretched": (3.905, 3.75, 0.0),
        "hexagonal": (3.9, 3.377, 0.5),
        "oblique": (3.97, 3.74, 0.21),
        "blind": (1.436, 4.73, 0.0),
    }[name]
    pitch, spacing, step = size
    row, slot = np.indices((26, 26)).reshape(2, -1)
    points = np.stack([row * spacing, (slot + step * row % 1.0) * pitch], axis=1)
    return turned(points + generator.normal(0, 0.08, points.shape), generator.uniform(0, 180))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    "name",
    ["random", "strontium titanate, strontium", "strontium titanate, all", "square",
     "square, stretched", "hexagonal", "blind"],
)  # fmt: skip
def test_other_crystals_fail_under_every_host(name, host):
    result = read(other_crystal(name, rng=HOSTS.index(host)), host)
    assert result.status == "failed"
    assert result.summary["reasons"]
    assert result.word == ""
    assert len(result.shifts) == 0
    assert result.summary["host"] == host


@pytest.mark.parametrize("angle_deg", [9.0, 21.0, 55.0])
def test_two_grains_without_rows_in_common_fail(angle_deg):
    parts = []
    for angle, side in ((17.0, -1.0), (17.0 + angle_deg, 1.0)):
        made = layers("+" * 49, "zinc-blende", n_slots=50, rotation_deg=angle, missing=0.0)
        points = made.columns.positions_A - made.columns.positions_A.mean(axis=0)
        parts.append(points[side * points[:, 0] > 1.0])
    points = np.concatenate(parts)
    points = points[np.abs(points).max(axis=1) < 50.0]
    result = read(points, "zinc-blende")
    assert result.status == "failed"
    assert result.word == ""


def test_faults_on_both_sets_of_planes_are_doubted():
    """Rows can lie in one of the two faults only; the other breaks them."""
    made = layers("+" * 30, "zinc-blende", n_slots=44, rotation_deg=0.0, shear_deg=0.0)
    points = made.columns.positions_A - made.columns.positions_A.mean(axis=0)
    pitch = made.columns.pitch_A
    points[points[:, 0] > 12.0, 1] += pitch / 3
    other = np.radians(70.53)
    along = np.array([-np.sin(other), np.cos(other)])
    normal = np.array([along[1], -along[0]])
    points[points @ normal > 8.0] += along * pitch / 3
    assert read(points, "zinc-blende").status in {"low_confidence", "failed"}


@pytest.mark.parametrize("bad", ["nothing", 5, ["fcc"]])
def test_a_host_that_is_none_is_refused(bad):
    with pytest.raises(StackmotifError, match=r"no host|host is a"):
        sm.identify(sm.Columns.from_positions(np.zeros((40, 2)), sigma_A=0.1), host=bad)


def test_the_network_is_asked_of_layered_oxides_alone():
    columns = sm.Columns.from_positions(np.zeros((40, 2)), sigma_A=0.1)
    with pytest.raises(StackmotifError, match="knows layered oxides alone, not 'fcc'"):
        sm.identify(columns, host="fcc", network="on")
    with pytest.raises(StackmotifError, match="maybe"):
        sm.identify(columns, host="fcc", network="maybe")


def test_the_default_host_is_layered_oxide(make, read):
    truth = make()
    columns = sm.Columns.from_positions(truth.positions_A, sigma_A=0.1)
    plain, named = sm.identify(columns), sm.identify(columns, host="layered-oxide")
    window = sm.identify(columns, host=HostWindow())
    assert plain.summary["host"] == named.summary["host"] == "layered-oxide"
    assert window.summary["host"] == "window"
    for result in (named, window):
        np.testing.assert_array_equal(result.columns["label"], plain.columns["label"])
        np.testing.assert_array_equal(result.shifts["p_plus"], plain.shifts["p_plus"])
    assert "host_reading" not in plain.summary


def picture(made, *, pixel_size_A=0.2, sigma_A=0.62, dose=1500.0, ratio=1.0, rng=9):
    """Make an image of both atoms of every dumbbell; return it and the truth in its axes."""
    low = made.atoms_A.min(axis=0) - 4.0
    atoms = made.atoms_A - low
    made.columns.positions_A[:] -= low
    n = len(made.columns.row)
    height = np.full(len(atoms), 0.12)
    height[n:] *= ratio
    shape = tuple(np.ceil((atoms.max(axis=0) + 4.0) / pixel_size_A).astype(int))
    pixels = column_sum_image(
        atoms, shape=shape, pixel_size_A=pixel_size_A, sigma_A=sigma_A, amplitude=height,
        dose_e_per_A2=dose, rng=rng,
    )  # fmt: skip
    return sm.Micrograph(pixels, pixel_size_A), made.columns


@pytest.fixture(scope="module")
def twin_image():
    made = layers("+" * 12 + "-" * 10, "zinc-blende", n_slots=22, noise_A=0.0, missing=0.03)
    image, truth = picture(made)
    return sm.identify(image, host="zinc-blende"), truth


def test_partly_resolved_dumbbells_are_one_column(twin_image):
    result, truth = twin_image
    matched = match_columns(result, truth)
    assert result.status == "ok"
    assert (matched.row >= 0).sum() >= 0.97 * len(truth.row)
    assert (matched.row >= 0).mean() >= 0.97
    assert result.word == told(gaps_of("+" * 12 + "-" * 10)[::-1])
    assert score_cells(result, matched).overall >= 0.97


def test_reports_speak_of_the_host(twin_image, tmp_path):
    result, _ = twin_image
    result.save(tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "zinc blende, twinned" in page
    assert "Twin plane at y" in page
    assert "--host zinc-blende" in page
    assert "host=&#39;zinc-blende&#39;" in page
    assert "O3" not in re.sub(r"base64,[^\"]*", "", page)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["host"] == "zinc-blende"
    assert sm.load(tmp_path / "out").summary == result.summary
    with pytest.raises(ResultError, match="zinc-blende"):
        sm.hypothesize(result)


@pytest.fixture(scope="module")
def real_twin():
    image = sm.read(REAL / "CdTe_110_twin.dm3")
    return image, sm.identify(image, host="zinc-blende")


@needs_real
@pytest.mark.parametrize("name", ["SrTiO3_110_ADF.hdf5", "CdTe_110_tilt_boundary.dm3"])
def test_real_crystals_without_a_stacking_are_not_zinc_blende(name):
    size = 0.0933 if name.startswith("SrTiO3") else None
    result = sm.identify(sm.read(REAL / name, pixel_size_A=size), host="zinc-blende")
    assert result.status == "failed"
    assert result.summary["reasons"]
    assert result.word == ""


@needs_real
def test_a_real_twin_has_two_sides_and_one_boundary(real_twin):
    _, result = real_twin
    assert result.status == "ok"
    assert re.fullmatch(r"\+{16,17}0-{14,15}", result.word)
    (plane,) = result.summary["host_reading"]["twin_planes"]
    assert plane["straight_A"] < 0.15
    assert plane["length_A"] > 100.0
    p = np.stack([result.shifts[name] for name in ("p_plus", "p_zero", "p_minus")])
    assert (p.max(axis=0) >= 0.9).mean() >= 0.95
    assert len(result.shifts) >= 680
    assert result.summary["fractions"]["x"] < 0.02
    assert len(result.domains) == 3


@needs_real
def test_the_lean_of_real_dumbbells_agrees_with_the_reading(real_twin):
    """The mean image of a row's columns leans to one side, the side that its sense says."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    image, result = real_twin
    smooth = gaussian_filter(image.image.astype(np.float64), 1.0)
    angle = np.radians(result.summary["lattice"]["rotation_deg"])
    u, v = np.meshgrid(np.arange(-2.0, 2.01, 0.2), np.arange(-2.0, 2.01, 0.2))
    offset = np.stack(
        [v * np.cos(angle) - u * np.sin(angle), u * np.cos(angle) + v * np.sin(angle)]
    )
    near = np.hypot(u, v) <= 1.9
    high = (np.array(image.shape) - 1) * image.pixel_size_A
    leans = ""
    for row in range(5, 29):
        own = result.columns[result.columns["row"] == row]
        places = np.stack([own["y_A"], own["x_A"]], axis=1)
        places = places[((places > 3.0) & (places < high - 3.0)).all(axis=1)]
        at = places[:, :, None, None] + offset
        mean = map_coordinates(smooth, at.transpose(1, 0, 2, 3) / image.pixel_size_A, order=1).mean(
            0
        )
        weight = np.where(near, np.clip(mean - np.quantile(mean[near], 0.3), 0.0, None), 0.0)
        cross = float((weight * u * v).sum() / weight.sum())
        assert abs(cross) > 0.1
        leans += "+" if cross < 0 else "-"
    expected = result.summary["host_reading"]["layers"][::-1][5:29]
    assert leans in (expected, expected.translate(str.maketrans("+-", "-+")))


@needs_real
@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["SrTiO3_110_ADF.hdf5", "CdTe_110_tilt_boundary.dm3"])
def test_real_crystals_without_a_stacking_are_not_read(name, host):
    size = 0.0933 if name.startswith("SrTiO3") else None
    result = sm.identify(sm.read(REAL / name, pixel_size_A=size), host=host)
    assert result.status == "failed"
    assert result.summary["reasons"]
    assert result.word == ""
