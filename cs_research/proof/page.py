"""docs/evidence.md: what the goals were, what was seen, and every table behind it, from the record of a proof."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Template

from cs_research.docpage import facts, table
from cs_research.finding import plain
from cs_research.proof.recover import is_relative, summary
from cs_research.proof.trials import CLAIM, GAIN, RANKS

HIDDEN = ("confounded", "confounded_null")  # a trait that no table tells of: no study of tables can be right there
NULL = ("null", "null 30", "null 50", "overlap")
COVERAGE, HARM, FAR = (0.92, 0.97), 0.005, 0.5
Z = 1.959964  # standard errors of a 95 % interval
LEANS = "a ratio of means leans where accounts are few"
SHARED = ("in `overlap` the health of the first month makes up for most, not all, of what success and score share: "
          "what is left, below 2 %, is more than the interval of many accounts")
FEW = "few accounts of a colour have few managers, who tell little of how far managers differ"
FITS = ("adopt", "investigate", "harmful", "harmful if always adopted")
APART = ("world", "quantity", "drawn", "run", "apart")
SHARES = ("p_", "auc", "renewal", "onboarding survival_difference")
TITLES = {  # what the JSON holds beside, the page leaves out
    "Onboarding and health a year later": lambda q: q in (
        "onboarding ratio", "onboarding ratio_among_survivors", "onboarding ratio_before_first_due",
        "onboarding survival_difference"),
    "Churn and expansion by colour": lambda q: q.startswith(("p_churned_given", "p_red", "p_expanded_given_green")),
    "Discrimination (AUC) and renewal by ARR": lambda q: q.startswith(("auc", "renewal")),
    "First events since the start (Aalen and Johansen)": lambda q: "_by_" in q and q[:2] != "p_" and q[:7] != "renewal",
    "Touch and health a month later": lambda q: q.startswith("touch"),
    "Renewals forecast a year ahead": lambda q: q.startswith("ARR"),
}


@dataclass(frozen=True)
class Goal:
    """What was wanted, what was seen (in words; empty: not tried), and where it was missed, with why as far as it is
    known (empty: nowhere)."""

    wanted: str
    seen: str = ""
    missed: str = ""


def text(found: dict[str, Any]) -> str:
    """The text of docs/evidence.md, made of a `record` alone, so also of one that was kept as JSON."""
    cells, apart = _frame(found["cells"]), _frame(found["through_events"], *APART)
    template = Template((Path(__file__).parent / "evidence.md.j2").read_text(encoding="utf-8"), trim_blocks=True)
    furthest = apart.sort_values("apart", kind="stable").groupby("world", sort=False).tail(1)
    return template.render(
        made=facts(found["made"]),
        goals=table({"goal": goal.wanted, "seen": goal.seen or "not tried",
                     "met": f"**no**: {goal.missed}" if goal.missed else "yes" if goal.seen else ""}
                    for goal in goals(found)),
        verdicts=_grid(cells, lambda q: q.startswith(CLAIM), lambda row: " / ".join(
            f"{row[name]:.0%}" for name in ("supported", "contradicted", "cannot_tell"))),
        calibration=table({name: f"{value:.0%}" if name in FITS else _plain(value) for name, value in row.items()}
                          for row in _frame(found["calibration"]).to_dict("records")),
        grids={title: _grid(cells, chosen, _right) for title, chosen in TITLES.items()},
        apart=len(apart) and table(
            {"world": row.world, "quantities": int((apart["world"] == row.world).sum()), "furthest apart": row.quantity,
             "drawn": _plain(row.drawn), "by the run": _plain(row.run), "in half widths": f"{row.apart:.2f}"}
            for row in furthest.itertuples())).rstrip() + "\n"


def record(rows: pd.DataFrame, apart: pd.DataFrame, about: dict[str, Any]) -> dict[str, Any]:
    """What the page is made of, as plain JSON: made (`about`), goals, cells (`summary` of the rows of `recover`),
    calibration and through_events (the rows of the function of that name, empty: not tried)."""
    found = plain({"made": about, "cells": summary(rows).to_dict("records"), "calibration": _calibrated(rows),
                   "through_events": apart.to_dict("records")})
    return found | {"goals": [asdict(goal) for goal in goals(found)]}


def _frame(rows: list[dict[str, Any]], *columns: str) -> pd.DataFrame:
    """Rows of JSON, where what is not known is None."""
    return pd.DataFrame(rows, columns=columns or None).fillna(np.nan).infer_objects()


# ---------------------------------------------------------------- the goals


def goals(found: dict[str, Any]) -> list[Goal]:
    """Each goal of methods 7 against what was seen, missed only where the Monte-Carlo interval lies beyond it."""
    cells, apart = _frame(found["cells"]), _frame(found["through_events"], *APART)
    fits = _frame(found["calibration"], "world", "accounts", "replicates", "adopt", "harmful")
    ratio = cells[(cells["quantity"] == "onboarding ratio") & ~cells["world"].isin(HIDDEN)]
    bands = cells[cells["quantity"].str.startswith("p_churned_given")]
    claims = cells[cells["quantity"].str.startswith(CLAIM) & cells["world"].isin(NULL)]
    large = fits[(fits["world"] == "wrong_card") & (fits["accounts"] >= 7000)]
    return [
        _worst("onboarding ratio: bias of at most 3 %", ratio, ratio["bias"].abs(),
               lambda r: r["bias"].abs() - Z * r["bias_error"] > 0.03, "bias", LEANS),
        _worst("onboarding ratio: coverage of 92 to 97 %", ratio, -ratio["coverage"],
               lambda r: _beyond(r["coverage"], r["told"], *COVERAGE), "coverage", SHARED),
        _worst("churn by colour: coverage of 92 % at least", bands, -bands["coverage"],
               lambda r: _beyond(r["coverage"], r["told"], COVERAGE[0], 1), "coverage", FEW),
        _worst('worlds without an effect: "supported" at most 5 %', claims, claims["supported"],
               lambda r: _beyond(r["supported"], r["replicates"], 0, 0.05), "supported"),
        _worst("calibration harms (true AUC falls by more than .005) in under 5 %", fits, fits["harmful"],
               lambda r: _beyond(r["harmful"], r["replicates"], 0, 0.05), "harmful"),
        _worst("calibration is adopted in 80 % at 7,000 accounts of wrong_card", large, -large["adopt"],
               lambda r: _beyond(r["adopt"], r["replicates"], 0.8, 1), "adopt"),
        _worst("studied through events and straight: apart by less than half a half width",
               apart.assign(accounts="through events"), apart["apart"], lambda r: r["apart"] > FAR, "apart")]


def _worst(wanted: str, cells: pd.DataFrame, badness: pd.Series, misses: Callable, shown: str, why: str = "") -> Goal:
    """The goal with its worst cell; nothing seen where nothing was tried that tells."""
    cells = cells[badness.notna()]
    if cells.empty:
        return Goal(wanted)
    worst, missed = cells.loc[badness.dropna().astype(float).idxmax()], cells[misses(cells)]
    value = f"{worst[shown]:.2f}" if shown == "apart" else f"{worst[shown]:{'+' if shown == 'bias' else ''}.1%}"
    error = f" ± {worst[f'{shown}_error']:.1%}" if f"{shown}_error" in worst else ""
    where = "; ".join(_where(row) for _, row in missed.iterrows())
    return Goal(wanted, f"at worst {value}{error} ({_where(worst)}), {len(cells)} cells",
                f"{where} ({why})" if where and why else where)


def _where(row: pd.Series) -> str:
    size = f"{row['accounts']:,}" if not isinstance(row["accounts"], str) else row["accounts"]
    return ", ".join(part for part in (row["world"], size, str(row.get("quantity", "")).removeprefix(CLAIM)) if part)


def _beyond(share: pd.Series, n: pd.Series, low: float, high: float) -> pd.Series:
    """Whether the Monte-Carlo interval of a share (Wilson) lies wholly outside of low to high."""
    z2 = Z**2
    middle = (share * n + z2 / 2) / (n + z2)
    reach = np.sqrt(z2 * (n * share * (1 - share) + z2 / 4)) / (n + z2)
    return (middle + reach < low) | (middle - reach > high)


# ---------------------------------------------------------------- the tables


def _calibrated(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per world and size: what became of the card in use (fitted where adopted, else the expert's)."""
    found = []
    for (world, accounts), part in rows[rows["quantity"] == GAIN].groupby(["world", "accounts"], sort=False):
        used = part["estimate"].where(part["verdict"] == "adopt", 0.0)
        ranks = rows[(rows["quantity"] == RANKS) & (rows["world"] == world) & (rows["accounts"] == accounts)]
        found.append({
            "world": world, "accounts": accounts, "replicates": len(part),
            "adopt": (part["verdict"] == "adopt").mean(), "investigate": (part["verdict"] == "investigate").mean(),
            "harmful": (used < -HARM).mean(), "harmful if always adopted": (part["estimate"] < -HARM).mean(),
            "gain in use": used.mean(), "worst in use": used.min(), "rank correlation": ranks["estimate"].mean()})
    return found


def _grid(cells: pd.DataFrame, chosen: Callable[[str], bool], say: Callable[[pd.Series], str]) -> str:
    """A table of the chosen quantities: a row per quantity and world, a column per size."""
    mine = cells[cells["quantity"].map(chosen)]
    mine = mine[mine.groupby(["quantity", "world"])["told"].transform("max") > 0] if say is _right else mine
    sizes = sorted(mine["accounts"].unique())
    return table({"quantity": quantity.removeprefix(CLAIM), "world": world,
                   **{f"{size:,} accounts": "".join(say(row) for _, row in part[part["accounts"] == size].iterrows())
                      for size in sizes}}
                  for (quantity, world), part in mine.groupby(["quantity", "world"], sort=False))


def _right(row: pd.Series) -> str:
    """Bias and coverage with their Monte-Carlo errors, and the share of intervals without the value for no effect."""
    if np.isnan(row["coverage"]):
        return "truth not known" if row["told"] else "too few"
    is_share = row["quantity"].startswith(SHARES) or "_by_" in row["quantity"]
    unit, times = (" %", 100) if is_relative(row["quantity"]) else (" points", 100) if is_share else ("", 1)
    digits = 2 if times == 1 else 1
    said = (f"bias {row['bias'] * times:+.{digits}f} ± {row['bias_error'] * times:.{digits}f}{unit}, "
            f"covers {row['coverage']:.0%} ± {row['coverage_error']:.1%}")
    few = f" (of {row['told']:.0f})" if row["told"] < row["replicates"] else ""
    return said + (f", rejects {row['rejects']:.0%}" if not np.isnan(row["rejects"]) else "") + few


def _plain(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return "" if np.isnan(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
