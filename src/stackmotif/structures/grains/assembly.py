"""Pieces of crystals put together: sites filled, conflicts resolved, vacuum around them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking import Slab, Word
from stackmotif.structures.grains.filling import (
    GRAIN_LIMITS_A,
    Crystal,
    Piece,
    draw_species,
    drop_later,
)
from stackmotif.structures.grains.model import Array, Grain, Model
from stackmotif.structures.grains.shapes import checked_lengths
from stackmotif.structures.lattices.lattice import Lattice
from stackmotif.structures.polytype import build

if TYPE_CHECKING:
    from pymatgen.core import Structure


_ALIGNED: Final = 1e-4
"""One minus the cosine of how far a core's axes may lie off the frame's: 0.8 degrees."""


def assemble(
    parts: Sequence[tuple[Grain, Crystal, Piece]],
    *,
    limits_A: Mapping[str, float],
    vacuum_A: float,
    generator: np.random.Generator,
    period_x_A: float = 0.0,
) -> Model:
    """Return the model of several pieces: sites filled, conflicts resolved, vacuum around it.

    Parameters
    ----------
    parts : sequence of (Grain, Crystal, Piece)
        In the order of their right to stay.
    limits_A : Mapping of str to float
        See `drop_later` [Å].
    vacuum_A : float
        Added to every edge that is not periodic [Å].
    generator : numpy.random.Generator
        Draws the occupants of partly filled sites.
    period_x_A : float
        Period along the beam [Å]; 0 for none.

    Raises
    ------
    StructureError
        For a vacuum too thin, or no atoms at all.
    """
    checked_lengths(vacuum_A, what="vacuum", count=1)
    if vacuum_A < max(GRAIN_LIMITS_A.values()):
        raise StructureError(
            f"vacuum is {vacuum_A} Å; expected at least {max(GRAIN_LIMITS_A.values())} Å, so that "
            "opposite faces do not touch"
        )
    drawn = [draw_species(crystal, piece, generator) for _, crystal, piece in parts]
    numbers = np.concatenate(drawn)
    positions = np.concatenate([piece.positions_A for _, _, piece in parts])
    grain_of = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in drawn])
    there = numbers > 0
    if not there.any():
        raise StructureError("the model holds no atom; expected a larger size")
    numbers, positions, grain_of = numbers[there], positions[there], grain_of[there]
    keep, conflicts = drop_later(
        numbers, positions, grain_of, limits_A=limits_A, period_x_A=period_x_A
    )
    cell, positions = _in_cell(positions[keep], vacuum_A, period_x_A)
    return Model(
        numbers[keep],
        positions,
        grain_of[keep],
        cell,
        (bool(period_x_A), False, False),
        _counted(parts, grain_of[keep]),
        conflicts,
    )


def _in_cell(positions_A: Array, vacuum_A: float, period_x_A: float) -> tuple[Array, Array]:
    """Return the edges of a cell around the atoms, and the atoms in the middle of it."""
    cell = np.ptp(positions_A, axis=0) + vacuum_A
    shift = vacuum_A / 2 - positions_A.min(axis=0)
    if period_x_A:
        cell[0], shift[0] = period_x_A, 0.0
    return cell, positions_A + shift


def _counted(
    parts: Sequence[tuple[Grain, Crystal, Piece]], grain_of: NDArray[np.int32]
) -> tuple[Grain, ...]:
    counts = np.bincount(grain_of, minlength=len(parts))
    return tuple(
        replace(
            grain,
            n_atoms=int(count),
            diameter_A=float(np.cbrt(6 / np.pi * len(piece.site) * crystal.volume_per_site_A3)),
        )
        for (grain, crystal, piece), count in zip(parts, counts, strict=True)
    )


def core_crystal(core: "Word | str | Structure", *, lattice: Lattice, height_A: float) -> Crystal:
    """Return the crystal of a core: a periodic one, or a stack that is at least twice as high.

    Raises
    ------
    StructureError
        For a core that is neither a word nor a crystal.
    """
    word = Word.parse(core) if isinstance(core, str) else core
    if not isinstance(word, Word):
        if not hasattr(word, "cart_coords"):
            raise StructureError(
                f"core is {word!r:.60}; expected a word such as '|R+[Li]|', or a pymatgen Structure"
            )
        return _seen_along_a(Crystal.from_structure(word))
    if word.periodic:
        return Crystal.from_structure(build(word, lattice=lattice))
    long = _continued(word, n=int(height_A / lattice.row_spacing_A()) + 2)
    stack = Crystal.from_structure(build(long, lattice=lattice), repeats_along_c=False)
    centred = stack.fractions - [0.0, 0.0, float(np.ptp(stack.fractions[:, 2])) / 2]
    bottom = stack.fractions[:, 2].min()
    return replace(stack, fractions=centred - [0.0, 0.0, bottom])


def _seen_along_a(crystal: Crystal) -> Crystal:
    """Return a crystal of one's own, or refuse it if its axes lie otherwise than the frame's."""
    a, b, _ = crystal.cell
    beam = a / np.linalg.norm(a)
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    if min(beam[0], normal[2]) < 1 - _ALIGNED:
        raise StructureError(
            f"core has a along {np.round(beam, 3).tolist()} and a × b along "
            f"{np.round(normal, 3).tolist()}; expected a along x, the beam, and a × b along z, the "
            "slabs' normal: turn the crystal first"
        )
    return crystal


def _continued(word: Word, *, n: int) -> Word:
    """Return a finite word with its first and its last gap repeated n times more."""
    if len(word) < 2:
        raise StructureError(f"core is {word}; expected at least two slabs, or a periodic word")
    first, last = word.slabs[0], word.slabs[-2]
    above = Slab(word.slabs[-1].tilt, last.shift, last.guest)
    return Word((*[first] * n, *word.slabs[:-1], *[above] * n, word.slabs[-1]), False)
