"""The problems that a configuration names: loaded, checked, filtered and sorted."""

import ast
import difflib
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import httpx

from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.problems.records import (
    DroppedProblem,
    DropReason,
    Found,
    LoadedProblems,
    PendingProblem,
    ProblemsError,
)
from pairsmith.pipeline.problems.sources.contest import load_apps, load_codecontests
from pairsmith.pipeline.problems.sources.evalplus import SUBSETS, load_evoeval, load_humaneval_plus, load_mbpp_plus
from pairsmith.pipeline.problems.sources.hub import load_hub
from pairsmith.pipeline.problems.sources.humaneval import humaneval_path, load_humaneval, load_humanevalpack
from pairsmith.pipeline.problems.sources.jsonl import load_jsonl
from pairsmith.pipeline.problems.sources.livecodebench import load_livecodebench
from pairsmith.pipeline.problems.sources.mbpp import load_mbpp
from pairsmith.pipeline.problems.sources.starter import load_starter
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sandbox.channel import why_no_suites
from pairsmith.pipeline.sandbox.packages import locked, names_there
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import JudgedBy, Problem

_LIMIT_S = 60.0
_FILES = {
    "humaneval+": "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz",
    "mbpp+": "https://github.com/evalplus/mbppplus_release/releases/download/v0.2.0/MbppPlus.jsonl.gz",
    "mbpp": "https://raw.githubusercontent.com/google-research/google-research/master/mbpp/mbpp.jsonl",
}
_EVOEVAL = "https://github.com/evo-eval/evoeval_release/releases/download/v0.1.0/EvoEval_{subset}.jsonl.gz"


def address_of(config: ProblemsConfig) -> str:
    """Return where the file of a source is published; empty where it is not a single file.

    Raises:
        ProblemsError: for an EvoEval subset that there is none of.
    """
    if config.source == "evoeval":
        subset = config.dataset.removeprefix("EvoEval_") or "difficult"
        if subset not in SUBSETS:
            names = ", ".join(f"EvoEval_{name}" for name in SUBSETS)
            raise ProblemsError(f"problems.dataset: unknown value {config.dataset!r}; known are {names}")
        return _EVOEVAL.format(subset=subset)
    return _FILES.get(config.source, "")


def fetched(config: ProblemsConfig, cache: Path) -> ProblemsConfig:
    """Return the configuration with the path of its file, fetched into `problems` in the cache if it is not there.

    Sources with a path, or of several files, are returned unchanged.

    Raises:
        ProblemsError: if it can't be fetched.
    """
    address = address_of(config) if config.path is None else ""
    if not address:
        return config
    version = address.split("/")[-2]
    path = cache / "problems" / f"{version}-{address.rpartition('/')[2]}"
    if not path.is_file():
        write_whole(path, _download(address, config.source))
    return config.model_copy(update={"path": path})


def _download(address: str, source: str) -> bytes:
    try:
        answer = httpx.get(address, follow_redirects=True, timeout=_LIMIT_S)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ProblemsError(
            f"{source}: {address} can't be fetched ({reason}); download it and give the file: `path` beside the "
            f"`source` in a configuration, `name=FILE` elsewhere"
        ) from None
    return answer.content


def load_problems(
    config: ProblemsConfig, starter: Path, cache: Path | None = None, packages: Sequence[str] | None = None
) -> LoadedProblems:
    """Return the problems that the configuration asks for.

    Args:
        config: source, and the filters: levels, ids and limit (the first in natural order).
        starter: folder of the starter set (`starter.starter_folder`).
        cache: folder that published files are fetched into where no path is set; None fetches nothing.
        packages: those that programs may import; problems that need others are left out. None leaves out none.

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
    good = [item for item in found if not isinstance(item.outcome, DroppedProblem)]
    kept = _filter(good, config, dropped, packages)
    outcomes = [item.outcome for item in kept]
    return LoadedProblems(
        problems=tuple(outcome for outcome in outcomes if isinstance(outcome, Problem)),
        pending=tuple(outcome for outcome in outcomes if isinstance(outcome, PendingProblem)),
        dropped=tuple(dropped),
        not_cases=tuple(item for item in kept if item.reason),
    )


_OF_FILES: Mapping[str, Callable[[Path], list[Found]]] = {
    "humaneval": load_humaneval, "humaneval+": load_humaneval_plus, "mbpp": load_mbpp, "mbpp+": load_mbpp_plus,
    "evoeval": load_evoeval, "jsonl": load_jsonl,
}  # fmt: skip
_OF_FILES_OR_DATASETS: Mapping[str, Callable[[ProblemsConfig], list[Found]]] = {
    "apps": load_apps, "codecontests": load_codecontests, "livecodebench": load_livecodebench,
    "humanevalpack": load_humanevalpack, "hub": load_hub,
}  # fmt: skip


def _find(config: ProblemsConfig, starter: Path) -> list[Found]:
    if config.source == "starter":
        return [Found(item.problem.problem_id, item.problem, "", item.requires) for item in load_starter(starter)]
    if config.source in _OF_FILES_OR_DATASETS:
        return _OF_FILES_OR_DATASETS[config.source](config)
    path = config.path or (humaneval_path() if config.source == "humaneval" else None)
    if path is None:
        raise ProblemsError(f"problems.path is not set; source {config.source!r} needs the file's path")
    return _OF_FILES[config.source](path)


def _refuse_nothing_good(found: Iterable[Found]) -> None:
    """Raise if not one row became a problem; a column that all rows lack is the commonest cause."""
    outcomes = [item.outcome for item in found]
    drops = [outcome for outcome in outcomes if isinstance(outcome, DroppedProblem)]
    if len(drops) < len(outcomes):
        return
    first = drops[0]
    if len(drops) == 1:
        raise ProblemsError(f"{first.where}: {first.message}; it is the only problem there")
    same = len({(drop.reason, drop.message) for drop in drops}) == 1
    why = "all have this fault" if same else "each has a fault"
    raise ProblemsError(f"{first.where}: {first.message}; none of {len(drops)} problems can be used: {why}")


def _without_duplicates(found: Iterable[Found]) -> list[Found]:
    """Return what was found, with the first problem of each id; later ones are named and left out."""
    seen: dict[str, str] = {}
    kept: list[Found] = []
    for item in found:
        if not isinstance(item.outcome, DroppedProblem):
            problem_id = item.problem.problem_id
            if problem_id in seen:
                message = f"problem id {problem_id!r} is in {seen[problem_id]} already"
                item = Found(item.where, DroppedProblem(item.where, DropReason.DUPLICATE_ID, message))
            else:
                seen[problem_id] = item.where
        kept.append(item)
    return kept


def _filter(
    good: list[Found], config: ProblemsConfig, dropped: list[DroppedProblem], packages: Sequence[str] | None
) -> list[Found]:
    """Return what the configuration asks for; the others join `dropped`."""
    _refuse_unknown("ids", config.ids, {item.problem.problem_id for item in good})
    _refuse_unknown("levels", config.levels, {item.problem.level for item in good})
    kept: list[Found] = []
    there = names_there(packages or ())
    for item in sorted(good, key=lambda item: (natural_key(item.problem.problem_id), item.problem.problem_id)):
        problem = item.problem
        lacked = _lacked(item, there, packages) if packages is not None else ""
        drop = None
        if config.ids and problem.problem_id not in config.ids:
            drop = DroppedProblem(problem.problem_id, DropReason.OTHER_ID, "not among problems.ids")
        elif config.levels and problem.level not in config.levels:
            drop = DroppedProblem(problem.problem_id, DropReason.OTHER_LEVEL, f"level {problem.level!r}")
        elif lacked:
            message = f"needs {lacked}, which is not among sandbox.packages"
            drop = DroppedProblem(problem.problem_id, DropReason.MISSING_PACKAGE, message)
        elif problem.judged_by is JudgedBy.SUITE and why_no_suites():
            message = f"has a pytest or unittest suite, but {why_no_suites()}"
            drop = DroppedProblem(problem.problem_id, DropReason.MISSING_PACKAGE, message)
        elif config.limit is not None and len(kept) >= config.limit:
            drop = DroppedProblem(problem.problem_id, DropReason.OVER_LIMIT, f"after the first {config.limit}")
        if drop is None:
            kept.append(item)
        else:
            dropped.append(drop)
    lacking = next((drop for drop in dropped if drop.reason is DropReason.MISSING_PACKAGE), None)
    if not kept and lacking is not None:
        raise ProblemsError(f"no problem is left: {lacking.where} {lacking.message}")
    if not kept:
        raise ProblemsError("no problem is of problems.ids and of problems.levels; widen one of them")
    return sorted(kept, key=attrgetter("problem.problem_id"))


def natural_key(problem_id: str) -> tuple[tuple[str, int], ...]:
    """Return what ids are sorted by where their numbers count as such: `HumanEval/2` before `HumanEval/10`."""
    return tuple((text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]{0,300})", problem_id))


def _lacked(item: Found, there: Collection[str], packages: Sequence[str]) -> str:
    """Return a package that a problem needs and that is not there; empty for none.

    What the tests of a Python problem import is known without being said, once it is known what packages bring.
    """
    lacked = next((name for name in item.requires if name not in there), "")
    problem = item.problem
    if lacked or problem.language != "python" or (packages and not locked(packages)):
        return lacked
    imported = sorted(_imported(problem.setup) | _imported(problem.test_code))
    return next((name for name in imported if name not in there and name.lower() not in there), "")


def _imported(source: str) -> set[str]:
    """Return the modules that a text imports at its top, less those of Python and of our runners."""
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in body if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"solution", "pytest", "_pytest"}


def _refuse_unknown(key: str, asked: Iterable[str], known: set[str]) -> None:
    for value in asked:
        if value not in known:
            near = difflib.get_close_matches(value, sorted(known), n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near and near[0] else "; the source grades none"
            raise ProblemsError(f"problems.{key}: unknown value {value!r}{hint}")
