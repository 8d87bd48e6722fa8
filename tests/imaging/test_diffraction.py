"""Kinematic diffraction."""

import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging import kinematic_pattern
from stackmotif.structures import build


def spots(word, lattice, **kw):
    pattern = kinematic_pattern(build(word, lattice=lattice), **kw)
    return {
        tuple(hkl): (g, value)
        for hkl, g, value in zip(pattern.hkl, pattern.g_per_A, pattern.intensity, strict=True)
    }


def test_o3_obeys_the_rhombohedral_rule():
    """-h + k + l = 3n in the obverse setting: the shift e = (2/3, 1/3) upwards."""
    found = spots("|R+[Li]|", "LiNiO2:1")
    assert (0, 0, 3) in found
    assert (0, -1, 4) in found
    assert all((-h + k + l) % 3 == 0 for h, k, l in found)  # noqa: E741


def test_o1_has_every_order_along_c():
    assert (0, 0, 1) in spots("|R0|", "O1-NiO2")


def test_spots_lie_in_image_axes_with_c_up():
    g, _ = spots("|R+[Li]|", "LiNiO2:1")[(0, 0, 3)]
    np.testing.assert_allclose(g, [-3 / 14.055, 0.0], atol=1e-9)
    g, _ = spots("|R+[Li]|", "LiNiO2:1")[(0, 1, -4)]
    np.testing.assert_allclose(g, [4 / 14.055, 2 / np.sqrt(3) / 2.859], atol=1e-9)


def test_every_spot_has_a_friedel_mate_and_the_strongest_is_one():
    found = spots("|R-[Na]|", "NaCoO2")
    for hkl, (g, value) in found.items():
        mate_g, mate = found[tuple(-index for index in hkl)]
        np.testing.assert_allclose(mate_g, -g, atol=1e-12)
        assert mate == pytest.approx(value, rel=1e-9)
    assert max(value for _, value in found.values()) == 1.0


def test_intensities_match_a_sum_by_hand():
    """Rock salt: (111)-type spots scatter f_Ni - f_O, (200)-type f_Ni + f_O."""
    from stackmotif.imaging.potential import scattering_factor

    found = spots("|R+[Ni]|", "NiO", max_g_per_A=0.6)
    k2 = np.array([3.0, 4.0]) / 4.17**2
    nickel, oxygen = scattering_factor("Ni", k2), scattering_factor("O", k2)
    expected = ((nickel[0] - oxygen[0]) / (nickel[1] + oxygen[1])) ** 2
    assert found[(0, 0, 6)][1] > 0
    by_length = {round(float(np.linalg.norm(g)), 3): value for g, value in found.values()}
    ratio = by_length[round(np.sqrt(3) / 4.17, 3)] / by_length[round(2 / 4.17, 3)]
    assert ratio == pytest.approx(expected, rel=1e-3)


def test_a_zone_along_c_is_refused():
    with pytest.raises(SimulationError, match="parallel to c"):
        kinematic_pattern(build("|R0|", lattice="O1-NiO2"), zone=(0, 0, 1))


def test_the_range_must_be_positive():
    with pytest.raises(SimulationError, match="max_g_per_A"):
        kinematic_pattern(build("|R0|", lattice="O1-NiO2"), max_g_per_A=-1.0)
