"""Rewards: what trainers get for completions, and a real GRPO run with them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pairsmith import Judge, rewards
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.sandbox import SandboxError

pytestmark = pytest.mark.slow
PROBLEM = {"problem_id": "add", "entry_point": "add", "tests": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"]}
CASES = [{"arguments": [1, 2], "expected": 3}, {"arguments": [0, 0], "expected": 0}]
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
HALF = "Here:\n```python\ndef add(a, b):\n    return a * b\n```"
NO_CODE = "I can't."
FLAKY = "```python\nimport random\n\ndef add(a, b):\n    return random.random()\n```"


@pytest.fixture(scope="module", autouse=True)
def judge() -> Iterator[Judge]:
    with Judge("bubblewrap", workers=2) as opened:
        rewards.configure(opened, problems=[PROBLEM])
        yield opened
    rewards._setup.judge = None


@pytest.mark.parametrize(
    "columns",
    [
        {"problem": [PROBLEM] * 3},
        {"problem": [json.dumps(PROBLEM)] * 3},
        {"problem_id": ["add"] * 3},
        {"tests": [PROBLEM["tests"]] * 3, "entry_point": ["add"] * 3, "problem": [None] * 3},
        {"tests": [json.dumps(PROBLEM["tests"])] * 3},
        {"cases": [json.dumps(CASES)] * 3, "entry_point": ["add"] * 3},
    ],
)  # fmt: skip
def test_a_row_of_the_dataset_names_its_problem(columns: dict[str, Any]) -> None:
    completions = [RIGHT, HALF, NO_CODE]
    others: dict[str, Any] = {"completion_ids": [[1]] * 3, "trainer_state": None, **columns}
    assert rewards.passed(prompts=["p"] * 3, completions=completions, **others) == [1.0, 0.0, 0.0]
    assert rewards.share_of_cases(prompts=["p"] * 3, completions=completions, **others) == [1.0, 0.5, 0.0]


def test_conversations_count_their_last_message() -> None:
    said = [[{"role": "assistant", "content": RIGHT}], [{"role": "assistant", "content": HALF}]]
    assert rewards.passed(completions=said, problem_id=["add", "add"]) == [1.0, 0.0]


def test_rewards_are_combined() -> None:
    reward = rewards.combined(passed=1.0, share=0.5, format=0.1, length=1.0)
    both = f"{RIGHT}\n\nor\n\n```python\ndef add(a, b):\n    return b + a\n```"
    found = reward(completions=[RIGHT, HALF, NO_CODE, both], problem_id=["add"] * 4)
    bare = [value + len(text) / 1000 for value, text in zip(found, (RIGHT, HALF, NO_CODE, both), strict=True)]  # type: ignore[operator]
    assert bare == pytest.approx([1.6, 0.35, 0.0, 1.5])
    assert reward.__name__ == "combined"


def test_what_is_undecided_has_no_reward() -> None:
    assert rewards.passed(completions=[FLAKY, RIGHT], problem_id=["add", "add"]) == [None, 1.0]
    assert rewards.combined()(completions=[FLAKY], problem_id=["add"]) == [None]


def test_a_sandbox_that_is_gone_gives_no_reward_and_never_a_zero(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise SandboxError("gone")

    monkeypatch.setattr(judge, "many", gone)
    monkeypatch.setattr(judge, "one", gone)
    assert rewards.passed(completions=[RIGHT, HALF], problem_id=["add", "add"]) == [None, None]
    with pytest.raises(SandboxError, match="gone"):
        rewards.compute_score("s", RIGHT, PROBLEM)


def test_a_row_without_a_problem_is_an_error() -> None:
    with pytest.raises(ProblemsError, match="no column 'problem'"):
        rewards.passed(completions=[RIGHT], answer=["3"])
    with pytest.raises(ProblemsError, match="'other' is no problem"):
        rewards.passed(completions=[RIGHT], problem_id=["other"])
    with pytest.raises(ProblemsError, match="did you mean 'tests'"):
        rewards.passed(completions=[RIGHT], problem=[{"tets": []}])


def test_verls_function_scores_one_completion() -> None:
    truth = json.dumps(PROBLEM)
    assert rewards.compute_score(data_source="own", solution_str=RIGHT, ground_truth=truth, extra_info=None) == 1.0
    assert rewards.compute_score("own", HALF, truth) == 0.0
    assert rewards.compute_score("own", FLAKY, truth) == 0.0
    assert rewards.compute_score("own", RIGHT, "add") == 1.0


def test_verifiers_function_scores_one_completion() -> None:
    said = [{"role": "assistant", "content": RIGHT}]
    assert asyncio.run(rewards.rubric(completion=said, answer="", info=PROBLEM, state={}, prompt="p")) == 1.0
    assert asyncio.run(rewards.rubric(completion=HALF, answer=json.dumps(PROBLEM))) == 0.0


def test_a_rubric_of_verifiers_takes_the_function() -> None:
    verifiers = pytest.importorskip("verifiers", reason="verifiers is not installed")
    if not hasattr(verifiers, "Rubric"):
        pytest.skip("this version of verifiers has no Rubric")
    rubric = verifiers.Rubric(funcs=[rewards.rubric], weights=[1.0])
    said = [{"role": "assistant", "content": RIGHT}]
    state: dict[str, Any] = {
        "prompt": [],
        "completion": said,
        "answer": "",
        "task": "",
        "info": PROBLEM,
        "timing": {},
    }
    asyncio.run(rubric.score_rollout(state))
    assert state["reward"] == 1.0


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_grpo_trains_two_steps_with_the_rewards(model: Path, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason="training needs pairsmith[train]")
    from datasets import Dataset

    rows = [{"prompt": f"Add {n} numbers.", "problem": json.dumps(PROBLEM)} for n in range(8)]
    seen: list[list[float | None]] = []

    def passed(*given: Any, **columns: Any) -> list[float | None]:
        seen.append(rewards.passed(*given, **columns))
        return seen[-1]

    config = trl.GRPOConfig(
        output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=4, num_generations=4,
        max_completion_length=16, report_to=[], use_cpu=True, logging_steps=1, save_strategy="no", bf16=False,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model=str(model),
        reward_funcs=[passed, rewards.share_of_cases, rewards.combined(passed=1.0, format=0.1, length=0.01)],
        args=config,
        train_dataset=Dataset.from_list(rows),
    )
    trainer.train()
    assert trainer.state.global_step == 2
    assert [len(batch) for batch in seen] == [4, 4]
    assert all(value in (0.0, 1.0, None) for batch in seen for value in batch)
    logged = [row for row in trainer.state.log_history if "rewards/combined/mean" in row]
    assert len(logged) == 2
    assert all(row["rewards/combined/mean"] < 0.0 for row in logged)  # noise: its length alone counts
