"""Every rule of rules.yml fires: those that no malformed file of the manifest names have a small one here."""

import json
from datetime import date
from pathlib import Path

import pytest
from small_data import CONTRACTS, made

from cs_research.errors import Refused
from cs_research.ingest import check, held, ingest, open_dataset
from cs_research.ingest.rules import all_rules

DECEMBER = date(2025, 12, 1)
MANIFEST = json.loads((Path(__file__).parent / "bad_inputs" / "manifest.json").read_text(encoding="utf-8"))
TOUCHES = "touch_id,account_id,occurred_at,touch_type,recipients,responded\n"
EVENTS = "account_id,user_id,occurred_at,event_type\n007,u1,2025-{},login\n"
QUERY = """sources: {{terms: {{files: terms.csv}}}}
tables: {{contracts: {{each: terms, query: "SELECT *, NULL::DATE AS end_date FROM terms {}"}}}}
"""
TERMS = "account_id,contract_id,start_date,seats\n007,C1,2025-01-01,5\n"


def touch(more: str = "", name: str = "t1", stamp: str = "2025-12-30T10:00:00+09:00") -> str:
    return f"{name},007,{stamp},mail_click,{more or ','}\n"


def events(*days: str) -> str:
    head, line = EVENTS.splitlines(keepends=True)
    return head + "".join(line.format(f"{day}T10:00:00+09:00") for day in days)


# code -> (lines of dataset.yml, files: text or bytes)
DAMAGED: dict[str, tuple[str, dict[str, str | bytes]]] = {
    "F_FILE_MISSING": ("tables: {touches: {files: touch.csv}}\n", {}),
    "F_ENCODING": ("", {"contracts.csv": (CONTRACTS + "M\u00fcller,C9,2025-01-01,,1,1,\n").encode("latin-1")}),
    "F_QUERY": (QUERY.format("WHERE nonsense"), {"terms.csv": TERMS}),
    "F_QUERY_DROPS": (QUERY.format("WHERE seats > '5'"), {"terms.csv": TERMS}),
    "F_COUNT": ("", {"contracts.csv": CONTRACTS + '1"\n ,"a"aa "\n"\n'}),
    "R_QUOTE": ("", {"contracts.csv": CONTRACTS.replace("C1", '"C1"x')}),
    "R_CORRECTION": ("", {"corrections/one.csv": "_file,_record,_was\ncontracts.csv,1,0\n"}),
    "R_ID_COLLISION": ("", {"contracts.csv": CONTRACTS + "００７,C3,2025-02-01,,5,500,\n"}),
    "R_DATE_RANGE": ("", {"contracts.csv": CONTRACTS.replace("2025-02-01", "1899-12-31")}),
    "R_BOOLEAN": ("", {"touches.csv": TOUCHES + touch("1,perhaps")}),
    "W_ENCODING_DECLARED": ("tables: {contracts: {encoding: latin-1}}\n",
                            {"contracts.csv": CONTRACTS.replace("C1", "\u00fc1").encode("latin-1")}),
    "W_NO_FINAL_NEWLINE": ("", {"contracts.csv": CONTRACTS.rstrip("\n")}),
    "W_VALUE_TRIMMED": ("", {"contracts.csv": CONTRACTS.replace(",10,", ", 10,")}),
    "W_RECIPIENTS": ("", {"touches.csv": TOUCHES + touch("11,")}),
    "W_AFTER_AS_OF": ("", {"touches.csv": TOUCHES + touch(stamp="2026-01-01T00:00:00+09:00")}),
    "W_CORRECTED": ("", {"2025-11-30/touches.csv": TOUCHES + touch("1,"), "2025-12-31/touches.csv": TOUCHES + touch()}),
    "W_REPLACED": ("", {"2025-11-30/touches.csv": TOUCHES + touch("1,"), "2025-12-31/touches.csv": TOUCHES + touch()}),
    "W_REPAIRED": ("", {"contracts.csv": CONTRACTS.replace(",10,", ",x,"), "corrections/one.csv":
                        "_file,_record,_was," + CONTRACTS.replace("007,", "contracts.csv,1,77eff9a10235,007,")}),
    "W_FILE_UNUSED": ("", {"touch.csv": TOUCHES}),
    "H_INCOMPLETE": ("", {}),
    "H_QUARANTINE": ("", {"contracts.csv": CONTRACTS.replace(",10,", ",x,")}),
    "H_SHRUNKEN": ("", {"usage_events.csv": events(*["11-28"] * 11, "12-31")}),
    "H_MONTH_MISSING": ("", {"usage_events.csv": events("10-01", "12-31")}),
    "H_TABLE_ENDS": ("", {"usage_events.csv": events("12-01", "12-02")}),
}


def codes(folder: Path, month: date) -> set[str]:
    """Every code that a data set leads to: of what is refused, of its files, of what holds its report back."""
    found = set()
    try:
        dataset = open_dataset(folder)
        found |= {code for file in check(dataset)["files"] for code in file["codes"]}
        return found | {hold.code for hold in held(ingest(dataset, folder / "out"), month)}
    except Refused as refused:
        return found | {refused.sentence.split()[0]}


@pytest.mark.parametrize("code", DAMAGED)
def test_the_rule_fires_on_the_damage_alone(tmp_path, code):
    mapping, files = DAMAGED[code]
    folder = made(tmp_path, mapping, contracts="" if "terms.csv" in files else CONTRACTS)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert code in codes(folder, date(2026, 1, 1) if code == "H_INCOMPLETE" else DECEMBER)


@pytest.mark.parametrize(("mapping", "files"), [
    ("", {"touches": TOUCHES + touch(), "usage_events": events("11-30", "12-31")}),
    (QUERY.format(""), {"contracts": "", "terms": TERMS})])
def test_none_fires_without_damage(tmp_path, mapping, files):
    assert codes(made(tmp_path, mapping, **files), DECEMBER) == set()


def test_every_rule_is_tried():
    named = {row["reason_code"] for row in MANIFEST} - {""}
    assert set(all_rules()) == named | set(DAMAGED)
    assert not named & set(DAMAGED), "once is enough"
