"""Where tasks are done: in this process, in others on this machine, or on a Dask scheduler."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stackmotif.errors import MissingPackageError, SimulationError
from stackmotif.imaging.library.task import Task, is_done, perform

StopWhen = Callable[[], bool] | None
"""Asked before each task; once it is true no further task begins."""

_APPEARS_S: Final = (0.0, 0.1, 0.5, 2.0, 5.0)
_FUTILE_POOLS: Final = 3
_CONNECT_S: Final = 15


def here(todo: Sequence[Task], folder: Path, stop_when: StopWhen) -> Iterator[Task]:
    """Do tasks one after the other in this process, and yield each."""
    for task in todo:
        if stop_when is not None and stop_when():
            return
        perform(*task.message, str(folder))
        yield task


def in_processes(
    todo: Sequence[Task], folder: Path, workers: int, stop_when: StopWhen
) -> Iterator[Task]:
    """Do tasks in processes, and yield each.

    A pool that lost a process is replaced as long as something gets done.

    Raises
    ------
    SimulationError
        If a task fails, or processes die whatever is tried.
    """
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
                if is_done(task, folder):
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


def on_scheduler(
    todo: Sequence[Task], folder: Path, address: str, stop_when: StopWhen
) -> Iterator[Task]:
    """Have tasks done by the workers of a Dask scheduler, and yield each.

    Raises
    ------
    SimulationError
        If there is no scheduler, a task fails, or the workers do not share the folder.
    MissingPackageError
        If ``distributed`` is not installed.
    """
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
    stop_when: StopWhen,
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
