"""Print how the test of random order along c is calibrated, and how much order it finds.

States are drawn and tested directly, and, for the calibration, also laid out as columns, disturbed
and read. Reporting seeds start at 72000 and are used nowhere else in the repository.

Run: python benchmarks/intergrowths.py [calibration] [reading] [power] [chunks]
"""

import sys
from collections.abc import Iterator

import numpy as np
from scipy.stats import binomtest, kstest

import stackmotif as sm
from stackmotif.matching.statistics import FieldRecord, stacking_statistics
from stackmotif.stacking.columnset import place_columns, stack_phases

REPORTING_SEED = 72000
PERMUTATIONS = 199
TESTS = (("O1", "order 1"), ("O1", "order 2"), ("O1", "pairs"), ("O1", "any"), ("states", "any"))


def random_states(rng: np.random.Generator, n: int, shares: tuple[float, float, float]) -> str:
    return "".join(rng.choice(list("+0-"), size=n, p=shares))


def chain(rng: np.random.Generator, n: int, *, share: float, correlation: float) -> str:
    """Draw a Markov chain of O1 gaps with a share and a neighbour correlation."""
    stay, come = share + correlation * (1 - share), share * (1 - correlation)
    state = [rng.random() < share]
    for chance in rng.random(n - 1):
        state.append(chance < (stay if state[-1] else come))
    return "".join("0" if s else "+" for s in state)


def periodic(rng: np.random.Generator, n: int, *, unit: str, disorder: float) -> str:
    """Repeat a unit, with every gap replaced by a random one of the same shares with a chance."""
    start = int(rng.integers(len(unit)))
    states = np.array([unit[(start + k) % len(unit)] for k in range(n)])
    swap = rng.random(n) < disorder
    states[swap] = rng.choice(list(unit), size=int(swap.sum()))
    return "".join(states)


def randomised(tests: np.ndarray, letters: str, test: str, rng: np.random.Generator) -> float:
    """Return the p-value with ties broken at random: exactly uniform for random order."""
    own = tests[(tests["letters"] == letters) & (tests["test"] == test)][0]
    return float(own["p_below"] + rng.random() * (own["p_value"] - own["p_below"]))


def calibration_lines(name: str, fields: Iterator[list], rng: np.random.Generator) -> None:
    found = [stacking_statistics(f, rng=rng, n_permutations=PERMUTATIONS) for f in fields]
    tested = [s.tests for s in found if s.enough]
    for letters, test in TESTS:
        p = np.array([randomised(t, letters, test, rng) for t in tested])
        own = [t[(t["letters"] == letters) & (t["test"] == test)]["p_value"][0] for t in tested]
        below = [float(np.mean(np.array(own) <= a)) for a in (0.05, 0.01)]
        print(
            f"| {name} | {letters}, {test} | {len(p)} | {below[0]:.3f} | {below[1]:.3f} | "
            f"{kstest(p, 'uniform').pvalue:.2f} |"
        )


def head() -> None:
    print("| random stackings | test | fields | p <= 0.05 | p <= 0.01 | KS p, ties at random |")
    print("|---|---|---|---|---|---|")


def calibration() -> None:
    print("### Random order called not random: states\n")
    head()
    cases = [
        ("20 gaps, O1 0.25", 20, (0.75, 0.25, 0.0), 1),
        ("40 gaps, O1 0.15, reversed 0.1", 40, (0.75, 0.15, 0.1), 1),
        ("100 gaps, O1 0.5", 100, (0.5, 0.5, 0.0), 1),
        ("5 fields of 15-40 gaps, O1 0.1-0.5", 0, (0.0, 0.0, 0.0), 5),
    ]
    for k, (name, n, shares, pooled) in enumerate(cases):
        rng = np.random.default_rng(REPORTING_SEED + k)
        fields = (
            [FieldRecord.from_states(random_states(rng, *_drawn(rng, n, shares)))
             for _ in range(pooled)]
            for _ in range(1000)
        )  # fmt: skip
        calibration_lines(name, fields, rng)


def _drawn(rng: np.random.Generator, n: int, shares: tuple) -> tuple[int, tuple]:
    if n:
        return n, shares
    share = rng.uniform(0.1, 0.5)
    return int(rng.integers(15, 41)), (1 - share, share, 0.0)


def with_steps(rng: np.random.Generator, phases: np.ndarray, states: str, n: int) -> np.ndarray:
    """Let O1 gaps climb to the next gap: from some place on, a row is displaced by a third."""
    phases = phases.copy()
    places = [k for k in range(len(states) - 1) if states[k : k + 2] in ("+0", "0+")]
    rng.shuffle(places)
    taken: set[int] = set()
    for k in places:
        if len(taken) >= 3 * n or taken & {k - 1, k, k + 1}:
            continue
        taken |= {k - 1, k, k + 1}
        jump = 1.0 if states[k] == "+" else -1.0
        phases[k + 1, int(rng.integers(6, phases.shape[1] - 6)) :] += jump
    return phases


def reading(n_fields: int = 300) -> None:
    print("\n### Random order called not random: columns, 40 gaps x 30 columns, 10 % missing\n")
    head()
    cases = [
        ("0.2 Å noise, 1° shear, 0.5 Å curvature", 0.2, {"shear_deg": 1.0, "curvature_A": 0.5}, 0),
        ("0.3 Å noise, rows offset by 0.08 Å", 0.3, {"row_jitter_A": 0.08}, 0),
        ("0.2 Å noise, 4 O1 gaps climb a gap", 0.2, {}, 4),
    ]
    for k, (name, noise, changes, steps) in enumerate(cases):
        rng = np.random.default_rng(REPORTING_SEED + 100 + k)
        fields = ([_read(rng, noise, changes, steps)] for _ in range(n_fields))
        calibration_lines(name, fields, rng)


def _read(rng: np.random.Generator, noise: float, changes: dict, steps: int) -> sm.MotifMap:
    states = random_states(rng, 40, (0.7, 0.25, 0.05))
    phases = with_steps(rng, stack_phases(states, 30), states, steps)
    truth = place_columns(phases, rng=rng, noise_A=noise, missing=0.1, **changes)
    return sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=noise))


ORDERED = [
    ("H1-3, perfect", lambda r, n: periodic(r, n, unit="+0", disorder=0.0)),
    ("H1-3, 30 % of the gaps random", lambda r, n: periodic(r, n, unit="+0", disorder=0.3)),
    ("O1 in every third gap, 30 % random", lambda r, n: periodic(r, n, unit="++0", disorder=0.3)),
    ("O1 in every fourth gap, 30 % random", lambda r, n: periodic(r, n, unit="+++0", disorder=0.3)),
    ("clustered, correlation 0.3, O1 0.25", lambda r, n: chain(r, n, share=0.25, correlation=0.3)),
    ("clustered, correlation 0.3, O1 0.5", lambda r, n: chain(r, n, share=0.5, correlation=0.3)),
    ("clustered, correlation 0.5, O1 0.25", lambda r, n: chain(r, n, share=0.25, correlation=0.5)),
    ("clustered, correlation 0.5, O1 0.1", lambda r, n: chain(r, n, share=0.1, correlation=0.5)),
    ("apart, correlation -0.3, O1 0.3", lambda r, n: chain(r, n, share=0.3, correlation=-0.3)),
]
SIZES = (15, 20, 40, 80, 160, 320)


def power(n_fields: int = 300) -> None:
    print("\n### Order found: share of fields with p <= 0.05, by the number of gaps\n")
    print("| stacking |" + "".join(f" {n} |" for n in SIZES))
    print("|---|" + "---|" * len(SIZES))
    for k, (name, make) in enumerate(ORDERED):
        rng = np.random.default_rng(REPORTING_SEED + 200 + k)
        shares = []
        for n in SIZES:
            records = [FieldRecord.from_states(make(rng, n)) for _ in range(n_fields)]
            found = [stacking_statistics(r, rng=rng, n_permutations=PERMUTATIONS) for r in records]
            hits = sum(s.p_value <= 0.05 for s in found)
            shares.append(hits / n_fields)
        print(f"| {name} |" + "".join(f" {share:.2f} |" for share in shares))
    width = binomtest(int(0.9 * n_fields), n_fields).proportion_ci()
    print(f"\n{n_fields} fields each: 0.90 is known to {width.low:.2f}-{width.high:.2f}.")


CHUNKS = [
    ("the O3 around it", {}, {}),
    ("the same, 1° shear, rows offset by 0.08 Å", {"shear_deg": 1.0, "row_jitter_A": 0.08}, {}),
    ("the same, 1 Å curvature", {"curvature_A": 1.0}, {}),
    ("the same, 2 Å curvature, 0.2 Å noise", {"curvature_A": 2.0, "noise_A": 0.2}, {}),
    ("spacing 4.65 Å", {}, {"spacing_A": 4.65}),
    ("spacing 4.47 Å, 1 Å curvature", {"curvature_A": 1.0}, {"spacing_A": 4.47}),
    ("turned by 0.3°", {}, {"turn_deg": 0.3}),
    ("turned by 1°", {}, {"turn_deg": 1.0}),
    ("turned by 1°, 1 Å curvature", {"curvature_A": 1.0}, {"turn_deg": 1.0}),
]


def chunk_field(
    rng: np.random.Generator, *, n_slots: int = 60, noise_A: float = 0.1, spacing_A: float = 4.73,
    turn_deg: float = 0.0, **changes: float,
) -> sm.MotifMap:  # fmt: skip
    """Read a field of 40 gaps with a full-width chunk of eight O1 gaps."""
    states = "+" * 16 + "0" * 8 + "+" * 16
    spacings = np.where(np.array(list(states)) == "0", spacing_A, 4.73)
    truth = place_columns(
        stack_phases(states, n_slots), rng=rng, noise_A=noise_A, missing=0.1,
        row_spacing_A=spacings, **changes,
    )  # fmt: skip
    points = truth.positions_A.copy()
    inside = (truth.row > 16) & (truth.row < 24)
    centre = points[inside].mean(axis=0)
    y, x = (points[inside] - centre).T
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    points[inside] = np.stack([y * c - x * s, x * c + y * s], axis=1) + centre
    return sm.identify(sm.Columns.from_positions(points, sigma_A=noise_A))


def chunks(n_fields: int = 24) -> None:
    print(f"\n### Chunks of eight O1 gaps in 40 gaps x 60 columns, {n_fields} fields each\n")
    print(
        "| chunk like | found | spacing claimed | difference (Å) | pitch claimed "
        "| rotation claimed | rotation (°) |\n|---|---|---|---|---|---|---|"
    )
    for k, (name, changes, own) in enumerate(CHUNKS):
        rng = np.random.default_rng(REPORTING_SEED + 600 + k)
        found = [chunk_field(rng, **changes, **own).summary["chunks"] for _ in range(n_fields)]
        seen = [one[0] for one in found if one]
        claims = [sum(c[f"{q}_clear"] for c in seen) for q in ("row_spacing", "pitch")]
        turned = sum(c["misorientation_clear"] for c in seen)
        print(
            f"| {name} | {len(seen)} | {claims[0]} | {_spread(seen, 'row_spacing_difference_A')} | "
            f"{claims[1]} | {turned} | {_spread(seen, 'misorientation_difference_deg')} |"
        )


def _spread(seen: list[dict], key: str) -> str:
    values = [c[key] for c in seen if c[key] is not None]
    return f"{np.mean(values):+.3f} ± {np.std(values):.3f}" if len(values) > 2 else "-"


PARTS = {"calibration": calibration, "reading": reading, "power": power, "chunks": chunks}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
