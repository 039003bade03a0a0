"""The few SVG pieces that all charts share: escaped text, rounded numbers, figures with a name.

A figure carries its colours as classes, so that themes and print restyle it without a second drawing.
"""

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

from cs_research.display import BANDS, hue


def num(x: float) -> str:
    """A coordinate, rounded to a tenth: the same bytes on every platform.

    >>> num(12.04), num(-0.01)
    ('12', '0')
    """
    shown = f"{x:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def tag(name: str, *children: str, **attrs: object) -> str:
    """One element. Attribute values are escaped, children are markup; `cls` becomes `class`, `_` becomes `-`.

    >>> tag("line", x1=0.25, cls="cut")
    '<line x1="0.2" class="cut"/>'
    """
    parts = [name]
    for key, value in attrs.items():
        if value is None or value == "":
            continue
        shown = num(value) if isinstance(value, float) else escape(str(value))
        parts.append(f'{"class" if key == "cls" else key.replace("_", "-")}="{shown}"')
    body = "".join(children)
    return f"<{' '.join(parts)}>{body}</{name}>" if body else f"<{' '.join(parts)}/>"


def text(x: float | str, y: float, words: object, cls: str = "", anchor: str = "") -> str:
    """A line of text; `words` is escaped."""
    return tag("text", escape(str(words)), x=x, y=float(y), cls=cls, text_anchor=anchor)


def figure(key: str, width: int | str, height: int, title: str, description: str, *body: str,
           cls: str = "") -> Markup:
    """A drawing with a name and a description that a screen reader says. `key` is unique on the page."""
    box = f"0 0 {width} {height}" if isinstance(width, int) else ""
    head = (tag("title", escape(title), id=f"{key}-t") + tag("desc", escape(description), id=f"{key}-d"))
    return Markup(tag("svg", head, *body, viewBox=box, width=width, height=height, cls=cls, role="img",
                      aria_labelledby=f"{key}-t {key}-d"))


def meter(band: str | None, bands: Sequence[str], x: float = 0, y: float = 0) -> str:
    """Four rising bars, more of them filled the better the band: the cue that needs no colour."""
    colour = hue(band, bands) if band else ""
    filled = BANDS.index(colour) + 1 if colour else 0
    bars = [tag("rect", x=x + 3.6 * i, y=y + 9.6 - 3.2 * i, width=2.4, height=3.2 * (i + 1),
                cls=f"b-{colour}" if i < filled else "b-off") for i in range(4)]
    return "".join(bars)


def meter_glyph(band: str | None, bands: Sequence[str]) -> Markup:
    """The meter beside a word (hidden from readers, since the word says it)."""
    return Markup(tag("svg", meter(band, bands), viewBox="0 0 14 13", width=14, height=13, cls="meter",
                      aria_hidden="true"))
