"""What the network is good for (docs/network.md).

Every figure is of seeds that trained nothing. Recall and precision against dose, with and without
it: benchmarks/dose_sweep.py.

python benchmarks/network.py dose     # recall and precision with and without it
python benchmarks/network.py phases   # its phases against a classifier of local FFTs
python benchmarks/network.py bias     # how far its image moves columns
python benchmarks/network.py images   # error of its images against dose
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from dose_sweep import SIZE, THICKNESS_A, without_noise

from stackmotif.columns import position_bias
from stackmotif.imaging.atlas import default_atlas
from stackmotif.imaging.atlas.references import random_words
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.noise import poisson_dose
from stackmotif.imaging.scenes import PHASES, make_scene
from stackmotif.micrograph import Micrograph
from stackmotif.micrograph.network import UNDECIDED, Seen, load_network, see
from stackmotif.report.palette import PHASE_COLOURS, PHASE_NAMES

REPORTING = 81000
"""Seed of words, scenes and electrons; others were used while developing, and 71000 to train."""
DOSES = (500, 100, 70, 50, 35, 25)
SCENES = 24
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "network.png"
FIGURE_SCENES = (5, 1)
WINDOWS, STRIDE = (64, 96), 16
FFT_SEED, FFT_SCENES = 75000, 600


def shares(seen: Seen) -> np.ndarray:
    """Return the probability of each of ``PHASES``, shape (phase, y, x)."""
    layered, *others = seen.phases.values()
    o1 = 0.5 if seen.o1 is None else seen.o1
    return np.stack([layered * (1 - o1), layered * o1, *others])


def spectra(pixels: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log power spectra (place, feature) of windows, and the pixel at their middle."""
    standard = (pixels - pixels.mean()) / max(float(pixels.std()), 1e-9)
    views = np.lib.stride_tricks.sliding_window_view(standard, (window, window))
    views = views[::STRIDE, ::STRIDE]
    hann = np.outer(np.hanning(window), np.hanning(window))
    level = views.mean(axis=(2, 3))
    power = np.abs(np.fft.rfft2((views - level[..., None, None]) * hann)) ** 2
    # All that columns scatter lies below 1.1 per Å.
    cut = int(1.1 * window * 0.25)
    power = np.concatenate([power[..., :cut, :cut], power[..., -cut:, :cut]], axis=2)
    features = np.log(power.reshape(*power.shape[:2], -1) + 1e-3)
    extra = np.stack([level, np.log(views.std(axis=(2, 3)) + 1e-3)], axis=-1)
    features = np.concatenate([features, 5 * extra], axis=-1).reshape(-1, features.shape[-1] + 2)
    places = np.indices(views.shape[:2]).reshape(2, -1).T * STRIDE + window // 2
    return features.astype(np.float32), places


class SpectrumClassifier:
    """Two layers on the log power spectrum of a window: the usual local-FFT classifier."""

    def __init__(self, window: int) -> None:
        self.window = window
        found, labels = [], []
        for k in range(FFT_SCENES):
            scene = make_scene((FFT_SEED, k))
            features, places = spectra(scene.pixels * (1 if scene.bright else -1), window)
            found.append(features)
            labels.append(scene.phase[tuple(places.T)])
        x, y = np.concatenate(found), np.concatenate(labels)
        x, y = x[y >= 0], y[y >= 0]
        self.mean, self.scale = x.mean(axis=0), x.std(axis=0) + 1e-6
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(x.shape[1], 128), torch.nn.ReLU(), torch.nn.Dropout(0.3),
            torch.nn.Linear(128, len(PHASES)),
        )  # fmt: skip
        given, wanted = torch.from_numpy((x - self.mean) / self.scale), torch.from_numpy(y).long()
        optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=1e-2)
        for _ in range(12):
            for part in torch.randperm(len(given)).split(512):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(self.net(given[part]), wanted[part]).backward()
                optimizer.step()
        self.net.eval()

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the phases of windows and the pixels at their middle."""
        features, places = spectra(pixels, self.window)
        with torch.no_grad():
            found = self.net(torch.from_numpy((features - self.mean) / self.scale))
        return found.argmax(dim=1).numpy(), places


def phases(rng: int) -> None:
    others = [SpectrumClassifier(window) for window in WINDOWS]
    print("| dose (e/Å²) | who | " + " | ".join(PHASES) + " | mean |")
    print("|---|---|" + "---|" * (len(PHASES) + 1))
    for one in DOSES:
        right: dict[str, np.ndarray] = {}
        total: dict[str, np.ndarray] = {}
        for k in range(SCENES):
            scene = make_scene((rng, one, k), dose_per_A2=one, detector=("HAADF", "ADF")[k % 2])
            micrograph = Micrograph(scene.pixels, scene.pixel_size_A)
            maps = shares(see(micrograph)).argmax(axis=0)
            seen = {f"FFT of {w * 0.25:g} Å": other(scene.pixels)
                    for w, other in zip(WINDOWS, others, strict=True)}  # fmt: skip
            places = next(reversed(seen.values()))[1]
            seen["network"] = (maps[tuple(places.T)], places)
            common = {tuple(p) for p in places}
            for name, (found, at) in seen.items():
                known = np.array([tuple(p) in common for p in at])
                truth = scene.phase[tuple(at.T)]
                known &= truth >= 0
                right.setdefault(name, np.zeros(len(PHASES)))
                total.setdefault(name, np.zeros(len(PHASES)))
                for phase in range(len(PHASES)):
                    these = known & (truth == phase)
                    right[name][phase] += (found[these] == phase).sum()
                    total[name][phase] += these.sum()
        for name in right:
            share = right[name] / np.maximum(total[name], 1)
            cells = " | ".join(f"{v:.2f}" for v in share)
            print(f"| {one} | {name} | {cells} | {share.mean():.3f} |", flush=True)


def sure(rng: int) -> None:
    """Print how often a phase is right that has some probability."""
    likely, right, meets = [], [], []
    for one in DOSES:
        for k in range(SCENES // 2):
            scene = make_scene((rng + 3, one, k), dose_per_A2=one, detector=("HAADF", "ADF")[k % 2])
            maps = shares(see(Micrograph(scene.pixels, scene.pixel_size_A)))
            truth, top = scene.phase, maps.max(axis=0)
            known = truth >= 0
            likely.append(top[known])
            right.append(maps.argmax(axis=0)[known] == truth[known])
            meets.append(top[~known])
    p, hit, border = (np.concatenate(one) for one in (likely, right, meets))
    print("| probability | share of the area | right | share of where phases meet |")
    print("|---|---|---|---|")
    for low in (0.2, 0.5, 0.6, 0.7, 0.8, 0.9):
        high = {0.2: 0.5, 0.9: 1.01}.get(low, low + 0.1)
        here, there = (p >= low) & (p < high), (border >= low) & (border < high)
        print(f"| {low:g} to {min(high, 1):g} | {here.mean():.3f} | {hit[here].mean():.3f} "
              f"| {there.mean():.3f} |")  # fmt: skip


def bias(rng: int) -> None:
    word = random_words(1, rng=rng, n_slabs=12)[0]
    prepared = PreparedAtlas(default_atlas(), "stem-300kV", thickness_A=THICKNESS_A)
    mean = without_noise(prepared, word, 7.0)[list(prepared.detectors).index("ADF")]
    counted = poisson_dose(mean, dose_per_A2=2000, pixel_size_A=SIZE, rng=rng)
    micrograph = Micrograph(counted.astype(np.float32), SIZE)
    for turns, name in ((False, "one look"), (True, "mean of four turns")):
        for part in ("denoised", "sharp"):

            def seen(one: Micrograph, turns: bool = turns, part: str = part) -> Micrograph:
                return Micrograph(getattr(see(one, symmetric=turns), part), one.pixel_size_A)

            print(f"\n{part}, {name}\n{position_bias(micrograph, seen, contrast='bright')}")


def images(rng: int) -> None:
    print("| dose (e/Å²) | error of the raw image | after a Gaussian | of the network |")
    print("|---|---|---|---|")
    from scipy.ndimage import gaussian_filter

    for one in (2000, *DOSES):
        rows = []
        for k in range(SCENES):
            scene = make_scene((rng + 1, one, k), dose_per_A2=one, detector=("HAADF", "ADF")[k % 2])
            micrograph = Micrograph(scene.pixels, scene.pixel_size_A)
            truth, mine = scene.clean, see(micrograph).denoised
            smooth = [gaussian_filter(scene.pixels, s) for s in (0.5, 1, 1.5, 2, 3, 5)]
            errors = [float(np.sqrt(np.mean((one - truth) ** 2)) / truth.std())
                      for one in (scene.pixels, mine, *smooth)]  # fmt: skip
            rows.append((errors[0], min(errors[2:]), errors[1]))
        print(f"| {one} | " + " | ".join(f"{v:.2f}" for v in np.mean(rows, axis=0)) + " |",
              flush=True)  # fmt: skip


def figure(rng: int) -> None:
    """Draw what the network sees in a scene, beside the truth (docs/figures/network.png)."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = [PHASE_COLOURS[one] for one in (*PHASES[:2], UNDECIDED, *PHASES[2:])]
    told = (*PHASES[:2], UNDECIDED, *PHASES[2:])
    fig, axes = plt.subplots(2, 5, figsize=(15, 6.4), layout="constrained")
    for row, number in zip(axes, FIGURE_SCENES, strict=True):
        scene = make_scene((rng + 2, number), dose_per_A2=80.0, detector="ADF", source_fwhm_A=0.8)
        seen = see(Micrograph(scene.pixels, scene.pixel_size_A))
        edge = scene.pixels.shape[0] * scene.pixel_size_A
        place = {"extent": (0, edge, edge, 0)}
        named = seen.phase_names()
        number = np.select([named == one for one in told], range(len(told)), -1)
        truth = np.ma.masked_less(np.where(scene.phase > 1, scene.phase + 1, scene.phase), 0)
        phase = {"cmap": ListedColormap(colours), "vmin": -0.5, "vmax": 5.5, **place}
        row[0].imshow(scene.pixels, cmap="gray", vmax=np.percentile(scene.pixels, 99.5), **place)
        row[1].imshow(seen.denoised, cmap="gray", **place)
        row[2].imshow(seen.columns, cmap="magma", vmin=0, vmax=1, **place)
        row[3].imshow(np.ma.masked_less(number, 0), interpolation="nearest", **phase)
        row[4].imshow(truth, interpolation="nearest", **phase)
    titles = ("80 e/Å², ADF", "denoised", "columns", "phases", "truth")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    for axis in axes.ravel():
        axis.set_xticks([])
        axis.set_yticks([])
    axes[0, 0].plot([5, 25], [75, 75], color="white", lw=4)
    axes[0, 0].text(15, 72.5, "2 nm", color="white", ha="center", va="bottom")
    names = [PHASE_NAMES[one] for one in told]
    handles = [Patch(color=c, label=n) for c, n in zip(colours, names, strict=True)]
    fig.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)
    fig.savefig(FIGURE, dpi=90)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("phases", "sure", "bias", "images", "figure"))
    parser.add_argument("--rng", type=int, default=REPORTING)
    given = parser.parse_args()
    print(f"weights {load_network().sha256[:12]}")
    {"phases": phases, "sure": sure, "bias": bias, "images": images, "figure": figure}[given.what](
        given.rng
    )


if __name__ == "__main__":
    main()
