"""``stackmotif hypothesize``."""

from pathlib import Path

import click

from stackmotif.cli.options import overwrite_option, parse_region
from stackmotif.cli.progress import progress, tell_device


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--region", callback=parse_region, metavar="y0,x0,y1,x1",
    help="Rectangle in image axes [Å], y down; the whole field by default.",
)  # fmt: skip
@click.option(
    "--top", type=click.IntRange(min=1, max=1000), default=10, show_default=True, metavar="N",
    help="Most models to write.",
)  # fmt: skip
@overwrite_option
def command(
    directory: Path,
    region: tuple[float, float, float, float] | None,
    top: int,
    overwrite: bool,
) -> int:
    """Rank 3-D models of a saved result and write them into DIR/hypotheses.

    A rerun with the same arguments replaces them; with others it needs --overwrite. The page
    report.html is renewed.
    """
    from stackmotif.errors import ResultError
    from stackmotif.hypotheses import hypothesize, write_hypotheses
    from stackmotif.matching import load
    from stackmotif.report import write_page

    if not directory.is_dir():
        raise ResultError(
            f"{str(directory)!r} is not a folder; expected the folder that `stackmotif identify` "
            "wrote"
        )
    result = load(directory)
    found = hypothesize(result, region=region, top=top)
    arguments = {"region": None if region is None else list(region), "top": top}
    target = directory / "hypotheses"
    with progress("hypothesize"):
        write_hypotheses(target, found, arguments=arguments, overwrite=overwrite)
        write_page(result, directory, hypotheses=found)
    tell_device(None)
    if not found or not found[0].resolved:
        click.echo(f"{target}: unresolved, no model was built" if found else f"{target}: none")
        return 1
    click.echo(f"{target}: {len(found)} models, best class {found[0].metal_word}")
    return 0
