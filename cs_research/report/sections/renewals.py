"""Renewals due soon, by band, with what of them the forecast has as likely lost."""

import pandas as pd
from markupsafe import Markup

from cs_research.report import formats
from cs_research.report.charts import meter_glyph, renewal_bar
from cs_research.report.phrases import called, joined, say, told
from cs_research.report.view import View
from cs_research.studies.due import Part, due_soon

LISTED = 6


class Due:
    """What is due within the plan's days after the month's end, of accounts that gave no notice (due_soon)."""

    def __init__(self, view: View):
        self.view = view
        self.days = view.definitions.stages.renewal_due_days
        self.last_day = view.month_end + pd.Timedelta(days=self.days)
        now = view.now.drop(view.leaving).reset_index()
        now = now if view.has_money else now.assign(arr=float("nan"))
        self.soon = due_soon(now, view.history, view.run.outcomes, view.definitions, view.card.bands, view.month,
                             view.as_of)
        self.rows, self.total = self.soon.rows, self.soon.total

    @property
    def heaviest(self) -> list[str]:
        """The one or two bands that hold most of the likely loss (worst first)."""
        order = sorted((part for part in self.soon.parts if part.band and part.lost), key=lambda part: -part.lost)
        chosen = order[:1] if order and order[0].lost > .5 * self.total.lost else order[:2]
        return [part.band for part in self.soon.parts if part in chosen]

    def amount(self, value: float, estimate: bool = False) -> str:
        """A sum of money, or a number of renewals where money is not measured."""
        if self.view.has_money:
            return formats.money(value, self.view.currency, estimate)
        return formats.count(value)

    def interval(self, part: Part) -> str:
        """The ends of the likely loss, empty where there is none."""
        return "" if part.lost is None else formats.span(*(self.amount(end, True) for end in (part.lower, part.upper)))


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
    scale, parts = max(part.due for part in due.soon.parts), due.soon.parts
    what = say("r_arr" if due.view.has_money else "r_renewals")
    caption = say("r_caption_none", what=what, why=told(due.soon.why, due.view.words)) if due.soon.why else \
        say("r_caption", n=due.soon.past, what=what)
    return {**section, "title": _title(due, day, n), "bars": [_bar(due, part, scale) for part in parts],
            "caption": joined([caption, notice(due)], "gap"), "total": _total(due), "rows": _largest(due),
            "heads": _heads(due)}


def notice(due: Due) -> Markup:
    """Who gave notice, apart from all sums; empty where nobody did."""
    view = due.view
    if not len(view.leaving):
        return Markup("")
    arr = view.arr(view.now.loc[view.leaving])
    money = say("r_notice_arr", arr=formats.money(arr, view.currency)) if arr is not None else Markup("")
    return say("r_notice", accounts=say("accounts", n=len(view.leaving)), arr=money)


def _title(due: Due, day: str, n: int) -> Markup:
    if due.total.lost and (names := due.heaviest):
        return say("r_title", bands=band_words(due, names), not_red=not_worst(due, names))
    if due.view.has_money:
        return say("r_title_due", amount=due.amount(due.total.due), day=day, n=n)
    return say("r_title_count", n=n, day=day)


def _total(due: Due) -> dict | None:
    total = due.total
    return None if total.lost is None else {
        "number": due.amount(total.lost, True), "words": say("r_likely"),
        "rest": say("r_of", interval=due.interval(total), due=due.amount(total.due), n=total.n)}


def _bar(due: Due, part: Part, scale: float) -> dict:
    name = called(due.view.words, part.band) if part.band else say("r_unscored")
    whole = due.amount(part.due)
    lost = say("v_no_data") if part.lost is None else due.amount(part.lost, True)
    right = say("r_right_none", due=whole) if part.lost is None else say("r_right", due=whole, lost=lost)
    ends = None if part.lost is None else (part.lower, part.upper)
    chart = renewal_bar(f"rb-{part.band or 'none'}", part.due, part.lost, ends, scale, due.interval(part),
                        (name, say("r_alt", band=name, due=whole, lost=lost)))
    return {"glyph": meter_glyph(part.band, due.view.card.bands), "right": right, "chart": chart,
            "name": say("r_band", band=name[:1].upper() + name[1:], n=part.n)}


def _heads(due: Due) -> dict:
    known = due.total.lost is not None
    first = "r_largest" if known else ("r_largest_due" if due.view.has_money else "r_next")
    return {"first": say(first), "due": say("r_due") if due.view.has_money else "",
            "stake": say("r_stake") if known and due.view.has_money else "", "date": say("r_date")}


def _largest(due: Due) -> list[dict]:
    """Accounts with the largest likely loss; without rates the largest sums, without money the next dates."""
    order = ["lost", "due", "due_date", "account_id"] if due.total.lost else ["due", "due_date", "account_id"]
    rows = due.rows.sort_values(order, ascending=[c in ("due_date", "account_id") for c in order], kind="stable")
    return [_account(due, account) for account in rows.head(LISTED).itertuples()]


def _account(due: Due, account: object) -> dict:
    band, money = account.health_band if isinstance(account.health_band, str) else "", due.view.has_money
    shown = called(due.view.words, band) if band else ""
    return {"glyph": meter_glyph(band, due.view.card.bands), "band": shown,
            "account": due.view.account(account.account_id),
            "due": due.amount(account.due) if money else "",
            "stake": due.amount(account.lost, True) if money and account.lost == account.lost else "",
            "date": formats.day(account.due_date, "short_day")}
