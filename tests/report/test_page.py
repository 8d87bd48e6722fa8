import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from stackmotif.hypotheses import hypothesize
from stackmotif.matching.tables import new_table
from stackmotif.report import fft_figure, html_report
from stackmotif.report.fft_figure import power_spectrum
from stackmotif.report.page import MOST_LINES, command_line, python_lines
from synthetic_result import with_summary

HOSTILE = "\"><script>alert(1)</script>'&{{ 7*7 }}/../x"
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags, attributes and text; complains about tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "action", "data")]
        assert not any(k.startswith("on") for k, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(result):
    return Page(html_report(result))


def test_page_is_offline_and_has_no_script(result, page):
    text = html_report(result, map_png=b"png")
    assert "script" not in page.tags
    assert "default-src 'none'" in text
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert len(page.links) == 3
    assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?(https?:)?//", text)


def test_page_says_what_is_sure_and_what_is_not(result, page):
    assert "The stacking was read." in page.text
    assert f"{len(result.columns)} columns stand in {result.summary['n_rows']} rows" in page.text
    assert result.summary["word"] in page.text
    for entry in result.summary["degenerate"]:
        assert entry["decides"] in page.text
    assert "columns.tilt" in page.text
    assert "Å" in page.text


def test_page_names_the_motifs_and_domains(result, page):
    for motif in ("TD(1) × 1", "O1 fault(1) × 1"):
        assert motif in page.text
    assert page.tags.count("tr") >= len(result.domains)


def test_page_shows_how_to_do_it_again(result, page):
    assert command_line(result) in page.text
    assert command_line(result) == (
        "stackmotif identify field --pixel-size-A 0.2 --detector adf --out out"
    )
    compile(python_lines(result), "page", "exec")


def test_what_was_done_to_the_image_is_done_again(result):
    provenance = {**result.summary["provenance"], "history": ["sum of 3 registered frames: moved"]}
    done = with_summary(result, scan={"removed": True}, provenance=provenance)
    assert "--sum-frames --straighten --out out" in command_line(done)
    assert "sum_frames(read_series(" in python_lines(done)
    assert "sm.identify(m, straighten=True)" in python_lines(done)
    compile(python_lines(done), "page", "exec")
    assert "straighten" not in command_line(result) + python_lines(result)


def test_templates_that_were_not_asked_for_are_not_asked_for_again(result):
    off = with_summary(result, templates={"asked": "off", "used": False, "because": "not asked"})
    assert "sm.identify(m, templates='off')" in python_lines(off)
    assert "templates" not in python_lines(with_summary(result, templates={"asked": "auto"}))


@pytest.mark.parametrize("status", ["ok", "low_confidence", "failed"])
def test_hostile_names_and_metadata_are_text(status, result):
    provenance = {"input": HOSTILE, HOSTILE: HOSTILE}
    hostile = replace(
        with_summary(
            result,
            status=status, reasons=[HOSTILE], warnings=[HOSTILE], provenance=provenance,
            degenerate=[{"kind": HOSTILE}], host=HOSTILE, not_yet=[HOSTILE],
        ),
        name=HOSTILE,
    )  # fmt: skip
    domains = new_table("domains", 1)
    domains["word"] = "<img src=x>"
    text = html_report(replace(hostile, domains=domains), map_png=b"")
    page = Page(text)
    assert "script" not in page.tags
    assert page.tags.count("img") == 3
    assert "<script" not in text
    assert HOSTILE in page.text
    assert "49" not in page.text.split("What the image shows")[0]
    compile(python_lines(hostile), "page", "exec")


def test_a_status_that_is_no_word_cannot_leave_its_attribute(result):
    page = Page(html_report(with_summary(result, status='x" onclick="y'), map_png=b""))
    assert "onclick" in page.text


def test_long_tables_are_cut_and_say_so(result):
    domains = new_table("domains", 3 * MOST_LINES)
    page = Page(html_report(replace(result, domains=domains), map_png=b""))
    assert f"{MOST_LINES} of {3 * MOST_LINES} lines; domains.csv holds all." in page.text


def test_failed_results_claim_nothing(failed):
    page = Page(html_report(failed))
    assert "The stacking could not be read" in page.text
    assert "Nothing that can be trusted." in page.text
    assert failed.summary["reasons"][0] in page.text


def test_simulated_images_are_labelled(result):
    assert "simulated image" not in Page(html_report(result, map_png=b"")).text
    marked = Page(html_report(with_summary(result, simulated=True), map_png=b""))
    assert marked.text.count("simulated image") == 2


def test_hypotheses_are_listed(result):
    found = hypothesize(result, top=3)
    page = Page(html_report(result, hypotheses=found, map_png=b""))
    for hypothesis in found:
        assert str(hypothesis.word) in page.text


def test_power_spectrum_has_the_lattice_where_it_belongs(result):
    power, step_y, step_x = power_spectrum(result.image, pixel_size_A=result.pixel_size_A)
    n_y, n_x = power.shape
    along_y = power[:, n_x // 2].copy()
    along_y[np.abs(np.arange(n_y) - n_y // 2) * step_y < 1.0] = 0
    peak_per_nm = abs(np.argmax(along_y) - n_y // 2) * step_y
    assert peak_per_nm == pytest.approx(10 / 4.73, abs=step_y)
    assert step_x == pytest.approx(10 / (n_x * result.pixel_size_A))


def test_fft_figure_needs_an_image(result):
    assert fft_figure(replace(result, image=None)) is None
    assert fft_figure(result).axes[0].get_xlabel() == "1/nm"
