"""The motif catalog: load, query, validate, rebuild, export."""

from stackmotif.catalog.collection import (
    Catalog,
    UnknownMotifError,
    catalog_version,
    load_catalog,
)
from stackmotif.catalog.exporting import export
from stackmotif.catalog.motif import Motif
from stackmotif.catalog.rebuilding import rebuild
from stackmotif.catalog.validation import Problem, validate

__all__ = [
    "Catalog",
    "Motif",
    "Problem",
    "UnknownMotifError",
    "catalog_version",
    "export",
    "load_catalog",
    "rebuild",
    "validate",
]
