"""What the network saw, as arrays in a file: probabilities in steps of 1/255."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.micrograph.network.applying import Seen

_STEPS: Final = 255


def packed(seen: Seen) -> dict[str, NDArray[Any]]:
    """Return arrays that :func:`unpacked` makes the maps from."""
    o1 = {} if seen.o1 is None else {"o1": _in_steps(seen.o1)}
    return o1 | {
        "denoised": seen.denoised,
        "sharp": seen.sharp.astype(np.float16),
        "columns": _in_steps(seen.columns),
        "phases": _in_steps(np.stack(list(seen.phases.values()))),
        "phase_names": np.array(list(seen.phases)),
        "network": np.array(seen.network),
    }


def unpacked(arrays: Mapping[str, NDArray[Any]]) -> Seen:
    """Return the maps; probabilities are right to 1/510.

    Raises
    ------
    KeyError
        If an array is missing.
    """
    names = [str(name) for name in arrays["phase_names"]]
    shares = _shares(arrays["phases"])
    return Seen(
        denoised=arrays["denoised"].astype(np.float32),
        sharp=arrays["sharp"].astype(np.float32),
        columns=_shares(arrays["columns"]),
        phases=dict(zip(names, shares, strict=True)),
        network=str(arrays["network"]),
        o1=_shares(arrays["o1"]) if "o1" in arrays else None,
    )


def _in_steps(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(probability, 0, 1) * _STEPS).astype(np.uint8)


def _shares(steps: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (steps / np.float32(_STEPS)).astype(np.float32)
