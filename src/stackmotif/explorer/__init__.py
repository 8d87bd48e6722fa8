"""A local web page for browsing the catalog and spelling words."""

from stackmotif.explorer.drawing import projection_svg
from stackmotif.explorer.server import ExplorerServer, serve

__all__ = ["ExplorerServer", "projection_svg", "serve"]
