"""The Monday list: whom to contact, what raised the points, and how good the list has been (002, methods 5).

A list is judged by the managers' word on its entries, as a ranking: of the accounts judged in a week the first
half in its order, at most the capacity, against the order of renewal dates and against chance.

New weights: the chance that contacting was right is a logit of the points. They maximise its likelihood less
`shrinkage` times their squared distance from the current formula; as the likelihood grows with every entry, the
pull of the current formula decays. Suppressions are rules, not weights: they stay.
"""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from cs_research.definitions import Definitions, models
from cs_research.finding import Estimate, Finding, value_text, with_interval
from cs_research.numbers import count, number
from cs_research.studies import stats
from cs_research.studies.judging import known_chance, under_floor
from cs_research.weeks import next_monday, week_name

KEY, REASONS = ["account_id", "week"], 3  # factors named beside an account
DOUBLING = 0.7  # a factor of two, as a distance between two `times`


def week_after(month: date) -> str:
    """The first week that begins after a month: the one that the month's report lists accounts for.

    >>> week_after(date(2026, 10, 1))
    '2026-W45'
    """
    return week_name(next_monday((pd.Timestamp(month) + pd.offsets.MonthEnd(0)).date()))


def not_looked_at(not_measured: pd.DataFrame, plan: models.ResponsePoints) -> dict[str, str]:
    """The fields of the formula that the data set cannot hold, each with the reason. In: the table not_measured."""
    reasons = not_measured.set_index("measure")["reason"].to_dict()
    return {c.field: reasons[c.field] for mark in plan.marks for c in mark.when if c.field in reasons}


def is_blind(reasons: dict[str, str], plan: models.ResponsePoints) -> bool:
    """Whether nothing that the formula adds points for is measured. In: `not_looked_at`."""
    return all(any(c.field in reasons for c in factor.when) for factor in plan.factors if factor.times is None)


def coming_list(actions: pd.DataFrame, factors: pd.DataFrame, facts: pd.DataFrame, not_measured: pd.DataFrame,
                plan: models.ResponsePoints, week: str) -> Finding:
    """The accounts on the list of a week, those with most points first; the estimate is how many there are.

    Rows: account_id, account (its name), owner, points, why (the factors that bring most), flag.
    """
    blind = not_looked_at(not_measured, plan)
    if is_blind(blind, plan):
        return Finding.not_measured("whom_to_contact", "of what the formula adds points for, the data hold nothing")
    rows = actions[actions["week"] == week]
    names = facts.set_index("account_id")["account_name"].dropna()
    words = {mark.name: mark.title.en for mark in (*plan.suppressed, *plan.flags)}
    listed = rows[rows["is_listed"]].sort_values(["response_points", "rank", "account_id"],
                                                 ascending=[False, True, True])
    titles, gains = {factor.name: factor.title.en for factor in plan.factors}, factors[factors["week"] == week]
    most = gains[gains["points"] > 0].sort_values(["points", "factor"], ascending=[False, True])
    why = most["factor"].map(titles).groupby(most["account_id"]).agg(lambda said: "; ".join(said.head(REASONS)))
    table = [{"account_id": row.account_id, "account": names.get(row.account_id, row.account_id),
              "owner": row.owner, "points": row.response_points, "why": why.get(row.account_id, ""),
              "flag": words.get(row.flag, "")} for row in listed.itertuples()]
    alone = rows[rows["suppressed_by"].notna() & (rows["response_points"] > 0)]
    reasons = alone["suppressed_by"].value_counts(sort=False)
    told = {"Left alone though they have points": [f"{count(reasons[m.name])} ({m.title.en})" for m in plan.suppressed
                                                   if m.name in reasons],
            "Not measured": [f"{field} ({why})" for field, why in blind.items()]}
    notes = [f"{what}: {'; '.join(which)}." for what, which in told.items() if which]
    sentence = (f"{count(len(listed), 'account')} to contact in {week}, of {count(len(rows))} under contract; "
                f"{count(int((rows['response_points'] > 0).sum()))} have points.")
    if any(field.rpartition(".")[2].startswith("health") for field in blind):
        sentence += " The points rest on contact alone: no health is measured."
    return Finding("whom_to_contact", sentence, len(listed), n=len(rows),
                   details={"rows": table, "notes": notes})


def reasons_listed(actions: pd.DataFrame, factors: pd.DataFrame, plan: models.ResponsePoints, week: str) -> Finding:
    """Per factor of the formula how many listed accounts have it and the points it brings them."""
    listed = actions.loc[(actions["week"] == week) & actions["is_listed"], KEY]
    mine = factors.merge(listed, on=KEY)
    table = []
    for factor in plan.factors:
        points = mine.loc[mine["factor"] == factor.name, "points"]
        table.append({"factor": factor.title.en, "formula": weight(factor), "accounts": len(points),
                      "points": float(points.sum())})
    if mine.empty:
        return Finding("why_contact", f"Nobody is on the list of {week}.", details={"rows": table})
    most = max(table, key=lambda line: line["points"])
    sentence = (f"'{most['factor']}' brings most: {number(most['points'], 0)} of the "
                f"{number(float(mine['points'].sum()), 0)} points on the list of {week}.")
    return Finding("why_contact", sentence, most["points"], n=len(listed), details={"rows": table})


def weight(factor: models.Factor) -> str:
    """What a factor does to the points, as the formula says it.

    >>> from cs_research.definitions import load_definitions
    >>> [weight(factor) for factor in load_definitions().response_points.factors[-2:]]
    ['×1.5', '×0.7']
    """
    return f"+{factor.points:g}" if factor.times is None else f"×{factor.times:g}"


def judged_entries(actions: pd.DataFrame, factors: pd.DataFrame, feedback: pd.DataFrame | None,
                   outcomes: pd.DataFrame, plan: models.ResponsePoints) -> pd.DataFrame:
    """Every word of feedback beside the account as it stood on the eve of that week.

    Out: account_id, week, is_useful, response_points, suppressed_by, arr, due_date (the next one), and one boolean
    column per factor. Left out: a verdict that the definition does not know, an account not under contract.
    """
    told = pd.DataFrame(columns=[*KEY, "verdict"], dtype="str") if feedback is None else feedback[[*KEY, "verdict"]]
    told = told[told["verdict"].isin([*plan.verdicts])]
    rows = told.assign(is_useful=told["verdict"].map(plan.verdicts).astype(bool)).merge(
        actions[[*KEY, "response_points", "suppressed_by", "arr"]], on=KEY)
    held = factors.assign(held=True).pivot(index=KEY, columns="factor", values="held")
    held = held.reindex(columns=[factor.name for factor in plan.factors])
    rows = rows.merge(held.notna(), how="left", left_on=KEY, right_index=True)
    rows[held.columns] = rows[held.columns].eq(True)
    rows["monday"] = pd.to_datetime(rows["week"] + "-1", format="%G-W%V-%u")
    due = outcomes[["account_id", "due_date"]].dropna().sort_values("due_date", kind="stable")
    due = due.astype({"due_date": rows["monday"].dtype, "account_id": "str"})
    rows = pd.merge_asof(rows.astype({"account_id": "str"}).sort_values("monday", kind="stable"), due,
                         left_on="monday", right_on="due_date", by="account_id", direction="forward")
    return rows.drop(columns=["monday", "verdict"]).sort_values(KEY, ignore_index=True)


def hits(rows: pd.DataFrame, score: Any, capacity: int) -> pd.DataFrame:
    """By week: `hits`, the useful ones among the first half by `score` (highest first), and `size` of that half.

    At equal score the larger ARR comes first, as on the list; in: `judged_entries`.
    """
    order = rows.assign(score=np.asarray(score, dtype=float)).sort_values(
        ["week", "score", "arr", "account_id"], ascending=[True, False, False, True], kind="stable")
    half = (order.groupby("week")["week"].transform("size") + 1) // 2
    first = order[order.groupby("week").cumcount() < half.clip(upper=capacity)]
    return first.groupby("week")["is_useful"].agg(hits="sum", size="size").astype(float)


def difference(mine: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Precision of one order less that of another on the same weeks, interval by week. In: `hits`."""
    if mine.empty:
        return stats.NOTHING
    size = mine["size"].sum()
    value = (mine["hits"] - other["hits"]).sum() / size
    pull = (mine["hits"] - other["hits"] - value * mine["size"]) / size
    return stats.interval(value, pull, mine.index)


def list_order(rows: pd.DataFrame) -> pd.Series:
    """The score that the list goes by: points, and below them all who is left alone."""
    return rows["response_points"].mask(rows["suppressed_by"].notna(), -1.0)


def list_precision(rows: pd.DataFrame, definitions: Definitions) -> Finding:
    """Was the list right more often than renewal dates or chance? In: `judged_entries` of past weeks.

    The estimate is the precision of the list less that of chance. Verdict: keep when that is above zero beyond
    chance, investigate when below, else it cannot be told.
    """
    name, capacity = "list_precision", definitions.response_points.capacity_per_manager
    if rows.empty:
        return Finding.not_measured(name, "no entry of a past list has been judged yet", "cannot_tell")
    if few := under_floor(name, rows["account_id"].nunique(), definitions, "judged on a past list", "cannot_tell"):
        return few
    mine = hits(rows, list_order(rows), capacity)
    by_date = hits(rows, -rows["due_date"].fillna(pd.Timestamp.max).astype("int64"), capacity)
    chance = mine.assign(hits=mine["size"] * rows.groupby("week")["is_useful"].mean())
    size = int(mine["size"].sum())
    table = [{"order": "the list", "rate": mine["hits"].sum() / size, "n": size}]
    for what, other in (("renewal date", by_date), ("chance", chance)):
        beyond = replace(known_chance(difference(mine, other), definitions), n=size)
        table.append({"order": what, "rate": other["hits"].sum() / size, "form": "points", **beyond.row()})
    verdict = ("keep" if beyond.value > 0 else "investigate") if beyond.excludes_zero else "cannot_tell"
    shown = [value_text(Estimate(line["rate"], None, None, 0, 0), "rate") for line in table]
    sentence = (f"Of the judged accounts that the list puts first, managers found {shown[0]} rightly listed; by "
                f"renewal date it would be {shown[1]}, by chance {shown[2]}. The list less chance: "
                f"{with_interval(beyond, 'points')}.")
    notes = [f"{count(len(rows), 'entry', 'entries')} judged in {count(rows['week'].nunique(), 'week')}; of each week "
             f"the first half in each order, at most {capacity}."]
    return Finding.of(name, sentence, beyond, verdict, rows=table, notes=notes)


# ---------------------------------------------------------------- new weights from all feedback


def tuned(rows: pd.DataFrame, definitions: Definitions, day: str) -> models.ResponsePoints | None:
    """A new version of the formula with its evidence; None where too few entries are judged.

    In: `judged_entries` up to `day`. The evidence ranks each week by weights that only know earlier weeks; it
    says adopt when precision rises beyond chance, else keep.
    """
    plan = definitions.response_points
    if len(rows) < max(plan.min_feedback, 1) or rows["is_useful"].nunique() < 2:
        return None
    before, after = _out_of_sample(rows, plan)
    gain = difference(after, before)
    is_better = gain.excludes_zero and (gain.value or 0) > 0 and gain.clusters >= definitions.claims.min_clusters
    size = after["size"].sum()
    evidence = models.Tuning(
        date=day, tuned_from=plan.version, feedback=len(rows), weeks=gain.clusters,
        precision_before=_rounded(before["hits"].sum() / size if size else None),
        precision_after=_rounded(after["hits"].sum() / size if size else None),
        difference=_rounded(gain.value), lower=_rounded(gain.lower), upper=_rounded(gain.upper),
        verdict="adopt" if is_better else "keep")
    return fitted(rows, plan).model_copy(update={"version": next_version(plan.version), "evidence": evidence})


def fitted(rows: pd.DataFrame, plan: models.ResponsePoints) -> models.ResponsePoints:
    """The formula with the weights that fit the judged entries, points to one digit and times to two."""
    adds, multiplies = [f for f in plan.factors if f.times is None], [f for f in plan.factors if f.times is not None]
    # Entries with the same factors count together: fewer rows, the same sums.
    told = rows[rows["suppressed_by"].isna()].groupby([f.name for f in plan.factors])["is_useful"].agg(["sum", "size"])
    held = told.index.to_frame()
    added, multiplied = (held[[f.name for f in part]].to_numpy(float) for part in (adds, multiplies))
    useful, entries = told["sum"].to_numpy(float), told["size"].to_numpy(float)
    prior = np.array([f.points for f in adds] + [np.log(f.times) for f in multiplies])
    unit = max(float(np.mean(prior[:len(adds)])) if adds else 1.0, 1.0)
    width = np.array([unit] * len(adds) + [DOUBLING] * len(multiplies))

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log likelihood and penalty, with the gradient, at v = (level, slope, distances from the prior)."""
        points, logs = np.split(prior + width * v[2:], [len(adds)])
        product = np.exp(multiplied @ logs) / unit
        x = (added @ points) * product
        logit = v[0] + v[1] * x
        miss = entries * expit(logit) - useful
        value = entries @ np.logaddexp(0, logit) - useful @ logit + plan.shrinkage / 2 * v[2:] @ v[2:]
        slopes = np.concatenate([v[1] * added.T @ (miss * product), v[1] * multiplied.T @ (miss * x)])
        return value, np.concatenate([[miss.sum(), miss @ x], width * slopes + plan.shrinkage * v[2:]])

    lowest = np.where(np.arange(len(prior)) < len(adds), -prior / width, -3.0)
    bounds = [(None, None), (0.01, None), *((low, None) for low in lowest)]
    start = np.concatenate([[0.0, 0.5], np.zeros(len(prior))])
    best = prior + width * minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x[2:]
    new = {f.name: {"points": round(float(v), 1)} for f, v in zip(adds, best[:len(adds)], strict=True)}
    new |= {f.name: {"times": round(float(np.exp(v)), 2)} for f, v in zip(multiplies, best[len(adds):], strict=True)}
    return plan.model_copy(update={"factors": tuple(f.model_copy(update=new[f.name]) for f in plan.factors)})


def points_of(rows: pd.DataFrame, plan: models.ResponsePoints) -> pd.Series:
    """Response points of the judged entries under another formula. In: `judged_entries`."""
    total = sum((rows[f.name] * f.points for f in plan.factors if f.times is None), pd.Series(0.0, rows.index))
    for factor in plan.factors:
        if factor.times is not None:
            total = total.where(~rows[factor.name], total * factor.times)
    return total


def next_version(version: str) -> str:
    """The version with its last number raised.

    >>> next_version("1.0"), next_version("2026-trial")
    ('1.1', '2026-trial.1')
    """
    head, dot, last = version.rpartition(".")
    return f"{head}{dot}{int(last) + 1}" if last.isdigit() else f"{version}.1"


def _out_of_sample(rows: pd.DataFrame, plan: models.ResponsePoints) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hits by week of the current order, and of weights refitted on the weeks before (from `min_feedback` on)."""
    before, after = [hits(rows[:0], [], 1)], [hits(rows[:0], [], 1)]
    for week in sorted(rows["week"].unique()):
        known, now = rows[rows["week"] < week], rows[rows["week"] == week]
        if len(known) >= max(plan.min_feedback, 1) and known["is_useful"].nunique() == 2:
            new = now.assign(response_points=points_of(now, fitted(known, plan)))
            before.append(hits(now, list_order(now), plan.capacity_per_manager))
            after.append(hits(new, list_order(new), plan.capacity_per_manager))
    return pd.concat(before), pd.concat(after)


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
