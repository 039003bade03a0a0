"""The simulator: what it writes is well-formed, repeatable and true to its parameters."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from cs_research.errors import Refused
from cs_research.simulate import card, draws, simulate, tables
from cs_research.simulate.draws import draw
from cs_research.simulate.life import Life
from cs_research.simulate.terms import CHURNED, EXPANDED
from cs_research.simulate.truth import auc, truth_of
from cs_research.simulate.worlds import WORLDS, world_of

AS_OF = pd.Timestamp("2026-10-31")
KEYS = {
    "contracts": ["contract_id", "start_date"],
    "accounts": ["account_id"],
    "users": ["account_id", "user_id"],
    "usage_events": ["user_id", "occurred_at", "event_type"],
    "touches": ["touch_id"],
    "meetings": ["meeting_id"],
    "milestones": ["account_id", "milestone"],
    "surveys": ["survey_id"],
    "goals": ["goal_id"],
    "ratings": ["account_id", "kind", "set_date"],
    "feedback": ["account_id", "week"],
}
HAPPENED = {
    "usage_events": "occurred_at",
    "touches": "occurred_at",
    "meetings": "scheduled_date",
    "milestones": "completed_date",
    "goals": "agreed_date",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("world") / "small"
    simulate(path, accounts=120, months=26, seed=3, truth_accounts=400)
    return path


@pytest.fixture(scope="module")
def written(folder) -> dict[str, pd.DataFrame]:
    texts = {path.stem: pd.read_csv(path, dtype=str) for path in folder.glob("*.csv")}
    return texts | {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}


def day(column: pd.Series) -> pd.Series:
    """The local date that a date or a stamp with an offset begins with."""
    return pd.to_datetime(column.astype(object).astype(str).str[:10], errors="coerce")


def live(world: str) -> Life:
    return draw(WORLDS[world], accounts=1200, seed=5, months=26, managers=50, kind=Life)


@pytest.fixture(scope="module")
def claims() -> Life:
    return live("claims")


def test_every_canonical_table_is_written_once(folder, written):
    assert set(written) == set(KEYS)
    others = {path.name for path in folder.iterdir()} - {f"{name}.csv" for name in KEYS}
    assert others == {"dataset.yml", "truth.json", "users.parquet", "usage_events.parquet", "touches.parquet"}


def test_same_seed_same_bytes_and_another_seed_another_world(tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        simulate(tmp_path / name, accounts=20, months=14, seed=seed, truth_accounts=250)
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    one, other = tmp_path / "one", tmp_path / "other"
    assert (one / "contracts.csv").read_bytes() != (other / "contracts.csv").read_bytes()
    truths = [json.loads((path / "truth.json").read_text("utf-8")) for path in (one, other)]
    assert truths[0].pop("source") != truths[1].pop("source")
    assert truths[0] == truths[1], "the truth belongs to the world, not to the seed"


def test_keys_are_unique_and_every_account_exists(written):
    accounts = set(written["accounts"]["account_id"])
    for name, key in KEYS.items():
        assert not written[name].duplicated(key).any(), name
        assert set(written[name]["account_id"]) <= accounts, name


def test_ids_are_text_with_leading_zeros(written):
    ids = written["accounts"]["account_id"]
    assert ids.str.fullmatch(r"\d{5,}").all()
    assert ids.str.startswith("0").any()


def test_terms_are_well_formed(written):
    contracts = written["contracts"]
    start, end = day(contracts["start_date"]), day(contracts["end_date"])
    assert (end.isna() | (end > start)).all()
    assert contracts["seats"].astype(int).min() >= 1
    assert contracts["mrr"].astype(int).min() > 0
    over = end <= AS_OF
    assert set(contracts.loc[over, "status"]) == {"renewed", "churned", "active"}
    assert (over & (contracts["status"] == "active")).sum() <= 10, "a late paper here and there, no more"


def test_a_churned_term_has_no_successor_and_a_renewed_one_has(written):
    contracts = written["contracts"].assign(
        start=lambda t: day(t["start_date"]), end=lambda t: day(t["end_date"])
    )
    begins = set(zip(contracts["account_id"], contracts["start"], strict=True))
    ends = zip(contracts["account_id"], contracts["end"], strict=True)
    follows = pd.Series([end in begins for end in ends], contracts.index)
    assert follows[contracts["status"] == "renewed"].all()
    assert not follows[contracts["status"] == "churned"].any()


def test_the_truth_of_the_onboarding_stands_in_the_milestones(claims):
    """In time is what the tables say: all four milestones done by their due dates."""
    claims.people.id = np.char.mod("%05d", np.arange(claims.people.count))
    rows = tables.milestones(claims)
    late = rows["completed_date"].isna() | (rows["completed_date"] > rows["due_date"])
    in_time = (~late).groupby(rows["account_id"], observed=False).sum() == 4
    settled = claims.landmark_month() < claims.calendar.months
    agree = in_time.to_numpy()[settled] == claims.people.is_onboarded[settled]
    assert agree.mean() > 0.97, "but for rows that nobody has recorded yet"


def test_an_addon_runs_beside_a_term_and_ends_with_it(claims):
    terms = claims.noted("terms")
    main = terms[~terms["is_addon"]]
    addons = terms[terms["is_addon"]].merge(main, on=["account", "end"], suffixes=("", "_main"))
    assert len(addons) == terms["is_addon"].sum() > 0
    assert (addons["start"] > addons["start_main"]).all()


def test_nobody_uses_the_service_outside_a_contract(written):
    contracts, used = written["contracts"], written["usage_events"]
    unfiled = (day(contracts["end_date"]) <= AS_OF) & (contracts["status"] == "active")
    span = contracts[~contracts["account_id"].isin(contracts.loc[unfiled, "account_id"])]
    span = pd.DataFrame({
        "account_id": span["account_id"],
        "start": day(span["start_date"]),
        "end": day(span["end_date"]).fillna(AS_OF + pd.Timedelta(days=1)),
    })
    days = used.assign(day=day(used["occurred_at"]))[["account_id", "day"]].drop_duplicates()
    joined = days[days["account_id"].isin(span["account_id"])].merge(span, on="account_id")
    inside = (joined["start"] <= joined["day"]) & (joined["day"] < joined["end"])
    assert inside.groupby([joined["account_id"], joined["day"]]).any().all()


def test_late_recordings_exist_and_none_comes_before_the_event(written):
    for name, column in HAPPENED.items():
        table = written[name][written[name]["recorded_at"].notna()]
        happened, recorded = day(table[column]), day(table["recorded_at"])
        booked = (happened > AS_OF) if name == "meetings" else pd.Series(False, table.index)
        assert (recorded[~booked] > happened[~booked]).any(), name
        assert not (recorded[~booked] < happened[~booked]).any(), name
        assert (recorded <= AS_OF).all(), name
    touches = written["touches"]
    share = touches["recorded_at"].notna().mean()
    assert 0.02 < share < 0.05
    late = touches[touches["recorded_at"].notna()]
    assert (late["recorded_at"].str[:7] > late["occurred_at"].str[:7]).any(), "some across a month's end"


def test_after_the_as_of_there_are_only_booked_meetings_and_signed_terms(written):
    for name, table in written.items():
        for column in table.columns.difference(["due_date", "expires_date", "end_date"]):
            if not column.endswith(("_date", "_at")) or (name, column) in {
                ("meetings", "scheduled_date"), ("contracts", "start_date"),
            }:
                continue
            assert not (day(table[column]) > AS_OF).any(), (name, column)
    coming = written["meetings"][day(written["meetings"]["scheduled_date"]) > AS_OF]
    assert len(coming) and coming["held"].isna().all() and coming["recorded_at"].notna().all()
    signed = written["contracts"][day(written["contracts"]["start_date"]) > AS_OF]
    assert (day(signed["recorded_at"]) <= AS_OF).all()


def test_stamps_carry_the_offset(written):
    for name in ("usage_events", "touches"):
        assert written[name]["occurred_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00\+09:00").all()


def test_in_claims_health_decides_and_in_null_it_does_not(claims):
    held, null = claims.noted("readings"), live("null").noted("readings")
    for frame, low, high in ((held, 0.4, 0.6), (null, 0.05, 0.25)):
        churned = (frame["fate"] == CHURNED)[card.band(frame["health"]) == 0].mean()
        assert low < churned < high
    expanded = (held["fate"] == EXPANDED)[card.band(held["health"]) == 3].mean()
    assert 0.6 < expanded < 0.8
    share = np.bincount(card.band(held["health"]), minlength=4) / len(held)
    assert share.min() > 0.05 and share.max() < 0.6, "all four colours occur and none rules"
    assert null["churned"].corr(null["health"]) == pytest.approx(0, abs=0.15)
    assert held["churned"].corr(held["health"]) < -0.8


def test_onboarding_doubles_health_in_claims_and_does_nothing_in_null(folder, tmp_path):
    truth = json.loads((folder / "truth.json").read_text("utf-8"))["onboarding"]
    assert truth["ratio"] == pytest.approx(2.0, rel=0.25)
    simulate(tmp_path / "null", accounts=5, months=26, seed=1, world="null", truth_accounts=400)
    nothing = json.loads((tmp_path / "null/truth.json").read_text("utf-8"))["onboarding"]
    assert nothing["ratio"] == 1.0


def test_usage_fades_before_a_customer_leaves(claims):
    ends = claims.noted("ends")
    gone = ends[ends["fate"] == CHURNED]
    month = (gone["end"].to_numpy().astype("M8[M]") - claims.calendar.first).astype(int)
    gone, month = gone["account"].to_numpy()[month < 26], month[month < 26]
    fall = claims.engagement[gone, month - 1] - claims.engagement[gone, month - 5]
    assert np.nanmean(fall) < -1


def test_the_card_scores_the_example_of_the_document_at_26():
    example = {
        "D-1": 0.32, "D-2": 0.89, "D-3": 0.63, "D-4": 0.35, "E-1": 0.3, "E-2": -1.0, "A-1": 0.78,
        "A-2": 245.0, "A-3": 0.43, "R-1": 0.50,
    }
    total = card.total(card.colours({name: np.array([value]) for name, value in example.items()}))
    assert total[0] == pytest.approx(26)
    assert card.BANDS[card.band(total)[0]] == "yellow"
    assert card.band([17.5, 25.0, 32.5]).tolist() == [1, 2, 3], "on a cut: the better colour"


def test_a_tiny_world_is_written_too_and_progress_reaches_its_total(tmp_path):
    steps = []
    simulate(tmp_path, accounts=1, months=1, seed=1, progress=lambda *at: steps.append(at), truth_accounts=1)
    assert steps == [(done, 5) for done in (1, 2, 3, 4, 5)], "one block, four lives for the truth"
    assert (tmp_path / "contracts.csv").exists()
    assert "onboarding" not in json.loads((tmp_path / "truth.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"world": "clams"}, "no world 'clams'"),
        ({"accounts": 0}, "accounts is 0"),
        ({"months": 0}, "months is 0"),
        ({"base_churn": 30}, "takes no base churn of 30"),
        ({"world": "null", "base_churn": 95}, "takes no base churn of 95"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, wrong, sentence):
    with pytest.raises(Refused, match=sentence):
        simulate(tmp_path / "d", **({"accounts": 5, "months": 14, "seed": 1} | wrong))


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="something else"):
        simulate(tmp_path, 5, 14, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# ---------------------------------------------------------------- the truth, and replicates

TRUTH_ACCOUNTS = 2500


@pytest.fixture(scope="module")
def replicate() -> Life:
    return draw(WORLDS["claims"], accounts=6000, seed=11)


def within(observed: float, truth: float, n: float, likeness: float = 1.5) -> bool:
    """Three standard errors of a share of n, wider since accounts of one manager are alike."""
    return abs(observed - truth) < 3 * np.sqrt(likeness * truth * (1 - truth) / n)


def test_the_truth_is_what_the_tables_of_the_sample_count():
    """Counted by SQL in the contracts alone: terms that were due, and what became of first ones."""
    sample = Path(__file__).parent.parent / "data" / "sample"
    truth = json.loads((sample / "truth.json").read_text("utf-8"))
    churned, due = duckdb.sql(f"""
        SELECT count(*) FILTER (status = 'churned'), count(*) FROM '{sample}/contracts.csv'
        WHERE end_date <= DATE '2026-10-31' AND contract_id NOT LIKE '%A'""").fetchall()[0]
    assert within(churned / due, truth["renewals"]["p_churned"], due)
    left, followed = duckdb.sql(f"""
        WITH first AS (SELECT account_id, min(start_date) AS start FROM '{sample}/contracts.csv' GROUP BY 1)
        SELECT count(*) FILTER (start + INTERVAL 12 MONTH >= gone), count(*) FROM first LEFT JOIN (
            SELECT account_id, min(end_date) AS gone FROM '{sample}/contracts.csv' WHERE status = 'churned' GROUP BY 1
        ) USING (account_id) WHERE start + INTERVAL 12 MONTH <= DATE '2026-10-31'""").fetchall()[0]
    assert within(left / followed, truth["cumulative_incidence"]["churned_by_12"], followed)


def test_the_truth_is_what_a_replicate_counts(replicate):
    """Outcomes counted in one world, chances averaged in another: the same up to chance."""
    read, truth = draws.readings(replicate), truth_of(WORLDS["claims"], TRUTH_ACCOUNTS)
    colour = np.array(card.BANDS)[card.band(read["health"])]
    for outcome, band in (("churned", "red"), ("churned", "green"), ("expanded", "green"), ("contracted", "orange")):
        counted = (read["outcome"] == outcome)[colour == band]
        known = truth["renewals"][f"p_{outcome}_given_{band}"]
        assert within(counted.mean(), known, len(counted)), (outcome, band)
    assert within((colour == "red")[read["is_churned"]].mean(), truth["renewals"]["p_red_given_churned"],
                  read["is_churned"].sum())
    first = read[read["is_first"] & (replicate.people.term_months[read["account_id"]] == 12)]
    assert within(first["is_expanded"].mean(), truth["cumulative_incidence"]["expanded_by_12"], len(first), 2)
    rows = draws.onboarding(replicate).groupby("is_success")["health"].mean()
    assert rows[True] / rows[False] == pytest.approx(truth["onboarding"]["ratio_unadjusted"], rel=0.06)


def test_health_a_year_later_falls_into_survival_and_health_of_those_who_stay():
    found = truth_of(WORLDS["claims"], TRUTH_ACCOUNTS)["onboarding"]
    assert found["ratio"] == pytest.approx(2.0, abs=0.08)
    assert found["survival_ratio"] * found["ratio_among_survivors"] == pytest.approx(found["ratio"], rel=1e-3)
    assert found["mean_in_time"] / found["mean_not_in_time"] == pytest.approx(found["ratio"], rel=1e-3)
    assert found["ratio_on_points_scale"] < found["ratio"], "ten points for nothing hide part of the rise"


@pytest.mark.parametrize("base", [15, 50])
def test_in_null_nothing_matters(base):
    truth = truth_of(world_of("null", base), TRUTH_ACCOUNTS)
    assert {truth["onboarding"][name] for name in truth["onboarding"] if name.startswith("ratio_")
            and name not in ("ratio_unadjusted", "ratio_log_standard_error")} == {1.0}
    assert abs(truth["touch"]["causal"]) < 3 * truth["touch"]["causal_standard_error"]
    assert truth["renewals"]["worth"]["auc_churned"]["card"] == pytest.approx(0.5, abs=0.02)
    for colour in ("orange", "yellow"):  # so few have the others that their rates are left out
        assert truth["renewals"][f"p_churned_given_{colour}"] == pytest.approx(base / 100, abs=0.03)


def test_a_touch_raises_health_by_what_the_equations_say():
    """A coin against the engagement equation: 0.25 x log 2 of engagement, times what one unit of it does."""
    touch = truth_of(WORLDS["claims"], TRUTH_ACCOUNTS)["touch"]
    assert 0.4 < touch["causal"] < 1.0
    assert touch["conditional"] > touch["causal"], "managers see more of the day than the records say"


def test_a_hidden_trait_makes_comparisons_flatter():
    real, none = (truth_of(WORLDS[name], TRUTH_ACCOUNTS)["onboarding"] for name in ("confounded", "confounded_null"))
    assert real["ratio"] == pytest.approx(2.0, abs=0.1) and real["ratio_unadjusted"] == pytest.approx(2.8, abs=0.2)
    assert none["ratio"] == 1.0 and none["ratio_unadjusted"] > 1.2


def test_where_success_is_stock_the_ratio_rises_by_construction(tmp_path):
    found = truth_of(WORLDS["overlap"], TRUTH_ACCOUNTS)["onboarding"]
    assert found["ratio"] == found["ratio_without_stock"] == 1.0 and found["ratio_unadjusted"] > 1.04
    life = draw(WORLDS["overlap"], 1500, seed=2)
    rows, landmark = draws.onboarding(life), life.landmark_month()
    stock = life.stock_rate[rows["account_id"], landmark[rows["account_id"]]]
    assert ((stock >= 400) == rows["is_success"]).all()
    simulate(tmp_path / "overlap", accounts=40, months=14, seed=1, world="overlap", truth_accounts=1)
    assert not (tmp_path / "overlap/milestones.csv").exists()


def test_in_wrong_card_the_true_points_beat_the_experts_and_any_others():
    read = draws.readings(draw(WORLDS["wrong_card"], 5000, seed=4))
    truth = truth_of(WORLDS["wrong_card"], TRUTH_ACCOUNTS)
    worth = truth["renewals"]["worth"]
    assert worth["auc_churned"]["true_card"] > worth["auc_churned"]["card"] + 0.05
    assert worth["log_loss_churned"]["true_chance"] < worth["log_loss_churned"]["true_card"]
    assert worth["log_loss_churned"]["true_card"] < worth["log_loss_churned"]["card"]
    points = np.array([truth["true_card"][name] for name in card.INDICATORS])
    assert (points[:, 0] == 1).all() and points[:, -1].sum() == 40 and (np.diff(points) >= 0).all()
    colours, churned = read[list(card.INDICATORS)].to_numpy(), read["is_churned"].to_numpy(float)
    best, rng = auc(-read["true_health"].to_numpy(), churned), np.random.default_rng(0)
    for _ in range(20):
        steps = rng.multinomial(30, np.full(30, 1 / 30)).reshape(10, 3)
        assert auc(-card.total(colours, steps), churned) < best


def test_auc_counts_pairs():
    score, case = np.array([1, 2, 2, 3]), np.array([0, 1, 0, 1])
    assert auc(score, case) == pytest.approx(3.5 / 4), "(2 over 1), (2 ties 2), (3 over 1), (3 over 2)"


def test_a_replicate_is_repeatable_and_like_a_whole_life(claims):
    one, again, other = (draw(WORLDS["claims"], 1200, seed, months=26) for seed in (1, 1, 2))
    for table in (draws.readings, draws.onboarding, draws.touch_panel):
        pd.testing.assert_frame_equal(table(one), table(again))
        assert not table(one).equals(table(other))
        assert list(table(claims)) == list(table(one)), "both lives give the same tables"
    whole, sketch = draws.readings(claims), draws.readings(one)
    for name in card.INDICATORS:
        assert sketch[name].mean() == pytest.approx(whole[name].mean(), abs=0.25), name
    assert sketch["health"].mean() == pytest.approx(whole["health"].mean(), abs=0.8)
    assert sketch["health"].std() == pytest.approx(whole["health"].std(), rel=0.06)
    for table, column in ((draws.onboarding, "health"), (draws.touch_panel, "touch"), (draws.touch_panel, "after")):
        assert table(one)[column].mean() == pytest.approx(table(claims)[column].mean(), rel=0.1)
