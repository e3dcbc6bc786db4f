"""The configuration of a run: one TOML file, command-line overrides, nothing from the environment."""

import difflib
import hashlib
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from pairsmith.schemas.config.budget import AdaptiveConfig, BudgetConfig, PricesConfig
from pairsmith.schemas.config.engine import EngineConfig
from pairsmith.schemas.config.evaluation import EvaluationConfig
from pairsmith.schemas.config.evaluation import ScoringConfig as ScoringConfig
from pairsmith.schemas.config.gate import GateConfig
from pairsmith.schemas.config.judge import JudgeConfig
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.config.problems import ColumnsConfig as ColumnsConfig
from pairsmith.schemas.config.problems import ProblemsConfig as ProblemsConfig
from pairsmith.schemas.config.publish import PublishConfig
from pairsmith.schemas.config.refresh import RefreshConfig
from pairsmith.schemas.config.sampling import OverlapConfig
from pairsmith.schemas.config.sampling import SamplingConfig as SamplingConfig
from pairsmith.schemas.config.section import Section
from pairsmith.schemas.config.service import ServiceConfig, TimetableConfig
from pairsmith.schemas.config.synthesis import SynthesisConfig
from pairsmith.schemas.config.training import TrainingConfig as TrainingConfig
from pairsmith.schemas.config.truth import TruthConfig


class ConfigError(ValueError):
    """The configuration can't be used; the message is one line that names the key and the remedy."""


class SandboxConfig(Section):
    """Where programs run, and what they may use.

    Limits hold for one program over all of its cases. A program on stdin and stdout is run once for each case, as
    its judges do: there `cpu_s` holds for one case, `total_wall_s` for wall and CPU seconds of all.
    """

    backend: Literal["auto", "docker", "bubblewrap"] = Field(
        "auto", description="auto takes Docker where its engine and the image are there, else bubblewrap."
    )
    workers: int = Field(2, ge=1, le=1024, description="Programs run at the same time.")
    cpu_s: int = Field(10, ge=1, description="CPU seconds.")
    wall_s: float = Field(15.0, gt=0.0, description="Seconds in all; the load of the program included.")
    case_wall_s: float = Field(5.0, gt=0.0, description="Seconds for one call, or one run on stdin.")
    total_wall_s: float = Field(120.0, gt=0.0, description="Seconds for all runs on stdin of one program.")
    scale_limits: bool = Field(True, description="Longer limits of time on a machine measured to be slower.")
    memory_mib: int = Field(512, ge=64, description="Address space of one process, MiB.")
    n_processes: int = Field(32, ge=1, description="Processes and threads of one program.")
    cpus: float = Field(
        2.0, gt=0.0, description="Processors of one container, all its processes together (Docker)."
    )
    output_mib: float = Field(16.0, gt=0.0, description="Standard output and error together, MiB.")
    answer_mib: float = Field(4.0, gt=0.0, description="Text of one answered value, MiB.")
    answers_mib: float = Field(32.0, gt=0.0, description="Text of all values that one program answers, MiB.")
    files_mib: int = Field(32, ge=1, description="All files of one program in /tmp, MiB.")
    recycle_after: int = Field(500, ge=1, description="Programs until a sandbox is replaced by a fresh one.")
    start_limit_s: float = Field(60.0, gt=0.0, description="Seconds until a sandbox must have started.")
    image: str = Field("pairsmith-sandbox:latest", description="Docker image that has a python3.")
    runtime: str = Field("", description="Docker runtime such as `runsc`; empty for the engine's default.")


TimeoutsAgain = Literal["borderline", "all"]


class ExecutionConfig(Section):
    """How often a program runs, and how faults of the sandbox are taken."""

    n_runs: Literal[1, 2] = Field(2, description="Runs of each program; 2 finds those that behave otherwise.")
    timeouts_again: TimeoutsAgain = Field(
        "borderline",
        description="Timeouts that run once more alone: those that something else may have caused, or that came "
        "while cases were being answered; or all.",
    )
    fault_retries: int = Field(4, ge=0, description="Fresh sandboxes tried before a program is undecided.")
    fault_limit: int = Field(20, ge=1, description="Sandbox faults in a row that stop the run.")
    patience_s: float = Field(
        120.0, ge=0.0, description="Seconds without a sandbox that starts, then the run stops."
    )


class QualityConfig(Section):
    """Weights of the five dimensions of quality; only those that are known count."""

    instruction: float = Field(1.0, ge=0.0, description="Weight of passing what was asked.")
    explanation: float = Field(1.0, ge=0.0, description="Of comments and documentation.")
    complexity: float = Field(1.0, ge=0.0, description="Of simple control flow.")
    readability: float = Field(1.0, ge=0.0, description="Of names and lines.")
    style: float = Field(1.0, ge=0.0, description="Of the linter's findings.")


class SyntaxConfig(Section):
    """Deduplication: what is sorted before programs are compared, and from where on they are near."""

    near_threshold: float = Field(0.85, gt=0.0, le=1.0, description="Jaccard similarity of near-duplicates.")
    order_free: tuple[Literal["imports", "keywords"], ...] = Field(
        ("imports", "keywords"), description="Orders that say nothing: imports of the standard library, keywords."
    )
    lint_rules: tuple[str, ...] = Field(
        ("E", "F", "W", "B", "C4", "N", "PIE", "RET", "SIM"),
        description="Prefixes of ruff's rules; none for no lint.",
    )
    quality: QualityConfig = QualityConfig()
    benchmarks: tuple[Path, ...] = Field((), description="Files whose problems must not be trained on.")
    benchmark_words: int = Field(13, ge=1, description="Words in a row that two prompts must not share.")
    workers: int = Field(1, ge=1, le=1024, description="Processes that read programs.")


def keep_in_store(given: Any) -> Any:
    """Take an address in the place of the folder as the store; the folder is called like the last of it."""
    if not isinstance(given, Mapping) or "://" not in str(given.get("run", "")):
        return given
    address = str(given["run"]).rstrip("/")
    if given.get("store", address) != address:
        raise ValueError(f"run={address} and store={given['store']} name two stores; give one")
    return {**given, "run": Path("runs") / address.rpartition("/")[2], "store": address}


class RunConfig(Section):
    """One run, whole."""

    run: Path = Field(
        Path("runs/pairsmith"),
        description="Folder that the run writes into. `s3://bucket/mine` is short for `runs/mine`, with that "
        "address as `store`.",
    )
    store: str = Field(
        "",
        description="Folder of S3, Google's store or whatever fsspec knows that the run is kept in, "
        "`s3://bucket/runs/mine`.",
    )
    seed: int = Field(0, description="Decides what is drawn, and breaks ties.")
    shard_problems: int = Field(16, ge=1, description="Problems a shard; a problem that has one stays in it.")
    problems: ProblemsConfig = ProblemsConfig()
    sampling: SamplingConfig = SamplingConfig()
    adaptive: AdaptiveConfig = AdaptiveConfig()
    budget: BudgetConfig = BudgetConfig()
    prices: PricesConfig = PricesConfig()
    overlap: OverlapConfig = OverlapConfig()
    engine: EngineConfig = EngineConfig()
    sandbox: SandboxConfig = SandboxConfig()
    execution: ExecutionConfig = ExecutionConfig()
    syntax: SyntaxConfig = SyntaxConfig()
    truth: TruthConfig = TruthConfig()
    pairs: PairsConfig = PairsConfig()
    judge: JudgeConfig = JudgeConfig()
    training: TrainingConfig = TrainingConfig()
    scoring: ScoringConfig = ScoringConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    gate: GateConfig = GateConfig()
    publish: PublishConfig = PublishConfig()
    refresh: RefreshConfig = RefreshConfig()
    schedule: TimetableConfig = TimetableConfig()
    service: ServiceConfig = ServiceConfig()
    synthesis: SynthesisConfig = SynthesisConfig()

    _keep_in_store = model_validator(mode="before")(keep_in_store)


def beyond_limits(sandbox: SandboxConfig, truth: TruthConfig) -> SandboxConfig:
    """Return the limits of programs on derived inputs: tighter ones, since who is late there has no answer."""
    wall_s = min(sandbox.wall_s, truth.wall_s)
    changes = {"cpu_s": min(sandbox.cpu_s, truth.cpu_s), "wall_s": wall_s, "case_wall_s": wall_s / 3}
    return sandbox.model_copy(update=changes)


def load_config(path: Path | None, overrides: Iterable[str] = ()) -> RunConfig:
    """Return the configuration of a TOML file with overrides on top.

    Args:
        path: TOML file; None takes the defaults.
        overrides: `section.key=value`, value in TOML's syntax; a bare word is a string.

    Raises:
        ConfigError: no such file, broken TOML, unknown key (the nearest known one is named), bad value.
    """
    tree = read_toml(path) if path is not None else {}
    for override in overrides:
        apply_override(tree, override)
    return validate_run(tree)


def validate_run(tree: Mapping[str, Any]) -> RunConfig:
    """Return the configuration of a tree of tables.

    Raises:
        ConfigError: an unknown key (the nearest known one is named), a bad value.
    """
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(first_error(error, RunConfig)) from None


def fingerprint(*parts: BaseModel | str) -> str:
    """Return 16 hex digits over sections and strings: equal configuration, equal fingerprint."""
    texts = [part if isinstance(part, str) else part.model_dump_json() for part in parts]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ConfigError: no such file, broken TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Lay one `section.key=value` over a tree of tables.

    Raises:
        ConfigError: it is none.
    """
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"--set {override}: write section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, name = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override}: {section} is not a section")
    tree[name] = value


def first_error(error: ValidationError, root: type[BaseModel]) -> str:
    """Return one line for the first fault of a configuration whose outermost model is `root`."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg']} (got {first['input']!r})"
    *sections, name = (str(part) for part in first["loc"])
    known = list(_section(sections, root).model_fields)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return f"{where}: no such key; the nearest known one is {'.'.join([*sections, nearest])}"


def _section(path: Iterable[str], root: type[BaseModel]) -> type[BaseModel]:
    model = root
    for name in path:
        if name.isdigit():
            continue  # an item of a list of sections
        hint = model.model_fields[name].annotation
        if typing.get_origin(hint) in (types.UnionType, tuple):
            hint = next(part for part in typing.get_args(hint) if part not in (type(None), ...))
        model = typing.cast(type[BaseModel], hint)
    return model
