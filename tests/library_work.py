"""Functions that tasks of the tests name: workers in other processes import them from here."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from stackmotif.errors import MissingPackageError


def squares(settings, *, log=None):
    """Squares of the first numbers, after a pause; each call leaves a line in ``log``."""
    time.sleep(settings.get("pause_s", 0.0))
    log = log or settings.get("log")
    if log:
        with Path(log).open("a", encoding="utf-8") as lines:
            lines.write(f"{settings['n']}\n")
    return {"squares": np.arange(settings["n"], dtype=np.int64) ** 2}, {"n": settings["n"]}


def die_once(settings):
    """Kill the process that works on it the first time."""
    marker = Path(settings["marker"])
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return squares(settings)


def die(settings):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(settings):
    raise MissingPackageError("nothing", extra="all", purpose=f"task {settings['n']}")


def text(settings):
    return {"text": np.array([settings], dtype=object)}


def infinite(settings):
    return {}, {"error": float("inf")}
