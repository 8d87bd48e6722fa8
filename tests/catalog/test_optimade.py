"""OPTIMADE JSON Lines, read as the specification says."""

import json
import re
from datetime import datetime

import numpy as np
import pytest
from pymatgen.core import Structure

from stackmotif.catalog import export, export_catalog, load_catalog
from stackmotif.structures import read_word

CATALOG = load_catalog()
SMALL = {i: CATALOG[i] for i in ("o3", "o1", "p2", "nio", "h1-3", "td-1-glided")}
KINDS = {"string": str, "integer": int, "list": list, "timestamp": str}
ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def whole():
    return lines(export_catalog(SMALL, "optimade"))


def test_lines_come_in_the_order_of_the_exchange_format(whole):
    header, info, *entries = whole
    assert header["x-optimade"]["api_version"] == "1.2.0"
    assert (info["type"], info["id"]) == ("info", "structures")
    assert [entry["id"] for entry in entries] == list(SMALL)
    assert {entry["type"] for entry in entries} == {"structures"}


def test_every_property_is_defined_and_of_its_type(whole):
    _, info, *entries = whole
    definitions = info["properties"]
    for entry in entries:
        assert set(entry["attributes"]) == set(definitions)
        for name, value in entry["attributes"].items():
            kind = definitions[name]["x-optimade-type"]
            assert value is None or isinstance(value, KINDS[kind]), name
    for name, definition in definitions.items():
        assert {"$id", "title", "description", "type", "x-optimade-unit"} <= set(definition)
        assert re.fullmatch("[a-z_][a-z_0-9]*", name)
        assert definition["type"][1] == "null"
    assert info["output_fields_by_format"] == {"json": list(definitions)}


@pytest.mark.parametrize("motif_id", SMALL)
def test_attributes_agree_with_each_other(whole, motif_id):
    """The rules of the specification for formulas, ratios and species, one by one."""
    a = next(e for e in whole[2:] if e["id"] == motif_id)["attributes"]
    assert a["elements"] == sorted(a["elements"])
    assert len(a["elements"]) == a["nelements"] == len(a["elements_ratios"])
    assert sum(a["elements_ratios"]) == pytest.approx(1)
    reduced = {e: int(n or 1) for e, n in ELEMENT.findall(a["chemical_formula_reduced"])}
    assert list(reduced) == a["elements"]
    assert np.gcd.reduce(list(reduced.values())) == 1
    total = sum(reduced.values())
    np.testing.assert_allclose([n / total for n in reduced.values()], a["elements_ratios"])
    counts = [int(n or 1) for _, n in ELEMENT.findall(a["chemical_formula_anonymous"])]
    assert counts == sorted(reduced.values(), reverse=True)
    assert len(a["cartesian_site_positions"]) == len(a["species_at_sites"]) == a["nsites"]
    assert {s["name"] for s in a["species"]} == set(a["species_at_sites"])
    for species in a["species"]:
        assert len(species["chemical_symbols"]) == len(species["concentration"])
        assert sum(species["concentration"]) == pytest.approx(1)
    assert sum(a["dimension_types"]) == a["nperiodic_dimensions"] == 3
    assert datetime.fromisoformat(a["last_modified"]).utcoffset().total_seconds() == 0
    assert a["last_modified"].endswith("Z")


def test_one_entry_is_read_back_with_its_word():
    _, _, entry = lines(export(CATALOG["p2"], "optimade"))
    attributes = entry["attributes"]
    assert attributes["chemical_formula_reduced"] == "CoNaO2"
    assert attributes["chemical_formula_anonymous"] == "A2BC"
    structure = Structure(
        attributes["lattice_vectors"],
        attributes["species_at_sites"],
        attributes["cartesian_site_positions"],
        coords_are_cartesian=True,
    )
    assert str(read_word(structure).canonical()) == str(CATALOG["p2"].word.canonical())
    assert attributes["_stackmotif_word"] == str(CATALOG["p2"].word)
    assert attributes["_stackmotif_references"] == list(CATALOG["p2"].references)


def test_vacancies_are_stated():
    charged = CATALOG["o3"].build(lattice="LiNiO2:0.5", guest_mix={"Li": 0.5})
    attributes = lines(export(CATALOG["o3"], "optimade", structure=charged))[2]["attributes"]
    lithium = next(s for s in attributes["species"] if "Li" in s["chemical_symbols"])
    assert lithium["chemical_symbols"] == ["Li", "vacancy"]
    np.testing.assert_allclose(lithium["concentration"], [0.5, 0.5])
    assert attributes["structure_features"] == ["disorder"]
    assert attributes["chemical_formula_reduced"] == "LiNi2O4"
    assert set(attributes["species_at_sites"]) == {s["name"] for s in attributes["species"]}


def test_a_model_without_a_word_says_null(whole):
    nio = next(e for e in whole[2:] if e["id"] == "nio")["attributes"]
    assert nio["_stackmotif_word"] is None
    assert nio["_stackmotif_gap_kinds"] is None
