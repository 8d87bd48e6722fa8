"""Measure which detector tells apart stackings whose metal columns coincide (docs/detectors.md).

Each pair has the same metal columns; tilts of the oxygen and sites of the guest differ. The
signals of both are correlated over one pitch and the slabs that differ, at the same registration:
images with phonons and a source size from the default atlas, and static multislice at probes.

Run: python benchmarks/degenerate_pairs.py   (about 6 min on one core, then kept)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from studies import (
    COLOURS,
    GAP_A,
    NAMES,
    both_terminations,
    crystal,
    four_detectors,
    make_grid,
    save_figure,
    signals,
    unit_cell_probes,
)

from stackmotif.imaging.atlas import Atlas, default_atlas
from stackmotif.imaging.atlas.stitch import PreparedAtlas

THICKNESSES_A = (20.0, 40.0, 60.0, 80.0, 120.0, 160.0, 200.0)
PROBES_PER_SLAB = 24
COLUMNS = 24
SOURCES_A = (0.0, 0.5, 0.8, 1.2)


@dataclass(frozen=True)
class Pair:
    """Two stackings with one projection of the metal.

    Parameters
    ----------
    name : str
        What they are called.
    words : tuple of str
        Both, equally many slabs.
    slabs : tuple of int
        Slabs that are compared, counted upwards.
    """

    name: str
    words: tuple[str, str]
    slabs: tuple[int, ...]


PAIRS = (
    Pair("O3′ / P3", ("L- L- L-", "R- R- R-"), (0,)),
    Pair("O1 / P2", ("R0 R0 R0 R0", "R0 L0 R0 L0"), (0, 1)),
    Pair("O3 / O6", ("R+ R+ R+ R+ R+ R+", "R+ L+ R+ L+ R+ L+"), (0, 1)),
    Pair("TD(1) glided / flipped", ("R+ R+ R- R+ R+", "R+ R+ R- L+ R+"), (2, 3, 4)),
)
"""The domain of TD(1) is slab 3: it has glided as it is, or was reversed."""


def signals_of(word: str, slabs: tuple[int, ...]) -> NDArray[np.float64]:
    """Return signals (thickness, detector, probe) over one pitch of some slabs, static."""
    cell = crystal(word)
    grid = make_grid(
        cell,
        repeats=(3, 1),
        gpts=(336, 112 * len(word.split())),
        slices_per_period=2,
        thickness_A=THICKNESSES_A[-1],
    )
    parts = [
        both_terminations(
            signals(
                cell,
                grid,
                unit_cell_probes(cell, slab, PROBES_PER_SLAB, rng=17 + slab),
                four_detectors(),
                THICKNESSES_A,
            )
        )
        for slab in slabs
    ]
    return np.concatenate(parts, axis=-1)


def correlations(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation over the last axis."""
    a, b = (one - one.mean(axis=-1, keepdims=True) for one in (first, second))
    return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))


def correlation_table(pair: Pair) -> NDArray[np.float64]:
    """Return the correlation of a pair, shape (thickness, detector)."""
    return correlations(*(signals_of(word, pair.slabs) for word in pair.words))


def atlas_images(
    pair: Pair, atlas: Atlas, *, thickness_A: float, source_fwhm_A: float
) -> NDArray[np.float64]:
    """Return images of both stackings, shape (2, detector, y, x): one pitch, the compared slabs."""
    words = [
        "|" + " ".join(f"{slab}[Li;h={GAP_A}]" for slab in word.split()) + "|"
        for word in pair.words
    ]
    prepared = PreparedAtlas(atlas, four_detectors().detectors, thickness_A=thickness_A)
    high = GAP_A + atlas.slab_height_A
    step = atlas.pitch_A / COLUMNS
    top = (pair.slabs[-1] + 0.5) * high
    images = prepared.image(
        words,
        pixel_size_A=step,
        field_A=(len(pair.slabs) * high, atlas.pitch_A),
        position_A=(top, 0.0),
        blur_sigma_A=source_fwhm_A / float(np.sqrt(8 * np.log(2))),
    )
    return images.astype(np.float64)


def blurred_correlations(
    pair: Pair, atlas: Atlas, *, thickness_A: float
) -> dict[float, NDArray[np.float64]]:
    """Return the correlation of every detector for each source size [Å]."""
    found = {}
    for size in SOURCES_A:
        first, second = atlas_images(pair, atlas, thickness_A=thickness_A, source_fwhm_A=size)
        flat = first.reshape(len(first), -1), second.reshape(len(second), -1)
        found[size] = correlations(*flat)
    return found


def print_pair(pair: Pair, found: NDArray[np.float64]) -> None:
    print(f"\n### {pair.name}: correlation\n\n| thickness (nm) | {' | '.join(NAMES)} |")
    print("|---" * (len(NAMES) + 1) + "|")
    for thickness, row in zip(THICKNESSES_A, found, strict=True):
        print(f"| {thickness / 10:.0f} | {' | '.join(f'{value:.4f}' for value in row)} |")


def atlas_tables(pair: Pair, atlas: Atlas) -> dict[float, NDArray[np.float64]]:
    """Return correlations (thickness, detector) of images with phonons for each source size [Å]."""
    rows = [
        blurred_correlations(pair, atlas, thickness_A=float(thickness))
        for thickness in atlas.thickness_A
    ]
    return {size: np.array([row[size] for row in rows]) for size in SOURCES_A}


def print_blurred(pair: Pair, atlas: Atlas, tables: dict[float, NDArray[np.float64]]) -> None:
    print(f"\n### {pair.name}: correlation of images with phonons, by source size (FWHM)\n")
    print(f"| source (Å) | thickness (nm) | {' | '.join(NAMES)} |\n" + "|---" * 6 + "|")
    for size, rows in tables.items():
        for thickness, row in zip(atlas.thickness_A, rows, strict=True):
            values = " | ".join(f"{value:.4f}" for value in row)
            print(f"| {size:g} | {thickness / 10:.1f} | {values} |")


def draw_correlations(
    tables: dict[str, dict[float, NDArray[np.float64]]], thickness_A: NDArray[np.float64]
) -> None:
    """Draw a panel per pair and a curve per detector, without and with a source of 0.8 Å."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8.6, 6.6), sharex=True, sharey=True)
    for axis, (name, found) in zip(axes.flat, tables.items(), strict=True):
        for number, detector in enumerate(NAMES):
            style = {"color": COLOURS[number], "marker": "os^D"[number], "ms": 4}
            for size, line in ((0.8, "-"), (0.0, ":")):
                label = f"{detector}, source {size:g} Å"
                values = found[size][:, number]
                axis.plot(thickness_A / 10, values, line, label=label, **style)
        axis.set_title(name, fontsize=10)
        axis.grid(alpha=0.3)
    figure.supxlabel("thickness (nm)", fontsize=10, y=0.1)
    figure.supylabel("correlation of the two stackings", fontsize=10)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    save_figure(figure, "degenerate_pairs")
    plt.close(figure)


def draw_images(atlas: Atlas, *, thickness_A: float) -> None:
    """Draw a glided and a flipped TD(1) in all detectors, source 0.8 Å."""
    import matplotlib.pyplot as plt

    images = atlas_images(PAIRS[3], atlas, thickness_A=thickness_A, source_fwhm_A=0.8)
    figure, axes = plt.subplots(2, 4, figsize=(8.0, 5.4))
    height = images.shape[2] * atlas.pitch_A / COLUMNS
    for column, name in enumerate(NAMES):
        low, high = images[:, column].min(), images[:, column].max()
        for row, kind in enumerate(("glided", "flipped")):
            axis = axes[row, column]
            axis.imshow(
                np.tile(images[row, column], (1, 3)),
                cmap="gray",
                vmin=low,
                vmax=high,
                extent=(0, 3 * atlas.pitch_A, 0, height),
            )
            axis.set_title(f"{name}, {kind}", fontsize=9)
            axis.tick_params(labelsize=7)
    figure.supxlabel("x (Å)", fontsize=9)
    figure.supylabel("height along c (Å)", fontsize=9)
    figure.tight_layout()
    save_figure(figure, "glided_flipped")
    plt.close(figure)


def main() -> None:
    atlas = default_atlas()
    tables = {pair.name: atlas_tables(pair, atlas) for pair in PAIRS}
    for pair in PAIRS:
        print_blurred(pair, atlas, tables[pair.name])
    draw_correlations(tables, atlas.thickness_A)
    draw_images(atlas, thickness_A=float(atlas.thickness_A[3]))
    for pair in PAIRS:
        print_pair(pair, correlation_table(pair))


if __name__ == "__main__":
    main()
