"""Where all accounts stand in health and touch, and how many crossed a line this month."""

from math import ceil

import pandas as pd
from markupsafe import Markup

from cs_research.report import formats
from cs_research.report.charts import Corner, Quadrant, histogram_chart, quadrant_chart
from cs_research.report.phrases import called, joined, label, say
from cs_research.report.view import View


def quadrant_section(view: View) -> dict:
    """The hexagon picture; health alone where touch is not measured; a word where neither is."""
    if not view.has_health:
        return {"kicker": say("h_kicker", n=0), "absent": say("absent", why=say("h_absent")), "notebook": "02_health"}
    return _both(view) if view.has_quadrant else _health_only(view)


def touch_cut(view: View) -> str:
    """Where touch is high, with the cuts of some segments, as "0.5 (Enterprise 0.1)"."""
    plan = view.definitions.quadrants
    others = joined(f"{called(view.words, segment)} {cut:g}" for segment, cut in plan.touch_cuts.items())
    return f"{plan.touch_cut:g}" + (say("brackets", text=others) if others else "")


def _both(view: View) -> dict:
    scored = view.now[view.now["quadrant"].notna()]
    sizes = {letter: int((scored["quadrant"] == letter).sum()) for letter in "ABCD"}
    moves, flows = _moves(view)
    ticks = _ticks(scored["touch_score"], view.definitions.quadrants.touch_cut)
    flows |= {"entered": sum(n for (_, b), n in moves.items() if b == "A"),
              "left_a": sum(n for (a, _), n in moves.items() if a == "A")}
    picture = Quadrant(
        **_axis(view), touch=scored["touch_score"].tolist(), health=scored["health"].tolist(),
        touch_cut=view.definitions.quadrants.touch_cut, ticks=ticks, corners=_corners(view, scored, sizes),
        moves=moves, words=_words(view),
        alt=(say("q_alt", n=len(scored)), say("q_desc", n=len(scored), **sizes, **flows)))
    caption = say("q_caption", **flows) + _clipped(scored, ticks) + _unscored(len(view.now) - len(scored))
    title = say("q_title", n=sizes["A"], quiet=sizes["C"])
    return {"kicker": say("q_kicker", n=len(scored)), "title": title, "notebook": "03_touch",
            "charts": [quadrant_chart("quadrant", picture), quadrant_chart("quadrant-phone", picture, phone=True)],
            "caption": caption}


def _health_only(view: View) -> dict:
    scored = view.now[view.now["health"].notna()]
    picture = Quadrant(**_axis(view), touch=[], health=scored["health"].tolist(), touch_cut=0, ticks=[(1.0, "")],
                       corners={}, moves={}, words=_words(view),
                       alt=(say("h_alt", n=len(scored)), _bands_told(view, scored)))
    return {"kicker": say("h_kicker", n=len(scored)), "title": _health_title(view, scored), "notebook": "02_health",
            "charts": [histogram_chart("health", picture), histogram_chart("health-phone", picture, phone=True)],
            "caption": say("h_caption") + _unscored(len(view.now) - len(scored))}


def _axis(view: View) -> dict:
    shares = [formats.percent(row["share"]) for row in view.bands.rows] or [""] * len(view.card.bands)
    return {"health_cut": view.health_cut, "edges": view.edges, "bands": view.card.bands, "shares": shares}


def _words(view: View) -> dict[str, str]:
    return {"health": say("q_health"), "touch": say("q_touch", n=view.definitions.touch_points.months),
            "legend": say("q_legend", n="{n}"), **{band: called(view.words, band) for band in view.card.bands}}


def _corners(view: View, scored: pd.DataFrame, sizes: dict[str, int]) -> dict[str, Corner]:
    corners = {}
    for letter, n in sizes.items():
        parts = ["", *([formats.percent(n / len(scored))] if view.enough(len(scored)) else [])]
        arr = view.arr(scored[scored["quadrant"] == letter])
        if arr is not None:
            parts.append(formats.money(arr, view.currency))
        name = label(view.definitions.quadrants.names[letter])
        corners[letter] = Corner(name[0].upper() + name[1:], formats.count(n), " · ".join(parts))
    return corners


def _moves(view: View) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Accounts by (corner a month ago, corner now), and those that no arrow shows."""
    moves = {pair: n for pair, n in sorted(view.crossings.items()) if pair[0] != pair[1]}
    return moves, {"diagonal_up": moves.get(("D", "A"), 0), "diagonal_down": moves.get(("A", "D"), 0),
                   "new": len(view.now.index.difference(view.before.index)),
                   "gone": len(view.before.index.difference(view.now.index))}


def _health_title(view: View, scored: pd.DataFrame) -> Markup:
    healthy = int((scored["health"] >= view.health_cut - 1e-9).sum())
    return say("h_title", n=healthy, rest=len(scored) - healthy)


def _bands_told(view: View, scored: pd.DataFrame) -> Markup:
    told = joined(f"{called(view.words, band)} {int((scored['health_band'] == band).sum())}"
                  for band in view.card.bands)
    return say("h_desc", bands=told[:1].upper() + told[1:], cut=f"{view.health_cut:g}")


def _ticks(touch: pd.Series, cut: float) -> list[tuple[float, str]]:
    """Axis labels up to where 98 of 100 accounts lie, and at least to twice the cut."""
    reach = max(float(touch.quantile(.98)), 2 * cut, 1e-9)
    step = next(s for s in (.05, .1, .25, .5, 1, 2.5, 5, 10, 25, 50, 100, 1000, 1e9) if reach / s <= 6)
    last = ceil(reach / step - 1e-9)
    values = {round(i * step, 4) for i in range(last + 1)}
    near = {v for v in values if v != cut and abs(v - cut) < step * .6}
    return [(v, f"{v:g}") for v in sorted((values - near) | {cut} | {round(last * step, 4)})]


def _clipped(scored: pd.DataFrame, ticks: list[tuple[float, str]]) -> Markup:
    beyond = int((scored["touch_score"] > ticks[-1][0]).sum())
    return say("q_clipped", n=beyond, most=ticks[-1][1]) if beyond else Markup("")


def _unscored(n: int) -> Markup:
    return say("q_unscored", n=n) if n else Markup("")
