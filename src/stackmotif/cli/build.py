"""``stackmotif build``."""

from pathlib import Path

import click

from stackmotif.cli.options import overwrite_option


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("model", metavar="WORD-or-ID")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="File to write: .cif, .vasp, .extxyz or .json.",
)  # fmt: skip
@click.option("--lattice", metavar="NAME[:x]", help="Lattice; a bare word takes LiNiO2:1.")
@overwrite_option
def command(model: str, out: Path, lattice: str | None, overwrite: bool) -> None:
    """Build a crystal structure from a stacking word, a name or a catalog entry."""
    from stackmotif.cli.files import check_file, motif_or_word, structure_text
    from stackmotif.report import write_text
    from stackmotif.structures import build

    check_file(out, overwrite=overwrite)
    chosen = motif_or_word(model)
    if hasattr(chosen, "structure") and lattice is None:
        structure = chosen.structure()
    else:
        word = getattr(chosen, "word", chosen)
        if word is None:
            raise click.BadParameter(
                f"{model!r} is built by a recipe of its own; expected no --lattice",
                param_hint="--lattice",
            )
        structure = build(word, lattice=lattice or "LiNiO2:1")
    write_text(out, structure_text(structure, out))
    click.echo(f"{out}: {structure.composition.formula}, {len(structure)} sites")
