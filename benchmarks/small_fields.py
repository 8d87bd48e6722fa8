"""Print how small fields with bent and displaced rows are read: ten rows of sixteen columns.

Random stackings (four in five gaps O3), column noise 0.09 Å. Seeds of development start at 6100,
reporting seeds at 98000.

Run: python benchmarks/small_fields.py [--fields 100]
"""

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np

import stackmotif as sm
from stackmotif.matching import judge_cells
from stackmotif.stacking.columnset import place_columns, stack_phases

REPORTING = 98000
N_GAPS, N_SLOTS, NOISE_A = 9, 16, 0.09
SETTINGS = {
    "straight": {},
    "4° shear": {"shear_deg": 4.0},
    **{f"curvature {a} Å": {"curvature_A": a} for a in (0.3, 0.6, 1.0)},
    **{f"rows displaced by {a} Å": {"row_jitter_A": a} for a in (0.05, 0.1, 0.2)},
}
DRAWN_A = (0.02, 0.25)
"""Displacements of rows, drawn evenly in the logarithm [Å]."""


@dataclass(frozen=True)
class Judged:
    """Status of a field; probability of every true cell that was found, if right, if named."""

    status: str
    p: np.ndarray
    right: np.ndarray
    named: np.ndarray


def judge(seed: int, **disturbed: float) -> Judged:
    rng = np.random.default_rng(seed)
    states = ""
    while states.count("+") <= states.count("-"):  # a tie has no majority to be called +
        states = "".join(rng.choice(["+", "0", "-"], size=N_GAPS, p=[0.8, 0.1, 0.1]))
    phases = stack_phases(states, N_SLOTS)
    truth = place_columns(phases, rng=rng, noise_A=NOISE_A, **disturbed)
    read = sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=NOISE_A))
    real, thirds = judge_cells(read, truth)
    p = np.stack([read.shifts[name] for name in ("p_minus", "p_zero", "p_plus")], axis=1)[real]
    named = read.shifts["state"][real] != "x"
    return Judged(read.status, p.max(axis=1), p.argmax(axis=1) - 1 == thirds[real], named)


def line(name: str, fields: list[Judged]) -> str:
    status = Counter(one.status for one in fields)
    p, right, named = (
        np.concatenate([getattr(one, key) for one in fields]) for key in ("p", "right", "named")
    )
    sure = named & (p >= 0.99)
    wrong = f"{100 * np.mean(~right[sure]):.2f} %" if sure.any() else "-"
    return (
        f"| {name} | {status['ok']}, {status['low_confidence']} | {np.mean(right & named):.3f} "
        f"| {np.mean(~right & named):.3f} | {np.mean(~named):.3f} | {np.mean(sure):.2f} | {wrong} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=100)
    n = parser.parse_args().fields
    print(
        "| rows | `ok`, `low_confidence` | right | wrong | unresolved | p >= 0.99 | wrong of it |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, disturbed in SETTINGS.items():
        print(line(name, [judge(REPORTING + k, **disturbed) for k in range(n)]), flush=True)
    low, high = np.log(DRAWN_A)
    drawn = np.exp(np.random.default_rng(REPORTING).uniform(low, high, 2 * n))
    fields = [judge(REPORTING + k, row_jitter_A=float(size)) for k, size in enumerate(drawn)]
    print(line(f"displaced by {DRAWN_A[0]} to {DRAWN_A[1]} Å", fields))


if __name__ == "__main__":
    main()
