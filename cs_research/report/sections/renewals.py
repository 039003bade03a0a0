"""Renewals due soon, by band, with what is likely to be lost at the churn that each band has shown."""

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from cs_research.finding import Estimate
from cs_research.history import CLOSED
from cs_research.report import formats
from cs_research.report.charts import meter_glyph, renewal_bar
from cs_research.report.phrases import called, joined, say
from cs_research.report.view import View
from cs_research.studies import stats
from cs_research.studies.evidence import clusters, readings
from cs_research.studies.judging import known_chance

LISTED = 6


@dataclass(frozen=True)
class Band:
    """Renewals due of one band: their sum (ARR, or accounts), the past churn rate and the likely loss."""

    name: str
    n: int
    due: float
    rate: Estimate
    enough: bool

    @property
    def lost(self) -> float | None:
        return self.due * self.rate.value if self.enough and self.rate.value is not None else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if self.lost is None or self.rate.lower is None or self.rate.upper is None:
            return None
        return self.due * self.rate.lower, self.due * self.rate.upper


class Due:
    """What is due within the plan's days after the month's end, and what past renewals say about it."""

    def __init__(self, view: View):
        self.view = view
        self.days = view.definitions.stages.renewal_due_days
        self.last_day = view.month_end + pd.Timedelta(days=self.days)
        self.rows = self._rows()
        self.readings = self._readings()
        self.past = len(self.readings)
        self.closed = self._closed()
        self.bands = [self._band(name) for name in view.card.bands]
        unscored = self.rows[self.rows["health_band"].isna()]
        if len(unscored):
            self.bands.append(Band("", len(unscored), float(unscored["due"].sum()), stats.NOTHING, False))

    def _rows(self) -> pd.DataFrame:
        """One row per renewal that is open still: account_id, due_date, health_band, is_short (comes up again
        within the days), due (ARR, or 1 where money is not measured)."""
        ends = self.view.run.outcomes
        ends = ends[(ends["due_date"] > self.view.month_end) & (ends["due_date"] <= self.last_day)
                    & (ends["outcome"] == "not_due")]
        now = self.view.now.drop(self.view.leaving)[["health_band", "arr"]].reset_index()
        is_short = (ends["due_date"] - ends["term_start"]).dt.days < self.days
        rows = ends[["account_id", "due_date"]].assign(is_short=is_short).merge(now, on="account_id")
        rows["due"] = rows["arr"] if self.view.has_money else 1.0
        return rows.sort_values(["due_date", "account_id"], ignore_index=True)

    def _readings(self) -> pd.DataFrame:
        """Past renewals with a known outcome: health_band as it stood before, is_churned, cluster.

        Read as many months before as the data set's studies do. Where those watch accounts rather than renewals,
        at the last month's end before each due date. In both, only once the grace is over: within it renewals are
        known and silent leavers are not.
        """
        view, plan = self.view, self.view.definitions.outcomes
        if plan.reading.mode == "renewal":
            rows = readings(view.history, view.run.outcomes, view.definitions, view.as_of).rows
        else:
            is_over = view.history["due_date"] + pd.Timedelta(days=plan.grace_days) <= pd.Timestamp(view.as_of)
            rows = view.history[view.history["outcome"].isin(CLOSED) & is_over]
            rows = rows.sort_values(["account_id", "month"]).drop_duplicates(["account_id", "due_date"], keep="last")
            rows = rows.assign(is_churned=rows["outcome"] == "churned", cluster=clusters(rows))
        return rows[rows["health_band"].notna()]

    def _closed(self) -> int:
        """Renewals whose outcome was known by then, with a score or without."""
        ends = self.view.run.outcomes
        is_over = ends["due_date"] + pd.Timedelta(days=self.view.definitions.outcomes.grace_days) <= pd.Timestamp(
            self.view.as_of)
        return int((ends["outcome"].isin(CLOSED) & is_over).sum())

    def _band(self, name: str) -> Band:
        rows = self.rows[self.rows["health_band"] == name]
        past = self.readings[self.readings["health_band"] == name]
        rate = known_chance(stats.rate(past["is_churned"], past["cluster"]), self.view.definitions)
        enough = self.view.enough(past["account_id"].nunique())
        return Band(name, len(rows), float(rows["due"].sum()), rate, enough)

    @property
    def total(self) -> float:
        return float(self.rows["due"].sum())

    @property
    def lost(self) -> float | None:
        """The likely loss of all bands; None when it is unknown for more than a tenth of what is due."""
        known = [band for band in self.bands if band.lost is not None]
        if not self.total or sum(band.due for band in known) < .9 * self.total:
            return None
        return sum(band.lost or 0.0 for band in known)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Ends of the bands' sum, added up as they are, for bands share managers: too wide rather than too narrow.
        None where a band with a likely loss has no interval."""
        known = [band.interval for band in self.bands if band.n and band.lost is not None]
        if self.lost is None or not all(known):
            return None
        return sum(low for low, _ in known), sum(high for _, high in known)

    @property
    def heaviest(self) -> list[str]:
        """The one or two bands that hold most of the likely loss (worst first)."""
        order = sorted((b for b in self.bands if b.lost), key=lambda b: -(b.lost or 0))
        total = sum(b.lost or 0 for b in order)
        chosen = order[:1] if order and (order[0].lost or 0) > .5 * total else order[:2]
        return [b.name for b in self.bands if b in chosen]

    def amount(self, value: float, estimate: bool = False) -> str:
        """A sum of money, or a number of renewals where money is not measured."""
        if self.view.has_money:
            return formats.money(value, self.view.currency, estimate)
        return formats.count(value)

    def amounts(self, interval: tuple[float, float]) -> str:
        lower, upper = (self.amount(end, estimate=True) for end in interval)
        return formats.span(lower, upper)


def band_words(due: Due, names: list[str]) -> Markup:
    """Names of one band or two in a sentence, as "yellow and orange"."""
    return joined((called(due.view.words, name) for name in names), "and")


def not_worst(due: Due, names: list[str]) -> Markup:
    """Added where the band one would think of first is not among those named."""
    return Markup("") if due.view.card.bands[0] in names else say("r_not_red", **due.view.ends)


def renewals_section(due: Due) -> dict:
    """The bars by band and the largest accounts."""
    day, n = formats.day(due.last_day), len(due.rows)
    section = {"kicker": say("r_kicker", days=due.days), "notebook": "04_retention"}
    if due.view.runs_once:
        return {**section, "absent": say("absent", why=say("r_once"))}
    if not n:
        return {**section, "title": say("r_none", day=day), "bars": [], "caption": notice(due)}
    scale = max(band.due for band in due.bands)
    what = say("r_arr" if due.view.has_money else "r_renewals")
    caption = say("r_caption", n=due.past, what=what, lag=_lag(due)) if any(b.lost is not None for b in due.bands) \
        else say("r_caption_none", what=what, why=_why(due))
    if short := int(due.rows["is_short"].sum()):
        caption = joined([caption, say("r_short", n=short, days=due.days)], "gap")
    return {**section, "title": _title(due, day, n), "bars": [_bar(due, band, scale) for band in due.bands if band.n],
            "caption": joined([caption, notice(due)], "gap"), "total": _total(due, n), "rows": _largest(due),
            "heads": _heads(due)}


def notice(due: Due) -> Markup:
    """Who gave notice, apart from all sums; empty where nobody did."""
    view = due.view
    if not len(view.leaving):
        return Markup("")
    arr = view.arr(view.now.loc[view.leaving])
    money = say("r_notice_arr", arr=formats.money(arr, view.currency)) if arr is not None else Markup("")
    return say("r_notice", accounts=say("accounts", n=len(view.leaving)), arr=money)


def _why(due: Due) -> Markup:
    """Why no past renewal tells what is likely lost."""
    return say("r_why_unscored", n=due.closed) if due.closed and not due.past else say("r_why_none")


def _lag(due: Due) -> Markup:
    plan = due.view.definitions.outcomes.reading
    return say("r_lag", n=plan.months_before) if plan.mode == "renewal" else say("r_lag_last")


def _title(due: Due, day: str, n: int) -> Markup:
    if due.lost and (names := due.heaviest):
        return say("r_title", bands=band_words(due, names), not_red=not_worst(due, names))
    if due.view.has_money:
        return say("r_title_due", amount=due.amount(due.total), day=day, n=n)
    return say("r_title_count", n=n, day=day)


def _total(due: Due, n: int) -> dict | None:
    if due.lost is None:
        return None
    whole = due.amount(due.total)
    rest = say("r_of", interval=due.amounts(due.interval), due=whole, n=n) if due.interval else \
        say("r_of_plain", due=whole, n=n)
    return {"number": due.amount(due.lost, True), "words": say("r_likely"), "rest": rest}


def _bar(due: Due, band: Band, scale: float) -> dict:
    name = called(due.view.words, band.name) if band.name else say("r_unscored")
    whole = due.amount(band.due)
    lost = due.amount(band.lost, True) if band.lost is not None else say("v_no_data")
    right = say("r_right", due=whole, lost=lost) if band.lost is not None else \
        say("r_right_few" if due.past else "r_right_none", due=whole, past=band.rate.n)
    interval = band.interval
    alt = say("r_alt", band=name, due=whole, lost=lost)
    label = due.amounts(interval) if interval else ""
    return {"glyph": meter_glyph(band.name, due.view.card.bands),
            "name": say("r_band", band=name[:1].upper() + name[1:], n=band.n), "right": right,
            "chart": renewal_bar(f"rb-{band.name or 'none'}", band.due, band.lost, interval, scale, label, (name, alt))}


def _heads(due: Due) -> dict:
    known = due.lost is not None
    first = "r_largest" if known else ("r_largest_due" if due.view.has_money else "r_next")
    return {"first": say(first), "due": say("r_due") if due.view.has_money else "",
            "stake": say("r_stake") if known and due.view.has_money else "", "date": say("r_date")}


def _largest(due: Due) -> list[dict]:
    """Accounts with the largest likely loss; without rates the largest sums, without money the next dates."""
    rates = {b.name: b.rate.value for b in due.bands if b.lost is not None}
    rows = due.rows.assign(stake=due.rows["due"] * due.rows["health_band"].map(rates).fillna(0.0).astype(float))
    order = ["stake", "due", "due_date", "account_id"] if due.lost is not None else ["due", "due_date", "account_id"]
    rows = rows.sort_values(order, ascending=[c in ("due_date", "account_id") for c in order], kind="stable")
    return [_account(due, account) for account in rows.head(LISTED).itertuples()]


def _account(due: Due, account: object) -> dict:
    band, money = account.health_band if isinstance(account.health_band, str) else "", due.view.has_money
    shown = called(due.view.words, band) if band else ""
    return {"glyph": meter_glyph(band, due.view.card.bands), "band": shown,
            "account": due.view.account(account.account_id),
            "due": due.amount(account.due) if money else "",
            "stake": due.amount(account.stake, True) if money and account.stake else "",
            "date": formats.day(account.due_date, "short_day")}
