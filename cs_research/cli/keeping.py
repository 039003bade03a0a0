"""The commands over the runs that are kept: which there are, whether they are whole, which one readers see."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cs_research.cli.options import Acknowledge, Out, app

RunName = Annotated[str, typer.Argument(
    metavar="RUN", help="A month, which is its published run, or the name of a run as `cs-research runs` lists it.")]


@app.command(epilog="Example: cs-research runs --out reports")
def runs(out: Out = Path("reports")) -> None:
    """List the kept runs: month, id, when it was made, whether readers see it, its size, and why it was held."""
    from cs_research.keeping import kept_runs

    table = Table("run", "made at (UTC)", "state", "MB", "holds", box=None)
    for one in kept_runs(out):
        made = one.made[:16].replace("T", " ") or "run.json is damaged"
        table.add_row(one.folder.name, made, one.state, f"{one.size_bytes / 1e6:.1f}", ", ".join(one.holds))
    Console(width=120).print(table)


@app.command(epilog="Example: cs-research publish 2026-10-0123456789ab --acknowledge H_SHRUNKEN")
def publish(name: RunName, out: Out = Path("reports"), acknowledge: Acknowledge = None) -> None:
    """Publish a kept run, such as one that was held; the last line printed is the path of its first page."""
    from cs_research.keeping import publish_kept

    print(publish_kept(out, name, acknowledge or ()))


@app.command(epilog="Example: cs-research rollback 2026-10")
def rollback(
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="The month.")], out: Out = Path("reports"),
) -> None:
    """Publish the run of a month that readers saw before the present one; given again, it undoes itself."""
    from cs_research.keeping import rollback as rolled_back

    print(rolled_back(out, month))


@app.command(epilog="Example: cs-research verify 2026-10")
def verify(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A month or the name of a run; all without it.")] = "",
    out: Out = Path("reports"),
) -> int:
    """Compare every file of the kept runs with the hash it had when the run was made. Ends with 2 if one differs."""
    from cs_research.keeping import verify as verified

    found = verified(out, name)
    for run, damage in found.items():
        print(f"{run}: {'; '.join(damage) or 'whole'}")
    if damaged := [run for run, damage in found.items() if damage]:
        print(f"Not whole: {', '.join(damaged)}. Make the report of that month again, which replaces a damaged run.")
    return 2 if damaged else 0


@app.command(epilog="Example: cs-research diff 2026-09 2026-10")
def diff(before: RunName, after: RunName, out: Out = Path("reports")) -> None:
    """Say what differs between two runs, and why: data, definitions, packages, parameters; tables and key numbers."""
    from cs_research.differences import differences
    from cs_research.keeping import find
    from cs_research.run import Run

    for title, lines in differences(Run(find(out, before)), Run(find(out, after))).items():
        print(f"{title}: {'' if lines else 'the same'}")
        for line in lines:
            print(f"  {line}")
