"""What the charts share: colours, axes, labels, intervals."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from cs_research.display import COLOURS, hue
from cs_research.numbers import percent


def band_colour(band: str, bands: Sequence[str]) -> str:
    """The colour of a band by its place from the worst to the best, whatever it is called."""
    return COLOURS[hue(band, bands)]


def mark_changes(axes: Any, months: Sequence[int]) -> None:
    """A dotted line where another version of the card began to lead."""
    for place in months:
        axes.axvline(place - 0.5, color=COLOURS["ink"], linewidth=1, linestyle=":")
        axes.annotate("new card", (place - 0.5, 1), xycoords=("data", "axes fraction"), xytext=(3, -10),
                      textcoords="offset points", fontsize="small")


def interval(axes: Any, y: float, lower: float | None, upper: float | None) -> None:
    if lower is not None and upper is not None:
        axes.plot([lower, upper], [y, y], color=COLOURS["ink"], linewidth=1.6)


def beside(axes: Any, y: float, words: str) -> None:
    """Words to the right of a row."""
    axes.text(1.02, y, words, transform=axes.get_yaxis_transform(), va="center")


def percent_axis(axis: Any) -> None:
    """Ticks in whole percents where they can be, never 92.5 rounded."""
    from matplotlib.ticker import MaxNLocator

    if isinstance(axis.get_major_locator(), MaxNLocator):
        axis.get_major_locator().set_params(steps=[1, 2, 5, 10])
    axis.set_major_formatter(lambda value, _: percent(value))


def some_months(axes: Any, months: list[str]) -> None:
    step = max(1, math.ceil(len(months) / 7))
    shown = range((len(months) - 1) % step, len(months), step)
    axes.set_xticks(list(shown), [months[i] for i in shown])
    axes.set_xlabel("")


def apart(values: list[float], gap: float) -> list[float]:
    """The values, pushed up where two would stand closer than `gap`."""
    placed: dict[int, float] = {}
    for i in sorted(range(len(values)), key=lambda i: values[i]):
        low = max(placed.values(), default=-math.inf)
        placed[i] = max(values[i], low + gap)
    return [placed[i] for i in range(len(values))]


def labels(axes: Any, names: list[str], width: int = 32) -> None:
    """Names of the rows, long ones on two lines; each line is a text of its own, so that any font aligns it."""
    axes.set_yticks([])
    for y, name in enumerate(names):
        lines = textwrap.wrap(name, width)
        for i, line in enumerate(lines):
            axes.annotate(line, (0, y), xycoords=axes.get_yaxis_transform(), ha="right", va="center",
                          xytext=(-8, 8 * (len(lines) - 1) - 16 * i), textcoords="offset points")
