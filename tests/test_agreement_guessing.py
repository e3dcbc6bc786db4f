"""Inputs of the types that a signature names."""

import pytest

from pairsmith.pipeline.synthesis.evidence import guess_inputs
from pairsmith.pipeline.synthesis.parsing import fits_signature
from pairsmith.schemas.values import decode_value


@pytest.mark.parametrize(
    "signature",
    [
        "def f(a: int) -> int:",
        "def f(a: int, b: str) -> int:",
        "def f(a: list[int], k: int | None = None) -> int:",
        "def f(a: Dict[str, List[int]]) -> int:",
        "def f(a: Optional[float], b: Union[int, str]) -> int:",
        "def f(a: tuple[int, str], b: set[str]) -> int:",
        "def f(a: list[tuple[int, bool]]) -> int:",
        "def f(a, b) -> int:",
        "def f(a: list) -> int:",
    ],
)
def test_guesses_fit_the_signature_and_differ(signature: str) -> None:
    inputs = guess_inputs(signature, "seed")
    assert len(inputs) >= 4
    assert len(set(inputs)) == len(inputs)
    fitting = [fits_signature(signature, decode_value(text), None, with_value=False) for text in inputs]
    assert all(fitting[:4])
    assert inputs == guess_inputs(signature, "seed")


@pytest.mark.parametrize("signature", ["", "no signature", "def f() -> int:", "def f(a b):"])
def test_no_parameters_give_no_inputs(signature: str) -> None:
    assert guess_inputs(signature, "seed") == ()
