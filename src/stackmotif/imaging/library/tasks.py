"""Independent pieces of work, done once.

Work that is done is found by its name, so any run may be stopped, killed or repeated and goes on
where it was.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stackmotif.errors import SimulationError
from stackmotif.imaging.library.parts import sweep
from stackmotif.imaging.library.task import Task, load_part, pending
from stackmotif.imaging.library.workers import StopWhen, here, in_processes, on_scheduler

__all__ = ["Progress", "RunResult", "Task", "load_part", "pending", "run_tasks"]

Progress = Callable[[int, int, float], None]
"""Called as ``progress(done, total, seconds_left)``."""


@dataclass(frozen=True)
class RunResult:
    """What a run did: tasks done now, those found done before, and those left."""

    done: int
    found: int
    left: int


def run_tasks(
    tasks: Iterable[Task],
    folder: str | Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    stop_when: StopWhen = None,
) -> RunResult:
    """Do the tasks whose results are not in a folder yet.

    Parameters
    ----------
    tasks : iterable of Task
        What to do. The results of several runs may lie in one folder, and several processes may
        work on it at once.
    folder : str or Path
        Where ``parts/`` is; made if needed.
    workers : int
        Processes on this machine, each with one thread; 1 works in this process. A program that
        asks for more needs the usual ``if __name__ == "__main__"``.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``; its workers must see the
        folder under the same path.
    progress : callable, optional
        Called as ``progress(done, total, seconds_left)``, first before any work.
    stop_when : callable, optional
        Asked before each task; once it is true no further task begins, and those under way are
        finished.

    Returns
    -------
    RunResult
        How many tasks were done now and before, and how many are left.

    Raises
    ------
    SimulationError
        If a task fails; what was finished before stays.
    MissingPackageError
        If ``scheduler`` is given and ``distributed`` is not installed.
    """
    if workers < 1:
        raise SimulationError(f"workers is {workers}; expected 1 or more")
    wanted = list({task.key: task for task in tasks}.values())
    root = Path(folder).resolve()
    (root / "parts").mkdir(parents=True, exist_ok=True)
    sweep(root / "parts")
    todo = pending(wanted, root)
    watch = _Watch(todo, len(wanted), workers if scheduler is None else 1, progress)
    if scheduler is not None:
        finished = on_scheduler(todo, root, scheduler, stop_when)
    elif workers == 1:
        finished = here(todo, root, stop_when)
    else:
        finished = in_processes(todo, root, workers, stop_when)
    done = 0
    for task in finished:
        done += 1
        watch.tell(task)
    return RunResult(done, len(wanted) - len(todo), len(todo) - done)


class _Watch:
    """Tell how far a run is, and how long the rest takes at the speed so far."""

    def __init__(
        self, todo: Sequence[Task], total: int, workers: int, progress: Progress | None
    ) -> None:
        self.left_s = sum(task.estimate_s for task in todo)
        self.spent_s = 0.0
        self.done, self.total = total - len(todo), total
        self.workers, self.progress = workers, progress
        self.start = time.monotonic()
        self._call()

    def tell(self, task: Task) -> None:
        self.done += 1
        self.left_s -= task.estimate_s
        self.spent_s += task.estimate_s
        self._call()

    def _call(self) -> None:
        if self.progress is None:
            return
        speed = (time.monotonic() - self.start) / self.spent_s if self.spent_s else 1 / self.workers
        self.progress(self.done, self.total, max(self.left_s, 0.0) * speed)
