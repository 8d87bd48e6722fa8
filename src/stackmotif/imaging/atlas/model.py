"""The atlas in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.recipe import MOMENTS, REFERENCE, AtlasRecipe, Neighbour

_AROUND: Final = (REFERENCE.below, REFERENCE.beyond, REFERENCE.uppermost)


@dataclass(frozen=True)
class Atlas:
    """Images of one slab with each neighbour that it can have above, the reference one below.

    Parameters
    ----------
    samples : ndarray of float32, shape (tilt, guest, shift, exit, channel, row, column)
        Signals of a slab of tilt R, fractions of the incident beam (moments: mrad), the mean over
        both terminations of the foil. Axis ``tilt``: R, L; ``shift``: j / S of the pitch;
        ``channel``: the annular bins, then the moments; ``row``: downwards through the slab;
        ``column``: equidistant over one pitch, the first at the metal.
    noise : ndarray of float32, shape (exit, channel)
        Root mean square over the tiles of the standard error that the phonon ensemble leaves.
    recipe : AtlasRecipe
        How it was made.
    thickness_A : ndarray, shape (exit,)
        Thickness at each exit plane, whole periods [Å].
    pitch_A, slab_height_A : float
        Column pitch d; distance of the oxygen planes of a slab [Å].
    gap_heights_A : ndarray, shape (tilt, guest, shift)
        Height of the gap above, between oxygen planes [Å].
    errors : tuple of mapping
        Measured error against full multislice, one entry per detector and thickness.
    provenance : mapping
        Versions, seed and how many configurations are in.
    couplings : ndarray of float32, shape (tile, exit, channel, row, column)
        Tiles of the recipe's ``fillings``.
    """

    samples: NDArray[np.float32]
    noise: NDArray[np.float32]
    recipe: AtlasRecipe
    thickness_A: NDArray[np.float64]
    pitch_A: float
    slab_height_A: float
    gap_heights_A: NDArray[np.float64]
    errors: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    couplings: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))

    def __post_init__(self) -> None:
        recipe = self.recipe
        channels = len(recipe.bin_edges_mrad) - 1 + len(MOMENTS)
        each = (len(recipe.thickness_A), channels, recipe.n_rows, recipe.n_columns)
        n_filled = len(recipe.fillings)
        if not self.couplings.size and not n_filled:
            object.__setattr__(self, "couplings", np.empty((0, *each), dtype=np.float32))
        expected = {
            "samples": (2, len(recipe.guests), recipe.n_shifts, *each),
            "couplings": (n_filled, *each),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise SimulationError(
                    f"atlas holds {name} of shape {found}; its recipe asks for {shape}"
                )

    @property
    def rows_A(self) -> NDArray[np.float64]:
        """Height of the sample rows below the metal plane of the slab [Å], increasing."""
        return row_offsets_A(self.recipe)

    @property
    def bin_edges_mrad(self) -> NDArray[np.float64]:
        """Edges of the annular bins [mrad]."""
        return np.asarray(self.recipe.bin_edges_mrad, dtype=np.float64)

    @property
    def guests(self) -> tuple[str, ...]:
        """Fillings of the gap above."""
        return self.recipe.guests

    @property
    def reference(self) -> tuple[int, int, int]:
        """Indices (tilt, guest, shift) of the neighbour that is below every slab."""
        return self.index(REFERENCE)

    def index(self, neighbour: Neighbour) -> tuple[int, int, int]:
        """Return the indices (tilt, guest, shift) of a neighbour.

        Raises
        ------
        SimulationError
            If the atlas has no such neighbour, or the gaps around it are filled otherwise.
        """
        if (neighbour.below, neighbour.beyond, neighbour.uppermost) != _AROUND:
            raise SimulationError(
                f"{neighbour} has other guests around it; expected a neighbour in O3: tiles of "
                "fillings are in 'couplings'"
            )
        place = neighbour.shift % 1 * self.recipe.n_shifts
        if neighbour.guest not in self.guests or place.denominator != 1:
            raise SimulationError(
                f"the atlas has no gap with guest {neighbour.guest!r} and shift {neighbour.shift} "
                f"of the pitch; it has guests {self.guests} and {self.recipe.n_shifts} shifts"
            )
        return 0 if neighbour.tilt == 1 else 1, self.guests.index(neighbour.guest), int(place)


def row_offsets_A(recipe: AtlasRecipe) -> NDArray[np.float64]:
    """Return the heights of a tile's rows below the metal plane [Å]."""
    return np.arange(-(recipe.n_rows // 2), recipe.n_rows // 2 + 1, dtype=np.float64) * (
        recipe.row_step_A
    )
