"""The state of months: a new month costs its own events, and whatever arrives late, the panel is that of a full run."""

import random
from datetime import date, datetime, timedelta

import pytest
from canonical import DEFAULTS, term, write_canonical
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_research import month_state
from cs_research.engine import STEPS, Horizon, Panel

LAST = date(2026, 6, 30)
TYPES = ("login", "card_scan", "key_feature", "view")


def event(number: int, rng: random.Random) -> dict:
    at = datetime(2026, 1, 1) + timedelta(minutes=rng.randrange(181 * 24 * 60))
    late = at + timedelta(days=rng.randrange(60))
    return {"event_id": f"e{number}", "account_id": rng.choice("abc"), "user_id": f"u{rng.randrange(4)}",
            "occurred_at": at, "event_type": rng.choice(TYPES), "quantity": rng.choice([None, 1, 3, -1]),
            "recorded_at": late if rng.random() < 0.3 and late.date() <= LAST else None}


def made(folder, events, kept=None):
    tables = {"contracts": [term(account, "2026-01-01", "2027-01-01") for account in "abc"],
              "users": [{"user_id": "u0", "account_id": account, "role": "keyman"} for account in "abc"],
              "usage_events": events}
    canonical = write_canonical(folder, DEFAULTS, **tables)
    return Panel(canonical, DEFAULTS, Horizon(LAST.replace(day=1), LAST, LAST), state=kept)


def rows(panel: Panel) -> dict[str, list]:
    return {step: sorted(map(repr, panel.connection.execute(f"FROM {step}").fetchall())) for step in STEPS}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), arrivals=st.lists(st.sampled_from(["late", "corrected", "gone", "again"]),
                                                     min_size=1, max_size=4))
def test_after_any_arrival_the_panel_equals_a_full_run(tmp_path_factory, seed, arrivals):
    folder, rng = tmp_path_factory.mktemp("state"), random.Random(seed)
    events = [event(number, rng) for number in range(60)]
    made(folder / "first", events, folder / "kept")
    for kind in arrivals:
        index = rng.randrange(len(events))
        if kind == "late":
            events.append(event(1000 + len(events), rng))
        elif kind == "corrected":
            events[index] = {**events[index], "quantity": 7, "event_type": "card_scan"}
        elif kind == "gone":
            del events[index]
        else:  # the same rows delivered once more, in another order
            rng.shuffle(events)
    assert rows(made(folder / "second", events, folder / "kept")) == rows(made(folder / "third", events))


@pytest.fixture
def computed(monkeypatch):
    """The months that each panel computed from events, one list per panel."""
    lists, build = [], month_state.build
    monkeypatch.setattr(month_state, "build", lambda *given: lists.append(build(*given)) or lists[-1])
    return lists


def test_exactly_the_months_that_rows_touch_are_computed(tmp_path, computed):
    rng = random.Random(1)
    events = [event(number, rng) for number in range(200)]
    before_june = [row for row in events if row["occurred_at"] < datetime(2026, 6, 1)]
    late = {**events[0], "event_id": "late", "occurred_at": "2026-03-05 10:00", "recorded_at": "2026-06-02 10:00"}
    for given_events in (before_june, events, events[::-1], [*events, late]):
        made(tmp_path / "data", given_events, tmp_path / "kept")
    month = 2026 * 12
    assert computed == [[month + 1, month + 2, month + 3, month + 4, month + 5], [month + 6], [], [month + 3]]


def test_a_damaged_state_is_computed_anew(tmp_path, computed):
    rng = random.Random(2)
    events = [event(number, rng) for number in range(50)]
    whole = rows(made(tmp_path / "data", events, tmp_path / "kept"))
    damaged = next((tmp_path / "kept").glob(f"user_month-{2026 * 12 + 1}-*"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert rows(made(tmp_path / "data", events, tmp_path / "kept")) == whole
    assert computed[1] == [2026 * 12 + 1]


def test_other_roles_of_events_are_another_state(tmp_path, computed):
    rng = random.Random(3)
    events = [event(number, rng) for number in range(50)]
    made(tmp_path / "data", events, tmp_path / "kept")
    roles = DEFAULTS.events.model_copy(update={"login": ("view",)})
    other = DEFAULTS.__class__(**{**vars(DEFAULTS), "events": roles})
    seen = Horizon(LAST.replace(day=1), LAST, LAST)
    assert rows(Panel(tmp_path / "data", other, seen, state=tmp_path / "kept")) == rows(
        Panel(tmp_path / "data", other, seen))
    assert computed[1] == computed[0]


def test_a_month_keeps_no_more_than_its_last_versions(tmp_path):
    rng = random.Random(4)
    for number in range(6):
        made(tmp_path / "data", [event(at, rng) for at in range(20 + number)], tmp_path / "kept")
    assert len(list((tmp_path / "kept").glob(f"user_month-{2026 * 12 + 3}-*"))) == month_state.KEPT


def test_what_another_command_wrote_of_the_same_rows_is_no_version_of_its_own(tmp_path):
    rng = random.Random(5)
    events = [event(number, rng) for number in range(60)]
    made(tmp_path / "data", events, tmp_path / "kept")
    first = next((tmp_path / "kept").glob(f"user_month-{2026 * 12 + 3}-*"))
    for number in range(month_state.KEPT):
        first.with_name(f"{first.name.partition('.')[0]}.{number}.parquet").write_bytes(b"as another process wrote it")
    files = {*(tmp_path / "kept").glob(f"user_month-{2026 * 12 + 3}-*")}
    made(tmp_path / "data", [*events, {**events[0], "event_id": "new", "occurred_at": "2026-03-05 10:00"}],
         tmp_path / "kept")
    assert files < {*(tmp_path / "kept").glob(f"user_month-{2026 * 12 + 3}-*")}, "a reader may have them open"
