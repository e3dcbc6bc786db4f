import pytest

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN
from pairsmith.pipeline.crosscheck.vote import (
    Consensus,
    Question,
    Voter,
    disagreements,
    find_consensus,
    weigh_voters,
)

INSIDE, OUTSIDE, BIG = Question("[1]", True, True), Question("[1]", False, True), Question("[1]", True, False)
REFUSABLE = Question("[1]", True, True, may_be_refused=True)
LARGE = Question("[1]", True, True, is_large=True)


def voters(*answers: str) -> list[Voter]:
    """Return programs that are nothing like each other, with one answer each."""
    return [Voter(str(place), str(place), (answer,)) for place, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("answers", "question", "consensus"),
    [
        ("aaab", INSIDE, Consensus("a", 0.75)),
        ("aabb", INSIDE, None),  # nobody knows
        ("aab", OUTSIDE, None),  # two of three are too few where right ones may differ
        ("aaaaaaaaab", OUTSIDE, Consensus("a", 0.9)),
        ("ab", INSIDE, None),
        ("a", INSIDE, None),  # one program is no consensus
        (["a", "a", UNKNOWN, UNKNOWN, UNKNOWN], INSIDE, Consensus("a", 1.0)),  # who is late has no vote
        ([RAISED, RAISED, "a"], INSIDE, None),  # most refuse the input: nobody must answer it
        (["a", "a", "a", RAISED], INSIDE, Consensus("a", 0.75)),
        ([UNKNOWN, UNKNOWN], INSIDE, Consensus(UNKNOWN, 1.0)),  # nobody answers a small input of the own kind
        ([UNKNOWN, UNKNOWN], BIG, None),
        ([UNKNOWN, UNKNOWN], OUTSIDE, None),
        ([UNKNOWN, UNKNOWN], LARGE, None),
        (["a", "a", "a", UNKNOWN], LARGE, Consensus("a", 1.0)),  # most are in time
        (["a", "a", UNKNOWN, UNKNOWN, UNKNOWN], LARGE, None),  # most are not, and a loop over it is no mistake
    ],
)
def test_an_answer_needs_its_share_of_the_votes(
    answers: list[str], question: Question, consensus: Consensus | None
) -> None:
    found = find_consensus(voters(*answers), [question], [0])
    assert found.get(0) == consensus


def test_copies_of_one_program_are_one_opinion_said_often() -> None:
    copies = [Voter(f"copy{place}", "copied", ("wrong",)) for place in range(9)]
    others = [Voter(f"own{place}", f"own{place}", ("right",)) for place in range(7)]
    assert sum(weigh_voters(copies).values()) == pytest.approx(3.0)
    found = find_consensus([*copies, *others], [INSIDE], [0])[0]
    assert found.key == "right"
    assert found.share == pytest.approx(0.7)


def test_those_who_are_wrong_elsewhere_have_no_vote_in_the_second_round() -> None:
    rows = [Voter(f"good{place}", f"g{place}", ("a", "x")) for place in range(5)]
    rows += [Voter(f"bad{place}", f"b{place}", ("b", "y")) for place in range(3)]
    rows += [Voter("odd", "o", ("b", "x"))]
    questions = [Question("[1]", True, True), Question("[2]", False, True)]
    # In the first round x has 6 of 9 votes on the outside input, which is too few; then the doubted ones are out.
    assert find_consensus(rows, questions, [0, 1]) == {0: Consensus("a", 5 / 9), 1: Consensus("x", 6 / 9)}


@pytest.mark.parametrize(
    ("key", "question", "is_against"),
    [
        ("a", INSIDE, False),
        ("b", INSIDE, True),
        (RAISED, INSIDE, True),
        (RAISED, REFUSABLE, False),
        ("b", REFUSABLE, True),
        (UNKNOWN, REFUSABLE, True),
        (UNKNOWN, INSIDE, True),
        (UNKNOWN, BIG, False),
    ],
)
def test_being_late_counts_on_modest_inputs_only_and_refusing_where_one_must_answer(
    key: str, question: Question, is_against: bool
) -> None:
    assert bool(disagreements([key], {0: Consensus("a", 1.0)}, [question])) is is_against


def test_an_input_that_nobody_answers_is_against_all() -> None:
    assert disagreements([UNKNOWN], {0: Consensus(UNKNOWN, 1.0)}, [INSIDE]) == [0]
