"""Weight files of AtomSegNet that a user has, read without running anything that is in them.

Two families of files exist: the first U-Net (three levels, sigmoid) and ``Gen1-*.pth`` (five
levels, every decoder stage joined to all before it, tanh). Which one a file is, is read from the
names of its layers.

References
----------
R. Lin et al., Scientific Reports 11, 5386 (2021), doi:10.1038/s41598-021-84499-w.
"""

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from stackmotif.errors import ReadError
from stackmotif.micrograph.model import Micrograph

if TYPE_CHECKING:
    import torch

Family = Literal["first", "Gen1"]
State = Mapping[str, "torch.Tensor"]

LARGEST_BYTES: Final = 400_000_000
_LEVELS: Final = 5
_STRIDE: Final[Mapping[str, int]] = {"first": 4, "Gen1": 2 ** (_LEVELS - 1)}
_FIRST: Final = (
    ("1_1", 1, 64), ("1_2", 64, 64), ("2_1", 64, 128), ("2_2", 128, 128), ("4_1", 128, 256),
    ("4_2", 256, 256), ("7_1", 256, 128), ("7_2", 128, 128), ("9_1", 128, 64), ("9_2", 64, 64),
)  # fmt: skip
"""Convolutions of 3 x 3 of the first family: name, channels in and out."""
_WIDTHS: Final = (32, 64, 128, 256, 512)


@dataclass(frozen=True)
class AtomSegNet:
    """A network of AtomSegNet.

    Parameters
    ----------
    state : mapping of str to Tensor
        Its weights.
    family : {'first', 'Gen1'}
        Which layers it has.
    name : str
        Name of its file.
    """

    state: State
    family: Family
    name: str

    def __call__(self, micrograph: Micrograph, *, bright: bool = True) -> Micrograph:
        """Return what the network makes of an image, in 0 to 1 or -1 to 1, with a line of history.

        Networks may move columns; by how much, :func:`stackmotif.columns.position_bias` tells.
        """
        import torch

        pixels = np.asarray(micrograph.image, dtype=np.float64) * (1 if bright else -1)
        low, span = pixels.min(), max(float(np.ptp(pixels)), 1e-12)
        widths = [_halves(-n % _STRIDE[self.family]) for n in pixels.shape]
        given = np.pad((pixels - low) / span, widths, mode="reflect")
        run = _first if self.family == "first" else _gen1
        with torch.no_grad():
            found = run(self.state, torch.as_tensor(given, dtype=torch.float32)[None, None])[0, 0]
        inside = tuple(slice(a, a + n) for (a, _), n in zip(widths, pixels.shape, strict=True))
        note = f"AtomSegNet {self.name} (columns may have moved)"
        image = np.asarray(found)[inside]
        return replace(micrograph, image=image, history=(*micrograph.history, note))


def _halves(n: int) -> tuple[int, int]:
    return n // 2, n - n // 2


def load_atomsegnet(path: str | Path) -> AtomSegNet:
    """Read a weight file of AtomSegNet.

    Parameters
    ----------
    path : str or Path
        A ``.pth`` file. Only tensors are read from it; a file that asks for anything else to be
        imported or run is refused.

    Raises
    ------
    ReadError
        If it cannot be read, holds more than tensors, or other layers than either family has.
    """
    source = Path(path)
    state = _tensors(source)
    family: Family = "first" if "conv9_3.weight" in state else "Gen1"
    expected = _shapes(family)
    wrong = [k for k, v in expected.items() if k not in state or tuple(state[k].shape) != v]
    extra = sorted(k for k in set(state) - set(expected) if not k.endswith("num_batches_tracked"))
    if wrong or extra:
        told = f"lacks {wrong[0]!r}" if wrong else f"also holds {extra[0]!r}"
        raise ReadError(
            f"{source.name!r} {told}; expected the layers of AtomSegNet's first network or of its "
            "Gen1 networks"
        )
    return AtomSegNet({k: state[k].float() for k in expected}, family, source.name)


def _tensors(source: Path) -> "dict[str, torch.Tensor]":
    import torch

    try:
        size = source.stat().st_size
        if size > LARGEST_BYTES:
            raise ReadError(
                f"{source.name!r} has {size} bytes; expected a weight file of up to {LARGEST_BYTES}"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        first = str(error).partition("\n")[0][:120]
        raise ReadError(
            f"{source.name!r} cannot be read as weights ({first}); expected a file of tensors alone"
        ) from error
    if not isinstance(held, dict) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in held.items()
    ):
        raise ReadError(f"{source.name!r} is no table of tensors; expected a weight file")
    return {key.removeprefix("module."): value for key, value in held.items()}


def _shapes(family: Family) -> dict[str, tuple[int, ...]]:
    """Return the shape of every layer."""
    found: dict[str, tuple[int, ...]] = {}

    def conv(name: str, inward: int, outward: int, size: int = 3) -> None:
        found[f"{name}.weight"] = (outward, inward, size, size)
        found[f"{name}.bias"] = (outward,)

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{part}"] = (width,)

    if family == "first":
        for name, inward, outward in _FIRST:
            conv(f"conv{name}", inward, outward)
            norm(f"bn{name}", outward)
        for name, width in (("4", 256), ("7", 128)):
            conv(f"upconv{name}", width, width // 2, 1)
            norm(f"bn{name}", width // 2)
            norm(f"bn{name}_out", width)
        conv("conv9_3", 64, 1, 1)
        norm("bn9_3", 1)
        norm("bn9", 1)
        return found
    for i, j in _nodes():
        inward = 1 if (i, j) == (0, 0) else _WIDTHS[i - 1]
        if j:
            inward = j * _WIDTHS[i] + _WIDTHS[i + 1]
        name, width = f"conv{i}_{j}", _WIDTHS[i]
        conv(f"{name}.conv1", inward, width)
        conv(f"{name}.conv2", width, width)
        norm(f"{name}.bn1", width)
        norm(f"{name}.bn2", width)
    conv("final", _WIDTHS[0], 1, 1)
    return found


def _nodes() -> list[tuple[int, int]]:
    """Return (level, stage) in an order in which each needs only those before it."""
    return [(i, s - i) for s in range(_LEVELS) for i in range(s, -1, -1)]


def _conv(state: State, name: str, x: "torch.Tensor") -> "torch.Tensor":
    from torch.nn import functional

    weight = state[f"{name}.weight"]
    return functional.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)


def _norm(state: State, name: str, x: "torch.Tensor") -> "torch.Tensor":
    from torch.nn import functional

    mean, variance, weight, bias = (
        state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return functional.batch_norm(x, mean, variance, weight, bias)


def _first(state: State, x: "torch.Tensor") -> "torch.Tensor":
    import torch
    from torch.nn import functional

    def twice(number: str, x: "torch.Tensor") -> "torch.Tensor":
        for part in ("_1", "_2"):
            name = number + part
            x = torch.relu(_norm(state, f"bn{name}", _conv(state, f"conv{name}", x)))
        return x

    def joined(number: str, kept: "torch.Tensor", x: "torch.Tensor") -> "torch.Tensor":
        wider = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        wider = _norm(state, f"bn{number}", _conv(state, f"upconv{number}", wider))
        return _norm(state, f"bn{number}_out", torch.cat((kept, wider), dim=1))

    one = twice("1", x)
    two = twice("2", functional.max_pool2d(one, 2))
    four = twice("4", functional.max_pool2d(two, 2))
    seven = twice("7", joined("4", two, four))
    nine = twice("9", joined("7", one, seven))
    return torch.sigmoid(_norm(state, "bn9", torch.relu(_conv(state, "conv9_3", nine))))


def _gen1(state: State, x: "torch.Tensor") -> "torch.Tensor":
    import torch
    from torch.nn import functional

    made: dict[tuple[int, int], torch.Tensor] = {}
    for i, j in _nodes():
        if j:
            wider = functional.interpolate(made[i + 1, j - 1], scale_factor=2)
            given = torch.cat([*(made[i, k] for k in range(j)), wider], dim=1)
        else:
            given = functional.max_pool2d(made[i - 1, 0], 2) if i else x
        for part in ("1", "2"):
            name = f"conv{i}_{j}"
            given = _norm(state, f"{name}.bn{part}", _conv(state, f"{name}.conv{part}", given))
            given = torch.relu(given)
        made[i, j] = given
    return torch.tanh(_conv(state, "final", made[0, _LEVELS - 1]))
