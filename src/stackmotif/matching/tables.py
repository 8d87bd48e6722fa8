"""The result tables: one NumPy structured dtype per CSV file of the contract.

Field order is column order in the file. Positions are in image axes (y down, x right) [Å] unless
the name says px; shifts are in units of the column pitch.
"""

from typing import Any, Final

import numpy as np

from stackmotif.errors import MissingPackageError

COLUMN_FIELDS: Final = [
    ("id", "i8"), ("y_px", "f8"), ("x_px", "f8"), ("y_A", "f8"), ("x_A", "f8"),
    ("sigma_y_A", "f8"), ("sigma_x_A", "f8"), ("intensity", "f8"), ("row", "i8"), ("slot", "i8"),
    ("state_above", "U1"), ("state_below", "U1"), ("tilt", "U1"), ("p_tilt", "f8"),
    ("label", "U10"), ("p_label", "f8"), ("motif", "U16"), ("domain", "i8"),
]  # fmt: skip
GAP_FIELDS: Final = [
    ("gap", "i8"), ("slot", "i8"), ("y_A", "f8"), ("x_A", "f8"), ("shift", "f8"), ("sigma", "f8"),
    ("state", "U1"), ("p_plus", "f8"), ("p_zero", "f8"), ("p_minus", "f8"), ("p_unknown", "f8"),
    ("kind", "U1"), ("p_kind", "f8"), ("domain", "i8"), ("wall", "i8"),
]  # fmt: skip
WALL_FIELDS: Final = [
    ("id", "i8"), ("row", "i8"), ("gap", "i8"), ("y_A", "f8"), ("x_A", "f8"), ("left", "U2"),
    ("right", "U2"), ("jump_thirds", "i8"), ("kind", "U10"), ("width_columns", "f8"),
    ("width_sigma", "f8"), ("unit", "U8"), ("wall_class", "U24"), ("n_pooled", "i8"),
]  # fmt: skip
WALL_FIT_FIELDS: Final = [
    ("id", "i8"), ("p", "f8"), ("p_jump", "f8"), ("p_abrupt", "f8"), ("p_narrow", "f8"),
    ("p_continuous", "f8"), ("separation", "f8"), ("unit_above", "U8"), ("unit_below", "U8"),
    ("class_above", "U24"), ("class_below", "U24"), ("partner_below", "i8"), ("pool", "i8"),
    ("inclusion", "i8"),
    ("row_sum_thirds", "i8"), ("end", "U8"), ("partial", "i8"), ("blurred", "i8"),
]  # fmt: skip
DOMAIN_FIELDS: Final = [
    ("id", "i8"), ("kind", "U8"), ("n_gaps", "i8"), ("word", "U64"), ("y_min_A", "f8"),
    ("y_max_A", "f8"), ("x_min_A", "f8"), ("x_max_A", "f8"), ("rotation_deg", "f8"),
    ("row_spacing_A", "f8"), ("pitch_A", "f8"), ("area_A2", "f8"), ("p", "f8"),
]  # fmt: skip
SCORE_FIELDS: Final = [
    ("target", "U24"), ("rank", "i8"), ("motif", "U32"), ("ncc", "f8"), ("log_evidence", "f8"),
    ("posterior", "f8"), ("degeneracy_class", "U64"), ("mirror", "i8"), ("thickness_A", "f8"),
]  # fmt: skip

TABLES: Final[dict[str, list[tuple[str, str]]]] = {
    "columns": COLUMN_FIELDS,
    "gaps": GAP_FIELDS,
    "walls": WALL_FIELDS,
    "domains": DOMAIN_FIELDS,
    "scores": SCORE_FIELDS,
}
"""File stem to fields; the header of every CSV file follows from here."""

INNER_TABLES: Final[dict[str, list[tuple[str, str]]]] = {"wall_fits": WALL_FIT_FIELDS}
"""Tables of a `MotifMap` that are stored in ``result.npz`` alone."""


class Table(np.ndarray[tuple[int], np.dtype[np.void]]):
    """A one-dimensional structured array that can turn itself into a DataFrame."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Column names in file order."""
        return tuple(self.dtype.names or ())

    def to_frame(self) -> Any:
        """Return a pandas DataFrame.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingPackageError("pandas", extra="frame", purpose="to_frame") from error
        return pd.DataFrame({name: np.asarray(self[name]) for name in self.fields})


def new_table(name: str, n: int = 0) -> Table:
    """Return a zeroed table with ``n`` lines; strings are empty.

    ``name`` is a key of `TABLES` or of `INNER_TABLES`.

    >>> len(new_table("walls")), new_table("walls").fields[:2]
    (0, ('id', 'row'))
    """
    return np.zeros(n, dtype=table_dtype(name)).view(Table)


def table_dtype(name: str) -> np.dtype[np.void]:
    """Return the fields of a table, a key of `TABLES` or of `INNER_TABLES`."""
    return np.dtype((TABLES | INNER_TABLES)[name])
