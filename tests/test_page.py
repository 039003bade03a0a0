"""The leadership page of a company that fits on a sheet of paper (small_run.py has the sheet)."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_run import CARD, DEFAULTS, M, score_rows, small_run, without_health, without_touch

from cs_research.display import page_stem
from cs_research.finding import Finding
from cs_research.report import formats
from cs_research.report.page import accounts_listed, page, write_index
from cs_research.report.phrases import phrases, say
from cs_research.report.sections import actions, summary
from cs_research.report.sections.renewals import Due
from cs_research.report.view import View
from cs_research.studies.state import files_read

HOSTILE = ["<script>alert(1)</script>", '"""><img src=x onerror=alert(1)>', "</script><script>alert(2)</script>",
           "=cmd|' /C calc'!A0", "$\\href{javascript:alert(1)}{x}$", "[a](javascript:alert(1))", "{{7*7}}", "%s%n%x",
           "'; DROP TABLE accounts;--", "{name}", "<b>bold</b> & Söhne", "株式会社‮desrever"]


class Seen(HTMLParser):
    """What a browser would make of the page: elements with their attributes, and the text outside <style>."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


@pytest.fixture
def seen(tmp_path):
    return Seen(page(small_run(tmp_path)))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_the_headline_says_what_is_lost_and_what_growth_replaces(seen):
    assert "We lose 20% of recurring revenue a year to churn" in seen.text
    assert "growth" in seen.text and "2.0 times the 10% line" in seen.text
    assert "Net revenue retention is 81%" in seen.text and "of every ¥100 a year ago, ¥81 is left" in seen.text


def test_the_four_answers(seen):
    assert "40% of accounts are healthy and in touch: 10.0 points more than in November" in seen.text
    assert "Of ¥2.5M due by 31 March 2026 about ¥700K is likely lost (95% interval" in seen.text
    assert "most of it in red and orange" in seen.text
    assert "10 accounts, 4 managers. Of seven claims tested 1 holds, 1 fails, 5 we cannot tell." in seen.text
    assert "Meet the keyman of 2 red and orange accounts whose renewal is due by 31 Mar: ¥1.5M a year." in seen.text


def test_tiles_show_the_retention_table_and_the_moves(seen):
    tiles = squeezed(seen.text)
    for title, number in (("Netrevenueretention", "81%"), ("Grossrevenueretention", "75%"),
                          ("ChurnbyARR,12months", "20%"), ("Healthyandintouch", "40%"), ("Sharegreen", "20%")):
        assert f"{title}{number}" in tiles
    assert "2 in, 1 out, 0 left" not in seen.text and "1 in, 1 out, 0 left" in seen.text
    assert "line 10%: cannot tell" in seen.text or "line 10%: exceeded" in seen.text


def test_a_line_is_passed_only_where_the_interval_excludes_it(tmp_path):
    from cs_research.finding import Estimate
    from cs_research.report.sections.tiles import _line_words

    words = _line_words("churn", .1)
    assert words(Estimate(.2, .11, .3, 50, 9)) == "line 10%: exceeded"
    assert words(Estimate(.2, .09, .3, 50, 9)) == "line 10%: cannot tell"
    assert words(Estimate(.05, .02, .09, 50, 9)) == "line 10%: kept"
    assert words(Estimate(.2, None, None, 50, 1)) == "line 10%: cannot tell"


def test_the_quadrant_counts_corners_and_crossings(seen):
    assert "4 accounts are healthy and in touch; 2 healthy ones are quiet" in seen.text
    assert "Healthy and in touch 4, healthy but quiet 2, unhealthy but in touch 1, unhealthy and quiet 3." in seen.text
    assert "0 up and 0 down the diagonal, 1 new, 1 left." in seen.text
    arrows = [a["class"] for tag, a in seen.elements if tag == "path" and a.get("class", "").startswith("go")]
    assert sorted(arrows) == ["go"] * 4 + ["go-a"] * 2  # A to C, D to C and, blue, C to A; on a desk and a phone


def test_movers_name_the_indicators_that_moved_them(seen):
    assert "1 account rose by 5 points or more and 1 fell: login rate lost most (−3), keyman touch won most (+3)" \
        in seen.text
    assert "−3 Login rate (login users −1.5, seats −1.5)" in seen.text
    assert re.search(r"Company a03 .*22 → 15 ", seen.text) and re.search(r"Company a10 .*20 → 26 ", seen.text)
    assert "1 turned red, 0 recovered, 1 left; 1 red now." in seen.text


def test_renewals_stand_in_their_bands_with_what_the_forecast_has_lost(seen):
    assert "Most of the likely loss sits in red and orange" in seen.text
    for band, due, lost in (("Red", "500K", "250K"), ("Orange", "1M", "310K"), ("Green", "1M", "140K")):
        assert f"{band} , 1 renewal ¥{due} due → ¥{lost} likely lost" in seen.text
    assert "from 60 past renewals of the same bands as far ahead" in seen.text
    assert "31 Jan" in seen.text and "1 Apr" not in seen.text


def test_claims_show_verdict_number_and_reason(seen):
    assert "One of our seven rules of thumb is wrong; one holds" in seen.text
    assert "64% [56–72%] n = 81 Contradicted Higher than claimed." in seen.text
    assert "+9 pt [2, 15] n = 60 Supported As claimed. No proof of cause." in seen.text
    assert "not measurable n = 0 ? Cannot tell Not measured: no account is that old." in seen.text
    assert seen.text.count("This run has not tested it.") == 4


def test_jobs_take_each_account_once(seen):
    assert "Meet the keyman of the red and orange accounts due by 31 Mar. " \
           "Largest: Company a08 , Company a03 2 accounts" in seen.text
    assert "Raise touch at a random half of the unhealthy, quiet accounts: we cannot yet tell that it helps. " \
           "Largest: Company a11 1 account" in seen.text


@pytest.mark.parametrize("verdict, told, closes", [
    ("supported", "Raise touch at {}the unhealthy, quiet accounts", "touch score 0.5 or more"),
    ("cannot_tell", "Raise touch at a random half of {}the unhealthy, quiet accounts", "touch score 0.5 or more"),
    ("contradicted", "Ask {}the unhealthy, quiet accounts what has changed", "health back at")])
def test_more_touch_is_asked_for_only_where_it_is_not_proven_useless(tmp_path, verdict, told, closes):
    run = small_run(tmp_path)
    run.findings["touch_raises_health"] = Finding("touch_raises_health", "s", .1, .01, .2, 90, verdict)
    ends = run.outcomes[run.outcomes["outcome"] != "not_due"]  # no renewal is due, so that this job comes first
    text = Seen(page(small_run(tmp_path, findings=run.findings, outcomes=ends))).text
    assert told.format("") in text and closes in text
    assert f"{told.format('3 ').replace('the ', '')}: ¥2.5M a year." in text  # a03, a08 and a11, in What first
    assert ("not raised health" in text) == (verdict == "contradicted")


def test_how_many_expanded_is_told_with_its_interval(tmp_path):
    grown = {"lower": .4, "upper": .6}
    for ends, told in ((grown, "due by 31 Mar: 50% expanded so far (95% interval 40–60%)."),
                       ({}, "due by 31 Mar.")):
        run = small_run(tmp_path)
        run.findings["good_health_expands_70"] = Finding("good_health_expands_70", "s", .5, n=40, **ends)
        assert actions.do(Due(View(run)), "expand") == f"Propose expansion to the green accounts {told}"


def test_the_likely_loss_has_the_interval_of_all_bands_and_none_of_few_managers(tmp_path):
    run = small_run(tmp_path)
    due = Due(View(run))
    parts, total = due.soon.parts, due.total
    assert total.lost == pytest.approx(sum(part.lost for part in parts)) == pytest.approx(.69973 * M, rel=1e-4)
    assert total.lower < total.lost < total.upper <= sum(part.upper for part in parts)
    assert all(0 <= part.lower <= part.lost <= part.upper <= part.due for part in parts)
    assert f"about ¥700K is likely lost (95% interval {due.interval(total)}), most" in clean(run).text
    few = run.history.assign(owner=run.history["owner"].replace({f"CSM{i}": "CSM0" for i in range(9, 20)}))
    seen = clean(small_run(tmp_path, history=few))
    assert "fewer than 10 managers with past renewals to judge chance by" in seen.text
    assert "is likely lost" not in seen.text and "¥2.5M in 3 renewals is due by 31 March 2026; how much" in seen.text


def test_an_account_that_comes_up_again_within_the_days_may_be_lost_each_time(tmp_path):
    run = small_run(tmp_path)
    monthly = run.outcomes["account_id"] == "a03"  # one month's term that ends on 31 January: due three times
    starts = run.outcomes["term_start"].mask(monthly, pd.Timestamp("2025-12-31"))
    rows = Due(View(small_run(tmp_path, outcomes=run.outcomes.assign(term_start=starts)))).rows.set_index("account_id")
    assert rows.at["a03", "lost"] == pytest.approx(.5 * M * (1 - ((8 + 10 * 41.5 / 61) / 30) ** 3))


def test_the_name_of_a_band_keeps_its_letters(tmp_path):
    words = DEFAULTS.words | {"red": DEFAULTS.words["red"].model_copy(update={"en": "at RISK (QBR)"})}
    run = small_run(tmp_path, definitions=replace(DEFAULTS, words=words))
    assert "At RISK (QBR) , 1 renewal" in Seen(page(run)).text
    alone = small_run(tmp_path, definitions=run.definitions, scores=without_touch(run.scores))
    assert "At RISK (QBR) 1, " in page(alone)


def test_a_share_in_quarantine_is_written_as_other_shares(tmp_path):
    run = small_run(tmp_path)
    files = run.files.assign(rows_in=100, accepted=85, quarantined=15, excluded=0)
    assert "Quarantined 30 15%, in quarantine/" in Seen(page(small_run(tmp_path, files=files))).text


def test_what_was_acknowledged_is_printed(tmp_path):
    run = small_run(tmp_path, holds=[{"code": "H_X", "sentence": "touches ends <early>"}])
    assert "Published only after acknowledgement: touches ends <early> (H_X)." in Seen(page(run)).text


def test_rows_read_are_accounted_for(seen):
    assert "Rows in 1,105 Accepted 1,100 Quarantined 3 0.3%" in seen.text and "Excluded 2" in seen.text
    assert "Every row is accounted for." in seen.text and "R_DATE 3" in seen.text


def test_corrections_are_no_table_and_their_rows_are_told_apart(tmp_path):
    run = small_run(tmp_path)
    run.files.loc[2] = ["corrections/contracts.csv", "corrections", "accept", 3, 3, 0, 0, "{}"]
    text = Seen(page(run)).text
    assert "2 tables delivered" in text and "Rows in 1,105 Accepted 1,100" in text
    assert "Corrections 3 rows laid in the place of others" in text
    found = files_read(run.files)
    assert "Of 1,105 rows in 2 files" in found.sentence and "3 rows of corrections stood for rows" in found.sentence


def test_rows_that_do_not_add_up_are_said(tmp_path):
    run = small_run(tmp_path)
    run.files.loc[0, "accepted"] = 99
    assert "Rows do not add up: 1,105 in, 1,104 accounted for." in Seen(page(run)).text


def test_simulated_data_are_marked_and_real_ones_are_not(tmp_path):
    run = small_run(tmp_path)
    assert "SIMULATED DATA" in page(run)
    run.dataset["simulated"] = False
    assert "SIMULATED DATA" not in page(run)


def test_a_month_that_is_not_complete_says_so(tmp_path):
    run = small_run(tmp_path, as_of=pd.Timestamp("2025-12-30").date())
    assert "Data reach only to 30 December 2025" in page(run)


# ---------------------------------------------------------------- names that attack


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_literally(tmp_path, name):
    run = small_run(tmp_path)
    run.account_facts["account_name"] = name
    run.dataset["name"] = name
    run.scores["owner"] = name
    seen = Seen(page(run))
    assert squeezed(seen.text).count(squeezed(name)) >= 6
    assert not {tag for tag, _ in seen.elements} & {"script", "img", "iframe", "object", "link", "base", "form"}
    assert not [key for _, attrs in seen.elements for key in attrs if key.startswith("on")]


def test_account_names_cannot_turn_the_text_around_them(seen):
    for name in ("Company a03", "Company a09"):
        assert seen.texts.count(name) > 0
    html_names = [i for i, (tag, _) in enumerate(seen.elements) if tag == "bdi"]
    assert len(html_names) == 1 + 2 + 3 + 3  # the company, two movers, three renewals, three named in jobs


# ---------------------------------------------------------------- whole in itself


def test_an_account_is_a_link_where_the_run_has_its_page(tmp_path):
    run = small_run(tmp_path)
    stem = page_stem("a03")
    (tmp_path / "notebooks" / "account").mkdir(parents=True)
    (tmp_path / "notebooks" / "account" / f"{stem}.ipynb").touch()
    links = [attrs["href"] for tag, attrs in Seen(page(run)).elements if tag == "a"]
    assert links == [*[f"accounts/{stem}.html"] * 3, "../index.html"]  # it fell, it is due, it is a job
    listed = accounts_listed(run, 30)
    assert list(listed.values()) == ["a03", "a10", "a08", "a09", "a11"] and listed[stem] == "a03"
    assert list(accounts_listed(run, 2).values()) == ["a03", "a10"]


def test_nothing_is_fetched_and_nothing_runs(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_data.ipynb").touch()
    seen = Seen(page(small_run(tmp_path)))
    links = [a[key] for _, a in seen.elements for key in ("href", "src", "xlink:href", "action") if key in a]
    assert set(links) == {"01_data.html", "../index.html"}
    html = page(small_run(tmp_path))
    assert "http:" not in html and "https:" not in html and "@import" not in html and "url(" not in html
    policy = next(attrs["content"] for tag, attrs in seen.elements if attrs.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_every_drawing_has_a_name_and_every_id_is_used_once(seen):
    ids = [attrs["id"] for _, attrs in seen.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    drawings = [attrs for tag, attrs in seen.elements if tag == "svg" and attrs.get("role") == "img"]
    assert drawings and all(set(d["aria-labelledby"].split()) <= set(ids) for d in drawings)
    assert [tag for tag, _ in seen.elements].count("h1") == 1
    assert dict(seen.elements)["html"] == {"lang": "en"}


def test_the_same_run_gives_the_same_bytes_in_whatever_order_its_rows_come(tmp_path):
    first = write_index(View(small_run(tmp_path))).read_bytes()
    run = small_run(tmp_path)
    for name in ("scores", "history", "indicators", "outcomes", "retention", "account_facts", "files"):
        setattr(run, name, getattr(run, name).sample(frac=1, random_state=3))
    assert write_index(View(run)).read_bytes() == first


def test_seven_thousand_accounts_stay_under_half_a_megabyte(tmp_path):
    rng = np.random.default_rng(1)
    states = [((h, t), (h2, t2), 1.0) for h, t, h2, t2 in zip(
        *(rng.integers(10, 41, 7000), rng.gamma(2, .3, 7000)) * 2, strict=True)]
    many = {f"b{i:04d}": state for i, state in enumerate(states)}
    run = small_run(tmp_path, scores=score_rows(many))
    assert write_index(View(run)).stat().st_size < 500_000


# ---------------------------------------------------------------- what a data set does not hold


def clean(run) -> Seen:
    """The page, once it is sure that no gap in the data shows through."""
    seen = Seen(page(run))
    assert not re.search(r"\b(nan|NaN|NaT|None(?! of our)|inf|undefined)\b", seen.text)
    numbers = " ".join(str(v) for _, attrs in seen.elements for v in attrs.values())
    assert not re.search(r"\b(nan|NaT|None|inf)\b", numbers)
    return seen


def test_without_touches_health_stands_alone_and_says_why(tmp_path):
    run = small_run(tmp_path)
    seen = clean(small_run(tmp_path, scores=without_touch(run.scores), findings={}))
    assert "Touch is not measured in this data set" in seen.text and "Unhealthy, quiet" not in seen.text
    assert "6 accounts are healthy; 4 are not" in seen.text


def test_without_money_customers_are_counted(tmp_path):
    run = small_run(tmp_path)
    money = dict.fromkeys(("grr", "nrr", "arr_churn"), float("nan"))
    seen = clean(small_run(tmp_path, scores=run.scores.assign(arr=float("nan")),
                           retention=run.retention.assign(**money)))
    assert "We lose 20% of our customers a year" in seen.text and "Money is not measured" in seen.text
    assert "¥" not in seen.text and "recurring revenue a year to churn" not in seen.text
    assert "Of 3 renewals due by 31 March 2026 about 1 are likely lost" in seen.text


def test_without_scores_every_section_says_so(tmp_path):
    run = small_run(tmp_path)
    seen = clean(small_run(tmp_path, scores=without_health(run.scores), history=without_health(run.history)))
    assert "no account has enough measured indicators" in seen.text
    assert "no start year has 20 accounts with a health score at two ages" in seen.text
    assert "health is not scored in both months" in seen.text
    # Without a band the chance is (41 + 6.80) / 70, whoever is due: 2.5M x .317.
    assert "about ¥790K is likely lost" in seen.text and "most of it in" not in seen.text


def test_the_first_month_of_all_has_nothing_to_compare_with(tmp_path):
    run = small_run(tmp_path)
    alone = run.scores[run.scores["month"] == "2025-12-01"].assign(moved_into_a=False)
    seen = clean(small_run(tmp_path, scores=alone, retention=run.retention.iloc[:0], outcomes=run.outcomes.iloc[:0],
                           history=run.history.iloc[:0], findings={}))
    assert "there is no month before this one to compare with" in seen.text
    assert "No renewal is due by 31 March 2026" in seen.text and "No claim has been tested" in seen.text


def test_a_young_company_gets_no_yearly_rate(tmp_path):
    run = small_run(tmp_path)
    seen = clean(small_run(tmp_path, retention=run.retention[run.retention["basis"] == "month"]))
    assert "In December we lost 10% of our customers; it is too early for a yearly rate." in seen.text


@pytest.mark.parametrize("renewable, lang, told", [
    (True, "en", "lost 2.5% of our customers ({}); it is too early"), (False, "en", "customers ({}); contracts here"),
    (True, "ja", "顧客の2.5%（{}）を失った"), (False, "ja", "顧客の2.5%（{}）を失った")])
def test_the_rate_of_a_month_has_its_interval_too(tmp_path, renewable, lang, told):
    run = small_run(tmp_path)
    here = {f"n{i:02d}": ((30, .6), (30, .6), 1) for i in range(40)}
    scores = score_rows({**here, "n00": (None, (12, .1), 1)})  # one of forty in November left
    scores["owner"] = scores["account_id"]
    month = run.retention[run.retention["basis"] == "month"].assign(logos_opening=40, logo_churn=.025)
    plan = DEFAULTS.outcomes.model_copy(update={"is_renewable": renewable})
    view = View(small_run(tmp_path, scores=scores[scores["month"] > "2025"], retention=month,
                          definitions=replace(DEFAULTS, outcomes=plan)))
    lost = view.retained("logo_churn")
    assert lost.clusters == 40 and lost.lower < .025 < lost.upper
    with formats.speaking(lang):
        whole = told.format(formats.percents(lost.lower, lost.upper))
        assert squeezed(whole) in squeezed(str(summary._headline(view)[0].striptags()))


def test_contracts_that_run_once_have_no_renewals_and_no_yearly_rate(tmp_path):
    once = DEFAULTS.outcomes.model_copy(update={"is_renewable": False})
    seen = clean(small_run(tmp_path, definitions=replace(DEFAULTS, outcomes=once)))
    assert "In December we lost 10% of our customers; contracts here run once, so there is no yearly rate." in seen.text
    assert "contracts of this data set run once" in seen.text and "likely lost" not in seen.text
    assert "whose renewal is due" not in seen.text


def test_a_source_that_dates_only_those_who_left_has_renewable_contracts(tmp_path):
    run = small_run(tmp_path)
    seen = clean(small_run(tmp_path, outcomes=run.outcomes[run.outcomes["outcome"] == "churned"]))
    assert "run once" not in seen.text and "We lose 20% of recurring revenue a year" in seen.text


def left_unexplained(accounts: dict[str, str | None], **more) -> dict:
    """Replacements for the small run: `accounts` a01, a02 left with these outcomes in the year."""
    outcomes = [{"account_id": name, "due_date": pd.Timestamp("2025-12-10"), "outcome": outcome}
                for name, outcome in accounts.items()]
    return {"outcomes": pd.DataFrame(outcomes).assign(term_start=pd.Timestamp("2024-12-10")), **more}


@pytest.mark.parametrize("basis", ["trailing_12", "month"])
def test_a_year_in_which_too_many_left_unexplained_has_no_rate_in_the_headline(tmp_path, basis):
    run = small_run(tmp_path)
    rows = run.retention[run.retention["basis"] == basis].assign(
        grr=np.nan, nrr=np.nan, arr_churn=np.nan, logo_churn=np.nan, logos_churned=0, logos_opening=8)
    gone = {"a01": "unknown", "a02": "unknown"}
    seen = clean(small_run(tmp_path, retention=rows, **left_unexplained(gone)))
    assert "We serve 10 accounts; nothing is known yet of those who leave." in seen.text
    n, of = (2, 10) if basis == "trailing_12" else (1, 10)
    assert f"{n} of {of} accounts left unexplained: too many for a rate." in seen.text
    assert "0 have left" not in seen.text and "We lose" not in seen.text and "0 left." not in seen.text


def test_a_few_unexplained_are_told_beside_the_rate(tmp_path):
    run = small_run(tmp_path)
    rows = run.retention.assign(arr_churn=np.nan, nrr=np.nan, grr=np.nan, logo_churn=1 / 9, logos_opening=10)
    seen = clean(small_run(tmp_path, retention=rows, **left_unexplained({"a01": "unknown", "a02": "churned"})))
    assert "We lose 11% of our customers a year" in seen.text
    assert "1 account left unexplained and is in no rate." in seen.text


def test_fewer_accounts_than_the_floor_have_counts_and_no_rates(tmp_path):
    run = small_run(tmp_path)
    small = run.scores[~run.scores["account_id"].isin(["a01", "a03"])]
    seen = clean(small_run(tmp_path, scores=small, retention=run.retention.assign(logos_opening=9)))
    assert "8 accounts at the opening are too few for a rate: 10 are needed." in seen.text
    assert "9 accounts are under contract" in seen.text and "Share green" not in seen.text
    assert "Net revenue retention " not in seen.text and "Healthy, in touch 4 ·" in seen.text


def test_the_likely_loss_needs_ten_accounts_not_ten_renewals(tmp_path):
    run = small_run(tmp_path)
    nine = {f"{band}{i:02d}": f"{band}{i % 3:02d}" for band in "rog" for i in range(20)}
    seen = clean(small_run(tmp_path, **{table: getattr(run, table).replace({"account_id": nine})
                                        for table in ("history", "outcomes")}))
    assert "Too few to say: 9 accounts with a past renewal, where 10 are needed." in seen.text


def test_a_month_without_accounts_counts_none(tmp_path):
    run = small_run(tmp_path)
    seen = clean(small_run(tmp_path, scores=run.scores[run.scores["month"] < "2025-12-01"],
                           retention=run.retention.iloc[:0]))
    assert "0 accounts are under contract, 10 fewer than in November" in seen.text
    assert "Accounts0" in squeezed(seen.text)


def test_money_unknown_for_one_account_is_not_summed(tmp_path):
    run = small_run(tmp_path)
    unknown = (run.scores["account_id"] == "a08") & (run.scores["month"] == "2025-12-01")
    seen = clean(small_run(tmp_path, scores=run.scores.assign(arr=run.scores["arr"].mask(unknown))))
    assert "10 accounts · money not measured" in seen.text and "ARR ¥" not in seen.text
    assert "Of 3 renewals due by 31 March 2026 about 1 are likely lost" in seen.text


def test_renewals_in_the_grace_tell_nothing_yet_where_accounts_are_watched_too(tmp_path):
    run = small_run(tmp_path)
    reading = DEFAULTS.outcomes.reading.model_copy(update={"mode": "landmark"})
    plan = replace(DEFAULTS, outcomes=DEFAULTS.outcomes.model_copy(update={"reading": reading}))
    over = small_run(tmp_path, definitions=plan)
    assert "from 60 past renewals" in clean(over).text
    late = run.history.assign(due_date=pd.Timestamp("2025-12-15"))
    dates = run.outcomes["due_date"].replace(pd.Timestamp("2025-12-01"), late["due_date"][0])
    ends = run.outcomes.assign(due_date=dates)
    none = clean(small_run(tmp_path, definitions=plan, history=late, outcomes=ends))
    assert "0 accounts with a past renewal" in none.text


def test_an_older_month_sees_no_later_outcome(tmp_path):
    run = small_run(tmp_path, as_of=pd.Timestamp("2026-06-30").date())
    run.outcomes["due_date"] = run.outcomes["due_date"].replace(pd.Timestamp("2025-12-01"), pd.Timestamp("2025-12-15"))
    assert "0 accounts with a past renewal" in clean(run).text


def terms_of_a08(status: str, notice: str | None = None) -> pd.DataFrame:
    """The running term of a08, which is orange and pays 1M until 15 February."""
    return pd.DataFrame({"account_id": ["a08"], "end_date": pd.Timestamp("2026-02-15"), "status": status,
                         "notice_date": pd.to_datetime([notice])})


@pytest.mark.parametrize("status, notice", [("churned", "2025-12-20"), ("churned", None), ("active", "2025-12-31")])
def test_who_gave_notice_is_counted_apart_and_asked_nothing(tmp_path, status, notice):
    run = small_run(tmp_path, canonical=lambda name: terms_of_a08(status, notice))
    text = clean(run).text
    # Without a08: .5M x .507 + 1M x .140 = .39M of 1.5M.
    assert "Of ¥1.5M due by 31 March 2026 about ¥390K is likely lost" in text
    assert text.count("Gave notice, in no sum or job here: 1 account, ¥1M a year.") == 2
    assert "Meet the keyman of 1 red or orange account whose renewal is due by 31 Mar" in text
    assert "Company a08" not in text


def test_notice_that_came_after_the_month_is_not_known_in_it(tmp_path):
    later = small_run(tmp_path, canonical=lambda name: terms_of_a08("churned", "2026-01-02"))
    assert "Gave notice" not in clean(later).text
    undated = {"canonical": lambda name: terms_of_a08("churned"), "as_of": pd.Timestamp("2026-06-30").date()}
    assert "Gave notice" not in clean(small_run(tmp_path, **undated)).text


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_card_may_call_its_bands_as_it_likes(tmp_path, lang):
    run, names = small_run(tmp_path), dict(zip(CARD.bands, ("poor", "fair", "good", "great"), strict=True))
    card = CARD.model_copy(update={"bands": tuple(names.values())})
    renamed = {table: getattr(run, table).assign(health_band=getattr(run, table)["health_band"].map(names))
               for table in ("scores", "history")}
    definitions = replace(DEFAULTS, scorecards={**DEFAULTS.scorecards, "dear": card})
    usual, other = (page(small_run(tmp_path, **more), lang) for more in (
        {}, {**renamed, "definitions": definitions, "indicators": run.indicators}))
    colours = [re.sub(r"\bb-off\b", "", each) for each in re.findall(r'class="(b-\w+)"', usual)]
    assert colours == [re.sub(r"\bb-off\b", "", each) for each in re.findall(r'class="(b-\w+)"', other)]
    told = Seen(other).text
    for claim in DEFAULTS.claims.claims.values():  # the words of their source
        told = told.replace(getattr(claim.text, lang), "")
    assert not re.search(r"\b(red|orange|yellow|green)\b|赤|橙|黄|緑", told) and "poor" in told and "great" in told


def test_two_terms_of_the_onboarding_tile_come_from_its_finding(tmp_path):
    rows = [{"month": f"2025-{m:02d}-01", "rate": .4 + m / 100, "n": 30} for m in range(1, 13)]
    found = Finding("onboarding_success", "52%.", .52, .4, .64, 30, details={"rows": rows})
    text = squeezed(clean(small_run(tmp_path, findings={found.question: found})).text)
    assert "Onboardingsuccess52%95%interval40–64%" in text and "▲1.0ptsinceNov" in text


def test_a_large_change_is_told_from_the_usual_swing(tmp_path):
    steps = [.50, .51, .50, .51, .50, .51, .50, .51, .50, .51, .50, .51]
    for last, words in ((.52, "better, within usual swing"), (.60, "better, beyond usual swing")):
        rows = [{"month": f"2025-{m:02d}-01", "rate": r} for m, r in enumerate([*steps[:11], last], start=1)]
        found = Finding("onboarding_success", "", last, last - .1, last + .1, 30, details={"rows": rows})
        assert words in Seen(page(small_run(tmp_path, findings={found.question: found}))).text


# ---------------------------------------------------------------- words and numbers


def test_every_phrase_has_one_meaning():
    lines = (Path(formats.__file__).parent / "phrases_en.yml").read_text(encoding="utf-8").splitlines()
    keys = [line.split(":")[0] for line in lines if line[:1].isalpha()]
    assert len(keys) == len(set(keys)) == len(phrases())


def test_every_notebook_of_a_report_has_a_title():
    names = {path.stem for path in (Path(__file__).parents[1] / "notebooks").glob("*.ipynb")} - {"account", "sandbox"}
    assert names and not {f"nb_{name}" for name in names} - set(phrases())


def test_every_phrase_that_is_said_exists_and_one_and_many_differ():
    assert say("accounts", n=1) == "1 account" and say("accounts", n=1200) == "1,200 accounts"
    assert say("absent", why="<b>") == "Not measured: &lt;b&gt;."
    for key, phrase in phrases().items():
        if isinstance(phrase, str) and "|" in phrase:
            assert phrase.count("|") == 1, key


def test_money_keeps_the_digits_that_mean_something():
    assert formats.money(999_960, "JPY") == "¥1M" and formats.money(99_960_000, "USD") == "$100M"
    assert formats.money(1_234, None) == "1.23K" and formats.money(120, "CHF") == "CHF\u00a0120"
    assert formats.money(.65 * M, "JPY", estimate=True) == "¥650K"
