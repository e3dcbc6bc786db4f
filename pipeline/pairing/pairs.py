"""The stage: from judged candidates to pairs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.pairing.answers import as_answer, as_prompt
from pipeline.pairing.entries import Entry, index_rows, join_entry
from pipeline.pairing.guards import cap_trivial, guard_entries
from pipeline.pairing.policies import PASSED_OVER_FAILED, passed_over_failed
from pipeline.pairing.reasons import Drop, PairingError
from pipeline.pairing.splits import digest, split_of
from schemas.candidate import Candidate, Program
from schemas.config import PairsConfig
from schemas.pair import Pair
from schemas.problem import Problem
from schemas.syntax import Syntax
from schemas.verdict import Verdict


@dataclass(frozen=True, slots=True)
class PairingResult:
    """Pairs, and what became of everything else.

    Attributes:
        pairs: sorted by split and pair_id, a digest: the order mixes problems.
        dropped: count by reason, reasons without a count left out; `Drop.unit` tells what is counted.
    """

    pairs: tuple[Pair, ...]
    dropped: dict[Drop, int]


def make_pairs(
    problems: Iterable[Problem],
    candidates: Iterable[Candidate],
    programs: Iterable[Program],
    verdicts: Iterable[Verdict],
    syntax: Iterable[Syntax],
    config: PairsConfig,
    seed: int,
) -> PairingResult:
    """Return the pairs of all problems; the order of the rows given doesn't matter.

    Give all problems at once: the cap on trivial rejects holds over the whole set.

    Args:
        problems: all problems; those without candidates are counted.
        candidates: candidates of these problems.
        programs: one a candidate, joined by candidate id; likewise verdicts and syntax.
        verdicts: label and cause of each candidate.
        syntax: fingerprints and clusters; needed only where there is code.
        config: caps and the share held out.
        seed: breaks ties between candidates that are equally welcome.

    Raises:
        PairingError: if an id comes twice in a table, or tables disagree on a candidate's problem.
    """
    by_id = _index_problems(problems)
    of_problem: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in index_rows(candidates, "candidates").values():
        of_problem[candidate.problem_id].append(candidate)
    tables = index_rows(programs, "programs"), index_rows(verdicts, "verdicts"), index_rows(syntax, "syntax")
    dropped: Counter[Drop] = Counter()
    pairs: list[Pair] = []
    for problem_id, drawn in of_problem.items():
        if problem_id not in by_id:
            dropped[Drop.UNKNOWN_PROBLEM] += len(drawn)
    for problem_id, problem in by_id.items():
        joined = [join_entry(problem, candidate, *tables) for candidate in of_problem[problem_id]]
        dropped.update(item for item in joined if isinstance(item, Drop))
        made, faults = pair_problem(problem, [row for row in joined if isinstance(row, Entry)], config, seed)
        pairs += made
        dropped += faults
    pairs, faults = cap_trivial(pairs, config.max_trivial_share, seed)
    dropped += faults
    pairs.sort(key=lambda pair: (pair.split, pair.pair_id))
    return PairingResult(tuple(pairs), {reason: dropped[reason] for reason in Drop if dropped[reason]})


def pair_problem(
    problem: Problem, entries: Sequence[Entry], config: PairsConfig, seed: int
) -> tuple[list[Pair], Counter[Drop]]:
    """Return the pairs of one problem from its decided candidates, before the cap on trivial rejects.

    Args:
        problem: the problem.
        entries: its decided candidates, in any order.
        config: caps and the share held out.
        seed: breaks ties.
    """
    labels = {entry.passed for entry in entries}
    if len(labels) < 2:
        one_sided = Drop.ALL_PASSED if True in labels else Drop.ALL_FAILED
        return [], Counter({one_sided if labels else Drop.NO_DECIDED: 1})
    pass_rate = sum(entry.passed for entry in entries) / len(entries)
    kept, dropped = guard_entries(entries)
    if len({entry.passed for entry in kept}) < 2:
        dropped[Drop.ONE_SIDE_LEFT] += 1
    taken, faults = passed_over_failed(kept, config.max_per_problem, config.max_per_candidate, seed)
    split = split_of(problem.problem_id, config.test_share)
    pairs = [_as_pair(problem, chosen, rejected, split, pass_rate) for chosen, rejected in taken]
    return pairs, dropped + faults


def _index_problems(problems: Iterable[Problem]) -> dict[str, Problem]:
    by_id: dict[str, Problem] = {}
    for problem in problems:
        if by_id.setdefault(problem.problem_id, problem) is not problem:
            raise PairingError(f"problem {problem.problem_id}: it comes twice; give each problem one id")
    return by_id


def _as_pair(problem: Problem, chosen: Entry, rejected: Entry, split: str, pass_rate: float) -> Pair:
    return Pair(
        pair_id=digest(chosen.id, rejected.id, PASSED_OVER_FAILED),
        problem_id=problem.problem_id,
        split=split,
        policy=PASSED_OVER_FAILED,
        source=problem.source,
        level=problem.level,
        topic=problem.topic,
        prompt=as_prompt(chosen.asked),
        chosen=as_answer(chosen.answer),
        rejected=as_answer(rejected.answer),
        chosen_id=chosen.id,
        rejected_id=rejected.id,
        chosen_code=chosen.program.code,
        rejected_code=rejected.program.code,
        rejected_cause=str(rejected.verdict.cause),
        rejected_detail=rejected.verdict.detail,
        rejected_share=rejected.share,
        n_cases=chosen.verdict.n_cases,
        pass_rate=pass_rate,
        chosen_tags=_tags(chosen),
        rejected_tags=_tags(rejected),
        chosen_n_lines=chosen.syntax.n_lines if chosen.syntax else 0,
        rejected_n_lines=rejected.syntax.n_lines if rejected.syntax else 0,
        chosen_logprob=chosen.candidate.mean_logprob,
        rejected_logprob=rejected.candidate.mean_logprob,
        chosen_model=chosen.candidate.model,
        rejected_model=rejected.candidate.model,
    )


def _tags(entry: Entry) -> str:
    return " ".join(entry.syntax.tags) if entry.syntax else ""
