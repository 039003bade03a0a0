"""What happened in a life, worded as the tables of the data contract: one function per table.

Nothing later than the as-of leaves this module, except terms signed and meetings booked by then.
"""

import numpy as np
import pandas as pd

from cs_research.simulate.calendar import NO_DATE
from cs_research.simulate.life import Life
from cs_research.simulate.population import GOALS, INDUSTRIES, expit
from cs_research.simulate.terms import CHURNED

PRODUCTS = np.array(["Basic", "Standard", "Premium"])
ROLES = np.array(["keyman", "decision_maker", "admin", "member"])
MILESTONES = {"kickoff": 10, "account_setup": 21, "training": 40, "first_value": 58}  # due, in days after the start
RELATIONS = np.array(["weak", "normal", "good"])
COLOURS = np.array(["red", "yellow", "green"])
CELLS = np.array(["silent", "unsatisfied", "unwanted", "thanks"])
NOTES = ("連絡したばかり", "waiting for their answer")
HOURS = np.array([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 23, 0])
HOUR_SHARE = np.array([6, 14, 15, 13, 5, 11, 12, 11, 9, 7, 4, 2, 0.5, 0.5]) / 110
LATE_SHARE, LATE_SHARE_USAGE, LATE_SHARE_REVIEW = 0.03, 0.002, 0.2


def contracts(life: Life) -> pd.DataFrame:
    """One row per term signed by the as-of: renewed once a successor is signed, churned once notice is given."""
    as_of = life.calendar.as_of
    terms = life.noted("terms").merge(life.noted("ends"), on=["account", "end"], how="left", validate="m:1")
    terms = terms[terms["signed"] <= as_of].sort_values(["account", "start", "is_addon"], ignore_index=True)
    # Two renewals of the last months were never filed: the customer goes on, the paper does not.
    is_recent = (as_of - terms["start"]).dt.days.between(46, 119)
    is_renewal = terms.duplicated("account") & ~terms["is_addon"]
    terms = terms.drop(terms.index[is_recent & is_renewal][:2])
    begins = pd.MultiIndex.from_frame(terms.loc[~terms["is_addon"], ["account", "start"]])
    is_followed = pd.MultiIndex.from_frame(terms[["account", "end"]]).isin(begins)
    has_left = (terms["fate"] == CHURNED) & (terms["notice"] <= as_of)
    number = terms["contract_number"].astype(str) + np.where(terms["is_addon"], "A", "")
    return _rows(
        life, terms["account"], "contract_id", np.char.mod("-%s", number),
        start_date=terms["start"], end_date=terms["end"], seats=terms["seats"], mrr=terms["mrr"],
        product=PRODUCTS[terms["product"]],
        status=np.select([has_left, is_followed], ["churned", "renewed"], "active"),
        notice_date=terms["notice"].where(has_left), recorded_at=_stamps(terms["signed"]),
    ).assign(contract_id=lambda rows: "C" + rows["contract_id"])


def accounts(life: Life) -> pd.DataFrame:
    people, rng = life.people, life.rng
    in_group = rng.random(people.count) < 0.04
    group = np.char.mod("G%03d", rng.integers(1, 2 + people.count // 60, people.count))
    return _rows(
        life, np.arange(people.count), account_name=people.name,
        segment=people.segment, industry=np.array(INDUSTRIES)[people.industry],
        goal=np.array(GOALS)[people.goal], owner=people.owner_code,
        target_users=pd.array(people.target_users, dtype="Int64"), parent_id=np.where(in_group, group, None),
        valid_from=life.start,
    )


def users(life: Life) -> pd.DataFrame:
    """Everyone who ever had a seat, but for one member in a hundred whom the export forgot."""
    number, of = life.people.user_number, life.people.user_account
    forgotten = (number > 2) & (life.rng.random(len(number)) < 0.01)
    user = np.flatnonzero((number < life.seats_then.max(axis=1)[of]) & ~forgotten)
    return _rows(life, of[user], "user_id", np.char.mod("-%03d", number[user] + 1), activated_date=life.activated[user],
                 role=ROLES[np.minimum(number[user], 3)])


def usage_events(life: Life) -> pd.DataFrame:
    """At most one event per user, day and type; `quantity` only where cards are counted."""
    log = _stamped(life, life.noted("usage"), LATE_SHARE_USAGE)
    log = log.sort_values(["user", "occurred_at", "kind"], ignore_index=True)
    people = life.people
    return _rows(
        life, people.user_account[log["user"]], user_id=pd.Categorical.from_codes(log["user"], people.user_id),
        occurred_at=log["occurred_at"], event_type=log["kind"].astype("category"),
        quantity=log["quantity"].where(log["kind"] == "card_scan").astype("Int32"), recorded_at=log["recorded_at"],
    )


def touches(life: Life) -> pd.DataFrame:
    """Reviews are kept elsewhere and often arrive late; `user_id` is empty for what concerns the account."""
    log = life.noted("touches").sort_values(["account", "date", "user", "kind"], ignore_index=True)
    share = np.where(log["kind"].isin(["mid_review", "final_review"]), LATE_SHARE_REVIEW, LATE_SHARE)
    log = _stamped(life, log.assign(number=log.groupby("account").cumcount() + 1), share)
    return _rows(
        life, log["account"], "touch_id", np.char.mod("-T%05d", log["number"]), occurred_at=log["occurred_at"],
        touch_type=log["kind"].astype("category"), user_id=pd.Categorical.from_codes(log["user"], life.people.user_id),
        content_id=log["content"].where(log["content"] != "").astype("category"), progress=log["progress"],
        recipients=log["recipients"].where(log["recipients"] >= 0).astype("Int32"),
        responded=log["responded"].where(log["responded"] >= 0).astype("boolean"), recorded_at=log["recorded_at"],
    )


def meetings(life: Life) -> pd.DataFrame:
    """Past ones with `held`, a few entered late; coming ones as booked, `held` still empty."""
    log = life.noted("meetings").sort_values(["account", "date"], ignore_index=True)
    is_past, words = log["date"] <= life.calendar.as_of, {True: "true", False: "false"}
    return _known(life, _rows(
        life, log["account"], "meeting_id", np.char.mod("-M%03d", log.index + 1), scheduled_date=log["date"],
        held=log["held"].map(words).where(is_past), with_keyman=log["keyman"].map(words),
        with_decision_maker=log["decision_maker"].map(words), kind=log["kind"],
        owner=life.people.owner_code[log["account"]],
        recorded_at=np.where(is_past, _recorded(life, log["date"]), log["booked"]),
    ))


def milestones(life: Life) -> pd.DataFrame:
    """Success is every milestone in time; otherwise the last one, and maybe others, come late or never.

    None are kept where success is judged by the stock.
    """
    if life.world.success_by_stock:
        return pd.DataFrame()
    rng, count, frames = life.rng, life.people.count, []
    for name, days in MILESTONES.items():
        due, is_last = life.start + days, name == "first_value"
        fails = ~life.people.is_onboarded & (is_last | (rng.random(count) < 0.35))
        never = fails & (rng.random(count) < 0.4)
        in_time = np.maximum(life.start, due - rng.integers(0, 9, count))
        done = np.where(fails, due + rng.integers(6, 60, count), in_time)
        done = np.where(never | (done > life.calendar.as_of), NO_DATE, done)
        due = np.where(is_last | (rng.random(count) > 0.03), due, NO_DATE)
        rows = _rows(life, np.arange(count), milestone=name, due_date=due, completed_date=done,
                     recorded_at=_recorded(life, done))
        frames.append(rows[~(never & (rng.random(count) < 0.3))])
    return _known(life, pd.concat(frames).sort_values("account_id", kind="stable"))


def surveys(life: Life) -> pd.DataFrame:
    """A recommendation survey every half year, a value survey once a year; the unengaged answer less."""
    rng = life.rng
    account, month, age, level = _account_months(life)
    is_sent = np.isin(age % 12, (4, 10, 11))
    account, month, level, is_value = account[is_sent], month[is_sent], level[is_sent], age[is_sent] % 12 == 11
    date = np.minimum(life.calendar.date(month, rng.integers(3, 25, len(account))), life.calendar.as_of)
    answered = date + rng.integers(1, 20, len(account))
    is_answered = (rng.random(len(account)) < expit(0.5 * level - 0.3)) & (answered <= life.calendar.as_of)
    score = np.clip(np.round(7.5 + 1.1 * level + rng.normal(0, 1.7, len(account))), 0, 10)
    score = np.where(is_value, np.clip(np.round(score / 2), 1, 5), score)
    return _rows(
        life, account, "survey_id", np.char.mod("-S%02d", month), sent_date=date,
        kind=np.where(is_value, "value", "nps"), answered_date=np.where(is_answered, answered, NO_DATE),
        score=pd.array(np.where(is_answered, score, np.nan), dtype="Int64"),
    )


def goals(life: Life) -> pd.DataFrame:
    """The first goal is in the view that the account named at the start."""
    account, number = np.nonzero(~np.isnat(life.goal_agreed))
    agreed, achieved = life.goal_agreed[account, number], life.goal_achieved[account, number]
    due = agreed + life.rng.integers(180, 365, len(agreed))
    return _known(life, _rows(
        life, account, "goal_id", np.char.mod("-G%d", number + 1), agreed_date=agreed,
        due_date=np.where(life.rng.random(len(agreed)) < 0.85, due, NO_DATE), achieved_date=achieved,
        view=np.array(GOALS)[(life.people.goal[account] + number) % len(GOALS)],
        recorded_at=_recorded(life, np.where(np.isnat(achieved), agreed, achieved)),
    ))


def ratings(life: Life) -> pd.DataFrame:
    """Relations are rated twice a year, the value matrix once; scores and stop requests come now and then."""
    rng, frames = life.rng, []
    account, month, age, level = _account_months(life)
    third = np.searchsorted([-0.7, 0.6], level + rng.normal(0, 0.8, len(level)))
    cell = np.minimum(third + rng.integers(0, 2, len(level)), 3)
    for kind, chance, value, days in (
        ("keyman_relation", 0.8 * (age % 6 == 3), RELATIONS[third], None),
        ("manual_score", 0.015, COLOURS[third], 90),
        ("value_matrix", 0.5 * (age % 12 == 9), CELLS[cell], None),
        ("stop_request", 0.002, np.full(len(account), "yes"), 120),
    ):
        row = np.flatnonzero(rng.random(len(account)) < chance)
        date = life.calendar.date(month[row], rng.integers(1, 29, len(row)))
        expires = date + days if days else np.full(len(row), NO_DATE)
        frames.append(_rows(life, account[row], kind=kind, value=value[row], set_date=date,
                            author=life.people.owner_code[account[row]], expires_date=expires))
    return pd.concat(frames).sort_values(["account_id", "kind", "set_date"], ignore_index=True)


def feedback(life: Life) -> pd.DataFrame:
    """The managers' word on entries of the weekly lists of the last half year."""
    rng, first = life.rng, max(0, life.calendar.months - 6)
    low = life.health[:, first:] < 25
    account, month = np.nonzero(low & (rng.random(low.shape) < 0.08))
    week = pd.to_datetime(life.calendar.date(first + month, rng.integers(1, 22, len(account)))).strftime("%G-W%V")
    is_wrong = rng.random(len(account)) < 0.3
    return _rows(life, account, week=week, verdict=np.where(is_wrong, "should_not_contact", "useful"),
                 note=np.where(is_wrong, rng.choice(NOTES, len(account)), None))


TABLES = (contracts, accounts, users, usage_events, touches, meetings, milestones, surveys, goals, ratings, feedback)
"""In the order of their draws: another order gives other bytes."""


def _rows(life: Life, account, key: str = "", suffix=(), **columns) -> pd.DataFrame:
    """`account_id` and the columns; first of all, if named, a key made of the account's id and the suffix."""
    ids, account = life.people.id, np.asarray(account)
    own = {key: np.char.add(ids[account], suffix)} if key else {}
    return pd.DataFrame(own | {"account_id": pd.Categorical.from_codes(account, ids)} | columns)


def _account_months(life: Life) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Account, month, age in months and engagement of every month an account ended under contract."""
    account, month = np.nonzero(life.seats_then > 0)
    age = month - life.people.start_month[account]
    return account, month, age, np.nan_to_num(life.engagement[account, month])


def _recorded(life: Life, happened, share=LATE_SHARE) -> np.ndarray:
    """When each row became known: no date (at once) for most, two days to two months later for a share."""
    delay = life.rng.integers(2, 62, len(happened))
    return np.where(life.rng.random(len(happened)) < share, np.asarray(happened, "M8[D]") + delay, NO_DATE)


def _known(life: Life, rows: pd.DataFrame, hours=10) -> pd.DataFrame:
    """Without rows that nobody has recorded by the as-of; `recorded_at`, a date till here, as a stamp."""
    is_known = ~(rows["recorded_at"] > life.calendar.as_of)
    return rows.assign(recorded_at=_stamps(rows["recorded_at"], hours))[is_known].reset_index(drop=True)


def _stamped(life: Life, log: pd.DataFrame, share) -> pd.DataFrame:
    """The log of events with `occurred_at` and `recorded_at` stamps, without what is not known yet."""
    hours = life.rng.choice(HOURS, len(log), p=HOUR_SHARE)
    log = log.assign(occurred_at=_stamps(log["date"], hours), recorded_at=_recorded(life, log["date"], share))
    return _known(life, log, hours)


def _stamps(dates, hours=10) -> pd.Categorical:
    """Each date at its hour, as exports of Japan write it: many rows, few different stamps.

    >>> _stamps(np.array(["2026-10-31"], "M8[D]"))[0]
    '2026-10-31T10:00:00+09:00'
    """
    code, seen = pd.factorize(np.asarray(dates, "M8[D]").astype("M8[s]") + hours * np.timedelta64(3600), sort=True)
    text = np.char.add(np.datetime_as_string(seen, unit="s"), "+09:00")
    return pd.Categorical.from_codes(code, text, ordered=True)
