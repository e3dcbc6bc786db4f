from collections import Counter
from dataclasses import replace

import pytest

from pairsmith.pipeline.pairing.drops import Drop, PairingError
from pairsmith.pipeline.pairing.entries import TRIVIAL
from pairsmith.pipeline.pairing.pairs import make_pairs
from pairsmith.pipeline.pairing.tables import tables_of_records
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.problem import JudgedBy
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import Judged, judged, pair_up, problem

PASSED, FAILED, UNDECIDED = Label.PASSED, Label.FAILED, Label.UNDECIDED
ALL_TRAIN = PairsConfig(test_share=0.0, max_trivial_share=1.0, max_per_candidate=8, max_length_ratio=None)


def test_a_pair_holds_what_its_candidates_held() -> None:
    good = judged("1", mean_logprob=-0.1, model="one")
    bad = judged("2", FAILED, cause=Cause.EXCEPTION, detail="KeyError", tags=(), n_lines=7, model="two")
    unclear = judged("3", UNDECIDED, cause=Cause.SANDBOX_FAULT)
    (pair,) = pair_up([good, bad, unclear], ALL_TRAIN).pairs
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
    made = pair_up(rows, ALL_TRAIN)
    assert (made.pairs, made.dropped) == ((), dropped)


def test_a_program_that_passed_and_failed_is_on_neither_side() -> None:
    flaky = [judged("1", renamed="r"), judged("2", FAILED, renamed="r"), judged("3", renamed="r")]
    made = pair_up([*flaky, judged("4"), judged("5", FAILED)], ALL_TRAIN)
    assert [(pair.chosen_id, pair.rejected_id) for pair in made.pairs] == [("4", "5")]
    assert made.dropped == {Drop.LABEL_CONFLICT: 3}
    assert made.pairs[0].pass_rate == 3 / 5  # of what was drawn, not of what was kept


def test_duplicates_go_first_and_near_ones_stay() -> None:
    rows = [
        judged("1", cluster="1"),
        judged("2", cluster="1"),
        judged("3", FAILED, cluster="1"),
        judged("4", FAILED, renamed="r", duplicate_of="5", duplicate_rule="renamed"),
        judged("5", FAILED, renamed="r"),
    ]
    made = pair_up(rows, ALL_TRAIN)
    ids = {(pair.chosen_id, pair.rejected_id) for pair in made.pairs}
    # Of equal programs the representative stays, not the smaller id.
    assert ids == {("1", "3"), ("1", "5"), ("2", "3"), ("2", "5")}
    assert made.dropped == {Drop.DUPLICATE: 1}


def test_answers_without_code_need_no_syntax_and_count_as_one() -> None:
    texts = [judged(name, FAILED, cause=Cause.NO_CODE, completion=f"I am {name}") for name in "23"]
    made = pair_up([judged("1"), *texts], ALL_TRAIN, without_syntax={"2", "3"})
    assert [(pair.rejected_cause, pair.rejected_tags) for pair in made.pairs] == [("no_code", "")]
    assert made.dropped == {Drop.DUPLICATE: 1}


@pytest.mark.parametrize("missing", ["program", "verdict", "syntax"])
def test_a_candidate_that_a_table_lacks_is_counted(missing: str) -> None:
    rows = [judged("1"), judged("2", FAILED), judged("3")]
    tables = {kind: [getattr(row, kind) for row in rows] for kind in ("program", "verdict", "syntax")}
    tables[missing] = tables[missing][:2]
    candidates = [row.candidate for row in rows]
    programs, verdicts, syntax = tables.values()
    made = make_pairs(
        tables_of_records(
            problems=[problem()], candidates=candidates, programs=programs, verdicts=verdicts, syntax=syntax
        ),
        ALL_TRAIN,
        0,
    )
    assert (made.pairs.height, made.dropped) == (1, {Drop.INCOMPLETE: 1})


def test_a_tester_says_only_yes_or_no() -> None:
    rows = [judged("1"), judged("2", FAILED, cause=Cause.TEST_FAILED, n_passed=4)]
    (pair,) = pair_up(rows, ALL_TRAIN, [problem(judged_by=JudgedBy.TESTER)]).pairs
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


@pytest.mark.nightly
@pytest.mark.slow
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
        causes = sorted(map(Cause, TRIVIAL))[: 3 if index < 2 else 1]
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
        make_pairs(
            tables_of_records(
                problems=problems,
                candidates=candidates,
                programs=[one.program],
                verdicts=verdicts,
                syntax=[one.syntax],
            ),
            ALL_TRAIN,
            0,
        )


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
