"""Names and colours of states, labels and units in the report.

Every coloured element is also named in a legend.
"""

from typing import Final

from stackmotif.stacking.palette import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SKY,
    VERMILLION,
    WHITE,
    YELLOW,
)

STATE_NAMES: Final = {"+": "O3", "0": "O1", "-": "O3′ / TD", "x": "unresolved"}
"""What a gap state looks like in a metal-only image, with + as the majority O3 variant."""

LABEL_COLOURS: Final = {
    "O3": BLUE,
    "O3r": GREEN,
    "O1": VERMILLION,
    "boundary": WHITE,
    "rocksalt": BLACK,
    "other": PURPLE,
    "unresolved": GREY,
}
"""Colour of a column label; keys are the labels of ``columns.csv``."""

LABEL_NAMES: Final = {
    "O3": "O3",
    "O3r": "O3′ / TD",
    "O1": "O1",
    "boundary": "boundary",
    "rocksalt": "rock salt",
    "other": "other",
    "unresolved": "unresolved",
}
"""Display name of a column label."""


PHASE_COLOURS: Final = {
    "O3": BLUE,
    "O1": VERMILLION,
    "layered": SKY,
    "rocksalt": YELLOW,
    "amorphous": PURPLE,
    "vacuum": GREEN,
}
"""Colour of a phase that the network names."""

PHASE_NAMES: Final = {
    "O3": "O3",
    "O1": "O1",
    "layered": "O3 or O1",
    "rocksalt": "rock salt",
    "amorphous": "amorphous",
    "vacuum": "vacuum",
    "unresolved": "unresolved",
}
"""Display name of a phase."""


def motif_name(motif: str) -> str:
    """Return the display name of a motif: ``O1_fault(1)`` reads ``O1 fault(1)``.

    >>> motif_name("O1_fault(1)"), motif_name("TD(2)")
    ('O1 fault(1)', 'TD(2)')
    """
    return motif.replace("_", " ")
