"""Options that several commands share, and those that this version cannot honour yet."""

import math
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_ADDRESS: Final = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")
_PATIENCE_S: Final = 5.0


class FiniteRange(click.FloatRange):
    """A number in a range; never NaN, which compares with nothing, nor infinity."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, refused unless it is finite and in the range."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not in the range {self._describe_range()}", param, ctx)
        return number


THICKNESS_A: Final = FiniteRange(min=1.0, max=5000.0)
"""Thickness of a specimen [Å]."""

PIXEL_SIZE_A: Final = FiniteRange(min=0.01, max=2.0)
"""Pixel edge of a simulated image [Å]."""

DOSE: Final = FiniteRange(min=0.0, max=1e12, min_open=True)
"""Incident electrons per Å²."""


def show_help(ctx: click.Context) -> None:
    """Print the help of a group that was called without a sub-command."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def refuse(option: str, value: object, *, instead: str) -> None:
    """Stop with one line: this version does not read ``option``.

    Raises
    ------
    click.BadOptionUsage
        Always.
    """
    raise click.BadOptionUsage(
        option, f"{option} {value}: this version does not support it yet; expected {instead}"
    )


def check_device(device: str) -> None:
    """Refuse devices that no stage of this version uses."""
    if device == "cuda":
        refuse("--device", device, instead="auto or cpu")


def check_scheduler(scheduler: str | None) -> None:
    """Refuse a scheduler address: everything runs in this process."""
    if scheduler is not None:
        refuse("--scheduler", scheduler, instead="no --scheduler: the work runs on this machine")


def compute_options(function: F) -> F:
    """Add ``--device`` and ``--threads``."""
    function = click.option(
        "--threads", type=click.IntRange(min=1), metavar="N", help="Most threads to use."
    )(function)
    return click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where to compute; 'auto' is the fastest that the command can use.",
    )(function)


def atlas_options(function: F) -> F:
    """Add ``--atlas`` and ``--tolerance``."""
    function = click.option(
        "--tolerance", type=click.FloatRange(0, 1, min_open=True), metavar="T",
        help="Largest RMS error of the atlas, as a share of the contrast.  [auto: 0.01]",
    )(function)  # fmt: skip
    return click.option(
        "--atlas", type=click.Path(path_type=Path), metavar="DIR",
        help="Atlas of your own, from 'templates build-atlas'; else the one of the package.",
    )(function)  # fmt: skip


def scheduler_option(function: F) -> F:
    """Add ``--scheduler``."""
    return click.option(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler; not read by this version."
    )(function)


def overwrite_option(function: F) -> F:
    """Add ``--overwrite``."""
    return click.option(
        "--overwrite", is_flag=True, help="Replace an earlier result; never anything else."
    )(function)


def parse_region(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, float, float, float] | None:
    """Read ``y0,x0,y1,x1`` [Å]."""
    if value is None:
        return None
    try:
        y0, x0, y1, x1 = (float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no region; expected four numbers y0,x0,y1,x1 in Å", ctx, param
        ) from error
    if not all(map(math.isfinite, (y0, x0, y1, x1))):
        raise click.BadParameter(
            f"{value!r} is no region; expected four finite numbers y0,x0,y1,x1 in Å", ctx, param
        )
    return y0, x0, y1, x1


class Several(click.ParamType):
    """Values of one type with commas between them."""

    name = "several"

    def __init__(self, one: click.ParamType) -> None:
        self.one = one

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Return the values as a tuple."""
        if isinstance(value, tuple):
            return value
        return tuple(self.one.convert(part.strip(), param, ctx) for part in str(value).split(","))


def check_answering(scheduler: str | None) -> None:
    """Refuse an address where nothing answers, before any work."""
    if scheduler is None:
        return
    if not _ADDRESS.fullmatch(scheduler):
        raise click.BadParameter(
            f"{scheduler!r} is no address; expected one such as tcp://10.0.0.1:8786",
            param_hint="--scheduler",
        )
    host, _, port = scheduler.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise click.BadParameter(
            f"{scheduler!r} does not answer ({error}); expected a running Dask scheduler",
            param_hint="--scheduler",
        ) from error
