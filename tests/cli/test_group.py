import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from stackmotif.cli import main
from stackmotif.cli.group import COMMANDS, LazyGroup, one_line
from stackmotif.errors import CalibrationError, WordError


def in_new_process(*args):
    return subprocess.run(
        [sys.executable, "-m", "stackmotif", *args], capture_output=True, text=True, check=False
    )


def failing(error):
    @click.command(cls=LazyGroup, invoke_without_command=True)
    def group():
        raise error

    return CliRunner().invoke(group, [])


def test_help_lists_every_command_and_loads_none():
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from stackmotif.cli import main\n"
        "print(CliRunner().invoke(main, ['--help']).output)\n"
        "heavy = {'abtem', 'torch', 'matplotlib', 'pymatgen', 'numpy', 'scipy', 'jinja2'}\n"
        "print('loaded', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "loaded []" in done.stdout
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, run):
    done = run(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: ")
    assert "Traceback" not in done.output


def test_without_a_command_the_help_is_shown(run):
    done = run()
    assert done.exit_code == 0
    assert "identify" in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ["bogus"],
        ["--bogus"],
        ["identify"],
        ["identify", "x.npy"],
        ["identify", "x.npy", "--out", "o", "--frame", "-1"],
        ["identify", "x.npy", "--out", "o", "--detector", "eels"],
        ["identify", "x.npy", "--out", "o", "--threads", "0"],
        ["catalog", "show"],
        ["hypothesize", "d", "--region", "1,2,3"],
        ["simulate", "o3", "--out", "x.npz", "--phonons", "many"],
        ["explore", "--port", "99999"],
    ],
)
def test_bad_arguments_are_one_line(args, refused):
    message = refused(*args)
    assert "--help" in message
    assert "Usage:" not in message


def test_bad_arguments_in_a_process_of_its_own():
    done = in_new_process("identify", "no-such-image.dm4", "--out", "nowhere")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "no-such-image.dm4" in done.stderr


def test_errors_of_the_library_are_one_line():
    done = failing(WordError("a\nb\x1b[31m; expected\tc"))
    assert done.exit_code == 2
    assert done.stderr == "stackmotif: error: a b\\x1b[31m; expected c\n"


def test_messages_name_the_option_in_place_of_the_argument():
    done = failing(CalibrationError("no pixel size; pass pixel_size_A=…"))
    assert "--pixel-size-A X" in done.stderr


@pytest.mark.parametrize("error", [OSError(28, "No space left", "/x"), MemoryError()])
def test_troubles_of_the_machine_are_one_line(error):
    done = failing(error)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1


def test_an_interrupt_is_neither_success_nor_a_result():
    done = failing(KeyboardInterrupt())
    assert done.exit_code == 130


def test_a_defect_keeps_its_traceback():
    done = failing(ZeroDivisionError("defect"))
    assert isinstance(done.exception, ZeroDivisionError)


def test_warnings_of_libraries_stay_off_the_terminal():
    import logging
    import warnings

    @click.command(cls=LazyGroup, invoke_without_command=True)
    def group():
        warnings.warn("noise", UserWarning, stacklevel=1)
        logging.getLogger("library").warning("noise")

    done = CliRunner().invoke(group, [])
    assert done.exit_code == 0
    assert done.stderr == ""


def test_one_line_keeps_plain_text():
    assert one_line("pixel 0.2 Å, é 日本") == "pixel 0.2 Å, é 日本"


def test_version(run):
    from stackmotif import __version__

    assert __version__ in run("--version").stdout
    assert main.name == "main"
