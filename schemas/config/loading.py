"""Reads a configuration: TOML, overrides on top, and every fault in one line each."""

import difflib
import hashlib
import json
import logging
import reprlib
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pairsmith.schemas.config.run import RunConfig

M = TypeVar("M", bound=BaseModel)
RENAMED: Mapping[str, str] = {
    "truth": "crosscheck",
    "sampling.n_a_request": "sampling.n_per_request",
    "sampling.vllm.context": "sampling.vllm.engine.max_model_len",
    "sampling.vllm.dtype": "sampling.vllm.engine.dtype",
    "sampling.vllm.memory_share": "sampling.vllm.engine.gpu_memory_utilization",
    "sampling.vllm.quantization": "sampling.vllm.engine.quantization",
    "sampling.vllm.tensor_parallel": "sampling.vllm.engine.tensor_parallel_size",
    "training.schedule": "training.extra.lr_scheduler_type",
    "training.warmup_share": "training.extra.warmup_steps",
}
"""Old dotted key or section to the new one. Files may hold either; keys of shards keep the old name
(`pipeline.chain.stage`).
"""
REMOVED: frozenset[str] = frozenset({
    "adaptive", "budget", "crosscheck.clear_share", "crosscheck.min_programs", "crosscheck.min_share",
    "crosscheck.min_share_outside", "crosscheck.n_programs", "crosscheck.n_timed_runs", "engine.judge_cpus",
    "engine.max_retries", "engine.sampler_cpus", "execution.fault_limit", "execution.rerun_timeouts",
    "execution.timeouts_again", "gate.allow", "gate.diversity", "judge", "overlap",
    "pairs.max_difficulty_share", "pairs.min_approaches_kept", "pairs.outvoted_rejected",
    "pairs.policies.ancestors", "pairs.policies.cap", "pairs.policies.forms", "pairs.policies.max_p",
    "pairs.policies.min_speedup", "pairs.policies.min_tags", "pairs.reject_outvoted", "pairs.weak_problems",
    "prices.currency", "prices.device_hour", "prices.devices", "problems.atol", "problems.compare",
    "rounds.patience", "sampling.models", "sampling.request_limit_s", "sampling.send_seed",
    "sampling.vllm.cpu_threads", "sampling.vllm.max_restarts", "sampling.vllm.options",
    "sampling.vllm.start_limit_s", "sandbox.recycle_after", "sandbox.start_limit_s", "schedule.build",
    "schedule.evaluate", "schedule.publish", "schedule.rounds", "schedule.study", "schedule.train",
    "scoring.confidence", "scoring.n_timed_programs", "scoring.n_timed_runs", "scoring.rare_share",
    "service.retry_delay_s", "service.runs", "service.samplers", "service.server_port",
    "syntax.benchmark_words", "syntax.order_free", "syntax.quality", "synthesis.agreement.calibration",
    "synthesis.agreement.case_posterior", "synthesis.agreement.chosen_tests", "synthesis.agreement.max_tests",
    "synthesis.agreement.n_code_tests", "synthesis.agreement.n_derived", "synthesis.agreement.n_inputs",
    "synthesis.agreement.seed", "synthesis.concepts.max_tokens", "synthesis.concepts.models",
    "synthesis.concepts.temperature", "synthesis.concepts.top_p", "synthesis.instructions.max_tokens",
    "synthesis.instructions.models", "synthesis.instructions.temperature", "synthesis.instructions.top_p",
    "synthesis.prompts", "synthesis.quality", "synthesis.responses.max_tokens", "synthesis.responses.models",
    "synthesis.responses.temperature", "synthesis.responses.top_p", "synthesis.seeds.content_column",
    "synthesis.seeds.data_files", "synthesis.seeds.dataset", "synthesis.seeds.dataset_config",
    "synthesis.seeds.language_column", "synthesis.seeds.languages", "synthesis.seeds.license_column",
    "synthesis.seeds.max_file_bytes", "synthesis.seeds.max_lines", "synthesis.seeds.max_tokens",
    "synthesis.seeds.min_lines", "synthesis.seeds.near_threshold", "synthesis.seeds.path_column",
    "synthesis.seeds.revision", "synthesis.seeds.split", "synthesis.tests.max_tokens", "synthesis.tests.models",
    "synthesis.tests.temperature", "synthesis.tests.top_p", "synthesis.weak", "training.eval_pairs",
    "training.eval_steps", "training.patience", "training.sft_learning_rate", "training.sft_steps",
})  # fmt: skip
"""Keys that are no settings any more; docs/architecture.md gives the reasons."""
_log = logging.getLogger(__name__)
_MAX_FAULTS = 20  # lines; a file of another program has hundreds


class ConfigError(ValueError):
    """The configuration can't be used; the message has one line for each fault, with the key and the remedy."""


def load_config(path: Path | None, overrides: Iterable[str] = (), base: Path | None = None) -> RunConfig:
    """Return the configuration of a TOML file with overrides on top.

    Args:
        path: TOML file; None takes the defaults.
        overrides: `section.key=value`, value in TOML's syntax; a bare word is a string.
        base: TOML file for the keys that `path` leaves open.

    Raises:
        ConfigError: no such file, broken TOML, unknown key (the nearest known one is named), bad value.
    """
    tree = read_toml(path) if path is not None else {}
    if base is not None:
        tree = merged(read_toml(base), tree)
    faults = list[str]()
    for override in overrides:
        try:
            apply_override(tree, override)
        except ConfigError as error:
            faults.append(str(error))
    try:
        config = validate_run(tree)
    except ConfigError as error:
        faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    return config


def merged(*trees: Mapping[str, Any]) -> dict[str, Any]:
    """Return trees of tables laid over each other: the last one wins, tables are merged key by key."""
    result: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = (
                merged(result[key], value) if both else merged(value) if isinstance(value, Mapping) else value
            )
    return result


def validate_run(tree: Mapping[str, Any]) -> RunConfig:
    """Return the configuration of a tree of tables.

    Raises:
        ConfigError: an unknown key (the nearest known one is named), a bad value.
    """
    try:
        return RunConfig.model_validate(_as_named_now(tree))
    except ValidationError as error:
        raise ConfigError(describe_faults(error, RunConfig)) from None


def _as_named_now(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree of tables with renamed keys under their new names; where both are set, the new one holds."""
    named = dict(tree)
    for old, new in RENAMED.items():
        *above, name = old.split(".")
        table: Any = named
        for section in above:
            table = table.get(section) if isinstance(table, Mapping) else None
        if isinstance(table, Mapping) and name in table:
            _log.warning("configuration: %s is now called %s", old, new)
            value = _copied(named, above).pop(name)
            *above, name = new.split(".")
            table = _copied(named, above)
            both = isinstance(value, Mapping) and isinstance(table.get(name), Mapping)
            table[name] = {**value, **table[name]} if both else table.get(name, value)
    return named


def _copied(tree: dict[str, Any], sections: Iterable[str]) -> dict[str, Any]:
    """Return the table at a path, made anew with those above it, so that it may be changed."""
    for section in sections:
        inner = tree.get(section)
        tree[section] = dict(inner) if isinstance(inner, Mapping) else {}
        tree = tree[section]
    return tree


def fingerprint(*parts: BaseModel | str) -> str:
    """Return 16 hex digits over sections and strings: equal configuration, equal fingerprint."""
    texts = [part if isinstance(part, str) else part.model_dump_json() for part in parts]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; a byte order mark before UTF-8 is skipped.

    Raises:
        ConfigError: no such file, broken TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{_safe(str(path))}: no such configuration file") from None
    except RecursionError:
        raise ConfigError(f"{_safe(str(path))}: tables or lists are nested too deeply") from None
    except (OSError, ValueError) as error:  # broken TOML, text that is not UTF-8, NUL in the name, huge integers
        raise ConfigError(f"{_safe(str(path))}: {_safe(str(error))}") from None


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Lay one `section.key=value` over a tree of tables.

    Raises:
        ConfigError: it is none.
    """
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"--set {_safe(override)}: write section.key=value")
    value: Any = text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except RecursionError:
        raise ConfigError(f"--set {_safe(key)}: lists are nested too deeply") from None
    except ValueError:  # a bare word
        pass
    *sections, name = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {_safe(override)}: {_safe(section)} is not a section")
    tree[name] = value


def make_section(model: type[M], values: Mapping[str, Any]) -> M:
    """Return settings of one section.

    Raises:
        ConfigError: has a line for each fault, as for a file.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(describe_faults(error, model)) from None


def describe_faults(error: ValidationError, root: type[BaseModel]) -> str:
    """Return one line for each fault of a configuration whose outermost model is `root`."""
    lines = list(dict.fromkeys(_describe(fault, root) for fault in error.errors(include_url=False)))
    more = [f"and {len(lines) - _MAX_FAULTS} more"] if len(lines) > _MAX_FAULTS else []
    return "\n".join([*lines[:_MAX_FAULTS], *more])


def _describe(fault: Any, root: type[BaseModel]) -> str:
    where = _safe(".".join(str(part) for part in fault["loc"]))
    if fault["type"] != "extra_forbidden":
        message = fault["msg"].removeprefix("Value error, ")
        got = (
            "" if fault["type"] == "value_error" and isinstance(fault["input"], Mapping) else _got(fault["input"])
        )
        return f"{where}: {_safe(message)}{got}" if where else f"{_safe(message)}{got}"
    plain = ".".join(str(part) for part in fault["loc"] if isinstance(part, str))
    if plain in REMOVED:
        return f"{where}: is no setting any more; docs/architecture.md says why"
    *sections, name = (str(part) for part in fault["loc"])
    known = list(_section(sections, root).model_fields)
    nearest = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.0)[0]
    return f"{where}: no such key; the nearest known one is {'.'.join([*sections, nearest])}"


def _got(value: Any) -> str:
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    return f" (got {_safe(short.repr(value))})"


def _safe(text: str) -> str:
    """Return a text in one line of at most 400 printable characters."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return shown if len(shown) <= 400 else f"{shown[:400]}..."


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
