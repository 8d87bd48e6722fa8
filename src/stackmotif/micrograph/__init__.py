"""Files to calibrated images."""

from stackmotif.micrograph.model import Micrograph

__all__ = ["Micrograph"]
