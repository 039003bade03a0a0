"""docs/performance.md: a section per kind and size of measurement, each with how and on what it was made."""

from pathlib import Path
from typing import Any

from cs_research.docpage import facts, table, with_section
from cs_research.runs import write_text

FACTS = ("command", "date", "versions", "machine", "time")
TASKS = {
    "scan": "scan of the columns of usage events that the panel reads",
    "bare": "bare group-by: account, user, month, count, kept as a table",
    "panel": "the panel: all derived tables, and its measures as a DataFrame",
    "limited": "the panel within 2 GB of memory for the engine (`--memory-limit 2GB`), the DataFrame beside",
    "pandas": "usage and touch measures alone, in pandas",
    "state": "the panel of the month before, whose state is stored",
    "incremental": "the panel from that state: a month's events are new, and what was recorded in it",
    "rewrite_parquet": "Parquet read and written again", "ingest_parquet": "ingest of Parquet",
    "read_csv": "CSV read strictly into memory", "rewrite_csv": "CSV read strictly, written as Parquet",
    "ingest_csv": "ingest of CSV", "simulate": "the simulator, truth.json included",
    "imports": "the notebooks of a report with only their imports", "sample": "the report of data/sample",
    "company": "the report of the company, ingest included",
    "beyond": "what the report of the company takes beyond the imports",
}


def write_page(path: Path, what: str, found: dict[str, Any]) -> None:
    """Write what was found into its section of the page, in place of the one of the same title; the others stay."""
    page = path.read_text(encoding="utf-8") if path.exists() else INTRODUCTION
    title = f"{what.capitalize()}: " + ", ".join(f"{n:,} {name}" for name, n in found["asked"].items() if n)
    write_text(path, with_section(page, title, _scaling(found) if what == "scaling" else _measured(found)))


def _measured(found: dict[str, Any]) -> str:
    parts = [_about(found), table(
        {"task": TASKS.get(name, name), "seconds": f"{task['seconds']:.2f}", "of processors": f"{task['cpu']:.2f}",
         "memory": f"{task['mb']:,.0f} MB" if "mb" in task else ""}
        for name, task in found["tasks"].items() if name in TASKS)]
    if found["ratios"]:
        parts.append(table({"ratio": name.replace("_", " "), "by the clock": entry["ratio"],
                            "by processors": entry["cpu_ratio"],
                            "goal": f"{entry['limit']:g} at most" if entry["limit"] else "reported",
                            "met": ("yes" if entry["ratio"] <= entry["limit"] else "**no**") if entry["limit"] else ""}
                           for name, entry in found["ratios"].items()))
    return "\n".join(parts + (_of_panel(found) if "steps" in found else []))


def _of_panel(found: dict[str, Any]) -> list[str]:
    """What is the same by all ways, and where the time goes."""
    names, total = found["differences"], sum(found["steps"].values())
    different = [name for name, apart in names.items() if apart]
    steps = sorted(found["steps"].items(), key=lambda entry: -entry[1])
    return [
        f"All ways lead to the same numbers: {'yes' if found['identical'] else '**no**'}. Compared with pandas, on "
        f"{'all accounts' if found['compared_on'] == 'canonical' else 'a sample of the accounts'}: {', '.join(names)}"
        f"{f'; different: {different}' if different else ''}. From the stored state and within 2 GB: all measures.\n",
        "Where the time of the panel goes (a run of its own):\n",
        table({"step": step, "seconds": f"{seconds:.2f}", "share": f"{seconds / total:.0%}"}
              for step, seconds in steps if seconds > total / 100)]


def _scaling(found: dict[str, Any]) -> str:
    return "\n".join([_about(found), SCALING, table(
        {name.removesuffix("_s").replace("_", " "): f"{value:,}" if isinstance(value, int) else value
         for name, value in row.items() if name not in HIDDEN} for row in found["grid"])])


def _about(found: dict[str, Any]) -> str:
    sizes = {"data": ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in found["sizes"].items())
             } if "sizes" in found else {}
    return facts({name: found[name] for name in FACTS if name in found} | sizes)


HIDDEN = ("touches", "events_recorded_late", "events_recorded_in_a_later_month", "bytes_of_events")
SCALING = """Each size is halved in turn, the others stay. The power is that by which the processors' time of the panel
follows the size: 1 where half of it takes half the time, 0 where it does not matter.
"""
INTRODUCTION = """# Performance: what a panel costs

`cs-research bench panel --out docs/performance.md` (or `scaling`, `report`, `ingest`, `simulate`) writes its section
of this page, so every number was measured by the version and on the machine that it names. The data are made by SQL
from fixed numbers (`cs_research/bench/company.sql`): events by time as an export has them, accounts and users of very
different activity, a tenth of the rows recorded late. Each task runs in a process of its own, `--repeat` times, one
after the other in every round; seconds are medians, ratios medians of the ratios within the rounds, so that they travel
to other machines. pandas, the stored state, the limit of memory and the steps have one run each, before the rounds.
"""
