import polars as pl
import pytest

from pairsmith.pipeline.pairing.tables import answer_text, asked_text
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import Judged, judged, problem

FENCED = "```python\nreturn 1\n```"


def texts_of(one: Judged) -> dict[str, str]:
    """Return what the expressions make of one candidate."""
    candidate, program = one.candidate, one.program
    columns = {
        "template": candidate.template,
        "backend": candidate.backend,
        "prompt": candidate.prompt,
        "completion": candidate.completion,
        "extraction": program.extraction.value,
        "code": program.code,
        "language": "python",
        "problem_prompt": problem("p/1").prompt,
    }
    frame = pl.DataFrame({name: [value] for name, value in columns.items()})
    return frame.select(asked=asked_text(), answer=answer_text()).row(0, named=True)


@pytest.mark.parametrize(
    ("template", "backend", "cause", "answer"),
    [
        ("chat", "transformers", Cause.NONE, "  Sure: return 1"),
        ("chat", "openai", Cause.SYNTAX_ERROR, "  Sure: return 1"),
        ("chat", "transformers", Cause.NO_CODE, "  Sure: return 1"),
        ("chat", "files", Cause.NONE, FENCED),
        ("continuation", "transformers", Cause.NONE, FENCED),
        ("continuation", "transformers", Cause.SYNTAX_ERROR, FENCED),
        ("continuation", "transformers", Cause.NO_CODE, "  Sure: return 1"),
    ],
)
def test_the_answer_is_what_the_model_wrote_in_chat(
    template: str, backend: str, cause: Cause, answer: str
) -> None:
    one = judged(
        "a",
        Label.FAILED,
        cause=cause,
        code="return 1\n",
        template=template,
        backend=backend,
        completion="  Sure: return 1 \n\n",
    )
    assert texts_of(one)["answer"] == answer


@pytest.mark.parametrize("template", ["chat", "continuation"])
def test_no_text_is_no_answer(template: str) -> None:
    one = judged("a", code=" \n", completion="\n ", template=template)
    assert texts_of(one)["answer"] == ""


@pytest.mark.parametrize(
    ("template", "prompt", "asked"),
    [
        ("chat", "Please write f.", "Please write f."),
        ("chat", "", "Write f for p/1."),
        ("continuation", "def f(x):", "Write f for p/1."),
    ],
)
def test_the_user_message_is_the_one_that_was_sent(template: str, prompt: str, asked: str) -> None:
    one = judged("a", template=template, prompt=prompt)
    assert texts_of(one)["asked"] == asked
