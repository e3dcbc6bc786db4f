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


@dataclass(frozen=True, slots=True)
class Case:
    """One call with known arguments, or one run on a known input, and what it must give.

    Attributes:
        arguments: positional arguments, the text of a list value (see `schemas.values`); for stdin/stdout problems
            the text on standard input itself.
        expected: text of the expected value; for stdin/stdout problems the text on standard output itself. Never
            enters a sandbox that holds a candidate.
        compare: `equal` is Python's `==` between plain values; `close` lets floats differ by `atol`;
            `truthy` and `falsy` ask only for the truth of the answer (`assert f(x)`, `assert not f(x)`). Of text
            on standard output: `tokens` between white space, whole `lines` (blanks at their ends and blank lines
            at the end don't count), or `exact`. For tests that were JSON: `json` is `close` with tuples as lists;
            `boxed` too, and the value may be the only item of `expected`.
        atol: absolute tolerance of `close`, in the value's own unit; 0.0 otherwise. Of `tokens` and `lines`: how
            far a number may be from an expected one that is written with a point or exponent, absolutely or as a
            share of that number.
        view: function applied to the answer before the comparison, outside the sandbox: the test wrote
            `sorted(f(x)) == ...`. Empty for none.
    """

    arguments: str
    expected: str
    compare: Literal["equal", "close", "truthy", "falsy", "json", "boxed", "tokens", "lines", "exact"] = "equal"
    atol: float = 0.0
    view: Literal["", "list", "tuple", "set", "sorted", "len", "str", "abs", "sum"] = ""


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
