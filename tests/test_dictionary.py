"""The generated pages of docs/ say what the definition files say."""

from pathlib import Path

from cs_research.definitions import load_definitions
from cs_research.definitions.dictionary import data_dictionary
from cs_research.ingest.rules import rules_page


def test_the_data_dictionary_is_that_of_the_definitions():
    page = Path(__file__).parent.parent / "docs" / "data-dictionary.md"
    assert page.read_text(encoding="utf-8") == data_dictionary(load_definitions()), "run: make docs"


def test_the_page_of_ingest_rules_is_that_of_the_rules():
    page = Path(__file__).parent.parent / "docs" / "ingest-rules.md"
    assert page.read_text(encoding="utf-8") == rules_page(), "run: make docs"
