"""Data sets that a stranger may try: without signal, told perfectly, leaking, without dates, or with next to nothing.

Contracts, accounts, users, usage events, touches, meetings and milestones, made at random from a seed. Yearly terms
from 2023 on, as of 31 December 2025. A level from 0 to 1 moves usage and so health, another touches and meetings.
"""

import ast
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from cs_research import monthly, open_run, pipeline
from cs_research.report.notebooks import Job
from cs_research.run import Run

FIRST, AS_OF = pd.Timestamp("2023-01-01"), pd.Timestamp("2025-12-31")
SEATS, MONTHS = 4, 36
ABOUT = "kind: dataset\nname: {}\nzone: Asia/Tokyo\ncurrency: JPY\nas_of: 2025-12-31\nsimulated: true\n"


def written(path: Path, world: str, accounts: int = 240, managers: int = 12, seed: int = 1, stop: int = 120,
            begin: tuple[int, int] = (0, 18)) -> Path:
    """The folder of a data set. Worlds: `no_signal` (a fourth leaves at each renewal, whatever the level), `perfect`
    (the level decides), `leak` (as no_signal, but usage and contact end `stop` days before a customer leaves),
    `all_stay` and `no_dates` (no term has an end). Terms begin in the months from January 2023 that `begin` spans."""
    rng = np.random.default_rng(seed)
    level = rng.choice([0.05, 0.95], accounts) if world == "perfect" else rng.random(accounts)
    begun, leaves_at = rng.integers(*begin, accounts), rng.geometric(0.25, accounts)  # the renewal at which it leaves
    if world in ("perfect", "all_stay"):
        leaves_at = np.where((level < 0.5) & (world == "perfect"), 1, 9)
    years = np.minimum(leaves_at, (MONTHS - 1 - begun) // 12 + 1) if world != "no_dates" else np.full(accounts, 9)
    life = pd.DataFrame({"account_id": [f"{n:04}" for n in range(accounts)], "level": level, "begun": begun,
                         "contact": level if world == "perfect" else rng.random(accounts),
                         "ends": np.where(leaves_at <= years, begun + 12 * leaves_at, 999), "years": years})
    tables = {"contracts": _contracts(life, world, rng), "accounts": pd.DataFrame({
        "account_id": life["account_id"], "account_name": "Company " + life["account_id"], "target_users": 2 * SEATS,
        "segment": rng.choice(["smb", "enterprise"], accounts),
        "owner": [f"M{n % managers:02}" for n in range(accounts)]})}
    users = life.loc[life.index.repeat(SEATS), ["account_id", "begun"]]
    users["user_id"] = users["account_id"] + "-" + users.groupby("account_id").cumcount().astype(str)
    tables["users"] = users.assign(activated_date=_day(users["begun"]), role="keyman")[
        ["user_id", "account_id", "activated_date", "role"]]
    tables |= _contact(life, tables["users"], world, stop, rng)
    tables["milestones"] = pd.DataFrame({"account_id": life["account_id"], "milestone": "training", "due_date": _day(
        life["begun"], 50), "completed_date": _day(life["begun"], rng.choice([30, 70], accounts))})
    path.mkdir(parents=True)
    (path / "dataset.yml").write_text(ABOUT.format(world), encoding="utf-8")
    for name, table in tables.items():
        if "occurred_at" in table:
            table["occurred_at"] = table["occurred_at"].dt.strftime("%Y-%m-%dT10:00:00+09:00")
        table.to_csv(path / f"{name}.csv", index=False, date_format="%Y-%m-%d")
    return path


def _day(months: pd.Series, days: object = 0) -> pd.Series:
    first = (FIRST.to_period("M") + 0).ordinal + months.astype(int)
    return pd.PeriodIndex.from_ordinals(first, freq="M").to_timestamp() + pd.to_timedelta(days, unit="D")


def _contracts(life: pd.DataFrame, world: str, rng: np.random.Generator) -> pd.DataFrame:
    if world == "no_dates":
        terms = life.assign(year=0)
    else:
        terms = life.loc[life.index.repeat(life["years"])]
        terms = terms.assign(year=terms.groupby("account_id").cumcount())
    grown = SEATS + (rng.random(len(terms)) < 0.4) * terms["year"]
    return pd.DataFrame({"contract_id": terms["account_id"] + "-" + terms["year"].astype(str),
                         "account_id": terms["account_id"], "start_date": _day(terms["begun"] + 12 * terms["year"]),
                         "end_date": pd.NaT if world == "no_dates" else _day(terms["begun"] + 12 * terms["year"] + 12),
                         "seats": grown, "mrr": 1000 * grown})


def _contact(life: pd.DataFrame, users: pd.DataFrame, world: str, stop: int,
             rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Every month a user is active by the account's level and that month's luck; the manager by the contact level."""
    months = life.merge(pd.DataFrame({"month": range(MONTHS)}), how="cross")
    months = months[(months["month"] >= months["begun"]) & (months["month"] < months["ends"])]
    months["chance"] = (months["level"] + rng.normal(0, 0.1, len(months))).clip(0.02, 0.98)
    each = months.merge(users[["account_id", "user_id"]], on="account_id")
    parts = [each[rng.random(len(each)) < each["chance"]].assign(event_type=kind, quantity=amount)
             for kind, amount in (("login", None), ("card_scan", 40), ("key_feature", None), ("login", None))]
    usage = _dated(pd.concat(parts), world, stop, rng).rename(columns={"when": "occurred_at"})
    calls = months.loc[months.index.repeat(rng.poisson(3 * months["contact"]))]
    touches = _dated(calls.assign(touch_type="web_visit"), world, stop, rng).rename(columns={"when": "occurred_at"})
    met = _dated(months[rng.random(len(months)) < months["contact"] / 3], world, stop, rng)
    return {"usage_events": usage[["account_id", "user_id", "occurred_at", "event_type", "quantity"]],
            "touches": touches.assign(touch_id=[f"T{n}" for n in range(len(touches))], content_id="page",
                                      user_id=touches["account_id"] + "-0")[
                ["touch_id", "account_id", "user_id", "content_id", "occurred_at", "touch_type"]],
            "meetings": met.assign(meeting_id=[f"G{n}" for n in range(len(met))], held=True, with_keyman=True).rename(
                columns={"when": "scheduled_date"})[
                ["meeting_id", "account_id", "scheduled_date", "held", "with_keyman"]]}


def _dated(rows: pd.DataFrame, world: str, stop: int, rng: np.random.Generator) -> pd.DataFrame:
    """A day of the month for each row; where data leak, only before the silence."""
    rows = rows.assign(when=_day(rows["month"], rng.integers(0, 31, len(rows))))
    if world == "leak":
        silent = _day(rows["ends"].clip(upper=240)) - pd.Timedelta(days=stop)
        rows = rows[(rows["ends"] == 999) | (rows["when"] < silent)]
    return rows[rows["when"] <= AS_OF].reset_index(drop=True)


def reported(folder: Path, patch: pytest.MonkeyPatch) -> Run:
    """The whole report of a data set, whose notebooks run in this process, cell by cell, for kernels take seconds."""
    patch.setattr(monthly, "execute_notebooks", _run_here)
    with threadpool_limits(1):  # as kernels have it
        return open_run(pipeline.run_month(pipeline.Request(folder, folder.parent / "out")).parent)


def _run_here(jobs: Sequence[Job], run: Path, given: Mapping[str, str], at_once: int,
              progress: Callable[[str, float], None]) -> None:
    for job in jobs:
        pages = [f"{job.name}/{stem}" for stem in job.values] if job.each else [job.name]
        for page, value in zip(pages, [*job.values.values()] or [""], strict=True):
            copy = run / "notebooks" / f"{page}.ipynb"
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(job.source, copy)
            if page != pages[0]:
                continue  # of the accounts, one
            names: dict[str, object] = {}
            for cell in json.loads(job.source.read_text("utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    _run_cell("".join(cell["source"]), names)
                    if "parameters" in cell["metadata"].get("tags", []):
                        names |= given | job.parameters | ({job.each: value} if job.each else {})
            if job.each:
                (run / "results" / f"{job.name}.json").unlink()
        progress(job.name, 0.0)


def _run_cell(source: str, names: dict[str, object]) -> None:
    body = ast.parse(source).body
    last = ast.unparse(body.pop()) if body and isinstance(body[-1], ast.Expr) else "None"
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    shown = eval(last, names)
    if hasattr(shown, "_repr_html_"):
        shown._repr_html_()
