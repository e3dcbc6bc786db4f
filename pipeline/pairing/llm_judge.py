"""The optional stage behind the pairs: a language model compares chosen and rejected, twice, places swapped.

Pairs are dealt to sixteen shards by their id. A judgement that is there already is not asked for again, whatever
pairs come and go, as long as judge and wording are the same.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.chain import stages
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import Shard, shard_name
from pairsmith.pipeline.sampling.protocol import Sampler
from pairsmith.pipeline.syntax.judge import DIMENSIONS, PROMPT, Match, judge_matches
from pairsmith.schemas.config import JudgeConfig
from pairsmith.schemas.judgement import Judgement
from pairsmith.schemas.pair import Pair

STAGE = "judgements"


def deal_pairs(pairs: Sequence[Pair], config: JudgeConfig) -> dict[str, list[Pair]]:
    """Return shard names with the pairs judged in them: the first `max_pairs` by id, which is a digest."""
    dealt: dict[str, list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: pair.pair_id)[: config.max_pairs]:
        dealt[shard_name(int(pair.pair_id[0], 16))].append(pair)
    return dealt


def judgements_key(pairs: Sequence[Pair], config: JudgeConfig) -> str:
    """Return the key of a shard."""
    return digest(STAGE, _reuse(config), *(pair.pair_id for pair in pairs))


def write_judgements(chain: Path, name: str, pairs: Sequence[Pair], config: JudgeConfig, judge: Sampler) -> Path:
    """Write a shard of judgements, five a pair, in the order of the pairs.

    Raises:
        SamplingError: if the judge can't be asked at all.
    """
    folder = stages.stage_folder(chain, STAGE)
    there: dict[tuple[str, str], list[Judgement]] = defaultdict(list)
    for row in folder.reusable(name, _reuse(config)):
        there[row.chosen_id, row.rejected_id].append(row)
    # A judge that gave no usable reply at all is asked once more.
    there = {key: rows for key, rows in there.items() if any(row.agreed != "unknown" for row in rows)}
    missing = [_match(pair) for pair in pairs if (pair.chosen_id, pair.rejected_id) not in there]
    for row in judge_matches(missing, judge, config.max_tokens) if missing else ():
        there.setdefault((row.chosen_id, row.rejected_id), []).append(row)
    rows = [
        replace(row, pair_id=pair.pair_id) for pair in pairs for row in there[pair.chosen_id, pair.rejected_id]
    ]
    counts = Counter(f"{row.dimension}.{row.agreed}" for row in rows)
    counts["asked"] = 2 * len(missing)
    shard = Shard(rows, len(pairs), {}, counts, _reuse(config))
    return folder.write_shard(name, judgements_key(pairs, config), shard)


def count_choices(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return by dimension how often chosen, rejected, tie and unknown were agreed on, from a stage's counts."""
    names = ("chosen", "rejected", "tie", "unknown")
    return {one: {name: counts.get(f"{one}.{name}", 0) for name in names} for one in DIMENSIONS}


def _reuse(config: JudgeConfig) -> str:
    return digest(stages.versions_of(STAGE)["stage"], config.backend, config.model, str(config.max_tokens), PROMPT)


def _match(pair: Pair) -> Match:
    task, chosen, rejected = (
        "\n\n".join(message.content for message in messages)
        for messages in (pair.prompt, pair.chosen, pair.rejected)
    )
    return Match(pair.pair_id, pair.problem_id, task, pair.chosen_id, chosen, pair.rejected_id, rejected)
