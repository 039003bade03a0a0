"""Cards beside each other: what each says of the accounts today, where two disagree, what a new one would change."""

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd

from cs_research.definitions import Definitions, models
from cs_research.finding import Finding, with_interval
from cs_research.numbers import count, number, percent
from cs_research.studies.evidence import KEY, clusters, of_card
from cs_research.studies.judging import rate_of, under_floor
from cs_research.studies.state import of_month

LISTED = 20  # accounts that a notebook lists
APART = ("indicators", "name", "version", "title", "source", "in_use_from")  # of a card, left out of `differences`


def cards_now(scores: pd.DataFrame, definitions: Definitions, card: models.Scorecard, month: date) -> Finding:
    """What every card says of a month's accounts: one row per card, the leading one first.

    In: `scores` of all cards. Rows: card, title, version, n (with a score), measured (mean share of indicators), worst
    and best (share in that band, and its name), agreement (rank correlation with the leading card).
    """
    rows, lead = [], of_month(of_card(scores, card), month).set_index("account_id")["health"].dropna()
    for other in sorted(definitions.scorecards.values(), key=lambda c: (c.name != card.name, c.name)):
        mine = of_month(of_card(scores, other), month)
        known = mine[mine["health"].notna()]
        both = pd.concat([lead, known.set_index("account_id")["health"]], axis=1, join="inner")
        enough = definitions.claims.are_enough(len(known))
        share = {which: f"{band} {percent((known['health_band'] == band).mean())}" if enough else None
                 for which, band in (("worst", other.bands[0]), ("best", other.bands[-1]))}
        is_told = definitions.claims.are_enough(len(both)) and other.name != card.name and (both.nunique() > 1).all()
        agreement = both.iloc[:, 0].rank().corr(both.iloc[:, 1].rank()) if is_told else None
        rows.append({"card": other.name, "title": other.title.en, "version": other.version, "n": len(known),
                     "measured": float(mine["measured_share"].mean()) if len(mine) else None, **share,
                     "agreement": agreement})
    scored = [row for row in rows if row["n"]]
    without = [row["card"] for row in rows if not row["n"]]
    notes = [f"No account has a score of {', '.join(without)}: too little of it is measured."] * bool(without)
    if not scored:
        return Finding("cards_beside", f"Not measured: no card gives a score in {month:%Y-%m}.",
                       details={"rows": rows, "notes": notes})
    sentence = f"{count(len(scored), 'card')} of {len(rows)} score accounts in {month:%Y-%m}."
    agreeing = [row for row in rows if row["agreement"] is not None]
    if agreeing:
        least = min(agreeing, key=lambda row: row["agreement"])
        sentence += (f" The order of {least['title']} is the least like that of {card.title.en} (rank correlation "
                     f"{number(least['agreement'], 2)}).")
    return Finding("cards_beside", sentence, n=max(row["n"] for row in rows), details={"rows": rows, "notes": notes})


def tried(run: Any) -> tuple[models.Scorecard, models.Scorecard]:
    """Of a rescored run the card to compare with (its version before, else the leading card) and the one tried; of a
    report, which has tried none, the leading card with itself."""
    wanted, definitions = run.about.get("tried_card"), run.definitions
    if not wanted:
        return (definitions.scorecards[run.dataset["scorecard"]],) * 2
    new = next(card for card in definitions.cards if (card.name, card.version) == (wanted["name"], wanted["version"]))
    without = replace(definitions, cards=tuple(card for card in definitions.cards if card != new))
    led = without.in_use(f"{run.month:%Y-%m}").scorecards
    return led.get(new.name, definitions.scorecards[run.dataset["scorecard"]]), new


def differences(old: models.Scorecard, new: models.Scorecard) -> pd.DataFrame:
    """What two cards say otherwise: indicator ("the card" for what holds of all), what, before, now; both as text."""
    said = [{"the card": {name: value for name, value in card.model_dump(mode="json").items() if name not in APART},
             **{i.id: i.model_dump(mode="json") for i in card.indicators}} for card in (old, new)]
    rows = []
    for name in dict.fromkeys(name for one in said for name in one):
        before, now = (one.get(name) for one in said)
        if before is None or now is None:
            rows.append((name, "indicator", *("none" if one is None else one["name"]["en"] for one in (before, now))))
        else:
            rows += [(name, what.replace("_", " "), _text(before[what]), _text(now[what])) for what in before
                     if before[what] != now[what]]
    return pd.DataFrame(rows, columns=["indicator", "what", "before", "now"], dtype="str")


def _text(value: Any) -> str:
    """A value of a definition file in words.

    >>> _text([100.0, 250.0, 0.5]), _text(None), _text({"en": "Stock"})
    ('100, 250, 0.5', 'none', 'en: Stock')
    """
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def colour_changes(scores: pd.DataFrame, old: models.Scorecard, new: models.Scorecard, names: pd.DataFrame,
                   definitions: Definitions, month: date) -> Finding:
    """Who has another band on one card than on another: the estimate is the share of the accounts scored by both.

    In: `scores` of both cards, `names` (account_id, account_name). Rows, the largest change of health first:
    account_id, account_name, owner, health_old, health_new, band_old, band_new.
    """
    question = "colour_changes"
    both = _both(scores, old, new).query("month == @month").merge(names[["account_id", "account_name"]], "left")
    if few := under_floor(question, len(both), definitions, f"with a score of both cards in {month:%Y-%m}"):
        return few
    moved = both[both["band_old"] != both["band_new"]]
    share = rate_of(both["band_old"] != both["band_new"], clusters(both), definitions)
    order = moved.assign(size=(moved["health_new"] - moved["health_old"]).abs()).sort_values(
        ["size", "account_id"], ascending=[False, True])
    columns = ["account_id", "account_name", "owner", "health_old", "health_new", "band_old", "band_new"]
    ways = ""
    if len(old.bands) == len(new.bands):
        better = int((moved["band_new"].map(new.bands.index) > moved["band_old"].map(old.bands.index)).sum())
        ways = f", {count(better)} to a better colour and {count(len(moved) - better)} to a worse"
    sentence = (f"{with_interval(share)} of the accounts change colour from {_called(old)} to {_called(new)}: "
                f"{count(len(moved), 'account')}{ways}.")
    return Finding.of(question, sentence, share, rows=order[columns].to_dict("records"))


def crossed(scores: pd.DataFrame, old: models.Scorecard, new: models.Scorecard, month: date) -> pd.DataFrame:
    """Accounts of a month by band on the old card (rows) and on the new one (columns), worst first; all of both."""
    both = _both(scores, old, new).query("month == @month")
    table = pd.crosstab(both["band_old"], both["band_new"]).reindex(
        index=list(old.bands), columns=list(new.bands), fill_value=0)
    return table.rename_axis(index=None, columns=None).reset_index(names=_called(old))


def both_by_month(scores: pd.DataFrame, old: models.Scorecard, new: models.Scorecard,
                  definitions: Definitions) -> Finding:
    """Mean health of the accounts that both cards score, as a share of each card's total, by month.

    Rows: month, n, old, new, differ (share of accounts whose bands differ), is_changed (the month from which the new
    card leads); months of too few accounts are left out.
    """
    both = _both(scores, old, new)
    both = both.assign(differ=both["band_old"] != both["band_new"], old=both["health_old"] / old.total,
                       new=both["health_new"] / new.total)
    table = both.groupby("month", as_index=False).agg(
        n=("old", "size"), old=("old", "mean"), new=("new", "mean"), differ=("differ", "mean"))
    table = table[table["n"].map(definitions.claims.are_enough)].sort_values("month", ignore_index=True)
    if table.empty:
        return Finding.not_measured("cards_over_time", "no month has enough accounts with a score of both cards")
    last = table.iloc[-1]
    sentence = (f"In {last['month']:%Y-%m} the mean is {percent(last['old'])} of the total by {_called(old)} and "
                f"{percent(last['new'])} by {_called(new)} (n = {count(last['n'])}); over {count(len(table), 'month')} "
                f"{percent(table['differ'].min())} to {percent(table['differ'].max())} of them differ in colour.")
    rows = table.assign(is_changed=table["month"].dt.strftime("%Y-%m") == (new.in_use_from or ""))
    return Finding("cards_over_time", sentence, n=int(last["n"]),
                   details={"rows": rows.to_dict("records"), "names": {"old": _called(old), "new": _called(new)}})


def _called(card: models.Scorecard) -> str:
    return f"{card.name} {card.version}"


def _both(scores: pd.DataFrame, old: models.Scorecard, new: models.Scorecard) -> pd.DataFrame:
    columns = {"health": "health_{}", "health_band": "band_{}"}
    left, right = (of_card(scores, card).dropna(subset="health").rename(
        columns={name: text.format(which) for name, text in columns.items()})
        for card, which in ((old, "old"), (new, "new")))
    return left[[*KEY, "owner", "health_old", "band_old"]].merge(right[[*KEY, "health_new", "band_new"]], on=KEY)
