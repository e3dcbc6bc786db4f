"""Runs a problem's own checker over answers, where many answers are right.

A checker is Python source with `check(input, output, expected) -> bool | str` (or `check(input, output)`), or a
C++ program in the manner of testlib. It runs in a sandbox of its own, with the limits of any program and no
candidate in it; only values pass in. It sees the expected value, the candidate never does.

| Python returns | means |
| --- | --- |
| `True` | right |
| `False`, a text that says why, or AssertionError | wrong |
| anything else, another exception, no end in time | the checker is broken: it proves nothing |

A C++ checker is called as `checker INPUT OUTPUT ANSWER`, three files; exit code 0 means right, 1 and 2 wrong,
anything else broken. The source holds all that it needs: own JSONL puts the headers in (`problems.sources.jsonl`).
"""

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pairsmith.pipeline.judging.equality import ACCEPTED, BROKEN, REFUSED
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.languages.toolchains import Toolchains, Unprepared, prepare_program
from pairsmith.pipeline.sandbox import Answer, Job, Sandbox
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case, Interface, Problem
from pairsmith.schemas.values import decode_value, encode_arguments, encode_value

_MAX_REASON = 200  # characters
# Before `main`: reads the three texts, starts the program again with three files, and prints its exit code.
_CPP_FILES = """\
#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((constructor)) static void pairsmith_files(int argc, char **argv, char **envp) {
    if (argc != 1) return;
    const char *names[] = {"/tmp/input.txt", "/tmp/output.txt", "/tmp/answer.txt"};
    for (const char *name : names) {
        long size = 0;
        if (scanf("%ld", &size) != 1 || getchar() != '\\n') _exit(3);
        FILE *file = fopen(name, "wb");
        if (!file) _exit(3);
        for (; size > 0; --size) fputc(getchar(), file);
        fclose(file);
    }
    int status = -1, child = fork();
    if (child == 0) {
        char *arguments[] = {argv[0], (char *)names[0], (char *)names[1], (char *)names[2], nullptr};
        dup2(2, 1);
        execve(argv[0], arguments, envp);
        _exit(3);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) _exit(3);
    printf("%d", WEXITSTATUS(status));
    fflush(stdout);
    _exit(0);
}
#line 1
"""
_CPP_REFUSALS = ("1", "2")  # testlib's wrong answer and presentation error


def why_no_checker(source: str, language: str) -> str:
    """Return why a text is no checker, in words, or an empty string."""
    if language == "cpp":
        return "" if "main" in source else "a C++ checker needs a `main`"
    try:
        arity = _arity(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"the checker is not Python: {error}"
    return "" if arity in (2, 3) else "the checker defines no `check(input, output, expected)`"


def check_runs(
    problem: Problem, runs: Sequence[CaseRun], sandbox: Sandbox, toolchains: Toolchains
) -> list[CaseRun]:
    """Return the runs with the checker's decision on each answer.

    Args:
        problem: with cases, of which some are of rule `checker`.
        runs: one a case; what is not `ok`, or no plain value, is not shown to the checker.
        sandbox: one that holds no candidate.
        toolchains: compile a C++ checker.

    Raises:
        SandboxFaultError: if the sandbox broke.
        LanguageError: if a C++ checker can't be compiled here.
    """
    asked = [
        index
        for index, (case, run) in enumerate(zip(problem.cases, runs, strict=False))
        if case.compare == "checker" and run.status is Status.OK and '"opaque"' not in run.value
    ]
    if not asked:
        return list(runs)
    inputs = tuple(_input(problem, problem.cases[index], runs[index]) for index in asked)
    job = _job(problem, inputs, toolchains)
    if isinstance(job, Unprepared):
        said = [f"{BROKEN}: {job.detail}"] * len(asked)
    else:
        said = [_read(answer, problem.checker_language) for answer in _run_each(job, sandbox)]
    checked = list(runs)
    for index, words in zip(asked, said, strict=True):
        checked[index] = replace(checked[index], checked=words[:_MAX_REASON])
    return checked


def _run_each(job: Job, sandbox: Sandbox) -> list[Answer]:
    """Return an answer for each input; one that ends the checker costs no other its answer."""
    answers: list[Answer] = []
    while len(answers) < len(job.inputs):
        done, _ = sandbox.run(replace(job, inputs=job.inputs[len(answers) :]))
        ended = [answer for answer in done if answer.status is not Status.NOT_RUN]
        answers += ended or done
    return answers


def _job(problem: Problem, inputs: tuple[str, ...], toolchains: Toolchains) -> Job | Unprepared:
    if problem.checker_language == "cpp":
        return prepare_program(_CPP_FILES + problem.checker, "", "cpp", inputs, toolchains)
    return Job(problem.setup, problem.checker, "check", inputs)


def _input(problem: Problem, case: Case, run: CaseRun) -> str:
    """Return what the checker gets of one case: a list of arguments, or text on its standard input."""
    is_text = problem.interface is Interface.STDIN
    output = decode_value(run.value)
    given: list[Any] = [case.arguments if is_text else decode_value(case.arguments), output]
    given.append(case.expected if is_text else decode_value(case.expected))
    if problem.checker_language == "cpp":
        texts = [text if isinstance(text, str) else encode_value(text) for text in given]
        return encode_value("".join(f"{len(text.encode())}\n{text}" for text in texts))
    return encode_arguments(given[: _arity(problem.checker)])


def _read(answer: Answer, language: str) -> str:
    if answer.status is Status.EXCEPTION and answer.exception == "AssertionError" and language == "python":
        return f"{REFUSED}: AssertionError"
    if answer.status is not Status.OK:
        return f"{BROKEN}: {answer.exception or answer.status.value} in the checker"
    told = decode_value(answer.value)
    if language == "cpp":
        if told == "0":
            return ACCEPTED
        return f"{REFUSED if told in _CPP_REFUSALS else BROKEN}: exit code {told}"
    if told is True:
        return ACCEPTED
    if told is False or (isinstance(told, str) and told):
        return f"{REFUSED}: {told}" if told else REFUSED
    return f"{BROKEN}: it returned {answer.value[:40]}, neither True, False nor a reason"


def _arity(source: str) -> int:
    """Return how many arguments the checker's `check` takes; 0 where there is none."""
    for node in reversed(parse_python(source).body):
        if isinstance(node, ast.FunctionDef) and node.name == "check":
            return 3 if node.args.vararg else len(node.args.posonlyargs) + len(node.args.args)
    return 0
