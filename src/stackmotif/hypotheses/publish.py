"""A folder appears whole or not at all: build beside, rename into place."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stackmotif.errors import ResultError


@contextmanager
def published(directory: Path, *, may_replace: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a scratch folder beside ``directory`` that takes its place when the block ends well.

    Parameters
    ----------
    directory : Path
        The folder to make.
    may_replace : callable
        Called with ``directory`` if it exists and is not empty, before the block and again before
        the exchange; raises if it must not be replaced.

    Raises
    ------
    ResultError
        If ``directory`` is a file or cannot be written, or whatever ``may_replace`` raises.
    """
    check_target(directory, may_replace=may_replace)
    scratch = _scratch_beside(directory)
    try:
        yield scratch
        check_target(directory, may_replace=may_replace)
        scratch.chmod(0o777 & ~_umask())
        _exchange(scratch, directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_target(directory: Path, *, may_replace: Callable[[Path], None]) -> None:
    """Raise unless ``directory`` is absent, an empty folder, or one that ``may_replace`` allows."""
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise ResultError(
            f"output {str(directory)!r} exists and is not a folder; expected a folder to write: "
            "choose another name"
        )
    if directory.is_dir() and any(directory.iterdir()):
        may_replace(directory)


def check_writable(directory: Path) -> None:
    """Raise a `ResultError` unless ``directory`` could be made, which is tried out beside it."""
    place = directory.absolute().parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        Path(tempfile.mkdtemp(prefix=f".{directory.name[:40]}-", dir=place)).rmdir()
    except OSError as error:
        raise _cannot_be_made(directory, error) from error


def _scratch_beside(directory: Path) -> Path:
    parent = directory.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{directory.name[:40]}-", dir=parent))
    except OSError as error:
        raise _cannot_be_made(directory, error) from error


def _cannot_be_made(directory: Path, error: OSError) -> ResultError:
    return ResultError(
        f"output {str(directory)!r} cannot be made ({error.strerror}); "
        "expected a place that can be written: choose another --out"
    )


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _exchange(scratch: Path, directory: Path) -> None:
    if not directory.exists():
        scratch.rename(directory)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{directory.name[:40]}-old-", dir=scratch.parent))
    old = aside / "old"
    try:
        directory.rename(old)
        scratch.rename(directory)
    except OSError:
        if old.exists():
            old.rename(directory)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
