"""Ingest: what becomes of rows, values and books, on small data sets worked by hand."""

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from canonical import filled_columns
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_data import CONTRACTS, entry, made, rows

from cs_research.errors import Refused
from cs_research.ingest import held, ingest, open_dataset
from cs_research.ingest.records import count_records, fault_of, lines_of, suspects
from cs_research.ingest.rules import all_rules


def test_canonical_table_has_every_column_typed(tmp_path):
    ingested = ingest(open_dataset(made(tmp_path)), tmp_path / "out")
    described = dict(row[:2] for row in duckdb.sql(f"DESCRIBE FROM '{ingested.folder}/contracts.parquet'").fetchall())
    assert described == {
        "contract_id": "VARCHAR", "account_id": "VARCHAR", "start_date": "DATE", "end_date": "DATE", "seats": "BIGINT",
        "mrr": "DECIMAL(18,2)", "product": "VARCHAR", "status": "VARCHAR", "notice_date": "DATE",
        "account_name": "VARCHAR", "recorded_at": "TIMESTAMP"}
    assert rows(ingested, "contracts", "account_id, start_date, end_date, seats, mrr, status") == [
        ("007", date(2025, 1, 1), date(2026, 1, 1), 10, Decimal("1000.50"), "active"),
        ("008", date(2025, 2, 1), None, 5, Decimal("500.00"), None)]
    assert filled_columns(ingested, "contracts") == {
        "account_id", "contract_id", "start_date", "end_date", "seats", "mrr", "status"}
    assert [path.name for path in ingested.folder.iterdir()] == ["contracts.parquet"]


def test_stamps_become_wall_time_of_the_reporting_zone(tmp_path):
    events = """account_id,user_id,occurred_at,event_type
007,u1,2025-03-31T23:30:00Z,login
007,u1,2025-03-31T23:30:00+09:00,login
007,u1,2025-03-31 23:30,login
007,u1,2025-03-31,login
"""
    folder = made(tmp_path, usage_events=events)
    assert entry(folder, "usage_events.csv")["codes"] == {"R_TS_NO_OFFSET": 2}
    folder = made(tmp_path, "naive_zone: UTC\n", usage_events=events)
    ingested = ingest(open_dataset(folder), tmp_path / "out")
    assert [row[0] for row in rows(ingested, "usage_events", "occurred_at")] == [
        datetime(2025, 4, 1, 8, 30), datetime(2025, 3, 31, 23, 30), datetime(2025, 4, 1, 8, 30),
        datetime(2025, 3, 31, 9)]


def test_mapping_renames_maps_fills_and_leaves_out(tmp_path):
    mapping = """tables:
  contracts:
    files: export.tsv
    columns: {account_id: 顧客ID, contract_id: 契約, start_date: 開始, end_date: 終了, seats: 数}
    date_formats: ["%Y年%m月%d日"]
    values: {status: {解約: churned}}
    defaults: {seats: "3"}
    ignore: [担当]
    exclude: [{name: test_accounts, where: account_id LIKE 'T%'}]
"""
    folder = made(tmp_path, mapping, contracts="")
    (folder / "export.tsv").write_text(
        "顧客ID\t契約\t開始\t終了\t数\tstatus\t担当\n"
        "007\tC1\t2025年4月1日\t2026-04-01\t\t解約\tx\nT1\tC2\tnever\t\t\t\tx\n", encoding="utf-8")
    assert entry(folder, "export.tsv") == {
        "file": "export.tsv", "table": "contracts", "outcome": "accept_warn", "rows_in": 2, "accepted": 1,
        "quarantined": 0, "excluded": 1, "codes": {"W_STATUS_CONFLICT": 1},
        "rows": [{"record": 1, "line": 2, "column": "status", "code": "W_STATUS_CONFLICT", "value": "churned"}]}
    ingested = ingest(open_dataset(folder), tmp_path / "out")
    assert rows(ingested, "contracts", "account_id, start_date, seats, status") == [
        ("007", date(2025, 4, 1), 3, "churned")]


def test_missing_column_tells_what_to_write(tmp_path):
    folder = made(tmp_path, contracts="顧客ID,契約\n007,C1\n")
    with pytest.raises(Refused) as caught:
        ingest(open_dataset(folder), tmp_path / "out")
    told = str(caught.value)
    assert told.startswith("F_COLUMN_MISSING contracts.csv: ") and "found '顧客ID', '契約'" in told
    assert 'columns: {contract_id: "<header>", account_id: "<header>"' in told
    assert not (tmp_path / "out" / "canonical").exists()


def test_a_header_that_the_mapping_names_must_be_there(tmp_path):
    (found,) = entry(made(tmp_path, "tables: {contracts: {columns: {product: Plan}}}\n"), "contracts.csv")["rows"]
    assert found["code"] == "F_COLUMN_MISSING" and found["value"].startswith("missing product; found 'account_id', ")


def test_quarantine_keeps_the_row_whole_with_place_and_remedy(tmp_path):
    text = CONTRACTS + '009,C3,2025-02-30,,0,"1,5,0",active\n010,"two\nlines",2025-01-01,,1,1,active,more\n'
    ingested = ingest(open_dataset(made(tmp_path, contracts=text)), tmp_path / "out")
    (path,) = ingested.quarantine.iterdir()
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["_record"], first["_line"], first["_column"], first["_value"]) == ("3", "4", "mrr", "1,5,0")
    assert first["_codes"] == "R_NUMBER_FORMAT R_SEATS_RANGE R_DATE_INVALID"
    assert (first["account_id"], first["start_date"], first["seats"]) == ("009", "2025-02-30", "0")
    assert all_rules()["R_DATE_INVALID"].remedy in first["_remedy"]
    assert (second["_record"], second["_line"], second["_codes"]) == ("4", "5", "R_FIELD_COUNT")
    assert second["_text"] == '010,"two\nlines",2025-01-01,,1,1,active,more'
    assert [hold.code for hold in held(ingested, date(2025, 12, 1))] == ["H_QUARANTINE"]
    assert ingested.files.loc[0, ["rows_in", "accepted", "quarantined"]].tolist() == [4, 2, 2]
    assert json.loads(ingested.files.codes[0])["R_FIELD_COUNT"] == 1


@pytest.mark.parametrize(("above", "mapping"), [("", ""), ("\n\n", ""), ('\n"a\ntitle",x\n\n', "{skip_rows: 1}")])
def test_a_header_may_hold_line_breaks(tmp_path, above, mapping):
    text = above + '"account_id",contract_id,start_date,end_date,"seats","fee, ""a\n month"""\n007,C1,2025-01-01,,5,7\n'
    folder = made(tmp_path, f"tables: {{contracts: {mapping}}}\n" if mapping else "", contracts=text)
    found = entry(folder, "contracts.csv")
    assert (found["rows_in"], found["accepted"], found["codes"]) == (1, 1, {"W_COLUMN_EXTRA": 1})


@pytest.mark.parametrize(("above", "delimiter", "code", "stated"), [
    ("Report\n\n", ",", "F_HEADER", "skip_rows: 1"), ("", ";", "F_DELIMITER", "delimiter: ';'"),
    ('"Report\nof, May"\n', "|", "F_DELIMITER", "delimiter: '|', skip_rows: 1")])
def test_a_header_elsewhere_is_told_as_dataset_yml_may_state_it(tmp_path, above, delimiter, code, stated):
    text = above + CONTRACTS.replace(",", delimiter)
    (place,) = entry(made(tmp_path, contracts=text), "contracts.csv")["rows"]
    assert (place["code"], place["value"]) == (code, f"it looks like {stated}")
    folder = made(tmp_path, f"tables: {{contracts: {{{stated}}}}}\n", contracts=text)
    assert entry(folder, "contracts.csv")["accepted"] == 2


def test_one_trailing_delimiter_is_one_field_too_many(tmp_path):
    text = CONTRACTS.replace("active\n", "active,\n")
    assert entry(made(tmp_path, contracts=text), "contracts.csv")["rows"] == [
        {"record": 1, "line": 2, "column": "", "code": "R_FIELD_COUNT",
         "value": "007,C1,2025-01-01,2026-01-01,10,1000.50,active,"}]


def test_rows_after_the_as_of_are_counted_and_not_used(tmp_path):
    contracts = CONTRACTS + "009,C3,2026-03-01,,5,500,\n"
    touches = """touch_id,account_id,occurred_at,touch_type,recorded_at
t1,007,2025-12-31T23:59:59+09:00,mail_click,
t2,007,2026-01-01T00:00:00+09:00,mail_click,
t3,007,2025-12-01T00:00:00+09:00,mail_click,2026-01-05T00:00:00+09:00
t4,007,2027-01-02T00:00:00+09:00,mail_click,
"""
    meetings = "meeting_id,account_id,scheduled_date\nm1,007,2026-02-01\n"
    folder = made(tmp_path, contracts=contracts, touches=touches, meetings=meetings)
    assert entry(folder, "touches.csv")["codes"] == {"R_TS_OUT_OF_RANGE": 1, "W_AFTER_AS_OF": 2}
    ingested = ingest(open_dataset(folder), tmp_path / "out")
    assert rows(ingested, "touches", "touch_id") == [("t1",)]
    assert len(rows(ingested, "contracts")) == 3, "a signed term looks ahead"
    assert len(rows(ingested, "meetings")) == 1, "a booked meeting looks ahead"


def test_as_of_is_the_latest_day_when_none_is_stated(tmp_path):
    events = "account_id,user_id,occurred_at,event_type\n007,u1,2025-05-31T23:30:00Z,login\n"
    folder = made(tmp_path, usage_events=events)
    (folder / "dataset.yml").write_text("kind: dataset\nname: Test\nzone: Asia/Tokyo\n", encoding="utf-8")
    assert ingest(open_dataset(folder), tmp_path / "out").as_of == date(2025, 6, 1)


def test_duplicates_orphans_and_their_order(tmp_path):
    touches = """touch_id,account_id,occurred_at,touch_type
t1,007,2025-05-01T10:00:00+09:00,mail_click
t1,007,2025-05-01T10:00:00+09:00,mail_click
t2,007,2025-05-01T10:00:00+09:00,mail_click
t2,008,2025-05-01T10:00:00+09:00,mail_click
t3,999,2025-05-01T10:00:00+09:00,mail_click
t4,009,2025-05-01T10:00:00+09:00,mail_click
"""
    folder = made(tmp_path, contracts=CONTRACTS + "009,C3,nonsense,,5,500,\n", touches=touches)
    places = [(place["line"], place["code"]) for place in entry(folder, "touches.csv")["rows"]]
    assert places == [(3, "R_DUPLICATE_EXACT"), (4, "R_DUPLICATE_CONFLICT"), (5, "R_DUPLICATE_CONFLICT"),
                      (6, "R_ORPHAN_ACCOUNT")], "009 is seen, if only in quarantine"


def test_events_without_id_are_never_duplicates(tmp_path):
    line = "007,u1,2025-05-31T23:30:00Z,login\n"
    folder = made(tmp_path, usage_events="account_id,user_id,occurred_at,event_type\n" + line * 3)
    assert entry(folder, "usage_events.csv")["accepted"] == 3


def test_recipients_are_capped_at_the_seats_of_the_day(tmp_path):
    touches = """touch_id,account_id,occurred_at,touch_type,recipients
t1,007,2025-05-01T10:00:00+09:00,mail_click,11
t2,007,2025-05-01T10:00:00+09:00,mail_click,10
"""
    folder = made(tmp_path, touches=touches)
    assert entry(folder, "touches.csv")["codes"] == {"W_RECIPIENTS": 1}
    assert rows(ingest(open_dataset(folder), tmp_path / "out"), "touches", "recipients") == [(10,), (10,)]


def test_integer_ids_only_when_declared(tmp_path):
    table = pa.table({"account_id": [7, 8], "contract_id": ["C1", "C2"], "start_date": [date(2025, 1, 1)] * 2,
                      "end_date": pa.array([None, None], pa.date32()), "seats": [1.0, 2.5]})
    folder = made(tmp_path, contracts="")
    pq.write_table(table, folder / "contracts.parquet")
    assert entry(folder, "contracts.parquet")["codes"] == {"F_COLUMN_TYPE": 1}
    folder = made(tmp_path, "tables: {contracts: {id_from_integer: [account_id], id_width: {account_id: 3}}}\n",
                  contracts="")
    assert entry(folder, "contracts.parquet")["codes"] == {"R_SEATS_RANGE": 1}
    assert rows(ingest(open_dataset(folder), tmp_path / "out"), "contracts", "account_id") == [("007",)]


QUERY = """sources:
  terms: {{files: terms.csv, exclude: [{{name: add_ons, where: "kind = 'extra'"}}]}}
tables:
  contracts:
    each: terms
    query: SELECT _row, customer AS account_id, customer || '-' || since AS contract_id, since AS start_date,
           NULL::DATE AS end_date, seats FROM terms {where}
"""
TERMS = "customer,since,seats,kind\n007,2025-01-01,4,base\n007,2025-01-01,9,extra\n008,2025-02-30,5,base\n009\n"


def test_query_keeps_a_second_ledger(tmp_path):
    folder = made(tmp_path, QUERY.format(where=""), contracts="", terms=TERMS)
    files = ingest(open_dataset(folder), tmp_path / "out").files.set_index("file")
    counts = ["rows_in", "accepted", "quarantined", "excluded"]
    assert files.loc["terms.csv", counts].tolist() == [4, 2, 1, 1]
    assert files.loc["query:contracts", counts].tolist() == [2, 1, 1, 0]


def test_query_may_not_drop_rows(tmp_path):
    folder = made(tmp_path, QUERY.format(where="WHERE seats = '4'"), contracts="", terms=TERMS)
    with pytest.raises(Refused, match="F_QUERY_DROPS query:contracts: .*1 rows of terms"):
        ingest(open_dataset(folder), tmp_path / "out")


def test_query_that_fails_is_told(tmp_path):
    folder = made(tmp_path, QUERY.format(where="WHERE nonsense"), contracts="", terms=TERMS)
    with pytest.raises(Refused, match="F_QUERY query:contracts: .*nonsense"):
        ingest(open_dataset(folder), tmp_path / "out")


def test_same_bytes_whatever_the_order_of_threads(tmp_path):
    folder = Path(__file__).parents[1] / "data" / "crm"
    one = ingest(open_dataset(folder), tmp_path / "one", threads=1)
    four = ingest(open_dataset(folder), tmp_path / "four", threads=4)
    for path in one.folder.iterdir():
        assert path.read_bytes() == (four.folder / path.name).read_bytes(), path.name


def test_sample_is_taken_whole(tmp_path):
    folder = Path(__file__).parents[1] / "data" / "sample"
    ingested = ingest(open_dataset(folder), tmp_path)
    assert len(ingested.files) >= 11 and (ingested.files.accepted == ingested.files.rows_in).all()
    assert held(ingested, date(2026, 10, 1)) == ()


NAMES = "account_id,account_name,contract_id,start_date,end_date,seats\n"


@pytest.mark.parametrize(("name", "encoding", "code", "taken"), [
    ("髙橋㈱", "cp932", "W_ENCODING_CP932", "髙橋㈱"),
    ("ｱｵｿﾞﾗ", "cp932", "W_ENCODING_CP932", "ｱｵｿﾞﾗ"),
    ("Müller Océan", "cp1252", "F_ENCODING", None),
    ("青空", "utf-16-le", "F_ENCODING", None),
])
def test_encodings_are_told_apart(tmp_path, name, encoding, code, taken):
    folder = made(tmp_path, contracts="")
    (folder / "contracts.csv").write_bytes((NAMES + f"007,{name},C1,2025-01-01,,5\n").encode(encoding))
    assert code in entry(folder, "contracts.csv")["codes"]
    if taken:
        assert rows(ingest(open_dataset(folder), tmp_path / "out"), "contracts", "account_name") == [(taken,)]


@pytest.mark.parametrize("stated", ["", "tables: {contracts: {encoding: cp932}}\n"])
@pytest.mark.parametrize("stray", [b"\x80", b"\xa0", b"\xfd", b"\xfe", b"\xff"])
def test_a_byte_that_is_in_no_cp932_sets_its_row_aside(tmp_path, stray, stated):
    """Python would read it as an invisible character, and the account would be another one."""
    folder = made(tmp_path, stated, contracts="")
    text = f"{NAMES}007,髙橋㈱,C1,2025-01-01,,5\n008,青空,C2,2025-01-01,,5\n0?09,空,C3,2025-01-01,,5\n"
    (folder / "contracts.csv").write_bytes(text.encode("cp932").replace(b"?", stray))
    found = entry(folder, "contracts.csv")
    assert (found["rows_in"], found["accepted"], found["quarantined"]) == (3, 2, 1)
    assert [(place["line"], place["code"]) for place in found["rows"]] == [(4, "R_ENCODING")]
    assert rows(ingest(open_dataset(folder), tmp_path / "out"), "contracts", "account_name") == [("髙橋㈱",), ("青空",)]


@pytest.mark.parametrize("stray", [',a"\r  ,\n', '1"""\r",1a1,\n'])
def test_stray_quotes_that_stop_the_loader_refuse_the_file(tmp_path, stray):
    folder = made(tmp_path, contracts="")
    (folder / "contracts.csv").write_bytes((CONTRACTS + stray).encode())
    assert entry(folder, "contracts.csv")["codes"] == {"F_COUNT": 1}


def test_folded_id_that_meets_another_is_set_aside(tmp_path):
    text = CONTRACTS + "００７,C3,2025-02-01,,5,500,\n００９,C4,2025-02-01,,5,500,\n"
    found = entry(made(tmp_path, contracts=text), "contracts.csv")
    assert [(place["line"], place["code"]) for place in found["rows"]] == [(4, "R_ID_COLLISION"), (5, "W_NFKC_ID")]


CELLS = st.text(alphabet=st.sampled_from('a1,"\n é;-'), max_size=5)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_record_counter_agrees_with_the_csv_module(tmp_path_factory, table, line_end):
    """Files as a CSV writer makes them: same count, and each record is found at its line."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=line_end).writerows(table)
    path = tmp_path_factory.mktemp("records") / "file.csv"
    path.write_bytes(buffer.getvalue().encode())
    count = count_records(path)
    assert (count.records, count.unclosed_line) == (len(table), None)
    data = path.read_bytes()
    lines = lines_of(path, ",", range(len(table)))
    starts = [sum(map(len, data.split(b"\n")[:line - 1])) + line - 1 for line in lines.values()]
    assert list(lines) == list(range(len(table)))
    found = list(suspects(path, ",", 3, dict.fromkeys(starts, "refused")))
    assert [(item.record, item.error) for item in found] == [(nth, "refused") for nth in range(len(table))]
    assert [next(csv.reader(io.StringIO(item.text.decode(), newline=""))) for item in found] == table
    misread = [item.record for item in suspects(path, ",", 2, {}) if fault_of(item.text, ",", 2)]
    assert misread == [nth for nth, cells in enumerate(table) if cells[2] == ""]
    assert not any(fault_of(item.text, ",", 3) for item in found)


DAMAGE = st.sampled_from(["", ",", '"', "\x00", "x", "-1", "2025-02-30", "\ufffd", "１２", "1e9", "\n", "合計", "  "])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), DAMAGE), max_size=4))
def test_books_add_up_whatever_the_damage(tmp_path_factory, damage):
    """Damage put into cells at random: every record is accepted or set aside, or the file is refused."""
    table = [f"{i:03},C{i},2025-0{i + 1}-01,,{i + 1},100,active".split(",") for i in range(6)]
    for row, column, text in damage:
        table[row % 6][column] += text
    body = "\n".join(",".join(row) for row in table) + "\n"
    folder = made(tmp_path_factory.mktemp("damage"), contracts=CONTRACTS.splitlines()[0] + "\n" + body)
    found = entry(folder, "contracts.csv")
    if found["outcome"] == "reject_file":
        assert found["accepted"] == found["quarantined"] == 0
    else:
        assert found["rows_in"] == found["accepted"] + found["quarantined"] + found["excluded"]
        assert found["rows_in"] == count_records(folder / "contracts.csv").records - 1


@pytest.mark.parametrize("cell", ['"5" ', '"5"\t', '"5" x'])
def test_what_stands_between_a_closing_quote_and_the_delimiter_is_not_lost(tmp_path, cell):
    text = CONTRACTS.replace(",5,", f",{cell},").replace(",10,", ',"10",') + '010,C"5" x,2025-01-01,,1,,\n'
    found = entry(made(tmp_path, contracts=text), "contracts.csv")
    faults = [(place["line"], place["code"]) for place in found["rows"] if place["code"][0] == "R"]
    assert faults == [(3, "R_QUOTE")]
    assert (found["rows_in"], found["accepted"], found["rows"][0]["value"]) == (3, 2, text.splitlines()[2])


def test_a_last_record_of_two_lines_without_a_final_newline_is_judged_whole(tmp_path):
    trailing, last = "009,C3,2025-01-01,,1,1,active,", '010,"C\n4" ,2025-01-01,,1,1,'
    found = entry(made(tmp_path, contracts=f"{CONTRACTS}{trailing}\n{last}"), "contracts.csv")
    assert [(place["line"], place["code"], place["value"]) for place in found["rows"]] == [
        (4, "R_FIELD_COUNT", trailing), (5, "R_QUOTE", last)]
    assert (found["rows_in"], found["accepted"]) == (4, 2)
