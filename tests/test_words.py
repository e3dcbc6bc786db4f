"""One word for a thing: words that are no longer used, in pages, messages, docstrings and templates."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INSTEAD = {
    r"held against": "compared with, tested on, checked against",
    r"stands? in": "is in",
    r"(is|are|was|were|be) told (in|before)": "is reported",
    r"whoever": "the process, side or program that",
    r"of ours": "pairsmith's",
    r"without a word": "silently, unnoticed",
    r"nobody knows": "unknown",
    r"such (a|an) one|such ones": "one",
    r"who differs": "candidates that disagree",
    r"thousand million": "1e9",
    r"burners?": "programs that exhaust the time limit",
    r"hold_problem|kept_off|timeouts_again": "the names in docs/architecture.md",
    r"a language model's word": "the judgement of a language model",
    r"orders that say nothing": "statements without effect",
    r"last and next|next and last": "previous and next",
    r"in there(?=[.;,]|$)": "what it is in, or nothing",
    r"there already": "reused, already made",
    r"would (work on|ask at most)": "planned",
    r"(is|are) no (list|JSON|Python)": "is not a list, JSON, Python",
    r"holds half": "contains half",
    r"put that right": "fix this",
    r"works on it": "is using it",
    r"as (it|they) stands?": "unchanged",
    r"counts? (in nothing|nowhere)": "is not counted",
}
"""What is not written, as a regular expression, and what is written instead."""
_OLD = re.compile("|".join(rf"\b({words})\b" for words in INSTEAD), re.IGNORECASE)
OLD_NAMES = {"schemas/config/loading.py", "schemas/config/__init__.py"}  # what settings were called before


def texts() -> Iterator[tuple[str, str]]:
    """Give all texts that a person may read, with where they are."""
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for page in [*pages, *(ROOT / "pipeline").rglob("*.jinja")]:
        yield str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")
    for folder in ("pipeline", "flows", "schemas"):
        for path in (ROOT / folder).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if name not in OLD_NAMES else ():
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{name}:{node.lineno}", node.value


def test_words_that_are_no_longer_used() -> None:
    found = [
        f"{where}: {match[0]!r}" for where, text in texts() for match in _OLD.finditer(" ".join(text.split()))
    ]
    assert found == []


@pytest.mark.parametrize("text", ["A table stands in the page.", "Who differs is refuted.", "200 Burners"])
def test_an_old_word_is_found(text: str) -> None:
    assert _OLD.search(text)


def test_the_readme_has_at_most_120_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
