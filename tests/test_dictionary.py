"""The generated pages of docs/ say what the definition files say."""

from pathlib import Path

from cs_research import open_run
from cs_research.definitions import load_definitions
from cs_research.definitions.dictionary import data_dictionary
from cs_research.ingest.rules import rules_page


def test_the_data_dictionary_is_that_of_the_definitions():
    page = Path(__file__).parent.parent / "docs" / "data-dictionary.md"
    assert page.read_text(encoding="utf-8") == data_dictionary(load_definitions()), "run: make docs"


def test_every_column_of_every_table_of_a_report_is_described(report_of):
    run = open_run(report_of("sample"))
    for name in (*run.tables, *(path.stem for path in run.folder.glob("canonical/*.parquet"))):
        frame = run.table(name) if name in run.tables else run.canonical(name)
        assert set(run.describe(name)["column"]) == set(frame.columns), name
        assert run.describe(name)["about"].all()


def test_the_page_of_ingest_rules_is_that_of_the_rules():
    page = Path(__file__).parent.parent / "docs" / "ingest-rules.md"
    assert page.read_text(encoding="utf-8") == rules_page(), "run: make docs"
