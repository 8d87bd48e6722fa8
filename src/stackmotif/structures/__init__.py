"""Words to atoms and back: lattices, polytypes, reading a structure, contacts."""

from stackmotif.structures.contacts import (
    CONTACT_LIMITS_A,
    check_contacts,
    coordination,
    min_contacts_A,
    site_roles,
)
from stackmotif.structures.lateral import LateralModel, build_lateral, lateral_model
from stackmotif.structures.lateral_rows import Jump
from stackmotif.structures.lattices import Lattice, data_folder, get_lattice, read_lattices
from stackmotif.structures.polytype import build, repeats_to_close
from stackmotif.structures.reading import read_word

__all__ = [
    "CONTACT_LIMITS_A",
    "Jump",
    "LateralModel",
    "Lattice",
    "build",
    "build_lateral",
    "check_contacts",
    "coordination",
    "data_folder",
    "get_lattice",
    "lateral_model",
    "min_contacts_A",
    "read_lattices",
    "read_word",
    "repeats_to_close",
    "site_roles",
]
