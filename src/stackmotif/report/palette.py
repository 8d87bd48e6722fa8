"""Names and colours of states, labels and units: the one place where they are chosen.

The colours are the set of Okabe and Ito, told apart under the common colour-vision deficiencies;
every coloured element is also named in a legend.

References
----------
M. Okabe, K. Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/
"""

from typing import Final

BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
YELLOW: Final = "#F0E442"
SKY: Final = "#56B4E9"
GREY: Final = "#B8B8B8"
MAGENTA: Final = "#E6008A"
BLACK: Final = "#1A1A1A"
WHITE: Final = "#FFFFFF"

STATE_COLOURS: Final = {"+": BLUE, "0": VERMILLION, "-": GREEN, "x": GREY}
"""Colour of a gap state."""

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

UNIT_COLOURS: Final = {"ASU": MAGENTA, "wide-ASU": MAGENTA, "TSU": YELLOW, "wide-TSU": YELLOW}
"""Colour of a structural unit at an abrupt wall."""


def motif_name(motif: str) -> str:
    """Return the display name of a motif: ``O1_fault(1)`` reads ``O1 fault(1)``.

    >>> motif_name("O1_fault(1)"), motif_name("TD(2)")
    ('O1 fault(1)', 'TD(2)')
    """
    return motif.replace("_", " ")
