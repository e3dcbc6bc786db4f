"""Each language's golden file: programs with their tags and measures, pairs with what makes them equal."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.languages.table import language_names
from pairsmith.pipeline.syntax.tags import TAGS, describe_tags
from pairsmith.schemas.candidate import Extraction, Program, Syntax
from tests.syntax_rewrites import analyse_program

FOLDER = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[1]
LEVELS = ("exact", "plain", "renamed")
MEASURES = ("n_lines", "n_functions", "nesting_depth", "cyclomatic", "cognitive")


def read_golden(language: str) -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


GOLDEN = {language: read_golden(language) for language in language_names()}
PROGRAMS = [(language, row) for language, golden in GOLDEN.items() for row in golden["program"]]
PAIRS = [(language, row) for language, golden in GOLDEN.items() for row in golden["pair"]]


def name_row(value: Any) -> str | None:
    return value["name"] if isinstance(value, dict) else None


def analyse(code: str, language: str) -> Syntax:
    return analyse_program(Program("0" * 32, "p", Extraction.OK, "bare", code), language)


@pytest.mark.parametrize(("language", "golden"), PROGRAMS, ids=name_row)
def test_programs(language: str, golden: dict[str, Any]) -> None:
    row = analyse(golden["code"], language)
    assert row.parsed
    assert list(row.tags) == golden["tags"].split()
    assert {name: getattr(row, name) for name in MEASURES} == {name: golden[name] for name in MEASURES}


@pytest.mark.parametrize(("language", "golden"), PAIRS, ids=name_row)
def test_pairs(language: str, golden: dict[str, Any]) -> None:
    left, right = analyse(golden["left"], language), analyse(golden["right"], language)
    assert left.parsed
    assert right.parsed
    assert find_relation(left, right) == golden["relation"]
    equal = [getattr(left, level) == getattr(right, level) for level in LEVELS]
    assert equal == sorted(equal), "what is equal must stay so when more is left out"


def find_relation(left: Syntax, right: Syntax) -> str:
    same = [level for level in LEVELS if getattr(left, level) == getattr(right, level)]
    return same[0] if same else "different"


def test_every_language_has_enough_of_both() -> None:
    for language, golden in GOLDEN.items():
        assert len(golden["program"]) >= 25, language
        relations = [row["relation"] for row in golden["pair"]]
        assert {"exact", "renamed", "different"} <= set(relations), language
        assert relations.count("different") >= 7, language


def test_every_tag_has_a_program_that_has_it_and_one_that_has_not() -> None:
    tagged = [set(row["tags"].split()) for _, row in PROGRAMS]
    for tag in TAGS:
        assert {tag in tags for tags in tagged} == {True, False}, tag
    assert set().union(*tagged) == set(TAGS)


def test_the_page_of_tags_is_that_of_the_table() -> None:
    assert (ROOT / "docs" / "tags.md").read_text(encoding="utf-8") == describe_tags()
