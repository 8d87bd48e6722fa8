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
from stackmotif.imaging.engines.diffraction4d import Diffraction4D, diffraction4d
from stackmotif.imaging.engines.prism import detect_prism, prism_window
from stackmotif.imaging.engines.torch_multislice import detect

__all__ = [
    "Diffraction4D",
    "annulus",
    "bins",
    "centre_of_mass",
    "choose_device",
    "detect",
    "detect_prism",
    "detector_weights",
    "diffraction4d",
    "prism_window",
    "segments",
]
