"""The simulated world, month by month: engagement drives every event, the events make the health,
and the health at the reading decides how the next renewal ends.

Nothing here knows files or columns of exports; tables.py words what happened.
"""

from collections import defaultdict

import numpy as np
import pandas as pd

from cs_research.simulate import contact, terms, usage
from cs_research.simulate.calendar import NO_DATE, Calendar
from cs_research.simulate.card import INDICATORS, UNMEASURED, colours, total
from cs_research.simulate.population import expit
from cs_research.simulate.terms import CHURNED, CONTRACTED, EXPANDED, NEVER, PRICES, RENEWED
from cs_research.simulate.worlds import HEALTH_KNOTS, World

ENOUGH_STOCK = 400
"""Cards per seat at the landmark that make an onboarding a success where no milestones are kept."""
FADE = np.array([0.0, -0.6, -1.3, -2.2, -2.8])
"""What a customer who will leave loses in engagement, by months since that was decided."""


class Life:
    """One block of accounts: `run()` fills the log (what happened, by name) and arrays of account x month.

    In `health` NaN means no score; in `seats_then` 0 means not under contract at the month's end. `trial`, where
    given, decides by account and month what of last month's touches is felt: a point per seat, or nothing.
    """

    use, touch = usage.use, contact.touch
    trial: np.ndarray | None = None

    def __init__(self, people, managers, world: World, calendar: Calendar, rng: np.random.Generator):
        self.people, self.managers, self.world, self.calendar, self.rng = people, managers, world, calendar, rng
        count, users, by_month = people.count, len(people.user_account), (people.count, calendar.months)
        self.month = 0
        self.log: dict[str, list[dict]] = defaultdict(list)
        self.start = calendar.date(people.start_month, people.start_day)
        self.health, self.engagement, self.stock_rate = np.full((3, *by_month), np.nan)
        self.touch_rate, self.touch_score = np.full((2, *by_month), np.nan)
        self.colours = np.full((*by_month, len(INDICATORS)), UNMEASURED, np.int8)
        self.seats_then = np.zeros(by_month, int)
        self.seats, self.product = people.seats.copy(), people.product.copy()
        self.old_cards = people.brought * people.seats
        self.mrr = people.seats * PRICES[people.product]
        self.anchor_day, self.contract_number = people.start_day.copy(), np.ones(count, int)
        self.is_alive = np.zeros(count, bool)
        self.fate, self.renewal_count = np.zeros((2, count), int)
        self.due_month, self.reading_month, self.return_month, self.decided_month = np.full((4, count), NEVER)
        self.drift, self.stock, self.points = np.zeros((3, count))
        self.keyman_met = self.start.copy()
        self.goal_agreed, self.goal_achieved = np.full((2, count, 4), NO_DATE)
        self.activated, self.course = np.full(users, NO_DATE), np.zeros(users, int)
        self.video_progress, self.course_progress = np.zeros((2, users))

    def run(self) -> "Life":
        """Live all months, and as much of the two after them as is signed or booked ahead."""
        for month in range(self.calendar.months + 2):
            self.month = month
            terms.begin(self)
            terms.renew(self)
            if month >= self.calendar.months:
                contact.meet(self)
                continue
            self._engage()
            used = self.use()
            self.touch()
            contact.meet(self)
            contact.pursue_goals(self)
            self._score(used)
            self._decide()
        return self

    def note(self, name: str, **columns) -> None:
        """Write down what happened: arrays of one length, or one value for all."""
        self.log[name].append(columns)

    def noted(self, name: str) -> pd.DataFrame:
        """All that was written down under the name, in that order."""
        entries = [np.broadcast_arrays(*entry.values()) for entry in self.log[name]]
        return pd.DataFrame(dict(zip(self.log[name][0], map(np.concatenate, zip(*entries, strict=True)), strict=True)))

    @property
    def present(self) -> np.ndarray:
        """Accounts under contract on some day of the month: from `first` to `last`."""
        return self.first <= self.last

    @property
    def seated(self) -> np.ndarray:
        """Users who have a seat this month."""
        of = self.people.user_account
        return (self.people.user_number < self.seats[of]) & self.present[of]

    def dates(self, accounts: np.ndarray, first: np.ndarray | None = None) -> np.ndarray:
        """A date of the month under contract for each of the accounts, not before `first`."""
        first = self.first[accounts] if first is None else first
        span = (self.last[accounts] - first).astype(int) + 1
        return first + (self.rng.random(len(accounts)) * span).astype(int)

    def landmark_month(self) -> np.ndarray:
        """The month that contains the start plus two months minus one day, by account."""
        return self.calendar.month(self.calendar.date(self.people.start_month + 2, self.people.start_day) - 1)

    def _engage(self) -> None:
        """Engagement: inclination, drift, onboarding, last month's touches, the fade of those who leave."""
        self.drift = 0.8 * self.drift + self.rng.normal(0, 0.3, len(self.drift))
        ramp = np.clip((self.month - self.people.start_month - 1) / 6, 0, 1)
        felt = self.touch_rate[:, self.month - 1] if self.trial is None else self.trial[:, self.month]
        touched = np.nan_to_num(felt)  # before the first month: NaN, none
        since = np.clip(self.month - self.decided_month, 0, len(FADE) - 1)
        level = self.world.base + self.people.inclination + self.drift
        level = level + self.world.onboarding * self.people.is_onboarded * ramp + self.world.touch * np.log1p(touched)
        level = level + np.where(self.fate == CHURNED, FADE[since], 0)
        self.engagement[:, self.month] = np.where(self.present, level, np.nan)

    def _score(self, used: dict[str, np.ndarray]) -> None:
        alive, month, seats = self.is_alive, self.month, np.maximum(self.seats, 1)
        self.seats_then[:, month] = np.where(alive, self.seats, 0)
        self.touch_rate[:, month] = np.where(alive, self.points / seats, np.nan)
        self.stock_rate[:, month] = np.where(alive, self.stock / seats, np.nan)
        recent = self.touch_rate[:, max(0, month - 2) : month + 1]
        known = np.maximum((~np.isnan(recent)).sum(axis=1), 1)
        self.touch_score[:, month] = np.where(alive, np.nansum(recent, axis=1) / known, np.nan)
        month_end = self.calendar.date(month, 31)
        is_scored = alive & ((month_end - self.start).astype(int) + 1 >= 15)
        self.colours[is_scored, month] = colours(self._indicators(used, seats, month_end))[is_scored]
        self.health[:, month] = total(self.colours[:, month])
        if self.world.success_by_stock:
            ends = alive & (self.landmark_month() == month)
            self.people.is_onboarded[ends] = self.stock_rate[ends, month] >= ENOUGH_STOCK

    def _indicators(self, used: dict[str, np.ndarray], seats: np.ndarray, month_end: np.datetime64) -> dict:
        active = np.maximum(used["active"], 1)  # nobody active: 0 of 1, the worst colour
        agreed, achieved = ((~np.isnat(dates)).sum(axis=1) for dates in (self.goal_agreed, self.goal_achieved))
        return {
            "D-1": self.seats / self.people.target_users,
            "D-2": used["activated"] / seats,
            "D-3": used["login"] / seats,
            "D-4": used["scan"] / seats,
            "E-1": self.touch_score[:, self.month],
            "E-2": -(month_end - self.keyman_met).astype(int) / 30.44,
            "A-1": used["weekly"] / active,
            "A-2": self.stock_rate[:, self.month],
            "A-3": used["key"] / active,
            "R-1": np.where(agreed > 0, achieved / np.maximum(agreed, 1), np.nan),
        }

    def _decide(self) -> None:
        """Churn, expansion and contraction compete at the renewal, by health as this world's true card has it;
        the manager and the hidden trait shift the odds of churn."""
        read = self.is_alive & (self.reading_month == self.month) & ~np.isnan(self.health[:, self.month])
        who, world = np.flatnonzero(read), self.world
        true_health = total(self.colours[who, self.month], world.steps)
        rates = (world.churn, world.expansion, world.contraction)
        churned, expanded, contracted = (np.interp(true_health, HEALTH_KNOTS, rate) for rate in rates)
        shift = self.managers.churn[self.people.owner[who]] - self.people.hidden[who]
        churned = expit(np.log(churned / (1 - churned)) + shift)
        expanded = np.minimum(expanded, 1 - churned)
        contracted = np.minimum(contracted, 1 - churned - expanded)
        draw = self.rng.random(len(who))
        below = [draw < churned, draw < churned + expanded, draw < churned + expanded + contracted]
        self.fate[who] = np.select(below, [CHURNED, EXPANDED, CONTRACTED], RENEWED)
        self.decided_month[who] = self.month
        self.note(
            "readings", account=who, month=self.month, due_month=self.due_month[who],
            health=self.health[who, self.month], true_health=true_health, mrr=self.mrr[who],
            churned=churned, expanded=expanded, contracted=contracted, fate=self.fate[who],
            is_first=self.renewal_count[who] == 0, touch_score=self.touch_score[who, self.month],
        )
