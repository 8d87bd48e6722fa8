"""From raw pixels to motifs, and real micrographs that are no cathodes."""

import os
from pathlib import Path

import numpy as np
import pytest

import stackmotif as sm
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching import match_columns, score_cells

REAL = Path(os.environ.get("STACKMOTIF_REAL_DATA", ""))


def picture(truth, *, dose=500.0, pixel_size_A=0.16, rng=21, **settings):
    """Make an image around a column set; return it and the set in its axes."""
    low = truth.positions_A.min(axis=0) - 6.0
    moved = truth.keep(truth.row >= 0)
    moved.positions_A[:] -= low
    shape = tuple(np.ceil((moved.positions_A.max(axis=0) + 6.0) / pixel_size_A).astype(int))
    pixels = column_sum_image(
        moved.positions_A,
        shape=shape,
        pixel_size_A=pixel_size_A,
        dose_e_per_A2=dose,
        rng=rng,
        **settings,
    )
    return sm.Micrograph(pixels, pixel_size_A), moved


@pytest.fixture(scope="module")
def seen(make, states):
    truth = make(n_slots=40, noise_A=0.0, missing=0.0, false=0.0, rotation_deg=5, shear_deg=1)
    image, truth = picture(truth)
    return sm.identify(image), truth, states


def test_pixels_to_words(seen):
    result, truth, states = seen
    matched = match_columns(result, truth)
    assert result.status == "ok"
    assert result.word == states[::-1]
    assert (matched.row >= 0).mean() >= 0.99
    assert (matched.row >= 0).sum() >= 0.99 * len(truth.positions_A)
    assert score_cells(result, matched).overall >= 0.99


def test_single_layer_motifs_come_through(seen):
    result, _, _ = seen
    assert result.summary["motif_counts"] == {
        "TD(1)": 1,
        "TD(2)": 1,
        "O1_fault(1)": 1,
        "O1_fault(5)": 1,
    }
    assert (result.columns["motif"] == "TD(1)").sum() >= 2 * 37
    assert (result.columns["motif"] == "O1_fault(1)").sum() >= 2 * 37


@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_grey_levels_do_not_matter(seen, factor):
    result, _, _ = seen
    again = sm.identify(sm.Micrograph(result.image * factor + 7.0 * factor, result.pixel_size_A))
    assert again.word == result.word
    np.testing.assert_array_equal(again.columns["label"], result.columns["label"])


def test_the_transposed_image_has_the_same_stacking(seen):
    result, _, states = seen
    turned = sm.identify(sm.Micrograph(np.rot90(result.image), result.pixel_size_A))
    mirrored = sm.identify(sm.Micrograph(result.image[:, ::-1], result.pixel_size_A))
    assert turned.word in (states, states[::-1])
    assert mirrored.word == states[::-1]


@pytest.mark.parametrize("edge", ["vacuum", "amorphous"])
def test_an_empty_edge_gets_no_columns(make, edge, states):
    truth = make(n_slots=50, noise_A=0.0, missing=0.0, false=0.0)
    image, truth = picture(truth, edge=edge, edge_width_A=30.0)
    result = sm.identify(image)
    assert result.word == states[::-1]
    assert (result.columns["x_A"] < 28.0).sum() <= 0.01 * len(result.columns)


def test_noise_alone_fails():
    pixels = np.random.default_rng(5).poisson(8.0, (512, 512)).astype(np.float32)
    result = sm.identify(sm.Micrograph(pixels, 0.16))
    assert result.status == "failed"
    assert result.summary["reasons"]


def test_a_constant_image_fails():
    result = sm.identify(sm.Micrograph(np.full((256, 256), 3.0, dtype=np.float32), 0.16))
    assert result.status == "failed"


def test_a_coarse_pixel_fails_with_the_reason(make):
    image, _ = picture(make(n_slots=60, noise_A=0.0), pixel_size_A=0.7)
    result = sm.identify(image)
    assert result.status == "failed"
    assert "pixel" in " ".join(result.summary["reasons"])


@pytest.mark.skipif(
    "STACKMOTIF_REAL_DATA" not in os.environ, reason="STACKMOTIF_REAL_DATA names no folder"
)
@pytest.mark.parametrize(
    "name", ["SrTiO3_110_ADF.hdf5", "SrTiO3_110_ABF.hdf5", "CdTe_110_twin.dm3"]
)
def test_real_crystals_that_are_no_cathodes_are_not_read(name):
    detector = "abf" if "ABF" in name else "adf"
    size = 0.0933 if name.startswith("SrTiO3") else None  # the file gives no unit
    result = sm.identify(sm.read(REAL / name, pixel_size_A=size, detector=detector))
    assert result.status == "failed"
    assert result.word == ""


@pytest.mark.parametrize("size", [2, 64, 400])
@pytest.mark.parametrize("rng", range(4))
def test_small_noise_images_fail_without_a_warning(size, rng):
    pixels = np.random.default_rng(rng).poisson(5.0, (size, size)).astype(np.float32)
    result = sm.identify(sm.Micrograph(pixels, 0.15))
    assert result.status == "failed"


def test_stackings_that_overlap_along_the_beam_are_not_read(make):
    sets = [
        make(states, n_slots=40, noise_A=0.0, missing=0.0, false=0.0)
        for states in ("+" * 24, "+" * 8 + "-" * 8 + "+" * 8)
    ]
    positions = np.concatenate([s.positions_A for s in sets]) + 6.0
    pixels = column_sum_image(
        positions,
        shape=tuple(np.ceil((positions.max(axis=0) + 6.0) / 0.16).astype(int)),
        pixel_size_A=0.16,
        amplitude=0.125,
        dose_e_per_A2=2000.0,
        rng=3,
    )
    result = sm.identify(sm.Micrograph(pixels, 0.16))
    assert result.status == "low_confidence"
    assert any("elongated" in line for line in result.summary["warnings"])
    # Eight reversed gaps leave the crystals a third apart below, so that they overlap to the end.
    alone = result.shifts["y_A"] < 6 + 4.73 * 7
    below = result.shifts["y_A"] > 6 + 4.73 * 9
    assert (result.shifts["state"][alone] == "+").mean() > 0.97
    assert (result.shifts["state"][below] == "x").mean() > 0.9
