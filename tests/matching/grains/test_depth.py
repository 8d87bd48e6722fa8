"""The surface, profiles below it, the degraded layer, and a profile laid over."""

import numpy as np
import pytest

import stackmotif as sm
from rocksalt_columns import crystal
from stackmotif.errors import StackmotifError
from stackmotif.imaging.columnsum import column_sum_image
from stackmotif.matching.grains import (
    QUANTITIES,
    Surface,
    degraded_layer,
    depth_profile,
    find_surface,
    with_profile,
)
from stackmotif.micrograph.profiles import Profile
from stackmotif.report.profile_figure import profile_figure
from stackmotif.stacking.columnset import place_columns, stack_phases

PIXEL_A = 0.25
TOP_A, LAYER_A, SPACING_A, PITCH_A = 22.0, 24.0, 4.73, 2.4855


def field(layer_A=LAYER_A):
    """Vacuum above, a grain of rock salt, and O3 below with one O1 gap."""
    states = "++++0+++++"
    host = place_columns(stack_phases(states, 34), rng=2, noise_A=0.05).positions_A
    host = host - host.min(axis=0) + [TOP_A + layer_A, 3.0]
    grain = crystal("110", 15.0, size_A=110.0, noise_A=0.05) + np.array([50.0, 44.0])
    grain = grain[(grain[:, 0] > TOP_A) & (grain[:, 0] < host[:, 0].min() - 2.0)]
    points = np.concatenate([host, grain]) if layer_A else host
    pixels = column_sum_image(
        points, shape=(360, 360), pixel_size_A=PIXEL_A, dose_e_per_A2=2e3, rng=1
    )
    return sm.Micrograph(pixels, PIXEL_A, detector="haadf")


@pytest.fixture(scope="module")
def shell():
    return sm.identify(field(), network="off")


def test_a_line_counts_depth_to_its_right():
    edge = Surface.line(10.0, 0.0, 10.0, 50.0)
    np.testing.assert_allclose(edge.depth_A(np.array([[14.0, 20.0], [7.0, 3.0]])), [4.0, -3.0])
    leaning = Surface.line(0.0, 0.0, 30.0, 40.0)
    np.testing.assert_allclose(leaning.depth_A(np.array([[3.0, -4.0]])), [0.0], atol=6)
    with pytest.raises(StackmotifError, match="no line"):
        Surface.line(1.0, 1.0, 1.0, 1.0)


def test_the_edge_is_where_the_columns_end(shell):
    edge = find_surface(shell)
    assert edge.method == "columns"
    assert np.abs(edge.points_A[:, 0] - TOP_A).max() < 3.0
    np.testing.assert_allclose(edge.depth_A(np.array([[TOP_A + 30.0, 45.0]])), 31.0, atol=2.0)


def test_a_full_field_has_no_edge():
    host = place_columns(stack_phases("+" * 20, 40), rng=2, noise_A=0.05).positions_A
    host = host - host.min(axis=0)
    size = tuple((host.max(axis=0) / PIXEL_A).astype(int))
    pixels = column_sum_image(host, shape=size, pixel_size_A=PIXEL_A, dose_e_per_A2=2e3)
    r = sm.identify(sm.Micrograph(pixels, PIXEL_A), network="off")
    assert find_surface(r) is None
    assert depth_profile(r, "O3") is None
    layer = degraded_layer(r)
    assert layer["thickness_A"] is None
    assert "no edge" in layer["because"]
    told = with_profile(r, Profile("p.csv", "0", {"Ni": np.arange(4.0)}, depth_A=np.arange(4.0)))
    assert "no edge of the crystal" in told.summary["warnings"][-1]
    assert told.summary["profile"]["measured"] == {}


def test_the_layer_has_its_thickness(shell):
    layer = shell.summary["rocksalt"]["layer"]
    assert layer["thickness_A"] == pytest.approx(LAYER_A, abs=3.0)
    assert abs(layer["thickness_A"] - LAYER_A) < 3 * layer["thickness_sigma_A"]
    assert layer["at_least"] is False
    clean = sm.identify(field(0.0), network="off").summary["rocksalt"]["layer"]
    assert clean["thickness_A"] == 0.0


def test_profiles_against_depth(shell):
    salt = depth_profile(shell, "rocksalt")
    assert (salt.value[salt.depth_A < LAYER_A - 5] > 0.95).all()
    assert (salt.value[salt.depth_A > LAYER_A + 5] == 0).all()
    spacing = depth_profile(shell, "row_spacing_A")
    assert np.average(spacing.value, weights=spacing.count) == pytest.approx(SPACING_A, abs=0.02)
    pitch = depth_profile(shell, "pitch_A")
    assert np.average(pitch.value, weights=pitch.count) == pytest.approx(PITCH_A, abs=0.02)
    faulted = depth_profile(shell, "O1")
    deep = LAYER_A + 4.5 * SPACING_A
    assert abs(faulted.depth_A[faulted.value.argmax()] - deep) < 6.0
    states = [depth_profile(shell, q).value for q in ("O3", "O1", "O3r", "unresolved")]
    np.testing.assert_allclose(np.sum(states, axis=0), 1.0)
    faults = depth_profile(shell, "faults_per_nm", bin_A=100.0)
    assert faults.value[0] == pytest.approx(10.0 / SPACING_A / 10, rel=0.15)
    for quantity in QUANTITIES:
        found = depth_profile(shell, quantity)
        assert (found.sigma >= 0).all()
        assert len(found.depth_A) == len(found.value) == len(found.count)
    with pytest.raises(StackmotifError, match="expected one of"):
        depth_profile(shell, "depth")
    with pytest.raises(StackmotifError, match="bin_A"):
        depth_profile(shell, "O3", bin_A=0.0)


def test_a_given_line_is_the_surface(shell):
    line = Surface.line(TOP_A, 0.0, TOP_A, 80.0)
    layer = degraded_layer(shell, surface=line)
    assert layer["thickness_A"] == pytest.approx(LAYER_A, abs=3.0)


def test_a_profile_is_laid_over(shell):
    depth = np.arange(0.0, 60.0, 2.0)
    series = {"Ni valence": 2.0 + (depth > LAYER_A), "<i>O/Ni</i>": np.sqrt(depth)}
    given = Profile("eels.csv", "ab", series, depth_A=depth)
    told = with_profile(shell, given)
    profile = told.summary["profile"]
    assert profile["depth_A"] == depth.tolist()
    assert profile["correlation"]["Ni valence"]["rocksalt"] < -0.85
    assert set(profile["measured"]) == set(QUANTITIES)
    figure = profile_figure(told)
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "from the image",
        "Ni valence",
        "<i>O/Ni</i>",
    ]
    assert figure.axes[0].get_xlim() == figure.axes[-1].get_xlim()
    assert profile_figure(shell) is None


def test_places_become_depths(shell):
    places = np.array([[TOP_A + 10.0, 40.0], [TOP_A + 20.0, 45.0]])
    in_px = Profile("p", "0", {"Ni": np.ones(2)}, places=places / PIXEL_A, places_unit="px")
    in_A = Profile("p", "0", {"Ni": np.ones(2)}, places=places, places_unit="A")
    first, second = (with_profile(shell, p).summary["profile"]["depth_A"] for p in (in_px, in_A))
    assert first == pytest.approx(second, abs=1e-3)
    assert first == pytest.approx([11.0, 21.0], abs=2.0)
