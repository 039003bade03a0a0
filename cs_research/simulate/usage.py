"""The use of the service in one simulated month: who is activated, who comes on which day, and what for."""

import numpy as np

from cs_research.simulate.population import expit


def use(life) -> dict[str, np.ndarray]:
    """Note the month's events; return the different users by account as the card needs them."""
    rng, of = life.rng, life.people.user_account
    users = _users(life)
    own, level = life.people.user_inclination[users], life.engagement[of[users], life.month]
    is_on = rng.random(len(users)) < expit(0.35 + 1.1 * level + own)
    users, own, level = users[is_on], own[is_on], level[is_on]
    row, day = _visits(life, users, expit(0.9 * level + 0.4 * own - 0.9))
    scans = rng.random(len(row)) < expit(-0.3 + 0.5 * level + 0.3 * own)[row]
    keys = (rng.random(len(users)) < expit(-0.5 + 0.9 * level))[row] & (rng.random(len(row)) < 0.4)
    logins = (rng.random(len(row)) < 0.93) | ~(scans | keys)
    cards, user, date = np.zeros(len(row), int), users[row], life.calendar.date(life.month) + day
    cards[scans] = _cards(life, user[scans], level[row[scans]])
    life.stock += np.bincount(of[user], cards, life.people.count)
    for kind, chosen in (("login", logins), ("card_scan", scans), ("key_feature", keys)):
        life.note("usage", date=date[chosen], user=user[chosen], kind=kind, quantity=cards[chosen])

    def distinct(chosen: np.ndarray) -> np.ndarray:
        seen = np.zeros(len(of), bool)
        seen[user[chosen]] = True
        return np.bincount(of[seen], minlength=life.people.count)

    weekly = np.mean([distinct(np.minimum(day // 7, 3) == week) for week in range(4)], axis=0)
    return {"active": distinct(day >= 0), "login": distinct(logins), "scan": distinct(scans), "key": distinct(keys),
            "weekly": weekly}


def _users(life) -> np.ndarray:
    """Who may use the service this month; some are activated in it, most in the first two."""
    people, of, seated = life.people, life.people.user_account, life.seated
    waiting = np.flatnonzero(seated & np.isnat(life.activated))
    level = 0.7 * life.engagement[of[waiting], life.month] + 0.4 * people.user_inclination[waiting]
    hazard = expit(level + np.where(life.month - people.start_month[of[waiting]] < 2, 0.7, -1.6))
    new = waiting[life.rng.random(len(waiting)) < hazard]
    life.activated[new] = life.dates(of[new])
    return np.flatnonzero(seated & ~np.isnat(life.activated))


def _visits(life, users: np.ndarray, keenness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position in `users` and day (0 the first) of every visit, under contract and after activation."""
    of = life.people.user_account[users]
    days = np.arange(life.calendar.date(life.month), life.calendar.date(life.month + 1))
    weights = np.where(np.is_busday(days), 1.0, 0.08).astype(np.float32)
    chance = np.clip(0.03 + 0.3 * keenness, 0, 0.6).astype(np.float32)
    drawn = life.rng.random((len(users), len(days)), dtype=np.float32) < chance[:, None] * weights
    first = np.maximum(life.activated[users], life.first[of])
    return np.nonzero(drawn & (days >= first[:, None]) & (days <= life.last[of][:, None]))


def _cards(life, user: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Cards read: a pile in the first two months, then what comes in; now and then some are removed."""
    early = life.month - life.people.start_month[life.people.user_account[user]] < 2
    count = 1 + life.rng.poisson(np.exp(3.2 + 0.2 * level + 1.9 * early))
    return np.where(life.rng.random(len(user)) < 0.0005, -2, count)
