"""A profile measured otherwise, laid over what the image says at the same depths."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.grains.depth import QUANTITIES, depth_profile
from stackmotif.matching.grains.surface import Surface, find_surface
from stackmotif.matching.motif_map import MotifMap
from stackmotif.micrograph.profiles import Profile

Floats = NDArray[np.float64]

_MOST: Final = 2000
_FEWEST: Final = 5


def with_profile(result: MotifMap, profile: Profile, *, surface: Surface | None = None) -> MotifMap:
    """Return the result with a co-registered profile in ``summary["profile"]``.

    Parameters
    ----------
    result : MotifMap
        A result.
    profile : Profile
        From `stackmotif.micrograph.profiles.read_profile`; distances count from the surface.
    surface : Surface, optional
        The edge of the crystal; by default that of the columns.

    Returns
    -------
    MotifMap
        ``profile`` holds ``depth_A`` and ``series`` as given, ``measured`` (every quantity of
        `depth_profile`), and ``correlation`` of each series with each quantity over the bins that
        both cover: Pearson's coefficient, not a proof of anything.
    """
    surface = find_surface(result) if surface is None else surface
    depth = _depth_A(result, profile, surface)
    warnings = []
    if surface is None:
        warnings.append(
            "no edge of the crystal in the field: the profile is not compared with the image; "
            "give the surface as a line (stackmotif.matching.grains.Surface.line)"
        )
    measured = {}
    for quantity in QUANTITIES if surface is not None else ():
        found = depth_profile(result, quantity, surface=surface)
        if found is not None and len(found.depth_A):
            measured[quantity] = found
    order = np.arange(0) if depth is None else np.argsort(depth, kind="stable")
    step = max(1, -(-len(order) // _MOST))
    told = {
        "source": profile.name,
        "sha256": profile.sha256,
        "surface": None if surface is None else surface.method,
        "depth_A": [] if depth is None else _rounded(depth[order][::step]),
        "series": {
            name: _rounded(values[order][::step] if depth is not None else values[:_MOST])
            for name, values in profile.series.items()
        },
        "measured": {name: found.describe() for name, found in measured.items()},
        "correlation": _correlations(profile, depth, measured),
    }
    summary = {**result.summary, "profile": told}
    summary["warnings"] = [*summary["warnings"], *warnings]
    return replace(result, summary=summary)


def _depth_A(result: MotifMap, profile: Profile, surface: Surface | None) -> Floats | None:
    """Return the depth of every value; None where it needs a surface that is not there."""
    if profile.depth_A is not None:
        return profile.depth_A
    if surface is None or profile.places is None:
        return None
    scale = result.pixel_size_A if profile.places_unit == "px" else 1.0
    return surface.depth_A(profile.places * scale)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{v:.6g}") for v in values]


def _correlations(
    profile: Profile, depth: Floats | None, measured: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """Return Pearson's coefficient of each series with each quantity, both in the same bins."""
    if depth is None:
        return {}
    order = np.argsort(depth, kind="stable")
    told: dict[str, dict[str, float]] = {}
    for name, values in profile.series.items():
        for quantity, found in measured.items():
            inside = (found.depth_A >= depth.min()) & (found.depth_A <= depth.max())
            if inside.sum() < _FEWEST:
                continue
            own = np.interp(found.depth_A[inside], depth[order], values[order])
            if own.std() > 0 and found.value[inside].std() > 0:
                r = float(np.corrcoef(own, found.value[inside])[0, 1])
                told.setdefault(name, {})[quantity] = round(r, 3)
    return told
