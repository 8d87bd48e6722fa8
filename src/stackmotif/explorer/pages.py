"""The pages of the explorer, as functions of the catalog and of a word."""

from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stackmotif.errors import CatalogError, WordError
from stackmotif.explorer.drawing import projection_svg
from stackmotif.stacking import Word, from_name
from stackmotif.stacking.palette import GAP_COLOURS, GAP_MEANING

LONGEST_WORD = 400
"""Characters of a word that the form accepts."""


def list_page(catalog: Mapping[str, Any], *, root: str) -> str:
    """Return the page that lists the catalog, by family."""
    families: dict[str, list[Any]] = {}
    for motif_id in catalog:
        families.setdefault(catalog[motif_id].family, []).append(catalog[motif_id])
    python = (
        "import stackmotif as sm\n"
        "for motif_id, motif in sm.load_catalog().items():\n"
        "    print(motif_id, motif.word)\n"
    )
    return _render("list.html", root=root, families=families, python=python)


def entry_page(catalog: Mapping[str, Any], motif_id: str, *, root: str) -> str | None:
    """Return the page of one entry, or None if the catalog does not hold it."""
    if motif_id not in catalog:
        return None
    motif = catalog[motif_id]
    partners = [
        other
        for other in catalog
        if other != motif_id
        and motif.degeneracy_class
        and catalog[other].degeneracy_class == motif.degeneracy_class
    ]
    python = (
        f"import stackmotif as sm\ne = sm.load_catalog()[{motif_id!r}]\n"
        "e.recipe, e.structure(), e.bibtex()\n"
    )
    return _render(
        "entry.html",
        root=root,
        motif=motif,
        picture=_picture(motif),
        references=[str(reference) for reference in motif.references],
        word=None if motif.word is None else word_facts(motif.word),
        partners=partners,
        python=python,
    )


def _picture(motif: Any) -> str:
    """Return an entry's picture as an address of its own, in which no script runs; empty if none.

    A picture may come from anyone's folder, so that it is shown as an image and never as markup.
    """
    try:
        picture = motif.picture()
    except CatalogError:
        return ""
    return f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}"


def spell_page(text: str, *, root: str) -> str:
    """Return the page of the form, and what the word in it means or why it is none."""
    word, problem = _read_word(text)
    python = "" if word is None else f"import stackmotif as sm\nw = sm.Word.parse({str(word)!r})\n"
    if python:
        python += "w.name, w.gap_kinds, w.canonical()\n"
    return _render(
        "spell.html",
        root=root,
        text=text[:LONGEST_WORD],
        problem=problem,
        word=None if word is None else word_facts(word),
        python=python,
    )


def message_page(message: str, *, root: str) -> str:
    """Return a page with one message."""
    return _render("message.html", root=root, message=message, python="")


def word_facts(word: Word) -> dict[str, Any]:
    """Return what the pages show of a word."""
    from markupsafe import Markup

    return {
        "text": str(word),
        "name": word.name or "no name",
        "canonical": str(word.canonical()),
        "metal": word.metal_text,
        "degeneracy_class": word.degeneracy_class,
        "kinds": [
            {"kind": k, "meaning": GAP_MEANING[k], "colour": GAP_COLOURS[k]} for k in word.gap_kinds
        ][:60],
        "svg": Markup(projection_svg(word)),  # noqa: S704 - every text in it is escaped
    }


def _read_word(text: str) -> tuple[Word | None, str]:
    text = text.strip()
    if not text:
        return None, ""
    if len(text) > LONGEST_WORD:
        return None, f"the word has {len(text)} characters; expected {LONGEST_WORD} or fewer"
    try:
        word = Word.parse(text)
    except WordError as error:
        try:
            word = from_name(text)
        except WordError:
            return None, str(error)
    if len(word) > LONGEST_WORD:
        return None, f"the word has {len(word)} slabs; expected {LONGEST_WORD} or fewer"
    return word, ""


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("stackmotif.explorer", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(template: str, **values: Any) -> str:
    return str(_environment().get_template(template).render(**values))
