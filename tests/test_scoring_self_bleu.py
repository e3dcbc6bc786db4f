import pytest

from pairsmith.pipeline.evaluation.scores.measures import code_tokens, self_bleu

SHORT = ["def", "f", "(", "a", ",", "b", ")", ":", "return", "a", "+", "b"]
TURNED = ["def", "f", "(", "a", ",", "b", ")", ":", "return", "b", "+", "a"]
LONG = ["def", "add", "(", "first", ",", "second", ")", ":", "first", "+", "=", "second", "return", "first"]


def test_it_is_the_mean_of_sacrebleus_scores() -> None:
    # sacrebleu 2.5, BLEU(tokenize="none", effective_order=True), each text against the two others.
    theirs = [0.7632661822742675, 0.7632661822742675, 0.07768562846380173]
    assert self_bleu([SHORT, TURNED, LONG]) == pytest.approx(sum(theirs) / 3)
    assert self_bleu([["x", "y"], ["x", "z"]]) == pytest.approx(0.5)


def test_copies_are_alike_wholly() -> None:
    assert self_bleu([SHORT] * 4) == 1.0
    assert self_bleu([SHORT, SHORT, LONG]) == pytest.approx((2 + self_bleu([LONG, SHORT])) / 3, abs=0.01)


def test_no_text_is_like_nothing() -> None:
    assert self_bleu([[], SHORT]) < 0.01
    with pytest.raises(ValueError, match="two texts"):
        self_bleu([SHORT])


def test_line_comments_are_no_tokens() -> None:
    assert code_tokens("f(a)  # the sum") == ["f", "(", "a", ")"]
