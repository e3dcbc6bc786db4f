"""The generated reference is that of the code; each key and each column is explained."""

from dataclasses import fields

import pytest

from pairsmith.flows.reference import FOLDER, describe_record, pages
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.reference import list_keys
from pairsmith.schemas.pair import Pair


@pytest.mark.parametrize(("name", "text"), pages().items(), ids=pages().keys())
def test_the_page_is_current(name: str, text: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text, "run `make reference`"


def test_every_key_has_a_meaning() -> None:
    assert [key.path for key in list_keys() if not key.description] == []


def test_every_key_and_every_column_stands_on_its_page() -> None:
    made = pages()
    assert [key.path for key in list_keys() if f"| `{key.name}` |" not in made["configuration.md"]] == []
    for record in (stage.record for stage in table.STAGES if stage.record is not None):
        assert [field.name for field in fields(record) if f"| `{field.name}` |" not in made["columns.md"]] == []


def test_what_a_docstring_says_of_a_column_is_read() -> None:
    _, columns = describe_record(Pair)
    assert columns["split"][1].startswith("train or test, by a hash of the problem")
    kind, meaning = columns["policy_value"]
    assert kind == "float or null"
    assert "token distance" in meaning  # a later line of its entry
