"""Health by touch for every account: hexagons of one colour whose area is the number of accounts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import sqrt

from markupsafe import Markup

from cs_research.display import hue
from cs_research.report.charts.svg import figure, meter, num, tag, text

BARS = 12  # of 2.5 points on an axis from 10 to 40, so that no bar lies across two bands
UP = {"A": (1, 1), "B": (1, -1), "C": (-1, 1), "D": (-1, -1)}  # touch, health: which side of the cuts


@dataclass(frozen=True)
class Corner:
    """One corner of the picture: its words, its count and the rest of the line below."""

    title: str
    count: str
    rest: str


@dataclass(frozen=True)
class Quadrant:
    """What the picture shows. Health and touch by account; moves by (from, to) letters; all words ready.

    `edges` are the band limits on the health axis (one more than `bands`), `ticks` touch values to label.
    """

    health: Sequence[float]
    touch: Sequence[float]
    health_cut: float
    touch_cut: float
    edges: Sequence[float]
    bands: Sequence[str]
    shares: Sequence[str]
    ticks: Sequence[tuple[float, str]]
    corners: Mapping[str, Corner]
    moves: Mapping[tuple[str, str], int]
    words: Mapping[str, str]
    alt: tuple[str, str]


class _Plot:
    """The geometry of one drawing: a health axis of rows one point apart, a touch axis of hexagon columns."""

    def __init__(self, width: int, left: int, height: int, edges: Sequence[float], touch_max: float):
        self.left, self.right, self.top, self.height = left, width - 6, 48, height
        self.low, self.high = edges[0], edges[-1]
        self.row = height / (self.high - self.low)
        self.column = self.row * 2 / sqrt(3)
        self.touch_max = touch_max

    def x(self, touch: float) -> float:
        return self.left + self.row / 2 + (self.right - self.left - self.row) * min(touch / self.touch_max, 1.0)

    def y(self, health: float) -> float:
        return self.top + self.height - self.row * (health - self.low)

    def bins(self, q: Quadrant) -> Counter[tuple[int, int]]:
        """Accounts by (health row, column); an account never crosses a cut by being rounded."""
        return Counter(self._bin(h, t, q) for h, t in zip(q.health, q.touch, strict=True))

    def _bin(self, health: float, touch: float, q: Quadrant) -> tuple[int, int]:
        row = round(health)
        if (row >= q.health_cut) != (health >= q.health_cut - 1e-9):
            row += 1 if health > row else -1
        last = int((self.x(self.touch_max) - self.x(0)) / self.column - 0.5)
        col = min(max(round((self.x(touch) - self.x(0)) / self.column - self._shift(row)), 0), last)
        cut = (self.x(q.touch_cut) - self.x(0)) / self.column
        if (col + self._shift(row) >= cut) != (touch >= q.touch_cut - 1e-9):
            col += 1 if touch >= q.touch_cut - 1e-9 else -1
        return row, max(col, 0)

    @staticmethod
    def _shift(row: int) -> float:
        return 0.5 if row % 2 else 0.0

    def centre(self, row: int, col: int) -> tuple[float, float]:
        return self.x(0) + self.column * (col + self._shift(row)), self.y(row)


def quadrant_chart(key: str, q: Quadrant, phone: bool = False) -> Markup:
    """The whole picture, 648 wide or (`phone`) 350 wide."""
    width, left, height = (350, 60, 276) if phone else (648, 84, 380)
    plot = _Plot(width, left, height, q.edges, q.ticks[-1][0])
    bins = plot.bins(q)
    full = _full(bins)
    body = [*_health_axis(plot, q, phone), *_hexagons(plot, bins, full), *_cuts(plot, q), *_touch_axis(plot, q),
            *_moves(plot, q, phone), *_corners(plot, q, width, left), _legend(plot, q, full, width)]
    return figure(key, width, int(plot.top + height + (98 if phone else 84)), *q.alt, *body,
                  cls="phone" if phone else "desk")


def histogram_chart(key: str, q: Quadrant, phone: bool = False) -> Markup:
    """Health alone, where touch is not measured: a bar for each twelfth of the axis, beside the bands."""
    width, left, height = (350, 60, 276) if phone else (648, 84, 380)
    plot = _Plot(width, left, height, q.edges, 1.0)
    step = (plot.high - plot.low) / BARS
    rows = Counter(min(int((h - plot.low) / step + 1e-9), BARS - 1) for h in q.health)
    longest = (plot.right - left - 44) / max(rows.values(), default=1)
    bars = []
    for row, n in sorted(rows.items()):
        y = plot.y(plot.low + step * (row + 1))
        bars += [tag("rect", x=float(left), y=y + 2, height=plot.row * step - 4, width=longest * n, cls="hex"),
                 text(left + longest * n + 7, y + plot.row * step / 2 + 4, f"{n:,}", "num2")]
    axis = tag("line", x1=float(left), x2=float(left), y1=plot.y(plot.low), y2=plot.y(plot.high), cls="axis")
    return figure(key, width, plot.top + height + 12, *q.alt, *_health_axis(plot, q, phone), *bars, axis,
                  cls="phone" if phone else "desk")


def _full(bins: Counter[tuple[int, int]]) -> int:
    """The count that fills a hexagon: nineteen of twenty hexagons hold no more, rounded to a plain number."""
    counts = sorted(bins.values()) or [1]
    enough = counts[int(0.95 * (len(counts) - 1))]
    return next((n for n in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if n >= enough), 2000)


def _hexagon(x: float, y: float, r: float) -> str:
    return f"M{num(x)} {num(y - r)}" + "".join(
        f"l{num(dx * r)} {num(dy * r)}" for dx, dy in
        ((.866, .5), (0, 1), (-.866, .5), (-.866, -.5), (0, -1))) + "z"


def _radius(plot: _Plot, n: int, full: int) -> float:
    return max(plot.row * 0.63 * sqrt(min(n, full) / full), plot.row * 0.17)


def _hexagons(plot: _Plot, bins: Counter[tuple[int, int]], full: int) -> list[str]:
    shapes = "".join(_hexagon(*plot.centre(*place), _radius(plot, n, full)) for place, n in sorted(bins.items()))
    return [tag("path", d=shapes, cls="hex")] if shapes else []


def _health_axis(plot: _Plot, q: Quadrant, phone: bool) -> list[str]:
    """The band strip is the axis: band, meter and share of accounts beside it."""
    x = plot.left - 9.0
    body = []
    for i, (band, share) in enumerate(zip(q.bands, q.shares, strict=True)):
        low, high = q.edges[i], q.edges[i + 1]
        y, middle = plot.y(high), (plot.y(low) + plot.y(high)) / 2
        body.append(tag("rect", x=x, y=y + 0.5, width=5.0, height=plot.y(low) - y - 1, cls=f"b-{hue(band, q.bands)}"))
        body.append(meter(band, q.bands, x - 21, middle - 6))
        if phone:
            body.append(text(x - 25, middle + 5, share, "num2", "end"))
        else:
            body += [text(x - 27, middle - 1, q.words[band], "num", "end"),
                     text(x - 27, middle + 15, share, "num2", "end")]
    cut = q.health_cut
    return [*body, text(x - 4, plot.top - 12, q.words["health"], "note", "end"),
            text(x - 4, plot.y(plot.high) + 4, f"{plot.high:g}", "note", "end"),
            text(x - 4, plot.y(plot.low) + 4, f"{plot.low:g}", "note", "end"),
            text(x - 4, plot.y(cut) + 4, f"{cut:g}", "strong", "end")]


def _cuts(plot: _Plot, q: Quadrant) -> list[str]:
    x, y = plot.x(q.touch_cut), plot.y(q.health_cut)
    return [tag("line", x1=x, x2=x, y1=plot.y(plot.high), y2=plot.y(plot.low), cls="cut"),
            tag("line", x1=float(plot.left), x2=float(plot.right), y1=y, y2=y, cls="cut")]


def _touch_axis(plot: _Plot, q: Quadrant) -> list[str]:
    y = plot.y(plot.low)
    labels = [text(plot.x(value), y + 16, label, "strong" if value == q.touch_cut else "note", "middle")
              for value, label in q.ticks]
    return [tag("line", x1=float(plot.left), x2=float(plot.right), y1=y, y2=y, cls="axis"), *labels,
            text((plot.left + plot.right) / 2, y + 33, q.words["touch"], "note", "middle")]


def _corners(plot: _Plot, q: Quadrant, width: int, left: int) -> list[str]:
    low = plot.y(plot.low)
    body = []
    for letter, corner in sorted(q.corners.items()):
        side, up = UP[letter]
        x, anchor = (plot.right, "end") if side > 0 else (left, "start")
        y = 13.0 if up > 0 else low + (50 if width < 400 else 38)
        counts = tag("tspan", escape(corner.count), cls="bold") + tag("tspan", escape(corner.rest), cls="soft")
        body += [text(x, y, corner.title, "strong13", anchor),
                 tag("text", counts, x=float(x), y=y + 18, cls="num", text_anchor=anchor)]
    return body


def _legend(plot: _Plot, q: Quadrant, full: int, width: int) -> str:
    y = plot.y(plot.low) + (88 if width < 400 else 66)
    x = (plot.left + plot.right) / 2 - 74
    body = []
    for n in sorted({1, max(full // 3, 2), full}):
        r, label = _radius(plot, n, full), q.words["legend"].format(n=full) if n == full else str(n)
        body += [tag("path", d=_hexagon(x, y - 4, r), cls="hex"), text(x + r + 5, y, label, "note")]
        x += r + 26 + 7 * len(label)
    return "".join(body)


def _moves(plot: _Plot, q: Quadrant, phone: bool) -> list[str]:
    """Arrows of accounts that crossed one cut: as wide as they are many, blue into the good corner."""
    most = max([n for (a, b), n in q.moves.items() if _straight(a, b)], default=0)
    cx, cy, half = plot.x(q.touch_cut), plot.y(q.health_cut), 15 if phone else 22
    rows = {("C", "A"): plot.top + 16, ("A", "C"): plot.top + (34 if phone else 40),
            ("D", "B"): plot.y(plot.low) - (26 if phone else 37), ("B", "D"): plot.y(plot.low) - (10 if phone else 15)}
    step = 18 if phone else 26
    columns = {("D", "C"): plot.left + 1.3 * step, ("C", "D"): plot.left + 2.4 * step,
               ("B", "A"): plot.right - 2.9 * step, ("A", "B"): plot.right - 1.8 * step}
    body = []
    for move, y in rows.items():
        if n := q.moves.get(move, 0):
            way = UP[move[1]][0]
            body.append(_arrow(cx, y, way, 0, half, n, most, move))
            body.append(_count(cx + way * (half + 7), y + 5, n, move, "start" if way > 0 else "end"))
    for move, x in columns.items():
        if n := q.moves.get(move, 0):
            way = -UP[move[1]][1]
            body.append(_arrow(x, cy, 0, way, half, n, most, move))
            right = move in (("C", "D"), ("A", "B"))
            body.append(_count(x + (7 if right else -7), cy + (half + 2) * way * .8 + 5, n, move,
                               "start" if right else "end"))
    return body


def _straight(a: str, b: str) -> bool:
    return a != b and {a, b} not in ({"A", "D"}, {"B", "C"})


def _arrow(x: float, y: float, dx: int, dy: int, half: int, n: int, most: int, move: tuple[str, str]) -> str:
    w = 1 + 3 * n / most  # half the width of the shaft
    head, body_end = w + 3.5, half - (w + 3.5) * 1.5
    along = [(-half, w), (body_end, w), (body_end, head), (half, 0), (body_end, -head), (body_end, -w), (-half, -w)]
    points = [(x + a * dx - b * dy, y + a * dy + b * dx) for a, b in along]
    path = "M" + "L".join(f"{num(px)} {num(py)}" for px, py in points) + "z"
    return tag("path", d=path, cls="go-a" if move[1] == "A" else "go")


def _count(x: float, y: float, n: int, move: tuple[str, str], anchor: str) -> str:
    return text(x, y, f"{n:,}", "go-n go-na" if move[1] == "A" else "go-n", anchor)
