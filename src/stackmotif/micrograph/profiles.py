"""EELS and EDS profiles: values along a distance or at places of the image."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackmotif.errors import CalibrationError, ReadError
from stackmotif.micrograph.calibration import angstrom_per
from stackmotif.micrograph.reading import read_signals
from stackmotif.provenance import sha256_file

Floats = NDArray[np.float64]

MAX_POINTS: Final = 100_000
_MAX_BYTES: Final = 64 * 2**20
_TEXT: Final = (".csv", ".tsv", ".txt")
_DEPTHS: Final = {"depth_a": 1.0, "distance_a": 1.0, "depth_nm": 10.0, "distance_nm": 10.0}
_PLACES: Final = ({"y_a", "x_a"}, {"y_px", "x_px"})
_EXPECTED: Final = (
    "a header with depth_A, distance_A, depth_nm or distance_nm, or with y_px and x_px or y_A and "
    "x_A, and one column or more of numbers"
)
_MAX_SERIES: Final = 12


@dataclass(frozen=True)
class Profile:
    """Quantities along a profile.

    Parameters
    ----------
    name : str
        Name of the file.
    sha256 : str
        Of the file.
    series : mapping of str to ndarray, shape (n,)
        Values of every quantity, in the file's units.
    depth_A : ndarray, shape (n,), optional
        Distance of every value from the surface, inwards [Å].
    places : ndarray, shape (n, 2), optional
        Where in the image the values were taken, (y, x), if no distance is given.
    places_unit : str
        ``px`` or ``A``.
    """

    name: str
    sha256: str
    series: Mapping[str, Floats]
    depth_A: Floats | None = None
    places: Floats | None = None
    places_unit: str = "A"


def read_profile(path: str | Path) -> Profile:
    r"""Read a profile from a CSV file, or from a file of HyperSpy or another microscope program.

    A CSV file has a header; lines that begin with ``#`` are skipped. Its distance is counted from
    the surface into the crystal. Any other file must hold one axis that is a length, and up to
    twelve quantities along it.

    Parameters
    ----------
    path : str or Path
        A csv, tsv, txt, hspy, hdf5, emd, dm3, dm4 file.

    Returns
    -------
    Profile

    Raises
    ------
    ReadError
        If the file is missing, damaged, too large, or holds no profile.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "eels.csv"
    >>> _ = path.write_text("depth_nm,Ni_L3_eV\n0.5,853.1\n1.0,853.4\n")
    >>> profile = read_profile(path)
    >>> profile.depth_A.tolist(), list(profile.series)
    ([5.0, 10.0], ['Ni_L3_eV'])
    >>> folder.cleanup()
    """
    file = Path(path)
    if file.suffix.lower() not in _TEXT:
        return _from_signals(file)
    if not file.is_file():
        raise ReadError(f"{file} does not exist; expected a profile: check the path")
    if file.stat().st_size > _MAX_BYTES:
        raise ReadError(
            f"{file.name} has {file.stat().st_size} bytes; expected a profile of {_MAX_BYTES} "
            "bytes or less"
        )
    return _from_text(file)


def _from_text(file: Path) -> Profile:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{file.name} cannot be read as text: {error}") from error
    lines = [one for one in text.splitlines() if one.strip() and not one.lstrip().startswith("#")]
    if len(lines) < 2:
        raise ReadError(f"{file.name} has {len(lines)} lines; expected {_EXPECTED}")
    mark = max(",;\t", key=lines[0].count)
    names = [name.strip() for name in next(csv.reader([lines[0]], delimiter=mark))]
    if len(set(names)) < len(names) or "" in names:
        raise ReadError(f"{file.name}: the header names {names}; expected different names")
    rows = [_numbers(file, line, mark, len(names), k) for k, line in enumerate(lines[1:], start=2)]
    table = dict(zip(names, np.array(rows).T, strict=True))
    return _profile(file, table)


def _numbers(file: Path, line: str, mark: str, n: int, number: int) -> list[float]:
    cells = next(csv.reader([line], delimiter=mark))
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        values = []
    if len(values) != n or not all(map(math.isfinite, values)):
        raise ReadError(
            f"{file.name}, line {number}: {line.strip()[:60]!r}; expected {n} finite numbers"
        )
    return values


def _profile(file: Path, table: dict[str, Floats]) -> Profile:
    lower = {name.lower(): name for name in table}
    n = len(next(iter(table.values())))
    if n > MAX_POINTS:
        raise ReadError(f"{file.name} has {n} values; expected {MAX_POINTS} or fewer")
    digest = sha256_file(file)
    for key, unit in _DEPTHS.items():
        if key in lower:
            depth = unit * table.pop(lower[key])
            return Profile(file.name, digest, _some(file, table), depth_A=depth)
    for pair in _PLACES:
        if pair <= set(lower):
            y, x = (next(k for k in pair if k.startswith(axis)) for axis in "yx")
            places = np.stack([table.pop(lower[y]), table.pop(lower[x])], axis=1)
            return Profile(
                file.name,
                digest,
                _some(file, table),
                places=places,
                places_unit=y[2:].replace("a", "A"),
            )
    raise ReadError(f"{file.name}: the header names {', '.join(table)}; expected {_EXPECTED}")


def _some(file: Path, series: dict[str, Floats]) -> dict[str, Floats]:
    if not series:
        raise ReadError(f"{file.name} has a distance and no quantity; expected {_EXPECTED}")
    return series


def _from_signals(file: Path) -> Profile:
    series: dict[str, Floats] = {}
    depth = None
    seen = []
    for number, signal in enumerate(read_signals(file, max_bytes=_MAX_BYTES)):
        data, axes = np.asarray(signal["data"]), list(signal["axes"])
        seen.append(" × ".join(map(str, data.shape)))
        along = [k for k, axis in enumerate(axes) if _unit(axis) is not None]
        if data.ndim not in (1, 2) or len(along) != 1 or data.dtype.kind not in "iuf":
            continue
        values = np.moveaxis(data, along[0], 0).reshape(data.shape[along[0]], -1)
        if values.shape[1] > _MAX_SERIES or values.shape[0] > MAX_POINTS:
            continue
        own = _distance_A(axes[along[0]], len(values))
        if depth is not None and (len(own) != len(depth) or not np.allclose(own, depth)):
            continue
        depth = own
        name = _title(signal) or f"signal {number}"
        for k, line in enumerate(values.T.astype(np.float64)):
            series[name if values.shape[1] == 1 else f"{name} {k}"] = line
    if depth is None:
        raise ReadError(
            f"{file.name} holds {', '.join(seen) or 'nothing'}; expected a profile: one axis that "
            f"is a length, and up to {_MAX_SERIES} quantities along it: integrate spectra first, "
            "or write a CSV file"
        )
    if not all(np.isfinite(values).all() for values in series.values()):
        raise ReadError(f"{file.name} holds values that are not finite; expected finite numbers")
    return Profile(file.name, sha256_file(file), series, depth_A=depth)


def _unit(axis: Mapping[str, Any]) -> float | None:
    """Return how many Å the unit of an axis is; None if it is no length."""
    try:
        return angstrom_per(axis.get("units"))
    except CalibrationError:
        return None


def _distance_A(axis: Mapping[str, Any], n: int) -> Floats:
    unit = _unit(axis) or math.nan
    if axis.get("axis") is not None:
        return np.asarray(axis["axis"], dtype=np.float64) * unit
    scale, offset = float(axis.get("scale", 1.0)), float(axis.get("offset", 0.0))
    return np.asarray((offset + scale * np.arange(n)) * unit, dtype=np.float64)


def _title(signal: Mapping[str, Any]) -> str:
    general = signal.get("metadata", {}).get("General", {})
    return str(general.get("title", "")).strip()
