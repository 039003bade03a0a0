"""Why health moved between two months: its change, split exactly into indicators, and those into their two sides.

Pure functions, table in, table out. This layer computes no score: it takes apart what the tables of a run hold.
"""

import pandas as pd

from cs_research.definitions import models
from cs_research.scorecards import of_ratio, points_at

MEASURED = "what is measured"   # the rest of the scale when an indicator comes or goes
RULES = "exceptions and runs"   # what the card does to the sum of its indicators
NOISE = 1e-12
SIDES = ["numerator", "denominator"]


def movements(indicator_rows: pd.DataFrame, score_rows: pd.DataFrame, card: models.Scorecard,
              before: pd.Timestamp, now: pd.Timestamp) -> pd.DataFrame:
    """The parts of each account's change of health from one month to another; they add up to it.

    In: rows of `indicators` and `scores` of one card and one view. Out, for every account with health in both
    months, one row per indicator (in the card's order), then MEASURED and RULES: account_id, part, change (points of
    the total), numerator_change and denominator_change (which add up to `change`; empty for a plain measure and for
    a value that was stood in for), and as of both months `_before` and `_now`: value, band, points, contribution.

    An indicator that counts in both months changes by its points, weighed by the mean of its weights then and now;
    what changes because another indicator came or went is MEASURED. A side changes points by the mean of the two
    orders: it alone from where both were, and it alone to where both are (000 asks what moved the total; the split
    is ours). Where points are 0 the weight cannot be seen and the other month's is taken.

    >>> from cs_research.definitions import load_definitions
    >>> card = load_definitions().scorecards["dear"]
    >>> months = pd.to_datetime(["2026-09-01", "2026-10-01"])
    >>> rows = pd.DataFrame({"account_id": "001", "month": months, "indicator": "D-3", "value": [.63, .45],
    ...                      "numerator": [63.0, 90.0], "denominator": [100.0, 200.0], "band": ["yellow", "orange"],
    ...                      "points": [3.0, 2.0], "contribution": [3.0, 2.0]})
    >>> found = movements(rows, pd.DataFrame({"account_id": "001", "month": months, "health": [26.0, 25.0]}), card,
    ...                   *months).set_index("part")
    >>> found.loc["D-3", ["change", "numerator_change", "denominator_change"]].tolist()
    [-1.0, 0.5, -1.5]
    """
    health = _side_by_side(score_rows, ["account_id"], ["health"], before, now).dropna()
    columns = ["value", *SIDES, "band", "points", "contribution", *({"filled_by"} & {*indicator_rows})]
    rows = _side_by_side(indicator_rows, ["account_id", "indicator"], columns, before, now)
    rows = rows[rows["account_id"].isin(health["account_id"])].rename(columns={"indicator": "part"})
    worth = [rows[f"contribution_{m}"] / rows[f"points_{m}"].where(rows[f"points_{m}"] != 0) for m in MONTHS]
    counts = rows["points_before"].notna() & rows["points_now"].notna()  # in one month only: it is MEASURED
    rows = rows.assign(weight=pd.concat(worth, axis=1).mean(axis=1).where(counts),
                       whole=_change(rows.fillna({f"contribution_{m}": 0.0 for m in MONTHS}), "contribution"))
    rows["change"] = (rows["weight"] * _change(rows, "points")).fillna(0.0)
    rows = rows.join(_sides(rows, card))
    sums = rows.groupby("account_id")[["whole", "change"]].sum().reindex(health["account_id"], fill_value=0.0)
    beyond = {MEASURED: sums["whole"] - sums["change"],
              RULES: _change(health.set_index("account_id"), "health") - sums["whole"]}
    added = [pd.DataFrame({"account_id": change.index, "part": name, "change": change.where(change.abs() > NOISE, 0.0)
                           .to_numpy()}) for name, change in beyond.items()]
    order = {name: place for place, name in enumerate([*(i.id for i in card.indicators), *beyond])}
    parts = pd.concat([rows, *added], ignore_index=True)
    parts = parts.sort_values(["account_id", "part"], key=lambda c: c.map(order) if c.name == "part" else c,
                              kind="stable", ignore_index=True)
    return parts[["account_id", "part", "change", *(f"{side}_change" for side in SIDES),
                  *(f"{name}_{month}" for name in ("value", "band", "points", "contribution") for month in MONTHS)]]


def two_months(score_rows: pd.DataFrame, before: pd.Timestamp, now: pd.Timestamp) -> pd.DataFrame:
    """The rows of a month with health_before, band_before and change (points since then, empty without both), the
    deepest fall first. In: rows of `scores` of one card.

    >>> months = pd.to_datetime(["2026-09-01", "2026-10-01"])
    >>> rows = pd.DataFrame({"account_id": "001", "month": months, "health": [26.0, 24.0], "health_band": "orange"})
    >>> two_months(rows, *months)[["health_before", "change"]].values.tolist()
    [[26.0, -2.0]]
    """
    then = score_rows[score_rows["month"] == before].set_index("account_id")[["health", "health_band"]]
    rows = score_rows[score_rows["month"] == now].join(then.set_axis(["health_before", "band_before"], axis=1),
                                                       on="account_id")
    rows["change"] = rows["health"] - rows["health_before"]
    return rows.sort_values(["change", "account_id"], ignore_index=True)


MONTHS = ("before", "now")


def _side_by_side(rows: pd.DataFrame, keys: list[str], columns: list[str], before: pd.Timestamp,
                  now: pd.Timestamp) -> pd.DataFrame:
    of_month = [rows.loc[rows["month"] == month, [*keys, *columns]] for month in (before, now)]
    return of_month[0].merge(of_month[1], on=keys, how="outer", suffixes=("_before", "_now"), validate="one_to_one")


def _change(rows: pd.DataFrame, name: str) -> pd.Series:
    return rows[f"{name}_now"] - rows[f"{name}_before"]


def _sides(rows: pd.DataFrame, card: models.Scorecard) -> pd.DataFrame:
    """numerator_change and denominator_change, on the index of `rows`; none where the card takes an account from
    others, whose cuts may differ."""
    if card.choose:
        return pd.DataFrame(index=rows.index, columns=[f"{side}_change" for side in SIDES], dtype=float)
    mixed = pd.DataFrame(index=rows.index, columns=SIDES, dtype=float)  # points had one side moved, the other not
    for i in (i for i in card.indicators if i.denominator):
        mine = rows[rows["part"] == i.id]
        for moved, (top, below) in zip(SIDES, (("now", "before"), ("before", "now")), strict=True):
            value, _, position = of_ratio(mine[f"numerator_{top}"], mine[f"denominator_{below}"], i)
            mixed.loc[mine.index, moved] = points_at(value, position, i)
    plain = rows.reindex(columns=[f"filled_by_{month}" for month in MONTHS]).isna().all(axis=1)
    weight, both = rows["weight"].where(plain), rows["points_now"] - rows["points_before"]
    apart = mixed["numerator"] - mixed["denominator"]
    return pd.DataFrame({"numerator_change": weight * (both + apart) / 2,
                         "denominator_change": weight * (both - apart) / 2})
