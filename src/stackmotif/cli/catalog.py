"""``stackmotif catalog``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stackmotif.cli.options import overwrite_option, show_help
from stackmotif.cli.progress import progress

_PATH = click.Path(path_type=Path)


def _catalog_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--catalog", "catalog_path", type=_PATH, metavar="DIR",
        help="Catalog folder; the bundled one by default.",
    )(function)  # fmt: skip


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show, export and check the motif catalog."""
    show_help(ctx)


@command.command("list")
@click.option("--family", help="Only entries of this family.")
@_catalog_option
def list_entries(family: str | None, catalog_path: Path | None) -> None:
    """List the entries: id, family, word."""
    catalog = _load(catalog_path)
    motifs = [catalog[motif_id] for motif_id in catalog]
    shown = [motif for motif in motifs if family in (None, motif.family)]
    if not shown:
        families = ", ".join(sorted({motif.family for motif in motifs}))
        raise click.BadParameter(
            f"{family!r} has no entries; expected one of {families}", param_hint="--family"
        )
    widths = [max(len(str(f)) for f in column) for column in zip(*map(_line, shown), strict=True)]
    for motif in shown:
        click.echo(
            "  ".join(f.ljust(w) for f, w in zip(_line(motif), widths, strict=True)).rstrip()
        )


def _line(motif: Any) -> tuple[str, str, str]:
    return motif.id, motif.family, str(motif.word) if motif.word is not None else ""


@command.command()
@click.argument("motif_id", metavar="ID")
@_catalog_option
def show(motif_id: str, catalog_path: Path | None) -> None:
    """Show one entry."""
    motif = _load(catalog_path)[motif_id]
    click.echo(f"{motif.id}: {motif.description}")
    facts = {"family": motif.family, "lattice": motif.lattice}
    if motif.word is not None:
        facts |= {
            "word": motif.word,
            "name": motif.word.name or "",
            "gap kinds": motif.word.gap_kinds,
            "metal word": motif.word.metal_text,
        }
    facts["degeneracy class"] = motif.degeneracy_class
    for key, value in facts.items():
        if value not in (None, ""):
            click.echo(f"{key}: {value}")
    for reference in motif.references:
        click.echo(f"reference: {reference}")


@command.command()
@click.argument("motif_id", metavar="ID")
@click.option(
    "--format", "fmt", required=True, metavar="F", help="cif, extxyz, poscar or optimade."
)
@click.option("--out", type=_PATH, metavar="FILE", help="File to write; the terminal by default.")
@overwrite_option
@_catalog_option
def export(
    motif_id: str, fmt: str, out: Path | None, overwrite: bool, catalog_path: Path | None
) -> None:
    """Write one entry as a structure file."""
    from stackmotif.catalog import export as export_motif
    from stackmotif.cli.files import check_file
    from stackmotif.report import write_text

    motif = _load(catalog_path)[motif_id]
    if out is not None:
        check_file(out, overwrite=overwrite)
    text = export_motif(motif, fmt)
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        write_text(out, text)


@command.command("validate")
@click.argument("path", required=False, type=_PATH)
def validate_catalog(path: Path | None) -> None:
    """Check every entry of a catalog: schema, references, words, structures."""
    from stackmotif.catalog import validate
    from stackmotif.errors import CatalogError

    with progress("validate"):
        problems = validate(path)
    for problem in problems:
        click.echo(str(problem))
    if problems:
        raise CatalogError(
            f"catalog has {len(problems)} problems, the first in {problems[0]}; expected none: "
            "mend the files listed above"
        )
    click.echo("catalog is valid")


@command.command("rebuild")
@click.argument("path", required=False, type=_PATH)
def rebuild_catalog(path: Path | None) -> None:
    """Build every structure of a catalog again from its recipe."""
    from stackmotif.catalog import rebuild

    with progress("rebuild"):
        done = rebuild(path)
    click.echo(f"{len(done)} structures written: {', '.join(done) or 'all were up to date'}")


def _load(path: Path | None) -> Any:
    from stackmotif.catalog import load_catalog

    return load_catalog(path)
