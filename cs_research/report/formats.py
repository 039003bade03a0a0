"""How money, dates and words of number are written; plain numbers are written as in Findings.

Nothing else in the report turns a number into text. Every function is pure. English only so far, with
Python's own names of months: a second language gives this module other names and another scale of money.
"""

from datetime import date

from cs_research.finding import MINUS, count, number, percent, percents, signed

__all__ = ["MINUS", "count", "day", "money", "moneys", "month", "month_name", "number", "percent", "percents",
           "short_day", "short_month", "signed", "word"]

SYMBOLS = {"JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def word(n: int) -> str:
    """A small count as a word.

    >>> word(3), word(12)
    ('three', '12')
    """
    return WORDS[n] if n < len(WORDS) else count(n)


def money(amount: float, currency: str | None, estimate: bool = False) -> str:
    """A sum in thousands, millions or billions; an estimate keeps two significant digits.

    >>> money(20_710_000, "JPY"), money(9_640_000, "JPY", estimate=True), money(730_000, "JPY", estimate=True)
    ('¥20.7M', '¥9.6M', '¥730k')
    """
    symbol = SYMBOLS.get(currency or "", f"{currency} " if currency else "")
    if estimate and amount:
        amount = float(f"{amount:.1e}")
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size * .9995:
            scaled = amount / size
            whole = abs(scaled) >= 99.95 or (estimate and abs(scaled) >= 9.95)
            return f"{symbol}{number(scaled, 0 if whole else 1)}{letter}"
    return symbol + count(round(amount))


def moneys(lower: float, upper: float, currency: str | None) -> str:
    """An interval of estimated sums.

    >>> moneys(1.4e6, 2e6, "JPY")
    '¥1.4M–¥2.0M'
    """
    return f"{money(lower, currency, True)}–{money(upper, currency, True)}"


def day(d: date) -> str:
    """A date in full.

    >>> day(date(2024, 12, 31))
    '31 December 2024'
    """
    return f"{d.day} {d:%B %Y}"


def short_day(d: date) -> str:
    """A day of a year that the reader knows.

    >>> short_day(date(2024, 12, 31))
    '31 Dec'
    """
    return f"{d.day} {d:%b}"


def month(d: date) -> str:
    """A month with its year.

    >>> month(date(2024, 12, 1))
    'December 2024'
    """
    return f"{d:%B %Y}"


def month_name(d: date) -> str:
    """A month by its name.

    >>> month_name(date(2024, 12, 1))
    'December'
    """
    return f"{d:%B}"


def short_month(d: date) -> str:
    """A month as a label.

    >>> short_month(date(2024, 12, 1))
    'Dec 24'
    """
    return f"{d:%b %y}"
