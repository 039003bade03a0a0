"""The measures of usage and touch as an analyst would write them in pandas, from the same files, for comparison.

Nothing of sql/ or of the engine is used, so that equal numbers mean something; only the definitions are shared.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cs_research.definitions import Definitions

KEYS = ["account_id", "month"]
SLOT = ["account_id", "ladder", "online", "synced", "slot"]
ONCE = {"highest_per_user_and_content": ["user_id", "content_id"], "once_per_user_and_day": ["user_id", "day"],
        "once_per_user_content_and_day": ["user_id", "content_id", "day"], "each": ["touch_id"]}
LAGS = range(3)  # months of a touch score, and of the stock added lately


def measures(canonical: Path, definitions: Definitions, last: pd.Timestamp) -> pd.DataFrame:
    """One row per account under contract, month (its number) and is_history; the columns of USAGE and of TOUCH.

    `last` is the last day of the data. Raises KeyError where a type of touch is not declared.
    """
    terms, closes = _terms(canonical, last)
    events, touches = _events(canonical, definitions), _points(canonical, definitions)
    views = []
    for is_history in (True, False):
        seats = _windows(terms, closes, is_history)
        rows = seats[seats["lag"] == 0].drop(columns=["lag", "booked"])
        rows = rows.merge(_users(events[events["known"] == events["month"]] if is_history else events), "left", KEYS)
        rows = rows.merge(_stock(events, closes.index, is_history), "left", KEYS).fillna(0)
        views.append(rows.merge(_scores(touches, seats, is_history), "left", KEYS).assign(is_history=is_history))
    return pd.concat(views, ignore_index=True)


def _number(stamps: pd.Series) -> pd.Series:
    return stamps.dt.year * 12 + stamps.dt.month


def _dated(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their month and the month in which they were known."""
    month = _number(rows["occurred_at"])
    return rows.assign(month=month, known=_number(rows["recorded_at"]).fillna(month).clip(lower=month).astype(int))


def _events(canonical: Path, definitions: Definitions) -> pd.DataFrame:
    names = ["account_id", "user_id", "event_type"]
    table = pq.read_table(canonical / "usage_events.parquet",
                          columns=["quantity", *names, "occurred_at", "recorded_at"])
    events = table.set_column(0, "quantity", table["quantity"].cast(pa.float64())).to_pandas()
    events = _dated(events.astype(dict.fromkeys(names, "category")))
    roles, quantity = definitions.events, events["quantity"].fillna(1)
    is_core = events["event_type"].isin(roles.core_action)
    return events.assign(
        login=events["event_type"].isin(roles.login), core=is_core & (quantity > 0),
        key=events["event_type"].isin(roles.key_feature), stock=quantity.where(is_core, 0),
        day=events["occurred_at"].dt.day, week=((events["occurred_at"].dt.day - 1) // 7).clip(upper=3))


def _users(events: pd.DataFrame) -> pd.DataFrame:
    """Distinct users of each month, by what they did; the weeks and days on which they came."""
    users = events.groupby([*KEYS, "user_id"], observed=True)[["login", "core", "key"]].max()
    users = users.assign(active=True, covered=users["login"] | users["core"])
    counts = users.groupby(KEYS, observed=True).sum().add_suffix("_users")
    days = events.drop_duplicates(["account_id", "user_id", "month", "day"])
    weeks = days.drop_duplicates(["account_id", "user_id", "month", "week"])
    by_day, by_week = (rows.groupby(KEYS, observed=True).size() for rows in (days, weeks))
    length = days.groupby(KEYS, observed=True)["occurred_at"].first().dt.days_in_month
    return counts.assign(weekly_users=by_week / 4, user_days_a_week=by_day * 7 / length).reset_index()


def _stock(events: pd.DataFrame, months: pd.Index, is_history: bool) -> pd.DataFrame:
    """Objects held, those added in three months, kinds of events used so far, as known at the end of each month."""
    seen = "known" if is_history else "month"
    scans = events.groupby(["account_id", "month", "known"], observed=True)["stock"].sum().reset_index()
    kinds = events.groupby(["account_id", "event_type"], observed=True)[seen].min().rename("month").reset_index()
    added = [scans.assign(month=scans["month"] + lag)[(scans["known"] <= scans["month"] + lag) | (not is_history)]
             for lag in LAGS]

    def wide(rows: pd.DataFrame, column: str, how: str) -> pd.DataFrame:
        table = rows.pivot_table(column, "account_id", "month", how, fill_value=0, observed=True)
        return table.reindex(columns=months, fill_value=0)

    held = scans.drop(columns="month").rename(columns={"known": "month"}) if is_history else scans
    parts = {"stock": wide(held, "stock", "sum").cumsum(axis=1),
             "stock_added_3m": wide(pd.concat(added), "stock", "sum"),
             "event_types_used": wide(kinds, "event_type", "size").cumsum(axis=1)}
    return pd.concat({name: part.stack() for name, part in parts.items()}, axis=1).rename_axis(KEYS).reset_index()


def _terms(canonical: Path, last: pd.Timestamp) -> tuple[pd.DataFrame, pd.Series]:
    """Terms on the last day of every month on which they run, and those days by the number of the month."""
    terms = pd.read_parquet(canonical / "contracts.parquet",
                            columns=["account_id", "start_date", "end_date", "seats", "recorded_at"])
    terms["start_date"], terms["end_date"] = pd.to_datetime(terms["start_date"]), pd.to_datetime(terms["end_date"])
    ends = pd.Series(pd.date_range(terms["start_date"].min(), last, freq="ME"))
    closes = pd.Series(ends.to_numpy(), index=_number(ends), name="closes").rename_axis("booked")
    rows = terms[terms["start_date"] <= last].merge(closes.reset_index(), "cross")
    runs = (rows["start_date"] <= rows["closes"]) & ~(rows["end_date"] <= rows["closes"])
    return rows[runs], closes


def _windows(terms: pd.DataFrame, closes: pd.Series, is_history: bool) -> pd.DataFrame:
    """account_id, month, lag, booked and the seats of the month `booked`, `lag` before, by the terms known then."""
    rows = pd.concat([terms.assign(lag=lag, month=terms["booked"] + lag) for lag in LAGS])
    rows = rows[rows["month"] <= closes.index[-1]]
    if is_history:
        rows = rows[~(rows["recorded_at"].dt.normalize() > rows["month"].map(closes))]
    seats = rows.groupby([*KEYS, "lag", "booked"])["seats"].sum().reset_index()
    return seats.merge(seats.loc[seats["lag"] == 0, KEYS], on=KEYS)


def _points(canonical: Path, definitions: Definitions) -> pd.DataFrame:
    """Points of each slot (what counts once, at its highest level) by month and by the month in which it was known."""
    touches = _dated(pd.read_parquet(canonical / "touches.parquet"))
    touches["day"] = touches["occurred_at"].dt.normalize().astype("int64").astype("str")
    parts = []
    for kind, rows in touches.groupby("touch_type"):
        declared = definitions.touch_points.types[kind]
        points = pd.Series(float(declared.points), rows.index)
        for level in declared.levels:
            points = points.mask(rows["progress"] >= level.at - 1e-9, float(level.points))
        if declared.per_recipient:
            points *= rows["recipients"].where(rows["user_id"].isna()).fillna(1)
        once = ONCE[declared.rule]
        alone = rows["user_id"].isna() | (rows["content_id"].isna() & (once[-1] == "content_id"))
        slot = rows[once].fillna("").sum(axis=1).where(~alone, rows["touch_id"])
        parts.append(rows[["account_id", "month", "known"]].assign(
            slot=slot, points=points, ladder=declared.ladder or kind, online=declared.channel == "online",
            synced=declared.synced))
    slots = pd.concat(parts).query("points > 0")
    best = slots.groupby([*SLOT, "month", "known"])["points"].max().reset_index()
    return best.assign(slot=best.groupby(SLOT).ngroup())


def _booked(touches: pd.DataFrame) -> pd.DataFrame:
    """Points by account and month: what each slot rose above its months before."""
    best = touches.groupby(["slot", "month"]).agg(
        {"points": "max", "account_id": "first", "online": "first", "synced": "first"}).reset_index()
    best["points"] = best.groupby("slot")["points"].cummax()
    best["points"] -= best.groupby("slot")["points"].shift(fill_value=0)
    best = best.assign(online=best["points"].where(best["online"], 0), synced=best["points"].where(best["synced"], 0))
    return best.groupby(KEYS)[["points", "online", "synced"]].sum().reset_index().rename(columns={"month": "booked"})


def _scores(touches: pd.DataFrame, seats: pd.DataFrame, is_history: bool) -> pd.DataFrame:
    """Touch points of the month, per seat, and the mean of three months, as known at the end of each month."""
    if is_history:
        points = pd.concat([_booked(touches[touches["known"] <= month]).query("booked > @month - 3").assign(month=month)
                            for month in seats["month"].unique()])
        rows = seats.merge(points, "left", [*KEYS, "booked"])
    else:
        rows = seats.merge(_booked(touches), "left", ["account_id", "booked"])
    rows = rows.fillna({"points": 0, "online": 0, "synced": 0})
    rows = rows.assign(score=rows["points"] / rows["seats"], synced=rows["synced"] / rows["seats"])
    means = rows.groupby(KEYS)[["score", "synced"]].mean().set_axis(["touch_score", "touch_score_synced"], axis=1)
    now = rows[rows["lag"] == 0].set_index(KEYS)[["points", "online", "score"]]
    now.columns = ["touch_points", "touch_points_online", "touch_score_month"]
    return means.join(now).reset_index()
