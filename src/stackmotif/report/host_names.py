"""What states and columns are called in a report, by the host that was read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stackmotif.report.palette import LABEL_NAMES, STATE_NAMES

if TYPE_CHECKING:
    from stackmotif.matching import MotifMap

_ROWS_APART: Final = 6.0
_Place = TypeVar("_Place", bound="_Named")
_COLOURED_AS: Final = {"+": "O3", "0": "O1", "-": "O3r"}


class _Named(Protocol):
    """A name and where it stands on the map [nm]."""

    @property
    def name(self) -> str: ...
    @property
    def x(self) -> float: ...
    @property
    def y(self) -> float: ...


def reading_of(r: "MotifMap") -> Mapping[str, Any]:
    """Return ``summary["host_reading"]``; empty for a layered oxide."""
    told = r.summary.get("host_reading")
    return told if isinstance(told, Mapping) else {}


def state_names(r: "MotifMap") -> dict[str, str]:
    """Return the display name of every gap state."""
    named = reading_of(r).get("states")
    if not isinstance(named, Mapping):
        return dict(STATE_NAMES)
    return {s: str(named[s]) for s in STATE_NAMES if s in named} | {"x": STATE_NAMES["x"]}


def label_names(r: "MotifMap") -> dict[str, str]:
    """Return the display name of every label that `shown_labels` gives."""
    if not reading_of(r):
        return dict(LABEL_NAMES)
    states = state_names(r)
    own = {label: states[s] for s, label in _COLOURED_AS.items() if s in states}
    return {**LABEL_NAMES, **own, "other": "in no row"}


def shown_labels(r: "MotifMap") -> NDArray[np.str_]:
    """Return the label of every column that the map colours it by.

    Those of a host that is not layered do not tell its two senses apart: there, the state does.
    """
    columns = r.columns
    labels = np.asarray(columns["label"]).copy()
    if not reading_of(r):
        return labels
    above, below = np.asarray(columns["state_above"]), np.asarray(columns["state_below"])
    state = np.where(above == "", below, above)
    own = np.isin(labels, ("other", "rocksalt")) & (columns["row"] >= 0)
    for name, label in _COLOURED_AS.items():
        labels[own & (state == name)] = label
    return labels


def without_repeats(places: Sequence[_Place], r: "MotifMap") -> list[_Place]:
    """Return places of names without those of the same name beside one that is kept.

    A fault of a host that is not layered may lie in several domains; its name is written once.
    """
    spacing_A = (r.summary.get("lattice") or {}).get("row_spacing_A")
    if not reading_of(r) or spacing_A is None:
        return list(places)
    kept: list[_Place] = []
    for one in places:
        beside = (o for o in kept if o.name == one.name)
        near = _ROWS_APART * float(spacing_A) / 10
        if all(np.hypot(o.x - one.x, o.y - one.y) > near for o in beside):
            kept.append(one)
    return kept


def host_lines(r: "MotifMap") -> list[str]:
    """Return what was read of a host that is not layered, one sentence each."""
    told = reading_of(r)
    if "layers" not in told:
        return []
    said = [f"Read as {told['name']}, cubic constant {told['cubic_a_A']} Å by the pixel size."]
    if told["layers_are"] == "rows":
        said.append(f"Sense of the rows, from the bottom of the image to its top: {told['layers']}")
    for plane in told["twin_planes"]:
        said.append(
            f"Twin plane at y = {plane['y_A']} Å, x = {plane['x_A']} Å, {plane['length_A']} Å "
            f"long, at {plane['angle_deg']}°, straight to {plane['straight_A']} Å."
        )
    for own, slab in (told.get("slab_states") or {}).items():
        said.append(f"Rows that step {own} continue slabs of a layered crystal that step {slab}.")
    return said
