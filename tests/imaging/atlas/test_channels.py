import numpy as np
import pytest

from atlas_world import world_atlas
from stackmotif.errors import SimulationError
from stackmotif.imaging import Detector, Microscope
from stackmotif.imaging.atlas.channels import check_beam, check_round, signals


@pytest.fixture(scope="module")
def atlas():
    return world_atlas()


def test_a_detector_is_the_sum_of_its_rings(atlas):
    whole = signals(atlas, [Detector("all", 0, 150), "com_y"], thickness_A=20)
    rings = signals(
        atlas, [Detector(str(k), *edges) for k, edges in enumerate(((0, 20), (20, 150)))],
        thickness_A=20,
    )  # fmt: skip
    np.testing.assert_allclose(whole.samples[:, :, :, 0], rings.samples.sum(axis=3), rtol=1e-12)
    np.testing.assert_array_equal(
        whole.samples[:, :, :, 1], atlas.samples[:, :, :, 0, 5].astype(np.float64)
    )
    assert whole.names == ("all", "com_y")
    np.testing.assert_array_equal(whole.x_sign, [1, 1])
    np.testing.assert_array_equal(whole.y_sign, [1, -1])


def test_an_edge_inside_a_ring_is_refused_with_its_neighbours(atlas):
    with pytest.raises(SimulationError, match=r"'DF' has an edge at 55 mrad.* such as 20, 60, 150"):
        signals(atlas, [Detector("DF", 20, 55)], thickness_A=20)
    with pytest.raises(SimulationError, match=r"detector 'com' is none of the atlas"):
        signals(atlas, ["com"], thickness_A=20)


def test_thickness_is_an_exit_plane_or_interpolated_when_asked(atlas):
    ring = [Detector("BF", 0, 10)]
    low, high = (signals(atlas, ring, thickness_A=one) for one in (20, 39))
    assert low.thickness_A == pytest.approx(7 * 2.811)
    np.testing.assert_allclose(high.samples, 2 * low.samples, rtol=1e-6)
    middle = signals(atlas, ring, thickness_A=10.5 * 2.811, interpolate=True)
    np.testing.assert_allclose(middle.samples, 1.5 * low.samples, rtol=1e-6)
    assert middle.thickness_A == pytest.approx(10.5 * 2.811)
    with pytest.raises(
        SimulationError, match=r"thickness is 30 Å and the atlas has 19\.7, 39\.4 Å"
    ):
        signals(atlas, ring, thickness_A=30)
    with pytest.raises(SimulationError, match=r"thickness is 300 Å"):
        signals(atlas, ring, thickness_A=300, interpolate=True)
    with pytest.raises(SimulationError, match=r"thickness is nan Å"):
        signals(atlas, ring, thickness_A=float("nan"))


def test_another_beam_is_refused_and_another_source_is_not(atlas):
    scope = Microscope.preset("stem-300kV")
    check_beam(atlas, scope.with_(source_fwhm_A=0.1, name="mine", note="mine too"))
    with pytest.raises(SimulationError, match=r"semiangle_mrad 25\.0 against 20\.0; expected"):
        check_beam(atlas, scope.with_(semiangle_mrad=25.0))


def test_a_beam_that_is_not_round_is_refused():
    scope = Microscope.preset("stem-300kV")
    check_round(world_atlas(microscope=scope.with_(Cs_A=1e4, defocus_A=50.0)))
    with pytest.raises(SimulationError, match=r"a tilt of \(5\.0, 0\.0\) mrad; expected a round"):
        check_round(world_atlas(microscope=scope.with_(tilt_mrad=(5.0, 0.0))))
    with pytest.raises(SimulationError, match=r"the aberration C12; expected a round beam"):
        check_round(world_atlas(microscope=scope.with_(aberrations={"C12": 20.0})))


def test_detectors_that_are_no_centred_rings_are_refused(atlas):
    moved = Detector("DF", 20, 60, offset_mrad=(3.0, 0.0))
    with pytest.raises(SimulationError, match=r"'DF' has offset_mrad \(3\.0, 0\.0\); the atlas"):
        signals(atlas, [moved], thickness_A=20)
