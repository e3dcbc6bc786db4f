"""Rounds of alignment: what came of each, when they end, and which one to keep.

```
rounds/round-1/    a whole run: problems, draws, pairs, training, evaluation against the start
rounds/round-2/    likewise; draws from what round 1 trained
rounds/rounds.json what came of all
```
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import TypeAdapter

from pairsmith.pipeline.chain.table import scan_stage, stage_folder
from pairsmith.pipeline.evaluation.compare import Draws, compare_scores, lost_approaches
from pairsmith.pipeline.evaluation.gate import read_gate
from pairsmith.pipeline.evaluation.round_config import RoundsError, round_folder
from pairsmith.pipeline.evaluation.score import gains_from_json, score_from_json, slices_from_json
from pairsmith.pipeline.evaluation.stage import AFTER, BEFORE, greedy_draws
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.errors import first_line
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.protocol import Form, Opening, SamplingError
from pairsmith.pipeline.training.progress import load_summary
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig, SyntaxConfig
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.score import Gain, GateOutcome, LostApproach, RoundRow, RoundsResult, Score
from pairsmith.schemas.verdict import Label

ROUNDS, _KL = "rounds.json", "kl.json"
_N_KL = 64  # draws by which the KL to the start is measured; two models read each
_N_WITHOUT_GAIN = 2  # rounds in a row that end them: one alone may be chance
_AS_JSON = TypeAdapter(RoundsResult)  # NaN stays NaN, which Python's JSON has, and None means not scored


def count_passed(run: Path) -> dict[str, tuple[int, int]]:
    """Return problem_id to decided and passed candidates of a run."""
    rows = scan_stage(run, "verdicts").filter(pl.col("label") != Label.UNDECIDED.value)
    counts = rows.group_by("problem_id").agg(n=pl.len(), c=(pl.col("label") == Label.PASSED.value).sum())
    return {key: (n, c) for key, n, c in counts.collect().sort("problem_id").iter_rows()}


def settled_problems(
    earlier: Sequence[Mapping[str, tuple[int, int]]], solved: float | None, retry: int | None
) -> dict[str, str]:
    """Return the problems that have nothing more to teach, with why: `solved` or `never_solved`.

    Args:
        earlier: what `count_passed` gave for each round, in order.
        solved: pass rate in the last round that drew it from which a problem is left out; None leaves out none.
        retry: rounds in a row without a passed candidate after which it is left out; None leaves out none.
    """
    rates: dict[str, list[float]] = {}
    for counts in earlier:
        for key, (n, c) in counts.items():
            if n:
                rates.setdefault(key, []).append(c / n)
    found = {}
    for key, of_rounds in sorted(rates.items()):
        if solved is not None and of_rounds[-1] >= solved:
            found[key] = "solved"
        elif retry is not None and len(of_rounds) >= retry and not any(of_rounds[-retry:]):
            found[key] = "never_solved"
    return found


def without(
    shards: Mapping[str, LoadedProblems], settled: Iterable[str], share: float
) -> dict[str, LoadedProblems]:
    """Return the problems by shard without settled ones; held-out ones are kept, to compare rounds."""
    out = {key for key in settled if split_of(key, share) == "train"}
    kept = {name: part.only(lambda key: key not in out) for name, part in shards.items()}
    return {name: part for name, part in kept.items() if part.every()}


def read_round(
    config: RunConfig, number: int, settled: Mapping[str, str], before: RoundRow | None, is_trained: bool = True
) -> RoundRow:
    """Return what came of a round so far.

    Args:
        config: of the rounds.
        settled: what `settled_problems` gave for it.
        before: the round before; None for the first.
        is_trained: False where what lies in its folder is of an earlier run with other settings.
    """
    run, share = round_folder(config.run, number), config.pairs.test_share
    out = Counter(why for key, why in settled.items() if split_of(key, share) == "train")
    row = RoundRow(
        number=number,
        folder=run.relative_to(config.run).as_posix(),
        n_problems=sum(split_of(key, share) == "train" for key in count_passed(run)),
        left_out=dict(sorted(out.items())),
        pairs=_count_pairs(run),
        tokens=_count_tokens(run),
    )
    evaluation, summary = run / "evaluation", load_summary(run / "training")
    if not is_trained or summary is None or not (evaluation / "gains.json").is_file():
        return row
    start, score = (_score(evaluation / name / "score.json") for name in (BEFORE, AFTER))
    last = start if before is None or before.score is None else before.score
    gate = read_gate(run)
    return replace(
        row,
        start=start,
        score=score,
        gains=gains_from_json((evaluation / "gains.json").read_text(encoding="utf-8")),
        step_gains=compare_scores(last, score, config.scoring, config.seed),
        slices=slices_from_json((evaluation / "slices.json").read_text(encoding="utf-8")),
        refusals=gate.refusals() if gate is not None else (),
        lost=tuple(_lost(evaluation, config.syntax)),
        kl=(_read_kl(evaluation) or {}).get("kl"),
        training_s=sum(step.wall_s for step in summary.steps),
    )


def measure_kl(
    evaluation: Path, policy: SamplingConfig, start: SamplingConfig, cache: Path, report: Callable[[str], None]
) -> None:
    """Write how far a round's model is from the start into `kl.json`: KL(policy || start), nats per token.

    The mean of ln policy - ln start over the tokens of 64 of its draws on held-out problems, read by transformers
    whatever drew them. They are draws at the run's temperature, so it is the KL over what is drawn. Where a model
    can't be loaded by transformers, or is too large for one GPU, that is reported and nothing is written.

    Source: Schulman 2020, "Approximating KL Divergence", estimator k1, without bias.
    """
    import torch

    from pairsmith.pipeline.sampling.models import resolve_model

    rows: list[Candidate] = stage_folder(evaluation / AFTER, "candidates").read_all()
    warm = [row for row in rows if row.temperature != 0.0] or rows
    drawn = sorted(warm, key=lambda row: row.candidate_id)[:_N_KL]
    try:
        models = [(sampling, resolve_model(sampling, cache, report)) for sampling in (policy, start)]
        key = digest(*(model.revision for _, model in models), *(row.candidate_id for row in drawn))
        if (_read_kl(evaluation) or {}).get("of") != key:
            kl = _kl(drawn, models, report)
            write_whole(evaluation / _KL, json.dumps({"of": key, "kl": kl}).encode())
    except (SamplingError, torch.OutOfMemoryError) as error:
        report(f"KL to the start is not measured: {first_line(error)}")


def _kl(drawn: Sequence[Candidate], models: Iterable[Any], report: Callable[[str], None]) -> float | None:
    from pairsmith.pipeline.sampling.transformers_backend import TransformersSampler

    sums, texts = list[float](), list[tuple[tuple[int, ...], int]]()
    for config, model in models:
        extra = {name: value for name, value in config.extra.items() if name == "chat_template_kwargs"}
        with closing(TransformersSampler(config.model_copy(update={"extra": extra}), model, report)) as sampler:
            if not texts:  # both read the same tokens: training may have given a base model its chat template
                for row in drawn:
                    opening = Opening(cast(Form, row.template), row.prompt, row.prompt_template, row.context)
                    tokens, n_prompt = sampler.tokens_of(opening, row.completion)
                    texts += [(tokens, n_prompt)] if len(tokens) > n_prompt else []
            sums.append(sum(sampler.log_prob(*text) for text in texts))
    n_tokens = sum(len(tokens) - n_prompt for tokens, n_prompt in texts)
    return (sums[0] - sums[1]) / n_tokens if n_tokens else None


def _read_kl(evaluation: Path) -> dict[str, Any] | None:
    path = evaluation / _KL
    return json.loads(path.read_bytes()) if path.is_file() else None


def _score(path: Path) -> Score:
    return score_from_json(path.read_text(encoding="utf-8"))


def _count_pairs(run: Path) -> dict[str, int]:
    mixed = run / "mixture" / "train-00000.parquet"
    counts: Counter[str] = Counter()
    if mixed.is_file():
        rows = pl.read_parquet(mixed, columns=["dataset", "policy"])
        for (name, policy), part in rows.group_by("dataset", "policy"):
            counts[str(policy) if name == "own" else f"dataset {name}"] += part.height
    else:
        own = scan_stage(run, "pairs").filter(split="train").group_by("policy").len()
        counts.update(dict(own.collect().iter_rows()))
    return dict(sorted(counts.items()))


def _count_tokens(run: Path) -> int:
    """Return the tokens drawn for a round; those of the start's scoring count in the first one alone."""
    is_first = run.name == "round-1"
    total = 0
    for path in sorted(run.glob("**/candidates/manifest.json")):
        chain = path.parents[1]
        if chain.name != BEFORE or is_first:
            manifest = stage_folder(chain, "candidates").manifest()
            total += manifest.counts.get("tokens", 0) if manifest is not None else 0
    return total


def _lost(evaluation: Path, config: SyntaxConfig) -> list[LostApproach]:
    languages = {row.problem_id: row.language for row in stage_folder(evaluation / BEFORE, "problems").read_all()}
    before, after = (_passed_draws(evaluation / name) for name in (BEFORE, AFTER))
    return lost_approaches(before, after, languages, config)


def _passed_draws(chain: Path) -> Draws:
    """Return problem_id to passed programs and decided draws, greedy ones left out."""
    candidates, verdicts, programs = (
        stage_folder(chain, stage).read_all() for stage in ("candidates", "verdicts", "programs")
    )
    cold = greedy_draws(candidates)
    labels = {row.candidate_id: row.label for row in verdicts if row.candidate_id not in cold}
    n = Counter(row.problem_id for row in verdicts if labels.get(row.candidate_id) in (Label.PASSED, Label.FAILED))
    found: Draws = {key: ([], count) for key, count in n.items()}
    for program in programs:
        if labels.get(program.candidate_id) is Label.PASSED:
            found[program.problem_id][0].append(program)
    return found


def pass_gain(gains: Iterable[Gain]) -> Gain | None:
    """Return the gain of pass@k with the smallest k, which is 1 as a rule; None where none was measured."""
    return next((gain for gain in gains if gain.measure.startswith("pass@") and "_" not in gain.measure), None)


def why_stop(rows: Sequence[RoundRow], config: RunConfig) -> str:
    """Return why no round follows the last of these; empty where one may."""
    settings, last = config.rounds, rows[-1]
    fell = [check for check in last.refusals if check.outcome is GateOutcome.FELL]
    if "gate" in settings.stop and fell:
        return f"a check of the gate failed: {fell[0].reason}"
    gains = [pass_gain(row.step_gains) for row in rows[-_N_WITHOUT_GAIN:]]
    gained = [gain is not None and gain.is_significant and gain.change.value > 0.0 for gain in gains]
    if "gain" in settings.stop and len(rows) >= _N_WITHOUT_GAIN and not any(gained):
        return f"no significant gain of pass@1 over the round before, {_N_WITHOUT_GAIN} rounds in a row"
    return why_no_budget(rows, config)


def why_no_budget(rows: Sequence[RoundRow], config: RunConfig) -> str:
    """Return why no round may begin: what rounds may draw is drawn; empty where one may."""
    tokens, most = sum(row.tokens for row in rows), config.rounds.tokens
    return f"{tokens:,} tokens are drawn, rounds.tokens = {most:,}" if most is not None and tokens >= most else ""


def recommend(rows: Sequence[RoundRow]) -> int | None:
    """Return the number of the round to keep, 0 for the start; None where no round was scored.

    It has the best held-out pass@1 of those where every check of the gate held; of equals the earliest.
    """
    scored = [(row, gain) for row in rows if (gain := pass_gain(row.gains)) is not None]
    if not scored:
        return None
    best, number = scored[0][1].before.value, 0
    for row, gain in scored:
        if not row.refusals and gain.after.value > best:
            best, number = gain.after.value, row.number
    return number


def write_rounds(rounds: Path, rows: Sequence[RoundRow]) -> RoundsResult:
    """Write what came of the rounds so far into their folder, and return it."""
    result = RoundsResult(tuple(rows), recommend(rows))
    write_whole(rounds / ROUNDS, json.dumps(asdict(result), indent=1).encode())
    return result


def read_rounds(rounds: Path) -> RoundsResult | None:
    """Return what came of rounds; None in a folder of another kind.

    Raises:
        RoundsError: if the file is broken.
    """
    path = rounds / ROUNDS
    if not path.is_file():
        return None
    try:
        return _AS_JSON.validate_json(path.read_bytes())
    except ValueError:
        raise RoundsError(f"{path}: can't be read; run `pairsmith rounds` again") from None
