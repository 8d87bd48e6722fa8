"""Rock salt beside layered oxide: grains by their columns or by local power spectra."""

from stackmotif.matching.grains.depth import (
    QUANTITIES,
    DepthProfile,
    degraded_layer,
    depth_profile,
)
from stackmotif.matching.grains.growing import ColumnGrain, RockSaltWindow, grow_grains
from stackmotif.matching.grains.guests import GuestMetal, guest_metal
from stackmotif.matching.grains.overlay import with_profile
from stackmotif.matching.grains.results import with_rocksalt
from stackmotif.matching.grains.search import RockSalt, find_rocksalt
from stackmotif.matching.grains.spectra import LocalSpectra, local_spectra
from stackmotif.matching.grains.surface import Surface, find_surface
from stackmotif.matching.grains.zones import ZONES, ZoneAxis, misorientation_deg, zone_named

__all__ = [
    "QUANTITIES",
    "ZONES",
    "ColumnGrain",
    "DepthProfile",
    "GuestMetal",
    "LocalSpectra",
    "RockSalt",
    "RockSaltWindow",
    "Surface",
    "ZoneAxis",
    "degraded_layer",
    "depth_profile",
    "find_rocksalt",
    "find_surface",
    "grow_grains",
    "guest_metal",
    "local_spectra",
    "misorientation_deg",
    "with_profile",
    "with_rocksalt",
    "zone_named",
]
