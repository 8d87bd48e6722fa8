"""A smooth lattice through indexed columns: two vectors, a slow curvature, a place for each row.

u runs along the rows and v across them [Å]. Along a row every column is at its whole number of
pitches; the heights of the rows are free, because gaps of different kinds differ in height.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.bend import LINES, WITHIN, Bend
from stackmotif.matching.decode import CLASSES
from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.orientation import from_row_frame, to_row_frame

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_FEWEST = 24
_OUTLIER = 3.5
_ROUNDS = 3
_KNOWN = 0.8  # share of the columns that must be at a known third of the pitch
_LEAST = 1e-3  # relative singular value below which a combination of terms is left at zero
_CLEAR = 9.0  # times its variance from noise alone that the curvature's mean square must have


@dataclass(frozen=True)
class LatticeFit:
    """The smooth lattice.

    Parameters
    ----------
    places_A : ndarray, shape (m, 2)
        Where the lattice puts each member column, (y, x) [Å].
    used : ndarray of bool, shape (m,)
        Members that follow it.
    followed : float
        Their share of those whose place in the row is known.
    pitch_A, spacing_A : float
        Column pitch and mean row spacing [Å].
    lean_A, lean_sigma_A : float
        Sideways step to the next row below, thirds of the pitch taken out, and its error [Å].
    angle_rad : float
        Row direction, counter-clockwise on the screen.
    bend : Bend
        Slow curvature; zero where it is not clear of the noise.
    """

    places_A: Floats
    used: Bools
    followed: float
    pitch_A: float
    spacing_A: float
    lean_A: float
    lean_sigma_A: float
    angle_rad: float
    bend: Bend

    @property
    def shear_deg(self) -> float:
        """How far the stack leans to the right, upwards, from 90° to its rows [degrees]."""
        return float(-np.degrees(np.arctan2(self.lean_A, self.spacing_A)))

    @property
    def shear_sigma_deg(self) -> float:
        """Standard error of the shear, lines and curvature taken as known [degrees]."""
        return float(np.degrees(self.lean_sigma_A / self.spacing_A))

    def drift(self, ratio: float, *, line_A: float) -> tuple[float, float]:
        """Return the constant drift (x, y) per line that explains shear and anisotropy [Å].

        The drift moves what lies a line further down by one more step. Taken out, the two lattice
        vectors are at right angles and have the given ratio (row spacing over pitch).
        """
        from scipy.optimize import least_squares

        vectors = np.array(
            [
                from_row_frame(self.pitch_A, 0.0, self.angle_rad),
                from_row_frame(self.lean_A, self.spacing_A, self.angle_rad),
            ]
        )

        def wrong(step: Floats) -> list[float]:
            # step: true displacement (y, x) per unit of measured y
            along, across = vectors - vectors[:, :1] * step
            return [
                float(along @ across) / self.pitch_A / self.spacing_A,
                float(np.hypot(*across) / np.hypot(*along)) / ratio - 1.0,
            ]

        down, right = least_squares(wrong, np.zeros(2)).x * line_A
        return float(right), float(down)


def fit_lattice(places_A: Floats, lattice: ColumnLattice, *, thirds: bool) -> LatticeFit | None:
    """Fit the smooth lattice.

    Parameters
    ----------
    places_A : ndarray, shape (n, 2)
        All columns, (y, x) [Å].
    lattice : ColumnLattice
        What they were indexed as.
    thirds : bool
        Every row is put at a third of the pitch; otherwise each keeps the place that it has.

    Returns
    -------
    LatticeFit or None
        None if too few columns are at known thirds of the pitch.
    """
    known = lattice.classes.best < len(CLASSES)
    if known.sum() < _FEWEST or known.mean() < _KNOWN:
        return None
    member, angle = places_A[lattice.member], lattice.orientation.angle_rad
    bend = Bend.none(member, angle, _extent(lattice.row))
    found = _solved(member, lattice, bend, known, thirds=thirds)
    if not _is_clear(found, member):
        bend = Bend.none(member, angle, (0, 0))
        found = _solved(member, lattice, bend, known, thirds=thirds)
    row, used = lattice.row, found.used
    u, v = to_row_frame(member, angle)
    y, x = from_row_frame(u - found.rest_u, v - found.rest_v, angle)
    count = np.bincount(row, minlength=len(found.v.rows))
    deviation = row[used] - row[used].mean()
    pitch, lean, slope = *found.u.coefficients[:2], found.v.coefficients[0]
    return LatticeFit(
        places_A=np.stack([y, x], axis=1),
        used=used,
        followed=float(used.sum() / known.sum()),
        pitch_A=float(pitch),
        spacing_A=_slope(np.arange(len(count)), found.v.rows, count),
        lean_A=float(lean),
        lean_sigma_A=float(found.rest_u[used].std() / np.sqrt(max(np.sum(deviation**2), 1e-9))),
        angle_rad=angle - float(np.arctan2(slope, pitch)),
        bend=found.bend,
    )


@dataclass(frozen=True)
class _LinearFit:
    """Model without the places of rows (m,), those places (n_rows,), and the coefficients."""

    model: Floats
    rows: Floats
    coefficients: Floats


@dataclass(frozen=True)
class _Solved:
    """Fits along and across the rows, their residuals (m,) [Å], and the members that follow."""

    bend: Bend
    u: _LinearFit
    v: _LinearFit
    rest_u: Floats
    rest_v: Floats
    used: Bools


def _solved(
    member_A: Floats, lattice: ColumnLattice, bend: Bend, known: Bools, *, thirds: bool
) -> _Solved:
    """Fit the lattice and the terms of a bend, again without what does not follow."""
    angle, row = lattice.orientation.angle_rad, lattice.row
    along = lattice.slot + np.append(CLASSES, 0)[lattice.classes.best] / 3.0
    u, v = to_row_frame(member_A, angle)
    within, lines = bend.terms(member_A)
    used = known
    for _ in range(_ROUNDS):
        fit_u = _fit(u, np.column_stack([along, row, within, np.cos(angle) * lines]), row, used)
        x_A = fit_u.coefficients[-len(LINES) :]
        sideways = np.sin(angle) * (lines @ x_A)
        fit_v = _fit(v - sideways, np.column_stack([along, within]), row, used, rows_free=True)
        rest_u = u - fit_u.model - (0.0 if thirds else fit_u.rows[row])
        rest_v = v - sideways - fit_v.model - fit_v.rows[row]
        used = known & _near(rest_u, known) & _near(rest_v, known)
    uv_A = np.stack([fit_u.coefficients[2 : 2 + len(WITHIN)], fit_v.coefficients[1:]])
    return _Solved(replace(bend, uv_A=uv_A, x_A=x_A), fit_u, fit_v, rest_u, rest_v, used)


def _is_clear(found: _Solved, member_A: Floats) -> bool:
    """Tell whether a fitted curvature is more than what noise alone would make of its terms."""
    terms, used = len(WITHIN) + len(LINES), found.used
    noise = (found.rest_u[used].var() + found.rest_v[used].var()) * terms / used.sum()
    curved = found.bend.displacement_A(member_A[used])
    return bool(np.mean(np.sum(curved**2, axis=1)) > _CLEAR * noise)


def _extent(row: Ints) -> tuple[int, int]:
    """Return how many rows there are, and columns in the median row."""
    count = np.bincount(row)
    return int((count > 0).sum()), int(np.median(count[count > 0]))


def _fit(
    value: Floats, design: Floats, row: Ints, used: Bools, *, rows_free: bool = False
) -> _LinearFit:
    """Return the least squares fit; with free rows, of what differs within rows."""
    n_rows = int(row.max()) + 1
    target, matrix = value[used], design[used]
    if rows_free:
        target = _within(target[:, None], row[used], n_rows)[:, 0]
        matrix = _within(matrix, row[used], n_rows)
    else:
        matrix = matrix - matrix.mean(axis=0)
        target = target - target.mean()
    size = np.sqrt((matrix**2).mean(axis=0))
    varies = size > 1e-9
    scaled = matrix[:, varies] / size[varies]
    found = np.zeros(design.shape[1])
    found[varies] = np.linalg.lstsq(scaled, target, rcond=_LEAST)[0] / size[varies]
    model = design @ found
    if not rows_free:
        model = model + float(np.median((value - model)[used]))
    return _LinearFit(model, _row_means(value - model, row, used, n_rows), found)


def _within(values: Floats, row: Ints, n_rows: int) -> Floats:
    """Return values less the mean of their row."""
    count = np.maximum(np.bincount(row, minlength=n_rows), 1)
    means = np.stack([np.bincount(row, column, n_rows) / count for column in values.T], axis=1)
    return values - means[row]


def _row_means(rest: Floats, row: Ints, used: Bools, n_rows: int) -> Floats:
    """Return the mean of each row's used columns; that of its neighbours where it has none."""
    count = np.bincount(row[used], minlength=n_rows)
    means = np.bincount(row[used], rest[used], n_rows) / np.maximum(count, 1)
    has = np.flatnonzero(count)
    return np.interp(np.arange(n_rows), has, means[has]) if len(has) else means


def _near(rest: Floats, known: Bools) -> Bools:
    """Mark residuals that are no outliers."""
    spread = 1.4826 * float(np.median(np.abs(rest[known]))) + 1e-9
    return np.abs(rest) < _OUTLIER * spread


def _slope(x: Ints, y: Floats, weight: Ints) -> float:
    """Return the weighted slope of y over x."""
    total = float(weight.sum())
    dx = x - float(np.sum(weight * x)) / total
    return float(np.sum(weight * dx * y) / max(float(np.sum(weight * dx**2)), 1e-12))
