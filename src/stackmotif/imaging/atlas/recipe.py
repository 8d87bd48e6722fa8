"""What an atlas is made of: crystal, beam, detectors, thicknesses, neighbours."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from stackmotif.errors import SimulationError
from stackmotif.imaging.atlas.fillings import GAPS, Filling, pairs, singles
from stackmotif.imaging.grids import COARSEST_SAMPLING_A, sampling_for_angle
from stackmotif.imaging.microscope import Detector, Microscope
from stackmotif.stacking import gap_kind

FORMAT: Final = "stackmotif-atlas/1"

BIN_EDGES_MRAD: Final = (
    *(0.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0, 22.5, 25.0, 30.0, 35.0, 40.0, 45.0),
    *(50.0, 55.0, 60.0, 65.0, 70.0, 75.0, 80.0, 85.0, 90.0, 100.0, 110.0, 120.0, 130.0, 140.0),
    150.0,
)
"""Edges of the annular bins that are stored [mrad]; any detector between two of them is there."""

_DENSER: Final = 0.935
"""Step of a tile's samples over the Nyquist step of the probe."""
_MARGIN_A: Final = 0.35
"""What a tile reaches beyond the middle of a gap [Å]."""
_SETS: Final = ((120.0, (2, 2)), (200.0, (2, 3)), (math.inf, (4, 2)))
"""Sets of wave vectors up to a thickness [Å]: what their cell leaves is at most 0.45 % of the
contrast to 12 nm, 0.23 % at 20 nm, 0.14 % at 40 nm (``benchmarks/atlas.py cells``)."""
_ADD_UP_A: Final = 120.0
"""Thickness up to which adding what single fillings do is right within 0.26 % of the contrast
(docs/atlas.md)."""

MOMENTS: Final = ("com_x", "com_y")
"""Channels after the bins: centre of mass of the diffraction pattern (x right, y down) [mrad]."""


_USUAL_GUEST: Final = "Li"


@dataclass(frozen=True, order=True)
class Neighbour:
    """What a slab of tilt R has above it.

    Parameters
    ----------
    tilt : int
        Tilt of the slab above: 1 (``R``) or -1 (``L``).
    guest : str
        Element in the gap between them; an empty text is an empty gap. ``Li@u`` is on the upper
        site of a prismatic gap (kind ``p``) and as ``Li`` in all others.
    shift : Fraction
        Shift to the slab above in units of the column pitch, from 0 up to 1 (``-`` is 2/3).
    below, beyond, uppermost : str
        Elements in the gap below the slab of tilt R, in the gap above the slab above, and in the
        uppermost gap of the cell, which is the second one below the slab.
    """

    tilt: int
    guest: str
    shift: Fraction
    below: str = _USUAL_GUEST
    beyond: str = _USUAL_GUEST
    uppermost: str = ""

    @property
    def thirds(self) -> int | None:
        """The shift as -1, 0 or +1 thirds of the pitch, None between them."""
        thirds = self.shift * 3
        return None if thirds.denominator != 1 else (int(thirds) + 1) % 3 - 1

    @property
    def element(self) -> str:
        """The guest without its site."""
        return self.guest.partition("@")[0]

    @property
    def kind(self) -> str | None:
        """Kind of the gap above a slab of tilt R, None between the thirds."""
        return None if self.thirds is None else gap_kind(1, self.thirds, self.tilt)

    @property
    def simulated(self) -> "Neighbour":
        """The neighbour whose tile this one shares."""
        return self if self.kind == "p" else replace(self, guest=self.element)


REFERENCE: Final = Neighbour(1, _USUAL_GUEST, Fraction(1, 3))
"""The neighbour of O3: what stands below the slab of every tile."""


@dataclass(frozen=True)
class AtlasRecipe:
    """All that an atlas follows from; equal recipes make equal atlases.

    Parameters
    ----------
    microscope : Microscope
        Beam and lens; its source and detectors play no part.
    lattice : str
        Lattice of the slabs, ``NAME:x``.
    thickness_A : tuple of float
        Exit planes [Å], rounded to whole periods along the beam.
    n_shifts : int
        Equidistant shifts over one pitch, a multiple of 3: 3 for words, 12 for continuous zones.
    guests : tuple of str
        Fillings of the gap above; an empty text is an empty gap, and ``Li@u`` the upper site of
        prismatic gaps, which the lower one becomes if the crystal is turned upside down.
    phonons : int
        Frozen-phonon configurations; 0 is the static lattice.
    rng : int
        Seed of the displacements.
    pitches, slabs : int
        Size of the simulated cell; an even number of pitches.
    k_points : tuple of int
        Sets of wave vectors (x, y), which stand in for a cell so many times larger: pairs of
        configurations take turns, the static lattice is the mean over all.
    sampling_A : float
        Coarsest step of the wave grid [Å].
    row_step_A, n_rows, n_columns : float and int
        Sampling of a tile across the slab and along the pitch; odd numbers.
    bin_edges_mrad : tuple of float
        Edges of the annular bins [mrad].
    sigma_A : mapping of str to float
        Thermal displacement per axis and element [Å]; elements left out get the package's values.
    couplings : bool
        Whether tiles are added for what the fillings of different gaps do to each other.

    Raises
    ------
    SimulationError
        If a value makes no atlas.
    """

    microscope: Microscope
    lattice: str = "LiNiO2:0.5"
    thickness_A: tuple[float, ...] = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0)
    n_shifts: int = 3
    guests: tuple[str, ...] = ("", "Li", "Li@u")
    phonons: int = 8
    rng: int = 0
    pitches: int = 6
    slabs: int = 4
    k_points: tuple[int, int] = (2, 2)
    sampling_A: float = 0.0349
    row_step_A: float = 0.23
    n_rows: int = 25
    n_columns: int = 11
    bin_edges_mrad: tuple[float, ...] = BIN_EDGES_MRAD
    sigma_A: Mapping[str, float] = field(default_factory=dict)
    couplings: bool = False

    def __post_init__(self) -> None:
        for name in ("thickness_A", "guests", "bin_edges_mrad", "k_points"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_increasing("thickness_A", self.thickness_A, "Å", least=1.0)
        _check_increasing("bin_edges_mrad", self.bin_edges_mrad, "mrad", least=0.0)
        _check_count("n_shifts", self.n_shifts, 3, 48, "a multiple of 3", self.n_shifts % 3 == 0)
        _check_count("pitches", self.pitches, 4, 40, "an even number", self.pitches % 2 == 0)
        _check_count("slabs", self.slabs, 4, 20, "a whole number", True)
        _check_count("n_rows", self.n_rows, 9, 199, "an odd number", self.n_rows % 2 == 1)
        _check_count("n_columns", self.n_columns, 5, 99, "an odd number", self.n_columns % 2 == 1)
        check_k_points("the atlas", self.k_points)
        _check_count("phonons", self.phonons, 0, 10_000, "a whole number", True)
        if 0 < self.phonons < _least_phonons(self.k_points):
            raise SimulationError(
                f"phonons of the atlas is {self.phonons} with {math.prod(self.k_points)} sets of "
                f"wave vectors, one for each pair; expected 0, {_least_phonons(self.k_points)} or "
                "more, or k_points=(1, 1)"
            )
        if REFERENCE.guest not in self.guests or len(set(self.guests)) != len(self.guests):
            raise SimulationError(
                f"guests of the atlas are {self.guests}; expected different ones, "
                f"{REFERENCE.guest!r} among them"
            )
        object.__setattr__(self, "sigma_A", self._all_sigma_A())

    def _all_sigma_A(self) -> dict[str, float]:
        from stackmotif.imaging.thermal import thermal_sigma_A
        from stackmotif.structures.lattices.lattice import get_lattice

        lattice = get_lattice(self.lattice)
        guests = {one.partition("@")[0] for one in self.guests}
        symbols = {*lattice.host, lattice.anion, *guests} - {""}
        return {one: thermal_sigma_A(one, self.sigma_A) for one in sorted(symbols)}

    @classmethod
    def for_microscope(cls, microscope: Microscope, **changes: Any) -> "AtlasRecipe":
        """Return a recipe whose wave grid and scan fit a beam and a lattice.

        Parameters
        ----------
        microscope : Microscope
            Beam and lens.
        **changes
            Any field; grid, scan and rings are chosen unless given: the usual ones and the edges of
            the microscope's detectors. The thickest exit plane says how many sets of wave vectors
            are needed (fewer, where there are too few phonons for them), and beyond 12 nm that
            fillings act on each other.
        """
        from stackmotif.structures.lattices.lattice import get_lattice

        lattice = get_lattice(changes.get("lattice", cls.lattice))
        rims = {one for each in microscope.detectors for one in (each.inner_mrad, each.outer_mrad)}
        edges = changes.get("bin_edges_mrad", tuple(sorted(rims.union(BIN_EDGES_MRAD))))
        step = math.floor(100 * _DENSER * microscope.nyquist_step_A + 0.1) / 100
        reach = max(lattice.row_spacing_A(kind) for kind in lattice.gap_heights_A) / 2 + _MARGIN_A
        thickest = max(changes.get("thickness_A", cls.thickness_A), default=0.0)
        fitting = {
            "bin_edges_mrad": edges,
            "sampling_A": math.floor(
                1e4 * min(sampling_for_angle(edges[-1], microscope), COARSEST_SAMPLING_A)
            )
            / 1e4,
            "row_step_A": step,
            "n_rows": 2 * math.ceil(reach / step) + 1,
            "n_columns": 2 * math.ceil((lattice.column_pitch_A / step - 1) / 2) + 1,
            "k_points": _sets_for(thickest, changes.get("phonons", cls.phonons)),
            "couplings": thickest > _ADD_UP_A,
        }
        return cls(microscope, **{**fitting, **changes})

    @property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """Every neighbour above, the tilt slowest and the shift fastest."""
        return tuple(
            Neighbour(tilt, guest, Fraction(j, self.n_shifts))
            for tilt in (1, -1)
            for guest in self.guests
            for j in range(self.n_shifts)
        )

    @property
    def elements(self) -> tuple[str, ...]:
        """The guests without their sites."""
        return tuple(dict.fromkeys(one.partition("@")[0] for one in self.guests))

    @property
    def others(self) -> tuple[str, ...]:
        """What gaps may hold in place of the reference's guest; nothing is always among it."""
        each = dict.fromkeys((*self.elements, ""))
        return tuple(one for one in each if one != REFERENCE.guest)

    @property
    def fillings(self) -> tuple[Neighbour, ...]:
        """O3 with at most two of four gaps filled otherwise; half turns are left out."""
        if not self.couplings:
            return ()
        others = self.others
        found = [{}, *singles("u", others), *singles("V", others), *pairs(others)]
        return tuple(filled_otherwise(one) for one in found)

    @property
    def tiles(self) -> tuple[Neighbour, ...]:
        """Everything that is simulated: neighbours, then fillings."""
        return self.neighbours + self.fillings

    @property
    def configurations(self) -> tuple[int, ...]:
        """Numbers of the configurations; the static lattice is the single one, -1."""
        return tuple(range(self.phonons)) if self.phonons else (-1,)

    def settings(self) -> dict[str, Any]:
        """Return the recipe as plain numbers, texts and lists, as stored."""
        values = {**self.__dict__, "sigma_A": dict(self.sigma_A)}
        del values["microscope"]
        return {
            "beam": _beam(self.microscope),
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in values.items()
            },
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "AtlasRecipe":
        """Return the recipe that :meth:`settings` described."""
        # A tile does not say how many others there are; not all recipes had sets.
        values = {"k_points": (1, 1), "phonons": 0, "couplings": False, **settings}
        edges = values["bin_edges_mrad"]
        beam: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one
            for name, one in values.pop("beam").items()
        }
        everything = (Detector("all", edges[0], edges[-1]),)
        return cls(microscope=Microscope(**beam, detectors=everything, name="atlas"), **values)


def filled_otherwise(filling: Filling) -> Neighbour:
    """Return O3 with some of the four gaps nearest to a slab filled otherwise."""
    above, *around = (filling.get(gap, REFERENCE.guest) for gap in GAPS)
    return Neighbour(REFERENCE.tilt, above, REFERENCE.shift, *around)


def _sets_for(thickness_A: float, phonons: int) -> tuple[int, int]:
    """Return the sets of wave vectors that a thickness needs and the phonons allow."""
    last = next(k for k, (limit, _) in enumerate(_SETS) if not thickness_A > limit)
    allowed = [
        sets for _, sets in _SETS[: last + 1] if not phonons or phonons >= _least_phonons(sets)
    ]
    return allowed[-1] if allowed else _SETS[0][1]


def _least_phonons(k_points: tuple[int, int]) -> int:
    """Return how many phonon configurations sets of wave vectors need: a pair for each."""
    return 2 * math.prod(k_points)


def check_k_points(what: str, k_points: tuple[int, ...]) -> None:
    """Refuse all but two whole numbers from 1.

    Raises
    ------
    SimulationError
        With what was given.
    """
    whole = all(isinstance(one, int) and 1 <= one <= 99 for one in k_points)
    if len(k_points) != 2 or not whole:
        raise SimulationError(
            f"k_points of {what} is {k_points}; expected two whole numbers from 1 to 99"
        )


def _beam(microscope: Microscope) -> dict[str, Any]:
    """Return what the wave depends on; what has its default is left out, so that keys last."""
    kept: dict[str, Any] = {
        "energy_eV": microscope.energy_eV,
        "semiangle_mrad": microscope.semiangle_mrad,
    }
    for one in fields(microscope):
        value = getattr(microscope, one.name)
        if (
            one.name not in (*kept, "detectors", "source_fwhm_A", "name", "note")
            and value != one.default
        ):
            kept[one.name] = list(value) if isinstance(value, tuple) else value
    return kept


def _check_increasing(name: str, values: tuple[float, ...], unit: str, *, least: float) -> None:
    steps = pairwise(values)
    good = values and all(math.isfinite(value) and value >= least for value in values)
    if not (good and all(low < high for low, high in steps)):
        raise SimulationError(
            f"{name} of the atlas is {values} {unit}; expected increasing numbers from {least:g}"
        )


def _check_count(name: str, value: int, low: int, high: int, kind: str, fits: bool) -> None:
    if not (low <= value <= high and fits):
        raise SimulationError(
            f"{name} of the atlas is {value}; expected {kind} from {low} to {high}"
        )
