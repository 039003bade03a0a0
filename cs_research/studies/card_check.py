"""Does the card tell who leaves? Its discrimination out of time, beside baselines (methods 2 and 3).

Nothing is fitted to the card here; the best single indicator is chosen on earlier windows of one half of the
accounts and judged, like the card, on later windows of the other half.
"""

import hashlib
from typing import Any

import pandas as pd

from cs_research.finding import Estimate, Finding, count, with_interval
from cs_research.studies import stats
from cs_research.studies.evidence import KEY, Evidence, Readings
from cs_research.studies.judging import too_few

NAME = "card_foretells_churn"
CEILING = "ceiling"


def half_of(account_ids: pd.Series) -> pd.Series:
    """0 or 1 per account, from a hash of its id: the same split on every machine and in every month."""
    return account_ids.map(lambda name: hashlib.sha256(str(name).encode()).digest()[0] % 2)


def split(readings: Readings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test windows: other accounts, and read after the training outcomes were known.

    The cut is the median due date (of readings watched to the end of the data, the median reading), so no test
    score is older than a training outcome.
    """
    rows = readings.rows[readings.rows["health"].notna()]
    half = half_of(rows["account_id"])
    known = rows["due_date"] if readings.rows_have_own_ends else rows["month"] + pd.offsets.MonthEnd(0)
    cut = known.quantile(0.5, interpolation="lower") if len(rows) else pd.NaT
    read = rows["month"] + pd.offsets.MonthEnd(0)
    return rows[(half == 0) & (known <= cut)], rows[(half == 1) & (read >= cut)]


def card_and_churn(evidence: Evidence) -> Finding:
    """AUC of the card's total for churn out of time, less that of equal weights and of the best single indicator.

    Verdict: investigate when a baseline does better beyond chance, keep when none does and the card beats a coin,
    else it cannot be told; a new card to adopt is another study's.
    """
    train, test = split(evidence.readings)
    events = test["is_churned"].astype(bool)
    smaller = min(test[events]["account_id"].nunique(), test[~events]["account_id"].nunique())
    notes = _notes(evidence, train, test)
    few = too_few(evidence, NAME, smaller, "churned or stayed (the fewer) among the later windows that test the card",
                  notes)
    if few:
        return few
    card = stats.auc(-test["health"], events, test["cluster"])
    table = [_line("the card", card, None), *_baselines(evidence, train, test), *_expansion(test)]
    floor = evidence.definitions.claims.min_clusters
    verdict = _verdict(card, table, floor)
    sentence = (f"Of an account that churned and one that stayed, the card had the churned one lower in "
                f"{with_interval(card)} of pairs, out of time: {_words(verdict, card, table, floor)}.")
    details = {"rows": table, "notes": notes, "clusters": card.clusters}
    return Finding(NAME, sentence, card.value, card.lower, card.upper, card.n, verdict, details)


def _baselines(evidence: Evidence, train: pd.DataFrame, test: pd.DataFrame) -> list[dict[str, Any]]:
    shares = indicator_points(evidence)
    early, late = (rows[["account_id", "month"]].merge(shares, how="left", on=["account_id", "month"])
                   .set_index(rows.index)[shares.columns[2:]] for rows in (train, test))
    measured = [name for name in late if early[name].notna().any() and late[name].notna().mean() >= 0.5]
    before = evidence.history.assign(month=evidence.history["month"] + pd.DateOffset(months=1))[[*KEY, "health"]]
    month_before = test[KEY].merge(before, on=KEY, how="left").set_index(test.index)["health"]
    lines = [_compared("equal weights", late.mean(axis=1, skipna=True), test)]
    if month_before.notna().mean() >= 0.5:
        lines.insert(0, _compared("the card a month earlier", month_before, test))
    chosen = {name: stats.auc(-early[name].fillna(early[name].mean()), train["is_churned"], train["cluster"]).value
              for name in measured}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if chosen:
        best = max(chosen, key=lambda name: (chosen[name], name))
        lines.append(_compared(f"best single indicator ({best})", late[best].fillna(early[best].mean()), test))
        lines += [_compared(f"{CEILING}: {words}", -chances, test)
                  for words, chances in learned(early[measured], train["is_churned"].astype(int), late[measured])]
    return lines


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


def indicator_points(evidence: Evidence) -> pd.DataFrame:
    """account_id, month and per indicator its points as a share of the most it can earn, as they stood."""
    best = {indicator.id: indicator.best for indicator in evidence.card.indicators}
    rows = evidence.indicators
    rows = rows.assign(share=rows["points"] / rows["indicator"].map(best).astype(float))
    wide = rows.pivot(index=["account_id", "month"], columns="indicator", values="share").reset_index()
    return wide.rename_axis(columns=None)


def _compared(words: str, score: pd.Series, test: pd.DataFrame) -> dict[str, Any]:
    score = score.fillna(score.mean())
    events = test["is_churned"].astype(bool)
    less = stats.auc_difference(-test["health"], -score, events, test["cluster"])
    return _line(words, stats.auc(-score, events, test["cluster"]), less)


def _expansion(test: pd.DataFrame) -> list[dict[str, Any]]:
    known = test[test["is_expanded"].notna()]
    found = stats.auc(known["health"], known["is_expanded"].astype(bool), known["cluster"])
    return [] if found.value is None else [_line("the card, of who expands", found, None)]


def _line(words: str, estimate: Estimate, less: Estimate | None) -> dict[str, Any]:
    line = {"what": words, "estimate": estimate.value, "lower": estimate.lower, "upper": estimate.upper,
            "n": estimate.n}
    return line if less is None else {**line, "card_less_this": less.value, "less_lower": less.lower,
                                      "less_upper": less.upper}


def _better(table: list[dict[str, Any]]) -> list[str]:
    """The simple baselines that beat the card beyond chance; a ceiling may."""
    return [line["what"] for line in table if line.get("less_upper") is not None and line["less_upper"] < 0
            and not line["what"].startswith(CEILING)]


def _verdict(card: Estimate, table: list[dict[str, Any]], min_clusters: int) -> str:
    if card.clusters < min_clusters or card.lower is None:
        return "cannot_tell"
    if card.upper <= 0.5 or _better(table):
        return "investigate"
    return "keep" if card.lower > 0.5 else "cannot_tell"


def _words(verdict: str, card: Estimate, table: list[dict[str, Any]], min_clusters: int) -> str:
    if verdict == "keep":
        return "no simple baseline does better beyond chance"
    if verdict == "cannot_tell":
        is_known = card.lower is not None and card.clusters >= min_clusters
        return "no better than a coin beyond chance" if is_known else "too few groups to judge chance by"
    better = _better(table)
    return f"{' and '.join(better)} does better" if better else "worse than a coin"


def _notes(evidence: Evidence, train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    return [f"Chosen on {count(len(train))} earlier windows of one half of the accounts, tested on {count(len(test))} "
            "later ones of the other half; 50% would be a coin.", *evidence.readings.notes()]
