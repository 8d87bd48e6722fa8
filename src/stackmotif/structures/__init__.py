"""Words to atoms and back: lattices, polytypes, reading a structure, contacts.

Every name is imported on first use: a catalog can be listed without loading what builds its atoms.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "CONTACT_LIMITS_A": "contacts",
    "Conflicts": "grains.model",
    "Grain": "grains.model",
    "GrainSpec": "grains.shells",
    "Jump": "lateral.rows",
    "LateralModel": "lateral.model",
    "Lattice": "lattices.lattice",
    "Misfit": "rocksalt.bulk",
    "Model": "grains.model",
    "MonoclinicLattice": "lattices.monoclinic",
    "Region": "grains.embedding",
    "Relaxed": "relaxation",
    "Source": "lattices.series",
    "build": "polytype",
    "build_coherent_shell": "rocksalt.coherent",
    "build_lateral": "lateral.model",
    "build_metal_in_gaps": "rocksalt.densified",
    "build_monoclinic": "monoclinic",
    "build_nanocrystal_shell": "grains.shells",
    "build_ordered_metal": "rocksalt.densified",
    "build_particle": "grains.shells",
    "build_rocksalt": "rocksalt.bulk",
    "build_spinel": "rocksalt.spinel",
    "check_contacts": "contacts",
    "coordination": "contacts",
    "data_folder": "lattices.lattice",
    "embed_domain": "grains.embedding",
    "exact_counts": "occupancy.counts",
    "get_lattice": "lattices.lattice",
    "get_monoclinic": "lattices.monoclinic",
    "lateral_model": "lateral.model",
    "min_contacts_A": "contacts",
    "misfit": "rocksalt.bulk",
    "occupy": "occupancy.assignment",
    "read_lattices": "lattices.table",
    "read_word": "reading",
    "relax": "relaxation",
    "repeats_to_close": "polytype",
    "site_roles": "contacts",
    "sublattices": "occupancy.counts",
    "with_guests": "guests",
}

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
    "with_guests",
]

if TYPE_CHECKING:
    from stackmotif.structures.contacts import (
        CONTACT_LIMITS_A,
        check_contacts,
        coordination,
        min_contacts_A,
        site_roles,
    )
    from stackmotif.structures.grains.embedding import Region, embed_domain
    from stackmotif.structures.grains.model import Conflicts, Grain, Model
    from stackmotif.structures.grains.shells import (
        GrainSpec,
        build_nanocrystal_shell,
        build_particle,
    )
    from stackmotif.structures.guests import with_guests
    from stackmotif.structures.lateral.model import LateralModel, build_lateral, lateral_model
    from stackmotif.structures.lateral.rows import Jump
    from stackmotif.structures.lattices.lattice import Lattice, data_folder, get_lattice
    from stackmotif.structures.lattices.monoclinic import MonoclinicLattice, get_monoclinic
    from stackmotif.structures.lattices.series import Source
    from stackmotif.structures.lattices.table import read_lattices
    from stackmotif.structures.monoclinic import build_monoclinic
    from stackmotif.structures.occupancy.assignment import occupy
    from stackmotif.structures.occupancy.counts import exact_counts, sublattices
    from stackmotif.structures.polytype import build, repeats_to_close
    from stackmotif.structures.reading import read_word
    from stackmotif.structures.relaxation import Relaxed, relax
    from stackmotif.structures.rocksalt.bulk import Misfit, build_rocksalt, misfit
    from stackmotif.structures.rocksalt.coherent import build_coherent_shell
    from stackmotif.structures.rocksalt.densified import build_metal_in_gaps, build_ordered_metal
    from stackmotif.structures.rocksalt.spinel import build_spinel


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stackmotif.structures' has no attribute {name!r}")
    value = getattr(import_module(f"stackmotif.structures.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
