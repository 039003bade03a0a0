"""One account: how its health came about, why it moved, what comes next and what is known of it."""

from difflib import get_close_matches
from html import escape
from typing import Any

import pandas as pd

from cs_research.definitions import models
from cs_research.errors import Refused
from cs_research.finding import Finding, plain
from cs_research.movement import SIDES, movements
from cs_research.numbers import count, number, percent, signed
from cs_research.studies.evidence import of_card, seen_until
from cs_research.studies.plan import KIND
from cs_research.studies.weekly_list import week_after

DATED = {"meetings": "scheduled_date", "goals": "agreed_date", "milestones": "due_date", "ratings": "set_date",
         "surveys": "sent_date"}
SHOWN = 12


class Account:
    """The rows of one account in an opened run, of one card, up to a month; without an id the largest of the month.

    `month` is the asked month, or the account's last one when it is under contract no more: then `scores` and
    `indicators` are those of the history, so that nothing recorded since it left moves them (frozen at churn).
    `stood` is the history either way. Raises Refused, naming the nearest ids, for an account that is not there.
    """

    def __init__(self, run: Any, card: models.Scorecard, month: pd.Timestamp, account_id: str = ""):
        self.run, self.card, self.seen_until = run, card, pd.Timestamp(seen_until(run, month))
        self.account_id = account_id or _largest(of_card(run.scores[run.scores["month"] == month], card))
        names = run.account_facts.set_index("account_id")["account_name"]
        if self.account_id not in names.index:
            near = get_close_matches(self.account_id, sorted(names.index), n=3, cutoff=0.0)
            raise Refused(f"There is no account '{self.account_id}' in the run of {run.month:%Y-%m}",
                          f"the nearest are {', '.join(near)}")
        self.name = str(names.fillna(self.account_id)[self.account_id])
        self.scores, self.stood = (of_card(self.rows(name), card, month).sort_values("month", ignore_index=True)
                                   for name in ("scores", "history"))
        if self.scores.empty:
            raise Refused(f"Account '{self.account_id}' is not under contract by {month:%Y-%m}", "give a later month")
        self.is_here = bool(self.scores["month"].iloc[-1] == month)
        is_frozen = len(self.stood) and not self.is_here
        self.scores = self.stood if is_frozen else self.scores
        self.indicators = of_card(self.rows("history_indicators" if is_frozen else "indicators"), card, month)
        self.month = self.scores["month"].iloc[-1]

    @property
    def stages(self) -> dict[str, str]:
        """The titles of the stages by name."""
        return {stage.name: stage.title.en for stage in self.run.definitions.stages.stages}

    def rows(self, table: str) -> pd.DataFrame:
        """What an output or input table holds of the account, empty where the run has no such table."""
        found = self.run.of_account(table, self.account_id)
        return pd.DataFrame() if found is None else found

    def _repr_html_(self) -> str:
        now = plain(self.scores.iloc[-1].to_dict())
        about = [now["segment"], self.stages.get(now["stage"]), now["owner"], count(now["seats"], "seat"),
                 now["arr"] and f"ARR {count(now['arr'])} {self.run.dataset['currency'] or ''}".strip(),
                 f"customer since {now['start_date']}", f"id {self.account_id}"]
        return (f'<h1>{escape(self.name)}</h1>\n<p class="kicker">{escape(" · ".join(filter(None, about)))}</p>\n'
                f'<p class="finding"><strong>{escape(_state(self, now))}</strong></p>')


def _largest(now: pd.DataFrame) -> str:
    if now.empty:
        raise Refused("No account is under contract in this month", "give another month")
    order = now.sort_values(["arr", "seats", "account_id"], ascending=[False, False, True])
    return str(order["account_id"].iloc[0])


def _state(account: Account, now: dict[str, Any]) -> str:
    if now["health"] is None:
        return f"Health is not scored in {account.month:%Y-%m} ({percent(now['measured_share'])} of the card measured)."
    state = f"{number(now['health'])} of {account.card.total:g} ({now['health_band']})"
    if account.is_here:
        before = account.scores.set_index("month")["health"].get(account.month - pd.DateOffset(months=1))
        change = "" if pd.isna(before) else f", {signed(now['health'] - before)} since the month before"
        return f"Health is {state} in {account.month:%Y-%m}{change}."
    return f"Under contract no more: health stood at {state} in {account.month:%Y-%m}, its last month, and stays there."


def course(account: Account) -> Finding:
    """Health month by month since the start. `rows`: month, health, band, stood (where restated since), touch,
    stage, a month without contract empty; `details` has `renewals` and `alerts` beside."""
    rows = account.scores.set_index("month").rename(columns={"health_band": "band", "touch_score_month": "touch"})
    stood = account.stood.set_index("month")["health"].reindex(rows.index)
    rows["stood"] = stood.where((stood - rows["health"]).abs() > 1e-9)
    rows = rows.assign(stage=rows["stage"].map(account.stages))
    rows = rows.reindex(pd.date_range(rows.index[0], rows.index[-1], freq="MS", name="month"))
    ends, known = account.rows("outcomes"), rows["health"].dropna()
    sentence = "Health was never scored." if known.empty else (
        f"Over {count(len(known), 'month')}, the lowest was {number(known.min())} in {known.idxmin():%Y-%m} and the "
        f"highest {number(known.max())} in {known.idxmax():%Y-%m}.")
    return Finding("account_course", sentence, n=len(known), details={
        "rows": rows[["health", "band", "stood", "touch", "stage"]].reset_index().to_dict("records"),
        "renewals": ends[ends["due_date"] <= account.seen_until].to_dict("records") if len(ends) else [],
        "alerts": _alerts(account)})


def why_moved(account: Account, before: pd.Timestamp | None = None) -> Finding:
    """The parts of the change of health since a month (None: the one before); they add up to it (movements).

    `rows`: part, name, before, now, band, change, numerator, denominator (both in points of the total).
    """
    then, by_id = before or account.month - pd.DateOffset(months=1), {i.id: i for i in account.card.indicators}
    parts = movements(account.indicators, account.scores, account.card, then, account.month)
    if parts.empty:
        why = f"health is not scored both in {then:%Y-%m} and in {account.month:%Y-%m}"
        return Finding.not_measured("account_movement", why)
    rows = [_part(part, by_id.get(part["part"])) for part in plain(parts.to_dict("records"))
            if part["part"] in by_id or abs(part["change"]) >= .005]
    moved = sorted((row for row in rows if abs(row["change"]) >= .05), key=lambda row: -abs(row["change"]))
    said = ", ".join(f"{_mid(row['name'])} {signed(row['change'])}{row['sides']}" for row in moved[:4])
    more = f" and {count(len(moved) - 4)} more" if len(moved) > 4 else ""
    health, total = account.scores.set_index("month")["health"], parts["change"].sum()
    sentence = (f"From {then:%Y-%m} to {account.month:%Y-%m} health went from {number(health[then])} to "
                f"{number(health[account.month])} ({signed(total)}){f': {said}{more}' if moved else ''}.")
    return Finding("account_movement", sentence, total, n=len(moved), details={"rows": rows, "notes": [
        "The parts add up to the change, numerator and denominator to their part (mean of both orders)."]})


def _part(part: dict[str, Any], indicator: models.Indicator | None) -> dict[str, Any]:
    row = {"part": part["part"], "name": part["part"], "before": "", "now": "", "band": part["band_now"],
           "change": part["change"], "sides": "", **{side: part[f"{side}_change"] for side in SIDES}}
    if indicator is None:
        return {**row, "part": ""}
    values = {when: _value(part[f"value_{when}"], indicator.unit) for when in ("before", "now")}
    sides = [f"{getattr(indicator, side).replace('_', ' ')} {signed(row[side])}" for side in SIDES
             if abs(row[side] or 0.0) >= .05]
    return {**row, "name": indicator.name.en, **values, "sides": f" ({', '.join(sides)})" if sides else ""}


def _value(value: float | None, unit: str) -> str:
    return "–" if value is None else percent(value) if unit == "share" else number(value, 2 if unit == "score" else 1)


def _mid(name: str) -> str:
    return name[:1].lower() + name[1:]


def what_next(account: Account) -> Finding:
    """Open alerts, the place on the list of the week after the month, the next due date; `rows`: the alerts, the open
    ones first, then the latest first."""
    listed, ends, rows = account.rows("actions"), account.rows("outcomes"), _alerts(account)
    said = [f"{row['rule']}, since {row['opened_date']}: {_mid(row['action'])}" for row in rows
            if row["closed_date"] is None]
    told = [f"Open: {'; '.join(said)}" if said else "No alert is open"]
    week = week_after(account.month)
    for row in listed[listed["week"] == week].to_dict("records") if len(listed) and account.is_here else []:
        words = {mark.name: mark.title.en for mark in account.run.definitions.response_points.suppressed}
        alone = words.get(row["suppressed_by"], "")
        told.append(f"In {week} it has {row['response_points']:g} response points"
                    f"{f' and is left alone ({_mid(alone)})' if alone else ''}")
    ahead = ends.loc[ends["due_date"] > account.seen_until, "due_date"] if len(ends) else ends
    told.append(f"The next renewal is due on {ahead.min():%Y-%m-%d}" if len(ahead) and account.is_here
                else "No renewal is ahead")
    return Finding("account_next", ". ".join(told) + ".", n=len(said),
                   details={"rows": rows[:max(SHOWN // 2, len(said))]})


def _alerts(account: Account) -> list[dict[str, Any]]:
    """The alerts as seen at the end of the month, in the words of the definitions, open ones and the latest first."""
    alerts, seen = account.rows("alerts"), account.seen_until
    if alerts.empty:
        return []
    titles = {rule.id: rule.title.en for rule in account.run.definitions.alerts.rules}
    alerts = alerts[alerts["opened_date"] <= seen].assign(
        rule=alerts["rule"].map(titles), kind=alerts["kind"].map(KIND),
        closed_date=alerts["closed_date"].where(alerts["closed_date"] <= seen))
    alerts = alerts.assign(is_open=alerts["closed_date"].isna())
    return plain(alerts.sort_values(["is_open", "opened_date", "rule"], ascending=False).to_dict("records"))


def what_is_known(account: Account) -> Finding:
    """Meetings, goals, milestones, ratings and surveys, the latest first, booked meetings before all.

    `rows`: date, what, about (what the row says, ids left out).
    """
    rows, counts, today = [], [], str(account.seen_until.date())
    for table, when in DATED.items():
        columns = account.run.definitions.tables[table].columns
        found = [{"date": row[when] or "", "what": table.removesuffix("s"), "about": _about(row, columns, when, today)}
                 for row in plain(account.rows(table).to_dict("records")) if (row["recorded_at"] or "") <= today]
        rows, counts = rows + found, counts + ([count(len(found), table.removesuffix("s"))] if found else [])
    if not rows:
        return Finding.not_measured("account_known", "no meeting, goal, milestone, rating or survey was delivered")
    rows.sort(key=lambda row: tuple(row.values()), reverse=True)
    rest = f"; the latest {SHOWN} are listed" if len(rows) > SHOWN else ""
    return Finding("account_known", f"On record: {', '.join(counts)}{rest}.", n=len(rows),
                   details={"rows": rows[:SHOWN]})


def _about(row: dict[str, Any], columns: dict[str, models.Column], when: str, today: str) -> str:
    told = []
    if (row.get("scheduled_date") or "") > today:  # whether a meeting was held is not said of one that lies ahead
        row = {**row, "held": "called off" if row["held"] is False else "booked"}
    for name, column in columns.items():
        value, words = row[name], name.removesuffix("_date").replace("_", " ")
        if value is not None and column.type not in ("id", "stamp") and name != when:
            told.append(value if name == "held" and isinstance(value, str) else {
                "boolean": words if value else f"not {words}", "date": f"{words} {value}"}.get(
                column.type, f"{words} {value:g}" if column.type == "real" else str(value).replace("_", " ")))
    return ", ".join(told)
