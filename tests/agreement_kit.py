"""Evidence made by hand: what programs answered and tests said, without any sandbox."""

import json
from collections.abc import Mapping, Sequence

from pairsmith.pipeline.synthesis.evidence import AgreementEvidence, Response
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.synthesis import GeneratedTest, GivenAnswer, ProblemAnswers


def make_evidence(
    programs: Sequence[tuple[int, Sequence[object]]],
    suites: Sequence[Mapping[int, object]],
    n_asked: int | None = None,
    clusters: Sequence[str] | None = None,
) -> AgreementEvidence:
    """Return evidence.

    Args:
        programs: for each program how many responses are it, and what it answers to the inputs 0, 1, 2, ...
        suites: for each answer of the tester what it says of some inputs.
        n_asked: inputs that count as asked for; all by default.
        clusters: near-duplicate cluster of each program; each its own by default.
    """
    n_inputs = len(programs[0][1])
    tests = list(dict.fromkeys((place, value) for suite in suites for place, value in suite.items()))
    numbers = {test: number for number, test in enumerate(tests)}
    answers = sorted({json.dumps(value) for _, row in programs for value in row})
    responses, program_of = [], []
    for number, (n, _) in enumerate(programs):
        cluster = clusters[number] if clusters is not None else f"c{number}"
        for copy in range(n):
            responses.append(Response(f"r{number}.{copy}", f"code {number}", cluster, f"p{number}"))
            program_of.append(number)
    return AgreementEvidence(
        responses=tuple(responses),
        sources=tuple(f"code {number}" for number in range(len(programs))),
        program_of=tuple(program_of),
        inputs=tuple(f"[{place}]" for place in range(n_inputs)),
        n_asked=n_inputs if n_asked is None else n_asked,
        keys=tuple(tuple(map(json.dumps, row)) for _, row in programs),
        tests=tuple(GeneratedTest(Case(f"[{place}]", json.dumps(value))) for place, value in tests),
        suites=tuple(tuple(numbers[test] for test in suite.items()) for suite in suites),
        passes=tuple(tuple(row[place] == value for _, row in programs) for place, value in tests),
        ran=ProblemAnswers(
            "p",
            tuple(f"[{place}]" for place in range(n_inputs)),
            tuple(GivenAnswer(Status.OK, value, "") for value in answers),
            tuple(tuple(answers.index(json.dumps(value)) for value in row) for _, row in programs),
            (),
        ),
    )
