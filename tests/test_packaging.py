"""What is shipped: wheel, source archive and checkout each carry the catalog and can find it."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROBE = (
    "import stackmotif as sm; c = sm.load_catalog(); print(sm.__file__); print(*sorted(c)); "
    "c['o3'].structure()"
)


def build(target: str, *, source: Path, into: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (made,) = into.iterdir()
    return made


def probe(import_from: Path, *, cwd: Path) -> tuple[Path, list[str]]:
    """Import the package from one folder in a fresh interpreter; where it lies, what it lists."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(import_from)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, names = done.stdout.splitlines()[:2]
    return Path(where), names.split()


@pytest.fixture(scope="module")
def entries(repository) -> list[str]:
    return sorted(path.parent.name for path in (repository / "catalog").rglob("motif.toml"))


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory) -> Path:
    return build("wheel", source=repository, into=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked_sdist(repository, tmp_path_factory) -> Path:
    made = build("sdist", source=repository, into=tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(made) as archive:
        archive.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def unzip(path: Path, into: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(into)
    return into


def test_wheel_finds_its_catalog(wheel, entries, tmp_path):
    site = unzip(wheel, tmp_path / "site")
    where, names = probe(site, cwd=tmp_path)
    assert where == site / "stackmotif" / "__init__.py"
    assert names == entries
    assert {"o3", "o1", "nio"} <= set(names)


def test_wheel_holds_every_package_file(wheel, repository):
    root = repository / "src"
    expected = {
        path.relative_to(root).as_posix()
        for path in (root / "stackmotif").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        assert expected <= set(archive.namelist())


def test_checkout_finds_the_root_catalog(repository, entries, tmp_path):
    where, names = probe(repository / "src", cwd=tmp_path)
    assert where == repository / "src" / "stackmotif" / "__init__.py"
    assert names == entries


def test_sdist_finds_its_catalog_and_builds_the_same_wheel(
    unpacked_sdist, wheel, entries, tmp_path
):
    where, names = probe(unpacked_sdist / "src", cwd=tmp_path)
    assert where.is_relative_to(unpacked_sdist)
    assert names == entries
    again = build("wheel", source=unpacked_sdist, into=tmp_path / "again")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())


def test_sdist_carries_what_a_packager_needs(unpacked_sdist):
    for name in ("LICENSE", "CITATION.cff", "constraints.txt", "tests/conftest.py", "docs/conf.py"):
        assert (unpacked_sdist / name).is_file()


def test_every_pin_is_a_plain_version(repository):
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "+" not in line and " " not in line for line in pins)
    assert "torch==2.13.0" in pins
