"""Reward functions for RL trainers: what a completion's tests say, from sandboxes that stay warm in the trainer.

`passed`, `share_of_cases` and what `combined` returns have the signature of TRL's `reward_funcs`; `compute_score`
is verl's custom reward function, `rubric` a function for a `Rubric` of verifiers.

A completion's problem is in its dataset row: a column `problem` (a dict of own problems, or one as JSON), the
columns of own problems themselves (`tests`, `cases`, `entry_point`, ...; lists may be JSON), or `problem_id` of a
problem that `configure` was given. Where nothing is decided the reward is None, which TRL leaves out of the
group's baseline: a broken sandbox is never a 0.
"""

import atexit
import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pairsmith.pipeline.api.judge import CompletionError, Form, Judge
from pairsmith.pipeline.api.problems import ProblemLike, as_problem, load_problems
from pairsmith.pipeline.api.verdicts import Verdict
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.problems.sources.jsonl import COLUMNS
from pairsmith.pipeline.sandbox import SandboxError
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Cause, Label

Completion = str | Sequence[Mapping[str, Any]]
Reward = Callable[..., list[float | None]]
_OWN = tuple(column for column in COLUMNS if column != "prompt")
_NOT_THE_PROGRAMS = (Cause.SANDBOX_FAULT, Cause.NO_CASES, Cause.CHECKER_BROKEN, Cause.SUSPECT_TEST)
_log = logging.getLogger(__name__)


class _Setup:
    """The judge and the problems of this process."""

    def __init__(self) -> None:
        self.judge: Judge | None = None
        self.problems: dict[str, Problem] = {}
        self.form: Form = "auto"
        self.lock = threading.Lock()

    def get_judge(self) -> Judge:
        with self.lock:
            if self.judge is None:
                self.judge = Judge(log=_log.info)
                atexit.register(self.judge.close)
            return self.judge


_setup = _Setup()


def configure(
    judge: Judge | None = None,
    problems: str | Path | Iterable[ProblemLike] | None = None,
    form: Form = "auto",
) -> None:
    """Set what the rewards of this process use.

    Args:
        judge: by default one that is opened with the first reward and closed when the process ends.
        problems: see `pairsmith.load_problems`; then a dataset needs the column `problem_id` alone.
        form: how completions are read, see `pairsmith.Judge`.
    """
    if judge is not None:
        _setup.judge = judge
    if problems is not None:
        _setup.problems = {
            problem.problem_id: problem for problem in load_problems(problems, judge=_setup.get_judge())
        }
    _setup.form = form


def passed(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """Return 1.0 for each completion that passes all cases, 0.0 for one that fails, None where nothing is decided.

    Raises:
        ProblemsError: a row names no problem, or one that is none.
    """
    labels = [None if verdict is None else verdict.passed for verdict in _verdicts(completions, columns)]
    return [None if label is None else float(label) for label in labels]


def share_of_cases(
    prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
) -> list[float | None]:
    """Return the share of the cases that each completion passes, in [0, 1]; None where nothing is decided."""
    return [None if verdict is None else verdict.share for verdict in _verdicts(completions, columns)]


def combined(passed: float = 1.0, share: float = 0.0, format: float = 0.0, length: float = 0.0) -> Reward:  # noqa: A002
    """Return a reward function that sums up several things; None where nothing is decided.

    Args:
        passed: for a completion that passes all cases.
        share: times the share of the cases that it passes.
        format: for one block of code that answers, and no other.
        length: taken off for each 1,000 characters of the completion.
    """

    def reward(
        prompts: Sequence[Any] | None = None, completions: Sequence[Completion] = (), **columns: Any
    ) -> list[float | None]:
        rewards: list[float | None] = []
        for completion, verdict in zip(completions, _verdicts(completions, columns), strict=True):
            if verdict is None or verdict.passed is None:
                rewards.append(None)
                continue
            program = verdict.extracted
            is_formed = (
                program.extraction is Extraction.OK and program.form == "fenced" and not program.other_blocks
            )
            value = passed * verdict.passed + share * (verdict.share or 0.0) + format * is_formed
            rewards.append(value - length * len(_text(completion)) / 1000)
        return rewards

    reward.__name__ = "combined"
    return reward


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **_: Any
) -> float:
    """Return 1.0 or 0.0, as verl's `custom_reward_function`.

    verl knows no missing reward: what the program itself made undecidable (it is flaky, answers twice) is 0.0.

    Args:
        data_source: not read.
        solution_str: the completion.
        ground_truth: the problem: a dict of own problems, one as JSON, or the id of one given to `configure`.
        extra_info: not read.

    Raises:
        SandboxError: the sandbox is gone; a 0.0 would be a lie.
        ProblemsError: it is no problem, or nothing can judge it.
    """
    return _score(_given_problem(ground_truth), solution_str)


async def rubric(completion: Completion, answer: Any = "", info: Any = None, **_: Any) -> float:
    """Return 1.0 or 0.0, as a reward function of a verifiers `Rubric`; the problem is `info`, else `answer`.

    Raises: as `compute_score`.
    """
    import asyncio

    problem = _given_problem(info if info else answer)
    return await asyncio.to_thread(_score, problem, _text(completion))


def _score(problem: Problem, completion: str) -> float:
    verdict = _setup.get_judge().one(problem, completion, form=_setup.form)
    if verdict.label is Label.UNDECIDED and verdict.cause in _NOT_THE_PROGRAMS:
        error = SandboxError if verdict.cause is Cause.SANDBOX_FAULT else ProblemsError
        raise error(f"{problem.problem_id}: nothing is decided: {verdict.cause} {verdict.detail}".rstrip())
    return float(bool(verdict.passed))


def _verdicts(completions: Sequence[Completion], columns: Mapping[str, Any]) -> list[Verdict | None]:
    """Return the verdict of each completion; None for all where the sandbox is gone."""
    pairs = [(_problem_of(columns, row), _text(completion)) for row, completion in enumerate(completions)]
    try:
        return list(_setup.get_judge().many(pairs, form=_setup.form))
    except SandboxError as error:
        _log.warning("no rewards for %d completions: %s", len(pairs), error)
        return [None] * len(pairs)


def _problem_of(columns: Mapping[str, Any], row: int) -> Problem:
    """Return the problem that a row of the dataset names."""
    given = {name: values[row] for name, values in columns.items() if name in ("problem", *_OWN)}
    given = {name: value for name, value in given.items() if value is not None}
    if "problem" in given:
        return _given_problem(given["problem"])
    if set(given) == {"problem_id"}:
        return _given_problem(given["problem_id"])
    if not given:
        raise ProblemsError("no column 'problem', 'problem_id', 'tests' or 'cases' in the dataset")
    own = {name: _decoded(value) if name in ("tests", "cases") else value for name, value in given.items()}
    return _known_problem(json.dumps(own, sort_keys=True))


def _given_problem(given: Any) -> Problem:
    """Return a problem from a record, a dict, JSON, or the id of one that is known."""
    if isinstance(given, Problem):
        return given
    if isinstance(given, str) and given in _setup.problems:
        return _setup.problems[given]
    found = _decoded(given)
    if isinstance(found, Mapping):
        return _known_problem(json.dumps(dict(found), sort_keys=True))
    raise ProblemsError(f"{str(given)[:80]!r} is no problem, and none that `rewards.configure` was given")


def _decoded(value: Any) -> Any:
    """Return what JSON says; a text that is none stays as it is."""
    try:
        return json.loads(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else value
    except ValueError:
        return value


@lru_cache(maxsize=4096)
def _known_problem(row: str) -> Problem:
    """Return the problem of a row; each is read once, since a group of completions shares it."""
    return as_problem(json.loads(row))


def _text(completion: Completion) -> str:
    """Return what the model wrote: a text, or the last message of a conversation."""
    if isinstance(completion, str):
        return completion
    messages: Sequence[Any] = completion if isinstance(completion, Sequence) else (completion,)
    if not all(isinstance(message, Mapping) for message in messages):
        raise CompletionError(f"a completion is a text or messages, not {type(completion).__name__}")
    return str(messages[-1].get("content") or "") if messages else ""
