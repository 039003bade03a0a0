"""Months counted from the first simulated one, and the dates in them."""

import numpy as np

NO_DATE = np.datetime64("NaT", "D")


class Calendar:
    """`months` calendar months that end with `last`; the first is month 0. Arguments may be arrays."""

    def __init__(self, last: str, months: int):
        self.months = months
        self.first = np.datetime64(last, "M") - (months - 1)
        self.as_of = self.date(months - 1, 31)

    def date(self, month, day=1):
        """The date of that day, or the month's last day where the month is shorter."""
        month = self.first + np.asarray(month)
        return np.minimum(month.astype("M8[D]") + (np.asarray(day) - 1), (month + 1).astype("M8[D]") - 1)

    def month(self, date):
        """The month that contains the date."""
        return (np.asarray(date, "M8[M]") - self.first).astype(int)
