"""Rock salt and its coherent layers: the fcc senses, the plane distances, the refusals."""

import doctest
import math

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.structures import (
    Lattice,
    build,
    build_coherent_shell,
    build_rocksalt,
    get_lattice,
    misfit,
    site_roles,
)

HOST = "LiNiO2:0.5"
NIO_PLANE_A = 4.17 / math.sqrt(3) / 2
"""Distance of an oxygen plane from the next cation plane of NiO."""


def space_group(structure):
    import moyopy
    from moyopy.interface import MoyoAdapter

    return moyopy.MoyoDataset(MoyoAdapter.from_structure(structure), symprec=1e-3).number


def cation_steps(structure):
    """Projected steps from cation plane to cation plane in units of d, in (-1/2, 1/2], upwards."""
    cations = site_roles(structure) != "O"
    points = np.asarray(structure.cart_coords)[cations]
    order = np.argsort(points[:, 2])
    pitch = structure.lattice.a * math.sqrt(3) / 2
    steps = np.diff(points[order, 1]) / pitch
    return np.round((steps + 0.49) % 1.0 - 0.49, 6)


def plane_heights(structure):
    z = np.sort(np.asarray(structure.cart_coords)[:, 2])
    return z - z[0]


@pytest.mark.parametrize("sense", ["+", "-"])
def test_bulk_is_the_prototype(sense):
    from ase.build import bulk
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.io.ase import AseAtomsAdaptor

    built = build_rocksalt(sense=sense)
    prototype = AseAtomsAdaptor.get_structure(bulk("NiO", "rocksalt", a=4.17))
    assert space_group(built) == 225
    assert StructureMatcher(scale=False).fit(built, prototype)


def test_sense_trap():
    """What continues O3 `+` steps by -1/3 from plane to plane, and by +1/3 from slab to slab."""
    o3 = cation_steps(build("|R+|", lattice=HOST))
    plus, minus = cation_steps(build_rocksalt()), cation_steps(build_rocksalt(sense="-"))
    np.testing.assert_allclose(o3, 1 / 3, atol=1e-5)
    np.testing.assert_allclose(plus, -1 / 3, atol=1e-5)
    np.testing.assert_allclose(minus, 1 / 3, atol=1e-5)
    two_planes = (plus[:-1] + plus[1:] + 0.5) % 1 - 0.5
    np.testing.assert_allclose(two_planes, 1 / 3, atol=1e-5)


@pytest.mark.parametrize(
    ("salt", "in_plane", "along_c"), [("NiO", 2.67, 1.73), ("NiO-4177", 2.84, 1.90)]
)
def test_misfit_against_o3(salt, in_plane, along_c):
    host = Lattice("host", 1.0, 2.872, 2.1, {"3": 14.20 / 3 - 2.1}, {"Ni": 1.0})
    found = misfit(salt, host=host)
    assert 100 * found.in_plane == pytest.approx(in_plane, abs=0.005)
    assert 100 * found.along_c == pytest.approx(along_c, abs=0.005)


def test_misfit_wants_rock_salt_on_a_layered_host():
    with pytest.raises(StructureError, match="is no rock salt"):
        misfit("LiNiO2:1")
    with pytest.raises(StructureError, match="is rock salt; expected a layered host"):
        misfit("NiO", host="NiO")


def salt_host():
    """A layered lattice with the dimensions of NiO: nothing but the shell's letters can differ."""
    salt = get_lattice("NiO")
    height = {"3": salt.slab_height_A}
    return Lattice("as-NiO", 1.0, salt.a_A, salt.slab_height_A, height, {"Ni": 1.0})


def test_the_continuing_sense_completes_bulk_rock_salt():
    """On a host that is rock salt already, the shell cannot be told from more of it."""
    built = build_coherent_shell("R+[Ni]3 R.", layers=5, lattice=salt_host())
    np.testing.assert_allclose(cation_steps(built), -1 / 3, atol=1e-5)
    np.testing.assert_allclose(np.diff(plane_heights(built)), NIO_PLANE_A, atol=1e-6)


def test_the_twin_turns_the_steps_round_at_the_interface():
    built = build_coherent_shell("R+[Ni]3 R.", layers=4, sense="-", lattice=salt_host())
    steps = cation_steps(built)
    np.testing.assert_allclose(steps[:6], -1 / 3, atol=1e-5)
    np.testing.assert_allclose(steps[6:], [-1 / 3] + [1 / 3] * 3, atol=1e-5)


@pytest.mark.parametrize("sense", ["+", "-"])
def test_a_reversed_host_mirrors_the_image(sense):
    one = cation_steps(build_coherent_shell("R+3 R.", layers=3, sense=sense, lattice=HOST))
    other = cation_steps(build_coherent_shell("L-3 L.", layers=3, sense=sense, lattice=HOST))
    np.testing.assert_allclose(other, -one, atol=1e-5)


@pytest.mark.parametrize("sense", ["+", "-"])
@pytest.mark.parametrize("layers", [1, 2, 5])
def test_both_sides_are_equivalent(sense, layers):
    top = build_coherent_shell(layers=layers, sense=sense, lattice=HOST)
    both = build_coherent_shell(layers=layers, sense=sense, sides="both", lattice=HOST)
    added = len(top) - len(build("R+5 R.", lattice=HOST))
    assert len(both) == len(top) + added
    assert added == 2 * layers + (sense == "-")
    assert (space_group(top), space_group(both)) == (156, 164)


def test_heights_are_those_of_the_host_and_of_the_salt():
    lattice = get_lattice(HOST)
    built = build_coherent_shell("R+2 R.", layers=2, lattice=HOST)
    steps = np.diff(plane_heights(built))
    assert built.lattice.a == pytest.approx(lattice.a_A)
    np.testing.assert_allclose(steps[-4:], NIO_PLANE_A, atol=1e-6)
    assert steps[:8].sum() == pytest.approx(
        3 * lattice.slab_height_A + 2 * lattice.gap_height_A("3")
    )
    gap = np.diff(plane_heights(build_coherent_shell("R+2 R.", layers=2, sense="-", lattice=HOST)))
    assert gap[8] == pytest.approx(lattice.gap_height_A("2"))


def test_every_cation_keeps_six_oxygens():
    for sense in "+-":
        built = build_coherent_shell(layers=3, sense=sense, sides="both", lattice=HOST)
        cations = np.flatnonzero(site_roles(built) == "M")
        assert {len(built.get_neighbors(built[int(k)], 2.3)) for k in cations} == {6}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"word": "|R+|"}, "expected a finite word"),
        ({"layers": 0}, "layers is 0; expected a whole number from 1"),
        ({"layers": True}, "layers is True"),
        ({"layers": 1.5}, "layers is 1.5"),
        ({"sense": "up"}, "sense is 'up'"),
        ({"sense": "-", "interface": "filled"}, "metals 2.196 Å apart across shared faces"),
        ({"interface": "half"}, "interface is 'half'"),
        ({"sides": "left"}, "sides is 'left'"),
        ({"shell_lattice": "LiNiO2:1"}, "is no rock salt"),
        ({"lattice": "NiO"}, "expected a layered host"),
        ({"vacuum_A": 1.0}, "vacuum is 1.0 Å; expected at least 2.4"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(StructureError, match=message):
        build_coherent_shell(**({"lattice": HOST} | arguments))


def test_the_page_says_what_the_code_does(repository):
    page = repository / "docs" / "rocksalt.md"
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0
