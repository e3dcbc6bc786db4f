"""What each step of the chain asks: drawn by the seed's identity, written by templates that may be one's own."""

from collections import Counter
from pathlib import Path

from pairsmith.flows.synthesis import step_config
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.pipeline.synthesis.asking import STEPS, TEMPLATES, ask_concepts, ask_instructions, ask_responses
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.synthesis import Seed

SEEDS = [Seed(f"s{n}", "f", f"code {n}", "a", 1, "MIT", True, 3, 9) for n in range(3)]
TASK = "Task: Return the double of the number that is given.\n```python\ndef double(n: int) -> int:\n```"


def answer(problem_id: str, completion: str, index: int = 0) -> Candidate:
    return Candidate(
        f"{problem_id}.{index}", problem_id, index, "openai", "m", "", "chat", "", completion, 0.8, 0.95, 99, 0, 1,
        1, "stop", None,
    )  # fmt: skip


def test_a_seed_is_shown_as_code() -> None:
    asked = ask_concepts(SEEDS).problems
    assert [problem.problem_id for problem in asked] == ["s0", "s1", "s2"]
    text = make_opening(asked[1], TEMPLATES["concepts"]).text
    assert "this Python code" in text
    assert "```python\ncode 1\n```" in text


def test_difficulty_and_topic_are_drawn_by_the_seed_and_answers_dealt_in_turns() -> None:
    answers = [
        answer("s0", "- loops\n- sums"),
        answer("s0", "- trees\n- maps", 1),
        answer("s1", "Prose is no list of it."),
    ]
    by_id = {seed.seed_id: seed for seed in SEEDS}

    def ask(seed: int) -> list[tuple[str, str, str, str]]:
        asked = ask_instructions(answers, by_id, ("easy", "hard"), ("a", "b", "c"), 12, seed)
        assert asked.reasons == Counter({"no_concepts": 1})
        return [(row.problem_id, row.prompt, row.level, row.topic) for row in asked.problems]

    rows = ask(0)
    assert rows == ask(0)
    assert rows != ask(1)
    assert [row[1] for row in rows[:3]] == ["- loops\n- sums", "- trees\n- maps", "- loops\n- sums"]
    assert {row[2] for row in rows} == {"easy", "hard"}
    assert {row[3] for row in rows} == {"a", "b", "c"}


def test_one_task_said_twice_is_one_problem() -> None:
    (question,) = ask_instructions(
        [answer("s0", "- loops\n- sums")], {"s0": SEEDS[0]}, ("easy",), ("numbers",), 1, 0
    ).problems
    said = [answer(question.problem_id, text, n) for n, text in enumerate([TASK, "No.", TASK, ""])]
    asked = ask_responses(said, {question.problem_id: question})
    (problem,) = asked.problems
    assert (problem.entry_point, problem.level, problem.topic, problem.license) == (
        "double",
        "easy",
        "numbers",
        "MIT",
    )
    assert asked.reasons == {"said_before": 1, "no_signature": 1, "empty": 1}
    tests = make_opening(problem, TEMPLATES["tests"]).text
    assert "assert double(...) == ..." in tests
    assert "Answer with one Python function named `double`" in make_opening(problem, TEMPLATES["responses"]).text


def test_roles_may_have_models_and_prompts_of_their_own(tmp_path: Path) -> None:
    tree = {
        "sampling": {"model": "all", "prompts": tmp_path},
        "synthesis": {
            "tests": {"n": 7, "model": "one", "backend": "openai"},
        },
    }
    config = RunConfig.model_validate(tree)
    models = {step: step_config(config, step).sampling.model for step in STEPS}
    assert models == {**dict.fromkeys(STEPS, "all"), "tests": "one"}
    assert step_config(config, "tests").sampling.n == 7
    (tmp_path / "synthesis").mkdir()
    (tmp_path / "synthesis" / "concepts.chat.jinja").write_text("Mine: {{ problem.prompt }}")
    asked = ask_concepts(SEEDS[:1]).problems[0]
    assert make_opening(asked, TEMPLATES["concepts"], tmp_path).text == "Mine: code 0"
