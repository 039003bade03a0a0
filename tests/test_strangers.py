"""Data sets that strangers may try: the whole report is made, says what it lacks and celebrates nothing."""

import pytest
from strange_worlds import reported, written

SCORE = ("bad_health_churns_half", "good_health_expands_70", "touch_predicts_churn", "touch_raises_health")


def findings(folder, world, patch, **how):
    """The Findings of a report by question, and its first page; nothing is left without a whole sentence."""
    run = reported(written(folder / "data", world, **how), patch)
    for found in run.findings.values():
        assert found.sentence.endswith(".") and " nan" not in found.sentence, found
        assert found.lower is None or found.lower <= found.estimate <= found.upper, found
    return run.findings, (run.folder / "index.html").read_text("utf-8")


def test_a_score_that_stops_when_customers_leave_supports_nothing_and_is_told_on_the_first_page(tmp_path, monkeypatch):
    """Usage and contact stop four months before a customer leaves, so a score read three months before looks superb."""
    found, page = findings(tmp_path, "leak", monkeypatch, accounts=140)
    told = found["told_by_distance"]
    read = {row["read"]: row["estimate"] for row in told.rows if row["what"] == "the card"}
    assert abs(read["6 months before"] - 0.5) < 0.1 and read["3 months before"] > 0.8
    assert told.verdict == "investigate" and "mirrors leaving rather than foretells it" in told.sentence
    assert "something in the data may stop when a customer leaves" in page
    assert {found[name].verdict for name in SCORE} <= {"cannot_tell", "contradicted"}
    assert found["card_foretells_churn"].verdict == "investigate"
    assert found["calibrated_points"].verdict != "adopt"


def test_without_an_end_of_term_nobody_is_said_to_stay(tmp_path, monkeypatch):
    found, page = findings(tmp_path, "no_dates", monkeypatch, accounts=60)
    assert "No contract in the data has an end, so nobody can be seen to leave." in page and "We lose" not in page
    for name in ("logo_churn", "net_revenue_retention", "lifetime_value", "first_events"):
        assert found[name].estimate is None and "nobody can be seen to leave" in found[name].sentence
    assert "supported" not in {one.verdict for one in found.values()}


@pytest.mark.parametrize(("world", "how", "words"), [
    ("no_signal", {"accounts": 8}, {"logo_churn": "Too few to say", "onboarding_doubles_health": "Too few to say"}),
    ("no_signal", {"accounts": 40, "begin": (28, 34)}, {"renewal_rate": "no renewal with a known outcome",
                                                        "bad_health_churns_half": "no account has a score before"}),
    ("no_signal", {"accounts": 40, "begin": (35, 36)}, {"health_in_a_year": "no month a year before"}),
], ids=["fewer than ten accounts", "no renewal yet", "a single month"])
def test_next_to_nothing_is_said_to_be_so(tmp_path, monkeypatch, world, how, words):
    found, _ = findings(tmp_path, world, monkeypatch, **how)
    assert "supported" not in {one.verdict for one in found.values()}
    for name, said in words.items():
        assert found[name].estimate is None and said in found[name].sentence, found[name].sentence
