"""What is asked in each step of the chain, as problems: so the steps are drawn, stored and resumed as samples are.

A step's problem has the step's template in place of `instruct`, and in `prompt` what the template is filled with:
the seed's code, the concepts, or the task.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.conversion import TestSyntaxError, convert_tests
from pairsmith.pipeline.problems.wording import chat_prompt
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.synthesis.parsing import parse_concepts, parse_instruction
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.synthesis import ProblemCard, Seed
from pairsmith.schemas.values import decode_value

STEPS = ("concepts", "instructions", "responses", "tests")
TEMPLATES = {
    "concepts": "synthesis/concepts", "instructions": "synthesis/instruction", "responses": "instruct",
    "tests": "synthesis/tests",
}  # fmt: skip
SOURCE = "synthesis"


@dataclass(frozen=True, slots=True)
class Asked:
    """The problems of the next step, why answers of the last one lead to none, and the answer that states each."""

    problems: tuple[Problem, ...]
    reasons: Counter[str]
    origins: Mapping[str, Candidate] = field(default_factory=dict)


def ask_concepts(seeds: Sequence[Seed]) -> Asked:
    """Return one question a seed: which ideas its code uses."""
    return Asked(
        tuple(
            _question(seed.seed_id, seed.code, spdx=seed.license)
            for seed in sorted(seeds, key=lambda seed: seed.seed_id)
        ),
        Counter(),
    )


def ask_instructions(
    answers: Sequence[Candidate],
    seeds: Mapping[str, Seed],
    difficulties: Sequence[str],
    topics: Sequence[str],
    per_seed: int,
    seed: int,
) -> Asked:
    """Return the questions for tasks: of each answer with concepts, at a drawn difficulty and topic.

    Args:
        difficulties, topics: one of each is drawn a question, by the seed and its number.
        per_seed: questions a seed, dealt to its answers in turns.
    """
    reasons: Counter[str] = Counter()
    usable: dict[str, list[tuple[str, ...]]] = {}
    for answer in usable_concepts(answers):
        usable.setdefault(answer.problem_id, []).append(parse_concepts(answer.completion))
    for answer in answers:
        if not parse_concepts(answer.completion):
            reasons["no_concepts" if answer.completion.strip() else "empty"] += 1
    questions = []
    for seed_id, lists in sorted(usable.items()):
        for number in range(per_seed):
            chance = random.Random(f"{seed}:{seed_id}:{number}")
            words = "\n".join(f"- {concept}" for concept in lists[number % len(lists)])
            questions.append(
                _question(
                    f"{seed_id}/{number}",
                    words,
                    level=chance.choice(list(difficulties)),
                    topic=chance.choice(list(topics)),
                    spdx=seeds[seed_id].license,
                )
            )
    return Asked(tuple(questions), reasons)


def ask_responses(answers: Sequence[Candidate], questions: Mapping[str, Problem]) -> Asked:
    """Return the problems that answers state; of two equal tasks the first is kept."""
    reasons: Counter[str] = Counter()
    problems: dict[str, Problem] = {}
    origins: dict[str, Candidate] = {}
    for answer in sorted(answers, key=lambda row: (row.problem_id, row.index)):
        stated = parse_instruction(answer.completion)
        if stated.reason:
            reasons[stated.reason] += 1
            continue
        question = questions[answer.problem_id]
        prompt = chat_prompt(stated.words, stated.signature)
        digest = hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:12]
        problem_id = f"{SOURCE}/{stated.entry_point}-{digest}"
        if problem_id in problems:
            reasons["said_before"] += 1
            continue
        asked = _question(problem_id, prompt, level=question.level, topic=question.topic, spdx=question.license)
        problems[problem_id] = replace(asked, entry_point=stated.entry_point)
        origins[problem_id] = answer
    return Asked(tuple(sorted(problems.values(), key=lambda problem: problem.problem_id)), reasons, origins)


def usable_concepts(answers: Sequence[Candidate]) -> list[Candidate]:
    """Return the answers that name concepts, in the order in which questions are dealt to them."""
    ordered = sorted(answers, key=lambda row: (row.problem_id, row.index))
    return [answer for answer in ordered if parse_concepts(answer.completion)]


def first_cards(stated: Asked, ideas: Sequence[Candidate], seeds: Mapping[str, Seed]) -> dict[str, ProblemCard]:
    """Return the card of each problem with where it comes from; all else is still to be found.

    Args:
        ideas: answers that name concepts.
    """
    concepts: dict[str, list[Candidate]] = {}
    for idea in usable_concepts(ideas):
        concepts.setdefault(idea.problem_id, []).append(idea)
    cards = {}
    for problem in stated.problems:
        task = stated.origins[problem.problem_id]
        seed_id, _, number = task.problem_id.partition("/")
        seed, own = seeds[seed_id], concepts[seed_id]
        idea = own[int(number) % len(own)]
        cards[problem.problem_id] = ProblemCard(
            problem_id=problem.problem_id,
            reason="",
            seed_id=seed.seed_id,
            seed_path=seed.path,
            seed_line=seed.line,
            license=seed.license,
            concepts_id=idea.candidate_id,
            instruction_id=task.candidate_id,
            models=tuple(sorted({idea.model, task.model})),
            difficulty=problem.level,
            topic=problem.topic,
        )
    return cards


def _question(key: str, words: str, level: str = "", topic: str = "", spdx: str = "") -> Problem:
    return Problem(
        problem_id=key, source=SOURCE, language="python", entry_point="", prompt=words, continuation="", setup="",
        judged_by=JudgedBy.NOTHING, cases=(), test_code="", reference="", level=level, topic=topic,
        license=spdx,
    )  # fmt: skip


def assert_line(case: Case, entry_point: str) -> str:
    """Return a case as an assert that is read back as the same case; an empty string where none is.

    Values that have no literal form, such as a range, have no line.
    """
    try:
        arguments, expected = decode_value(case.arguments), decode_value(case.expected)
        call = f"{entry_point}({', '.join(map(_literal, arguments))})"
        line = f"assert {_test(case, call, expected)}"
        back = convert_tests(line, entry_point).cases
    except (TestSyntaxError, TypeError, ValueError, RecursionError):
        return ""
    return line if back == (case,) else ""


def _test(case: Case, call: str, expected: Any) -> str:
    if case.compare == "truthy":
        return call
    if case.compare == "falsy":
        return f"not {call}"
    if case.compare == "approx":
        return f"abs({call} - {_literal(expected)}) <= {_literal(case.atol)}"
    viewed = f"{case.view}({call})" if case.view else call
    return f"{viewed} == {_literal(expected)}"


def _literal(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, str, bytes, complex)):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if value - value == 0 else f'float("{value}")'
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(_literal, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (set, frozenset)):
        inner = ", ".join(sorted(map(_literal, value)))
        name = "set" if isinstance(value, set) else "frozenset"
        return f"{{{inner}}}" if inner and name == "set" else f"{name}({'[' + inner + ']' if inner else ''})"
    raise ValueError(f"no literal of {type(value).__name__}")


def write_problems(path: Path, problems: Iterable[tuple[Problem, ProblemCard]]) -> int:
    """Write the kept problems, sorted by id; return their number.

    Raises:
        FolderError: if the file can't be written.
    """
    lines = [json.dumps(problem_row(problem, card), ensure_ascii=False) for problem, card in problems]
    write_whole(path, "".join(line + "\n" for line in sorted(lines)).encode("utf-8", "replace"))
    return len(lines)


def problem_row(problem: Problem, card: ProblemCard) -> dict[str, object]:
    """Return a problem as a row of own JSONL; `provenance` is for people, loaders pass over it."""
    return {
        "problem_id": problem.problem_id,
        "prompt": words_of(problem.prompt),
        "signature": signature_in(problem.prompt),
        "entry_point": problem.entry_point,
        "tests": [line for case in problem.cases if (line := assert_line(case, problem.entry_point))],
        "level": problem.level,
        "topic": problem.topic,
        "license": problem.license,
        "provenance": {
            "seed": card.seed_id,
            "path": card.seed_path,
            "line": card.seed_line,
            "concepts": card.concepts_id,
            "instruction": card.instruction_id,
            "models": list(card.models),
            "posterior": round(card.posterior, 4),
        },
    }


def words_of(prompt: str) -> str:
    """Return the task of a chat prompt without its signature."""
    return prompt.partition("\n\nWrite the Python function with this signature:")[0]


def signature_in(prompt: str) -> str:
    """Return the signature in a chat prompt."""
    return prompt.rpartition("```python\n")[2].partition("\n```")[0]


def only_written(cases: Sequence[Case], entry_point: str) -> tuple[Case, ...]:
    """Return the cases that a problem file can hold."""
    return tuple(case for case in cases if assert_line(case, entry_point))
