"""The lattice table: values, interpolation, refusals."""

import math

import pytest

from stackmotif.errors import CatalogError, StructureError
from stackmotif.structures import Lattice, data_folder, get_lattice, read_lattices

TABLE = read_lattices(data_folder() / "lattices.toml")


@pytest.mark.parametrize("node", TABLE.layered["LiNiO2"].nodes, ids=lambda n: f"{n.x:.2f}")
def test_heights_agree_with_the_reported_c(node):
    c = float(node.note.split("c = ")[1].split(" Å")[0])
    assert 3 * (node.slab_height_A + node.gap_height_A) == pytest.approx(c, abs=4e-3)


def test_heights_follow_from_the_oxygen_position():
    licoo2 = get_lattice("LiCoO2")
    slab = 2 * 14.0925 * (0.5 - 0.260185 - 1 / 6)
    assert licoo2.slab_height_A == pytest.approx(slab, abs=1e-4)
    assert licoo2.gap_height_A("3") == pytest.approx(14.0925 / 3 - slab, abs=1e-4)
    o1 = get_lattice("O1-NiO2")
    assert o1.slab_height_A == pytest.approx(2 * 4.4727 * 0.21052, abs=1e-3)
    assert o1.row_spacing_A("1") == pytest.approx(4.4727, abs=1e-3)


def test_sodium_gap_follows_from_ionic_radii():
    lattice = get_lattice("NaCoO2")
    bond = math.hypot(lattice.a_A / math.sqrt(3), lattice.gap_height_A("q") / 2)
    assert bond == pytest.approx(1.02 + 1.40, abs=1e-4)


def test_interpolation_in_the_guest_content():
    low, mid, high = (get_lattice(f"LiNiO2:{x}") for x in (0.5, 0.55, 0.6666666666666666))
    share = (0.55 - 0.5) / (2 / 3 - 0.5)
    assert mid.a_A == pytest.approx(low.a_A + share * (high.a_A - low.a_A))
    assert mid.gap_height_A("1") == low.gap_height_A("1") == 2.589
    assert mid.gap_height_A("p") == mid.gap_height_A("3") == mid.gap_heights_A["3"]
    assert mid.label == "LiNiO2:0.55"


def test_pitch_and_row_spacing():
    lattice = get_lattice("LiNiO2:1")
    assert lattice.column_pitch_A == pytest.approx(2.859 * math.sqrt(3) / 2)
    assert lattice.row_spacing_A() == pytest.approx(14.055 / 3, abs=1e-3)
    assert get_lattice(lattice) is lattice


def test_rock_salt_planes_are_evenly_spaced():
    nio = get_lattice("NiO")
    assert nio.slab_height_A == nio.gap_height_A("3") == pytest.approx(2.4075, abs=1e-4)
    assert nio.column_pitch_A == pytest.approx(2.554, abs=1e-3)
    assert get_lattice("NiO-4177").column_pitch_A == pytest.approx(2.558, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LiNiO3", "lattice 'LiNiO3' is unknown; expected one of LiNiO2, O1-NiO2"),
        ("LiNiO2", "is a series; expected a guest content, such as LiNiO2:1"),
        ("LiNiO2:1.2", "guest content 1.2 is outside the table; expected 0 to 1"),
        ("LiNiO2:nan", "guest content nan is outside"),
        ("LiNiO2:much", "'much' is no guest content"),
        ("LiCoO2:0.5", "expected 1 to 1"),
    ],
)
def test_refusals(name, message):
    with pytest.raises(StructureError, match=message):
        get_lattice(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[layered.A]\ncolour = 1", r"lattices\.toml: Object contains unknown field `colour`"),
        ("[layered", r"lattices\.toml: cannot be read as TOML"),
        (
            "[rocksalt.A]\ndescription=''\ncation='Ni'\nsource=''\ntag=''\na_A=nan",
            r"lattices\.toml: .*`\$\.rocksalt\[\.\.\.\]\.a_A`",
        ),
    ],
)
def test_malformed_tables_name_file_and_key(tmp_path, text, message):
    path = tmp_path / "lattices.toml"
    path.write_text(text)
    with pytest.raises(CatalogError, match=message):
        read_lattices(path)


def test_a_folder_of_ones_own_comes_first(tmp_path):
    nio = "[rocksalt.NiO]\ndescription=''\ncation='Ni'\nsource=''\ntag='U'\na_A=4.2"
    (tmp_path / "lattices.toml").write_text(nio)
    assert get_lattice("NiO", folder=tmp_path).a_A == pytest.approx(4.2 / math.sqrt(2))
    assert get_lattice("LiCoO2", folder=tmp_path) == get_lattice("LiCoO2")


def test_lattice_refuses_nonsense():
    with pytest.raises(StructureError, match="slab height is -2"):
        Lattice("x", 1.0, 2.8, -2.0, {"3": 2.6}, {"Ni": 1.0})
    with pytest.raises(StructureError, match=r"host fractions sum to 0\.5"):
        Lattice("x", 1.0, 2.8, 2.0, {"3": 2.6}, {"Ni": 0.5})
    with pytest.raises(StructureError, match="no gap height of kind '3'"):
        Lattice("x", 1.0, 2.8, 2.0, {"1": 2.6}, {"Ni": 1.0})


def test_an_installed_package_brings_its_data(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "stackmotif"
    (package / "structures").mkdir(parents=True)
    monkeypatch.setattr(
        "stackmotif.structures.lattices.__file__", str(package / "structures" / "lattices.py")
    )
    with pytest.raises(CatalogError, match="data folder is missing: no _catalog in"):
        data_folder()
    (package / "_catalog").mkdir()
    (package / "_catalog" / "lattices.toml").write_text("")
    assert data_folder() == package / "_catalog"
