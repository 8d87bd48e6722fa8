"""Lateral walls to atoms: stacks whose rows jump sideways, in a cell seen along [100]."""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError, WordError
from stackmotif.stacking import Word, check_row_closes, word_after
from stackmotif.structures.contacts import CONTACT_LIMITS_A, site_roles
from stackmotif.structures.lateral_rows import Atoms, Jump, Row, Scale, joined, row_atoms
from stackmotif.structures.lattices import Lattice, get_lattice
from stackmotif.structures.polytype import MAX_ATOMS, repeats_to_close

if TYPE_CHECKING:
    from pymatgen.core import Structure

_STEEPEST_DEG: Final = 75.0


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
    """

    atoms: Atoms
    cell_A: NDArray[np.float64]
    left: Word
    right: Word
    host: dict[str, float]
    anion: str

    def structure(self) -> "Structure":
        """Return the crystal: metals first, then oxygens, each from the lowest slab up."""
        from pymatgen.core import Lattice as Cell
        from pymatgen.core import Structure

        order = self._order()
        metal = self.atoms.role[order] == "M"
        species: list[Any] = [self.host if m else self.anion for m in metal]
        return Structure(
            Cell.orthorhombic(*self.cell_A),
            species,
            self.atoms.positions_A[order] / self.cell_A % 1.0,
        )

    def _order(self) -> NDArray[np.int64]:
        return np.lexsort((self.atoms.slab, self.atoms.role))

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
    kind ``3`` of the lattice, whatever its state. Gaps are empty.

    Parameters
    ----------
    word : Word or str
        The stack at the left end, periodic along c or finite, every shift +, 0 or -, no guests.
    jumps : sequence of Jump
        The walls. What stands to the right follows from them: `stackmotif.stacking.word_after`.
    columns : int
        Columns in a row without walls.
    lattice : Lattice or str
        ``NAME[:x]`` of the lattice table.
    closed : bool
        Whether the model is periodic along the rows; then both ends are the same stack, ``columns``
        is even, and the jumps of each row add up to its missing columns. Otherwise the rows end
        flush in vacuum: a row that its walls stretch by a pitch has a column less.
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
        Metals first, then oxygens, each from the lowest slab up.

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
            f"{CONTACT_LIMITS_A[pair]} Å: make a compressive wall wider"
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
    left = _closed_word(word)
    dimensions = get_lattice(lattice)
    by_slab = _by_slab(jumps, left)
    right = _right_word(left, by_slab)
    for name, value in {"vacuum": vacuum_A, "lateral vacuum": lateral_vacuum_A}.items():
        if not (math.isfinite(value) and value >= 0):
            raise StructureError(f"{name} is {value} Å; expected 0 or more")
    _check_size(len(left), columns, beam_periods, closed=closed)
    scale = _scale(dimensions, beam_periods, inclination_deg)
    atoms = joined(
        [
            row_atoms(row, scale)
            for row in _rows(
                left, by_slab, columns, dimensions.row_spacing_A("3"), scale=scale, closed=closed
            )
        ]
    )
    margins = (lateral_vacuum_A if scale.foil else None,
               None if closed else lateral_vacuum_A,
               None if left.periodic else vacuum_A)  # fmt: skip
    periods = (
        scale.thickness_A,
        columns * scale.pitch_A,
        len(left) * dimensions.row_spacing_A("3"),
    )
    placed, cell = _in_cell(atoms, periods, margins)
    return LateralModel(placed, cell, left, right, dict(dimensions.host), dimensions.anion)


def _closed_word(word: Word | str) -> Word:
    """Return the word, a periodic one repeated until it closes along c."""
    word = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(word, Word):
        raise StructureError(f"word is {word!r}; expected a Word or its text, such as '|R+3|'")
    for k, slab in enumerate(word.slabs):
        if slab.tilt == 0 or (k < word.n_gaps and not isinstance(slab.shift, int)):
            raise StructureError(
                f"slab {k} of {word.format()!r} has no tilt, or no shift of +, 0 or -; expected "
                "both: choose tilts with stackmotif.stacking.tilt_sequences"
            )
        if slab.guest is not None:
            raise StructureError(
                f"gap {k} of {word.format()!r} holds {slab.guest.species}; expected empty gaps: "
                "the sites in a wall are not known, use word.without_guests()"
            )
    return Word(word.slabs * repeats_to_close(word), True) if word.periodic else word


def _by_slab(jumps: Sequence[Jump], word: Word) -> dict[int, tuple[Jump, ...]]:
    found: dict[int, list[Jump]] = defaultdict(list)
    for jump in jumps:
        if not 0 <= jump.slab < len(word):
            raise StructureError(
                f"wall in slab {jump.slab}; expected a slab from 0 to {len(word) - 1}"
            )
        found[jump.slab].append(jump)
    ordered = {k: tuple(sorted(walls, key=lambda wall: wall.column)) for k, walls in found.items()}
    for k, walls in ordered.items():
        for first, second in itertools.pairwise(walls):
            if first.column + first.width > second.column:
                raise StructureError(
                    f"walls of slab {k} at columns {first.column:g} and {second.column:g} overlap; "
                    f"expected the second at {first.column + first.width:g} or later"
                )
    return ordered


def _right_word(left: Word, by_slab: dict[int, tuple[Jump, ...]]) -> Word:
    try:
        return word_after(left, {k: _sum(walls) for k, walls in by_slab.items()})
    except WordError as error:
        raise StructureError(str(error)) from error


def _sum(walls: Sequence[Jump]) -> int:
    return sum(wall.thirds for wall in walls)


def _check_size(n_slabs: int, columns: int, periods: int, *, closed: bool) -> None:
    if not isinstance(columns, int) or columns < 4 or (closed and columns % 2):
        raise StructureError(
            f"rows of {columns!r} columns; expected 4 or more, and an even number where rows close "
            "(columns alternate along the beam)"
        )
    if not isinstance(periods, int) or periods < 1:
        raise StructureError(f"beam periods are {periods!r}; expected 1 or more")
    if 3 * n_slabs * columns * periods > MAX_ATOMS:
        raise StructureError(
            f"{n_slabs} slabs of {columns} columns and {periods} periods give about "
            f"{3 * n_slabs * columns * periods} atoms; expected at most {MAX_ATOMS}"
        )


def _scale(lattice: Lattice, periods: int, inclination_deg: float) -> Scale:
    if not abs(inclination_deg) <= _STEEPEST_DEG:
        raise StructureError(
            f"inclination is {inclination_deg} degrees; expected {_STEEPEST_DEG:g} or less either "
            "way"
        )
    if inclination_deg and periods < 2:
        raise StructureError(
            f"an inclined wall in a foil of {periods} period; expected several beam_periods"
        )
    return Scale(
        a_A=lattice.a_A,
        pitch_A=lattice.column_pitch_A,
        slab_height_A=lattice.slab_height_A,
        periods=periods,
        foil=inclination_deg != 0,
        slope=math.tan(math.radians(inclination_deg)),
    )


def _rows(
    left: Word,
    by_slab: dict[int, tuple[Jump, ...]],
    columns: int,
    spacing_A: float,
    *,
    scale: Scale,
    closed: bool,
) -> list[Row]:
    rows, place = [], 0
    for k, slab in enumerate(left.slabs):
        walls = by_slab.get(k, ())
        phase = _wrapped(place)
        n = _n_columns(k, walls, phase, columns, closed=closed)
        _check_inside(walls, n, scale)
        rows.append(Row(k, slab.tilt, phase, n, k * spacing_A, walls))
        place += slab.shift if isinstance(slab.shift, int) else 0
    return rows


def _check_inside(walls: Sequence[Jump], n_columns: int, scale: Scale) -> None:
    reach = abs(scale.slope) * scale.thickness_A / 2 / scale.pitch_A
    for wall in walls:
        start, end = wall.column - reach, wall.column + wall.width + reach
        if start < 0 or end > n_columns - 1:
            raise StructureError(
                f"wall in slab {wall.slab} reaches from column {start:.3g} to {end:.3g}; expected "
                f"it between columns 0 and {n_columns - 1} of its row, through the whole foil"
            )


def _n_columns(slab: int, walls: Sequence[Jump], phase: int, columns: int, *, closed: bool) -> int:
    missing = sum(wall.missing_columns for wall in walls)
    if not closed:
        if missing:
            raise StructureError(
                f"slab {slab}: {missing} columns are missing in a row with free ends; expected 0, "
                "or closed=True"
            )
        end = phase + _sum(walls)
        return columns - (end - _wrapped(end)) // 3
    try:
        check_row_closes([w.thirds for w in walls], missing_columns=missing, row=slab)
    except WordError as error:
        raise StructureError(str(error)) from error
    return columns - missing


def _wrapped(thirds: int) -> int:
    return (thirds + 1) % 3 - 1


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
