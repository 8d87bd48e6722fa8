"""``--profile`` of ``stackmotif identify``."""

import json

import pytest

PIXEL = ("--pixel-size-A", "0.2")


def test_a_profile_is_in_the_summary_and_on_the_page(run, images, tmp_path):
    (tmp_path / "eels.csv").write_text(
        "depth_nm,Ni_L3_eV\n" + "".join(f"{k},{850 + k}\n" for k in range(6))
    )
    done = run("identify", images / "good.npy", "--out", tmp_path / "o", *PIXEL,
               "--enhance", "off", "--profile", tmp_path / "eels.csv")  # fmt: skip
    assert done.exit_code == 0, done.output
    profile = json.loads((tmp_path / "o" / "summary.json").read_text())["profile"]
    assert profile["source"] == "eels.csv"
    assert profile["depth_A"] == [0, 10, 20, 30, 40, 50]
    assert profile["series"] == {"Ni_L3_eV": [850, 851, 852, 853, 854, 855]}
    assert "Against depth" in (tmp_path / "o" / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist"),
        ("depth_A,Ni\n1,no\n", "expected 2 finite numbers"),
        ("a,b\n1,2\n", "header"),
    ],
)
def test_a_bad_profile_is_refused_and_nothing_written(text, message, refused, images, tmp_path):
    if text is not None:
        (tmp_path / "p.csv").write_text(text)
    before = sorted(tmp_path.iterdir())
    said = refused("identify", images / "good.npy", "--out", tmp_path / "o", *PIXEL,
                   "--profile", tmp_path / "p.csv")  # fmt: skip
    assert message in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_profile_belongs_to_one_image(refused, images, tmp_path):
    (tmp_path / "p.csv").write_text("depth_A,Ni\n1,2\n")
    said = refused("identify", images / "good.npy", images / "square.npy", "--out", tmp_path / "o",
                   *PIXEL, "--profile", tmp_path / "p.csv")  # fmt: skip
    assert "expected one image" in said
