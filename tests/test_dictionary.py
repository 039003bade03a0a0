"""The generated pages of docs/ say what the definition files say."""

from pathlib import Path

from cs_research.definitions import load_definitions
from cs_research.definitions.dictionary import data_dictionary


def test_the_data_dictionary_is_that_of_the_definitions():
    page = Path(__file__).parent.parent / "docs" / "data-dictionary.md"
    assert page.read_text(encoding="utf-8") == data_dictionary(load_definitions()), "run: make docs"
