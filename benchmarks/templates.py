"""Print how fast patches are matched with templates: 100 000 columns x 500 templates of 48 x 48.

Columns stand at fractions of a pixel on a rotated lattice in a noise image; time does not depend on
what is shown. The rate counts the multiplications and additions of the matrix product alone, over
the time of everything: resampling, normalising, product and copy. The machine's rate is that of one
such product by itself. scikit-image correlates a template with every pixel of an image; it is given
one with as many columns per area and scaled to the job. Seeds do not matter: nothing is claimed
about what is found, but that both agree.

Run: python benchmarks/templates.py [--columns 100000] [--templates 500] [--threads 2]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from stackmotif.matching.templates import Patterns, Places, match_patches

SIDE, PIXEL_A, AREA_A2, ROUNDS = 48, 0.2, 11.9, 3


def lattice_places(n: int, rng: np.random.Generator) -> tuple[Places, int]:
    """Return n places at least a patch away from the edge, and the edge of the image [px]."""
    size = int(np.ceil(np.sqrt(n * AREA_A2) / PIXEL_A)) + 2 * SIDE
    positions = rng.uniform(SIDE, size - SIDE, (n, 2))
    angle = np.radians(3.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Places(positions, turn / PIXEL_A), size


def shortest_s(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)


def product_rate(n_templates: int, device: str) -> float:
    """Return floating-point operations per second of a chunk's matrix product alone."""
    left = torch.rand(2048, SIDE * SIDE, device=device)
    right = torch.rand(SIDE * SIDE, n_templates, device=device)

    def multiply() -> None:
        result = left @ right
        if device != "cpu":
            torch.cuda.synchronize()
        del result

    return 2 * 2048 * SIDE**2 * n_templates / shortest_s(multiply, 10)


def ours(options: argparse.Namespace, device: str) -> tuple[float, float, float]:
    """Return seconds, those of the processors, and the share of the machine's rate."""
    rng = np.random.default_rng(0)
    places, size = lattice_places(options.columns, rng)
    image = rng.normal(size=(size, size)).astype(np.float32)
    templates = Patterns(rng.normal(size=(options.templates, SIDE, SIDE)), PIXEL_A)
    match_patches(image, places[:4096], templates, device=device)
    rate = product_rate(options.templates, device)
    busy = time.process_time()
    seconds = shortest_s(
        lambda: match_patches(image, places, templates, device=device), options.rounds
    )
    busy = (time.process_time() - busy) / options.rounds
    work = 2 * options.columns * SIDE**2 * options.templates
    return seconds, busy, work / seconds / rate


def scikit_image_s(options: argparse.Namespace) -> float:
    """Return seconds of the whole job by scikit-image, scaled from two templates on 1024 x 1024."""
    from skimage.feature import match_template

    rng = np.random.default_rng(0)
    image = rng.normal(size=(1024, 1024)).astype(np.float32)
    template = rng.normal(size=(SIDE, SIDE)).astype(np.float32)
    columns = 1024**2 * PIXEL_A**2 / AREA_A2
    seconds = shortest_s(lambda: match_template(image, template), 2 * options.rounds)
    here = Places.upright(np.array([[500.5, 480.5]]), pixel_size_A=PIXEL_A)
    found = match_patches(image, here, Patterns(template[None], PIXEL_A)).ncc[0, 0]
    corner = 500 - SIDE // 2 + 1, 480 - SIDE // 2 + 1
    assert abs(match_template(image, template)[corner] - found) < 1e-3, "they disagree"
    return seconds * options.columns / columns * options.templates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", type=int, default=100_000)
    parser.add_argument("--templates", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seconds, busy, share = ours(options, "cpu")
    other = scikit_image_s(options)
    print(f"{options.columns} columns x {options.templates} templates of {SIDE} x {SIDE} pixels\n")
    print(
        "| where | seconds | of the processors | limit | share of a product's rate "
        "| scikit-image, scaled |\n|---|---|---|---|---|---|"
    )
    print(
        f"| CPU, {options.threads} threads | {seconds:.1f} | {busy:.1f} | 60 | {100 * share:.0f} % "
        f"| {other:.0f} s, {other / seconds:.0f} times as long |"
    )
    if torch.cuda.is_available():
        seconds, busy, share = ours(options, "cuda")
        print(
            f"| {torch.cuda.get_device_name()} | {seconds:.2f} | {busy:.2f} | 2 "
            f"| {100 * share:.0f} % | - |"
        )
    else:
        print("| GPU | not measured | not measured | 2 | not measured | - |")


if __name__ == "__main__":
    main()
