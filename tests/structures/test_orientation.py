"""Crystals turned into image axes: handedness, cells, translations."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from stackmotif.errors import StructureError
from stackmotif.structures import build
from stackmotif.structures.orientation import orient, repeat, translations_A


def wrapped(difference, period):
    return (difference + period / 2) % period - period / 2


def of(cell, symbol):
    return cell.positions_A[cell.symbols == symbol]


def test_o3_row_above_lies_a_third_of_the_pitch_to_the_right():
    structure = build("|R+[Li]|", lattice="LiNiO2:1")
    cell = orient(structure)
    pitch, spacing = structure.lattice.a * np.sqrt(3) / 2, structure.lattice.c / 3
    metals = of(cell, "Ni")
    lower = metals[0]
    above = metals[np.abs(wrapped(metals[:, 1] - (lower[1] - spacing), cell.extent_A[1])) < 1e-3]
    assert len(above) == 2
    np.testing.assert_allclose(wrapped(above[:, 0] - lower[0], pitch), pitch / 3, atol=1e-3)


@pytest.mark.parametrize(("tilt", "sign"), [("R", 1), ("L", -1)])
def test_lean_of_the_triplet_is_x_of_the_top_oxygen_minus_x_of_the_bottom_one(tilt, sign):
    structure = build(f"|{tilt}0|", lattice="O1-NiO2")
    cell = orient(structure)
    pitch, half = structure.lattice.a * np.sqrt(3) / 2, 1.883 / 2
    metal = of(cell, "Ni")[0]
    heights = wrapped(metal[1] - of(cell, "O")[:, 1], cell.extent_A[1])
    leans = wrapped(of(cell, "O")[:, 0] - metal[0], pitch)
    np.testing.assert_allclose(np.abs(heights), half, atol=1e-3)
    np.testing.assert_allclose(leans, sign * np.sign(heights) * pitch / 3, atol=1e-3)


def test_orientation_is_a_proper_rotation():
    """Distances and the handedness of four nearby atoms survive."""
    rng = np.random.default_rng(5)
    lattice = Lattice.hexagonal(8.0, 11.0)
    cartesian = np.array([4.0, 2.0, 5.0]) + rng.uniform(-1, 1, (4, 3))
    structure = Structure(lattice, ["Li", "O", "Ni", "Co"], cartesian, coords_are_cartesian=True)
    cell = orient(structure)
    turned = np.array([of(cell, symbol)[0] for symbol in ("Li", "O", "Ni", "Co")])
    edges = wrapped(turned[1:] - turned[0], cell.extent_A * (0.5, 1, 1))
    before = cartesian[1:] - cartesian[0]
    np.testing.assert_allclose(
        np.linalg.norm(edges, axis=1), np.linalg.norm(before, axis=1), atol=1e-6
    )
    assert np.linalg.det(edges) == pytest.approx(np.linalg.det(before), rel=1e-6)


@pytest.mark.parametrize(
    ("word", "lattice", "count"),
    [("|R+[Li]|", "LiNiO2:1", 6), ("|R0|", "O1-NiO2", 2), ("|R+[Li] R0|", "LiNiO2:0.5", 6)],
)
def test_translations_are_those_of_the_primitive_cell(word, lattice, count):
    """The orthogonal cell holds this many primitive cells (spglib is the oracle)."""
    structure = build(word, lattice=lattice)
    cell = orient(structure)
    shifts = translations_A(cell)
    primitive = structure.get_primitive_structure()
    assert len(shifts) == count == round(np.prod(cell.extent_A) / primitive.volume)
    np.testing.assert_allclose(shifts[0], 0)


def test_half_occupied_sites_break_the_translations_of_full_ones():
    structure = build("|R+[Li] R+[Li:0.5] R+[Li]|", lattice="LiNiO2:1")
    assert len(translations_A(orient(structure))) == 2
    assert set(orient(structure).occupancies) == {0.5, 1.0}


def test_a_thicker_crystal_begins_with_the_atoms_of_a_thinner_one():
    cell = orient(build("|R0|", lattice="O1-NiO2"))
    thin, thick = repeat(cell, (2, 3, 1)), repeat(cell, (2, 3, 4))
    np.testing.assert_allclose(thick.positions_A[: len(thin)], thin.positions_A)
    np.testing.assert_allclose(thick.extent_A, cell.extent_A * (2, 3, 4))


def test_a_zone_along_c_is_refused():
    with pytest.raises(StructureError, match="parallel to c"):
        orient(build("|R0|", lattice="O1-NiO2"), zone=(0, 0, 1))


def test_a_cell_without_orthogonal_vectors_is_refused():
    structure = Structure(Lattice.from_parameters(3.0, 4.1, 5.3, 81, 77, 112), ["Ni"], [[0, 0, 0]])
    with pytest.raises(StructureError, match="conventional cell"):
        orient(structure)


def test_an_oblique_c_axis_does_not_tilt_the_slabs():
    """The same crystal in a cell whose c leads to the next slab's metal, off the normal."""
    hexagonal = build("|R+[Li]|")
    oblique = hexagonal.copy()
    oblique.make_supercell([[1, 0, 0], [1, 2, 0], [0, 1, 1]])
    seen, expected = orient(oblique), orient(hexagonal)
    rows = np.unique(np.round(seen.positions_A[seen.symbols == "Ni", 1] % expected.extent_A[1], 3))
    assert len(rows) == 3
    assert np.allclose(np.diff(rows), expected.extent_A[1] / 3, atol=2e-3)


@pytest.mark.parametrize(
    "zone", [(0, 0, 0), "100", (1, 0), (1, 0, 0, 0), (0.5, 0, 0), (float("nan"), 0, 0), None, 100]
)
def test_a_zone_is_three_whole_numbers(zone):
    with pytest.raises(StructureError, match=r"zone axis is .*; expected three whole numbers"):
        orient(build("|R0|"), zone=zone)


def test_indices_of_numpy_are_whole_numbers():
    here = orient(build("|R0|"), zone=np.array([1, 0, 0]))
    np.testing.assert_array_equal(here.positions_A, orient(build("|R0|")).positions_A)


def test_a_crystal_without_atoms_has_no_image():
    with pytest.raises(StructureError, match="the crystal has no atoms"):
        orient(Structure(Lattice.hexagonal(2.8, 14.0), [], []))
