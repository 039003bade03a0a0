"""Touch on a sheet of paper: the point table row by row, reactions, corners and moves, the content plan."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from canonical import DEFAULTS, panel, term
from hypothesis import given, settings
from hypothesis import strategies as st
from small_data import made, rows

from cs_research import scores
from cs_research.definitions import load_definitions
from cs_research.definitions.loader import DEFAULTS as FOLDER
from cs_research.definitions.loader import read_definition
from cs_research.errors import Refused
from cs_research.ingest import ingest, open_dataset
from cs_research.studies import touch

JUNE = date(2026, 6, 1)
# 000, table "Touch Score": type, progress, points of the row; with `cumulative` the levels below are added.
POINT_TABLE = [
    ("video_view", 0.19, 0, 0), ("video_view", 0.2, 1, 1), ("video_view", 0.6, 2, 1 + 2),
    ("video_view", 1.0, 3, 1 + 2 + 3),
    ("elearning", 0.49, 0, 0), ("elearning", 0.5, 3, 3), ("elearning", 1.0, 5, 3 + 5), ("elearning_login", None, 1, 1),
    ("web_visit", None, 1, 1), ("mail_click", None, 1, 1), ("mid_review", None, 10, 10), ("final_review", None, 10, 10),
    ("seminar_application", None, 1, 1), ("seminar_attendance", None, 3, 1 + 3), ("event_attendance", None, 10, 10),
    ("mail_sent", None, 0, 0), ("mail_open", None, 0, 0), ("call", None, 0, 0), ("call_connected", None, 0, 0)]


def with_plan(**kinds):
    """The defaults with some keys of some definitions changed: with_plan(touch_points={"levels": "cumulative"})."""
    return replace(DEFAULTS, **{kind: getattr(DEFAULTS, kind).model_copy(update=keys) for kind, keys in kinds.items()})


def june(tmp_path, touches, definitions=DEFAULTS, seats=40, view=False, month=6):
    """Measures of a month of 2026 by account, for accounts of so many seats since May; `touches` as rows."""
    accounts = sorted({row["account_id"] for row in touches})
    made_panel = panel(tmp_path, JUNE, date(2026, 6, 30), definitions, touches=touches,
                       contracts=[term(account, "2026-05-01", None, seats) for account in accounts])
    frame = made_panel.measures()
    frame = frame[(frame["month"].dt.month == month) & (frame["is_history"] == view)]
    return frame.set_index("account_id"), made_panel.not_measured()


def row(account, number, kind, at="2026-06-10", user="u1", content="c1", **more):
    return {"account_id": account, "touch_id": f"{account}-{number}", "touch_type": kind, "occurred_at": at,
            "user_id": user, "content_id": content, **more}


def test_every_row_of_the_point_table_over_the_seats(tmp_path):
    assert {kind for kind, *_ in POINT_TABLE} == set(DEFAULTS.touch_points.types)
    touches = [row(f"a{n:02}", 1, kind, progress=progress) for n, (kind, progress, *_) in enumerate(POINT_TABLE)]
    for levels, column in (("highest", 2), ("cumulative", 3)):
        found, _ = june(tmp_path / levels, touches, with_plan(touch_points={"levels": levels}))
        points = [line[column] for line in POINT_TABLE]
        assert found["touch_points"].tolist() == points
        assert found["touch_score_month"].tolist() == [pytest.approx(n / 40) for n in points]
        assert found["touch_score"].tolist() == [pytest.approx(n / 40 / 2) for n in points]  # of May and June


def test_online_and_offline_and_what_is_not_yet_linked_are_told_apart(tmp_path):
    found, _ = june(tmp_path, [row("a", 1, "web_visit"), row("a", 2, "final_review"), row("a", 3, "event_attendance"),
                               row("a", 4, "elearning", progress=0.5)])
    # 1 + 10 + 10 + 3 points; online 1 + 3; linked 1 + 10, of 40 seats, mean of two months.
    a = found.loc["a"]
    assert (a.touch_points, a.touch_points_online, a.touch_score_synced) == (24, 4, pytest.approx(11 / 40 / 2))


def test_a_course_reached_over_months_and_a_late_half_of_it(tmp_path):
    steps = [row("a", 1, "elearning", at="2026-05-20", progress=0.5, recorded_at="2026-06-02"),
             row("a", 2, "elearning", at="2026-06-20", progress=1.0)]
    # Known today: 3 in May, the rise of 2 in June. May's history did not know; June's books only its own rise.
    booked = {(month, view): june(tmp_path / f"{month}{view}", steps, month=month, view=view)[0]["touch_points"].item()
              for month in (5, 6) for view in (False, True)}
    assert booked == {(5, False): 3, (5, True): 0, (6, False): 2, (6, True): 2}


KINDS = [kind for kind in DEFAULTS.touch_points.types]


@pytest.mark.parametrize("seed", range(3))
def test_touches_may_arrive_in_any_order(tmp_path, seed):
    rng = np.random.default_rng(seed)
    touches = [row(f"a{rng.integers(3)}", n, rng.choice(KINDS), f"2026-0{rng.integers(5, 7)}-{rng.integers(1, 5):02}",
                   user=rng.choice(["u1", "u2", None]), content=rng.choice(["c1", "c2", None]),
                   progress=rng.choice([0.1, 0.2, 0.6, 1.0]), recipients=rng.choice([1, 3]),
                   recorded_at=rng.choice([None, "2026-06-20"])) for n in range(60)]
    shuffled = [touches[n] for n in rng.permutation(60)]
    for view in (False, True):
        one, other = (june(tmp_path / f"{name}{view}", some, month=5, view=view)[0]
                      for name, some in (("one", touches), ("other", shuffled)))
        pd.testing.assert_frame_equal(one, other)
    assert one["touch_points"].sum() > 0


def test_a_touch_delivered_again_changes_nothing(tmp_path):
    folder = made(tmp_path)
    text = ("touch_id,account_id,occurred_at,touch_type,user_id,content_id\n"
            "t1,007,2025-05-02T10:00:00+09:00,mail_click,u1,c1\nt2,007,2025-05-03T10:00:00+09:00,mid_review,,\n")
    taken = []
    for delivery in ("2025-05-31", "2025-06-30"):
        (folder / delivery).mkdir()
        (folder / delivery / "touches.csv").write_text(text, encoding="utf-8")
        taken.append(sorted(rows(ingest(open_dataset(folder), tmp_path / f"out-{delivery}"), "touches",
                                 "touch_id, account_id, occurred_at, touch_type, user_id")))
    assert taken[0] == taken[1] and len(taken[0]) == 2


# ---------------------------------------------------------------- reactions


def test_reactions_by_hand(tmp_path):
    touches = [row("a", 0, "mail_sent", user=None, recipients=10), row("a", 1, "mail_open"),
               row("a", 2, "mail_open"), row("a", 3, "mail_open", user="u2"),
               row("a", 4, "mail_open", user="u3", recorded_at="2026-06-02"),
               row("a", 5, "call", user=None, content=None), row("a", 6, "call", user=None, content=None),
               row("a", 7, "call_connected", user=None, content=None),
               row("a", 8, "elearning", progress=0.1), row("a", 9, "elearning", progress=0.4),
               row("a", 10, "elearning", content="c2"), row("b", 0, "web_visit")]
    touches = [{**touched, "occurred_at": f"2026-05-{10 + n}"} for n, touched in enumerate(touches)]
    now, _ = june(tmp_path / "now", touches, month=5)
    then, _ = june(tmp_path / "then", touches, month=5, view=True)
    # 3 of 10 opened (one twice, one known late), 1 of 2 calls, 2 courses at 40 seats; b was sent and called nothing.
    columns = ["mail_open_rate", "call_connect_rate", "elearning_plays"]
    assert now.loc["a", columns].tolist() == [0.3, 0.5, 2 / 40] and then.loc["a", "mail_open_rate"] == 0.2
    assert now.loc["b", columns].fillna(-1).tolist() == [-1, -1, 0]


def test_a_reaction_to_what_never_occurs_is_not_measured(tmp_path):
    found, reasons = june(tmp_path, [row("a", 0, "mail_open"), row("a", 1, "elearning")])
    assert found.loc["a", ["mail_open_rate", "call_connect_rate"]].isna().all()
    assert found.loc["a", "mail_open_count"] == 1
    assert reasons["mail_open_rate"] == reasons["mail_sent_count"] == "no touch of type mail_sent occurs in the data"


def test_reactions_are_shown_by_month_with_n_and_interval_or_in_words():
    frame = pd.DataFrame([{"account_id": f"a{n}", "month": pd.Timestamp(month), "owner": f"M{n % 12}", "seats": 10.0,
                           "mail_open_count": 1.0 + n % 2, "mail_sent_count": 10.0, "call_count": float(n < 5),
                           "call_connected_count": 0.0, "elearning_count": np.nan}
                          for n in range(24) for month in ("2026-05-01", "2026-06-01")])
    found = touch.reactions(frame, frame.drop(columns="owner"), DEFAULTS, JUNE)
    assert (found.estimate, found.n) == (pytest.approx(0.15), 24) and found.lower < 0.15 < found.upper
    assert [line["month"] for line in found.rows] == ["2026-05-01", "2026-06-01"] * 3
    opened, called, learned = (found.rows[n] for n in (1, 3, 5))
    assert opened == {"reaction": "mails opened of those sent", "month": "2026-06-01", "rate": found.estimate,
                      "lower": found.lower, "upper": found.upper, "n": 24}
    assert (called["rate"], learned["rate"]) == ("too few", "not measured") and called["lower"] is None
    nothing = frame.assign(mail_open_count=np.nan, call_count=0.0).drop(columns="owner")
    none = touch.reactions(frame, nothing, DEFAULTS, JUNE)
    assert none.sentence.startswith("Not measured") and none.estimate is None


def test_a_card_may_read_a_reaction_and_an_unknown_touch_type_is_refused(tmp_path):
    card = (FOLDER / "scorecards" / "dear.yml").read_text(encoding="utf-8").replace("name: dear", "name: mine")
    (tmp_path / "mine.yml").write_text(card.replace("value: touch_score", "value: mail_open_rate"), encoding="utf-8")
    assert "mail_open_rate" in load_definitions(tmp_path).scorecards["mine"].reads
    text = (FOLDER / "touch_points.yml").read_text(encoding="utf-8").replace("per: call_count", "per: calls_count")
    text = text.replace('version: "1.0"', 'version: "mine"')
    (tmp_path / "touch_points.yml").write_text(text, encoding="utf-8")
    line = text[: text.index("calls_count")].count("\n") + 1
    with pytest.raises(Refused, match=f"touch_points.yml:{line}: touch_points reads 'calls_count', which no file"):
        load_definitions(tmp_path)


# ---------------------------------------------------------------- corners and moves


def test_a_segment_may_have_a_touch_cut_of_its_own():
    plan = DEFAULTS.quadrants.model_copy(update={"touch_cuts": {"enterprise": 0.1}})
    health, touches = pd.Series([30.0, 30.0, 20.0, 30.0]), pd.Series([0.1, 0.1, 0.1, 0.09])
    segment = pd.Series(["enterprise", "smb", "enterprise", "enterprise"])
    assert scores.quadrants(health, touches, plan, segment=segment).tolist() == ["A", "C", "B", "C"]
    assert scores.quadrants(health, touches, plan).tolist() == ["C", "C", "D", "C"]
    assert plan.touch_words == "0.5 (enterprise 0.1)"


def corners(*months: str, age=12) -> pd.DataFrame:
    """Scores of accounts a0, a1, ...: per month one letter each, `-` not scored, a blank for no row."""
    start = pd.Timestamp("2026-07-01") - pd.DateOffset(months=len(months))
    return pd.DataFrame([{"account_id": f"a{n}", "month": start + pd.DateOffset(months=m), "owner": None,
                          "quadrant": None if letter == "-" else letter, "age_months": age + m,
                          "stage": "operation" if age + m >= 2 else "introduction"}
                         for m, letters in enumerate(months) for n, letter in enumerate(letters) if letter != " "])


WORDS = {letter: text.en for letter, text in DEFAULTS.quadrants.names.items()} | {"-": "not scored"}


def test_the_migration_matrix_by_hand():
    # a0 stays in A, a1 D -> B, a2 A -> C, a3 leaves, a4 loses its score, a5 is new in D, a6 gets a score.
    found = touch.migration(corners("ADABC -", "ABC -DA"), DEFAULTS, JUNE)
    cells = {(line["from"], end): n for line in found.rows for end, n in line.items() if end != "from" and n}
    a, b, c, d, none = (WORDS[letter] for letter in "ABCD-")
    assert cells == {(a, a): 1, (d, b): 1, (a, c): 1, (b, "left"): 1, (c, none): 1, ("new", d): 1, (none, a): 1}
    assert found.estimate is None and "Too few to say: 3 accounts" in found.sentence
    many = touch.migration(corners("A" * 20 + "D" * 5, "A" * 15 + "C" * 5 + "A" * 5), DEFAULTS, JUNE)
    assert (many.estimate, many.n) == (0.6, 25)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABCD- "), st.sampled_from("ABCD- ")), max_size=30))
def test_rows_and_columns_of_the_matrix_add_up_to_the_accounts(pairs):
    before, after = ("A" + "".join(pair[n] for pair in pairs) for n in (0, 1))
    lines = {line.pop("from"): line for line in touch.migration(corners(before, after), DEFAULTS, JUNE).rows}
    for letter, name in WORDS.items():
        assert sum(lines[name].values()) == before.count(letter)
        assert sum(line[name] for line in lines.values()) == after.count(letter)
    assert sum(line["left"] for line in lines.values()) == sum(
        b != " " and a == " " for b, a in zip(before, after, strict=True))
    assert lines["new"]["left"] == 0


def moves(frame):
    return touch.moves_into_a(frame, frame, DEFAULTS, JUNE)


def test_the_surplus_of_moves_by_hand():
    # Ten accounts, three months: 3 come in (a0-a2), 1 of them and a9 fall out: 3 - 2 in 20 account-months, x 12.
    found = moves(corners("DDDDDDDDDA", "AADDDDDDDA", "ADADDDDDDD"))
    assert [(line["into"], line["out"]) for line in found.rows] == [(0, 0), (2, 0), (1, 2)] and found.n == 10
    assert found.estimate == pytest.approx(12 * 1 / 20) and found.lower < 0 and "cannot be told" in found.sentence
    young = moves(corners("DDDDDDDDDA", "AADDDDDDDA", "ADADDDDDDD", age=0))  # past it in the last month alone
    assert young.estimate is None and "0 accounts past the introduction" in young.sentence and young.rows == found.rows


def world(rng, drift: float, accounts=150, months=13, managers=15) -> pd.DataFrame:
    """Corners of a world whose health and touch swing around each account's own level (half of it the manager's)
    and rise by `drift` standard deviations a year; the unhealthy leave more often."""
    owner = rng.integers(0, managers, accounts)
    level = rng.normal(0, 1, (2, accounts)) + rng.normal(0, 0.5, (2, managers))[:, owner]
    swing, here, found = rng.normal(0, 1, (2, accounts)), np.arange(accounts), []
    for month in range(months):
        swing = 0.7 * swing + np.sqrt(1 - 0.7**2) * rng.normal(0, 1, (2, accounts))
        healthy, touched = high = (level + swing + drift * month / 12)[:, here] > 0
        found.append(pd.DataFrame({
            "account_id": here, "month": pd.Timestamp("2025-06-01") + pd.DateOffset(months=month), "stage": "operation",
            "quadrant": np.select([high.all(axis=0), touched, healthy], list("ABC"), "D"), "owner": owner[here]}))
        here = here[rng.random(len(here)) > np.where(healthy, 0.005, 0.03)]
    frame = pd.concat(found, ignore_index=True)
    return frame.assign(account_id="a" + frame["account_id"].astype(str), owner="M" + frame["owner"].astype(str))


def test_a_world_that_only_swings_is_not_called_improvement_and_one_that_rises_is_found():
    rng = np.random.default_rng(7)
    still = [moves(world(rng, 0)) for _ in range(60)]
    assert all(sum(line["into"] for line in found.rows) > 20 for found in still)  # many move in, by chance alone
    assert sum(found.lower > 0 for found in still) <= 3  # at most 5 in a hundred
    rising = [moves(world(rng, 1.0)) for _ in range(10)]
    assert sum(found.lower > 0 and "more came than" in found.sentence for found in rising) >= 9


# ---------------------------------------------------------------- content plan

PLAN = (FOLDER / "content_plan.yml").read_text(encoding="utf-8")


def test_each_account_is_due_the_content_of_its_corner_and_age():
    frame = corners("DDDA-").assign(age_months=[1, 2, 12, 400, 5])
    found = touch.content_plan(frame, DEFAULTS, JUNE)
    plan = DEFAULTS.content_plan.quadrants
    steps = {corner: [step.content.en for step in getattr(plan, corner).ages] for corner in "AD"}
    assert {line["content"]: line["accounts"] for line in found.rows if line["accounts"]} == dict.fromkeys(
        (*steps["D"], steps["A"][2]), 1)
    assert sum(line["accounts"] for line in found.rows) == found.n == 4 and len(found.rows) == 12
    assert found.details["notes"] == ["1 account without health or touch: no plan."]
    assert (found.rows[0]["quadrant"], found.rows[0]["toward"]) == ("unhealthy, quiet", "unhealthy, in touch")


@pytest.mark.parametrize(("found", "wrong", "line", "sentence"), [
    ("  C:\n", "  E:\n", 18, "key 'quadrants.E': is not a key of this kind of file"),
    ("from_month: 2, to_month: 12", "from_month: 3, to_month: 12", 8,
     "key 'quadrants.D.ages': the age from month 3 must begin at month 2"),
    ("from_month: 0, to_month: 2", "from_month: 0, to_month: 3", 8, "the age from month 2 must begin at month 3"),
    ("from_month: 12, to_month: null", "from_month: 12, to_month: 24", 8, "the last one must have to_month: null"),
    ("toward: B", "toward: E", 7, "key 'quadrants.D.toward'"),
])
def test_a_plan_with_gaps_is_refused_with_line_and_key(tmp_path, found, wrong, line, sentence):
    path = tmp_path / "plan.yml"
    path.write_text(PLAN.replace(found, wrong, 1), encoding="utf-8")
    with pytest.raises(Refused) as error:
        read_definition(path)
    assert f"plan.yml:{line}: " in str(error.value) and sentence in str(error.value)


def test_a_corner_without_a_plan_is_refused(tmp_path):
    path = tmp_path / "plan.yml"
    path.write_text(PLAN[: PLAN.index("  A:\n")], encoding="utf-8")
    with pytest.raises(Refused, match="key 'quadrants.A': is missing"):
        read_definition(path)
