"""Show a glided and a flipped twin domain as four detectors see them, and which one decides.

Run: python examples/06_images_in_milliseconds.py [DIR]
Writes domains.png to DIR (a new temporary folder if DIR is not given).
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import stackmotif as sm

# The same metal columns: in the first the slabs of the domain kept their tilt, in the second not.
WORDS = {"glided": "|R+[Li]4 R-2 R+[Li]4 R0|", "flipped": "|R+[Li]4 R- L- R+[Li]4 R0|"}


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="stackmotif-"))
    out.mkdir(parents=True, exist_ok=True)
    settings = {
        "lattice": "LiNiO2:0.5", "microscope": "stem-300kV", "engine": "atlas", "field_A": (50, 30)
    }  # fmt: skip
    images = {}
    for name, word in WORDS.items():
        start = time.perf_counter()
        images[name] = sm.simulate(word, **settings)
        print(f"{name}: {1e3 * (time.perf_counter() - start):.0f} ms")
    first, second = images.values()
    figure = Figure(figsize=(10, 8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(first.detectors))
    for column, detector in enumerate(first.detectors):
        pair = [one.channel(detector) for one in (first, second)]
        alike = np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1]
        error = first.provenance["error"]["rms_of_contrast"][detector]
        print(f"{detector:6s} correlation {alike:.3f}; error of the atlas {100 * error:.1f} %")
        for row, (name, image) in enumerate(zip(images, pair, strict=True)):
            axes[row, column].imshow(image, cmap="gray")
            axes[row, column].set_title(f"{name}, {detector}")
            axes[row, column].set_axis_off()
    figure.savefig(out / "domains.png")
    print(f"written: {out}")


if __name__ == "__main__":
    main()
