"""The configuration as text: every key explained, and loaded back equal."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.reference import commented_toml, list_keys, plain_toml, short_toml, toml_value
from pairsmith.schemas.config import ConfigError, RunConfig, load_config

CHANGED = (
    "run=elsewhere/ä\\\\b", "problems.levels=['easy', 'trivial']", "problems.limit=3", "sampling.temperature=1e-3",
    "sampling.schedule=[{ temperature = 0.6 }, { temperature = 1.0, top_p = 0.9 }]", "prices.prompt_per_million=1",
    "pairs.policies=[{ name = 'cleaner', prefer = ['docstring'] }, { name = 'best_of_n', n = 4 }]",
    "pairs.near_problems=none", "sandbox.scale_limits=false",
)  # fmt: skip
TREES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("write", [commented_toml, plain_toml, short_toml])
@pytest.mark.parametrize("overrides", [(), CHANGED])
def test_the_text_loads_back_equal(
    write: Callable[[RunConfig], str], overrides: tuple[str, ...], tmp_path: Path
) -> None:
    config = load_config(None, overrides)
    path = tmp_path / "run.toml"
    path.write_text(write(config), encoding="utf-8")
    assert load_config(path) == config
    assert load_config(path).model_dump_json() == config.model_dump_json()
    assert (config == RunConfig()) is (not overrides)


def test_every_key_stands_in_the_commented_text_in_its_table() -> None:
    table, found = "", set()
    for line in commented_toml(RunConfig()).splitlines():
        if line.startswith("["):
            table = line.strip("[]") + "."
        name, equals, _ = line.removeprefix("# ").partition(" =")
        if equals and name.isidentifier():
            found.add(table + name)
    keys = {key.path for key in list_keys()}
    assert keys - found == set()
    assert "sampling.vllm.servers" in keys


def test_the_short_text_has_what_most_people_set_in_sixty_lines() -> None:
    lines = short_toml(RunConfig()).splitlines()
    assert len(lines) <= 60
    assert "n = 16  # Candidates per problem" in lines
    assert {"[problems]", "[sampling]", "[sandbox]", "[pairs]", "[training]"} <= set(lines)
    assert "[synthesis.seeds]" not in lines
    assert "n_inputs = 8" in short_toml(load_config(None, ["crosscheck.n_inputs=8"]))


def test_a_comment_says_meaning_and_bounds() -> None:
    text = commented_toml(RunConfig())
    assert "# Candidates per problem. (whole number, ≥ 1, ≤ 10,000)\nn = 16\n" in text
    assert "# Probability mass of nucleus sampling. (number, > 0, ≤ 1)\ntop_p = 0.95\n" in text


@given(TREES)
def test_values_come_back_from_toml(tree: object) -> None:
    assert tomllib.loads(f"value = {toml_value(tree)}")["value"] == tree


def test_none_unsets_only_what_may_be_unset() -> None:
    assert load_config(None, ["pairs.near_problems=none"]).pairs.near_problems is None
    with pytest.raises(ConfigError, match=r"pairs\.max_per_problem"):
        load_config(None, ["pairs.max_per_problem=none"])


def test_a_default_is_that_of_its_section_not_of_the_class() -> None:
    defaults = {key.path: key.default for key in list_keys()}
    assert (defaults["synthesis.responses.n"], defaults["synthesis.tests.n"]) == (10, 5)
