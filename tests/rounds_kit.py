"""What the tests of rounds share: starter problems, a server that knows right and wrong answers, a tiny model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from tests.openai_server import Answer, completion
from tests.training_kit import build_tiny_model

CONFIG = """
run = "{run}"
[problems]
ids = {ids}
[sampling]
backend = "openai"
model = "served-1"
base_url = ["{url}"]
n = 4
n_per_request = 1
max_tokens = 8
[sandbox]
backend = "bubblewrap"
[execution]
n_runs = 1
[crosscheck]
n_inputs = 4
n_mutants = 0
[pairs]
max_length_auc = 1.0
max_style_auc = 1.0
[training]
start = "{model}"
max_steps = 2
batch_size = 2
max_length = 256
device = "cpu"
lora_rank = 2
learning_rate = 1e-2
[scoring]
n = 2
k = [1]
n_bootstrap = 100
greedy = false
[rounds]
n = 3
stop = []
by_round = [{{}}, {{ sampling = {{ model = "served-2" }} }}, {{ sampling = {{ model = "served-3" }} }}]
"""


def write_rounds_config(folder: Path, url: str, run: str = "rounds", n_train: int = 4, n_test: int = 2) -> Path:
    """Write the configuration of three rounds, and the tiny model; return its path."""
    items = [item for item in load_starter(starter_folder()) if len(item.wrong) >= 3]
    ids = [item.problem.problem_id for item in items]
    train = [key for key in ids if split_of(key, 0.25) == "train"][:n_train]
    test = [key for key in ids if split_of(key, 0.25) == "test"][:n_test]
    if not (folder / "tiny").is_dir():
        build_tiny_model(folder / "tiny")
    path = folder / f"{run}.toml"
    text = CONFIG.format(run=folder / run, ids=json.dumps([*train, *test]), url=url, model=folder / "tiny")
    path.write_text(text, encoding="utf-8")
    return path


def starter_answers(
    pick: Callable[[str, str, int], str | int] = lambda model, name, seed: seed % 4,
) -> Callable[[dict[str, Any], int], Answer]:
    """Return a script of a server: of each starter problem its reference, then its wrong programs, by `pick`.

    Args:
        pick: returns for model, entry point and seed the number of the program, or a whole answer.
    """
    items = {item.problem.entry_point: item for item in load_starter(starter_folder())}

    def answer(body: dict[str, Any], n: int) -> Answer:
        asked = body["messages"][-1]["content"]
        name = max((name for name in items if f"`{name}`" in asked), key=len)
        picked = pick(body["model"], name, body["seed"])
        if isinstance(picked, str):
            return completion(picked)
        codes = [items[name].problem.reference, *(wrong.code for wrong in items[name].wrong)]
        return completion(f"```python\n{codes[picked % len(codes)]}\n```")

    return answer


def leave_prefect_out(patch: pytest.MonkeyPatch) -> None:
    """Have the parts of rounds run as plain functions, without a server of Prefect, which takes long to start."""
    from pairsmith.flows import build, studying
    from pairsmith.flows.runtime import stages

    patch.setattr(stages, "retried", lambda task: task.fn)
    patch.setattr(stages.sample, "with_options", lambda **_: stages.sample)
    patch.setattr(studying, "train", build.train.fn)
    for name in ("create_table_artifact", "create_link_artifact"):
        patch.setattr(build, name, lambda *_, **__: None)
