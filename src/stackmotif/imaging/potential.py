"""Projected potential slices with every atom exactly where it is.

Multislice programs commonly spread an atom bilinearly over the four nearest grid points, which
makes equivalent columns differ by up to tens of percent at high angles when they sit differently on
the grid. Here the Fourier coefficients of a slice are summed directly,

    V(k) = sum_Z f_Z(k^2) sum_j w_j exp(-2 pi i k . r_j),

which separates into one batch of matrix products per element, with the independent-atom factors
f_Z of Lobato and Van Dyck (Acta Cryst. A 70, 636 (2014), doi:10.1107/S205327331401643X).
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import SimulationError
from stackmotif.imaging.specimen import Specimen

if TYPE_CHECKING:
    import torch

_BAND: Final = 2.0 / 3.0
_STRIDE: Final = 16
_VOLT_A2: Final = 47.877647
"""h² / (2π m e) [V Å²] (CODATA 2018): from the electron scattering factor to the potential."""


def scattering_factor(symbol: str, k2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the projected potential of one atom in Fourier space [V Å³].

    Parameters
    ----------
    symbol : str
        Element, up to Lr.
    k2 : ndarray
        *Squared* spatial frequency [1/Å²].

    Raises
    ------
    SimulationError
        If the table has no such element.
    """
    if symbol not in _lobato():
        raise SimulationError(
            f"there is no scattering factor for {symbol!r}; expected an element from H to Lr"
        )
    squares = np.asarray(k2, dtype=np.float64)
    terms = (
        height * (2 + width * squares) / (1 + width * squares) ** 2
        for height, width in _lobato()[symbol]
    )
    return np.asarray(_VOLT_A2 * sum(terms), dtype=np.float64)


@cache
def _lobato() -> dict[str, tuple[tuple[float, float], ...]]:
    """Return heights and widths per element, from abTEM's table; abTEM itself loads for seconds."""
    found = find_spec("abtem")
    if found is None or not found.submodule_search_locations:
        raise SimulationError("abTEM is not installed; expected it for its scattering factors")
    folder = Path(found.submodule_search_locations[0])
    table = json.loads((folder / "parametrizations" / "data" / "lobato.json").read_text("utf-8"))
    return {symbol: tuple(zip(*rows, strict=True)) for symbol, rows in table.items()}


def exact_slices(
    specimen: Specimen,
    displacements_A: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Return the projected potential of every slice, band-limited to 2/3 of the Nyquist limit.

    Partly occupied sites scatter with their mean occupancy.

    Parameters
    ----------
    specimen : Specimen
        Atoms and slices.
    displacements_A : ndarray, shape (n, 3), optional
        Thermal displacements [Å]; without them all periods along the beam are alike.

    Returns
    -------
    ndarray of float32, shape (slice, x, y)
        Projected potential [V Å].
    """
    import torch

    grid = specimen.grid
    planar = specimen.atoms.positions_A[:, :2]
    if displacements_A is not None:
        planar = planar + displacements_A[:, :2]
    count = grid.n_slices if displacements_A is not None else grid.slices_per_period
    spectrum = slice_spectrum(specimen, planar, range(count), band=_BAND)
    area_per_point = grid.sampling_A[0] * grid.sampling_A[1]
    slices = torch.fft.irfft2(spectrum, s=grid.gpts).div_(area_per_point).numpy()
    return np.asarray(slices[np.arange(grid.n_slices) % count] if count < grid.n_slices else slices)


def slice_spectrum(
    specimen: Specimen,
    planar_A: NDArray[np.float64],
    numbers: range,
    *,
    band: float,
    device: str = "cpu",
) -> "torch.Tensor":
    """Return the Fourier coefficients of some slices [V Å3], on the half plane of a real transform.

    Parameters
    ----------
    specimen : Specimen
        Atoms, slices and the grid.
    planar_A : ndarray, shape (n, 2)
        Places (x, y) of all atoms [Å].
    numbers : range
        Successive slices.
    band : float
        Largest frequency that is kept, over the Nyquist frequency of the coarser axis.
    device : str
        Where torch computes, in double precision for the places: ``cpu`` or ``cuda``.

    Returns
    -------
    Tensor of complex64, shape (slice, gx, gy // 2 + 1)
    """
    import torch

    grid, atoms = specimen.grid, specimen.atoms
    reach = band / (2 * max(grid.sampling_A))
    nx, ny = (int(np.floor(reach * edge)) for edge in grid.extent_A)
    orders = np.arange(-nx, nx + 1), np.arange(ny + 1)
    kx, ky = (order / edge for order, edge in zip(orders, grid.extent_A, strict=True))
    k2 = kx[:, None] ** 2 + ky[None] ** 2
    turns = planar_A / np.asarray(grid.extent_A)
    kept = torch.zeros((len(numbers), len(kx), len(ky)), dtype=torch.complex64, device=device)
    number = specimen.slice_of - numbers.start
    for symbol in np.unique(atoms.symbols):
        chosen = np.flatnonzero((atoms.symbols == symbol) & (number >= 0) & (number < len(numbers)))
        if not len(chosen):
            continue
        table = _by_slice(number[chosen], len(numbers))
        here = np.where(table < 0, 0, chosen[table])
        weights = np.where(table < 0, 0.0, atoms.occupancies[here])
        along_x = _waves(turns[here, 0], orders[0], device) * torch.from_numpy(
            weights.astype(np.float32)
        ).to(device).unsqueeze(-1)
        along_y = _waves(turns[here, 1], orders[1], device)
        factor = scattering_factor(str(symbol), k2) * (k2 < reach**2)
        kept += torch.bmm(along_x.transpose(1, 2), along_y) * torch.from_numpy(
            factor.astype(np.float32)
        ).to(device)
    full = torch.zeros(
        (len(numbers), grid.gpts[0], grid.gpts[1] // 2 + 1), dtype=torch.complex64, device=device
    )
    full[:, : nx + 1, : ny + 1] = kept[:, nx:]
    full[:, grid.gpts[0] - nx :, : ny + 1] = kept[:, :nx]
    return full


def _by_slice(slice_of: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the numbers of the atoms of each slice, one row per slice, filled up with -1."""
    order = np.argsort(slice_of, kind="stable")
    sizes = np.bincount(slice_of, minlength=count)
    table = np.full((count, int(sizes.max(initial=0))), -1, dtype=np.int64)
    table[np.arange(table.shape[1]) < sizes[:, None]] = order
    return table


def _waves(turns: NDArray[np.float64], orders: NDArray[np.int64], device: str) -> "torch.Tensor":
    """Return exp(-2 pi i n t) for successive n in single precision, shape (slice, atom, order)."""
    # Products of two short tables: a sine and cosine for each would cost several times more.
    coarse = _phases(turns, orders[::_STRIDE], device)
    fine = _phases(turns, np.arange(_STRIDE), device)
    products = coarse[..., :, None] * fine[..., None, :]
    return products.flatten(start_dim=-2)[..., : len(orders)]


def _phases(turns: NDArray[np.float64], orders: NDArray[np.int64], device: str) -> "torch.Tensor":
    import torch

    # In double precision, which the angles of hundreds of turns need.
    angles = torch.from_numpy(-2 * np.pi * turns).to(device)[..., None]
    angles = torch.remainder(angles * torch.from_numpy(orders).to(device), 2 * np.pi).float()
    return torch.polar(torch.ones_like(angles), angles)


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
