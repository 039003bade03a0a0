"""How a card scores: colours and points of its indicators, what each adds to the total, the total and its band.

Pure functions, table in, table out. This layer reads no file and knows no outcome, segment or stage.
"""

import numpy as np
import pandas as pd

from cs_research.definitions import models

KEY = ["account_id", "month"]
TOLERANCE = 1e-9  # means of ratios arrive as .49999999999999994


def indicators(measures: pd.DataFrame, card: models.Scorecard) -> pd.DataFrame:
    """Value, colour, points and contribution of each indicator of a card.

    In: account_id, month and the measures that the card names. Out, one row per row of `measures` and
    indicator: account_id, month, scorecard, indicator, value, numerator, denominator, is_measured, filled_by
    (carried or worst, where a missing value is stood in for), band, points, contribution (points of the card's
    total; they add up to health before exceptions); band, points and contribution empty where not counted.
    Rule: 000, DEAR example; 003, usage score; a value on a cut has the better colour.

    >>> from cs_research.definitions import load_definitions
    >>> row = pd.DataFrame({"account_id": ["001"], "month": [pd.Timestamp("2026-10-01")], "seats": [32.0],
    ...                     "target_users": [100.0]})
    >>> card = load_definitions().scorecards["dear"]
    >>> card = card.model_copy(update={"indicators": card.indicators[:1]})
    >>> indicators(row, card)[["indicator", "value", "band", "points", "contribution"]].values.tolist()
    [['D-1', 0.32, 'orange', 2.0, 20.0]]
    """
    if card.combine == "bad_run" and "days_since_start" in measures:  # a first month without a score begins no run
        early = (measures["age_months"] == 0) & (measures["days_since_start"] < card.min_first_month_days)
        measures = measures.assign(**{name: measures[name].mask(early) for name in card.reads})
    blocks = [_indicator(measures, card, indicator) for indicator in card.indicators]
    rows = pd.concat(blocks, ignore_index=True)
    counted = {i.id: block["points"].notna().to_numpy() for i, block in zip(card.indicators, blocks, strict=True)}
    weights = _weights(card, counted) if card.combine == "mean" else dict.fromkeys(counted, np.nan)
    best = np.repeat([float(i.best) for i in card.indicators], len(measures))
    weight = np.concatenate([np.broadcast_to(weights[i.id], len(measures)) for i in card.indicators])
    return rows.assign(contribution=card.total * weight * rows["points"] / best)


def health(indicator_rows: pd.DataFrame, card: models.Scorecard) -> pd.DataFrame:
    """The card's total by account and month.

    Out: account_id, month, scorecard, version, health, health_band, measured_share, is_usage_only, capped_by (the
    exception that lowered health). health is empty where less than `min_measured_share` of the indicators is measured.
    """
    rows = indicator_rows.assign(outcome=indicator_rows["is_measured"] & indicator_rows["indicator"].isin(
        card.within(card.outcome_groups)))
    total = rows.groupby(KEY, as_index=False).agg(
        health=("contribution", "sum"), measured=("is_measured", "mean"), outcome=("outcome", "any"))
    if card.combine == "bad_run":
        total["health"] = card.total - _bad_run(rows, card).reindex(pd.MultiIndex.from_frame(total[KEY])).to_numpy()
    # To a billionth: parts that add up in another order must not move an account across a line.
    enough = (total["measured"] >= card.min_measured_share - TOLERANCE) & (total["measured"] > 0)
    score = total["health"].round(9).where(enough)
    score, capped_by = _capped(score, rows, total[KEY], card)
    return total[KEY].assign(
        scorecard=card.name, version=card.version, health=score,
        health_band=bands(score, card.overall_cuts, card.bands), measured_share=total["measured"],
        is_usage_only=~total["outcome"] & bool(card.outcome_groups), capped_by=capped_by)


def bands(values: pd.Series, cuts: tuple[float, ...], names: tuple[str, ...]) -> pd.Series:
    """The band of each value; a value on a cut belongs to the better band, an empty one to none.

    >>> bands(pd.Series([17.4, 17.5, 26.0, None]), (17.5, 25, 32.5), ("red", "orange", "yellow", "green")).tolist()
    ['red', 'orange', 'yellow', nan]
    """
    position = np.searchsorted(np.asarray(cuts) - TOLERANCE, values.to_numpy(float), side="right")
    named = pd.Series(np.asarray(names, dtype=object)[position], index=values.index, dtype="str")
    return named.where(values.notna())


def earlier(frame: pd.DataFrame, name: str, months: int = 1) -> pd.Series:
    """A column of each row's account so many months before, by the calendar (an account may pause); empty where it has
    no such row. In: account_id, month and the column, one row per account and month in any order.
    """
    # One number per account and month: to compare numbers is many times as fast as pairs of text and date.
    month = frame["month"].dt.year * 12 + frame["month"].dt.month
    place = pd.factorize(frame["account_id"])[0] * 1_000_000 + month.to_numpy()
    return pd.Series(frame[name].to_numpy(), place).reindex(place - months).set_axis(frame.index)


def zero_based(health_values: pd.Series, card: models.Scorecard) -> pd.Series:
    """Health on the scale from 0 to the card's total, on which ratios mean something (methods 1).

    total x (points - minimum) / (maximum - minimum), for a card whose worst colour earns the same everywhere.
    """
    lowest = lowest_total(card)
    return card.total * (health_values - lowest) / (card.total - lowest)


def lowest_total(card: models.Scorecard) -> float:
    """The total of an account whose every indicator has the worst colour: 10 for dear."""
    if card.combine == "bad_run":
        return 0.0
    weights = _weights(card, {i.id: np.array([True]) for i in card.indicators})
    return round(card.total * sum(float(weights[i.id][0]) * i.worst / i.best for i in card.indicators), 9)


def _indicator(measures: pd.DataFrame, card: models.Scorecard, indicator: models.Indicator) -> pd.DataFrame:
    if indicator.value:
        numerator = denominator = pd.Series(np.nan, index=measures.index)
        value = measures[indicator.value].astype(float)
        measured = value.notna()
        position = _positions(value, indicator).where(measured)
    else:
        numerator, denominator = (measures[side].astype(float) for side in (indicator.numerator, indicator.denominator))
        value, measured, position = of_ratio(numerator, denominator, indicator)
    position, points, filled_by = _filled(measures[KEY], position, points_at(value, position, indicator), indicator)
    band = pd.Categorical.from_codes(position.fillna(-1).astype(int), list(card.indicator_bands))
    return pd.DataFrame({
        "account_id": measures["account_id"], "month": measures["month"], "scorecard": card.name,
        "indicator": indicator.id, "value": value.where(measured), "numerator": numerator,
        "denominator": denominator, "is_measured": measured, "filled_by": filled_by,
        "band": pd.Series(band, measures.index).astype("str"), "points": points})


def of_ratio(numerator: pd.Series, denominator: pd.Series,
             indicator: models.Indicator) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The value of a ratio, whether it is measured, and its colour (0 the worst; empty where it is not)."""
    value = numerator / denominator.where(denominator > 0)
    measured = numerator.notna() & denominator.notna()
    if indicator.when_empty == "not_measured":
        measured &= denominator > 0
    return value, measured, _positions(value, indicator).where(measured)


def _positions(value: pd.Series, indicator: models.Indicator) -> pd.Series:
    """0 for the worst colour up to the number of cuts; a rate over nobody is the worst (a dead account)."""
    sign = 1 if indicator.better == "higher" else -1
    reached = [sign * value >= sign * cut - TOLERANCE for cut in indicator.cuts]
    return pd.concat(reached, axis=1).sum(axis=1).astype(float)


def points_at(value: pd.Series, position: pd.Series, indicator: models.Indicator) -> pd.Series:
    """Points of values with their colours; none where there is no colour."""
    if not indicator.scale:
        return position.map(dict(enumerate(map(float, indicator.points))))
    at, earned = zip(*indicator.scale, strict=True)
    line = pd.Series(np.interp(value.to_numpy(float), at, earned), index=value.index).where(value.notna())
    return line.fillna(indicator.worst).where(position.notna())


def _filled(keys: pd.DataFrame, position: pd.Series, points: pd.Series,
            indicator: models.Indicator) -> tuple[pd.Series, pd.Series, pd.Series]:
    """What stands in for a missing value by the indicator's null policy, and by which policy."""
    missing, filled_by = position.isna(), pd.Series(None, index=position.index, dtype="str")
    if indicator.when_missing == "worst":
        return (position.fillna(0.0), points.fillna(indicator.worst), filled_by.mask(missing, "worst"))
    if indicator.when_missing == "carry_forward":
        number = keys["month"].dt.year * 12 + keys["month"].dt.month
        rows = pd.DataFrame({"account": keys["account_id"], "number": number, "seen": number.where(~missing),
                             "position": position, "points": points}).sort_values(["account", "number"])
        last = rows.groupby("account")[["seen", "position", "points"]].ffill()
        is_near = rows["number"] - last["seen"] <= indicator.carry_months
        last = last.where(is_near).reindex(position.index)
        return last["position"], last["points"], filled_by.mask(missing & last["position"].notna(), "carried")
    return position, points, filled_by


def _weights(card: models.Scorecard, counted: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The part of each indicator in the total, by row: what is not counted gives its weight to those beside it."""
    own = {i.id: i.weight or i.best for i in card.indicators} | {name: g.weight for name, g in card.groups.items()}

    def within(group: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Whether anything in the group counts, and the part of each of its indicators."""
        weights, whole = {}, np.zeros(len(next(iter(counted.values()))))
        for part in (name for name, above in card.parts.items() if above == group):
            is_here, inner = within(part) if part in card.groups else (counted[part], {part: 1.0})
            whole = whole + own[part] * is_here
            weights |= {leaf: own[part] * is_here * share for leaf, share in inner.items()}
        return whole > 0, {leaf: weight / np.where(whole > 0, whole, np.nan) for leaf, weight in weights.items()}

    return {leaf: np.nan_to_num(weight) for leaf, weight in within("")[1].items()}


def _bad_run(rows: pd.DataFrame, card: models.Scorecard) -> pd.Series:
    """0 for a normal account up to 3 (the number of `overall_cuts`), by account and month (002, feature health).

    The larger of the features in the worst colour this month and the longest current run of such months of one
    feature; a month that is not measured neither breaks nor lengthens a run.
    """
    rows = rows.sort_values(["account_id", "indicator", "month"])
    feature = [rows["account_id"], rows["indicator"]]
    is_bad = rows["band"] == card.indicator_bands[0]
    is_good = rows["band"].notna() & ~is_bad
    run = is_bad.groupby([*feature, is_good.groupby(feature).cumsum()]).cumsum()
    by_month = pd.DataFrame({**rows[KEY], "bad": is_bad, "run": run}).groupby(KEY)
    return np.maximum(by_month["bad"].sum(), by_month["run"].max()).clip(upper=len(card.overall_cuts))


def _capped(score: pd.Series, rows: pd.DataFrame, keys: pd.DataFrame,
            card: models.Scorecard) -> tuple[pd.Series, pd.Series]:
    """Health under the card's exceptions, and the name of the one that lowered it the most."""
    capped_by = pd.Series(None, index=score.index, dtype="str")
    for exception in card.exceptions:
        hit = rows["band"].isin(exception.bands)
        if exception.among:
            hit &= rows["indicator"].isin(card.within(exception.among))
        hits = pd.MultiIndex.from_frame(rows.loc[hit, KEY].drop_duplicates())
        lower = pd.MultiIndex.from_frame(keys).isin(hits) & (score > exception.health_at_most)
        score, capped_by = score.mask(lower, exception.health_at_most), capped_by.mask(lower, exception.name)
    return score, capped_by
