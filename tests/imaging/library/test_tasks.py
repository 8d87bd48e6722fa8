"""Work that may be stopped, killed and repeated."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.library import Task, load_part, pending, run_tasks

TESTS = Path(__file__).parents[2]


def squares(count, **more):
    return [Task("library_work:squares", {"n": n, **more}) for n in range(2, 2 + count)]


def parts(folder):
    return sorted(entry.name for entry in (folder / "parts").iterdir())


def check(tasks, folder):
    for task in tasks:
        part = load_part(task, folder)
        expected = [i * i for i in range(task.settings["n"])]
        assert part.arrays["squares"].tolist() == expected
        assert part.metadata == {"n": task.settings["n"]}
        assert part.settings == task.settings


def test_a_key_depends_on_function_and_settings_alone():
    task = Task("library_work:squares", {"n": 3, "at": (1.0, 2.0)}, estimate_s=9.0)
    assert task.key == Task("library_work:squares", {"at": [1.0, 2.0], "n": 3}).key
    assert task.key == Task(task.function, task.settings, hints={"pause_s": 1.0}).key
    others = [
        Task("library_work:squares", {"n": 4, "at": (1.0, 2.0)}),
        Task("library_work:squares", {"n": 3}),
        Task("library_work:refuse", {"n": 3, "at": (1.0, 2.0)}),
    ]
    assert len({one.key for one in (task, *others)}) == 4
    assert len(task.key) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": "nothing"}, "package.module:function"),
        ({"function": "os:system("}, "package.module:function"),
        ({"settings": {"x": float("nan")}}, "are no JSON"),
        ({"settings": {"x": np.float32(1)}}, "are no JSON"),
        ({"settings": {1j: 1}}, "are no JSON"),
        ({"hints": {"x": object()}}, "are no JSON"),
        ({"estimate_s": float("inf")}, "estimate is inf s"),
        ({"estimate_s": -1.0}, "estimate is -1.0 s"),
    ],
)
def test_what_is_no_task_is_refused(arguments, message):
    with pytest.raises(SimulationError, match=message):
        Task(**{"function": "library_work:squares", "settings": {}, **arguments})


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_done_is_not_done_again(tmp_path, workers):
    tasks = squares(5, log=str(tmp_path / "log"))
    first = run_tasks(tasks[:3], tmp_path, workers=workers)
    second = run_tasks(tasks + tasks, tmp_path, workers=workers)
    assert (first.done, first.found, first.left) == (3, 0, 0)
    assert (second.done, second.found, second.left) == (2, 3, 0)
    done = (tmp_path / "log").read_text().split()
    assert sorted(done) == ["2", "3", "4", "5", "6"]
    assert parts(tmp_path) == sorted(f"{task.key}.npz" for task in tasks)
    check(tasks, tmp_path)


def test_hints_reach_the_function(tmp_path):
    task = Task("library_work:squares", {"n": 2}, hints={"log": str(tmp_path / "hinted")})
    run_tasks([task], tmp_path, workers=2)
    assert (tmp_path / "hinted").read_text() == "2\n"


def test_progress_counts_to_the_total_and_ends_without_time_left(tmp_path):
    tasks = [Task("library_work:squares", {"n": n}, estimate_s=10.0) for n in range(4)]
    run_tasks(tasks[:1], tmp_path)
    told = []
    run_tasks(tasks, tmp_path, progress=lambda *now: told.append(now))
    assert [now[:2] for now in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[0][2] == 30.0
    assert told[1][2] < 1.0
    assert told[-1][2] == 0.0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_stops_when_asked_and_goes_on(tmp_path, workers):
    tasks = squares(6)
    done = []
    stopped = run_tasks(
        tasks,
        tmp_path,
        workers=workers,
        progress=lambda now, total, left: done.append(now),
        stop_when=lambda: bool(done) and done[-1] >= 2,
    )
    assert 2 <= stopped.done <= 2 + workers
    assert stopped.left == 6 - stopped.done == len(pending(tasks, tmp_path))
    assert run_tasks(tasks, tmp_path).found == stopped.done


def flip(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"\x93NUMPY") + 130] ^= 0x10
    path.write_bytes(bytes(content))


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def empty(path):
    path.write_bytes(b"")


def swap(path):
    other = next(one for one in path.parent.iterdir() if one != path)
    path.write_bytes(other.read_bytes())


@pytest.mark.parametrize("damage", [flip, cut, empty, swap])
def test_a_damaged_part_is_made_again(tmp_path, damage):
    tasks = squares(3)
    run_tasks(tasks, tmp_path)
    damage(tasks[1].part(tmp_path))
    with pytest.raises(SimulationError, match="run the task again"):
        load_part(tasks[1], tmp_path)
    assert pending(tasks, tmp_path) == [tasks[1]]
    again = run_tasks(tasks, tmp_path)
    assert (again.done, again.found) == (1, 2)
    check(tasks, tmp_path)


def test_no_single_changed_byte_goes_unseen(tmp_path):
    """Either the part is refused or it says the same: some bytes of a zip mean nothing."""
    (task,) = squares(1)
    run_tasks([task], tmp_path)
    path = task.part(tmp_path)
    content = path.read_bytes()
    seen = 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            check([task], tmp_path)
        except SimulationError:
            seen += 1
    assert seen > len(content) / 3 * 0.6


@pytest.mark.parametrize(
    ("function", "message", "workers"),
    [
        ("library_work:refuse", "task 7 needs the package", 1),
        ("library_work:refuse", "task 7 needs the package", 2),
        ("library_work:absent", "cannot be imported", 1),
        ("library_absent:work", "cannot be imported", 1),
        ("library_work:text", "arrays of numbers", 1),
        ("library_work:infinite", "no JSON", 1),
    ],
)
def test_a_failed_task_is_named_and_leaves_nothing(tmp_path, function, message, workers):
    tasks = [*squares(1), Task(function, {"n": 7})]
    with pytest.raises(SimulationError, match=message) as caught:
        run_tasks(tasks, tmp_path, workers=workers)
    assert function in str(caught.value)
    check(tasks[:1], tmp_path)
    assert len(parts(tmp_path)) == 1


def test_a_worker_process_that_is_killed_loses_nothing(tmp_path):
    tasks = squares(3, pause_s=0.05)
    tasks.insert(1, Task("library_work:die_once", {"n": 9, "marker": str(tmp_path / "died")}))
    assert run_tasks(tasks, tmp_path, workers=2).left == 0
    assert (tmp_path / "died").exists()
    check(tasks, tmp_path)


@pytest.mark.slow
def test_work_that_kills_every_worker_ends(tmp_path):
    with pytest.raises(SimulationError, match="died 3 times and finished nothing, 1 tasks"):
        run_tasks([Task("library_work:die", {})], tmp_path, workers=2)


SCRIPT = """
import sys
from stackmotif.imaging.library import Task, run_tasks
folder, pause_s, workers = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
if __name__ == "__main__":
    tasks = [Task("library_work:squares", {"n": n, "pause_s": pause_s}) for n in range(2, 22)]
    run_tasks(tasks, folder, workers=workers)
"""


def start(folder, pause_s, workers):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(pause_s), str(workers)],
        env={**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def wait_for(folder, count, process):
    deadline = time.monotonic() + 60
    while len(list(folder.glob("parts/*.npz"))) < count:
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on_where_it_was(tmp_path, workers):
    process = start(tmp_path, 0.2, workers)
    wait_for(tmp_path, 3, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    tasks = squares(20, pause_s=0.2)
    left = pending(tasks, tmp_path)
    assert 0 < len(left) <= 17
    result = run_tasks(tasks, tmp_path, stop_when=lambda: len(parts(tmp_path)) >= 8)
    assert result.found == 20 - len(left)
    check([task for task in tasks if task not in pending(tasks, tmp_path)], tmp_path)


def test_two_runs_may_share_a_folder(tmp_path):
    both = [start(tmp_path, 0.01, 1) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    tasks = squares(20, pause_s=0.01)
    check(tasks, tmp_path)
    assert parts(tmp_path) == sorted(f"{task.key}.npz" for task in tasks)


def test_what_killed_writers_left_is_removed_after_an_hour(tmp_path):
    run_tasks([], tmp_path)
    old, new = (tmp_path / "parts" / f".{name}.npz-x" for name in ("old", "new"))
    for left in (old, new):
        left.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    run_tasks([], tmp_path)
    assert parts(tmp_path) == [".new.npz-x"]


def test_wrong_workers_and_silent_schedulers_are_refused(tmp_path):
    with pytest.raises(SimulationError, match="workers is 0"):
        run_tasks([], tmp_path, workers=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_does_the_tasks_though_a_worker_is_killed(tmp_path):
    from distributed import LocalCluster

    tasks = squares(12, pause_s=0.3)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    ) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        killed = []

        def kill_one(done, total, left_s):
            if done == 3 and not killed:
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

        result = run_tasks(tasks, tmp_path, scheduler=cluster.scheduler_address, progress=kill_one)
        assert killed
        assert (result.done, result.left) == (12, 0)
        check(tasks, tmp_path)
        again = run_tasks(tasks, tmp_path, scheduler=cluster.scheduler_address)
        assert (again.done, again.found) == (0, 12)
        with pytest.raises(SimulationError, match="task 7 needs the package"):
            run_tasks(
                [Task("library_work:refuse", {"n": 7})],
                tmp_path,
                scheduler=cluster.scheduler_address,
            )
