"""Parts of the problems on which a gain, or its cost, may be another than on the whole.

`level=`, `topic=` and `language=` are what the problem says. `niche=imports` are the problems whose right
solution imports a module that few others import, `niche=tags` those whose right solution has a style tag that
few others have: what a model saw seldom, and what alignment on common problems may cost first. The right
solution is the reference; where there is none, it is what at least half of the start's passed candidates have.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pairsmith.pipeline.evaluation.scores.compare import Both, compare_scores
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.parsing import parse_facts, to_source
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.score import Gain, Score, SliceGain

RARE_SHARE = 0.05  # a module or style tag is rare that at most this share of a set's references has
_MEASURES = ("pass@1", "distinct_syntax")


@dataclass(frozen=True, slots=True)
class Features:
    """What a right solution has: modules that it imports, and style tags."""

    modules: frozenset[str]
    tags: frozenset[str]


def find_slices(
    problems: Iterable[Problem], passed: Mapping[str, Sequence[Program]], rare_share: float = RARE_SHARE
) -> dict[str, tuple[str, ...]]:
    """Return the ids of each slice's problems, by the slice's name; both sorted.

    Args:
        problems: the set.
        passed: the start's passed programs by problem, for problems without a reference.
        rare_share: a module or tag is rare that at most this share of the right solutions has, in [0, 1].
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    features: dict[str, Features] = {}
    for problem in problems:
        key = problem.problem_id
        found[f"language={problem.language}"].add(key)
        for name, value in (("level", problem.level), ("topic", problem.topic)):
            if value:
                found[f"{name}={value}"].add(key)
        known = _features(problem, passed.get(key, ()))
        if known is not None:
            features[key] = known
    modules = {key: known.modules for key, known in features.items()}
    tags = {key: known.tags for key, known in features.items()}
    found["niche=imports"] = rare(modules, rare_share)
    found["niche=tags"] = rare(tags, rare_share)
    return {name: tuple(sorted(ids)) for name, ids in sorted(found.items()) if ids}


def rare(features: Mapping[str, frozenset[str]], rare_share: float) -> set[str]:
    """Return the keys that have a feature which at most this share of all keys has."""
    counts = Counter(name for names in features.values() for name in names)
    few = {name for name, n in counts.items() if n <= rare_share * len(features)}
    return {key for key, names in features.items() if names & few}


def compare_slices(
    before: Score,
    after: Score,
    slices: Mapping[str, Sequence[str]],
    config: ScoringConfig,
    seed: int,
    abundances: Both | None = None,
) -> tuple[SliceGain, ...]:
    """Return what changed on each slice that has `config.min_slice` problems or more; by name.

    A slice that holds all problems says nothing more than the whole, and is left out. Each interval is as it is:
    of twenty slices at a confidence of 0.95 one seems to change by chance.

    Args:
        before: score of the start.
        after: score of the aligned model.
        slices: see `find_slices`.
        config: resamples, confidence and the least number of problems.
        seed: of the bootstrap.
        abundances: see `compare_scores`.
    """
    both = {part.problem_id for part in before.problems} & {part.problem_id for part in after.problems}
    settings = config.model_copy(update={"k": (1,)})
    found = []
    for name, ids in sorted(slices.items()):
        wanted = both & set(ids)
        if len(wanted) < config.min_slice or len(wanted) == len(both):
            continue
        gains = compare_scores(_part(before, wanted), _part(after, wanted), settings, seed, abundances)
        found.append(SliceGain(name, len(wanted), tuple(gain for gain in gains if gain.measure in _MEASURES)))
    return tuple(found)


def pass_gains(slices: Iterable[SliceGain]) -> dict[str, Gain]:
    """Return the gain of pass@1 of each slice, by its name."""
    return {part.name: gain for part in slices for gain in part.gains if gain.measure == "pass@1"}


def _part(score: Score, ids: set[str]) -> Score:
    parts = [replace(part, values={}, tags={}) for part in score.problems if part.problem_id in ids]
    return replace(score, problems=tuple(parts))


def _features(problem: Problem, passed: Sequence[Program]) -> Features | None:
    if problem.reference:
        return _features_of(problem.reference, problem.language)
    if not passed:
        return None
    each = [_features_of(program.code, problem.language) for program in passed]
    return Features(
        _in_half([features.modules for features in each]),
        _in_half([features.tags for features in each]),
    )


def _features_of(code: str, language: str) -> Features:
    _, facts = parse_facts(to_source(code), language)
    if facts is None:
        return Features(frozenset(), frozenset())
    modules = frozenset(row.module.decode(errors="replace") for row in facts.imports)
    facts.release()
    return Features(modules, frozenset(analyse(code, language).tags))


def _in_half(names: Sequence[frozenset[str]]) -> frozenset[str]:
    counts = Counter(name for part in names for name in part)
    return frozenset(name for name, n in counts.items() if 2 * n >= len(names))
