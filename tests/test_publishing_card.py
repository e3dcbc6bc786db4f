"""Text of strangers on the card does no harm."""

import json
import re

import pytest

from pairsmith.pipeline.publishing.card import fenced, inline, render_model_card

HOSTILE = [
    "</script><script>alert(1)</script>",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "a\u202egnirts\u202c b\u2066c\u2069",
    "```\n# a heading\n```\n<img src=x onerror=alert(1)>",
    "`" * 40 + "\nout",
    "| a | b |\n---\n[x](javascript:alert(1)) <http://a.b> ![i](//c.d/e) {{ 7*7 }}",
    "x" * 10_000_000,
    "line\n" * 2_000_000,
    "`" * 10_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_block_holds_what_is_put_into_it(text: str) -> None:
    shown = fenced(text, "python")
    assert len(shown) < 40_000
    first, *middle, last = shown.split("\n")
    fence = re.fullmatch(r"(`{3,})python", first)
    assert fence is not None
    assert last == fence[1]
    assert not any(line.strip().startswith(fence[1]) for line in middle), "it ends early"
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_line_holds_no_markup(text: str) -> None:
    shown = inline(text)
    assert "\n" not in shown
    assert len(shown) < 2000
    assert not re.search(
        r"[<>`|\[\]!*\\\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", re.sub(r"&#\d+;", "", shown)
    )
    assert "://" not in shown


def test_plain_words_stay_plain() -> None:
    assert inline("starter/to-upper 2.0") == "starter/to-upper 2.0"


def test_the_card_of_an_adapter_is_what_training_wrote_with_names_of_the_hub_and_scores() -> None:
    trained = '---\n{"tags": ["dpo"], "base_model": "a/local"}\n---\n\n# a/local by dpo\n\n| beta | 0.1 |\n'
    scores = [("pass@1", "0.4 [0.3, 0.5]", "0.5 [0.4, 0.6]", "+0.1 [+0.0, +0.2], significant")]
    _, head, body = render_model_card(trained, "org/base", "me/adapter", "me/pairs", "v1", scores).split(
        "---\n", 2
    )
    assert json.loads(head) == {"tags": ["dpo"], "base_model": "org/base", "datasets": ["me/pairs"]}
    for words in (
        "| beta | 0.1 |",
        'revision="v1"',
        "datasets/me/pairs/tree/v1",
        "+0.1 [+0.0, +0.2], significant",
    ):
        assert words in body
    unscored = render_model_card(trained, "", "me/adapter", "", "v1", [])
    assert json.loads(unscored.split("---\n", 2)[1]) == {"tags": ["dpo"], "base_model": "a/local"}
    assert "It has not been evaluated." in unscored
