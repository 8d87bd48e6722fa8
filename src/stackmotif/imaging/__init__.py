"""Atoms to images: microscope, multislice, noise, templates.

Importing this package loads neither abTEM nor any other heavy package; they are imported by the
functions that need them.
"""

from stackmotif.imaging.carbon import CarbonLayers
from stackmotif.imaging.diffraction import DiffractionPattern, kinematic_pattern
from stackmotif.imaging.effects import Effects, instrument_effects
from stackmotif.imaging.idpc import idpc_image
from stackmotif.imaging.library import TemplateLibrary
from stackmotif.imaging.microscope import Detector, Microscope
from stackmotif.imaging.presets import PRESETS
from stackmotif.imaging.result import PowerSpectrum, Template
from stackmotif.imaging.simulation import estimate_s, simulate, simulate_series

__all__ = [
    "PRESETS",
    "CarbonLayers",
    "Detector",
    "DiffractionPattern",
    "Effects",
    "Microscope",
    "PowerSpectrum",
    "Template",
    "TemplateLibrary",
    "estimate_s",
    "idpc_image",
    "instrument_effects",
    "kinematic_pattern",
    "simulate",
    "simulate_series",
]
