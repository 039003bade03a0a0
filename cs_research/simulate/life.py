"""The simulated world, month by month: engagement drives every event, the events make the health,
and the health at the reading decides how the next renewal ends.

Nothing here knows files or columns of exports; the two modules of tables word what happened.
"""

from collections import defaultdict

import numpy as np

from cs_research.simulate import contact, terms, usage
from cs_research.simulate.calendar import Calendar
from cs_research.simulate.card import health
from cs_research.simulate.population import PRICES, Managers, Population
from cs_research.simulate.terms import CHURNED, CONTRACTED, EXPANDED, NEVER, RENEWED
from cs_research.simulate.usage import distinct, expit
from cs_research.simulate.worlds import HEALTH_KNOTS, World

FADE = np.array([0.0, -0.6, -1.3, -2.2, -2.8])
"""What a customer who will leave loses in engagement, by months since that was decided."""


class Life:
    """One block of accounts: `run()` fills `log` (what happened, by name) and the tables of account x month.

    In `health` NaN means no score; in `seats_then` 0 means not under contract at the month's end.
    `onboarded` forces every onboarding to succeed or to fail.
    """

    def __init__(
        self,
        people: Population,
        managers: Managers,
        world: World,
        calendar: Calendar,
        rng: np.random.Generator,
        onboarded: bool | None = None,
    ):
        self.people, self.managers, self.world = people, managers, world
        self.calendar, self.rng = calendar, rng
        count, slots = len(people), len(people.slot_account)
        self.is_onboarded = people.is_onboarded if onboarded is None else np.full(count, onboarded)
        self.log: dict[str, list[dict]] = defaultdict(list)
        shape = (count, calendar.months)
        self.health, self.engagement, self.stock_rate = (np.full(shape, np.nan) for _ in range(3))
        self.touch_rate, self.touch_score = np.full(shape, np.nan), np.full(shape, np.nan)
        self.seats_then = np.zeros(shape, int)
        self.is_alive = np.zeros(count, bool)
        self.first_day, self.last_day = np.zeros(count, int), np.zeros(count, int)
        self.seats, self.product = people.seats.copy(), people.product.copy()
        self.mrr = people.seats * PRICES[people.product]
        self.anchor_day, self.contract_number = people.start_day.copy(), np.ones(count, int)
        self.fate, self.renewal_count = np.zeros(count, int), np.zeros(count, int)
        self.due_month, self.reading_month, self.return_month, self.decided_month = np.full((4, count), NEVER)
        self.drift, self.stock = np.zeros(count), np.zeros(count)
        self.active_month, self.active_day = np.full(slots, NEVER), np.zeros(slots, int)
        self.contacts = contact.Contacts(count, slots, people.goal_count)

    def run(self) -> "Life":
        """Live all months, and as much of the two after them as is signed or booked ahead."""
        for month in range(self.calendar.months):
            terms.begin(self, month)
            terms.renew(self, month)
            self._engage(month)
            used = usage.use(self, month)
            contact.touch(self, month)
            contact.meet(self, month)
            contact.pursue_goals(self, month)
            self._score(month, used)
            self._decide(month)
        for month in (self.calendar.months, self.calendar.months + 1):
            terms.begin(self, month)
            terms.renew(self, month)
            contact.meet(self, month)
        return self

    def note(self, name: str, **columns) -> None:
        """Write down what happened: arrays of one length, or one value for all."""
        self.log[name].append(columns)

    def landmark_month(self) -> np.ndarray:
        """The month that contains the start plus two months minus one day, by account."""
        two_on = self.calendar.date(self.people.start_month + 2, self.people.start_day) - 1
        return (two_on.astype("M8[M]") - self.calendar.first).astype(int)

    def _engage(self, month: int) -> None:
        """Engagement: inclination, drift, onboarding, last month's touches, the fade of those who leave."""
        self.drift = 0.8 * self.drift + self.rng.normal(0, 0.3, len(self.drift))
        ramp = np.clip((month - self.people.start_month - 1) / 6, 0, 1)
        level = self.world.base + self.people.inclination + self.drift
        level = level + self.world.onboarding * self.is_onboarded * ramp
        if month:
            level = level + self.world.touch * np.log1p(np.nan_to_num(self.touch_rate[:, month - 1]))
        since = np.clip(month - self.decided_month, 0, len(FADE) - 1)
        level = level + np.where(self.fate == CHURNED, FADE[since], 0)
        self.engagement[:, month] = np.where(self.first_day <= self.last_day, level, np.nan)

    def _score(self, month: int, used: dict[str, np.ndarray]) -> None:
        alive, seats = self.is_alive, np.maximum(self.seats, 1)
        self.seats_then[:, month] = np.where(alive, self.seats, 0)
        self.touch_rate[:, month] = np.where(alive, self.contacts.points / seats, np.nan)
        recent = self.touch_rate[:, max(0, month - 2) : month + 1]
        known = np.maximum((~np.isnan(recent)).sum(axis=1), 1)
        self.touch_score[:, month] = np.where(alive, np.nansum(recent, axis=1) / known, np.nan)
        self.stock_rate[:, month] = np.where(alive, self.stock / seats, np.nan)
        month_end = self.calendar.day_one(month + 1) - 1
        start = self.calendar.date(self.people.start_month, self.people.start_day)
        is_scored = alive & ((month_end - start).astype(int) + 1 >= 15)
        total = health(self._indicators(month, used, seats, month_end, start))
        self.health[:, month] = np.where(is_scored, total, np.nan)

    def _indicators(self, month, used, seats, month_end, start) -> dict[str, np.ndarray]:
        active = np.maximum(used["active"], 1)  # nobody active: 0 of 1, the worst colour
        since_keyman = (month_end - np.maximum(self.contacts.keyman_met, start)).astype(int) / 30.44
        agreed, achieved = self.contacts.goals()
        return {
            "D-1": self.seats / self.people.target_users,
            "D-2": distinct(self, np.flatnonzero(self.active_month <= month)) / seats,
            "D-3": used["login"] / seats,
            "D-4": used["scan"] / seats,
            "E-1": self.touch_score[:, month],
            "E-2": -since_keyman,
            "A-1": used["weekly"] / active,
            "A-2": self.stock_rate[:, month],
            "A-3": used["key"] / active,
            "R-1": np.where(agreed > 0, achieved / np.maximum(agreed, 1), np.nan),
        }

    def _decide(self, month: int) -> None:
        """Churn, expansion and contraction compete at the renewal; the manager shifts the odds of churn."""
        who = np.flatnonzero(self.is_alive & (self.reading_month == month) & ~np.isnan(self.health[:, month]))
        total = self.health[who, month]
        churn, expand, contract = (
            np.interp(total, HEALTH_KNOTS, rate)
            for rate in (self.world.churn, self.world.expansion, self.world.contraction)
        )
        churn = expit(np.log(churn / (1 - churn)) + self.managers.churn[self.people.owner[who]])
        expand = np.minimum(expand, 1 - churn)
        contract = np.minimum(contract, 1 - churn - expand)
        draw = self.rng.random(len(who))
        below = [draw < churn, draw < churn + expand, draw < churn + expand + contract]
        self.fate[who] = np.select(below, [CHURNED, EXPANDED, CONTRACTED], RENEWED)
        self.decided_month[who] = month
        self.note(
            "readings", account=who, month=month, due_month=self.due_month[who], health=total,
            churn=churn, expand=expand, contract=contract, fate=self.fate[who],
            is_first=self.renewal_count[who] == 0, touch_score=self.touch_score[who, month],
        )  # fmt: skip
