"""Problems, and the cases that decide whether a candidate solves them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class JudgedBy(StrEnum):
    """How a problem's tests reach a candidate."""

    CASES = "cases"
    """Inputs go into the sandbox, values come out and are compared outside."""
    TESTER = "tester"
    """The test code runs in a sandbox of its own and reaches the candidate by plain values."""
    SUITE = "suite"
    """Likewise, but the test code is a pytest or unittest module that imports the candidate as `solution`."""
    IN_PROCESS = "in_process"
    """The test code runs in the candidate's own process, as HumanEvalPack and HumanEval-X have it. Weaker than all
    others: a candidate that means to can find the tests beside it and answer for them."""
    NOTHING = "nothing"
    """Neither way can take these tests; every verdict is undecided."""


class Interface(StrEnum):
    """How a program takes its inputs and gives its answers."""

    FUNCTION = "function"
    """Its entry point is called with arguments and returns a value."""
    STDIN = "stdin"
    """It is run as a program: the input is on standard input, the answer on standard output."""


Compare = Literal[
    "equal", "equal_json", "approx", "unordered", "set", "one_of", "boxed", "truthy", "falsy",
    "tokens", "lines", "exact", "numbers", "checker",
]  # fmt: skip
"""How an answer is compared; `pipeline.judging` holds the rules.

Of values:

- `equal`: Python's `==` between plain values, except that nan equals nan.
- `approx`: `equal`, and numbers may differ by `atol + rtol * abs(expected)`, element by element.
- `equal_json`: `approx`, and what JSON cannot say does not count: a tuple is a list, and the number 1 as a key is
  the text "1".
- `unordered`: `equal_json` of the items of a list, tuple or set in any order, each as often as expected.
- `set`: `unordered`, and repeats do not count.
- `one_of`: `equal_json` with any one item of `expected`.
- `boxed`: `equal_json` with `expected` or with its only item, as in APPS.
- `truthy`, `falsy`: only the truth of the answer counts (`assert f(x)`).

Of text on standard output:

- `tokens`: what stands between white space. `lines`: whole lines, without blanks at their ends and blank lines at
  the end. `exact`: every character. In `tokens` and `lines` a number that is expected with a point or exponent may
  differ by `atol`, or by the share `rtol`.
- `numbers`: `lines`, and a number may be written in any way (`3.0` for `3`).

Of both:

- `checker`: the problem's own program decides.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One call with known arguments, or one run on a known input, and what it must give.

    Attributes:
        arguments: positional arguments, the text of a list value (see `schemas.values`); for stdin/stdout problems
            the text on standard input itself.
        expected: text of the expected value; for stdin/stdout problems the text on standard output itself. Never
            enters a sandbox that holds a candidate.
        compare: rule of the comparison, see `Compare`.
        atol: absolute tolerance, in the value's own unit; 0.0 for none.
        rtol: relative tolerance, a share of the expected value; 0.0 for none.
        view: function applied to the answer before the comparison, outside the sandbox: the test wrote
            `sorted(f(x)) == ...`. Empty for none.
    """

    arguments: str
    expected: str
    compare: Compare = "equal"
    atol: float = 0.0
    view: Literal["", "list", "tuple", "set", "sorted", "len", "str", "abs", "sum"] = ""
    rtol: float = 0.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: what the model is asked, and what decides.

    Attributes:
        problem_id: unique, such as `starter/reverse_string` or `HumanEval/0`.
        source: where it came from: starter, humaneval, humaneval+, mbpp, mbpp+, evoeval, apps, codecontests,
            livecodebench, humanevalpack, jsonl, hub.
        language: `python`, or a name of `pipeline.languages.table`.
        entry_point: name of the function that the tests call, `Class.method` for a method (each call then has a
            fresh object, made without arguments); empty for `stdin`.
        prompt: the task in words, with the signature where one is known; goes into a chat message.
        continuation: code that a plain completion continues (HumanEval's prompt); empty where there is none.
        setup: code that runs before the candidate's (imports, helpers of the tests); empty for none.
        judged_by: which way its tests took.
        cases: the typed cases, for `cases`; empty otherwise.
        test_code: test source, for `tester`: it calls the entry point; for `suite`: a module; empty otherwise.
        reference: a right solution as a whole program; empty where none is known.
        level: trivial, easy, medium; empty where nobody graded it.
        topic: such as `strings`; empty where unknown.
        license: SPDX name of the problem's licence; empty where unknown.
        interface: `function` or `stdin`.
        checker: program that decides whether an answer is right, for cases of rule `checker`; empty for none. See
            `pipeline.judging.checkers`.
        checker_language: `python`, or `cpp` for a program in the manner of testlib.
        own_equality: tests may pass by what the candidate's own `__eq__`, `__bool__` and `__hash__` say of objects
            of its own classes. A value of the tests themselves is never shown to them.
        contract: the reference as a whole program that raises where an input is none that the task allows; empty
            where nobody wrote down what it allows.
    """

    problem_id: str
    source: str
    language: str
    entry_point: str
    prompt: str
    continuation: str
    setup: str
    judged_by: JudgedBy
    cases: tuple[Case, ...]
    test_code: str
    reference: str
    level: str
    topic: str
    license: str
    interface: Interface = Interface.FUNCTION
    contract: str = ""
    checker: str = ""
    checker_language: str = "python"
    own_equality: bool = False
