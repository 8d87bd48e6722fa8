"""The folder that ``identify`` writes: every file of the contract, all at once."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif.errors import ResultError
from stackmotif.hypotheses import foreign_in_hypotheses
from stackmotif.hypotheses.publish import check_target, check_writable, published
from stackmotif.report.csvfile import write_csv

if TYPE_CHECKING:
    from stackmotif.matching import MotifMap

TABLE_NAMES: Final = ("columns", "shifts", "walls", "domains", "scores")
"""Attributes of a motif map that are tables."""

FILE_OF_TABLE: Final = {"shifts": "gaps.csv"}
"""File of a table, where it is not named after the attribute."""

FILES: Final = frozenset(
    {FILE_OF_TABLE.get(name, f"{name}.csv") for name in TABLE_NAMES}
    | {"summary.json", "hypotheses", "motifs.png", "report.html", "result.npz"}
)
"""Everything that a bundle may hold at its top level."""


def write_bundle(
    r: "MotifMap",
    directory: Path | str,
    *,
    overwrite: bool = False,
    hypotheses: bool = False,
) -> Path:
    """Write every file of a result into a folder, which appears whole or not at all.

    Parameters
    ----------
    r : MotifMap
        The result.
    directory : path
        Folder to make; parents are made as needed. An existing empty folder is used.
    overwrite : bool
        Replace an earlier result. A folder that holds anything else is never replaced.
    hypotheses : bool
        Also rank 3-D models of the whole field and write their CIF files.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ResultError
        If the folder is in the way, or cannot be written.
    """
    from stackmotif.hypotheses import hypothesize, write_hypotheses

    directory = Path(directory)
    with published(directory, may_replace=_gate(overwrite)) as scratch:
        models = hypothesize(r) if hypotheses else []
        write_hypotheses(scratch / "hypotheses", models)
        write_result_files(r, scratch, hypotheses=models)
    return directory


def check_output(directory: Path | str, *, overwrite: bool = False) -> None:
    """Raise a `ResultError` now if `write_bundle` would refuse ``directory`` later."""
    check_target(Path(directory), may_replace=_gate(overwrite))
    check_writable(Path(directory))


def write_result_files(r: "MotifMap", directory: Path, *, hypotheses: Any = ()) -> None:
    """Write all files of a result but the hypotheses into an existing folder, over older ones."""
    from stackmotif.report.figure import save_png
    from stackmotif.report.map_figure import motif_map_figure
    from stackmotif.report.page import html_report

    for name in TABLE_NAMES:
        write_csv(directory / FILE_OF_TABLE.get(name, f"{name}.csv"), getattr(r, name))
    r.to_npz(directory / "result.npz")
    png = save_png(motif_map_figure(r))
    (directory / "motifs.png").write_bytes(png)
    page = html_report(r, hypotheses=hypotheses, map_png=png)
    (directory / "report.html").write_text(page, encoding="utf-8")
    write_json(directory / "summary.json", r.summary)


def write_page(r: "MotifMap", directory: Path, *, hypotheses: Any = ()) -> None:
    """Renew ``report.html`` of a result that stands on disk, in one step."""
    from stackmotif.report.page import html_report

    write_text(directory / "report.html", html_report(r, hypotheses=hypotheses))


def write_text(path: Path | str, text: str) -> Path:
    """Write a text file in UTF-8, whole or not at all, and return its path.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    path = Path(path)
    scratch = path.with_name(f".{path.name[:40]}-{os.getpid()}.part")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise ResultError(
            f"file {str(path)!r} cannot be written ({error.strerror}); expected a folder that "
            "exists and can be written"
        ) from error
    finally:
        scratch.unlink(missing_ok=True)
    return path


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON: numbers that are not finite become null, NumPy scalars plain ones."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: dicts, lists, str, int, float, bool and None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "items"):
        return plain(dict(value.items()))
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _gate(overwrite: bool) -> Any:
    return _refuse_foreign if overwrite else _refuse_any


def _refuse_any(directory: Path) -> None:
    raise ResultError(
        f"output folder {str(directory)!r} exists and is not empty; expected a new or empty "
        "folder: choose another, or replace an earlier result with --overwrite"
    )


def _refuse_foreign(directory: Path) -> None:
    found = {entry.name for entry in directory.iterdir()}
    foreign = sorted(found - FILES) or foreign_in_hypotheses(directory / "hypotheses")
    if not foreign and not _is_result(directory):
        foreign = sorted(found)
    if foreign:
        raise ResultError(
            f"output folder {str(directory)!r} holds {foreign[0]!r}, which is not part of an "
            "earlier result; expected nothing else in a folder to be replaced: move it away or "
            "choose another folder"
        )


def _is_result(directory: Path) -> bool:
    try:
        summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and str(summary.get("schema")).startswith("stackmotif-")
