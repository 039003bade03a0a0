"""Figures that are known about the two data sets nobody here wrote come out of the canonical tables by SQL."""

import os

import duckdb
import pytest
from canonical import filled_columns

from cs_research.ingest import ingest, open_dataset

ROOT = __file__.rsplit("/", 2)[0]


def taken(folder, out):
    """A DuckDB with one view per canonical table of the data set, and what ingest says of it."""
    ingested = ingest(open_dataset(folder), out)
    con = duckdb.connect()
    for path in ingested.folder.glob("*.parquet"):
        con.execute(f"CREATE VIEW {path.stem} AS FROM '{path}'")
    return con, ingested


@pytest.fixture(scope="module")
def crm(tmp_path_factory):
    return taken(f"{ROOT}/data/crm", tmp_path_factory.mktemp("crm"))


@pytest.fixture(scope="module")
def oulad(tmp_path_factory):
    if not os.environ.get("OULAD_DIR"):
        pytest.skip("OULAD_DIR is not set: the data set is published at analyse.kmi.open.ac.uk/open_dataset")
    return taken(f"{ROOT}/data/oulad", tmp_path_factory.mktemp("oulad"))


CRM_LIVES = """
    SELECT account_id, min(start_date) AS first_start, max(end_date) AS last_end,
           arg_max(seats, start_date) > arg_min(seats, start_date) AS has_grown
    FROM contracts GROUP BY account_id"""


def test_crm_terms_end_as_known(crm):
    con, _ = crm
    ended, churned, in_grace, grown = con.execute(f"""
        SELECT count(*) FILTER (last_end <= DATE '2024-01-01'), count(*) FILTER (last_end + 30 <= DATE '2024-01-01'),
               count(*) FILTER (last_end <= DATE '2024-01-01' AND last_end + 30 > DATE '2024-01-01'),
               round(100 * avg(has_grown::INTEGER), 1)
        FROM ({CRM_LIVES})""").fetchone()
    assert (ended, churned, in_grace, grown) == (116, 110, 6, 22.7)


def test_crm_early_use_parts_the_accounts_as_known(crm):
    con, _ = crm
    rows = con.execute(f"""
        WITH lives AS ({CRM_LIVES}),
        used AS (
            SELECT l.account_id, any_value(last_end) AS last_end, any_value(has_grown) AS has_grown,
                   coalesce(sum(CASE WHEN event_type IN ('meeting', 'add_contact') THEN 2 ELSE 1 END * quantity), 0)
                       AS early
            FROM lives l LEFT JOIN usage_daily u ON u.account_id = l.account_id
                 AND u.date >= first_start AND u.date < first_start + 30
                 AND event_type IN ('search', 'meeting', 'add_contact', 'add_lead')
            WHERE first_start <= DATE '2024-01-01' - 120 GROUP BY l.account_id),
        parted AS (SELECT *, ntile(3) OVER (ORDER BY early, account_id::INTEGER) AS third FROM used)
        SELECT count(*), round(100 * avg((last_end <= DATE '2024-01-01')::INTEGER), 1),
               round(100 * avg(has_grown::INTEGER), 1)
        FROM parted GROUP BY third ORDER BY third""").fetchall()
    assert sum(row[0] for row in rows) == 388
    assert [row[1:] for row in rows] == [(37.7, 10.8), (27.1, 32.6), (22.5, 34.1)]


def test_crm_books_add_up_and_say_what_was_left_out(crm):
    con, ingested = crm
    files = ingested.files.set_index("file")
    assert (files.rows_in == files.accepted + files.quarantined + files.excluded).all()
    assert files.loc["subscription.csv", ["rows_in", "accepted", "excluded"]].tolist() == [10_809, 3_603, 7_206]
    assert files.loc["event_daily.parquet", "accepted"] == 154_335
    assert files.loc["query:usage_daily", "rows_in"] == 154_335 * 25
    assert files.quarantined.sum() == 0
    assert con.execute("SELECT count(DISTINCT event_type), max(date)::VARCHAR FROM usage_daily").fetchone() == (
        25, "2024-01-01")
    assert not (ingested.folder / "users.parquet").exists()
    assert "account_name" not in filled_columns(ingested, "accounts")


def test_oulad_landmark_figures(oulad):
    con, _ = oulad
    scored = con.execute("""
        WITH registered AS (
            SELECT account_id, contract_id, start_date, status = 'churned' AS has_left FROM contracts
            WHERE status <> 'churned' OR end_date > start_date + 60),
        due AS (
            SELECT m.account_id, count(*) AS due_count,
                   count(*) FILTER (completed_date <= start_date + 60) AS done_count,
                   avg(quantity) FILTER (completed_date <= start_date + 60) AS mean_mark
            FROM milestones m JOIN registered r USING (account_id)
                 LEFT JOIN usage_events u ON u.event_id = m.account_id || ' ' || m.milestone
            WHERE due_date <= start_date + 60 GROUP BY m.account_id)
        SELECT has_left, coalesce(done_count / due_count * mean_mark, 0) AS score,
               ntile(3) OVER (ORDER BY score, contract_id) AS third
        FROM registered JOIN due USING (account_id)""").df()
    rates = scored.groupby("third").has_left.mean().mul(100).round(1)
    ranks, left = scored.score.rank(ascending=False), scored.has_left
    auc = (ranks[left].mean() - (left.sum() + 1) / 2) / (~left).sum()
    assert len(scored) == 14_377
    assert rates.tolist() == [25.5, 13.4, 7.3]
    assert round(auc, 3) == 0.669


def test_oulad_books_add_up(oulad):
    _, ingested = oulad
    files = ingested.files.set_index("file")
    assert (files.rows_in == files.accepted + files.quarantined + files.excluded).all()
    assert files.loc["query:contracts", "excluded"] == 1_836
    assert files.loc["query:usage_events", "accepted"] == 104_137
    assert "mrr" not in filled_columns(ingested, "contracts")
