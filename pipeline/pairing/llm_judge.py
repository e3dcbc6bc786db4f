"""The optional stage `judgements`: a language model compares chosen and rejected, twice, places swapped.

Pairs are dealt to sixteen shards by their id. A judgement that is there already is not asked for again, whatever
pairs come and go, as long as judge and wording are the same.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Planned, Stage
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import Shard, shard_name
from pairsmith.pipeline.sampling.planning import Source
from pairsmith.pipeline.syntax.judge import DIMENSIONS, PROMPT, Match, judge_matches
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.judgement import Judgement
from pairsmith.schemas.pair import Pair

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

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
    missing = [_match(pair) for pair in pairs if (pair.chosen_id, pair.rejected_id) not in there]
    if missing:
        with tools.open_source(Source(config.judge.sampling(), 1.0)) as judge:
            for row in judge_matches(missing, judge, config.judge.max_tokens):
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


def _match(pair: Pair) -> Match:
    task, chosen, rejected = (
        "\n\n".join(message.content for message in messages)
        for messages in (pair.prompt, pair.chosen, pair.rejected)
    )
    return Match(pair.pair_id, pair.problem_id, task, pair.chosen_id, chosen, pair.rejected_id, rejected)


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
