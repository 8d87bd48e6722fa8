"""A catalog entry in plain text."""

from collections.abc import Iterator
from typing import Any, Final

_PICTURE: Final = "picture.svg"


def described(motif: Any) -> str:
    """Return the lines that ``stackmotif catalog show`` prints of an entry."""
    lines = [f"{motif.id}: {motif.name}", motif.description, ""]
    for key, value in _facts(motif):
        if value not in (None, ""):
            lines.append(f"{key}: {value}")
    return "\n".join(lines)


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
    yield from _recipe(motif)
    yield from _checks(motif.checks)
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
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_plain(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
