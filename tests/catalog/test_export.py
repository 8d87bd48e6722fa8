"""Exports, read back by the programs whose formats they are."""

import io

import numpy as np
import pytest

from stackmotif.catalog import (
    FORMATS,
    export,
    export_catalog,
    load_catalog,
    picture_svg,
    structure_text,
    validate,
)
from stackmotif.catalog.cif import cif_text, difference, moved_by_rounding_A, parse_cif
from stackmotif.errors import CatalogError
from stackmotif.structures import build, read_word

CATALOG = load_catalog()


@pytest.fixture(scope="module")
def charged():
    """O3 with every second lithium gone."""
    return CATALOG["o3"].build(lattice="LiNiO2:0.5", guest_mix={"Li": 0.5})


@pytest.mark.parametrize("motif_id", ["o3", "td-2-flipped", "nio"])
def test_cif_is_stable(motif_id):
    text = export(CATALOG[motif_id], "cif")
    once = parse_cif(text)
    assert cif_text(once) == text
    assert difference(CATALOG[motif_id].structure(), once) == ""


def test_cif_of_partly_filled_sites_is_stable(charged):
    text = export(CATALOG["o3"], "cif", structure=charged)
    assert difference(charged, parse_cif(text)) == ""
    assert text.count("0.5") >= 3


@pytest.mark.filterwarnings("ignore:Issues encountered while parsing CIF")
@pytest.mark.filterwarnings("ignore:.*rounded to ideal values")
def test_rounding_of_thirds_would_be_noticed():
    """pymatgen's reader, left alone, moves the atom."""
    from pymatgen.core import Structure

    structure = build("R+12 R0 R+11 R.")
    structure.translate_sites([0], [0, 0, 1 / 3 + 2e-5 - structure.frac_coords[0, 2]])
    text = cif_text(structure)
    assert difference(structure, parse_cif(text)) == ""
    rounded = Structure.from_str(text, fmt="cif")
    assert "Å away" in difference(structure, rounded)
    assert moved_by_rounding_A(structure) == pytest.approx(2e-5 * structure.lattice.c, rel=1e-3)


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


def test_json_is_read_back_by_pymatgen():
    from pymatgen.core import Structure

    structure = Structure.from_str(export(CATALOG["p3"], "json"), fmt="json")
    assert structure.properties == {"motif": "p3", "word": str(CATALOG["p3"].word)}
    assert difference(CATALOG["p3"].structure(), structure) == ""


def test_a_given_structure_takes_the_place_of_the_stored_one(charged):
    charge = load_catalog()["o3"].build(lattice="LiNiO2:0.5")
    text = export(CATALOG["o3"], "poscar", structure=charge)
    assert f"{charge.lattice.a:.4f}" in text
    assert f"{charge.lattice.a:.4f}" not in export(CATALOG["o3"], "poscar")


def test_refusals(charged):
    o3 = CATALOG["o3"]
    with pytest.raises(CatalogError, match="format 'pdb' is unknown; expected one of cif, poscar"):
        export(o3, "pdb")
    with pytest.raises(CatalogError, match="format 3 is unknown"):
        export(o3, 3)
    with pytest.raises(CatalogError, match="cannot export a str; expected an entry"):
        export("o3", "cif")
    with pytest.raises(CatalogError, match="zone '001' is unknown; expected one of 100, 010, 110"):
        export(o3, "abtem", zone="001")
    with pytest.raises(CatalogError, match="format 'cif' is unknown; expected one of optimade, b"):
        export_catalog(CATALOG, "cif")
    for fmt in ("poscar", "extxyz"):
        with pytest.raises(CatalogError, match=f"'o3' has partly filled sites, which {fmt} cannot"):
            export(o3, fmt, structure=charged)
    for fmt in ("abtem", "statstem"):
        with pytest.raises(CatalogError, match=r"fill the sites first with .*occupy"):
            export(o3, fmt, structure=charged)


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_of_the_table_is_written(fmt):
    text = export(CATALOG["o1"], fmt)
    assert text.endswith("\n") or fmt == "json"
    assert ("o1" in text) == (fmt != "cif")


def test_atoms_are_those_of_the_stored_crystal():
    atoms = CATALOG["o3"].atoms()
    structure = CATALOG["o3"].structure()
    assert atoms.get_chemical_symbols() == [site.specie.symbol for site in structure]
    np.testing.assert_allclose(atoms.positions, structure.cart_coords)
    np.testing.assert_allclose(atoms.cell[:], structure.lattice.matrix)
    assert atoms.pbc.all()


def test_sites_that_were_filled_can_be_written(charged):
    from pymatgen.io.vasp import Poscar

    from stackmotif.structures import occupy

    ordered = occupy(charged, supercell=(2, 2, 1), rng=3)
    written = Poscar.from_str(export(CATALOG["o3"], "poscar", structure=ordered)).structure
    assert written.composition.formula == "Li6 Ni12 O24"
    assert difference(ordered, written) == ""


def test_what_is_no_crystal_is_not_exported():
    from pymatgen.core import Lattice, Structure

    o1, empty = CATALOG["o1"], Structure(Lattice.cubic(3.0), [], [])
    with pytest.raises(CatalogError, match="cannot export a crystal without atoms"):
        export(o1, "optimade", structure=empty)
    with pytest.raises(CatalogError, match="cannot export str; expected a pymatgen Structure"):
        export(o1, "cif", structure="POSCAR")
    with pytest.raises(CatalogError, match="cannot export str"):
        structure_text("POSCAR", "cif")
    with pytest.raises(CatalogError, match="cannot export a list; expected a catalog"):
        export_catalog([o1], "bibtex")
    for slice_A in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(CatalogError, match="Å thick; expected a positive length"):
            picture_svg(o1.structure(), slice_A=slice_A)


def test_a_path_that_no_file_can_have_is_refused():
    for function in (load_catalog, validate):
        with pytest.raises(CatalogError, match="expected the path of a folder"):
            function("a\0b")


P1 = """data_x
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
 _symmetry_equiv_pos_as_xyz
 'x, y, z'
loop_
 _atom_site_label
 _atom_site_type_symbol
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
"""


@pytest.mark.parametrize(
    "rows",
    [
        "Ni 0 0 0 1\nO 0.5 0.5 0.5 1\n",
        "Ni -0.25 0 1.5 1\nO 0.5 0.5 0.5 1\n",
        "Ni 0 0 0 0.5\nCo 0 0 0 0.5\nO 0.5 0.5 0.5 1\n",
        "Ni 0 0 0 0.5\nCo 0.00001 0 0 0.5\nO 0.5 0.5 0.5 1\n",
        "Ni2+ 0 0 0 1\nO2- 0.5 0.5 0.5 1\n",
        "Ni 0.25(1) 0 0 1\nO 0.5 0.5 0.5 1.0(0)\n",
    ],
)
def test_rows_are_read_as_pymatgen_reads_them(rows):
    import warnings

    from pymatgen.io.cif import CifParser

    text = listed(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (expected,) = CifParser.from_str(text, frac_tolerance=0.0).parse_structures(primitive=False)
    found = parse_cif(text)
    assert [site.species for site in found] == [site.species for site in expected]
    np.testing.assert_allclose(found.frac_coords, expected.frac_coords, atol=1e-12)
    assert found.lattice == expected.lattice


def listed(rows):
    return P1 + "".join(f"A{k} {row}\n" for k, row in enumerate(rows.splitlines()))


def test_two_atoms_on_one_site_are_refused():
    for second in ("Ni 0.333334 0 0 1", "Ni 0.333333 0 0 1", "Co 0.333333 0 0 1"):
        with pytest.raises(ValueError, match="Invalid CIF file"):
            parse_cif(listed(f"Ni 0.333333 0 0 1\n{second}\nO 0.5 0.5 0.5 1\n"))
