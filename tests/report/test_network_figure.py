import base64
import re
from dataclasses import replace

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.micrograph.network import Seen, packed, unpacked
from stackmotif.report.network_figure import network_figure
from stackmotif.report.page import html_report

PHASES = ("layered", "rocksalt", "amorphous", "vacuum")


@pytest.fixture(scope="module")
def looked_at(result):
    """Rock salt on the left half of the image, nothing sure on the right one."""
    shape = result.image.shape
    salt = np.full(shape, 0.4, dtype=np.float32)
    salt[:, : shape[1] // 2] = 0.97
    rest = (1 - salt) / 3
    chance = np.random.default_rng(0).random(shape, dtype=np.float32)
    seen = Seen(
        denoised=3000 * result.image,
        sharp=chance,
        columns=chance,
        phases={name: salt if name == "rocksalt" else rest for name in PHASES},
        network="0" * 64,
        o1=chance,
    )
    return replace(result, seen=seen)


def test_maps_survive_the_file(looked_at, tmp_path):
    looked_at.save(tmp_path / "out")
    again = sm.load(tmp_path / "out").seen
    np.testing.assert_array_equal(again.denoised, looked_at.seen.denoised)
    np.testing.assert_allclose(again.sharp, looked_at.seen.sharp, atol=1e-3)
    np.testing.assert_allclose(again.columns, looked_at.seen.columns, atol=1 / 500)
    np.testing.assert_allclose(again.o1, looked_at.seen.o1, atol=1 / 500)
    np.testing.assert_array_equal(again.phase_names(), looked_at.seen.phase_names())
    assert list(again.phases) == list(PHASES)
    assert again.network == looked_at.seen.network


def test_a_file_without_one_of_the_maps_is_told(looked_at):
    arrays = packed(looked_at.seen)
    del arrays["columns"]
    with pytest.raises(KeyError):
        unpacked(arrays)


def test_phases_lie_where_they_were_seen(looked_at):
    figure = network_figure(looked_at)
    (shown,) = [one for one in figure.axes[2].images if one.get_gid() == "phases"]
    colours = np.asarray(shown.get_array())
    half = colours.shape[1] // 2
    assert colours[:, : half - 1, 3].min() > 0.4
    assert colours[:, half + 1 :, 3].max() == 0.0
    assert len(np.unique(colours[:, : half - 1, :3].reshape(-1, 3), axis=0)) == 1
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["rock salt 50 %", "unresolved 50 %"]


def test_the_page_has_the_picture_only_if_the_network_looked(looked_at, result):
    pictures = [
        [base64.b64decode(one) for one in re.findall(r"data:image/png;base64,([^\"]+)", page)]
        for page in (html_report(looked_at), html_report(result))
    ]
    assert [len(one) for one in pictures] == [4, 3]
    assert all(one[:4] == b"\x89PNG" for one in pictures[0])
    assert "What the network sees" not in html_report(result)


def test_nothing_is_drawn_without_an_image(looked_at):
    assert network_figure(replace(looked_at, seen=None)) is None
    assert network_figure(replace(looked_at, image=None)) is None
