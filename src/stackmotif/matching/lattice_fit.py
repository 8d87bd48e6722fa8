"""A smooth lattice through indexed columns: two vectors, a slow curvature, a place for each row.

u runs along the rows and v across them [Å]. Along a row every column is at its whole number of
pitches; the heights of the rows are free, because gaps of different kinds differ in height.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackmotif.matching.decode import CLASSES
from stackmotif.matching.lattice import ColumnLattice
from stackmotif.matching.orientation import to_row_frame

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_POWERS = ((1, 1), (2, 0), (1, 2), (2, 1), (3, 0))
"""Powers of (u, v) in the curvature within rows."""

_LINE_POWERS = (2, 3)
"""Powers of y in the displacement along x that lines have in common with their neighbours."""

_FEWEST = 24
_OUTLIER = 3.5
_ROUNDS = 3
_KNOWN = 0.8  # share of columns with a class from which rows are taken to stand at thirds
_LEAST = 1e-3  # relative singular value below which a combination of terms is left at zero


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
    at_thirds : bool
        Rows were found at thirds of the pitch; otherwise each was given a place of its own.
    pitch_A, spacing_A : float
        Column pitch and mean row spacing [Å].
    lean_A : float
        Sideways step to the next row below, thirds of the pitch taken out [Å].
    angle_rad : float
        Row direction, counter-clockwise on the screen.
    frame_rad : float
        Direction of u.
    centre_A, half_A : ndarray, shape (2,), and float
        Coordinates of the curvature are ((y, x) - centre) / half, turned to (u, v).
    bend_uv_A : ndarray, shape (2, 5)
        Coefficients of the terms that change within rows, along u and v [Å].
    bend_x_A : ndarray, shape (2,)
        Coefficients of y² and y³ in the displacement along x [Å]. What changes from row to row
        alone is taken to be this, and is known with rows at thirds only.
    """

    places_A: Floats
    used: Bools
    followed: float
    at_thirds: bool
    pitch_A: float
    spacing_A: float
    lean_A: float
    angle_rad: float
    frame_rad: float
    centre_A: Floats
    half_A: float
    bend_uv_A: Floats
    bend_x_A: Floats

    @property
    def shear_deg(self) -> float:
        """How far the stack leans to the right, upwards, from 90° to its rows [degrees]."""
        return float(-np.degrees(np.arctan2(self.lean_A, self.spacing_A)))

    def bend_A(self, places_A: Floats) -> Floats:
        """Return the curvature's displacement (y, x) at places (n, 2) = (y, x) [Å]."""
        within, lines = _terms(places_A, self.centre_A, self.half_A, self.frame_rad)
        u, v = self.bend_uv_A @ within.T
        y, x = _to_image(u, v, self.frame_rad)
        return np.stack([y, x + lines @ self.bend_x_A], axis=1)

    def drift(self, ratio: float, *, line_A: float) -> tuple[float, float]:
        """Return the constant drift (x, y) per line that explains shear and anisotropy [Å].

        The drift moves what lies a line further down by one more step. Taken out, the two lattice
        vectors are at right angles and have the given ratio (row spacing over pitch).
        """
        from scipy.optimize import least_squares

        vectors = np.array(
            [
                _to_image(self.pitch_A, 0.0, self.angle_rad),
                _to_image(self.lean_A, self.spacing_A, self.angle_rad),
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
        None if too few columns are known.
    """
    member = places_A[lattice.member]
    angle = lattice.orientation.angle_rad
    u, v = to_row_frame(member, angle)
    centre, half = member.mean(axis=0), max(float(np.ptp(member, axis=0).max()), 1e-9) / 2
    within, lines = _terms(member, centre, half, angle)
    along, known, free = _along(lattice)
    row = lattice.row
    used = known
    if used.sum() < _FEWEST:
        return None
    for _ in range(_ROUNDS):
        design = np.column_stack([along, row, within, np.cos(angle) * lines])
        fit_u = _fit(u, design, row, used, rows_free=free)
        bend_x = fit_u.coefficients[-len(_LINE_POWERS) :]
        sideways = np.sin(angle) * (lines @ bend_x)
        fit_v = _fit(v - sideways, np.column_stack([along, within]), row, used, rows_free=True)
        rest_u = u - fit_u.model - (0.0 if thirds and not free else fit_u.rows[row])
        rest_v = v - sideways - fit_v.model - fit_v.rows[row]
        used = known & _near(rest_u, known) & _near(rest_v, known)
    number = np.arange(len(fit_v.rows))
    spacing = _slope(number, fit_v.rows, np.bincount(row, minlength=len(number)))
    y, x = _to_image(u - rest_u, v - rest_v, angle)
    return LatticeFit(
        places_A=np.stack([y, x], axis=1),
        used=used,
        followed=float(used.sum() / known.sum()),
        at_thirds=not free,
        pitch_A=float(fit_u.coefficients[0]),
        spacing_A=spacing,
        lean_A=float(fit_u.coefficients[1]),
        angle_rad=angle - float(np.arctan2(fit_v.coefficients[0], fit_u.coefficients[0])),
        frame_rad=angle,
        centre_A=centre,
        half_A=half,
        bend_uv_A=np.stack([fit_u.coefficients[2 : 2 + len(_POWERS)], fit_v.coefficients[1:]]),
        bend_x_A=bend_x,
    )


@dataclass(frozen=True)
class _LinearFit:
    """Model without the places of rows (m,), those places (n_rows,), and the coefficients."""

    model: Floats
    rows: Floats
    coefficients: Floats


def _along(lattice: ColumnLattice) -> tuple[Floats, Bools, bool]:
    """Return the place of each member in its row [pitch], whether it is known, and how.

    Where rows are not at thirds, they are known but for their own place; the last value says so.
    """
    phase, best, row = lattice.phases.phase, lattice.classes.best, lattice.row
    classed = best < len(CLASSES)
    if classed.mean() >= _KNOWN:
        return lattice.slot + np.append(CLASSES, 0)[best] / 3.0, classed, False
    turn = np.exp(2j * np.pi * phase)
    n_rows = int(row.max()) + 1
    mean = np.bincount(row, turn.real, n_rows) + 1j * np.bincount(row, turn.imag, n_rows)
    own = np.angle(mean)[row] / (2 * np.pi)
    return np.rint(phase - own), np.ones(len(row), dtype=bool), True


def _fit(value: Floats, design: Floats, row: Ints, used: Bools, *, rows_free: bool) -> _LinearFit:
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
    rest = value - model
    if not rows_free:
        model = model + float(np.median(rest[used]))
        rest = value - model
    return _LinearFit(model, _row_means(rest, row, used, n_rows), found)


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


def _terms(
    places_A: Floats, centre_A: Floats, half_A: float, angle_rad: float
) -> tuple[Floats, Floats]:
    """Return the terms of the curvature at places (y, x) [Å]: within rows (n, 5), lines (n, 2)."""
    scaled = (places_A - centre_A) / half_A
    u, v = to_row_frame(scaled, angle_rad)
    within = np.stack([u**a * v**b for a, b in _POWERS], axis=1)
    return within, np.stack([scaled[:, 0] ** n for n in _LINE_POWERS], axis=1)


def _to_image(u: Floats | float, v: Floats | float, angle_rad: float) -> tuple[Floats, Floats]:
    """Return (y, x) of (u, v), the inverse of ``to_row_frame``."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.asarray(v * c - u * s), np.asarray(u * c + v * s)
