"""The statistics in the report: a figure where there is something to say, and words."""

import json

import numpy as np
import pytest

from stackmotif.matching.statistics import FieldRecord, pooled_statistics
from stackmotif.report import html_report, statistics_figure
from stackmotif.report.figure import save_png
from stackmotif.report.wording import statistics
from synthetic_result import make_result, with_summary

ORDERED = "++++0+0+0+0+0+0+0+0+0+++"


@pytest.fixture(scope="module")
def ordered():
    return make_result(ORDERED)


def test_figure_shows_what_the_summary_says(ordered):
    told = ordered.summary["statistics"]
    figure = statistics_figure(told)
    runs, _, pairs = figure.axes
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in runs.patches}
    for line in told["run_lengths"]:
        if line["state"] == "O1":
            assert bars[line["length"]] == pytest.approx(line["observed"])
    found = next(line for line in pairs.lines if line.get_label() == "found")
    drawn = [line["observed"] for line in told["pair_correlation"] if line["observed"] is not None]
    assert np.allclose(found.get_ydata(), drawn)
    assert [ax.get_xlabel() for ax in figure.axes][-1] == "distance in gaps"
    assert save_png(figure).startswith(b"\x89PNG")


def test_figure_needs_enough_gaps():
    few = pooled_statistics([FieldRecord.from_states("++0+")])
    assert statistics_figure(few) is None
    assert statistics_figure(None) is None
    many = pooled_statistics([FieldRecord.from_states("++0+0++0-+" * 3)] * 2)
    assert statistics_figure(json.loads(json.dumps(many))) is not None


def test_page_has_the_section_and_the_figure(ordered):
    page = html_report(ordered, map_png=b"")
    assert "Statistics along c" in page
    assert "not random" in page
    assert page.count("<img") == 3


def test_few_gaps_say_what_would_be_needed(result, failed):
    words = statistics(result.summary)
    if result.summary["statistics"]["order"]["p_value"] is None:
        assert "too few" in words[0]
    assert any("per nm along c" in line for line in words)
    assert statistics(failed.summary) == []
    assert "Statistics along c" not in html_report(failed, map_png=b"")
    old = with_summary(result, statistics=None)
    assert "Statistics along c" not in html_report(old, map_png=b"")
