"""Time stamps as exports write them: ISO text with the offset of Japan, on the full hour."""

import numpy as np
import pandas as pd

OFFSET = "+09:00"


def day_stamps(dates: pd.Series) -> np.ndarray:
    """Ten in the morning of each date; None where there is none.

    >>> day_stamps(pd.Series(pd.to_datetime(["2026-10-31"])))[0]
    '2026-10-31T10:00:00+09:00'
    """
    text = pd.to_datetime(dates).dt.strftime(f"%Y-%m-%dT10:00:00{OFFSET}")
    return text.astype(object).where(dates.notna(), None).to_numpy()


def hour_stamps(dates: np.ndarray, hours: np.ndarray) -> pd.Categorical:
    """Each date at its hour, as ordered categories: many rows, few different hours in a period."""
    stamp = dates.astype("M8[h]") + hours
    known = ~np.isnat(stamp)
    seen, code = np.unique(stamp[known], return_inverse=True)
    codes = np.full(len(stamp), -1)
    codes[known] = code
    text = np.char.add(np.datetime_as_string(seen, unit="s"), OFFSET)
    return pd.Categorical.from_codes(codes, text, ordered=True)
