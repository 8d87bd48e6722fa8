"""The catalog: a read-only mapping from ids to motifs, read when first asked for."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Final

from stackmotif.catalog.files import HOSTS_FILE, MOTIF_FILE, entry_folders, own_or
from stackmotif.catalog.motif import Motif
from stackmotif.errors import CatalogError
from stackmotif.structures import data_folder

ENVIRONMENT: Final = "STACKMOTIF_CATALOG"
"""Folders of catalogs of one's own, separated as in PATH, read beside the library's."""


class UnknownMotifError(CatalogError, KeyError):
    """An id that no entry of a catalog has."""

    __str__ = Exception.__str__

    def __init__(self, motif_id: object, *, known: Iterable[str]) -> None:
        ids = sorted(known)
        near = get_close_matches(str(motif_id).lower(), ids, n=3, cutoff=0.4) or ids[:3]
        super().__init__(
            f"catalog has no entry {motif_id!r}; expected one of its {len(ids)} ids, such as "
            f"{', '.join(near)}: list them with: stackmotif catalog list"
        )


class Catalog(Mapping[str, Motif]):
    """Motifs by id, in alphabetical order.

    Parameters
    ----------
    folders : Mapping of str to Path
        The folder of every entry, by id.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = dict(sorted(folders.items()))
        self._read: dict[str, Motif] = {}

    def __getitem__(self, motif_id: str) -> Motif:
        if motif_id not in self:
            raise UnknownMotifError(motif_id, known=self._folders)
        if motif_id not in self._read:
            self._read[motif_id] = Motif.read(self._folders[motif_id])
        return self._read[motif_id]

    def __contains__(self, motif_id: object) -> bool:
        return isinstance(motif_id, str) and motif_id in self._folders

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)

    def __repr__(self) -> str:
        return f"<Catalog of {len(self)} motifs>"

    @cached_property
    def version(self) -> str:
        """What the entries and their lattices say, as the first 12 digits of a SHA-256.

        It changes with the content of a ``motif.toml``, ``lattices.toml`` or ``hosts.toml`` alone:
        the folder's place and the structures built from the entries do not count.
        """
        digest = hashlib.sha256()
        roots = {data_folder(): None} | {f.parents[2]: None for f in self._folders.values()}
        entries = ((f"{i}/{MOTIF_FILE}", f / MOTIF_FILE) for i, f in self._folders.items())
        tables = ((name, root / name) for root in roots for name in ("lattices.toml", HOSTS_FILE))
        for name, path in (*entries, *tables):
            if path.is_file():
                content = path.read_bytes()
                digest.update(f"{name} {len(content)}\n".encode() + content)
        return digest.hexdigest()[:12]

    def query(
        self,
        *,
        family: str | None = None,
        degeneracy_class: str | None = None,
        status: str | None = None,
    ) -> list[Motif]:
        """Return the motifs that agree with every given value, by id.

        Examples
        --------
        >>> [motif.id for motif in load_catalog().query(family="twin")]
        ['twin-octahedral', 'twin-prismatic']
        """
        wanted = {"family": family, "degeneracy_class": degeneracy_class, "status": status}
        given = {key: value for key, value in wanted.items() if value is not None}
        return [
            motif
            for motif in self.values()
            if all(getattr(motif, key) == value for key, value in given.items())
        ]


def load_catalog(path: Path | str | None = None) -> Catalog:
    """Return the library's catalog, with one's own folders beside it.

    Parameters
    ----------
    path : Path or str, optional
        A folder with ``motifs/<family>/<id>``, and its own ``lattices.toml`` and ``references.bib``
        where needed. The environment variable ``STACKMOTIF_CATALOG`` names more of them.

    Raises
    ------
    CatalogError
        For a folder that is no catalog, a link in it, or an id that stands twice.

    Examples
    --------
    >>> load_catalog()["h1-3"].word
    Word.parse('|R+[Li] R0|')
    """
    found: dict[str, Path] = {}
    for folder in catalog_folders(path):
        for motif_id, entry in entry_folders(folder).items():
            if motif_id in found:
                raise CatalogError(
                    f"id {motif_id!r} stands twice: {found[motif_id]} and {entry}; rename one"
                )
            found[motif_id] = entry
    return Catalog(found)


def catalog_version(path: Path | str | None = None) -> str:
    """Return the content version of the catalog that `load_catalog` would load.

    >>> len(catalog_version())
    12
    """
    return load_catalog(path).version


def catalog_folders(path: Path | str | None = None) -> list[Path]:
    """Return the folders that `load_catalog` reads, the library's first, each once."""
    named = [text for text in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if text]
    library = data_folder()
    folders = [library, *map(Path, named), own_or(path, library)]
    return list({folder.resolve(): folder for folder in folders}.values())
