"""Tilts of slabs from an image that shows oxygen, and the kinds of gaps that follow."""

from stackmotif.matching.oxygen.checks import check_oxygen
from stackmotif.matching.oxygen.kinds import KINDS, kind_probability
from stackmotif.matching.oxygen.view import OxygenView

__all__ = ["KINDS", "OxygenView", "check_oxygen", "kind_probability"]
