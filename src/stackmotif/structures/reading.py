"""Atoms to words: any layered MO2 crystal, in any setting, read along its stacking direction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StructureError
from stackmotif.stacking import SITES, Guest, Slab, Word, gap_kind, shift_vector
from stackmotif.stacking.gaps import site_offsets
from stackmotif.stacking.slab import Shift
from stackmotif.structures.contacts import site_roles
from stackmotif.structures.frame import Array, Frame, circular_mean, find_frame, split_planes

if TYPE_CHECKING:
    from pymatgen.core import Structure

_LETTER_TOLERANCE: Final = 0.12
"""Largest deviation of a position from a letter A, B or C, in lattice constants."""

_VECTOR_TOLERANCE: Final = 0.02
_LARGEST_DENOMINATOR: Final = 12

_LEAST_RESULTANT: Final = 0.8
"""Least length of the mean phase vector of one plane's in-plane positions."""

_VACUUM_A: Final = 8.0
"""Two oxygen planes farther apart end a finite stack [Å]."""


@dataclass(frozen=True)
class _Atoms:
    """Heights [Å] and in-plane positions in one period from some anion plane up, and what is there.

    ``space`` counts the intervals between anion planes, from the lowest one.
    """

    lateral: Array
    role: NDArray[np.str_]
    element: list[str]
    occupancy: Array
    plane: NDArray[np.intp]
    space: NDArray[np.intp]
    gaps_A: Array
    """Height of the gap above each slab [Å]."""
    across: Array
    """In-plane part of the repeat, from the last slab to the first one's image, shape (2,)."""


@dataclass(frozen=True)
class _Layers:
    """Slabs from the bottom to the top: planes' in-plane positions modulo 1, each (n, 2)."""

    lower: Array
    metal: Array
    upper: Array
    vacuum: NDArray[np.bool_]
    """Whether the gap above each slab is vacuum, shape (n,)."""
    across: Array


def read_word(structure: "Structure") -> Word:
    """Return the stacking word of a layered crystal.

    The layers are found from the metal atoms' neighbours, so that origin, supercell, orientation
    and choice of cell do not matter; the word starts at some slab and may be the flipped one:
    compare canonical forms. Elements decide the roles: Li, Na, K and the like are guests, O, S, F
    and the like anions, every other element a metal; on a mixed site the main element counts. A gap
    of more than 8 Å is vacuum and makes the word finite.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        A crystal of MO2 slabs.

    Returns
    -------
    Word
        Primitive if periodic. Gap heights are not kept.

    Raises
    ------
    StructureError
        If the crystal is not layered, a plane is incomplete, or a position is no stacking position.

    Examples
    --------
    >>> from stackmotif.structures import build
    >>> read_word(build("|R+[Li] R0|")).canonical()
    Word.parse('|R+[Li] R0|')
    """
    if not hasattr(structure, "cart_coords"):
        raise StructureError(
            f"cannot read a word from {structure!r:.60}; expected a pymatgen Structure"
        )
    atoms = _atoms(structure)
    layers = _layers(atoms)
    slabs = [Slab(t, s) for t, s in zip(_tilts(layers), _shifts(layers), strict=True)]
    _add_guests(slabs, layers, atoms)
    if not layers.vacuum.any():
        return Word(tuple(slabs), True).primitive()
    return _one_stack(slabs, layers.vacuum)


def _one_stack(slabs: list[Slab], vacuum: NDArray[np.bool_]) -> Word:
    """Return the stack between two vacua; a cell may hold the same one several times."""
    ends = np.flatnonzero(vacuum)
    order = [*slabs[ends[-1] + 1 :], *slabs[: ends[-1] + 1]]
    lengths = np.diff(ends, prepend=ends[-1] - len(slabs))
    starts = np.cumsum(lengths) - lengths
    stacks = [Word(tuple(order[a : a + n]), False) for a, n in zip(starts, lengths, strict=True)]
    if len({stack.canonical() for stack in stacks}) > 1:
        raise StructureError(
            f"structure holds {len(stacks)} different stacks, parted by more than {_VACUUM_A} Å; "
            "expected one"
        )
    return stacks[0]


def _atoms(structure: "Structure") -> _Atoms:
    roles = site_roles(structure)
    frame = find_frame(structure, roles == "M")
    if not (roles == "O").any():
        raise StructureError("structure has no anions; expected MO2 slabs")
    positions, planes = _in_one_period(np.asarray(structure.cart_coords), roles == "O", frame)
    z = frame.height_A(positions)
    base = _lowest_slab_plane(z[roles == "M"], planes)
    nearest = np.argmin(np.abs(z[:, None] - planes), axis=1)
    below = np.where(roles == "O", nearest < base, z < planes[base])
    mains = [max(site.species.items(), key=lambda item: item[1]) for site in structure]
    space = np.searchsorted(planes, z) - 1 - base
    return _Atoms(
        lateral=frame.lateral(positions + below[:, None] * frame.repeat),
        role=roles,
        element=[species.symbol for species, _ in mains],
        occupancy=np.array([amount for _, amount in mains]),
        plane=(nearest - base) % len(planes),
        space=space % len(planes),
        gaps_A=_gap_heights(planes, base, frame.period_A),
        across=frame.lateral(frame.repeat),
    )


def _gap_heights(planes: Array, base: int, period_A: float) -> Array:
    rolled = np.concatenate([planes[base:], planes[: base + 1] + period_A])
    return rolled[2::2] - rolled[1:-1:2]


def _in_one_period(
    positions: Array, oxygen: NDArray[np.bool_], frame: Frame
) -> tuple[Array, Array]:
    """Return positions moved into one period along the normal, and the anion planes' heights."""
    heights = frame.height_A(positions)
    planes = np.array(split_planes(heights[oxygen], frame.period_A))
    start = planes[0] - (planes[0] + frame.period_A - planes[-1]) / 2
    turns = np.floor((heights - start) / frame.period_A)
    return positions - turns[:, None] * frame.repeat, planes


def _lowest_slab_plane(metal_z_A: Array, planes: Array) -> int:
    """Return 0 or 1: the anion plane above which the first slab's metals stand."""
    if len(planes) % 2:
        raise StructureError(f"{len(planes)} anion planes in a period; expected two per slab")
    space = (np.searchsorted(planes, metal_z_A) - 1) % len(planes)
    metals = np.bincount(space, minlength=len(planes))
    base = 0 if metals[::2].sum() >= metals[1::2].sum() else 1
    inside, between = metals[base::2], metals[1 - base :: 2]
    if between.any() or inside.min() != inside.max():
        raise StructureError(
            f"metals per interval between anion planes are {metals.tolist()}; expected equal "
            "numbers in every second one and none in the others"
        )
    return base


def _layers(atoms: _Atoms) -> _Layers:
    n_planes = 2 * len(atoms.gaps_A)
    oxygen = [_mean(atoms, atoms.role == "O", atoms.plane == k) for k in range(n_planes)]
    metal = [_mean(atoms, atoms.role == "M", atoms.space == k) for k in range(0, n_planes, 2)]
    return _Layers(
        lower=np.array(oxygen[::2]),
        metal=np.array(metal),
        upper=np.array(oxygen[1::2]),
        vacuum=atoms.gaps_A > _VACUUM_A,
        across=atoms.across,
    )


def _mean(atoms: _Atoms, role: NDArray[np.bool_], layer: NDArray[np.bool_]) -> Array:
    mean, resultant = circular_mean(atoms.lateral[role & layer])
    if resultant < _LEAST_RESULTANT:
        raise StructureError(
            "the atoms of one plane do not form one triangular lattice; expected rigid layers"
        )
    return mean


def _wrapped(values: Array) -> Array:
    return (values + 0.5) % 1.0 - 0.5


def _distance(difference: Array, vector: Sequence[Fraction]) -> Array:
    """Return how far in-plane differences are from a vector, modulo the lattice, largest axis."""
    return np.abs(_wrapped(difference - np.array(vector, dtype=np.float64))).max(axis=-1)


def _tilts(layers: _Layers) -> list[int]:
    lean = np.stack([layers.upper - layers.metal, layers.metal - layers.lower])
    distances = np.stack([_distance(lean, shift_vector(t)).max(axis=0) for t in (1, -1)])
    if (distances.min(axis=0) > _LETTER_TOLERANCE).any():
        k = int(np.argmax(distances.min(axis=0)))
        raise StructureError(
            f"slab {k}: its oxygen planes are not at -e and +e, or +e and -e, of the metal; "
            "expected an octahedral (not prismatic) MO2 slab"
        )
    return [int(t) for t in np.where(distances[0] < distances[1], 1, -1)]


def _shifts(layers: _Layers) -> list[Shift]:
    above = np.concatenate([layers.metal[1:], layers.metal[:1] + layers.across])
    steps = above - layers.metal
    return [
        None if vacuum else _shift(step) for step, vacuum in zip(steps, layers.vacuum, strict=True)
    ]


def _shift(step: Array) -> int | tuple[Fraction, Fraction]:
    u, v = (Fraction(float(x)).limit_denominator(_LARGEST_DENOMINATOR) for x in step % 1.0)
    if _distance(step, (u, v)) < _VECTOR_TOLERANCE and max(u.denominator, v.denominator) <= 2:
        return (u, v) if u % 1 or v % 1 else 0
    for shift in (1, 0, -1):
        if _distance(step, shift_vector(shift)) < _LETTER_TOLERANCE:
            return shift
    if _distance(step, (u, v)) < _VECTOR_TOLERANCE:
        return u, v
    raise StructureError(
        f"two slabs are displaced by ({step[0] % 1:.3f}, {step[1] % 1:.3f}) of the in-plane "
        "lattice; expected a multiple of (2/3, 1/3) or a simple fraction"
    )


def _add_guests(slabs: list[Slab], layers: _Layers, atoms: _Atoms) -> None:
    guests = atoms.role == "A"
    if (atoms.space[guests] % 2 == 0).any():
        raise StructureError("a guest stands inside a slab; expected guests between slabs only")
    per_plane = int((atoms.role == "M").sum()) // len(slabs)
    for k in np.unique(atoms.space[guests] // 2):
        if layers.vacuum[k]:
            raise StructureError("a guest stands in the vacuum; expected guests between slabs only")
        chosen = np.flatnonzero(guests & (atoms.space // 2 == k))
        upper = slabs[(k + 1) % len(slabs)]
        guest = _guest(slabs[k], upper, layers.metal[k], atoms, chosen, per_plane=per_plane)
        slabs[k] = replace(slabs[k], guest=guest)


def _guest(
    lower: Slab,
    upper: Slab,
    metal: Array,
    atoms: _Atoms,
    chosen: NDArray[np.intp],
    *,
    per_plane: int,
) -> Guest:
    elements = {atoms.element[i] for i in chosen}
    if len(elements) > 1:
        raise StructureError(
            f"a gap holds {' and '.join(sorted(elements))}; expected one guest element per gap"
        )
    occupancy = round(float(atoms.occupancy[chosen].sum()) / per_plane, 6)
    if occupancy > 1:
        raise StructureError(f"a gap holds {occupancy} guests per metal; expected at most 1")
    kind = gap_kind(lower.tilt, lower.shift, upper.tilt)
    site = _site(kind, lower, upper, atoms.lateral[chosen] - metal)
    return Guest(elements.pop(), occupancy, site)


def _site(kind: str, lower: Slab, upper: Slab, offsets: Array) -> str | None:
    """Return the site of all guests in one gap; None is the default one."""
    names = SITES[kind]
    for name in names:
        places = site_offsets(lower, upper, name)
        if places and (_nearest(offsets, places) < _LETTER_TOLERANCE).all():
            return None if name == names[0] else name
    if kind == "T" and not site_offsets(lower, upper, "t"):
        return None
    raise StructureError(
        f"guests of a gap of kind {kind!r} are not all on one site; expected {' or '.join(names)}"
    )


def _nearest(offsets: Array, places: Sequence[Sequence[Fraction]]) -> Array:
    """Return how far each in-plane position is from the nearest of some places."""
    return np.min([_distance(offsets, place) for place in places], axis=0)
