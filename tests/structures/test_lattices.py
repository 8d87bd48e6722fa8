"""The lattice table: values, interpolation, refusals."""

import math
import re

import numpy as np
import pytest

from stackmotif.errors import CatalogError, StructureError
from stackmotif.structures import Lattice, data_folder, get_lattice, read_lattices
from stackmotif.structures.lattices.series import coverage

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


@pytest.mark.parametrize(
    ("charge_mAh_g", "a_A", "c_A"),
    [
        (0.00, 2.8704, 14.1918),
        (40.40, 2.8616, 14.2309),
        (93.23, 2.8464, 14.3250),
        (124.31, 2.8355, 14.4040),
        (177.14, 2.8188, 14.4834),
        (208.22, 2.8150, 14.4021),
        (226.87, 2.8127, 14.2396),
        (242.40, 2.8117, 14.0078),
    ],
)
def test_nmc811_follows_the_published_charge(charge_mAh_g, a_A, c_A):
    """Scans of the data file, with the capacity that one lithium per formula unit holds."""
    molar_mass = 6.94 + 0.8 * 58.6934 + 0.1 * 54.938 + 0.1 * 58.933 + 2 * 15.999
    x = 1 - charge_mAh_g / (96485.33 / 3.6 / molar_mass)
    lattice = get_lattice(f"NMC811:{max(x, 0.1202)}")
    assert lattice.a_A == pytest.approx(a_A, abs=1e-3)
    assert lattice.c_A == pytest.approx(c_A, abs=4e-3)


def test_nmc811_agrees_with_other_sources():
    """Maximum of c and c at 4.3 V of another charge; slab of a refined as-made powder."""
    series = [get_lattice(f"NMC811:{x}").c_A for x in (0.13, 0.2, 0.3, 0.35, 0.4, 0.5)]
    assert max(series) == pytest.approx(14.467, abs=0.02)
    assert min(series) == pytest.approx(14.030, abs=0.03)
    seen = next(o for o in TABLE.observations if o.source == "li2010")
    assert get_lattice("NMC811").a_A == pytest.approx(seen.a_A, abs=2e-3)
    assert get_lattice("NMC811").c_A == pytest.approx(seen.c_A, abs=6e-3)
    refined = 2 * seen.c_A * (0.241 - 1 / 6)
    assert get_lattice("NMC811").slab_height_A == pytest.approx(refined, abs=5e-3)


def test_each_quantity_names_its_source():
    lattice = get_lattice("NMC811:0.5")
    assert lattice.source == lattice.sources["a"].reference == "maerker2019"
    assert (lattice.sources["slab"].tag, lattice.sources["gaps"].tag) == ("U", "U")
    assert "Assumed" in lattice.sources["slab"].note
    assert lattice.slab_height_A == get_lattice("LiNiO2:0.5").slab_height_A
    assert get_lattice("LixCoO2:0.5").sources["slab"].tag == "N"
    tags = {key: source.tag for key, source in get_lattice("LiNiO2:0.5").sources.items()}
    assert tags == {"a": "R", "c": "R", "slab": "R", "gaps": "N"}


def test_every_source_is_in_the_bibliography():
    text = (data_folder() / "references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"^@\w+\{([^,]+),", text, re.MULTILINE)) | {"estimate"}
    assert {place: key for place, key in TABLE.references().items() if key not in keys} == {}
    assert set(TABLE.references().values()) > {"maerker2019", "takahashi2007", "dick1997"}


def test_slab_of_licoo2_follows_from_the_oxygen_contact():
    for x, contact in ((1.0, 2.6180), (0.35, 2.5385)):
        lattice = get_lattice(f"LixCoO2:{x}")
        across = math.hypot(lattice.slab_height_A, lattice.a_A / math.sqrt(3))
        assert across == pytest.approx(contact, abs=2e-4)


@pytest.mark.parametrize("name", ["NMC622", "NMC111"])
def test_a_scaled_series_keeps_the_relative_change(name):
    for x in (1.0, 0.7, 0.45):
        own, other = get_lattice(f"{name}:{x}"), get_lattice(f"NMC811:{x}")
        start, other_start = get_lattice(name), get_lattice("NMC811")
        assert own.a_A / start.a_A == pytest.approx(other.a_A / other_start.a_A)
        assert own.c_A / start.c_A == pytest.approx(other.c_A / other_start.c_A)
    charged, made = get_lattice("NMC111:0.4"), get_lattice("NMC111")
    change = charged.a_A**2 * charged.c_A / (made.a_A**2 * made.c_A) - 1
    assert change == pytest.approx(-0.012, abs=3e-3), "kondrakov2017, up to 4.3 V"


@pytest.mark.parametrize("name", list(TABLE.layered))
def test_series_are_continuous_and_sane(name):
    low, high = coverage(name, TABLE)
    lattices = [get_lattice(f"{name}:{x}") for x in np.linspace(low, high, 41)]
    for quantity in ("a_A", "slab_height_A", "c_A"):
        values = np.array([getattr(lattice, quantity) for lattice in lattices])
        assert np.abs(np.diff(values)).max() < 0.02 * values.mean()
    for lattice in lattices:
        assert 2.7 < lattice.a_A < 2.95
        assert 1.8 < lattice.slab_height_A < 2.2
        bond = math.hypot(lattice.a_A / math.sqrt(3), lattice.slab_height_A / 2)
        assert 1.83 < bond < 2.0
        assert 2.4 < lattice.gap_height_A("3") < 3.7


def test_another_host_keeps_the_dimensions():
    lattice = get_lattice("NMC811:0.5")
    other = lattice.with_host({"Ni": 0.6, "Mn": 0.2, "Co": 0.2})
    assert other.host == get_lattice("NMC622").host
    assert (other.a_A, other.c_A) == (lattice.a_A, lattice.c_A)
    with pytest.raises(
        StructureError, match=r"host is \{'Ni': 0\.9\}; expected fractions .* sum to 1"
    ):
        lattice.with_host({"Ni": 0.9})
    with pytest.raises(StructureError, match="expected fractions from 0 to 1"):
        lattice.with_host({"Ni": 1.1, "Mn": -0.1})
    with pytest.raises(StructureError, match="'Qq' is no element"):
        lattice.with_host({"Qq": 1.0})
    for wrong in ({"Ni": "1"}, {"Ni": math.nan}, {}, None, ["Ni"]):
        with pytest.raises(StructureError, match="host is"):
            lattice.with_host(wrong)


@pytest.mark.parametrize(
    ("name", "kind", "bond_A"),
    [("O3-NaCoO2", "3", 2.2987), ("P3-NaCoO2", "p", 2.3476)],
)
def test_sodium_hosts_have_sodium_distances(name, kind, bond_A):
    lattice = get_lattice(name)
    bond = math.hypot(lattice.a_A / math.sqrt(3), lattice.gap_height_A(kind) / 2)
    assert bond == pytest.approx(bond_A, abs=2e-3)


@pytest.mark.parametrize("name", ["LiNiO2", "LiCoO2", "LixCoO2", "NMC811", "NMC622", "NMC111"])
def test_o1_has_a_smaller_layer_spacing_of_its_own(name):
    """At every content that is covered; but for LiNiO2 above 0.97, as its note says."""
    low, high = coverage(name, TABLE)
    for x in np.linspace(low, min(high, 0.97) if name == "LiNiO2" else high, 41):
        lattice = get_lattice(f"{name}:{x}")
        assert lattice.gap_height_A("1") == 2.589
        assert lattice.row_spacing_A("1") < lattice.row_spacing_A("3") - 1e-4
    full = get_lattice("LiNiO2:1")
    assert full.row_spacing_A("1") - full.row_spacing_A("3") == pytest.approx(0.019, abs=1e-3)


def test_a_series_follows_lengths_beyond_the_o3_range_of_another():
    """The slab of O1-NiO2 serves NMC811 below x = 1/6, where no kind-3 gap of LiNiO2 is known."""
    assert coverage("LiNiO2", TABLE) == pytest.approx((1 / 6, 1))
    assert coverage("NMC811", TABLE) == pytest.approx((0.1202, 1))
    slab = get_lattice("NMC811:0.1202").slab_height_A
    assert slab == pytest.approx(1.883 + 0.1202 * 6 * (1.914 - 1.883))


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
        ("LiNiO2:1.2", r"guest content 1.2 is outside the table; expected 0\.166667 to 1"),
        ("LiNiO2:0", "use O1-NiO2:0"),
        ("LiNiO2:0.1", r"use LiNiO2:0\.166667"),
        ("LiNiO2:nan", "guest content nan is outside"),
        ("LiNiO2:much", "'much' is no guest content"),
        ("LiCoO2:0.5", "outside the table; expected 1: use LixCoO2:0.5"),
        ("LiCoO2:0.2", "expected 1: use LiCoO2:1"),
        ("NMC811:0.05", r"expected 0\.1202 to 1: use NMC811:0\.1202"),
        ("NMC111:0.3", r"expected 0\.4 to 1: use NMC111:0\.4"),
    ],
)
def test_refusals(name, message):
    with pytest.raises(StructureError, match=message):
        get_lattice(name)


SERIES = """schema = 1
[layered.A]
description=''
host={{Ni=1}}
source='s'
tag='U'
[layered.A.a]
{}
[layered.A.c]
x=[1]
value_A=[14]
[layered.A.slab]
x=[1]
value_A=[2]
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "schema = 1\n[layered.A]\ncolour = 1",
            r"lattices\.toml: Object contains unknown field `colour`",
        ),
        ("[layered", r"lattices\.toml: cannot be read as TOML"),
        ("schema = 2\nnews = 1", r"lattices\.toml: schema is '2'; expected 1"),
        ("[layered]", "schema is missing; expected 1: .*begin the file with: schema = 1"),
        ("schema = true", "schema is 'True'; expected 1"),
        (SERIES.format("x = [1.0]\nvalue_A = [2.8, 2.9]"), r"1 x and 2 value_A; .*layered"),
        (SERIES.format("x = [1.0, 0.5]\nvalue_A = [2.8, 2.9]"), "x does not ascend"),
        (SERIES.format("note = ''"), "holds no nodes and no 'like'"),
        (
            SERIES.replace("tag='U'", "tag='U'\ncovers=[0,1]").format("x = [1]\nvalue_A = [2.8]"),
            "'covers' narrows nodes",
        ),
        (SERIES.format("like = 'B'"), r"layered\.A\.a\.like: 'B' is no series with nodes"),
        (SERIES.split("[layered.A.c]")[0].format("x=[1]\nvalue_A=[2.8]"), "expected either nodes"),
        (
            "schema=1\n[rocksalt.A]\ndescription=''\ncation='Ni'\nsource=''\ntag=''\na_A=0.0",
            r"lattices\.toml: .*`\$\.rocksalt\[\.\.\.\]\.a_A`",
        ),
        (
            "schema=1\n[rocksalt.A]\ndescription=''\ncation='Ni'\nsource=''\ntag=''\na_A=nan",
            r"lattices\.toml: rocksalt\.A\.a_A is nan; expected a finite number",
        ),
    ],
)
def test_malformed_tables_name_file_and_key(tmp_path, text, message):
    path = tmp_path / "lattices.toml"
    path.write_text(text)
    with pytest.raises(CatalogError, match=message):
        read_lattices(path)


def test_a_folder_of_ones_own_comes_first(tmp_path):
    nio = "schema=1\n[rocksalt.NiO]\ndescription=''\ncation='Ni'\nsource=''\ntag='U'\na_A=4.2"
    (tmp_path / "lattices.toml").write_text(nio)
    assert get_lattice("NiO", folder=tmp_path).a_A == pytest.approx(4.2 / math.sqrt(2))
    assert get_lattice("LiCoO2", folder=tmp_path) == get_lattice("LiCoO2")


def test_lattice_refuses_nonsense():
    with pytest.raises(StructureError, match="slab height is -2"):
        Lattice("x", 1.0, 2.8, -2.0, {"3": 2.6}, {"Ni": 1.0})
    with pytest.raises(StructureError, match=r"lattice x: host is \{'Ni': 0\.5\}"):
        Lattice("x", 1.0, 2.8, 2.0, {"3": 2.6}, {"Ni": 0.5})
    with pytest.raises(StructureError, match="no gap height of kind '3'"):
        Lattice("x", 1.0, 2.8, 2.0, {"1": 2.6}, {"Ni": 1.0})


def test_an_installed_package_brings_its_data(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "stackmotif"
    (package / "structures").mkdir(parents=True)
    monkeypatch.setattr(
        "stackmotif.structures.lattices.lattice.__file__",
        str(package / "structures" / "lattices" / "lattice.py"),
    )
    with pytest.raises(CatalogError, match="data folder is missing: no _catalog in"):
        data_folder()
    (package / "_catalog").mkdir()
    (package / "_catalog" / "lattices.toml").write_text("")
    assert data_folder() == package / "_catalog"
