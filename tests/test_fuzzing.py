"""Text that strangers write, mangled: each parser raises what it says that it raises, and soon.

`benchmarks/fuzzing.py` does the same for hours.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz_kit import PARSERS, mangled

N_EXAMPLES = 300


@pytest.mark.nightly
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", PARSERS)
def test_mangled_text_costs_nothing_but_itself(name: str, tmp_path: Path) -> None:
    parser = PARSERS[name]

    @settings(
        max_examples=N_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def read(data: st.DataObject) -> None:
        parser.try_one(data.draw(mangled(parser.seeds)), tmp_path)

    read()


_ANSWER = '{"status": "ok", "value": "1", "exception": "", "wall_s": 0.1}'
FOUND = [
    ("HumanEval", '{"task_id": "a", "prompt": "x", "\ud800": 1}\n'),  # it names the columns
    ("LiveCodeBench", '{"question_id": "a", "question_content": "x", "public_test_cases": 7}\n'),
    ("MBPP+", '{"task_id": "Mbpp/2", "entry_point": "f", "prompt": "", "base_input": [[1]], "plus_input": []}\n'),
    ("APPS", '{"problem_id": "\\ud800", "question": "x", "input_output": {"inputs": ["1"], "outputs": ["2"]}}\n'),
    ("samples", '{"task_id": "a", "prompt": "\ud800", "completion": "x"}\n'),
    ("sandbox messages", '{"op": "answers", "answers": 7}'),
    ("sandbox messages", '{"op": "answers", "answers": [7]}'),
    ("sandbox messages", '{"op": "answers", "answers": [{}]}'),
    ("sandbox messages", f'{{"op": "answers", "answers": [{_ANSWER}, {_ANSWER}]}}\n{{"op": "closed"}}'),
    ("sandbox messages", '{"op": "opened", "status": 3}'),
    ("sandbox messages", '{"op": "opened", "status": "odd"}'),
    ("sandbox messages", '{"op": "opened", "status": "ok"}\n{"op": "answer", "status": "ok", "exception": ""}'),
    ("reports of tests", "-1\n"),
    ("reports of tests", "NaN\n"),
    ("reports of tests", '{"a": {}}\n'),
    ("reports of tests", '[[7], {"dict": []}]\n'),
    ("reports of tests", '[[["a", "passed", ""]], {"dict": [["reached", true]]}]\n'),
    ("reports of tests", "[" * 5000 + "\n"),
    ("marks", "[" * 4000),
    ("marks", '{"a":' * 3000),
    ("manifests", "[" * 5000),
    ("manifests", '{"files": [{"name": "../../x.parquet", "rows": 1, "sha256": "0", "content": "0"}]}'),
    ("manifests", '{"files": [{"name": "%s.parquet", "rows": 1, "sha256": "0", "content": "0"}]}' % ("a" * 5000)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), FOUND)
def test_what_was_found_stays_mended(name: str, text: str, tmp_path: Path) -> None:
    """`try_one` asserts the time, and suppresses only the errors that its parser documents."""
    PARSERS[name].try_one(text, tmp_path)


@pytest.mark.parametrize("name", PARSERS)
def test_every_seed_is_read(name: str, tmp_path: Path) -> None:
    """What the mangled texts are made of is right: else a parser would be tried on nothing but nonsense."""
    seeds = PARSERS[name].seeds
    assert seeds, "a parser without seeds is tried on nothing"
    for seed in seeds:
        PARSERS[name].read(seed, tmp_path)
