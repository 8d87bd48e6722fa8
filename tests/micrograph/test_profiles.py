"""Profiles from text and from files of microscope programs."""

import h5py
import numpy as np
import pytest

from stackmotif.errors import ReadError
from stackmotif.micrograph.profiles import read_profile


def write_hspy(path, data, axes):
    """Write a signal as HyperSpy does; axes are (name, scale, units)."""
    from rsciio.hspy import file_writer

    signal = {
        "data": data,
        "axes": [
            {"name": name, "scale": scale, "offset": 0.0, "units": units, "size": size,
             "index_in_array": k, "navigate": False, "is_binned": False, "_type": "UniformDataAxis"}
            for k, ((name, scale, units), size) in enumerate(zip(axes, data.shape, strict=True))
        ],
        "metadata": {"General": {"title": "Ni L3"}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "package_info": {"package": "test", "package_version": "0"}, "learning_results": {},
        "tmp_parameters": {},
        "models": {},
    }  # fmt: skip
    file_writer(str(path), signal)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_text_with_a_distance(tmp_path, mark):
    path = tmp_path / "p.csv"
    rows = (("Depth_nm", "Ni L3 (eV)", "O/Ni"), ("0.5", "853.0", "1.1"), ("1.5", "853.5", "1.6"))
    head, first, second = (mark.join(row) for row in rows)
    lines = ["# EELS of today", head, first, "", second]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    profile = read_profile(path)
    assert profile.depth_A.tolist() == [5.0, 15.0]
    assert profile.series["O/Ni"].tolist() == [1.1, 1.6]
    assert list(profile.series) == ["Ni L3 (eV)", "O/Ni"]
    assert profile.name == "p.csv"


@pytest.mark.parametrize("unit", ["px", "A"])
def test_text_with_places(tmp_path, unit):
    path = tmp_path / "p.csv"
    path.write_text(f"x_{unit},y_{unit},Ni\n1,2,0.5\n3,4,0.6\n")
    profile = read_profile(path)
    assert profile.depth_A is None
    assert profile.places.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert profile.places_unit == unit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 lines"),
        ("depth_A,Ni\n", "1 lines"),
        ("place,Ni\n1,2\n", "header names place, Ni; expected a header with depth_A"),
        ("depth_A\n1\n", "no quantity"),
        ("depth_A,Ni\n1,two\n", "line 2: '1,two'; expected 2 finite numbers"),
        ("depth_A,Ni\n1,nan\n", "finite"),
        ("depth_A,Ni\n1,2\n3\n", "line 3"),
        ("depth_A,depth_A\n1,2\n", "different names"),
    ],
)
def test_text_that_is_no_profile(tmp_path, text, message):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ReadError, match=message):
        read_profile(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ReadError, match="does not exist"):
        read_profile(tmp_path / "none.csv")
    with pytest.raises(ReadError, match="does not exist"):
        read_profile(tmp_path / "none.hspy")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ReadError, match="as text"):
        read_profile(tmp_path / "bad.csv")
    (tmp_path / "bad.hspy").write_bytes(b"rubbish")
    with pytest.raises(ReadError, match="cannot be read"):
        read_profile(tmp_path / "bad.hspy")
    (tmp_path / "profile.doc").write_text("text")
    with pytest.raises(ReadError, match="suffix"):
        read_profile(tmp_path / "profile.doc")


def test_a_line_of_hyperspy(tmp_path):
    write_hspy(tmp_path / "line.hspy", np.linspace(853, 855, 8), [("depth", 0.4, "nm")])
    profile = read_profile(tmp_path / "line.hspy")
    np.testing.assert_allclose(profile.depth_A, 4.0 * np.arange(8))
    np.testing.assert_allclose(profile.series["Ni L3"], np.linspace(853, 855, 8))


def test_spectra_along_a_line_are_not_a_profile(tmp_path):
    data = np.ones((6, 200))
    write_hspy(tmp_path / "si.hspy", data, [("x", 0.4, "nm"), ("loss", 0.25, "eV")])
    with pytest.raises(ReadError, match="integrate spectra first"):
        read_profile(tmp_path / "si.hspy")
    with h5py.File(tmp_path / "si.hspy") as file:
        assert "Experiments" in file
