"""What a list by the score would catch, for whom the score works, and whether it is still the same (methods 2)."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri, expit

from cs_research.finding import Estimate, Finding, with_interval
from cs_research.numbers import count, number, percent
from cs_research.studies import stats
from cs_research.studies.card_check import with_chances
from cs_research.studies.evidence import KEY, Evidence
from cs_research.studies.judging import auc_of, cannot_measure, known_chance, too_few, under_floor

WEEKS = 52 / 12     # of a month
BLIND_SHARE = 0.1   # of the accounts that a list holds where no manager is known
SHIFTED = 0.25      # PSI: by convention another population


def list_by_score(evidence: Evidence) -> Finding:
    """What a list of the lowest scores, as long as managers can see in a month, would have caught, out of time.

    The estimate is its lift: how many times more often than a list by lot it is right. `rows`: what, estimate, lower,
    upper, n of precision, lift, share of churned accounts caught, and the Brier score of the chances that the score
    gives beside that of the bare rate, both learned on earlier windows of other accounts.
    """
    name = "list_by_score"
    rows = with_chances(evidence, name)
    if isinstance(rows, Finding):
        return rows
    share, capacity = _capacity(evidence)
    if share == 1:
        return cannot_measure(name, "the managers can see every account in a month", [capacity])
    who = rows["is_churned"].astype(float), rows["cluster"]
    lines = {**at_capacity(rows["health"], *who, share), "Brier score": brier(expit(rows["said"]), *who),
             "Brier score of the bare rate": brier(rows["bare"], *who)}
    lines = {words: known_chance(one, evidence.definitions) for words, one in lines.items()}
    table = [{"what": words, "form": "number", **one.row()} for words, one in lines.items()]
    lift = lines["lift"]
    sentence = (f"A list of the {percent(share)} of accounts with the lowest scores would have been right in "
                f"{with_interval(lines['precision'])}, {with_interval(lift, 'ratio')} times as often as one by lot.")
    return Finding.of(name, sentence, lift, rows=table, notes=[
        f"Tested on {count(len(rows))} later windows of each half of the accounts, taught by the other. {capacity}",
        *evidence.readings.notes()[1:]])


def brier(chance: pd.Series, events: pd.Series, cluster: pd.Series) -> Estimate:
    """Mean square of what came less its chance (Brier 1950); 0 is perfect."""
    square = np.square(np.asarray(events, dtype=float) - np.asarray(chance, dtype=float))
    return stats.interval(square.mean(), (square - square.mean()) / len(square), cluster)


def at_capacity(score: pd.Series, events: pd.Series, cluster: pd.Series, share: float) -> dict[str, Estimate]:
    """Precision, lift and share caught of a list of the lowest scores that holds a share of all rows.

    Rows that tie at the end of the list are on it in part.
    >>> found = at_capacity(pd.Series([1, 2, 3, 4]), pd.Series([1, 0, 1, 0]), pd.Series(list("abcd")), 0.25)
    >>> [found[name].value for name in found]
    [1.0, 2.0, 0.5]
    """
    y, cut = np.asarray(events, dtype=float), score.sort_values().iloc[min(int(share * len(score)), len(score) - 1)]
    is_tied = (score == cut).to_numpy()
    listed = np.where(score < cut, 1.0, is_tied * (share * len(y) - (score < cut).sum()) / is_tied.sum())
    precision = stats.total_ratio(listed * y, listed, cluster)
    lift = precision.value / y.mean()
    pull = listed * (y - precision.value) / listed.sum() / y.mean() - lift * (y - y.mean()) / y.sum()
    return {"precision": precision, "lift": stats.interval(lift, pull, cluster, stats.LOG),
            "share caught": stats.total_ratio(listed * y, y, cluster)}


def _capacity(evidence: Evidence) -> tuple[float, str]:
    """The share of the accounts that managers can see in a month, and how it comes about."""
    weekly, last = evidence.definitions.response_points.capacity_per_manager, evidence.history["month"].max()
    book = evidence.history[evidence.history["month"] == last]
    if book["owner"].isna().all():
        return BLIND_SHARE, f"No manager is known: the list holds {percent(BLIND_SHARE)} of the accounts."
    share = min(1.0, weekly * WEEKS * book["owner"].nunique() / book["owner"].notna().sum())
    return share, f"Capacity: {count(weekly)} accounts a week and manager, {percent(share)} of the accounts in a month."


# ---------------------------------------------------------------- for whom, and still


def by_subgroup(evidence: Evidence) -> Finding:
    """Pairs in the right order within each segment, stage and third of size (ARR, else seats), over all windows."""
    name, rows, rules = "order_by_subgroup", evidence.readings.rows, evidence.definitions.claims
    rows = rows[rows["health"].notna()].merge(evidence.history[[*KEY, "arr", "seats"]], on=KEY)
    if few := too_few(evidence, name, rows["account_id"].nunique(), "with a score and a known outcome"):
        return few
    size, what = (rows["arr"], "ARR") if rows["arr"].notna().any() else (rows["seats"], "seats")
    third = pd.cut(size.rank(pct=True), [0, 1 / 3, 2 / 3, 1], labels=[f"{w} third by {what}" for w in (
        "lowest", "middle", "top")])
    groups = [("all", pd.Series(True, index=rows.index))] + [
        (f"{label}{value}", column == value) for label, column in (
            ("", rows["segment"]), ("stage ", rows["stage"]), ("", third.astype(object)))
        if column.nunique() > 1 for value in dict.fromkeys(column.dropna().sort_values())]
    table = []
    for words, mask in groups:
        one = auc_of(-rows[mask]["health"], rows[mask], "is_churned", evidence.definitions)
        table.append({"what": words, **one.row()})
    if table[0]["estimate"] is None:
        return cannot_measure(name, f"fewer than {rules.min_accounts} accounts churned, or stayed")
    known = [line for line in table[1:] if line["estimate"] is not None]
    low = min(known, key=lambda line: line["estimate"], default=None)
    first = Estimate.of_row(table[0])
    weakest = "" if low is None else f", the fewest in {low['what']}: {with_interval(Estimate.of_row(low))}"
    return Finding.of(name, f"The score has {with_interval(first)} of pairs in the right order{weakest}.", first,
                      rows=table)


def drift(evidence: Evidence) -> Finding:
    """Population stability index of the colours of the score and of each indicator: the first year against the last.

    `rows`: what, estimate (PSI), by_chance (what as many accounts of one population stay under 19 times in 20), n_then,
    n_now, worst_then, worst_now (the share in the worst colour). Over 0.25, and by_chance, is another population.
    """
    name, card, scored = "drift", evidence.card, evidence.history.dropna(subset="health_band")
    months = scored["month"].drop_duplicates().sort_values()
    if len(months) < 24:
        return Finding.not_measured(name, f"two years of scores are needed and there are {count(len(months), 'month')}")
    first, last = months.iloc[11], months.iloc[-12]
    rows = scored.assign(indicator="the score", band=scored["health_band"]), evidence.indicators
    then, now = (_colours([table[chosen(table["month"])] for table in rows])
                 for chosen in (lambda month: month <= first, lambda month: month >= last))
    names = {"the score": card.bands, **{i.id: card.indicator_bands for i in card.indicators}}
    table = [{"what": what, **_shift(then[what], now[what], of)} for what, of in names.items()
             if what in then and what in now]
    if few := under_floor(name, min(table[0]["n_then"], table[0]["n_now"]) if table else 0, evidence.definitions,
                          "in the first or the last year"):
        return few
    moved = [line["what"] for line in table[1:] if line["estimate"] > max(SHIFTED, line["by_chance"])]
    whole = table[0]
    ending = ", no more than chance" if whole["estimate"] <= whole["by_chance"] else ""
    sentence = (f"Between the first year of scores and the last, the colours of the score shifted by "
                f"{number(whole['estimate'], 2)} (PSI; by chance up to {number(whole['by_chance'], 2)}; "
                f"over {SHIFTED} is another population){ending}"
                f"{': most in ' + ', '.join(moved) if moved else ''}.")
    return Finding(name, sentence, whole["estimate"], n=whole["n_then"] + whole["n_now"], details={"rows": table})


def psi(then: Any, now: Any) -> float:
    """Population stability index of two rows of counts; half a count more in each keeps empty ones finite.

    >>> round(psi([50, 50], [50, 50]), 3), round(psi([80, 20], [20, 80]), 2)
    (0.0, 1.63)
    """
    before, after = ((np.asarray(x, dtype=float) + 0.5) / (np.sum(x) + 0.5 * len(x)) for x in (then, now))
    return float(((after - before) * np.log(after / before)).sum())


def _colours(tables: list[pd.DataFrame]) -> dict[str, tuple[pd.Series, int]]:
    """By indicator how many rows have which colour, and how many accounts they are of."""
    rows = pd.concat([table[["account_id", "indicator", "band"]] for table in tables]).dropna()
    accounts = rows.groupby("indicator")["account_id"].nunique()
    counts = pd.crosstab(rows["indicator"], rows["band"])
    return {what: (counts.loc[what], n) for what, n in accounts.items()}


def _shift(then: tuple[pd.Series, int], now: tuple[pd.Series, int], names: tuple[str, ...]) -> dict[str, Any]:
    """PSI of the months, each account counted once for its months are alike, and the bound of chance: PSI over
    1/n + 1/m is near chi-square (Yurdakul and Naranjo 2020)."""
    counts = [rows.reindex(names, fill_value=0) * (n / rows.sum()) for rows, n in (then, now)]
    by_chance = float(chdtri(len(names) - 1, 0.05)) * sum(1 / n for _, n in (then, now))
    worst = [float(c.iloc[0] / c.sum()) for c in counts]
    return {"form": "number", "estimate": psi(*counts), "by_chance": by_chance, "n_then": then[1], "n_now": now[1],
            "worst_then": worst[0], "worst_now": worst[1]}
