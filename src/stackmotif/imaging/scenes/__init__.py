"""Random fields of view with everything known about them, to train and to test readers on.

Crystals are multislice images from the atlas and of rock salt, not sums of Gaussians. A scene is
drawn from its seed alone.
"""

from stackmotif.imaging.scenes.making import make_scene
from stackmotif.imaging.scenes.model import PHASES, Scene, TrueGrain

__all__ = ["PHASES", "Scene", "TrueGrain", "make_scene"]
