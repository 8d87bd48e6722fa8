"""Metal in the gaps and spinel, against prototypes that are not ours."""

import math

import numpy as np
import pytest

from stackmotif.errors import StructureError
from stackmotif.structures import (
    Lattice,
    build,
    build_metal_in_gaps,
    build_ordered_metal,
    build_rocksalt,
    build_spinel,
    coordination,
    get_lattice,
)

HOST = "LiNiO2:0.5"


def space_group(structure):
    import moyopy
    from moyopy.interface import MoyoAdapter

    return moyopy.MoyoDataset(MoyoAdapter.from_structure(structure), symprec=1e-3).number


def as_nio():
    salt = get_lattice("NiO")
    height = {"3": salt.slab_height_A}
    return Lattice("as-NiO", 1.0, salt.a_A, salt.slab_height_A, height, {"Ni": 1.0}, "Li")


@pytest.mark.parametrize("sense", ["+", "-"])
@pytest.mark.parametrize(("a_A", "u"), [(8.34, 0.25), (8.34, 0.2625), (8.1, 0.259)])
def test_spinel_is_the_prototype(sense, a_A, u):
    from ase.spacegroup import crystal
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.io.ase import AseAtomsAdaptor

    prototype = AseAtomsAdaptor.get_structure(
        crystal(
            ("Li", "Ni", "O"),
            [(1 / 8, 1 / 8, 1 / 8), (1 / 2, 1 / 2, 1 / 2), (u, u, u)],
            spacegroup=227,
            setting=2,
            cellpar=[a_A, a_A, a_A, 90, 90, 90],
        )
    )
    built = build_spinel("Li", "Ni", cubic_a_A=a_A, u=u, sense=sense)
    assert space_group(built) == 227
    assert StructureMatcher(scale=False, stol=0.01).fit(built, prototype)
    assert built.lattice.a == pytest.approx(a_A / math.sqrt(2))


@pytest.mark.parametrize("sense", ["+", "-"])
def test_close_packed_spinel_stands_on_rock_salt_of_its_sense(sense):
    """Oxygens and octahedral cations lie on sites of NiO, which fixes origin and sense."""
    spinel = build_spinel(None, "Ni", u=0.25, sense=sense)
    salt = build_rocksalt(sense=sense)
    salt.make_supercell([2, 2, 1])
    distances = spinel.lattice.get_all_distances(spinel.frac_coords, salt.frac_coords)
    nearest = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 1e-6
    assert [s.specie for s in spinel] == [salt[int(k)].specie for k in nearest]
    other = build_rocksalt(sense="-" if sense == "+" else "+")
    other.make_supercell([2, 2, 1])
    apart = spinel.lattice.get_all_distances(spinel.frac_coords, other.frac_coords)
    assert apart.min(axis=1).max() > 1.0


def test_planes_of_spinel_are_three_quarters_and_one_quarter_full():
    spinel = build_spinel("Ni", "Ni")
    octahedral = build_spinel(None, "Ni")
    z = np.round([s.frac_coords[2] for s in octahedral if s.specie.symbol == "Ni"], 4) % 1
    assert np.unique(z, return_counts=True)[1].tolist() == [3, 1] * 3
    assert coordination(spinel) == {"M": {4: 6, 6: 12}}
    assert build_spinel("Li", "Mn").composition.reduced_formula == "LiMn2O4"


def test_columns_of_spinel_along_110():
    """Full and half columns by turns, then half ones and gaps, tetrahedra beside the latter.

    Along <110> of Fd-3m, chains of 16d with a/(2 sqrt(2)) between cations alternate with others of
    twice that; 8a has one cation in a/sqrt(2).
    """
    a_A = 8.34
    built = build_spinel("Li", "Ni", cubic_a_A=a_A)
    pitch, row = a_A / math.sqrt(2) * math.sqrt(3) / 4, a_A / math.sqrt(3) / 2
    found = {}
    for site in built:
        if site.specie.symbol != "O":
            place = (round(site.coords[2] / row, 3), round(site.coords[1] / pitch, 2) % 2)
            found.setdefault(site.specie.symbol, {}).setdefault(place[0], []).append(place[1])
    strengths = {
        height: sorted(places.count(place) for place in set(places))
        for height, places in found["Ni"].items()
    }
    assert strengths == {0.0: [1, 2], 1.0: [1], 2.0: [1, 2], 3.0: [1], 4.0: [1, 2], 5.0: [1]}
    beside = [k + side / 4 for k in (1, 3, 5) for side in (-1, 1)]
    assert sorted(found["Li"]) == pytest.approx(beside, abs=1e-3)
    assert all(len(places) == 1 for places in found["Li"].values())


def test_two_by_two_order():
    built = build_ordered_metal("2x2", lattice=HOST)
    assert space_group(built) == 166
    assert built.composition.get_el_amt_dict() == {"Ni": 15, "O": 24}
    a_A = get_lattice(HOST).a_A
    guest = built[len(built) - 1]
    near = [n for n in built.get_neighbors(guest, 2.1 * a_A) if n.coords[2] == guest.coords[2]]
    assert sorted(n.nn_distance for n in near if n.specie.symbol == "Ni") == pytest.approx(
        [2 * a_A] * 6
    )


def test_rows_make_the_reported_monoclinic_cell():
    """P2/m with b along the rows, a = sqrt(3) a_hex, and c one slab up, offset by 2/3 of d."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    built = build_ordered_metal("rows", lattice=HOST)
    lattice = get_lattice(HOST)
    assert space_group(built) == 10
    cell = SpacegroupAnalyzer(built, symprec=1e-3).get_conventional_standard_structure().lattice
    row, pitch = lattice.row_spacing_A(), lattice.column_pitch_A
    lengths = sorted([math.sqrt(3) * lattice.a_A, lattice.a_A, math.hypot(row, 2 / 3 * pitch)])
    assert sorted(cell.abc) == pytest.approx(lengths, abs=1e-3)
    beta = 180 - math.degrees(math.atan2(row, 2 / 3 * pitch))
    assert max(cell.angles) == pytest.approx(beta, abs=0.01)
    assert beta == pytest.approx(108.68, abs=0.5)  # reported for Li0.5CoO2


def test_rows_fill_every_second_column_along_the_beam():
    built = build_ordered_metal("rows", lattice=HOST)
    guests = np.array([site.coords for site in built][-3:])
    pitch = get_lattice(HOST).column_pitch_A
    steps = np.diff(guests[:, 1]) / pitch
    np.testing.assert_allclose((steps + 2 / 3 + 1) % 2 - 1, 0, atol=1e-6)


def test_metal_takes_the_place_of_guests():
    built = build_metal_in_gaps("|R+[Li]|", occupancy=0.25)
    assert built.composition.get_el_amt_dict() == pytest.approx({"Li": 2.25, "Ni": 3.75, "O": 6})
    half = build_metal_in_gaps("|R+[Li:0.5]|", occupancy=0.25)
    assert half.composition["Li"] == pytest.approx(1.5)
    empty = build_metal_in_gaps("|R+|", occupancy=0.25)
    assert "Li" not in empty.composition
    frame = build("|R+[Li]|").frac_coords
    np.testing.assert_allclose(np.sort(built.frac_coords, axis=0), np.sort(frame, axis=0))


def test_metal_in_chosen_gaps_only():
    built = build_metal_in_gaps("R+[Li]2 R0 R+[Li] R.", occupancy=0.1, gaps=[0, 3])
    mixes = [site.species.get_el_amt_dict() for site in built][-3:]
    assert mixes == [{"Li": 0.9, "Ni": 0.1}, {"Li": 1.0}, {"Li": 0.9, "Ni": 0.1}]
    heights = [site.coords[2] for site in built][-3:]
    assert heights == sorted(heights)


def test_full_gaps_make_rock_salt_and_its_hexagonal_rival():
    """O3 filled to the brim with the distances of NiO is NiO; O1 filled so is NiAs."""
    salt = build_metal_in_gaps("|R+|", occupancy=1.0, lattice=as_nio())
    assert space_group(salt) == 225
    rival = build_metal_in_gaps("|R0|", occupancy=1.0, lattice=as_nio())
    assert space_group(rival) == 194
    assert coordination(rival) == {"M": {6: 2}}


def test_faces_are_shared_only_in_opened_gaps():
    with pytest.raises(StructureError, match=r"contact of 2\.236 Å.*larger gap_height_A"):
        build_metal_in_gaps("|R0|", occupancy=0.02, lattice="O1-NiO2")
    opened = build_metal_in_gaps("|R0|", occupancy=0.02, lattice="O1-NiO2", gap_height_A=2.932)
    assert opened.lattice.c == pytest.approx(1.883 + 2.932)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_metal_in_gaps(occupancy=0.0), "occupancy of Ni is 0.0"),
        (lambda: build_metal_in_gaps(occupancy=1.5), "occupancy of Ni is 1.5"),
        (lambda: build_metal_in_gaps(word=3), "expected a Word or its text"),
        (lambda: build_metal_in_gaps(gaps=[4]), r"gaps are \[4\]; expected numbers from 0 to 0"),
        (lambda: build_metal_in_gaps(gaps=[]), r"gaps are \[\]"),
        (lambda: build_metal_in_gaps(gaps=0), "gaps are 0"),
        (lambda: build_metal_in_gaps("R."), "has no gap"),
        (lambda: build_metal_in_gaps(occupancy="0.1"), "occupancy of Ni is '0.1'"),
        (lambda: build_metal_in_gaps(occupancy=math.nan), "occupancy of Ni is nan"),
        (lambda: build_metal_in_gaps(gap_height_A=1e9), "gap height is 1000000000.0 Å"),
        (lambda: build_ordered_metal(["2x2"]), "expected one of 2x2, rows"),
        (lambda: build_spinel("Xx"), "'Xx' is no cation"),
        (lambda: build_spinel("Li", "O"), "'O' is no cation"),
        (lambda: build_spinel("Li", None), "None is no cation"),
        (lambda: build_spinel(u="0.26"), "oxygen parameter is '0.26'"),
        (lambda: build_spinel(cubic_a_A="8"), "cubic constant is '8'"),
        (lambda: build_ordered_metal("3x3"), "ordering is '3x3'; expected one of 2x2, rows"),
        (lambda: build_spinel(u=0.4), "oxygen parameter is 0.4"),
        (lambda: build_spinel(cubic_a_A=math.nan), "cubic constant is nan"),
        (lambda: build_spinel(sense="R"), "sense is 'R'"),
        (lambda: build_spinel(lattice="LiNiO2:1"), "is no rock salt"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(StructureError, match=message):
        call()
