import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.pairing import Drop, PairingError, PairingResult, make_pairs, split_of
from pipeline.pairing.entries import TRIVIAL, Entry, join_entry
from pipeline.pairing.guards import guard_entries, pair_fault
from schemas.config import PairsConfig
from schemas.problem import JudgedBy, Problem
from schemas.verdict import Cause, Label
from tests.pairing_records import Judged, judged, problem

PASSED, FAILED, UNDECIDED = Label.PASSED, Label.FAILED, Label.UNDECIDED
ALL_TRAIN = PairsConfig(test_share=0.0, max_trivial_share=1.0, max_per_candidate=8)


def pair_up(
    rows: Sequence[Judged],
    config: PairsConfig = ALL_TRAIN,
    problems: Sequence[Problem] = (problem(),),
    seed: int = 0,
) -> PairingResult:
    return make_pairs(
        problems,
        [row.candidate for row in rows],
        [row.program for row in rows],
        [row.verdict for row in rows],
        [row.syntax for row in rows],
        config,
        seed,
    )


def test_a_pair_holds_what_its_candidates_held() -> None:
    good = judged("1", mean_logprob=-0.1, model="one")
    bad = judged("2", FAILED, cause=Cause.EXCEPTION, detail="KeyError", tags=(), n_lines=7, model="two")
    unclear = judged("3", UNDECIDED, cause=Cause.SANDBOX_FAULT)
    (pair,) = pair_up([good, bad, unclear]).pairs
    assert [(message.role, message.content) for message in pair.prompt] == [("user", "Write f.")]
    assert [(message.role, message.content) for message in pair.chosen] == [
        ("assistant", good.candidate.completion.rstrip())
    ]
    assert [(message.role, message.content) for message in pair.rejected] == [
        ("assistant", bad.candidate.completion.rstrip())
    ]
    assert (pair.split, pair.policy, pair.source, pair.level, pair.topic) == (
        "train", "passed_over_failed", "starter", "easy", "strings",
    )  # fmt: skip
    assert (pair.chosen_id, pair.chosen_code, pair.chosen_model) == ("1", good.program.code, "one")
    assert (pair.rejected_id, pair.rejected_code, pair.rejected_model) == ("2", bad.program.code, "two")
    assert (pair.rejected_cause, pair.rejected_detail) == ("exception", "KeyError")
    assert (pair.rejected_share, pair.n_cases, pair.pass_rate) == (0.25, 4, 0.5)
    assert (pair.chosen_tags, pair.rejected_tags) == ("early_return loop", "")
    assert (pair.chosen_n_lines, pair.rejected_n_lines) == (2, 7)
    assert (pair.chosen_logprob, pair.rejected_logprob) == (-0.1, -0.5)
    assert len(pair.pair_id) == 32
    assert int(pair.pair_id, 16) >= 0


@pytest.mark.parametrize(
    ("rows", "dropped"),
    [
        ([], {Drop.NO_DECIDED: 1}),
        ([judged("1", UNDECIDED)], {Drop.NO_DECIDED: 1, Drop.UNDECIDED: 1}),
        ([judged("1"), judged("2")], {Drop.ALL_PASSED: 1}),
        ([judged("1", FAILED), judged("2", UNDECIDED)], {Drop.ALL_FAILED: 1, Drop.UNDECIDED: 1}),
        ([judged("1", problem_id="p/2")], {Drop.UNKNOWN_PROBLEM: 1, Drop.NO_DECIDED: 1}),
        (
            [judged("1", renamed="r"), judged("2", FAILED, renamed="r")],
            {Drop.LABEL_CONFLICT: 2, Drop.ONE_SIDE_LEFT: 1},
        ),
        (
            [judged("1"), judged("2", FAILED, completion=" \n")],
            {Drop.EMPTY_ANSWER: 1, Drop.ONE_SIDE_LEFT: 1},
        ),
        ([judged("1"), judged("2", FAILED, n_passed=4)], {Drop.TIE: 1, Drop.ONE_SIDE_LEFT: 1}),
        (
            [judged("1", completion="see f"), judged("2", FAILED, completion="see f \n")],
            {Drop.SAME_TEXT: 1},
        ),
        ([judged("1"), judged("2", FAILED, prompt="Write g.")], {Drop.DIFFERENT_PROMPT: 1}),
        (
            # Asked the same, but one would answer in its own words and the other in a fenced block.
            [judged("1"), judged("2", FAILED, backend="files")],
            {Drop.DIFFERENT_PROMPT: 1},
        ),
        (
            [judged("1", exact="e", renamed="r"), judged("2", FAILED, exact="e", renamed="s")],
            {Drop.SAME_FINGERPRINT: 1},
        ),
    ],
)
def test_what_makes_no_pair_is_counted_by_reason(rows: list[Judged], dropped: dict[Drop, int]) -> None:
    assert pair_up(rows) == PairingResult((), dropped)


def test_a_program_that_passed_and_failed_is_on_neither_side() -> None:
    flaky = [judged("1", renamed="r"), judged("2", FAILED, renamed="r"), judged("3", renamed="r")]
    made = pair_up([*flaky, judged("4"), judged("5", FAILED)])
    assert [(pair.chosen_id, pair.rejected_id) for pair in made.pairs] == [("4", "5")]
    assert made.dropped == {Drop.LABEL_CONFLICT: 3}
    assert made.pairs[0].pass_rate == 3 / 5  # of what was drawn, not of what was kept


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"exact": "e"}, Drop.SAME_FINGERPRINT),
        ({"renamed": "r"}, Drop.SAME_FINGERPRINT),
        ({"exact": "", "renamed": ""}, None),  # no fingerprint is no equal fingerprint
    ],
)
def test_a_pair_of_equal_programs_is_refused_whatever_the_labels(
    changes: dict[str, Any], fault: Drop | None
) -> None:
    entries = _join(problem(), [judged("1", **changes), judged("2", **changes)])
    one, other = (entry for entry in entries if isinstance(entry, Entry))
    assert pair_fault(one, other) is fault


def test_duplicates_go_first_and_near_ones_stay() -> None:
    rows = [
        judged("1", cluster="1"),
        judged("2", cluster="1"),
        judged("3", FAILED, cluster="1"),
        judged("4", FAILED, renamed="r", duplicate_of="5", duplicate_rule="renamed"),
        judged("5", FAILED, renamed="r"),
    ]
    made = pair_up(rows)
    ids = {(pair.chosen_id, pair.rejected_id) for pair in made.pairs}
    # Of equal programs the representative stays, not the smaller id.
    assert ids == {("1", "3"), ("1", "5"), ("2", "3"), ("2", "5")}
    assert made.dropped == {Drop.DUPLICATE: 1}


def test_answers_without_code_need_no_syntax_and_count_as_one() -> None:
    texts = [judged(name, FAILED, cause=Cause.NO_CODE, completion=f"I am {name}") for name in "23"]
    rows = [judged("1"), *texts]
    made = make_pairs(
        [problem()],
        [row.candidate for row in rows],
        [row.program for row in rows],
        [row.verdict for row in rows],
        [rows[0].syntax],
        ALL_TRAIN,
        seed=0,
    )
    assert [(pair.rejected_cause, pair.rejected_tags) for pair in made.pairs] == [("no_code", "")]
    assert made.dropped == {Drop.DUPLICATE: 1}


@pytest.mark.parametrize("missing", ["program", "verdict", "syntax"])
def test_a_candidate_that_a_table_lacks_is_counted(missing: str) -> None:
    rows = [judged("1"), judged("2", FAILED), judged("3")]
    tables = {kind: [getattr(row, kind) for row in rows] for kind in ("program", "verdict", "syntax")}
    tables[missing] = tables[missing][:2]
    candidates = [row.candidate for row in rows]
    programs, verdicts, syntax = tables.values()
    made = make_pairs([problem()], candidates, programs, verdicts, syntax, ALL_TRAIN, 0)
    assert (len(made.pairs), made.dropped) == (1, {Drop.INCOMPLETE: 1})


def test_a_tester_says_only_yes_or_no() -> None:
    rows = [judged("1"), judged("2", FAILED, cause=Cause.TEST_FAILED, n_passed=4)]
    (pair,) = pair_up(rows, problems=[problem(judged_by=JudgedBy.TESTER)]).pairs
    assert pair.rejected_share == 0.0


def test_rejects_are_taken_round_robin_over_behaviours_and_trivial_ones_last() -> None:
    rows = [judged("0"), judged("1"), judged("2")]
    rows += [judged(f"w{index}", FAILED, signature="same mistake") for index in range(10)]
    rows += [judged(f"e{index}", FAILED, signature="", cause=Cause.TIMEOUT) for index in range(5)]
    rows += [judged("other", FAILED), judged("broken", FAILED, cause=Cause.SYNTAX_ERROR)]
    config = ALL_TRAIN.model_copy(update={"max_per_problem": 3, "max_per_candidate": 1})
    for seed in range(20):
        pairs = pair_up(rows, config, seed=seed).pairs
        assert sorted(pair.rejected_id[0] for pair in pairs) == ["e", "o", "w"]
        assert sorted(pair.chosen_id for pair in pairs) == ["0", "1", "2"]


def test_of_unused_behaviours_the_least_used_cause_is_taken() -> None:
    rows = [judged(str(index)) for index in range(9)]
    rows += [judged(f"w{index}", FAILED) for index in range(30)]
    rows += [judged(f"e{index}", FAILED, cause=Cause.EXCEPTION) for index in range(2)]
    config = ALL_TRAIN.model_copy(update={"max_per_problem": 4, "max_per_candidate": 1})
    for seed in range(20):
        taken = Counter(pair.rejected_cause for pair in pair_up(rows, config, seed=seed).pairs)
        assert taken == {"wrong_value": 2, "exception": 2}


def test_a_rare_approach_is_chosen_as_often_as_a_common_one() -> None:
    rows = [judged(f"c{index}", cluster="common") for index in range(8)] + [judged("rare")]
    rows += [judged(f"w{index}", FAILED) for index in range(9)]
    config = ALL_TRAIN.model_copy(update={"max_per_problem": 6})
    for seed in range(10):
        taken = Counter(pair.chosen_id for pair in pair_up(rows, config, seed=seed).pairs)
        assert taken.pop("rare") == 3
        assert sorted(taken.values()) == [1, 1, 1]


def test_neither_order_nor_length_decides_which_are_taken() -> None:
    rows = [judged("1")] + [judged(f"w{index}", FAILED, code="x" * index) for index in range(1, 9)]
    config = ALL_TRAIN.model_copy(update={"max_per_problem": 1})
    taken = Counter(pair_up(rows, config, seed=seed).pairs[0].rejected_id for seed in range(400))
    # Each of 8 in 50 of 400 seeds; six standard deviations are 40.
    assert len(taken) == 8
    assert max(taken.values()) < 90


def test_trivial_rejects_are_capped_over_all_problems_in_rounds() -> None:
    problems = [problem(f"p/{index}") for index in range(10)]
    rows = []
    for index, one in enumerate(problems):
        rows += [judged(f"{index}good", problem_id=one.problem_id)]
        rows += [judged(f"{index}bad", FAILED, problem_id=one.problem_id)] if index >= 2 else []
        causes = sorted(TRIVIAL)[: 3 if index < 2 else 1]
        rows += [judged(f"{index}{cause}", FAILED, problem_id=one.problem_id, cause=cause) for cause in causes]
    made = pair_up(rows, ALL_TRAIN.model_copy(update={"max_trivial_share": 0.5}), problems)
    trivial = [pair for pair in made.pairs if pair.rejected_cause in TRIVIAL]
    assert (len(made.pairs), len(trivial)) == (16, 8)
    assert len({pair.problem_id for pair in trivial}) == 8
    assert made.dropped == {Drop.OVER_TRIVIAL_SHARE: 6}


@pytest.mark.parametrize(("share", "n_trivial"), [(0.0, 0), (0.2, 1), (0.3, 1), (0.5, 4), (1.0, 6)])
def test_the_trivial_share_is_met_to_the_last_pair(share: float, n_trivial: int) -> None:
    rows = [judged("1")] + [judged(f"w{index}", FAILED) for index in range(4)]
    rows += [judged(f"t{index}", FAILED, cause=Cause.SYNTAX_ERROR) for index in range(6)]
    config = ALL_TRAIN.model_copy(
        update={"max_trivial_share": share, "max_per_problem": 20, "max_per_candidate": 20}
    )
    pairs = pair_up(rows, config).pairs
    assert sum(pair.rejected_cause in TRIVIAL for pair in pairs) == n_trivial


def test_the_trivial_cap_is_met_where_floats_round_down() -> None:
    # 0.6 * 2 / 0.4 is 2.9999999999999996, yet 3 of 5 are exactly 0.6 of them.
    rows = [judged("1")] + [judged(f"w{index}", FAILED) for index in range(2)]
    rows += [judged(f"t{index}", FAILED, cause=Cause.SYNTAX_ERROR) for index in range(4)]
    pairs = pair_up(rows, ALL_TRAIN.model_copy(update={"max_trivial_share": 0.6})).pairs
    assert sum(pair.rejected_cause in TRIVIAL for pair in pairs) == 3


@pytest.mark.parametrize("kind", ["problem", "candidate", "verdict", "moved"])
def test_tables_that_do_not_belong_together_are_refused(kind: str) -> None:
    one = judged("1")
    problems, candidates, verdicts = [problem()], [one.candidate], [one.verdict]
    if kind == "problem":
        problems.append(problem(prompt="another"))
    elif kind == "candidate":
        candidates.append(replace(one.candidate, index=1))
    elif kind == "verdict":
        verdicts.append(replace(one.verdict, label=FAILED))
    else:
        verdicts = [replace(one.verdict, problem_id="p/2")]
    with pytest.raises(PairingError, match=r"p/1|candidate 1"):
        make_pairs(problems, candidates, [one.program], verdicts, [one.syntax], ALL_TRAIN, 0)


def test_growth_changes_no_split_and_no_pair_of_another_problem() -> None:
    problems = [problem(f"p/{index}") for index in range(30)]
    rows = []
    for one in problems:
        key = one.problem_id
        rows += [judged(f"{key}+{index}", problem_id=key) for index in range(3)]
        rows += [judged(f"{key}-{index}", FAILED, problem_id=key) for index in range(3)]
    config = PairsConfig(max_per_problem=2)
    small = pair_up([row for row in rows if row.candidate.problem_id < "p/2"], config, problems[:10])
    large = pair_up(rows, config, problems)
    assert len({pair.split for pair in large.pairs}) == 2
    assert {pair for pair in small.pairs if pair.problem_id < "p/2"} <= set(large.pairs)


# From here on: no table of candidates breaks a guard.

LABELS = st.sampled_from([PASSED, PASSED, PASSED, FAILED, FAILED, FAILED, UNDECIDED])
FAILURES = st.sampled_from([cause for cause in Cause if cause])
CHAT, FILES = ("chat", "transformers"), ("continuation", "files")


def mostly(plain: Any, *odd: Any) -> st.SearchStrategy[Any]:
    """Give the plain value three times in four or more often, so that tables hold pairs and faults."""
    return st.sampled_from([plain] * (3 * len(odd)) + list(odd))


@st.composite
def judged_rows(draw: st.DrawFn, index: int, problem_ids: Sequence[str]) -> Judged:
    label = draw(LABELS)
    template, backend = draw(mostly(CHAT, FILES))
    changes: dict[str, Any] = {
        "problem_id": draw(st.sampled_from([*problem_ids, *problem_ids, "p/unknown"])),
        "cause": draw(FAILURES) if label is FAILED else Cause.NONE,
        "signature": draw(st.sampled_from(["", "a", "b", "c"])),
        "template": template,
        "backend": backend,
        "n_passed": draw(mostly(1, 0, 4)),
        "cluster": draw(mostly(str(index), "", "x")),
        "duplicate_of": draw(mostly("", "0")),
        "exact": draw(mostly(f"e{index}", "", "e")),
        "renamed": draw(mostly(f"r{index}", "", "r", "s")),
    }
    if (completion := draw(mostly(None, "", " ", "same", "same\n"))) is not None:
        changes["completion"] = completion
    return judged(str(index), label, **changes)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Problem], list[Judged]]:
    problems = [
        problem(f"p/{index}", judged_by=draw(mostly(JudgedBy.CASES, JudgedBy.TESTER)))
        for index in range(draw(st.integers(1, 3)))
    ]
    ids = [one.problem_id for one in problems]
    n_rows = draw(st.sampled_from([0, 4, 12, 24]))
    return problems, [draw(judged_rows(index, ids)) for index in range(n_rows)]


CONFIGS = st.builds(
    PairsConfig,
    max_per_problem=st.integers(1, 9),
    max_per_candidate=st.integers(1, 4),
    test_share=st.sampled_from([0.0, 0.5, 1.0]),
    max_trivial_share=st.floats(0, 1),
)


@settings(deadline=None, max_examples=300)
@given(tables(), CONFIGS, st.integers(-5, 5))
def test_no_table_breaks_a_guard(
    table: tuple[list[Problem], list[Judged]], config: PairsConfig, seed: int
) -> None:
    problems, rows = table
    made = pair_up(rows, config, problems, seed)
    by_id = {row.candidate.candidate_id: row for row in rows}
    for pair in made.pairs:
        chosen, rejected = by_id[pair.chosen_id], by_id[pair.rejected_id]
        assert (chosen.verdict.label, rejected.verdict.label) == (PASSED, FAILED)
        assert chosen.verdict.problem_id == rejected.verdict.problem_id == pair.problem_id
        assert 0.0 <= pair.rejected_share < 1.0
        assert 0.0 < pair.pass_rate < 1.0
        assert pair.chosen[0].content != pair.rejected[0].content
        assert pair.chosen[0].content.strip()
        assert pair.rejected[0].content.strip()
        assert pair.split == split_of(pair.problem_id, config.test_share)
        if rejected.verdict.cause is not Cause.NO_CODE:
            for one, other in zip(_fingerprints(chosen), _fingerprints(rejected), strict=True):
                assert one != other or not one
    assert len({pair.pair_id for pair in made.pairs}) == len(made.pairs)
    assert list(made.pairs) == sorted(made.pairs, key=lambda pair: (pair.split, pair.pair_id))
    of_problem = Counter(pair.problem_id for pair in made.pairs)
    of_candidate = Counter(key for pair in made.pairs for key in (pair.chosen_id, pair.rejected_id))
    assert max(of_problem.values(), default=0) <= config.max_per_problem
    assert max(of_candidate.values(), default=0) <= config.max_per_candidate
    for split in ("train", "test"):
        causes = [pair.rejected_cause for pair in made.pairs if pair.split == split]
        if causes:
            assert sum(cause in TRIVIAL for cause in causes) / len(causes) <= config.max_trivial_share


@settings(deadline=None)
@given(tables(), CONFIGS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    table: tuple[list[Problem], list[Judged]], config: PairsConfig, shuffler: random.Random
) -> None:
    problems, rows = table
    made = pair_up(rows, config, problems)
    columns: list[list[Any]] = [problems] + [
        [getattr(row, kind) for row in rows] for kind in ("candidate", "program", "verdict", "syntax")
    ]
    for column in columns:
        shuffler.shuffle(column)
    problems, candidates, programs, verdicts, syntax = columns
    assert make_pairs(problems, candidates, programs, verdicts, syntax, config, 0) == made


@settings(deadline=None)
@given(tables(), CONFIGS)
def test_every_candidate_and_every_possible_pair_is_accounted_for(
    table: tuple[list[Problem], list[Judged]], config: PairsConfig
) -> None:
    problems, rows = table
    made = pair_up(rows, config, problems)
    n_candidates, n_possible = 0, 0
    for one in problems:
        entries = [entry for entry in _join(one, rows) if isinstance(entry, Entry)]
        if len({entry.passed for entry in entries}) < 2:
            n_candidates += len(entries)  # the problem is what is counted
            continue
        kept, _ = guard_entries(entries)
        n_passed = sum(entry.passed for entry in kept)
        n_candidates += len(kept)
        n_possible += n_passed * (len(kept) - n_passed)
    of_unit = Counter({"candidate": n_candidates, "pair": len(made.pairs)})
    for reason, count in made.dropped.items():
        of_unit[reason.unit] += count
    assert (of_unit["candidate"], of_unit["pair"]) == (len(rows), n_possible)
    assert of_unit["problem"] <= len(problems)


def _join(one: Problem, rows: Sequence[Judged]) -> list[Entry | Drop]:
    tables = [
        {row.candidate.candidate_id: getattr(row, kind) for row in rows}
        for kind in ("program", "verdict", "syntax")
    ]
    return [
        join_entry(one, row.candidate, tables[0], tables[1], tables[2])
        for row in rows
        if row.candidate.problem_id == one.problem_id
    ]


def _fingerprints(row: Judged) -> tuple[str, str]:
    return row.syntax.exact, row.syntax.renamed
