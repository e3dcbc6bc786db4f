"""Seeds and a scripted model with known truth: which problems a synthesis must keep, and why not the others.

Each seed function leads to one scenario. The script tells steps and scenarios by the texts that the chain sends.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.openai_server import Answer

N_RESPONSES, N_SUITES = 10, 4


@dataclass(frozen=True)
class Scenario:
    """What the model says of one seed, and what must become of it; see `synthesis_scenarios.toml`.

    Attributes:
        kept: whether its problem must be kept.
        reason: of the card, or of the step where it ends.
    """

    name: str
    entry_point: str
    kept: bool
    reason: str
    concepts: str
    task: str
    n_right: int
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    suites: tuple[str, ...]

    def response(self, number: int) -> str:
        """Return one of its ten responses."""
        is_right = number < self.n_right
        rows = self.right if is_right else self.wrong
        return (
            f"Here it is:\n```python\n{rows[(number if is_right else number - self.n_right) % len(rows)]}\n```\n"
        )

    def is_right(self, completion: str) -> bool:
        """Return whether a response is one of the right ones."""
        return any(code in completion for code in self.right)


def _read() -> tuple[Scenario, ...]:
    rows = tomllib.loads((Path(__file__).parent / "synthesis_scenarios.toml").read_text(encoding="utf-8"))
    lists = ("right", "wrong", "suites")
    return tuple(Scenario(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows["scenario"])


SCENARIOS = _read()
BENCHMARK = {
    "task_id": "known/1",
    "prompt": "Return twice the sum of the three largest numbers of the given list of at least three integers.",
    "canonical_solution": "",
    "entry_point": "other",
}


def write_seeds(folder: Path) -> Path:
    """Write a file with one seed function a scenario, and others that are no seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, scenario in enumerate(SCENARIOS):  # each differs enough from the others to be no near-duplicate
        steps = "".join(f"    total {'+-*'[(number + step) % 3]}= {number + step}\n" for step in range(number + 2))
        parts.append(
            f"def seed_{scenario.name}(value: int, number: int) -> str:\n"
            f'    """Return what {scenario.name} makes of it."""\n'
            f"    total = value {'+-*'[number % 3]} number\n{steps}    return f'{scenario.name} {{total}}'\n\n"
        )
    text = "".join(parts)
    (folder / "seeds.py").write_text(text + "\ndef short():\n    return 1\n", encoding="utf-8")
    (folder / "latin.py").write_bytes(
        b'def f(x):\n    """Sch\xf6ne Worte f\xfcr alle."""\n    y = x\n    return y\n'
    )
    (folder / "broken.py").write_text("def broken(:\n", encoding="utf-8")
    return folder


def script(body: dict[str, Any], n: int) -> Answer:
    """Answer a request of the chain: as many choices as asked for, by their seeds."""
    prompt = body["messages"][-1]["content"]
    texts = [_answer(prompt, body["seed"] + number) for number in range(body["n"])]
    choices = [
        {"index": number, "message": {"content": text}, "finish_reason": "stop"}
        for number, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 20, "completion_tokens": 30 * len(texts)}
    return 200, {}, json.dumps({"choices": choices, "usage": usage}).encode()


def _answer(prompt: str, seed: int) -> str:
    if "Which ideas of programming" in prompt:
        return next(one.concepts for one in SCENARIOS if f"seed_{one.name}(" in prompt)
    if "Invent a programming task" in prompt:
        return next(one.task for one in SCENARIOS if one.concepts.split("\n")[0].lstrip("-*1. ") in prompt)
    own = next(one for one in SCENARIOS if one.entry_point and f"def {one.entry_point}(" in prompt)
    if "Do not solve this task" in prompt:
        return f"```python\n{own.suites[seed % len(own.suites)]}\n```"
    return own.response(seed % N_RESPONSES)


def write_config(folder: Path, url: str) -> Path:
    """Write the configuration of such a synthesis; return its path."""
    write_seeds(folder / "code")
    (folder / "benchmark.jsonl").write_text(json.dumps(BENCHMARK) + "\n")
    path = folder / "synthesis.toml"
    path.write_text(
        f"""
run = "{folder / "run"}"
shard_problems = 4
[sampling]
backend = "openai"
model = "scripted"
base_url = "{url}"
store = "run"
[sandbox]
backend = "bubblewrap"
[syntax]
benchmarks = ["{folder / "benchmark.jsonl"}"]
[synthesis]
difficulties = ["easy"]
seeds = {{ folders = ["{folder / "code"}"] }}
responses = {{ n = {N_RESPONSES} }}
tests = {{ n = {N_SUITES} }}
"""
    )
    return path
