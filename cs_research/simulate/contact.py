"""How the simulated managers and customers are in touch: touches, meetings and goals of one month."""

import numpy as np

SLOT_KINDS = {
    "mail_open": 0.16,
    "mail_click": 0.09,
    "web_visit": 0.07,
    "video_view": 0.07,
    "elearning_login": 0.04,
    "seminar_application": 0.025,
}
"""Chance per active user and month, before the account's contact level multiplies it."""
ELEARNING_COURSES = 8
LOW_HEALTH = 22.0


class Contacts:
    """What the contact side of the world remembers from month to month."""

    def __init__(self, accounts: int, slots: int, goal_count: np.ndarray):
        self.points = np.zeros(accounts)
        self.keyman_met = np.full(accounts, np.datetime64("1900-01-01"))
        self.video_progress = np.zeros(slots)
        self.course, self.course_progress = np.zeros(slots, int), np.zeros(slots)
        shape = (accounts, 4)
        self.goal_exists = np.arange(4) < goal_count[:, None]
        self.goal_agreed = np.full(shape, -1)
        self.goal_achieved = np.full(shape, -1)

    def goals(self) -> tuple[np.ndarray, np.ndarray]:
        """Goals agreed and achieved so far, by account."""
        return (self.goal_agreed >= 0).sum(axis=1), (self.goal_achieved >= 0).sum(axis=1)


def touch(life, month: int) -> None:
    """Touches of the month, with the points they book by account into `life.contacts.points`.

    Reactive: managers reach out more where last month's health was low; otherwise by habit and by chance.
    """
    people, rng, contacts = life.people, life.rng, life.contacts
    contacts.points[:] = 0
    low = life.health[:, month - 1] < LOW_HEALTH if month else np.zeros(len(people), bool)
    contact = life.managers.contact[people.owner] + rng.normal(0, 0.5, len(people)) + 0.4 * low
    contact = np.exp(contact + 0.25 * np.nan_to_num(life.engagement[:, month]))
    users = np.flatnonzero(
        (people.slot_number < life.seats[people.slot_account])
        & (life.active_month < month)
        & (life.first_day <= life.last_day)[people.slot_account]
    )
    chance = np.clip(contact[people.slot_account[users], None] * list(SLOT_KINDS.values()), 0, 0.7)
    happens = dict(zip(SLOT_KINDS, (rng.random(chance.shape) < chance).T, strict=True))
    _simple_touches(life, month, users, happens)
    _videos(life, month, users[happens["video_view"]])
    _elearning(life, month, users[happens["elearning_login"]])
    _seminar(life, month, users[happens["seminar_application"]])
    _account_touches(life, month, low, contact)


def _book(life, slots: np.ndarray, points) -> None:
    np.add.at(life.contacts.points, life.people.slot_account[slots], points)


def _days(life, accounts: np.ndarray, earliest: np.ndarray | int = 1) -> np.ndarray:
    """A day under contract for each account, not before `earliest`."""
    first = np.maximum(life.first_day[accounts], earliest)
    return first + (life.rng.random(len(accounts)) * (life.last_day[accounts] - first + 1)).astype(int)


def _note(life, month, kind, slots, day, content="", progress=np.nan) -> None:
    life.note(
        "touches", month=month, day=day, account=life.people.slot_account[slots], slot=slots, kind=kind,
        content=content, progress=progress, recipients=-1, responded=-1,
    )  # fmt: skip


def _simple_touches(life, month: int, users: np.ndarray, happens: dict[str, np.ndarray]) -> None:
    for kind, content in (("mail_open", "M"), ("mail_click", "M"), ("web_visit", "W")):
        slots = users[happens[kind]]
        _note(life, month, kind, slots, _days(life, life.people.slot_account[slots]), f"{content}{month:03d}")
        if kind != "mail_open":
            _book(life, slots, 1)


def _videos(life, month: int, slots: np.ndarray) -> None:
    """A new video every month; a few go back to last month's and watch it to the end."""
    rng, seen = life.rng, life.contacts.video_progress
    unfinished = np.flatnonzero((seen > 0) & (seen < 1))
    again = unfinished[rng.random(len(unfinished)) < 0.25]
    again = again[(life.first_day <= life.last_day)[life.people.slot_account[again]]]
    days = _days(life, life.people.slot_account[again])
    _note(life, month, "video_view", again, days, f"V{month - 1:03d}", 1.0)
    _book(life, again, 3 - video_points(seen[again]))
    seen[:] = 0
    seen[slots] = rng.choice([0.1, 0.2, 0.35, 0.6, 0.8, 1.0], len(slots), p=[0.1, 0.15, 0.15, 0.2, 0.1, 0.3])
    days = _days(life, life.people.slot_account[slots])
    _note(life, month, "video_view", slots, days, f"V{month:03d}", seen[slots])
    _book(life, slots, video_points(seen[slots]))


def video_points(progress: np.ndarray) -> np.ndarray:
    """20 % watched 1 point, 60 % 2, all 3."""
    return np.searchsorted([0.2, 0.6, 1.0], progress + 1e-9, side="right")


def _elearning(life, month: int, slots: np.ndarray) -> None:
    """A login, and mostly some progress in the course the user is in."""
    rng, contacts = life.rng, life.contacts
    days = _days(life, life.people.slot_account[slots])
    _note(life, month, "elearning_login", slots, days)
    _book(life, slots, 1)
    learns = (rng.random(len(slots)) < 0.7) & (contacts.course[slots] < ELEARNING_COURSES)
    slots, days = slots[learns], days[learns]
    before = contacts.course_progress[slots]
    after = np.minimum(np.round(before + rng.uniform(0.2, 0.9, len(slots)), 2), 1.0)
    course = np.char.mod("E%02d", contacts.course[slots] + 1)
    _note(life, month, "elearning", slots, days, course, after)
    _book(life, slots, elearning_points(after) - elearning_points(before))
    done = after >= 1
    contacts.course[slots] += done
    contacts.course_progress[slots] = np.where(done, 0.0, after)


def elearning_points(progress: np.ndarray) -> np.ndarray:
    """Half of the course 3 points, all of it 5."""
    return np.array([0, 3, 5])[np.searchsorted([0.5, 1.0], progress + 1e-9, side="right")]


def _seminar(life, month: int, slots: np.ndarray) -> None:
    days = _days(life, life.people.slot_account[slots])
    _note(life, month, "seminar_application", slots, days, f"S{month:03d}")
    _book(life, slots, 1)
    came = life.rng.random(len(slots)) < 0.6
    slots, later = slots[came], _days(life, life.people.slot_account[slots[came]], days[came])
    _note(life, month, "seminar_attendance", slots, later, f"S{month:03d}")
    _book(life, slots, 2)


def _account_touches(life, month: int, low: np.ndarray, contact: np.ndarray) -> None:
    """What goes to the account as a whole: mailings, calls, reviews, events."""
    rng, present = life.rng, life.first_day <= life.last_day
    count = len(present)
    since_start, to_due = month - life.people.start_month, life.due_month - month
    responded = rng.random(count) < 0.5
    called = present & (rng.random(count) < 0.12 + 0.3 * low)
    reviewed = present & (since_start % 12 == 6) & (rng.random(count) < 0.5)
    final = present & (to_due == 2) & (rng.random(count) < 0.6)
    event = present & (rng.random(count) < np.minimum(0.02 * contact, 0.3))
    shared = present & (rng.random(count) < 0.02)
    some = np.maximum(1, life.seats // 4)
    for kind, chosen, recipients, answer, points in (
        ("mail_sent", present, life.seats, -1, 0),
        ("call", called, -1, responded, 0),
        ("call_connected", called & responded, -1, 1, 0),
        ("mid_review", reviewed, -1, -1, 10),
        ("final_review", final, -1, -1, 10),
        ("event_attendance", event, -1, -1, 10),
        ("web_visit", shared, some, -1, some),
    ):
        who = np.flatnonzero(chosen)
        at = [np.broadcast_to(value, count)[who] for value in (recipients, answer, points)]
        content = f"M{month:03d}" if kind == "mail_sent" else ""
        life.note(
            "touches", month=month, day=_days(life, who), account=who, slot=-1, kind=kind, content=content,
            progress=np.nan, recipients=at[0], responded=at[1],
        )  # fmt: skip
        np.add.at(life.contacts.points, who, at[2])


def meet(life, month: int) -> None:
    """Meetings of the month, some of them cancelled; months after the last are only booked."""
    people, rng = life.people, life.rng
    count = len(people)
    present = life.first_day <= life.last_day
    habit = -1.1 + 0.9 * people.is_enterprise + 1.2 * life.managers.contact[people.owner]
    opening = np.where(month - people.start_month < 2, 1.2, 0)
    chance = 1 / (1 + np.exp(-(habit + opening + 0.3 * people.inclination)))
    who = np.flatnonzero(present & (rng.random(count) < chance))
    day = _days(life, who)
    date = life.calendar.date(month, day)
    held = rng.random(len(who)) < 0.92
    keyman = rng.random(len(who)) < 0.7
    kind = np.select(
        [month == people.start_month[who], life.due_month[who] - month <= 2, rng.random(len(who)) < 0.3],
        ["kickoff", "renewal", "review"], "regular",
    )  # fmt: skip
    life.note(
        "meetings", account=who, date=date, held=held, keyman=keyman, kind=kind,
        decision_maker=rng.random(len(who)) < np.where(kind == "regular", 0.15, 0.4),
        booked=date - rng.integers(2, 28, len(who)),
    )  # fmt: skip
    if month < life.calendar.months:
        met = who[held & keyman]
        life.contacts.keyman_met[met] = np.maximum(life.contacts.keyman_met[met], date[held & keyman])


def pursue_goals(life, month: int) -> None:
    """Goals are agreed one after the other (the first soon after the start) and reached as use goes on."""
    contacts, rng = life.contacts, life.rng
    age = (month - life.people.start_month)[:, None]
    alive = (life.is_alive & (life.first_day <= life.last_day))[:, None]
    open_goals = (contacts.goal_agreed >= 0) & (contacts.goal_achieved < 0)
    level = np.nan_to_num(life.engagement[:, month], nan=-9.0)[:, None]
    reached = open_goals & alive & (rng.random(open_goals.shape) < 1 / (1 + np.exp(1.9 - 1.0 * level)))
    contacts.goal_achieved[reached] = month
    schedule = np.array([1, 2, 8, 14])
    agreed = contacts.goal_exists & (age == schedule) & alive
    contacts.goal_agreed[agreed] = month
    for what, chosen in (("goals_agreed", agreed), ("goals_achieved", reached)):
        account, number = np.nonzero(chosen)
        life.note(what, account=account, number=number, date=life.calendar.date(month, _days(life, account)))
