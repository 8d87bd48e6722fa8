"""Rock salt beside layered oxide: grains by their columns or by local power spectra."""

from stackmotif.matching.grains.growing import ColumnGrain, RockSaltWindow, grow_grains
from stackmotif.matching.grains.results import with_rocksalt
from stackmotif.matching.grains.search import RockSalt, find_rocksalt
from stackmotif.matching.grains.spectra import LocalSpectra, local_spectra
from stackmotif.matching.grains.zones import ZONES, ZoneAxis, misorientation_deg

__all__ = [
    "ZONES",
    "ColumnGrain",
    "LocalSpectra",
    "RockSalt",
    "RockSaltWindow",
    "ZoneAxis",
    "find_rocksalt",
    "grow_grains",
    "local_spectra",
    "misorientation_deg",
    "with_rocksalt",
]
