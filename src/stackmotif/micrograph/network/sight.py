"""When the network is asked, and what it said: at most once for an image."""

from typing import Final, Literal

from stackmotif.errors import ReadError
from stackmotif.micrograph.model import Micrograph
from stackmotif.micrograph.network.applying import Seen, see
from stackmotif.micrograph.network.weights import Network

Mode = Literal["off", "auto", "on"]
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

    def look(self, micrograph: Micrograph, *, bright: bool) -> Seen:
        """Return what the network sees in the image; the first look counts."""
        if self.seen is None:
            self.seen = see(micrograph, bright=bright, network=self.network)
        return self.seen
