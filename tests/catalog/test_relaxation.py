"""Relaxed models: a potential with a known minimum, and the files beside the ideal model."""

import shutil
import sys
import types

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from stackmotif.catalog import Motif, export, load_catalog, relaxed_problems, store_relaxed
from stackmotif.errors import CatalogError, MissingPackageError, StructureError
from stackmotif.structures import Relaxed, relax

CATALOG = load_catalog()
STORED = [i for i, motif in CATALOG.items() if (motif.folder / "relaxed.toml").exists()]


class Spring(Calculator):
    """Atoms tied to given fractions of the cell, and the cell to a given volume.

    E = k/2 |(f - f0) C0|^2 + K V0/2 (V / V0 - 1)^2, so that the stress is K (V / V0 - 1).
    """

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, structure, *, growth=1.0, k=4.0, bulk=0.5):
        super().__init__()
        self.fractions = np.array(structure.frac_coords)
        self.cell0 = np.array(structure.lattice.matrix)
        self.volume = structure.volume * growth
        self.k, self.bulk = k, bulk

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        cell = self.atoms.cell[:]
        off = self.atoms.get_scaled_positions(wrap=False) - self.fractions
        strain = self.atoms.get_volume() / self.volume - 1
        stress = self.bulk * strain
        self.results = {
            "energy": self.k / 2 * np.sum((off @ self.cell0) ** 2)
            + self.bulk * self.volume / 2 * strain**2,
            "forces": -self.k * off @ (self.cell0 @ self.cell0.T) @ np.linalg.inv(cell).T,
            "stress": np.array([stress, stress, stress, 0.0, 0.0, 0.0]),
        }


@pytest.fixture(scope="module")
def target():
    """O1 with its oxygen 0.1 Å closer to the metal."""
    structure = CATALOG["o1"].structure()
    structure.translate_sites([1], [0, 0, 0.1], frac_coords=False)
    structure.translate_sites([2], [0, 0, -0.1], frac_coords=False)
    return structure


@pytest.fixture(scope="module")
def done(target):
    """O1 after its relaxation."""
    ideal = CATALOG["o1"].structure()
    result = relax(ideal, calculator=Spring(target, growth=1.06), fmax_eV_A=0.005)
    assert ideal == CATALOG["o1"].structure()
    return result


def test_atoms_and_cell_reach_the_minimum(target, done):
    ideal = CATALOG["o1"].structure()
    assert done.converged
    assert 1 < done.steps < 300
    assert done.structure.volume == pytest.approx(1.06 * ideal.volume, rel=5e-3)
    np.testing.assert_allclose(done.structure.frac_coords, target.frac_coords, atol=2e-3)
    assert done.structure.species == ideal.species
    assert done.energy_eV == pytest.approx(0, abs=1e-3)
    assert done.ideal_energy_eV > 0.01
    assert done.energy_per_atom_eV == done.energy_eV / 3
    assert done.max_force_eV_A < 0.005
    assert done.contacts_A["M-O"] < CATALOG["o1"].checks.min_contacts_A["M-O"] + 0.05
    assert done.method == "spring, FIRE, forces below 0.005 eV/Å, cell relaxed"


def test_a_fixed_cell_stays(target):
    ideal = CATALOG["o1"].structure()
    done = relax(ideal, calculator=Spring(target, growth=1.06), relax_cell=False)
    np.testing.assert_array_equal(done.structure.lattice.matrix, ideal.lattice.matrix)
    assert "cell fixed" in done.method


def test_too_few_steps_are_told(target):
    done = relax(CATALOG["o1"].structure(), calculator=Spring(target), max_steps=1, fmax_eV_A=1e-6)
    assert (done.steps, done.converged) == (1, False)


def test_vacuum_needs_a_fixed_cell():
    slab = CATALOG["td-1-flipped"].structure()
    with pytest.raises(StructureError, match=r"has \d+\.\d Å of vacuum.*expected relax_cell=False"):
        relax(slab, calculator=Spring(slab))
    assert relax(slab, calculator=Spring(slab), relax_cell=False).converged


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fmax_eV_A": 0}, "fmax_eV_A is 0 eV/Å; expected a positive number"),
        ({"fmax_eV_A": float("nan")}, "fmax_eV_A is nan"),
        ({"max_steps": 0}, "max_steps is 0; expected a positive whole number"),
        ({"max_steps": 1.5}, r"max_steps is 1\.5"),
    ],
)
def test_settings_are_checked(settings, message):
    ideal = CATALOG["o1"].structure()
    with pytest.raises(StructureError, match=message):
        relax(ideal, calculator=Spring(ideal), **settings)


def test_models_that_no_potential_takes_are_refused():
    charged = CATALOG["o3"].build(lattice="LiNiO2:0.5", guest_mix={"Li": 0.5})
    with pytest.raises(StructureError, match=r"partly filled sites.*occupy"):
        relax(charged, calculator=Spring(charged))
    large = CATALOG["o1"].structure()
    large.make_supercell([13, 13, 1])
    with pytest.raises(StructureError, match="structure has 507 atoms; expected at most 500"):
        relax(large, calculator=Spring(large))
    ideal = CATALOG["o1"].structure()
    with pytest.raises(StructureError, match="an energy of nan eV"):
        relax(ideal, calculator=Spring(ideal, bulk=float("nan")))


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "chgnet", None)
    with pytest.raises(MissingPackageError, match=r"relaxing a model needs.*stackmotif\[relax\]"):
        relax(CATALOG["o1"].structure())


def test_chgnet_is_the_default_and_its_prints_are_kept_off(monkeypatch, capsys, target):
    class CHGNet:
        version = "9.9"

        @classmethod
        def load(cls, **settings):
            assert settings == {"use_device": "cpu", "verbose": False}
            sys.stdout.write("noise")
            return cls()

    package = types.ModuleType("chgnet")
    package.__version__ = "1.2"
    model = types.ModuleType("chgnet.model")
    inner = types.ModuleType("chgnet.model.model")
    inner.CHGNet = CHGNet
    dynamics = types.ModuleType("chgnet.model.dynamics")
    dynamics.CHGNetCalculator = lambda model, use_device: Spring(target)
    for module in (package, model, inner, dynamics):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    done = relax(CATALOG["o1"].structure())
    assert done.method.startswith("CHGNet 9.9 (chgnet 1.2), FIRE, ")
    assert capsys.readouterr().out == ""


@pytest.fixture
def entry(tmp_path, done):
    """A copy of O1 with a relaxed model beside it."""
    folder = tmp_path / "motifs" / "polytype" / "o1"
    folder.mkdir(parents=True)
    for name in ("motif.toml", "structure.cif"):
        shutil.copy(CATALOG["o1"].folder / name, folder / name)
    motif = Motif.read(folder)
    store_relaxed(motif, done)
    return motif


def test_files_are_read_back(entry, target):
    assert list(relaxed_problems(entry)) == []
    read = entry.relaxed()
    assert isinstance(read, Relaxed)
    assert read.converged
    assert read.structure.volume == pytest.approx(1.06 * target.volume, rel=1e-2)
    assert "data_" in export(entry, "cif", structure=read.structure)
    assert entry.structure().volume == pytest.approx(target.volume)


def edit(motif, old, new, name="relaxed.toml"):
    path = motif.folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("schema = 1", "schema = 2", "relaxed", "schema is '2'"),
        ("steps = ", "colour = 1\nsteps = ", "relaxed", "unknown field `colour`"),
        ("energy_eV = ", "energy_eV = nan #", "relaxed", "energy_eV is nan"),
        ("converged = true", "converged = false", "relaxed.converged", "is false"),
        ("energy_per_atom_eV = ", "energy_per_atom_eV = -7 #", "relaxed.energy_per_atom_eV", "-7"),
        ("ideal_energy_eV = ", "ideal_energy_eV = -9 #", "relaxed.energy_eV", "above that of the"),
        ("O-O = ", "O-O = 9", "relaxed.contacts_A.O-O", "the atoms have 2."),
        ("M-M = ", "M-A = ", "relaxed.contacts_A", "expected"),
    ],
)
def test_wrong_facts_are_found(entry, old, new, key, reason):
    edit(entry, old, new)
    assert any(k == key and reason in r for k, r in relaxed_problems(entry)), list(
        relaxed_problems(entry)
    )


def test_another_ideal_model_is_found(entry):
    with (entry.folder / "structure.cif").open("a") as file:
        file.write("\n")
    assert [key for key, _ in relaxed_problems(entry)] == ["relaxed.ideal_sha256"]


def test_another_crystal_is_found(entry):
    shutil.copy(CATALOG["o2"].folder / "structure.cif", entry.folder / "relaxed.cif")
    assert any("the ideal model Ni1 O2" in reason for _, reason in relaxed_problems(entry))
    doubled = CATALOG["o1"].structure()
    doubled.make_supercell([1, 1, 2])
    (entry.folder / "structure.cif").write_text(export(CATALOG["o1"], "cif", structure=doubled))
    assert any("its atoms read as" in reason for _, reason in relaxed_problems(entry))


@pytest.mark.parametrize("name", ["relaxed.cif", "relaxed.toml"])
def test_a_missing_half_is_found(entry, name):
    (entry.folder / name).unlink()
    ((_, reason),) = relaxed_problems(entry)
    assert f"{name} cannot be read" in reason


def test_links_are_refused(entry, tmp_path):
    path = entry.folder / "relaxed.cif"
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(CatalogError, match=r"relaxed\.cif is a link"):
        entry.relaxed()


def test_no_relaxed_model_is_told(entry, done, tmp_path):
    for name in ("relaxed.cif", "relaxed.toml"):
        (entry.folder / name).unlink()
    assert list(relaxed_problems(entry)) == []
    with pytest.raises(CatalogError, match=r"'o1' has no relaxed model; .* catalog relax o1"):
        entry.relaxed()
    with pytest.raises(CatalogError, match="does not exist; expected one to write to"):
        store_relaxed(entry, done, folder=tmp_path / "none")


def test_some_entries_have_relaxed_models():
    assert {"o1", "o3", "h1-3", "p2", "p3", "o2"} <= set(STORED)


@pytest.mark.parametrize("motif_id", STORED)
def test_stored_relaxed_models_are_sound(motif_id):
    motif = CATALOG[motif_id]
    assert list(relaxed_problems(motif)) == []
    assert "CHGNet" in motif.relaxed().method
    assert motif.status == "idealized"
