"""The result of reading one image."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stackmotif.errors import ResultError
from stackmotif.matching.oxygen.view import OxygenView
from stackmotif.matching.oxygen.view import packed as packed_view
from stackmotif.matching.oxygen.view import unpacked as unpacked_view
from stackmotif.matching.tables import INNER_TABLES, Table, new_table, table_dtype
from stackmotif.micrograph.network import Seen, packed, unpacked
from stackmotif.stacking import ShiftField

if TYPE_CHECKING:
    import networkx as nx

SCHEMA = "stackmotif-result-1"
_SEEN = "seen_"
_OXYGEN = "oxygen_"
_TABLE_OF = {
    "columns": "columns",
    "gaps": "shifts",
    "walls": "walls",
    "wall_fits": "wall_fits",
    "domains": "domains",
    "scores": "scores",
}


@dataclass(frozen=True)
class MotifMap:
    """Labelled columns, gap cells and domains of one image.

    Parameters
    ----------
    name : str
        Name of the image.
    image : ndarray of float32, shape (y, x), or None
        The image that was read; None for a bare set of columns.
    pixel_size_A : float
        Pixel edge [Å]; NaN for a bare set of columns.
    detector : str
        Detector of the image.
    columns, shifts, walls, domains, scores : Table
        The tables of the contract (``shifts`` is ``gaps.csv``).
    wall_fits : Table
        Probabilities and closure of every wall, line by line of ``walls``.
    field : ShiftField
        The same shifts on the integer grid (gap, slot).
    summary : dict
        Exactly the content of ``summary.json``.
    seen : Seen, optional
        What a network saw, if it looked, in the image as it was given (``straighten`` or not).
    oxygen : OxygenView, optional
        Mean patches of the image that shows oxygen, if tilts were read.
    """

    name: str
    image: NDArray[np.float32] | None
    pixel_size_A: float
    detector: str
    columns: Table
    shifts: Table
    walls: Table
    wall_fits: Table
    domains: Table
    scores: Table
    field: ShiftField
    summary: dict[str, Any]
    seen: Seen | None = None
    oxygen: OxygenView | None = None

    @property
    def status(self) -> str:
        """``ok``, ``low_confidence`` or ``failed``."""
        return str(self.summary["status"])

    @property
    def word(self) -> str:
        """The stacking of the whole field, majority state per gap, read along +c."""
        return str(self.summary["word"])

    def __repr__(self) -> str:
        return (
            f"MotifMap({self.name!r}, status={self.status!r}, {len(self.columns)} columns, "
            f"{len(self.domains)} domains, word={self.word!r})"
        )

    def graph(self, region: ArrayLike | None = None) -> "nx.DiGraph":
        """Return the columns of a region (y0, x0, y1, x1) [Å] and their bonds as a graph.

        See `stackmotif.matching.graph.column_graph`; by default the whole field.
        """
        from stackmotif.matching.graph import column_graph

        return column_graph(self, region)

    def save(self, directory: Path | str, *, overwrite: bool = False) -> Path:
        """Write the bundle of result files; see `stackmotif.report.write_bundle`."""
        from stackmotif.report import write_bundle

        return write_bundle(self, directory, overwrite=overwrite)

    def report(self, path: Path | str) -> Path:
        """Write the self-contained HTML page to ``path``."""
        from stackmotif.report import html_report, write_text

        return write_text(path, html_report(self))

    def to_npz(self, path: Path | str) -> None:
        """Write the result to one ``.npz`` file without pickled objects."""
        arrays: dict[str, NDArray[Any]] = {
            name: np.asarray(getattr(self, attribute)) for name, attribute in _TABLE_OF.items()
        }
        arrays["field_shift"] = self.field.shift.astype(np.float32)
        arrays["field_sigma"] = self.field.sigma.astype(np.float32)
        arrays["field_probability"] = self.field.probability.astype(np.float32)
        arrays["field_state"] = self.field.state
        if self.image is not None:
            arrays["image"] = self.image
        if self.seen is not None:
            arrays |= {f"{_SEEN}{key}": value for key, value in packed(self.seen).items()}
        if self.oxygen is not None:
            arrays |= {f"{_OXYGEN}{k}": value for k, value in packed_view(self.oxygen).items()}
        head = {
            "name": self.name,
            "pixel_size_A": self.pixel_size_A,
            "detector": self.detector,
            "summary": self.summary,
        }
        arrays["head"] = np.array(json.dumps(head))
        with Path(path).open("wb") as handle:
            np.savez_compressed(handle, allow_pickle=False, **arrays)

    @classmethod
    def from_npz(cls, path: Path | str) -> "MotifMap":
        """Read what `to_npz` wrote.

        Raises
        ------
        ResultError
            If the file is missing, damaged or not a stackmotif result.
        """
        try:
            with Path(path).open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
                return _from_arrays({key: stored[key] for key in stored.files})
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ResultError(
                f"cannot read the result {Path(path).name}: {error}; "
                "expected the result.npz of `stackmotif identify`"
            ) from error


def load(directory: Path | str) -> MotifMap:
    """Return the MotifMap saved in ``directory`` (or in a ``.npz`` file).

    Raises
    ------
    ResultError
        If there is no readable result.
    """
    path = Path(directory)
    return MotifMap.from_npz(path / "result.npz" if path.is_dir() else path)


def _from_arrays(stored: dict[str, NDArray[Any]]) -> MotifMap:
    head = json.loads(str(stored["head"]))
    schema = head["summary"]["schema"]
    if schema != SCHEMA:
        raise ValueError(f"schema is {schema!r}, this version reads {SCHEMA!r}")
    tables = {}
    for name, attribute in _TABLE_OF.items():
        array = stored.get(name) if name in INNER_TABLES else stored[name]
        if array is None:  # written before there was such a table
            tables[attribute] = new_table(name)
            continue
        if array.dtype != table_dtype(name):
            raise ValueError(f"table {name} has the fields {array.dtype.names}")
        tables[attribute] = array.view(Table)
    field = ShiftField(
        shift=stored["field_shift"].astype(np.float64),
        sigma=stored["field_sigma"].astype(np.float64),
        probability=stored["field_probability"].astype(np.float64),
        state=stored["field_state"],
    )
    seen = {key[len(_SEEN) :]: stored[key] for key in stored if key.startswith(_SEEN)}
    shown = {key[len(_OXYGEN) :]: stored[key] for key in stored if key.startswith(_OXYGEN)}
    return MotifMap(
        name=head["name"],
        image=stored.get("image"),
        pixel_size_A=float(head["pixel_size_A"]),
        detector=head["detector"],
        field=field,
        summary=head["summary"],
        seen=unpacked(seen) if seen else None,
        oxygen=unpacked_view(shown) if shown else None,
        **tables,
    )
