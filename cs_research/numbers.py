"""How a number is written in a sentence: a true minus, thousands set apart, two digits of a share that count."""

MINUS = "\u2212"


def number(x: float, digits: int = 1) -> str:
    """A number with a true minus and thousands set apart; a rounded nought has no sign.

    >>> number(-1234.56)
    '\u22121,234.6'
    """
    shown = f"{x:,.{digits}f}"
    return shown.lstrip("-") if not any(c in "123456789" for c in shown) else shown.replace("-", MINUS)


def percent(share: float) -> str:
    """A share with two digits that count; less than half a thousandth is none.

    >>> percent(.254), percent(.034)
    ('25%', '3.4%')
    """
    return number(100 * share, 1 if .0005 <= abs(share) < .0995 else 0) + "%"


def percents(lower: float, upper: float) -> str:
    """The two ends of an interval of shares.

    >>> percents(.21, .29)
    '21–29%'
    """
    low, high = percent(lower), percent(upper)
    return f"{low} to {high}" if MINUS in low + high else f"{low.removesuffix('%')}–{high}"


def signed(x: float, digits: int = 1) -> str:
    """A number that shows its sign also when it is positive.

    >>> signed(.5), signed(-.5)
    ('+0.5', '\u22120.5')
    """
    shown = number(x, digits)
    return f"+{shown}" if x > 0 and any(c in "123456789" for c in shown) else shown


def count(n: float, noun: str = "", nouns: str = "") -> str:
    """A count, rounded to a whole number, with its noun in the right number.

    >>> count(1381), count(1, "account"), count(3, "month")
    ('1,381', '1 account', '3 months')
    """
    return number(n, 0) + (f" {noun if n == 1 else nouns or noun + 's'}" if noun else "")


def amount(value: float, currency: str = "") -> str:
    """A sum of money with its currency, to four figures that count.

    >>> amount(1_234_567, "JPY"), amount(950)
    ('JPY 1,235,000', '950')
    """
    return f"{currency} {count(float(f'{value:.4g}'))}".strip()
