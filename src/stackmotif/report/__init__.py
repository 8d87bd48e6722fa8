"""Figures, one offline page and the folder of files of a result."""

from stackmotif.report.bundle import (
    check_output,
    check_writable,
    write_bundle,
    write_page,
    write_text,
)
from stackmotif.report.csvfile import write_csv
from stackmotif.report.fft_figure import fft_figure
from stackmotif.report.map_figure import motif_map_figure
from stackmotif.report.page import html_report
from stackmotif.report.statistics_figure import statistics_figure

__all__ = [
    "check_output",
    "check_writable",
    "fft_figure",
    "html_report",
    "motif_map_figure",
    "statistics_figure",
    "write_bundle",
    "write_csv",
    "write_page",
    "write_text",
]
