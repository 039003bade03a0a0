"""Contracts of the simulated world: how terms begin, are renewed, and end."""

import numpy as np

from cs_research.simulate.population import OPEN_TERM, PRICES

RENEWED, EXPANDED, CONTRACTED, CHURNED = 1, 2, 3, 4
NEVER = 10**6
ADDON_SHARE = 0.04
RETURN_SHARE = 0.05


def begin(life, month: int) -> None:
    """Open the month: who is under contract from which day to which, newcomers and returners included."""
    people, rng = life.people, life.rng
    life.first_day[:] = np.where(life.is_alive, 1, NEVER)
    life.last_day[:] = life.calendar.length(month)
    back = life.return_month == month
    life.anchor_day[back] = 1
    life.contract_number[back] += 1
    who = np.flatnonzero((people.start_month == month) | back)
    life.is_alive[who] = True
    life.fate[who], life.decided_month[who] = 0, NEVER
    life.first_day[who] = np.minimum(life.anchor_day[who], life.calendar.length(month))
    _sign(life, who, month, rng.integers(3, 40, len(who)))


def renew(life, month: int) -> None:
    """Carry out what was decided about the terms that end this month."""
    _sell_addons(life, month)
    rng = life.rng
    who = np.flatnonzero(life.is_alive & (life.due_month == month) & (life.fate > 0))
    date = life.calendar.date(month, life.anchor_day[who])
    life.note("ends", account=who, end=date, fate=life.fate[who], notice=date - rng.integers(5, 45, len(who)))
    leaves = life.fate[who] == CHURNED
    leaving, staying = who[leaves], who[~leaves]
    life.is_alive[leaving] = False
    life.last_day[leaving] = (date[leaves] - life.calendar.day_one(month)).astype(int)
    pause = rng.integers(3, 6, len(leaving))
    life.return_month[leaving] = np.where(rng.random(len(leaving)) < RETURN_SHARE, month + pause, NEVER)
    _resize(life, staying)
    life.renewal_count[staying] += 1
    life.contract_number[staying] += rng.random(len(staying)) < 0.7
    life.fate[who], life.decided_month[staying] = np.where(leaves, CHURNED, 0), NEVER
    is_late = rng.random(len(staying)) < 0.04
    ahead = np.where(is_late, -rng.integers(1, 20, len(staying)), rng.integers(5, 45, len(staying)))
    _sign(life, staying, month, ahead)


def _sign(life, who: np.ndarray, month: int, days_ahead: np.ndarray) -> None:
    """A new term from the anchored day of this month."""
    term = life.people.term_months[who]
    is_open = term == OPEN_TERM
    start = life.calendar.date(month, life.anchor_day[who])
    end = life.calendar.date(month + term, life.anchor_day[who])
    life.due_month[who] = np.where(is_open, NEVER, month + term)
    life.reading_month[who] = np.where(is_open, NEVER, _reading_month(life, who, month + term))
    _note(life, who, start, np.where(is_open, np.datetime64("NaT"), end), start - days_ahead)


def _note(life, who, start, end, signed, seats=None, mrr=None) -> None:
    """Write a term down; with `seats` and `mrr` of its own it is an add-on."""
    life.note(
        "terms", account=who, start=start, end=end, signed=signed, product=life.product[who],
        seats=life.seats[who] if seats is None else seats, mrr=life.mrr[who] if mrr is None else mrr,
        contract_number=life.contract_number[who], is_addon=seats is not None,
    )  # fmt: skip


def _reading_month(life, who: np.ndarray, due: np.ndarray) -> np.ndarray:
    """The last month that ends on or before the due date minus three months."""
    three_before = life.calendar.date(due - 3, life.anchor_day[who])
    return due - 3 - (three_before < life.calendar.day_one(due - 2) - 1)


def _sell_addons(life, month: int) -> None:
    """A few of those who will expand buy the extra seats a month early, in a second term beside the first."""
    grows = life.is_alive & (life.due_month == month + 1) & (life.fate == EXPANDED)
    room = life.people.capacity - life.seats
    who = np.flatnonzero(grows & (room > 0) & (life.rng.random(len(grows)) < ADDON_SHARE))
    extra = np.minimum(np.maximum(life.seats[who] // 5, 1), room[who])
    cost = extra * PRICES[life.product[who]]
    start = life.calendar.date(month, np.full(len(who), 10))
    end = life.calendar.date(month + 1, life.anchor_day[who])
    _note(life, who, start, end, start - 3, extra, cost)
    life.seats[who] += extra
    life.mrr[who] += cost
    life.fate[who] = RENEWED  # at the due date both terms go on as one


def _resize(life, who: np.ndarray) -> None:
    """Seats and money of the next term. Who expands takes more seats, a better product, or pays more."""
    rng, fate, seats, room = life.rng, life.fate[who], life.seats[who], life.people.capacity[who]
    grown = np.maximum(seats + 1, np.round(seats * rng.uniform(1.08, 1.45, len(who))).astype(int))
    shrunk = np.maximum(1, np.minimum(seats - 1, (seats * rng.uniform(0.55, 0.9, len(who))).astype(int)))
    is_full = seats >= room
    expands = fate == EXPANDED
    upgrades = expands & (life.product[who] < 2) & ((rng.random(len(who)) < 0.2) | is_full)
    new = np.select([upgrades, expands, fate == CONTRACTED], [seats, np.minimum(grown, room), shrunk], seats)
    life.product[who] += upgrades
    price = life.mrr[who] / seats
    price = np.select([upgrades, expands & is_full], [PRICES[life.product[who]], price * 1.1], price)
    life.seats[who], life.mrr[who] = new, np.round(new * price).astype(int)
