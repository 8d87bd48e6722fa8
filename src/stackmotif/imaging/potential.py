"""Projected potential slices with every atom exactly where it is.

Multislice programs commonly spread an atom bilinearly over the four nearest grid points, which
makes equivalent columns differ by up to tens of percent at high angles when they sit differently on
the grid. Here the Fourier coefficients of a slice are summed directly,

    V(k) = sum_Z f_Z(k^2) sum_j w_j exp(-2 pi i k . r_j),

which separates into one matrix product per element and slice, with the independent-atom factors
f_Z of Lobato and Van Dyck (Acta Cryst. A 70, 636 (2014), doi:10.1107/S205327331401643X).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.specimen import Specimen

_BAND = 2.0 / 3.0


def scattering_factor(symbol: str, k2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the projected potential of one atom in Fourier space [eV Å³ / e].

    Parameters
    ----------
    symbol : str
        Element.
    k2 : ndarray
        *Squared* spatial frequency [1/Å²].
    """
    from abtem.parametrizations import LobatoParametrization

    factor: Any = LobatoParametrization().projected_scattering_factor(symbol)
    return np.asarray(factor(np.asarray(k2, dtype=np.float64)), dtype=np.float64)


def exact_slices(
    specimen: Specimen, displacements_A: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Return the projected potential of every slice, band-limited to 2/3 of the Nyquist limit.

    Partly occupied sites scatter with their mean occupancy.

    Returns
    -------
    ndarray of float32, shape (slice, x, y)
        Projected potential [V Å].
    """
    grid, atoms = specimen.grid, specimen.atoms
    kx, ky = _frequencies(specimen)
    k2 = kx[:, None] ** 2 + ky[None] ** 2
    inside = np.sqrt(k2) < _BAND / (2 * max(grid.sampling_A))
    factors = {
        str(symbol): (scattering_factor(str(symbol), k2) * inside).astype(np.float32)
        for symbol in np.unique(atoms.symbols)
    }
    planar = atoms.positions_A[:, :2]
    if displacements_A is not None:
        planar = planar + displacements_A[:, :2]
    period = grid.n_slices if displacements_A is not None else grid.slices_per_period
    unique = [_slice(specimen, planar, number, kx, ky, factors) for number in range(period)]
    return np.stack([unique[number % period] for number in range(grid.n_slices)])


def _frequencies(specimen: Specimen) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the frequencies inside the band: all of them along x, the half line along y."""
    grid = specimen.grid
    reach = _BAND / (2 * max(grid.sampling_A))
    nx, ny = (int(np.floor(reach * edge)) for edge in grid.extent_A)
    return np.arange(-nx, nx + 1) / grid.extent_A[0], np.arange(ny + 1) / grid.extent_A[1]


def _slice(
    specimen: Specimen,
    planar_A: NDArray[np.float64],
    number: int,
    kx: NDArray[np.float64],
    ky: NDArray[np.float64],
    factors: dict[str, NDArray[np.float32]],
) -> NDArray[np.float32]:
    from scipy.fft import irfft2

    grid, atoms = specimen.grid, specimen.atoms
    band = np.zeros((len(kx), len(ky)), dtype=np.complex64)
    here = specimen.slice_of == number
    for symbol, factor in factors.items():
        chosen = here & (atoms.symbols == symbol)
        if chosen.any():
            band += factor * _structure_factor(planar_A[chosen], atoms.occupancies[chosen], kx, ky)
    full = np.zeros((grid.gpts[0], grid.gpts[1] // 2 + 1), dtype=np.complex64)
    half = len(kx) // 2
    full[: half + 1, : len(ky)] = band[half:]
    full[-half:, : len(ky)] = band[:half]
    area_per_point = grid.sampling_A[0] * grid.sampling_A[1]
    return irfft2(full, s=grid.gpts) / np.float32(area_per_point)


def _structure_factor(
    planar_A: NDArray[np.float64],
    weights: NDArray[np.float64],
    kx: NDArray[np.float64],
    ky: NDArray[np.float64],
) -> NDArray[np.complex64]:
    along_x = np.exp(-2j * np.pi * np.outer(kx, planar_A[:, 0])) * weights
    along_y = np.exp(-2j * np.pi * np.outer(planar_A[:, 1], ky))
    return along_x.astype(np.complex64) @ along_y.astype(np.complex64)


def abtem_slices(
    specimen: Specimen, displacements_A: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Return abTEM's own projected potential of every slice (infinite projection, Lobato).

    Atoms are placed bilinearly on the grid; see the module's text for what that costs.

    Raises
    ------
    SimulationError
        If a site is only partly occupied.
    """
    import abtem
    import ase

    grid, atoms = specimen.grid, specimen.atoms
    if (atoms.occupancies < 1 - 1e-6).any():
        raise SimulationError(
            f"{int((atoms.occupancies < 1 - 1e-6).sum())} sites are partly occupied, which the "
            "potential 'abtem' cannot represent; expected full sites, or use potential='exact'"
        )
    positions = atoms.positions_A + (0.0 if displacements_A is None else displacements_A)
    crystal = ase.Atoms(list(atoms.symbols), positions=positions, cell=atoms.extent_A, pbc=True)
    crystal.wrap()
    potential = abtem.Potential(
        crystal,
        gpts=grid.gpts,
        slice_thickness=grid.slice_A,
        projection="infinite",
        parametrization="lobato",
        device="cpu",
    )
    return np.asarray(potential.build(lazy=False).array, dtype=np.float32)
