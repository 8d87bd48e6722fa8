"""Measure which detector tells apart stackings whose metal columns coincide (docs/detectors.md).

Each pair has the same metal columns; tilts of the oxygen and sites of the guest differ. The
signals of both are correlated over one pitch and the slabs that differ, at the same registration.

Run: python benchmarks/degenerate_pairs.py   (about 4 min on one core, then kept)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from studies import (
    both_terminations,
    crystal,
    four_detectors,
    make_grid,
    signals,
    unit_cell_probes,
)

THICKNESSES_A = (20.0, 40.0, 60.0, 80.0, 120.0, 160.0, 200.0)
PROBES_PER_SLAB = 24


@dataclass(frozen=True)
class Pair:
    """Two stackings with one projection of the metal.

    Parameters
    ----------
    name : str
        What they are called.
    words : tuple of str
        Both, equally many slabs.
    slabs : tuple of int
        Slabs that are compared, counted upwards.
    """

    name: str
    words: tuple[str, str]
    slabs: tuple[int, ...]


PAIRS = (
    Pair("O3′ / P3", ("L- L- L-", "R- R- R-"), (0,)),
    Pair("O1 / P2", ("R0 R0 R0 R0", "R0 L0 R0 L0"), (0, 1)),
    Pair("O3 / O6", ("R+ R+ R+ R+ R+ R+", "R+ L+ R+ L+ R+ L+"), (0, 1)),
    Pair("TD(1) glided / flipped", ("R+ R+ R- R+ R+", "R+ R+ R- L+ R+"), (2, 3, 4)),
)
"""The domain of TD(1) is slab 3: it has glided as it is, or was reversed."""


def signals_of(word: str, slabs: tuple[int, ...]) -> NDArray[np.float64]:
    """Return signals (thickness, detector, probe) over one pitch of some slabs, static."""
    cell = crystal(word)
    grid = make_grid(
        cell,
        repeats=(3, 1),
        gpts=(336, 112 * len(word.split())),
        slices_per_period=2,
        thickness_A=THICKNESSES_A[-1],
    )
    parts = [
        both_terminations(
            signals(
                cell,
                grid,
                unit_cell_probes(cell, slab, PROBES_PER_SLAB, rng=17 + slab),
                four_detectors(),
                THICKNESSES_A,
            )
        )
        for slab in slabs
    ]
    return np.concatenate(parts, axis=-1)


def correlations(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation over the last axis."""
    a, b = (one - one.mean(axis=-1, keepdims=True) for one in (first, second))
    return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
