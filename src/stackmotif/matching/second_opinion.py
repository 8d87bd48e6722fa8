"""What a network sees in the image, beside what the geometry of the columns says."""

from typing import Any, Final

import numpy as np

from stackmotif.conventions import STATES
from stackmotif.matching.tables import Table
from stackmotif.micrograph.network import UNRESOLVED, Seen, Sight

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
        share of the image's area, ``unresolved`` where none is likely enough. ``agreement``: share
        of the cells that geometry has read in which the network names nothing but a layered oxide;
        None for few cells.
    """
    seen = sight.seen
    told: dict[str, Any] = {"asked": sight.mode, "sha256": None, "phases": {}, "agreement": None}
    if seen is None:
        return told
    names = seen.phase_names()
    return told | {
        "sha256": seen.network,
        "phases": {
            name: round(float((names == name).mean()), 4) for name in (*seen.phases, UNRESOLVED)
        },
        "agreement": _agreement(seen, shifts, pixel_size_A),
    }


def sight_warnings(told: dict[str, Any]) -> list[str]:
    """Return a warning where the network and the geometry contradict each other."""
    agreement = told["agreement"]
    if agreement is None or agreement >= LEAST_AGREEMENT:
        return []
    return [
        f"the network sees something else than a layered oxide in {100 * (1 - agreement):.0f} % of "
        "the cells that were read; look at the image there before relying on them"
    ]


def _agreement(seen: Seen, shifts: Table, pixel_size_A: float) -> float | None:
    known = np.isin(shifts["state"], STATES[:3])
    if known.sum() < _FEWEST:
        return None
    shape = np.array(seen.columns.shape)
    places = np.stack([shifts["y_A"], shifts["x_A"]], axis=1)[known] / pixel_size_A
    index = tuple(np.clip(np.rint(places).astype(int), 0, shape - 1).T)
    return round(float(np.mean(np.isin(seen.phase_names()[index], ("layered", UNRESOLVED)))), 4)
