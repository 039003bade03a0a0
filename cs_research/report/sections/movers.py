"""Accounts whose health moved most since the month before, and the indicators that moved it."""

from typing import NamedTuple

import pandas as pd
from markupsafe import Markup

from cs_research.movement import MEASURED, RULES, SIDES, two_months
from cs_research.report import formats
from cs_research.report.charts import mover_strip
from cs_research.report.phrases import called, joined, label, say
from cs_research.report.view import View

LISTED = 4


class Column(NamedTuple):
    """A part of the change: an indicator of a group of the card, or (group "") what the card itself did."""

    part: str
    name: str
    group: str


def movers_section(view: View) -> dict:
    """Falls and rises of so many points or more: the largest accounts in full, the sums of all of them."""
    section = {"kicker": say("m_kicker"), "notebook": "02_health"}
    both = health_changes(view)
    if not len(view.before) or not len(both):
        why = say("m_unscored" if len(view.before) else "m_absent")
        return {**section, "absent": say("absent", why=why)}
    jump = view.definitions.quadrants.health_jump
    fell, rose = both[both["change"] <= -jump + 1e-9], both[both["change"] >= jump - 1e-9]
    section["alerts"] = _alerts(view)
    if not len(fell) and not len(rose):
        month = formats.day(view.month_before, "month_name")
        return {**section, "title": say("m_none", points=f"{jump:g}", month=month)}
    parts = view.movements.set_index(["account_id", "part"])
    changes = parts["change"].unstack()
    columns = _columns(view, changes.loc[[*fell.index, *rose.index]])
    sums = [[float(changes.loc[frame.index, c.part].sum()) for c in columns] for frame in (fell, rose)]
    groups = [_group(view, key, frame, parts, columns, total) for key, frame, total in
              (("m_fell_head", fell, sums[0]), ("m_rose_head", rose, sums[1])) if len(frame)]
    reasons = _reasons(columns, *sums)
    title = say("m_title", rose=say("m_rose", n=len(rose)), fell=say("m_fell", n=len(fell)), points=f"{jump:g}",
                reasons=reasons)
    return {**section, "title": title, "heads": _heads(columns), "groups": groups,
            "columns": [c.name for c in columns]}


def health_changes(view: View) -> pd.DataFrame:
    """Accounts scored in both months, with health_before and change, the largest (by ARR, else seats) first."""
    both = two_months(view.panel, view.month_before, view.month).dropna(subset="change").set_index("account_id")
    return both.assign(key=both.index).sort_values(
        ["arr" if view.has_money else "seats", "key"], ascending=[False, True], kind="stable")


def _columns(view: View, changes: pd.DataFrame) -> list[Column]:
    """The indicators that are measured, then what else moved these accounts by a point or so."""
    counted = set(view.movements["part"][view.movements[["points_before", "points_now"]].notna().any(axis=1)])
    found = [Column(i.id, label(i.name), _group_name(view, i.group)) for i in view.card.indicators if i.id in counted]
    beyond = ((MEASURED, say("m_measured")), (RULES, say("m_rules")))
    return [*found, *(Column(part, name, "") for part, name in beyond if (changes[part].abs() >= .5).any())]


def _reasons(columns: list[Column], lost: list[float], won: list[float]) -> Markup:
    """What the falling accounts lost most and the rising ones won most."""
    if not columns:
        return Markup("")
    down, up = (formats.signed(points, 0) for points in (min(lost), max(won)))
    first, second = (_mid(columns[i]) for i in (lost.index(min(lost)), won.index(max(won))))
    if min(lost) < 0 < max(won) and first == second:
        return say("m_reasons", parts=say("m_both", name=first, lost=down, won=up))
    parts = [say("m_lost", name=first, points=down)] if min(lost) < 0 else []
    parts += [say("m_won", name=second, points=up)] if max(won) > 0 else []
    return say("m_reasons", parts=joined(parts)) if parts else Markup("")


def _mid(column: Column) -> str:
    """The name within a sentence; CRM stays CRM."""
    return column.name if column.name[1:2].isupper() else column.name[0].lower() + column.name[1:]


def _group_name(view: View, name: str) -> str:
    group = view.card.groups.get(name)
    return label(group.title) if group else called(view.words, name)


def _heads(columns: list[Column]) -> list[dict]:
    """The card's groups in their order, each with the number of its columns."""
    heads: list[dict] = []
    for column in columns:
        if heads and heads[-1]["name"] == column.group:
            heads[-1]["span"] += 1
        else:
            heads.append({"name": column.group, "span": 1})
    return heads


def _group(view: View, key: str, frame: pd.DataFrame, parts: pd.DataFrame, columns: list[Column],
           sums: list[float]) -> dict:
    rows = [_row(view, f"mv-{key[2]}{i}", account, parts, columns)
            for i, account in enumerate(frame.head(LISTED).itertuples())]
    most = max((abs(s) for s in sums), default=0.0)
    totals = [{"shown": formats.signed(s, 0) if s else "", "most": s and abs(s) == most} for s in sums]
    return {"head": say(key), "rows": rows, "all": say("m_all", n=len(frame)), "sums": totals}


def _row(view: View, key: str, account: object, parts: pd.DataFrame, columns: list[Column]) -> dict:
    size = formats.money(account.arr, view.currency) if view.has_money and pd.notna(account.arr) else ""
    about = [part for part in (called(view.words, _text(account.segment)), size, _text(account.owner)) if part]
    cells = [_cell(view, parts.loc[(account.Index, column.part)], column) for column in columns]
    before, now = formats.number(account.health_before, 0), formats.number(account.health, 0)
    told = say("m_strip", before=before, now=now)
    return {"account": view.account(account.Index), "about": about, "before": before, "now": now,
            "strip": mover_strip(key, account.health_before, account.health, view.edges, view.card.bands,
                                 (told, told)),
            "cells": cells, "reasons": sorted((c for c in cells if c["shown"]), key=lambda c: -abs(c["change"]))}


def _cell(view: View, part: pd.Series, column: Column) -> dict:
    """A change in whole points, with what its numerator and its denominator did."""
    shown = formats.signed(part["change"], 0)
    if not shown.strip(f"{formats.MINUS}0"):
        return {"shown": "", "cls": "", "change": 0.0, "name": column.name, "sides": ""}
    cls = ("gain" if part["change"] > 0 else "loss") + (" much" if abs(part["change"]) >= 2 else "")
    return {"shown": shown, "cls": cls, "change": part["change"], "name": column.name,
            "sides": _sides(view, part, column)}


def _sides(view: View, part: pd.Series, column: Column) -> str:
    """Such as "core users −2.5, seats +0.5"; nothing where the change has no two sides."""
    indicator = next((i for i in view.card.indicators if i.id == column.part), None)
    moved = [(called(view.words, getattr(indicator, side)), part[f"{side}_change"]) for side in SIDES
             if indicator and pd.notna(part[f"{side}_change"]) and abs(part[f"{side}_change"]) >= .05]
    return joined(f"{name}\N{NO-BREAK SPACE}{formats.signed(change)}" for name, change in moved)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _alerts(view: View) -> Markup:
    worst = view.card.bands[0]
    was = set(view.before.index[view.before["health_band"] == worst])
    now = set(view.now.index[view.now["health_band"] == worst])
    gone = was - set(view.now.index)
    known = set(view.before.index[view.before["health_band"].notna()])
    return say("m_alerts", turned=len((now & known) - was), recovered=len(was - now - gone), gone=len(gone),
               n=len(now), **view.ends)
