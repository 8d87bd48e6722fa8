"""The command group: sub-commands loaded on use, errors on one line, exit codes of the contract."""

import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import click

from stackmotif import __version__
from stackmotif.errors import StackmotifError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130

COMMANDS: Final = {
    "demo": ("demo", "Run the main job on the bundled, simulated micrograph."),
    "identify": ("identify", "Read the stacking from images of your own."),
    "hypothesize": ("hypothesize", "Rank 3-D models of a saved result."),
    "catalog": ("catalog", "List, show, export and check the motif catalog."),
    "build": ("build", "Build a crystal structure from a word or a catalog entry."),
    "simulate": ("simulate", "Simulate the image of a motif, a word or a structure file."),
    "templates": ("templates", "Make and check the library of template images."),
    "explore": ("explore", "Browse the catalog and spell words in a local web page."),
    "doctor": ("doctor", "Show versions, devices and known-bad combinations."),
}
"""Sub-command to its module in this package, and its line in the help."""


class LazyGroup(click.Group):
    """A group that imports a sub-command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one sub-command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"stackmotif.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, **options: Any) -> Any:  # type: ignore[override]
        """Run the command line and leave with the contract's exit code."""
        if not options.pop("standalone_mode", True):
            return super().main(args, standalone_mode=False, **options)
        with quiet_libraries():
            code = self._run(args, options)
        sys.exit(code)

    def _run(self, args: Sequence[str] | None, options: dict[str, Any]) -> int:
        try:
            returned = super().main(args, standalone_mode=False, **options)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else "stackmotif"
            return _fail(f"{error.format_message().rstrip('.')}; see: {where} --help")
        except click.Abort:
            click.echo("stackmotif: interrupted", err=True)
            return EXIT_INTERRUPTED
        except click.ClickException as error:
            return _fail(error.format_message())
        except StackmotifError as error:
            return _fail(str(error).replace("pixel_size_A=…", "--pixel-size-A X"))
        except OSError as error:
            return _fail(f"{error.filename or 'file'!s}: {error.strerror or error}")
        except MemoryError:
            return _fail("not enough memory for this input; expected a smaller image or field")
        return returned if isinstance(returned, int) else EXIT_OK


def _fail(message: str) -> int:
    click.echo(f"stackmotif: error: {one_line(message)}", err=True)
    return EXIT_BAD_INPUT


def one_line(text: str) -> str:
    r"""Return a text without line breaks and control characters.

    >>> one_line("a\n  b\x1b[31m")
    'a b\\x1b[31m'
    """
    spaced = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in spaced)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep warnings and log lines of libraries off the terminal."""
    root = logging.getLogger()
    silent = logging.NullHandler()
    root.addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeHandler(silent)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="stackmotif")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Read the stacking sequence of layered oxides from atomic-resolution STEM images.

    Exit codes: 0 done, 1 a result that is not to be trusted, 2 bad input or arguments.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
