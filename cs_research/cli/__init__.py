"""The command line: `cs-research COMMAND --help` shows each command with an example.

This layer reads options and prints; how an error is told stands in __main__.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cs_research.cli import keeping  # noqa: F401  (its commands)
from cs_research.cli.options import Acknowledge, AsOf, Data, Month, Zone, app, as_month, check_word, shown
from cs_research.errors import Refused

Lang = Annotated[str, typer.Option(help="Language of the pages that leadership opens, en or ja.")]


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False) -> None:
    if version:
        from importlib.metadata import version as installed

        print(installed("cs-research"))
        raise typer.Exit


@app.command(epilog="Example: cs-research run data/crm --month 2023-12")
def run(
    data: Data,
    month: Month = None,
    out: Annotated[Path, typer.Option(help="Folder that the reports are written to.")] = Path("reports"),
    zone: Zone = None,
    as_of: AsOf = None,
    lang: Lang = "en",
    acknowledge: Acknowledge = None,
    engine: Annotated[str, typer.Option(
        help="What runs the SQL: duckdb, or spark for the same numbers from a cluster.")] = "duckdb",
    memory_limit: Annotated[str | None, typer.Option(
        help="Memory for the tables, such as 2GB; beyond it they are computed on the disk.", metavar="SIZE")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Notebooks run at the same time.")] = 2,
    recipe: Annotated[Path | None, typer.Option(help="Which notebooks; reports/monthly.yml if not given.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print the first page, too, to <month>.pdf in the folder of the "
                                                    "reports; needs Chromium or Chrome.")] = False,
    notify: Annotated[str | None, typer.Option(help="Program run at the end, with CS_RESEARCH_EXIT and "
                                                    "CS_RESEARCH_SENTENCE set.", metavar="COMMAND")] = None,
    first: Annotated[str | None, typer.Option("--from", help="Make the reports of all months from this one on, too, as "
                                              "many at the same time as --jobs.", metavar="YYYY-MM",
                                              callback=lambda month: as_month(month, "from"))] = None,
    resume: Annotated[bool, typer.Option(help="Take up the complete steps of a run of the same that failed, or make "
                                              "them anew.")] = True,
    later: Annotated[bool, typer.Option("--later", help="Make the months after it that were made of other data, too, "
                                                        "such as those before late rows came.")] = False,
    look: Annotated[bool, typer.Option("--doctor", help="Look at the machine first, as cs-research doctor does, and "
                                                        "make nothing where one thing is a fault.")] = False,
) -> None:
    """Make the report of a month and publish it; the last line printed is the path of its first page."""
    from cs_research.notify import notified
    from cs_research.pipeline import RECIPE, Request, run_month

    with notified(notify), shown() as (tell, progress):
        check_word("engine", engine, "duckdb|spark", "it is duckdb or spark")
        check_word("memory-limit", memory_limit, "[1-9][0-9]*(MB|GB)", "write it as 2GB")
        if look:
            from cs_research.doctor import refuse_faults

            refuse_faults(out, tell)
        index = run_month(Request(data, out, month, zone, as_of, lang, recipe or RECIPE, frozenset(acknowledge or ()),
                                  jobs, engine=engine, memory_limit=memory_limit, pdf=pdf, first=first, later=later,
                                  resume=resume, tell=tell, progress=progress))
    print(index)


@app.command(epilog="Example: cs-research rescore data/sample --card my-card.yml")
def rescore(
    data: Data,
    card: Annotated[Path, typer.Option(help="The new card, a file with a version of its own.", metavar="FILE")],
    month: Month = None,
    out: Annotated[Path, typer.Option(help="Folder of the reports; written below its `rescored`.")] = Path("reports"),
    zone: Zone = None, as_of: AsOf = None,
) -> None:
    """Score all history by a new card beside the one in use: who changes colour, and how the two read over time."""
    from cs_research.pipeline import Request
    from cs_research.pipeline import rescore as rescored

    with shown() as (_, progress):
        page, run = rescored(Request(data, out, month, zone, as_of, card=card, progress=progress))
    print(run.findings["colour_changes"].sentence)
    print(page)


@app.command(epilog="Example: cs-research calibrate data/sample --out dear-1.1.yml")
def calibrate(
    data: Data,
    month: Month = None,
    out: Annotated[Path | None, typer.Option(help="File or folder of the new card; <card>-<version>.yml here if not "
                                                  "given. A file that is there is never overwritten.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the card whatever the verdict.")] = False,
    reports: Annotated[Path, typer.Option(help="Folder of the reports; that of the month is made if it is not "
                                               "there.")] = Path("reports"),
    zone: Zone = None, as_of: AsOf = None,
) -> None:
    """Fit the points of the card to what became of the accounts; write a new card if it is better beyond chance.

    What the new card would change: cs-research rescore DATA --card FILE.
    """
    from cs_research.calibrate import write_calibrated
    from cs_research.pipeline import Request

    with shown() as (_, progress):
        found, path = write_calibrated(Request(data, reports, month, zone, as_of, progress=progress), out, write)
    for row in found.rows:
        span = "" if row["lower"] is None else f"   best {row['estimate']} ({row['lower']} to {row['upper']})"
        print(f"{row['what']:34}{row['expert']:>12}  ->{row['calibrated']:>12}{span}")
    print(found.sentence)
    print(path or "No card is written.")


@app.command(epilog="Example: cs-research weekly data/sample --week 2026-W44")
def weekly(
    data: Data,
    week: Annotated[str | None, typer.Option(
        help="ISO week of the list; the one that follows the data if not given.", metavar="YYYY-Www")] = None,
    out: Annotated[Path, typer.Option(help="Folder below which weekly/<week> is written.")] = Path("reports"),
    zone: Zone = None, as_of: AsOf = None, lang: Lang = "en",
) -> None:
    """Write the Monday list: whom to contact in a week and why. The last line printed is its page."""
    from cs_research.pipeline import Request
    from cs_research.weekly import write_week

    with shown() as (_, progress):
        path = write_week(Request(data, out, zone=zone, as_of=as_of, lang=lang, progress=progress), week)
    print(path)


@app.command(epilog="Example: cs-research tune data/sample --out response_points-1.1.yml")
def tune(
    data: Data,
    out: Annotated[Path | None, typer.Option(help="New definition file; response_points-<version>.yml here if not "
                                                  "given. A file that is there is never overwritten.")] = None,
    zone: Zone = None, as_of: AsOf = None,
) -> None:
    """Propose new weights for the response points from all feedback, as a new definition file with its evidence.

    With too little feedback it says so, writes nothing and ends with 0.
    """
    from cs_research.pipeline import Request
    from cs_research.weekly import write_tuned

    with shown() as (_, progress):
        said = write_tuned(Request(data, zone=zone, as_of=as_of, progress=progress), out)
    print(said)


@app.command(epilog="Example: cs-research check data/crm --json check.json")
def check(
    data: Annotated[Path | None, typer.Argument(help="Folder of the data set.")] = None,
    zone: Zone = None, as_of: AsOf = None,
    json: Annotated[Path | None, typer.Option(help="Write every file and row that is at fault here.")] = None,
    out: Annotated[Path, typer.Option(help="Folder below which the rows set aside are written.")] = Path("reports"),
    definitions: Annotated[Path | None, typer.Option(help="Judge the definition files of this folder instead.")] = None,
) -> int:
    """Judge every file of a data set and count its rows. Ends with 2 if a file is rejected."""
    if (data is None) == (definitions is None):
        raise Refused("There is nothing to check", "give either the folder of a data set or --definitions FOLDER")
    from cs_research.ingest import check as judged
    from cs_research.ingest import checking, open_dataset
    from cs_research.runs import write_json

    apart = out / "quarantine" / (data or Path()).resolve().name
    if definitions:
        result = checking.check_definitions(definitions)
    else:
        dataset = open_dataset(data, zone, as_of)
        with shown() as (_, progress):
            result = judged(dataset, apart, lambda text: progress(text, 0.1))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(checking.files_table(result), "")
    if any(file["codes"] for file in result["files"]):
        console.print(checking.faults_table(result))
    if any(file["quarantined"] for file in result["files"]):
        print(f"Rows set aside: {apart}. Correct them there, lay the file in {data}/corrections, run again.")
    if data and (types := checking.without_points(dataset)):
        print(f"Touches of type {', '.join(types)} earn no points; definitions/touch_points.yml may give them some.")
    if json:
        write_json(json, result)
    return 0 if result["ok"] else 2


@app.command(epilog="Example: cs-research simulate data/sample --accounts 600 --months 30 --seed 1")
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder that the data set is written to.")],
    accounts: Annotated[int, typer.Option(min=1, max=1_000_000, help="Customer companies.")] = 600,
    months: Annotated[int, typer.Option(min=1, max=240, help="Months of history.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same files.")] = 1,
    world: Annotated[str, typer.Option(
        help="Which truth holds: claims, null, confounded, confounded_null, overlap, wrong_card.")] = "claims",
    base_churn: Annotated[int | None, typer.Option(help="Churn of every account, in percent, in a world of null.",
                                                   metavar="PERCENT")] = None,
) -> None:
    """Write a data set of an invented company whose truth is known, marked as simulated."""
    from cs_research.simulate import simulate as write

    with shown() as (_, progress):
        write(out, accounts, months, seed, world, base_churn=base_churn,
              progress=lambda done, total: progress("Simulating", done / total))
    print(out)


@app.command(epilog="Example: cs-research recover --replicates 20 --accounts 500,2000 --out evidence.md")
def recover(
    replicates: Annotated[int, typer.Option(min=2, help="Companies of each world and size.")] = 200,
    accounts: Annotated[str, typer.Option(help="Sizes of the companies, with commas.")] = "500,2000,7000",
    world: Annotated[list[str] | None, typer.Option(
        help="Only this world, such as claims or 'null 30'; may be repeated.")] = None,
    events: Annotated[bool, typer.Option(
        help="Take one company of each world through files and a whole run too.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same companies.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Companies studied at the same time.")] = 2,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("docs/evidence.md"),
    json: Annotated[Path | None, typer.Option(help="Write every cell here too.")] = None,
) -> None:
    """Study simulated companies whose truth is known, and write how often the studies were right."""
    from cs_research.proof import prove

    check_word("accounts", accounts, r"[1-9][0-9]*(,[1-9][0-9]*)*", "write sizes such as 500,2000")
    with shown() as (_, progress):
        missed = prove(replicates, tuple(map(int, accounts.split(","))), tuple(world or ()), events, seed, jobs, out,
                       json, progress)
    for goal in missed:
        print(f"Missed: {goal.wanted} ({goal.missed})")
    print(out)


@app.command(epilog="Example: cs-research init exports --zone Asia/Tokyo --out exports/dataset.yml")
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of exports.")], zone: Zone = None,
    out: Annotated[Path | None, typer.Option(help="Write the proposal here; a file that is there stays.")] = None,
) -> None:
    """Look at exports and propose a dataset.yml, with a comment on each guess; none is applied."""
    from cs_research.ingest.propose import proposal
    from cs_research.runs import write_new

    text = proposal(folder, zone)
    if out:
        write_new(out, text)
    print(out or text.rstrip())


@app.command(epilog="Example: cs-research doctor --out reports")
def doctor(out: Annotated[Path, typer.Option(help="Folder of the reports.")] = Path("reports")) -> None:
    """Look at what a report needs of this machine: versions, room, rights, clock, fonts, Jupyter. Ends with 2 if one
    is a fault."""
    from cs_research.doctor import refuse_faults

    refuse_faults(out, print)


@app.command(epilog="Example: cs-research bench panel --events 20000000 --json panel.json")
def bench(
    what: Annotated[str, typer.Argument(help="panel, scaling (each size halved), report, ingest or simulate.")],
    events: Annotated[int, typer.Option(min=1000, help="Events of the invented data.")] = 20_000_000,
    accounts: Annotated[int, typer.Option(min=2, help="Accounts.")] = 7_000,
    users: Annotated[int, typer.Option(min=0, help="Users, about; 0: fifty per account.")] = 0,
    months: Annotated[int, typer.Option(min=2, max=240, help="Months of history.")] = 36,
    repeat: Annotated[int, typer.Option(min=1, help="How often; the medians count.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Page to write a section of, such as docs/performance.md.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write times, memory and ratios here.")] = None,
) -> int:
    """Measure against the bare engine on the same files. Ends with 1 if pandas finds other numbers than the panel."""
    from cs_research.bench import KINDS, Size, measure

    check_word("what", what, "|".join(KINDS), f"it is one of {', '.join(KINDS)}")
    return 0 if measure(what, Size(events, accounts, users, months), repeat, out, json).get("identical", True) else 1
