"""What a network sees in the image, beside what the geometry of the columns says."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.conventions import STATES
from stackmotif.matching.tables import Table
from stackmotif.micrograph.network import LAYERED, UNDECIDED, UNRESOLVED, Seen, Sight

LEAST_AGREEMENT: Final = 0.8
"""Share of the cells below which a warning is due."""
_FEWEST: Final = 20


def describe_sight(sight: Sight, shifts: Table, *, pixel_size_A: float) -> dict[str, Any]:
    """Return the network's part of the summary.

    Parameters
    ----------
    sight : Sight
        When the network was to be asked, and what it saw.
    shifts : Table
        Measured cells; may be empty.
    pixel_size_A : float
        Pixel edge [Å].

    Returns
    -------
    dict
        ``asked``: off, auto or on. ``sha256``: of the weights, None if nobody looked. ``phases``:
        share of the image's area, ``layered`` where it cannot tell O3 from O1 and ``unresolved``
        where none is likely enough. ``agreement``: share of the cells that geometry has read in
        which the network names nothing but a layered oxide. ``o1_agreement``: share in which it
        says O1 or O3 and geometry says the same. Both None for few cells.
    """
    seen = sight.seen
    told: dict[str, Any] = {
        "asked": sight.mode, "sha256": None, "phases": {}, "agreement": None, "o1_agreement": None,
    }  # fmt: skip
    if seen is None:
        return told
    names = seen.phase_names()
    return told | {
        "sha256": seen.network,
        "phases": {name: round(float((names == name).mean()), 4) for name in seen.names},
        **_agreement(seen, shifts, pixel_size_A),
    }


def sight_warnings(told: dict[str, Any]) -> list[str]:
    """Return warnings where the network and the geometry contradict each other."""
    said = {
        "agreement": "something else than a layered oxide in",
        "o1_agreement": "O1 where columns say otherwise, or the reverse, in",
    }
    return [
        f"the network sees {what} {100 * (1 - told[key]):.0f} % of the cells that were read; look "
        "at the image there before relying on them"
        for key, what in said.items()
        if told[key] is not None and told[key] < LEAST_AGREEMENT
    ]


def _agreement(seen: Seen, shifts: Table, pixel_size_A: float) -> dict[str, float | None]:
    known = np.isin(shifts["state"], STATES[:3])
    shape = np.array(seen.columns.shape)
    places = np.stack([shifts["y_A"], shifts["x_A"]], axis=1)[known] / pixel_size_A
    index = tuple(np.clip(np.rint(places).astype(int), 0, shape - 1).T)
    names = seen.phase_names()[index]
    told = np.isin(names, LAYERED)
    same = (names == "O1") == (shifts["state"][known] == "0")
    fits = np.isin(names, (*LAYERED, UNDECIDED, UNRESOLVED))
    return {"agreement": _share(fits), "o1_agreement": _share(same[told])}


def _share(right: NDArray[np.bool_]) -> float | None:
    return round(float(right.mean()), 4) if len(right) >= _FEWEST else None
