"""Weights of the network on disk: safetensors, with what they are in the header."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackmotif.errors import ReadError
from stackmotif.micrograph.network.gaps import make_gap_network
from stackmotif.micrograph.network.unet import MAPS, WIDTHS, make_unet

if TYPE_CHECKING:
    import torch

FORMAT: Final = "stackmotif-network/1"
SHIPPED: Final = Path(__file__).parent / "weights"
COLUMNS: Final = SHIPPED / "columns-and-phases.safetensors"
GAPS: Final = SHIPPED / "gaps.safetensors"
_GAPS_FORMAT: Final = "stackmotif-gaps/1"


@dataclass(frozen=True)
class Network:
    """A trained network.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode, float32.
    phases : tuple of str
        Names of its last outputs.
    pixel_size_A : float
        Pixel edge that it was trained at [Å].
    sha256 : str
        Of its file.
    """

    module: "torch.nn.Module"
    phases: tuple[str, ...]
    pixel_size_A: float
    sha256: str


def save_network(
    path: Path, state: "dict[str, torch.Tensor]", *, phases: tuple[str, ...], pixel_size_A: float,
    facts: dict[str, Any],
) -> None:  # fmt: skip
    """Write weights.

    Parameters
    ----------
    path : Path
        A ``.safetensors`` file.
    state : dict of str to Tensor
        Of :func:`make_unet`.
    phases, pixel_size_A
        See :class:`Network`.
    facts : dict
        Anything else to tell: training seeds, steps, versions.
    """
    from safetensors.torch import save_file

    header = {
        "format": FORMAT,
        "phases": list(phases),
        "pixel_size_A": pixel_size_A,
        "widths": list(WIDTHS),
        "maps": list(MAPS),
        **facts,
    }
    kept = {k: v.contiguous() for k, v in state.items() if v.is_floating_point()}
    save_file(kept, str(path), metadata={"stackmotif": json.dumps(header)})


@lru_cache(maxsize=2)
def load_network(path: Path | None = None) -> Network:
    """Return the network of a file, or the one that ships with the package.

    Raises
    ------
    ReadError
        If the file is missing, is no such file or holds another network.
    """
    source = _shipped() if path is None else Path(path)
    text, state = _read(source)
    header = _header(text, source)
    module = make_unet(len(header["phases"]), tuple(header["widths"]))
    own = module.state_dict()
    wrong = [key for key, value in own.items() if value.is_floating_point()
             and (key not in state or state[key].shape != value.shape)]  # fmt: skip
    if wrong or set(state) - set(own):
        told = wrong[0] if wrong else min(set(state) - set(own))
        raise ReadError(
            f"network {source.name!r} holds other layers than its header says (first: {told!r}); "
            "expected an unchanged file"
        )
    module.load_state_dict(state, strict=False)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Network(
        module.eval().requires_grad_(False), tuple(header["phases"]), float(header["pixel_size_A"]),
        digest,
    )  # fmt: skip


def save_gaps(path: Path, state: "dict[str, torch.Tensor]", *, facts: dict[str, Any]) -> None:
    """Write the weights of :func:`make_gap_network`."""
    from safetensors.torch import save_file

    kept = {k: v.contiguous() for k, v in state.items() if v.is_floating_point()}
    save_file(
        kept, str(path), metadata={"stackmotif": json.dumps({"format": _GAPS_FORMAT, **facts})}
    )


@lru_cache(maxsize=1)
def load_gaps() -> "torch.nn.Module":
    """Return the network that tells O1 from O3, as it ships.

    Raises
    ------
    ReadError
        If its file is missing or another one.
    """
    text, state = _read(GAPS)
    module = make_gap_network()
    own = {k: v.shape for k, v in module.state_dict().items() if v.is_floating_point()}
    same = own == {k: v.shape for k, v in state.items()}
    if not (same and json.dumps(_GAPS_FORMAT) in text):
        raise ReadError(
            f"network {GAPS.name!r} is none of format {_GAPS_FORMAT!r}; expected the shipped file"
        )
    module.load_state_dict(state, strict=False)
    return module.eval().requires_grad_(False)


def _read(source: Path) -> "tuple[str, dict[str, torch.Tensor]]":
    """Return what a file says of itself, and its weights."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(source), framework="pt") as stored:
            text = (stored.metadata() or {}).get("stackmotif", "")
            return text, {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ReadError(f"network {source.name!r} cannot be read ({error})") from error


def has_network() -> bool:
    """Tell whether a network ships with this version."""
    return COLUMNS.exists()


def _shipped() -> Path:
    if not COLUMNS.exists():
        raise ReadError("no network ships with this version; expected the path of one")
    return COLUMNS


def _header(text: str, source: Path) -> dict[str, Any]:
    try:
        header = json.loads(text)
        known = header["format"] == FORMAT and tuple(header["maps"]) == MAPS
        sane = 1 <= len(header["phases"]) <= 32 and all(1 <= w <= 512 for w in header["widths"])
        if known and sane and 2 <= len(header["widths"]) <= 6 and header["pixel_size_A"] > 0:
            return header
    except (ValueError, TypeError, KeyError):
        pass
    raise ReadError(
        f"network {source.name!r} does not say that it is one of format {FORMAT!r}; expected a "
        "file written by this project"
    )
