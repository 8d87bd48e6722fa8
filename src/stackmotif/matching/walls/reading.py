"""Lateral walls of an indexed set of columns: where rows jump, how far, over how many columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.walls.closing import weigh_jumps
from stackmotif.matching.walls.fitting import WIDTHS, fit_walls
from stackmotif.matching.walls.inclusions import Closure, find_closure
from stackmotif.matching.walls.jumps import RowJumps, find_jumps
from stackmotif.matching.walls.kinds import WallKinds, decide_kinds, jump_evidence
from stackmotif.matching.walls.leaning import ColumnShapes, may_lean
from stackmotif.matching.walls.merging import merge_jumps
from stackmotif.matching.walls.units import Strips, find_strips, name_units

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class WallReading:
    """Every wall of a field, as the image lies (before the gauge).

    Parameters
    ----------
    found : RowJumps
        Rows and columns beside each wall.
    jump_thirds : ndarray of int, shape (n,)
        3 J.
    p_jump : ndarray, shape (n,)
        Probability of that jump, given that the row changes its class.
    centre : ndarray, shape (n,)
        Place of the middle [pitch].
    centres : ndarray, shape (n, n_widths)
        The same for every width that is tried.
    kinds : WallKinds
        Widths.
    strips : Strips
        States above and below.
    unit : ndarray of int, shape (n, 2)
        Unit above and below: indices into `stackmotif.matching.walls.units.UNITS`.
    closure : Closure
        Inclusions and open ends.
    blurred : ndarray of bool, shape (n,)
        Whether the wall may lean against the beam.
    """

    found: RowJumps
    jump_thirds: Ints
    p_jump: Floats
    centre: Floats
    centres: Floats
    kinds: WallKinds
    strips: Strips
    unit: Ints
    closure: Closure
    blurred: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.found)


def read_walls(
    lattice: ColumnLattice, *, shapes: ColumnShapes | None = None, skip: bool = False
) -> WallReading:
    """Find and fit the lateral walls of a lattice.

    Parameters
    ----------
    lattice : ColumnLattice
        Rows of columns with their classes.
    shapes : ColumnShapes, optional
        Shapes of its members. Without them a wall that leans against the beam passes for a
        continuous one.
    skip : bool
        Find none: which walls have room for their atoms is known of layered oxides alone.
    """
    found = find_jumps(lattice)
    found = found.only([]) if skip else merge_jumps(lattice, found)
    fits = fit_walls(lattice, found)
    lines = np.arange(len(found))
    p_side = weigh_jumps(fits.jumps, jump_evidence(fits), found.row)
    side = p_side.argmax(axis=1)
    jump = fits.jumps[lines, side]
    best = fits.log_likelihood[lines, side].argmax(axis=1) if len(found) else lines
    centre = fits.centre[lines, side, best]
    blurred = may_lean(lattice, found, jump, centre, WIDTHS[best], shapes)
    kinds = decide_kinds(fits, p_side, found.row, centre, blurred=blurred)
    strips = find_strips(lattice, found, jump, centre, kinds.width)
    return WallReading(
        found=found,
        jump_thirds=jump,
        p_jump=p_side[lines, side],
        centre=centre,
        centres=fits.centre[lines, side],
        kinds=kinds,
        strips=strips,
        unit=name_units(strips, np.where(blurred, 0.0, kinds.p[:, 0])),
        closure=find_closure(found, jump, centre, n_rows=lattice.grid.shape[0]),
        blurred=blurred,
    )
