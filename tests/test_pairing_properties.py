"""No table of candidates breaks a guard, whatever the policies; and the order of rows doesn't matter."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.entries import TRIVIAL
from pairsmith.pipeline.pairing.policies import POLICIES
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.schemas.config.pairs import PairsConfig, PolicyConfig
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.verdict import (
    CandidateCrosscheck,
    Cause,
    CrosscheckResult,
    Label,
    ProblemCrosscheck,
)
from tests.pairing_records import Judged, Made, judged, pair_up, problem

pytestmark = pytest.mark.slow

PASSED, FAILED, UNDECIDED = Label.PASSED, Label.FAILED, Label.UNDECIDED
LABELS = st.sampled_from([PASSED, PASSED, PASSED, FAILED, FAILED, FAILED, UNDECIDED])
FAILURES = st.sampled_from([cause for cause in Cause if cause])
CHAT, FILES = ("chat", "transformers"), ("continuation", "files")
DOUBTED = (CrosscheckResult.DOUBTFUL, CrosscheckResult.OUTVOTED, CrosscheckResult.REFUTED)
Table = tuple[list[Problem], list[Judged], list[CandidateCrosscheck], list[ProblemCrosscheck]]


def mostly(plain: Any, *odd: Any) -> st.SearchStrategy[Any]:
    """Give the plain value nine times in ten or more often, so that tables hold pairs and faults."""
    return st.sampled_from([plain] * (9 * len(odd)) + list(odd))


@st.composite
def judged_rows(draw: st.DrawFn, index: int, problem_ids: Sequence[str]) -> Judged:
    label = draw(LABELS)
    template, backend = draw(mostly(CHAT, FILES))
    changes: dict[str, Any] = {
        "problem_id": draw(st.sampled_from([*list(problem_ids) * 9, "p/unknown"])),
        "cause": draw(FAILURES) if label is FAILED else Cause.NONE,
        "signature": draw(st.sampled_from(["", "a", "b", "c"])),
        "template": template,
        "backend": backend,
        "index": index // 3,
        "n_passed": draw(st.integers(0, 4)) if label is FAILED else 4,
        "cluster": draw(mostly(str(index), "", "x")),
        "duplicate_of": draw(mostly("", "0")),
        "exact": draw(mostly(f"e{index}", "", "e")),
        "renamed": draw(mostly(f"r{index}", "", "r", "s")),
        "tags": draw(st.sampled_from([(), ("docstring",), ("docstring", "long_line"), ("long_line",)])),
        "quality_readability": draw(st.sampled_from([None, 0.2, 0.7, 0.8])),
        "n_tokens": draw(st.integers(1, 40)),
        "mean_logprob": draw(st.sampled_from([None, -0.1, -0.2, -2.0])),
    }
    if (completion := draw(mostly(None, "", " ", "same", "same\n", "x" * 400))) is not None:
        changes["completion"] = completion
    return judged(str(index), label, **changes)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    problems = [
        problem(f"p/{index}", judged_by=draw(mostly(JudgedBy.CASES, JudgedBy.TESTER)))
        for index in range(draw(st.integers(1, 2)))
    ]
    ids = [one.problem_id for one in problems]
    rows = [draw(judged_rows(index, ids)) for index in range(draw(st.sampled_from([0, 8, 24])))]
    standings = []
    for row in rows:
        key = (row.candidate.candidate_id, row.candidate.problem_id)
        if (standing := draw(mostly(None, *CrosscheckResult))) is not None:
            standings.append(
                CandidateCrosscheck(*key, standing, "consensus", 3, 2, draw(st.sampled_from("gh")), 0.5)
            )
    weak = [ProblemCrosscheck(key, 3, 3, "consensus", 2, 2, 0.5, draw(st.booleans()), (), 0, 0) for key in ids]
    return problems, rows, standings, weak


@st.composite
def policies(draw: st.DrawFn) -> PolicyConfig:
    name = draw(st.sampled_from(sorted(POLICIES)))
    return PolicyConfig(
        name=name,
        weight=draw(st.sampled_from([0.5, 1.0, 3.0])),
        reach=draw(st.sampled_from([2, 16, 16])),
        min_gap=draw(st.sampled_from([0.0, 0.25, 0.5])),
        n=draw(st.sampled_from([2, 5])),
        dimensions=draw(st.sampled_from([(), ("readability",)])),
    )


CONFIGS = st.builds(
    PairsConfig,
    policies=st.lists(policies(), min_size=1, max_size=3).map(tuple),
    max_per_problem=st.integers(1, 9),
    max_per_candidate=st.integers(1, 4),
    max_per_approach=st.sampled_from([None, 1, 2]),
    test_share=st.sampled_from([0.0, 0.5, 1.0]),
    near_problems=st.sampled_from([None, 0.7]),
    max_trivial_share=st.floats(0, 1),
    max_length_ratio=st.sampled_from([None, 1.5, 8.0]),
)


def run(table: Table, config: PairsConfig, seed: int = 0) -> Made:
    problems, rows, standings, weak = table
    return pair_up(rows, config, problems, seed, standings, weak)


@pytest.mark.nightly
@settings(deadline=None, max_examples=300)
@given(tables(), CONFIGS, st.integers(-5, 5))
def test_no_table_breaks_a_guard(table: Table, config: PairsConfig, seed: int) -> None:
    made = run(table, config, seed)
    assert len({pair.pair_id for pair in made.pairs}) == len(made.pairs)
    assert list(made.pairs) == sorted(made.pairs, key=lambda pair: (pair.split, pair.pair_id))
    seen: set[frozenset[str]] = set()
    for pair in made.pairs:
        check_pair(pair, table, config)
        two = frozenset({pair.chosen_id, pair.rejected_id})
        assert two not in seen, "no two candidates make two pairs, in whatever order"
        seen.add(two)
    check_caps(made, config)


def check_pair(pair: Pair, table: Table, config: PairsConfig) -> None:
    problems, rows, standings, _ = table
    by_id = {row.candidate.candidate_id: row for row in rows}
    chosen, rejected = by_id[pair.chosen_id], by_id[pair.rejected_id]
    standing = {row.candidate_id: row.standing for row in standings}
    assert chosen.verdict.problem_id == rejected.verdict.problem_id == pair.problem_id
    assert pair.split == split_of(pair.problem_id, config.test_share)
    assert pair.chosen[0].content.strip()
    assert pair.rejected[0].content.strip()
    assert pair.chosen[0].content != pair.rejected[0].content
    lengths = sorted(len(answer[0].content) for answer in (pair.chosen, pair.rejected))
    assert config.max_length_ratio is None or lengths[1] <= config.max_length_ratio * lengths[0]
    assert {chosen.verdict.label, rejected.verdict.label} <= {PASSED, FAILED}
    for row, key in ((chosen, pair.chosen_id), (rejected, pair.rejected_id)):
        assert row.verdict.label is FAILED or standing.get(key) not in DOUBTED
    if rejected.verdict.cause is not Cause.NO_CODE and chosen.verdict.cause is not Cause.NO_CODE:
        for one, other in zip(fingerprints(chosen), fingerprints(rejected), strict=True):
            assert one != other or not one
    check_policy(pair, chosen, rejected, config)
    assert problems


def check_policy(
    pair: Pair,
    chosen: Judged,
    rejected: Judged,
    config: PairsConfig,
) -> None:
    one, other = (row.verdict.label is PASSED for row in (chosen, rejected))
    made_by = [policy for policy in config.policies if policy.name == pair.policy]
    if pair.policy in ("passed_over_failed", "nearest_wrong", "likeliest_wrong"):
        assert (one, other) == (True, False)
    elif pair.policy == "cleaner":
        assert one
        assert other
        assert any(is_cleaner(chosen, rejected, policy) for policy in made_by)
    elif pair.policy == "best_of_n":
        assert (one, pair.chosen_share) > (other, pair.rejected_share) or pair.chosen_share > pair.rejected_share
        blocks = {(chosen.candidate.index // policy.n, rejected.candidate.index // policy.n) for policy in made_by}
        assert any(left == right for left, right in blocks)
        assert pair.n_compared is not None
        assert pair.n_compared >= 2
    else:
        gap = min(policy.min_gap for policy in made_by) if pair.policy == "partial_credit" else 0.0
        assert pair.chosen_share > pair.rejected_share
        assert pair.chosen_share - pair.rejected_share >= gap - 1e-6


def is_cleaner(chosen: Judged, rejected: Judged, policy: PolicyConfig) -> bool:
    if policy.dimensions:
        one, other = chosen.syntax.quality_readability, rejected.syntax.quality_readability
        return one is not None and other is not None and one - other >= policy.min_quality
    better = ("docstring" in chosen_tags(chosen)) - ("docstring" in chosen_tags(rejected))
    worse = ("long_line" in chosen_tags(chosen)) - ("long_line" in chosen_tags(rejected))
    return better >= 0 >= worse and (better, worse) != (0, 0)


def check_caps(made: Made, config: PairsConfig) -> None:
    of_problem = Counter(pair.problem_id for pair in made.pairs)
    of_candidate = Counter(key for pair in made.pairs for key in (pair.chosen_id, pair.rejected_id))
    assert max(of_problem.values(), default=0) <= config.max_per_problem
    assert max(of_candidate.values(), default=0) <= config.max_per_candidate
    if config.max_per_approach is not None:
        entries = {row["candidate_id"]: row["approach"] for row in made.whole.entries.iter_rows(named=True)}
        of_approach = Counter((pair.problem_id, entries[pair.chosen_id]) for pair in made.pairs)
        assert max(of_approach.values(), default=0) <= config.max_per_approach
    for split in ("train", "test"):
        pairs = [pair for pair in made.pairs if pair.split == split]
        if not pairs:
            continue
        assert sum(pair.rejected_cause in TRIVIAL for pair in pairs) / len(pairs) <= config.max_trivial_share


@settings(deadline=None, max_examples=60)
@given(tables(), CONFIGS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table: Table, config: PairsConfig, shuffler: random.Random) -> None:
    made = run(table, config)
    shuffled = tuple(shuffler.sample(part, len(part)) for part in table)
    again = run(shuffled, config)  # type: ignore[arg-type]
    assert (again.pairs, again.dropped) == (made.pairs, made.dropped)


@settings(deadline=None, max_examples=100)
@given(tables(), CONFIGS)
def test_every_candidate_and_every_possible_pair_is_accounted_for(table: Table, config: PairsConfig) -> None:
    made = run(table, config.model_copy(update={"policies": (PolicyConfig(),)}))
    entries = made.whole.entries
    kept = entries.filter(entries["reason"].is_null() & ~entries["is_repeat"])
    n_possible = 0
    closed = entries.filter(entries["problem_reason"].is_not_null())["problem_id"].unique().to_list()
    for _, part in kept.group_by("problem_id"):
        if part["problem_id"][0] not in closed:
            n_passed = int(part["passed"].sum())
            n_possible += n_passed * (part.height - n_passed)
    counts = Counter({"candidate": kept.height, "pair": len(made.pairs)})
    for reason, count in made.dropped.items():
        counts[reason.unit] += count
    assert (counts["candidate"], counts["pair"]) == (len(table[1]), n_possible)
    assert counts["problem"] <= len(table[0])
    assert (
        Drop.BEYOND_REACH not in made.dropped or max(part.height for _, part in kept.group_by("problem_id")) > 16
    )


def fingerprints(row: Judged) -> tuple[str, str]:
    return row.syntax.exact, row.syntax.renamed


def chosen_tags(row: Judged) -> tuple[str, ...]:
    return row.syntax.tags
