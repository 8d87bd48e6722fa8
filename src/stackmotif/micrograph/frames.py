"""One two-dimensional image out of what a file holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import ReadError

Signal = Mapping[str, Any]

_SAME_DETECTOR = {"adf": ("adf", "haadf", "df", "df4"), "haadf": ("haadf", "adf")}


def title(signal: Signal) -> str:
    """Return the title stored with a signal, or an empty string."""
    general = signal.get("metadata", {}).get("General", {})
    return str(general.get("title") or "")


def choose_signal(signals: Sequence[Signal], *, detector: str) -> tuple[Signal, str]:
    """Return the signal to read and a note if there was a choice.

    A file with several images (one per detector) is decided by the detector's name in their titles.

    Raises
    ------
    ReadError
        If no signal is an image, or several are and none matches.
    """
    images = [signal for signal in signals if np.ndim(signal["data"]) >= 2]
    if not images:
        raise ReadError("the file holds no image; expected an array of two or more axes")
    if len(images) == 1:
        return images[0], ""
    names = [title(signal) or f"image {i}" for i, signal in enumerate(images)]
    for wanted in _SAME_DETECTOR.get(detector, (detector,)):
        matches = [i for i, name in enumerate(names) if wanted in _words(name)]
        if len(matches) == 1:
            return images[matches[0]], f"took {names[matches[0]]!r} of {', '.join(names)}"
    raise ReadError(
        f"the file holds {len(images)} images ({', '.join(names)}) and not exactly one belongs to "
        f"detector {detector!r}; pass the detector of the one to read, or export it alone"
    )


def _words(name: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in name.lower()).split()


def image_of(data: NDArray[Any], *, frame: int | None) -> tuple[NDArray[np.float32], str]:
    """Return one image (y, x) and a note on what was done to get it.

    Parameters
    ----------
    data : ndarray
        (y, x), (frame, y, x), or a structured array of colour channels.
    frame : int, optional
        Frame of a stack, from 0; None sums all frames.

    Raises
    ------
    ReadError
        If the data are complex, have more than three axes, are coloured or hold values that are
        not finite, or the frame does not exist.
    """
    grey, notes = _grey(np.asarray(data))
    if grey.dtype.kind not in "buif":
        raise ReadError(f"the image has values of type {grey.dtype}; expected real numbers")
    if grey.ndim not in (2, 3):
        raise ReadError(
            f"the data have {grey.ndim} axes {grey.shape}; expected an image (y, x) or a stack "
            "(frame, y, x)"
        )
    stack = grey if grey.ndim == 3 else grey[None]
    if stack.size == 0:
        raise ReadError(
            f"the data have the shape {grey.shape}, which holds no pixel; expected one frame or "
            "more: export the image again"
        )
    if frame is not None and not isinstance(frame, int | np.integer):
        raise ReadError(f"frame is {frame!r}; expected a whole number, 0 to {len(stack) - 1}")
    if frame is not None and not 0 <= frame < len(stack):
        raise ReadError(f"frame is {frame}; expected 0 to {len(stack) - 1}")
    if frame is not None:
        chosen = stack[frame].astype(np.float64)
        notes += [f"frame {frame} of {len(stack)}"] if len(stack) > 1 else []
    else:
        chosen = stack.sum(axis=0, dtype=np.float64)
        notes += [f"sum of {len(stack)} frames"] if len(stack) > 1 else []
    return chosen.astype(np.float32), "; ".join(notes)


def _grey(data: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """Return the channel of a grey image stored in colour; refuse a coloured one."""
    if data.dtype.names is None:
        return data, []
    channels = [data[name] for name in data.dtype.names if name != "A"]
    refuse_colour(channels)
    return channels[0], ["grey image from equal colour channels"]


def refuse_colour(channels: Sequence[NDArray[Any]]) -> None:
    """Raise ReadError unless all colour channels are equal."""
    if any(not np.array_equal(channels[0], other) for other in channels[1:]):
        raise ReadError(
            "the image is coloured, so its values are no intensities; expected a grey image: "
            "export the original data"
        )
