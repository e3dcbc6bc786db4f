from dataclasses import replace
from pathlib import Path

import pytest

import pairsmith.pipeline.chain.tools
from pairsmith.flows.runtime.stages import open_chain, run_judgements
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.pairing.llm_judge import DIMENSIONS, count_choices, deal_pairs
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.config import JudgeConfig, RunConfig
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.verdict import Label
from tests.judge_kit import Judge
from tests.pairing_records import judged, pair_up, problem

CONFIG = RunConfig(judge=JudgeConfig(model="judge"))
NAME = "a.parquet"


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """Twelve pairs; each chosen answer is a good one."""
    problems = [problem(f"p/{index}") for index in range(12)]
    rows = [
        judged(f"{one.problem_id}{side}", label, problem_id=one.problem_id, code=f"def f(x):\n    return {side}")
        for one in problems
        for side, label in (("good", Label.PASSED), ("bad", Label.FAILED))
    ]
    made = pair_up(rows, PairsConfig(test_share=0.0, near_problems=None), problems)
    assert len(made.pairs) == 12
    return list(made.pairs)


def ask(run_dir: Path, pairs: list[Pair], judge: Judge, config: RunConfig = CONFIG) -> Chain:
    """Make a shard of judgements."""
    tools = Tools(config, run_dir / "cache", run_dir, lambda name: None)
    chain = Chain(run_dir, config, tools)
    chain.sources["judgements"] = {NAME: pairs}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairsmith.pipeline.chain.tools, "open_sampler", lambda *_, **__: judge)
        chain.ensure("judgements", NAME)
    return chain


def test_a_shard_holds_both_verdicts_of_each_pair_and_is_written_once(tmp_path: Path, pairs: list[Pair]) -> None:
    judge = Judge()
    chain = ask(tmp_path, pairs, judge)
    folder = stage_folder(tmp_path, "judgements")
    rows = folder.read(NAME)
    assert len(judge.asked) == 2 * len(pairs)
    assert [row.pair_id for row in rows] == [pair.pair_id for pair in pairs for _ in DIMENSIONS]
    assert {(row.forward, row.swapped, row.agreed) for row in rows} == {("chosen", "chosen", "chosen")}
    assert chain.has("judgements", NAME)
    choices = count_choices(folder.counts(NAME))
    assert choices["style"] == {"chosen": 12, "rejected": 0, "tie": 0, "unknown": 0}


def test_only_new_pairs_are_asked_for_and_another_judge_asks_anew(tmp_path: Path, pairs: list[Pair]) -> None:
    ask(tmp_path, pairs[:5], Judge())
    judge = Judge()
    renamed = [replace(pairs[0], pair_id="0" * 32), *pairs[1:7]]
    ask(tmp_path, renamed, judge)
    assert {request.problem_id for request in judge.asked} == {pair.problem_id for pair in pairs[5:7]}
    rows = stage_folder(tmp_path, "judgements").read(NAME)
    assert [row.pair_id for row in rows[:: len(DIMENSIONS)]] == [pair.pair_id for pair in renamed]
    other = Judge()
    ask(tmp_path, pairs[:7], other, RunConfig(judge=JudgeConfig(model="other")))
    assert len(other.asked) == 14


def test_a_pair_without_a_usable_reply_is_asked_again(tmp_path: Path, pairs: list[Pair]) -> None:
    ask(tmp_path, pairs[:2], Judge(broken=True))
    assert stage_folder(tmp_path, "judgements").counts(NAME)["style.unknown"] == 2
    judge = Judge()
    ask(tmp_path, pairs[:3], judge)
    assert len(judge.asked) == 6


def test_pairs_are_dealt_by_their_id_and_bounded(pairs: list[Pair]) -> None:
    ids = sorted(pair.pair_id for pair in pairs)
    dealt = deal_pairs(pairs, CONFIG)
    assert sorted(pair.pair_id for part in dealt.values() for pair in part) == ids
    assert dealt == deal_pairs(pairs[::-1], CONFIG)
    bounded = deal_pairs(pairs, RunConfig(judge=JudgeConfig(model="judge", max_pairs=3)))
    assert sorted(pair.pair_id for part in bounded.values() for pair in part) == ids[:3]


@pytest.mark.slow
def test_a_run_asks_its_judge_once(tmp_path: Path, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage_folder(tmp_path, "pairs")
    folder.write_shard("train-00000.parquet", "k", Shard(pairs, 12))
    folder.finish(["train-00000.parquet"], "k", {})
    judge = Judge()
    monkeypatch.setattr(pairsmith.pipeline.chain.tools, "open_sampler", lambda *_, **__: judge)
    config = RunConfig(run=tmp_path, judge=CONFIG.judge)
    tools = Tools(config, tmp_path / "cache", tmp_path, lambda name: None)
    run_judgements(open_chain(tmp_path, RunConfig(run=tmp_path), tools))
    assert not judge.asked, "no model, no judge"
    run_judgements(open_chain(tmp_path, config, tools))
    run_judgements(open_chain(tmp_path, config, tools))
    assert len(judge.asked) == 24
    manifest = stage_folder(tmp_path, "judgements").manifest()
    assert manifest is not None
    assert (manifest.n_in, manifest.n_out) == (12, 60)
