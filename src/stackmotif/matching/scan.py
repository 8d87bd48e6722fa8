"""What the scan did to an image, measured on the lattice in it: lines, drift, bend.

Every column of a row stands at a whole number of pitches from its neighbours, whatever the
stacking, and rows stand at thirds of the pitch. What is left of that is taken for the scan's doing.
Where rows run along the scan lines, a line that was displaced looks like a row that was, and
nothing but the thirds tells them apart.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stackmotif.columns import Columns, find_columns
from stackmotif.columns.lines import line_offsets, line_weights
from stackmotif.errors import StackmotifError
from stackmotif.matching.lattice import ColumnLattice, index_columns
from stackmotif.matching.lattice_fit import LatticeFit, fit_lattice
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.line_smoothing import LineModel, smooth_lines

Floats = NDArray[np.float64]

_ROUGH = 4  # rounds with whole columns, which follow displacements of any size
_FINE = 3  # rounds with pixels
_FOLLOWED = 0.975  # of the known columns must follow the lattice, or thirds were misread somewhere
_STRENGTH = 0.82  # least third harmonic of the rows: with less, rows were shifted within themselves
_STEP_SPREAD = 0.06  # random offsets from row to row [pitch] that are borne: 1/6 is 2.8 sigma
_CROSSED = 2.0  # row spacings along y that a row must run through for its own place to be fitted


@dataclass(frozen=True)
class ScanDistortion:
    """Errors of one scan; displacements are towards +x (right) and +y (down).

    Parameters
    ----------
    line_A : ndarray, shape (n_lines,)
        Displacement of each scan line along x [Å], beyond what shear and curvature make of it: no
        straight line in y, and no parabola or cubic where the curvature has one.
    line_sigma_A : ndarray, shape (n_lines,)
        Standard error of it [Å].
    jitter_A : float
        Root mean square of the part that is independent from line to line [Å], noise taken out.
    walk_step_A : float
        Root mean square of the step from a line to the next of the slow part [Å].
    bend_A : float
        Root mean square of the slow curvature [Å]; 0 where it is not clear of the noise. A crystal
        that is bent itself looks the same.
    fit : LatticeFit
        The lattice without lines: its two vectors and its curvature.
    assumes_thirds : bool
        Rows run along the scan lines, so that they were taken to stand at thirds of the pitch; a
        row that does not would pass for displaced lines.
    pixel_size_A : float
        Pixel edge [Å].
    """

    line_A: Floats
    line_sigma_A: Floats
    jitter_A: float
    walk_step_A: float
    bend_A: float
    fit: LatticeFit
    assumes_thirds: bool
    pixel_size_A: float

    @property
    def shear_deg(self) -> float:
        """How far the angle between the rows and the stacking direction is from 90° [degrees].

        Positive where the stack leans to the right of its rows, modulo a third of the pitch a row.
        """
        return self.fit.shear_deg

    @property
    def shear_sigma_deg(self) -> float:
        """Standard error of the shear [degrees].

        A random walk of n lines has a slope of its own, of the variance 1.2 step² / n, which no
        image tells from shear; it leans the stack by cos(2 angle) of itself.
        """
        slope = self.walk_step_A / self.pixel_size_A * np.sqrt(1.2 / len(self.line_A))
        walk = np.degrees(slope) * np.cos(2 * self.fit.angle_rad)
        return float(np.hypot(self.fit.shear_sigma_deg, walk))

    def drift_A_per_line(self, ratio: float) -> tuple[float, float]:
        """Return the drift (x, y) that would explain shear and anisotropy [Å per line].

        Parameters
        ----------
        ratio : float
            Row spacing over column pitch of the undistorted crystal, from a host in the catalog.

        Returns
        -------
        tuple of float
            Towards +x and +y. Two numbers explain two: a wrong ratio, a pixel that is not square
            or scan axes that are not at right angles are told from drift by a second image alone.

        Raises
        ------
        StackmotifError
            If the ratio is not a positive number.
        """
        if not (np.isfinite(ratio) and ratio > 0):
            raise StackmotifError(
                f"ratio is {ratio}; expected row spacing over column pitch, a positive number"
            )
        return self.fit.drift(ratio, line_A=self.pixel_size_A)

    def columns_without(self, columns: Columns, *, bend: bool = True) -> Columns:
        """Return the columns where they would be without displaced lines and curvature.

        Parameters
        ----------
        columns : Columns
            As found in the image.
        bend : bool
            Take the slow curvature out as well, that of the lines included.

        Returns
        -------
        Columns
            Their covariances have grown by what is unknown of the lines.
        """
        if not len(columns):
            return columns
        size = self.pixel_size_A
        line, weight = line_weights(columns, n_lines=len(self.line_A), pixel_size_A=size)
        moved = columns.positions_A.copy()
        moved[:, 1] -= np.sum(weight * self.line_A[line], axis=1)
        if bend:
            moved -= self.fit.bend.displacement_A(moved)
        covariances = columns.covariances_A2.copy()
        covariances[:, 1, 1] += np.sum((weight * self.line_sigma_A[line]) ** 2, axis=1)
        return replace(columns, positions_A=moved, covariances_A2=covariances)

    def image_without(self, micrograph: Micrograph, *, bend: bool = True) -> Micrograph:
        """Return the image without displaced lines and curvature, and say so in its history.

        Positions are better corrected than measured again: the image is interpolated by cubic
        splines, which correlates the noise of its pixels.

        Raises
        ------
        StackmotifError
            If the image has another number of lines or another pixel size.
        """
        from scipy.ndimage import map_coordinates

        size = self.pixel_size_A
        if micrograph.shape[0] != len(self.line_A) or micrograph.pixel_size_A != size:
            raise StackmotifError(
                f"the image has {micrograph.shape[0]} lines and pixels of "
                f"{micrograph.pixel_size_A:g} Å; expected those that the distortion was measured "
                f"on, {len(self.line_A)} lines and {size:g} Å"
            )
        y, x = np.indices(micrograph.shape).astype(np.float64)
        pixels = micrograph.image
        # Lines first, each by its own displacement: between two lines there is no pixel.
        if np.any(self.line_A):
            along = x + (self.line_A / size)[:, None]
            pixels = map_coordinates(pixels, [y, along], order=3, mode="reflect")
        if bend and self.bend_A:
            places = np.stack([y.ravel(), x.ravel()], axis=1) * size
            back = self.fit.bend.displacement_A(places).reshape(*micrograph.shape, 2) / size
            at = [y + back[..., 0], x + back[..., 1]]
            pixels = map_coordinates(pixels, at, order=3, mode="reflect")
        note = f"scan lines displaced by {self.jitter_A:.3f} Å (rms) put back"
        note += f", curvature of {self.bend_A:.3f} Å (rms) taken out" if bend else ""
        return replace(
            micrograph, image=pixels.astype(np.float32), history=(*micrograph.history, note)
        )

    def describe(self) -> dict[str, float | bool]:
        """Return the sizes of what was found as plain values, for a summary."""
        return {
            "line_jitter_A": round(self.jitter_A, 4),
            "line_walk_step_A": round(self.walk_step_A, 4),
            "bend_A": round(self.bend_A, 4),
            "shear_deg": round(self.shear_deg, 4),
            "shear_sigma_deg": float(f"{self.shear_sigma_deg:.2g}"),
            "assumes_thirds": self.assumes_thirds,
        }


def measure_scan(
    micrograph: Micrograph,
    columns: Columns | None = None,
    *,
    lattice: ColumnLattice | None = None,
) -> ScanDistortion | None:
    """Measure what the scan did to an image of a layered crystal.

    Parameters
    ----------
    micrograph : Micrograph
        Scan lines are the rows of pixels, scanned along x.
    columns : Columns, optional
        The columns of that image; found if not given.
    lattice : ColumnLattice, optional
        What these columns were indexed as.

    Returns
    -------
    ScanDistortion or None
        None where nothing tells a displaced line from a displaced row: where the columns make no
        lattice, rows are not clearly at thirds of the pitch, are offset at random from one to the
        next by so much that thirds cannot be told, or too many columns do not follow the lattice.

    Examples
    --------
    >>> import numpy as np
    >>> from stackmotif.imaging.columnsum import column_sum_image
    >>> truth = np.stack(np.meshgrid(np.arange(3.0, 60, 4.7), np.arange(2, 60, 2.5)), -1)
    >>> pixels = column_sum_image(
    ...     truth, shape=(320, 320), pixel_size_A=0.2, dose_e_per_A2=1e4, row_jitter_A=0.1
    ... )
    >>> 0.07 < measure_scan(Micrograph(pixels, pixel_size_A=0.2)).jitter_A < 0.13
    True
    """
    if columns is None:
        columns = find_columns(micrograph)
    if lattice is None:
        lattice = index_columns(columns.positions_A, columns.covariances_A2)
    if lattice is None or not _is_told(lattice):
        return None
    size, thirds = micrograph.pixel_size_A, _along_lines(lattice, micrograph)
    n_lines = micrograph.shape[0]
    line, weight = line_weights(columns, n_lines=n_lines, pixel_size_A=size)
    fit, lines = None, LineModel.nothing(n_lines)
    for number in range(_ROUGH + _FINE):
        places = columns.positions_A.copy()
        places[:, 1] -= np.sum(weight * lines.offset[line], axis=1)
        rough = number < _ROUGH
        fit = fit_lattice(places, lattice, thirds=thirds or rough)
        if fit is None:
            return None
        expected, known = _expected(places, lattice, fit)
        if rough:
            beside = np.where(known, (columns.positions_A - expected)[:, 1], 0.0)
            offset, precision = _from_columns(
                beside, columns, weight * known[:, None], line, n_lines=n_lines
            )
        else:
            offset_px = lines.offset / size
            measured = line_offsets(micrograph, columns, expected, known=known, start_px=offset_px)
            offset, precision = measured.offset_px * size, measured.precision / size**2
        lines = smooth_lines(offset, precision)
    if fit is None or fit.followed < _FOLLOWED:
        return None
    return _distortion(fit, lines, thirds=thirds, pixel_size_A=size)


def _is_told(lattice: ColumnLattice) -> bool:
    """Tell whether rows stand at thirds of the pitch so clearly that none was misread."""
    phases = lattice.phases
    return (
        lattice.grid.shape[0] > 1
        and phases.step_spread <= _STEP_SPREAD
        and phases.strength >= _STRENGTH
    )


def _from_columns(
    beside_A: Floats,
    columns: Columns,
    weight: Floats,
    line: NDArray[np.int64],
    *,
    n_lines: int,
) -> tuple[Floats, Floats]:
    """Return displacement and precision of each line from how far columns are from their places."""
    sure = weight / np.maximum(columns.covariances_A2[:, 1, 1], 1e-12)[:, None]
    precision = np.bincount(line.ravel(), sure.ravel(), n_lines).astype(np.float64)
    total = np.bincount(line.ravel(), (sure * beside_A[:, None]).ravel(), n_lines)
    return np.divide(total, precision, out=np.zeros(n_lines), where=precision > 0), precision


def _expected(
    places_A: Floats, lattice: ColumnLattice, fit: LatticeFit
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return where the lattice puts every column, and for which ones it can say so."""
    expected, known = places_A.copy(), np.zeros(len(places_A), dtype=bool)
    expected[lattice.member] = fit.places_A
    known[lattice.member] = fit.used
    return expected, known


def _distortion(
    fit: LatticeFit, lines: LineModel, *, thirds: bool, pixel_size_A: float
) -> ScanDistortion:
    bend = fit.bend.displacement_A(fit.places_A)
    return ScanDistortion(
        line_A=lines.offset,
        line_sigma_A=lines.sigma,
        jitter_A=lines.jitter,
        walk_step_A=lines.step,
        bend_A=float(np.sqrt(np.mean(np.sum(bend**2, axis=1)))),
        fit=fit,
        assumes_thirds=thirds,
        pixel_size_A=pixel_size_A,
    )


def _along_lines(lattice: ColumnLattice, micrograph: Micrograph) -> bool:
    """Return whether rows run so nearly along the lines that a row is a matter of few lines."""
    height = micrograph.shape[0] * micrograph.pixel_size_A
    width = micrograph.shape[1] * micrograph.pixel_size_A
    angle = lattice.orientation.angle_rad
    length = min(width / max(abs(np.cos(angle)), 1e-9), height / max(abs(np.sin(angle)), 1e-9))
    climb = length * abs(np.sin(angle))
    return bool(climb < _CROSSED * lattice.orientation.row_spacing_A)
