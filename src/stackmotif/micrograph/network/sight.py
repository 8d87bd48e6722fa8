"""When the network is asked, and what it said: at most once for an image."""

from typing import Final, Literal

from stackmotif.errors import ReadError
from stackmotif.micrograph.model import Micrograph
from stackmotif.micrograph.network.applying import (
    COARSEST_A,
    FINEST_A,
    SMALLEST_A,
    Seen,
    see,
)
from stackmotif.micrograph.network.weights import Network, has_network

Mode = Literal["off", "auto", "on"]
_UNKNOWN_DETECTORS: Final = ("bf", "idpc")
MODES: Final = ("off", "auto", "on")


class Sight:
    """What the network sees in one image, worked out only if somebody looks.

    Parameters
    ----------
    mode : {'off', 'auto', 'on'}
        Never, where the filter finds little, or always.
    network : Network, optional
        The one that ships by default.

    Raises
    ------
    ReadError
        If the mode is none of these.
    """

    def __init__(self, mode: str = "auto", *, network: Network | None = None) -> None:
        if mode not in MODES:
            raise ReadError(f"network is {mode!r}; expected one of {', '.join(MODES)}")
        self.mode, self.network = mode, network
        self.seen: Seen | None = None
        """What was seen, if anybody has looked."""

    def able(self, micrograph: Micrograph) -> bool:
        """Tell whether there is a network, and one that was shown such images."""
        if self.mode == "off" or not FINEST_A <= micrograph.pixel_size_A <= COARSEST_A:
            return False
        if min(micrograph.shape) * micrograph.pixel_size_A < SMALLEST_A:
            return False
        if self.mode == "auto" and micrograph.detector in _UNKNOWN_DETECTORS:
            return False
        return self.network is not None or has_network()

    def look(self, micrograph: Micrograph, *, bright: bool, symmetric: bool = True) -> Seen:
        """Return what the network sees in the image, see :func:`see`; the first look counts."""
        if self.seen is None:
            self.seen = see(micrograph, bright=bright, network=self.network, symmetric=symmetric)
        return self.seen
