"""Small images with known stacking, and what `identify` makes of them."""

from dataclasses import replace

import numpy as np

from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching import identify
from stackmotif.micrograph import Micrograph
from stackmotif.stacking.columnset import add_lens, place_columns, stack_phases

STATES = "++++-++++0++++--++++000++++"
"""From the top: a single reversed gap, a single O1 gap, two reversed and three O1 gaps."""


def make_micrograph(
    states=STATES, *, n_slots=26, rotation_deg=0.0, lens=None, pixel_size_A=0.2, rng=0, **options
):
    phases = stack_phases(states, n_slots)
    if lens is not None:
        add_lens(phases, **lens)
    found = place_columns(
        phases, rng=rng, noise_A=0.05, missing=0.01, rotation_deg=rotation_deg, **options
    )
    positions = found.positions_A - found.positions_A.min(axis=0) + 3.0
    shape = tuple(int(edge / pixel_size_A) for edge in positions.max(axis=0) + 3.0)
    image = column_sum_image(
        positions, shape=shape, pixel_size_A=pixel_size_A, dose_e_per_A2=1500, rng=rng
    )
    return Micrograph(image, pixel_size_A, name="field")


def make_result(states=STATES, **options):
    return identify(make_micrograph(states, **options))


def square_micrograph(*, edge_A=3.9, n=12, pixel_size_A=0.2):
    """Columns on a square lattice: no layers, nothing to read."""
    y, x = np.mgrid[:n, :n] * edge_A + 3.0
    size = int((n * edge_A + 3.0) / pixel_size_A)
    image = column_sum_image(
        np.stack([y.ravel(), x.ravel()], axis=1),
        shape=(size, size),
        pixel_size_A=pixel_size_A,
        dose_e_per_A2=1500,
        rng=0,
    )
    return Micrograph(image, pixel_size_A, name="square")


def with_summary(result, **changes):
    return replace(result, summary={**result.summary, **changes})
