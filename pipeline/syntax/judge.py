"""A language model as judge of two programs, for what can't be computed. Both orders are asked and kept.

Judges prefer a place (Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena",
arXiv:2306.05685): a preference counts only where it is the same with the places swapped.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pairsmith.pipeline.sampling.protocol import Drawn, Opening, Request, Sampler
from pairsmith.schemas.judgement import Choice, Judgement

DIMENSIONS = ("instruction_following", "explanation", "complexity_and_efficiency", "readability", "style")
PROMPT = """Two answers to one programming task follow. Compare them in five dimensions: instruction following, \
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
    """Two answers to compare, with the ids of their pair and candidates."""

    pair_id: str
    problem_id: str
    task: str
    chosen_id: str
    chosen: str
    rejected_id: str
    rejected: str


def judge_matches(matches: Sequence[Match], judge: Sampler, max_tokens: int = 200) -> list[Judgement]:
    """Return five judgements a match, in the order of the matches.

    Args:
        matches: pairs of answers.
        judge: any backend of sampling, such as `openai`; asked twice a match, greedily.
        max_tokens: of a reply.

    Raises:
        SamplingError: if the backend can't be used at all. A request that it gives up is `unknown`.
    """
    requests = [
        _ask(match, n, swapped, max_tokens) for n, match in enumerate(matches) for swapped in (False, True)
    ]
    replies = {
        row.request.candidate_id: row.completion for row in judge.sample(requests) if isinstance(row, Drawn)
    }
    found: list[Judgement] = []
    for match, forward, swapped in zip(matches, requests[::2], requests[1::2], strict=True):
        one = read_reply(replies.get(forward.candidate_id, ""), swapped=False)
        other = read_reply(replies.get(swapped.candidate_id, ""), swapped=True)
        ids = (match.pair_id, match.problem_id, match.chosen_id, match.rejected_id, judge.model)
        for name in DIMENSIONS:
            agreed = one[name] if one[name] == other[name] else "unknown"
            found.append(Judgement(*ids, name, one[name], other[name], agreed))
    return found


def _ask(match: Match, number: int, swapped: bool, max_tokens: int) -> Request:
    first, second = (match.rejected, match.chosen) if swapped else (match.chosen, match.rejected)
    text = PROMPT.format(task=match.task, first=first, second=second, keys=", ".join(DIMENSIONS))
    asked = f"judge\0{match.chosen_id}\0{match.rejected_id}\0{swapped}\0{text}"
    key = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()[:32]
    return Request(key, match.problem_id, number, Opening("chat", text), "", 0.0, 1.0, max_tokens, 0)


def read_reply(text: str, *, swapped: bool) -> dict[str, Choice]:
    """Return the choice in each dimension, by answer and not by place; `unknown` where there is none."""
    names: dict[str, Choice] = {"A": "rejected" if swapped else "chosen", "B": "chosen" if swapped else "rejected"}
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
