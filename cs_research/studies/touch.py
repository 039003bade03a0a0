"""Touch: how much accounts get and how they react, the corners of health and touch and the moves between them, and
the content each account is due.

These describe the latest knowledge (restated tables), but for the comparison with chance, which reads history.
"""

from datetime import date
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.finding import Estimate, Finding, with_interval
from cs_research.numbers import count, number
from cs_research.scores import TOLERANCE, previous_quadrants, touch_cuts
from cs_research.studies import stats
from cs_research.studies.evidence import clusters
from cs_research.studies.judging import known_chance, rate_of, under_floor
from cs_research.studies.state import of_month


def quadrants_now(scores: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Health by touch: accounts in each corner and the moves into the good one (000, structure of the touch score)."""
    name, rows = "healthy_in_touch", of_month(scores, month)
    known = rows[rows["quadrant"].notna()]
    if known.empty:
        return Finding.not_measured(name, f"no account has both health and a touch score in {month:%Y-%m}")
    if few := under_floor(name, len(known), definitions, f"with health and a touch score in {month:%Y-%m}"):
        return few
    words = {letter: text.en for letter, text in definitions.quadrants.names.items()}
    table = [{"quadrant": words[letter], "accounts": int((known["quadrant"] == letter).sum()),
              "share": float((known["quadrant"] == letter).mean()),
              "arr": known.loc[known["quadrant"] == letter, "arr"].sum(min_count=1)} for letter in words]
    good = rate_of(known["quadrant"] == "A", clusters(known), definitions)
    moved, blank = int(known["moved_into_a"].sum()), len(rows) - len(known)
    sentence = (f"{with_interval(good)} of the accounts are {words['A']}; {count(moved, 'account')} moved there in "
                f"{month:%Y-%m}.")
    return Finding.of(name, sentence, good, rows=table,
                      notes=[f"{count(blank, 'account')} without health or touch."] * (blank > 0))


def touch_by_stage(scores: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Median touch score overall and per lifecycle stage, and the share at or above the quadrant's cut."""
    name, plan, rows = "share_in_touch", definitions.quadrants, of_month(scores, month)
    known = rows[rows["touch_score"].notna()]
    known = known.assign(is_in_touch=known["touch_score"] >= touch_cuts(known["segment"], plan) - TOLERANCE)
    if known.empty:
        return Finding.not_measured(name, "the data hold no touches")
    if few := under_floor(name, len(known), definitions, f"with a touch score in {month:%Y-%m}"):
        return few
    groups = [("all", known), *[(s.title.en, known[known["stage"] == s.name]) for s in definitions.stages.stages]]
    table = [_touch_row(label, group, definitions) for label, group in groups]
    high = rate_of(known["is_in_touch"], clusters(known), definitions)
    sentence = (f"{with_interval(high)} of the accounts have a touch score of {plan.touch_words} or more (mean of "
                f"{count(definitions.touch_points.months, 'month')}).")
    return Finding.of(name, sentence, high, rows=table)


def _touch_row(label: str, group: pd.DataFrame, definitions: Definitions) -> dict[str, Any]:
    enough = definitions.claims.are_enough(len(group))
    high = rate_of(group["is_in_touch"], clusters(group), definitions) if enough else stats.NOTHING
    return {"stage": label, "median": float(group["touch_score"].median()) if enough else None, **high.row("share"),
            "n": len(group)}


def touch_kinds(scores: pd.DataFrame, measures: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Touch points per seat online and offline, and the mean touch score with and without the types not yet linked,
    over the last twelve months; the estimate is the share of the month's points that are online.

    In: scores, measures (account_id, month, touch_points, touch_points_online), both as best known today.
    """
    name = "share_online"
    start = pd.Timestamp(month) - pd.DateOffset(months=11)
    columns = ["account_id", "month", "touch_points", "touch_points_online"]
    rows = scores[scores["month"].between(start, pd.Timestamp(month))]
    rows = rows.merge(measures[columns].dropna(subset="touch_points"), on=["account_id", "month"])
    now = of_month(rows, month)
    if now["touch_points"].sum() <= 0:
        return Finding.not_measured(name, f"the data hold no touches in {month:%Y-%m}")
    if few := under_floor(name, len(now), definitions, f"with touches in {month:%Y-%m}"):
        return few
    table = [{"month": of, "n": len(one), "online": one["touch_points_online"].sum() / one["seats"].sum(),
              "offline": (one["touch_points"] - one["touch_points_online"]).sum() / one["seats"].sum(),
              "mean": one["touch_score"].mean(), "synced": one["touch_score_synced"].mean()}
             for of, one in rows.groupby("month") if definitions.claims.are_enough(len(one))]
    share = known_chance(stats.total_ratio(now["touch_points_online"], now["touch_points"], clusters(now)), definitions)
    last = table[-1]
    sentence = (f"{with_interval(share)} of the touch points of {month:%Y-%m} are online. The mean touch score is "
                f"{number(last['mean'], 2)}, and {number(last['synced'], 2)} without the types not yet linked.")
    return Finding.of(name, sentence, share, rows=table)


def reactions(scores: pd.DataFrame, measures: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """The reaction rates of touch_points.yml over the last twelve months (003); the estimate is the first one's.

    In: scores (account_id, month, owner), measures as best known today. Rows: reaction, month, rate
    (or in words why there is none), lower, upper, n.
    """
    plan, start = definitions.touch_points.reactions, pd.Timestamp(month) - pd.DateOffset(months=11)
    rows = scores.loc[scores["month"].between(start, pd.Timestamp(month)), ["account_id", "month", "owner"]]
    sides = {name for reaction in plan.values() for name in (reaction.of, reaction.per)}
    rows = rows.merge(measures[["account_id", "month", *sorted(sides)]], on=["account_id", "month"])
    now = {name: _reaction(of_month(rows, month), reaction, definitions) for name, reaction in plan.items()}
    told = "; ".join(f"{plan[name].about.en}: {words}" for name, (words, _) in now.items())
    first = next((estimate for _, estimate in now.values() if estimate.value is not None), stats.NOTHING)
    if all(words == "not measured" for words, _ in now.values()):
        return Finding.not_measured("reactions", f"no touch that a reaction is made of occurs in {month:%Y-%m}")
    each = [(reaction.about.en, of, *_reaction(one, reaction, definitions))
            for reaction in plan.values() for of, one in rows.groupby("month")]
    table = [{"reaction": about, "month": of, **found.row("rate"), **({"rate": words} if found.value is None else {})}
             for about, of, words, found in each]
    return Finding.of("reactions", f"In {month:%Y-%m}, {told}.", first, rows=table,
                      notes=["What was opened in a month may have been sent in the month before."])


def _reaction(rows: pd.DataFrame, reaction: models.Reaction, definitions: Definitions) -> tuple[str, Estimate]:
    """The rate in words and figures; in words alone where it is not measured or too few accounts have it."""
    known = rows[rows[reaction.of].notna() & (rows[reaction.per] > 0)]
    if not definitions.claims.are_enough(len(known)):
        return "not measured" if known.empty else "too few", stats.NOTHING
    estimate = known_chance(stats.total_ratio(known[reaction.of], known[reaction.per], clusters(known)), definitions)
    return with_interval(estimate), estimate


def migration(scores: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """From which corner to which accounts went since the month before; the estimate is the share that stayed.

    Each row of `rows` adds up to the accounts that began there, each column to those that end there; `not scored`:
    a month without health or touch, `new` and `left`: no contract in the other month.
    """
    name, end = "stayed_in_corner", pd.Timestamp(month)
    words = {letter: text.en for letter, text in definitions.quadrants.names.items()}
    then, now = (of_month(scores, of).set_index("account_id") for of in (end - pd.DateOffset(months=1), end))
    if then["quadrant"].isna().all() or now["quadrant"].isna().all():
        return Finding.not_measured(name, f"no account is in a corner in {month:%Y-%m} or none was the month before")
    both = pd.DataFrame({"start": then["quadrant"].map(words).fillna("not scored"),
                         "end": now["quadrant"].map(words).fillna("not scored")})
    both = both.fillna({"start": "new", "end": "left"})
    table = pd.crosstab(both["start"], both["end"]).reindex(
        index=[*words.values(), "not scored", "new"], columns=[*words.values(), "not scored", "left"], fill_value=0)
    rows = [{"from": start, **line} for start, line in zip(table.index, table.to_dict("records"), strict=True)]
    known = both[both.isin(words.values()).all(axis=1)]
    few = under_floor(name, len(known), definitions, "in a corner in both months")
    if few:
        return Finding(name, few.sentence, n=few.n, details={"rows": rows})
    stayed = rate_of(known["start"] == known["end"], clusters(now.loc[known.index].reset_index()), definitions)
    sentence = f"{with_interval(stayed)} of the accounts stayed in the corner where they were a month before."
    return Finding.of(name, sentence, stayed, rows=rows)


def moves_into_a(scores: pd.DataFrame, history: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """Accounts that moved into the healthy and touched corner or out of it, by month (the KPI of 000); the estimate is
    how many more came than left, per account and year: regression to the mean alone would give none.

    It is made of `history`, for scores restated since would make the latest month unlike those before it, of
    accounts past the first stage in months whose month before was measured too (why so: docs/scoring.md).
    """
    name, moved, since = "moves_into_a", _moves(scores), pd.Timestamp(month) - pd.DateOffset(months=11)
    if moved.empty:
        return Finding.not_measured(name, "no account has both health and a touch score")
    table = moved.groupby("month", as_index=False).agg(into=("into", "sum"), out=("out", "sum"), n=("into", "size"))
    into, out = (count(int(table.loc[table["month"] >= since, side].sum()), "time") for side in ("into", "out"))
    told = f"In the year to {month:%Y-%m}, accounts moved in {into} and out {out}."
    details = {"rows": table.to_dict("records"), "notes": [
        "A leaving customer is no move out; an account's first scored month is no move in."]}
    rows = _moves(history[history["stage"] != definitions.stages.lifecycle[0].name])
    rows = rows[rows["before"].notna() & rows["month"].between(since, pd.Timestamp(month))]
    few = under_floor(name, rows["account_id"].nunique(), definitions, "past the introduction in two months in a row")
    if few:
        return Finding(name, f"{told} {few.sentence}", n=few.n, details=details)
    each = rows.groupby("account_id").agg(net=("net", "sum"), months=("net", "size"), cluster=("cluster", "last"))
    gain, per_year = each["net"].sum() / each["months"].sum(), 12 / each["months"].sum()
    surplus = known_chance(stats.interval(12 * gain, per_year * (each["net"] - each["months"] * gain), each["cluster"]),
                           definitions)
    reading = ("this cannot be told from it" if not surplus.excludes_zero else
               "more came than it would bring" if gain > 0 else "more left than it would make")
    sentence = (f"{told} Regression to the mean alone brings as many in as out; past the introduction the surplus is "
                f"{with_interval(surplus, 'points')} of the accounts a year: {reading}.")
    details["notes"] += [
        "The surplus is taken from the months as they stood when they closed. It does not say why accounts came, and "
        "they may rise as they age; what moves all of them in one month is not in the interval."]
    return Finding.of(name, sentence, surplus, **details)


def _moves(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows in a corner, with that of the month before, whether they came into A or left it, and the net of it."""
    rows = scores[["account_id", "month", "quadrant", "owner"]].assign(before=previous_quadrants(scores))
    rows = rows[rows["quadrant"].notna()]
    now, before = rows["quadrant"] == "A", rows["before"] == "A"
    rows = rows.assign(into=now & ~before & rows["before"].notna(), out=before & ~now)
    return rows.assign(net=rows["into"].astype(int) - rows["out"], cluster=clusters(rows))


def content_plan(scores: pd.DataFrame, definitions: Definitions, month: date) -> Finding:
    """How many accounts are due which content this month, and towards which corner it is to lead them (000: content by
    quadrant and time since the start, content_plan.yml). Rows: quadrant, toward, content, ages, accounts."""
    words, rows, table = definitions.quadrants.names, of_month(scores, month), []
    for corner, steps in definitions.content_plan.quadrants:
        ages = rows.loc[rows["quadrant"] == corner, "age_months"]
        for step in steps.ages:
            due = (ages >= step.from_month) & (step.to_month is None or ages < step.to_month)
            to = "" if step.to_month is None else f" to under {step.to_month}"
            table.append({"quadrant": words[corner].en, "toward": words[steps.toward].en, "content": step.content.en,
                          "ages": f"from {step.from_month}{to}", "accounts": int(due.sum())})
    most, planned = max(table, key=lambda line: line["accounts"]), sum(line["accounts"] for line in table)
    if not planned:
        return Finding.not_measured("content_due", f"no account has both health and a touch score in {month:%Y-%m}")
    sentence = (f"{count(planned, 'account')} are due content by their corner and age in {month:%Y-%m}; the largest "
                f"group, {count(most['accounts'])} ({most['quadrant']}): {most['content']}.")
    blank = len(rows) - planned
    return Finding("content_due", sentence, n=planned, details={"rows": table, "notes": [
        f"{count(blank, 'account')} without health or touch: no plan."] * (blank > 0)})
