"""What may be asked for when columns are looked for."""

import numpy as np

from stackmotif.errors import ColumnsError


def checked_device(name: str) -> str:
    """Return where to refine; what is no graphics card with float64 is the CPU.

    Raises
    ------
    ColumnsError
        If the device is unknown or not there.
    """
    if name == "cpu":
        return name
    import torch

    there = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if there else "cpu"
    if name != "cuda" or not there:
        raise ColumnsError(
            f"device is {name!r}; expected 'cpu', 'auto'"
            + (" or 'cuda'" if there else "; torch finds no CUDA device here")
        )
    return name


def check_false_alarms(false_alarms: float) -> None:
    """Refuse all but positive numbers.

    Raises
    ------
    ColumnsError
        With what was given.
    """
    if not 0 < false_alarms < np.inf:
        raise ColumnsError(f"false_alarms is {false_alarms}; expected a positive number")


def check_share(name: str, share: float) -> None:
    """Refuse all but numbers from 0 to 1.

    Raises
    ------
    ColumnsError
        With what was given.
    """
    if not 0 <= share <= 1:
        raise ColumnsError(f"{name} is {share}; expected 0 to 1")
