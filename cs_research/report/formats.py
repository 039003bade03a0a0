"""How money, dates, ranges and words of number are written in a language; plain numbers are as in Findings.

Nothing else in the report turns a number into text.
"""

import re
from datetime import date

from babel.dates import format_date
from babel.numbers import format_compact_currency, format_compact_decimal, get_currency_name

from cs_research.numbers import MINUS, count, number, percent, signed
from cs_research.report.phrases import language, phrases, speaking

__all__ = ["MINUS", "count", "day", "money", "number", "percent", "percents", "signed", "span", "speaking", "word"]

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def word(n: int) -> str:
    """A small count as a word, where the language has such words.

    >>> word(3), word(12)
    ('three', '12')
    """
    return WORDS[n] if language() == "en" and n < len(WORDS) else count(n)


def money(amount: float, currency: str | None, estimate: bool = False) -> str:
    """A sum with three significant digits, an estimate with two, in the scale of the language.

    >>> money(20_710_000, "JPY"), money(9_640_000, "JPY", estimate=True), money(730_000, None)
    ('¥20.7M', '¥9.6M', '730K')
    >>> with speaking("ja"):
    ...     money(20_710_000, "JPY"), money(179_300_000, "JPY"), money(1_240_000, "USD", estimate=True)
    ('2,070万円', '1.79億円', '120万米ドル')
    """
    amount = float(f"{amount:.{1 if estimate else 2}e}")
    if currency and language() == "en":
        shown = format_compact_currency(amount, currency, locale="en", fraction_digits=2)
        return re.sub("^([A-Z]{3})", "\\1\N{NO-BREAK SPACE}", shown)
    shown = format_compact_decimal(amount, locale=language(), fraction_digits=2)
    name = get_currency_name(currency, count=2, locale=language()) if currency else ""
    return re.sub(r"^(\d)(\d{3})(?!\d)", r"\1,\2", shown) + name


def span(lower: str, upper: str) -> str:
    """The two ends of an interval, each written already.

    >>> span("¥1.4M", "¥2M"), span("−3%", "5%")
    ('¥1.4M–¥2M', '−3% to 5%')
    """
    return phrases()["span_signed" if MINUS in lower + upper else "span"].format(lower=lower, upper=upper)


def percents(lower: float, upper: float) -> str:
    """The two ends of an interval of shares.

    >>> percents(.21, .29), percents(-.03, .05)
    ('21–29%', '−3.0% to 5.0%')
    """
    low, high = percent(lower), percent(upper)
    return span(low if MINUS in low + high else low.removesuffix("%"), high)


def day(d: date, form: str = "day") -> str:
    """A date in one of the forms of the language: day, short_day, month, short_month, month_name, month_short_name.

    >>> day(date(2024, 12, 31)), day(date(2024, 12, 31), "short_month")
    ('31 December 2024', 'Dec 24')
    >>> with speaking("ja"):
    ...     day(date(2024, 12, 31)), day(date(2024, 12, 31), "short_month")
    ('2024年12月31日', '24年12月')
    """
    return format_date(d, phrases()["dates"][form], locale=language())
