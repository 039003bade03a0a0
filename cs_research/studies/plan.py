"""Where everyone is in the plan: stages and teams, the roadmap, goals, the value matrix, and the alerts.

These describe; nothing here judges a score. Accounts are as best known today, alerts as they stood when each month
closed.
"""

from datetime import date
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.finding import TOO_FEW, Finding, with_interval
from cs_research.history import CLOSED
from cs_research.numbers import count
from cs_research.scores import teams
from cs_research.studies.evidence import clusters
from cs_research.studies.judging import rate_of, rate_row, under_floor
from cs_research.studies.money import due_in_a_year
from cs_research.studies.state import of_month

NAMED, SHOWN, SOON = 3, 20, 3  # accounts named in a cell, alerts listed, months in which an alert may close soon
PARTS = {"state": "To be achieved", "joint": "Together", "customer": "The customer", "ours": "We",
         "positive": "At an opportunity", "challenge": "At a risk"}
CELLS = {"thanks": ("yes", "yes"), "unwanted": ("yes", "no"), "unsatisfied": ("no", "yes"), "silent": ("no", "no")}
NOBODY = "nobody named"
KIND = {"challenge": "risk", "positive": "opportunity"}
VIEWS = ("finance", "customer", "process", "learning")


def open_alerts_at(alerts: pd.DataFrame, month: date) -> pd.DataFrame:
    """The alerts that were open at the end of a month, with `age`, whole months since they opened."""
    end, rows = _end(month), alerts[_is_open(alerts, month)]
    opened = rows["opened_date"]
    return rows.assign(age=(end.year - opened.dt.year) * 12 + end.month - opened.dt.month)


def _is_open(alerts: pd.DataFrame, month: date) -> pd.Series:
    return (alerts["opened_date"] <= _end(month)) & ~(alerts["closed_date"] <= _end(month))


def stages_and_teams(scores: pd.DataFrame, alerts: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Accounts by stage and segment, the team in charge and its open alerts (000, teams by size and phase)."""
    name, rows = "plan_now", of_month(scores, month)
    if rows.empty:
        return Finding.not_measured(name, f"no account is under contract in {month:%Y-%m}")
    rows = rows.assign(team=teams(rows, definitions.segments).fillna(NOBODY),
                       segment=rows["segment"].fillna("without segment"),
                       alerts=rows["account_id"].map(open_alerts_at(alerts, month)["account_id"].value_counts()))
    table = []
    for stage in definitions.stages.stages:
        for (segment, team), group in rows[rows["stage"] == stage.name].groupby(["segment", "team"]):
            known = group["health"].dropna()
            table.append({"stage": stage.title.en, "segment": segment, "team": team, "n": len(group),
                          "arr": group["arr"].sum(min_count=1), "alerts": int(group["alerts"].sum()),
                          "health": known.mean() if definitions.claims.are_enough(len(known)) else TOO_FEW})
    most = max(table, key=lambda line: line["n"])
    sentence = (f"{count(len(rows), 'account')} are under contract in {month:%Y-%m}. The largest group, "
                f"{count(most['n'])}, is {most['segment']} in the stage {most['stage']}; in charge: {most['team']}.")
    without = int((rows["team"] == NOBODY).sum())
    notes = [f"{count(without, 'account')} without a team: no segment, or none that segments.yml names."]
    return Finding(name, sentence, n=len(rows), details={"rows": table, "notes": notes * (without > 0)})


def roadmap(scores: pd.DataFrame, alerts: pd.DataFrame, facts: pd.DataFrame, definitions: Definitions,
            month: date) -> Finding:
    """What each stage is for, who does what, and who is in it (001, success roadmap).

    Rows are the parts of the roadmap, columns the stages; `heads` of the details names them for `show_table`.
    """
    rows, open_ = of_month(scores, month), open_alerts_at(alerts, month)
    risks = open_.loc[open_["kind"] == "challenge", "account_id"].value_counts().rename("risks")
    said = {stage.stage: stage for stage in definitions.roadmap.stages}
    table: list[dict[str, Any]] = [{"part": label} for label in (*PARTS.values(), "Accounts", "Alerts open",
                                                                 "Most at risk")]
    for stage in definitions.stages.names:
        inside = rows.loc[rows["stage"] == stage, ["account_id"]].merge(
            facts[["account_id", "account_name"]], on="account_id", how="left").merge(
            risks, left_on="account_id", right_index=True, how="left")
        worst = inside[inside["risks"] > 0].sort_values(["risks", "account_id"], ascending=[False, True])
        parts = [getattr(said[stage], part) if stage in said else () for part in PARTS]
        cells = ["; ".join(text.en for text in (words if isinstance(words, tuple) else (words,))) or None
                 for words in parts]
        cells += [count(len(inside)), count(int(open_["account_id"].isin(inside["account_id"]).sum())),
                  ", ".join(worst["account_name"].head(NAMED)) or None]
        for line, cell in zip(table, cells, strict=True):
            line[stage] = cell
    sentence = (f"{count(len(rows), 'account')} are on the roadmap of {count(len(said), 'stage')} in {month:%Y-%m}, "
                f"with {count(len(open_), 'open alert')} at {count(open_['account_id'].nunique(), 'account')}.")
    heads = {"part": "", **{stage.name: stage.title.en for stage in definitions.stages.stages}}
    return Finding("roadmap", sentence, n=len(rows), details={"rows": table, "heads": heads})


def by_goal(scores: pd.DataFrame, facts: pd.DataFrame, outcomes: pd.DataFrame, definitions: Definitions,
            month: date) -> Finding:
    """Health, touch and a year's churn by the goal of the customer, in the four views (001, segments by goal)."""
    name, goals = "churn_by_goal", facts[["account_id", "goal"]]
    rows = of_month(scores, month).merge(goals, on="account_id", how="left")
    if rows["goal"].isna().all():
        return Finding.not_measured(name, "no account names its goal")
    due = due_in_a_year(outcomes, month)[0].merge(facts[["account_id", "goal", "owner"]], on="account_id", how="left")
    due = due[due["outcome"].isin(CLOSED)]
    due = due.assign(is_churned=due["outcome"] == "churned", cluster=clusters(due))
    views = [*VIEWS, *sorted(set(rows["goal"].dropna()) - set(VIEWS))]
    table = []
    for view in views:
        inside, ended = rows[rows["goal"] == view], rate_row(due[due["goal"] == view], "is_churned", definitions)
        table.append({"goal": view, "n": len(inside), **{
            column: how(values) if definitions.claims.are_enough(len(values)) else TOO_FEW
            for column, how, values in (("health", pd.Series.mean, inside["health"].dropna()),
                                        ("touch", pd.Series.median, inside["touch_score"].dropna()))},
            "due": ended.pop("n"), **ended})
    sentence = (f"{count(int(rows['goal'].notna().sum()))} of {count(len(rows), 'account')} name the goal they bought "
                f"for. {_told_apart(table)}")
    notes = ["Churn: of the renewals due in twelve months, closed ones only; a view with too few says nothing.",
             "Goals and managers are those of today: they carry no history."]
    return Finding(name, sentence, n=int(rows["goal"].notna().sum()), details={"rows": table, "notes": notes})


def value_matrix(scores: pd.DataFrame, measures: pd.DataFrame, facts: pd.DataFrame, definitions: Definitions,
                 month: date) -> Finding:
    """What we deliver by what the customer values: accounts in each cell by the ratings in force (001, value matrix).

    In: measures of today with value_matrix, the number that ratings.yml gives each cell. The estimate is the share
    of rated accounts that are unsatisfied.
    """
    name, kind = "value_unsatisfied", definitions.ratings.kinds.get("value_matrix")
    rows = of_month(scores, month).merge(facts[["account_id", "account_name"]], on="account_id", how="left")
    if kind is None or "value_matrix" not in measures or of_month(measures, month)["value_matrix"].isna().all():
        return Finding.not_measured(name, "no rating of the kind value_matrix is in force")
    words = {value: word for word, value in kind.values.items()}
    rows["cell"] = rows["account_id"].map(of_month(measures, month).set_index("account_id")["value_matrix"].map(words))
    rated = rows[rows["cell"].notna()].sort_values(["arr", "account_id"], ascending=[False, True])
    if few := under_floor(name, len(rated), definitions, "with a rating of the value matrix in force"):
        return few
    table = []
    for cell in dict.fromkeys((*CELLS, *words.values())):
        names, (delivered, valued) = rated.loc[rated["cell"] == cell, "account_name"], CELLS.get(cell, (None, None))
        table.append({"cell": cell, "delivered": delivered, "valued": valued, "n": len(names),
                      "share": len(names) / len(rated), "names": ", ".join(names.head(NAMED)) or None})
    unsatisfied = rate_of(rated["cell"] == "unsatisfied", clusters(rated), definitions)
    everyone = rate_of(rows["cell"].notna(), clusters(rows), definitions)
    sentence = (f"{with_interval(unsatisfied)} of the rated accounts are unsatisfied: they value what they do not get. "
                f"A rating is in force for {with_interval(everyone)}.")
    notes = ["Who is rated is the team's choice, so the shares are those of rated accounts alone."]
    return Finding.of(name, sentence, unsatisfied, rows=table, notes=notes)


def open_alerts(alerts: pd.DataFrame, scores: pd.DataFrame, facts: pd.DataFrame, not_measured: pd.DataFrame,
                definitions: Definitions, month: date) -> Finding:
    """The alerts open at the end of the month, risks first, the oldest first, each with its action and owner (001)."""
    now = of_month(scores, month)[["account_id", "stage", "segment"]]
    rows = open_alerts_at(alerts, month).drop(columns="stage").merge(now, on="account_id", how="left").merge(
        facts[["account_id", "account_name"]], on="account_id", how="left")
    rules = {rule.id: rule for rule in definitions.alerts.rules}
    titles = {stage.name: stage.title.en for stage in definitions.stages.stages}
    rows = rows.assign(team=rows["rule"].map({name: rule.team for name, rule in rules.items()}).fillna(
        teams(rows, definitions.segments)), rule=[rules[name].title.en for name in rows["rule"]],
        stage=rows["stage"].map(titles))
    rows = rows.sort_values(["kind", "age", "account_id", "rule"], ascending=[True, False, True, True])
    columns = ["account_id", "account_name", "rule", "action", "owner", "team", "stage", "age"]
    risks = rows[rows["kind"] == "challenge"]
    sentence = (f"{count(len(rows), 'alert')} at {count(rows['account_id'].nunique(), 'account')} are open at the end "
                f"of {month:%Y-%m}: {count(len(risks), 'risk')} and "
                f"{count(len(rows) - len(risks), 'opportunity', 'opportunities')}."
                if len(rows) else f"No alert is open at the end of {month:%Y-%m}.")
    if len(risks):
        sentence += f" Half of the risks have been open for {count(risks['age'].median(), 'month')} or more."
    blind = [f"{rule.title.en} ({why})" for rule in rules.values() if (why := _why(rule, not_measured))]
    notes = [f"Shown: {SHOWN}, risks first, the longest open first; all are in the table alerts."] * (len(rows) > SHOWN)
    notes += [f"Not measured in this data set: {'; '.join(blind)}."] * bool(blind)
    if len(rows):
        notes += ["Team and stage are today's; the table alerts has those of the month in which an alert opened."]
    return Finding("alerts_open", sentence, n=len(rows),
                   details={"rows": rows[columns].head(SHOWN).to_dict("records"), "notes": notes})


def alerts_by_month(alerts: pd.DataFrame, month: date) -> Finding:
    """Alerts opened and closed by month, over two years: `into` and `out` (figures.draw_moves), `left` of the closed
    because the account left, `open` at the month's end."""
    months = pd.date_range(end=pd.Timestamp(month), periods=24, freq="MS")
    opened, closed = (alerts[name].dt.to_period("M").dt.to_timestamp() for name in ("opened_date", "closed_date"))
    table = [{"month": one, "into": int((opened == one).sum()), "out": int((closed == one).sum()),
              "left": int(((closed == one) & (alerts["closed_by"] == "ended")).sum()),
              "open": int(_is_open(alerts, one).sum())} for one in months if (opened <= one).any()]
    if not table:
        return Finding.not_measured("alerts_by_month", "no alert has opened yet")
    year = table[-12:]
    sentence = (f"In {count(len(year), 'month')} {count(sum(line['into'] for line in year), 'alert')} opened and "
                f"{count(sum(line['out'] for line in year))} closed, "
                f"{count(sum(line['left'] for line in year))} of them because the account left.")
    return Finding("alerts_by_month", sentence, n=sum(line["into"] for line in year), details={"rows": table})


def alert_rules(alerts: pd.DataFrame, not_measured: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Rule by rule: open now, opened so far, how long those closed lasted, how many closed by themselves soon; the
    estimate is the share of risks resolved within three months, of those that opened so long ago."""
    name, rows = "alerts_resolved", alerts[alerts["opened_date"] <= _end(month)]
    now = open_alerts_at(alerts, month)["rule"].value_counts()
    seen = rows[rows["opened_date"] <= _end(pd.Timestamp(month) - pd.DateOffset(months=SOON))]
    seen = seen.assign(is_resolved=(seen["closed_by"] == "resolved") & (seen["months"] <= SOON),
                       cluster=clusters(seen))
    table = []
    for rule in definitions.alerts.rules:
        mine = rows[rows["rule"] == rule.id]
        ended = mine.loc[mine["closed_date"] <= _end(month), "months"]
        rate = rate_row(seen[seen["rule"] == rule.id], "is_resolved", definitions)
        table.append({"rule": rule.title.en, "kind": KIND[rule.kind], "action": rule.action.en,
                      "why": _why(rule, not_measured), "open": int(now.get(rule.id, 0)),
                      "opened": len(mine), "months": float(ended.median()) if len(ended) else None,
                      **{key: rate[key] for key in ("rate", "lower", "upper")}})
    seen = seen[seen["kind"] == "challenge"]
    if few := under_floor(name, seen["account_id"].nunique(), definitions,
                          f"had a risk open {SOON} months ago or before"):
        return Finding(name, few.sentence, n=few.n, details={"rows": table, "notes": _later(definitions)})
    estimate = rate_of(seen["is_resolved"], seen["cluster"], definitions)
    sentence = (f"{with_interval(estimate)} of the risks closed by themselves within {SOON} months of opening; those "
                f"that opened in the last {SOON} months are not counted.")
    notes = [*_later(definitions),
             "An account that left resolved nothing. That an alert closes does not show that its action closed it."]
    return Finding.of(name, sentence, estimate, rows=table, notes=notes)


def _later(definitions: Definitions) -> list[str]:
    """Why more alerts are open than accounts look bad today: the first rule that closes later than it opens."""
    return [f"An alert stays open until the `until` of its rule holds, so more can be open than its sign says today: "
            f"'{rule.title.en}' opens with {_said_of(rule.when)} and closes with {_said_of(rule.until)}."
            for rule in definitions.alerts.rules if rule.until][:1]


def _said_of(conditions: models.When) -> str:
    tests = [(c.field, test, value) for c in conditions for test, value in c.tests.items()]
    return " and ".join(f"{field} {test} {value:g}".replace("_", " ") if isinstance(value, float) else
                        f"{field} {' or '.join(value)}".replace("_", " ") for field, test, value in tests)


def _end(month: date) -> pd.Timestamp:
    return pd.Timestamp(month) + pd.offsets.MonthEnd(0)


def _why(rule: models.AlertRule, not_measured: pd.DataFrame) -> str:
    """Why the data set cannot measure a rule, empty where it can. In: not_measured (measure, reason)."""
    reasons = dict(not_measured[["measure", "reason"]].values)
    return next((reasons[name] for name in rule.reads if name in reasons), "")


def _told_apart(table: list[dict[str, Any]]) -> str:
    """Whether the intervals of churn of any two lines keep apart, in words."""
    known = [line for line in table if line["lower"] is not None]
    if len(known) < 2:
        return "There are too few renewals by goal to compare their churn."
    high, low = max(known, key=lambda line: line["lower"]), min(known, key=lambda line: line["upper"])
    if high["lower"] <= low["upper"]:
        return "The intervals of churn of all goals meet, so none differs clearly from another."
    return f"Churn is higher with the goal {high['goal']} than with {low['goal']}: their intervals do not meet."
