"""Column sets with known stacking, and their readings."""

import pytest

import stackmotif as sm
from stackmotif.stacking.columnset import place_columns, stack_phases

STATES = "+" * 10 + "0" + "+" * 8 + "-" + "+" * 8 + "--" + "+" * 6 + "0" * 5 + "+" * 7


@pytest.fixture(scope="session")
def states():
    """Gap states from the top down: an O1 fault, TD(1), TD(2) and an O1 chunk in O3."""
    return STATES


@pytest.fixture(scope="session")
def make():
    """Make a column set with the usual defects; keywords override them."""

    def columns(states=STATES, *, n_slots=60, **changes):
        settings = {"rng": 11, "noise_A": 0.1, "missing": 0.1, "false": 0.02, **changes}
        return place_columns(stack_phases(states, n_slots), **settings)

    return columns


@pytest.fixture(scope="session")
def read():
    """Read the stacking of a column set."""

    def identify(truth, *, sigma_A=0.1):
        return sm.identify(sm.Columns.from_positions(truth.positions_A, sigma_A=sigma_A))

    return identify
