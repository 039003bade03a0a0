"""Mean health since the start, one line per start year, with the share of customers that is still there."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cs_research.display import hue
from cs_research.report.charts.svg import figure, meter, num, tag, text


@dataclass(frozen=True)
class Line:
    """One start year: ages in months, mean health and, where there is one, its interval, all of one length."""

    name: str
    starts: str
    ages: Sequence[int]
    mean: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]


def cohort_chart(key: str, cohorts: Sequence[Line], stay: Sequence[tuple[int, float]],
                 marks: Sequence[tuple[int, str]], edges: Sequence[float], bands: Sequence[str],
                 words: dict[str, str], alt: tuple[str, str], phone: bool = False) -> Markup:
    """Cohorts in order of their start (the newest last), survival steps `stay` as (age, share) below.

    `marks` are ages with a word (onboarded, renewal 1); `words` has title, stay and axis.
    """
    plot = _Plot(cohorts, stay, edges, phone)
    body = [text(plot.left, 12, words["title"], "strong13"), *_marks(plot, marks), *_bands(plot, edges, bands)]
    for rank, cohort in enumerate(reversed(cohorts)):
        body += [_band(plot, cohort, rank)] if cohort.lower else []
    for rank, cohort in reversed(list(enumerate(reversed(cohorts)))):
        body.append(_line(plot, cohort, rank))
    body += [*_labels(plot, cohorts), *_survival(plot, stay, words), *_ages(plot, words)]
    return figure(key, plot.width, plot.bottom + 40, *alt, *body, cls="phone" if phone else "desk")


class _Plot:
    """The geometry: ages across, health above, survivors below on the same ages."""

    def __init__(self, cohorts: Sequence[Line], stay: Sequence[tuple[int, float]], edges: Sequence[float],
                 phone: bool):
        self.width, self.left, self.right = (350, 46, 344) if phone else (448, 46, 434)
        self.top, self.base = 46, 236 if phone else 336
        self.strip = self.base + 46
        self.bottom = self.strip + 80 if stay else self.base + 8
        oldest = max(max(c.ages) for c in cohorts)
        self.oldest = -(-max(oldest, 12) // 6) * 6
        low = max(min(min(c.lower or c.mean) for c in cohorts) - 1, edges[0])
        high = min(max(max(c.upper or c.mean) for c in cohorts) + 1, edges[-1])
        room = max(0.0, 10 - (high - low)) / 2
        self.low, self.high = max(low - room, edges[0]), min(high + room, edges[-1])

    def x(self, age: float) -> float:
        return self.left + (self.right - self.left) * age / self.oldest

    def y(self, health: float) -> float:
        return self.base - (self.base - self.top) * (health - self.low) / (self.high - self.low)


def _bands(plot: _Plot, edges: Sequence[float], bands: Sequence[str]) -> list[str]:
    body = []
    for band, low, high in zip(bands, edges[:-1], edges[1:], strict=True):
        low, high = max(low, plot.low), min(high, plot.high)
        if high <= low:
            continue
        y, height = plot.y(high), plot.y(low) - plot.y(high)
        body.append(tag("rect", x=plot.left - 9.0, y=y + 0.5, width=5.0, height=max(height - 1, 0.5),
                        cls=f"b-{hue(band, bands)}"))
        if height > 24:
            body.append(meter(band, bands, plot.left - 32, y + height / 2 - 6))
    for edge in edges[1:-1]:
        if plot.low < edge < plot.high:
            y = plot.y(edge)
            body += [tag("line", x1=float(plot.left), x2=float(plot.right), y1=y, y2=y, cls="hair"),
                     text(plot.left - 13, y + 4, f"{edge:g}", "note", "end")]
    return body


def _marks(plot: _Plot, marks: Sequence[tuple[int, str]]) -> list[str]:
    body = []
    for age, label in marks:
        if age <= plot.oldest:
            x = plot.x(age)
            body += [tag("line", x1=x, x2=x, y1=42.0, y2=float(plot.bottom), cls="dots"),
                     text(x, 34, label, "note", "middle" if x < plot.right - 30 else "end")]
    return body


def _band(plot: _Plot, cohort: Line, rank: int) -> str:
    there = [f"{num(plot.x(a))} {num(plot.y(v))}" for a, v in zip(cohort.ages, cohort.upper, strict=True)]
    back = [f"{num(plot.x(a))} {num(plot.y(v))}" for a, v in zip(cohort.ages, cohort.lower, strict=True)]
    return tag("path", d="M" + "L".join(there + back[::-1]) + "z", cls=f"co-band co-band{min(rank, 3)}")


def _line(plot: _Plot, cohort: Line, rank: int) -> str:
    points = [f"{num(plot.x(a))} {num(plot.y(v))}" for a, v in zip(cohort.ages, cohort.mean, strict=True)]
    end = tag("circle", cx=plot.x(cohort.ages[-1]), cy=plot.y(cohort.mean[-1]), r=4.0, cls=f"co-dot{min(rank, 3)}")
    return tag("path", d="M" + "L".join(points), cls=f"co co{min(rank, 3)}") + end


def _labels(plot: _Plot, cohorts: Sequence[Line]) -> list[str]:
    """Names at the line ends: above the highest line at that age, below any other; moved while they would touch."""
    placed: list[tuple[float, float]] = []
    body = []
    for cohort in reversed(cohorts):
        aside = 34.0 if list(cohort.mean[-2:]) != sorted(cohort.mean[-2:]) else 0.0  # clear of a line that falls
        x = min(max(plot.x(cohort.ages[-1]) + aside, plot.left + 34.0), plot.right - 34.0)
        below = any(dict(zip(other.ages, other.mean, strict=True)).get(cohort.ages[-1], -1) > cohort.mean[-1]
                    for other in cohorts)
        end = (cohort.lower if below else cohort.upper) or cohort.mean  # hardly any account: no interval
        y = plot.y(end[-1]) + (24 if below else -26)
        while any(abs(x - px) < 70 and abs(y - py) < 34 for px, py in placed):
            y += 12 if below else -12
        y = min(max(y, 54.0), plot.base - 22.0)
        placed.append((x, y))
        body += [text(x, y, cohort.name, "strong13 halo", "middle"),
                 text(x, y + 16, cohort.starts, "note halo", "middle")]
    return body


def _survival(plot: _Plot, stay: Sequence[tuple[int, float]], words: dict[str, str]) -> list[str]:
    if not stay:
        return []
    height = plot.bottom - plot.strip
    points = [f"{num(plot.x(stay[0][0]))} {num(plot.bottom)}"]
    for (age, share), (end, _) in zip(stay, [*stay[1:], (stay[-1][0] + 1, 0.0)], strict=True):
        y = plot.bottom - height * share
        points += [f"{num(plot.x(age))} {num(y)}", f"{num(plot.x(min(end, plot.oldest)))} {num(y)}"]
    points.append(f"{num(plot.x(min(stay[-1][0] + 1, plot.oldest)))} {num(plot.bottom)}")
    body = [tag("path", d="M" + "L".join(points) + "z", cls="due"),
            text(plot.left, plot.strip - 14, words["stay"], "strong13 halo")]
    shares = dict(stay)
    ends = [age for age in (0, 12, 24, 36, 48, 60) if age <= stay[-1][0] - min(age, 3) and shares[age] >= .05]
    for age in ends:
        y = plot.bottom - height * shares[age]
        body.append(text(plot.x(age) + 6, y + 16, f"{100 * shares[age]:.0f}%", "num"))
    return body


def _ages(plot: _Plot, words: dict[str, str]) -> list[str]:
    y = float(plot.bottom)
    step = 6 if plot.oldest <= 36 else 12
    labels = [text(plot.x(age), y + 16, age, "note", "middle") for age in range(0, plot.oldest + 1, step)]
    return [tag("line", x1=float(plot.left), x2=float(plot.right), y1=y, y2=y, cls="axis"), *labels,
            text((plot.left + plot.right) / 2, y + 34, words["axis"], "note", "middle")]
