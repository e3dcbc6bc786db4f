"""The history of one pair on a terminal: `pairsmith explain`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from pairsmith.pipeline.pairing.policies import POLICIES
from pairsmith.pipeline.report.history import (
    CandidateHistory,
    CaseRow,
    ProblemHistory,
    RunReader,
    candidate_facts,
    case_rows,
    count_labels,
    find_pair,
    outcomes_by_test,
)
from pairsmith.pipeline.report.tables import print_lines, print_table
from pairsmith.pipeline.report.words import drop_words
from pairsmith.pipeline.run.safe_text import shown_text
from pairsmith.schemas.verdict import Label

_RUNS = Path("runs")
_N_CHARS = 160  # of a value in the table of cases
_N_OTHERS = 40  # candidates listed
_MARKS = {True: ("✓ ", "green"), False: ("✗ ", "red"), None: ("", "")}


def show_history(pair_id: str, run: Path | None, n_cases: int, console: Console) -> None:
    """Print all that is known of a pair: prompt, samples, cases, tags, and the problem's other candidates.

    Args:
        run: run folder; None looks through the folders below `runs`.
        n_cases: cases shown at most, those that distinguish the two first.

    Raises:
        NoPairError: if it isn't found.
    """
    runs = [run] if run is not None else sorted(path for path in _RUNS.glob("*") if path.is_dir())
    found, pair = find_pair(runs, pair_id)
    reader = RunReader(found)
    history = reader.history(pair["problem_id"])
    chosen, rejected = history.find(pair["chosen_id"]), history.find(pair["rejected_id"])
    measure = f" (measure {pair['policy_value']:.3f})" if pair["policy_value"] is not None else ""
    made = f"split {pair['split']}, policy {pair['policy']}{measure}, weight {pair['weight']:g}"
    print_lines(console, f"pair {pair['pair_id']} of {found}", f"{pair['problem_id']}, {made}")
    print_lines(console, "", "== problem", *_about_problem(history))
    for side, entry in (("chosen", chosen), ("rejected", rejected)):
        print_lines(console, "", f"== {side}: candidate {entry.candidate.candidate_id}", *_about_candidate(entry))
    print_lines(console, "", "== cases, those that tell the two apart first")
    _print_cases(case_rows(history.problem, chosen, rejected, _N_CHARS), n_cases, console)
    for name, *outcomes in outcomes_by_test(chosen, rejected):
        print_lines(console, f"test {name}: chosen {outcomes[0]}, rejected {outcomes[1]}")
    print_lines(console, "", "== why this pair", *_why(pair, history))
    print_lines(console, "", "== why not another: the problem's candidates")
    _print_others(history, reader, pair, console)


def show_problems(run: Path, console: Console) -> None:
    """Print all problems of a small run in full: answers, programs, what they did, verdicts."""
    reader = RunReader(run)
    for problem_id in sorted(reader.shard_of):
        history = reader.history(problem_id)
        print_lines(console, "", f"== problem {problem_id}", *_about_problem(history))
        for entry in history.candidates:
            print_lines(console, "", f"== candidate {entry.candidate.candidate_id}", *_about_candidate(entry))


def _about_problem(history: ProblemHistory) -> Iterator[str]:
    problem, standing = history.problem, history.standing
    graded = " ".join(part for part in (problem.level, problem.topic) if part)
    yield f"from {problem.source}{f', {graded}' if graded else ''}"
    yield f"{problem.language}, judged by {problem.judged_by}"
    yield f"{len(problem.cases)} cases; {len(history.candidates)} candidates: {count_labels(history.candidates)}"
    if standing is not None:
        weak = "weak: candidates that pass its tests disagree" if standing.is_weak else "no disagreement found"
        tried = f"{standing.n_counted} inputs beyond the tests by {standing.method or 'other programs'}: {weak}"
        yield tried if standing.n_counted else "no input beyond the tests was tried"
        if standing.n_mutants:
            yield f"its tests detect {standing.n_killed} of {standing.n_mutants} small mistakes"
    yield "-- prompt of the problem"
    yield problem.prompt


def _about_candidate(entry: CandidateHistory) -> Iterator[str]:
    for name, text in candidate_facts(entry):
        yield f"{name.lower()}: {text}"
    candidate = entry.candidate
    for message in candidate.context:
        yield f"-- {message.role}"
        yield message.content
    if candidate.prompt:
        yield f"-- prompt, template {candidate.prompt_template or candidate.template}"
        yield candidate.prompt
    yield "-- completion"
    yield candidate.completion
    if entry.program is not None:
        yield "-- program"
        yield entry.program.code


def _print_cases(rows: list[CaseRow], n_cases: int, console: Console) -> None:
    shown: list[Sequence[Any]] = []
    for row in rows[:n_cases]:
        answers = [(row.chosen, row.chosen_passed), (row.rejected, row.rejected_passed)]
        cells = [Text(_MARKS[passed][0] + text, _MARKS[passed][1]) for text, passed in answers]
        shown.append((row.number, row.arguments, row.expected, *cells))
    caption = f"{len(rows) - n_cases} more cases; --cases {len(rows)} shows them" if len(rows) > n_cases else ""
    print_table(console, ("case", "input", "expected", "chosen gave", "rejected gave"), shown, caption=caption)


def _why(pair: dict[str, Any], history: ProblemHistory) -> Iterator[str]:
    policy = POLICIES.get(pair["policy"])
    rule = " ".join((policy.__doc__ or "").partition("\n\n")[0].split()) if policy is not None else ""
    yield f"{pair['policy']}: {rule}".rstrip(": ")
    verdicts = [entry.verdict for entry in history.candidates if entry.verdict is not None]
    passed = sum(verdict.label is Label.PASSED for verdict in verdicts)
    why = f" ({pair['rejected_cause']} {pair['rejected_detail']}".rstrip() + ")" if pair["rejected_cause"] else ""
    yield f"cases passed: chosen {pair['chosen_share']:.0%}, rejected {pair['rejected_share']:.0%}{why}"
    yield f"{passed} of {len(history.candidates)} candidates pass; {pair['pass_rate']:.2f} of those decided"


def _print_others(history: ProblemHistory, reader: RunReader, pair: dict[str, Any], console: Console) -> None:
    """Print the problem's candidates with their label, what they are used for, and why some are in no pair."""
    facts = reader.pair_facts().filter(problem_id=pair["problem_id"])
    n_chosen, n_rejected = (Counter(facts[f"{side}_id"].to_list()) for side in ("chosen", "rejected"))
    evidence = _evidence(reader.run, pair["problem_id"])
    rows = []
    for entry in history.candidates[:_N_OTHERS]:
        key, verdict = entry.candidate.candidate_id, entry.verdict
        uses = [f"{word} {n[key]}" for word, n in (("chosen", n_chosen), ("rejected", n_rejected)) if n[key]]
        label = f"{verdict.label} {verdict.cause}".strip() if verdict is not None else "none"
        cases = f"{verdict.n_passed}/{verdict.n_cases}" if verdict is not None else ""
        here = {pair["chosen_id"]: "this pair's chosen", pair["rejected_id"]: "this pair's rejected"}.get(key)
        why = here or _spoken(evidence.get(key, ""))
        rows.append((key[:12], label, cases, ", ".join(uses), shown_text(why, 400)))
    caption = f"{n_more} more candidates" if (n_more := len(history.candidates) - _N_OTHERS) > 0 else ""
    header = ("candidate", "label", "cases", "in pairs", "why it can be in no pair")
    print_table(console, header, rows, caption=caption)


def _spoken(reason: str) -> str:
    return f"{reason}: {words}" if (words := drop_words(reason)) else reason


def _evidence(run: Path, problem_id: str) -> dict[str, str]:
    """Return why candidates may be part of no pair, as the build wrote it into the dataset."""
    files = sorted((run / "dataset" / "candidates").glob("*.parquet"))
    if not files:
        return {}
    rows = pl.scan_parquet(files, glob=False).filter(problem_id=problem_id).select("candidate_id", "reason")
    return dict(rows.collect().iter_rows())
