"""Guests put into the gaps of a word by the gaps' kind."""

from collections.abc import Mapping
from dataclasses import replace

from stackmotif.errors import StructureError, WordError
from stackmotif.stacking import Guest, Word


def with_guests(word: Word | str, guests: Mapping[str, str]) -> Word:
    """Return a word whose gaps of some kinds hold guests, in place of those that it had there.

    Parameters
    ----------
    word : Word or str
        A word, or its text.
    guests : Mapping of str to str
        For each gap kind what a word writes in brackets, such as ``{"3": "Li:0.35"}``; an empty
        text empties the gaps of a kind.

    Raises
    ------
    StructureError
        For a kind that the word does not have, or a text that is no guest.

    Examples
    --------
    >>> with_guests("R+2 R0 R+ R.", {"3": "Li:0.3"}).format()
    '(R+[Li:0.3])2 R0 R+[Li:0.3] R.'
    """
    word = Word.parse(word) if isinstance(word, str) else word
    if not isinstance(guests, Mapping):
        raise StructureError(
            f"guests are {guests!r:.60}; expected a guest for each gap kind, such as {{'3': 'Li'}}"
        )
    unknown = sorted(set(map(str, guests)) - set(word.gap_kinds))
    if unknown:
        raise StructureError(
            f"guests are given for gaps of kind {', '.join(unknown)}, of which the word has none; "
            f"expected {' or '.join(sorted(set(word.gap_kinds)))}"
        )
    filling = {kind: _guest(text) for kind, text in guests.items()}
    slabs = [
        replace(slab, guest=filling.get(kind, slab.guest))
        for slab, kind in zip(word.slabs, word.gap_kinds, strict=False)
    ]
    return Word((*slabs, *word.slabs[len(slabs) :]), word.periodic)


def _guest(text: str) -> Guest | None:
    if text == "":
        return None
    try:
        slabs = Word.parse(f"|R+[{text}]|").slabs
    except WordError as error:
        raise StructureError(
            f"{text!r} is no guest: {error}; expected one as in a word, such as 'Li:0.35'"
        ) from error
    if len(slabs) > 1:
        raise StructureError(f"{text!r} is no guest; expected one as in a word, such as 'Li:0.35'")
    return slabs[0].guest
