"""What all commands share: the application, the options that several take, and the bar on the terminal.

This layer is what `cs_research.cli` and its parts register their commands with.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cs_research.errors import Refused

app = typer.Typer(
    name="cs-research", no_args_is_help=True, add_completion=False, rich_markup_mode="rich",
    help="Customer success research: health, touch and retention, reported with their proof.",
    epilog="Exit codes: 0 done, 1 defect of the suite, 2 usage or input refused, 3 a notebook failed, "
           "4 held (needs --acknowledge), 74 cannot write, 75 busy.",
)

Data = Annotated[Path, typer.Argument(help="Folder of the data set: exports, and dataset.yml if need be.")]
Zone = Annotated[str | None, typer.Option(help="Reporting time zone, if dataset.yml names none.",
                                          metavar="ZONE")]
Month = Annotated[str | None, typer.Option(help="Month; the last complete month of the data if not given.",
                                           metavar="YYYY-MM", callback=lambda month: as_month(month))]
AsOf = Annotated[str | None, typer.Option(help="Last day of the data, inclusive, such as 2026-10-31.",
                                          metavar="DATE")]
Out = Annotated[Path, typer.Option(help="Folder of the reports.")]
Acknowledge = Annotated[list[str] | None, typer.Option(
    help="Publish although held for this reason; may be repeated.", metavar="CODE")]


def check_word(option: str, value: str | None, pattern: str, remedy: str) -> None:
    if value is not None and not re.fullmatch(pattern, value):
        raise Refused(f"--{option} '{value}' is not possible", remedy)


def as_month(month: str | None, option: str = "month") -> str | None:
    check_word(option, month, r"[0-9]{4}-(0[1-9]|1[0-2])", "write it as 2026-10")
    return month


@contextmanager
def shown() -> Iterator[tuple[Callable[[str], None], Callable[[str, float], None]]]:
    """A bar on the terminal, as what a request calls: to print a line above it, and to name a step and its share."""
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                  console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=1.0)
        yield (lambda text: bar.console.print(text, markup=False, highlight=False, soft_wrap=True),
               lambda text, share: bar.update(task, description=text, completed=share))
