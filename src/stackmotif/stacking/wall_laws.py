"""The laws that jumps obey: across the rows of a stack, and along one row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stackmotif.errors import WordError
from stackmotif.stacking.walls import is_integer, shift_of, wrapped
from stackmotif.stacking.word import Word


def word_after(word: Word, jumps: Mapping[int, int]) -> Word:
    """Return the stack to the right of walls.

    Parameters
    ----------
    word : Word
        The stack to their left, every shift +1, 0 or -1.
    jumps : Mapping of int to int
        Sum of the jumps of each row, in thirds of the pitch; rows that are absent do not jump.

    Raises
    ------
    WordError
        For a row that the word does not have, a jump that is no whole number of thirds, or a shift
        that is no multiple of e.

    Examples
    --------
    >>> word_after(Word.parse("R+ R0 R+ R+ R."), {2: 1})
    Word.parse('R+2 R0 R+ R.')
    """
    if not isinstance(word, Word) or not isinstance(jumps, Mapping):
        raise WordError(
            f"cannot displace the rows of {word!r} by {jumps!r}; expected a Word and a mapping "
            "such as {2: 1}: row to thirds of the pitch"
        )
    n = len(word)
    for row, jump in jumps.items():
        if not is_integer(row) or not 0 <= row < n:
            raise WordError(f"jump of row {row}; expected a row from 0 to {n - 1}")
        if not is_integer(jump):
            raise WordError(f"row {row} jumps by {jump!r} thirds; expected a whole number of them")
    slabs = list(word.slabs)
    for k in range(word.n_gaps):
        shift = slabs[k].shift
        if not isinstance(shift, int):
            raise WordError(f"gap {k} of {word.format()!r} has no shift of +, 0 or -; expected one")
        change = jumps.get((k + 1) % n, 0) - jumps.get(k, 0)
        slabs[k] = replace(slabs[k], shift=wrapped(int(shift + change)))
    return Word(tuple(slabs), word.periodic)


def inclusion_jumps(states: str, *, matrix: str = "+") -> tuple[int, ...]:
    """Return the tensile jumps, in thirds, of the rows inside an inclusion at its left end.

    The gaps of the inclusion take ``states`` (upwards) in a matrix of one state. Each jump may as
    well be the value less 3 (compressive); at the right end it is the opposite, modulo 3.

    Raises
    ------
    WordError
        If the inclusion does not close: the rows above it would be displaced; or it has no gaps.

    Examples
    --------
    >>> inclusion_jumps("000"), inclusion_jumps("0-")
    ((2, 1), (2,))
    """
    if not isinstance(states, str) or not states:
        raise WordError(f"inclusion is {states!r}; expected the states of its gaps, such as '000'")
    changes = [shift_of(state) - shift_of(matrix) for state in states]
    if sum(changes) % 3:
        raise WordError(
            f"inclusion {states!r} in {matrix!r} leaves a step of {sum(changes) % 3}/3 pitch above "
            "it; expected n(O1) + 2 n(O3r) divisible by 3, such as '000', '---' or '0-'"
        )
    return tuple(sum(changes[: k + 1]) % 3 for k in range(len(states) - 1))


def check_row_closes(jumps: Sequence[int], *, missing_columns: int, row: int) -> None:
    """Refuse a row whose jumps do not add up to its missing columns.

    Parameters
    ----------
    jumps : sequence of int
        Jumps along the row, in thirds of the pitch.
    missing_columns : int
        Columns that the row has less than the perfect ones beside it.
    row : int
        Number of the row, for the message.

    Raises
    ------
    WordError
        With the row, the sum and what would close it.
    """
    total = sum(jumps)
    if total != 3 * missing_columns:
        raise WordError(
            f"row {row}: its jumps add up to {total:+d}/3 pitch and {missing_columns} columns are "
            "missing; expected the sum of the jumps to be the number of missing columns"
        )
