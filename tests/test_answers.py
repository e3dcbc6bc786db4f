"""The corpus of answers with known labels: none gets a wrong one."""

import json
from pathlib import Path

import pytest

from pairsmith.pipeline.execution.answers import KnownAnswer, judge_answers, load_answers, table_of
from pairsmith.pipeline.sandbox import SandboxPool
from tests.answers.make_corpus import HERE, rows

ALLOWED_UNDECIDED = 0.03  # of the rows whose right label is passed or failed


def test_the_file_is_what_its_rules_give() -> None:
    written = [json.loads(line) for line in (HERE / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written == list(rows())
    assert len(written) >= 400
    assert len({row["language"] for row in written}) == 9


def test_answers_that_share_one_of_their_blocks(pool: SandboxPool) -> None:
    right, wrong, other = (f"```python\ndef f(n):\n    return n {tail}\n```\n" for tail in ("+ 1", "- 1", "+ 2"))
    texts = (wrong + right, other + right, right)
    answers = [KnownAnswer("several blocks", "", "python", "function", text, "") for text in texts]
    assert [verdict.label for verdict in judge_answers(answers, pool)] == ["undecided", "undecided", "passed"]


MACROS = """\
#include <bits/stdc++.h>
using namespace std;
#define rep(i, n) for (int i = 0; i < (n); ++i)

int add(int n) {
    rep(i, 1) {
        n = n SIGN 1;
    }
    return n;
}

int main() {
    int n;
    cin >> n;
    rep(i, 1) rep(j, 1) n = add(n);
    cout << n << endl;
}
"""


def test_bare_programs_that_the_grammar_does_not_know_are_whole(pool: SandboxPool, tmp_path: Path) -> None:
    """The compiler decides: a grammar does not see what a macro expands to, and cut them to their first lines."""
    answers = [
        KnownAnswer("macros", "", "cpp", "stdin", head + MACROS.replace("SIGN", sign) + tail, label)
        for sign, label in (("+", "passed"), ("-", "failed"))
        for head, tail in (
            ("", ""),
            ("Here is the program:\n\n", ""),
            ("Solution:\n", "\nIt takes constant time.\n"),
        )
    ]
    verdicts = judge_answers(answers, pool, tmp_path / "compiled")
    assert [(verdict.label, verdict.cause in ("", "wrong_value")) for verdict in verdicts] == [
        (row.label, True) for row in answers
    ]


@pytest.mark.timeout(1500)  # Docker compiles slowly where other tests run beside it
def test_every_label_is_right(pool: SandboxPool, tmp_path: Path) -> None:
    answers = load_answers()
    verdicts = judge_answers(answers, pool, tmp_path / "compiled")
    wrong = [
        (row.language, row.kind, row.name, f"{verdict.label} {verdict.cause} {verdict.detail}", row.label)
        for row, verdict in zip(answers, verdicts, strict=True)
        if verdict.label not in (row.label, "undecided")
    ]
    assert wrong == []
    table = table_of(answers, verdicts)
    n_undecided, n = sum(row[3] for row in table), sum(row[1] for row in table)
    assert n_undecided <= ALLOWED_UNDECIDED * n
