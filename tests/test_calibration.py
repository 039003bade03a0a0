"""Points from outcomes: sharing them out on paper, what is known when, and simulated companies whose truth is known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from canonical import DEFAULTS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cs_research import scorecards
from cs_research.definitions import definition_text, read_definition, with_card
from cs_research.errors import CannotWrite
from cs_research.runs import write_new
from cs_research.studies import Evidence
from cs_research.studies.calibrated_card import calibrated_points, card_chances, new_card, windows
from cs_research.studies.calibration import (
    Windows,
    calibrated,
    chosen_kappa,
    filled,
    fitted,
    lacking,
    points_drawn,
    points_of,
    split,
    totals,
)

CARD = DEFAULTS.scorecards["dear"]
EXPERT = np.tile([1, 2, 3, 4], (10, 1))
RIGHT = np.ones((10, 3))
# Three indicators hold 24 of the 30 points, the other seven share 6: the expert is badly off.
WRONG = np.vstack([[3, 3, 2], [4, 2, 2], [2, 3, 3], *[[6 / 7, 0, 0]] * 7])


def company(seed: int, accounts: int, true: np.ndarray, months: int = 30) -> tuple[Windows, np.ndarray]:
    """Windows of yearly renewals, read four months before, and each one's true chance of churn; 40 managers.

    churn logit = 1.2 - .17 x true increments + the manager's own; expansion logit = -2.5 + .10 x true increments.
    """
    rng = np.random.default_rng(seed)
    start, level = rng.integers(0, months - 6, accounts), rng.normal(0, 0.8, accounts)
    owner = rng.integers(0, 40, accounts)
    own, half, habit = rng.normal(0, 0.25, 40), rng.integers(0, 2, accounts), rng.normal(0, 0.7, (accounts, 10))
    gone, parts = np.zeros(accounts, bool), []
    for year in (0, 1, 2):
        due = start + 12 * year
        who = np.flatnonzero((due >= 3) & (due < months) & ~gone)
        bands = np.digitize(level[who, None] + habit[who] + rng.normal(0, 0.6, (len(who), 10)), [-0.9, 0, 0.9])
        score = ((bands[:, :, None] > np.arange(3)) * true).sum((1, 2))
        chance = 1 / (1 + np.exp(0.17 * score - 1.2 - own[owner[who]]))
        churned = rng.random(len(who)) < chance
        expanded = ~churned & (rng.random(len(who)) < 1 / (1 + np.exp(2.5 - 0.10 * score)))
        gone[who] |= churned
        parts.append((bands, churned, expanded, half[who], due[who] - 4.0, due[who] + 1.0, owner[who], chance, who))
    *data, chance, who = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Windows(*data), chance


def true_auc(score: np.ndarray, chance: np.ndarray) -> float:
    """The AUC that infinitely many draws of the same windows would have."""
    by = pd.DataFrame({"score": score, "gone": chance, "here": 1 - chance}).groupby("score").sum()
    above = by["here"][::-1].cumsum()[::-1] - by["here"] / 2
    return float((by["gone"] * above).sum() / by["gone"].sum() / by["here"].sum())


# ---------------------------------------------------------------- sharing points out


def test_points_are_shared_out_by_the_largest_remainder():
    """Nine points for increments 5, 3, 1 of one and 2, 0, 0 of another, 11 in all: 9/11 of each is 4.09, 2.45, .82
    and 1.64; whole 4 + 2 + 0 + 1 = 7, the two left go to .82 and .64: 4, 2, 1 and 2. Worst colours keep 1 and 0."""
    points = points_of(np.array([[5.0, 3, 1], [2, 0, 0]]), np.array([[1, 2, 3, 4], [0, 1, 2, 6]]))
    assert points.tolist() == [[1, 5, 7, 8], [0, 2, 2, 2]]


@pytest.mark.parametrize("card", ["dear", "feature_health"])
def test_equal_weight_on_every_point_gives_the_experts_card_back(card):
    expert = np.array([i.points for i in DEFAULTS.scorecards[card].indicators])
    for size in (0.01, 1.0, 17.3):
        assert points_of(size * np.diff(expert, axis=1), expert).tolist() == expert.tolist()


@given(arrays(float, (10, 3), elements=st.floats(0, 100)))
def test_points_never_fall_and_always_add_up_to_forty(increments):
    points = points_of(increments, EXPERT)
    assert (np.diff(points, axis=1) >= 0).all() and (points[:, 0] == 1).all() and points[:, -1].sum() == 40


@given(st.integers(0, 10**6), st.sampled_from([0.1, 10.0, 1000.0]), st.booleans())
def test_what_is_fitted_never_falls_whatever_the_data(seed, kappa, has_expansion):
    rng = np.random.default_rng(seed)
    bands, (churned, expanded) = rng.integers(-1, 4, (60, 10)), rng.random((2, 60)) < 0.4
    data = Windows(bands, churned, expanded if has_expansion else None, *np.zeros((3, 60)), np.arange(60))
    assert (fitted(data, RIGHT, kappa) >= 0).all()


def test_totals_are_those_of_the_card_also_where_something_is_not_measured():
    rng = np.random.default_rng(1)
    bands = rng.integers(-1, 4, (40, 10))
    points = points_of(rng.random((10, 3)), EXPERT)
    card = CARD.model_copy(update={"min_measured_share": 0.0, "indicators": tuple(
        i.model_copy(update={"points": tuple(row)}) for i, row in zip(CARD.indicators, points.tolist(), strict=True))})
    value = {row: [np.nan, *range(4)][band + 1] for row, band in np.ndenumerate(bands)}
    measures = pd.DataFrame({"account_id": [f"{n:02}" for n in range(40)], "month": pd.Timestamp("2026-01-01")})
    own = tuple(i.model_copy(update={"numerator": None, "denominator": None, "value": i.id, "better": "higher",
                                     "cuts": (1.0, 2.0, 3.0)}) for i in card.indicators)
    for place, i in enumerate(own):
        measures[i.id] = [value[row, place] for row in range(40)]
    card = card.model_copy(update={"indicators": own})
    health = scorecards.health(scorecards.indicators(measures, card), card)["health"].to_numpy()
    assert totals(bands, points)[~np.isnan(health)] == pytest.approx(health[~np.isnan(health)])


def test_what_is_not_measured_counts_in_the_fit_as_it_counts_in_the_card():
    """Of ten indicators nine are measured, all second worst: 1 of 3 increments each, so the tenth counts as 1 / 3 of
    its three too: 10 increments, a total of 20 of 40."""
    bands = np.array([[1] * 9 + [-1]])
    assert filled(bands, RIGHT)[1].tolist() == pytest.approx([10.0]) and totals(bands, EXPERT).tolist() == [20.0]
    some = np.random.default_rng(1).integers(-1, 4, (50, 10))
    assert filled(some, RIGHT)[1] + 10 == pytest.approx(totals(some, EXPERT))


# ---------------------------------------------------------------- what is known when


def test_training_outcomes_were_known_before_the_first_test_reading_and_each_half_is_tested_by_the_other():
    data, _ = company(1, 500, RIGHT)
    parts = split(data)
    for early, late in parts:
        assert early.known.max() <= late.read.min() and len(early.churned) > 100 < len(late.churned)
        assert len({*early.half}) == len({*late.half}) == 1 and early.half[0] != late.half[0]


def test_outcomes_that_are_not_known_yet_change_no_training():
    data, _ = company(1, 500, RIGHT)
    cut = np.quantile(data.known, 0.5, method="lower")
    other = replace(data, churned=data.churned ^ (data.known > cut), expanded=data.expanded ^ (data.known > cut))
    for (early, _), (same, _) in zip(split(data), split(other), strict=True):
        assert chosen_kappa(early, RIGHT) == chosen_kappa(same, RIGHT)
        assert fitted(early, RIGHT, 1.0).tolist() == fitted(same, RIGHT, 1.0).tolist()


def test_of_windows_watched_to_the_end_of_the_data_only_churns_up_to_the_day_are_known():
    data, _ = company(1, 50, RIGHT)
    open_still = replace(data, ended=data.known + 5)
    then = open_still.known_at(12.0)
    assert then.expanded is None and then.churned.tolist() == (
        data.churned[data.known <= 12] & (data.known[data.known <= 12] + 5 <= 12)).tolist()


# ---------------------------------------------------------------- companies whose truth is known


def test_a_card_that_is_badly_off_is_replaced_by_one_that_tells_better_who_leaves():
    data, chance = company(3, 7000, WRONG)
    found = calibrated(data, EXPERT)
    assert found.verdict(10) == "adopt" and found.new.value > found.old.value and found.kappa < 30
    assert true_auc(totals(data.bands, found.points), chance) > true_auc(totals(data.bands, EXPERT), chance) + 0.015
    assert found.points[:3, -1].min() > found.points[3:, -1].max()


@pytest.mark.parametrize("accounts", [500, 2000, 7000])
def test_a_card_that_is_right_is_kept_and_its_calibration_harms_nobody(accounts):
    for seed in (1, 2):
        data, chance = company(seed, accounts, RIGHT)
        found = calibrated(data, EXPERT)
        assert found.verdict(10) != "adopt" and 20 < found.difference.n < len(chance)
        loss = true_auc(totals(data.bands, EXPERT), chance) - true_auc(totals(data.bands, found.points), chance)
        assert loss <= 0.005


def test_the_same_data_give_the_same_points_and_intervals():
    data, _ = company(5, 300, WRONG)
    drawn = points_drawn(data, EXPERT, draws=3)
    assert drawn.shape == (3, 10, 4) and drawn.tolist() == points_drawn(data, EXPERT, draws=3).tolist()
    assert (drawn[:, :, -1].sum(1) == 40).all() and len({str(one) for one in drawn.tolist()}) > 1
    assert calibrated(data, EXPERT).points.tolist() == calibrated(data, EXPERT).points.tolist()


@pytest.mark.parametrize(("change", "words"), [
    (lambda data: np.zeros(len(data.churned), bool), "fewer than 10 churned"),
    (lambda data: np.arange(len(data.churned)) < 9, "fewer than 10 churned"),
    (lambda data: np.ones(len(data.churned), bool), "fewer than 10 stayed"),
    (lambda data: totals(data.bands, EXPERT) < 22, "without a miss")])
def test_nothing_is_fitted_where_outcomes_say_too_little_or_all(change, words):
    data, _ = company(1, 200, RIGHT)
    thin = replace(data, churned=change(data))
    assert words in lacking(thin, RIGHT)
    found = calibrated(thin, EXPERT)
    assert found.why and found.verdict(10) == "cannot_tell" and found.points.tolist() == EXPERT.tolist()


def test_what_is_hardly_ever_measured_keeps_the_experts_weight():
    data, _ = company(3, 1000, WRONG)
    bands = data.bands.copy()
    bands[:, 0] = -1
    assert fitted(replace(data, bands=bands), RIGHT, 1.0)[0].tolist() == [1, 1, 1]


# ---------------------------------------------------------------- a data set


def evidence_of(data: Windows) -> Evidence:
    """A data set that says what the windows say: month 0 is January 2024, renewals on the first of a month."""
    months = pd.DatetimeIndex([pd.Timestamp("2024-01-01") + pd.DateOffset(months=int(m)) for m in data.read])
    ids = [f"{n:05}" for n in range(len(months))]
    health = totals(data.bands, EXPERT)
    history = pd.DataFrame({
        "account_id": ids, "month": months, "scorecard": "dear", "version": "1.0", "health": health,
        "health_band": scorecards.bands(pd.Series(health), CARD.overall_cuts, CARD.bands), "touch_score": 0.5,
        "stage": "operation", "segment": "smb", "owner": [f"M{n}" for n in data.cluster], "arr": 1.0, "seats": 1.0})
    outcome = np.select([data.churned, data.expanded], ["churned", "expanded"], "renewed")
    outcomes = pd.DataFrame({"account_id": ids, "due_date": months + pd.DateOffset(months=4), "outcome": outcome,
                             "term_start": months - pd.DateOffset(months=8), "arr_before": 1.0, "arr_after": 1.0})
    rows = [pd.DataFrame({"account_id": ids, "month": months, "indicator": i.id, "points": data.bands[:, place] + 1.0,
                          "is_measured": data.bands[:, place] >= 0,
                          "band": np.array([*CARD.indicator_bands, None], dtype=object)[data.bands[:, place]]})
            for place, i in enumerate(CARD.indicators)]
    return Evidence(history, outcomes, pd.concat(rows), pd.DataFrame(), None, DEFAULTS, "dear", date(2027, 12, 31))


@pytest.fixture(scope="module")
def wrong() -> Evidence:
    return evidence_of(company(3, 3000, WRONG)[0])


@pytest.fixture(scope="module")
def found(wrong):
    return calibrated_points(wrong, draws=10)


def test_a_data_set_becomes_windows(wrong):
    data, _ = company(3, 3000, WRONG)
    rows, frame = windows(wrong)
    order = np.array([int(name) for name in frame["account_id"]])
    assert rows.bands.tolist() == data.bands[order].tolist()
    assert rows.churned.tolist() == data.churned[order].tolist()
    assert (rows.known - rows.read >= 90).all() and rows.ended is None


def test_the_finding_shows_both_cards_with_the_spread_of_the_points(found):
    assert found.verdict == "adopt" and found.lower > 0 and "adopt them" in found.sentence
    row = found.rows[0]
    assert (row["indicator"], row["expert"], row["mark"]) == ("D-1", "1 2 3 4", 4)
    assert row["calibrated"].endswith(f" {row['estimate']}") and row["lower"] <= row["estimate"] <= row["upper"]
    assert sum(row["estimate"] for row in found.rows) == 40


def test_the_new_card_is_a_version_of_its_own_that_can_be_tried_and_is_never_written_over(wrong, found, tmp_path):
    path = tmp_path / "new.yml"
    card = new_card(wrong, found)
    write_new(path, definition_text(card))
    assert read_definition(path) == card
    month = f"{wrong.history['month'].max():%Y-%m}"
    assert with_card(DEFAULTS, path, month).scorecards["dear"] == card
    assert (card.version, card.in_use_from) == ("1.1", month) and "adopt them" in card.source
    assert [i.cuts for i in card.indicators] == [i.cuts for i in CARD.indicators]
    before = path.read_bytes()
    with pytest.raises(CannotWrite, match="is there already"):
        write_new(path, "other")
    assert path.read_bytes() == before


def test_the_chances_that_health_gives_are_right_where_the_card_is_and_too_bold_where_outcomes_are_noise(wrong):
    good = card_chances(evidence_of(company(2, 3000, RIGHT)[0]))
    assert good.lower < 1 < good.upper and [row["band"] for row in good.rows] == list(CARD.bands)
    said, seen = [r["mark"] for r in good.rows if r["rate"]], [r["rate"] for r in good.rows if r["rate"]]
    assert np.corrcoef(said, seen)[0, 1] > 0.95
    data, _ = company(2, 3000, RIGHT)
    late = data.known > np.quantile(data.known, 0.5)
    noise = np.where(late, np.random.default_rng(1).random(len(late)) < 0.3, data.churned)
    assert card_chances(evidence_of(replace(data, churned=noise, expanded=data.expanded & ~noise))).upper < 0.5


def test_a_card_whose_points_do_not_add_up_is_told_so(wrong):
    other = replace(wrong, scorecard="groups")
    assert "groups has groups" in calibrated_points(other).sentence
