"""Classes along a row: the same from either end."""

import numpy as np

from stackmotif.matching.decode import decode_rows


def test_a_row_reads_the_same_from_either_end():
    rng = np.random.default_rng(4)
    for _ in range(20):
        phase = np.arange(16) + np.repeat(rng.integers(-1, 2, 4), 4) / 3.0
        phase += 0.09 * rng.standard_normal(16)
        phase[5:8] += np.linspace(0.1, 0.25, 3)
        sigma, row = np.full(16, 0.08), np.zeros(16, dtype=np.int64)
        one = decode_rows(phase, sigma, row)
        two = decode_rows(-phase[::-1], sigma, row)
        mirrored = two.probability[::-1][:, [2, 1, 0, 3]]
        np.testing.assert_allclose(one.probability, mirrored, atol=1e-9)


def test_a_short_stretch_at_the_end_of_a_row_is_of_its_class():
    offset = np.array([0.0, 0.03, -0.02, 0.04, 0.03, 0.16, 0.27, 0.5, *[0.667] * 8])
    phase = np.arange(16) + offset
    sigma, row = np.full(16, 0.04), np.zeros(16, dtype=np.int64)
    told = decode_rows(phase, sigma, row)
    assert (told.best[:5] == 1).all()
    assert told.probability[:5, 1].min() > 0.8
