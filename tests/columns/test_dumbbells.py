"""A dumbbell is one column at its middle, however well it is resolved."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

import stackmotif as sm
from stackmotif.columns import merge_dumbbells
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.stacking.closepacked import close_layers

PITCH_A, PIXEL_A = 6.48 * 6**0.5 / 4, 0.2


def world(sigma_A, *, heights=(0.12, 0.12), dose=20_000.0, rotation_deg=20.0):
    made = close_layers(
        "+" * 7 + "-" * 6, 12, cubic_a_A=6.48, dumbbells=True, rng=1, rotation_deg=rotation_deg
    )
    low = made.atoms_A.min(axis=0) - 5.0
    atoms, middles = made.atoms_A - low, made.columns.positions_A - low
    pixels = column_sum_image(
        atoms, shape=tuple(np.ceil((atoms.max(axis=0) + 5.0) / PIXEL_A).astype(int)),
        pixel_size_A=PIXEL_A, sigma_A=sigma_A, amplitude=np.repeat(heights, len(middles)),
        dose_e_per_A2=dose, rng=2,
    )  # fmt: skip
    return sm.Micrograph(pixels, PIXEL_A), atoms, middles


@pytest.mark.parametrize("sigma_A", [0.35, 0.5, 0.65, 0.9])
def test_resolved_or_not_there_is_one_column_at_the_middle(sigma_A):
    image, _, middles = world(sigma_A)
    found = sm.find_columns(image, pitch_A=1.1 * PITCH_A)
    merged = merge_dumbbells(image, found, pitch_A=PITCH_A)
    assert len(merged) == len(middles)
    distance, owner = cKDTree(middles).query(merged.positions_A)
    assert len(set(owner)) == len(middles)
    assert distance.max() < 0.3
    assert np.abs((merged.positions_A - middles[owner]).mean(axis=0)).max() < 0.02


@pytest.mark.parametrize("side", [0, 1])
def test_columns_on_either_atom_lead_to_the_middle(side):
    image, atoms, middles = world(0.5)
    half = len(middles)
    near = sm.Columns.from_positions(atoms[side * half :][:half], sigma_A=0.1)
    merged = merge_dumbbells(image, near, pitch_A=PITCH_A)
    distance, _ = cKDTree(merged.positions_A).query(middles)
    assert len(merged) == half
    assert distance.max() < 0.25


def test_the_middle_is_weighted_by_brightness():
    image, atoms, middles = world(0.6, heights=(0.16, 0.08))
    found = sm.Columns.from_positions(middles, sigma_A=0.1)
    merged = merge_dumbbells(image, found, pitch_A=PITCH_A)
    _, owner = cKDTree(middles).query(merged.positions_A)
    to_bright = (atoms[: len(middles)] - middles)[owner]
    along = np.sum((merged.positions_A - middles[owner]) * to_bright, axis=1) / 0.81
    assert 0.33 < along.mean() < 0.7  # the centre of gravity is at 1/3, the peak beyond it


def test_a_dark_image_is_read_alike():
    image, _, middles = world(0.5)
    dark = sm.Micrograph(image.image.max() - image.image, PIXEL_A, detector="abf")
    found = sm.Columns.from_positions(middles, sigma_A=0.1)
    found = dataclasses.replace(found, intensity=-found.intensity)
    merged = merge_dumbbells(dark, found, pitch_A=PITCH_A)
    distance, _ = cKDTree(middles).query(merged.positions_A)
    assert len(merged) == len(middles)
    assert distance.max() < 0.25


def test_nothing_found_stays_nothing_and_strays_are_dropped():
    image, _, middles = world(0.5)
    none = sm.Columns.from_positions(np.empty((0, 2)), sigma_A=0.1)
    assert len(merge_dumbbells(image, none, pitch_A=PITCH_A)) == 0
    astray = middles[:1] + np.array([[2.0, 2.0]])
    merged = merge_dumbbells(image, sm.Columns.from_positions(astray, sigma_A=0.1), pitch_A=PITCH_A)
    assert len(merged) == 0 or cKDTree(middles).query(merged.positions_A)[0].max() < 0.3
