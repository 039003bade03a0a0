"""Replicates for proofs, thousands of accounts in a fraction of a second, and the tables that their truth is read from.

A `Sketch` is a `Life`: the same accounts, managers, contracts, meetings, goals, engagement, colours and decisions,
by the same equations and parameters. It differs in that users are counted, not followed: how many come, log in,
scan or earn touch points is drawn by account and month from the averages over users of the chances in usage.py
and contact.py. So it forgets which user came last month, half a month of use is lost by who is activated in it,
and late recordings (which no Life knows) do not occur. `truth_of` is the truth of sketches, `truth.json` that of
whole lives; they lie close, and a replicate is judged by its own.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from cs_research.simulate import contact, usage
from cs_research.simulate.calendar import Calendar
from cs_research.simulate.card import INDICATORS, band, total, zero_based
from cs_research.simulate.life import Life
from cs_research.simulate.population import OPEN_TERM, draw_managers, draw_people
from cs_research.simulate.terms import CHURNED, CONTRACTED, EXPANDED, RENEWED
from cs_research.simulate.worlds import World

LAST_MONTH = "2026-10"
ACCOUNTS_PER_MANAGER, FEWEST_MANAGERS = 30, 20
HORIZON = 12
OUTCOMES = {RENEWED: "renewed", EXPANDED: "expanded", CONTRACTED: "contracted", CHURNED: "churned"}
SHARED, OF_TOUCH = ("A-2",), ("E-1", "E-2")
"""Indicators that the stock moves, and that touches and meetings move."""
LEVELS = np.linspace(-8, 5, 131)
OWN_SHIFT = 0.7  # how the mean inclination of an account's users moves what they do, in engagement
WORKING_DAYS, WEEK_DAYS = 21.8, 5.3  # of a month and of a quarter of it, weekends at their weight
POINTS_PER = np.array([0, 1, 1, 2.1, 2.8, 2.2])
"""Points that go with each of contact.CHANCE: a video and a course by what is seen and learnt on average."""


class Sketch(Life):
    """A life whose users are counted by account: `activated_users` ever were activated, `ready_users` before."""

    activated_users: np.ndarray | int = 0

    def use(self) -> dict[str, np.ndarray]:
        """As usage.use, without a log of events."""
        people, rng = self.people, self.rng
        seats = np.where(self.present, self.seats, 0)
        own = np.bincount(people.user_account, people.user_inclination * (people.user_number < people.seats[
            people.user_account]), people.count) / people.seats
        level = np.nan_to_num(self.engagement[:, self.month]) + OWN_SHIFT * own
        is_early = self.month - people.start_month < 2
        share = {name: np.interp(level, LEVELS, values) for name, values in _curves().items()}
        self.ready_users = np.minimum(self.activated_users, seats)
        new = rng.binomial(seats - self.ready_users, np.where(is_early, share["early"], share["late"]))
        self.activated_users = self.activated_users + new
        active = rng.binomial(self.ready_users + new - new // 2, share["active"])
        visits = rng.poisson(active * share["scans"] * (self.last - self.first).astype(int).clip(0) / 30)
        cards = visits + rng.poisson(visits * usage.cards_mean(level, self.world.pile * is_early))
        self.stock += cards + np.where(visits > 0, self.old_cards, 0)
        self.old_cards[visits > 0] = 0
        used = {name: rng.binomial(active, share[name]) for name in ("login", "scan", "key")}
        weekly = rng.binomial(4 * active, share["weekly"]) / 4
        return used | {"active": active, "weekly": weekly, "activated": self.activated_users}

    def touch(self) -> None:
        """As contact.touch, users' touches as points only."""
        low, level = contact.level(self)
        chance = np.clip(level[:, None] * list(contact.CHANCE.values()), 0, 0.7)
        self.points = self.rng.binomial(self.ready_users[:, None], chance) @ POINTS_PER
        contact.account_touches(self, low, level)


@lru_cache
def _curves() -> dict[str, np.ndarray]:
    """By level of engagement, averages over users: who is active, and of the active what share does what."""
    own, weight = np.polynomial.hermite_e.hermegauss(9)
    level, own, weight = LEVELS[:, None], 0.9 * own, weight / weight.sum()
    on, day, scan, key = usage.chances(level, own)

    def some(chance: np.ndarray, days: float = WORKING_DAYS) -> np.ndarray:
        return 1 - (1 - chance) ** days

    login = usage.LOGIN_SHARE + (1 - usage.LOGIN_SHARE) * (1 - scan) * (1 - key * usage.KEY_SHARE)
    does = {"login": some(day * login), "scan": some(day * scan), "key": key * some(day * usage.KEY_SHARE),
            "weekly": some(day, WEEK_DAYS), "scans": day * scan * WORKING_DAYS}
    active = (on * some(day)) @ weight
    activated = {name: usage.activation_chance(level, own, name == "early") @ weight for name in ("early", "late")}
    return {"active": active} | activated | {name: (on * share) @ weight / active for name, share in does.items()}


def draw(world: World, accounts: int, seed: int, months: int = 30, managers: int | None = None,
         kind: type[Life] = Sketch, onboarded: bool | None = None, is_trial: bool = False) -> Life:
    """One replicate: its readings, onboardings and touch panel are made by the functions below.

    Accounts start all over the `months`, so about two thirds of them come to a reading and an onboarding that is
    over. `managers` None: one for 30 accounts, 20 at least. `onboarded` lets every onboarding succeed or fail;
    `is_trial` lets a coin decide what is felt of touches. The same arguments give the same draws.

    >>> from cs_research.simulate.worlds import world_of
    >>> draw(world_of("claims"), accounts=40, seed=1).people.count
    40
    """
    rng = np.random.default_rng([seed, months])
    staff = draw_managers(rng, managers or max(FEWEST_MANAGERS, accounts // ACCOUNTS_PER_MANAGER), world)
    people = draw_people(rng, accounts, months, staff, world)
    if onboarded is not None:
        world = replace(world, success_by_stock=False)
        people.is_onboarded[:] = onboarded
    life = kind(people, staff, world, Calendar(LAST_MONTH, months), rng)
    if is_trial:
        life.trial = rng.integers(0, 2, (accounts, months)).astype(float)
    life.run()
    for name in ("usage", "touches"):  # large, and nothing that is asked of a replicate needs them
        life.log.pop(name, None)
    return life


def readings(life: Life) -> pd.DataFrame:
    """One row per renewal due within the period whose reading has a score.

    account_id (a number); month and due_month (counted from the first); health, true_health (the total of the card
    that decides), touch_score, mrr; the colours D-1 ... R-1, 0 the worst to 3, -1 not measured; outcome, is_churned,
    is_expanded, is_first; p_churned, p_expanded, p_contracted, the true chances that the outcome was drawn from.
    """
    rows = life.noted("readings").query("due_month < @life.calendar.months").reset_index(drop=True)
    rows = rows.rename(columns={"account": "account_id"} | {name: f"p_{name}" for name in OUTCOMES.values()})
    outcome = rows.pop("fate").map(OUTCOMES)
    rows = rows.assign(outcome=outcome, is_churned=outcome == "churned", is_expanded=outcome == "expanded")
    return rows.join(pd.DataFrame(life.colours[rows["account_id"], rows["month"]], columns=list(INDICATORS)))


def onboarding(life: Life) -> pd.DataFrame:
    """One row per account whose twelve months after the landmark are over.

    account_id, segment, is_success, is_here (twelve months later); health (0-based, churned 0), rest_health (the same
    without A-2, which the stock moves), points (the card's own scale, churned 0), health_before (0-based, last month
    before the first due date; empty for who has none).
    """
    people, last, landmark = life.people, life.calendar.months, life.landmark_month()
    who = np.flatnonzero(landmark + HORIZON < last)
    later = landmark[who] + HORIZON
    due = np.where(people.term_months == OPEN_TERM, last + 1, people.start_month + people.term_months)[who]
    is_here, points = life.seats_then[who, later] > 0, life.health[who, later]
    rest = total(life.colours[who, later], without=SHARED)
    before = zero_based(life.health[who, np.minimum(due, last) - 1])
    return pd.DataFrame({
        "account_id": who, "segment": people.segment[who], "is_success": people.is_onboarded[who], "is_here": is_here,
        "health": np.where(is_here, zero_based(points), 0), "rest_health": np.where(is_here, zero_based(rest), 0),
        "points": np.where(is_here, points, 0), "health_before": np.where(due <= last, before, np.nan)})


def touch_panel(life: Life) -> pd.DataFrame:
    """One row per account and month with a score in it, in the next and in the two before.

    segment, month, age (log of 1 + months), size (log of 1 + seats); touch (log of 1 + points per seat in the month);
    after (health next month) and lag_0, lag_1, lag_2 (this month's and before), 0-based, without E-1 and E-2;
    band_before (of the whole card, the month before); `trial`, in a life with one, whether next month feels a point.
    """
    bare = zero_based(total(life.colours, without=OF_TOUCH))
    of, month = np.nonzero(~np.isnan(bare[:, 3:] + bare[:, 2:-1] + bare[:, 1:-2] + bare[:, :-3]))
    month = month + 2
    frame = pd.DataFrame({
        "segment": life.people.segment[of], "month": month, "age": np.log1p(month - life.people.start_month[of]),
        "size": np.log1p(life.seats_then[of, month]), "touch": np.log1p(life.touch_rate[of, month]),
        "after": bare[of, month + 1], **{f"lag_{back}": bare[of, month - back] for back in range(3)},
        "band_before": band(life.health[of, month - 1])})
    return frame if life.trial is None else frame.assign(trial=life.trial[of, month + 1])
