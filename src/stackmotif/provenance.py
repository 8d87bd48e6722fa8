"""Who made this result: versions, device, seeds and content hashes."""

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PACKAGES = ("stackmotif", "numpy", "scipy", "pymatgen", "ase", "abtem", "torch", "rosettasciio")


def versions(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Return the installed version of each package, absent ones left out, importing none."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def sha256_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_array(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's type, shape and values as 64 hex digits."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
