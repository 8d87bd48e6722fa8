"""Text to slabs and back: the grammar of stacking words.

::

    word  = "|" items "|"   (periodic)   |   items slab_last "."   (finite)
    items = { item } ;  item = ( slab | "(" items ")" ) [ count ]
    slab  = tilt shift [ "[" guest [":" occupancy] ["@" site] [";h=" number] "]" ]
    tilt  = "R" | "L" | "?" ;  shift = "+" | "0" | "-" | "?" | "{" rat "," rat "}"

The last slab of a finite word has no gap: a shift or guest written there is accepted and dropped.
A text of ``+``, ``0``, ``-`` and ``x`` alone is the short form of a metal-only word.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import Final, NoReturn

from stackmotif.errors import WordError
from stackmotif.stacking.slab import Guest, Shift, Slab

MAX_SLABS: Final = 100_000
"""Words that expand to more slabs are refused."""

MAX_DEPTH: Final = 50
"""Words whose parentheses nest deeper are refused."""

MAX_CHARACTERS: Final = 4_000_000

TILT_LETTERS: Final = {1: "R", -1: "L", 0: "?"}
SHIFT_LETTERS: Final[dict[int | None, str]] = {1: "+", 0: "0", -1: "-", None: "?"}

_TILTS: Final = {letter: tilt for tilt, letter in TILT_LETTERS.items()}
_SHIFTS: Final = {letter: shift for shift, letter in SHIFT_LETTERS.items()}
_SHORT: Final = re.compile(r"(\|?)\s*([+0x-][+0x\s-]*)(\|?)")
_SHORT_SHIFTS: Final[dict[str, int | None]] = {"+": 1, "0": 0, "-": -1, "x": None}
_SPACE: Final = re.compile(r"\s*")
_COUNT: Final = re.compile(r"[0-9]+")
_RATIONAL: Final = re.compile(r"[+-]?[0-9]{1,6}(?:/[1-9][0-9]{0,5})?(?![0-9/])")
_SPECIES: Final = re.compile(r"[A-Z][a-z]?")
_NUMBER: Final = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_SITE: Final = re.compile(r"[a-z]+")


def parse_word(text: str) -> tuple[tuple[Slab, ...], bool]:
    """Return the slabs of a word and whether it is periodic.

    Raises
    ------
    WordError
        With the position, what stands there and what was expected.
    """
    if len(text) > MAX_CHARACTERS:
        raise WordError(f"word of {len(text)} characters; expected at most {MAX_CHARACTERS}")
    short = _SHORT.fullmatch(text.strip())
    if short and short[1] == short[3]:
        return _parse_short(short[2], periodic=bool(short[1]))
    return _Parser(text).word()


def format_word(slabs: Sequence[Slab], *, periodic: bool) -> str:
    """Return the text of a word, equal neighbours joined by a count."""
    body = slabs if periodic else slabs[:-1]
    runs = ((_format_slab(slab), sum(1 for _ in run)) for slab, run in groupby(body))
    items = [f"{text}{n}" if n > 1 else text for text, n in runs]
    if periodic:
        return f"|{' '.join(items)}|"
    return " ".join([*items, f"{TILT_LETTERS[slabs[-1].tilt]}."])


def _parse_short(text: str, *, periodic: bool) -> tuple[tuple[Slab, ...], bool]:
    slabs = [Slab(0, _SHORT_SHIFTS[letter]) for letter in text if not letter.isspace()]
    _check_size(len(slabs), text, 0)
    return (tuple(slabs) if periodic else (*slabs, Slab(0))), periodic


def _format_slab(slab: Slab) -> str:
    guest = "" if slab.guest is None else _format_guest(slab.guest)
    return f"{TILT_LETTERS[slab.tilt]}{_format_shift(slab.shift)}{guest}"


def _format_shift(shift: Shift) -> str:
    if isinstance(shift, tuple):
        return f"{{{shift[0]},{shift[1]}}}"
    return SHIFT_LETTERS[shift]


def _format_guest(guest: Guest) -> str:
    occupancy = "" if guest.occupancy == 1.0 else f":{_format_number(guest.occupancy)}"
    site = "" if guest.site is None else f"@{guest.site}"
    height = "" if guest.height_A is None else f";h={_format_number(guest.height_A)}"
    return f"[{guest.species}{occupancy}{site}{height}]"


def _format_number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _check_size(n_slabs: int, text: str, position: int) -> None:
    if n_slabs > MAX_SLABS:
        raise WordError(
            f"word {_shown(text)}: at character {position + 1} it expands to {n_slabs} slabs; "
            f"expected at most {MAX_SLABS}"
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


class _Parser:
    """Recursive descent over one text; ``position`` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def word(self) -> tuple[tuple[Slab, ...], bool]:
        self._skip_space()
        periodic = self._accept("|")
        slabs = self._items(depth=0, last_may_lack_shift=not periodic)
        if not slabs:
            self._fail("a slab (a tilt 'R', 'L' or '?') or '('")
        self._expect("|" if periodic else ".", periodic=periodic)
        self._skip_space()
        if self.position < len(self.text):
            self._fail("the end of the word")
        return tuple(slabs), periodic

    def _items(self, *, depth: int, last_may_lack_shift: bool = False) -> list[Slab]:
        if depth > MAX_DEPTH:
            raise WordError(
                f"word {_shown(self.text)}: at character {self.position} parentheses nest deeper "
                f"than {MAX_DEPTH}; expected fewer"
            )
        slabs: list[Slab] = []
        self._skip_space()
        while self._peek() in ("R", "L", "?", "("):
            start = self.position
            if self._accept("("):
                item = self._group(depth)
            else:
                item = [self._slab(last_may_lack_shift=last_may_lack_shift)]
            count = self._count()
            _check_size(len(slabs) + len(item) * count, self.text, start)
            slabs += item * count
            self._skip_space()
        return slabs

    def _group(self, depth: int) -> list[Slab]:
        item = self._items(depth=depth + 1)
        if not item:
            self._fail("a slab (a tilt 'R', 'L' or '?') or '('")
        if not self._accept(")"):
            self._fail("a slab or ')'")
        return item

    def _slab(self, *, last_may_lack_shift: bool) -> Slab:
        tilt = _TILTS[self.text[self.position]]
        self.position += 1
        if last_may_lack_shift and self._at_final_stop():
            return Slab(tilt)
        return Slab(tilt, self._shift(), self._guest())

    def _at_final_stop(self) -> bool:
        match = _SPACE.match(self.text, self.position)
        return match is not None and self.text[match.end() : match.end() + 1] == "."

    def _shift(self) -> Shift:
        letter = self._peek()
        if letter == "{":
            self.position += 1
            u = self._rational()
            self._skip_space()
            if not self._accept(","):
                self._fail("',' between the two components")
            v = self._rational()
            self._skip_space()
            if not self._accept("}"):
                self._fail("'}'")
            return u, v
        if letter not in _SHIFTS:
            self._fail("a shift '+', '0', '-', '?' or '{u,v}'")
        self.position += 1
        return _SHIFTS[letter]

    def _rational(self) -> Fraction:
        self._skip_space()
        return Fraction(self._match(_RATIONAL, "a rational number such as 1/2"))

    def _guest(self) -> Guest | None:
        start = self.position
        if not self._accept("["):
            return None
        species = self._match(_SPECIES, "an element symbol such as 'Li'")
        occupancy = self._number("an occupancy") if self._accept(":") else 1.0
        site = self._match(_SITE, "a guest site such as 'e'") if self._accept("@") else None
        height = self._number("a gap height in Å") if self._accept(";h=") else None
        if not self._accept("]"):
            self._fail("':', '@', ';h=' or ']'")
        try:
            return Guest(species, occupancy, site, height)
        except WordError as error:
            raise WordError(
                f"word {_shown(self.text)}: at character {start + 1}: {error}"
            ) from None

    def _number(self, what: str) -> float:
        return float(self._match(_NUMBER, what))

    def _count(self) -> int:
        match = _COUNT.match(self.text, self.position)
        if match is None:
            return 1
        if match[0][0] == "0":
            self._fail("a count of 1 or more, without a leading zero")
        if len(match[0]) > len(str(MAX_SLABS)):
            self._fail(f"a count of at most {MAX_SLABS}")
        self.position = match.end()
        return int(match[0])

    def _match(self, pattern: re.Pattern[str], expected: str) -> str:
        match = pattern.match(self.text, self.position)
        if match is None:
            self._fail(expected)
        self.position = match.end()
        return match[0]

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _accept(self, token: str) -> bool:
        if not self.text.startswith(token, self.position):
            return False
        self.position += len(token)
        return True

    def _expect(self, token: str, *, periodic: bool) -> None:
        if not self._accept(token):
            kind = "closes a periodic" if periodic else "ends a finite"
            self._fail(f"a slab, '(' or the {token!r} that {kind} word")

    def _skip_space(self) -> None:
        match = _SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def _fail(self, expected: str) -> NoReturn:
        found = repr(self._peek()) if self._peek() else "the end of the text"
        raise WordError(
            f"word {_shown(self.text)}: at character {self.position + 1}: "
            f"expected {expected}, found {found}"
        )
