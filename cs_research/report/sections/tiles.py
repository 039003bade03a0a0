"""The tiles: one number each, with its interval, its change, its line and its last thirteen months."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from cs_research.finding import Estimate, Finding
from cs_research.report import formats
from cs_research.report.charts import sparkline
from cs_research.report.phrases import say
from cs_research.report.view import TREND, View
from cs_research.studies import stats
from cs_research.studies.touch import quadrants_now

MOST = 6
USUAL = 2.66  # times the mean moving range: the limits of an individuals chart


@dataclass(frozen=True)
class Tile:
    """One number over time: `trend` by month (the last is today's), its estimate, what is better and the line."""

    key: str
    trend: pd.Series
    estimate: Estimate | Finding
    better: str  # higher, lower, or empty
    note: str
    line: float | None = None
    line_words: Callable[[Estimate], str] | None = field(default=None, compare=False)
    is_share: bool = True


def tiles(view: View) -> list[dict]:
    """Up to six tiles that this data set can fill, the most telling first."""
    return [_shown(tile, view) for tile in _chosen(view)]


def key_numbers(view: View) -> list[dict]:
    """The numbers of the tiles, for the page of all months: key (of the title), value, lower, upper."""
    return [{"key": tile.key, "value": float(tile.trend.iloc[-1]), "lower": tile.estimate.lower,
             "upper": tile.estimate.upper} for tile in _chosen(view)]


def _chosen(view: View) -> list[Tile]:
    return [tile for tile in _candidates(view) if tile is not None and pd.notna(tile.trend.iloc[-1])][:MOST]


def _candidates(view: View) -> Iterable[Tile | None]:
    yield from (_retention(view, name) for name in ("nrr", "grr", "arr_churn"))
    if not view.has_money:
        yield _retention(view, "logo_churn")
    yield _share(view, "a", "quadrant", "A", quadrants_now(view.panel, view.definitions, view.month), _moves(view))
    yield _band(view, "green", -1)
    yield _onboarding(view)
    if view.has_money:
        yield _retention(view, "logo_churn")
    if not view.has_quadrant:
        yield _band(view, "red", 0)
    yield _accounts(view)


def _retention(view: View, name: str) -> Tile | None:
    rows = view.retention
    if not len(rows) or pd.isna(rows[name].iloc[-1]):
        return None
    yearly = rows["basis"].iloc[-1] == "trailing_12"
    if not yearly and name != "logo_churn":
        return None
    estimate = view.retained(name)
    opening = view.month - pd.DateOffset(months=12 if yearly else 1)
    gone = int(view.monthly["logos_churned"]) if view.monthly is not None else 0
    start, opened = formats.day(opening, "short_month"), int(rows["logos_opening"].iloc[-1])
    note = {"nrr": say("note_retention", n=opened, month=start),
            "grr": say("note_grr")}.get(name, say("note_churn", n=gone, month=formats.day(view.month, "month_name")))
    churn, line = name.endswith("churn"), {"nrr": 1.0, "grr": None}.get(
        name, view.definitions.outcomes.churn_line if yearly else None)
    words = _line_words("churn" if churn else "100", line) if line else None
    key = f"tile_{name}" if yearly else f"tile_{name}_month"
    return Tile(key, rows[name].tail(TREND), estimate, "lower" if churn else "higher", note, line, words)


def _line_words(kind: str, line: float) -> Callable[[Estimate], str]:
    """Over or under only where the interval excludes the line."""
    def words(e: Estimate) -> str:
        if e.lower is None or e.upper is None or e.lower <= line <= e.upper:
            return say(f"line_{kind}_open", line=formats.percent(line))
        return say(f"line_{kind}_over" if e.lower > line else f"line_{kind}_under", line=formats.percent(line))
    return words


def _share(view: View, key: str, column: str, value: str, now: Finding | Estimate, note: str) -> Tile | None:
    """The share of accounts with a value by month; `now` has its interval."""
    known = view.panel[column]
    trend = view.shares(known.eq(value).where(known.notna())).tail(TREND)
    return Tile(f"tile_{key}", trend, now, "lower" if key == "red" else "higher", note) if len(trend) else None


def _band(view: View, key: str, place: int) -> Tile | None:
    band, scored = view.card.bands[place], view.now["health_band"].dropna()
    ends = {end: view.bands.rows[place][end] for end in ("lower", "upper")} if view.bands.rows else {}
    now = replace(stats.NOTHING, **ends)
    note = say("note_of", n=int((scored == band).sum()), total=len(scored))
    return _share(view, key, "health_band", band, now, note)


def _moves(view: View) -> str:
    entered = sum(n for (a, b), n in view.crossings.items() if a != "A" == b)
    left = sum(n for (a, b), n in view.crossings.items() if a == "A" != b)
    was_a = view.before.index[view.before["quadrant"] == "A"]
    return say("note_a", entered=entered, left_a=left, gone=len(was_a.difference(view.now.index)))


def _onboarding(view: View) -> Tile | None:
    """From the Finding that the onboarding notebook leaves; its rows may carry the months before."""
    found = view.finding("onboarding_success")
    if found is None:
        return None
    trend = pd.Series({pd.Timestamp(r["month"]): r["rate"] for r in found.rows
                       if r.get("month") and r.get("rate") is not None}, dtype=float).sort_index().tail(TREND)
    if not len(trend):
        trend = pd.Series({view.month: found.estimate})
    return Tile("tile_onboarding", trend, found, "higher", say("note_starts", n=found.n))


def _accounts(view: View) -> Tile:
    trend = view.sizes.tail(TREND).astype(float)
    month = view.monthly
    note = say("note_accounts", new=int(month["logos_new"]), gone=int(month["logos_churned"])) \
        if month is not None else ""
    return Tile("tile_accounts", trend, stats.NOTHING, "", note,
                is_share=False)


def _shown(tile: Tile, view: View) -> dict:
    value, e = float(tile.trend.iloc[-1]), tile.estimate
    has_interval = tile.is_share and e.lower is not None and e.upper is not None
    interval = formats.percents(e.lower, e.upper) if has_interval else ""
    title = say(tile.key, **view.ends)
    write = formats.percent if tile.is_share else formats.count
    number = write(value)
    ends = tuple(formats.day(m, "short_month") for m in (tile.trend.index[0], tile.trend.index[-1]))
    described = say("tile_alt", title=title, value=number, interval=say("brackets", text=interval) if interval else "",
                    first=write(tile.trend.iloc[0]), start=ends[0], last=number, end=ends[1])
    key = f"sp-{tile.key.removeprefix('tile_')}"
    return {
        "title": title, "number": number.removesuffix("%"), "unit": "%" if tile.is_share else "",
        "interval": say("interval", interval=interval) if interval else (say("too_few") if tile.is_share else ""),
        "chart": _chart(key, tile, ends, (title, described), has_interval),
        "change": _change(tile, view), "swing": _swing(tile),
        "line": tile.line_words(e) if tile.line_words else "", "note": tile.note,
    }


def _chart(key: str, tile: Tile, ends: tuple[str, ...], alt: tuple[str, str], has_interval: bool) -> str:
    if len(tile.trend) < 3:
        return ""
    values = [None if pd.isna(v) else float(v) for v in tile.trend]
    interval = (tile.estimate.lower, tile.estimate.upper) if has_interval else None
    return sparkline(key, values, (ends[0], ends[1]), alt, interval=interval, line=tile.line)


def _change(tile: Tile, view: View) -> str:
    if len(tile.trend) < 2 or tile.trend.index[-2] != view.month_before or pd.isna(tile.trend.iloc[-2]):
        return say("change_first")
    change = float(tile.trend.iloc[-1] - tile.trend.iloc[-2]) * (100 if tile.is_share else 1)
    points = formats.number(abs(change), 1 if tile.is_share else 0)
    month = formats.day(view.month_before, "month_short_name")
    if points in ("0.0", "0"):
        return say("change_none", month=month)
    return say("change" if tile.is_share else "change_count", arrow="▲" if change > 0 else "▼", points=points,
               month=month)


def _swing(tile: Tile) -> str:
    """Better or worse, and whether the change is larger than those of the months before would lead to expect."""
    moves = np.diff(tile.trend.to_numpy(float))
    if not tile.better or not len(moves) or np.isnan(moves[-1]) or abs(moves[-1]) < .0005:
        return ""
    word = say("better" if (moves[-1] > 0) == (tile.better == "higher") else "worse")
    earlier = moves[:-1][~np.isnan(moves[:-1])]
    if len(earlier) < 6:
        return word
    usual = abs(moves[-1]) <= USUAL * np.abs(earlier).mean() + 1e-12
    return say("swing", word=word, usual=say("within" if usual else "beyond"))
