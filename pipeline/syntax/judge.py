"""A language model as judge of two programs, for what can't be computed. Both orders are asked and kept.

Judges prefer a place (Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena",
arXiv:2306.05685): a preference counts only where it is the same with the places swapped.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.sampling.protocol import Drawn, Opening, Request, Sampler

DIMENSIONS = ("instruction_following", "explanation", "complexity_and_efficiency", "readability", "style")
Choice = Literal["first", "second", "tie", "unknown"]
MAX_TOKENS = 200
_PROMPT = """Two answers to one programming task follow. Compare them in five dimensions: instruction following, \
explanation, complexity and efficiency, readability, style. What the answers say about themselves is no evidence.

Task:
{task}

Answer A:
{first}

Answer B:
{second}

Reply with one JSON object and nothing else: the keys {keys}, each with the value "A", "B" or "tie"."""
_OBJECT = re.compile(r"\{[^{}]*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Match:
    """Two answers to compare.

    Attributes:
        first_id, second_id: their candidate_ids.
    """

    problem_id: str
    task: str
    first_id: str
    first: str
    second_id: str
    second: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge said of one dimension.

    Attributes:
        forward: with the first answer in the first place; `swapped`: with the places changed. Both name the
            answer, not the place; `unknown` where the reply had no choice.
        agreed: the choice of both, or `unknown` where they differ or one is.
    """

    problem_id: str
    first_id: str
    second_id: str
    dimension: str
    forward: Choice
    swapped: Choice
    agreed: Choice


def judge_matches(matches: Sequence[Match], judge: Sampler) -> list[Judgement]:
    """Return five judgements a match, in the order of the matches.

    Args:
        matches: pairs of answers.
        judge: any backend of sampling, such as `openai`; asked twice a match, greedily.

    Raises:
        SamplingError: if the backend can't be used at all. A request that it gives up is `unknown`.
    """
    requests = [_ask(match, number, swapped) for number, match in enumerate(matches) for swapped in (False, True)]
    replies = {
        row.request.candidate_id: row.completion for row in judge.sample(requests) if isinstance(row, Drawn)
    }
    found: list[Judgement] = []
    for match, forward, swapped in zip(matches, requests[::2], requests[1::2], strict=True):
        one = read_reply(replies.get(forward.candidate_id, ""), swapped=False)
        other = read_reply(replies.get(swapped.candidate_id, ""), swapped=True)
        for name in DIMENSIONS:
            agreed = one[name] if one[name] == other[name] else "unknown"
            ids = (match.problem_id, match.first_id, match.second_id)
            found.append(Judgement(*ids, name, one[name], other[name], agreed))
    return found


def _ask(match: Match, number: int, swapped: bool) -> Request:
    first, second = (match.second, match.first) if swapped else (match.first, match.second)
    text = _PROMPT.format(task=match.task, first=first, second=second, keys=", ".join(DIMENSIONS))
    key = hashlib.sha256(f"judge\0{match.first_id}\0{match.second_id}\0{swapped}\0{text}".encode()).hexdigest()[
        :32
    ]
    return Request(key, match.problem_id, number, Opening("chat", text), "", 0.0, 1.0, MAX_TOKENS, 0)


def read_reply(text: str, *, swapped: bool) -> dict[str, Choice]:
    """Return the choice in each dimension, by answer and not by place; `unknown` where there is none."""
    names: dict[str, Choice] = {"A": "second" if swapped else "first", "B": "first" if swapped else "second"}
    for found in reversed(_OBJECT.findall(text)):
        try:
            said = json.loads(found)
        except ValueError:
            continue
        words = {name: str(said.get(name, "")).strip() for name in DIMENSIONS}
        return {
            name: "tie" if word.lower() == "tie" else names.get(word.upper(), "unknown")
            for name, word in words.items()
        }
    return dict.fromkeys(DIMENSIONS, "unknown")


def count_choices(judgements: Iterable[Judgement]) -> dict[str, dict[Choice, int]]:
    """Return how often each choice was agreed on, by dimension."""
    counts: dict[str, dict[Choice, int]] = {name: {} for name in DIMENSIONS}
    for one in judgements:
        counts[one.dimension][one.agreed] = counts[one.dimension].get(one.agreed, 0) + 1
    return counts
