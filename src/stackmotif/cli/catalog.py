"""``stackmotif catalog``."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stackmotif.cli.options import FiniteRange, overwrite_option, show_help
from stackmotif.cli.progress import progress

_PATH = click.Path(path_type=Path)

_EXPORT_HELP = """Write one entry, or all, as a file for another program.

\b
cif       every atom listed (P 1)
poscar    POSCAR of VASP
extxyz    extended XYZ, the stored cell
abtem     extended XYZ, the orthogonal cell along --zone: x right, y down
          (+c up), z along the beam
statstem  MATLAB lines for the projected unit cell of StatSTEM along --zone
optimade  OPTIMADE JSON Lines; with --all the whole catalog
json      JSON of pymatgen
bibtex    the entry and its references; with --all every reference once
"""


def _catalog_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--catalog", "catalog_path", type=_PATH, metavar="DIR",
        help="Catalog folder of one's own, read beside the bundled one.",
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
    """List the entries by family: id, and word or name.

    A status stands behind it where it is not `idealized`.
    """
    from stackmotif.cli.describing import listed

    motifs = list(_load(catalog_path).values())
    shown = [motif for motif in motifs if family in (None, motif.family)]
    if not shown:
        families = ", ".join(sorted({motif.family for motif in motifs}))
        raise click.BadParameter(
            f"{family!r} has no entries; expected one of {families}", param_hint="--family"
        )
    click.echo(listed(shown))


@command.command()
@click.argument("motif_id", metavar="ID")
@_catalog_option
def show(motif_id: str, catalog_path: Path | None) -> None:
    """Show one entry: what it is, how it is built, what is checked, where it comes from."""
    from stackmotif.cli.describing import described

    click.echo(described(_load(catalog_path)[motif_id]))


@command.command()
@click.argument("motif_id", metavar="ID")
@_catalog_option
def checks(motif_id: str, catalog_path: Path | None) -> None:
    """Print the [checks] of an entry as its atoms have them, to be pasted into its motif.toml.

    They say what the atoms are, not whether that is what was meant: look at the picture first.
    """
    from stackmotif.catalog import checks_text

    click.echo(checks_text(_load(catalog_path)[motif_id]))


@command.command(help=_EXPORT_HELP)
@click.argument("motif_id", metavar="ID", required=False)
@click.option(
    "--format", "fmt", required=True, metavar="F",
    help="One of the formats listed above.",
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="The whole catalog as one file.")
@click.option(
    "--zone", default="100", show_default=True, metavar="UVW",
    help="Zone axis of abtem and statstem: 100, 010 or 110.",
)  # fmt: skip
@click.option("--relaxed", is_flag=True, help="The relaxed model that stands beside the ideal one.")
@click.option("--out", type=_PATH, metavar="FILE", help="File to write; the terminal by default.")
@overwrite_option
@_catalog_option
def export(
    motif_id: str | None,
    fmt: str,
    everything: bool,
    zone: str,
    relaxed: bool,
    out: Path | None,
    overwrite: bool,
    catalog_path: Path | None,
) -> None:
    """Write one entry, or all, as a file for another program."""
    from stackmotif.cli.files import check_file
    from stackmotif.report import write_text

    if everything == (motif_id is not None):
        raise click.UsageError("expected one ID, or --all for the whole catalog")
    if everything and relaxed:
        raise click.UsageError("--relaxed is for one ID; expected no --all")
    catalog = _load(catalog_path)
    if out is not None:
        check_file(out, overwrite=overwrite)
    text = _exported(catalog, motif_id, fmt, zone=zone, relaxed=relaxed)
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        write_text(out, text)


def _exported(catalog: Any, motif_id: str | None, fmt: str, *, zone: str, relaxed: bool) -> str:
    from stackmotif.catalog import export as export_motif
    from stackmotif.catalog import export_catalog

    if motif_id is None:
        return export_catalog(catalog, fmt)
    motif = catalog[motif_id]
    structure = motif.relaxed().structure if relaxed else None
    return export_motif(motif, fmt, zone=zone, structure=structure)


@command.command("relax")
@click.argument("motif_id", metavar="ID")
@click.option(
    "--out", required=True, type=_PATH, metavar="DIR",
    help="Folder for relaxed.cif and relaxed.toml; the entry's own folder stores them beside it.",
)  # fmt: skip
@click.option(
    "--fmax", type=FiniteRange(min=0.0, max=1.0, min_open=True), default=0.05, show_default=True,
    metavar="F", help="Largest force that is left, in eV/Å.",
)  # fmt: skip
@click.option("--max-steps", type=click.IntRange(min=1), default=300, show_default=True)
@click.option("--fixed-cell", is_flag=True, help="Move the atoms only; needed where vacuum is.")
@overwrite_option
@_catalog_option
def relax_entry(
    motif_id: str,
    out: Path,
    fmax: float,
    max_steps: int,
    fixed_cell: bool,
    overwrite: bool,
    catalog_path: Path | None,
) -> None:
    """Relax a small model with a pretrained potential (extra `relax`); the ideal one stays."""
    from stackmotif.catalog import store_relaxed
    from stackmotif.catalog.relaxation import RELAXED_FILES
    from stackmotif.cli.files import check_file
    from stackmotif.structures import relax

    motif = _load(catalog_path)[motif_id]
    for name in RELAXED_FILES:
        check_file(out / name, overwrite=overwrite)
    with progress(f"relax {motif_id}"):
        done = relax(
            motif.structure(), fmax_eV_A=fmax, max_steps=max_steps, relax_cell=not fixed_cell
        )
    store_relaxed(motif, done, folder=out)
    ended = "converged" if done.converged else "NOT converged"
    click.echo(
        f"{out}: {ended} after {done.steps} steps, {done.energy_per_atom_eV:.4f} eV per atom, "
        f"{done.method}"
    )


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
    for hint in _paste_hints(problems, path):
        click.echo(hint)
    if problems:
        raise CatalogError(
            f"catalog has {len(problems)} problems; expected none: mend the files listed above"
        )
    click.echo("catalog is valid")


def _paste_hints(problems: list[Any], path: Path | None) -> list[str]:
    """Return, for every entry with claims that its atoms refute, how to see what they have."""
    own = "" if path is None else f" --catalog {shlex.quote(str(path))}"
    refuted = [p for p in problems if p.key.partition(".")[0] in ("checks", "degeneracy_class")]
    ids = dict.fromkeys(Path(problem.file).parent.name for problem in refuted)
    return [f"what its atoms have: stackmotif catalog checks {i}{own}" for i in ids]


@command.command("rebuild")
@click.argument("path", required=False, type=_PATH)
def rebuild_catalog(path: Path | None) -> None:
    """Build every structure of a catalog again from its recipe, and draw every picture."""
    from stackmotif.catalog import rebuild

    with progress("rebuild"):
        done = rebuild(path)
    click.echo(f"written: {', '.join(done)}" if done else "all entries were up to date")


def _load(path: Path | None) -> Any:
    from stackmotif.catalog import load_catalog

    return load_catalog(path)
