"""Where the accounts stand in the month of the report: health, indicators, and the data behind.

These describe the latest knowledge (restated tables); nothing here judges a score.
"""

import json
from collections.abc import Sequence
from datetime import date

import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.finding import Finding, with_interval
from cs_research.numbers import count, number, percent
from cs_research.studies import stats
from cs_research.studies.evidence import clusters
from cs_research.studies.judging import known_chance, rate_of, under_floor


def of_month(table: pd.DataFrame, month: date) -> pd.DataFrame:
    """The rows of one month."""
    return table[table["month"] == pd.Timestamp(month)]


def health_bands(scores: pd.DataFrame, card: models.Scorecard, definitions: Definitions, month: date) -> Finding:
    """How many accounts have which colour; the estimate is the share of the best one (000, bands)."""
    name, rows = "share_green", of_month(scores, month)
    known = rows[rows["health"].notna()]
    if known.empty:
        return Finding.not_measured(name, f"no account has a score of the card {card.name} in {month:%Y-%m}")
    if few := under_floor(name, len(known), definitions, f"with a score in {month:%Y-%m}"):
        return few
    cluster = clusters(known)
    shares = {band: rate_of(known["health_band"] == band, cluster, definitions) for band in card.bands}
    table = [{"band": band, "accounts": int((known["health_band"] == band).sum()), "share": share.value,
              "lower": share.lower, "upper": share.upper,
              "arr": rows.loc[rows["health_band"] == band, "arr"].sum(min_count=1)} for band, share in shares.items()]
    best, worst = shares[card.bands[-1]], shares[card.bands[0]]
    blank = len(rows) - len(known)
    sentence = (f"{with_interval(best)} of the accounts with a score are {card.bands[-1]}, {with_interval(worst)} are "
                f"{card.bands[0]}.")
    without = f"{count(blank, 'account')} of {count(len(rows))} without a score: too little measured or too new."
    notes = [without] if blank else []
    usage_only = "is_usage_only" in rows and bool(known["is_usage_only"].all())
    notes += ["Usage only: no indicator of engagement or return is measured."] if usage_only else []
    return Finding.of(name, sentence, best, rows=table, notes=notes)


def share_by_month(scores: pd.DataFrame, flag: pd.Series, definitions: Definitions) -> pd.Series:
    """Share of accounts with `flag` (by row of the scores, empty: not counted) by month, where enough are counted."""
    by_month = flag.astype(float).groupby(scores["month"]).agg(["mean", "count"])
    return by_month["mean"].where(by_month["count"].map(definitions.claims.are_enough)).dropna()


def health_by_month(scores: pd.DataFrame, card: models.Scorecard, definitions: Definitions) -> Finding:
    """Share of each colour and mean health by month, where enough accounts have a score; the estimate is the change of
    the mean in a year."""
    name, known = "health_in_a_year", scores[scores["health"].notna()]
    if known.empty:
        return Finding.not_measured(name, "no account has a score")
    accounts = known["month"].value_counts()
    if few := under_floor(name, int(accounts.max()), definitions, "with a score in any month"):
        return few
    known = known[known["month"].isin(accounts.index[accounts.map(definitions.claims.are_enough)])]
    shares = pd.crosstab(known["month"], known["health_band"], normalize="index")
    shares = shares.reindex(columns=card.bands, fill_value=0.0)
    mean = known.groupby("month")["health"].agg(["mean", "size"])
    table = [{"month": month, "mean": mean.at[month, "mean"], "n": int(mean.at[month, "size"]),
              **{band: shares.at[month, band] for band in card.bands}} for month in shares.index]
    last = known["month"].max()
    year = known[known["month"].isin([last, last - pd.DateOffset(months=12)])]
    change = known_chance(stats.mean_difference(year["health"], year["month"] == last, clusters(year)), definitions)
    sentence = (f"Mean health changed by {with_interval(change, 'difference')} in the year to {last:%Y-%m}."
                if change.value is not None else f"{last:%Y-%m} has no month a year before it to compare with.")
    notes = ["Accounts that left are no longer in the mean, so part of a rise is who stayed."]
    return Finding.of(name, sentence, change, rows=table, notes=notes)


def indicator_bands(indicators: pd.DataFrame, card: models.Scorecard, month: date) -> Finding:
    """Per indicator of the card the share of accounts in each colour and not measured."""
    name, rows = "weakest_indicator", of_month(indicators, month)
    table = []
    for indicator in card.indicators:
        mine = rows[rows["indicator"] == indicator.id]
        shares = {band: float((mine["band"] == band).mean()) if len(mine) else 0.0 for band in card.indicator_bands}
        table.append({"indicator": indicator.id, "name": indicator.name.en, "group": indicator.group, "n": len(mine),
                      "not_measured": 1 - sum(shares.values()), **shares,
                      "share": float((mine["points"] / indicator.best).mean()) if len(mine) else None})
    measured = [line for line in table if line["not_measured"] < 0.5 and line["share"] is not None]
    blank = [line["indicator"] for line in table if line["not_measured"] > 1 - 1e-9]
    notes = [f"Not measured for any account: {', '.join(blank)}."] if blank else []
    if not measured:
        return Finding(name, f"Not measured: no indicator is known for half of the accounts in {month:%Y-%m}.",
                       details={"rows": table, "notes": notes})
    low = min(measured, key=lambda line: (line["share"], line["indicator"]))
    best = next(i.best for i in card.indicators if i.id == low["indicator"])
    sentence = (f"{low['name']} ({low['indicator']}) is weakest: on average accounts earn "
                f"{number(low['share'] * best)} of its {best:g} points (n = {count(low['n'])}).")
    return Finding(name, sentence, low["share"], n=low["n"], details={"rows": table, "notes": notes})


# ---------------------------------------------------------------- the data behind


def files_read(files: pd.DataFrame, holds: Sequence[dict[str, str]] = ()) -> Finding:
    """Rows read, taken in, kept apart and excluded by file; the estimate is the share kept apart.

    In: files (data contract); holds (code, sentence), the reasons that were acknowledged to publish the report.
    """
    name = "share_quarantined"
    if files.empty:
        return Finding.not_measured(name, "no file was read")
    is_correction = files["table"] == "corrections"
    total = files.loc[~is_correction, ["rows_in", "accepted", "quarantined", "excluded"]].sum()
    words = {"accept": "accepted", "accept_warn": "accepted, with warnings", "quarantine": "partly kept apart"}
    outcome = files["outcome"].replace(words).mask(files["table"] == "", "of no table, not used")
    shown = files.assign(outcome=outcome,
                         codes=[json.loads(codes) if isinstance(codes, str) else codes for codes in files["codes"]])
    share = total["quarantined"] / total["rows_in"] if total["rows_in"] else 0.0
    inside, taken, apart, left = (count(int(total[name])) for name in total.index)
    where = " (in quarantine/, beside the report)" if share else ""
    laid = int(files.loc[is_correction, "rows_in"].sum())
    corrected = f" {count(laid, 'row')} of corrections stood for rows counted here." if laid else ""
    sentence = (f"Of {inside} rows in {count(int((~is_correction).sum()), 'file')}, {taken} were taken in, {apart} "
                f"kept apart{where} and {left} excluded on purpose.{corrected}")
    notes = [f"Published only after acknowledgement: {hold['sentence']} ({hold['code']})." for hold in holds]
    return Finding(name, sentence, float(share), n=int(total["rows_in"]),
                   details={"rows": shown.to_dict("records"), "notes": notes})


def freshness(spans: pd.DataFrame, month: date) -> Finding:
    """How far each input table reaches; the estimate is the share of dated tables that reach into the month.

    In: spans (table, rows, first_date, last_date), month.
    """
    name, start = "tables_fresh", pd.Timestamp(month)
    dated = spans[spans["last_date"].notna()]
    if dated.empty:
        return Finding.not_measured(name, "no table is dated")
    late = dated[dated["last_date"] < start]
    table = spans.assign(reaches=[None if pd.isna(day) else bool(day >= start) for day in spans["last_date"]])
    ends = "; ".join(f"{row.table} ends on {row.last_date:%Y-%m-%d}" for row in late.itertuples())
    sentence = (f"{len(dated) - len(late)} of {count(len(dated), 'dated table')} reach into {start:%Y-%m}"
                f"{f' ({ends})' if ends else ''}.")
    return Finding(name, sentence, 1 - len(late) / len(dated), n=len(dated),
                   details={"rows": table.to_dict("records")})


def not_measured(indicators: pd.DataFrame, reasons: pd.DataFrame, card: models.Scorecard, month: date) -> Finding:
    """Which indicators of the card are not measured in a month, for how many accounts, and why; how many rates above 1
    are kept, where the card says so. In: indicators; reasons (measure, reason) of what the data set cannot hold."""
    name, rows, why = "indicators_measured", of_month(indicators, month), dict(reasons[["measure", "reason"]].values)
    table = []
    for indicator in card.indicators:
        mine = rows[rows["indicator"] == indicator.id]
        absent = [why[m] for m in (indicator.value, indicator.numerator, indicator.denominator) if m in why]
        share = float(mine["is_measured"].mean()) if len(mine) else 0.0
        table.append({"indicator": indicator.id, "name": indicator.name.en, "measured": share,
                      "above": int((mine["value"] > 1 + 1e-9).sum()) if indicator.above_one == "warn" else None,
                      "why": absent[0] if absent else indicator.missing if share < 1 else ""})
    whole = sum(line["measured"] > 0 for line in table)
    sentence = f"{whole} of {count(len(table), 'indicator')} of the card {card.name} are measured in {month:%Y-%m}."
    most = rows.groupby("account_id")["is_measured"].sum().max()
    if most < card.min_measured_share * len(table) - 1e-9:
        sentence += (f" {percent(card.min_measured_share)} are needed and no account has so many: no account has a "
                     "score; see 'A card of your own' in docs/bring-your-own-data.md.")
    above = [f"{count(line['above'], 'account')} in {line['indicator']}" for line in table if line["above"]]
    if above:
        sentence += f" Above 100%, kept but worth a look: {', '.join(above)}."
    return Finding(name, sentence, whole / len(table), n=len(table), details={"rows": table})


def restated(scores: pd.DataFrame, history: pd.DataFrame, late: pd.DataFrame) -> Finding:
    """Months whose scores changed after they closed, and the rows recorded later that changed them.

    In: late (Run.late_rows). Out: the last twelve such months, those before them in one row.
    """
    columns = ["account_id", "month", "health", "touch_score"]
    both = scores[columns].merge(history[columns], on=["account_id", "month"], suffixes=("", "_then"))
    health, touch = ((both[name] - both[f"{name}_then"]).abs() > 1e-9 for name in ("health", "touch_score"))
    health |= both["health"].isna() != both["health_then"].isna()
    table = both[["month"]].assign(accounts=1, health=health, touch=touch).groupby("month", as_index=False).sum()
    some = table[(table["health"] > 0) | (table["touch"] > 0)]
    rows = [{**line, "why": _late_words(late, line["month"], line["month"])}
            for line in some.tail(12).to_dict("records")]
    before = some.head(len(some) - len(rows))
    if len(before):
        why = _late_words(late, before["month"].min(), before["month"].max())
        rows.insert(0, {"month": "earlier", **before.drop(columns="month").sum().to_dict(), "why": why})
    sentence = (f"{count(int(table['health'].sum()), 'score')} of {count(len(both))} changed after their month had "
                f"closed, in {count(len(some), 'month')}, since rows were recorded later: "
                f"{_late_words(late, some['month'].min(), some['month'].max())}. Studies use the scores as they stood."
                if len(some) else "No account has a score, so none changed." if both["health"].isna().all() else
                f"None of {count(len(both), 'score')} changed after its month had closed.")
    return Finding("scores_restated", sentence, n=len(both), details={"rows": rows})


def _late_words(late: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> str:
    """What months from `first` to `last` could not know: "meetings 3, touches 62 (2026-09-02 to 2026-10-05)"."""
    unseen = late[(late["month"] <= last) & (late["recorded_month"] > first)]
    if unseen.empty:
        return "rows that bear no later date of record"
    rows = unseen.groupby("table")["rows"].sum()
    tables = ", ".join(f"{name.replace('_', ' ')} {count(n)}" for name, n in rows.items())
    return f"{tables} ({unseen['first_date'].min():%Y-%m-%d} to {unseen['last_date'].max():%Y-%m-%d})"
