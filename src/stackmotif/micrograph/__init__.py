"""Files to calibrated images."""

from stackmotif.micrograph.fft import enhance, local_fft
from stackmotif.micrograph.model import Micrograph
from stackmotif.micrograph.reading import read, read_series
from stackmotif.micrograph.series import Registration, sum_frames

__all__ = [
    "Micrograph",
    "Registration",
    "enhance",
    "local_fft",
    "read",
    "read_series",
    "sum_frames",
]
