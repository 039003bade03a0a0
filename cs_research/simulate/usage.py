"""The use of the service in one simulated month: who is activated, who comes on which day, and what for."""

import numpy as np

from cs_research.simulate.population import expit

KEY_SHARE, LOGIN_SHARE, WEEKEND = 0.4, 0.93, 0.08  # the last: a day of the weekend, for one working day


def use(life) -> dict[str, np.ndarray]:
    """Note the month's events; return the different users by account as the card needs them."""
    rng, of = life.rng, life.people.user_account
    users = _users(life)
    own, level = life.people.user_inclination[users], life.engagement[of[users], life.month]
    comes, *of_comers = chances(level, own)
    is_on = rng.random(len(users)) < comes
    users, level, visit, scan, key = (of_all[is_on] for of_all in (users, level, *of_comers))
    row, day = _visits(life, users, visit)
    scans = rng.random(len(row)) < scan[row]
    keys = (rng.random(len(users)) < key)[row] & (rng.random(len(row)) < KEY_SHARE)
    logins = (rng.random(len(row)) < LOGIN_SHARE) | ~(scans | keys)
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
            "weekly": weekly, "activated": np.bincount(of[~np.isnat(life.activated)], minlength=life.people.count)}


def chances(level, own) -> tuple:
    """By the account's engagement and the user's own inclination, the chance that a user comes in this month at all;
    of who comes: to come on a working day, to read cards on a visit, to have the key feature in use this month."""
    return (expit(0.35 + 1.1 * level + own), np.clip(0.03 + 0.3 * expit(0.9 * level + 0.4 * own - 0.9), 0, 0.6),
            expit(-0.3 + 0.5 * level + 0.3 * own), expit(-0.5 + 0.9 * level))


def activation_chance(level, own, is_early):
    """That a user who waits is activated this month; most are in the first two."""
    return expit(0.7 * level + 0.4 * own + np.where(is_early, 0.7, -1.6))


def cards_mean(level, pile):
    """Cards read on a visit, less one: what comes in, and in the first two months a pile (log of its factor)."""
    return np.exp(3.2 + 0.2 * level + pile)


def _users(life) -> np.ndarray:
    """Who may use the service this month; some are activated in it."""
    people, of, seated = life.people, life.people.user_account, life.seated
    waiting = np.flatnonzero(seated & np.isnat(life.activated))
    chance = activation_chance(life.engagement[of[waiting], life.month], people.user_inclination[waiting],
                               life.month - people.start_month[of[waiting]] < 2)
    new = waiting[life.rng.random(len(waiting)) < chance]
    life.activated[new] = life.dates(of[new])
    return np.flatnonzero(seated & ~np.isnat(life.activated))


def _visits(life, users: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position in `users` and day (0 the first) of every visit, under contract and after activation."""
    of = life.people.user_account[users]
    days = np.arange(life.calendar.date(life.month), life.calendar.date(life.month + 1))
    weights = np.where(np.is_busday(days), 1.0, WEEKEND).astype(np.float32)
    drawn = life.rng.random((len(users), len(days)), dtype=np.float32) < chance.astype(np.float32)[:, None] * weights
    first = np.maximum(life.activated[users], life.first[of])
    return np.nonzero(drawn & (days >= first[:, None]) & (days <= life.last[of][:, None]))


def _cards(life, user: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Cards read; now and then some are removed. The visits of the first month with any share the old cards."""
    of = life.people.user_account[user]
    is_early = life.month - life.people.start_month[of] < 2
    count = 1 + life.rng.poisson(cards_mean(level, life.world.pile * is_early))
    visits = np.bincount(of, minlength=life.people.count)[of]
    count += (life.old_cards[of] / visits).astype(int)
    life.old_cards[of] = 0
    return np.where(life.rng.random(len(user)) < 0.0005, -2, count)
