"""Hypotheses to files: one table and one CIF per line."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stackmotif.catalog.cif import cif_text
from stackmotif.errors import ResultError
from stackmotif.hypotheses.model import Hypothesis
from stackmotif.hypotheses.publish import published

HYPOTHESIS_FIELDS: Final = (
    "rank", "word", "metal_word", "class_id", "p_class", "p_in_class", "log_columns",
    "log_image", "log_prior", "p_uniform_prior", "decides", "cif",
)  # fmt: skip
"""Columns of ``hypotheses.csv``."""

TABLE: Final = "hypotheses.csv"
ARGUMENTS: Final = "arguments.json"


def write_hypotheses(
    directory: Path | str,
    hypotheses: Sequence[Hypothesis],
    *,
    lattice: str = "LiNiO2:1",
    arguments: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write ``hypotheses.csv`` and one CIF per resolved line, all at once.

    An earlier folder of hypotheses is replaced if it is empty of lines, if it was written with the
    same ``arguments``, or with ``overwrite``; one that holds other files is never replaced.

    Parameters
    ----------
    directory : path
        The folder to write.
    hypotheses : sequence of Hypothesis
        Best first; none gives a table without lines.
    lattice : str
        Lattice of the models.
    arguments : mapping, optional
        What the hypotheses were asked for; kept in ``arguments.json``.
    overwrite : bool
        Replace hypotheses that were made with other arguments.

    Raises
    ------
    ResultError
        If the folder is in the way or cannot be written.
    StructureError
        If a model cannot be built.
    """
    directory = Path(directory)
    settings = {"lattice": lattice, **(arguments or {})}
    with published(directory, may_replace=_gate(settings, overwrite=overwrite)) as scratch:
        names = [
            _write_model(h, scratch, rank=k + 1, lattice=lattice) for k, h in enumerate(hypotheses)
        ]
        table = _table_text(hypotheses, names)
        (scratch / TABLE).write_text(table, encoding="utf-8")
        if hypotheses:
            text = json.dumps(settings, indent=2, sort_keys=True)
            (scratch / ARGUMENTS).write_text(text + "\n", encoding="utf-8")
    return directory


def foreign_in_hypotheses(directory: Path) -> list[str]:
    """Return the names in a folder of hypotheses that `write_hypotheses` did not write."""
    if not directory.is_dir():
        return []
    return sorted(
        entry.name
        for entry in directory.iterdir()
        if entry.name not in (TABLE, ARGUMENTS)
        and not (entry.name.startswith("hypothesis-") and entry.suffix == ".cif")
    )


def _write_model(h: Hypothesis, directory: Path, *, rank: int, lattice: str) -> str:
    if not h.resolved:
        return ""
    name = f"hypothesis-{rank:02d}.cif"
    text = cif_text(h.structure(lattice=lattice))
    (directory / name).write_text(text, encoding="utf-8")
    return name


def _table_text(hypotheses: Sequence[Hypothesis], names: Sequence[str]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HYPOTHESIS_FIELDS)
    for rank, (h, cif) in enumerate(zip(hypotheses, names, strict=True), start=1):
        values = [getattr(h, name) for name in HYPOTHESIS_FIELDS[1:-1]]
        writer.writerow([rank, *map(_text, values), cif])
    return buffer.getvalue()


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)


def _gate(settings: Mapping[str, Any], *, overwrite: bool) -> Callable[[Path], None]:
    def may_replace(directory: Path) -> None:
        foreign = foreign_in_hypotheses(directory)
        if foreign:
            raise ResultError(
                f"folder {str(directory)!r} holds {foreign[0]!r}, which is not a hypothesis; "
                "expected nothing else in a folder to be replaced: move it away"
            )
        earlier = directory / ARGUMENTS
        if overwrite or not earlier.exists() or _read(earlier) == json.loads(json.dumps(settings)):
            return
        raise ResultError(
            f"folder {str(directory)!r} holds hypotheses made with other arguments; expected the "
            "same ones: replace them with --overwrite"
        )

    return may_replace


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
