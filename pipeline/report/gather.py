"""Reads a run folder: manifests, tables and JSON files become one record."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import TypeAdapter, ValidationError

from pairsmith.pipeline.chain.table import scan_stage, stored_stages
from pairsmith.pipeline.evaluation.estimates import ScoringError
from pairsmith.pipeline.evaluation.gate import GateError, read_gate
from pairsmith.pipeline.evaluation.score import gains_from_json, score_from_json, slices_from_json
from pairsmith.pipeline.pairing.export import REPORT
from pairsmith.pipeline.report.counting import (
    count_answers,
    count_candidates,
    count_pairs,
    explain_failures,
    list_left_out,
    list_outcomes,
    list_problems,
    list_undecided,
    trace_candidates,
    weakest_problems,
)
from pairsmith.pipeline.report.facts import ReportError, ReportInput, TrainingFacts
from pairsmith.schemas.manifest import Manifest
from pairsmith.schemas.score import GateCheck
from pairsmith.schemas.training import TrainingStep, TrainingSummary

T = TypeVar("T")


def gather_run(run: Path) -> ReportInput:
    """Return what a run folder holds. Stages without a manifest are not done, and so not read.

    Raises:
        ReportError: no such folder, no stage in it, a broken file, or one of a manifest's files is missing.
    """
    manifests = _read_manifests(run)
    try:
        return _gather(run, manifests)
    except (pl.exceptions.PolarsError, OSError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ReportError(f"{run}: a table can't be read ({line}); run the build again") from None


def _gather(run: Path, manifests: dict[str, Manifest]) -> ReportInput:
    def table(stage: str) -> pl.LazyFrame:
        rows = scan_stage(run, stage)
        return rows if stage in manifests else rows.clear()

    names = ("pairs", "verdicts", "programs", "syntax", "problems", "candidates")
    pairs, verdicts, programs, syntax, loaded, candidates = map(table, names)
    pair_facts = count_pairs(pairs) if "pairs" in manifests else None
    cells = count_candidates(verdicts, programs, syntax, pairs)
    problems = list_problems(cells, loaded)
    evaluation = run / "evaluation"
    return ReportInput(
        name=run.resolve().name,
        stages=tuple(manifests.values()),
        candidate_steps=trace_candidates(cells, "syntax" in manifests, pair_facts is not None),
        n_problems=manifests["problems"].n_out if "problems" in manifests else len(problems),
        outcomes=list_outcomes(cells),
        problems=problems,
        answers=count_answers(candidates, programs, verdicts),
        undecided=list_undecided(verdicts),
        left_out=list_left_out(run, loaded.select("problem_id").collect()["problem_id"].to_list()),
        weak=explain_failures(weakest_problems(problems), verdicts, syntax),
        pairs=pair_facts,
        pairing=_read(run / "pairing.json", REPORT.validate_json) if pair_facts else None,
        training=_read_training(run / "training"),
        before=_read(evaluation / "before" / "score.json", score_from_json),
        after=_read(evaluation / "after" / "score.json", score_from_json),
        gains=_read(evaluation / "gains.json", gains_from_json) or (),
        slices=_read(evaluation / "slices.json", slices_from_json) or (),
        sets={
            path.parent.name: _read(path, gains_from_json) or ()
            for path in sorted(evaluation.glob("sets/*/gains.json"))
        },
        refusals=_read_refusals(run),
    )


def _read_manifests(run: Path) -> dict[str, Manifest]:
    if not run.is_dir():
        raise ReportError(f"{run}: no such run folder; give the folder that `pairsmith build` wrote")
    manifests = {}
    for stage in stored_stages():
        path = run / stage / "manifest.json"
        if not path.exists():
            continue
        try:
            manifests[stage] = Manifest.from_json(path.read_text(encoding="utf-8"))
        except (ValueError, AttributeError) as error:
            raise ReportError(f"{path}: {error}; delete it and run the build again") from None
    if not manifests:
        raise ReportError(f"{run}: no finished stage; run `pairsmith build` first")
    return manifests


def _read_refusals(run: Path) -> tuple[GateCheck, ...]:
    try:
        gate = read_gate(run)
    except GateError as error:
        raise ReportError(str(error)) from None
    return gate.refusals() if gate is not None else ()


def _read_training(folder: Path) -> TrainingFacts | None:
    """Return the log: of the summary, or, while there is none, of the lines written so far."""
    summary = _read(folder / "summary.json", TypeAdapter(TrainingSummary).validate_json)
    if summary is not None:
        return TrainingFacts(summary.steps, summary)
    log = folder / "log.jsonl"
    if not log.exists():
        return None
    adapter = TypeAdapter(TrainingStep)
    steps = []
    whole, _, _ = log.read_bytes().rpartition(b"\n")  # a killed run may leave half a line
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            steps.append(adapter.validate_json(line))
        except ValidationError as error:
            raise ReportError(f"{log}:{number}: {_fault(error)}; train again") from None
    return TrainingFacts(tuple(steps), None) if steps else None


def _read(path: Path, parse: Callable[[str], T]) -> T | None:
    """Return what a JSON file holds; None where there is none."""
    if not path.exists():
        return None
    try:
        return parse(path.read_text(encoding="utf-8"))
    except ScoringError as error:
        raise ReportError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ReportError(f"{path}: {_fault(error)}; run the stage that writes it again") from None
    except UnicodeDecodeError:
        raise ReportError(f"{path}: not UTF-8; run the stage that writes it again") from None


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
