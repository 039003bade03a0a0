"""Opens and closes alerts: indicators that name an action and show when it is resolved (001).

Pure functions, table in, table out. An alert of a month knows nothing of later months; it changes no score.
"""

from collections.abc import Iterator

import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.fields import KEY, truth
from cs_research.scorecards import earlier
from cs_research.scores import teams

COLUMNS = ["account_id", "rule", "opened_date", "closed_date", "closed_by", "months", "kind", "action", "team",
           "owner", "stage"]


def alerts(frame: pd.DataFrame, plan: models.Alerts, segments: models.Segments,
           last_month: pd.Timestamp) -> pd.DataFrame:
    """Every alert that opened by the last month (output table `alerts`).

    In: `fields` of the rules with stage, segment and owner, one row per account and month under contract, as it
    stood when the month closed. Out, by account, rule and opened_date: closed_date, closed_by (resolved, ended:
    no contract at the next month's end; both empty while open), months it was open (empty while open), kind,
    action, team, owner, stage (team and stage when it opened). Dates are month ends. At most one alert is open
    per account and rule, and a month in which a rule is not measured neither opens nor closes one.

    >>> from cs_research.definitions import load_definitions
    >>> given = load_definitions()
    >>> rows = pd.DataFrame({"account_id": "001", "month": pd.date_range("2026-01-01", periods=4, freq="MS"),
    ...                      "health": [16.0, 18.0, 21.0, 30.0], "stage": "operation", "segment": "smb",
    ...                      "owner": "Sato"})
    >>> red = given.alerts.model_copy(update={"rules": given.alerts.rules[:1]})
    >>> alerts(rows, red, given.segments, rows["month"].max())[["rule", "months", "team"]].values.tolist()
    [['health_low', 2, 'SMB CSMs']]
    """
    rows = frame.sort_values(KEY, ignore_index=True)
    rows["team"] = teams(rows, segments)
    follows = earlier(rows, "account_id", months=-1).notna()
    leaves = ~follows & (rows["month"] < last_month)
    tables = [_of_rule(rows, rule, follows, leaves) for rule in plan.rules]
    return pd.concat(tables, ignore_index=True).sort_values(
        ["account_id", "rule", "opened_date"], ignore_index=True)[COLUMNS]


def not_measured(frame: pd.DataFrame, definitions: Definitions, reasons: dict[str, str]) -> dict[str, str]:
    """The fields of rules that no account has in any month, each with the reason in words.

    In: `fields` of the rules, and why the data set cannot hold a measure. A rule that reads one never opens.
    """
    indicators = {f"{card.name}.{i.id}": i for card in definitions.scorecards.values() for i in card.indicators}
    blind = {}
    for name in definitions.alerts.reads:
        if frame[name].isna().all():
            i = indicators.get(name.removesuffix(".band"))
            measures = (i.value, i.numerator, i.denominator) if i else (name,)
            blind[name] = next((reasons[m] for m in measures if m in reasons), "no account has one")
    return blind


def _of_rule(rows: pd.DataFrame, rule: models.AlertRule, follows: pd.Series, leaves: pd.Series) -> pd.DataFrame:
    spells = pd.DataFrame(_spells(rows, rule, follows, leaves), columns=["opened", "closed", "closed_by"])
    opened = rows.iloc[spells["opened"].astype(int)].reset_index(drop=True)
    closed = rows["month"].reindex(spells["closed"]).reset_index(drop=True)
    # That an account has left is seen at the end of the month after its last row.
    closed = closed.mask(spells["closed_by"] == "ended", closed + pd.DateOffset(months=1))
    opened_date, closed_date = opened["month"] + pd.offsets.MonthEnd(0), closed + pd.offsets.MonthEnd(0)
    months = (closed_date.dt.year - opened_date.dt.year) * 12 + closed_date.dt.month - opened_date.dt.month
    return opened.assign(
        rule=rule.id, kind=rule.kind, action=rule.action.en, team=rule.team or opened["team"],
        opened_date=opened_date, closed_date=closed_date, months=months.astype("Int64"),
        closed_by=spells["closed_by"].astype("str"))


def _spells(rows: pd.DataFrame, rule: models.AlertRule, follows: pd.Series,
            leaves: pd.Series) -> Iterator[tuple[int, int | None, str | None]]:
    """The row in which an alert opened, the last row that it was open in or closed in, and what closed it."""
    opens, closes = _signals(rows, rule)
    steps = zip(opens, closes, follows, leaves, strict=True)
    opened_at, in_a_row = None, 0
    for row, (open_, close, is_followed, has_left) in enumerate(steps):
        signal = open_ if opened_at is None else close
        if signal is not None:  # not measured: neither lengthens nor breaks what has lasted so far
            in_a_row = in_a_row + 1 if signal else 0
        if opened_at is None and in_a_row == rule.open_after_months:
            opened_at, in_a_row = row, 0
        elif opened_at is not None and in_a_row == rule.close_after_months:
            yield opened_at, row, "resolved"
            opened_at, in_a_row = None, 0
        if opened_at is not None and not is_followed:
            yield (opened_at, row, "ended") if has_left else (opened_at, None, None)
        if not is_followed:
            opened_at, in_a_row = None, 0


def _signals(rows: pd.DataFrame, rule: models.AlertRule) -> tuple[list[bool | None], list[bool | None]]:
    """By row whether the rule is to open and whether it is to close; None where that is not measured."""
    applies = rows["stage"].isin(rule.stages) if rule.stages else pd.Series(True, index=rows.index)
    when = truth(rows, rule.when)
    until = truth(rows, rule.until) if rule.until else ~when
    # Nothing opens that would close at once: two conditions that overlap do not flap.
    both = (when & ~until & applies, until | ~applies)
    return tuple(signal.astype(object).where(signal.notna(), None).tolist() for signal in both)

