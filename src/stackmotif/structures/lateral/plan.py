"""Plan of a lateral model: its walls checked, its rows laid out, its lengths."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from stackmotif.errors import StructureError, WordError
from stackmotif.stacking import Word, check_row_closes, word_after
from stackmotif.stacking.walls import is_integer
from stackmotif.structures.arguments import as_number
from stackmotif.structures.lateral.rows import Jump, Row, Scale
from stackmotif.structures.lattices.lattice import Lattice
from stackmotif.structures.polytype import MAX_ATOMS, repeats_to_close

_STEEPEST_DEG: Final = 75.0

MAX_MARGIN_A: Final = 10_000.0
"""Widest vacuum beside a model [Å]."""


def closed_word(word: Word | str) -> Word:
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
        if slab.guest and (slab.guest.height_A or slab.guest.site in ("tl", "tu")):
            raise StructureError(
                f"gap {k} of {word.format()!r} has a height of its own or a tetrahedral site; "
                "expected neither: rows are flat, and sites change along them"
            )
    return Word(word.slabs * repeats_to_close(word), True) if word.periodic else word


def walls_by_slab(jumps: Sequence[Jump], word: Word) -> dict[int, tuple[Jump, ...]]:
    """Return the walls of each slab that has some, from left to right; they may not overlap."""
    found: dict[int, list[Jump]] = defaultdict(list)
    for jump in _checked(jumps):
        if jump.slab >= len(word):
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


def _checked(jumps: Sequence[Jump]) -> list[Jump]:
    listed = list(jumps) if isinstance(jumps, Iterable) else [jumps]
    if not isinstance(jumps, Iterable) or not all(isinstance(jump, Jump) for jump in listed):
        raise StructureError(
            f"jumps are {jumps!r}; expected a list of Jump, such as [Jump(slab=1, column=7, "
            "thirds=1)]"
        )
    return listed


def right_word(left: Word, by_slab: dict[int, tuple[Jump, ...]]) -> Word:
    """Return the stack at the right end."""
    try:
        return word_after(left, {k: _sum(walls) for k, walls in by_slab.items()})
    except WordError as error:
        raise StructureError(str(error)) from error


def _sum(walls: Sequence[Jump]) -> int:
    return sum(wall.thirds for wall in walls)


def check_size(n_slabs: int, columns: int, periods: int, *, closed: bool) -> None:
    """Refuse counts that make no model, or one that is too large."""
    if not is_integer(columns) or columns < 4 or (closed and columns % 2):
        raise StructureError(
            f"rows of {columns!r} columns; expected a whole number, 4 or more, and an even one "
            "where rows close (columns alternate along the beam)"
        )
    if not is_integer(periods) or periods < 1:
        raise StructureError(f"beam periods are {periods!r}; expected a whole number, 1 or more")
    if 3 * n_slabs * columns * periods > MAX_ATOMS:
        raise StructureError(
            f"{n_slabs} slabs of {columns} columns and {periods} periods give about "
            f"{3 * n_slabs * columns * periods} atoms; expected at most {MAX_ATOMS}"
        )


def check_margins(**margins_A: float) -> None:
    """Refuse a vacuum that is no length."""
    for name, value in margins_A.items():
        if not 0 <= as_number(value) <= MAX_MARGIN_A:
            raise StructureError(
                f"{name.replace('_', ' ')} is {value!r} Å; expected a length from 0 to "
                f"{MAX_MARGIN_A:g}"
            )


def scale_of(lattice: Lattice, periods: int, inclination_deg: float) -> Scale:
    """Return the lengths of a model; an inclined one is a foil."""
    if lattice.is_rocksalt:
        raise StructureError(
            f"lattice {lattice.name!r} is rock salt, which has no slabs that glide; expected a "
            "layered lattice such as 'LiNiO2:0.5'"
        )
    if not abs(as_number(inclination_deg)) <= _STEEPEST_DEG:
        raise StructureError(
            f"inclination is {inclination_deg!r} degrees; expected {_STEEPEST_DEG:g} or less "
            "either way"
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


def plan_rows(
    left: Word,
    by_slab: dict[int, tuple[Jump, ...]],
    columns: int,
    spacing_A: float,
    *,
    scale: Scale,
    closed: bool,
) -> list[Row]:
    """Return the perfect row of every slab, the columns that its walls cost taken away."""
    rows, place = [], 0
    for k, slab in enumerate(left.slabs):
        walls = by_slab.get(k, ())
        phase = _wrapped(place)
        n = _n_columns(k, walls, phase, columns, closed=closed)
        _check_inside(walls, n, scale)
        rows.append(Row(k, slab.tilt, phase, n, k * spacing_A, walls, closed))
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
