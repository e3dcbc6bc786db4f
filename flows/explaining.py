"""The whole history of one pair, on a terminal: `pairsmith explain`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.provenance import read_config
from pairsmith.pipeline.pairing import as_judged, scan_tables
from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.policies import POLICIES
from pairsmith.pipeline.pairing.stage import offers_of_problem
from pairsmith.pipeline.pairing.user_marks import dropping, read_marks
from pairsmith.pipeline.report.history import (
    CaseAnswers,
    Known,
    ProblemHistory,
    RunReader,
    answers_by_case,
    find_pair,
    telling_first,
)
from pairsmith.pipeline.run.safe_text import shown_arguments, shown_text, shown_value
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Interface, Problem
from pairsmith.schemas.verdict import Label

_RUNS = Path("runs")
_N_OTHERS = 40  # candidates listed
_TAKEN = "taken as a pair of its own; it is missing only where a guard of the whole split left it out"


def show_history(pair_id: str, run: Path | None, n_cases: int, console: Console) -> None:
    """Print all that is known of a pair: prompt, samples, cases, tags, why it was chosen and why no other was.

    Args:
        pair_id: its id, or the first digits.
        run: run folder; None looks through the folders below `runs`.
        n_cases: cases shown at most, those that tell the two apart first.
        console: where to.

    Raises:
        NoPairError: if it isn't found.
    """
    runs = [run] if run is not None else sorted(path for path in _RUNS.glob("*") if path.is_dir())
    found, pair = find_pair(runs, pair_id)
    reader = RunReader(found)
    history = reader.history(pair["problem_id"])
    chosen, rejected = history.find(pair["chosen_id"]), history.find(pair["rejected_id"])
    config = read_config(found)

    def say(*lines: str) -> None:
        for line in lines:
            console.print(shown_text(line), markup=False, highlight=False)

    say(*_about_pair(found, pair), "", "== problem", *_about_problem(history))
    for side, known in (("chosen", chosen), ("rejected", rejected)):
        say("", f"== {side}: candidate {known.candidate.candidate_id}", *_about_candidate(known))
    say("", "== cases, those that tell the two apart first")
    console.print(_case_table(history.problem, answers_by_case(history.problem, chosen, rejected), n_cases))
    if chosen.execution is not None and chosen.execution.tests:
        say(*_about_tests(chosen, rejected))
    say("", "== why this pair", *_why(pair, history))
    offers = _offers(found, config or RunConfig(), pair["problem_id"])
    say(*_about_offers(offers, pair, config is not None))
    said = reader.judgements(pair["pair_id"])
    if said:
        say("", "== a language model's word", *(f"{row.dimension}: {row.agreed}" for row in said))
    say("", "== why not another: the problem's candidates")
    console.print(_others(history, reader, offers, pair))


def _about_pair(run: Path, pair: dict[str, Any]) -> Iterator[str]:
    value = f" (measure {pair['policy_value']:.3f})" if pair["policy_value"] is not None else ""
    yield f"pair {pair['pair_id']} of {run}"
    yield f"{pair['problem_id']}, split {pair['split']}, policy {pair['policy']}{value}, weight {pair['weight']:g}"


def _about_problem(history: ProblemHistory) -> Iterator[str]:
    problem, standing = history.problem, history.standing
    labels = Counter(str(known.verdict.label) for known in history.candidates if known.verdict is not None)
    told = ", ".join(f"{n} {label}" for label, n in sorted(labels.items()))
    graded = " ".join(part for part in (problem.level, problem.topic) if part)
    yield f"from {problem.source}{f', {graded}' if graded else ''}"
    yield f"{problem.language}, judged by {problem.judged_by}"
    yield f"{len(problem.cases)} cases; {len(history.candidates)} candidates: {told}"
    if standing is not None:
        weak = "weak: candidates that pass its tests disagree" if standing.is_weak else "no disagreement found"
        yield f"{standing.n_counted} inputs beyond the tests by {standing.method or 'nothing'}: {weak}"
        if standing.n_mutants:
            yield f"its tests notice {standing.n_killed} of {standing.n_mutants} small mistakes"
    yield "-- prompt of the problem"
    yield problem.prompt


def _about_candidate(known: Known) -> Iterator[str]:
    drawn, run, verdict = known.candidate, known.execution, known.verdict
    logprob = f", mean log-probability {drawn.mean_logprob:.3f}" if drawn.mean_logprob is not None else ""
    yield (
        f"drawn: number {drawn.index} by {drawn.backend} from {drawn.model} {drawn.revision[:12]}".rstrip()
        + f"; temperature {drawn.temperature:g}, top_p {drawn.top_p:g}, seed {drawn.seed}"
        + f"; {drawn.n_tokens} tokens, end {drawn.finish_reason or 'unknown'}{logprob}"
    )
    for message in drawn.context:
        yield f"-- {message.role}"
        yield message.content
    if drawn.prompt:
        yield f"-- prompt, template {drawn.prompt_template or drawn.template}"
        yield drawn.prompt
    yield "-- completion"
    yield drawn.completion
    if known.program is not None:
        yield f"-- program: {known.program.extraction}, found as {known.program.form}"
        yield known.program.code
    if run is not None:
        flaky = ", and otherwise in a second run" if run.flaky else ""
        yield (
            f"ran: {run.status} {run.exception}".rstrip() + f" in {run.backend or 'no sandbox'}{flaky}; "
            f"{run.cpu_s:.3f} s of CPU, {run.peak_memory_mib:.0f} MiB"
        )
    if verdict is not None:
        why = f", {verdict.cause} {verdict.detail}".rstrip() if verdict.cause else ""
        yield f"verdict: {verdict.label}{why}; {verdict.n_passed} of {verdict.n_cases} cases passed"
    if known.standing is not None:
        held = known.standing
        yield (
            f"beyond the tests: {held.standing} by {held.method or 'nothing'}, "
            f"{held.n_agreed} of {held.n_inputs} inputs agree, support {held.support:.2f}"
        )
    if known.syntax is not None:
        seen = known.syntax
        yield f"syntax: {seen.n_lines} lines, {seen.n_tokens} tokens, complexity {seen.cyclomatic}"
        yield f"tags: {' '.join(seen.tags) or 'none'}"
        if seen.duplicate_of:
            yield f"repeats candidate {seen.duplicate_of} ({seen.duplicate_rule})"
        yield f"near-duplicate cluster: {seen.cluster}"


def _case_table(problem: Problem, answers: Sequence[CaseAnswers], n_cases: int) -> Table:
    is_plain = problem.interface is Interface.STDIN
    table = Table("case", "input", "expected", "chosen gave", "rejected gave")
    for one in telling_first(answers)[:n_cases]:
        case = one.case
        table.add_row(
            str(one.number),
            Text(shown_arguments(case.arguments, 160, is_plain) if case is not None else "a call of the tests"),
            Text(_expected(case.expected, case.compare, is_plain) if case is not None else ""),
            _given(one.chosen, one.chosen_passed, is_plain),
            _given(one.rejected, one.rejected_passed, is_plain),
        )
    if len(answers) > n_cases:
        table.caption = f"{len(answers) - n_cases} more cases; --cases shows them"
    return table


def _expected(text: str, compare: str, is_plain: bool) -> str:
    if compare in ("truthy", "falsy"):
        return f"something {compare}"
    return shown_value(text, 160, is_plain) + (f" ({compare})" if compare != "equal" else "")


def _given(run: CaseRun | None, passed: bool | None, is_plain: bool) -> Text:
    if run is None:
        return Text("not run", "dim")
    said = (
        shown_value(run.value, 160, is_plain)
        if run.status is Status.OK
        else f"{run.status} {run.exception}".strip()
    )
    mark, style = {True: ("✓ ", "green"), False: ("✗ ", "red"), None: ("", "")}[passed]
    return Text(mark + said, style)


def _about_tests(chosen: Known, rejected: Known) -> Iterator[str]:
    outcomes = {test.name: test.outcome for test in rejected.execution.tests} if rejected.execution else {}
    for test in chosen.execution.tests if chosen.execution else ():
        yield f"test {test.name}: chosen {test.outcome}, rejected {outcomes.get(test.name, 'not run')}"


def _why(pair: dict[str, Any], history: ProblemHistory) -> Iterator[str]:
    policy = POLICIES.get(pair["policy"])
    rule = " ".join((policy.__doc__ or "").partition("\n\n")[0].split()) if policy is not None else ""
    yield f"{pair['policy']}: {rule}".rstrip(": ")
    verdicts = [known.verdict for known in history.candidates if known.verdict is not None]
    passed = sum(verdict.label is Label.PASSED for verdict in verdicts)
    why = f" ({pair['rejected_cause']} {pair['rejected_detail']}".rstrip() + ")" if pair["rejected_cause"] else ""
    yield f"cases passed: chosen {pair['chosen_share']:.0%}, rejected {pair['rejected_share']:.0%}{why}"
    yield f"{passed} of {len(history.candidates)} candidates pass; {pair['pass_rate']:.2f} of those decided"


def _offers(run: Path, config: RunConfig, problem_id: str) -> pl.DataFrame:
    files = {
        stage: [
            table.stage_folder(run, stage).path / name for name in table.stage_folder(run, stage).shard_names()
        ]
        for stage in table.find_stage("pairs").reads
    }
    tables = as_judged(scan_tables(files, dropping(read_marks(run))), config.pairs.reasoning == "strip")
    return offers_of_problem(tables, config.pairs, config.seed, problem_id)


def _about_offers(offers: pl.DataFrame, pair: dict[str, Any], is_known: bool) -> Iterator[str]:
    if not is_known:
        yield "(the run's configuration was not kept: what follows is by the defaults)"
    taken = offers.filter(pl.col("reason").is_null()).height
    yield f"{offers.height} possible pairs of this problem were looked at, {taken} taken"
    reasons = offers["reason"].drop_nulls().value_counts(sort=True)
    for reason, n in reasons.iter_rows():
        yield f"  {n} not taken, {reason}: {Drop(reason).words}"
    for side, other in (("chosen", "rejected"), ("rejected", "chosen")):
        same = offers.filter(pl.col(f"{side}_id") == pair[f"{side}_id"])
        n_taken = same.filter(pl.col("reason").is_null()).height
        yield f"the {side} one could be paired with {same[f'{other}_id'].n_unique()} others; {n_taken} were taken"


def _others(history: ProblemHistory, reader: RunReader, offers: pl.DataFrame, pair: dict[str, Any]) -> Table:
    """Return the candidates of the problem with their label, what they are used for, and why not for this."""
    facts = reader.pair_facts().filter(problem_id=pair["problem_id"])
    n_chosen, n_rejected = (Counter(facts[f"{side}_id"].to_list()) for side in ("chosen", "rejected"))
    evidence = _evidence(reader.run, pair["problem_id"])
    table = Table(
        "candidate", "label", "cases", "in pairs", "why it is in no pair, or not over or under these two"
    )
    for known in history.candidates[:_N_OTHERS]:
        key, verdict = known.candidate.candidate_id, known.verdict
        uses = [f"{word} {n[key]}" for word, n in (("chosen", n_chosen), ("rejected", n_rejected)) if n[key]]
        label = f"{verdict.label} {verdict.cause}".strip() if verdict is not None else "none"
        cases = f"{verdict.n_passed}/{verdict.n_cases}" if verdict is not None else ""
        here = {pair["chosen_id"]: "this pair's chosen", pair["rejected_id"]: "this pair's rejected"}.get(key)
        why = here or _why_not(key, evidence.get(key, ""), offers, pair)
        table.add_row(key[:12], label, cases, ", ".join(uses), Text(shown_text(why, 400)))
    if len(history.candidates) > _N_OTHERS:
        table.caption = f"{len(history.candidates) - _N_OTHERS} more candidates"
    return table


def _why_not(key: str, reason: str, offers: pl.DataFrame, pair: dict[str, Any]) -> str:
    if reason:
        return f"{reason}: {Drop(reason).words}"
    swapped = offers.filter(
        ((pl.col("chosen_id") == key) & (pl.col("rejected_id") == pair["rejected_id"]))
        | ((pl.col("rejected_id") == key) & (pl.col("chosen_id") == pair["chosen_id"]))
    )
    if swapped.is_empty():
        return "no policy offers it with one of these two"
    told = swapped["reason"].unique(maintain_order=True).to_list()
    return "; ".join(f"{one}: {Drop(one).words}" if one is not None else _TAKEN for one in told)


def _evidence(run: Path, problem_id: str) -> dict[str, str]:
    """Return why candidates may be part of no pair, as the build wrote it into the dataset."""
    files = sorted((run / "dataset" / "candidates").glob("*.parquet"))
    if not files:
        return {}
    rows = pl.scan_parquet(files, glob=False).filter(problem_id=problem_id).select("candidate_id", "reason")
    return dict(rows.collect().iter_rows())
