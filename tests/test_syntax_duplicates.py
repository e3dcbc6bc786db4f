import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.pipeline.syntax.duplicates import SMALL, Shingles, find_near, jaccard
from pairsmith.schemas.candidate import Extraction, Program, Syntax
from pairsmith.schemas.config import SyntaxConfig
from tests.syntax_rewrites import analyse_program

CONFIG = SyntaxConfig()

LOOP = "def f(a):\n    total = 0\n    for x in a:\n        total += x\n    return total\n"
CODES = {
    "a": LOOP,
    "b": LOOP.replace("    for", "    # sum\n    for"),
    "c": LOOP.replace("total", "s"),
    "d": "def f(a):\n    return sum(a)\n",
    "e": "def f(a:\n    return a\n",
    "f": "def f(a:\n\n    return a\n",
    "g": "def f(a:\n    return  a\n",
}


def programs(codes: dict[str, str]) -> list[Program]:
    return [Program(name, "p", Extraction.OK, "bare", code) for name, code in codes.items()]


def by_id(rows: list[Syntax]) -> dict[str, Syntax]:
    return {row.candidate_id: row for row in rows}


def test_duplicates_name_their_representative_and_the_rule() -> None:
    rows = by_id(analyse_problem(programs(CODES), CONFIG))
    heads = {name: row.duplicate_of or name for name, row in rows.items()}
    assert heads["a"] == heads["b"] == heads["c"]
    assert heads["e"] == heads["f"] != heads["g"]
    assert heads["d"] == "d"
    for row in rows.values():
        head = rows[heads[row.candidate_id]]
        expected = "" if row is head else "exact" if row.exact == head.exact else "renamed"
        assert row.duplicate_rule == expected
        assert row.cluster == heads[row.candidate_id]
    assert {row.duplicate_rule for row in rows.values()} == {"", "exact", "renamed"}


@given(st.permutations(list(CODES)))
def test_the_order_of_rows_changes_nothing(order: list[str]) -> None:
    shuffled = analyse_problem(programs({name: CODES[name] for name in order}), CONFIG)
    assert [row.candidate_id for row in shuffled] == order
    assert by_id(shuffled) == by_id(analyse_problem(programs(CODES), CONFIG))


def test_near_programs_share_a_cluster_and_are_kept() -> None:
    long = "def f(a):\n" + "".join(f"    g{number}(a, {number})\n" for number in range(40)) + "    return a\n"
    codes = {"a": long, "b": long.replace("g7(a, 7)", "g7(a, 8)"), "c": CODES["d"]}
    rows = by_id(analyse_problem(programs(codes), CONFIG))
    assert rows["a"].cluster == rows["b"].cluster in ("a", "b")
    assert rows["c"].cluster == "c"
    assert not any(row.duplicate_of for row in rows.values())
    strict = by_id(analyse_problem(programs(codes), SyntaxConfig(near_threshold=1.0)))
    assert strict["a"].cluster != strict["b"].cluster


def test_a_program_alone_is_its_own_cluster() -> None:
    (program,) = programs({"a": LOOP})
    row = analyse_program(program)
    assert (row.cluster, row.duplicate_of) == ("a", "")
    assert analyse_problem([], CONFIG) == []


@pytest.mark.parametrize(
    ("left", "right", "similarity"),
    [("abcd", "abcd", 1.0), ("abcd", "cdef", 1 / 3), ("ab", "cd", 0.0), ("", "", 1.0), ("", "a", 0.0)],
)
def test_jaccard(left: str, right: str, similarity: float) -> None:
    assert jaccard(_set(left), _set(right)) == pytest.approx(similarity)


@pytest.mark.parametrize("n", [SMALL, 3 * SMALL])
def test_near_pairs_are_those_of_brute_force(n: int) -> None:
    """Compare with every pair's similarity, on both sides of the size where MinHash takes over."""
    draw = random.Random(n)
    bases = [frozenset(b"%d" % draw.randrange(10_000) for _ in range(60)) for _ in range(n // 3)]
    sets = [base - set(draw.sample(sorted(base), draw.randrange(8))) for base in bases for _ in range(3)]
    expected = [
        (i, j, jaccard(sets[i], sets[j]))
        for i, j in itertools.combinations(range(len(sets)), 2)
        if jaccard(sets[i], sets[j]) >= 0.85
    ]
    assert find_near(sets, 0.85) == expected
    assert n // 3 <= len(expected) <= 3 * n


def _set(letters: str) -> Shingles:
    return frozenset(letter.encode() for letter in letters)
