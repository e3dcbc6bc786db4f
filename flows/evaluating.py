"""Evaluates models on sets of problems: the same samplers, sandbox and measures for all of them."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from pairsmith.flows.build import finish, kept
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import ApiKeys, load, no_key, open_chain, open_tools, run_problems, run_samples
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.evaluation.compare import (
    compare_scores,
    compare_slices,
    find_slices,
    pass_gains,
)
from pairsmith.pipeline.evaluation.estimates import Abundances, count_abundances
from pairsmith.pipeline.evaluation.gate import check_gate, model_digest, write_gate
from pairsmith.pipeline.evaluation.score import gather_measure_inputs, score_candidates, scores_to_json
from pairsmith.pipeline.evaluation.stage import (
    ProblemSet,
    Subject,
    gains_path,
    greedy_draws,
    list_sets,
    list_subjects,
    trained_problems,
    trained_sampling,
)
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import split_shards
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling.files_backend import compare_ids, read_samples
from pairsmith.schemas.candidate import Candidate, Program, Syntax
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.evaluation import HELD_OUT
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.score import Gain, Score, SliceGain
from pairsmith.schemas.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One model on one set."""

    set_name: str
    subject: str
    score: Score
    gains: tuple[Gain, ...] = ()  # against the start, by measure; none for the start itself
    slices: tuple[SliceGain, ...] = ()  # likewise on parts of the set


@dataclass(frozen=True, slots=True)
class SubjectDraws:
    """What one model drew for one set, judged."""

    subject: Subject
    folder: Path
    candidates: list[Candidate]
    programs: list[Program]
    verdicts: list[Verdict]
    syntax: list[Syntax]


@flow(name="evaluate", validate_parameters=False)
def evaluate(config: RunConfig, cache: Path, api_keys: ApiKeys | None = None) -> list[Evaluated]:
    """Score the start and what the run trained, or other models, on held-out problems and further sets.

    The run need not have been built. What training lost is marked in `gate.json`.
    """
    with locked(config.run, store=config.store):
        with kept(config):
            evaluated = evaluate_run(config, cache, api_keys or no_key, trained_sampling(config))
            mark_run(config, evaluated)
        finish(config)
    return evaluated


def evaluate_run(
    config: RunConfig, cache: Path, api_keys: ApiKeys, trained: SamplingConfig | None
) -> list[Evaluated]:
    """Evaluate what a run trained, or other models, against the start.

    Args:
        trained: draws from what the run trained; None for nothing.
    """
    subjects = list_subjects(config, trained)
    sets = [_SetEvaluation(part, config.run, cache, api_keys) for part in list_sets(config)]
    return [row for part in sets for row in part.evaluate(subjects)]


def mark_run(config: RunConfig, evaluated: Sequence[Evaluated]) -> None:
    """Write the gate of what the run trained; of the last model where it trained nothing itself.

    An evaluation on further sets alone leaves the gate as it was.
    """
    trained = model_digest(config.run)
    last = evaluated[-1] if evaluated else None
    if last is None or last.subject == evaluated[0].subject or (config.evaluation.models and trained):
        return
    mine = {row.set_name: row for row in evaluated if row.subject == last.subject}
    held_out = mine.get(HELD_OUT)
    if held_out is None:
        return
    sets = {
        name: gain
        for name, row in mine.items()
        if name != HELD_OUT
        for gain in row.gains
        if gain.measure == "pass@1"
    }
    gate = check_gate(held_out.gains, pass_gains(held_out.slices), sets, config.gate, trained)
    write_gate(config.run, gate)
    for check in gate.refusals():
        reporter().log(f"gate        {check.name}: {check.reason}")


@dataclass(frozen=True, slots=True)
class _SetEvaluation:
    """Evaluates models on one set of problems."""

    part: ProblemSet  # the set
    run: Path  # folder of the run that the set is evaluated for
    cache: Path
    api_keys: ApiKeys

    def evaluate(self, subjects: Sequence[Subject]) -> list[Evaluated]:
        """Draw, score and compare; the first subject is what the others are compared with."""
        config, folder = self.part.config, self.part.folder
        problems = self._problems()
        drawn = [self._draw(subject, problems) for subject in subjects]
        ids = [problem.problem_id for problem in problems]
        scored = [_score(draws, ids, config) for draws in drawn]
        before, counts = scored[0]
        found = [Evaluated(self.part.name, subjects[0].name, before)]
        slices = find_slices(problems)
        for subject, (after, others) in zip(subjects[1:], scored[1:], strict=True):
            both = (counts, others)
            gains = compare_scores(before, after, config.scoring, config.seed, both)
            parts = compare_slices(before, after, slices, config.scoring, config.seed, both)
            for name, rows in (("gains.json", gains), ("slices.json", parts)):
                write_whole(gains_path(folder, subject.name, name), scores_to_json(rows).encode())
            found.append(Evaluated(self.part.name, subject.name, after, gains, parts))
        return found

    @contextmanager
    def _chain(self, folder: Path, **changes: object) -> Iterator[Chain]:
        config = self.part.config.model_copy(update={"run": folder, **changes})
        with closing(open_tools(config, self.cache, self.run, self.api_keys)) as tools:
            yield open_chain(folder, config, tools)

    def _problems(self) -> list[Problem]:
        """Return the problems of the set, without those that were trained on."""
        part = self.part
        own: list[Problem] = stage_folder(self.run, "problems").read_all()
        share = part.config.pairs.test_share
        trained_on = trained_problems(own, share)
        if part.name == HELD_OUT and own:
            return [problem for problem in own if problem.problem_id not in trained_on]
        loaded = load(part.config, self.cache)
        if part.name == HELD_OUT:
            whole = LoadedProblems(
                tuple(row for shard in loaded.values() for row in shard.problems),
                tuple(row for shard in loaded.values() for row in shard.pending),
            )
            held_out = whole.only(lambda key: split_of(key, share) == "test")
            loaded = split_shards(held_out, part.config.shard_problems)
        with self._chain(part.folder) as chain:
            run_problems(chain, loaded)
        found: list[Problem] = stage_folder(part.folder, "problems").read_all()
        kept = [problem for problem in found if problem.problem_id not in trained_on]
        if len(kept) < len(found):
            n = len(found) - len(kept)
            reporter().log(f"left out: {n} problems of {part.name} that are in the run's pairs")
        return kept

    def _draw(self, subject: Subject, problems: Sequence[Problem]) -> SubjectDraws:
        folder = self.part.folder / subject.name
        reporter().log(f"-- {subject.name}: {self.part.name} problems")
        shards = split_shards(LoadedProblems(tuple(problems)), self.part.config.shard_problems)
        # What was drawn for these problems already is in the store: only what is missing is drawn.
        with self._chain(folder, sampling=subject.sampling) as chain:
            run_samples(chain, run_problems(chain, shards))
        stages = ("candidates", "programs", "verdicts", "syntax")
        draws = SubjectDraws(subject, folder, *(stage_folder(folder, stage).read_all() for stage in stages))
        if subject.sampling.samples is not None and subject.sampling.backend == "files":
            ids = [problem.problem_id for problem in problems]
            for line in compare_ids(ids, read_samples(subject.sampling.samples)):
                reporter().log(line)
        return draws


def _score(draws: SubjectDraws, ids: Sequence[str], config: RunConfig) -> tuple[Score, dict[str, Abundances]]:
    greedy, subject = greedy_draws(draws.candidates), draws.subject
    sampled = [row for row in draws.verdicts if row.candidate_id not in greedy]
    abundances = count_abundances(sampled, draws.syntax, ids)
    inputs = gather_measure_inputs(abundances, draws.verdicts, draws.syntax, greedy)
    score = score_candidates(
        subject.name, subject.words, sampled, draws.syntax, ids, config.scoring, config.seed, inputs
    )
    write_whole(draws.folder / "score.json", scores_to_json(score).encode())
    return score, abundances
