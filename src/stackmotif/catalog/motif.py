"""One catalog entry."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackmotif.catalog.files import PICTURE_FILE, STRUCTURE_FILE, read_entry, read_text
from stackmotif.catalog.recipes import Recipe
from stackmotif.catalog.schema import Checks, Entry
from stackmotif.errors import CatalogError
from stackmotif.stacking import Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from pymatgen.core import Structure

    from stackmotif.imaging import Template
    from stackmotif.structures.orientation import OrientedCell
    from stackmotif.structures.relaxation import Relaxed


@dataclass(frozen=True)
class Motif:
    """A stacking motif of the catalog.

    Parameters
    ----------
    id, family : str
        Lower-case ascii names; the folders of the entry.
    name : str
        Display name, such as ``O3′``.
    description : str
        What it is, in plain words.
    status : {'idealized', 'relaxed', 'observed'}
        Where its coordinates come from.
    inferred : tuple of str
        What about it is inferred and not observed.
    recipe : BaseRecipe
        How its structure is built; one class of `stackmotif.catalog.recipes` for each kind.
    zone_axes : tuple of str
        Zones that show the stacking.
    references : tuple of str
        Keys of ``references.bib``.
    degeneracy_class : str
        Entries of one class look the same in the metal columns along [100].
    checks : Checks
        Facts that `stackmotif.catalog.validate` recomputes.
    aliases : tuple of str
        Other words for the same motif.
    same_crystal_as : str or None
        Id of an entry that differs only in its orientation.
    folder : Path
        Where its files are.
    """

    id: str
    family: str
    name: str
    description: str
    status: str
    inferred: tuple[str, ...]
    recipe: Recipe
    zone_axes: tuple[str, ...]
    references: tuple[str, ...]
    degeneracy_class: str
    checks: Checks
    aliases: tuple[str, ...]
    same_crystal_as: str | None
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> "Motif":
        """Return the entry of a folder with ``motif.toml`` and ``structure.cif``.

        Raises
        ------
        CatalogError
            With the file, the key and the reason.
        """
        entry: Entry = read_entry(folder)
        return cls(
            id=entry.id,
            family=entry.family,
            name=entry.name,
            description=entry.description.strip(),
            status=entry.status,
            inferred=tuple(entry.inferred),
            recipe=entry.recipe,
            zone_axes=tuple(entry.zone_axes),
            references=tuple(entry.references),
            degeneracy_class=entry.degeneracy_class,
            checks=entry.checks,
            aliases=tuple(entry.aliases),
            same_crystal_as=entry.same_crystal_as,
            folder=folder,
        )

    @property
    def lattice(self) -> str:
        """Name of the lattice in ``lattices.toml``; empty for a structure of its own."""
        return self.recipe.lattice

    @cached_property
    def word(self) -> Word | None:
        """The stacking word that the atoms read as, or None for a crystal without one."""
        return self.recipe.stacking_word()

    def structure(self) -> "Structure":
        """Return the stored crystal, the slabs stacked along c.

        Words and rock salt have a hexagonal cell; models of walls, shells and particles an
        orthogonal one, the beam along a and the rows along b.

        Raises
        ------
        CatalogError
            If its file is missing or cannot be read.
        """
        from stackmotif.catalog.cif import read_cif

        return read_cif(self.folder / STRUCTURE_FILE)

    def picture(self) -> str:
        """Return the picture of the atoms along the beam, as the text of an SVG file.

        Raises
        ------
        CatalogError
            If its file is missing or cannot be read.
        """
        return read_text(self.folder / PICTURE_FILE)

    def build(self, **arguments: Any) -> "Structure":
        """Return the crystal built anew from the recipe.

        Parameters
        ----------
        **arguments
            Arguments of the recipe to replace, such as ``lattice="NMC811"``: a sweep is a loop
            over them.

        Raises
        ------
        CatalogError
            For an entry whose stored structure is its only source, or an argument that its recipe
            does not have.
        StructureError
            If the recipe cannot be built.

        Examples
        --------
        >>> from stackmotif.catalog import load_catalog
        >>> o3 = load_catalog()["o3"]
        >>> o3.build(lattice="LiNiO2:0.5", guest_mix={"Li": 0.5}).composition.formula
        'Li1.5 Ni3 O6'
        """
        if not self.recipe.buildable:
            raise CatalogError(
                f"entry {self.id!r} has no recipe; its {STRUCTURE_FILE} is the source"
            )
        return self.recipe.replaced(arguments).build(folder=self.folder.parents[2])

    def templates(
        self, *, thicknesses_A: "Sequence[float]" = (80.0,), **settings: Any
    ) -> list["Template"]:
        """Return simulated images of the motif, one per thickness, all from one run.

        Parameters
        ----------
        thicknesses_A : sequence of float
            Thicknesses along the beam, in any order [Å].
        **settings
            Passed to `stackmotif.imaging.simulate`: ``microscope``, ``phonons``...

        Returns
        -------
        list of Template
            In the order of the thicknesses. For mirror images and a store of many motifs see
            `stackmotif.imaging.TemplateLibrary`.

        Raises
        ------
        SimulationError
            For settings that cannot give a right image.
        """
        from stackmotif.imaging import simulate_series

        wanted = [float(thickness) for thickness in thicknesses_A]
        several = sorted(set(wanted))
        made = simulate_series(self, thicknesses_A=several, **settings)
        return [made[several.index(thickness)] for thickness in wanted]

    def atoms(self, *, zone: str | None = None) -> "Atoms":
        """Return the stored crystal as ASE Atoms.

        Parameters
        ----------
        zone : {'100', '010', '110'}, optional
            Give the orthogonal cell seen along this zone axis, as abTEM needs it: x right, y down
            (+c up), z along the beam. The stored cell by default.

        Raises
        ------
        CatalogError
            If it has partly filled sites, or for another zone.
        StructureError
            If it has no orthogonal cell along the zone.

        Examples
        --------
        >>> from stackmotif.catalog import load_catalog
        >>> load_catalog()["o1"].atoms(zone="100").cell.lengths().round(2).tolist()
        [4.81, 4.47, 2.78]
        """
        from stackmotif.catalog.exporting.atoms import atoms_of, cell_atoms

        if zone is None:
            return atoms_of(self.structure())
        return cell_atoms(self.orthogonal_cell(zone=zone))

    def orthogonal_cell(self, *, zone: str = "100") -> "OrientedCell":
        """Return the smallest orthogonal cell seen along a zone axis.

        Parameters
        ----------
        zone : {'100', '010', '110'}
            Direction that points at the viewer.

        Returns
        -------
        OrientedCell
            ``symbols``, ``positions_A`` (n, 3), ``occupancies`` and ``extent_A`` (3,): x right,
            y down (+c up), z along the beam [Å].

        Raises
        ------
        CatalogError
            For another zone.
        StructureError
            If no lattice vectors lie along the axes of the image.
        """
        from stackmotif.catalog.exporting.cells import orthogonal_cell

        return orthogonal_cell(self.structure(), zone=zone)

    def bibtex(self) -> str:
        """Return BibTeX that cites the entry: itself, then every reference that it names.

        Raises
        ------
        CatalogError
            If a reference is in no ``references.bib``.
        """
        from stackmotif.catalog.exporting.citing import bibtex

        return bibtex(self)

    def relaxed(self) -> "Relaxed":
        """Return the relaxed model that is stored beside the ideal one.

        Raises
        ------
        CatalogError
            If there is none, or its files are damaged.
        """
        from stackmotif.catalog.relaxation import read_relaxed

        return read_relaxed(self)
