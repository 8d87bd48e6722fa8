"""Hosts are data: what they say, and what is refused."""

import dataclasses
from pathlib import Path

import pytest

from stackmotif.catalog import get_host, load_catalog, load_hosts, validate
from stackmotif.catalog.hosts import DEFAULT_HOST, read_hosts
from stackmotif.errors import CatalogError
from stackmotif.matching import HostWindow
from stackmotif.structures import data_folder, get_lattice

ONE = """schema = 1
[[host]]
id = "mine"
name = "mine"
description = "mine"
zone = "<110>"
cubic_a_A = [4.0, 5.0]
tolerance = 0.05
ratio_tolerance = 0.04
shifts = [-1, 1]
columns = "single"
states = { "+" = "one", "-" = "other" }
label = "other"
source = "estimate"
tag = "U"
"""


def folder_of(tmp_path: Path, text: str) -> Path:
    own = tmp_path / "own"
    (own / "motifs").mkdir(parents=True)
    (own / "hosts.toml").write_text(text)
    return own


def test_the_default_is_the_window_of_layered_oxides():
    host = get_host(DEFAULT_HOST)
    assert next(iter(load_hosts())) == DEFAULT_HOST
    assert HostWindow(host.pitch_window_A, host.spacing_window_A, host.tolerance) == HostWindow()
    assert host.is_layered
    assert host.shifts == [-1, 0, 1]


def test_closed_forms_of_fcc_along_110():
    host = get_host("zinc-blende")
    low, high = host.ratio_window
    ratio = (1 / 3**0.5) / (6**0.5 / 4)
    assert ratio == pytest.approx(0.9428, abs=1e-4)
    assert low < ratio < high
    assert host.pitch_window_A[0] < 3.97 < host.pitch_window_A[1]  # CdTe, a = 6.48 Å
    assert host.spacing_window_A[0] < 3.74 < host.spacing_window_A[1]
    assert low > 0.8661  # a hexagonal lattice
    assert high < 1.0  # a square one


def test_rock_salt_holds_the_lattice_that_models_are_made_of():
    lattice, host = get_lattice("NiO"), get_host("rock-salt")
    assert lattice.column_pitch_A == pytest.approx(2.554, abs=0.001)
    spacing = lattice.row_spacing_A() / host.rows_per_slab
    assert spacing == pytest.approx(2.408, abs=0.001)
    a = host.cubic_constant_A(lattice.column_pitch_A, spacing)
    assert a == pytest.approx(4.17, abs=0.001)
    assert host.cubic_a_A[0] < a < host.cubic_a_A[1]
    assert host.shifts == [-1, 1]


def test_no_host_is_an_entry_of_the_catalog():
    assert not set(load_hosts()) & set(load_catalog())


def test_an_unknown_host_is_refused_with_a_guess():
    with pytest.raises(CatalogError, match="no host 'zincblende'; expected one of layered-oxide"):
        get_host("zincblende")
    with pytest.raises(CatalogError, match="did you mean zinc-blende"):
        get_host("zincblende")


def test_own_hosts_stand_beside_the_librarys(tmp_path):
    own = folder_of(tmp_path, ONE)
    assert get_host("mine", path=own).cubic_a_A == (4.0, 5.0)
    assert list(load_hosts(own))[:1] == [DEFAULT_HOST]
    assert validate(own) == []
    with pytest.raises(CatalogError, match="'fcc' stands twice"):
        load_hosts(folder_of(tmp_path / "twice", ONE.replace('"mine"\nname', '"fcc"\nname')))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('source = "estimate"', 'source = "nobody2026"', "not in references.bib"),
        ('id = "mine"', 'id = "o3"', "id of another entry"),
        ('id = "mine"', 'id = "fcc"', "id of another entry"),
        ('label = "other"', 'label = "other"\npith_A = 1.0', "unknown field"),
        ('tag = "U"', 'tag = "X"', "Invalid enum value 'X'"),
        ("[4.0, 5.0]", "[5.0, 4.0]", "smaller value first"),
        ("[4.0, 5.0]", "[-4.0, 5.0]", "> 0"),
        ("cubic_a_A = [4.0, 5.0]", "pitch_A = [2.0, 3.0]", "either pitch_A and row_spacing_A"),
        ("shifts = [-1, 1]", "shifts = [1]", "expected -1 and 1"),
        ("shifts = [-1, 1]", "shifts = [-1, 0, 1]", "one name for each of the shifts"),
        ('label = "other"', 'label = "by-state"', "expected the shifts -1, 0 and 1"),
        ("schema = 1", "schema = 7", "schema"),
        ("schema = 1", "schema = ", "TOML"),
    ],
)
def test_validate_names_what_is_wrong(tmp_path, old, new, reason):
    assert old in ONE
    problems = validate(folder_of(tmp_path, ONE.replace(old, new)))
    assert len(problems) == 1
    assert problems[0].file == "hosts.toml"
    assert reason in str(problems[0])


def test_the_version_of_the_catalog_follows_its_hosts(tmp_path):
    own = folder_of(tmp_path, ONE)
    entry = own / "motifs" / "mine" / "new"
    entry.mkdir(parents=True)
    (entry / "motif.toml").write_text("a")
    before = load_catalog(own).version
    (own / "hosts.toml").write_text(ONE.replace("5.0", "5.1"))
    assert load_catalog(own).version != before


def test_hosts_do_not_change():
    (host, *_) = read_hosts(data_folder() / "hosts.toml")
    with pytest.raises((AttributeError, dataclasses.FrozenInstanceError)):
        host.id = "other"


def test_a_copy_of_the_library_has_the_same_hosts_and_another_host_of_that_id_is_found(tmp_path):
    library = (data_folder() / "hosts.toml").read_text()
    own = folder_of(tmp_path, library)
    assert validate(own) == []
    (own / "hosts.toml").write_text(library.replace("tolerance = 0.05", "tolerance = 0.06", 1))
    assert [str(problem) for problem in validate(own)] == [
        "hosts.toml: rock-salt: is the id of another entry; rename it"
    ]
