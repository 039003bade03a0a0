"""What the page looks at: the month, the month before and the accounts of one run, by the card it leads with.

This module may select and join; it computes no score and words nothing but names.
"""

from collections import Counter
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from cs_research.definitions import models
from cs_research.display import page_stem
from cs_research.finding import Estimate, Finding
from cs_research.movement import movements
from cs_research.report.phrases import called
from cs_research.scorecards import lowest_total
from cs_research.scores import health_cut, previous_quadrants
from cs_research.studies.evidence import seen_until
from cs_research.studies.money import YEAR, Cohort, kept_of, opening_cohort
from cs_research.studies.state import health_bands, share_by_month

RATES = ("nrr", "grr", "arr_churn", "logo_churn")
TREND = 13  # months in a tile's trend: a year back and today


class View:
    """A run as the page needs it. `panel` holds the leading card's scores of all months up to the report's.

    `now` and `before` are the rows of this month and the one before, indexed by account_id in that order.
    """

    def __init__(self, run: Any):
        self.run = run
        self.definitions = run.definitions
        self.month = pd.Timestamp(run.month)
        self.card = run.definitions.scorecards[run.dataset["scorecard"]]
        self.currency = run.dataset.get("currency")
        self.panel = self._of_card("scores")
        self.listed: dict[str, dict[str, str]] = {}  # the accounts that the page names, in its order

    def _of_card(self, name: str, since: pd.Timestamp | None = None) -> pd.DataFrame:
        rows = self.run.of_card(name, self.card, self.month, since)
        return rows.sort_values(["account_id", "month"], ignore_index=True)

    @cached_property
    def history(self) -> pd.DataFrame:
        """The leading card's scores as they stood, with the next renewal."""
        return self._of_card("history")

    def at(self, months_ago: int) -> pd.DataFrame:
        """Rows of the month so many months ago, indexed by account_id."""
        month = self.month - pd.DateOffset(months=months_ago)
        return self.panel[self.panel["month"] == month].set_index("account_id")

    @cached_property
    def now(self) -> pd.DataFrame:
        return self.at(0)

    @cached_property
    def before(self) -> pd.DataFrame:
        return self.at(1)

    @cached_property
    def indicators(self) -> pd.DataFrame:
        """The leading card's indicators of the month and the one before, ordered by account and month."""
        return self._of_card("indicators", self.month_before)

    @cached_property
    def movements(self) -> pd.DataFrame:
        """Why health moved since the month before, by account and part (movement.movements)."""
        return movements(self.indicators, self.panel, self.card, self.month_before, self.month)

    @cached_property
    def names(self) -> dict[str, str]:
        """account_id -> name, the id itself where no name is known."""
        facts = self.run.account_facts
        return dict(zip(facts["account_id"], facts["account_name"].fillna(facts["account_id"]), strict=True))

    def account(self, account_id: str) -> dict[str, str]:
        """Name and page of an account that is listed; `href` is empty where this run has no page of it."""
        stem = page_stem(account_id)
        is_there = (Path(self.run.folder) / "notebooks" / "account" / f"{stem}.ipynb").exists()
        return self.listed.setdefault(account_id, {"name": self.names.get(account_id, account_id),
                                                   "href": f"accounts/{stem}.html" if is_there else ""})

    @cached_property
    def words(self) -> dict[str, models.Text]:
        """What names are called: those of words.yml, the stages by their titles."""
        return self.definitions.words | {stage.name: stage.title for stage in self.definitions.stages.stages}

    @property
    def ends(self) -> dict[str, str]:
        """What the card calls its worst band, the one above it and its best, in the language of the page: gaps of
        phrases."""
        worst, second, *_ = self.card.bands
        return {gap: called(self.words, band) for gap, band in (
            ("worst", worst), ("second", second), ("best", self.card.bands[-1]))}

    @property
    def tables(self) -> set[str]:
        """The input tables that were delivered; corrections and files of no table are none."""
        return set(self.definitions.tables) & set(self.run.files["table"])

    @cached_property
    def leaving(self) -> pd.Index:
        """The accounts of this month known to leave when their term ends: notice was given by the as-of and no term
        follows. A status `churned` without a date of notice is known only where the report sees all of the data."""
        terms = self.run.canonical("contracts")
        if terms is None or self.runs_once:
            return self.now.index[:0]
        is_told = (terms["status"] == "churned") & terms["notice_date"].isna() & (self.as_of == self.run.as_of)
        terms = terms[is_told | (terms["notice_date"] <= pd.Timestamp(self.as_of))]
        ahead = self.run.outcomes[self.run.outcomes["outcome"] == "not_due"]
        ends = terms.merge(ahead, left_on=["account_id", "end_date"], right_on=["account_id", "due_date"])
        return self.now.index[self.now.index.isin(ends["account_id"])]

    @property
    def has_money(self) -> bool:
        """Whether the ARR of every account of the month is known; a part of it is not taken for the whole."""
        return bool(self.panel["arr"].notna().any() and self.now["arr"].notna().all())

    @property
    def has_health(self) -> bool:
        return bool(self.now["health"].notna().any())

    @cached_property
    def bands(self) -> Finding:
        """How many accounts of this month have which band (state.health_bands)."""
        return health_bands(self.panel, self.card, self.definitions, self.month)

    @property
    def has_quadrant(self) -> bool:
        return bool(self.now["quadrant"].notna().any())

    @property
    def month_end(self) -> pd.Timestamp:
        return self.month + pd.offsets.MonthEnd(0)

    @property
    def month_before(self) -> pd.Timestamp:
        return self.month - pd.DateOffset(months=1)

    @property
    def edges(self) -> list[float]:
        """The limits of the card's bands, from the lowest possible total to the highest."""
        return [lowest_total(self.card), *self.card.overall_cuts, self.card.total]

    @property
    def health_cut(self) -> float:
        """Where health is high on the leading card."""
        return health_cut(self.definitions.quadrants, self.card)

    @property
    def managers(self) -> int:
        """How many managers look after the accounts of this month; 0 when none is named."""
        return int(self.now["owner"].nunique())

    def arr(self, frame: pd.DataFrame) -> float | None:
        """ARR of the accounts in `frame`, None where money is not measured."""
        return float(frame["arr"].sum()) if self.has_money and frame["arr"].notna().all() else None

    def shares(self, flag: pd.Series) -> pd.Series:
        """Share of `flag` (by row of the panel, empty: not counted) by month up to this one, none of too few
        accounts; empty where this month has no share."""
        shares = share_by_month(self.panel, flag, self.definitions)
        return shares if self.month in shares.index else shares[:0]

    def enough(self, accounts: int) -> bool:
        """Whether a rate of so many accounts may be told."""
        return self.definitions.claims.are_enough(accounts)

    @cached_property
    def sizes(self) -> pd.Series:
        """Accounts under contract by month, from the first month to this one."""
        sizes = self.panel.groupby("month").size()
        months = pd.date_range(min([self.month, *sizes.index]), self.month, freq="MS")
        return sizes.reindex(months, fill_value=0)

    @cached_property
    def crossings(self) -> Counter[tuple[str, str]]:
        """Accounts by (corner a month ago, corner now), where both are measured."""
        rows = self.panel.assign(then=previous_quadrants(self.panel))
        rows = rows[(rows["month"] == self.month) & rows["then"].notna() & rows["quadrant"].notna()]
        return Counter(zip(rows["then"], rows["quadrant"], strict=True))

    @property
    def as_of(self) -> date:
        """The last day whose outcomes this month's report may see."""
        return seen_until(self.run)

    @cached_property
    def findings(self) -> dict[str, Finding]:
        """What the notebooks of the run have recorded, by question."""
        return self.run.findings

    def finding(self, question: str) -> Finding | None:
        """The Finding of a question, None when the run did not ask it or it has no estimate."""
        found = self.findings.get(question)
        return found if found is not None and found.estimate is not None else None

    @property
    def runs_once(self) -> bool:
        """Whether contracts of this data set end and are never renewed, as those of a course are."""
        return not self.definitions.outcomes.is_renewable

    @cached_property
    def retention(self) -> pd.DataFrame:
        """Retention of all segments together, one row per month, indexed by month: over the last twelve months, or
        by month (column `basis`) while there are no twelve before or where contracts run once. No rates of too few."""
        rows = self.run.retention
        rows = rows[(rows["segment"] == "all") & (rows["month"] <= self.month) & (rows["logos_opening"] > 0)]
        rows = rows.assign(**{name: rows[name].where(rows["logos_opening"].map(self.enough)) for name in RATES})
        for basis in ("month",) if self.runs_once else ("trailing_12", "month"):
            chosen = rows[rows["basis"] == basis].set_index("month").sort_index()
            if self.month in chosen.index:
                return chosen
        return rows.iloc[:0].set_index("month")

    @cached_property
    def monthly(self) -> pd.Series | None:
        """This month's bridge, None before the second month."""
        rows = self.run.retention
        rows = rows[(rows["segment"] == "all") & (rows["basis"] == "month") & (rows["month"] == self.month)]
        return rows.iloc[0] if len(rows) else None

    def retained(self, name: str) -> Estimate:
        """nrr, grr, arr_churn or logo_churn of the accounts of the opening (over one month: logo_churn only)."""
        return kept_of(self.cohort, name, self.definitions)

    @cached_property
    def cohort(self) -> Cohort:
        """The accounts of the opening behind this month's row of `retention`."""
        months = YEAR if self.retention.loc[self.month, "basis"] == "trailing_12" else 1
        return opening_cohort(self.panel, self.run.outcomes, self.run.month, months)
