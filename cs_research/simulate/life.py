"""The simulated world, month by month: engagement drives every event, the events make the health,
and the health at the reading decides how the next renewal ends.

Nothing here knows files or column names of exports; tables.py words what happened.
"""

from collections import defaultdict

import numpy as np

from cs_research.simulate import contact
from cs_research.simulate.calendar import Calendar
from cs_research.simulate.card import health
from cs_research.simulate.population import OPEN_TERM, PRICES, Managers, Population
from cs_research.simulate.worlds import HEALTH_KNOTS, World

RENEWED, EXPANDED, CONTRACTED, CHURNED = 1, 2, 3, 4
NEVER = 10**6
FADE = (0.0, -0.6, -1.3, -2.2, -2.8)
"""What a customer who has decided to leave loses in engagement, by months since the decision."""


class Life:
    """One block of accounts. `run()` fills `log` (what happened) and `health` (account x month, NaN: no score)."""

    def __init__(
        self, people: Population, managers: Managers, world: World, calendar: Calendar,
        rng: np.random.Generator, onboarded: bool | None = None,
    ):  # fmt: skip
        count, slots = len(people), len(people.slot_account)
        self.people, self.managers, self.world, self.calendar, self.rng = people, managers, world, calendar, rng
        self.is_onboarded = people.is_onboarded if onboarded is None else np.full(count, onboarded)
        self.log: dict[str, list[dict]] = defaultdict(list)
        shape = (count, calendar.months)
        self.health = np.full(shape, np.nan)
        self.engagement = np.full(shape, np.nan)
        self.seats_then = np.zeros(shape, int)
        self.touch_rate = np.full(shape, np.nan)
        self.touch_score = np.full(shape, np.nan)
        self.stock_rate = np.full(shape, np.nan)
        self.is_alive = np.zeros(count, bool)
        self.seats, self.product = people.seats.copy(), people.product.copy()
        self.mrr = (people.seats * PRICES[people.product]).astype(int)
        self.first_day, self.last_day = np.zeros(count, int), np.zeros(count, int)
        self.due_month, self.reading_month = np.full(count, NEVER), np.full(count, NEVER)
        self.return_month, self.renewal_count = np.full(count, NEVER), np.zeros(count, int)
        self.anchor_day, self.contract_number = people.start_day.copy(), np.ones(count, int)
        self.fate, self.decided_month = np.zeros(count, int), np.full(count, NEVER)
        self.drift, self.stock = np.zeros(count), np.zeros(count)
        self.active_month, self.active_day = np.full(slots, NEVER), np.zeros(slots, int)
        self.contacts = contact.Contacts(count, slots, people.goal_count)

    def run(self) -> "Life":
        for month in range(self.calendar.months):
            self._begin(month)
            self._renew(month)
            self._engage(month)
            usage = self._use(month)
            contact.touch(self, month)
            contact.meet(self, month)
            contact.pursue_goals(self, month)
            self._score(month, usage)
            self._decide(month)
        for month in (self.calendar.months, self.calendar.months + 1):  # what is signed or booked ahead
            self._begin(month)
            self._renew(month)
            contact.meet(self, month)
        return self

    def landmark_month(self) -> np.ndarray:
        """The month that contains the start plus two months minus one day, by account."""
        people = self.people
        two_on = self.calendar.date(people.start_month + 2, people.start_day) - 1
        return (two_on.astype("M8[M]") - self.calendar.first).astype(int)

    def note(self, table: str, **columns) -> None:
        """Write down what happened: arrays of one length, or one value for all."""
        self.log[table].append(columns)

    # Contracts

    def _begin(self, month: int) -> None:
        self.first_day[:] = np.where(self.is_alive, 1, NEVER)
        self.last_day[:] = self.calendar.length(month)
        starts = (self.people.start_month == month) | (self.return_month == month)
        self.anchor_day[self.return_month == month] = 1
        self.contract_number[self.return_month == month] += 1
        who = np.flatnonzero(starts)
        self.is_alive[who] = True
        self.fate[who], self.decided_month[who] = 0, NEVER
        self.first_day[who] = np.minimum(self.anchor_day[who], self.calendar.length(month))
        self._sign(who, month, self.rng.integers(3, 40, len(who)))

    def _sign(self, who: np.ndarray, month: int, days_ahead: np.ndarray) -> None:
        """A new term from the anchored day of this month."""
        if not len(who):
            return
        term = self.people.term_months[who]
        start = self.calendar.date(month, self.anchor_day[who])
        is_open = term == OPEN_TERM
        due = np.where(is_open, NEVER, month + term)
        self.due_month[who] = due
        self.reading_month[who] = np.where(is_open, NEVER, self._reading_month(who, month + term))
        ends = self.calendar.date(month + term, self.anchor_day[who])
        self._note_term(who, start, np.where(is_open, np.datetime64("NaT"), ends), start - days_ahead)

    def _note_term(self, who, start, end, signed, seats=None, mrr=None, is_addon=False) -> None:
        self.note(
            "terms", account=who, start=start, end=end, signed=signed, product=self.product[who],
            seats=self.seats[who] if seats is None else seats, mrr=self.mrr[who] if mrr is None else mrr,
            contract_number=self.contract_number[who], is_addon=is_addon,
        )  # fmt: skip

    def _reading_month(self, who: np.ndarray, due: np.ndarray) -> np.ndarray:
        """The last month that ends on or before the due date minus three months."""
        three_before = self.calendar.date(due - 3, self.anchor_day[who])
        return due - 3 - (three_before < self.calendar.day_one(due - 2) - 1)

    def _renew(self, month: int) -> None:
        self._sell_addons(month)
        who = np.flatnonzero(self.is_alive & (self.due_month == month) & (self.fate > 0))
        date = self.calendar.date(month, self.anchor_day[who])
        notice = self.rng.integers(5, 45, len(who))
        self.note("ends", account=who, end=date, fate=self.fate[who], notice=date - notice)
        leaving = who[self.fate[who] == CHURNED]
        self.is_alive[leaving] = False
        self.last_day[leaving] = self.calendar.date(month, self.anchor_day[leaving]).astype(int) - (
            self.calendar.day_one(month).astype(int)
        )
        returns = self.rng.random(len(leaving)) < 0.05
        self.return_month[leaving] = np.where(returns, month + self.rng.integers(3, 6, len(leaving)), NEVER)
        staying = who[self.fate[who] != CHURNED]
        self._resize(staying)
        self.renewal_count[staying] += 1
        self.contract_number[staying] += self.rng.random(len(staying)) < 0.7
        late = self.rng.random(len(staying)) < 0.04
        ahead = np.where(late, -self.rng.integers(1, 20, len(staying)), self.rng.integers(5, 45, len(staying)))
        self.fate[who], self.decided_month[staying] = 0, NEVER
        self._sign(staying, month, ahead)

    def _sell_addons(self, month: int) -> None:
        """A few of those who will expand buy the extra seats a month early, in a second term beside the first."""
        growing = self.is_alive & (self.due_month == month + 1) & (self.fate == EXPANDED)
        who = np.flatnonzero(growing & (self.rng.random(len(growing)) < 0.04) & (self.seats < self._room()))
        if not len(who):
            return
        extra = np.minimum(np.maximum(self.seats[who] // 5, 1), (self._room() - self.seats)[who])
        start = self.calendar.date(month, np.full(len(who), 10))
        end = self.calendar.date(month + 1, self.anchor_day[who])
        cost = extra * PRICES[self.product[who]]
        self._note_term(who, start, end, start - 3, seats=extra, mrr=cost, is_addon=True)
        self.seats[who] += extra
        self.mrr[who] += cost
        self.fate[who] = RENEWED  # at the due date both terms go on as one

    def _room(self) -> np.ndarray:
        return self.people.capacity

    def _resize(self, who: np.ndarray) -> None:
        fate, seats = self.fate[who], self.seats[who]
        grown = np.maximum(seats + 1, np.round(seats * self.rng.uniform(1.08, 1.45, len(who))).astype(int))
        shrunk = np.maximum(1, np.minimum(seats - 1, (seats * self.rng.uniform(0.55, 0.9, len(who))).astype(int)))
        upgrades = (fate == EXPANDED) & (self.product[who] < 2)
        upgrades &= (self.rng.random(len(who)) < 0.2) | (seats >= self._room()[who])
        new = np.where(fate == EXPANDED, np.minimum(grown, self._room()[who]), seats)
        new = np.where(upgrades, seats, np.where(fate == CONTRACTED, shrunk, new))
        self.product[who] += upgrades
        price = np.where(upgrades, PRICES[self.product[who]], self.mrr[who] / seats)
        price = np.where((fate == EXPANDED) & (new == seats) & ~upgrades, price * 1.1, price)  # no room: pays more
        self.seats[who] = new
        self.mrr[who] = np.round(new * price).astype(int)

    # Use

    def _engage(self, month: int) -> None:
        """Engagement: inclination, onboarding, drift, last month's touches, and the fade of those who leave."""
        self.drift = 0.8 * self.drift + self.rng.normal(0, 0.3, len(self.drift))
        age = month - self.people.start_month
        ramp = np.clip((age - 1) / 6, 0, 1)
        level = -0.95 + self.people.inclination + self.world.onboarding * self.is_onboarded * ramp + self.drift
        if month:
            level = level + self.world.touch * np.log1p(np.nan_to_num(self.touch_rate[:, month - 1]))
        since = np.clip(month - self.decided_month, 0, len(FADE) - 1)
        level = level + np.where(self.fate == CHURNED, np.array(FADE)[since], 0)
        self.engagement[:, month] = np.where(self.first_day <= self.last_day, level, np.nan)

    def users_now(self, month: int) -> np.ndarray:
        """The slots that may use the service this month, newly activated ones included."""
        people, of = self.people, self.people.slot_account
        present = (people.slot_number < self.seats[of]) & (self.first_day <= self.last_day)[of]
        waiting = np.flatnonzero(present & (self.active_month == NEVER))
        account = of[waiting]
        level = 0.7 * np.nan_to_num(self.engagement[account, month]) + 0.4 * people.slot_inclination[waiting]
        hazard = expit(level + np.where(month - people.start_month[account] < 2, -0.3, -1.9))
        new = waiting[self.rng.random(len(waiting)) < hazard]
        span = self.last_day[of[new]] - self.first_day[of[new]] + 1
        self.active_month[new] = month
        self.active_day[new] = self.first_day[of[new]] + (self.rng.random(len(new)) * span).astype(int)
        return np.flatnonzero(present & (self.active_month <= month))

    def _use(self, month: int) -> dict[str, np.ndarray]:
        """Draw this month's events; return distinct users by account as the card needs them."""
        people, rng, of = self.people, self.rng, self.people.slot_account
        users = self.users_now(month)
        own = people.slot_inclination[users]
        level = self.engagement[of[users], month]
        is_on = rng.random(len(users)) < expit(0.35 + 1.1 * level + own)
        users, own, level = users[is_on], own[is_on], level[is_on]
        chance = np.clip(0.03 + 0.3 * expit(0.9 * level + 0.4 * own - 0.9), 0, 0.6).astype(np.float32)
        days = self.calendar.weekday_weights(month)
        drawn = rng.random((len(users), len(days)), dtype=np.float32) < chance[:, None] * days
        from_day = np.where(self.active_month[users] == month, self.active_day[users], 1)
        from_day = np.maximum(from_day, self.first_day[of[users]])
        numbers = np.arange(1, len(days) + 1)
        drawn &= (numbers >= from_day[:, None]) & (numbers <= self.last_day[of[users]][:, None])
        row, day = np.nonzero(drawn)
        scans = rng.random(len(row)) < expit(-0.3 + 0.5 * level + 0.3 * own)[row]
        has_key = rng.random(len(users)) < expit(-0.5 + 0.9 * level)
        keys = has_key[row] & (rng.random(len(row)) < 0.4)
        logins = (rng.random(len(row)) < 0.93) | ~(scans | keys)
        slot, day = users[row], day + 1
        quantity = self._cards(slot[scans], level[row[scans]], month)
        for kind, chosen in (("login", logins), ("card_scan", scans), ("key_feature", keys)):
            amount = quantity if kind == "card_scan" else np.zeros(int(chosen.sum()), int)
            self.note("usage", month=month, day=day[chosen], slot=slot[chosen], kind=kind, quantity=amount)
        np.add.at(self.stock, of[slot[scans]], quantity)
        weeks = np.minimum((day - 1) // 7, 3)
        return {
            "active": self._distinct(slot),
            "login": self._distinct(slot[logins]),
            "scan": self._distinct(slot[scans]),
            "key": self._distinct(slot[keys]),
            "weekly": np.mean([self._distinct(slot[weeks == week]) for week in range(4)], axis=0),
        }

    def _cards(self, slot: np.ndarray, level: np.ndarray, month: int) -> np.ndarray:
        """Cards read: a pile in the first two months, then what comes in; now and then some are removed."""
        early = month - self.people.start_month[self.people.slot_account[slot]] < 2
        count = 1 + self.rng.poisson(np.exp(2.1 + 0.2 * level + 1.5 * early))
        return np.where(self.rng.random(len(slot)) < 0.0005, -2, count)

    def _distinct(self, slots: np.ndarray) -> np.ndarray:
        seen = np.zeros(len(self.people.slot_account), bool)
        seen[slots] = True
        return np.bincount(self.people.slot_account[seen], minlength=len(self.people))

    # Health and what comes of it

    def _score(self, month: int, usage: dict[str, np.ndarray]) -> None:
        alive, seats, contacts = self.is_alive, np.maximum(self.seats, 1), self.contacts
        self.seats_then[:, month] = np.where(alive, self.seats, 0)
        activated = self._distinct(np.flatnonzero(self.active_month <= month))
        self.touch_rate[:, month] = np.where(alive, contacts.points / seats, np.nan)
        window = self.touch_rate[:, max(0, month - 2) : month + 1]
        known = np.maximum((~np.isnan(window)).sum(axis=1), 1)
        self.touch_score[:, month] = np.where(alive, np.nansum(window, axis=1) / known, np.nan)
        self.stock_rate[:, month] = np.where(alive, self.stock / seats, np.nan)
        month_end = self.calendar.day_one(month + 1) - 1
        started = self.calendar.date(self.people.start_month, self.people.start_day)
        quiet = (month_end - np.maximum(contacts.keyman_met, started)).astype(int) / 30.44
        active = np.maximum(usage["active"], 1)  # nobody active: 0 of 1, the worst colour
        agreed, achieved = contacts.goals(month)
        total = health({
            "D-1": self.seats / self.people.target_users,
            "D-2": activated / seats,
            "D-3": usage["login"] / seats,
            "D-4": usage["scan"] / seats,
            "E-1": self.touch_score[:, month],
            "E-2": -quiet,
            "A-1": usage["weekly"] / active,
            "A-2": self.stock_rate[:, month],
            "A-3": usage["key"] / active,
            "R-1": np.where(agreed > 0, achieved / np.maximum(agreed, 1), np.nan),
        })  # fmt: skip
        days = (month_end - started).astype(int) + 1
        self.health[:, month] = np.where(alive & (days >= 15), total, np.nan)

    def _decide(self, month: int) -> None:
        """Churn, expansion and contraction compete at the renewal; the manager shifts the odds of churn."""
        who = np.flatnonzero(self.is_alive & (self.reading_month == month) & ~np.isnan(self.health[:, month]))
        total = self.health[who, month]
        churn = np.interp(total, HEALTH_KNOTS, self.world.churn)
        churn = expit(np.log(churn / (1 - churn)) + self.managers.churn[self.people.owner[who]])
        expand = np.minimum(np.interp(total, HEALTH_KNOTS, self.world.expansion), 0.99 - churn)
        contract = np.minimum(np.interp(total, HEALTH_KNOTS, self.world.contraction), 1 - churn - expand)
        draw = self.rng.random(len(who))
        fate = np.select(
            [draw < churn, draw < churn + expand, draw < churn + expand + contract],
            [CHURNED, EXPANDED, CONTRACTED], RENEWED,
        )  # fmt: skip
        self.fate[who], self.decided_month[who] = fate, month
        self.note(
            "readings", account=who, month=month, due_month=self.due_month[who], health=total, churn=churn, expand=expand, contract=contract,
            fate=fate, is_first=self.renewal_count[who] == 0, touch_score=self.touch_score[who, month],
        )  # fmt: skip


def expit(x: np.ndarray) -> np.ndarray:
    """The inverse of the logit."""
    return 1 / (1 + np.exp(-x))
