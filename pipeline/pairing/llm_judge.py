"""The optional stage `judgements`: a language model compares chosen and rejected, twice, places swapped.

Pairs are dealt to sixteen shards by their id. A judgement that is there already is not asked for again, whatever
pairs come and go, as long as judge and wording are the same.

Judges prefer a place (Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena",
arXiv:2306.05685): a preference counts only where it is the same with the places swapped.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Planned, Stage
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import Shard, shard_name
from pairsmith.pipeline.sampling.planning import Source
from pairsmith.pipeline.sampling.protocol import Drawn, Opening, Request, Sampler
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.pair import Choice, Judgement, Pair

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

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


def judge_pairs(pairs: Sequence[Pair], judge: Sampler, max_tokens: int = 200) -> list[Judgement]:
    """Return five judgements a pair, in the order of the pairs.

    Args:
        judge: any backend of sampling, such as `openai`; asked twice a pair, greedily.

    Raises:
        SamplingError: if the backend can't be used at all. A request that it gives up is `unknown`.
    """
    requests = [_ask(pair, n, swapped, max_tokens) for n, pair in enumerate(pairs) for swapped in (False, True)]
    replies = {
        row.request.candidate_id: row.completion for row in judge.sample(requests) if isinstance(row, Drawn)
    }
    found: list[Judgement] = []
    for pair, forward, swapped in zip(pairs, requests[::2], requests[1::2], strict=True):
        one = read_reply(replies.get(forward.candidate_id, ""), swapped=False)
        other = read_reply(replies.get(swapped.candidate_id, ""), swapped=True)
        ids = (pair.pair_id, pair.problem_id, pair.chosen_id, pair.rejected_id, judge.model)
        for name in DIMENSIONS:
            agreed = one[name] if one[name] == other[name] else "unknown"
            found.append(Judgement(*ids, name, one[name], other[name], agreed))
    return found


def _ask(pair: Pair, number: int, swapped: bool, max_tokens: int) -> Request:
    sides = (pair.rejected, pair.chosen) if swapped else (pair.chosen, pair.rejected)
    task, first, second = (
        "\n\n".join(message.content for message in messages) for messages in (pair.prompt, *sides)
    )
    text = PROMPT.format(task=task, first=first, second=second, keys=", ".join(DIMENSIONS))
    asked = f"judge\0{pair.chosen_id}\0{pair.rejected_id}\0{swapped}\0{text}"
    key = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()[:32]
    return Request(key, pair.problem_id, number, Opening("chat", text), "", 0.0, 1.0, max_tokens, 0)


def read_reply(text: str, *, swapped: bool) -> dict[str, Choice]:
    """Return the choice in each dimension, by answer and not by place; `unknown` where there is none."""
    names: dict[str, Choice] = {"A": "rejected" if swapped else "chosen", "B": "chosen" if swapped else "rejected"}
    for found in reversed(_OBJECT.findall(text)):
        try:
            reply = json.loads(found)
        except (ValueError, RecursionError):
            continue
        words = {name: str(reply.get(name, "")).strip() for name in DIMENSIONS}
        return {
            name: "tie" if word.lower() == "tie" else names.get(word.upper(), "unknown")
            for name, word in words.items()
        }
    return dict.fromkeys(DIMENSIONS, "unknown")


_NAME, _VERSION = "judgements", 1


def deal_pairs(pairs: Sequence[Pair], config: RunConfig) -> dict[str, list[Pair]]:
    """Return shard names with the pairs judged in them: the first `max_pairs` by id, which is a digest."""
    dealt: dict[str, list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: pair.pair_id)[: config.judge.max_pairs]:
        dealt[shard_name(int(pair.pair_id[0], 16))].append(pair)
    return dealt


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return a shard of judgements, five a pair, in the order of the pairs.

    Raises:
        SamplingError: if the judge can't be asked at all.
    """
    pairs: list[Pair] = inputs.source
    there: dict[tuple[str, str], list[Judgement]] = defaultdict(list)
    for row in inputs.before[_NAME].get("", ()):
        there[row.chosen_id, row.rejected_id].append(row)
    # A judge that gave no usable reply at all is asked once more.
    there = {key: rows for key, rows in there.items() if any(row.agreed != "unknown" for row in rows)}
    missing = [pair for pair in pairs if (pair.chosen_id, pair.rejected_id) not in there]
    if missing:
        with tools.open_source(Source(config.judge.sampling(), 1.0)) as judge:
            for row in judge_pairs(missing, judge, config.judge.max_tokens):
                there.setdefault((row.chosen_id, row.rejected_id), []).append(row)
    rows = [
        replace(row, pair_id=pair.pair_id) for pair in pairs for row in there[pair.chosen_id, pair.rejected_id]
    ]
    counts = Counter(f"{row.dimension}.{row.agreed}" for row in rows)
    counts["asked"] = 2 * len(missing)
    return (Shard(rows, len(pairs), {}, counts),)


def count_choices(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return by dimension how often chosen, rejected, tie and unknown were agreed on, from a stage's counts."""
    names = ("chosen", "rejected", "tie", "unknown")
    return {part: {name: counts.get(f"{part}.{name}", 0) for name in names} for part in DIMENSIONS}


def _reuse(inputs: Inputs, config: RunConfig) -> dict[str, dict[str, str]]:
    judge = config.judge
    return {_NAME: {"": digest(str(_VERSION), judge.backend, judge.model, str(judge.max_tokens), PROMPT)}}


def _planned(planned: Planned) -> str:
    judge = planned.config.judge
    n_judged = min(judge.max_pairs or planned.n_draws, planned.n_draws) if judge.model else 0
    return f"at most {n_judged} pairs, by {judge.model}" if n_judged else "none: no judge.model"


STAGE = Stage(
    name=_NAME,
    about="has a language model compare chosen and rejected, where `judge.model` names one",
    record=Judgement,
    reads=("pairs",),
    settings=("judge.backend", "judge.model", "judge.max_tokens", "judge.max_pairs"),
    version=_VERSION,
    run=_run,
    deal=deal_pairs,
    contents=lambda pairs: [pair.pair_id for pair in pairs],
    external=lambda config: [PROMPT],
    reuse=_reuse,
    is_wanted=lambda config: bool(config.judge.model),
    unit="pairs",
    counted=("asked",),
    planned=_planned,
)
