"""Train the network that finds columns and phases in noisy images (docs/network.md).

Scenes are drawn from their number; the number of a step is that of its scenes, so that a run that
was stopped goes on where it was. Scenes of the seeds used here never serve for a figure.

    python benchmarks/train_network.py --hours 2     # train, or train on
    python benchmarks/train_network.py --export      # write the last checkpoint into the package
"""

import argparse
import math
import os
import time
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from stackmotif.imaging.scenes import PHASES, make_scene
from stackmotif.micrograph.network.unet import MAPS, make_unet
from stackmotif.micrograph.network.weights import SHIPPED, save_network

CACHE = Path(__file__).parent / "_cache" / "network"
SEED = 71000
"""First of the seeds of training."""
SCENES = 3
"""Scenes of one step."""
RATE, LAST_RATE = 2e-3, 2e-5
COLUMN_SIGMA_A = 0.35
"""Width of the spot that stands for a column."""
WEIGHTS = {"denoised": 1.0, "sharp": 1.0, "columns": 4.0, "phase": 0.5}


def column_map(columns_A: np.ndarray, shape: tuple[int, int], pixel_A: float) -> np.ndarray:
    """Return spots of height 1 at the columns."""
    found = np.zeros(shape, dtype=np.float32)
    reach = math.ceil(3 * COLUMN_SIGMA_A / pixel_A)
    near = np.arange(-reach, reach + 1)
    places = columns_A / pixel_A
    first = np.rint(places).astype(int)
    y, x = first[:, :1] + near, first[:, 1:] + near
    spots = [
        np.exp(-(((axis - place[:, None]) * pixel_A / COLUMN_SIGMA_A) ** 2) / 2)
        for axis, place in ((y, places[:, 0]), (x, places[:, 1]))
    ]
    values = spots[0][:, :, None] * spots[1][:, None, :]
    rows, columns = np.broadcast_arrays(y[:, :, None], x[:, None, :])
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    np.maximum.at(found, (rows[inside], columns[inside]), values[inside].astype(np.float32))
    return found


def standard(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return an image with the mean and contrast of another one taken off."""
    return ((image - like.mean()) / max(float(like.std()), 1e-9)).astype(np.float32)


def example(seed: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return one training example: the input and what is wanted of the network."""
    from scipy.ndimage import gaussian_filter

    torch.set_num_threads(1)
    scene = make_scene(seed)
    chance = np.random.default_rng((*seed, 1))
    sign = 1.0 if scene.bright else -1.0
    # Resampling to the pixels of the network leaves noise that neighbours share.
    pixels = sign * gaussian_filter(scene.pixels, chance.uniform(0, 0.8))
    clean = sign * scene.clean
    flips, turns = chance.integers(2), int(chance.integers(4))
    gain, offset = chance.uniform(0.8, 1.25), chance.uniform(-0.2, 0.2)
    maps = {
        "input": gain * standard(pixels, pixels) + np.float32(offset),
        "denoised": standard(clean, clean),
        "sharp": scene.sharp / max(float(scene.sharp.std()), 1e-9),
        "columns": column_map(scene.columns_A, scene.pixels.shape, scene.pixel_size_A),
        "phase": scene.phase.astype(np.int64),
    }
    return {
        name: np.ascontiguousarray(np.rot90(one[::-1] if flips else one, turns))
        for name, one in maps.items()
    }


def losses(found: torch.Tensor, wanted: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the terms of the loss."""
    maps = dict(zip(MAPS, found.unbind(1), strict=False))
    odds = maps["columns"]
    return {
        "denoised": functional.mse_loss(maps["denoised"], wanted["denoised"]),
        "sharp": functional.mse_loss(maps["sharp"], wanted["sharp"]),
        "columns": functional.binary_cross_entropy_with_logits(
            odds, wanted["columns"], weight=1 + 4 * wanted["columns"]
        ),
        "phase": functional.cross_entropy(found[:, len(MAPS) :], wanted["phase"], ignore_index=-1),
    }


def batch(examples: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(np.stack([one[key] for one in examples])) for key in examples[0]}


class Run:
    """A network in training, with its average, as a checkpoint holds it."""

    def __init__(self, steps: int) -> None:
        torch.manual_seed(0)
        self.net = make_unet(len(PHASES)).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=RATE, weight_decay=1e-4)
        self.step, self.steps, self.seconds = 0, steps, 0.0
        self.average = {k: v.clone() for k, v in self.net.state_dict().items()}

    @property
    def path(self) -> Path:
        """Where the checkpoint lies."""
        return CACHE / "checkpoint.pt"

    def load(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if not self.path.exists():
            return
        held = torch.load(self.path, weights_only=True)
        self.net.load_state_dict(held["net"])
        self.optimizer.load_state_dict(held["optimizer"])
        self.average, self.step = held["average"], held["step"]
        self.seconds = held["seconds"]

    def save(self) -> None:
        """Write the checkpoint; the one before stays until this one is whole."""
        CACHE.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        torch.save(
            {
                "net": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average,
                "step": self.step,
                "seconds": self.seconds,
            },
            beside,
        )
        beside.replace(self.path)

    def learn(self, wanted: dict[str, torch.Tensor]) -> dict[str, float]:
        """Take one step and return the terms of the loss."""
        share = min(1.0, self.step / self.steps)
        rate = LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / 50)
        self.net.train()
        image = wanted["input"][:, None].contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = self.net(image)
        terms = losses(found.float(), wanted)
        self.optimizer.zero_grad(set_to_none=True)
        sum(WEIGHTS[name] * one for name, one in terms.items()).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(0.998, self.step / (self.step + 10))
        for key, value in self.net.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - keep)
            else:
                self.average[key] = value.clone()
        return {name: float(one.detach()) for name, one in terms.items()}


def train(hours: float, steps: int, processes: int, threads: int) -> None:
    torch.set_num_threads(threads)
    run = Run(steps)
    run.load()
    stop = time.monotonic() + 3600 * hours
    told: dict[str, list[float]] = {}
    with ProcessPoolExecutor(processes) as pool:

        def ask(step: int) -> list[Future]:
            return [pool.submit(example, (SEED, step * SCENES + k)) for k in range(SCENES)]

        waiting = [ask(run.step + k) for k in range(4)]
        last = time.monotonic()
        while run.step < steps and time.monotonic() < stop:
            wanted = batch([one.result() for one in waiting.pop(0)])
            waiting.append(ask(run.step + 4))
            for name, value in run.learn(wanted).items():
                told.setdefault(name, []).append(value)
            run.seconds += time.monotonic() - last
            last = time.monotonic()
            if run.step % 100 == 0:
                means = ", ".join(f"{name} {np.mean(v):.4f}" for name, v in told.items())
                print(f"step {run.step}, {run.seconds / 60:.1f} min: {means}", flush=True)
                told.clear()
                run.save()
        run.save()
        for group in waiting:
            for one in group:
                one.cancel()


def export(steps: int) -> None:
    """Write the averaged weights of the checkpoint into the package."""
    run = Run(steps)
    run.load()
    facts = {"steps": run.step, "minutes": round(run.seconds / 60), "seed": SEED,
             "torch": torch.__version__.partition("+")[0]}  # fmt: skip
    save_network(
        SHIPPED / "columns-and-phases.safetensors",
        run.average,
        phases=PHASES,
        pixel_size_A=0.25,
        facts=facts,
    )
    print(f"{run.step} steps, {run.seconds / 60:.0f} min")


def main() -> None:
    """Train, or export."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=12000, help="length of the whole schedule")
    parser.add_argument("--export", action="store_true")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    given = parser.parse_args()
    if given.export:
        export(given.steps)
        return
    train(given.hours, given.steps, given.processes, given.threads)


if __name__ == "__main__":
    main()
