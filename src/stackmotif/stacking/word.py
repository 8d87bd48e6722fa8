"""The stacking word: an immutable sequence of slabs, periodic or finite, read along +c."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from stackmotif.errors import WordError
from stackmotif.stacking import grammar, naming, projection, symmetry
from stackmotif.stacking.gaps import SITES
from stackmotif.stacking.slab import Slab, shift_vector


@dataclass(frozen=True, repr=False)
class Word:
    """A stack of slabs along +c.

    Parameters
    ----------
    slabs : tuple of Slab
        From the bottom to the top. The last slab of a finite word has no gap: its shift and guest
        are dropped.
    periodic : bool
        Whether the first slab follows the last.

    Raises
    ------
    WordError
        For a word without slabs or with too many, or a guest site that its gap does not have.

    Examples
    --------
    >>> word = Word.parse("|R+[Li] R0|")
    >>> word.name, word.gap_kinds, str(word)
    ('H1-3', '31', '|R+[Li] R0|')
    """

    slabs: tuple[Slab, ...]
    periodic: bool

    def __post_init__(self) -> None:
        slabs = tuple(self.slabs)
        if not 1 <= len(slabs) <= grammar.MAX_SLABS:
            raise WordError(f"word of {len(slabs)} slabs; expected 1 to {grammar.MAX_SLABS}")
        if not self.periodic:
            slabs = (*slabs[:-1], Slab(slabs[-1].tilt))
        object.__setattr__(self, "slabs", slabs)
        self._check_sites()

    @classmethod
    def parse(cls, text: str) -> "Word":
        """Return the word of a text.

        Raises
        ------
        WordError
            With the position, what stands there and what was expected.

        Examples
        --------
        >>> Word.parse("R+2 R0 R.").gap_kinds
        '331'
        """
        return cls(*grammar.parse_word(text))

    def format(self) -> str:
        """Return the text of the word; `parse` gives the word back."""
        return grammar.format_word(self.slabs, periodic=self.periodic)

    def __str__(self) -> str:
        return self.format()

    def __repr__(self) -> str:
        return f"Word.parse({self.format()!r})"

    def __len__(self) -> int:
        return len(self.slabs)

    @property
    def n_gaps(self) -> int:
        """Number of gaps: that of slabs in a periodic word, one less in a finite one."""
        return len(self.slabs) - (not self.periodic)

    @cached_property
    def gap_kinds(self) -> str:
        """Kind of every gap along +c, one letter of ``31pq2T?`` each; see `gap_kind`."""
        return symmetry.gap_kinds(self.slabs, periodic=self.periodic)

    @property
    def name(self) -> str | None:
        """Name such as ``O3``, ``H1-3``, ``O1 fault(2)`` or ``TD(2) flipped``; None without one.

        Guests are ignored, and a word with an unknown tilt has no name. ``TD(n) flipped`` is a
        family: n reversed slabs and n reversed gaps; ``TD(n) flipped(m)`` has m = n - 1 or n + 1
        reversed slabs behind the same metal projection; ``TD(n) glided`` keeps every tilt.
        `from_name` gives the word back, with the flanks of the table.
        """
        return naming.name_of(self.slabs, periodic=self.periodic)

    def primitive(self) -> "Word":
        """Return the shortest periodic word with the same stacking; a finite word is its own."""
        if not self.periodic:
            return self
        return Word(self.slabs[: symmetry.primitive_length(self.slabs)], True)

    def canonical(self) -> "Word":
        """Return the one word that stands for all that describe the same crystal.

        The primitive root's least image under rotation, flip and reversal, 4 N images of a periodic
        word and 4 of a finite one; with vector shifts also the threefold rotations and the mirror
        that contains e.

        >>> Word.parse("|L- L-|").canonical()
        Word.parse('|R+|')
        """
        return Word(symmetry.canonical(self.slabs, periodic=self.periodic), self.periodic)

    def flipped(self) -> "Word":
        """Return the word seen from behind: t and s change sign together, never one alone."""
        return Word(symmetry.flip(self.slabs), self.periodic)

    def reversed(self) -> "Word":
        """Return the same crystal read from its other end, turned about the axis normal to e.

        Slabs and gaps in reverse order, t and s kept, vector shifts mirrored on e; guest sites are
        written out, since ``l`` and ``u`` change places.
        """
        slabs = symmetry.resolve_sites(self.slabs, periodic=self.periodic)
        return Word(symmetry.reverse(slabs, periodic=self.periodic), self.periodic)

    def rotated(self, n: int) -> "Word":
        """Return the periodic word that starts at slab ``n``.

        Raises
        ------
        WordError
            For a finite word.
        """
        if not self.periodic:
            raise WordError("a finite word has no cyclic rotation; expected a periodic one")
        n %= len(self.slabs)
        return Word(self.slabs[n:] + self.slabs[:n], True)

    def metal_only(self) -> "Word":
        """Return what an image of the metal alone can tell: no tilts and no guests."""
        return Word(tuple(Slab(0, slab.shift) for slab in self.slabs), self.periodic)

    def without_guests(self) -> "Word":
        """Return the word with every gap empty."""
        return Word(tuple(replace(slab, guest=None) for slab in self.slabs), self.periodic)

    @property
    def metal_text(self) -> str:
        """Metal-only short form along [100], such as ``++-++``; ``x`` unknown or fractional."""
        return projection.metal_text(self.slabs, periodic=self.periodic)

    def projection(self, *, zone: str = "100") -> tuple[Fraction | None, ...]:
        """Return the projected shift of every gap in units of the column pitch, in (-1/2, 1/2].

        Parameters
        ----------
        zone : {'100', '010', '110'}
            Beam direction, pointing at the viewer, c up.

        Raises
        ------
        WordError
            For a zone that does not show the stacking.

        Examples
        --------
        >>> Word.parse("|R+ R0|").projection(zone="110")
        (Fraction(-1, 3), Fraction(0, 1))
        """
        return projection.project(self.slabs, periodic=self.periodic, zone=zone)

    @cached_property
    def degeneracy_class(self) -> str:
        """Id of all words with the same metal projection along [100], such as ``P:+_0``.

        An image that shows the metal alone cannot tell the members of a class apart.
        """
        return projection.class_id(self.slabs, periodic=self.periodic)

    @property
    def net_shift(self) -> tuple[Fraction, Fraction] | None:
        """Sum of all shifts as a vector in [0, 1), hexagonal fractions; None if one is unknown."""
        total_u, total_v = Fraction(0), Fraction(0)
        for slab in self.slabs[: self.n_gaps]:
            if slab.shift is None:
                return None
            u, v = shift_vector(slab.shift)
            total_u, total_v = (total_u + u) % 1, (total_v + v) % 1
        return total_u, total_v

    def _check_sites(self) -> None:
        if all(slab.guest is None for slab in self.slabs):
            return
        for k, (slab, kind) in enumerate(zip(self.slabs, self.gap_kinds, strict=False)):
            site = slab.guest.site if slab.guest else None
            if site is not None and kind in SITES and site not in SITES[kind]:
                raise WordError(
                    f"gap {k} is of kind {kind!r} and has no guest site {site!r}; "
                    f"expected {' or '.join(SITES[kind])}"
                )


def from_name(name: str) -> Word:
    """Return the word with this name; finite ones have the flanks of the table of known words.

    Raises
    ------
    WordError
        For a name that is not known, with the known ones.

    Examples
    --------
    >>> from_name("TD(2) flipped")
    Word.parse('R+11 R- L- L+ R+11 R.')
    """
    return Word.parse(naming.text_of(name))
