"""One block of lived accounts on its way into tables: identities, the log, and when things became known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cs_research.simulate.life import Life
from cs_research.simulate.stamps import day_stamps, hour_stamps

LATE_SHARE = 0.03
CLOCK = np.array([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 23, 0])
CLOCK_SHARE = np.array([6, 14, 15, 13, 5, 11, 12, 11, 9, 7, 4, 2, 0.5, 0.5]) / 110


@dataclass(frozen=True)
class Block:
    """`ids` and `names` by account, `owners` (codes) by manager; `rng` draws what only the recording adds."""

    life: Life
    ids: np.ndarray
    names: np.ndarray
    owners: np.ndarray
    rng: np.random.Generator

    @property
    def as_of(self) -> np.datetime64:
        return self.life.calendar.as_of

    @property
    def start(self) -> np.ndarray:
        """The first day under contract, by account."""
        return self.life.calendar.date(self.life.people.start_month, self.life.people.start_day)

    def log(self, name: str) -> pd.DataFrame:
        """All that was noted under the name, in the order of noting."""
        return pd.concat([pd.DataFrame(entry) for entry in self.life.log[name]], ignore_index=True)

    def recorded(self, happened, share=LATE_SHARE) -> pd.Series:
        """When each row became known: NaT (at once) for most, two days to two months later for a share."""
        delay = self.rng.integers(2, 62, len(happened))
        late = self.rng.random(len(happened)) < share
        known = np.asarray(happened, "M8[D]") + delay
        return pd.Series(np.where(late, known, np.datetime64("NaT")))

    def known(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Without rows that nobody has recorded by the as-of; `recorded_at`, a date till here, as a stamp."""
        frame = frame[~(frame["recorded_at"] > self.as_of)].reset_index(drop=True)
        return frame.assign(recorded_at=day_stamps(frame["recorded_at"]))

    def stamped(self, log: pd.DataFrame, share) -> pd.DataFrame:
        """The log of events with `occurred_at` and `recorded_at` stamps, without what is not known yet."""
        date = self.life.calendar.day_one(log["month"].to_numpy()) + log["day"].to_numpy() - 1
        hour = self.rng.choice(CLOCK, len(log), p=CLOCK_SHARE)
        recorded = self.recorded(date, share).to_numpy().astype("M8[D]")
        log = log.assign(occurred_at=hour_stamps(date, hour), recorded_at=hour_stamps(recorded, hour))
        return log[~(recorded > self.as_of)].reset_index(drop=True)

    def account_codes(self, account) -> pd.Categorical:
        """Account ids as categories: millions of rows, few different ids."""
        return pd.Categorical.from_codes(np.asarray(account), self.ids)

    def user_ids(self, slot: np.ndarray) -> np.ndarray:
        number = np.char.mod("-%03d", self.life.people.slot_number[slot] + 1)
        return np.char.add(self.ids[self.life.people.slot_account[slot]], number)

    def user_codes(self, slot: np.ndarray) -> pd.Categorical:
        """User ids as categories; a slot below 0 is nobody."""
        seen, code = np.unique(slot[slot >= 0], return_inverse=True)
        codes = np.full(len(slot), -1)
        codes[slot >= 0] = code
        return pd.Categorical.from_codes(codes, self.user_ids(seen))
