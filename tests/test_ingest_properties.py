"""Random tables with random damage: the books add up, no whole row is lost or changed, no damaged one taken unseen.

What a file holds is known from how it was written, so nothing of the package is used to count or to read it.
"""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from small_data import CONTRACTS, HEAD, entry, made

from cs_research.errors import Refused
from cs_research.ingest import check, ingest, open_dataset
from cs_research.tables import build_tables, horizon

ACCOUNTS = ("007", "0123", "acme_1", "青空")
# every second byte of 表 and ソ in CP932 is a backslash; é and 🙂 are in no CP932
TEXT = st.text(st.sampled_from("abZ09 ,\"\n'\t;|日本表ソ能空社商あァー㈱"), max_size=12).map(str.strip)
WIDE = st.text(st.sampled_from("aé🙂\"\n, 日"), max_size=8).map(str.strip)
NOT_TEXT, NUL = "\ue000", "\ue001"  # stand for the bytes ff and 00 until the file is encoded


def day(number: int) -> str:
    return date.fromordinal(date(2025, 1, 1).toordinal() + number).isoformat()


DAYS = st.integers(0, 362).map(day)
STAMPS = st.builds(lambda d, hour, zone: f"{d}T{hour:02}:30:00{zone}", DAYS, st.integers(0, 23),
                   st.sampled_from(["+09:00", "Z", "-05:00"]))
ACCOUNT = st.sampled_from(ACCOUNTS)
# table -> columns with what they may hold; the first is numbered, so that no key occurs twice by chance
TABLES = {
    "contracts": {"contract_id": None, "account_id": ACCOUNT, "start_date": DAYS, "end_date": st.just(""),
                  "seats": st.integers(1, 99999).map(str), "mrr": st.sampled_from(["", "0", "1200.50", "99999999.99"]),
                  "status": st.sampled_from(["", "active", "renewed"]), "account_name": TEXT},
    "usage_events": {"event_id": None, "account_id": ACCOUNT, "user_id": st.sampled_from(["u1", "0001"]),
                     "occurred_at": STAMPS, "event_type": st.sampled_from(["login", "名刺 読取"]),
                     "quantity": st.sampled_from(["", "1", "-2.5", "120.0001"])},
    "touches": {"touch_id": None, "account_id": ACCOUNT, "occurred_at": STAMPS,
                "touch_type": st.sampled_from(["mail_click", "elearning"]), "user_id": st.sampled_from(["", "u1"]),
                "content_id": st.sampled_from(["", "c-1"]), "recipients": st.sampled_from(["", "0", "1"])},
}
DATED = {"contracts": "start_date", "usage_events": "occurred_at", "touches": "occurred_at"}
DAMAGE = ("drop", "add", "add empty", "flip", "again", "blank id", "bad date", "nul", "odd")
# cells that may be taken only with a warning: column -> what stands there
ODD = {"seats": ["１２", "1,000", " 7", "12abc", "1e3", "0x1F"], "mrr": ["¥5", "1.005", "1,5", "nan", "-"],
       "account_id": [" 007", "００７", "7E+05"], "status": ["Active ", "ended"], "event_type": ["login "],
       "recipients": ["1 ", "１", "-1"], "quantity": ["１", "1.00001", "inf", "1-"], "touch_type": ["Mail_Click"],
       "account_name": [" 青空", "日本\u3000"]}


@dataclass
class File:
    """A file as it was written: its bytes, and what must become of each record, in the order of the records."""

    name: str
    table: str
    data: bytes
    fates: list[str]  # kept, aside, told (taken with a warning or set aside), cut
    rows: list[tuple]  # of the records that are kept
    is_regular: bool
    may_be_refused: bool


def value(column: str, text: str) -> object:
    """What a cell means, read without the package."""
    if text == "":
        return None
    if column in ("seats", "recipients"):
        return int(text)
    if column in ("mrr", "quantity"):
        return Decimal(text)
    if column.endswith("_date"):
        return date.fromisoformat(text)
    if column == "occurred_at":
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (moment - moment.utcoffset()).replace(tzinfo=None) + (datetime(1, 1, 1, 9) - datetime(1, 1, 1))
    return text


def line_of(cells: list[str], end: str, quoting: int) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=quoting).writerow(cells)
    return text.getvalue()


def damaged(table: str, cells: list[str], harm: str, chance: Random) -> tuple[list[str], str]:
    """The cells of a record after `harm`, and what must become of it."""
    names = list(TABLES[table])
    cells = cells.copy()
    if harm == "drop":
        del cells[chance.randrange(len(cells))]
    elif harm.startswith("add"):
        cells.insert(len(cells) if harm == "add empty" else chance.randrange(len(cells) + 1), "x" * (harm == "add"))
    elif harm in ("flip", "nul"):
        at = names.index("account_id")
        cells[at] = cells[at][:1] + (NUL if harm == "nul" else NOT_TEXT) + cells[at][1:]
    elif harm == "blank id":
        cells[names.index("account_id")] = chance.choice(["", " ", "\u3000"])
    elif harm == "bad date":
        at = names.index(DATED[table])
        cells[at] = chance.choice(["2025-02-30", "2025/01/01", "20250101", "45000"]) + cells[at][10:]
    elif harm == "odd":
        column = chance.choice([name for name in names if name in ODD])
        cells[names.index(column)] = chance.choice(ODD[column])
        return cells, "told"
    return cells, "aside"


@st.composite
def written(draw: st.DrawFn, table: str) -> File:
    """A file of a table in one of the shapes that exports have, some records damaged, perhaps cut at its end."""
    columns, chance = TABLES[table], draw(st.randoms(use_true_random=False))
    encoding, end = draw(st.sampled_from(["utf-8", "utf-8-sig", "cp932"])), draw(st.sampled_from(["\n", "\r\n"]))
    quoting, is_packed = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])), draw(st.booleans())
    lines, fates, rows, harms = [line_of(list(columns), end, quoting)], [], [], []
    for number in range(draw(st.integers(1, 12))):
        cells = [f"{table[0]}{number}" if kind is None else draw(kind) for kind in columns.values()]
        if encoding != "cp932" and table == "contracts":
            cells[-1] = draw(WIDE)
        row = tuple(value(*cell) for cell in zip(columns, cells, strict=True))
        harm = draw(st.sampled_from(["", "", "", *DAMAGE]))
        harms.append(harm)
        if harm in ("", "again"):
            lines.append(line_of(cells, end, quoting))
            fates.append("kept")
            rows.append(row)
        if harm:
            cells, fate = (cells, "aside") if harm == "again" else damaged(table, cells, harm, chance)
            lines.append(line_of(cells, end, quoting))
            fates.append(fate)
        if draw(st.booleans()):
            lines.append(end)  # a blank line is no record
    if encoding == "cp932":
        lines = [line.replace("¥", "\\") for line in lines]  # the byte that stands for both there
    data = "".join(lines).encode(encoding)
    for stand_in, byte in ((NOT_TEXT, b"\xff"), (NUL, b"\0")):
        data = data.replace(stand_in.encode(encoding.removesuffix("-sig")), byte)
    is_cut = draw(st.integers(0, 4)) == 0 and lines[-1] != end and fates[-1] == "kept"
    if is_cut:
        cut = draw(st.integers(1, len(lines[-1].encode(encoding.removesuffix("-sig"))) - 1))
        data = data[:-cut]
        if cut > len(end):
            fates[-1] = "cut"
            rows.pop()
    refusable = is_cut or "flip" in harms or all(harm[:3] in ("dro", "add") for harm in harms)
    return File(f"{table}.csv{'.gz' * is_packed}", table, gzip.compress(data) if is_packed else data, fates, rows,
                not is_cut and not {"flip", "nul"} & set(harms), refusable)


def counted(file: File) -> int:
    """The records of a file by the csv module."""
    data = gzip.decompress(file.data) if file.name.endswith(".gz") else file.data
    for encoding in ("utf-8-sig", "cp932"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    return sum(bool(row) for row in csv.reader(io.StringIO(text, newline=""))) - 1


def laid(folder: Path, files: list[File]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "dataset.yml").write_text(HEAD, encoding="utf-8")
    (folder / "accounts.csv").write_text("account_id\n" + "\n".join(ACCOUNTS) + "\n", encoding="utf-8")
    for file in files:
        (folder / file.name).write_bytes(file.data)
    return folder


def verify(folder: Path, files: list[File]) -> bool:
    """Hold what `check` and `ingest` say of the files against how they were written; whether they were taken in."""
    found = {said["file"]: said for said in check(open_dataset(folder))["files"]}
    if any(said["outcome"] == "reject_file" for said in found.values()):
        for file in files:
            assert file.may_be_refused or found[file.name]["outcome"] != "reject_file", found[file.name]
        with pytest.raises(Refused):
            ingest(open_dataset(folder), folder / "out")
        assert not list((folder / "out").iterdir())
        return False
    ingested = ingest(open_dataset(folder), folder / "out")
    for file in files:
        said = found[file.name]
        assert said["rows_in"] == len(file.fates) == said["accepted"] + said["quarantined"] + said["excluded"]
        if file.is_regular:
            assert counted(file) == said["rows_in"]
        verify_records(file, said)
        taken = Counter(duckdb.sql(f"SELECT {', '.join(TABLES[file.table])} FROM "
                                   f"'{ingested.folder / file.table}.parquet'").fetchall())
        assert taken.total() == said["accepted"]
        assert not Counter(file.rows) - taken, "a whole row was lost or changed"
    return True


def verify_records(file: File, said: dict) -> None:
    codes: dict[int, set[str]] = {}
    for place in said["rows"]:
        if place["code"] != "W_CONTRACT_OVERLAP":  # of rows that are as they should be
            codes.setdefault(place["record"], set()).add(place["code"][0])
    for record, fate in enumerate(file.fates, 1):
        seen = codes.get(record, set())
        if fate == "kept":
            assert "R" not in seen, (record, said)
        elif fate == "aside":
            assert "R" in seen, (record, said)
        elif fate == "told":
            assert seen, f"record {record} was damaged and taken without a word"
        else:
            assert "R" in seen or "W_NO_FINAL_NEWLINE" in said["codes"], "a cut record was taken without a word"


PHASES = (Phase.generate,)  # an example takes half a second: to make it smaller would take minutes
FILES = st.tuples(*(written(table) for table in TABLES))


@settings(max_examples=20, deadline=None, derandomize=True, phases=PHASES)
@given(FILES)
def test_whatever_the_damage_the_books_add_up_and_no_row_is_lost_or_changed(tmp_path_factory, files):
    is_taken = verify(laid(tmp_path_factory.mktemp("damage"), list(files)), list(files))
    assert is_taken or any(file.may_be_refused for file in files)


@pytest.mark.soak
@settings(max_examples=400, deadline=None, phases=PHASES)
@given(FILES)
def test_whatever_the_damage_in_many_more_files(tmp_path_factory, files):
    is_taken = verify(laid(tmp_path_factory.mktemp("damage"), list(files)), list(files))
    assert is_taken or any(file.may_be_refused for file in files)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bad", [
    "009,C3,2025-02-01,,5,500", "009,C3,2025-02-01,,5,500,,", '"009","C3","2025-02-01","","5","","",""'])
@pytest.mark.parametrize("blank", [0, 1, 3])
def test_a_row_of_too_few_or_too_many_fields_is_set_aside_alone(tmp_path, end, bad, blank):
    text = CONTRACTS + "\n" * blank + bad + "\n010,C4,2025-02-01,,5,500,\n"
    folder = made(tmp_path, contracts="")
    (folder / "contracts.csv").write_bytes(text.replace("\n", end).encode())
    found = entry(folder, "contracts.csv")
    assert (found["rows_in"], found["accepted"], found["quarantined"]) == (4, 3, 1)
    assert found["rows"] == [{"record": 3, "line": 4 + blank, "column": "", "code": "R_FIELD_COUNT", "value": bad}]


ROWS = {  # 300 rows each, in an order that is not that of their keys
    "contracts": [f"K{i * 7 % 300},{ACCOUNTS[i % 4]},{day(i)},,{1 + i % 9},{i}.50,active,{i}" for i in range(300)],
    "usage_events": [f"e{i * 11 % 300},{ACCOUNTS[i % 4]},u{i % 5},{day(i)}T10:00:00Z,login,{i}" for i in range(300)],
    "touches": [f"t{i * 13 % 300},{ACCOUNTS[i % 4]},{day(i)}T10:00:00Z,mail_click,u1,,1" for i in range(300)],
}


def taken_in(folder: Path, shape: Callable[[str, list[str]], dict[str, list[str]]]) -> tuple[dict, dict, dict]:
    """Rows laid out by `shape` (table and rows -> rows by file): bytes of the canonical and output tables, and rows."""
    laid(folder, [])
    for table, rows in ROWS.items():
        for name, part in shape(table, rows).items():
            data = ("\n".join([",".join(TABLES[table]), *part]) + "\n").encode()
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    dataset = open_dataset(folder)
    ingested = ingest(dataset, folder / "out")
    assert (ingested.files["accepted"] == ingested.files["rows_in"]).all()
    seen = horizon(date(2025, 12, 1), date(2025, 12, 31))
    build_tables(ingested.folder, dataset.definitions, seen, folder / "tables")
    canonical, built = ({path.name: path.read_bytes() for path in place.iterdir()}
                        for place in (ingested.folder, folder / "tables"))
    return canonical, built, {table: Counter(duckdb.sql(f"FROM '{ingested.folder}/{table}.parquet'").fetchall())
                              for table in ROWS}


def test_the_same_rows_in_other_files_or_another_order_give_the_same_tables(tmp_path):
    """Canonical tables keep the order in which events came, so of those only rows are compared when it is another."""
    canonical, built, rows = taken_in(tmp_path / "one", lambda table, rows: {f"{table}.csv": rows})
    assert "measures.parquet" in built and all(found.total() == 300 for found in rows.values())
    assert (canonical, built, rows) == taken_in(tmp_path / "packed", lambda table, rows: {f"{table}.csv.gz": rows})
    assert (canonical, built, rows) == taken_in(tmp_path / "split", lambda table, rows: {
        f"{table}/1.csv": rows[:70], f"{table}/2.csv.gz": rows[70:71], f"{table}/3.csv": rows[71:]})
    other, *after = taken_in(tmp_path / "shuffled", lambda table, rows: {
        f"{table}.csv": Random(1).sample(rows, len(rows))})
    assert after == [built, rows]
    assert other["contracts.parquet"] == canonical["contracts.parquet"]
