"""Options that several commands share, and those that this version cannot honour yet."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


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
        help="Where to compute; this version computes on the CPU.",
    )(function)


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
    return y0, x0, y1, x1
