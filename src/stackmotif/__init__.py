"""Read the stacking sequence of layered oxide cathodes from atomic-resolution images.

>>> import stackmotif as sm
>>> sm.Word.parse("|R+[Li]|").name
'O3'

Everything offered here is imported on first use, so that ``import stackmotif`` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Slab": "stacking",
    "Word": "stacking",
    "ShiftField": "stacking",
    "Wall": "stacking",
    "build": "structures",
    "read_word": "structures",
    "Catalog": "catalog",
    "Motif": "catalog",
    "load_catalog": "catalog",
    "Detector": "imaging",
    "Microscope": "imaging",
    "Template": "imaging",
    "simulate": "imaging",
    "Micrograph": "micrograph",
    "read": "micrograph",
    "Columns": "columns",
    "find_columns": "columns",
    "find_weak_columns": "columns",
    "MotifMap": "matching",
    "identify": "matching",
    "load": "matching",
    "Hypothesis": "hypotheses",
    "hypothesize": "hypotheses",
    "StackmotifError": "errors",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from stackmotif.catalog import Catalog, Motif, load_catalog
    from stackmotif.columns import Columns, find_columns, find_weak_columns
    from stackmotif.errors import StackmotifError
    from stackmotif.hypotheses import Hypothesis, hypothesize
    from stackmotif.imaging import Detector, Microscope, Template, simulate
    from stackmotif.matching import MotifMap, identify, load
    from stackmotif.micrograph import Micrograph, read
    from stackmotif.stacking import ShiftField, Slab, Wall, Word
    from stackmotif.structures import build, read_word


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stackmotif' has no attribute {name!r}")
    value = getattr(import_module(f"stackmotif.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
