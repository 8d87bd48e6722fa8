"""Images to atomic columns."""

from stackmotif.columns.model import Columns

__all__ = ["Columns"]
