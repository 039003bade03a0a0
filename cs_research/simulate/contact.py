"""How the simulated managers and customers are in touch: touches, meetings and goals of one month."""

import numpy as np

from cs_research.simulate.card import reached
from cs_research.simulate.population import expit

CHANCE = {
    "mail_open": 0.16, "mail_click": 0.09, "web_visit": 0.07, "video_view": 0.07, "elearning_login": 0.04,
    "seminar_application": 0.025,
}
"""Per active user and month, before the account's contact level multiplies it."""
POINTS = {
    "mail_click": 1, "web_visit": 1, "elearning_login": 1, "seminar_application": 1, "seminar_attendance": 2,
    "mid_review": 10, "final_review": 10, "event_attendance": 10,
}
"""Other touches book none; videos and courses by their progress."""
VIDEO_CUTS = (0.2, 0.6, 1.0)  # a point each
COURSE_CUTS, COURSE_POINTS = (0.5, 1.0), np.array([0, 3, 5])
COURSES = 8
LOW_HEALTH = 22.0


def level(life) -> tuple[np.ndarray, np.ndarray]:
    """Whose health was low last month, and how much every account is contacted.

    Reactive: managers reach out more where last month's health was low (recorded) and by what they see of the
    engagement of the day and of the hidden trait (not recorded); otherwise by habit and by chance.
    """
    people, rng = life.people, life.rng
    low = life.health[:, life.month - 1] < LOW_HEALTH  # before the first month: NaN, never low
    contact = life.managers.contact[people.owner] + rng.normal(0, 0.5, people.count) + 0.4 * low
    seen = life.world.insight * np.nan_to_num(life.engagement[:, life.month]) + people.hidden
    return low, np.exp(contact + seen)


def touch(life) -> None:
    """Touches of the month; their points are summed by account in `life.points`."""
    people, rng, number = life.people, life.rng, f"{life.month:03d}"
    life.points = np.zeros(people.count)
    low, contact = level(life)
    users = np.flatnonzero(life.seated & (life.activated < life.calendar.date(life.month)))
    chance = np.clip(contact[people.user_account[users], None] * list(CHANCE.values()), 0, 0.7)
    happens = rng.random(chance.shape) < chance
    reaches = {kind: users[happens[:, column]] for column, kind in enumerate(CHANCE)}
    for kind, content in (("mail_open", "M"), ("mail_click", "M"), ("web_visit", "W")):
        _touch(life, kind, reaches[kind], content=content + number)
    _videos(life, reaches["video_view"])
    _elearning(life, reaches["elearning_login"])
    _seminar(life, reaches["seminar_application"], "S" + number)
    account_touches(life, low, contact)


def _touch(life, kind, user, account=None, date=None, points=None, **details) -> np.ndarray:
    """Note and book touches; the dates, drawn where not given. -1 and "" stand for empty."""
    account = life.people.user_account[user] if account is None else account
    date = life.dates(account) if date is None else date
    points = POINTS.get(kind, 0) if points is None else points
    life.points += np.bincount(account, np.broadcast_to(points, len(account)), life.people.count)
    empty = {"content": "", "progress": np.nan, "recipients": -1, "responded": -1}
    life.note("touches", date=date, account=account, user=user, kind=kind, **(empty | details))
    return date


def _videos(life, users: np.ndarray) -> None:
    """A new video every month; a few go back to last month's and watch it to the end."""
    rng, seen = life.rng, life.video_progress
    unfinished = np.flatnonzero((seen > 0) & (seen < 1))
    again = unfinished[rng.random(len(unfinished)) < 0.25]
    again = again[life.present[life.people.user_account[again]]]
    more = 3 - reached(VIDEO_CUTS, seen[again])
    _touch(life, "video_view", again, points=more, content=f"V{life.month - 1:03d}", progress=1.0)
    seen[:] = 0
    seen[users] = rng.choice([0.1, 0.2, 0.35, 0.6, 0.8, 1.0], len(users), p=[0.1, 0.15, 0.15, 0.2, 0.1, 0.3])
    points = reached(VIDEO_CUTS, seen[users])
    _touch(life, "video_view", users, points=points, content=f"V{life.month:03d}", progress=seen[users])


def _elearning(life, users: np.ndarray) -> None:
    """A login, and mostly some progress in the course the user is in."""
    date = _touch(life, "elearning_login", users)
    learns = (life.rng.random(len(users)) < 0.7) & (life.course[users] < COURSES)
    users, date = users[learns], date[learns]
    before = life.course_progress[users]
    after = np.minimum(np.round(before + life.rng.uniform(0.2, 0.9, len(users)), 2), 1.0)
    points = COURSE_POINTS[reached(COURSE_CUTS, after)] - COURSE_POINTS[reached(COURSE_CUTS, before)]
    content = np.char.mod("E%02d", life.course[users] + 1)
    _touch(life, "elearning", users, date=date, points=points, content=content, progress=after)
    life.course[users] += after >= 1
    life.course_progress[users] = np.where(after >= 1, 0.0, after)


def _seminar(life, users: np.ndarray, content: str) -> None:
    date = _touch(life, "seminar_application", users, content=content)
    came = life.rng.random(len(users)) < 0.6
    later = life.dates(life.people.user_account[users[came]], date[came])
    _touch(life, "seminar_attendance", users[came], date=later, content=content)


def account_touches(life, low: np.ndarray, contact: np.ndarray) -> None:
    """What goes to the account as a whole: mailings, calls, reviews, events."""
    count, since_start = life.people.count, life.month - life.people.start_month
    answers, calls, reviews, finals, events, visits = life.rng.random((6, count))
    called, answered, some = calls < 0.12 + 0.3 * low, answers < 0.5, np.maximum(1, life.seats // 4)
    for kind, chosen, details in (
        ("mail_sent", True, {"recipients": life.seats, "content": f"M{life.month:03d}"}),
        ("call", called, {"responded": answered * 1}),
        ("call_connected", called & answered, {"responded": 1}),
        ("mid_review", (since_start % 12 == 6) & (reviews < 0.5), {}),
        ("final_review", (life.due_month - life.month == 2) & (finals < 0.6), {}),
        ("event_attendance", events < np.minimum(0.02 * contact, 0.3), {}),
        ("web_visit", visits < 0.02, {"recipients": some, "points": some}),
    ):
        who = np.flatnonzero(life.present & chosen)
        _touch(life, kind, -1, who, **{name: np.broadcast_to(value, count)[who] for name, value in details.items()})


def meet(life) -> None:
    """Meetings of the month, some of them cancelled; months after the last are only booked."""
    people, rng = life.people, life.rng
    habit = -1.1 + 0.9 * people.is_enterprise + 1.2 * life.managers.contact[people.owner]
    opening = np.where(life.month - people.start_month < 2, 1.2, 0)
    chance = expit(habit + opening + 0.3 * people.inclination)
    who = np.flatnonzero(life.present & (rng.random(people.count) < chance))
    date, held, keyman = life.dates(who), rng.random(len(who)) < 0.92, rng.random(len(who)) < 0.7
    is_first, is_due = life.month == people.start_month[who], life.due_month[who] - life.month <= 2
    kind = np.where(rng.random(len(who)) < 0.3, "review", "regular")
    kind = np.select([is_first, is_due], ["kickoff", "renewal"], kind)
    decision_maker = rng.random(len(who)) < np.where(kind == "regular", 0.15, 0.4)
    life.note("meetings", account=who, date=date, held=held, keyman=keyman, decision_maker=decision_maker,
              kind=kind, booked=date - rng.integers(2, 28, len(who)))
    life.keyman_met[who[held & keyman]] = date[held & keyman]


def pursue_goals(life) -> None:
    """Goals are agreed one after the other (the first soon after the start) and reached as use goes on."""
    alive = (life.is_alive & life.present)[:, None]
    is_open = ~np.isnat(life.goal_agreed) & np.isnat(life.goal_achieved)
    level = np.nan_to_num(life.engagement[:, life.month], nan=-9.0)[:, None]
    achieves = is_open & alive & (life.rng.random(is_open.shape) < expit(level - 1.9))
    age = (life.month - life.people.start_month)[:, None]
    agrees = alive & (age == np.array([1, 2, 8, 14])) & (np.arange(4) < life.people.goal_count[:, None])
    for dates, now in ((life.goal_agreed, agrees), (life.goal_achieved, achieves)):
        dates[now] = life.dates(np.nonzero(now)[0])
