"""What a detector sees, from the channels and exit planes that an atlas holds."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.recipe import MOMENTS
from stackmotif.imaging.microscope import Detector, Microscope

if TYPE_CHECKING:
    from stackmotif.imaging.atlas.model import Atlas

Floats = NDArray[np.float64]

_ANGLE_MRAD: Final = 1e-6
_RINGS: Final = ("name", "inner_mrad", "outer_mrad")


@dataclass(frozen=True)
class Signals:
    """Signals of some detectors at one thickness.

    Parameters
    ----------
    names : tuple of str
        Names of the detectors.
    samples : ndarray of float64, shape (tilt, guest, shift, detector, row, column)
        Fractions of the incident beam; moments in mrad.
    couplings : ndarray of float64, shape (tile, detector, row, column)
        The same of the tiles with other fillings.
    x_sign, y_sign : ndarray, shape (detector,)
        -1 for a moment along that axis.
    thickness_A : float
        Thickness [Å].
    """

    names: tuple[str, ...]
    samples: Floats
    couplings: Floats
    x_sign: Floats
    y_sign: Floats
    thickness_A: float


def signals(
    atlas: "Atlas",
    detectors: Sequence[Detector | str],
    *,
    thickness_A: float,
    interpolate: bool = False,
) -> Signals:
    """Return what detectors see at a thickness.

    Parameters
    ----------
    atlas : Atlas
        Rings and moments at its exit planes.
    detectors : sequence of Detector or str
        Detectors whose edges are edges of rings; ``com_x`` and ``com_y`` are the moments.
    thickness_A : float
        An exit plane, within half a period along the beam [Å].
    interpolate : bool
        Whether a thickness between two exit planes may be interpolated linearly.

    Raises
    ------
    SimulationError
        If an edge or the thickness is none that the atlas has.
    """
    weights = np.stack([_weights(atlas, detector) for detector in detectors])
    names = tuple(one if isinstance(one, str) else one.name for one in detectors)
    planes, shares = _planes(atlas, thickness_A, interpolate)

    def mixed(samples: NDArray[np.float32]) -> Floats:
        picked = samples[..., planes, :, :, :].astype(np.float64)
        return np.einsum("...ecyx,e,dc->...dyx", picked, shares, weights, optimize=True)

    return Signals(
        names=names,
        samples=mixed(atlas.samples),
        couplings=mixed(atlas.couplings),
        x_sign=np.array([-1.0 if name == MOMENTS[0] else 1.0 for name in names]),
        y_sign=np.array([-1.0 if name == MOMENTS[1] else 1.0 for name in names]),
        thickness_A=float(np.dot(atlas.thickness_A[planes], shares)),
    )


def check_beam(atlas: "Atlas", microscope: Microscope) -> None:
    """Refuse a microscope whose beam is not that of the atlas.

    Raises
    ------
    SimulationError
        With what differs.
    """
    own = atlas.recipe.microscope
    differing = [
        f"{one.name} {getattr(microscope, one.name)!r} against {getattr(own, one.name)!r}"
        for one in fields(own)
        if one.name not in ("detectors", "source_fwhm_A", "name", "note")
        and getattr(microscope, one.name) != getattr(own, one.name)
    ]
    if differing:
        raise SimulationError(
            f"microscope {microscope.name!r} differs from that of the atlas: "
            f"{'; '.join(differing)}; expected an atlas built for it, or another engine"
        )


def check_round(atlas: "Atlas") -> None:
    """Refuse an atlas whose beam is not round: its tiles cannot be turned and mirrored.

    Raises
    ------
    SimulationError
        With the tilt or the aberration.
    """
    scope = atlas.recipe.microscope
    found = [f"a tilt of {scope.tilt_mrad} mrad"] if any(scope.tilt_mrad) else []
    found += [
        f"the aberration {name}"
        for name, value in dict(scope.aberrations).items()
        if value and name.startswith("C") and not name.endswith("0")
    ]
    if found:
        raise SimulationError(
            f"the beam of the atlas has {', '.join(found)}; expected a round beam along the zone "
            "axis, since tiles are turned and mirrored: use another engine"
        )


def _weights(atlas: "Atlas", detector: Detector | str) -> Floats:
    """Return the weight of every channel in a detector."""
    edges = atlas.bin_edges_mrad
    weights = np.zeros(len(edges) - 1 + len(MOMENTS))
    if isinstance(detector, str):
        if detector not in MOMENTS:
            raise SimulationError(
                f"detector {detector!r} is none of the atlas; expected a Detector, or "
                f"{' or '.join(MOMENTS)}"
            )
        weights[len(edges) - 1 + MOMENTS.index(detector)] = 1.0
        return weights
    _check_ring(detector)
    inner, outer = (_edge(edges, angle, detector) for angle in _angles(detector))
    weights[inner:outer] = 1.0
    return weights


def _angles(detector: Detector) -> tuple[float, float]:
    return detector.inner_mrad, detector.outer_mrad


def _check_ring(detector: Detector) -> None:
    other = [
        f"{one.name} {getattr(detector, one.name)!r}"
        for one in fields(detector)
        if one.name not in _RINGS and getattr(detector, one.name) != one.default
    ]
    if other:
        raise SimulationError(
            f"detector {detector.name!r} has {', '.join(other)}; the atlas holds centred rings "
            "alone: use another engine"
        )


def _edge(edges: Floats, angle: float, detector: Detector) -> int:
    nearest = int(np.argmin(np.abs(edges - angle)))
    if abs(edges[nearest] - angle) > _ANGLE_MRAD:
        around = edges[max(nearest - 1, 0) : nearest + 2]
        raise SimulationError(
            f"detector {detector.name!r} has an edge at {angle:g} mrad, inside a ring of the "
            f"atlas; expected one of its edges, such as {', '.join(f'{one:g}' for one in around)} "
            "mrad, or another engine"
        )
    return nearest


def _planes(atlas: "Atlas", thickness_A: Any, interpolate: bool) -> tuple[list[int], Floats]:
    """Return one exit plane, or two and their shares."""
    planes = atlas.thickness_A
    told = ", ".join(f"{one:.1f}" for one in planes)
    real = isinstance(thickness_A, int | float | np.integer | np.floating)
    if not real or not np.isfinite(thickness_A):
        raise SimulationError(f"thickness is {thickness_A!r} Å; expected one of {told} Å")
    nearest = int(np.argmin(np.abs(planes - thickness_A)))
    period = atlas.pitch_A * 2 / np.sqrt(3)
    if abs(planes[nearest] - thickness_A) <= period / 2 + 1e-9:
        return [nearest], np.ones(1)
    if not (interpolate and planes[0] < thickness_A < planes[-1]):
        raise SimulationError(
            f"thickness is {thickness_A:g} Å and the atlas has {told} Å; expected one of them "
            f"within {period / 2:.2f} Å"
            + ("" if interpolate else ", or interpolate=True between two of them")
        )
    above = int(np.searchsorted(planes, thickness_A))
    share = (thickness_A - planes[above - 1]) / (planes[above] - planes[above - 1])
    return [above - 1, above], np.array([1 - share, share])
