"""A network that sees columns and phases in noisy images, and what it can be trusted with."""

from stackmotif.micrograph.network.applying import LAYERED, UNDECIDED, UNRESOLVED, Seen, see
from stackmotif.micrograph.network.atomsegnet import AtomSegNet, load_atomsegnet
from stackmotif.micrograph.network.sight import Sight
from stackmotif.micrograph.network.stored import packed, unpacked
from stackmotif.micrograph.network.weights import Network, load_network

__all__ = [
    "LAYERED",
    "UNDECIDED",
    "UNRESOLVED",
    "AtomSegNet",
    "Network",
    "Seen",
    "Sight",
    "load_atomsegnet",
    "load_network",
    "packed",
    "see",
    "unpacked",
]
