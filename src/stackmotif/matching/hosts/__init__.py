"""Reading an image as a host of the catalog: its columns, its rows, its states and their names."""

from stackmotif.matching.hosts.plan import HostPlan
from stackmotif.matching.hosts.terms import in_terms_of

__all__ = ["HostPlan", "in_terms_of"]
