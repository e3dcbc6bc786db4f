"""Parsers of text that strangers write, and mangled forms of what they are meant to read."""

import contextlib
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from pairsmith.pipeline.execution.suites import arguments_asked, run_tests
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.checkers import why_no_checker
from pairsmith.pipeline.judging.equality import matches
from pairsmith.pipeline.languages.table import LANGUAGES
from pairsmith.pipeline.problems import rows
from pairsmith.pipeline.problems.conversion import TestSyntaxError, convert_tests
from pairsmith.pipeline.problems.records import DroppedProblem, Found, PendingProblem, ProblemsError
from pairsmith.pipeline.problems.sources.contest import load_apps, load_codecontests
from pairsmith.pipeline.problems.sources.evalplus import load_evoeval, load_humaneval_plus, load_mbpp_plus
from pairsmith.pipeline.problems.sources.humaneval import load_humaneval, load_humanevalpack
from pairsmith.pipeline.problems.sources.jsonl import load_jsonl
from pairsmith.pipeline.problems.sources.livecodebench import load_livecodebench
from pairsmith.pipeline.problems.sources.mbpp import load_mbpp
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import FolderError, StageFolder
from pairsmith.pipeline.sampling.files_backend import read_samples
from pairsmith.pipeline.sampling.openai_api import AnswerError, Dialect, parse_answer
from pairsmith.pipeline.sampling.protocol import Opening, SamplingError, check_row, read_seconds
from pairsmith.pipeline.sampling.store import _read_candidate
from pairsmith.pipeline.sandbox.channel import Channel
from pairsmith.pipeline.sandbox.contract import Answer, Ending, Job, SandboxFaultError
from pairsmith.pipeline.sandbox.inside.frames import pack
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.synthesis.parsing import parse_concepts, parse_instruction
from pairsmith.pipeline.synthesis.suites import find_calls, read_suite
from pairsmith.pipeline.viewer.index import Filter
from pairsmith.pipeline.viewer.pages import _save_mark
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.candidate import Candidate, Program
from pairsmith.schemas.config import ConfigError, ProblemsConfig, SandboxConfig, load_config
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import decode_value, normalise
from tests.sampling_kit import make_problem, make_request

LIMIT_S = 5.0  # CPU seconds that one input may cost
_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.e+]*|[A-Za-z_]\w*|\[[^][]*\]|\{[^{}]*\}|\([^()]*\)')
TOKENS = (
    "", "null", "true", "false", "NaN", "Infinity", "-Infinity", "1e999", "-1", "0", "0.5", "-0.0", "1e400",
    str(10**30), "9" * 400, "9" * 5000, "1_0", "0x1p9", '""', '"x"', '"\\ud800"', "\ud800", '"\\u0000"', "\0",
    "\ufeff", "\r\n", "\r", "\n", "\t", "\x0b", "\x85", "\u2028", "\u202e", "é", "𝒳", "[]", "{}", "[[]]", '{"a": {}}',
    "[null]", '[["a", 1]]', "[" * 300, "[" * 5000, "[" * 5000 + "]" * 5000, "(" * 200, '{"a":' * 3000, "-" * 4000, "not " * 900,
    "a" + ".a" * 500, "+".join("1" * 900), "```", "~~~", "````\n", "```python\n", "<think>", "</think>", "'''", '"""', "'",
    '"', "\\", "#", ":", ",", "=", "==", "<", "*", "**", "%", "f'{", "lambda: ", "def ", "class ", "async ", "await ",
    "import ", "from . import *\n", "return ", "assert ", "yield ", "match x:\n", "if x:\n    ", "@", ";", "\\\n",
    "10**400", "1<<99999", "2**2**2**2**9", "'a'*9**9", "float('nan')", "{**{}}", "(*[],)", "math.isclose(", "abs(",
    "candidate", "f(", "__import__('os')", "...", "None", "True", "()", "{1: 2}", "{1}", "b'x'", "1j",
)  # fmt: skip
Edit = tuple[int, int, str]


def mangle(seed: str, edits: Sequence[Edit]) -> str:
    """Return a text after some edits: of a place, of a lexeme, of a span."""
    for kind, place, token in edits:
        at = place % (len(seed) + 1)
        if kind == 0:
            seed = seed[:at] + token + seed[at:]
        elif kind == 1:
            seed = seed[:at] + token + seed[at + 1 + place % 7 :]
        elif kind == 2:
            seed = seed[:at] + seed[at : at + 1 + place % 97] * 3 + seed[at + 1 :]
        elif kind == 3:
            seed = (
                seed[:at]
                if place % 3 == 0
                else seed[at:] + seed[:at]
                if place % 3 == 1
                else seed[:at] + seed[at + 40 :]
            )
        else:
            found = list(_LEXEME.finditer(seed))
            if found:
                one = found[place % len(found)]
                seed = seed[: one.start()] + token + seed[one.end() :]
    return seed[:200_000]


def mangled(seeds: Sequence[str]) -> st.SearchStrategy[str]:
    """Return texts near the seeds, and texts near nothing."""
    token = st.sampled_from(TOKENS) | st.text(max_size=6) | st.integers().map(str)
    edit = st.tuples(st.integers(0, 8), st.integers(0, 9999), token)
    return st.builds(mangle, st.sampled_from([*seeds, ""]), st.lists(edit, max_size=4))


@dataclass(frozen=True, slots=True)
class Parser:
    """One parser.

    Attributes:
        read: reads a text in a folder of its own, and looks at what comes of it.
        expected: what it says that it raises.
        seeds: texts that it is meant to read.
    """

    read: Callable[[str, Path], object]
    expected: tuple[type[Exception], ...]
    seeds: tuple[str, ...]

    def try_one(self, text: str, folder: Path) -> None:
        """Read a text: no error but the expected ones, and no more than `LIMIT_S` of CPU time."""
        started = time.process_time()
        with contextlib.suppress(*self.expected):
            self.read(text, folder)
        took_s = time.process_time() - started
        assert took_s < LIMIT_S, f"{took_s:.1f} s of CPU"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(_bytes(text))
    return path


def _read_answer(text: str, folder: Path) -> None:
    Dialect().learn(text, {"temperature": 1.0, "seed": 1})
    opening = Opening("chat" if '"mes' in text else "continuation", "def f(")
    request = make_request(opening=opening)
    for drawn in parse_answer(_bytes(text), [request, request], 0.5, True, True):
        check_row(drawn)
        drawn.completion.encode()
        drawn.reasoning.encode()


def _load(load: Callable[[Path], list[Found]]) -> Callable[[str, Path], None]:
    """Return what loads a file of problems, and writes what it found as a stage does."""

    def read(text: str, folder: Path) -> None:
        path = _file(folder, "problems.jsonl", text)
        with mock.patch.object(rows, "each_in_time", lambda items, work: [work(item) for item in items]):
            found = load(path)  # not in a fork: its time is measured here
        for item in found:
            outcome = item.outcome
            if isinstance(outcome, DroppedProblem):
                assert outcome.message
                outcome.message.encode()
                continue
            problem = outcome.problem if isinstance(outcome, PendingProblem) else outcome
            to_table([problem], Problem)

    return read


def _contest(source: Any, load: Callable[[ProblemsConfig], list[Found]]) -> Callable[[str, Path], None]:
    return _load(lambda path: load(ProblemsConfig(source=source, path=path)))


def _read_tests(text: str, folder: Path) -> None:
    convert_tests(text, "f", "import math", ("a", "b"))
    convert_tests("assert f(1) == 2", "f", text)


def _read_completion(text: str, folder: Path) -> None:
    text = _bytes(text).decode("utf-8", "replace")
    languages = ["python", *LANGUAGES]
    language = languages[zlib.crc32(text.encode()) % len(languages)]
    problem = make_problem("f", "def f(x):\n", language=language)
    for template in ("chat", "continuation"):
        candidate = Candidate(
            "0" * 32, "p/f", 0, "openai", "m", "", template, "def f(x):\n", text, 1.0, 1.0, 1, 1, 1, 1, "stop", None
        )  # fmt: skip
        to_table([extract_program(candidate, problem)], Program)
    analyse(text, language)


def _read_frames(text: str, folder: Path) -> None:
    """Play a sandbox that says whatever it likes: JSON messages, one a line, or bytes after a `!`."""
    data = b"".join(_bytes(line[1:]) if line.startswith("!") else pack(_bytes(line)) for line in text.split("\n"))[
        : 1 << 16
    ]
    ready = pack(b'{"op": "ready", "python": "3.12", "is_filtered": true}')
    reading, theirs = os.pipe()
    os.write(theirs, (ready if len(data) % 5 else b"") + data[:60_000])
    os.close(theirs)
    writing = os.open(os.devnull, os.O_WRONLY)
    link = SimpleNamespace(
        read_fd=reading, write_fd=writing, is_multiplexed=False, stop=lambda: None, explain=lambda: ""
    )
    engine = SimpleNamespace(start=lambda seed: link, isolation="namespaces")
    try:
        sandbox = Sandbox(cast(Any, engine), SandboxConfig())
        if '"answers"' in text:
            answers, ending = sandbox.run(Job("", "", "f", ("[1]", "[2]")))
            runs = [CaseRun(one.status, one.value, "", one.exception, one.wall_s) for one in answers]
            to_table(runs, CaseRun)
            _check_ending(ending)
        else:
            sandbox.begin(Job("", "", "f"))
            sandbox.call("[1]", is_message=True)
            _check_ending(sandbox.end())
            sandbox.run_tester(Job("", "", "f"), lambda asked: Answer(Status.OK, "null", "", 0.0))
    finally:
        os.close(reading)
        os.close(writing)


def _check_ending(ending: Ending) -> None:
    texts = (ending.exception, ending.detail)
    assert all(isinstance(text, str) for text in texts)
    numbers = (ending.cpu_s, ending.wall_s, ending.peak_memory_mib, ending.cpu_wait_s)
    assert all(isinstance(number, int | float) for number in numbers)


def _read_multiplexed(text: str, folder: Path) -> None:
    reading, theirs = os.pipe()
    os.write(theirs, _bytes(text)[:60_000])
    os.close(theirs)
    link = SimpleNamespace(
        read_fd=reading, write_fd=reading, is_multiplexed=True, stop=lambda: None, explain=lambda: ""
    )
    try:
        channel = Channel(cast(Any, link), 1 << 20)
        for _ in range(1 + text.count("{}")):
            channel.receive(0.1)
    finally:
        os.close(reading)


def _read_suite_report(text: str, folder: Path) -> None:
    """Have test code report whatever it likes, about a candidate whose messages are whatever they like."""
    report, _, message = text.partition("\n")
    said = Answer(Status.OK, message, "", 0.0)
    candidate = SimpleNamespace(
        begin=lambda job: Status.OK,
        call=lambda request, is_message: said,
        end=lambda: Ending(Status.OK, "", "", 0, 0, 0),
    )

    def run_tester(job: Job, ask: Callable[[str], Answer]) -> Ending:
        ask('[["call", "f", []], [], 1]')
        return Ending(Status.OK, "", "", 0, 0, 0, report=report)

    tester = SimpleNamespace(run_tester=run_tester)
    for way in (JudgedBy.SUITE, JudgedBy.TESTER):
        run_tests(Job("", "", "f"), make_problem("f", judged_by=way), cast(Any, candidate), cast(Any, tester))
    arguments_asked(message, {})


def _read_value(text: str, folder: Path) -> None:
    for compare in ("equal", "approx", "unordered", "set", "one_of", "boxed", "truthy", "tokens", "numbers"):
        for language in ("python", "java", "bash"):
            case = Case(
                "[]", '{"tuple": [1, 2.5, "a"]}' if compare != "tokens" else "1 2.5", cast(Any, compare), 1e-6
            )
            matches(case, CaseRun(Status.OK, text, "", "", 0.0), language)
    decode_value(text)
    normalise(text)


def _take_a_mark(text: str, folder: Path) -> None:
    def mark(pair_id: str, kind: object, side: str) -> None:
        if pair_id not in ("p1", "p2"):
            raise PairsmithError("no such pair")

    index = SimpleNamespace(mark=mark, marks=())
    assert _save_mark(cast(Any, index), _bytes(text)).status_code in (200, 400)
    Filter.of_query(QueryParams(text.encode("utf-8", "replace").decode())).query()


def _read_stored(text: str, folder: Path) -> None:
    candidate = _read_candidate("0" * 32, zlib.compress(_bytes(text)))
    if candidate is not None:
        to_table([candidate], Candidate)


def _read_reply(text: str, folder: Path) -> None:
    parse_instruction(text)
    parse_concepts(text)
    read_suite(text, "f", "import math", ("a",))
    find_calls(text, "f")


def _read_manifest(text: str, folder: Path) -> None:
    (folder / "verdicts").mkdir(exist_ok=True)
    _file(folder / "verdicts", "manifest.json", text)
    stage = StageFolder(folder, "verdicts", CaseRun)
    stage.manifest()
    stage.holds("x")


def _row(**columns: Any) -> str:
    return json.dumps(columns) + "\n"


_CHAT = json.dumps(
    {
        "choices": [
            {"index": 1, "message": {"content": "b"}, "finish_reason": "stop"},
            {
                "index": 0,
                "message": {"content": "a", "reasoning_content": "hm"},
                "finish_reason": "length",
                "logprobs": {"content": [{"token": "a", "logprob": -0.25}]},
            },
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 5,
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }
)
_TEXTS = '{"choices": [{"text": "x", "logprobs": {"token_logprobs": [null, -1.5]}, "index": 0}], "usage": null}'
_ASSERTS = """\
def check(candidate):
    assert candidate([1, -2.5], 'a') == (1, {'k': {2, 3}})
    assert abs(candidate(1) - 0.5) < 1e-6
    assert math.isclose(candidate(2), 10 ** 3, rel_tol=1e-4)
    x = [1, 2]
    assert sorted(candidate(x)) == [*range(3)]
    assert not candidate("") and True
"""
_SUITE = "import pytest\nfrom solution import f\n@pytest.mark.parametrize('a', [1, 2])\ndef test_f(a):\n    assert f(a) == a\n"
_JSONL = _row(
    problem_id="own/f", prompt="Do it.", entry_point="f", tests=["assert f(1, 2) == 3"], level="easy",
    reference="def f(a, b):\n    return a + b\n", setup="import math",
)  # fmt: skip
_CASES = _row(
    problem_id="own/g", prompt="Do it.", entry_point="g", signature="def g(a, b):", compare="approx", atol=1e-3,
    cases=[{"arguments": [1, [2]], "expected": {"a": [0.5, None]}, "rtol": 0.1}], language="java",
)  # fmt: skip
_STDIN = _row(problem_id="own/h", prompt="Sum.", cases=[{"stdin": "1 2\n", "stdout": "3\n"}], compare="numbers")
_CHECKED = _row(
    problem_id="own/c", prompt="Any.", entry_point="f", cases=[{"arguments": [1]}], checker="def check(i, o, e):\n    return o == i[0]\n",
)  # fmt: skip
_HUMANEVAL = {
    'task_id': "HumanEval/0", 'prompt': 'import math\n\ndef f(a, b):\n    """Add."""\n', 'entry_point': "f",
    'canonical_solution': "    return a + b\n", 'test': "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}  # fmt: skip
_PLUS = {"base_input": [[1, 2]], "plus_input": [[0.5, [1]]], "atol": 0}
_COMPLETIONS = (
    "Sure!\n\n```python\nimport math\n\ndef f(x):\n    return [y for y in range(x) if y % 2]\n```\nThat works.",
    "<think>\nfirst ```python\ndef f(x): pass\n```\n</think>\n```\ndef f(x: int) -> int:\n    '''Doc.'''\n    return x\n```",
    "    return x + 1\n\nprint(f(1))\n", "class Solution {\n  static int f(int x) { return x + 1; }\n}\n",
    "~~~js\nfunction f(x) { return `${x}`; }\n~~~", "fn f(x: i64) -> i64 { x + 1 }\nfn main() {}", "f() {\n  echo $(($1 + 1))\n}\n",
    "package main\nfunc f(x int) int { return x }\n", "#include <vector>\nint f(int x) { return x; }\n",
)  # fmt: skip
_CANDIDATE = Candidate(
    "0" * 32, "p/a", 3, "openai", "m", "r", "chat", "Do it.", "x", 0.8, 0.95, 64, 7, 3, 5, "stop", -0.25, "few",
    (), True, (-0.5, -1.0), 1.25,
)  # fmt: skip
_MESSAGES = (
    '{"op": "answers", "answers": [{"status": "ok", "value": "1", "exception": "", "wall_s": 0.1}, '
    '{"status": "exception", "value": "", "exception": "ValueError", "wall_s": 0.1}]}\n{"op": "closed", "status": "ok", '
    '"detail": "", "clean": true, "cpu_s": 0.1, "wall_s": 0.2, "peak_mib": 9.5, "cpu_wait_s": 0.0, "opened": '
    '{"op": "opened", "status": "ok", "exception": ""}}',
    '{"op": "opened", "status": "ok", "exception": ""}\n{"op": "answer", "status": "ok", "value": "x", "exception": '
    '"", "wall_s": 0.1}\n{"op": "closed", "status": "ok", "detail": "", "clean": false, "cpu_s": 0.1, "wall_s": 0.2, '
    '"peak_mib": 9.5, "cpu_wait_s": 0.0, "opened": {"status": "ok", "exception": ""}}\n{"op": "call_out", "arguments": '
    '"[1]"}\n{"op": "tested", "report": "[]"}\n{"op": "closed", "status": "ok", "detail": "", "clean": true, '
    '"cpu_s": 0.1, "wall_s": 0.2, "peak_mib": 9.5, "cpu_wait_s": 0.0, "opened": {"status": "ok", "exception": ""}}',
)
_REPORT = (
    '[[["test_a", "passed", ""], ["test_b", "skipped", "why"]], {"dict": [["reached", true], ["broken", false], '
    '["vague", false], ["own", false], ["overlaps", false], ["swallowed", false]]}]'
)
_MESSAGE = '[["ok", {"tuple": [1, {"@": 3}]}], [[3, "list", null, [1, {"@": 4}]], [4, "dict", null, [1, 2]]], 9]'
_TOML = """\
run = "runs/a"
[problems]
source = "jsonl"
ids = ["a", "b"]
[sampling]
n = 4
temperature = 0.5
extra = {top_k = 3}
schedule = [{share = 2.0}]
[prices]
prompt_per_million = 0.5
[[evaluation.sets]]
source = "humaneval"
"""
PARSERS: dict[str, Parser] = {
    "server answers": Parser(_read_answer, (AnswerError,), (_CHAT, _TEXTS, '{"choices": []}')),
    "samples": Parser(
        lambda text, folder: read_samples(_file(folder, "samples.jsonl", text)),
        (SamplingError,),
        (_row(task_id="a", completion="x") + _row(task_id="b", prompt="p", samples=["x"]), _row(task_id="a", solution="x")),
    ),
    "stored samples": Parser(_read_stored, (), (json.dumps(asdict(_CANDIDATE)),)),
    "own problems": Parser(_load(load_jsonl), (ProblemsError,), (_JSONL, _CASES, _STDIN, _CHECKED, _JSONL + _CASES)),
    "HumanEval": Parser(_load(load_humaneval), (ProblemsError,), (_row(**_HUMANEVAL),)),
    "HumanEval+": Parser(_load(load_humaneval_plus), (ProblemsError,), (_row(**_HUMANEVAL, **_PLUS),)),
    "MBPP": Parser(
        _load(load_mbpp), (ProblemsError,),
        (_row(task_id=11, text="Do it.", code="def f(a):\n    return a\n", test_list=["assert f(1) == 1"], test_setup_code="", challenge_test_list=[]),),
    ),
    "MBPP+": Parser(
        _load(load_mbpp_plus), (ProblemsError,),
        (_row(task_id="Mbpp/3", prompt='"""\nDo it.\nassert f(1) == 1\n"""\n', entry_point="f", canonical_solution="def f(a):\n    return a\n", assertion="assert f(1) == 1", **_PLUS),),
    ),
    "EvoEval": Parser(
        _load(load_evoeval), (ProblemsError,),
        (_row(**{**_HUMANEVAL, "task_id": "EvoEval/3", "inputs": ["1, 2", "[i for i in range(3)], 0"]}),),
    ),
    "APPS": Parser(
        _contest("apps", load_apps), (ProblemsError,),
        (
            _row(problem_id=3, question="Sum.", input_output='{"inputs": ["1\\n"], "outputs": ["2\\n"]}', solutions='["print(1)"]', difficulty="interview"),
            _row(problem_id=4, question="Sum.", input_output='{"inputs": [[1]], "outputs": [[2]], "fn_name": "f"}', starter_code="class Solution:\n    def f(self, a):\n"),
        ),
    ),
    "CodeContests": Parser(
        _contest("codecontests", load_codecontests), (ProblemsError,),
        (_row(name="a", description="Sum.", public_tests={"input": ["1"], "output": ["2"]}, solutions={"language": [3], "solution": ["print(1)"]}, cf_rating=800),),
    ),
    "LiveCodeBench": Parser(
        _contest("livecodebench", load_livecodebench), (ProblemsError,),
        (
            _row(question_id="a", question_content="Sum.", starter_code="", public_test_cases='[{"input": "1", "output": "2", "testtype": "stdin"}]', private_test_cases="[]", metadata="{}"),
            _row(question_id="b", question_content="Sum.", starter_code="class Solution:\n    def f(self, a):\n", public_test_cases='[{"input": "1\\n[2]", "output": "2", "testtype": "functional"}]', private_test_cases="eJxrYJmawwABPVIAFbIDlA==", metadata='{"func_name": "f"}'),
        ),
    ),
    "HumanEvalPack": Parser(
        _contest("humanevalpack", load_humanevalpack), (ProblemsError,),
        (
            _row(task_id="Python/0", prompt="def f(a):\n", declaration="def f(a):\n", canonical_solution="    return a\n", test="def check(f):\n    assert f(1) == 1\n", entry_point="f", instruction="Do it."),
            _row(task_id="Go/1", prompt="package main\nfunc F(a int) int {\n", declaration="func F(a int) int {\n", canonical_solution="return a }\n", test="func TestF(t *testing.T) {}", entry_point="F"),
        ),
    ),
    "tests": Parser(_read_tests, (TestSyntaxError,), (_ASSERTS, _SUITE, "assert f(1, b=2) == [1]\nassert f(-1) is None\n", "from math import *\nroot = Node(1)\nroot.left = Node(2)\nassert f(root) == 1")),
    "completions": Parser(_read_completion, (), _COMPLETIONS),
    "configurations": Parser(lambda text, folder: load_config(_file(folder, "run.toml", text)), (ConfigError,), (_TOML,)),
    "overrides": Parser(
        lambda text, folder: load_config(None, text.split("\n")), (ConfigError,),
        ("sampling.n=4\nrun=a", "sampling.schedule=[{share=2.0}]", "evaluation.sets=[{source='humaneval'}]", 'sampling.extra={"a"=[1]}'),
    ),
    "sandbox messages": Parser(_read_frames, (SandboxFaultError,), _MESSAGES),
    "Docker's stream": Parser(_read_multiplexed, (SandboxFaultError,), ("\1\0\0\0\0\0\0\x06\0\0\0\x02{}" * 2 + "\1\0\0\0\0\0\0\x05\0\0\0\2[" + "\1\0\0\0\0\0\0\1]",)),
    "reports of tests": Parser(_read_suite_report, (SandboxFaultError,), (_REPORT + "\n" + _MESSAGE,)),
    "values": Parser(_read_value, (ValueError,), ('{"tuple": [1, 2.5, "a"]}', '{"dict": [[{"int": "fff"}, {"set": [1, {"float": "nan"}]}]]}', '{"std": ["Counter", [], [1, 2]]}', '{"record": ["A", [["x", 1]]]}', '"1 2.5"', '{"bytes": "00ff"}')),
    "marks": Parser(_take_a_mark, (PairsmithError,), ('{"pair_id": "p1", "mark": "good"}', '{"pair_id": "p2", "mark": "none"}')),
    "models' replies": Parser(_read_reply, (), ('I think {"correctness": "A", "style": "tie"}', "Task: add two numbers and give the sum back.\n\ndef f(a: int) -> int:\n    pass\n", "1. lists\n2. sums\n", "```python\nassert f(1) == 2\nx = f(2)\nassert x == 3\n```")),
    "checkers": Parser(lambda text, folder: why_no_checker(text, "python"), (), ("def check(i, o, e):\n    return True\n",)),
    "manifests": Parser(_read_manifest, (FolderError,), ('{"stage": "verdicts", "fingerprint": "x", "n_in": 1, "n_out": 1, "dropped": {"a": 1}, "counts": {}, "files": [{"name": "a.parquet", "rows": 1, "sha256": "0", "content": "0"}], "versions": {}}',)),
    "Retry-After": Parser(lambda text, folder: read_seconds(text), (ValueError,), ("3", "1.5", "1e9")),
}  # fmt: skip
