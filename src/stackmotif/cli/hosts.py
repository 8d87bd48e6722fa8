"""The hosts that ``--host`` may name beside catalog entries."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackmotif.catalog import Host


def known_host(name: str | None, catalog_path: Path | None) -> "Host | None":
    """Return the host of this id; None where the name is that of a catalog entry, or none is given.

    Raises
    ------
    CatalogError
        If it is the id of neither.
    """
    if not name:
        return None
    from stackmotif.catalog import UnknownMotifError, load_catalog, load_hosts
    from stackmotif.errors import CatalogError

    hosts = load_hosts(catalog_path)
    if name in hosts:
        return hosts[name]
    try:
        load_catalog(catalog_path)[name]
    except UnknownMotifError as error:
        raise CatalogError(f"{error}; or one of the hosts {', '.join(hosts)}") from error
    return None
