"""The network that tells O1 from O3: level rows, and what it knows."""

import numpy as np
import pytest
import torch

from stackmotif.errors import ReadError
from stackmotif.imaging.scenes import make_scene
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import see, weights
from stackmotif.micrograph.network.gaps import (
    STEP_A,
    find_rows,
    follow,
    levelled,
    make_gap_network,
    odds_of_o1,
    put_back,
)
from stackmotif.micrograph.network.weights import load_gaps, save_gaps


def spots(angle_deg, *, pitch_A=2.43, row_A=4.73, shift=1 / 3, n=240, pixel_A=0.25):
    """Return a map of columns whose rows run along an angle from +x towards +y."""
    a, b = np.meshgrid(np.arange(-30, 31), np.arange(-15, 16), indexing="ij")
    u, v = pitch_A * (a + shift * b).ravel(), row_A * b.ravel()
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    x, y = c * u - s * v, s * u + c * v
    grid = (np.arange(n) - (n - 1) / 2) * pixel_A
    along = np.exp(-((grid[:, None] - x) ** 2) / 2 / 0.35**2)
    across = np.exp(-((grid[:, None] - y) ** 2) / 2 / 0.35**2)
    return across @ along.T


@pytest.mark.parametrize("shift", [0.0, 1 / 3, -1 / 3])
@pytest.mark.parametrize("angle_deg", [-88.0, -45.0, -3.3, 0.0, 17.0, 60.5])
def test_rows_are_found_at_any_angle(angle_deg, shift):
    rows = find_rows(spots(angle_deg, shift=shift), 0.25)
    assert abs((np.degrees(rows.angle_rad) - angle_deg + 90) % 180 - 90) <= 0.6
    assert rows.pitch_A == pytest.approx(2.43, abs=0.03)


def test_there_are_no_rows_in_noise():
    noise = np.random.default_rng(0).random((300, 280))
    assert find_rows(noise, 0.25) is None
    assert find_rows(np.zeros((40, 40)), 0.25) is None


@pytest.mark.parametrize("angle_deg", [0.0, 31.0, -77.0, 164.0])
def test_levelled_rows_are_level_and_come_back(angle_deg):
    image = spots(angle_deg)
    level = levelled(image, np.radians(angle_deg), 0.25)
    assert level.shape[0] * STEP_A >= 60
    # The mean along x varies as in an image that never was turned: columns stand in its lines.
    profiles = []
    for one in (level, levelled(spots(0.0), 0.0, 0.25)):
        middle = tuple(slice(n // 2 - 30, n // 2 + 30) for n in one.shape)
        profiles.append(one[middle].mean(axis=1).std())
    assert profiles[0] == pytest.approx(profiles[1], rel=0.1)
    back = put_back(level, np.radians(angle_deg), 0.25, image.shape)
    middle = (slice(20, -20), slice(20, -20))
    assert np.corrcoef(back[middle].ravel(), image[middle].ravel())[0, 1] > 0.95


@pytest.mark.parametrize("turn_deg", [8.0, 25.0, 40.0, 90.0])
def test_columns_of_another_crystal_do_not_follow(turn_deg):
    """Two thirds of the field have one direction of rows, one third another."""
    both = np.concatenate([spots(10.0)[:, :160], spots(10.0 + turn_deg)[:, 160:]], axis=1)
    mine = follow(both, find_rows(both, 0.25), 0.25)
    assert mine[:, 10:130].mean() > 0.98
    assert mine[:, 195:].mean() < 0.02


def test_a_second_crystal_is_given_no_name():
    """Its rows are not level when those of the larger one are: any answer would be a guess."""
    settings = {"dose_per_A2": 1000.0, "detector": "ADF", "source_fwhm_A": 0.8}
    scenes = [make_scene((90900, k), **settings) for k in (0, 2)]
    assert all(np.isin(one.phase, (0, 1)).mean() > 0.9 for one in scenes)
    turned = (scenes[0].rows_deg - scenes[1].rows_deg + 90) % 180 - 90
    assert abs(turned) > 10
    left, right = (one.pixels / one.pixels.mean() for one in scenes)
    both = np.concatenate([left[:, :200], right[:, :120]], axis=1)
    names = see(Micrograph(both, 0.25), symmetric=False).phase_names()
    assert np.isin(names[20:-20, 20:160], ("O3", "O1")).mean() > 0.8
    assert np.isin(names[20:-20, 240:-20], ("O3", "O1")).mean() < 0.02


def test_labels_are_not_mixed():
    labels = np.arange(12).repeat(20).repeat(20).reshape(240, 20)
    assert set(np.unique(levelled(labels, 0.4, 0.25, order=0))) <= set(range(12))


def test_mirror_images_give_mirror_images():
    torch.manual_seed(1)
    net = make_gap_network().eval()
    level = np.random.default_rng(3).normal(size=(50, 64))
    found = odds_of_o1(net, level)
    np.testing.assert_allclose(odds_of_o1(net, level[::-1].copy()), found[::-1], atol=1e-5)
    np.testing.assert_allclose(odds_of_o1(net, level[:, ::-1].copy()), found[:, ::-1], atol=1e-5)


@pytest.fixture(scope="module")
def answers():
    """Return (told, known) of places in a layered oxide, 200 e/Å²."""
    told, known = [], []
    for number in range(12):
        scene = make_scene(
            (99100, number), dose_per_A2=200.0, detector=("ADF", "HAADF")[number % 2]
        )
        inside = (scene.phase == 0) | (scene.phase == 1)
        if inside.mean() < 0.2:
            continue
        seen = see(Micrograph(scene.pixels, scene.pixel_size_A), symmetric=False)
        told.append(seen.phase_names()[inside])
        known.append(np.array(["O3", "O1"])[scene.phase[inside]])
    return np.concatenate(told), np.concatenate(known)


@pytest.mark.slow
def test_it_tells_o1_from_o3(answers):
    told, known = answers
    named = np.isin(told, ("O3", "O1"))
    assert named.mean() > 0.4
    for phase in ("O3", "O1"):
        assert (told == known)[named & (known == phase)].mean() > 0.8


def test_it_says_neither_where_it_saw_no_rows():
    noise = np.random.default_rng(2).poisson(3.0, (160, 160)).astype(np.float32)
    seen = see(Micrograph(noise, 0.2), symmetric=False)
    assert not np.isin(seen.phase_names(), ("O3", "O1")).any()


def test_a_turned_image_is_told_the_same():
    scene = make_scene((99200, 1), dose_per_A2=1000.0, detector="ADF")
    pixels = scene.pixels[:200, :200]
    one = see(Micrograph(pixels, 0.25)).o1
    other = see(Micrograph(np.rot90(pixels).copy(), 0.25)).o1
    inner = (slice(20, -20), slice(20, -20))
    assert np.abs(np.rot90(other, -1)[inner] - one[inner]).mean() < 0.03


@pytest.mark.parametrize("what", ["missing", "other layers", "another format"])
def test_other_weights_are_refused(what, tmp_path, monkeypatch):
    path = tmp_path / "gaps.safetensors"
    state = make_gap_network().state_dict()
    if what == "other layers":
        save_gaps(path, {"0.weight": state["0.weight"]}, facts={})
    elif what == "another format":
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(2)}, str(path))
    monkeypatch.setattr(weights, "GAPS", path)
    load_gaps.cache_clear()
    with pytest.raises(ReadError, match=r"gaps\.safetensors"):
        load_gaps()
    load_gaps.cache_clear()
