"""The mean patch of every row, for the eye: what the tilts were read from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.oxygen.patches import cut_patches
from stackmotif.matching.oxygen.reading import Tilts
from stackmotif.micrograph import Micrograph

REACH: Final = 1.04
"""Half height of the patches [pitch]: rows are 1.9 to 2.0 apart."""
_MOST: Final = 20_000


@dataclass(frozen=True)
class OxygenView:
    """Mean patches of an oxygen image, one per row of columns, and what was read in each.

    Parameters
    ----------
    patches : ndarray of float32, shape (n, v, u)
        Mean image around the columns of a row that have its commoner tilt: u one pitch to the right
        along the row, the column in the middle, v downwards.
    u, v : ndarray
        Places of the samples [pitch].
    row : ndarray of int, shape (n,)
        Rows from the top of the image.
    place : ndarray, shape (n,)
        Where along the row its columns stand, modulo 1 [pitch].
    tilt : ndarray of str, shape (n,)
        ``R``, ``L`` or ``?``, in the gauge of the result.
    lean : ndarray of int, shape (n,)
        +1 where the upper oxygen stands to the right in the image, -1 to the left, 0 unknown.
    p : ndarray, shape (n,)
        Mean probability of that tilt.
    count : ndarray of int, shape (n,)
        Patches averaged.
    bright : bool
        Whether oxygen is bright.
    pitch_A : float
        Pitch [Å].
    """

    patches: NDArray[np.float32]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    row: NDArray[np.int64]
    place: NDArray[np.float64]
    tilt: NDArray[np.str_]
    lean: NDArray[np.int64]
    p: NDArray[np.float64]
    count: NDArray[np.int64]
    bright: bool
    pitch_A: float


def make_view(
    oxygen: Micrograph,
    places_A: NDArray[np.float64],
    lattice: ColumnLattice,
    tilts: Tilts,
    letters: NDArray[np.str_],
) -> OxygenView | None:
    """Average the patches of every row; None if nothing was read.

    ``letters`` are the tilts of the columns in the gauge of the result.
    """
    if tilts.reason or tilts.pattern is None:
        return None
    size_A, pitch_A = oxygen.pixel_size_A, lattice.phases.pitch_A
    some = np.arange(0, len(places_A), 1 + len(places_A) // _MOST)
    cut = cut_patches(
        oxygen.image,
        places_A[some] / size_A,
        pitch_px=pitch_A / size_A,
        angle_rad=lattice.orientation.angle_rad,
        reach=REACH,
        offset_px=(tilts.offset_A[0] / size_A, tilts.offset_A[1] / size_A),
    )
    row, letter = lattice.row[some], letters[some]
    rows = np.unique(row)
    common = np.array([_commonest(letter[(row == one)]) for one in rows])
    chosen = letter == common[np.searchsorted(rows, row)]
    index = np.searchsorted(rows, row[chosen])
    count = np.bincount(index, minlength=len(rows))
    total = np.zeros((len(rows), *cut.values.shape[1:]))
    np.add.at(total, index, cut.values[chosen])
    sure = tilts.probability[some][chosen]
    right = np.bincount(index, sure[:, 0], len(rows)) / np.maximum(count, 1)
    left = np.bincount(index, sure[:, 1], len(rows)) / np.maximum(count, 1)
    phase = np.exp(2j * np.pi * lattice.phases.phase[some][chosen])
    turned = np.bincount(index, phase.real, len(rows)) + 1j * np.bincount(
        index, phase.imag, len(rows)
    )
    known = common != "?"
    return OxygenView(
        patches=(total / np.maximum(count, 1)[:, None, None]).astype(np.float32),
        u=cut.u,
        v=cut.v,
        row=rows,
        place=np.angle(turned) / (2 * np.pi),
        tilt=common,
        lean=np.where(known, np.where(right > left, 1, -1), 0),
        p=np.maximum(right, left),
        count=count,
        bright=tilts.pattern.bright,
        pitch_A=pitch_A,
    )


def _commonest(letters: NDArray[np.str_]) -> str:
    """Return R or L, whichever is commoner, or ``?`` if neither is there."""
    right, left = int((letters == "R").sum()), int((letters == "L").sum())
    return "?" if right + left == 0 else ("R" if right >= left else "L")


def packed(view: OxygenView) -> dict[str, NDArray[Any]]:
    """Return arrays that :func:`unpacked` makes the view from."""
    return {one.name: np.asarray(getattr(view, one.name)) for one in fields(view)}


def unpacked(arrays: Mapping[str, NDArray[Any]]) -> OxygenView:
    """Return the view.

    Raises
    ------
    KeyError
        If an array is missing.
    """
    found: dict[str, Any] = {one.name: arrays[one.name] for one in fields(OxygenView)}
    scalars = {"bright": bool(found["bright"]), "pitch_A": float(found["pitch_A"])}
    return OxygenView(**{**found, **scalars})
