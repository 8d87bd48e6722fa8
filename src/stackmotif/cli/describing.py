"""A catalog entry in plain text."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

_PICTURE: Final = "picture.svg"


def described(motif: Any) -> str:
    """Return the lines that ``stackmotif catalog show`` prints of an entry."""
    parts = [_facts(motif), _recipe(motif), _checks(motif.checks), _files(motif)]
    blocks = [f"{motif.id}: {motif.name}\n{motif.description}"]
    for part in parts:
        blocks.append("\n".join(f"{k}: {value}" for k, value in part if value not in (None, "")))
    return "\n\n".join(blocks)


def _facts(motif: Any) -> Iterator[tuple[str, Any]]:
    yield "family", motif.family
    yield "status", motif.status
    yield from (("inferred", text) for text in motif.inferred)
    if motif.word is not None:
        yield "word", motif.word
        yield "name", motif.word.name
        yield "gap kinds", motif.word.gap_kinds
        yield "metal word", motif.word.metal_text
    yield from (("another word", alias) for alias in motif.aliases)
    yield "same crystal as", motif.same_crystal_as
    yield "zone axes", ", ".join(f"[{zone}]" for zone in motif.zone_axes)
    yield "degeneracy class", motif.degeneracy_class
    yield "identity", motif.recipe.identity()


def _files(motif: Any) -> Iterator[tuple[str, Any]]:
    yield from (("reference", key) for key in motif.references)
    yield "structure", motif.folder / "structure.cif"
    picture = motif.folder / _PICTURE
    yield "picture", picture if picture.is_file() else None
    relaxed = motif.folder / "relaxed.cif"
    yield "relaxed", relaxed if relaxed.is_file() else None


def _recipe(motif: Any) -> Iterator[tuple[str, Any]]:
    import msgspec

    for name, value in msgspec.to_builtins(motif.recipe).items():
        yield f"recipe.{name}", _plain(value)


def _checks(checks: Any) -> Iterator[tuple[str, Any]]:
    yield "space group", checks.space_group
    yield "slabs", checks.n_slabs
    yield "shortest contacts [Å]", ", ".join(f"{k} {v}" for k, v in checks.min_contacts_A.items())
    for role, histogram in checks.coordination.items():
        counts = ", ".join(f"{count} with {anions} anions" for anions, count in histogram.items())
        yield f"coordination of {'metals' if role == 'M' else 'guests'}", counts


def _plain(value: Any) -> str:
    """Return a value as ``--set`` takes it; a text by itself needs no quotes."""
    from stackmotif.catalog.facts import toml_text

    return value if isinstance(value, str) else toml_text(value)


def listed(motifs: Iterable[Any]) -> str:
    """Return the lines that ``stackmotif catalog list`` prints: entries under their families.

    Each has its id, what its word is, or else its name, and its status where that is not the usual
    one, ``idealized``.
    """
    from stackmotif.catalog.drawing.gallery import family_text, grouped

    blocks = []
    for families in grouped(motifs).values():
        for family, members in families.items():
            title = ": ".join(filter(None, (f"{family} ({len(members)})", family_text(family))))
            width = max(len(motif.id) for motif in members)
            blocks.append("\n".join([title, *(_line(motif, width) for motif in members)]))
    return "\n\n".join(blocks)


def _line(motif: Any, width: int) -> str:
    status = "" if motif.status == "idealized" else f"  [{motif.status}]"
    said = motif.name if motif.word is None else motif.word
    return f"  {motif.id:<{width}}  {said}{status}"
