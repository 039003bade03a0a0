"""Contracts of the simulated world: how terms begin, are renewed, and end."""

import numpy as np

from cs_research.simulate.calendar import NO_DATE
from cs_research.simulate.population import OPEN_TERM

RENEWED, EXPANDED, CONTRACTED, CHURNED = 1, 2, 3, 4
NEVER = 10**6
PRICES = np.array([1800, 2400, 3200])
ADDON_SHARE = 0.04
RETURN_SHARE = 0.05


def begin(life) -> None:
    """Open the month: who is under contract from which date to which, newcomers and returners included."""
    life.first = np.where(life.is_alive, life.calendar.date(life.month), NO_DATE)
    life.last = np.full(life.people.count, life.calendar.date(life.month, 31))
    back = life.return_month == life.month
    life.anchor_day[back] = 1
    life.contract_number[back] += 1
    who = np.flatnonzero((life.people.start_month == life.month) | back)
    life.is_alive[who] = True
    life.fate[who], life.decided_month[who] = 0, NEVER
    life.first[who] = life.calendar.date(life.month, life.anchor_day[who])
    _sign(life, who, life.rng.integers(3, 40, len(who)))


def renew(life) -> None:
    """Carry out what was decided about the terms that end this month."""
    _sell_addons(life)
    rng = life.rng
    who = np.flatnonzero(life.is_alive & (life.due_month == life.month) & (life.fate > 0))
    end = life.calendar.date(life.month, life.anchor_day[who])
    life.note("ends", account=who, end=end, fate=life.fate[who], notice=end - rng.integers(5, 45, len(who)))
    leaves = life.fate[who] == CHURNED
    leaving, staying = who[leaves], who[~leaves]
    life.is_alive[leaving], life.last[leaving] = False, end[leaves] - 1
    pause = rng.integers(3, 6, len(leaving))
    returns = rng.random(len(leaving)) < RETURN_SHARE
    life.return_month[leaving] = np.where(returns, life.month + pause, NEVER)
    _resize(life, staying)
    life.renewal_count[staying] += 1
    life.contract_number[staying] += rng.random(len(staying)) < 0.7
    life.fate[staying], life.decided_month[staying] = 0, NEVER
    is_late = rng.random(len(staying)) < 0.04
    _sign(life, staying, np.where(is_late, -rng.integers(1, 20, len(staying)), rng.integers(5, 45, len(staying))))


def _sign(life, who: np.ndarray, days_ahead: np.ndarray) -> None:
    """A new term from the anchored day of this month; it is read by the health of the last month that ends
    on or before the due date minus three months."""
    due, anchor = life.month + life.people.term_months[who], life.anchor_day[who]
    is_open = life.people.term_months[who] == OPEN_TERM
    start, end = life.calendar.date(life.month, anchor), life.calendar.date(due, anchor)
    reading = life.calendar.month(life.calendar.date(due - 3, anchor) + 1) - 1
    life.due_month[who] = np.where(is_open, NEVER, due)
    life.reading_month[who] = np.where(is_open, NEVER, reading)
    _note(life, who, start, np.where(is_open, NO_DATE, end), start - days_ahead, life.seats[who], life.mrr[who])


def _note(life, who, start, end, signed, seats, mrr, is_addon=False) -> None:
    life.note(
        "terms", account=who, start=start, end=end, signed=signed, seats=seats, mrr=mrr, is_addon=is_addon,
        product=life.product[who], contract_number=life.contract_number[who],
    )


def _sell_addons(life) -> None:
    """A few of those who will expand buy the extra seats a month early, in a second term beside the first."""
    grows = life.is_alive & (life.due_month == life.month + 1) & (life.fate == EXPANDED)
    room = life.people.capacity - life.seats
    who = np.flatnonzero(grows & (room > 0) & (life.rng.random(len(grows)) < ADDON_SHARE))
    extra = np.minimum(np.maximum(life.seats[who] // 5, 1), room[who])
    cost = extra * PRICES[life.product[who]]
    start = np.full(len(who), life.calendar.date(life.month, 10))
    end = life.calendar.date(life.month + 1, life.anchor_day[who])
    _note(life, who, start, end, start - 3, extra, cost, is_addon=True)
    life.seats[who] += extra
    life.mrr[who] += cost
    life.fate[who] = RENEWED  # at the due date both terms go on as one


def _resize(life, who: np.ndarray) -> None:
    """Seats and money of the next term. Who expands takes more seats, a better product, or pays more."""
    rng, fate, seats, room = life.rng, life.fate[who], life.seats[who], life.people.capacity[who]
    grown = np.maximum(seats + 1, np.round(seats * rng.uniform(1.08, 1.45, len(who))).astype(int))
    shrunk = np.maximum(1, np.minimum(seats - 1, (seats * rng.uniform(0.55, 0.9, len(who))).astype(int)))
    expands, is_full = fate == EXPANDED, seats >= room
    upgrades = expands & (life.product[who] < 2) & ((rng.random(len(who)) < 0.2) | is_full)
    new = np.select([upgrades, expands, fate == CONTRACTED], [seats, np.minimum(grown, room), shrunk], seats)
    life.product[who] += upgrades
    price = life.mrr[who] / seats
    price = np.select([upgrades, expands & is_full], [PRICES[life.product[who]], price * 1.1], price)
    life.seats[who], life.mrr[who] = new, np.round(new * price).astype(int)
