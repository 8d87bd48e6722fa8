import numpy as np
import pytest

from stackmotif.errors import SimulationError
from stackmotif.imaging.columnsum import column_sum_image

POINTS = np.array([[3.03, 4.11], [6.2, 9.87], [9.9, 0.05]])


def test_it_is_the_sum_of_gaussians_at_exact_places():
    heights = np.array([0.2, 0.3, 0.1])
    got = column_sum_image(
        POINTS, shape=(100, 120), pixel_size_A=0.1, sigma_A=0.4, amplitude=heights, background=0.05
    )
    y, x = np.mgrid[:100, :120] * 0.1
    exact = 0.05 + sum(
        h * np.exp(-((y - p[0]) ** 2 + (x - p[1]) ** 2) / (2 * 0.4**2))
        for p, h in zip(POINTS, heights, strict=True)
    )
    np.testing.assert_allclose(got, exact, atol=2e-6)
    assert got.dtype == np.float32


def test_dose_makes_counts_with_poisson_and_read_noise():
    counts = column_sum_image(
        np.zeros((0, 2)),
        shape=(400, 400),
        pixel_size_A=0.2,
        background=0.05,
        dose_e_per_A2=1e4,
        read_noise_e=3.0,
    )
    assert counts.mean() == pytest.approx(20, rel=0.01)
    assert counts.var() == pytest.approx(20 + 9, rel=0.02)


def test_edges_hold_no_columns():
    points = np.stack(np.meshgrid(np.arange(1, 20, 2.5), np.arange(1, 20, 2.5)), -1).reshape(-1, 2)
    kwargs = {"shape": (200, 200), "pixel_size_A": 0.1, "edge_width_A": 8.0}
    vacuum = column_sum_image(points, edge="vacuum", **kwargs)
    film = column_sum_image(points, edge="amorphous", edge_speckle=0.01, **kwargs)
    assert vacuum[:, :55].max() < 1e-3
    assert film[:, :55].mean() == pytest.approx(0.04, abs=0.005)
    assert film[:, :55].std() == pytest.approx(0.01, rel=0.4)
    np.testing.assert_array_equal(vacuum[:, 80:], film[:, 80:])


def test_jitter_moves_whole_lines_sideways():
    still = column_sum_image([[5.0, 5.0]], shape=(100, 100), pixel_size_A=0.1)
    moved = column_sum_image([[5.0, 5.0]], shape=(100, 100), pixel_size_A=0.1, row_jitter_A=0.1)
    x = np.arange(100)
    lines = slice(42, 59)
    centre = (moved[lines] - 0.04) @ x / (moved[lines] - 0.04).sum(axis=1)
    assert 0.4 < centre.std() < 2.0
    np.testing.assert_allclose(moved[lines].sum(axis=1), still[lines].sum(axis=1), rtol=1e-4)


def test_the_seed_decides():
    def make(rng):
        return column_sum_image(
            POINTS, shape=(64, 64), pixel_size_A=0.2, dose_e_per_A2=100, rng=rng
        )

    np.testing.assert_array_equal(make(4), make(4))
    assert not np.array_equal(make(4), make(5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (1, 5)}, "shape is"),
        ({"pixel_size_A": 0.0}, "pixel_size_A is 0.0 Å"),
        ({"sigma_A": -1.0}, "sigma_A is -1.0 Å"),
        ({"dose_e_per_A2": 0.0}, "dose is 0.0"),
        ({"read_noise_e": 1.0}, "needs a dose"),
        ({"edge": "carbon"}, "edge is 'carbon'"),
    ],
)
def test_settings_that_make_no_image(change, message):
    with pytest.raises(SimulationError, match=message):
        column_sum_image(POINTS, **({"shape": (20, 20), "pixel_size_A": 0.1} | change))
