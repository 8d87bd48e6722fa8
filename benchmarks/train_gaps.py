"""Train the network that tells O1 from O3 (docs/network.md).

Scenes are drawn from their number, turned until their rows are level, to three degrees. Scenes of
the seeds used here never serve for a figure.

    python benchmarks/train_gaps.py --steps 800      # about 15 minutes on one core
"""

import argparse
import math
import time

import numpy as np
import torch
from torch.nn import functional

from stackmotif.imaging.scenes import make_scene
from stackmotif.micrograph.network.gaps import levelled, make_gap_network
from stackmotif.micrograph.network.weights import GAPS, save_gaps

SEED = 72000
"""First of the seeds of training."""
SCENES = 3
"""Scenes of one step."""
RATE, WARM = 3e-3, 20
OFF_DEG = 3.0
O1_COUNTS = 2.5
"""Weight of a place in O1: there are fewer of them."""
LEAST_SHARE = 0.15
"""Share of the field that must be layered oxide."""


def example(number: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a levelled image and its phases, None if too little of it is layered."""
    scene = make_scene((SEED, number))
    if (scene.phase[(scene.phase == 0) | (scene.phase == 1)]).size < LEAST_SHARE * scene.phase.size:
        return None
    chance = np.random.default_rng((SEED, number, 1))
    angle = math.radians(scene.rows_deg + chance.uniform(-OFF_DEG, OFF_DEG))
    pixels = scene.pixels * (1 if scene.bright else -1)
    pixels = (pixels - pixels.mean()) / max(float(pixels.std()), 1e-9)
    level = levelled(pixels, angle, scene.pixel_size_A) * chance.uniform(0.8, 1.25)
    phase = levelled(scene.phase, angle, scene.pixel_size_A, order=0)
    if chance.random() < 0.5:
        level, phase = level[::-1], phase[::-1]
    inner = tuple(slice((n - 160) // 2, (n - 160) // 2 + 160) for n in level.shape)
    return level[inner].astype(np.float32), phase[inner].astype(np.int64)


def main() -> None:
    """Train and write the weights into the package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    net = make_gap_network()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4)
    start, number = time.perf_counter(), 0
    hits = np.zeros((2, 2))
    for step in range(given.steps):
        batch = []
        while len(batch) < SCENES:
            one = example(number)
            number += 1
            batch += [] if one is None else [one]
        image, phase = (torch.from_numpy(np.stack(one)) for one in zip(*batch, strict=True))
        odds, known = net(image[:, None])[:, 0], (phase == 0) | (phase == 1)
        wanted = (phase == 1).float()
        weight = known * (1 + (O1_COUNTS - 1) * wanted)
        each = functional.binary_cross_entropy_with_logits(odds, wanted, reduction="none")
        loss = (each * weight).sum() / weight.sum().clamp_min(1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for group in optimizer.param_groups:
            fall = 0.5 * (1 + math.cos(math.pi * step / given.steps)) + 0.01
            group["lr"] = RATE * fall * min(1.0, (step + 1) / WARM)
        optimizer.step()
        right = (odds > 0) == (wanted > 0)
        for k in (0, 1):
            these = known & (phase == k)
            hits[k] += (right & these).sum().item(), these.sum().item()
        if step % 50 == 49:
            o3, o1 = hits[:, 0] / np.maximum(hits[:, 1], 1)
            minutes = (time.perf_counter() - start) / 60
            print(f"step {step + 1}, {minutes:.1f} min: O1 {o1:.3f}, O3 {o3:.3f}", flush=True)
            hits[:] = 0
            save_gaps(GAPS, net.state_dict(), facts={
                "steps": step + 1, "minutes": round(minutes), "seed": SEED,
                "torch": torch.__version__.partition("+")[0],
            })  # fmt: skip


if __name__ == "__main__":
    main()
