"""The problems that a configuration names: loaded, checked, filtered and sorted."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from pairsmith.pipeline.problems.records import (
    DroppedProblem,
    DropReason,
    Found,
    LoadedProblems,
    NotCases,
    PendingProblem,
    ProblemsError,
)
from pairsmith.pipeline.problems.sources.apps import load_apps
from pairsmith.pipeline.problems.sources.codecontests import load_codecontests
from pairsmith.pipeline.problems.sources.evalplus import load_humaneval_plus, load_mbpp_plus
from pairsmith.pipeline.problems.sources.evoeval import load_evoeval
from pairsmith.pipeline.problems.sources.fetching import fetched
from pairsmith.pipeline.problems.sources.hub import load_hub
from pairsmith.pipeline.problems.sources.humaneval import humaneval_path, load_humaneval
from pairsmith.pipeline.problems.sources.humanevalpack import load_humanevalpack
from pairsmith.pipeline.problems.sources.jsonl import load_jsonl
from pairsmith.pipeline.problems.sources.livecodebench import load_livecodebench
from pairsmith.pipeline.problems.sources.mbpp import load_mbpp
from pairsmith.pipeline.problems.sources.starter import load_starter
from pairsmith.pipeline.sandbox.suite_kit import why_no_suites
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import JudgedBy, Problem


def load_problems(config: ProblemsConfig, starter: Path, cache: Path | None = None) -> LoadedProblems:
    """Return the problems that the configuration asks for.

    Args:
        config: source, and the filters: levels, ids and limit (the first by id).
        starter: folder of the starter set (`starter.starter_folder`).
        cache: folder that published files are fetched into where no path is set; None fetches nothing.

    Raises:
        ProblemsError: no or unreadable source, a column that every row lacks, an unknown id
            or level, no problem left.
    """
    if cache is not None:
        config = fetched(config, cache)
    found = _find(config, starter)
    found = _without_duplicates(found)
    _refuse_nothing_good(found)
    dropped = [item.outcome for item in found if isinstance(item.outcome, DroppedProblem)]
    good = sorted((item for item in found if not isinstance(item.outcome, DroppedProblem)), key=_problem_id)
    kept = _filter(good, config, dropped)
    outcomes = [item.outcome for item in kept]
    _refuse_suites_without_pytest(kept)
    return LoadedProblems(
        problems=tuple(outcome for outcome in outcomes if isinstance(outcome, Problem)),
        pending=tuple(outcome for outcome in outcomes if isinstance(outcome, PendingProblem)),
        dropped=tuple(dropped),
        not_cases=tuple(
            NotCases(_problem_id(item), _problem(item).judged_by, item.reason) for item in kept if item.reason
        ),
    )


def _find(config: ProblemsConfig, starter: Path) -> list[Found]:
    match config.source:
        case "starter":
            return [Found(item.problem.problem_id, item.problem) for item in load_starter(starter)]
        case "humaneval":
            return load_humaneval(config.path or humaneval_path())
        case "humaneval+":
            return load_humaneval_plus(_path(config))
        case "mbpp":
            return load_mbpp(_path(config))
        case "mbpp+":
            return load_mbpp_plus(_path(config))
        case "evoeval":
            return load_evoeval(_path(config))
        case "apps":
            return load_apps(config)
        case "codecontests":
            return load_codecontests(config)
        case "livecodebench":
            return load_livecodebench(config)
        case "humanevalpack":
            return load_humanevalpack(config)
        case "jsonl":
            return load_jsonl(_path(config))
        case "hub":
            return load_hub(config)


def _path(config: ProblemsConfig) -> Path:
    if config.path is None:
        raise ProblemsError(f"problems.path is not set; source {config.source!r} needs the file's path")
    return config.path


def _problem(item: Found) -> Problem:
    outcome = item.outcome
    assert not isinstance(outcome, DroppedProblem)
    return outcome.problem if isinstance(outcome, PendingProblem) else outcome


def _problem_id(item: Found) -> str:
    return _problem(item).problem_id


def _refuse_nothing_good(found: Iterable[Found]) -> None:
    """Raise if not one row became a problem; a column that all rows lack is the commonest cause."""
    outcomes = [item.outcome for item in found]
    drops = [outcome for outcome in outcomes if isinstance(outcome, DroppedProblem)]
    if len(drops) < len(outcomes):
        return
    first = drops[0]
    if len(drops) == 1:
        raise ProblemsError(f"{first.where}: {first.message}; it is the only problem there")
    same = " all" if len({(drop.reason, drop.message) for drop in drops}) == 1 else ""
    raise ProblemsError(f"{first.where}: {first.message}; {same or 'none'} of {len(drops)} problems can be used")


def _without_duplicates(found: Iterable[Found]) -> list[Found]:
    """Return what was found, with the first problem of each id; later ones are named and left out."""
    seen: dict[str, str] = {}
    kept: list[Found] = []
    for item in found:
        if not isinstance(item.outcome, DroppedProblem):
            problem_id = _problem_id(item)
            if problem_id in seen:
                message = f"problem id {problem_id!r} is in {seen[problem_id]} already"
                item = Found(item.where, DroppedProblem(item.where, DropReason.DUPLICATE_ID, message))
            else:
                seen[problem_id] = item.where
        kept.append(item)
    return kept


def _refuse_suites_without_pytest(kept: Iterable[Found]) -> None:
    suite = next((item for item in kept if _problem(item).judged_by is JudgedBy.SUITE), None)
    if suite is not None and why_no_suites():
        raise ProblemsError(f"{_problem_id(suite)} has a pytest or unittest suite, but {why_no_suites()}")


def _filter(good: list[Found], config: ProblemsConfig, dropped: list[DroppedProblem]) -> list[Found]:
    """Return what the configuration asks for; the others join `dropped`."""
    _refuse_unknown("ids", config.ids, {_problem_id(item) for item in good})
    _refuse_unknown("levels", config.levels, {_problem(item).level for item in good})
    kept: list[Found] = []
    for item in good:
        problem = _problem(item)
        drop = None
        if config.ids and problem.problem_id not in config.ids:
            drop = DroppedProblem(problem.problem_id, DropReason.OTHER_ID, "not among problems.ids")
        elif config.levels and problem.level not in config.levels:
            drop = DroppedProblem(problem.problem_id, DropReason.OTHER_LEVEL, f"level {problem.level!r}")
        elif config.limit is not None and len(kept) >= config.limit:
            drop = DroppedProblem(problem.problem_id, DropReason.OVER_LIMIT, f"after the first {config.limit}")
        if drop is None:
            kept.append(item)
        else:
            dropped.append(drop)
    if not kept:
        raise ProblemsError("no problem is of problems.ids and of problems.levels; widen one of them")
    return kept


def _refuse_unknown(key: str, asked: Iterable[str], known: set[str]) -> None:
    for value in asked:
        if value not in known:
            near = difflib.get_close_matches(value, sorted(known), n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near and near[0] else "; the source grades none"
            raise ProblemsError(f"problems.{key}: there is no {value!r}{hint}")
