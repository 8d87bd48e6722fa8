"""The errors of the library: one root, one class per room of trouble.

A message says what failed, the value with its unit, what was expected and what to do.
"""


class StackmotifError(Exception):
    """Root of every error that stackmotif raises on purpose."""


class WordError(StackmotifError, ValueError):
    """A stacking word that cannot be parsed or has no meaning."""


class StructureError(StackmotifError, ValueError):
    """A crystal model that cannot be built from, or read back to, a word."""


class CatalogError(StackmotifError, ValueError):
    """A catalog file or folder that is missing, malformed or untrustworthy."""


class ReadError(StackmotifError, ValueError):
    """An image file that cannot be read."""


class CalibrationError(ReadError):
    """A pixel size that is missing, contradictory or not physical."""


class SimulationError(StackmotifError, ValueError):
    """Image-simulation settings that cannot give a right image."""


class ColumnsError(StackmotifError, ValueError):
    """An image or a table from which no columns can be taken."""


class ResultError(StackmotifError, ValueError):
    """A saved result that is missing, damaged or in the way."""


class MissingPackageError(StackmotifError, ImportError):
    """An optional package that is not installed."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'stackmotif[{extra}]'"
        )
