from dataclasses import replace

import numpy as np
import pytest

from stackmotif.columns import Columns
from stackmotif.errors import ColumnsError


def test_bare_positions():
    columns = Columns.from_positions([[1, 2], [3, 4]], sigma_A=0.1)
    assert columns.positions_A.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_allclose(columns.covariances_A2, np.tile(np.eye(2) * 0.01, (2, 1, 1)))
    assert len(Columns.from_positions([], sigma_A=0.1)) == 0
    assert len(Columns.from_positions(np.empty((0, 2)), sigma_A=0.1)) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_positions_are_finite(value):
    positions = np.zeros((5, 2))
    positions[3, 1] = value
    message = r"positions_A of 1 of 5 columns is not finite, the first at index 3"
    with pytest.raises(ColumnsError, match=message):
        Columns.from_positions(positions, sigma_A=0.1)


@pytest.mark.parametrize("sigma_A", [np.nan, np.inf, 0.0, -0.1])
def test_an_uncertainty_is_positive(sigma_A):
    with pytest.raises(ColumnsError, match=rf"sigma_A is {sigma_A} Å; expected .* finite"):
        Columns.from_positions(np.zeros((5, 2)), sigma_A=sigma_A)


@pytest.mark.parametrize("shape", [(30, 3), (4,), (2, 2, 2), (0, 2, 2), ()])
def test_positions_are_pairs(shape):
    with pytest.raises(ColumnsError, match=r"positions_A has shape .*; expected \(n, 2\)"):
        Columns.from_positions(np.zeros(shape), sigma_A=0.1)


@pytest.mark.parametrize("name", ["covariances_A2", "intensity", "quality"])
def test_every_array_is_finite(name):
    columns = Columns.from_positions(np.zeros((3, 2)), sigma_A=0.1)
    spoiled = getattr(columns, name).copy()
    spoiled[1] = np.nan
    with pytest.raises(ColumnsError, match=f"{name} of 1 of 3 columns is not finite"):
        replace(columns, **{name: spoiled})


def test_arrays_agree_in_length():
    columns = Columns.from_positions(np.zeros((3, 2)), sigma_A=0.1)
    with pytest.raises(ColumnsError, match=r"intensity has shape \(2,\); expected \(3,\)"):
        replace(columns, intensity=np.ones(2))
