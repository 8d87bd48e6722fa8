"""Entries at a state of charge of one's own, as a user asks for them, in Python and by command."""

from itertools import pairwise

import pytest
from click.testing import CliRunner
from pymatgen.core import Structure

from stackmotif.catalog import load_catalog
from stackmotif.cli import main
from stackmotif.errors import CatalogError
from stackmotif.stacking import Word
from stackmotif.structures import check_contacts, get_lattice, read_word

CATALOG = load_catalog()
NMC811 = {
    "lattice": "NMC811:0.35",
    "guests": {"3": "Li:0.35"},
    "supercell": (10, 2, 1),
    "occupation": "random",
    "rng": 1,
}


def test_nmc811_at_065_charge_with_whole_atoms():
    crystal = CATALOG["o3"].build(**NMC811)
    assert crystal.is_ordered
    assert crystal.composition.as_dict() == {"Ni": 48, "Mn": 6, "Co": 6, "O": 120, "Li": 21}
    lattice = get_lattice("NMC811:0.35")
    assert crystal.lattice.abc == pytest.approx((10 * lattice.a_A, 2 * lattice.a_A, lattice.c_A))
    assert read_word(crystal).without_guests().canonical() == Word.parse("|R+|")
    assert crystal == CATALOG["o3"].build(**NMC811)
    assert crystal != CATALOG["o3"].build(**NMC811 | {"rng": 2})


def test_o1_fault_in_charged_nmc622_with_lithium_in_the_o3_gaps():
    fault = CATALOG["o1-fault-1"]
    charged = fault.build(lattice="NMC622:0.3", guests={"3": "Li:0.3"})
    assert charged.composition["Li"] == pytest.approx(0.3 * 23)
    read = read_word(charged)
    assert read.without_guests().name == "O1 fault(1)"
    assert [s.guest is None for s in read.slabs[:-1]] == [k == "1" for k in read.gap_kinds]
    metals = sorted(site.coords[2] for site in charged if "Ni" in site.species)
    steps = [b - a for a, b in pairwise(metals)]
    lattice = get_lattice("NMC622:0.3")
    assert min(steps) == pytest.approx(lattice.row_spacing_A("1"))
    assert max(steps) == pytest.approx(lattice.row_spacing_A("3"))
    assert max(steps) - min(steps) > 0.2
    whole = fault.build(
        lattice="NMC622:0.3", guests={"3": "Li:0.3"}, supercell=(5, 2, 1), occupation="random"
    )
    assert whole.composition["Li"] == 69
    assert "Li" not in {s.species_string for s in whole if 1e-6 < _from_fault_A(s, whole) < 1.2}
    check_contacts(whole)


def _from_fault_A(site, crystal):
    """Distance along c from the middle of the O1 gap, which is the least step of the metals [Å]."""
    metals = sorted({round(s.coords[2], 4) for s in crystal if s.species_string in "NiMnCo"})
    k = min(range(len(metals) - 1), key=lambda i: metals[i + 1] - metals[i])
    return abs(site.coords[2] - (metals[k] + metals[k + 1]) / 2)


@pytest.mark.parametrize("kind", ["mixed", "random"])
def test_recipes_say_what_their_atoms_are(kind):
    for name in ("o3", "o1-fault-1", "o-prime-3"):
        recipe = CATALOG[name].recipe.replaced({"supercell": (2, 2, 2), "occupation": kind})
        crystal = recipe.build(folder=CATALOG[name].folder.parents[2])
        read, expected = read_word(crystal).without_guests(), recipe.stacking_word()
        assert read.canonical() == expected.without_guests().canonical()
        assert recipe.n_slabs() == 2 * CATALOG[name].recipe.n_slabs()
        assert recipe.identity() == CATALOG[name].recipe.identity()


def test_the_command_line_writes_whole_atoms(tmp_path):
    out = tmp_path / "nmc811.vasp"
    settings = ['guests={3="Li:0.35"}', "supercell=[10,2,1]", "occupation=random", "rng=1"]
    done = CliRunner().invoke(
        main,
        ["build", "o3", "--lattice", "NMC811:0.35", "--out", str(out)]
        + [part for text in settings for part in ("--set", text)],
    )
    assert done.exit_code == 0, done.output
    assert "Li21 Mn6 Co6 Ni48 O120" in done.output
    assert Structure.from_file(out).composition == CATALOG["o3"].build(**NMC811).composition


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"supercell": (0, 1, 1)}, "supercell"),
        ({"supercell": (1, 1)}, "supercell"),
        ({"occupation": "ordered"}, "occupation"),
        ({"rng": -1}, "rng"),
        ({"guests": {"3": 0.3}}, "guests"),
    ],
)
def test_refusals_name_the_argument(arguments, message):
    with pytest.raises(CatalogError, match=message):
        CATALOG["o3"].build(**arguments)
