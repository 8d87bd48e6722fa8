"""Names of words: the known polytypes, faults, twin domains and twins."""

import re
from functools import lru_cache
from typing import Final

from stackmotif.errors import WordError
from stackmotif.stacking.grammar import MAX_SLABS, parse_word
from stackmotif.stacking.slab import Slab
from stackmotif.stacking.symmetry import Slabs, canonical, flip, gap_kinds

POLYTYPES: Final = {
    "O3": "|R+[Li]|",
    "O3r": "|L-[Li]|",
    "O1": "|R0|",
    "H1-3": "|R+[Li] R0|",
    "P3": "|R-[Na]|",
    "P2": "|R0[Na@e] L0[Na@e]|",
    "O2": "|R- L+|",
    "O6": "|L+ R+|",
    "O4": "|R+ R- L- L+|",
    "OP4": "|R+ R0 L- L0|",
    "T#2": "|L{0,1/2} R{0,1/2}|",
    "O3-P3": "|R+ R-|",
    "O1-P3": "|R0 R-|",
    "O2-P2": "|R+ L0|",
}
"""Periodic words by name; with the last three, every primitive stacking of two slabs has one.

``O3r`` is the ascii id of O3′: O3's crystal, the other way round.
"""

TWINS: Final = {
    "twin octahedral": "R+6 R- L-5 L.",
    "twin prismatic": "R+6 R0 L-5 L.",
    "O3/P3 boundary": "R+6 R-6 R.",
}
"""Finite words by name: two stackings joined by one boundary."""

_ALIASES: Final = {"O3'": "O3r", "O3′": "O3r"}
_FAMILY: Final = re.compile(
    r"(?P<fault>O1 fault|H1-3 domain)\((?P<gaps>[0-9]{1,5})\)"
    r"|TD\((?P<n>[0-9]{1,5})\) (?:(?P<glided>glided)|flipped(?:\((?P<slabs>[0-9]{1,5})\))?)"
)


def name_of(slabs: Slabs, *, periodic: bool) -> str | None:
    """Return the name of a word, its guests ignored, or None; see `Word.name`."""
    if any(slab.tilt == 0 for slab in slabs):
        return None
    if periodic:
        return _polytype(tuple(Slab(slab.tilt, slab.shift) for slab in slabs))
    return _finite_name(slabs if slabs[0].tilt == 1 else flip(slabs))


def text_of(name: str) -> str:
    """Return the text of the word with this name.

    Raises
    ------
    WordError
        For a name that is not known, with the known ones.
    """
    if not isinstance(name, str):
        raise WordError(f"a stacking's name is {name!r:.60}; expected a text such as 'O3'")
    name = _ALIASES.get(name.strip(), name.strip())
    known = POLYTYPES | TWINS
    if name in known:
        return known[name]
    match = _FAMILY.fullmatch(name)
    if match is None:
        raise WordError(
            f"no stacking is named {name!r}; expected one of {', '.join(known)}, O1 fault(n), "
            "H1-3 domain(n), TD(n) flipped, TD(n) flipped(m) or TD(n) glided"
        )
    if match["fault"] == "H1-3 domain":
        return f"R+10 (R0 R+){_counted(match['gaps'], least=2)} R+10 R."
    if match["fault"]:
        return f"R+12 R0{_counted(match['gaps'])} R+11 R."
    if match["glided"]:
        return f"R+12 R-{_counted(match['n'])} R+11 R."
    return _flipped_text(_counted(match["n"]), _counted(match["slabs"] or match["n"]))


def _counted(digits: str, *, least: int = 1) -> int:
    n = int(digits)
    if not least <= n <= MAX_SLABS // 10:
        raise WordError(f"the count in a name is {n}; expected {least} to {MAX_SLABS // 10}")
    return n


def _flipped_text(n: int, reversed_slabs: int) -> str:
    """Return the stack whose metal shows n reversed gaps and whose oxygen m reversed slabs."""
    inner = f"L-{reversed_slabs - 1} " if reversed_slabs > 1 else ""
    if reversed_slabs == n:
        return f"R+11 R- {inner}L+ R+11 R."
    if reversed_slabs == n - 1:
        return f"R+11 R- {inner}L- R+11 R."
    if reversed_slabs == n + 1:
        return f"R+11 R+ {inner}L+ R+11 R."
    raise WordError(
        f"TD({n}) with {reversed_slabs} reversed slabs would have prismatic gaps; "
        f"expected {n - 1} to {n + 1} reversed slabs"
    )


@lru_cache(maxsize=1)
def _frames() -> dict[Slabs, str]:
    frames: dict[Slabs, str] = {}
    for name, text in POLYTYPES.items():
        slabs, _ = parse_word(text)
        bare = tuple(Slab(slab.tilt, slab.shift) for slab in slabs)
        frames.setdefault(canonical(bare, periodic=True), name)
    return frames


def _polytype(frame: Slabs) -> str | None:
    if all(slab.tilt == slab.shift == -1 for slab in frame):
        return "O3r"
    if len(frame) > 1000:
        return None
    return _frames().get(canonical(frame, periodic=True))


def _finite_name(slabs: Slabs) -> str | None:
    shifts = "".join({1: "+", 0: "0", -1: "-"}.get(s.shift, "x") for s in slabs[:-1])  # type: ignore[arg-type]
    tilts = "".join("R" if slab.tilt == 1 else "L" for slab in slabs)
    kinds = gap_kinds(slabs, periodic=False)
    if "L" not in tilts:
        return _untilted_name(shifts)
    if re.fullmatch("R+L+R+", tilts):
        return _flipped_name(shifts, kinds, n_reversed=tilts.count("L"))
    if re.fullmatch("R+L+", tilts):
        return _twin_name(kinds)
    return None


def _untilted_name(shifts: str) -> str | None:
    for pattern, name in ((r"\++(0+)\++", "O1 fault({})"), (r"\++(-+)\++", "TD({}) glided")):
        if match := re.fullmatch(pattern, shifts):
            return name.format(len(match[1]))
    if re.fullmatch(r"\++-+|-+\++", shifts):
        return "O3/P3 boundary"
    if re.fullmatch(r"\++0(\+0)+\++", shifts):
        return f"H1-3 domain({shifts.count('0')})"
    return None


def _flipped_name(shifts: str, kinds: str, *, n_reversed: int) -> str | None:
    match = re.fullmatch(r"\++(-+)\++", shifts)
    if match is None or not set(kinds) <= set("32"):
        return None
    n = len(match[1])
    return f"TD({n}) flipped" if n == n_reversed else f"TD({n}) flipped({n_reversed})"


def _twin_name(kinds: str) -> str | None:
    if match := re.fullmatch("3+([2q])3+", kinds):
        return "twin octahedral" if match[1] == "2" else "twin prismatic"
    return None
