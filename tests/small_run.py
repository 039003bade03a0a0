"""A company of a dozen accounts whose report fits on a sheet of paper, in place of an opened run.

Month: December 2025. A year ago a01 to a10 paid 1M a year each; a01 and a02 left, a03 halved, a04 grew to 1.6M:
opening 10M, churned 2M (20 %), contracted .5M, so GRR 75 %, NRR 81 %, accounts lost 20 %. a11 and a12 are new.

account  health (Nov)  touch (Nov)  corner (Nov)   renewal due
a03      15 (22)       .2  (.2)     D (D)          31 January, .5M, red
a04      35 (35)       .8  (.3)     A (C)
a05      30 (30)       .6  (.6)     A (A)
a06      30 (30)       .1  (.7)     C (A)
a07      20 (20)       .6  (.6)     B (B)
a08      20 (20)       .1  (.1)     D (D)          15 February, 1M, orange
a09      33 (33)       .9  (.9)     A (A)          31 March (day 90), 1M, green
a10      26 (20)       .1  (.1)     C (D)          1 April: too late to count
a11      24 (24)       .2  (.2)     D (D)
a12      28 (none)     .5  (none)   A (none): new this month; a02 (12, .1) was there in November and left

Past renewals, health read two months before, of 20 managers each: red 12 of 20 churned, orange 6, green 1, in all 41
of 60 kept, (41 + .5) / 61 = .680. Each band leans on that as on ten renewals more, so red is kept with (8 + 6.80) / 30
= .493, orange .693, green .860. Likely lost: .5M x .507 + 1M x .307 + 1M x .140 = .70M of 2.5M.
"""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from cs_research.definitions import load_definitions
from cs_research.definitions.models import Scorecard
from cs_research.finding import Finding
from cs_research.scorecards import bands
from cs_research.scores import moves_into_a, quadrants
from cs_research.studies import of_card

DEFAULTS = load_definitions()
CARD = DEFAULTS.scorecards["dear"]
YEAR_AGO, NOVEMBER, DECEMBER = "2024-12-01", "2025-11-01", "2025-12-01"
M = 1_000_000.0
# account: (health, touch) in December, (health, touch) in November, ARR
ACCOUNTS = {
    "a03": ((15, .2), (22, .2), .5), "a04": ((35, .8), (35, .3), 1.6), "a05": ((30, .6), (30, .6), 1),
    "a06": ((30, .1), (30, .7), 1), "a07": ((20, .6), (20, .6), 1), "a08": ((20, .1), (20, .1), 1),
    "a09": ((33, .9), (33, .9), 1), "a10": ((26, .1), (20, .1), 1), "a11": ((24, .2), (24, .2), 1),
    "a12": ((28, .5), None, 1), "a02": (None, (12, .1), 1),
}
CHANGES = {("a03", "D-3"): -3, ("a03", "D-4"): -2, ("a03", "A-1"): -2, ("a10", "E-2"): 3, ("a10", "R-1"): 3}
PAST = {"red": (15.0, 12), "orange": (20.0, 6), "green": (35.0, 1)}


def small_run(folder: Path, **replace: object) -> SimpleNamespace:
    """The company above; `replace` puts other tables, findings or dataset entries in place of its own."""
    scores = score_rows()
    run = SimpleNamespace(
        folder=folder, month=date(2025, 12, 1), as_of=date(2025, 12, 31), definitions=DEFAULTS,
        dataset={"name": "Paper Works", "zone": "Asia/Tokyo", "currency": "JPY", "simulated": True,
                 "licence": "CC0-1.0", "source": "a sheet of paper", "scorecard": "dear"},
        scores=scores, history=history_rows(), indicators=indicator_rows(scores),
        outcomes=outcome_rows(), retention=retention_rows(),
        account_facts=pd.DataFrame({"account_id": sorted(ACCOUNTS), "account_name": [
            f"Company {name}" for name in sorted(ACCOUNTS)]}),
        files=pd.DataFrame([("contracts.csv", "contracts", "quarantine", 105, 100, 3, 2, '{"R_DATE": 3}'),
                            ("touches.csv", "touches", "accept", 1000, 1000, 0, 0, "{}")], columns=[
            "file", "table", "outcome", "rows_in", "accepted", "quarantined", "excluded", "codes"]),
        holds=[], canonical=lambda name: None,
        findings={f.question: f for f in (
            Finding("bad_health_churns_half", "Of the red ones 64% churned.", .64, .56, .72, 81, "contradicted",
                    {"reason": "higher than claimed"}),
            Finding("touch_predicts_churn", "Low touch foretells churn.", .09, .02, .15, 60, "supported",
                    {"unit": "points", "tolerance": .05, "reason": "as claimed"}),
            Finding.not_measured("established_rarely_churns", "no account is that old", "cannot_tell"))})
    vars(run).update(replace)
    return by_card(run)


def by_card(run: SimpleNamespace) -> SimpleNamespace:
    """The run with `of_card`, as an opened one has it."""
    def rows(name: str, card: Scorecard, month: date | None = None, since: date | None = None) -> pd.DataFrame:
        found = of_card(getattr(run, name), card, month)
        return found[found["month"] >= pd.Timestamp(since)] if since else found

    run.of_card = rows
    return run


def score_rows(accounts: dict = ACCOUNTS) -> pd.DataFrame:
    """Rows of the table `scores` for December, November and, for a01 to a10, the year before."""
    rows = [_row(name, month, *state, arr) for name, (now, before, arr) in accounts.items()
            for month, state in ((DECEMBER, now), (NOVEMBER, before)) if state]
    rows += [_row(f"a{i:02d}", YEAR_AGO, 20, .2, 1) for i in range(1, 11)]
    frame = pd.DataFrame(rows)
    frame["health_band"] = bands(frame["health"], CARD.overall_cuts, CARD.bands)
    frame["quadrant"] = quadrants(frame["health"], frame["touch_score"], DEFAULTS.quadrants)
    frame["moved_into_a"] = moves_into_a(frame)
    return frame


def _row(name: str, month: str, health: float, touch: float, arr: float) -> dict:
    return {"account_id": name, "month": pd.Timestamp(month), "scorecard": "dear", "version": "1.0",
            "health": float(health), "measured_share": 1.0, "touch_score": touch, "touch_score_month": touch,
            "stage": "operation", "segment": "smb", "owner": f"CSM{int(name[1:]) % 4}", "arr": arr * M, "seats": 10.0,
            "start_date": pd.Timestamp("2024-06-01"), "age_months": 18, "is_renewal_due": False}


def history_rows() -> pd.DataFrame:
    """Scores as they stood in October 2025 of the accounts that were due at the turn of the year."""
    rows = [{**_row(f"{band[0]}{i:02d}", "2025-10-01", health, .2, 1), "health_band": band, "owner": f"CSM{i}",
             "due_date": pd.Timestamp("2025-12-01"), "outcome": "churned" if i < gone else "renewed"}
            for band, (health, gone) in PAST.items() for i in range(20)]
    return pd.DataFrame(rows)


def outcome_rows() -> pd.DataFrame:
    past = [(f"{band[0]}{i:02d}", "2025-12-01", "churned" if i < gone else "renewed")
            for band, (_, gone) in PAST.items() for i in range(20)]
    ahead = [("a03", "2026-01-31", "not_due"), ("a08", "2026-02-15", "not_due"), ("a09", "2026-03-31", "not_due"),
             ("a10", "2026-04-01", "not_due")]
    frame = pd.DataFrame(past + ahead, columns=["account_id", "due_date", "outcome"])
    return frame.assign(due_date=pd.to_datetime(frame["due_date"]), term_start=pd.Timestamp("2024-12-01"),
                        arr_before=M, arr_after=float("nan"))


def retention_rows() -> pd.DataFrame:
    year = {"month": pd.Timestamp(DECEMBER), "basis": "trailing_12", "segment": "all", "logos_opening": 10,
            "logos_new": 2, "logos_churned": 2, "logos_closing": 10, "grr": .75, "nrr": .81, "logo_churn": .2,
            "arr_churn": .2}
    month = {**year, "basis": "month", "logos_new": 1, "logos_churned": 1, "grr": .9, "nrr": .9, "logo_churn": .1,
             "arr_churn": .1}
    other = {**year, "segment": "smb", "grr": .11, "nrr": .11, "arr_churn": .89, "logo_churn": .89}
    return pd.DataFrame([year, month, other])


def indicator_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Points of every indicator in November and December; only those of CHANGES move."""
    rows = []
    for account, month in zip(scores["account_id"], scores["month"], strict=True):
        for indicator in CARD.indicators:
            change = CHANGES.get((account, indicator.id), 0)
            points = (4 if change < 0 else 1 if change > 0 else 3) + (change if month >= pd.Timestamp(DECEMBER) else 0)
            rows.append({"account_id": account, "month": month, "scorecard": "dear", "indicator": indicator.id,
                         "value": 0.5, "numerator": 1.0, "denominator": 2.0, "is_measured": True, "band": "orange",
                         "points": float(points), "contribution": float(points)})
    return pd.DataFrame(rows)


def without_health(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(health=float("nan"), health_band=None, quadrant=None, moved_into_a=False)


def without_touch(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(touch_score=float("nan"), quadrant=None, moved_into_a=False)
