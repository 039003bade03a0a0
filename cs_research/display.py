"""What a notebook shows: a drawing as SVG with words beside it, and a table that reads well.

This layer may not estimate or select anything. The same input gives the same bytes: no dates, no random ids,
no font of the machine in a drawing; every text from a data set is escaped.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import pandas as pd

from cs_research.finding import TOO_FEW, Finding, plain
from cs_research.numbers import count, number, percent, signed

# Each colour under the name of its CSS variable, so that a page may restyle a drawing for the dark.
COLOURS = {"bg": "#ffffff", "ink": "#17202a", "ink2": "#56616c", "accent": "#1f5c99", "hex": "#7c95ae",
           "axis": "#8a95a0", "hair": "#d6dce2", "due": "#d9dfe6", "lost": "#3e4c5a", "zone": "#e4ecf4",
           "red": "#a31f3d", "orange": "#db7a2a", "yellow": "#ebc64a", "green": "#1f7a72"}
BANDS = ("red", "orange", "yellow", "green")
FONTS = ("-apple-system, 'Helvetica Neue', Arial, 'Liberation Sans', 'Hiragino Sans', 'Yu Gothic UI', "
         "'Noto Sans CJK JP', sans-serif")
WIDTH = 648  # px; one SVG unit is one CSS pixel
STYLE = {
    "svg.fonttype": "none", "text.parse_math": False, "font.family": "DejaVu Sans", "font.size": 12.5,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "axes.edgecolor": COLOURS["axis"], "axes.labelcolor": COLOURS["ink2"], "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["ink2"], "ytick.color": COLOURS["ink"], "axes.titlesize": 12.5, "axes.labelsize": 12.5,
    "xtick.labelsize": 12, "ytick.labelsize": 12.5, "axes.spines.top": False, "axes.spines.right": False,
    "ytick.major.size": 0, "axes.unicode_minus": True, "lines.linewidth": 2, "lines.solid_capstyle": "butt",
}


def hue(band: str, bands: Sequence[str]) -> str:
    """The colour, of BANDS, that a band has by its place from the worst to the best, whatever it is called.

    >>> [hue(band, ("bad", "normal", "good")) for band in ("bad", "normal", "good")]
    ['red', 'yellow', 'green']
    """
    return BANDS[round(list(bands).index(band) * (len(BANDS) - 1) / max(len(bands) - 1, 1))]


@dataclass(frozen=True)
class Chart:
    """A drawing as inline SVG, with its title and the description that a screen reader says."""

    svg: str
    title: str
    description: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": f"{self.title}. {self.description}"}


@contextmanager
def drawing(key: str, title: str, description: str, height: int, left: float = 0.12, right: float = 0.97,
            bottom: int = 46) -> Iterator[tuple[Any, list[Chart]]]:
    """Axes to draw on; afterwards the list holds the finished chart. `height` and `bottom` in pixels."""
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.figure import Figure

    done: list[Chart] = []
    # From matplotlib's own settings, for a matplotlibrc of the machine may say anything else.
    plain = {name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}
    with rc_context({**plain, **STYLE, "svg.hashsalt": key, "svg.id": key}), warnings.catch_warnings():
        # Text stays text: the reader's fonts have the glyphs that the measuring font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        axes = figure.add_axes((left, bottom / height, right - left, 1 - (bottom + 24) / height))
        yield axes, done
        buffer = StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    done.append(Chart(_accessible(buffer.getvalue(), key, title, description), title, description))


def _accessible(svg: str, key: str, title: str, description: str) -> str:
    """The drawing without its prologue, named for readers, with our fonts and the page's colours."""
    svg, key = svg[svg.index("<svg"):], escape(key)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", FONTS, svg)
    for name, colour in COLOURS.items():
        svg = re.sub(rf"(fill|stroke): {colour}\b", rf"\1: var(--{name}, {colour})", svg)
    head, rest = svg.split(">", 1)
    head = re.sub(r' (width|height)="([\d.]+)pt"', r' \1="\2"', head)
    return (f'{head} role="img" aria-labelledby="{key}-t {key}-d" style="max-width: 100%; height: auto">'
            f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(description)}</desc>{rest}')


def nothing(key: str, title: str, finding: Finding) -> Chart:
    """A drawing that says in words why there is none."""
    words = escape(finding.sentence)
    return Chart(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="40" viewBox="0 0 {WIDTH} 40" '
                 f'role="img" aria-labelledby="{key}-t"><title id="{key}-t">{escape(title)}: {words}</title>'
                 f'<text x="0" y="25" style="font: 13px {FONTS}; fill: var(--ink2, {COLOURS["ink2"]})">Nothing to draw.'
                 "</text></svg>", title, finding.sentence)


# ---------------------------------------------------------------- tables


def page_stem(account_id: str) -> str:
    """What the page of an account is called: ids are any text, pages need names that every system can hold.

    >>> page_stem("00119") != page_stem("119"), len(page_stem("../" * 99))
    (True, 16)
    """
    return hashlib.sha256(account_id.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Table:
    """Rows as an HTML table: words in the head, shares as percent, numbers to the right, text escaped.

    The name of an account whose id is in the row is marked, for the report to lead from there to the account's page.

    >>> Table([{"share": .579}], {"share": "share"})._repr_html_().count("58%")
    1
    """

    rows: list[dict[str, Any]]
    heads: dict[str, str]
    caption: str = ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Beside the HTML the rows as they are, from which spreadsheets are made."""
        ids = {"account_id": "account id"} if any("account_id" in row for row in self.rows) else {}
        heads = ids | self.heads
        rows = [{name: row.get(name) for name in (*heads, *({"form"} & {*row}))} for row in self.rows]
        fields = [rows, list(heads.items()), self.caption]  # heads as pairs, for notebook files sort their keys
        return {ROWS: plain(fields), "text/plain": self.caption} if rows else {}

    def _repr_html_(self) -> str:
        if not self.rows:
            return ""  # the Finding beside it says why
        names = list(self.heads)
        sides = {name: SIDES.get(kind(name, self.rows), ' class="right"') for name in names}
        head = "".join(f'<th scope="col"{sides[name]}>{escape(self.heads[name])}</th>' if self.heads[name] else
                       "<td></td>" for name in names)
        body = "".join("<tr>" + "".join(f"<td{sides[name]}>{_marked(name, row)}</td>"
                                        for name in names) + "</tr>" for row in self.rows)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _marked(name: str, row: dict[str, Any]) -> str:
    words = escape(_cell(name, row))
    if name not in ("account", "account_name") or not row.get("account_id"):
        return words
    return f'<span class="account {page_stem(row["account_id"])}">{words}</span>'


ROWS = "application/vnd.cs-research.table+json"  # rows, heads and caption of a Table
SHARES = ("share", "rate", "lower", "upper", "measured", "not_measured", "logo_churn", "grr", "nrr", "estimate",
          "expanded_rate", "expanded_lower", "expanded_upper", "worst_share")
HEALTH = ("health", "health_before", "health_old", "health_new", "change")
# For JupyterLab, where cells stand to the right; pages let no style pass.
SIDES = {"text": ' style="text-align: left"', "date": ' class="date"', "month": ' class="date"'}
HEADS = {"n": "n", "arr": "ARR", "rate": "rate", "lower": "95% from", "upper": "95% to"}


def show_table(source: Finding | pd.DataFrame, caption: str = "", **heads: str) -> Table:
    """The table of a Finding, or a DataFrame, with its columns named in words.

    `heads` chooses the columns and names them, in that order; without it all are shown.
    """
    rows = source.rows if isinstance(source, Finding) else source.to_dict("records")
    names = heads or {name: HEADS.get(name, name.replace("_", " ")) for name in (rows[0] if rows else {})}
    return Table(rows, names, caption)


def _cell(name: str, row: dict[str, Any]) -> str:
    """A value in words: shares as percent (not the figures of a ratio or difference), nothing as a dash."""
    value = plain(row.get(name))
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, str):
        return value[:7] if name == "month" else value
    if name in HEALTH and isinstance(value, float):
        return number(value)
    if name in ("estimate", "lower", "upper") and row.get("form") == "points":
        return f"{signed(100 * value, 0)} pt"
    if name in SHARES and row.get("form", "points") == "points":
        return percent(float(value))
    return count(int(value)) if float(value).is_integer() else number(float(value), 2)


def kind(name: str, rows: list[dict[str, Any]]) -> str:
    """What a column holds: month, date, share (0 to 1), points (of health), count, number or text.

    >>> kind("month", []), kind("rate", [{"rate": .5}]), kind("rate", [{"rate": "none"}])
    ('month', 'share', 'text')
    """
    if name == "month" or name.endswith("date"):
        return "month" if name == "month" else "date"
    values = [row.get(name) for row in rows]
    if not all(isinstance(value, int | float | None) or value in (TOO_FEW, "not measured") for value in values) \
            or any(isinstance(value, bool) for value in values):
        return "text"
    if name in SHARES and all(row.get("form", "points") == "points" for row in rows):
        return "share"
    if name in HEALTH and any(isinstance(value, float) for value in values):
        return "points"
    return "number" if any(isinstance(value, float) and value % 1 > 0 for value in values) else "count"
