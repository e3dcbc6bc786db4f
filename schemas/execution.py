"""What happened when a program ran. Facts only: no judgement is made here."""

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Literal


class Status(StrEnum):
    """How one call, or a whole program, ended."""

    OK = "ok"
    """A value came out."""
    EXCEPTION = "exception"
    """The program raised; the type is kept beside."""
    EXITED = "exited"
    """The process ended before it answered: `sys.exit`, `os._exit`, a signal."""
    TIMEOUT = "timeout"
    """CPU or wall time ran out; alone, too, where the program had been kept waiting for a processor."""
    MEMORY = "memory"
    """Memory ran out."""
    OUTPUT_LIMIT = "output_limit"
    """More was printed, or a larger value answered, than is allowed."""
    FORGED = "forged"
    """An answer that nobody asked for, with a wrong nonce or in a broken frame."""
    COMPILE_ERROR = "compile_error"
    """The compiler refused the program."""
    MISSING = "missing"
    """The entry point does not exist after the program was loaded."""
    NOT_RUN = "not_run"
    """The program had ended before this call, or was never run."""
    FAULT = "fault"
    """The sandbox broke. Proves nothing about the program."""


@dataclass(frozen=True, slots=True)
class CaseRun:
    """One call of the entry point.

    Attributes:
        status: how it ended.
        value: text of the value that came out (see `schemas.values`); empty unless `ok`.
        output_digest: 16 hex digits of (status, exception type, value).
        exception: name of the exception's type; empty unless `exception` or `memory`.
        wall_s: seconds between the input going in and the answer coming out, measured outside the program.
        checked: what the problem's checker said of the value: `accepted`, `refused: REASON` or `broken: REASON`;
            empty where no checker decides.
    """

    status: Status
    value: str
    output_digest: str
    exception: str
    wall_s: float = field(metadata={"measured": True})
    checked: str = ""


TestOutcome = Literal["passed", "failed", "skipped", "error"]


@dataclass(frozen=True, slots=True)
class TestRun:
    """One test of a suite.

    Attributes:
        name: as pytest names it, such as `test_add[1-2]` or `TestAdd::test_zero`.
        outcome: `error` is a test that broke before it reached the candidate, or asked for what no plain value is.
    """

    __test__ = False  # pytest: not a test class

    name: str
    outcome: TestOutcome


@dataclass(frozen=True, slots=True)
class OtherRun:
    """One run of another block of the same answer; the fields are those of `Execution`."""

    status: Status
    exception: str
    detail: str
    runs: tuple[CaseRun, ...]
    tester: str
    signature: str
    tests: tuple[TestRun, ...]
    flaky: bool
    program_form: str
    load_error: str


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a program over all cases of its problem.

    Attributes:
        status: `ok` if every call came to an end of its own (value or exception); else how the program ended.
        exception: type of the exception that loading the program raised; empty for none.
        detail: one line for a person: what broke, or how the tester ended.
        runs: one entry a case, in the order of the problem's cases; a tester's calls in the order made.
        tester: for `judged_by = tester` and `suite`: passed, failed, or empty.
        signature: 32 hex digits over the runs' digests: equal signatures, equal behaviour on these inputs.
        backend: sandbox that ran it: bubblewrap or docker.
        cpu_s: CPU seconds of the program's processes, user and system.
        wall_s: seconds from start to end.
        peak_memory_mib: largest resident set of one of its processes, MiB.
        tests: for `judged_by = suite`: one entry a test, in the order run.
        cpu_wait_s: seconds that it waited for a processor; looked at only when its wall time had run out,
            0.0 otherwise; -1.0 where this kernel does not say.
        flaky: whether a second run behaved otherwise. Its verdict is undecided.
        program_form: what ran: `whole` (blocks as they were written), `joined` (several blocks), `pruned` (what
            the entry point needs, since loading the whole failed), `bare`, `continuation`, `as_is`; empty if
            nothing did.
        load_error: for `pruned`: how loading the whole program ended.
        other_runs: one entry for each other block of the answer, where several answer differently.
    """

    candidate_id: str
    problem_id: str
    status: Status
    exception: str
    detail: str
    runs: tuple[CaseRun, ...]
    tester: str
    signature: str
    backend: str
    cpu_s: float = field(metadata={"measured": True})
    wall_s: float = field(metadata={"measured": True})
    peak_memory_mib: float = field(metadata={"measured": True})
    tests: tuple[TestRun, ...] = ()
    cpu_wait_s: float = field(default=0.0, metadata={"measured": True})
    flaky: bool = False
    program_form: str = ""
    load_error: str = ""
    other_runs: tuple[OtherRun, ...] = ()

    @property
    def why(self) -> str:
        """Return the reason of an end in a few words."""
        return self.exception or self.detail

    def of_blocks(self) -> "list[Execution]":
        """Return one execution for each block that answers, this one first."""
        names = [field.name for field in fields(OtherRun)]
        others = [{name: getattr(other, name) for name in names} for other in self.other_runs]
        own = replace(self, other_runs=())
        return [own, *(replace(own, **other) for other in others)]
