"""The small drawings inside tiles and tables: trends, moves, bars and intervals."""

from collections.abc import Sequence

from markupsafe import Markup

from cs_research.display import hue
from cs_research.report.charts.svg import figure, num, tag, text

REACH = 6.0  # the claim picture shows this many tolerances on either side
EDGE = 0.3  # room for the arrowhead of what goes on beyond


def _share(x: float) -> str:
    """A position in per cent of the drawing's width, so that one drawing fits a desk and a phone."""
    return num(100 * min(max(x, 0.0), 1.0)) + "%"


def sparkline(key: str, values: Sequence[float | None], ends: tuple[str, str], alt: tuple[str, str], *,
              interval: tuple[float, float] | None = None, line: float | None = None) -> Markup:
    """The last months of one number; only the last point carries its interval, `line` is a dashed target.

    `values` are in time order, None where a month has no value (the line breaks there); `alt` is title and
    description.
    """
    known = [v for v in values if v is not None] + list(interval or ()) + ([line] if line is not None else [])
    low, high = min(known), max(known)
    spread = (high - low) or 1.0

    def at(i: int, v: float) -> tuple[float, float]:
        return 4 + 132 * i / max(len(values) - 1, 1), 40 - 34 * (v - low) / spread

    body = [tag("path", d=_broken_line([None if v is None else at(i, v) for i, v in enumerate(values)]),
                cls="sp-line")]
    if line is not None:
        y = at(0, line)[1]
        body.append(tag("line", x1=4.0, x2=156.0, y1=y, y2=y, cls="dash"))
    if values and values[-1] is not None:
        x, y = at(len(values) - 1, values[-1])
        if interval:
            ends_y = [at(0, v)[1] for v in interval]
            body.append(tag("line", x1=x, x2=x, y1=ends_y[0], y2=ends_y[1], cls="sp-int"))
        body.append(tag("circle", cx=x, cy=y, r=4.0, cls="sp-dot"))
    body += [text(4.0, 58, ends[0], "note"), text(136.0, 58, ends[1], "note", "middle")]
    return figure(key, 160, 62, *alt, *body, cls="spark")


def _broken_line(points: Sequence[tuple[float, float] | None]) -> str:
    steps, pen = [], "M"
    for point in points:
        if point is not None:
            steps.append(f"{pen}{num(point[0])} {num(point[1])}")
        pen = "M" if point is None else "L"
    return "".join(steps)


def mover_strip(key: str, before: float, now: float, edges: Sequence[float], bands: Sequence[str],
                alt: tuple[str, str]) -> Markup:
    """An arrow from the old to the new health above the band strip; `edges` has one more entry than `bands`."""
    low, high = edges[0], edges[-1]

    def at(value: float) -> float:
        return 1 + 130 * (min(max(value, low), high) - low) / (high - low)

    strip = [tag("rect", x=at(edges[i]), y=16.0, width=max(at(edges[i + 1]) - at(edges[i]) - 1, 0.5), height=3.0,
                 cls=f"b-{hue(band, bands)}") for i, band in enumerate(bands)]
    start, end = at(before), at(now)
    way = 1 if end >= start else -1
    tip = f"M{num(end + 2 * way)} 7l{num(-8.0 * way)} -4.5v9z"
    return figure(key, 132, 20, *alt, *strip,
                  tag("line", x1=start + 3 * way, x2=end - 3 * way, y1=7.0, y2=7.0, cls="ink-2px"),
                  tag("circle", cx=start, cy=7.0, r=3.0, cls="ring"), tag("path", d=tip, cls="ink-fill"),
                  cls="strip")


def renewal_bar(key: str, due: float, lost: float | None, interval: tuple[float, float] | None, scale: float,
                label: str, alt: tuple[str, str]) -> Markup:
    """The whole bar is what is due, its left part what is likely lost, the line below the interval of that.

    All four bars of the page share `scale` (the largest sum due).
    """
    part = 1 / scale if scale else 0.0
    body = [tag("rect", x="0", y=0.0, width=_share(due * part), height=16.0, cls="due")]
    if lost is not None:
        body.append(tag("rect", x="0", y=0.0, width=_share(lost * part), height=16.0, cls="lost"))
    if interval:
        x1, x2 = (_share(v * part) for v in interval)
        body.append(tag("line", x1=x1, x2=x2, y1=23.0, y2=23.0, cls="ink-2px"))
        body += [tag("line", x1=x, x2=x, y1=19.5, y2=26.5, cls="ink-2px") for x in (x1, x2)]
        body.append(tag("svg", text(8, 27, label, "note"), x=x2, y="0", overflow="visible"))
    return figure(key, "100%", 30, *alt, *body, cls="bar")


def claim_row(key: str, mark: str, steps: tuple[float, float, float] | None, one_sided: bool, empty: str,
              alt: tuple[str, str]) -> Markup:
    """One claim: `steps` are lower end, estimate and upper end in tolerances from the claim.

    The shaded zone is "as claimed": within one tolerance, or right of the line where a direction is claimed.
    `mark` is dot, cross or ring; without `steps` there is nothing but the word `empty`, no axis.
    """
    if steps is None:
        return figure(key, "100%", 44, *alt, text("50%", 26, empty, "note", "middle"), cls="claim")

    def at(step: float) -> str:
        return _share((step + REACH) / (2 * REACH))

    zone = tag("rect", x=at(0 if one_sided else -1), y=2.0, width=num(50 if one_sided else 100 / REACH) + "%",
               height=40.0, cls="zone")
    body = [zone, tag("line", x1="50%", x2="50%", y1=2.0, y2=42.0, cls="axis")]
    low, high = (min(max(s, EDGE - REACH), REACH - EDGE) for s in (steps[0], steps[2]))
    middle = min(max(steps[1], 3 * EDGE - REACH), REACH - 3 * EDGE)
    body.append(tag("line", x1=at(low), x2=at(high), y1=22.0, y2=22.0, cls="ink-25"))
    body += [_off_scale(at(end), way) for end, raw, way in ((low, steps[0], -1), (high, steps[2], 1))
             if raw * way > REACH - EDGE]
    body.append(tag("svg", _mark(mark), x=at(middle), y=22.0, overflow="visible"))
    return figure(key, "100%", 44, *alt, *body, cls="claim")


def _off_scale(x: str, way: int) -> str:
    return tag("svg", tag("path", d=f"M{8 * way} 0l{-9 * way} -5v10z", cls="ink-fill"), x=x, y=22.0,
               overflow="visible")


def _mark(mark: str) -> str:
    if mark == "cross":
        return tag("path", d="M-5 -5L5 5M-5 5L5 -5", cls="cross")
    return tag("circle", cx="0", cy="0", r=5.5, cls="ink-fill" if mark == "dot" else "ring")
