"""Accounts whose health moved most since the month before, and the indicators that moved it."""

import pandas as pd
from markupsafe import Markup

from cs_research.report import formats
from cs_research.report.charts import mover_strip
from cs_research.report.phrases import phrases, say
from cs_research.report.view import View

LISTED = 4


def movers_section(view: View) -> dict:
    """Falls and rises of so many points or more: the largest accounts in full, the sums of all of them."""
    section = {"kicker": say("m_kicker"), "notebook": "02_health"}
    both = _changes(view)
    if not len(view.before) or not len(both):
        why = say("m_unscored" if len(view.before) else "m_absent")
        return {**section, "absent": say("absent", why=why)}
    jump = view.definitions.quadrants.health_jump
    fell, rose = both[both["change"] <= -jump + 1e-9], both[both["change"] >= jump - 1e-9]
    section["alerts"] = _alerts(view)
    if not len(fell) and not len(rose):
        return {**section, "title": say("m_none", points=f"{jump:g}", month=formats.month_name(view.month_before))}
    points = view.points.assign(change=lambda p: p["now"] - p["before"]).pivot(
        index="account_id", columns="indicator", values="change")
    indicators = [i for i in view.card.indicators if i.id in points and points[i.id].notna().any()]
    sums = [_sums(points, frame.index, indicators) for frame in (fell, rose)]
    groups = [_group(view, key, frame, points, indicators, total) for key, frame, total in
              (("m_fell_head", fell, sums[0]), ("m_rose_head", rose, sums[1])) if len(frame)]
    reasons = _reasons(indicators, *sums)
    title = say("m_title", rose=say("m_rose", n=len(rose)), fell=say("m_fell", n=len(fell)), points=f"{jump:g}",
                reasons=reasons)
    return {**section, "title": title, "heads": _heads(indicators), "groups": groups,
            "columns": [i.name.en for i in indicators]}


def _changes(view: View) -> pd.DataFrame:
    """Accounts scored in both months, with health_before and change, the largest (by ARR, else seats) first."""
    both = view.now.join(view.before["health"].rename("health_before"), how="inner")
    both = both[both["health"].notna() & both["health_before"].notna()].copy()
    both["change"] = both["health"] - both["health_before"]
    return both.assign(key=both.index).sort_values(
        ["arr" if view.has_money else "seats", "key"], ascending=[False, True], kind="stable")


def _sums(points: pd.DataFrame, ids: pd.Index, indicators: list) -> list[float]:
    chosen = points.reindex(ids)[[i.id for i in indicators]].fillna(0.0)
    return [float(chosen[i.id].sum()) for i in indicators]


def _reasons(indicators: list, lost: list[float], won: list[float]) -> Markup:
    """What the falling accounts lost most and the rising ones won most."""
    if not indicators:
        return Markup("")
    down, up = (formats.signed(points, 0) for points in (min(lost), max(won)))
    first, second = (_mid(indicators[i]) for i in (lost.index(min(lost)), won.index(max(won))))
    if min(lost) < 0 < max(won) and first == second:
        return Markup(": ") + say("m_both", name=first, lost=down, won=up)
    parts = [say("m_lost", name=first, points=down)] if min(lost) < 0 else []
    parts += [say("m_won", name=second, points=up)] if max(won) > 0 else []
    return Markup(": ") + Markup(", ").join(parts) if parts else Markup("")


def _mid(indicator: object) -> str:
    name = indicator.name.en
    return name[0].lower() + name[1:]


def _heads(indicators: list) -> list[dict]:
    """The card's groups in their order, each with the number of its columns."""
    heads: list[dict] = []
    for indicator in indicators:
        if heads and heads[-1]["name"] == indicator.group:
            heads[-1]["span"] += 1
        else:
            heads.append({"name": indicator.group, "span": 1})
    return heads


def _group(view: View, key: str, frame: pd.DataFrame, points: pd.DataFrame, indicators: list,
           sums: list[float]) -> dict:
    rows = [_row(view, f"mv-{key[2]}{i}", account, points, indicators)
            for i, account in enumerate(frame.head(LISTED).itertuples())]
    most = max((abs(s) for s in sums), default=0.0)
    totals = [{"shown": formats.signed(s, 0) if s else "", "most": s and abs(s) == most} for s in sums]
    return {"head": say(key), "rows": rows, "all": say("m_all", n=len(frame)), "sums": totals}


def _row(view: View, key: str, account: object, points: pd.DataFrame, indicators: list) -> dict:
    size = formats.money(account.arr, view.currency) if view.has_money and pd.notna(account.arr) else ""
    about = [part for part in (segment(account.segment), size, _text(account.owner)) if part]
    changes = points.loc[account.Index] if account.Index in points.index else pd.Series(dtype=float)
    cells = [_cell(changes.get(i.id), i.name.en) for i in indicators]
    before, now = formats.number(account.health_before, 0), formats.number(account.health, 0)
    told = say("m_strip", before=before, now=now)
    return {"name": view.names.get(account.Index, account.Index), "about": about, "before": before, "now": now,
            "strip": mover_strip(key, account.health_before, account.health, view.edges, view.card.bands,
                                 (told, told)),
            "cells": cells, "reasons": sorted((c for c in cells if c["shown"]), key=lambda c: -abs(c["change"]))}


def _cell(change: float | None, name: str) -> dict:
    if change is None or pd.isna(change) or not change:
        return {"shown": "", "cls": "", "change": 0.0, "name": name}
    cls = ("gain" if change > 0 else "loss") + (" much" if abs(change) >= 2 else "")
    return {"shown": formats.signed(change, 0), "cls": cls, "change": change, "name": name}


def segment(value: object) -> str:
    """The name of a segment as people write it, itself where it is not one of the default ones."""
    return phrases().get(f"segment_{value}", value) if isinstance(value, str) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _alerts(view: View) -> Markup:
    worst = view.card.bands[0]
    was = set(view.before.index[view.before["health_band"] == worst])
    now = set(view.now.index[view.now["health_band"] == worst])
    gone = was - set(view.now.index)
    known = set(view.before.index[view.before["health_band"].notna()])
    return say("m_alerts", turned=len((now & known) - was), recovered=len(was - now - gone), gone=len(gone),
               red=len(now))
