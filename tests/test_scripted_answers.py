"""Pairs of a server that answers in everyday shapes: none has another label than the server meant."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.config import load_config
from pairsmith.schemas.problem import Case
from tests.openai_server import Answer, serving
from tests.pairing_records import problem as make_problem
from tests.test_chain import NAME, open_chain

# What each problem asks of an integer, with right and wrong bodies of its function.
PROBLEMS: dict[str, tuple[Callable[[int], int], tuple[str, ...], tuple[str, ...]]] = {
    "add one": (lambda n: n + 1, ("return n + 1", "return 1 + n"), ("return n - 1", "return n + 2")),
    "double": (lambda n: 2 * n, ("return 2 * n", "return n + n"), ("return n * n", "return n + 2")),
    "negate": (lambda n: -n, ("return -n", "return 0 - n"), ("return n", "return abs(n)")),
    "square": (lambda n: n * n, ("return n * n", "return n ** 2"), ("return 2 * n", "return n ** 3")),
    "parity": (lambda n: n % 2, ("return n % 2", "return n & 1"), ("return n // 2", "return 1 - n % 2")),
    "bits": (
        lambda n: bin(n).count("1"),
        ("return bin(n).count('1')",),
        ("return n.bit_length()", "return len(bin(n))"),
    ),
}
INPUTS = (-7, -2, 0, 1, 3, 4, 10)


def block(code: str) -> str:
    return f"```python\n{code}```\n"


def shapes(right: str, wrong: str) -> dict[str, tuple[str, str, str]]:
    """Return content, reasoning and the label that is meant, by shape."""
    return {
        "plain": (f"Sure!\n\n{block(right)}\nIt works.", "", "passed"),
        "plain, wrong": (block(wrong), "", "failed"),
        "draft in thoughts": (f"<think>\n{block(wrong)}</think>\n\n{block(right)}", "", "passed"),
        "right draft, wrong answer": (f"<think>\n{block(right)}</think>\n\n{block(wrong)}", "", "failed"),
        "thoughts apart": (block(wrong), f"Perhaps\n{block(right)}", "failed"),
        "lone closing mark": (f"Perhaps\n{block(right)}\nno.\n</think>\n{block(wrong)}", "", "failed"),
        "thoughts that are cut off": (f"<think>\n{block(right)}\nBut what if", "", "failed"),
        "blocks that differ": (f"One way:\n{block(right)}\nAnother:\n{block(wrong)}", "", "undecided"),
        "own wrong test behind": (f"{block(right)}\nTests:\n\n{block('assert f(1) == 1000')}", "", "passed"),
        "demonstration behind": (block(f"{right}\n\nprint(f(int(input())))\n"), "", "passed"),
        "bare between prose": (f"The function you want:\n\n{wrong}\nIt does what was asked for.", "", "failed"),
        "changed by a diff": (f"{block(wrong)}\nA fix:\n\n```diff\n+    return 12345\n```\n", "", "undecided"),
    }


def test_no_pair_of_a_scripted_server_has_a_wrong_label(pool: SandboxPool, tmp_path: Path) -> None:
    meant: dict[tuple[str, str, str], str] = {}
    n_asked: Counter[str] = Counter()
    lock = threading.Lock()

    def script(body: dict[str, Any], n: int) -> Answer:
        asked = body["messages"][-1]["content"]
        (name,) = (name for name in PROBLEMS if f"[{name}]" in asked)
        with lock:
            place, n_asked[name] = n_asked[name], n_asked[name] + 1
        _, rights, wrongs = PROBLEMS[name]
        bodies = list(itertools.product(rights, wrongs))
        right, wrong = bodies[place // 12 % len(bodies)]
        right, wrong = (f"def f(n):\n    {body}\n" for body in (right, wrong))
        content, reasoning, label = list(shapes(right, wrong).values())[place % 12]
        meant[name, content, reasoning] = label
        message = {"content": content, **({"reasoning_content": reasoning} if reasoning else {})}
        is_cut = content.endswith("what if")
        choice = {"message": message, "finish_reason": "length" if is_cut else "stop"}
        return 200, {}, json.dumps({"choices": [choice]}).encode()

    problems = tuple(
        make_problem(
            f"p/{name.replace(' ', '_')}",
            prompt=f"[{name}] Write `f(n)`.",
            cases=tuple(Case(f"[{n}]", str(answer(n))) for n in INPUTS),
        )
        for name, (answer, _, _) in PROBLEMS.items()
    )
    with serving() as server:
        server.script = script
        given = [
            "sampling.backend=openai", f"sampling.base_url={server.url}", "sampling.model=scripted",
            "sampling.n=24", "sampling.max_tokens=400", "sampling.n_per_request=1", "pairs.test_share=0.0",
            "crosscheck.n_inputs=0",
        ]  # fmt: skip
        chain = open_chain(tmp_path / "run", load_config(None, given), LoadedProblems(problems), pool=pool)
        for stage in table.shard_stages():
            chain.ensure(stage.name, NAME)
        chain.ensure_whole("pairs")
        candidates = stage_folder(chain.run_dir, "candidates").read(NAME)
        verdicts = {row.candidate_id: row for row in stage_folder(chain.run_dir, "verdicts").read(NAME)}
        pairs = stage_folder(chain.run_dir, "pairs").read("train-00000.parquet")
        n_calls = sum(n_asked.values())
        again = open_chain(tmp_path / "run", load_config(None, given), LoadedProblems(problems), pool=None)
        assert not [stage.name for stage in table.shard_stages() if again.ensure(stage.name, NAME)], (
            "nothing is redone"
        )
        assert sum(n_asked.values()) == n_calls == 24 * len(PROBLEMS)
    names = {f"p/{name.replace(' ', '_')}": name for name in PROBLEMS}
    labels = {row.candidate_id: meant[names[row.problem_id], row.completion, row.reasoning] for row in candidates}
    assert {one: verdicts[one].label.value for one in labels} == labels
    assert len(pairs) >= 2 * len(PROBLEMS)
    assert {(labels[pair.chosen_id], labels[pair.rejected_id]) for pair in pairs} == {("passed", "failed")}
