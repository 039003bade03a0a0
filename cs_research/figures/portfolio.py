"""Charts of all accounts together."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.display import COLOURS, Chart, drawing, nothing
from cs_research.figures.marks import (
    apart,
    band_colour,
    beside,
    interval,
    labels,
    mark_changes,
    percent_axis,
    some_months,
)
from cs_research.finding import VERDICTS, Finding, tolerances
from cs_research.numbers import count, number, percent

SPOTS = 44, 30  # across and up a picture of all accounts
MARKS = {"supported": "o", "contradicted": "x", "cannot_tell": "o"}


def draw_bands(finding: Finding) -> Chart:
    """`share` by `band` with its interval (state.health_bands): the colour, the word and the count."""
    rows = finding.rows
    rows = [{**row, "estimate": row["share"], "beside": f"{count(row['accounts'])} · {percent(row['share'])}",
             "colour": band_colour(row["band"], [one["band"] for one in rows])} for row in rows[::-1]]
    return _intervals(finding, rows, "band", None, percent, "share of accounts")


def draw_health_by_month(finding: Finding, card: models.Scorecard) -> Chart:
    """Share of each colour by month, stacked from the worst (state.health_by_month)."""
    rows, key, title = finding.rows, "health-by-month", "Share of accounts by colour, month by month"
    if not rows:
        return nothing(key, title, finding)
    last = rows[-1]
    words = f"In {last['month'][:7]}: " + ", ".join(f"{band} {percent(last[band])}" for band in card.bands)
    with drawing(key, title, words, 300, right=0.84) as (axes, chart):
        months, base = [row["month"][:7] for row in rows], [0.0] * len(rows)
        for band in card.bands:
            heights = [row[band] for row in rows]
            axes.bar(months, heights, bottom=base, width=0.86, color=band_colour(band, card.bands))
            axes.text(len(rows) - 0.4, base[-1] + heights[-1] / 2, f"{band} {percent(heights[-1])}", va="center")
            base = [low + high for low, high in zip(base, heights, strict=True)]
        mark_changes(axes, [place for place, month in enumerate(months) if month == card.in_use_from])
        axes.set_ylim(0, 1)
        axes.set_xlim(-0.6, len(rows) - 0.4)
        percent_axis(axes.yaxis)
        some_months(axes, months)
    return chart[0]


def draw_indicators(finding: Finding, card: models.Scorecard) -> Chart:
    """One bar per indicator: the share of accounts in each colour, blank where not measured."""
    rows, key, title = finding.rows[::-1], "indicators", "Colours of each indicator"
    if not rows:
        return nothing(key, title, finding)
    words = "; ".join(f"{row['name']}: " + ", ".join(f"{band} {percent(row[band])}" for band in card.indicator_bands)
                      for row in finding.rows)
    with drawing(key, title, words, 32 * len(rows) + 60, left=0.36) as (axes, chart):
        names, base = [f"{row['name']} {row['indicator']}" for row in rows], [0.0] * len(rows)
        for band in card.indicator_bands:
            widths = [row[band] for row in rows]
            axes.barh(names, widths, left=base, height=0.66, color=band_colour(band, card.indicator_bands))
            base = [low + high for low, high in zip(base, widths, strict=True)]
        for y, row in enumerate(rows):
            if row["not_measured"] > 0.2:
                axes.text(1 - row["not_measured"] / 2, y, "not measured", va="center", ha="center",
                          color=COLOURS["ink2"], fontsize=12)
        axes.set_xlim(0, 1)
        percent_axis(axes.xaxis)
        worst, best = card.indicator_bands[0], card.indicator_bands[-1]
        axes.set_xlabel(f"share of accounts, from {worst} (left) to {best} (right)")
    return chart[0]


def draw_quadrants(scores: pd.DataFrame, definitions: Definitions, month: date) -> Chart:
    """The accounts of the month by touch and health, the darker a spot the more of them; words in the corners, lines
    at the cuts; no spot lies across those of all."""
    import seaborn

    plan, title = definitions.quadrants, "Health and touch of every account"
    rows = scores[(scores["month"] == pd.Timestamp(month)) & scores["quadrant"].notna()]
    if rows.empty:
        return nothing("quadrants", title, Finding.not_measured("", "no account has both health and a touch score"))
    counts = rows["quadrant"].value_counts()
    words = "; ".join(f"{text.en}: {count(int(counts.get(letter, 0)))}" for letter, text in plan.names.items())
    widest = max(2 * plan.touch_cut, float(rows["touch_score"].quantile(0.98)) * 1.05)
    across, up = widest / SPOTS[0], max(rows["health"].max() - rows["health"].min(), 1.0) / SPOTS[1]
    touch = rows["touch_score"].clip(upper=widest - across)  # the spots of the busiest lie within the picture
    spots = pd.DataFrame({"touch": _middle(touch, plan.touch_cut, across),
                          "health": _middle(rows["health"], plan.health_cut, up)}).value_counts()
    full = max(int(spots.quantile(0.95)), 1)
    with drawing("quadrants", title, words, 460, bottom=78) as (axes, chart):
        seaborn.scatterplot(spots.index.to_frame(index=False), x="touch", y="health", ax=axes, s=100, marker="h",
                            color=COLOURS["hex"], linewidth=0, alpha=0.2 + 0.8 * (spots.to_numpy() / full).clip(max=1))
        axes.axhline(plan.health_cut, color=COLOURS["ink"], linewidth=1)
        for cut, style in ((plan.touch_cut, "-"), *((cut, (0, (4, 3))) for cut in plan.touch_cuts.values())):
            axes.axvline(cut, color=COLOURS["ink"], linewidth=1, linestyle=style)
        for letter, x, y, ha in (("A", 1, 1, "right"), ("B", 1, 0, "right"), ("C", 0, 1, "left"), ("D", 0, 0, "left")):
            axes.annotate(f"{plan.names[letter].en}: {count(int(counts.get(letter, 0)))}", (x, y), ha=ha, va="bottom",
                          xycoords="axes fraction", xytext=(0, 6 if y else -72), textcoords="offset points",
                          weight="bold")
        axes.set_xlim(-0.02 * widest, widest)
        axes.set_xlabel("touch score, mean of three months" + (
            f"; darkest: {count(full, 'account')} and more" if full > 1 else ""))
        axes.set_ylabel("health")
    return chart[0]


def _middle(values: pd.Series, cut: float, step: float) -> pd.Series:
    """The middle of the step, counted from the cut, that each value lies on; a value on the cut is above it."""
    return cut + step * (((values - cut) / step + 1e-9) // 1 + 0.5)


def draw_moves(finding: Finding, title: str = "Moves into and out of healthy and in touch",
               words: tuple[str, str] = ("in", "out")) -> Chart:
    """What moved in (up) and out (down) by month: into the good corner (state.moves_by_month), or alerts."""
    rows, key = finding.rows, "moves"
    if not rows:
        return nothing(key, title, finding)
    last, (into, out) = rows[-1], words
    said = f"In {last['month'][:7]}: {count(last['into'])} {into}, {count(last['out'])} {out}"
    with drawing(key, title, said, 260, right=0.86) as (axes, chart):
        months = [row["month"][:7] for row in rows]
        axes.bar(months, [row["into"] for row in rows], color=COLOURS["accent"], width=0.72)
        axes.bar(months, [-row["out"] for row in rows], color=COLOURS["hex"], width=0.72)
        axes.axhline(0, color=COLOURS["ink"], linewidth=1)
        axes.text(len(rows) - 0.4, last["into"] / 2, f"{count(last['into'])} {into}", va="center")
        axes.text(len(rows) - 0.4, -last["out"] / 2, f"{count(last['out'])} {out}", va="center")
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
        some_months(axes, months)
    return chart[0]


def draw_cards(finding: Finding) -> Chart:
    """Mean health by two cards, as shares of their totals, by month (cards.both_by_month)."""
    rows, key, title = finding.rows, "cards", "Mean health by both cards, as a share of the total"
    if not rows:
        return nothing(key, title, finding)
    lines = {finding.details["names"][which]: [row[which] for row in rows] for which in ("new", "old")}
    changed = [number for number, row in enumerate(rows) if row["is_changed"]]
    return lines_by_month(key, title, [row["month"][:7] for row in rows], lines, changed=changed)


def lines_by_month(key: str, title: str, months: list[str], lines: dict[str, list[float | None]],
                   level: float | None = None, changed: Sequence[int] = ()) -> Chart:
    """Shares by month, each line with its name and last value at its end; those that end in nothing are left out."""
    lines = {name: values for name, values in lines.items() if values[-1] is not None}
    words = f"{months[-1]}: " + ", ".join(f"{name} {percent(values[-1])}" for name, values in lines.items())
    with drawing(key, title, words, 300, right=0.84) as (axes, chart):
        drawn = [value for values in lines.values() for value in values if value is not None]
        ends = apart([values[-1] for values in lines.values()], 0.08 * (max(*drawn, level or 0) - min(drawn)))
        styles = [("accent", "-"), ("ink", "-"), ("hex", "--")]
        for (name, values), y, (colour, dashes) in zip(lines.items(), ends, styles, strict=False):
            axes.plot(range(len(months)), values, color=COLOURS[colour], linestyle=dashes)
            axes.text(len(months) - 0.8, y, f"{name} {percent(values[-1])}", va="center")
        if level is not None:
            axes.axhline(level, color=COLOURS["hair"], linewidth=1)
        mark_changes(axes, changed)
        axes.set_xlim(-0.3, len(months) - 0.9)
        percent_axis(axes.yaxis)
        some_months(axes, months)
    return chart[0]


def draw_success(finding: Finding) -> Chart:
    """The rate of onboarding success over three months, by month (onboarding.onboarding_success)."""
    rows, key, title = [row for row in finding.rows if row["rate"] is not None], "success", "Onboarding success"
    if not rows:
        return nothing(key, title, finding)
    return lines_by_month(key, title, [row["month"][:7] for row in rows],
                          {f"of {count(rows[-1]['n'])}": [row["rate"] for row in rows]})


def draw_onboarded(finding: Finding) -> Chart:
    """What became of accounts onboarded in time and of comparable others, as shares (onboarding_and_health)."""
    words = {"in_time": "in time", "others": "others"}
    rows = [{**row, "what": f"{row['what']}, {words[row['arm']]}", "estimate": row["share"]}
            for row in finding.details.get("picture", [])]
    return _intervals(finding, rows, "what", None, percent, "adjusted share")


def draw_rates(finding: Finding, label: str = "group") -> Chart:
    """Rates with their intervals, one row each; the claimed rate dashed, a rate foretold hollow; too few say so."""
    rows = [{**row, "estimate": row.get("rate")} for row in finding.rows]
    return _intervals(finding, rows, label, finding.details.get("claimed"), percent, "rate")


def draw_ratios(finding: Finding) -> Chart:
    """Ratios with their intervals (onboarding); 1 is no difference, the claim dashed."""
    rows = [row for row in finding.rows if row["form"] == "ratio"]
    return _intervals(finding, rows, "what", finding.details.get("claimed"), lambda x: number(x, 2), "ratio", 1.0)


def draw_discrimination(finding: Finding) -> Chart:
    """AUC of the card and its baselines with intervals; one half is a coin."""
    return _intervals(finding, finding.rows, "what", None, percent, "pairs in the right order", 0.5)


def draw_points(finding: Finding) -> Chart:
    """Points of each indicator's best colour with the interval of the bootstrap; hollow: the expert's."""
    rows = [{**row, "beside": f"{row['estimate']}, expert {row['mark']}"} for row in finding.rows]
    unit = "points of the best colour (hollow: the expert's)"
    return _intervals(finding, rows, "what", None, lambda x: number(x, 0), unit)


def _intervals(finding: Finding, rows: list[dict[str, Any]], label: str, claimed: float | None,
               write: Callable[[float], str], unit: str, neutral: float | None = None) -> Chart:
    key, title = finding.question.replace("_", "-"), finding.question.replace("_", " ").capitalize()
    if not rows:
        return nothing(key, title, finding)
    told = [row.get("beside") or (f"{write(row['estimate'])} (n = {count(row['n'])})" if row["estimate"] is not None
                                  else f"too few (n = {count(row['n'])})") for row in rows]
    words = "; ".join(f"{row[label]}: {words}" for row, words in zip(rows, told, strict=True))
    with drawing(key, title, words, 36 * len(rows) + 62, left=0.4, right=0.8) as (axes, chart):
        for y, row in enumerate(reversed(rows)):
            beside(axes, y, told[-1 - y])
            if row.get("mark") is not None:
                axes.plot(row["mark"], y, "D", color=COLOURS["ink"], markersize=9, markerfacecolor="none")
            if row["estimate"] is not None:
                interval(axes, y, row["lower"], row["upper"])
                axes.plot(row["estimate"], y, "o", color=row.get("colour", COLOURS["accent"]), markersize=8)
        for value, style in ((claimed, (0, (4, 3))), (neutral, "-")):
            if value is not None:
                axes.axvline(value, color=COLOURS["ink" if value == claimed else "axis"], linewidth=1, linestyle=style)
        labels(axes, [row[label] for row in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        if unit == "rate":
            axes.set_xlim(0, max(axes.get_xlim()[1], claimed or 0) * 1.02)
        axes.xaxis.set_major_formatter(lambda value, _: write(value))
        axes.set_xlabel(unit + (f", 95% interval; dashed: {write(claimed)} claimed" if claimed is not None
                                else ", 95% interval"))
    return chart[0]


def draw_verdicts(findings: tuple[Finding, ...], definitions: Definitions) -> Chart:
    """Every claim on one scale: how many tolerances the data are from it. Inside the zone is as claimed."""
    title, rules = "How far the data are from each claim", definitions.claims
    rows = [(rules.claims[f.question].text.en, f) for f in findings]
    words = "; ".join(f"{name}: {VERDICTS[f.verdict]}" for name, f in rows)
    with drawing("verdicts", title, words, 44 * len(rows) + 60, left=0.42, right=0.84) as (axes, chart):
        axes.axvspan(-1, 1, color=COLOURS["zone"], linewidth=0)
        axes.axvline(0, color=COLOURS["axis"], linewidth=1)
        for y, (_, finding) in enumerate(reversed(rows)):
            _verdict_mark(axes, y, finding, tolerances(finding, rules.claims[finding.question], rules))
        labels(axes, [name for name, _ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(-8, 8)
        axes.set_xticks(range(-6, 7, 2))
        axes.set_xlabel("tolerances from the claim; inside the zone is as claimed (a direction: right of the line)")
    return chart[0]


def _verdict_mark(axes: Any, y: int, finding: Finding, steps: tuple[float, ...] | None) -> None:
    beside(axes, y, VERDICTS[finding.verdict])
    if steps is None:
        axes.text(0.2, y, "no figure", va="center", color=COLOURS["ink2"], fontsize=12)
        return
    low, middle, high = (min(max(x, -7.8), 7.8) for x in steps)
    interval(axes, y, low, high)
    hollow = finding.verdict == "cannot_tell"
    axes.plot(middle, y, MARKS[finding.verdict], color=COLOURS["ink"], markersize=9, markeredgewidth=2,
              markerfacecolor=COLOURS["bg"] if hollow else COLOURS["ink"])
