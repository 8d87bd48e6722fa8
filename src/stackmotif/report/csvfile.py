"""Result tables to CSV, fast enough for a million lines.

Every column of a table becomes a block of bytes of fixed width, padded with zero bytes; the blocks
stand side by side, and dropping the zeros leaves the text. No Python loop runs over lines, except
in columns whose numbers or strings need special care.
"""

import csv
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

DECIMALS: Final = {
    "shift": 5, "sigma": 5, "p_plus": 6, "p_zero": 6, "p_minus": 6, "p_unknown": 6, "p_kind": 6,
    "p_tilt": 6, "p_label": 6, "p": 6, "ncc": 6, "posterior": 6, "y_px": 3, "x_px": 3,
    "width_columns": 3, "width_sigma": 3, "rotation_deg": 4, "area_A2": 2,
}  # fmt: skip
"""Digits after the point, where they differ from `DEFAULT_DECIMALS`."""

DEFAULT_DECIMALS: Final = 4
SIGNIFICANT: Final = frozenset({"intensity", "log_evidence"})
"""Fields without a natural scale: six significant digits."""

_CHUNK: Final = 1 << 16
_LARGEST: Final = 1e12
_COMMA, _NEWLINE, _MINUS, _POINT, _ZERO = b",\n-.0"


def write_csv(path: Path | str, table: NDArray[np.void]) -> None:
    r"""Write a structured array as CSV: a header, then one line per record; NaN is an empty field.

    Parameters
    ----------
    path : path
        File to write, in UTF-8 with ``\n`` line ends.
    table : structured ndarray, shape (n,)
        Fields are signed integers, floats and strings.
    """
    with Path(path).open("wb") as handle:
        handle.write((",".join(table.dtype.names or ()) + "\n").encode())
        for start in range(0, len(table), _CHUNK):
            handle.write(csv_lines(np.asarray(table[start : start + _CHUNK])))


def csv_lines(table: NDArray[np.void]) -> bytes:
    """Return the lines of a structured array, without a header, as UTF-8 bytes."""
    blocks: list[Bytes] = []
    for name in table.dtype.names or ():
        blocks += [_field(name, np.asarray(table[name])), _separator(len(table), _COMMA)]
    if not blocks:
        return b""
    blocks[-1] = _separator(len(table), _NEWLINE)
    sheet = np.concatenate(blocks, axis=1)
    return sheet[sheet != 0].tobytes()


def _separator(n: int, byte: int) -> Bytes:
    return np.full((n, 1), byte, dtype=np.uint8)


def _field(name: str, values: NDArray[np.generic]) -> Bytes:
    if values.dtype.kind == "U":
        return _text(values)
    if values.dtype.kind in "iub":
        return _signed(values.astype(np.int64), 0)
    floats = values.astype(np.float64)
    if name in SIGNIFICANT or _beyond(floats):
        return _text(np.array(["" if v != v else f"{v:.6g}" for v in floats.tolist()], dtype="U"))
    return _fixed(floats, DECIMALS.get(name, DEFAULT_DECIMALS))


def _beyond(values: NDArray[np.float64]) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size and np.abs(known).max() > _LARGEST)


def _fixed(values: NDArray[np.float64], decimals: int) -> Bytes:
    missing = np.isnan(values)
    scaled = np.rint(np.where(missing, 0.0, values) * 10.0**decimals).astype(np.int64)
    block = _signed(scaled, decimals)
    block[missing] = 0
    return block


def _signed(values: NDArray[np.int64], decimals: int) -> Bytes:
    """Digits of ``values / 10**decimals``, sign first, padded with zero bytes on the left."""
    magnitude = np.abs(values)
    largest = int(magnitude.max(initial=0))
    n_digits = max(len(str(largest)), decimals + 1)
    powers = 10 ** np.arange(n_digits - 1, -1, -1, dtype=np.int64)
    digits = (magnitude[:, None] // powers % 10 + _ZERO).astype(np.uint8)
    leading = (magnitude[:, None] < powers) & (powers >= 10 ** (decimals + 1))
    digits[leading] = 0
    sign = np.where(values < 0, _MINUS, 0).astype(np.uint8)[:, None]
    if decimals == 0:
        return np.concatenate([sign, digits], axis=1)
    point = _separator(len(values), _POINT)
    return np.concatenate([sign, digits[:, :-decimals], point, digits[:, -decimals:]], axis=1)


def _text(values: NDArray[Any]) -> Bytes:
    values = np.ascontiguousarray(values)
    width = values.dtype.itemsize // 4
    if width == 0 or len(values) == 0:
        return np.zeros((len(values), 0), dtype=np.uint8)
    codes = values.view(np.uint32).reshape(len(values), width)
    plain = (codes < 0x7F) & ((codes >= 0x20) | (codes == 0))
    if plain.all() and not np.isin(codes, [ord(","), ord('"')]).any():
        return codes.astype(np.uint8)
    quoted = np.array([_quoted(v) for v in values.tolist()], dtype="S")
    return quoted.view(np.uint8).reshape(len(values), quoted.dtype.itemsize)


def _quoted(text: str) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([text])
    line = buffer.getvalue()[:-1]
    return ("" if line == '""' else line).encode(errors="backslashreplace")
