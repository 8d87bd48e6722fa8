"""Words to atoms and back: lattices, polytypes, reading a structure, contacts."""

from stackmotif.structures.contacts import (
    CONTACT_LIMITS_A,
    check_contacts,
    coordination,
    min_contacts_A,
    site_roles,
)
from stackmotif.structures.densified import build_metal_in_gaps, build_ordered_metal
from stackmotif.structures.densified_spinel import build_spinel
from stackmotif.structures.grains_embedding import Region, embed_domain
from stackmotif.structures.grains_model import Conflicts, Grain, Model
from stackmotif.structures.lateral import LateralModel, build_lateral, lateral_model
from stackmotif.structures.lateral_rows import Jump
from stackmotif.structures.lattice_series import Source
from stackmotif.structures.lattice_table import read_lattices
from stackmotif.structures.lattices import Lattice, data_folder, get_lattice
from stackmotif.structures.monoclinic import build_monoclinic
from stackmotif.structures.monoclinic_lattice import MonoclinicLattice, get_monoclinic
from stackmotif.structures.occupancy import occupy
from stackmotif.structures.occupancy_counts import exact_counts, sublattices
from stackmotif.structures.polytype import build, repeats_to_close
from stackmotif.structures.reading import read_word
from stackmotif.structures.relaxation import Relaxed, relax
from stackmotif.structures.rocksalt import Misfit, build_rocksalt, misfit
from stackmotif.structures.rocksalt_shell import build_coherent_shell
from stackmotif.structures.shells import GrainSpec, build_nanocrystal_shell, build_particle

__all__ = [
    "CONTACT_LIMITS_A",
    "Conflicts",
    "Grain",
    "GrainSpec",
    "Jump",
    "LateralModel",
    "Lattice",
    "Misfit",
    "Model",
    "MonoclinicLattice",
    "Region",
    "Relaxed",
    "Source",
    "build",
    "build_coherent_shell",
    "build_lateral",
    "build_metal_in_gaps",
    "build_monoclinic",
    "build_nanocrystal_shell",
    "build_ordered_metal",
    "build_particle",
    "build_rocksalt",
    "build_spinel",
    "check_contacts",
    "coordination",
    "data_folder",
    "embed_domain",
    "exact_counts",
    "get_lattice",
    "get_monoclinic",
    "lateral_model",
    "min_contacts_A",
    "misfit",
    "occupy",
    "read_lattices",
    "read_word",
    "relax",
    "repeats_to_close",
    "site_roles",
    "sublattices",
]
