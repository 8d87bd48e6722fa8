"""Multislice of models with lateral walls, at any places of the image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.imaging.atlas.cell import n_periods
from stackmotif.imaging.atlas.recipe import AtlasRecipe
from stackmotif.imaging.atlas.rings import ring_signals
from stackmotif.imaging.grids import Grid, fast_gpts
from stackmotif.stacking import Word
from stackmotif.structures.lateral.model import LateralModel, lateral_model
from stackmotif.structures.lateral.rows import Jump
from stackmotif.structures.lattices.lattice import get_lattice

Floats = NDArray[np.float64]

_END_VACUUM_A = 3.0
"""Vacuum between the ends of the rows, which repeat periodically [Å]."""


@dataclass(frozen=True)
class LateralScene:
    """A model with walls and the point that images of it are measured from.

    Parameters
    ----------
    model : LateralModel
        Atoms.
    recipe : AtlasRecipe
        Beam, thicknesses, rings and sampling.
    """

    model: LateralModel
    recipe: AtlasRecipe

    @classmethod
    def make(
        cls, recipe: AtlasRecipe, word: Word | str, *, jumps: Sequence[Jump], columns: int
    ) -> "LateralScene":
        """Build a periodic word with walls at the lattice of a recipe; its rows end in vacuum."""
        model = lateral_model(
            word,
            jumps=jumps,
            columns=columns,
            lattice=get_lattice(recipe.lattice),
            lateral_vacuum_A=_END_VACUUM_A,
        )
        return cls(model, recipe)

    @property
    def origin_A(self) -> Floats:
        """Place (x, y) of the metal of slab 0 and column 0 in the cell [Å], y down."""
        return self.metal_A(0, 0)

    def metal_A(self, slab: int, column: int) -> Floats:
        """Return the place (x, y) of a metal column in the cell [Å], y down."""
        atoms = self.model.atoms
        found = (atoms.slab == slab) & (atoms.column == column) & (atoms.role == "M")
        _, right, up = atoms.positions_A[np.flatnonzero(found)[0]]
        return np.array([right, self.model.cell_A[2] - up])

    def signals(
        self, places_A: Floats, *, configurations: Sequence[int] = (-1,), device: str = "cpu"
    ) -> Floats:
        """Return signals (exit, channel, place) at places (x, y) in the cell [Å].

        Parameters
        ----------
        places_A : ndarray, shape (n, 2)
            Places of the probe.
        configurations : sequence of int
            Numbers of the frozen-phonon configurations that are averaged; (-1,) is the static
            lattice.
        device : str
            Where it runs.
        """
        from stackmotif.imaging.specimen import displacements_A, make_specimen
        from stackmotif.structures.orientation import orient

        recipe = self.recipe
        cell = orient(self.model.structure())
        specimen = make_specimen(cell, self._grid(cell.extent_A))
        parts = []
        for number in configurations:
            moved = None
            if number >= 0:
                moved = displacements_A(
                    specimen, seed=recipe.rng, configuration=number, sigma_A=recipe.sigma_A
                )
            parts.append(
                ring_signals(
                    recipe, specimen, places_A, configuration=number, moved_A=moved, device=device
                )
            )
        return np.asarray(np.mean(parts, axis=0))

    def _grid(self, extent_A: Floats) -> Grid:
        width, height = float(extent_A[0]), float(extent_A[1])
        return Grid(
            repeats=(1, 1, n_periods(self.recipe, self.recipe.thickness_A[-1])),
            gpts=fast_gpts((width, height), self.recipe.sampling_A),
            extent_A=(width, height),
            slices_per_period=2,
            period_A=float(extent_A[2]),
        )
