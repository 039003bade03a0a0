"""Months counted from the first simulated one, and the dates in them."""

import numpy as np


class Calendar:
    """`months` calendar months that end with `last`; month 0 is the first."""

    def __init__(self, last: str, months: int):
        self.months = months
        self.first = np.datetime64(last, "M") - (months - 1)
        self.as_of = self.day_one(months) - 1

    def day_one(self, month):
        """The first date of a month (or of an array of them)."""
        return (self.first + np.asarray(month)).astype("datetime64[D]")

    def length(self, month):
        """Days in the month."""
        return (self.day_one(np.asarray(month) + 1) - self.day_one(month)).astype(int)

    def date(self, month, day):
        """The date of that day, or the month's last day where the month is shorter."""
        return self.day_one(month) + np.minimum(day, self.length(month)) - 1

    def weekday_weights(self, month: int) -> np.ndarray:
        """How much is done on each day of the month: weekends hardly anything."""
        days = self.day_one(month) + np.arange(self.length(month))
        return np.where(np.is_busday(days), 1.0, 0.08).astype(np.float32)
