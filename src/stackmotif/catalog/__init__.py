"""The motif catalog: load, query, validate, rebuild, export."""

from stackmotif.catalog.collection import (
    Catalog,
    UnknownMotifError,
    catalog_version,
    load_catalog,
)
from stackmotif.catalog.drawing.picture import picture_svg
from stackmotif.catalog.exporting.citing import bibtex
from stackmotif.catalog.exporting.formats import FORMATS, export, export_catalog, structure_text
from stackmotif.catalog.exporting.frames import prototype_frame
from stackmotif.catalog.facts import checks_text
from stackmotif.catalog.hosts import Host, UnknownHostError, get_host, load_hosts
from stackmotif.catalog.motif import Motif
from stackmotif.catalog.rebuilding import rebuild
from stackmotif.catalog.relaxation import relaxed_problems, store_relaxed
from stackmotif.catalog.validation import Problem, validate

__all__ = [
    "FORMATS",
    "Catalog",
    "Host",
    "Motif",
    "Problem",
    "UnknownHostError",
    "UnknownMotifError",
    "bibtex",
    "catalog_version",
    "checks_text",
    "export",
    "export_catalog",
    "get_host",
    "load_catalog",
    "load_hosts",
    "picture_svg",
    "prototype_frame",
    "rebuild",
    "relaxed_problems",
    "store_relaxed",
    "structure_text",
    "validate",
]
