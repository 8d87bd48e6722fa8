"""``stackmotif doctor``."""

import click

from stackmotif.cli.progress import progress


@click.command()
def command() -> int:
    """Show versions, devices and caches, and warn of combinations known to fail."""
    from stackmotif.cli.diagnosis import diagnose

    with progress("doctor"):
        report = diagnose()
    for key, value in report.facts:
        click.echo(f"{key}: {value}")
    for problem in report.problems:
        click.echo(f"problem: {problem}")
    for note in report.notes:
        click.echo(f"note: {note}")
    if not report.problems:
        click.echo("no known problem")
    return 0
