"""A stage is a value. Keys, staleness, provenance, plans, tables, progress and docs are derived from it.

Each stage's value is in the room of its code (`problems/stage.py`, `sampling/stage.py`, ...), which knows no
other stage; `chain/table.py` lists them in order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.sandbox.packages import locked
from pairsmith.schemas.config import RENAMED, RunConfig, SandboxConfig

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

LIMITS = ("sandbox", "execution.n_runs")
"""Settings that decide how a program ends in a sandbox."""
NON_SEMANTIC = (
    "syntax.workers", "sampling.batch_size", "sampling.concurrency", "sampling.api_key_variable", "sampling.n",
    "sampling.n_per_request", "sampling.store", "sampling.vllm.environment", "sampling.vllm.servers",
    "sandbox.workers",
)  # fmt: skip
"""Settings that change how fast a stage is, not its rows. A stage that names one depends on it all the same."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one shard of a stage is made of."""

    run_dir: Path
    shard: str
    rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # rows of the stages that it reads, by stage
    # rows of the shard's earlier state that still hold, by stage and by `problem_id`; under an empty id where
    # rows are not reused by problem
    before: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    source: Any = None  # what is no row of a stage: loaded problems, filled problems, pairs that were dealt
    versions: Mapping[str, int] = field(default_factory=dict)  # versions of the stages that it reads
    on_done: Callable[[int], None] = lambda n: None  # called with the number of rows that were just made

    def problems(self) -> dict[str, Any]:
        """Return the problems of the shard, by id."""
        return {problem.problem_id: problem for problem in self.rows["problems"]}


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan (`--dry-run`) is made of."""

    config: RunConfig
    n_problems: int  # problems that the configuration names, `n_held_out` of them in the test split
    n_held_out: int
    n_shards: int
    n_draws: int  # candidates that they would have


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage."""

    name: str  # of the stage, its folder and its bar
    about: str  # what it does, for people
    record: type | None  # what its rows are; None for a part of a run that has no shards, such as training
    reads: tuple[str, ...] = ()  # stages whose rows it reads
    settings: tuple[str, ...] = ()  # sections and keys of the configuration that its rows depend on, all of them
    # those of them that name files: their content matters (see `external`), not their path
    by_content: tuple[str, ...] = ()
    version: int = 1  # raised when the code gives other rows for the same input
    # makes the shard, and one for each stage of `beside`; touches no file of the run
    run: Callable[[Inputs, RunConfig, Tools], tuple[Shard, ...]] | None = None
    # stages whose shards the same run makes; `made_by` is the name of that stage there
    beside: tuple[str, ...] = ()
    made_by: str = ""
    # makes all shards of the stage at once out of all files of the stages that it reads, by stage, given the run
    # folder, the configuration and the key
    whole: Callable[[Mapping[str, list[Path]], Path, RunConfig, str], Mapping[str, Shard]] | None = None
    # digest of what people changed in a run folder by hand, part of the key of `whole`
    marks: Callable[[Path], str] = lambda run_dir: ""
    # digests of `Inputs.source`, for a stage that depends on it, beside those of the rows that it reads
    contents: Callable[[Any], Sequence[str]] | None = None
    # digests of what is outside of the run: weights, templates, benchmark files
    external: Callable[[RunConfig], Sequence[str]] = lambda config: ()
    # takes the text of each setting and returns the parts of the key; by default as they are
    key_texts: Callable[..., Sequence[str]] = lambda *texts: texts
    # digests of what rows depend on besides their candidate, by stage and problem; see `Inputs.before`
    reuse: Callable[[Inputs, RunConfig], Mapping[str, Mapping[str, str]]] | None = None
    overlaps: bool = False  # whether its shards are made while others are still drawn
    packages: tuple[str, ...] = ()  # whose versions shape its rows
    unit: str = "rows"  # what its bar counts
    # prefixes of the counts that its row in a table shows, `count_word` is how one is named there
    counted: tuple[str, ...] = ()
    count_word: Callable[[str], str] = lambda key: key.rpartition(".")[2]
    planned: Callable[[Planned], str] = lambda planned: ""  # what a plan says of it
    last_file: str = ""  # file that says that a part without shards is done

    def texts(self, config: RunConfig) -> Sequence[str]:
        """Return the parts of its key that are settings."""
        hidden = (*NON_SEMANTIC, *self.by_content, *self.settings)
        keys = (key for key in self.settings if key not in self.by_content)
        return self.key_texts(*(setting_text(config, key, hidden) for key in keys))

    def settings_in(self, config: RunConfig) -> dict[str, str]:
        """Return the settings that its rows depend on: dotted key to its value as JSON text."""
        ignored = set(NON_SEMANTIC) - set(self.settings)
        return {
            key: text
            for key, text in flatten(config.model_dump(mode="json"))
            if _is_below(key, self.settings) and not _is_below(key, ignored)
        }


def setting_text(config: RunConfig, key: str, hidden: Sequence[str] = ()) -> str:
    """Return the value of a setting as text; of a section all that is not hidden, as JSON."""
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    if not isinstance(value, BaseModel):
        return str(value)
    tree: dict[str, Any] = {}
    for name in hidden:
        if name.startswith(f"{key}."):
            *sections, last = name.removeprefix(f"{key}.").split(".")
            inner = tree
            for section in sections:
                inner = inner.setdefault("__all__" if section == "*" else section, {})
            inner[last] = True
    text: str = value.model_dump_json(exclude=tree)
    if isinstance(value, SandboxConfig):  # packages are what was fetched; none were there before the setting was
        text = text.replace(',"packages":[]', "") + locked(value.packages)
    if key == "sampling":  # several models were a setting once: candidates of before are not drawn again
        text = text.replace('"templates":', '"models":[],"templates":', 1)
    for old, new in RENAMED.items():  # a key has the name that a setting had first: a new one makes nothing stale
        if new.startswith(f"{key}."):
            text = text.replace(f'"{new.rpartition(".")[2]}":', f'"{old.rpartition(".")[2]}":')
    return text


def limits_text(sandbox: str, n_runs: str) -> str:
    """Return the texts of `LIMITS` as one part of a key."""
    return f"{sandbox} {n_runs} runs, borderline timeouts again"  # as in the keys of older runs


def limits_of(config: RunConfig) -> str:
    """Return what decides how a program ends in a sandbox, as text."""
    return limits_text(*(setting_text(config, key, NON_SEMANTIC) for key in LIMITS))


def flatten(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted keys of a configuration with their values as JSON text."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", json.dumps(value, ensure_ascii=False)


def file_digest_or_name(path: Path) -> str:
    """Return the digest of a file's bytes; the path itself where there is no file."""
    return file_digest(path) if path.is_file() else str(path)


def count_words(key: str) -> str:
    """Return the name of a count of one kind: `train pairs`, `judged by tester`."""
    kind, _, name = key.rpartition(".")
    return f"{kind.replace('_', ' ')} {name}".strip()


def _is_below(key: str, sections: Iterable[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)
