"""Exports, read back by the programs whose formats they are."""

import io
import json

import numpy as np
import pytest

from stackmotif.catalog import export, load_catalog
from stackmotif.catalog.cif import cif_text, difference, parse_cif
from stackmotif.errors import CatalogError
from stackmotif.structures import build, read_word

CATALOG = load_catalog()


@pytest.mark.parametrize("motif_id", ["o3", "o3-charged", "td-2-flipped", "nio"])
def test_cif_is_stable(motif_id):
    text = export(CATALOG[motif_id], "cif")
    once = parse_cif(text)
    assert cif_text(once) == text
    assert difference(CATALOG[motif_id].structure(), once) == ""


def test_rounding_of_thirds_would_be_noticed():
    structure = build("R+12 R0 R+11 R.")
    structure.translate_sites([0], [0, 0, 1 / 3 + 2e-5 - structure.frac_coords[0, 2]])
    text = cif_text(structure)
    assert difference(structure, parse_cif(text)) == ""
    assert "Å away" in difference(structure, parse_cif(text, round_thirds=True))


def test_poscar_is_read_back():
    from pymatgen.io.vasp import Poscar

    text = export(CATALOG["td-1-glided"], "poscar")
    assert text.startswith("td-1-glided: R+12 R- R+11 R.")
    assert read_word(Poscar.from_str(text).structure).name == "TD(1) glided"


def test_extxyz_is_read_back():
    import ase.io
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = ase.io.read(io.StringIO(export(CATALOG["op4"], "extxyz")), format="extxyz")
    assert atoms.info["motif"] == "op4"
    assert read_word(AseAtomsAdaptor.get_structure(atoms)).name == "OP4"
    rock_salt = ase.io.read(io.StringIO(export(CATALOG["nio"], "extxyz")), format="extxyz")
    assert rock_salt.get_chemical_formula() == "Ni6O6"


def test_optimade_holds_one_structure():
    from pymatgen.core import Structure

    header, line = export(CATALOG["p2"], "optimade").splitlines()
    assert json.loads(header)["x-optimade"]["meta"]["api_version"]
    entry = json.loads(line)
    attributes = entry["attributes"]
    assert (entry["type"], entry["id"]) == ("structures", "p2")
    assert attributes["chemical_formula_reduced"] == "CoNaO2"
    assert attributes["chemical_formula_anonymous"] == "A2BC"
    assert sum(attributes["elements_ratios"]) == pytest.approx(1)
    structure = Structure(
        attributes["lattice_vectors"],
        attributes["species_at_sites"],
        attributes["cartesian_site_positions"],
        coords_are_cartesian=True,
    )
    assert read_word(structure).name == "P2"


def test_optimade_states_vacancies():
    attributes = json.loads(export(CATALOG["o3-charged"], "optimade").splitlines()[1])["attributes"]
    lithium = next(s for s in attributes["species"] if "Li" in s["chemical_symbols"])
    assert lithium["chemical_symbols"] == ["Li", "vacancy"]
    np.testing.assert_allclose(lithium["concentration"], [0.5, 0.5])
    assert attributes["structure_features"] == ["disorder"]
    assert attributes["chemical_formula_reduced"] == "LiNi2O4"
    assert set(attributes["species_at_sites"]) == {s["name"] for s in attributes["species"]}


def test_refusals():
    with pytest.raises(CatalogError, match="format 'pdb' is unknown; expected one of cif, poscar"):
        export(CATALOG["o3"], "pdb")
    with pytest.raises(CatalogError, match="cannot export a str; expected an entry"):
        export("o3", "cif")
    with pytest.raises(CatalogError, match="partly filled sites, which poscar cannot hold"):
        export(CATALOG["o3-charged"], "poscar")
