"""Charts of what a score is worth: rates along it, and when accounts grow or leave."""

from cs_research.display import COLOURS, Chart, drawing, nothing
from cs_research.figures.marks import apart, band_colour, percent_axis
from cs_research.finding import Finding
from cs_research.numbers import count, percent

LOOKS = {"churned": ("lost", "-"), "expanded": ("accent", "-"), "contracted": ("hex", "--")}


def draw_along(finding: Finding) -> Chart:
    """Rates with intervals over the score (`series` of claims.along_score)."""
    series, key, title = finding.details.get("series", {}), finding.question.replace("_", "-"), "Rates along the score"
    if not series:
        return nothing(key, title, finding)
    words = "; ".join(f"{event}: " + ", ".join(f"{percent(p['rate'])} at {count(p['x'])} (n = {count(p['n'])})"
                                               for p in points)
                      for event, points in series.items())
    with drawing(key, title, words, 320, right=0.82) as (axes, chart):
        for (event, points), shift in zip(series.items(), (0, 0.15), strict=False):
            colour, dashes = LOOKS[event]
            for p in points:
                if p["lower"] is not None:
                    axes.plot([p["x"] + shift] * 2, [p["lower"], p["upper"]], color=COLOURS["hair"], linewidth=5)
            axes.plot([p["x"] for p in points], [p["rate"] for p in points], color=COLOURS[colour], linestyle=dashes,
                      marker="o", markersize=6)
            last = points[-1]
            axes.annotate(f"{event} {percent(last['rate'])}", (last["x"], last["rate"]), xytext=(10, 0), va="center",
                          textcoords="offset points")
        axes.set_ylim(0)
        percent_axis(axes.yaxis)
        axes.set_xlabel("health; bars: 95% interval")
    return chart[0]


def draw_curves(finding: Finding, bands: tuple[str, ...] = ()) -> Chart:
    """Share of accounts with each event by month (`curves` of incidence), named at the ends; `bands` give colours."""
    curves, key = finding.details.get("curves", {}), finding.question.replace("_", "-")
    title = "Share of accounts by month"
    if not curves:
        return nothing(key, title, finding)
    words = "; ".join(f"{name} {percent(values[-1])} after {count(len(values) - 1, 'month')}"
                      for name, values in curves.items())
    with drawing(key, title, words, 300, right=0.78) as (axes, chart):
        top = max(max(values) for values in curves.values())
        ends = apart([values[-1] for values in curves.values()], 0.07 * top)
        for (name, values), y in zip(curves.items(), ends, strict=True):
            colour, dashes = (band_colour(name, bands), "-") if bands else (COLOURS[LOOKS[name][0]], LOOKS[name][1])
            axes.step(range(len(values)), values, where="post", color=colour, linestyle=dashes)
            axes.text(max(map(len, curves.values())) - 0.5, y, f"{name} {percent(values[-1])}", va="center")
        axes.set_xlim(0, max(map(len, curves.values())) - 0.8)
        axes.set_ylim(0)
        percent_axis(axes.yaxis)
        axes.set_xticks(range(0, max(map(len, curves.values())), 6))
        axes.set_xlabel("months")
    return chart[0]
