"""Engines: from a projected potential and probe positions to detector signals.

Importing this package loads neither torch nor abTEM; they are imported by the functions that need
them.
"""

from stackmotif.imaging.engines.detection import (
    annulus,
    bins,
    centre_of_mass,
    detector_weights,
    segments,
)
from stackmotif.imaging.engines.devices import choose_device
from stackmotif.imaging.engines.torch_multislice import detect

__all__ = [
    "annulus",
    "bins",
    "centre_of_mass",
    "choose_device",
    "detect",
    "detector_weights",
    "segments",
]
