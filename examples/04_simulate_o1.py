"""Simulate a thin O1 crystal and show that BF and ABF see its oxygen, HAADF its metal.

Run: python examples/04_simulate_o1.py [DIR]
Writes o1.npz and o1.png to DIR (a new temporary folder if DIR is not given).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import stackmotif as sm


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="stackmotif-"))
    out.mkdir(parents=True, exist_ok=True)
    template = sm.simulate(
        "|R0|", microscope="stem-300kV", thickness_A=20, pixel_size_A=0.2, phonons=0, rng=0
    )
    np.savez(out / "o1.npz", image=template.image, pixel_size_A=template.pixel_size_A)

    figure = Figure(figsize=(3 * len(template.detectors), 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(template.detectors))
    for axis, image, detector in zip(axes, template.image, template.detectors, strict=True):
        axis.imshow(image, cmap="gray")
        axis.set_title(f"{detector}, simulated")
        axis.set_axis_off()
        print(f"{detector:6s} {image.min():.4f} to {image.max():.4f} of the incident beam")
    figure.savefig(out / "o1.png")
    print(f"engine {template.engine}; written: {out}")


if __name__ == "__main__":
    main()
