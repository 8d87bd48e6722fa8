"""Files to calibrated images."""

from stackmotif.micrograph.fft import enhance, local_fft
from stackmotif.micrograph.model import Micrograph
from stackmotif.micrograph.reading import read

__all__ = ["Micrograph", "enhance", "local_fft", "read"]
