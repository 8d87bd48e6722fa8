"""Where slabs and gaps of words stand, and what an atlas has to know to show them.

Image axes: x right, y down, +c up. Slab k has its metals at ``x = p_k d`` (p_k the sum of the
shifts below it, in pitches) and at ``y = -z_k``; the metal of slab 0 is the origin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.stacking import Guest, Word, default_site, shift_vector
from stackmotif.stacking.projection import project_shift
from stackmotif.structures.lattices.lattice import Lattice, get_lattice

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.model import Atlas

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_STRETCH: Final = {"gap height": 0.15, "slab height": 0.15, "column pitch": 0.05}
"""How much a length may differ from that of the atlas, relative to it; a judgement (unverified).

A tile is stretched to the length, which moves its columns to the right places and scales what is
between them."""

FINE_SHIFTS: Final = 6
"""Fewest shifts of an atlas that is interpolated between them without being told."""


@dataclass(frozen=True)
class Stacks:
    """Stacks of equally many slabs, each closed to a ring: the last gap is below the first slab.

    Parameters
    ----------
    tilts : ndarray of int, shape (stack, slab)
        +1 (``R``) or -1 (``L``), from the bottom.
    shifts : ndarray or Tensor, shape (stack, slab)
        From each slab to the next one above, in units of the pitch.
    fillings : ndarray, shape (stack, slab, guest)
        Share of each guest of the atlas in the gap above a slab; they sum to 1.
    gap_heights_A : ndarray, shape (stack, slab)
        Height of the gap above each slab [Å].
    slab_height_A, pitch_A : float
        Height of a slab and column pitch [Å].
    first : int
        Slab whose metal is the origin of the image.
    """

    tilts: Ints
    shifts: Any
    fillings: Floats
    gap_heights_A: Floats
    slab_height_A: float
    pitch_A: float
    first: int = 0

    def __len__(self) -> int:
        return len(self.tilts)

    @property
    def heights_A(self) -> Floats:
        """Height of each slab's metals above slab ``first`` [Å], shape (stack, slab)."""
        steps = self.slab_height_A + self.gap_heights_A
        below = np.cumsum(steps, axis=1) - steps
        return below - below[:, self.first : self.first + 1]

    @property
    def period_A(self) -> Floats:
        """Height of each ring [Å], shape (stack,)."""
        return (self.slab_height_A + self.gap_heights_A).sum(axis=1)

    def with_shifts(self, shifts: Any) -> "Stacks":
        """Return the same stacks with other shifts (stack, slab), numbers or a tensor.

        Raises
        ------
        SimulationError
            If the shape differs.
        """
        if tuple(np.shape(shifts)) != self.tilts.shape:
            raise SimulationError(
                f"shifts have shape {tuple(np.shape(shifts))}; expected {self.tilts.shape}, one "
                "for the gap above each slab of each stack"
            )
        return replace(self, shifts=shifts)


def as_words(words: Word | str | Sequence[Word | str]) -> list[Word]:
    """Return words of equal length, all periodic or all finite.

    Raises
    ------
    SimulationError
        If there are none, or they differ.
    """
    given = [words] if isinstance(words, str | Word) else list(words)
    parsed = [Word.parse(word) if isinstance(word, str) else word for word in given]
    if not parsed or not all(isinstance(word, Word) for word in parsed):
        raise SimulationError(
            f"words are {given!r:.80}; expected a Word, its text, or several of them"
        )
    kinds = {(len(word), word.periodic) for word in parsed}
    if len(kinds) > 1:
        told = ", ".join(f"{'|' * p}{n} slabs{'|' * p}" for n, p in sorted(kinds))
        raise SimulationError(
            f"words of one batch have {told}; expected equally many slabs, all periodic or all "
            "finite: image them in separate calls"
        )
    return parsed


def stacks_of_words(
    words: Word | str | Sequence[Word | str],
    atlas: "Atlas",
    *,
    lattice: Lattice | str | None = None,
    mix_guests: bool = False,
    between_shifts: bool = False,
    continued: int | None = None,
) -> Stacks:
    """Return the stacks of words, or refuse what the atlas cannot show.

    Parameters
    ----------
    words : Word, str, or a sequence of them
        Equally many slabs each, all periodic or all finite.
    atlas : Atlas
        What the images are made from.
    lattice : Lattice or str, optional
        Lengths of the crystal; those of the atlas by default. A height that a word states goes
        before both.
    mix_guests : bool
        Whether a partly filled gap may be mixed from an empty and a full one.
    between_shifts : bool
        Whether shifts between those of a coarse atlas may be interpolated.
    continued : int, optional
        Slabs that are added below and above a finite word: the reference stacking goes on there.

    Raises
    ------
    SimulationError
        With what the atlas lacks.
    """
    parsed = as_words(words)
    if not parsed[0].periodic and continued is None:
        raise SimulationError(
            f"word {parsed[0].format()!r} is finite and the atlas has no surfaces; expected a "
            "periodic word, ends='continue' to let the reference stacking go on above and below, "
            "or another engine"
        )
    dimensions = None if lattice is None else get_lattice(lattice)
    if dimensions is not None:
        _check_species(dimensions, atlas)
    reader = _Reader(atlas, dimensions, mix_guests, between_shifts)
    rings = [_ring(word, continued or 0, atlas) for word in parsed]
    rows = [reader.row(ring) for ring in rings]
    stacks = Stacks(
        tilts=np.array([row[0] for row in rows]),
        shifts=np.array([row[1] for row in rows], dtype=np.float64),
        fillings=np.array([row[2] for row in rows], dtype=np.float64),
        gap_heights_A=np.array([row[3] for row in rows], dtype=np.float64),
        slab_height_A=_length(dimensions, "slab_height_A", atlas),
        pitch_A=atlas.pitch_A if dimensions is None else dimensions.column_pitch_A,
        first=0 if parsed[0].periodic else continued or 0,
    )
    check_lengths(stacks, atlas)
    return stacks


def _length(lattice: Lattice | None, name: str, atlas: "Atlas") -> float:
    return float(getattr(atlas if lattice is None else lattice, name))


def _ring(word: Word, continued: int, atlas: "Atlas") -> Word:
    """Return a word as it is, or a finite one with its ends continued, closed to a ring."""
    if word.periodic:
        return word
    slabs = list(word.slabs)
    third, guest = _reference_gap(atlas)
    below = [replace(slabs[0], shift=third * slabs[0].tilt, guest=guest)] * continued
    last = replace(slabs[-1], shift=third * slabs[-1].tilt, guest=guest)
    return Word((*below, *slabs[:-1], last, *[last] * continued), True)


def _reference_gap(atlas: "Atlas") -> tuple[int, Guest | None]:
    """Return shift (in units of e) and guest of the reference gap of a slab of tilt R."""
    _, guest, shift = atlas.reference
    thirds = round(3 * shift / atlas.recipe.n_shifts)
    species = atlas.guests[guest]
    return (thirds + 1) % 3 - 1, Guest(species) if species else None


@dataclass(frozen=True)
class _Where:
    """A gap of a word, told only where something is wrong with it."""

    word: Word
    gap: int

    def __str__(self) -> str:
        return f"gap {self.gap} of {self.word.format()!r}"


@dataclass(frozen=True)
class _Reader:
    """What one word's gaps are in the terms of an atlas."""

    atlas: "Atlas"
    lattice: Lattice | None
    mix_guests: bool
    between_shifts: bool

    def row(self, word: Word) -> tuple[list[int], list[float], list[list[float]], list[float]]:
        tilts = [slab.tilt for slab in word.slabs]
        if 0 in tilts:
            raise SimulationError(
                f"slab {tilts.index(0)} of {word.format()!r} has no tilt; expected R or L "
                "everywhere: choose one with stackmotif.stacking.tilt_sequences"
            )
        shifts, fillings, heights = [], [], []
        for k, (slab, kind) in enumerate(zip(word.slabs, word.gap_kinds, strict=True)):
            where = _Where(word, k)
            shift = self._shift(slab.shift, where)
            filling = self._filling(slab.guest, kind, where)
            relative = tilts[k] != tilts[(k + 1) % len(tilts)]
            shifts.append(float(shift))
            fillings.append(filling)
            heights.append(self._height(slab.guest, kind, relative, shift * slab.tilt, filling))
        return tilts, shifts, fillings, heights

    def _shift(self, shift: Any, where: _Where) -> Fraction:
        if shift is None:
            raise SimulationError(f"{where} has no shift; expected one")
        u, v = shift_vector(shift)
        projected = project_shift(shift)
        if projected is None or (u - 2 * v) % 1:
            raise SimulationError(
                f"{where} has the shift ({u}, {v}), not along e = (2/3, 1/3); the atlas knows "
                "shifts along e alone: use another engine"
            )
        n = self.atlas.recipe.n_shifts
        if (projected * n).denominator != 1 and n < FINE_SHIFTS and not self.between_shifts:
            raise SimulationError(
                f"{where} has a shift of {projected} of the pitch, and the atlas holds multiples "
                f"of 1/{n} alone; expected an atlas with {FINE_SHIFTS} shifts or more, or another "
                "engine"
            )
        return projected

    def _filling(self, guest: Guest | None, kind: str, where: _Where) -> list[float]:
        known = self.atlas.guests
        name = self._name(guest, kind, where)
        share = 1.0 if guest is None else guest.occupancy
        needed = [name] if share == 1.0 else [name, ""]
        if kind == "p" and name:
            # Seen from the slab above, the lower site is the upper one.
            needed += [name.partition("@")[0], name.partition("@")[0] + "@u"]
        lacking = [one for one in needed if one not in known]
        if lacking or (share < 1.0 and not self.mix_guests):
            told = ", ".join(repr(one) for one in known)
            raise SimulationError(
                f"{where} holds {name or 'no guest'} at {share:g} per metal; the atlas has gaps "
                f"filled with {told}, each at 1 (an empty text is an empty gap)"
                + (
                    f" and lacks {', '.join(map(repr, lacking))}: use another engine"
                    if lacking
                    else ": pass mix_guests=True to mix full and empty gaps"
                )
            )
        row = [0.0] * len(known)
        row[known.index(name)] += share
        if share < 1.0:
            row[known.index("")] += 1 - share
        return row

    def _name(self, guest: Guest | None, kind: str, where: _Where) -> str:
        """Return a guest as the atlas calls it."""
        if guest is None:
            return ""
        site = guest.site or default_site(kind)
        if kind == "T" or site not in (default_site(kind), *("u" * (kind == "p"))):
            raise SimulationError(
                f"{where} is of kind {kind!r} and has its guest on site {site!r}; the atlas knows "
                "octahedral guests and the usual sites of prismatic gaps: use another engine"
            )
        return f"{guest.species}@u" if kind == "p" and site == "u" else guest.species

    def _height(
        self, guest: Guest | None, kind: str, relative: bool, shift: Fraction, filling: list[float]
    ) -> float:
        if guest is not None and guest.height_A is not None:
            return guest.height_A
        if self.lattice is not None:
            return self.lattice.gap_height_A(kind)
        heights = self.atlas.gap_heights_A[int(relative)]
        n = heights.shape[-1]
        place = float(shift % 1) * n
        low = math.floor(place)
        share = place - low
        between = (1 - share) * heights[:, low % n] + share * heights[:, (low + 1) % n]
        return float(np.dot(filling, between))


def _check_species(lattice: Lattice, atlas: "Atlas") -> None:
    own = get_lattice(atlas.recipe.lattice)
    given, known = ((dict(one.host), one.anion) for one in (lattice, own))
    if given != known or lattice.is_rocksalt:
        raise SimulationError(
            f"lattice {lattice.label!r} has slabs of {given} and the atlas of {known}; expected "
            "an atlas of that host, or another engine"
        )


def check_lengths(stacks: Stacks, atlas: "Atlas") -> None:
    """Refuse stacks whose lengths are too far from those of the atlas.

    Raises
    ------
    SimulationError
        With the length, that of the atlas and the difference allowed.
    """
    known = atlas.gap_heights_A
    low, high = float(known.min()), float(known.max())
    lengths = (
        ("gap height", min(float(stacks.gap_heights_A.min()), low), low),
        ("gap height", max(float(stacks.gap_heights_A.max()), high), high),
        ("slab height", stacks.slab_height_A, atlas.slab_height_A),
        ("column pitch", stacks.pitch_A, atlas.pitch_A),
    )
    for what, value, own in lengths:
        if not abs(value / own - 1) <= MAX_STRETCH[what]:
            raise SimulationError(
                f"a {what} is {value:.3f} Å and that of the atlas {own:.3f} Å; expected no more "
                f"than {100 * MAX_STRETCH[what]:g} % between them: use an atlas of that lattice, "
                "or another engine"
            )
