"""``stackmotif explore``."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, metavar="N",
    help="Port on this machine; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--catalog", "catalog_path", type=click.Path(path_type=Path), metavar="DIR",
    help="Catalog folder; the bundled one by default.",
)  # fmt: skip
def command(port: int, catalog_path: Path | None) -> None:
    """Browse the catalog and spell words in a local web page, for this machine's user only.

    Prints the address, which holds a random key, and serves until interrupted.
    """
    from stackmotif.catalog import load_catalog
    from stackmotif.explorer import serve

    catalog = load_catalog(catalog_path)
    serve(port=port, catalog=catalog, on_ready=lambda url: click.echo(f"open {url}"))
