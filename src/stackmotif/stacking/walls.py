"""Lateral walls: rows that jump sideways, what that does to the gaps, and the laws that they obey.

Rows are counted up along +c, as in words: gap k lies between row k and row k + 1 and shows the
shift ``s = x(upper) - x(lower)``. Where row k jumps by J_k (from left to right, in units of the
column pitch), the gap's shift changes by ``J_{k+1} - J_k``: one jump adds J to the gap below its
row and takes it from the gap above. J > 0 is tensile: the row is stretched. Jumps are integers,
``jump_thirds`` = 3 J. What the jumps of a whole stack obey is in `stackmotif.stacking.wall_laws`.
"""

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Final

from stackmotif.errors import WordError

JUMPS: Final = (1, -1, 2, -2)
"""The jumps of a single wall, in thirds of the pitch; positive is tensile."""

_SHIFT: Final[dict[str, int]] = {"+": 1, "0": 0, "-": -1}
_STATE: Final = {shift: state for state, shift in _SHIFT.items()}
_FRACTION: Final = {1: "+1/3", -1: "-1/3", 2: "+2/3", -2: "-2/3"}
_PAIRS: Final = ("O1|O3", "O3|O3r")

WALL_CLASSES: Final = tuple(f"{pair} {_FRACTION[jump]}" for pair in _PAIRS for jump in JUMPS)
"""The eight classes of a wall in one gap; the four tensile ones can be abrupt."""

_PLACES: Final = {
    ("++", 1): "o3", ("00", 1): "o1-pair", ("--", 1): "td2-o1",
    ("+0", 1): "o1-jog", ("0-", 1): "o1-td", ("-+", 1): "td-jog",
    ("++", 2): "o3", ("00", 2): "o1-pair", ("--", 2): "td2-o1",
    ("0+", 2): "o1-jog", ("-0", 2): "o1-td", ("+-", 2): "td-jog",
}  # fmt: skip
"""Names of the six one-row walls in O3 `+`, by the left states and the jump modulo 3."""


@dataclass(frozen=True, order=True)
class GapWall:
    """A wall as one gap sees it.

    Parameters
    ----------
    left, right : {'+', '0', '-'}
        State of the gap on either side.
    row : {'upper', 'lower'}
        The row beside the gap that jumps.
    jump_thirds : int
        3 J of that row: ±1 or ±2.

    Raises
    ------
    WordError
        If the jump does not lead from the left state to the right one.
    """

    left: str
    right: str
    row: str
    jump_thirds: int

    def __post_init__(self) -> None:
        expected = state_after(self.left, row=self.row, jump_thirds=self.jump_thirds)
        if self.right != expected:
            raise WordError(
                f"a jump of {self.jump_thirds:+d}/3 in the {self.row} row turns state "
                f"{self.left!r} into {expected!r}, not {self.right!r}"
            )

    @property
    def wall_class(self) -> str:
        """One of `WALL_CLASSES`."""
        pair = _PAIRS[0] if "0" in (self.left, self.right) else _PAIRS[1]
        return f"{pair} {_FRACTION[self.jump_thirds]}"

    def mirrored_sideways(self) -> "GapWall":
        """Return the wall with left and right exchanged: shifts change sign, the jump does not."""
        return replace(self, left=_negative(self.right), right=_negative(self.left))

    def mirrored_upright(self) -> "GapWall":
        """Return the wall with up and down exchanged: shifts change sign, the jump does not."""
        row = "lower" if self.row == "upper" else "upper"
        return replace(self, left=_negative(self.left), right=_negative(self.right), row=row)

    def turned(self) -> "GapWall":
        """Return the wall turned by 180 degrees about the beam: shifts and jump stay."""
        return self.mirrored_sideways().mirrored_upright()


def gap_walls() -> tuple[GapWall, ...]:
    """Return all 24 walls that one gap can have."""
    return tuple(
        GapWall(left, state_after(left, row=row, jump_thirds=jump), row, jump)
        for left in _SHIFT
        for row in ("upper", "lower")
        for jump in JUMPS
    )


def state_after(state: str, *, row: str, jump_thirds: int) -> str:
    """Return the state of a gap to the right of a jump of the row above or below it.

    Raises
    ------
    WordError
        For an unknown state, row or jump.

    Examples
    --------
    >>> state_after("0", row="upper", jump_thirds=1), state_after("0", row="lower", jump_thirds=1)
    ('+', '-')
    """
    if not isinstance(row, str) or row not in ("upper", "lower"):
        raise WordError(f"row is {row!r}; expected 'upper' or 'lower'")
    change = _checked_jump(jump_thirds) if row == "upper" else -_checked_jump(jump_thirds)
    return _STATE[wrapped(shift_of(state) + change)]


def classify_wall(left: str, right: str, *, row: str, jump_thirds: int) -> str:
    """Return the class of a wall in one gap, one of `WALL_CLASSES`.

    Parameters
    ----------
    left, right : {'+', '0', '-'}
        State of the gap on either side.
    row : {'upper', 'lower'}
        The row beside the gap that jumps.
    jump_thirds : int
        3 J of that row: ±1 or ±2.

    Raises
    ------
    WordError
        If the jump does not lead from the left state to the right one.

    Examples
    --------
    >>> classify_wall("0", "+", row="upper", jump_thirds=1)
    'O1|O3 +1/3'
    """
    return GapWall(left, right, row, jump_thirds).wall_class


def structural_unit(wall_class: str) -> str:
    """Return the unit of an abrupt wall of a class: ``ASU``, ``TSU``, ``wide-…`` or ``none``.

    ``none`` is a compressive wall, which cannot be abrupt.

    Raises
    ------
    WordError
        For an unknown class.
    """
    if wall_class not in WALL_CLASSES:
        raise WordError(f"wall class {wall_class!r} is unknown; expected one of {WALL_CLASSES}")
    pair, _, jump = wall_class.partition(" ")
    if jump.startswith("-"):
        return "none"
    return ("wide-" if jump == "+2/3" else "") + ("ASU" if pair == _PAIRS[0] else "TSU")


@dataclass(frozen=True, order=True)
class OneRowWall:
    """One row that jumps between rows that do not.

    Parameters
    ----------
    left : str
        States of the gap above and of the gap below the row, left of the wall, such as ``+0``.
    jump_thirds : int
        3 J: ±1 or ±2.
    """

    left: str
    jump_thirds: int

    def __post_init__(self) -> None:
        if not isinstance(self.left, str) or len(self.left) != 2:
            raise WordError(
                f"states are {self.left!r}; expected two, of the gap above the row and below it"
            )
        for state in self.left:
            shift_of(state)
        _checked_jump(self.jump_thirds)

    @property
    def right(self) -> str:
        """States above and below, right of the wall."""
        return self.above.right + self.below.right

    @property
    def above(self) -> GapWall:
        """The wall as the gap above the row sees it."""
        return self._in_gap(self.left[0], "lower")

    @property
    def below(self) -> GapWall:
        """The wall as the gap below the row sees it."""
        return self._in_gap(self.left[1], "upper")

    @property
    def classes(self) -> tuple[str, str]:
        """Wall classes of the gap above and of the gap below."""
        return self.above.wall_class, self.below.wall_class

    @property
    def units(self) -> tuple[str, str]:
        """Structural units of the gap above and of the gap below, if the wall is abrupt."""
        above, below = self.classes
        return structural_unit(above), structural_unit(below)

    @property
    def place(self) -> str:
        """Name of the wall among the six in an O3 matrix, such as ``o1-jog``."""
        return _PLACES[self.canonical().left, self.jump_thirds % 3]

    def turned(self) -> "OneRowWall":
        """Return the wall turned by 180 degrees about the beam."""
        return replace(self, left=self.right[::-1])

    def canonical(self) -> "OneRowWall":
        """Return the one that stands for the wall and its turned image."""
        key = (self.left, self.jump_thirds % 3)
        return self if key in _PLACES else self.turned()

    def _in_gap(self, state: str, row: str) -> GapWall:
        right = state_after(state, row=row, jump_thirds=self.jump_thirds)
        return GapWall(state, right, row, self.jump_thirds)


def one_row_walls(jump_thirds: int) -> tuple[OneRowWall, ...]:
    """Return the six different walls of one row in a matrix of one O3 variant.

    The nine pairs of states left of the wall are six walls, because a turn by 180 degrees about the
    beam keeps the matrix.
    """
    walls = (OneRowWall(above + below, jump_thirds) for above in _SHIFT for below in _SHIFT)
    return tuple(dict.fromkeys(wall.canonical() for wall in walls))


def shift_of(state: str) -> int:
    """Return the shift of a state, in thirds of the pitch.

    Raises
    ------
    WordError
        For an unknown state.
    """
    if not isinstance(state, str) or state not in _SHIFT:
        raise WordError(f"state is {state!r}; expected '+', '0' or '-'")
    return _SHIFT[state]


def wrapped(shift: int) -> int:
    """Return a shift in thirds of the pitch as -1, 0 or 1."""
    return (shift + 1) % 3 - 1


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer of Python or numpy, and no truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _checked_jump(jump_thirds: int) -> int:
    if not is_integer(jump_thirds) or jump_thirds not in _FRACTION:
        raise WordError(f"jump is {jump_thirds!r} thirds of the pitch; expected +1, -1, +2 or -2")
    return jump_thirds


def _negative(state: str) -> str:
    return _STATE[-shift_of(state)]
