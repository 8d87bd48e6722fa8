"""Independent pieces of work, keyed by what they are made from.

A task is the name of a function and its settings; the hash of both names the file that it leaves.
Work that is done is found by that name, so any run may be stopped, killed or repeated and goes on
where it was. What travels to a worker is a few lines of text; arrays go from the worker to the
folder.
"""

import hashlib
import importlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from stackmotif.errors import MissingPackageError, SimulationError, StackmotifError
from stackmotif.imaging.library.parts import Part, read_part, sweep, write_part

FORMAT: Final = 1
"""Part of every key: a rise makes all earlier parts count as other work."""

Progress = Callable[[int, int, float], None]
"""Called as ``progress(done, total, seconds_left)``."""

_APPEARS_S: Final = (0.0, 0.1, 0.5, 2.0, 5.0)
_FUTILE_POOLS: Final = 3
_CONNECT_S: Final = 15


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


@dataclass(frozen=True)
class RunResult:
    """What a run did: tasks done now, those found done before, and those left."""

    done: int
    found: int
    left: int


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
    return [task for task in {task.key: task for task in tasks}.values() if not _done(task, folder)]


def run_tasks(
    tasks: Iterable[Task],
    folder: str | Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    stop_when: Callable[[], bool] | None = None,
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
        finished = _on_scheduler(todo, root, scheduler, stop_when)
    elif workers == 1:
        finished = _here(todo, root, stop_when)
    else:
        finished = _in_processes(todo, root, workers, stop_when)
    done = 0
    for task in finished:
        done += 1
        watch.tell(task)
    return RunResult(done, len(wanted) - len(todo), len(todo) - done)


def perform(function: str, settings: str, hints: str, folder: str) -> None:
    """Do one task and publish its result, unless another process has done so.

    Raises
    ------
    SimulationError
        With the task's name, for whatever the library refuses.
    """
    task = Task(function, json.loads(settings))
    if _done(task, folder):
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


def _done(task: Task, folder: str | Path) -> bool:
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


def _here(
    todo: Sequence[Task], folder: Path, stop_when: Callable[[], bool] | None
) -> Iterator[Task]:
    for task in todo:
        if stop_when is not None and stop_when():
            return
        perform(*task.message, str(folder))
        yield task


def _in_processes(
    todo: Sequence[Task], folder: Path, workers: int, stop_when: Callable[[], bool] | None
) -> Iterator[Task]:
    """Work in processes; a pool that lost one is replaced as long as something gets done."""
    left = {task.key: task for task in todo}
    futile = 0
    while left and futile < _FUTILE_POOLS:
        futile += 1
        try:
            with _pool(min(workers, len(left))) as pool:
                for task in _stream(pool, list(left.values()), folder, workers, stop_when):
                    futile = 0
                    del left[task.key]
                    yield task
            return
        except BrokenProcessPool:
            for task in list(left.values()):
                if _done(task, folder):
                    del left[task.key]
                    yield task
    if left:
        raise SimulationError(
            f"worker processes died {futile} times and finished nothing, {len(left)} tasks are "
            "left; expected them to live: use fewer workers if memory runs out"
        )


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A fork would copy locks that threads of numerical libraries hold.
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    """Limit numerical libraries, which read this when they are loaded."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"


def _on_scheduler(
    todo: Sequence[Task], folder: Path, address: str, stop_when: Callable[[], bool] | None
) -> Iterator[Task]:
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise MissingPackageError(
            "distributed", extra="all", purpose="work on a Dask scheduler"
        ) from error
    try:
        client = Client(address, set_as_default=False, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise SimulationError(
            f"scheduler {address!r} does not answer ({error}); expected the address of a running "
            "Dask scheduler such as tcp://10.0.0.1:8786"
        ) from error
    with client:
        pool = client.get_executor(pure=False)
        window = 2 * max(sum(client.nthreads().values()), 1)
        try:
            yield from _stream(pool, todo, folder, window, stop_when)
        except KilledWorker as error:
            raise SimulationError(
                f"a task ended one worker after another ({error}); expected workers to live: give "
                "them more memory"
            ) from error
        finally:
            pool.shutdown(wait=False)


def _stream(
    pool: Executor,
    todo: Sequence[Task],
    folder: Path,
    window: int,
    stop_when: Callable[[], bool] | None,
) -> Iterator[Task]:
    """Keep ``window`` tasks with the workers and yield each that is finished."""
    queue = iter(todo)
    waiting: dict[Future[None], Task] = {}
    while True:
        while len(waiting) < window and not (stop_when is not None and stop_when()):
            task = next(queue, None)
            if task is None:
                break
            waiting[pool.submit(perform, *task.message, str(folder))] = task
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            task = waiting.pop(future)
            future.result()
            _check_seen(task, folder)
            yield task


def _check_seen(task: Task, folder: Path) -> None:
    """Refuse to go on if workers write where this process cannot see it."""
    for pause in _APPEARS_S:
        time.sleep(pause)
        if task.part(folder).is_file():
            return
    raise SimulationError(
        f"a worker finished task {task.key[:12]} but {str(folder)!r} does not show it; expected a "
        "folder that all workers share under one path"
    )
