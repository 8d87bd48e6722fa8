"""Importing the package and asking for help stay cheap: no heavy package is loaded for them."""

import subprocess
import sys

import pytest

HEAVY = ("abtem", "torch", "matplotlib", "pymatgen")
REPORT = f"; import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
HELP = (
    "import contextlib, io, runpy, sys\n"
    "sys.argv = ['stackmotif', '--help']\n"
    "text = io.StringIO()\n"
    "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(text):\n"
    "    runpy.run_module('stackmotif', run_name='__main__')\n"
    "assert 'identify' in text.getvalue(), text.getvalue()\n"
    "pass"
)


def heavy_after(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    ["import stackmotif", "import stackmotif; dir(stackmotif); stackmotif.StackmotifError", HELP],
    ids=["import", "dir", "help"],
)
def test_nothing_heavy_is_loaded(code):
    assert heavy_after(code) == "[]"


def test_a_heavy_package_would_be_seen():
    assert heavy_after("import stackmotif, matplotlib") == "['matplotlib']"


def test_every_public_name_resolves():
    code = "import stackmotif\nfor name in stackmotif.__all__: getattr(stackmotif, name)\npass"
    assert heavy_after(code) == "[]"
