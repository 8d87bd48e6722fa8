"""One self-contained page: no script, no network, everything escaped."""

import base64
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackmotif import __version__
from stackmotif.report import wording
from stackmotif.report.host_names import reading_of
from stackmotif.report.map_figure import is_simulated

if TYPE_CHECKING:
    from stackmotif.hypotheses import Hypothesis
    from stackmotif.matching import MotifMap
    from stackmotif.matching.tables import Table

MOST_LINES: Final = 60
"""Lines of a table that the page shows; the CSV file holds all."""

DEMO_NAME: Final = "stackmotif-demo"
"""Name of the bundled, simulated micrograph."""

_DEFAULT_HOSTS: Final = ("", "layered-oxide", "window")

_SHOWN: Final = {
    "domains": ("id", "kind", "n_gaps", "word", "y_min_A", "y_max_A", "x_min_A", "x_max_A", "p"),
    "walls": ("id", "row", "y_A", "x_A", "left", "right", "jump_thirds", "kind", "unit"),
    "scores": ("target", "rank", "motif", "ncc", "posterior", "degeneracy_class", "thickness_A"),
}
_HYPOTHESIS: Final = ("word", "class_id", "p_class", "p_in_class", "log_columns", "decides")


def html_report(
    r: "MotifMap",
    *,
    hypotheses: "Sequence[Hypothesis]" = (),
    map_png: bytes | None = None,
) -> str:
    """Return one offline HTML page on a result: summary in words, map, tables, provenance.

    Parameters
    ----------
    r : MotifMap
        The result.
    hypotheses : sequence of Hypothesis
        Ranked models to list.
    map_png : bytes, optional
        The motif map, if it has been drawn already.

    Returns
    -------
    str
        HTML; figures are embedded, and the page's own policy forbids scripts and connections.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("stackmotif.report", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        name=r.name,
        simulated=is_simulated(r),
        status=str(r.summary.get("status", "unknown")),
        verdict=wording.verdict(r),
        sure=wording.sure(r),
        unsure=wording.unsure(r),
        warnings=[wording.sentence(w) for w in wording.as_list(r.summary.get("warnings"))],
        map_png=_base64(_map(r) if map_png is None else map_png),
        network_png=_base64(_network(r)),
        profile_png=_base64(_profile(r)),
        fft_png=_base64(_fft(r)),
        statistics=wording.statistics(r.summary),
        statistics_png=_base64(_statistics(r)),
        oxygen_png=_base64(_oxygen(r)),
        facts=_facts(r.summary),
        tables=[_table(name, getattr(r, name), fields) for name, fields in _SHOWN.items()],
        hypotheses=[[_cell(getattr(h, f)) for f in _HYPOTHESIS] for h in hypotheses[:MOST_LINES]],
        hypothesis_fields=_HYPOTHESIS,
        provenance=_pairs(r.summary.get("provenance") or {}),
        command=command_line(r),
        python=python_lines(r),
        version=__version__,
    )


def command_line(r: "MotifMap") -> str:
    """Return the command that makes this result again; empty for a bare set of columns."""
    if r.image is None:
        return ""
    if r.name == DEMO_NAME:
        return "stackmotif demo"
    parts = ["stackmotif", "identify", source_name(r), "--pixel-size-A", f"{r.pixel_size_A:.6g}"]
    parts += ["--detector", str(r.detector)]
    parts += ["--oxygen", other] if (other := oxygen_name(r)) else []
    parts += ["--sum-frames"] if _is_registered(r) else []
    parts += ["--straighten"] if _is_straightened(r) else []
    host = str(r.summary.get("host") or "")
    parts += ["--host", host] if host not in _DEFAULT_HOSTS else []
    asked = _asked_network(r)
    parts += ["--enhance", asked] if asked != "auto" else []
    parts += ["--out", "out"]
    return shlex.join(_printable(part) for part in parts)


def python_lines(r: "MotifMap") -> str:
    """Return the Python that makes this result again."""
    if r.image is None:
        return "import stackmotif as sm\nr = sm.identify(columns)\nr.save('out')\n"
    opened = repr(_printable(source_name(r)))
    if r.name == DEMO_NAME:
        opened = f'files("stackmotif") / "_data" / {opened}'
    settings = f"{opened}, pixel_size_A={r.pixel_size_A:.6g}, detector={str(r.detector)!r}"
    lines = ["from importlib.resources import files", ""] if r.name == DEMO_NAME else []
    lines.append("import stackmotif as sm")
    if _is_registered(r):
        lines += [
            "from stackmotif.micrograph import read_series, sum_frames",
            f"m, _ = sum_frames(read_series({settings}))",
        ]
    else:
        lines.append(f"m = sm.read({settings})")
    extra = ", oxygen=o" if (other := oxygen_name(r)) else ""
    if other:
        told = r.summary["oxygen"]
        lines.append(
            f"o = sm.read({_printable(other)!r}, pixel_size_A={told['pixel_size_A']:.6g}, "
            f"detector={told['detector']!r})"
        )
    extra += ", straighten=True" if _is_straightened(r) else ""
    extra += f", host={_printable(str(r.summary['host']))!r}" if reading_of(r) else ""
    extra += f", network={asked!r}" if (asked := _asked_network(r)) != "auto" else ""
    extra += f", templates={asked!r}" if (asked := _asked_templates(r)) != "auto" else ""
    lines.append(f"r = sm.identify(m{extra})")
    return "\n".join([*lines, 'r.save("out")', ""])


def oxygen_name(r: "MotifMap") -> str:
    """Return the file that the oxygen was read from; empty if none was, or the image itself."""
    told = r.summary.get("oxygen") or {}
    if not told or told.get("same_image"):
        return ""
    source = str(told.get("source") or "")
    return source.replace("\\", "/").rpartition("/")[2] or str(told["image"])


def _is_registered(r: "MotifMap") -> bool:
    history = (r.summary.get("provenance") or {}).get("history") or ()
    return any("registered frames" in str(note) for note in history)


def _asked_network(r: "MotifMap") -> str:
    if reading_of(r):
        return "auto"
    return str((r.summary.get("network") or {}).get("asked", "auto"))


def _asked_templates(r: "MotifMap") -> str:
    return str((r.summary.get("templates") or {}).get("asked", "auto"))


def _is_straightened(r: "MotifMap") -> bool:
    return bool((r.summary.get("scan") or {}).get("removed"))


def source_name(r: "MotifMap") -> str:
    """Return the file name a result was made from, or its label."""
    provenance = r.summary.get("provenance") or {}
    source = str(provenance.get("input") or "")
    return source.replace("\\", "/").rpartition("/")[2] or r.name


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _base64(png: bytes | None) -> str:
    return "" if png is None else base64.b64encode(png).decode("ascii")


def _map(r: "MotifMap") -> bytes:
    from stackmotif.report.figure import save_png
    from stackmotif.report.map_figure import motif_map_figure

    return save_png(motif_map_figure(r))


def _fft(r: "MotifMap") -> bytes | None:
    from stackmotif.report.fft_figure import fft_figure
    from stackmotif.report.figure import save_png

    figure = fft_figure(r)
    return None if figure is None else save_png(figure)


def _profile(r: "MotifMap") -> bytes | None:
    from stackmotif.report.figure import save_png
    from stackmotif.report.profile_figure import profile_figure

    figure = profile_figure(r)
    return None if figure is None else save_png(figure)


def _oxygen(r: "MotifMap") -> bytes | None:
    from stackmotif.report.figure import save_png
    from stackmotif.report.oxygen_figure import oxygen_figure

    figure = oxygen_figure(r)
    return None if figure is None else save_png(figure)


def _network(r: "MotifMap") -> bytes | None:
    from stackmotif.report.figure import save_png
    from stackmotif.report.network_figure import network_figure

    figure = network_figure(r)
    return None if figure is None else save_png(figure)


def _statistics(r: "MotifMap") -> bytes | None:
    from stackmotif.report.figure import save_png
    from stackmotif.report.statistics_figure import statistics_figure

    figure = statistics_figure(r.summary.get("statistics"))
    return None if figure is None else save_png(figure)


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    keys = (
        "pixel_size_A", "calibration", "scan", "zone", "host", "n_columns", "n_rows", "gauge",
        "timings_s",
    )  # fmt: skip
    facts = {key: summary[key] for key in keys if summary.get(key) is not None}
    return _pairs(with_errors(summary.get("lattice") or {}) | facts)


def with_errors(lattice: Mapping[str, Any]) -> dict[str, str]:
    """Return measured values with their standard errors and units, as text.

    >>> with_errors({"pitch_A": 2.4857, "pitch_sigma_A": 0.0001, "n": 3})
    {'pitch': '2.4857 ± 0.0001 Å', 'n': '3'}
    """
    said = {}
    for key, value in lattice.items():
        base, _, unit = key.rpartition("_")
        sigma = lattice.get(f"{base}_sigma_{unit}")
        if base.endswith("_sigma"):
            continue
        shown = wording.sentence(value)
        if sigma is not None:
            shown += f" ± {wording.sentence(sigma)}"
        mark = {"A": " Å", "deg": "°"}.get(unit)
        said[base if mark else key] = shown + (mark or "")
    return said


def _pairs(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(key).replace("_", " "), wording.sentence(v)) for key, v in mapping.items()]


def _table(name: str, table: "Table", fields: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "fields": fields,
        "lines": [[_cell(line[f]) for f in fields] for line in np.asarray(table[:MOST_LINES])],
        "total": len(table),
    }


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{float(value):.5g}"
    return str(value)
