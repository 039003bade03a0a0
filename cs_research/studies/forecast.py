"""What of the renewals ahead will be kept, with an interval that was tried on the past (methods 6).

An account whose term ends within the horizon counts once, with what it pays at the reading; it is kept at a month
when every term that ends up to then was renewed, also those that short terms bring after the next one. The chance
to be renewed is that of past renewals with the same band as far ahead, near (up to 3 months) or not.
"""

import math
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cs_research.definitions import Definitions
from cs_research.finding import Finding
from cs_research.history import CLOSED
from cs_research.numbers import amount, count, percent
from cs_research.studies.evidence import NOTE_TODAY, Evidence, clusters
from cs_research.studies.incidence import MONTH_DAYS
from cs_research.studies.judging import under_floor
from cs_research.studies.stats import LEVEL

NAME = "renewal_forecast"
HORIZON, NEAR = 12, 3   # months ahead
DRAWS = 400
LEAN = 10.0             # renewals of a cell's own that weigh as much as all renewals together
MOST_ALIKE = 0.5        # likeness within groups to believe at most


def renewal_forecast(evidence: Evidence, currency: str = "") -> Finding:
    """What is kept of the renewals of the next twelve months: rows (months, month, due, kept, lower, upper) in ARR, or
    accounts where money is not measured; details `tried` (one row per horizon: forecasts, inside) from past months."""
    if not evidence.definitions.outcomes.is_renewable:
        return Finding.not_measured(NAME, "terms run once here, no renewal is expected")
    month = evidence.history["month"].max()
    renewals = past_renewals(evidence.history, evidence.outcomes)
    known = known_at(renewals, pd.Timestamp(evidence.as_of), evidence.definitions)
    ahead = due_ahead(evidence.history, evidence.outcomes, month)
    if ahead.empty:
        return Finding.not_measured(NAME, "no term ends in the next twelve months")
    if few := too_few_known(known, evidence.definitions):
        return few
    rows = forecast(known, ahead).assign(month=lambda table: [month + pd.DateOffset(months=n) for n in table["months"]])
    tried = tried_on_the_past(evidence, renewals)
    last, has_money = rows.iloc[-1], evidence.history["arr"].notna().all()
    due, kept, low, high = (amount(last[name], currency if has_money else "")
                            for name in ("due", "kept", "lower", "upper"))
    sentence = (f"Of {due} {'ARR' if has_money else 'accounts'} whose terms end in the next {HORIZON} months {kept} "
                f"is expected to be kept (95% interval {low} to {high}, n = {count(last['accounts'])}). "
                f"{_noticed(evidence, ahead)}{tried_words(tried)}")
    shown = rows.round({name: 0 for name in ("due", "kept", "lower", "upper")}).assign(form="amount")
    notes = [f"From {count(known['renewal'].nunique())} past renewals by band as it stood up to {HORIZON} months "
             "before; what grows or shrinks at a renewal is not in it. A term shorter than a year is taken to be "
             "followed by its like: the account must renew each time.", NOTE_TODAY]
    return Finding(NAME, sentence, last["kept"], last["lower"], last["upper"], int(last["accounts"]),
                   details={"rows": shown.to_dict("records"), "tried": tried.to_dict("records"), "notes": notes})


def _noticed(evidence: Evidence, ahead: pd.DataFrame) -> str:
    """How many of the accounts ahead gave notice for the term that runs, in words."""
    if evidence.contracts is None or "notice_date" not in evidence.contracts:
        return ""
    terms = evidence.contracts[evidence.contracts["notice_date"] <= pd.Timestamp(evidence.as_of)]
    ends = evidence.outcomes[evidence.outcomes["outcome"] == "not_due"].rename(columns={"due_date": "end_date"})
    gone = set(terms.merge(ends, on=["account_id", "end_date"])["account_id"]) & set(ahead["account_id"])
    return f"Of these accounts {count(len(gone))} gave notice and are forecast like all others. " if gone else ""


def too_few_known(known: pd.DataFrame, definitions: Definitions) -> Finding | None:
    """The Finding where past renewals, or the managers behind them, are too few to forecast by."""
    few = under_floor(NAME, known["account_id"].nunique(), definitions, "with a past renewal", "cannot_tell")
    if few is None and known["cluster"].nunique() < definitions.claims.min_clusters:
        return Finding.not_measured(NAME, f"fewer than {definitions.claims.min_clusters} managers with past renewals "
                                    "to judge chance by", "cannot_tell")
    return few


def target(renewed: Finding, scores: pd.DataFrame, retention: pd.DataFrame, products: int, month: date,
           currency: str = "", planned: str = "") -> Finding:
    """Next year's ARR to aim at: renewals due x renewal rate + add-on + new (004), the last two as in the last twelve
    months per head and product, times heads and products as `planned`, such as "12 x 3" (empty: as many as today).

    In: the renewal forecast; `products` now sold (0: not told apart). Rows: part, basis, arr.
    """
    year = retention[(retention["basis"] == "trailing_12") & (retention["segment"] == "all")
                     & (retention["month"] == pd.Timestamp(month))]
    if renewed.estimate is None or year.empty or pd.isna(year["arr_new"].iloc[0]):
        lacks = "a renewal forecast" if renewed.estimate is None else "a full year of ARR"
        return Finding.not_measured("target", f"it needs {lacks}")
    heads = scores.loc[scores["month"] == pd.Timestamp(month), "owner"].nunique()
    today = (heads or 1) * (products or 1)
    ahead = math.prod(int(part) for part in planned.split("x")) if planned else today
    due = renewed.rows[-1]["due"]
    rows = [{"part": "renewals", "basis": f"{amount(due, currency)} due x {percent(renewed.estimate / due)}",
             "arr": renewed.estimate}]
    for part, column in (("add-on", "arr_expansion"), ("new", "arr_new")):
        each = year[column].iloc[0] / today
        rows.append({"part": part, "basis": f"{amount(each, currency)} x {count(ahead)}", "arr": each * ahead})
    total = sum(row["arr"] for row in rows)
    missing = [word for word, known in (("managers (owner)", heads), ("products", products)) if not known]
    per = " and ".join(word for word, known in (("head", heads), ("product", products)) if known) or "year"
    notes = [f"Add-on and new: the last twelve months per {per}; heads are the managers of today ({count(heads)}), "
             f"products those under contract ({count(products)})."]
    notes += [f"Not known, so counted as one: {', '.join(missing)}."] if missing else []
    sentence = (f"On the present course next year brings {amount(total, currency)}: " + ", ".join(
        f"{amount(row['arr'], currency)} {row['part']}" for row in rows) + ".")
    return Finding("target", sentence, total, details={"rows": rows, "notes": notes})


def products_sold(contracts: pd.DataFrame, month: date) -> int:
    """How many products the terms that run at the end of a month name; 0 where none does."""
    end = pd.Timestamp(month) + pd.offsets.MonthEnd(0)
    runs = (contracts["start_date"] <= end) & ~(contracts["end_date"] <= end)
    return int(contracts.loc[runs, "product"].nunique()) if "product" in contracts else 0


# ---------------------------------------------------------------- past and coming renewals


def past_renewals(history: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row per closed renewal and month up to a year before it: renewal, account_id, due_date, cluster, cell, weight
    (of a renewal's rows of one kind 1 in all), is_kept. A cell is a band, near or far."""
    closed = outcomes[outcomes["outcome"].isin(CLOSED)].reset_index(drop=True)
    due = closed["due_date"].dt.to_period("M").dt.to_timestamp()
    closed = closed[["account_id", "due_date", "outcome"]].assign(renewal=closed.index)
    each = pd.concat([closed.assign(lead=lead, month=due - pd.DateOffset(months=lead))
                      for lead in range(1, HORIZON + 1)])
    read = each.merge(history[["account_id", "month", "health_band", "owner"]], on=["account_id", "month"])
    read = read.assign(cluster=clusters(read), cell=_cell(read), is_kept=read["outcome"] != "churned")
    size = read.groupby(["renewal", read["lead"] <= NEAR])["lead"].transform("size")
    return read.assign(weight=1 / size)[["renewal", "account_id", "due_date", "cluster", "cell", "weight", "is_kept"]]


def known_at(renewals: pd.DataFrame, day: pd.Timestamp, definitions: Definitions) -> pd.DataFrame:
    """The past renewals whose grace was over by a day."""
    return renewals[renewals["due_date"] + pd.Timedelta(days=definitions.outcomes.grace_days) <= day]


def due_ahead(history: pd.DataFrame, outcomes: pd.DataFrame, month: pd.Timestamp,
              months: int = HORIZON) -> pd.DataFrame:
    """One row per account and term end in the months after `month`: account_id, lead (months), cluster, cell, amount
    (ARR of the month, else 1). After its next due date a term shorter than the horizon is followed by its like."""
    columns = ["account_id", "owner", "health_band", "due_date", "arr"]
    now = history.loc[(history["month"] == month) & history["due_date"].notna(), columns]
    now = now.merge(outcomes[["account_id", "due_date", "term_start"]], on=["account_id", "due_date"])
    return terms_ahead(now.assign(amount=now["arr"] if history["arr"].notna().all() else 1.0), month, months)


def terms_ahead(now: pd.DataFrame, month: pd.Timestamp, months: int) -> pd.DataFrame:
    """As `due_ahead`, of accounts with a due_date, its term_start, an owner, a health_band and an amount."""
    now = now.reset_index(drop=True)
    term = ((now["due_date"] - now["term_start"]).dt.days / MONTH_DAYS).round().clip(lower=1).astype(int)
    first = (now["due_date"].dt.year - month.year) * 12 + now["due_date"].dt.month - month.month
    times = ((months - first) // term + 1).clip(lower=0)
    each = now[["account_id", "owner", "health_band", "amount"]].assign(lead=first, term=term)
    each = each.loc[each.index.repeat(times)]
    each["lead"] += each["term"] * each.groupby(level=0).cumcount()
    each = each.sort_values(["account_id", "lead"], kind="stable", ignore_index=True)
    return each.assign(cluster=clusters(each), cell=_cell(each))[["account_id", "lead", "cluster", "cell", "amount"]]


def _cell(rows: pd.DataFrame) -> pd.Series:
    return rows["health_band"].astype(object).fillna("none") + np.where(rows["lead"] <= NEAR, " near", " far")


# ---------------------------------------------------------------- the forecast


def forecast(known: pd.DataFrame, ahead: pd.DataFrame, months: int = HORIZON, draws: int = DRAWS,
             seed: int = 0) -> pd.DataFrame:
    """months (1 to `months`), accounts, due, kept, lower, upper: cumulative, of terms that end within so many months.

    In: `known` and `ahead` as `past_renewals` and `due_ahead` give them. The chance of a cell leans on all renewals as
    if on ten more. The interval holds what came in 95 % of draws: chances as uncertain as the past renewals leave them,
    managers and quarters that differ as much as they did, and the luck of every renewal. The same seed, the same rows.
    """
    rng = np.random.default_rng(seed)
    chance, differ, drawn = chances(known, ahead["cell"], rng, draws)
    account, _ = pd.factorize(ahead["account_id"])
    lead, size = ahead["lead"].to_numpy(), ahead["amount"].to_numpy(dtype=float)
    start = np.flatnonzero(np.diff(account, prepend=-1))
    manager, managers = pd.factorize(ahead["cluster"])
    # A spread that few quarters tell is unsure itself: Student's t.
    free = max(known["due_date"].dt.to_period("Q").nunique() - 1, 2)
    season = rng.normal(0, differ[1], (draws, months // 3 + 1)) * np.sqrt(free / rng.chisquare(free, (draws, 1)))
    shift = rng.normal(0, differ[0], (draws, len(managers)))[:, manager] + season[:, (lead - 1) // 3]
    # Where groups differ, the mean of their chances lies nearer to a half than the chance in the middle: made up for.
    middle = np.log(drawn / (1 - drawn)) * np.sqrt(1 + 0.346 * (differ[0] ** 2 + differ[1] ** 2))
    is_lost = rng.random(shift.shape) > 1 / (1 + np.exp(-middle - shift))
    lost_in = np.minimum.reduceat(np.where(is_lost, lead, months + 1), start, axis=1)
    rows = []
    for ends in range(1, months + 1):
        is_due = lead[start] <= ends
        survival = np.exp(np.add.reduceat(np.where(lead <= ends, np.log(chance), 0.0), start))
        sums = (lost_in > ends) @ np.where(is_due, size[start], 0.0)
        low, high = np.quantile(sums, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        due = size[start][is_due]
        rows.append((ends, int(is_due.sum()), due.sum(), (due * survival[is_due]).sum(), low, high))
    return pd.DataFrame(rows, columns=["months", "accounts", "due", "kept", "lower", "upper"])


def chances(known: pd.DataFrame, cell: pd.Series, rng: np.random.Generator,
             draws: int) -> tuple[np.ndarray, list[float], np.ndarray]:
    """The chance of each row to be renewed; how far managers and quarters differ (logit); draws of the chances."""
    kept = (known["weight"] * known["is_kept"]).groupby(known["cell"]).sum()
    all_of = known["weight"].groupby(known["cell"]).sum()
    rest = (known["is_kept"] - known["cell"].map(kept / all_of)).groupby(known["renewal"]).mean()
    each = known.drop_duplicates("renewal").set_index("renewal").assign(rest=rest)
    n, renewed = len(each), int(each["is_kept"].sum())
    overall = (renewed + 0.5) / (n + 1)
    noise = float((each["rest"] ** 2).mean())
    groups = (each["cluster"], each["due_date"].dt.to_period("Q"))
    shared = [_shared(each["rest"], group, noise) for group in groups]
    # What a group shares makes its renewals tell less: they count as this many times fewer.
    excess = 1 + sum(part / noise * ((group.value_counts() ** 2).sum() / n - 1)
                     for part, group in zip(shared, groups, strict=True) if part)
    whole = rng.beta((renewed + 0.5) / excess, (n - renewed + 0.5) / excess, draws)[:, None]
    names, code = np.unique(cell.to_numpy(dtype=str), return_inverse=True)
    kept, all_of = (totals.reindex(names, fill_value=0.0).to_numpy() for totals in (kept, all_of))
    middle = (kept + LEAN * overall) / (all_of + LEAN)
    drawn = rng.beta((kept + LEAN * whole) / excess, (all_of - kept + LEAN * (1 - whole)) / excess)
    differ = [float(np.sqrt(part)) / (overall * (1 - overall)) for part in shared]
    return middle[code], differ, np.clip(drawn, 1e-9, 1 - 1e-9)[:, code]


def _shared(rest: pd.Series, group: pd.Series, noise: float) -> float:
    """The variance that rows of one group share, at most half of the `noise`: the mean product of pairs within groups,
    and half a standard error more, for few groups cannot rule out that they differ."""
    sizes, sums = rest.groupby(group).size(), rest.groupby(group).sum()
    pairs = float((sizes * (sizes - 1)).sum())
    if not pairs:
        return 0.0
    pulled = len(sizes) / max(len(sizes) - 1, 1)  # the mean taken off is the groups' own
    found = pulled * max(((sums**2).sum() - (rest**2).sum()) / pairs, 0.0) + 0.5 * noise * np.sqrt(2 / pairs)
    return float(min(found, MOST_ALIKE * noise))


# ---------------------------------------------------------------- was it right before?


def tried_on_the_past(evidence: Evidence, renewals: pd.DataFrame) -> pd.DataFrame:
    """One row per horizon of 3 and 12 months: months, forecasts (one a quarter, made from what was known then) and
    inside (those whose interval held what came); who left with an unknown outcome is in none of them."""
    rows, grace = [], pd.Timedelta(days=evidence.definitions.outcomes.grace_days)
    known = sorted(evidence.history["month"].unique(), reverse=True)
    for months in (NEAR, HORIZON):
        last = pd.Timestamp(evidence.as_of) - grace - pd.DateOffset(months=months)
        seen = [month for month in known if month + pd.offsets.MonthEnd(0) <= last]
        made = [one for month in seen[::3] if (one := past_forecast(evidence, renewals, month, months))]
        inside = sum(row["lower"] - 0.5 <= came <= row["upper"] + 0.5 for row, came in made)
        rows.append({"months": months, "forecasts": len(made), "inside": int(inside)})
    return pd.DataFrame(rows)


def past_forecast(evidence: Evidence, renewals: pd.DataFrame, month: pd.Timestamp,
                  months: int) -> tuple[dict[str, Any], float] | None:
    """The last row of the forecast made at the end of a month (see `forecast`), and what was kept of it in fact; None
    where none could be made. `renewals` as `past_renewals` gives them, later ones are left alone."""
    definitions = evidence.definitions
    known = known_at(renewals, month + pd.offsets.MonthEnd(0), definitions)
    if too_few_known(known, definitions):
        return None
    ahead = due_ahead(evidence.history, evidence.outcomes, month, months)
    ends = evidence.outcomes.assign(due=evidence.outcomes["due_date"].dt.to_period("M").dt.to_timestamp())
    ends = ends[(ends["due"] > month) & (ends["due"] <= month + pd.DateOffset(months=months))]
    ahead = ahead[~ahead["account_id"].isin(ends.loc[ends["outcome"] == "unknown", "account_id"])]
    if not definitions.claims.are_enough(ahead["account_id"].nunique()):
        return None
    each = ahead.drop_duplicates("account_id")
    came = each.loc[~each["account_id"].isin(ends.loc[ends["outcome"] == "churned", "account_id"]), "amount"].sum()
    return forecast(known, ahead, months, draws=DRAWS // 2).iloc[-1].to_dict(), float(came)


def tried_words(tried: pd.DataFrame) -> str:
    """How often past forecasts held, in a sentence."""
    told = [f"{row.inside} of {count(row.forecasts)} made {row.months} months ahead"
            for row in tried.itertuples() if row.forecasts]
    if not told:
        return "No past forecast can be checked yet, so the interval is untried."
    return f"Of past forecasts the interval held {' and '.join(told)} (one a quarter; those a year ahead overlap)."
