"""Arguments of builders that are not what their types say."""

import math
from numbers import Real
from typing import Any

import numpy as np

from stackmotif.errors import StructureError
from stackmotif.stacking.walls import is_integer


def as_number(value: Any) -> float:
    """Return a real number as a float, and NaN for anything else, so that range checks refuse it.

    >>> as_number(3), as_number("3"), as_number(None), as_number(True)
    (3.0, nan, nan, nan)
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return math.nan
    return float(value)


def checked_angle(angle_deg: Any, *, what: str) -> float:
    """Return an angle [degrees], or refuse what is not a finite number.

    Raises
    ------
    StructureError
        For anything else.
    """
    angle = as_number(angle_deg)
    if not math.isfinite(angle):
        raise StructureError(f"{what} is {angle_deg!r} degrees; expected a finite number")
    return angle


def checked_generator(rng: Any) -> np.random.Generator:
    """Return the generator of a seed, or a generator as it is.

    Raises
    ------
    StructureError
        For anything else than a whole number from 0 or a generator: a model without a seed could
        not be made again.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if not is_integer(rng) or rng < 0:
        raise StructureError(
            f"rng is {rng!r}; expected a whole number from 0, the seed, or a numpy Generator"
        )
    return np.random.default_rng(rng)
