"""Where to compute, and how much fits there."""

import os
from importlib.util import find_spec
from typing import Final

from stackmotif.errors import SimulationError

DEVICES: Final = ("auto", "cpu", "cuda", "mps")
_SHARE: Final = 0.4
"""Share of the free memory that waves may take."""


def choose_device(device: str) -> str:
    """Return the torch device that a name stands for; ``auto`` is the fastest there is.

    Raises
    ------
    SimulationError
        If the device does not exist on this machine.
    """
    import torch

    offered = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if offered[name])
    kind = device.partition(":")[0] if isinstance(device, str) else device
    if kind not in offered:
        raise SimulationError(f"device is {device!r}; expected one of {', '.join(DEVICES)}")
    if not offered[kind]:
        there = ", ".join(name for name, known in offered.items() if known)
        raise SimulationError(
            f"device {device!r} is not there for torch on this machine; expected one of: {there}"
        )
    return device


def abtem_device(device: str) -> str:
    """Return where abTEM computes: the CPU unless ``cuda`` is asked for and CuPy is installed.

    Raises
    ------
    SimulationError
        If it cannot compute there.
    """
    if device in ("auto", "cpu"):
        return "cpu"
    if device != "cuda":
        raise SimulationError(
            f"device is {device!r} with the engine 'abtem'; expected 'cpu', or 'cuda' with CuPy"
        )
    if find_spec("cupy") is None:
        raise SimulationError(
            f"device is {device!r} with the engine 'abtem', which computes on a GPU with CuPy, and "
            "that is not installed; expected 'cpu', engine='torch', or a CuPy for this CUDA "
            "(pip install cupy-cuda12x)"
        )
    return device


def free_bytes(device: str) -> int:
    """Return the memory that is free on a device [bytes]."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    known = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_AVPHYS_PAGES" in known:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**31


def fitting(device: str, *, bytes_each: int, most: int) -> int:
    """Return how many items of a size fit into a share of the free memory, 1 to ``most``."""
    return max(1, min(most, int(_SHARE * free_bytes(device)) // bytes_each))
