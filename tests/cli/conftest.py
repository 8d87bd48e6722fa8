import errno
import hashlib
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stackmotif import matching
from stackmotif.cli import main
from stackmotif.micrograph import Micrograph
from synthetic_result import make_micrograph, square_micrograph


@pytest.fixture(scope="session")
def known():
    """Readings by what was asked."""
    return {}


@pytest.fixture
def read_once(known, monkeypatch):
    """Do not identify the same image with the same settings again: its reading is the same."""
    identify = matching.identify

    def once(micrograph, *, progress=None, **asked):
        key = (shown(micrograph), *((name, shown(value)) for name, value in sorted(asked.items())))
        if key not in known:
            known[key] = identify(micrograph, progress=progress, **asked)
        return known[key]

    monkeypatch.setattr(matching, "identify", once)


def shown(value):
    """Return what tells one argument of `identify` from another."""
    if not isinstance(value, Micrograph):
        return repr(value)
    pixels = hashlib.sha256(value.image.tobytes()).hexdigest()
    return pixels, value.image.shape, repr(replace(value, image=np.zeros((2, 2))))


@pytest.fixture
def run(read_once):
    """Run a command line; returns exit code, stdout and stderr."""
    return lambda *args: CliRunner().invoke(main, [str(a) for a in args])


@pytest.fixture
def refused(run):
    """Run a command line that must be refused: exit 2, one line on stderr, nothing else."""

    def check(*args):
        done = run(*args)
        assert done.exit_code == 2, (done.output, done.exception)
        assert done.stdout == ""
        assert done.stderr.startswith("stackmotif: error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    return check


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder that cannot be written, not even by a superuser."""
    folder = tmp_path / "locked"
    folder.mkdir()
    made = tempfile.mkdtemp

    def mkdtemp(*args, **kwargs):
        if Path(kwargs["dir"]).is_relative_to(folder):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return made(*args, **kwargs)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder with a good image, one without layers, and a stack of two frames."""
    folder = tmp_path_factory.mktemp("images")
    good = make_micrograph().image
    np.save(folder / "good.npy", good)
    np.save(folder / "square.npy", square_micrograph().image)
    np.save(folder / "stack.npy", np.stack([good, good]))
    return folder


@pytest.fixture(scope="session")
def saved(images, tmp_path_factory):
    """A result folder."""
    out = tmp_path_factory.mktemp("saved") / "out"
    done = CliRunner().invoke(
        main, ["identify", str(images / "good.npy"), "--out", str(out), "--pixel-size-A", "0.2"]
    )
    assert done.exit_code == 0, done.output
    return out
