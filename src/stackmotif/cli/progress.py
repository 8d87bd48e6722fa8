"""What a command tells while it works: the device, and progress on anything over two seconds."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

PATIENCE_S: Final = 2.0
_REPEAT_S: Final = 15.0
_THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "DASK_NUM_WORKERS",
)


@contextmanager
def progress(what: str, *, patience_s: float = PATIENCE_S) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is going on, if it takes longer than ``patience_s`` [s].

    Yields a function that takes the name of the stage that has begun.
    """
    done = threading.Event()
    start = time.monotonic()
    stage = [""]

    def tell() -> None:
        wait = patience_s
        while not done.wait(wait):
            now = f"{what}: {stage[0]}" if stage[0] else what
            click.echo(f"{now} … {time.monotonic() - start:.0f} s", err=True)
            wait = _REPEAT_S

    def name_stage(name: str) -> None:
        stage[0] = name

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield name_stage
    finally:
        done.set()
        teller.join()


def limit_threads(n: int | None) -> None:
    """Limit the threads of numerical libraries to ``n``, for this process and those it starts.

    Works on libraries that are loaded later; PyTorch is told directly if it is loaded already.
    """
    if n is None:
        return
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(n)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n)


def tell_device(threads: int | None, *, device: str = "cpu") -> None:
    """Print the device that the command runs on."""
    if device != "cpu":
        click.echo(f"device: {device}")
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    click.echo(f"device: cpu ({threads or cores or 1} threads)")


def count_of(number: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def span_of(seconds: float) -> str:
    """Return a time in the unit that a reader would use."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
