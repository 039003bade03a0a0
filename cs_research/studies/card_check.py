"""Does the card tell who leaves? Its discrimination out of time, beside baselines (methods 2 and 3).

Nothing is fitted to the card here; what learns does so on earlier windows of one half of the accounts and is judged,
like the card, on later windows of the other, each half earlier once.
"""

import hashlib
from dataclasses import replace
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions
from cs_research.finding import Estimate, Finding, Judgement, with_interval
from cs_research.numbers import count
from cs_research.studies import foresight, stats
from cs_research.studies.calibration import Windows, is_apart, logit, split
from cs_research.studies.evidence import KEY, Evidence
from cs_research.studies.judging import auc_of, cannot_measure, known_chance, too_few

NAME = "card_foretells_churn"
CEILING = "ceiling"
APART = "the score parts those who churned from all others without a miss, so that no chance is open"


def half_of(account_ids: pd.Series) -> pd.Series:
    """0 or 1 per account, from a hash of its id: the same split on every machine and in every month."""
    return account_ids.map(lambda name: hashlib.sha256(str(name).encode()).digest()[0] % 2)


def windows(evidence: Evidence) -> tuple[Windows, pd.DataFrame]:
    """The scored readings of the data set as arrays, and their rows (Readings.rows) in the same order."""
    plan, rows = evidence.definitions.outcomes.reading, evidence.readings.rows
    rows = rows[rows["health"].notna()].reset_index(drop=True)
    known = evidence.indicators.merge(rows[KEY], on=KEY)
    place = known["band"].map({band: float(n) for n, band in enumerate(evidence.card.indicator_bands)})
    wide = known.assign(place=place).pivot(index=KEY, columns="indicator", values="place")
    wide = wide.reindex(index=pd.MultiIndex.from_frame(rows[KEY]), columns=[i.id for i in evidence.card.indicators])
    grace = pd.Timedelta(days=evidence.definitions.outcomes.grace_days)
    read, months = rows["month"] + pd.offsets.MonthEnd(0), {"horizon": plan.horizon_months,
                                                            "landmark": plan.months_before}.get(plan.mode)
    closed = rows["due_date"] if months is None else read + pd.DateOffset(months=months)
    days = [day.to_numpy().astype("datetime64[D]").astype(float) for day in
            (read, closed + grace, rows["due_date"] + grace)]
    grown = None if rows["is_expanded"].isna().any() else rows["is_expanded"].to_numpy(bool)
    return Windows(wide.fillna(-1).to_numpy(int), rows["is_churned"].to_numpy(bool), grown,
                   half_of(rows["account_id"]).to_numpy(int), *days[:2], rows["cluster"].to_numpy(object),
                   days[2] if plan.mode == "landmark" else None), rows


def out_of_time(evidence: Evidence) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Earlier readings of one half of the accounts, is_churned as known by then, and later ones of the other half,
    each half earlier once (calibration.split)."""
    found, rows = windows(evidence)
    places = replace(found, bands=rows.index.to_numpy()[:, None])  # split as the windows are
    return [(rows.iloc[early.bands[:, 0]].assign(is_churned=early.churned),
             rows.iloc[late.bands[:, 0]].astype({"is_churned": bool})) for early, late in split(places)]


def fewest(*readings: pd.DataFrame) -> int:
    """The fewest accounts that churned, or stayed, in any of the readings."""
    return min((int(rows.loc[rows["is_churned"] == gone, "account_id"].nunique())
                for rows in readings for gone in (True, False)), default=0)


def with_chances(evidence: Evidence, name: str) -> pd.DataFrame | Finding:
    """The later readings with `said`, the logit of churn by a logit of health learned on the earlier ones of the other
    half, and `bare`, the rate there; a Finding under `name` where nothing can be learned or tested."""
    parts, notes = out_of_time(evidence), evidence.readings.notes()
    smaller = fewest(*(early for early, _ in parts), *([pd.concat(late for _, late in parts)] if parts else []))
    if few := too_few(evidence, name, smaller,
                      "churned or stayed (the fewer) among the earlier or the later windows", notes):
        return few
    told = []
    for early, late in parts:
        health, gone = early["health"].to_numpy(float), early["is_churned"].to_numpy(bool)
        if health.min() == health.max() or is_apart(health, gone):
            return cannot_measure(name, "the score hardly varies" if health.min() == health.max() else APART, notes)
        level, slope, _ = logit(health, gone.astype(float))
        told.append(late.assign(said=level + slope * late["health"], bare=gone.mean()))
    return pd.concat(told)


def card_and_churn(evidence: Evidence) -> Finding:
    """AUC of the card's total for churn out of time, less that of equal weights and of the best single indicator.

    Verdict: investigate when a baseline does better beyond chance or the card too well to be true, keep when none does
    and the card beats a coin, else it cannot be told; a new card to adopt is another study's.
    """
    parts = out_of_time(evidence)
    test = pd.concat([late for _, late in parts]) if parts else evidence.readings.rows[:0]
    trained = sum(len(early) for early, _ in parts)
    notes = [f"Chosen on {count(trained)} earlier windows of one half of the accounts, tested on {count(len(test))} "
             "later ones of the other, each half in turn; 50% would be a coin.", *evidence.readings.notes()]
    if few := too_few(evidence, NAME, fewest(test),
                      "churned or stayed (the fewer) among the later windows that test the card", notes):
        return few
    card = auc_of(-test["health"], test, "is_churned", evidence.definitions)
    table = [{"what": "the card", **card.row()}, *_baselines(evidence, parts, test),
             *_expansion(test, evidence.definitions)]
    verdict = _verdict(card, table, evidence.definitions.claims.min_clusters, foresight.doubt(evidence))
    sentence = (f"Of an account that churned and one that stayed, the card had the churned one lower in "
                f"{with_interval(card)} of pairs, out of time: {verdict.reason}.")
    return Finding.of(NAME, sentence, card, verdict.verdict, rows=table, notes=notes, clusters=card.clusters)


def _baselines(evidence: Evidence, parts: list[tuple[pd.DataFrame, pd.DataFrame]],
               test: pd.DataFrame) -> list[dict[str, Any]]:
    """A line per baseline that scores at least half of the later readings of each half of the accounts."""
    points, best = evidence.indicator_points, []
    before = evidence.history.assign(month=evidence.history["month"] + pd.DateOffset(months=1))[[*KEY, "health"]]
    scored = []
    for early, late in parts:
        was, now = (rows[KEY].merge(points, how="left", on=KEY).set_index(rows.index)[points.columns[2:]]
                    for rows in (early, late))
        scores = {"the card a month earlier": late[KEY].merge(before, on=KEY, how="left")["health"].to_numpy(),
                  "equal weights": now.mean(axis=1, skipna=True)}
        measured = [name for name in now if was[name].notna().any() and now[name].notna().mean() >= 0.5]
        order = {name: stats.auc(-was[name].fillna(was[name].mean()), early["is_churned"], early["cluster"]).value
                 for name in measured}
        order = {name: value for name, value in order.items() if value is not None}
        if order:
            best.append(max(order, key=lambda name: (order[name], name)))
            scores["best single indicator"] = now[best[-1]].fillna(was[best[-1]].mean())
            scores |= {f"{CEILING}: {words}": -chances for words, chances in learned(
                was[measured], early["is_churned"].astype(int), now[measured])}
        scored.append(pd.DataFrame(scores, index=late.index))
    names = {"best single indicator": f"best single indicator ({', '.join(dict.fromkeys(best))})"}
    return [_compared(names.get(words, words), pd.concat(part[words] for part in scored), test,
                      evidence.definitions)
            for words in scored[0] if all(words in part and part[words].notna().mean() >= 0.5 for part in scored)]


def learned(early: pd.DataFrame, events: pd.Series, late: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """Chances on `late` by a logistic regression and by boosted trees, both learned on `early` (points, may be empty).

    What the same indicators can reach without a card. Nothing where `early` holds fewer than 10 of either outcome.
    """
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    if min(events.sum(), (1 - events).sum()) < 10:
        return []
    means = early.mean()
    models = {"logistic regression": LogisticRegression(max_iter=1000),
              "boosted trees": GradientBoostingClassifier(n_estimators=60, random_state=1)}
    return [(words, pd.Series(model.fit(early.fillna(means), events).predict_proba(late.fillna(means))[:, 1],
                              index=late.index)) for words, model in models.items()]


def _compared(words: str, score: pd.Series, test: pd.DataFrame, definitions: Definitions) -> dict[str, Any]:
    score = score.fillna(score.mean())
    less = stats.auc_difference(-test["health"], -score, test["is_churned"], test["cluster"])
    less = known_chance(less, definitions)
    return {"what": words, **auc_of(-score, test, "is_churned", definitions).row(),
            "card_less_this": less.value, "less_lower": less.lower, "less_upper": less.upper}


def _expansion(test: pd.DataFrame, definitions: Definitions) -> list[dict[str, Any]]:
    known = test[test["is_expanded"].notna()]
    found = auc_of(known["health"], known, "is_expanded", definitions)
    return [] if found.value is None else [{"what": "the card, of who expands", **found.row()}]


def _verdict(card: Estimate, table: list[dict[str, Any]], min_clusters: int, doubt: str) -> Judgement:
    """The simple baselines that beat the card beyond chance, and a coin as well, speak against it; a ceiling may."""
    if card.clusters < min_clusters or card.lower is None or card.upper is None:
        return Judgement("cannot_tell", "too few groups to judge chance by")
    better = [line["what"] for line in table if line.get("less_upper") is not None and line["less_upper"] < 0
              and (line["lower"] or 0.0) > 0.5 and not line["what"].startswith(CEILING)]
    if card.upper <= 0.5 or doubt or better:
        return Judgement("investigate", doubt or (f"{' and '.join(better)} does better" if better else
                                                  "worse than a coin"))
    if card.lower > 0.5:
        return Judgement("keep", "no simple baseline does better beyond chance")
    return Judgement("cannot_tell", "no better than a coin beyond chance")
