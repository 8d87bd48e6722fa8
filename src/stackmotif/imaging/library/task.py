"""A piece of work, keyed by what it is made from.

A task is the name of a function and its settings; the hash of both names the file that it leaves.
What travels to a worker is a few lines of text; arrays go from the worker to the folder.
"""

import hashlib
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from stackmotif.errors import SimulationError, StackmotifError
from stackmotif.imaging.library.parts import Part, read_part, write_part

FORMAT: Final = 2
"""Part of every key: a rise makes all earlier parts count as other work. To be raised when the same
settings come to give other numbers."""


@dataclass(frozen=True)
class Task:
    """A piece of work that gives the same result whenever and wherever it is done.

    Parameters
    ----------
    function : str
        ``package.module:function``. It takes the settings and returns a mapping of str to ndarray,
        or a pair of that and a mapping of what else there is to say, as plain JSON.
    settings : mapping
        Plain JSON: finite numbers, texts, lists and mappings. Everything the result depends on.
    estimate_s : float
        Expected time on one core [s]; no part of the key.
    hints : mapping
        How to work, such as ``device``: plain JSON that changes nothing about the result and is no
        part of the key. Passed to the function as keyword arguments.

    Raises
    ------
    SimulationError
        If the settings are no JSON or the function's name has another form.
    """

    function: str
    settings: Mapping[str, Any] = field(hash=False)
    estimate_s: float = 1.0
    hints: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)

    def __post_init__(self) -> None:
        module, colon, name = self.function.partition(":")
        if not (colon and module and name.isidentifier()):
            raise SimulationError(
                f"task function is {self.function!r}; expected 'package.module:function'"
            )
        if not 0 <= self.estimate_s < float("inf"):
            raise SimulationError(f"estimate is {self.estimate_s} s; expected 0 s or more")
        for name in ("settings", "hints"):
            object.__setattr__(self, name, json.loads(self._canonical(getattr(self, name))))

    @cached_property
    def text(self) -> str:
        """The settings as canonical JSON."""
        return self._canonical(self.settings)

    @cached_property
    def key(self) -> str:
        """SHA-256 of function and settings, 64 hex digits."""
        return hashlib.sha256(f"{FORMAT}\n{self.function}\n{self.text}".encode()).hexdigest()

    @property
    def message(self) -> tuple[str, str, str]:
        """What travels to a worker: function, settings and hints, as text."""
        return self.function, self.text, self._canonical(self.hints)

    def _canonical(self, mapping: Mapping[str, Any]) -> str:
        try:
            return json.dumps(mapping, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SimulationError(
                f"settings of {self.function!r} are no JSON ({error}); expected finite numbers, "
                "texts, lists and mappings"
            ) from error

    def part(self, folder: str | Path) -> Path:
        """Return where the task leaves its result below a folder."""
        return Path(folder) / "parts" / f"{self.key}.npz"


def load_part(task: Task, folder: str | Path) -> Part:
    """Read the result of a task.

    Raises
    ------
    SimulationError
        If there is none, if it is damaged, or if it is the result of something else.
    """
    part = read_part(task.part(folder))
    if Task(part.function, part.settings).key != task.key:
        raise SimulationError(
            f"part {task.part(folder).name!r} holds the result of other settings; expected those "
            "of its name: run the task again"
        )
    return part


def pending(tasks: Iterable[Task], folder: str | Path) -> list[Task]:
    """Return the tasks without an intact result, each once, in their order."""
    return [
        task for task in {task.key: task for task in tasks}.values() if not is_done(task, folder)
    ]


def perform(function: str, settings: str, hints: str, folder: str) -> None:
    """Do one task and publish its result, unless another process has done so.

    Raises
    ------
    SimulationError
        With the task's name, for whatever the library refuses.
    """
    task = Task(function, json.loads(settings))
    if is_done(task, folder):
        return
    try:
        answer = _resolve(function)(json.loads(settings), **json.loads(hints))
        arrays, said = answer if isinstance(answer, tuple) else (answer, {})
        write_part(task.part(folder), Part(task.key, function, task.settings, arrays, said))
        return
    except StackmotifError as error:
        reason = str(error)
    # Raised anew and without a cause: other types may not survive the way between processes.
    raise SimulationError(f"task {task.key[:12]} of {function!r} failed: {reason}")


def is_done(task: Task, folder: str | Path) -> bool:
    """Return whether a task has left an intact result."""
    if not task.part(folder).is_file():
        return False
    try:
        load_part(task, folder)
    except SimulationError:
        return False
    return True


def _resolve(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SimulationError(
            f"task function {function!r} cannot be imported ({error}); expected the name of a "
            "function that every worker can import"
        ) from error
    return found
