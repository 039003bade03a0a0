"""The drawings: where things stand, that nothing leaks, that every picture is well-formed."""

import re
from xml.etree import ElementTree

import pytest

from cs_research.report.charts import (
    Corner,
    Line,
    Quadrant,
    claim_row,
    cohort_chart,
    histogram_chart,
    meter_glyph,
    mover_strip,
    quadrant_chart,
    renewal_bar,
    sparkline,
)
from cs_research.report.charts.quadrant import _hexagons, _Plot
from cs_research.report.charts.svg import num

ALT = ("A <title>", "What it & shows")
EDGES, BANDS = (10, 17.5, 25, 32.5, 40), ("red", "orange", "yellow", "green")
WORDS = {"health": "health", "touch": "touch", "legend": "{n}+ accounts", **{band: band for band in BANDS}}


def quadrant(health, touch, moves=None) -> Quadrant:
    corners = {letter: Corner(f"<{letter}>", "1", " & more") for letter in "ABCD"}
    return Quadrant(health, touch, 25, .5, EDGES, BANDS, ("1%", "2%", "3%", "94%"), [(0, "0"), (.5, "0.5"), (1, "1")],
                    corners, moves or {}, WORDS, ALT)


def parts(markup: str, cls: str) -> list[ElementTree.Element]:
    return [e for e in ElementTree.fromstring(markup).iter() if e.get("class") == cls]


def cohorts() -> list[Line]:
    return [Line("2024", "10 starts", [0, 1, 2], [20, 21, 22], [19, 20, 21], [21, 22, 23]),
            Line("2025", "5 starts", [0, 1], [20, 25], [18, 23], [22, 27])]


@pytest.mark.parametrize("markup", [
    sparkline("a", [.1, None, .3], ("Jan", "Mar"), ALT, interval=(.2, .4), line=.1),
    mover_strip("b", 20, 31, EDGES, BANDS, ALT),
    renewal_bar("c", 10, 3, (2, 4), 20, "<2–4>", ALT), renewal_bar("d", 10, None, None, 20, "", ALT),
    claim_row("e", "cross", (-1, 0, 9), False, "", ALT), claim_row("f", "ring", None, True, "<no data>", ALT),
    quadrant_chart("g", quadrant([24.9, 25, 40], [.49, .5, 9], {("C", "A"): 3, ("D", "A"): 9})),
    quadrant_chart("h", quadrant([], []), phone=True), histogram_chart("i", quadrant([10, 40, 25], [])),
    cohort_chart("j", cohorts(), [(0, 1.0), (1, .9)], [(2, "onboarded")], EDGES, BANDS,
                 {"title": "<t>", "stay": "s", "axis": "a"}, ALT, phone=True),
], ids=list("abcdefghij"))
def test_every_drawing_is_well_formed_named_and_escaped(markup):
    root = ElementTree.fromstring(markup)
    title, description = root[0], root[1]
    assert (title.tag, title.text, description.text) == ("title", *ALT)
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert not [e for e in root.iter() if e.get("fill") or e.get("stroke") or e.get("style")]


@pytest.mark.parametrize("most, labels", [(1, ["1", "2+ accounts"]), (4, ["1", "2", "5+ accounts"]),
                                          (20, ["1", "6", "20+ accounts"])])
def test_the_key_of_the_hexagons_names_each_size_once(most, labels):
    markup = quadrant_chart("q", quadrant([30] * most, [.6] * most))
    notes = [e.text for e in parts(markup, "note")]
    assert notes[-len(labels):] == labels


def test_hexagons_hold_every_account_on_its_own_side_of_the_cuts():
    health = [h / 10 for h in range(100, 401, 7)]
    touch = [t / 40 for t in range(len(health))]
    q = quadrant(health, touch)
    plot = _Plot(648, 84, 380, EDGES, 1.0)
    bins = plot.bins(q)
    assert sum(bins.values()) == len(health)
    for h, t in zip(health, touch, strict=True):
        row, col = plot._bin(h, t, q)
        assert (row >= 25) == (h >= 25) and abs(row - h) <= 1
        assert (plot.centre(row, col)[0] >= plot.x(.5) - 1e-6) == (t >= .5), (h, t)


def test_a_hexagons_area_is_its_count():
    plot = _Plot(648, 84, 380, EDGES, 1.0)
    paths = re.findall(r"M[^M]+z", _hexagons(plot, {(20, 2): 5, (20, 8): 20}, 20)[0])
    sides = [float(re.findall(r"l0 ([0-9.]+)", path)[0]) for path in paths]
    assert sides[1] / sides[0] == pytest.approx(2, abs=.03)


def test_arrows_are_drawn_for_single_crossings_only_and_blue_into_the_good_corner():
    markup = quadrant_chart("q", quadrant([30], [.6], {("C", "A"): 4, ("B", "A"): 2, ("A", "C"): 1, ("D", "A"): 9}))
    assert len(parts(markup, "go-a")) == 2 and len(parts(markup, "go")) == 1
    assert sorted(e.text for e in parts(markup, "go-n go-na")) == ["2", "4"]


def test_a_sparkline_breaks_where_a_month_is_missing_and_holds_its_line_and_interval():
    markup = sparkline("s", [.5, None, .5, .6], ("", ""), ALT, interval=(.4, .8), line=.9)
    assert parts(markup, "sp-line")[0].get("d").count("M") == 2
    assert parts(markup, "dash")[0].get("y1") == "6" and parts(markup, "sp-int")[0].get("y1") == "40"


def test_bars_share_one_scale():
    whole, lost = renewal_bar("r", 10, 4, (2, 6), 20, "", ALT), parts
    assert lost(whole, "due")[0].get("width") == "50%" and lost(whole, "lost")[0].get("width") == "20%"
    line = lost(whole, "ink-2px")[0]
    assert (line.get("x1"), line.get("x2")) == ("10%", "30%")


def test_a_claim_stands_where_its_tolerances_put_it():
    markup = claim_row("c", "dot", (-3, 0, 3), False, "", ALT)
    line, zone = parts(markup, "ink-25")[0], parts(markup, "zone")[0]
    assert (line.get("x1"), line.get("x2")) == ("25%", "75%")
    assert (zone.get("x"), zone.get("width")) == ("41.7%", "16.7%")
    assert (parts(claim_row("d", "dot", (0, 1, 2), True, "", ALT), "zone")[0].get("x")) == "50%"


def test_a_claim_beyond_the_picture_ends_in_an_arrowhead():
    assert len(parts(claim_row("c", "cross", (-5, 0, 5), False, "", ALT), "ink-fill")) == 0
    assert len(parts(claim_row("c", "cross", (-20, -10, 9), False, "", ALT), "ink-fill")) == 2


def test_without_data_a_claim_has_words_and_no_axis():
    markup = claim_row("c", "ring", None, False, "no data", ALT)
    assert "no data" in markup and not parts(markup, "axis") and not parts(markup, "zone")


@pytest.mark.parametrize(("bands", "shown"), [
    (("red", "orange", "yellow", "green"), (("red", 1), ("orange", 2), ("yellow", 3), ("green", 4))),
    (("3bad", "2bad", "1bad", "normal"), (("red", 1), ("orange", 2), ("yellow", 3), ("green", 4))),
    (("bad", "normal", "good"), (("red", 1), ("yellow", 3), ("green", 4))),
])
def test_the_meter_takes_colour_and_bars_from_the_place_of_the_band(bands, shown):
    for band, (colour, filled) in zip(bands, shown, strict=True):
        assert meter_glyph(band, bands).count(f'class="b-{colour}"') == filled
    assert meter_glyph(None, bands).count("b-off") == 4


def test_the_histogram_counts_everyone_once():
    markup = histogram_chart("h", quadrant([10, 12.4, 12.5, 40, 39], []))
    assert [e.text for e in parts(markup, "num2") if e.text.isdigit()] == ["2", "1", "2"]


def test_numbers_round_the_same_everywhere():
    assert [num(x) for x in (12.04, -.04, 3.0, .25)] == ["12", "0", "3", "0.2"]
