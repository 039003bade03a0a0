"""Drawings and tables: the same bytes, readable by a machine that sees nothing, harmless with hostile names."""

import re
import xml.etree.ElementTree as ET
from datetime import date

import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from cs_research import figures
from cs_research.definitions import load_definitions
from cs_research.display import COLOURS, page_stem, show_table
from cs_research.finding import Finding
from cs_research.report.export import page

DEFINITIONS = load_definitions()
CARD = DEFINITIONS.scorecards["dear"]
RATE = {"n": 81, "events": 52, "rate": 0.64, "lower": 0.54, "upper": 0.76}
FEW = {"n": 4, "events": None, "rate": None, "lower": None, "upper": None}


def finding(*rows, question="q", verdict="", **more):
    figures_of = [more.pop(name, None) for name in ("estimate", "lower", "upper")]
    return Finding(question, "It is so.", *figures_of, 81, verdict, {"rows": list(rows), **more})


def month(text, **more):
    return {"month": f"{text}-01", **more}


SCORES = pd.DataFrame({"month": pd.Timestamp("2026-10-01"), "health": [30.0, 20.0, 30.0],
                       "touch_score": [1.0, 0.1, 9.0], "quadrant": ["A", "D", "A"]})
CLAIMS = tuple(
    finding(question=name, verdict=verdict, form=form, claimed=claimed, tolerance=near, estimate=value, lower=value and
            value - 0.04, upper=value and value + 0.04)
    for name, verdict, form, claimed, near, value in (
        ("onboarding_doubles_health", "cannot_tell", "ratio", 2.0, 1.1, 1.9),
        ("bad_health_churns_half", "supported", "rate", 0.5, 0.05, 0.51),
        ("good_health_expands_70", "contradicted", "rate", 0.7, 0.05, 0.3),
        ("touch_raises_health", "cannot_tell", "direction", None, 0.5, None)))
BANDS = {"red": 0.1, "orange": 0.2, "yellow": 0.3, "green": 0.4}
MONTHS = [f"2026-{number:02}" for number in range(1, 11)]
CHARTS = {
    "bands": lambda: figures.draw_bands(
        finding(*({"band": band, "accounts": 10, "share": share, "lower": share / 2, "upper": None}
                  for band, share in BANDS.items()))),
    "months": lambda: figures.draw_health_by_month(finding(*(month(name, **BANDS) for name in MONTHS)), CARD),
    "indicators": lambda: figures.draw_indicators(
        finding({"indicator": "D-1", "name": "契約アカウント率", "not_measured": 0.0, **BANDS},
                {"indicator": "D-2", "name": "Rate $x^2$", "not_measured": 1.0, **dict.fromkeys(BANDS, 0.0)}), CARD),
    "quadrants": lambda: figures.draw_quadrants(SCORES, DEFINITIONS, date(2026, 10, 1)),
    "moves": lambda: figures.draw_moves(finding(month("2026-09", into=3, out=1), month("2026-10", into=2, out=4))),
    "retention": lambda: figures.draw_retention(finding(
        *(month(m, grr=0.8, nrr=0.9, logo_churn=0.2) for m in ("2026-09", "2026-10")))),
    "no money": lambda: figures.draw_retention(finding(month("2026-10", grr=None, nrr=None, logo_churn=0.2))),
    "churn": lambda: figures.draw_churn(
        finding(*(month(m, logo_churn=0.02, arr_churn=None) for m in ("2026-09", "2026-10")), line=0.1 / 12)),
    "forecast": lambda: figures.draw_forecast(finding(*(
        month(f"2026-1{n}", months=n, due=9e6 * n, kept=7e6 * n, lower=6e6, upper=8e6 * n) for n in (1, 2))), "JPY"),
    "bridge": lambda: figures.draw_bridge(finding(*({"step": s, "arr": a} for s, a in (
        ("opening", 100e6), ("new", 30e6), ("expansion", 20e6), ("contraction", -5e6), ("churned", -25e6),
        ("closing", 120e6))))),
    "renewals": lambda: figures.draw_renewals(
        finding(month("2026-10", expanded=3, renewed=5, contracted=1, churned=2))),
    "success": lambda: figures.draw_success(
        finding(month("2026-09", rate=None, n=3), month("2026-10", rate=0.5, n=57))),
    "rates": lambda: figures.draw_rates(
        finding({"group": "red", **RATE}, {"group": "Café $5 & <b>株式会社</b>", **FEW}, claimed=0.5)),
    "ratios": lambda: figures.draw_ratios(
        finding({"what": "later", "form": "ratio", "estimate": 1.9, "lower": 1.7, "upper": 2.1, "n": 40}, claimed=2.0)),
    "auc": lambda: figures.draw_discrimination(
        finding({"what": "the card", "estimate": 0.7, "lower": None, "upper": None, "n": 96})),
    "verdicts": lambda: figures.draw_verdicts(CLAIMS, DEFINITIONS),
    "nothing": lambda: figures.draw_bands(Finding.not_measured("q", "no <score>")),
}


@pytest.fixture(scope="module", params=CHARTS)
def drawn(request):
    return CHARTS[request.param]


def test_a_drawing_is_named_and_described_for_those_who_cannot_see_it(drawn):
    chart = drawn()
    root = ET.fromstring(chart.svg)
    words = [element.text for element in root if element.tag.endswith(("title", "desc"))]
    assert root.get("role") == "img" and words[0].startswith(chart.title) and chart.description
    assert root.get("aria-labelledby").split()[0] in chart.svg


def test_the_same_finding_gives_the_same_bytes(drawn):
    assert drawn().svg == drawn().svg


def test_a_drawing_reaches_for_nothing_and_names_no_time_or_font_file(drawn):
    svg = drawn().svg
    for word in ("<script", "<image", "http://purl", "dc:date", "DejaVu", "@font-face", "<!"):
        assert word not in svg
    assert svg.count("xlink:href=\"#") == svg.count("xlink:href")


def test_text_stays_text_and_is_escaped():
    svg = CHARTS["rates"]().svg
    assert "Café $5 &amp; &lt;b&gt;株式会社" in svg and "<b>" not in svg and "Hiragino Sans" in svg
    assert "契約アカウント率" in CHARTS["indicators"]().svg and "$x^2$" in CHARTS["indicators"]().svg
    assert "too few (n = 4)" in svg and "64% (n = 81)" in svg


def test_colours_can_be_restyled_by_the_page(drawn):
    svg = drawn().svg
    assert "var(--" in svg
    assert not any(f": {colour}" in svg for colour in COLOURS.values())


def test_two_drawings_on_a_page_do_not_share_the_ids_that_name_them():
    names = [CHARTS[name]().svg.split("aria-labelledby=\"")[1].split("-t")[0]
             for name in ("quadrants", "moves", "rates")]
    assert len(set(names)) == 3


def test_months_that_are_too_many_for_the_axis_are_thinned_and_the_last_is_named():
    svg = CHARTS["months"]().svg
    assert "2026-10" in svg and "2026-09" not in svg


# ---------------------------------------------------------------- tables


def test_a_table_reads_well():
    html = show_table(finding({"group": "red", **RATE}, {"group": "<i>", **FEW}), group="Colour", n="n", rate="Rate",
                      caption="Churn")._repr_html_()
    assert "<caption>Churn</caption>" in html and ">64%</td>" in html and ">–</td>" in html and "&lt;i&gt;" in html
    assert '<th scope="col" class="right">Rate' in html and "lower" not in html


def test_a_table_of_ratios_is_not_in_percent():
    row = {"what": "a", "form": "ratio", "estimate": 1.9, "month": "2026-10-01", "is_new": True, "codes": {"W_X": 2}}
    html = show_table(pd.DataFrame([row]))._repr_html_()
    assert ">1.90<" in html and ">2026-10<" in html and ">yes<" in html and ">W_X 2<" in html
    assert show_table(finding())._repr_html_() == ""
    assert "<td class=\"right\">+19 pt</td>" in show_table(finding({"estimate": .19, "form": "points"}),
                                                           estimate="Less")._repr_html_()


def test_a_name_leads_to_the_page_of_its_account_where_there_is_one():
    """The table marks it, the page of the notebook makes a link of the mark or nothing."""
    rows = [{"account_id": name, "account": f"<b>{name}</b></span>"} for name in ("1", "2")]
    table = show_table(finding(*rows), account="Account")._repr_html_()
    assert table.count("<span") == 2 and "&lt;b&gt;1&lt;/b&gt;&lt;/span&gt;</span>" in table
    notebook = new_notebook(cells=[new_code_cell(outputs=[new_output("display_data", {"text/html": table})])])
    about = dict.fromkeys(("page_title", "lang", "css", "dataset", "month", "simulated"), "") | {
        "root": "../", "links": [], "stamp": [], "accounts": {page_stem("1"): "1"}}
    shown = re.findall(r"<td>(.*?)</td>", page(notebook, about)[0])
    assert shown == [f'<a href="../accounts/{page_stem("1")}.html">&lt;b&gt;1&lt;/b&gt;&lt;/span&gt;</a>',
                     "&lt;b&gt;2&lt;/b&gt;&lt;/span&gt;"]


def test_settings_of_the_machine_change_no_drawing():
    import matplotlib

    plain = figures.draw_quadrants(SCORES, DEFINITIONS, date(2026, 10, 1)).svg
    with matplotlib.rc_context({"lines.linewidth": 7, "axes.grid": True, "figure.dpi": 30, "xtick.direction": "in"}):
        assert figures.draw_quadrants(SCORES, DEFINITIONS, date(2026, 10, 1)).svg == plain
