"""ISO weeks: their names, their Mondays.

Knows no data set; the day is passed in, never today's.
"""

import re
from datetime import date, timedelta

WEEK = re.compile(r"[0-9]{4}-W[0-9]{2}")


def monday_of(week: str) -> date | None:
    """The Monday of an ISO week, None where there is no such week.

    >>> monday_of("2026-W44"), monday_of("2025-W53")
    (datetime.date(2026, 10, 26), None)
    """
    try:
        return date.fromisocalendar(*map(int, week.split("-W")), 1) if WEEK.fullmatch(week) else None
    except ValueError:
        return None


def week_name(day: date) -> str:
    """The ISO week that a day lies in.

    >>> week_name(date(2027, 1, 3))
    '2026-W53'
    """
    return "{}-W{:02}".format(*day.isocalendar()[:2])


def next_monday(day: date) -> date:
    """The first Monday after a day.

    >>> next_monday(date(2026, 10, 31)), next_monday(date(2026, 11, 2))
    (datetime.date(2026, 11, 2), datetime.date(2026, 11, 9))
    """
    return day + timedelta(days=7 - day.weekday())
