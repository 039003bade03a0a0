"""Charts of one account."""

from textwrap import shorten
from typing import Any

from cs_research.definitions import models
from cs_research.display import COLOURS, Chart, drawing, nothing
from cs_research.figures.marks import band_colour, labels, mark_changes, some_months
from cs_research.finding import Finding
from cs_research.numbers import number, signed

SMALL = {"fontsize": 11, "color": COLOURS["ink2"]}
ROW = 0.085  # the height of a row below the chart, in parts of the card's total


def draw_course(finding: Finding, card: models.Scorecard) -> Chart:
    """Health by month over the card's cuts (a ring: as the month stood when it closed), stages, due dates, changes of
    the card; below, a line per rule while its alert was open, and touch per seat as bars (account.course)."""
    rows, key, title = finding.rows, "account-course", "Health since the start"
    if all(row["health"] is None for row in rows):
        return nothing(key, title, finding)
    months, top = [row["month"][:7] for row in rows], card.total
    place = {month: x for x, month in enumerate(months)}
    rules = list(dict.fromkeys(alert["rule"] for alert in finding.details["alerts"]))
    floor = -(0.28 + ROW * (len(rules) + 1)) * top
    with drawing(key, title, finding.sentence, 340 + 22 * len(rules), left=0.07, right=0.8) as (axes, chart):
        axes.set_yticks([0, *card.overall_cuts, top], [f"{cut:g}" for cut in (0, *card.overall_cuts, top)])
        axes.hlines([0, *card.overall_cuts], -0.6, len(rows) - 0.3, color=COLOURS["hair"], linewidth=1, zorder=0)
        axes.plot(range(len(rows)), [row["health"] for row in rows], color=COLOURS["ink2"], zorder=1)
        for x, row in enumerate(rows):
            if row["stood"] is not None:
                axes.plot(x, row["stood"], "o", color=COLOURS["bg"], markeredgecolor=COLOURS["ink2"], zorder=2)
            if row["health"] is not None:
                axes.plot(x, row["health"], "o", color=band_colour(row["band"], card.bands), markersize=7,
                          zorder=3)
                last = (f"{number(row['health'])} {row['band']}", (x, row["health"]))
        axes.annotate(*last, xytext=(9, 0), textcoords="offset points", va="center", weight="bold")
        begun = [x for x, row in enumerate(rows) if row["stage"] and row["stage"] != rows[x - 1]["stage"] or x == 0]
        for turn, x in enumerate(begun):
            axes.vlines(x - 0.5, 0, 1.32 * top, color=COLOURS["axis"], linewidth=0.8)
            axes.text(x - 0.3, (1.32 - 0.1 * (turn % 2)) * top, rows[x]["stage"] or "", va="top", **SMALL)
        for due in finding.details["renewals"]:
            if due["due_date"][:7] in place:
                x = place[due["due_date"][:7]]
                axes.text(x, 1.05 * top, f"▾ {due['outcome'].replace('_', ' ')}", ha="center", fontsize=11)
        mark_changes(axes, [place[month] for month in (card.in_use_from,) if month in place])
        for line, rule in enumerate(rules, start=1):
            _row(axes, -ROW * line * top, shorten(rule, 26, placeholder="…"))
        for alert in finding.details["alerts"]:
            y = -ROW * (rules.index(alert["rule"]) + 1) * top
            end = place.get((alert["closed_date"] or "")[:7], len(rows) - 0.4)
            axes.plot([place[alert["opened_date"][:7]], end], [y, y], color=COLOURS["lost"], linewidth=5)
        touch = [row["touch"] or 0.0 for row in rows]
        heights = [0.24 * top * value / (max(touch) or 1.0) for value in touch]
        axes.bar(range(len(rows)), heights, bottom=floor, color=COLOURS["hex"], width=0.6)
        _row(axes, floor + 0.1 * top, f"touch per seat,\nat most {number(max(touch), 2)}")
        axes.set_ylim(floor, 1.34 * top)
        axes.set_xlim(-0.6, len(rows) - 0.3)
        axes.spines["left"].set_visible(False)
        some_months(axes, months)
    return chart[0]


def _row(axes: Any, y: float, words: str) -> None:
    axes.annotate(words, (1.01, y), xycoords=axes.get_yaxis_transform(), va="center", **SMALL)


def draw_parts(finding: Finding) -> Chart:
    """Each part of the change of health as a bar to the left (lost) or right (won) (account.why_moved)."""
    rows, key, title = [row for row in finding.rows if abs(row["change"]) >= .05], "account-parts", "What moved health"
    if not rows:
        return nothing(key, title, finding)
    rows.sort(key=lambda row: row["change"])
    with drawing(key, title, finding.sentence, 30 * len(rows) + 32, left=0.36, right=0.9, bottom=8) as (axes, chart):
        axes.barh(range(len(rows)), [row["change"] for row in rows], height=0.6,
                  color=[COLOURS["accent" if row["change"] > 0 else "lost"] for row in rows])
        for y, row in enumerate(rows):
            won = row["change"] > 0
            axes.annotate(signed(row["change"]), (row["change"], y), xytext=(6 if won else -6, 0), va="center",
                          textcoords="offset points", ha="left" if won else "right")
        axes.axvline(0, color=COLOURS["ink"], linewidth=1)
        axes.margins(x=0.15)
        axes.xaxis.set_visible(False)
        axes.spines[["bottom", "left"]].set_visible(False)
        labels(axes, [row["name"] for row in rows])
    return chart[0]
