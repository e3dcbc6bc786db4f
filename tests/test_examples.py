"""The examples of docs/examples run: the notebook as it stands, steps where their library is installed."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from datasets import Dataset

from tests.cli_kit import environment

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
TESTS = ["assert add(1, 2) == 3"]
ANSWERS = ["def add(a, b):\n    return a + b", "def add(a, b):\n    return a - b"]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notebook_goes_from_completions_to_pairs_and_a_picture(tmp_path: Path) -> None:
    notebook = json.loads((EXAMPLES / "quickstart.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    program = tmp_path / "notebook.py"
    program.write_text("\n".join(cells), encoding="utf-8")
    variables = {**environment(tmp_path), "PYTHONPATH": str(EXAMPLES.parents[1])}
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, program], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 15
    assert (tmp_path / "quickstart.png").stat().st_size > 1000
    assert time.monotonic() - start < 60


def test_a_frame_of_data_designer_gets_verdicts() -> None:
    frame = pd.DataFrame({"answer": ANSWERS, "tests": [TESTS] * 2})
    assert load("data_designer_step").add_verdicts(frame)["passed"].to_list() == [True, False]


def test_a_dataset_of_curator_gets_verdicts() -> None:
    dataset = Dataset.from_dict({"response": ANSWERS, "tests": [TESTS] * 2})
    assert load("curator_step").judged(dataset)["cause"][:] == ["", "wrong_value"]


def test_datatrove_filters_by_tests() -> None:
    data = pytest.importorskip("datatrove.data", reason="datatrove is not installed")
    step = load("datatrove_step").PassesTests()
    documents = [data.Document(text, str(n), metadata={"tests": TESTS}) for n, text in enumerate(ANSWERS)]
    assert [step.filter(document) for document in documents] == [True, (False, "wrong_value")]
    step.judge.close()


@pytest.mark.filterwarnings("ignore")  # of its own use of pydantic
def test_distilabel_steps_add_verdicts() -> None:
    pytest.importorskip("distilabel", reason="distilabel is not installed")
    module = load("distilabel_step")
    rows = [{"generation": text, "tests": TESTS} for text in ANSWERS]
    (judged,) = module.JudgeGenerations(name="judge").process(rows)
    assert [row["passed"] for row in judged] == [True, False]
    module.judge.close()
