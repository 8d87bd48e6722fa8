"""Print how much tilt and aberrations change an image: O3 LiNiO2, 80 Å, static, 300 kV, 20 mrad.

Signals at all probes of one period, no source size: the largest difference of a probe, and the
correlation with the image of the ideal instrument.

Run: python benchmarks/instrument.py
"""

import numpy as np

from stackmotif.imaging import Detector, Microscope
from stackmotif.imaging.plan import make_plan
from stackmotif.imaging.running import run_plan
from stackmotif.structures import build

SCOPE = Microscope(
    300e3, 20.0, (Detector("ADF", 25, 75), Detector("ABF", 10, 20), Detector("BF", 0, 10))
)
CHANGES = {
    "tilt 2 mrad along the rows": {"tilt_mrad": (2.0, 0.0)},
    "tilt 5 mrad along the rows": {"tilt_mrad": (5.0, 0.0)},
    "tilt 5 mrad across the rows": {"tilt_mrad": (0.0, 5.0)},
    "tilt 10 mrad along the rows": {"tilt_mrad": (10.0, 0.0)},
    "astigmatism C12 = 10 Å": {"aberrations": {"C12": 10.0}},
    "coma C21 = 200 Å": {"aberrations": {"C21": 200.0}},
}


def signals(scope: Microscope) -> np.ndarray:
    """Return the signals (detector, probe) under the first entrance surface."""
    crystal = build("|R+[Li]|", lattice="LiNiO2:1")
    plan = make_plan(crystal, microscope=scope, thickness_A=80.0, phonons=0)
    return run_plan(plan, positions_A=plan.unit.positions_A)[0]


def main() -> None:
    ideal = signals(SCOPE)
    contrast = np.ptp(ideal, axis=1)
    print(f"| change | {' | '.join(SCOPE.detector_names)} |\n|---|---|---|---|")
    for name, change in CHANGES.items():
        found = signals(SCOPE.with_(**change))
        largest = np.abs(found - ideal).max(axis=1) / contrast
        alike = [np.corrcoef(one, other)[0, 1] for one, other in zip(found, ideal, strict=True)]
        cells = [f"{a:.0%} ({r:.4f})" for a, r in zip(largest, alike, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
