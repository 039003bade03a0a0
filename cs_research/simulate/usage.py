"""The use of the service in one simulated month: who is activated, who comes on which day, and what for."""

import numpy as np

from cs_research.simulate.terms import NEVER


def use(life, month: int) -> dict[str, np.ndarray]:
    """Draw the month's events into the log; return distinct users by account as the card needs them."""
    rng, of = life.rng, life.people.slot_account
    users = _users(life, month)
    own, level = life.people.slot_inclination[users], life.engagement[of[users], month]
    is_on = rng.random(len(users)) < expit(0.35 + 1.1 * level + own)
    users, own, level = users[is_on], own[is_on], level[is_on]
    row, day = _visits(life, month, users, expit(0.9 * level + 0.4 * own - 0.9))
    scans = rng.random(len(row)) < expit(-0.3 + 0.5 * level + 0.3 * own)[row]
    has_key = rng.random(len(users)) < expit(-0.5 + 0.9 * level)
    keys = has_key[row] & (rng.random(len(row)) < 0.4)
    logins = (rng.random(len(row)) < 0.93) | ~(scans | keys)
    slot, weeks = users[row], np.minimum((day - 1) // 7, 3)
    cards = np.zeros(len(row), int)
    cards[scans] = _cards(life, slot[scans], level[row[scans]], month)
    np.add.at(life.stock, of[slot], cards)
    for kind, chosen in (("login", logins), ("card_scan", scans), ("key_feature", keys)):
        life.note("usage", month=month, day=day[chosen], slot=slot[chosen], kind=kind, quantity=cards[chosen])
    return {
        "active": distinct(life, slot),
        "login": distinct(life, slot[logins]),
        "scan": distinct(life, slot[scans]),
        "key": distinct(life, slot[keys]),
        "weekly": np.mean([distinct(life, slot[weeks == week]) for week in range(4)], axis=0),
    }


def distinct(life, slots: np.ndarray) -> np.ndarray:
    """Different users by account."""
    seen = np.zeros(len(life.people.slot_account), bool)
    seen[slots] = True
    return np.bincount(life.people.slot_account[seen], minlength=len(life.people))


def _users(life, month: int) -> np.ndarray:
    """The slots that may use the service this month; some are activated in it, most in the first two."""
    people, of = life.people, life.people.slot_account
    present = (people.slot_number < life.seats[of]) & (life.first_day <= life.last_day)[of]
    waiting = np.flatnonzero(present & (life.active_month == NEVER))
    account = of[waiting]
    level = 0.7 * life.engagement[account, month] + 0.4 * people.slot_inclination[waiting]
    hazard = expit(level + np.where(month - people.start_month[account] < 2, 0.7, -1.6))
    new = waiting[life.rng.random(len(waiting)) < hazard]
    span = life.last_day[of[new]] - life.first_day[of[new]] + 1
    life.active_month[new] = month
    life.active_day[new] = life.first_day[of[new]] + (life.rng.random(len(new)) * span).astype(int)
    return np.flatnonzero(present & (life.active_month <= month))


def _visits(life, month: int, users: np.ndarray, keenness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row in `users` and day of every visit, on days under contract and after activation."""
    of, weights = life.people.slot_account[users], life.calendar.weekday_weights(month)
    chance = np.clip(0.03 + 0.3 * keenness, 0, 0.6).astype(np.float32)
    drawn = life.rng.random((len(users), len(weights)), dtype=np.float32) < chance[:, None] * weights
    first = np.where(life.active_month[users] == month, life.active_day[users], 1)
    first = np.maximum(first, life.first_day[of])
    days = np.arange(1, len(weights) + 1)
    drawn &= (days >= first[:, None]) & (days <= life.last_day[of][:, None])
    row, day = np.nonzero(drawn)
    return row, day + 1


def _cards(life, slot: np.ndarray, level: np.ndarray, month: int) -> np.ndarray:
    """Cards read: a pile in the first two months, then what comes in; now and then some are removed."""
    early = month - life.people.start_month[life.people.slot_account[slot]] < 2
    count = 1 + life.rng.poisson(np.exp(3.2 + 0.2 * level + 1.9 * early))
    return np.where(life.rng.random(len(slot)) < 0.0005, -2, count)


def expit(x: np.ndarray) -> np.ndarray:
    """The inverse of the logit."""
    return 1 / (1 + np.exp(-x))
