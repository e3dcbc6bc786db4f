"""The score of one model; scores and gains as JSON and back. NaN, a mean over nothing, is `null` there.

`distinct_syntax@k`, `distinct_behaviour@k` and `distinct_passed@k` are the expected numbers of kinds among k draws
(of passed ones for the last), so that k is comparable whatever was drawn; `effective_syntax@k` and
`effective_behaviour@k` weigh kinds by how often they come (`pipeline.evaluation.estimates`). `quality` and its
five dimensions are means over the candidates that parse (`pipeline.syntax.quality`).
`pass@1_greedy` is whether the one greedy draw passed.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from pairsmith.pipeline.evaluation.estimates import (
    CONFIDENCE,
    Abundances,
    ScoringError,
    count_abundances,
    estimate_pass_at_k,
    generator,
    percentile_intervals,
    rarefied_distinct,
    rarefied_effective,
)
from pairsmith.schemas.candidate import Syntax
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.score import Gain, Interval, ProblemScore, Score, SliceGain
from pairsmith.schemas.verdict import Label, Verdict

T = TypeVar("T")
GREEDY = "pass@1_greedy"
_DIMENSIONS = ("instruction", "explanation", "complexity", "readability", "style")
_ORDER = (
    GREEDY, "distinct_syntax", "distinct_behaviour", "distinct_passed", "effective_syntax", "effective_behaviour",
    "quality", *(f"quality_{dimension}" for dimension in _DIMENSIONS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MeasureInputs:
    """What a problem's further measures are made of, all of it of sampled candidates with a label."""

    abundances: Abundances  # kinds and how often they came
    syntax: Sequence[Syntax]  # of the candidates with code
    greedy: Label | None = None  # label of the greedy draw; None where there is none


def score_candidates(
    name: str,
    model: str,
    verdicts: Iterable[Verdict],
    syntax: Iterable[Syntax],
    problem_ids: Collection[str],
    config: ScoringConfig,
    seed: int,
    evidence: Mapping[str, MeasureInputs] | None = None,
    n_missing: int = 0,
) -> Score:
    """Return a model's score on held-out problems.

    Undecided candidates are counted and left out of every rate. A problem with fewer than k decided ones is
    left out of that pass@k (`left_out` names it); a k that no problem reaches is left out of the score. A
    mean over no problems is NaN, never 0.

    Args:
        verdicts: verdicts of the candidates; those of other problems are passed over.
        syntax: syntax of the candidates; may lack answers without code.
        problem_ids: the held-out problems.
        evidence: what further measures are made of, by problem; without it there are none.
        n_missing: further problems, for which nothing was drawn: they count as not solved in every pass@k.

    Raises:
        ScoringError: if there are no problems, a candidate has two verdicts, or one with code has no syntax.
    """
    if not problem_ids:
        raise ScoringError(f"{name}: no held-out problems to score; raise pairs.test_share or add problems")
    wanted = frozenset(problem_ids)
    drawn = [verdict for verdict in verdicts if verdict.problem_id in wanted]
    for candidate_id, n in Counter(verdict.candidate_id for verdict in drawn).items():
        if n > 1:
            raise ScoringError(f"candidate {candidate_id}: {n} verdicts; were the shards of two runs mixed?")
    trees = list(syntax)
    decided = [verdict for verdict in drawn if verdict.label is not Label.UNDECIDED]
    parts = tuple(
        ProblemScore(
            problem_id=row.problem_id,
            n=sum(row.syntax),
            c=sum(row.passed),
            n_distinct_syntax=len(row.syntax),
            n_distinct_behaviour=len(row.behaviour),
            n_distinct_passed=len(row.passed),
        )
        for row in count_abundances(decided, trees, wanted).values()
    )
    if evidence is not None:
        parts = tuple(with_measures(part, evidence[part.problem_id], config.k) for part in parts)
    reached = sorted(k for k in set(config.k) if any(part.n >= k for part in parts))
    further = list_measures(parts)
    values = {
        f"pass@{k}": [estimate_pass_at_k(part.n, part.c, k) for part in parts if part.n >= k] + [0.0] * n_missing
        for k in reached
    }
    values |= {
        "distinct_syntax": [part.n_distinct_syntax / part.n for part in parts if part.n],
        "distinct_behaviour": [part.n_distinct_behaviour / part.n for part in parts if part.n],
        "distinct_passed": [part.n_distinct_passed / part.c for part in parts if part.c],
    }
    values |= {key: [part.values[key] for part in parts if key in part.values] for key in further}
    means = {measure: _mean(measure, column, config, seed) for measure, column in values.items()}
    return Score(
        name=name,
        model=model,
        n_candidates=len(drawn),
        n_undecided=len(drawn) - len(decided),
        pass_at={k: means[f"pass@{k}"] for k in reached},
        distinct_syntax=means["distinct_syntax"],
        distinct_behaviour=means["distinct_behaviour"],
        distinct_passed=means["distinct_passed"],
        mean_lines=_mean_lines(decided, trees),
        problems=parts,
        measures={measure: means[measure] for measure in further},
    )


def _mean(measure: str, values: Sequence[float], config: ScoringConfig, seed: int) -> Interval:
    column = np.array(values, dtype=np.float64).reshape(-1, 1)
    numbers, bounds = generator(seed, measure), [bounds_of(measure)]
    return percentile_intervals(column, config.n_bootstrap, CONFIDENCE, numbers, bounds)[0]


def list_measures(parts: Iterable[ProblemScore]) -> list[str]:
    """Return the further measures that some problem allows, in the order of the report."""
    return sorted({measure for part in parts for measure in part.values}, key=measure_rank)


def left_out(score: Score, k: int) -> tuple[str, ...]:
    """Return the problems that pass@k leaves out: those with fewer than k decided candidates."""
    return tuple(part.problem_id for part in score.problems if part.n < k)


def _mean_lines(decided: Sequence[Verdict], syntax: Iterable[Syntax]) -> float:
    """Return the mean lines of code, problems weighted equally; a candidate without code has none and counts."""
    lines = {tree.candidate_id: tree.n_lines for tree in syntax}
    of_problem: defaultdict[str, list[int]] = defaultdict(list)
    for verdict in decided:
        of_problem[verdict.problem_id].append(lines.get(verdict.candidate_id, 0))
    return float(np.mean([np.mean(found) for _, found in sorted(of_problem.items())])) if of_problem else math.nan


def scores_to_json(scored: Any) -> str:
    """Return a score, gains or slices as indented JSON with sorted keys."""
    tree = [asdict(row) for row in scored] if isinstance(scored, tuple | list) else asdict(scored)
    return json.dumps(_swap(tree, math.nan, None), indent=2, sort_keys=True, allow_nan=False) + "\n"


def make_reader(adapter: TypeAdapter[T], kind: str) -> Callable[[str], T]:
    """Return a function that reads a record of what `scores_to_json` wrote.

    The function raises ScoringError if its text is not one of this kind.
    """

    def read(text: str) -> T:
        try:
            return adapter.validate_python(_swap(json.loads(text), None, math.nan))
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise ScoringError(f"not a {kind}: {where}: {error.errors()[0]['msg']}; score again") from None
        except (ValueError, RecursionError) as error:
            raise ScoringError(f"not a {kind}: {error}; score again") from None

    return read


score_from_json = make_reader(TypeAdapter(Score), "score")
gains_from_json = make_reader(TypeAdapter(tuple[Gain, ...]), "list of gains")
slices_from_json = make_reader(TypeAdapter(tuple[SliceGain, ...]), "list of slices")


def _swap(tree: Any, old: float | None, new: float | None) -> Any:
    """Return a tree of JSON with one stand-in for NaN replaced by the other."""
    if isinstance(tree, dict):
        return {key: _swap(value, old, new) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_swap(item, old, new) for item in tree]
    is_old = tree is None if old is None else isinstance(tree, float) and math.isnan(tree)
    return new if is_old else tree


def measure_rank(measure: str) -> tuple[int, int, str]:
    """Return what further measures are sorted by: kind, then number of draws."""
    if measure == GREEDY:
        return 0, 0, measure
    kind, _, k = measure.partition("@")
    place = _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    return place, int(k) if k.isdecimal() else 0, measure


def bounds_of(measure: str) -> tuple[float, float]:
    """Return the least and the largest value of a problem: shares lie in [0, 1], kinds among k draws in [1, k]."""
    kind, _, k = measure.partition("@")
    return (1.0, float(k)) if kind.startswith(("distinct_", "effective_")) and k else (0.0, 1.0)


def gather_measure_inputs(
    abundances: Mapping[str, Abundances],
    verdicts: Sequence[Verdict],
    syntax: Iterable[Syntax],
    greedy: Collection[str] = (),
) -> dict[str, MeasureInputs]:
    """Return the evidence of each problem of `abundances`.

    Args:
        verdicts: of sampled and greedy candidates.
        greedy: candidates that were drawn greedily: one a problem.
    """
    labels = {verdict.candidate_id: verdict.label for verdict in verdicts}
    counted = {key for key, label in labels.items() if label is not Label.UNDECIDED and key not in greedy}
    trees: defaultdict[str, list[Syntax]] = defaultdict(list)
    greedy_labels = {row.problem_id: row.label for row in verdicts if row.candidate_id in greedy}
    for row in sorted(syntax, key=lambda row: row.candidate_id):
        if row.candidate_id in counted:
            trees[row.problem_id].append(row)
    return {key: MeasureInputs(row, trees[key], greedy_labels.get(key)) for key, row in abundances.items()}


def with_measures(part: ProblemScore, evidence: MeasureInputs, k: Iterable[int]) -> ProblemScore:
    """Return a problem's score with the further measures that its candidates allow."""
    values = _of_kinds(evidence.abundances, sorted({draws for draws in k if draws > 1}))
    values |= _of_quality(evidence.syntax)
    if evidence.greedy in (Label.PASSED, Label.FAILED):
        values[GREEDY] = float(evidence.greedy is Label.PASSED)
    return replace(part, values=values)


def _of_kinds(row: Abundances, k: Sequence[int]) -> dict[str, float]:
    values: dict[str, float] = {}
    for kind in ("syntax", "behaviour", "passed"):
        counts: tuple[int, ...] = getattr(row, kind)
        allowed = [m for m in k if m <= sum(counts)]
        values |= {f"distinct_{kind}@{m}": rarefied_distinct(counts, m) for m in allowed}
        if kind != "passed" and allowed:
            values[f"effective_{kind}@{allowed[-1]}"] = rarefied_effective(counts, allowed[-1])
    return values


def _of_quality(syntax: Sequence[Syntax]) -> dict[str, float]:
    values = {}
    for name in ("quality", *(f"quality_{dimension}" for dimension in _DIMENSIONS)):
        known = [value for value in (getattr(row, name) for row in syntax) if value is not None]
        if known:
            values[name] = sum(known) / len(known)
    return values
