"""``stackmotif build``."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import click

from stackmotif.cli.options import overwrite_option

_PLAIN: Final = re.compile(r"[A-Za-z][\w.:+-]*")

_CONTENT_TOLERANCE: Final = 0.05
"""Guests per metal; small cells cannot hold every content."""


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("model", metavar="WORD-or-ID")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="File to write: .cif, .vasp, .extxyz or .json.",
)  # fmt: skip
@click.option("--lattice", metavar="NAME[:x]", help="Lattice; a bare word takes LiNiO2:1.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE",
    help="Argument of the entry's recipe, as in its motif.toml: --set n_layers=4, "
    "--set 'guest_mix={Li=0.5}'. May be given several times.",
)  # fmt: skip
@click.option(
    "--catalog", "catalog_path", type=click.Path(path_type=Path), metavar="DIR",
    help="Catalog folder of one's own, read beside the bundled one.",
)  # fmt: skip
@overwrite_option
def command(
    model: str,
    out: Path,
    lattice: str | None,
    settings: tuple[str, ...],
    catalog_path: Path | None,
    overwrite: bool,
) -> None:
    """Build a crystal structure from a stacking word, a name or a catalog entry.

    An entry's stored structure is written unless --lattice or --set change its recipe; `stackmotif
    catalog show ID` lists what can be set.
    """
    from stackmotif.catalog import structure_text
    from stackmotif.cli.files import check_file, format_of, motif_or_word
    from stackmotif.report import write_text

    check_file(out, overwrite=overwrite)
    arguments = dict(_setting(text) for text in settings)
    chosen = motif_or_word(model, catalog_path=catalog_path)
    fmt = format_of(out)
    structure = _built(chosen, lattice, arguments)
    comment = f"{model}: {structure.composition.reduced_formula}"
    write_text(out, structure_text(structure, fmt, comment=comment))
    click.echo(f"{out}: {structure.composition.formula}, {len(structure)} sites")
    _tell_content(structure, str(arguments.get("lattice", lattice or "")))


def _tell_content(structure: Any, lattice: str) -> None:
    """Say on stderr if there are more guests than the lattice's dimensions belong to.

    Fewer are common: frames without guests, and the outermost slabs of a finite stack.
    """
    from stackmotif.structures import site_roles

    content = lattice.partition(":")[2]
    roles = site_roles(structure)
    metals = sum(
        site.species.num_atoms for site, role in zip(structure, roles, strict=True) if role == "M"
    )
    guests = [site.species for site, role in zip(structure, roles, strict=True) if role == "A"]
    if not (content and metals and guests):
        return
    share = sum(species.num_atoms for species in guests) / metals
    if share > float(content) + _CONTENT_TOLERANCE:
        element = max(guests[0].items(), key=lambda item: item[1])[0].symbol
        click.echo(
            f"note: {share:.3g} guests per metal stand on the dimensions of {lattice}; an entry "
            f"takes fewer with --set 'guest_mix={{{element}={content}}}', a word as "
            f"[{element}:{content}]",
            err=True,
        )


def _built(chosen: Any, lattice: str | None, arguments: dict[str, Any]) -> Any:
    from stackmotif.structures import build

    if not hasattr(chosen, "recipe"):
        if arguments:
            raise click.BadParameter(
                f"{next(iter(arguments))!r}: a word has no recipe; expected the id of an entry",
                param_hint="--set",
            )
        return build(chosen, lattice=lattice or "LiNiO2:1")
    if lattice is not None:
        arguments = {"lattice": lattice} | arguments
    return chosen.build(**arguments) if arguments else chosen.structure()


def _setting(text: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``; the value is TOML, or a plain name without quotes.

    >>> _setting("guest_mix={Li=0.5}"), _setting("lattice=LiNiO2:0.5")
    (('guest_mix', {'Li': 0.5}), ('lattice', 'LiNiO2:0.5'))
    """
    name, sign, value = text.partition("=")
    if sign and name.strip().isidentifier():
        try:
            table = tomllib.loads(f"value = {value}")
        except (ValueError, RecursionError):
            table = {"value": value.strip()} if _PLAIN.fullmatch(value.strip()) else {}
        if list(table) == ["value"]:
            return name.strip(), table["value"]
    raise click.BadParameter(
        f"{text!r} is no setting; expected NAME=VALUE with a value as in TOML, such as n=3, "
        "lattice=LiNiO2:0.5 or 'guest_mix={Li=0.5}'",
        param_hint="--set",
    )
