"""The motif catalog: load, query, validate, rebuild, export."""

from stackmotif.catalog.citing import bibtex
from stackmotif.catalog.collection import (
    Catalog,
    UnknownMotifError,
    catalog_version,
    load_catalog,
)
from stackmotif.catalog.exporting import FORMATS, export, export_catalog
from stackmotif.catalog.frames import prototype_frame
from stackmotif.catalog.motif import Motif
from stackmotif.catalog.rebuilding import rebuild
from stackmotif.catalog.relaxation import relaxed_problems, store_relaxed
from stackmotif.catalog.validation import Problem, validate

__all__ = [
    "FORMATS",
    "Catalog",
    "Motif",
    "Problem",
    "UnknownMotifError",
    "bibtex",
    "catalog_version",
    "export",
    "export_catalog",
    "load_catalog",
    "prototype_frame",
    "rebuild",
    "relaxed_problems",
    "store_relaxed",
    "validate",
]
