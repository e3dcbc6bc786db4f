"""Tries the attack corpus, and honest programs beside it, on this machine's own sandboxes.

Every program of the corpus pretends to solve one small problem. An attack holds if it gets no `passed` (or, where
its answers are right and only its behaviour is hostile, if it is contained), if it is never `undecided`, and if a
program that runs next in the same sandbox finds nothing of it.
"""

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.run import packaged_folder
from pairsmith.pipeline.sandbox.bubblewrap import BubblewrapEngine
from pairsmith.pipeline.sandbox.contract import Answer, Engine, Job, SandboxError, SandboxFaultError
from pairsmith.pipeline.sandbox.docker_engine import DockerEngine
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import decode_value, encode_arguments, encode_value
from pairsmith.schemas.verdict import Label, Verdict

HONEST = "passed"
_EXPECTATIONS = ("failed", "undecided", "contained", HONEST)
_INPUTS = ([3, 1, 4], [17], [2, 7, 1, 8, 2, 8], [10, -20, 30, -40], list(range(50)))
# Short limits: what must time out does so soon.
LIMITS = SandboxConfig(cpu_s=2, wall_s=12.0, case_wall_s=4.0, memory_mib=256, workers=1)
_EXECUTION = ExecutionConfig(fault_retries=1)

# Runs after each program. Where process ids are shared, sessions tell the runner's processes from a program's.
INSPECTOR = """
import os, socket
def is_foreign(pid):
    try: return os.getsid(pid) != os.getsid(1)
    except OSError: return False
def solve():
    left = [f"{folder}/{name}" for folder in ("/tmp", "/dev/shm") for name in sorted(os.listdir(folder))]
    left += ["process"] * sum(is_foreign(pid) for pid in range(2, os.getpid()))
    try: socket.socket(socket.AF_UNIX).bind("\\0answers")
    except OSError: left.append("abstract socket")
    return left[:20]
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """One program of the corpus.

    Attributes:
        name: `class/name`; the class `honest` holds the controls.
        what: what it tries, in one sentence.
        expects: `failed`; `undecided` (it rests on its own `__eq__`); `contained` (its answers may be right, what
            it does must have no effect); `passed`.
        cause: cause of the verdict that it must get; empty where several would do.
        by_tester: whether tests in a sandbox of their own judge it, which hold what it gives.
    """

    name: str
    what: str
    expects: str
    cause: str
    code: str
    by_tester: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one program on one kind of sandbox.

    Attributes:
        left: what the next program found of it; empty for nothing.
    """

    attack: Attack
    verdict: Verdict
    left: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether the sandbox did what it promises."""
        if self.left or (self.verdict.label is Label.UNDECIDED and self.attack.expects != "undecided"):
            return False
        return self.attack.expects == "contained" or self.verdict.label == self.attack.expects


def attacks_folder() -> Path:
    """Return where the corpus lies.

    Raises:
        MissingFilesError: if it is not there.
    """
    return packaged_folder("attacks", "tests/attacks")


def load_attacks(folder: Path) -> list[Attack]:
    """Return the corpus, sorted by name.

    Raises:
        SandboxError: if a file's header is not as it must be, or there is none.
    """
    paths = sorted(folder.glob("*/*.py"))
    if not paths:
        raise SandboxError(f"{folder}: no attacks; expected files such as crash/abort.py")
    return [_load(path) for path in paths]


def try_attacks(
    attacks: Sequence[Attack],
    engine: Engine,
    config: SandboxConfig = LIMITS,
    n_parallel: int = 4,
    on_done: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """Return what came of each program, in their order.

    Args:
        engine: starts the sandboxes; it is closed here.
        n_parallel: programs at the same time, each followed by an inspector in the same sandbox.

    Raises:
        SandboxError: if the sandbox stays broken.
    """
    problems = {by_tester: attack_problem(by_tester) for by_tester in (False, True)}
    pools = [SandboxPool(engine, config.model_copy(update={"workers": 1}), _EXECUTION) for _ in range(n_parallel)]
    idle: queue.SimpleQueue[SandboxPool] = queue.SimpleQueue()
    for pool in pools:
        idle.put(pool)

    def work(attack: Attack) -> Trial:
        pool = idle.get()
        try:
            trial = _try(attack, problems[attack.by_tester], pool)
        finally:
            idle.put(pool)
        on_done(trial)
        return trial

    try:
        with ThreadPoolExecutor(n_parallel, thread_name_prefix="audit") as threads:
            return list(threads.map(work, attacks))
    finally:
        for pool in pools:
            pool.close()


def make_engines(config: SandboxConfig, label: str) -> tuple[list[Engine], list[str]]:
    """Return an engine of each kind that can be used here, and the reason for each that can't.

    Args:
        label: goes onto containers, for reaping.
    """
    engines: list[Engine] = []
    reasons = []
    kinds: tuple[Callable[[], Engine], ...] = (
        lambda: BubblewrapEngine(config),
        lambda: DockerEngine(config, label),
    )
    for make in kinds:
        try:
            engines.append(make())
        except SandboxError as error:
            reasons.append(str(error))
    return engines, reasons


def describe(engine: Engine, config: SandboxConfig = LIMITS) -> str:
    """Return one line on what is active in this engine's sandboxes.

    Raises:
        SandboxError: if none starts.
    """
    try:
        sandbox = Sandbox(engine, config)
    except SandboxFaultError as fault:
        raise SandboxError(f"{engine.name}: the sandbox does not start: {fault}") from None
    python, is_filtered = sandbox.python, sandbox.is_filtered
    sandbox.close()
    apart = "its own namespaces" if engine.isolation == "namespaces" else "its own user id"
    memory = "whole tree (control group)" if engine.limits_tree else "each process alone (no control group here)"
    return (
        f"{engine.name}: Python {python}; each program in {apart}; memory limit: {memory}; "
        f"seccomp filter: {'on' if is_filtered else 'off: unknown architecture'}"
    )


def table_rows(attacks: Sequence[Attack], tried: Sequence[Sequence[Trial]]) -> list[tuple[str, ...]]:
    """Return one row a program: name, what it tries, and what came of it on each engine."""
    return [
        (attack.name, attack.what, *(_outcome(trials[index]) for trials in tried))
        for index, attack in enumerate(attacks)
    ]


def _outcome(trial: Trial) -> str:
    verdict = trial.verdict
    words = [verdict.label.value, verdict.cause.value.replace("_", " ")]
    left = f"; left: {', '.join(trial.left[:3])}" if trial.left else ""
    return f"{'held' if trial.held else 'NOT HELD'}: {' '.join(word for word in words if word)}{left}"


def attack_problem(by_tester: bool = False) -> Problem:
    """Return the problem that every program of the corpus pretends to solve, by cases or by tests."""
    cases = tuple(Case(encode_arguments([xs]), encode_value(_solve(xs))) for xs in _INPUTS)
    tests = _TESTS.replace("PLACES", repr([(xs, _solve(xs)) for xs in _INPUTS]))
    return Problem(
        problem_id="audit", source="audit", language="python", entry_point="solve", prompt="", continuation="",
        setup="", judged_by=JudgedBy.TESTER if by_tester else JudgedBy.CASES, cases=() if by_tester else cases,
        test_code=tests if by_tester else "", reference="", level="", topic="", license="",
    )  # fmt: skip


_TESTS = """
PAIRS = PLACES
for xs, expected in PAIRS:
    given = list(xs)
    assert solve(given) == expected
    assert given == list(xs)
"""


def _solve(xs: Sequence[int]) -> int:
    """Return what nobody guesses: squares, weighted by position, modulo a prime."""
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991


def _try(attack: Attack, problem: Problem, pool: SandboxPool) -> Trial:
    program = Program(attack.name, problem.problem_id, Extraction.OK, "bare", attack.code)
    execution = execute_programs([program], {problem.problem_id: problem}, pool, n_runs=1)[0]
    return Trial(
        attack, judge(problem, execution), pool.run(lambda bench: _inspect(bench.candidate.run(_JOB)[0][0]))
    )


_JOB = Job("", INSPECTOR, "solve", ("[]",))


def _inspect(answer: Answer) -> tuple[str, ...]:
    if answer.status is not Status.OK:
        return (f"the inspector could not look: {answer.status.value} {answer.exception}".strip(),)
    return tuple(str(name) for name in decode_value(answer.value))


def _load(path: Path) -> Attack:
    name = f"{path.parent.name}/{path.stem}"
    code = path.read_text(encoding="utf-8")
    what, *rest = code.splitlines()
    fields = dict(
        line[2:].split(": ", 1) for line in rest[:3] if line.startswith(("# expects: ", "# cause: ", "# by: "))
    )
    if not what.startswith("# ") or fields.get("expects") not in _EXPECTATIONS:
        raise SandboxError(f"{name}: the first lines must be `# what it tries` and `# expects: failed`")
    return Attack(name, what[2:], fields["expects"], fields.get("cause", ""), code, fields.get("by") == "tester")
