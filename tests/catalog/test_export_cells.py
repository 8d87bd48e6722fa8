"""Orthogonal cells for image simulation and for StatSTEM, against crystallography by hand."""

import io
import re

import numpy as np
import pytest

from stackmotif.catalog import export, load_catalog
from stackmotif.errors import CatalogError, StructureError

CATALOG = load_catalog()
HEXAGONAL = ["o3", "o1", "p2", "h1-3", "nio"]


def read(text):
    import ase.io

    return ase.io.read(io.StringIO(text), format="extxyz")


@pytest.mark.parametrize("motif_id", HEXAGONAL)
@pytest.mark.parametrize("zone", ["100", "010", "110"])
def test_cell_is_orthogonal_with_the_hexagonal_lengths(motif_id, zone):
    """In a hexagonal cell: sqrt(3) a to the right, c down, a along the beam."""
    stored = CATALOG[motif_id].structure()
    atoms = read(export(CATALOG[motif_id], "abtem", zone=zone))
    a, c = stored.lattice.a, stored.lattice.c
    np.testing.assert_allclose(atoms.cell[:], np.diag([a * 3**0.5, c, a]), atol=1e-6)
    assert len(atoms) == 2 * len(stored)
    assert atoms.info["zone"] == f"[{zone}]"
    assert atoms.info["axes"] == "x right, y down (+c up), z along the beam"


@pytest.mark.parametrize("motif_id", ["o3", "td-1-glided", "twin-prismatic"])
def test_it_is_the_same_crystal(motif_id):
    """pymatgen's matcher is the oracle; the matcher does not see handedness."""
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.io.ase import AseAtomsAdaptor

    turned = AseAtomsAdaptor.get_structure(CATALOG[motif_id].atoms(zone="100"))
    assert StructureMatcher(scale=False).fit(turned, CATALOG[motif_id].structure())


def test_the_image_shows_the_word():
    """Rows from the bottom to the top step by a third of the pitch, to the left in the - gap."""
    motif = CATALOG["td-1-glided"]
    assert str(motif.word) == "R+12 R- R+11 R."
    atoms = motif.atoms(zone="100")
    metals = atoms.positions[[atom.symbol == "Ni" for atom in atoms]]
    pitch, period = motif.structure().lattice.a * 3**0.5 / 2, atoms.cell.lengths()[1]
    heights = np.round(np.mod(period - metals[:, 1], period), 3)
    rows = [metals[heights == y, 0].min() for y in np.unique(heights)]
    steps = np.mod(np.round(3 * np.diff(rows) / pitch), 3)
    assert steps.tolist() == [1] * 12 + [2] + [1] * 11


def fields(text):
    return dict(re.findall(r"unit\.(\w+) = (.*);\n", text))


@pytest.mark.parametrize("motif_id", ["o3", "o1"])
def test_statstem_cell_of_r3m_and_p3m1(motif_id):
    """Every column holds one atom in the period a: metals, and oxygen a third of a pitch aside."""
    structure = CATALOG[motif_id].structure()
    unit = fields(export(CATALOG[motif_id], "statstem"))
    assert float(unit["a"]) == pytest.approx(structure.lattice.a * 3**0.5, abs=1e-6)
    assert float(unit["b"]) == pytest.approx(structure.lattice.c, abs=1e-6)
    assert float(unit["c"]) == pytest.approx(structure.lattice.a, abs=1e-6)
    assert unit["ang"] == "pi / 2"
    names = re.findall(r"'(\w+)'", unit["atom2D"])
    places = [tuple(map(float, p.split())) for p in unit["coor2D"].strip("[]").split(";")]
    assert len(names) == len(places) == 2 * len(structure)
    assert names.count("O") == 2 * structure.composition["O"]
    assert len(re.findall(r"\{'", unit["zInfo"])) == len(names)
    x, y = np.array(places).T
    assert (x >= 0).all()
    assert (x < 1).all()
    thirds = np.round(6 * x, 4)
    np.testing.assert_allclose(thirds, np.round(thirds), atol=1e-3)
    assert (np.diff(np.round(y, 3)) >= 0).all()


def test_atoms_of_one_column_share_an_entry_of_z_info():
    """A cell that is twice as long along the beam has two atoms in every column."""
    unit = fields(export(CATALOG["nio"], "statstem"))
    assert set(re.findall(r"'(\w+)'", unit["atom2D"])) == {"Ni", "O"}
    doubled = CATALOG["o1"].structure()
    doubled.make_supercell([2, 1, 1])
    unit = fields(export(CATALOG["o1"], "statstem", structure=doubled))
    columns = re.findall(r"\{('[^}]*)\}", unit["zInfo"])
    assert len(unit["coor2D"].split(";")) == len(columns)
    assert {(c.count("'Ni'"), c.count("'O'")) for c in columns} == {(2, 0), (0, 2)}


def test_zone_and_cell_are_checked():
    with pytest.raises(CatalogError, match="zone 100 is unknown; expected one of 100, 010, 110"):
        CATALOG["o3"].orthogonal_cell(zone=100)
    tilted = CATALOG["o3"].structure()
    tilted.apply_strain(0)
    tilted.lattice = tilted.lattice.from_parameters(3.0, 4.1, 14.3, 81, 77, 112)
    with pytest.raises(StructureError, match="conventional cell"):
        export(CATALOG["o3"], "abtem", structure=tilted)


def test_partly_filled_sites_keep_their_occupancy_in_the_cell():
    from stackmotif.catalog.exporting.cells import orthogonal_cell

    charged = CATALOG["o3"].build(lattice="LiNiO2:0.5", guest_mix={"Li": 0.5})
    cell = orthogonal_cell(charged)
    assert set(cell.occupancies[cell.symbols == "Li"]) == {0.5}
    assert CATALOG["o3"].orthogonal_cell().extent_A.shape == (3,)
