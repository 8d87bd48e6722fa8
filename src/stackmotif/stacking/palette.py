"""Colours of gap kinds and of atoms, and what the kinds stand for: chosen once, for every drawing.

The colours are the set of Okabe and Ito, told apart under the common colour-vision deficiencies.

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
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREY: Final = "#B8B8B8"
MAGENTA: Final = "#E6008A"
BLACK: Final = "#1A1A1A"
WHITE: Final = "#FFFFFF"

GAP_COLOURS: Final = {
    "3": BLUE,
    "1": VERMILLION,
    "2": ORANGE,
    "p": GREEN,
    "q": SKY,
    "T": PURPLE,
    "?": "#8C8C8C",
}
"""Colour of a gap kind; the letter stands beside it."""

GAP_MEANING: Final = {
    "3": "octahedral, edge-sharing (O3)",
    "1": "octahedral, face-sharing on both sides (O1)",
    "2": "octahedral, face-sharing on one side (O2)",
    "p": "prismatic (P3)",
    "q": "prismatic with a mirror plane (P2)",
    "T": "tetrahedral (T#2)",
    "?": "unknown",
}
"""What a gap kind stands for."""

STATE_COLOURS: Final = {"+": BLUE, "0": VERMILLION, "-": GREEN, "x": GREY}
"""Colour of a gap state."""

UNIT_COLOURS: Final = {"ASU": MAGENTA, "wide-ASU": MAGENTA, "TSU": YELLOW, "wide-TSU": YELLOW}
"""Colour of a structural unit at an abrupt wall."""

ROLE_COLOURS: Final = {"M": "#4D4D4D", "O": "#D7191C", "A": "#7B9F35"}
"""Colour of metals, anions and guests."""
