"""Seconds per stage, and progress."""

import time
from collections.abc import Callable

Progress = Callable[[str], None]


class Clock:
    """Seconds per stage, and a line of progress as each starts."""

    def __init__(self, progress: Progress | None) -> None:
        self.timings: dict[str, float] = {}
        self._progress = progress
        self._stage = ""
        self._since = time.perf_counter()

    def start(self, stage: str) -> None:
        """End the stage before, and tell and time the next one."""
        self.stop()
        self._stage = stage
        if self._progress is not None:
            self._progress(stage)

    def stop(self) -> None:
        """End the stage, if there is one."""
        now = time.perf_counter()
        if self._stage:
            self.timings[self._stage] = round(now - self._since, 4)
        self._since, self._stage = now, ""
