"""Recipes of lateral walls: stacks whose rows jump sideways."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from stackmotif.catalog.recipes.base import BaseRecipe, Length, Text
from stackmotif.stacking import Word, word_after

if TYPE_CHECKING:
    from pymatgen.core import Structure

_LONGEST_CLASS: Final = 60

Walls = tuple[tuple[tuple[str, ...], int], ...]
"""For every row its walls from left to right, each as a text, and the columns that it lacks."""


class WallJump(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One wall: the slab that carries it, its last column in place, 3 J, and its type.

    ``A`` is abrupt; ``C`` is continuous, as wide as the recipe says.
    """

    slab: Annotated[int, msgspec.Meta(ge=0)]
    column: Annotated[float, msgspec.Meta(ge=0, le=10_000)]
    thirds: Literal[1, -1, 2, -2]
    type: Literal["A", "C"] = "A"
    missing_columns: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0


class WallRecipe(BaseRecipe, frozen=True, tag="wall"):
    """A stack at the left end, and the walls of its rows.

    ``closed`` models are periodic along the rows, others end in vacuum. ``width`` is the length of
    every continuous wall in columns: an argument, any number from 2 up that keeps the contacts.
    """

    word: Text
    lattice: Text
    columns: Annotated[int, msgspec.Meta(ge=4, le=10_000)]
    jumps: Annotated[list[WallJump], msgspec.Meta(min_length=1)]
    closed: bool = False
    width: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 4
    vacuum_A: Length = 15.0
    lateral_vacuum_A: Length = 15.0
    beam_periods: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    inclination_deg: Annotated[float, msgspec.Meta(ge=-75, le=75)] = 0.0

    def build(self, *, folder: Path) -> "Structure":
        """Return the model in its orthogonal cell, seen along [100]."""
        from stackmotif.structures import Jump, build_lateral, get_lattice

        return build_lateral(
            self.word,
            jumps=[
                Jump(j.slab, j.column, j.thirds, self._width(j), j.missing_columns)
                for j in self.jumps
            ],
            columns=self.columns,
            lattice=get_lattice(self.lattice, folder=folder),
            closed=self.closed,
            vacuum_A=self.vacuum_A,
            beam_periods=self.beam_periods,
            lateral_vacuum_A=self.lateral_vacuum_A,
            inclination_deg=self.inclination_deg,
        )

    def identity(self) -> str | None:
        """Return the stack and its walls; columns, lengths and lattice are arguments."""
        return f"wall {self._least(self._left())}{self._leaning()}"

    def degeneracy_class(self) -> str | None:
        """Return the class of all models with the same metal columns: the tilts are left out."""
        text = self._least(self._left().metal_only()) + self._leaning()
        if len(text) > _LONGEST_CLASS:
            text = f"{len(self._left())}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        return f"W:{text}"

    def _least(self, left: Word) -> str:
        """Return the text that stands for the model, whatever end it is written from.

        Rows that close may be cut open anywhere: the shortest text of all cuts is taken.
        """
        cuts = {-1.0, *(jump.column for jump in self.jumps if self.closed)}
        texts = [_least(*_primitive(*self._from(left, cut))) for cut in cuts]
        return min(texts, key=lambda text: (len(text), text))

    def _from(self, left: Word, cut: float) -> tuple[Word, Walls]:
        """Return the stack behind the walls up to a column, and the walls from there round."""
        rows: list[list[WallJump]] = [[] for _ in left.slabs]
        passed = dict.fromkeys(range(len(rows)), 0)
        for jump in sorted(self.jumps, key=lambda jump: (jump.column <= cut, jump.column)):
            if jump.slab < len(rows):
                rows[jump.slab].append(jump)
                passed[jump.slab] += jump.thirds * (jump.column <= cut)
        walls = tuple(
            (tuple(self._text(jump) for jump in row), sum(jump.missing_columns for jump in row))
            for row in rows
        )
        return word_after(left, passed), walls

    def _width(self, jump: WallJump) -> int:
        return 1 if jump.type == "A" else self.width

    def _leaning(self) -> str:
        return " inclined" if self.inclination_deg else ""

    def _left(self) -> Word:
        from stackmotif.structures import repeats_to_close

        word = Word.parse(self.word).without_guests()
        return Word(word.slabs * repeats_to_close(word), True) if word.periodic else word

    def _text(self, jump: WallJump) -> str:
        return f"{jump.thirds:+d}A" if jump.type == "A" else f"{jump.thirds:+d}C{self.width}"


def _primitive(left: Word, walls: Walls) -> tuple[Word, Walls]:
    """Return one period along c of a periodic stack and its walls."""
    n = len(left)
    for period in range(1, n if left.periodic else 1):
        repeats, rest = divmod(n, period)
        same = left.slabs == left.slabs[:period] * repeats and walls == walls[:period] * repeats
        if not rest and same:
            return Word(left.slabs[:period], True), walls[:period]
    return left, walls


def _least(left: Word, walls: Walls) -> str:
    """Return the least text of a model among those of its turned images."""
    return min(_text(*image) for image in _images(left, walls))


def _images(left: Word, walls: Walls) -> Iterator[tuple[Word, Walls]]:
    """Return the model turned by 180 degrees about c, about the beam and about the rows.

    A turn about c or about the beam exchanges left and right. Periodic stacks also start at any
    slab.
    """
    sums = {k: sum(int(wall[:2]) for wall in row) for k, (row, _) in enumerate(walls)}
    right = word_after(left, sums)
    sideways = tuple((row[::-1], missing) for row, missing in walls)
    turned = [
        (left, walls),
        (right.flipped(), sideways),
        (right.reversed(), sideways[::-1]),
        (left.flipped().reversed(), walls[::-1]),
    ]
    for word, rows in turned:
        for start in range(len(word) if word.periodic else 1):
            yield word.rotated(start) if start else word, rows[start:] + rows[:start]


def _text(word: Word, walls: Walls) -> str:
    """Return a stack and its walls: 3 J, ``A`` or ``C`` with its width, ``m`` per lost column."""
    rows = (f"{k}:{','.join(row)}{'m' * missing}" for k, (row, missing) in enumerate(walls) if row)
    return f"{word.format()} {' '.join(rows)}"
