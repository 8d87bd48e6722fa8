"""What the statistics need of a result: the gaps of a field, as rows that can be permuted.

The unit of every statistic is a gap with its lateral domains, never a cell: the slots of one gap are
not independent of each other. A gap is therefore one row of a record, and carries its whole lateral
profile with it wherever it goes.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import StackmotifError
from stackmotif.matching.motif_map import MotifMap
from stackmotif.matching.runs import OUTSIDE, UNKNOWN
from stackmotif.matching.statistics.extents import EXTENT_FIELDS, motif_extents
from stackmotif.matching.statistics.grids import dense_states, despeck, majority_states

Floats = NDArray[np.float64]
States = NDArray[np.int8]

MAX_SECTIONS = 16
"""Lines along c at which a field is looked at, at most, spread evenly over its width."""

_ROUND = 6  # digits of a posterior that make two lateral sections the same


@dataclass(frozen=True)
class FieldRecord:
    """Gap posteriors of one field along a few lines along c, and its size.

    Parameters
    ----------
    name : str
        Name of the field.
    probability : ndarray, shape (n_gaps, n_sections, 3)
        Posterior of ``+``, ``0``, ``-`` of the gap's lateral domain at each line, from the top row
        down; what is missing to 1 is unknown. The majority of the signed gaps is ``+``.
    weight : ndarray, shape (n_sections,)
        Share of the field's width that each line stands for; sums to 1.
    area_A2, length_A : float
        Area of the cells with a state, and the length along c that they cover on average [Å², Å].
    width_A : float
        Mean width of the gaps [Å].
    extents : ndarray
        Named motifs with their ends, fields `EXTENT_FIELDS`.
    status : str
        ``ok``, ``low_confidence`` or ``failed``; a failed field has no gaps.
    """

    name: str
    probability: Floats
    weight: Floats
    area_A2: float = float("nan")
    length_A: float = float("nan")
    width_A: float = float("nan")
    extents: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, dtype=EXTENT_FIELDS))
    status: str = "ok"

    @classmethod
    def from_states(
        cls, states: str, *, name: str = "states", row_spacing_A: float = 4.73, width_A: float = 100
    ) -> "FieldRecord":
        """Return the record of a full-width stacking, states as ``+``, ``0``, ``-`` or ``x``.

        >>> FieldRecord.from_states("++0+x").probability[:, 0, 1].tolist()
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
            probability=_majority_plus(probability[:, None, :], np.ones(1)),
            weight=np.ones(1),
            area_A2=length * width_A,
            length_A=length,
            width_A=float(width_A),
        )

    @property
    def known(self) -> NDArray[np.bool_]:
        """Gaps of which more than half is known, shape (n_gaps,)."""
        return np.asarray(self.probability.sum(axis=2) @ self.weight > 0.5)


def field_record(r: MotifMap) -> FieldRecord:
    """Return what the statistics need of a result; of a failed one, nothing but its name."""
    lattice = r.summary.get("lattice")
    if r.status == "failed" or not lattice or not len(r.shifts):
        return FieldRecord(r.name, np.zeros((0, 1, 3)), np.ones(1), status="failed")
    states = majority_states(despeck(dense_states(r)))
    probability, weight = _sections(r, states)
    known = (states != OUTSIDE) & (states != UNKNOWN)
    gaps = np.maximum((states != OUTSIDE).any(axis=1).sum(), 1)
    spacing, pitch = float(lattice["row_spacing_A"]), float(lattice["pitch_A"])
    width_A = float((states != OUTSIDE).sum() / gaps) * pitch
    area_A2 = float(known.sum()) * pitch * spacing
    return FieldRecord(
        name=r.name,
        probability=_majority_plus(probability, weight),
        weight=weight,
        area_A2=area_A2,
        length_A=area_A2 / width_A if width_A else 0.0,
        width_A=width_A,
        extents=motif_extents(r, states=states),
        status=r.status,
    )


def _majority_plus(probability: Floats, weight: Floats) -> Floats:
    """Swap ``+`` and ``-`` of a whole field where ``-`` is the majority."""
    share = np.einsum("gsa,s->a", probability, weight)
    return probability[..., ::-1].copy() if share[2] > share[0] else probability


def _sections(r: MotifMap, states: States) -> tuple[Floats, Floats]:
    """Return the posteriors along evenly spread lines along c, equal lines once, and weights.

    Every lateral domain of a gap has one posterior: the mean over its measured cells.
    """
    n_gaps, n_slots = states.shape
    inside = states != OUTSIDE
    used = np.flatnonzero(inside.sum(axis=0) >= max(1, n_gaps // 2))
    used = used if len(used) else np.arange(n_slots)
    lines = used[((np.arange(MAX_SECTIONS) + 0.5) * len(used) / MAX_SECTIONS).astype(np.int64)]
    code = np.where(inside, states, UNKNOWN).astype(np.int64)
    own = np.arange(n_gaps)[:, None] * 4 + code
    mean = _domain_posteriors(r, own, n_gaps * 4)
    cut = np.where(inside[..., None], mean[own], 0.0)[:, lines, :]
    flat = np.round(cut, _ROUND).transpose(1, 0, 2).reshape(len(lines), -1)
    _, first, count = np.unique(flat, axis=0, return_index=True, return_counts=True)
    return cut[:, first], count / count.sum()


def _domain_posteriors(r: MotifMap, own: NDArray[np.int64], n: int) -> Floats:
    """Return the mean posterior (n, 3) of the measured cells of each gap and state."""
    cell = own[r.shifts["gap"], r.shifts["slot"]]
    count = np.maximum(np.bincount(cell, minlength=n), 1)
    wanted = r.field.probability[r.shifts["gap"], r.shifts["slot"], :3]
    signed = np.stack([np.bincount(cell, wanted[:, k], n) / count for k in range(3)], axis=1)
    return np.asarray(signed)
