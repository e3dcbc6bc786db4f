"""The stages over shards: what each reads, what its shards depend on, what it writes.

A chain is a folder with one folder a stage (`pipeline.folder`): the run itself, and again under `evaluation/` for
each model that is scored. A shard holds the rows of the same problems at every stage, and is made again only when
its key changes: the configuration that matters to it, the version below, or the content of what it reads.
"""

import functools
import importlib.metadata
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from pipeline.drawing import Filled
from pipeline.execution import execute_programs
from pipeline.extraction import extract_program
from pipeline.folder import (
    Shard,
    StageFolder,
    content_digest,
    digest,
    file_digest,
    shard_name,
    write_whole,
)
from pipeline.judging import judge
from pipeline.marks import dropping, marks_digest, read_marks
from pipeline.pairing import make_pairs, scan_tables
from pipeline.pairing.layout import write_dataset
from pipeline.pairing.summary import report_to_json, summarise
from pipeline.problems.records import LoadedProblems, PendingProblem
from pipeline.problems.references import NO_ANSWER, Completed, complete
from pipeline.reading import analyse_programs
from pipeline.sampling.arms import list_sources
from pipeline.sampling.models import digest_folder
from pipeline.sampling.protocol import TRANSIENT
from pipeline.sandbox import SandboxPool
from schemas.candidate import Candidate, Extraction, Program
from schemas.config import RunConfig
from schemas.execution import Execution, Status
from schemas.judgement import Judgement
from schemas.pair import Pair
from schemas.problem import Problem
from schemas.sampling_config import SamplingConfig
from schemas.standing import CandidateStanding, ProblemStanding
from schemas.syntax import Syntax
from schemas.timing import Timing
from schemas.verdict import Verdict

RECORDS: Mapping[str, type] = {
    "problems": Problem,
    "candidates": Candidate,
    "programs": Program,
    "executions": Execution,
    "verdicts": Verdict,
    "syntax": Syntax,
    "standings": CandidateStanding,
    "problem_standings": ProblemStanding,
    "timings": Timing,
    "pairs": Pair,
    "judgements": Judgement,
}
# Raise a number when a stage's code gives other rows for the same input: its shards are then made again.
_VERSIONS = {
    "problems": 3,
    "candidates": 3,
    "programs": 2,
    "executions": 4,
    "verdicts": 2,
    "syntax": 3,
    "standings": 1,
    "problem_standings": 1,
    "timings": 1,
    "pairs": 3,
    "judgements": 1,
}
_LAYOUT = "layout.json"  # in the folder of problems
_ASK_AGAIN = "to_ask_again"  # counted in shards of candidates
# What changes how fast, not what comes out.
NO_MATTER = {
    "syntax": {"workers"},
    "sampling": {  # own templates are told by their bytes
        "batch_size",
        "concurrency",
        "request_limit_s",
        "api_key_variable",
        "n",
        "n_a_request",
        "send_seed",
        "store",
        "prompts",
        "vllm",
    },
    "sandbox": {"workers", "recycle_after", "start_limit_s"},
}
_GRAMMARS = ("bash", "c", "cpp", "go", "java", "javascript", "python", "rust", "typescript")
_PACKAGES = {
    "candidates": ("transformers", "torch", "vllm"),
    "syntax": ("tree-sitter", *(f"tree-sitter-{name}" for name in _GRAMMARS), "rensa"),
    "pairs": ("polars", "scikit-learn", "rapidfuzz", "rensa"),
}
PAIRED = (
    "problems", "candidates", "programs", "verdicts", "syntax", "standings", "problem_standings", "timings",
)  # fmt: skip
"""Stages that pairs are made of."""


def stage_folder(chain: Path, stage: str) -> StageFolder:
    """Return the folder of a stage of a chain."""
    return StageFolder(chain, stage, RECORDS[stage])


def split_shards(
    loaded: LoadedProblems, n_each: int, placed: Mapping[str, str] | None = None
) -> dict[str, LoadedProblems]:
    """Return shard names with their problems, by id.

    A problem that has a shard stays there, so that one that is new or gone makes no other shard stale; new ones
    go, `n_each` a shard, into shards of their own.

    Args:
        placed: problem_id to the shard that it lies in, see `placed_problems`.
    """
    parts: dict[str, list[Problem | PendingProblem]] = {}
    new: list[tuple[str, Problem | PendingProblem]] = []
    rows: list[Problem | PendingProblem] = [*loaded.problems, *loaded.pending]
    for row in rows:
        problem_id = row.problem_id if isinstance(row, Problem) else row.problem.problem_id
        shard = (placed or {}).get(problem_id)
        if shard is None:
            new.append((problem_id, row))
        else:
            parts.setdefault(shard, []).append(row)
    new.sort(key=lambda item: item[0])
    first = max((int(name.rpartition("-")[2].removesuffix(".parquet")) + 1 for name in parts), default=0)
    for index, start in enumerate(range(0, len(new), n_each), start=first):
        parts[shard_name(index)] = [row for _, row in new[start : start + n_each]]
    names = sorted(parts)
    return {
        name: LoadedProblems(
            tuple(row for row in parts[name] if isinstance(row, Problem)),
            tuple(row for row in parts[name] if not isinstance(row, Problem)),
            loaded.dropped if name == names[0] else (),
        )
        for name in names
    }


def placed_problems(chain: Path) -> dict[str, str]:
    """Return the shard of each problem that a chain was last made of; nothing where it was not begun."""
    try:
        placed: dict[str, str] = json.loads((chain / "problems" / _LAYOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return placed


def place_problems(chain: Path, shards: Mapping[str, LoadedProblems]) -> None:
    """Write down which shard each problem lies in, also one that will be left out for want of an answer."""
    placed = {
        problem.problem_id: name
        for name, part in shards.items()
        for problem in (*part.problems, *(row.problem for row in part.pending))
    }
    if placed != placed_problems(chain):
        write_whole(chain / "problems" / _LAYOUT, (json.dumps(placed, indent=0, sort_keys=True) + "\n").encode())


def problems_key(part: LoadedProblems) -> str:
    """Return the key of a shard of problems."""
    pending = [(row.problem.problem_id, row.arguments, row.atol, row.rule) for row in part.pending]
    texts = content_digest([*part.problems, *(row.problem for row in part.pending)], Problem)
    return digest("problems", str(_VERSIONS["problems"]), texts, repr(pending))


def write_problems(chain: Path, name: str, part: LoadedProblems, pool: Callable[[], SandboxPool]) -> Path:
    """Write a shard of problems; those without answers get them from their reference, in a sandbox."""
    completed = complete(part.pending, pool()) if part.pending else Completed((), 0, 0)
    problems = sorted([*part.problems, *completed.problems], key=lambda problem: problem.problem_id)
    counts = Counter(f"judged_by.{problem.judged_by}" for problem in problems)
    counts["cases"] = sum(len(problem.cases) for problem in problems)
    counts["lost_inputs"] = completed.n_lost_inputs
    n_in = len(part.problems) + len(part.pending) + len(part.dropped)
    dropped = Counter(part.dropped_by_reason()) + Counter({NO_ANSWER: completed.n_dropped})
    shard = Shard(problems, n_in, dropped, counts)
    return stage_folder(chain, "problems").write_shard(name, problems_key(part), shard)


def candidates_key(chain: Path, name: str, config: RunConfig, n_each: Mapping[str, int] | None = None) -> str:
    """Return the key of a shard of candidates; `n` is told apart so that a larger one adds to what is there.

    Args:
        n_each: draws a problem; None takes `sampling.n` for all.
    """
    sampling = config.sampling
    identity = [part for source in list_sources(sampling) for part in _model_identity(source.config)]
    matters = sampling.model_dump(mode="json", exclude={*NO_MATTER["sampling"], "samples", "adapter", "models"})
    matters["models"] = [one.model_dump(mode="json", exclude={"samples", "adapter"}) for one in sampling.models]
    folder = stage_folder(chain, "problems")
    n = str(sampling.n)
    if n_each is not None:
        n = json.dumps(
            {row.problem_id: n_each.get(row.problem_id, 0) for row in folder.read(name)}, sort_keys=True
        )
    policy = config.training.start or sampling.model
    settings = json.dumps(matters, sort_keys=True)
    version = str(_VERSIONS["candidates"])
    return digest("candidates", version, settings, n, str(config.seed), policy, folder.content(name), *identity)


def write_candidates(
    chain: Path,
    name: str,
    config: RunConfig,
    filled: Sequence[Filled],
    n_each: Mapping[str, int] | None = None,
) -> Path:
    """Write a shard of candidates, from all of its problems; what could not be drawn is counted by its trouble."""
    rows = sorted((row for one in filled for row in one.candidates), key=lambda row: (row.problem_id, row.index))
    failures = [failure.trouble for one in filled for failure in one.failures]
    counts = Counter(f"finish.{row.finish_reason or 'unknown'}" for row in rows)
    counts["tokens"] = sum(max(row.n_tokens, 0) for row in rows)
    counts["prompt_tokens"] = sum(max(row.n_prompt_tokens, 0) for row in rows)
    counts["empty"] = sum(not row.completion.strip() for row in rows)
    counts["replaced_characters"] = sum("\ufffd" in row.completion for row in rows)
    counts["on_policy"] = sum(row.is_on_policy for row in rows)
    counts[_ASK_AGAIN] = sum(trouble in TRANSIENT for trouble in failures)
    dropped = Counter(str(trouble) for trouble in failures)
    shard = Shard(rows, len(rows) + len(failures), dropped, +counts)
    return stage_folder(chain, "candidates").write_shard(name, candidates_key(chain, name, config, n_each), shard)


def forget_failures(chain: Path) -> None:
    """Remove the shards in which a server failed requests, so that these are asked once more."""
    folder = stage_folder(chain, "candidates")
    for name in folder.shard_names():
        if folder.counts(name).get(_ASK_AGAIN):
            (folder.path / name).unlink(missing_ok=True)


def programs_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of programs."""
    return shard_key(chain, name, "programs", ("problems", "candidates"))


def write_programs(chain: Path, name: str, config: RunConfig, known: Mapping[str, Program] | None = None) -> Path:
    """Write a shard of extracted programs, one a candidate; those in `known` are taken as they are."""
    problems = _problems(chain, name)
    candidates: list[Candidate] = stage_folder(chain, "candidates").read(name)
    ready = known or {}
    rows = [
        ready.get(candidate.candidate_id) or extract_program(candidate, problems[candidate.problem_id])
        for candidate in candidates
    ]
    counts = Counter(f"extraction.{row.extraction}" for row in rows) + Counter(f"form.{row.form}" for row in rows)
    shard = Shard(rows, len(candidates), {}, counts)
    return stage_folder(chain, "programs").write_shard(name, programs_key(chain, name, config), shard)


def forget_faults(chain: Path) -> None:
    """Remove the shards of executions in which a sandbox broke, so that they are made again."""
    folder = stage_folder(chain, "executions")
    for name in folder.shard_names():
        if folder.counts(name).get("status.fault"):
            (folder.path / name).unlink()


def executions_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of executions."""
    return shard_key(chain, name, "executions", ("problems", "programs"), limits_of(config))


def write_executions(
    chain: Path,
    name: str,
    config: RunConfig,
    pool: SandboxPool,
    on_done: Callable[[int], None] = lambda n: None,
    known: Mapping[str, Execution] | None = None,
) -> Path:
    """Write a shard of executions, one a program.

    Programs don't run again whose execution is in `known`, by candidate, or was in this shard before with the same
    problems and limits.
    """
    folder = stage_folder(chain, "executions")
    programs: list[Program] = stage_folder(chain, "programs").read(name)
    ready = {**reusable_executions(chain, name, config), **(known or {})}
    missing = [program for program in programs if program.candidate_id not in ready]
    problems, cache, n_runs = _problems(chain, name), compiled_folder(config), config.execution.n_runs
    made = execute_programs(missing, problems, pool, on_done, cache, n_runs) if missing else []
    ready.update({row.candidate_id: row for row in made})
    rows = [ready[program.candidate_id] for program in programs]
    counts = Counter(f"status.{row.status}" for row in rows)
    runnable = {(row.problem_id, row.code) for row in programs if row.extraction is Extraction.OK}
    counts["distinct"] = len(runnable)
    counts["calls"] = sum(len(row.runs) for row in rows)
    shard = Shard(rows, len(programs), {}, counts, _reuse_of_executions(chain, name, config))
    return folder.write_shard(name, executions_key(chain, name, config), shard)


def compiled_folder(config: RunConfig) -> Path:
    """Return where compiled programs are kept."""
    return config.run / "cache" / "compiled"


def reusable_executions(chain: Path, name: str, config: RunConfig) -> dict[str, Execution]:
    """Return by candidate the executions of a shard's earlier state: same problem, limits and code of ours."""
    wanted = _reuse_of_executions(chain, name, config)
    known: dict[str, list[Execution]] = stage_folder(chain, "executions").reusable_by_problem(name, wanted)
    return {row.candidate_id: row for rows in known.values() for row in rows if row.status is not Status.FAULT}


def _reuse_of_executions(chain: Path, name: str, config: RunConfig) -> dict[str, str]:
    versions = (str(_VERSIONS["executions"]), str(_VERSIONS["programs"]))
    return {
        problem.problem_id: digest("executions", *versions, limits_of(config), content_digest([problem], Problem))
        for problem in stage_folder(chain, "problems").read(name)
    }


def limits_of(config: RunConfig) -> str:
    """Return what decides how a program ends in a sandbox, as text."""
    return f"{config.sandbox.model_dump_json(exclude=NO_MATTER['sandbox'])} {config.execution.n_runs} runs"


def verdicts_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of verdicts."""
    return shard_key(chain, name, "verdicts", ("problems", "executions"))


def write_verdicts(chain: Path, name: str, config: RunConfig) -> Path:
    """Write a shard of verdicts, one an execution."""
    problems = _problems(chain, name)
    executions: list[Execution] = stage_folder(chain, "executions").read(name)
    rows = [judge(problems[execution.problem_id], execution) for execution in executions]
    counts = Counter(f"label.{row.label}" for row in rows)
    counts += Counter(f"cause.{row.cause}" for row in rows if row.cause)
    shard = Shard(rows, len(executions), {}, counts)
    return stage_folder(chain, "verdicts").write_shard(name, verdicts_key(chain, name, config), shard)


def syntax_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of syntax."""
    files = [_file_digest_or_name(path) for path in config.syntax.benchmarks]
    matters = config.syntax.model_dump_json(exclude={*NO_MATTER["syntax"], "benchmarks"})
    return shard_key(chain, name, "syntax", ("problems", "programs"), matters, *files)


def write_syntax(chain: Path, name: str, config: RunConfig, known: Mapping[str, Syntax] | None = None) -> Path:
    """Write a shard of syntax, one a program, duplicates marked within each problem.

    Args:
        known: by candidate, what a `Reader` has read already.
    """
    programs: list[Program] = stage_folder(chain, "programs").read(name)
    rows = analyse_programs(_problems(chain, name), programs, config.syntax, known)
    counts = Counter(f"duplicate.{row.duplicate_rule}" for row in rows if row.duplicate_rule)
    counts["parsed"] = sum(row.parsed for row in rows)
    counts["contaminated"] = sum(row.contaminated_by != "" for row in rows)
    shard = Shard(rows, len(programs), {}, counts)
    return stage_folder(chain, "syntax").write_shard(name, syntax_key(chain, name, config), shard)


def pairs_key(chain: Path, config: RunConfig) -> str:
    """Return the key of the pairs, which read all shards of all stages but the executions'."""
    contents = []
    for stage in PAIRED:
        folder = stage_folder(chain, stage)
        names = folder.shard_names()
        # Timings are measured, so their content says nothing of them; and yet they decide who is the faster one.
        measured = stage == "timings"
        contents += [file_digest(folder.path / name) if measured else folder.content(name) for name in names]
    version = str(_VERSIONS["pairs"])
    marked = marks_digest(chain)
    contents += [marked] if marked else []
    return digest("pairs", version, config.pairs.model_dump_json(), str(config.seed), *contents)


def write_pairs(chain: Path, config: RunConfig) -> list[Path]:
    """Write the pairs, one file a split; a split without pairs has none, since `datasets` can't load an empty one.

    What was left out is counted in the first file. The whole dataset, as it is published, is written beside: see
    `pipeline.pairing.layout`; and `pairing.json`, the counts.
    """
    files = {
        stage: [stage_folder(chain, stage).path / name for name in stage_folder(chain, stage).shard_names()]
        for stage in PAIRED
    }
    tables = scan_tables(files, dropping(read_marks(chain)))
    made = make_pairs(tables, config.pairs, config.seed)
    key = pairs_key(chain, config)
    write_dataset(made, tables, chain / "dataset", key)
    write_whole(chain / "pairing.json", report_to_json(summarise(made, tables)).encode())
    dropped = {str(reason): n for reason, n in made.dropped.items()}
    n_in, paths = made.entries.height, []
    for split in ("train", "test"):
        rows = made.pairs.filter(pl.col("split") == split)
        if rows.height:
            counts = {f"{split}.pairs": rows.height, f"{split}.problems": rows["problem_id"].n_unique()}
            shard = Shard(rows.to_arrow(), n_in, dropped, counts)
            paths.append(stage_folder(chain, "pairs").write_shard(shard_name(0, split), key, shard))
            n_in, dropped = 0, {}
    return paths


def versions_of(stage: str) -> dict[str, str]:
    """Return the versions of ours and of the packages that shape a stage's rows."""
    versions = {"pairsmith": importlib.metadata.version("pairsmith"), "stage": str(_VERSIONS[stage])}
    for package in ("pyarrow", *_PACKAGES.get(stage, ())):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def shard_key(chain: Path, name: str, stage: str, inputs: Sequence[str], *settings: str) -> str:
    """Return the key of a shard: of the stage's version, its settings and the content of what it reads."""
    contents = [stage_folder(chain, source).content(name) for source in inputs]
    return digest(stage, str(_VERSIONS[stage]), *settings, *contents)


def _problems(chain: Path, name: str) -> dict[str, Problem]:
    return {problem.problem_id: problem for problem in stage_folder(chain, "problems").read(name)}


def _model_identity(sampling: SamplingConfig) -> list[str]:
    """Return digests of what a model's settings name on this machine: samples, adapter, weights, own templates."""
    files = [path for path in (sampling.samples, *_adapter_files(sampling.adapter)) if path is not None]
    if sampling.prompts is not None:
        files += sorted(sampling.prompts.glob("*.jinja"))
    identity = [_file_digest_or_name(path) for path in files]
    if Path(sampling.model).is_dir():
        identity.append(_model_digest(Path(sampling.model)))
    return [*identity, sampling.vllm.quantization, sampling.vllm.dtype]


def _adapter_files(adapter: Path | None) -> list[Path]:
    return sorted(path for path in adapter.rglob("*") if path.is_file()) if adapter is not None else []


@functools.cache
def _model_digest(folder: Path) -> str:
    return digest_folder(folder)


def _file_digest_or_name(path: Path) -> str:
    return file_digest(path) if path.is_file() else str(path)
