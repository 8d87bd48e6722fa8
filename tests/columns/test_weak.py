"""A second look beside strong columns: multislice ABF, sums of known truth, and empty places."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from column_lattices import PITCH_A, ROW_A, compare, o3
from stackmotif.columns import Columns, find_columns, find_weak_columns, metal_columns
from stackmotif.columns.filtering import false_alarm_threshold
from stackmotif.errors import ColumnsError
from stackmotif.imaging import Microscope
from stackmotif.imaging.atlas import default_atlas
from stackmotif.imaging.atlas.stitch import PreparedAtlas
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.imaging.noise import poisson_dose
from stackmotif.matching import identify
from stackmotif.micrograph import Micrograph
from stackmotif.structures.lattices.lattice import get_lattice

SIZE_A = 0.1
FIELD_A = (30.0, 34.0)
SHAPE = (300, 340)


def image_of_o3(detector, *, dose, rng=5):
    """O3 with its gaps filled, 8 nm thick, and where its metal, oxygen and lithium are [Å]."""
    scope = Microscope.preset("stem-300kV")
    number = [one.name for one in scope.detectors].index(detector)
    prepared = PreparedAtlas(default_atlas(), scope, thickness_A=80.0)
    settings = {"pixel_size_A": SIZE_A, "field_A": FIELD_A, "position_A": (15.0, 17.0)}
    pixels = prepared.image("|R+[Li]|", blur_sigma_A=0.3, **settings)[0, number]
    counted = poisson_dose(pixels, dose_per_A2=dose, pixel_size_A=SIZE_A, rng=rng)
    lattice = get_lattice("LiNiO2:0.5")
    pitch, row = lattice.column_pitch_A, lattice.row_spacing_A("3")
    rows, slots = np.meshgrid(np.arange(-5, 6), np.arange(-25, 26), indexing="ij")
    # Rows go up (-y) and right by a third; a slab of tilt R leans to the right.
    metal = np.stack([-rows * row, (slots + rows / 3) * pitch], axis=-1).reshape(-1, 2)
    metal += (15.0, 17.0)
    half = np.array([-lattice.slab_height_A / 2, pitch / 3])
    gap = np.array([-row / 2, pitch / 6 + pitch / 2])
    truth = {
        "metal": metal,
        "oxygen": np.concatenate([metal + half, metal - half]),
        "lithium": metal + gap,
    }
    return Micrograph(counted, SIZE_A, detector=detector.lower()), {
        name: points[np.all((points > 1.5) & (points < np.array(FIELD_A) - 1.5), axis=1)]
        for name, points in truth.items()
    }


def inner(columns):
    at = columns.positions_A
    return at[np.all((at > 1.5) & (at < np.array(FIELD_A) - 1.5), axis=1)]


def recall(columns, points):
    return float((cKDTree(columns.positions_A).query(points)[0] < 0.35).mean())


@pytest.fixture(scope="module")
def abf():
    micrograph, truth = image_of_o3("ABF", dose=5000.0)
    first = find_columns(micrograph)
    return micrograph, truth, first, *find_weak_columns(micrograph, first)


def test_oxygen_is_found_beside_metal(abf):
    _, truth, first, strong, weak = abf
    assert recall(first, truth["oxygen"]) < 0.1
    assert recall(weak, truth["oxygen"]) > 0.98
    assert recall(strong, truth["metal"]) == 1.0
    everything = np.concatenate(list(truth.values()))
    assert cKDTree(everything).query(inner(weak))[0].max() < 0.6
    assert np.all(weak.intensity < 0)


def test_its_uncertainty_holds_what_channelling_does(abf):
    _, truth, _, _, weak = abf
    distance, index = cKDTree(weak.positions_A).query(truth["oxygen"])
    apart = (weak.positions_A[index] - truth["oxygen"])[distance < 0.35]
    inverse = np.linalg.inv(weak.covariances_A2[index][distance < 0.35])
    assert 0.75 < (np.einsum("ni,nij,nj->n", apart, inverse, apart) < 4).mean() < 0.99


def test_metal_is_fitted_better_with_its_oxygen(abf):
    _, truth, first, strong, _ = abf
    assert len(first) == len(strong)
    np.testing.assert_allclose(first.positions_A, strong.positions_A, atol=0.7)
    near = cKDTree(truth["metal"]).query(strong.positions_A)[0] < 0.35
    assert strong.quality[near].mean() > max(0.97, first.quality[near].mean())


def test_metal_alone_is_read_in_abf(abf):
    micrograph, truth, first, _, _ = abf
    metal = metal_columns(micrograph, first)
    assert recall(metal, truth["metal"]) == 1.0
    assert cKDTree(truth["metal"]).query(inner(metal))[0].max() < 0.4
    assert cKDTree(truth["lithium"]).query(inner(first))[0].min() < 0.4
    read = identify(micrograph)
    assert read.summary["status"] == "ok"
    assert read.summary["fractions"]["+"] > 0.98


@pytest.fixture(scope="module")
def stackings():
    """O3 all over, and O3 with five gaps of the other sense in it."""
    scope = Microscope.preset("stem-300kV")
    prepared = PreparedAtlas(default_atlas(), scope, thickness_A=80.0)
    settings = {"pixel_size_A": SIZE_A, "field_A": (80.0, 60.0), "position_A": (70.0, 30.0)}
    return prepared.image(["|R+20|", "|R+5 R-5 R+10|"], blur_sigma_A=0.3, **settings)[:, 2]


@pytest.mark.parametrize("share", [0.5, 0.35])
def test_stackings_that_overlap_along_the_beam_are_not_read_in_abf(stackings, share):
    """Part of the foil is the one, the rest the other."""
    mean = stackings[0] * (1 - share) + stackings[1] * share
    counted = poisson_dose(mean, dose_per_A2=5000.0, pixel_size_A=SIZE_A, rng=1)
    read = identify(Micrograph(counted, SIZE_A, detector="abf"))
    assert read.summary["status"] == "low_confidence"
    assert any("elongated" in one for one in read.summary["warnings"])
    assert read.summary["fractions"]["x"] > 0.3
    assert read.summary["fractions"]["0"] + read.summary["fractions"]["-"] < 0.02


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_images_have_turned_columns(abf, turns):
    micrograph, _, _, _, weak = abf
    turned = replace(micrograph, image=np.ascontiguousarray(np.rot90(micrograph.image, turns)))
    _, other = find_weak_columns(turned, find_columns(turned))
    back = _turned_back(other.positions_A, micrograph.shape, turns)
    assert len(other) == pytest.approx(len(weak), abs=3)
    assert np.quantile(cKDTree(weak.positions_A).query(back)[0], 0.97) < 0.05


def _turned_back(points, shape, turns):
    """Places in an image that np.rot90 turned, in the image before it."""
    height, width = (np.array(shape) - 1) * SIZE_A
    y, x = points.T
    return np.stack(
        {1: (x, width - y), 2: (height - y, width - x), 3: (height - x, y)}[turns], axis=1
    )


@pytest.mark.parametrize("detector", ["HAADF", "ADF"])
@pytest.mark.parametrize("dose", [1e9, 2000.0])
def test_nothing_is_found_where_oxygen_does_not_show(detector, dose):
    micrograph, _ = image_of_o3(detector, dose=dose)
    _, weak = find_weak_columns(micrograph, find_columns(micrograph))
    assert len(inner(weak)) == 0


def sum_image(strong, weak, *, share, dose, edge=None, shape=(480, 480)):
    """Two kinds of columns in a crystal that begins 15 Å from the left."""
    return Micrograph(
        column_sum_image(
            np.concatenate([strong, weak]),
            amplitude=np.repeat([0.2, 0.2 * share], [len(strong), len(weak)]),
            shape=shape,
            pixel_size_A=SIZE_A,
            sigma_A=0.38,
            background=0.02,
            dose_e_per_A2=dose,
            edge=edge,
            edge_width_A=15.0 if edge else 0.0,
            rng=1,
        ),
        SIZE_A,
    )


@pytest.mark.parametrize("edge", ["vacuum", "amorphous"])
def test_guests_between_rows_and_none_beside_the_crystal(edge):
    metal = o3((480, 480), rng=3, faults=0.0, pixel_size_A=SIZE_A)
    guests = metal + np.array([ROW_A / 2, PITCH_A / 6])
    micrograph = sum_image(metal, guests, share=0.2, edge=edge, dose=4000.0)
    strong, weak = find_weak_columns(micrograph, find_columns(micrograph))
    found = np.concatenate([strong.positions_A, weak.positions_A])
    inside = np.all((guests > 2) & (guests < 46), axis=1) & (guests[:, 1] > 17)
    assert (cKDTree(found).query(guests[inside])[0] < 0.35).mean() > 0.97
    assert (weak.positions_A[:, 1] < 13).sum() == 0
    truth = np.concatenate([metal, guests])
    away = cKDTree(truth).query(found[found[:, 1] > 16])[0]
    assert (away > 0.5).mean() < 0.01


def test_uncertainties_of_touching_columns_are_right():
    metal = o3((480, 480), rng=4, faults=0.0, pixel_size_A=SIZE_A)
    oxygen = metal + np.array([1.05, 0.83])
    micrograph = sum_image(metal, oxygen, share=0.5, dose=8000.0)
    strong, weak = find_weak_columns(micrograph, find_columns(micrograph))
    for columns, truth in ((strong, metal), (weak, oxygen)):
        share, precision, error, matched = compare(
            columns, truth, (480, 480), border_A=2.0, pixel_size_A=SIZE_A
        )
        assert share > 0.99
        assert precision > 0.99
        inverse = np.linalg.inv(columns.covariances_A2[matched])
        assert (np.einsum("ni,nij,nj->n", error, inverse, error) < 4).mean() > 0.8


def test_nothing_known_and_nothing_to_see():
    flat = Micrograph(np.full((100, 100), 3.0), SIZE_A)
    none = Columns.from_positions([], sigma_A=0.1)
    assert [len(one) for one in find_weak_columns(flat, none)] == [0, 0]
    one = Columns.from_positions([(5.0, 5.0)], sigma_A=0.1)
    assert [len(each) for each in find_weak_columns(flat, one)] == [1, 0]
    with pytest.raises(ColumnsError, match="pixels per column pitch"):
        find_weak_columns(Micrograph(np.eye(60), 0.6), one)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"device": "abacus"}, "device is 'abacus'"),
        ({"false_alarms": 0.0}, "false_alarms is 0.0"),
        ({"false_alarms": float("nan")}, "false_alarms is nan"),
        ({"least_share": -1.0}, "least_share is -1.0"),
    ],
)
def test_arguments_out_of_range_are_refused(abf, changes, told):
    micrograph, _, first, _, _ = abf
    with pytest.raises(ColumnsError, match=told):
        find_weak_columns(micrograph, first, **changes)


def test_columns_of_another_image_are_refused(abf):
    micrograph, truth, *_ = abf
    far = Columns.from_positions([(100.0, 5.0), (-3.0, 2.0)], sigma_A=0.1)
    with pytest.raises(
        ColumnsError, match=r"2 of the 2 known columns lie outside .* 29.95 × 33.95"
    ):
        find_weak_columns(micrograph, far)
    bright = Columns.from_positions(truth["metal"], sigma_A=0.1)
    with pytest.raises(ColumnsError, match="not what is bright"):
        find_weak_columns(micrograph, bright)


def test_known_columns_in_one_place_are_no_good_but_no_error(abf):
    micrograph, _, first, _, _ = abf
    twice = first.take(np.r_[0, 0, 1 : len(first)])
    strong, _ = find_weak_columns(micrograph, twice)
    assert len(strong) == len(twice)
    assert (strong.quality[:2] == 0).any()


def test_fewer_false_alarms_never_mean_a_lower_threshold():
    limits = [false_alarm_threshold(10**6, scale_px=3.0, expected=one) for one in (1, 1e-3, 1e-40)]
    assert limits == sorted(limits)
