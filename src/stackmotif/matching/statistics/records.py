"""What the statistics need of a result: its gaps along one line along c, its size and its motifs.

The unit of every statistic is a gap with its lateral domain, never a cell: the slots of a gap are
not independent of each other. Nor are lines along c that cross the same domains, and walls couple
neighbouring gaps. The order of the gaps is therefore looked at along one line per field, which
meets every gap once, in one domain.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StackmotifError
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.runs import MINUS, OUTSIDE, PLUS, UNKNOWN, ZERO
from stackmotif.matching.statistics.extents import EXTENT_FIELDS, motif_extents
from stackmotif.matching.statistics.grids import dense_states, despeck, majority_states

Floats = NDArray[np.float64]
States = NDArray[np.int8]


@dataclass(frozen=True)
class FieldRecord:
    """Gap posteriors of one field along a few lines along c, and its size.

    Parameters
    ----------
    name : str
        Name of the field.
    probability : ndarray, shape (n_gaps, 3)
        Posterior of ``+``, ``0``, ``-`` of the lateral domain of each gap that the line meets, from
        the top row down; what is missing to 1 is unknown. The majority of the signed gaps is ``+``.
    area_A2, length_A : float
        Area of the cells with a state, and the length along c that they cover on average [Å², Å].
    width_A : float
        Mean width of the gaps [Å].
    n_walled : int
        Gaps that change their state along the row.
    extents : ndarray
        Named motifs with their ends, fields `EXTENT_FIELDS`.
    status : str
        ``ok``, ``low_confidence`` or ``failed``; a failed field has no gaps.
    """

    name: str
    probability: Floats
    area_A2: float = float("nan")
    length_A: float = float("nan")
    width_A: float = float("nan")
    n_walled: int = 0
    extents: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, dtype=EXTENT_FIELDS))
    status: str = "ok"

    @classmethod
    def from_states(
        cls, states: str, *, name: str = "states", row_spacing_A: float = 4.73, width_A: float = 100
    ) -> "FieldRecord":
        """Return the record of a full-width stacking, states as ``+``, ``0``, ``-`` or ``x``.

        >>> FieldRecord.from_states("++0+x").probability[:, 1].tolist()
        [0.0, 0.0, 1.0, 0.0, 0.0]

        Raises
        ------
        StackmotifError
            If a letter is none of these.
        """
        strange = set(states) - set("+0-x")
        if strange:
            raise StackmotifError(
                f"states hold {sorted(strange)}; expected only '+', '0', '-' and 'x' (unknown)"
            )
        letters = np.array(list(states))
        probability = (letters[:, None] == np.array(["+", "0", "-"])).astype(np.float64)
        length = float(probability.sum()) * row_spacing_A
        return cls(
            name=name,
            probability=_majority_plus(probability),
            area_A2=length * width_A,
            length_A=length,
            width_A=float(width_A),
        )

    @property
    def known(self) -> NDArray[np.bool_]:
        """Gaps with a state more likely than not, shape (n_gaps,)."""
        return np.asarray(self.probability.sum(axis=1) > 0.5)


def field_record(r: MotifMap) -> FieldRecord:
    """Return what the statistics need of a result; of a failed one, nothing but its name."""
    lattice = r.summary.get("lattice")
    if r.status == "failed" or not lattice or not len(r.shifts):
        return FieldRecord(r.name, np.zeros((0, 3)), status="failed")
    states = majority_states(despeck(dense_states(r)))
    known = (states != OUTSIDE) & (states != UNKNOWN)
    gaps = np.maximum((states != OUTSIDE).any(axis=1).sum(), 1)
    spacing, pitch = float(lattice["row_spacing_A"]), float(lattice["pitch_A"])
    width_A = float((states != OUTSIDE).sum() / gaps) * pitch
    area_A2 = float(known.sum()) * pitch * spacing
    return FieldRecord(
        name=r.name,
        probability=_majority_plus(_along_line(r, states)),
        area_A2=area_A2,
        length_A=area_A2 / width_A if width_A else 0.0,
        width_A=width_A,
        n_walled=_n_walled(states),
        extents=motif_extents(r, states=states),
        status=r.status,
    )


def _majority_plus(probability: Floats) -> Floats:
    """Swap ``+`` and ``-`` of a whole field where ``-`` is the majority."""
    share = probability.sum(axis=0)
    return probability[:, ::-1].copy() if share[2] > share[0] else probability


def _n_walled(states: States) -> int:
    """Return how many gaps have more than one known state."""
    seen = [(states == state).any(axis=1) for state in (PLUS, ZERO, MINUS)]
    return int((np.sum(seen, axis=0) > 1).sum())


def _along_line(r: MotifMap, states: States) -> Floats:
    """Return the posteriors (n_gaps, 3) along the line that meets most known gaps.

    Of several such lines it is the one nearest to the middle of the field. Every lateral domain of
    a gap has one posterior: the mean over its measured cells.
    """
    n_gaps, n_slots = states.shape
    inside = states != OUTSIDE
    known = (inside & (states != UNKNOWN)).sum(axis=0)
    middle = np.average(np.arange(n_slots), weights=inside.sum(axis=0))
    line = int(np.lexsort((np.abs(np.arange(n_slots) - middle), -known))[0])
    code = np.where(inside, states, UNKNOWN).astype(np.int64)
    own = np.arange(n_gaps)[:, None] * 4 + code
    mean = _domain_posteriors(r, own, n_gaps * 4)[own[:, line]]
    return np.where(inside[:, line, None], mean, 0.0)


def _domain_posteriors(r: MotifMap, own: NDArray[np.int64], n: int) -> Floats:
    """Return the mean posterior (n, 3) of the measured cells of each gap and state."""
    place = (r.shifts["gap"], r.shifts["slot"])
    cell = own[place]
    count = np.maximum(np.bincount(cell, minlength=n), 1)
    wanted = r.field.probability[place][:, :3]
    return np.stack([np.bincount(cell, wanted[:, k], n) / count for k in range(3)], axis=1)
