"""Metal in the guest layer, on images whose guest sites come from the structure."""

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching.grains import guest_metal
from stackmotif.structures.polytype import build

PIXEL_A = 0.2


def projected(word, symbol, *, width_A=40.0):
    """Columns of one element along a, (y, x), the lowest slab at the bottom."""
    cell = build(word, lattice="LiNiO2:0.5")
    lattice = cell.lattice
    pitch = lattice.a * np.sqrt(3) / 2
    along = lattice.matrix[0] / lattice.a
    up = np.array([0.0, 0.0, 1.0])
    right = np.cross(up, along)
    own = [site.coords for site in cell if site.specie.symbol == symbol]
    steps = np.arange(int(width_A / pitch)) * pitch
    y = np.array([lattice.c - p[2] % lattice.c for p in own])
    x = np.array([(p @ right) % pitch for p in own])
    return np.stack([np.repeat(y, len(steps)), (x[:, None] + steps).ravel()], axis=1) + 3.0


def image(word, share, *, dose=3e4, rng=0):
    metal, guest = projected(word, "Ni"), projected(word, "Li")
    places = np.concatenate([metal, guest])
    heights = 0.25 * np.concatenate([np.ones(len(metal)), np.full(len(guest), share)])
    shape = tuple(np.ceil((places.max(axis=0) + 3.0) / PIXEL_A).astype(int))
    pixels = column_sum_image(
        places, shape=shape, pixel_size_A=PIXEL_A, dose_e_per_A2=dose, amplitude=heights, rng=rng
    )
    return sm.Micrograph(pixels, PIXEL_A, detector="haadf")


@pytest.mark.parametrize("word", ["|R+[Li]|", "|R0[Li]|", "|R+[Li]2 R0[Li]|"])
@pytest.mark.parametrize("share", [0.0, 0.15, 0.45])
def test_the_height_at_the_guest_sites_is_measured_where_they_are(word, share):
    text = word[1:-1]
    r = sm.identify(image("|" + f"({text})4" + "|", share), network="off")
    assert r.status == "ok"
    found = guest_metal(r)
    assert len(found) > 0.7 * len(r.shifts)
    assert np.mean(found.relative) == pytest.approx(share, abs=0.03)
    assert r.summary["rocksalt"]["grains"] == []


def test_errors_are_the_scatter_that_noise_makes():
    found = guest_metal(sm.identify(image("|(R+[Li])12|", 0.1, dose=800.0, rng=4), network="off"))
    off = (found.relative - np.mean(found.relative)) / found.sigma
    assert 0.85 < np.std(off) < 1.15


def test_it_is_not_asked_of_other_detectors_or_bare_columns():
    shown = image("|(R+[Li])8|", 0.1)
    r = sm.identify(sm.Micrograph(shown.image, PIXEL_A, detector="bf"), network="off")
    assert guest_metal(r) is None
    assert r.summary["rocksalt"]["guest_layer"] is None
    assert (
        guest_metal(
            sm.identify(sm.Columns.from_positions(projected("|(R+[Li])8|", "Ni"), sigma_A=0.1))
        )
        is None
    )
