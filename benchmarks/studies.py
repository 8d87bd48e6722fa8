"""What the studies of the simulation share: crystals, grids, probes and detector signals.

All of them use LiNiO2 at the cell of half filling with full guest layers, 300 kV, no aberrations.
Signals are kept in ``benchmarks/_cache`` by a hash of everything that they depend on, so a stopped
study goes on where it was.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stackmotif as sm
from stackmotif.imaging.engines import annulus, detect
from stackmotif.imaging.grids import Grid, band_limit_mrad
from stackmotif.imaging.microscope import Detector, Microscope
from stackmotif.imaging.potential import exact_slices, scattering_factor
from stackmotif.imaging.specimen import Specimen, make_specimen
from stackmotif.imaging.transmission import exact_transmission
from stackmotif.structures.orientation import OrientedCell, orient

LATTICE = "LiNiO2:0.5"
GAP_A = 2.792
"""Height of every gap [Å], so that all stackings of one number of slabs are equally high."""
SIGMA_A = {"Ni": 0.0724, "O": 0.0879, "Li": 0.1278}
"""Thermal displacement per axis [Å]: Ni and O from NiO (doi:10.2183/pjab.55.43), Li from LiCoO2
(doi:10.1006/jssc.1998.7966)."""
CACHE = Path(__file__).parent / "_cache" / "studies"
FIGURES = Path(__file__).parent.parent / "docs" / "figures"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which stay apart for colour-blind readers."""
NAMES = ("HAADF", "ADF", "ABF", "BF")


def crystal(word: str, *, empty: Sequence[int] = ()) -> OrientedCell:
    """Return the oriented cell of a periodic word such as ``R+ R0``, all gaps filled and alike.

    Gaps above the slabs of the numbers ``empty`` hold nothing; they have to be those of O3.
    """
    slabs = word.split()
    text = " ".join(slab if k in empty else f"{slab}[Li;h={GAP_A}]" for k, slab in enumerate(slabs))
    return orient(sm.build(f"|{text}|", lattice=LATTICE))


def four_detectors(semiangle_mrad: float = 20.0, *, outer_mrad: float = 150.0) -> Microscope:
    """Return a 300 kV microscope with HAADF, ADF, ABF and BF for a convergence semi-angle."""
    low = max(25.0, 1.25 * semiangle_mrad)
    half = semiangle_mrad / 2
    return Microscope(
        energy_eV=3e5,
        semiangle_mrad=semiangle_mrad,
        detectors=(
            Detector("HAADF", 60.0, outer_mrad),
            Detector("ADF", low, outer_mrad),
            Detector("ABF", half, semiangle_mrad),
            Detector("BF", 0.0, half),
        ),
    )


def make_grid(
    cell: OrientedCell,
    *,
    repeats: tuple[int, int],
    gpts: tuple[int, int],
    slices_per_period: int,
    thickness_A: float,
    k_points: tuple[int, int] = (1, 1),
) -> Grid:
    edge_x, edge_y, period = (float(edge) for edge in cell.extent_A)
    return Grid(
        repeats=(*repeats, max(1, round(thickness_A / period))),
        gpts=gpts,
        extent_A=(edge_x * repeats[0], edge_y * repeats[1]),
        slices_per_period=slices_per_period,
        period_A=period,
        k_points=k_points,
    )


def reach_mrad(grid: Grid, microscope: Microscope) -> float:
    """Largest angle that the grid carries [mrad]."""
    return band_limit_mrad(max(grid.sampling_A), microscope.wavelength_A)


def detector_weights(grid: Grid, microscope: Microscope, edges: str) -> NDArray[np.float32]:
    return np.stack(
        [
            annulus(
                grid,
                microscope.wavelength_A,
                detector.inner_mrad,
                detector.outer_mrad,
                semiangle_mrad=microscope.semiangle_mrad,
                edges=edges,
            )
            for detector in microscope.detectors
        ]
    )


def exit_slices(grid: Grid, thicknesses_A: tuple[float, ...]) -> list[int]:
    periods = [max(1, round(value / grid.period_A)) for value in thicknesses_A]
    return [count * grid.slices_per_period for count in periods]


def signals(
    cell: OrientedCell,
    grid: Grid,
    positions_A: NDArray[np.float64],
    microscope: Microscope,
    thicknesses_A: tuple[float, ...],
    *,
    moved_A: NDArray[np.float64] | None = None,
    edges: str = "area",
    slices: str = "transmission",
) -> NDArray[np.float64]:
    """Return the signals (thickness, detector, probe) as fractions of the beam.

    The mean over all sets of wave vectors of the grid. ``moved_A`` holds a displacement of every
    atom of the supercell; the lattice is static without. ``slices`` are transmission functions from
    a finer grid, or ``potential`` cut to the band, or that ``in depth``: every atom spread over the
    slices that it reaches into.
    """
    optics = microscope.with_(name="study", source_fwhm_A=0.0)
    settings = [grid, _beam(optics), thicknesses_A, edges, slices]
    arrays = [cell.positions_A, cell.symbols, cell.occupancies, positions_A, moved_A]
    path = CACHE / f"{_digest(settings, arrays)}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    made = {"potential": potential_of, "in depth": slices_in_depth, "transmission": waves_of}
    each = made[slices](cell, grid, moved_A)
    found = np.mean(
        [
            detect(
                each,
                positions_A,
                grid=one,
                microscope=optics,
                exit_slices=exit_slices(grid, thicknesses_A),
                weights=detector_weights(one, optics, edges),
                edges=edges,
            )
            for one in grid.k_sets
        ],
        axis=0,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, found)
    return found


def waves_of(
    cell: OrientedCell, grid: Grid, moved_A: NDArray[np.float64] | None
) -> NDArray[np.complex64]:
    """Return the transmission functions at 300 kV; of a static crystal one period."""
    return exact_transmission(make_specimen(cell, grid), moved_A, microscope=four_detectors())


def potential_of(
    cell: OrientedCell, grid: Grid, moved_A: NDArray[np.float64] | None
) -> NDArray[np.float32]:
    """Return the slices; of a static crystal one period, which repeats along the beam."""
    if moved_A is not None:
        return exact_slices(make_specimen(cell, grid), moved_A)
    return exact_slices(make_specimen(cell, replace(grid, repeats=(*grid.repeats[:2], 1))))


DEPTH_PERIODS = 4
DEPTH_TERMS = 240


def slices_in_depth(
    cell: OrientedCell, grid: Grid, moved_A: NDArray[np.float64] | None
) -> NDArray[np.float32]:
    """Return slices in which an atom's potential is integrated over the slice alone.

    Flat slices, one per plane of atoms, are filtered along the beam: the share of an atom that lies
    in a slice at a distance follows from its scattering factor in three dimensions. Vibrations
    along the beam are left out.
    """
    planes = replace(grid, slices_per_period=2)
    specimen = make_specimen(cell, planes)
    parts = grid.slices_per_period // 2
    found = 0.0
    for symbol in np.unique(specimen.atoms.symbols):
        flat = potential_of(_only(cell, symbol), planes, _moved_only(specimen, symbol, moved_A))
        waves = np.fft.rfft2(flat).astype(np.complex64)
        spread = [
            _in_slice(waves, number, parts, str(symbol), grid)
            for number in range(len(flat) * parts)
        ]
        found = found + np.array(spread)
    return np.asarray(found, dtype=np.float32)


def _only(cell: OrientedCell, symbol: str) -> OrientedCell:
    here = cell.symbols == symbol
    return replace(
        cell,
        symbols=cell.symbols[here],
        positions_A=cell.positions_A[here],
        occupancies=cell.occupancies[here],
    )


def _moved_only(
    specimen: Specimen, symbol: str, moved_A: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    return None if moved_A is None else moved_A[specimen.atoms.symbols == symbol]


def _in_slice(
    waves: NDArray[np.complex64], number: int, parts: int, symbol: str, grid: Grid
) -> NDArray[np.float32]:
    """Return one slice: the planes around it, each with its share."""
    total = np.zeros_like(waves[0])
    here = (number + 0.5) / parts - 0.5
    for plane in range(int(np.ceil(here - 2)), int(np.floor(here + 2)) + 1):
        away_A = round(abs(here - plane) * grid.period_A / 2, 9)
        total += waves[plane % len(waves)] * _share(symbol, away_A, grid)
    return np.fft.irfft2(total, s=grid.gpts).astype(np.float32)


@cache
def _share(symbol: str, away_A: float, grid: Grid) -> NDArray[np.float32]:
    """Return the share of an atom in a slice at a distance along the beam, on the wave grid."""
    k = np.linspace(0.0, 0.75 / min(grid.sampling_A), 300)
    length = DEPTH_PERIODS * grid.period_A
    order = np.arange(-DEPTH_TERMS, DEPTH_TERMS + 1)
    factors = scattering_factor(symbol, k[:, None] ** 2 + (order / length) ** 2)
    window = np.cos(2 * np.pi * order * away_A / length) * np.sinc(order * grid.slice_A / length)
    share = (factors * window).sum(axis=1) * grid.slice_A / length / factors[:, DEPTH_TERMS]
    (nx, ny), (step_x, step_y) = grid.gpts, grid.sampling_A
    here = np.hypot(np.fft.fftfreq(nx, step_x)[:, None], np.fft.rfftfreq(ny, step_y)[None])
    return np.interp(here, k, share).astype(np.float32)


def _beam(microscope: Microscope) -> tuple[Any, ...]:
    """Return the settings that signals of the studies depend on."""
    angles = [(one.inner_mrad, one.outer_mrad) for one in microscope.detectors]
    return (
        microscope.energy_eV,
        microscope.semiangle_mrad,
        microscope.tilt_mrad,
        angles,
    )


def _digest(settings: list[Any], arrays: list[Any]) -> str:
    digest = hashlib.sha256(repr(settings).encode())
    for array in arrays:
        digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:24]


def metal_y_A(cell: OrientedCell, slab: int) -> float:
    """Return the height y of the metal plane of a slab [Å]; slabs are counted upwards."""
    heights = cell.positions_A[cell.symbols == "Ni", 1]
    planes = np.unique(np.round(heights, 4))
    ordered = planes[np.argsort(np.mod(-np.round(planes, 3), round(float(cell.extent_A[1]), 3)))]
    return float(heights[np.abs(heights - ordered[slab]) < 1e-3].mean())


def metal_x_A(cell: OrientedCell, slab: int) -> float:
    """Return the leftmost metal column of a slab [Å]."""
    here = (cell.symbols == "Ni") & (np.abs(cell.positions_A[:, 1] - metal_y_A(cell, slab)) < 1e-3)
    return float(cell.positions_A[here, 0].min())


def sobol(count: int, *, rng: int) -> NDArray[np.float64]:
    """Return evenly spread points in the unit square, shape (count, 2)."""
    from scipy.stats import qmc

    power = max(1, count - 1).bit_length()
    return qmc.Sobol(2, rng=np.random.default_rng(rng)).random_base2(power)[:count]


def unit_cell_probes(cell: OrientedCell, slab: int, count: int, *, rng: int) -> NDArray[np.float64]:
    """Return probes spread over one pitch of one slab, then the same a pitch further.

    The second half starts on columns half a period deeper: together they are the mean over both
    terminations of the crystal.
    """
    pitch = float(cell.extent_A[0]) / 2
    spread = sobol(count, rng=rng) - 0.5
    height = float(cell.extent_A[1]) / len(np.unique(np.round(_metal_heights(cell), 3)))
    first = spread * (pitch, height) + (metal_x_A(cell, slab), metal_y_A(cell, slab))
    return np.concatenate([first, first + np.array([pitch, 0.0])])


def _metal_heights(cell: OrientedCell) -> NDArray[np.float64]:
    return cell.positions_A[cell.symbols == "Ni", 1]


def both_terminations(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the two halves of :func:`unit_cell_probes`."""
    half = found.shape[-1] // 2
    return (found[..., :half] + found[..., half:]) / 2


def contrast(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return largest minus smallest signal over the probes."""
    return np.ptp(found, axis=-1)


def rms(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt((values**2).mean(axis=-1))


def save_figure(figure: Any, name: str) -> None:
    """Write a figure of the documentation, the same bytes for the same numbers."""
    import matplotlib as mpl

    FIGURES.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "stackmotif"}):
        figure.savefig(FIGURES / f"{name}.svg", metadata={"Date": None})
