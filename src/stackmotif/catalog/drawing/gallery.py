"""The catalog as a page: its families as a tree with pictures, and what every recipe takes."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from stackmotif.catalog.facts import toml_text
from stackmotif.catalog.files import PICTURE_FILE, README_FILE, read_text, write_file
from stackmotif.catalog.motif import Motif
from stackmotif.catalog.recipes import Recipe
from stackmotif.errors import CatalogError

TREE: Final[Mapping[str, Mapping[str, str]]] = {
    "Whole crystals": {
        "polytype": "periodic stackings and intergrowths",
        "distorted": "stackings with a monoclinic cell",
    },
    "Faults and domains along c": {
        "o1-fault": "one to six O1 gaps in O3",
        "o1-domain": "O1 and H1-3 domains in O3, and the other way round",
        "td": "twin domains TD(n) in O3, glided and flipped",
        "td-dense": "single-layer twin domains close together",
        "twin": "boundaries between O3, O3′ and P3, and microtwins",
    },
    "Lateral walls, where a gap changes its state sideways": {
        "wall-abrupt": "one row jumps at once: ASU, TSU and wide units",
        "wall-continuous": "one row is displaced over several columns",
        "lens": "inclusions that close on all sides",
        "boundary": "whole boundaries of O1, O3 and O3′ across many rows",
        "inclined": "walls that run obliquely through the foil",
    },
    "Rock salt and denser phases": {
        "rocksalt": "bulk NiO and coherent layers of it",
        "densified": "metal in the guest layer, ordered phases, spinel",
        "shell": "layers of rock-salt nanocrystals, and particles",
        "chunk": "domains set into another crystal, turned or not",
    },
}
"""Families by group, each with what it holds; families that are not here come last."""

_PICTURE_HEIGHT: Final = 150
_COLUMNS: Final = 3
_SENTENCE: Final = re.compile(r"(.+?[.])(?=\s|$)")
_PARTS: Final = ("gallery", "recipes")


def gallery_markdown(catalog: Mapping[str, Motif]) -> str:
    """Return the family tree of a catalog, and the pictures of each family, as Markdown.

    Links are relative to the folder that holds ``motifs``.

    Examples
    --------
    >>> from stackmotif.catalog import load_catalog
    >>> "motifs/polytype/o3/picture.svg" in gallery_markdown(load_catalog())
    True
    """
    groups = grouped(catalog.values())
    lines = _tree(groups)
    for group, families in groups.items():
        lines += ["", f"### {group}"]
        for family, motifs in families.items():
            lines += ["", *_family(family, motifs)]
    return "\n".join(lines) + "\n"


def grouped(motifs: Iterable[Motif]) -> dict[str, dict[str, list[Motif]]]:
    """Return motifs by group and family, in the order of `TREE`; other families come last."""
    families: dict[str, list[Motif]] = {}
    for motif in motifs:
        families.setdefault(motif.family, []).append(motif)
    known = {family for group in TREE.values() for family in group}
    groups = {**TREE, "Others": sorted(families.keys() - known)}
    found = {
        group: {family: families[family] for family in members if family in families}
        for group, members in groups.items()
    }
    return {group: members for group, members in found.items() if members}


def family_text(family: str) -> str:
    """Return what a family holds; empty for one that the library does not have."""
    return next((group[family] for group in TREE.values() if family in group), "")


def recipes_markdown() -> str:
    """Return a table of all recipe kinds and their arguments, as Markdown."""
    lines = ["| kind | arguments | gives |", "|---|---|---|"]
    for recipe in get_args(Recipe):
        summary = (recipe.__doc__ or "").partition("\n")[0].replace("``", "`")
        arguments = ", ".join(_argument(field) for field in msgspec.structs.fields(recipe))
        lines.append(f"| `{recipe.__struct_config__.tag}` | {arguments} | {summary} |")
    return "\n".join(lines) + "\n"


def updated_readme(text: str, catalog: Mapping[str, Motif]) -> str:
    """Return a catalog's ``README.md`` with its generated parts made anew.

    They stand between ``<!-- gallery -->`` and ``<!-- /gallery -->``, and likewise ``recipes``.

    Raises
    ------
    CatalogError
        If the marks of one are missing.
    """
    made = {"gallery": gallery_markdown(catalog), "recipes": recipes_markdown()}
    for part in _PARTS:
        start, stop = f"<!-- {part} -->\n", f"<!-- /{part} -->"
        head, found, rest = text.partition(start)
        _, closed, tail = rest.partition(stop)
        if not (found and closed):
            raise CatalogError(f"{README_FILE} has no part between {start.strip()} and {stop}")
        text = f"{head}{start}\n{made[part]}\n{stop}{tail}"
    return text


def rewrite_readme(folder: Path, catalog: Mapping[str, Motif]) -> bool:
    """Make the generated parts of a catalog folder's ``README.md`` anew; return if it changed.

    A folder without a ``README.md``, or with one that has no mark of them, is left alone.

    Raises
    ------
    CatalogError
        If it is a link or cannot be read, or has some of the marks and not all.
    """
    path = folder / README_FILE
    if not os.path.lexists(path):
        return False
    old = read_text(path)
    if not any(f"<!-- {part} -->" in old for part in _PARTS):
        return False
    new = updated_readme(old, catalog)
    if new != old:
        write_file(path, new)
    return new != old


def _tree(groups: Mapping[str, Mapping[str, list[Motif]]]) -> list[str]:
    total = sum(len(motifs) for families in groups.values() for motifs in families.values())
    lines = ["```", f"{total} motifs"]
    for k, (group, families) in enumerate(groups.items()):
        last = k + 1 == len(groups)
        lines.append(f"{'└' if last else '├'}── {group}")
        for j, (family, motifs) in enumerate(families.items()):
            bar = "└" if j + 1 == len(families) else "├"
            count, text = len(motifs), family_text(family)
            lines.append(
                f"{' ' if last else '│'}   {bar}── {family:<15} {count:>3}  {text}".rstrip()
            )
    return [*lines, "```"]


def _family(family: str, motifs: list[Motif]) -> list[str]:
    text = family_text(family)
    said = f": {text}" if text else ""
    lines = [f"#### `{family}`{said}", "", "|   " * _COLUMNS + "|", "|---" * _COLUMNS + "|"]
    for start in range(0, len(motifs), _COLUMNS):
        row = [_cell(motif) for motif in motifs[start : start + _COLUMNS]]
        row += [""] * (_COLUMNS - len(row))
        lines.append("| " + " | ".join(row) + " |")
    return lines


def _cell(motif: Motif) -> str:
    folder = f"motifs/{motif.family}/{motif.id}"
    match = _SENTENCE.match(" ".join(motif.description.split()))
    sentence = match[1] if match else motif.description
    word = f"<br>`{motif.word}`".replace("|", "\\|") if motif.word is not None else ""
    image = (
        f'<img src="{folder}/{PICTURE_FILE}" height="{_PICTURE_HEIGHT}" '
        f'alt="{motif.name} along [100]">'
    )
    name = motif.name.replace("|", "\\|")
    return f"{image}<br>**{name}**, [`{motif.id}`]({folder}){word}<br>{sentence}"


def _argument(field: Any) -> str:
    if field.required:
        return f"**`{field.encode_name}`**"
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    else:
        value = field.default
    if value is None:
        return f"`{field.encode_name}` (may be left out)"
    return f"`{field.encode_name} = {toml_text(value)}`"
