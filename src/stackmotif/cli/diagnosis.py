"""What is installed, and what of it is known not to work together."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

_SHOWN: Final = (
    "stackmotif", "numpy", "scipy", "matplotlib", "pymatgen", "spglib", "ase", "abtem",
    "rosettasciio", "msgspec", "jinja2", "click", "pandas", "torch", "cupy", "zarr",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """Facts about this machine, problems found in them, and things to know."""

    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def diagnose() -> Report:
    """Collect versions, devices and known-bad combinations, without importing heavy packages."""
    found = {name: v for name in _SHOWN if (v := installed(name)) is not None}
    facts = [
        ("python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("cores", str(os.cpu_count() or 1)),
        *found.items(),
        ("not installed", ", ".join(name for name in _SHOWN if name not in found) or "none"),
        ("cuda", _cuda()),
        ("device in use", "cpu"),
        ("bundled micrograph", "present" if _has_sample() else "missing"),
        ("caches", "none are kept"),
    ]
    return Report(tuple(facts), tuple(problems(found)), tuple(notes(found)))


def installed(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def problems(found: dict[str, str]) -> list[str]:
    """Return the known-bad versions among installed packages.

    >>> problems({"rosettasciio": "0.7", "abtem": "1.0.11"})[0][:32]
    'rosettasciio is 0.7; expected 0.'
    """
    said = []
    if _older(found, "rosettasciio", (0, 13)):
        said.append(
            f"rosettasciio is {found['rosettasciio']}; expected 0.13 or later: 0.7 unpickles files "
            "that it reads (zarr extras pull it in; install rosettasciio[hdf5,image,mrcz,tiff])"
        )
    if "abtem" in found and not (1, 0, 10) <= _number(found["abtem"]) < (1, 1):
        said.append(
            f"abtem is {found['abtem']}; expected 1.0.10 to below 1.1: earlier ones draw "
            "thermal displacements differently"
        )
    if _older(found, "numpy", (2, 0)):
        said.append(f"numpy is {found['numpy']}; expected 2.0 or later")
    return said


def notes(found: dict[str, str]) -> list[str]:
    """Return what is worth knowing about the installed packages, though it does no harm here."""
    said = []
    if found.get("spglib", "").startswith("2.8"):
        said.append("spglib 2.8 returns None, with a deprecation warning, where a search fails")
    if "cupy" in found and "abtem" in found:
        said.append("cupy is installed: a broken one stops abtem from being imported")
    return said


def _older(found: dict[str, str], name: str, least: tuple[int, ...]) -> bool:
    return name in found and _number(found[name]) < least


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _cuda() -> str:
    if importlib.util.find_spec("torch") is None:
        return "not looked for (PyTorch is not installed): install it for simulated images"
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name(0)} ({_driver()}), used for simulated images"
    if torch.backends.mps.is_available():
        return "Metal, used for simulated images"
    return "not available to PyTorch; images are simulated on the CPU"


def _driver() -> str:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "driver unknown"
    done = subprocess.run(  # noqa: S603
        [tool, "--query-gpu=driver_version", "--format=csv,noheader"],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return f"driver {done.stdout.strip().splitlines()[0]}" if done.stdout.strip() else "no driver"


def _has_sample() -> bool:
    from importlib.resources import files

    return files("stackmotif").joinpath("_data", "demo.emd").is_file()
