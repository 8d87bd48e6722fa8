"""Lateral walls to atoms: stacks whose rows jump sideways, in a cell seen along [100]."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking import Word
from stackmotif.structures.contacts import CONTACT_LIMITS_A, site_roles
from stackmotif.structures.lateral.guests import guest_atoms
from stackmotif.structures.lateral.plan import (
    check_margins,
    check_size,
    closed_word,
    plan_rows,
    right_word,
    scale_of,
    walls_by_slab,
)
from stackmotif.structures.lateral.rows import Atoms, Jump, joined, row_atoms
from stackmotif.structures.lattices.lattice import Lattice, get_lattice

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class LateralModel:
    """Rows of atoms with walls, not yet checked for contacts.

    Parameters
    ----------
    atoms : Atoms
        Every atom with its slab and column; positions along the beam (towards the viewer), to the
        right and up [Å].
    cell_A : ndarray, shape (3,)
        Edges of the orthogonal cell along the same axes, vacuum included [Å].
    left, right : Word
        The stacks at the two ends, closed along c where they are periodic.
    host : dict of str to float
        Metals of the slabs with their fractions.
    anion : str
        Element of the outer planes.
    missing_columns : dict of int to int
        Columns that a row has less than one without walls, by slab; a negative number is columns
        more. Rows that are absent have them all. Where rows close this is what their walls state;
        where they end in vacuum it is what keeps their ends flush.
    """

    atoms: Atoms
    cell_A: NDArray[np.float64]
    left: Word
    right: Word
    host: dict[str, float]
    anion: str
    missing_columns: dict[int, int]

    @property
    def guests_left_out(self) -> int:
        """Number of guest sites of the word that have none, because a wall or an end is near."""
        gaps = [k for k in range(self.left.n_gaps) if self.left.slabs[k].guest is not None]
        sites = np.isin(self.atoms.slab[self.atoms.role == "M"], gaps).sum()
        return int(sites - (self.atoms.role == "A").sum())

    def structure(self) -> "Structure":
        """Return the crystal: metals, oxygens and guests, each from the lowest slab up."""
        from pymatgen.core import Lattice as Cell
        from pymatgen.core import Structure

        order = self._order()
        species = [
            self._species(role, slab)
            for role, slab in zip(self.atoms.role[order], self.atoms.slab[order], strict=True)
        ]
        return Structure(
            Cell.orthorhombic(*self.cell_A),
            species,
            self.atoms.positions_A[order] / self.cell_A % 1.0,
        )

    def _species(self, role: str, slab: int) -> Any:
        guest = self.left.slabs[slab].guest
        if role == "A" and guest is not None:
            return guest.species if guest.occupancy == 1.0 else {guest.species: guest.occupancy}
        return self.host if role == "M" else self.anion

    def _order(self) -> NDArray[np.int64]:
        rank = np.array([("M", "O", "A").index(role) for role in self.atoms.role])
        return np.lexsort((self.atoms.slab, rank))

    def close_contacts(self) -> list[tuple[str, float, tuple[int, int]]]:
        """Return contacts below the hard limits: the pair, the distance [Å], the two slabs.

        The shortest of each pair of roles and slabs.
        """
        structure = self.structure()
        slabs, roles = self.atoms.slab[self._order()], site_roles(structure)
        first, second, _, distances = structure.get_neighbor_list(max(CONTACT_LIMITS_A.values()))
        found: dict[tuple[str, tuple[int, int]], float] = {}
        for pair, limit in CONTACT_LIMITS_A.items():
            role = pair[0]
            near = (roles[first] == role) & (roles[second] == role) & (distances < limit)
            for i, j, d in zip(first[near], second[near], distances[near], strict=True):
                rows = sorted((int(slabs[i]), int(slabs[j])))
                key = (pair, (rows[0], rows[1]))
                found[key] = min(found.get(key, math.inf), float(d))
        return [(pair, d, rows) for (pair, rows), d in found.items()]


def build_lateral(
    word: Word | str,
    *,
    jumps: Sequence[Jump],
    columns: int,
    lattice: Lattice | str = "LiNiO2:0.5",
    closed: bool = False,
    vacuum_A: float = 15.0,
    beam_periods: int = 1,
    lateral_vacuum_A: float = 15.0,
    inclination_deg: float = 0.0,
) -> "Structure":
    """Return the atoms of a stack whose slabs have lateral walls.

    The cell is orthogonal and seen along [100]: a runs along the beam towards the viewer, b to the
    right along the rows, c up. Slabs stay rigid and flat: every gap has the height of a gap of
    kind ``3`` of the lattice, whatever its state.

    The guests that the word names stand on the sites of the stacking around them. Where a wall or
    a free end takes one of a site's oxygens away, the site stays empty:
    `LateralModel.guests_left_out` counts them.

    Parameters
    ----------
    word : Word or str
        The stack at the left end, periodic along c or finite, every shift +, 0 or -.
    jumps : sequence of Jump
        The walls. What stands to the right follows from them: `stackmotif.stacking.word_after`.
    columns : int
        Columns in a row without walls.
    lattice : Lattice or str
        ``NAME[:x]`` of the lattice table.
    closed : bool
        Whether the model is periodic along the rows; then both ends are the same stack, ``columns``
        is even, and the jumps of each row add up to its missing columns. Otherwise the rows end
        flush in vacuum: a row that its walls stretch by a pitch has a column less, which
        `LateralModel.missing_columns` says.
    vacuum_A : float
        Above and below a finite word [Å].
    beam_periods : int
        Periods a along the beam.
    lateral_vacuum_A : float
        Beyond the ends of rows that do not close, and before and behind an inclined foil [Å].
    inclination_deg : float
        Angle between the walls and the beam. Walls shift to the right towards the viewer and have
        the stated column in the middle of the foil, which then ends along the beam. Odd jumps move
        atoms so that the parts of a column that a wall cuts move apart.

    Returns
    -------
    pymatgen.core.Structure
        Metals first, then oxygens, then guests, each from the lowest slab up.

    Raises
    ------
    StructureError
        For a row that does not close, a contact below the hard limits, or an argument out of range.

    Examples
    --------
    >>> jog = build_lateral("R+2 R0 R+2 R.", jumps=[Jump(3, 7, 1)], columns=16)
    >>> jog.composition.reduced_formula
    'NiO2'
    """
    model = lateral_model(
        word,
        jumps=jumps,
        columns=columns,
        lattice=lattice,
        closed=closed,
        vacuum_A=vacuum_A,
        beam_periods=beam_periods,
        lateral_vacuum_A=lateral_vacuum_A,
        inclination_deg=inclination_deg,
    )
    for pair, distance, rows in model.close_contacts():
        where = f"slab {rows[0]}" if rows[0] == rows[1] else f"slabs {rows[0]} and {rows[1]}"
        raise StructureError(
            f"{pair} contact of {distance:.3f} Å in {where}; expected at least "
            f"{CONTACT_LIMITS_A[pair]} Å: make a compressive wall wider, lean an inclined one "
            "less, or leave more vacuum"
        )
    return model.structure()


def lateral_model(
    word: Word | str,
    *,
    jumps: Sequence[Jump],
    columns: int,
    lattice: Lattice | str = "LiNiO2:0.5",
    closed: bool = False,
    vacuum_A: float = 15.0,
    beam_periods: int = 1,
    lateral_vacuum_A: float = 15.0,
    inclination_deg: float = 0.0,
) -> LateralModel:
    """Return what `build_lateral` does, without refusing short contacts.

    Raises
    ------
    StructureError
        For a row that does not close or an argument out of range.
    """
    left = closed_word(word)
    dimensions = get_lattice(lattice)
    by_slab = walls_by_slab(jumps, left)
    right = right_word(left, by_slab)
    check_margins(vacuum=vacuum_A, lateral_vacuum=lateral_vacuum_A)
    check_size(len(left), columns, beam_periods, closed=closed)
    scale = scale_of(dimensions, beam_periods, inclination_deg)
    spacing = dimensions.row_spacing_A("3")
    rows = plan_rows(left, by_slab, columns, spacing, scale=scale, closed=closed)
    guests = guest_atoms(left, rows, scale, gap_A=spacing - dimensions.slab_height_A)
    atoms = joined([*(row_atoms(row, scale) for row in rows), guests])
    margins = (
        lateral_vacuum_A if scale.foil else None,
        None if closed else lateral_vacuum_A,
        None if left.periodic else vacuum_A,
    )
    periods = (scale.thickness_A, columns * scale.pitch_A, len(left) * spacing)
    placed, cell = _in_cell(atoms, periods, margins)
    return LateralModel(
        atoms=placed,
        cell_A=cell,
        left=left,
        right=right,
        host=dict(dimensions.host),
        anion=dimensions.anion,
        missing_columns={
            row.slab: columns - row.n_columns for row in rows if row.n_columns != columns
        },
    )


def _in_cell(
    atoms: Atoms, periods_A: Sequence[float], margins_A: Sequence[float | None]
) -> tuple[Atoms, NDArray[np.float64]]:
    """Return the atoms in a cell: periodic where the margin is None, else centred in vacuum."""
    positions = atoms.positions_A.copy()
    cell = np.array(periods_A, dtype=np.float64)
    for axis, margin in enumerate(margins_A):
        if margin is None:
            continue
        low, high = positions[:, axis].min(), positions[:, axis].max()
        cell[axis] = high - low + margin
        positions[:, axis] += margin / 2 - low
    return Atoms(positions, atoms.role, atoms.slab, atoms.column), cell
