"""A stage stands in one place: all that shows stages shows a new one; settings tell why shards are stale."""

import io
import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError
from rich.console import Console

from pairsmith.flows.cli.plans import show_plan
from pairsmith.flows.reference import pages
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import overlapped_stages, run_samples
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.stage import NON_SEMANTIC, Inputs, Stage, flatten
from pairsmith.pipeline.chain.state import (
    Provenance,
    State,
    examine_run,
    list_changes,
    read_provenance,
    remembered,
)
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.problems.stage import load_shards
from pairsmith.pipeline.reference import list_keys
from pairsmith.pipeline.report.gather import gather_run
from pairsmith.pipeline.report.tables import stage_rows
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.config import RunConfig, load_config
from tests.test_chain import NAME, POOL, LocalTools, open_chain, open_model, run_chain
from tests.test_chain import config as chain_config

assert chain_config  # a fixture


@dataclass(frozen=True, slots=True)
class Length:
    """How long a program is.

    Attributes:
        n_lines: lines of code.
    """

    candidate_id: str
    problem_id: str
    n_lines: int


def measure(inputs: Inputs, config: RunConfig, tools: Tools) -> tuple[Shard, ...]:
    rows = [
        Length(row.candidate_id, row.problem_id, len(row.code.splitlines())) for row in inputs.rows["programs"]
    ]
    return (Shard(rows, len(rows), {}, {"total.lines": sum(row.n_lines for row in rows)}),)


TOY = Stage(
    name="lengths",
    about="counts the lines of each program",
    record=Length,
    reads=("programs",),
    settings=("syntax.near_threshold",),
    run=measure,
    overlaps=True,
    unit="lengths",
    counted=("total.",),
    planned=lambda planned: f"{planned.n_draws} lengths",
)


@pytest.fixture
def with_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more stage, after syntax."""
    place = [stage.name for stage in table.STAGES].index("syntax") + 1
    monkeypatch.setattr(table, "STAGES", (*table.STAGES[:place], TOY, *table.STAGES[place:]))


@pytest.fixture
def settings(tmp_path: Path) -> RunConfig:
    """A run of two starter problems, two samples each."""
    samples = tmp_path / "samples.jsonl"
    loaded = load_shards(load_config(None, ["problems.limit=2"]), tmp_path, print)
    rows = [
        (row.problem_id, code) for part in loaded.values() for row in part.problems for code in (row.reference, "")
    ]
    samples.write_text("".join(json.dumps({"task_id": key, "solution": code}) + "\n" for key, code in rows))
    given = [f"run={tmp_path / 'run'}", "problems.limit=2", "sampling.backend=files", "crosscheck.n_inputs=0"]
    return load_config(None, [*given, f"sampling.samples={samples}", "sampling.n=2"])


def printed(settings: RunConfig, cache: Path) -> str:
    text = io.StringIO()
    show_plan(settings, cache, Console(file=text, width=200))
    return text.getvalue()


@pytest.mark.slow
@pytest.mark.usefixtures("with_toy")
def test_a_stage_is_added_in_one_place(settings: RunConfig, tmp_path: Path) -> None:
    assert "4 lengths" in printed(settings, tmp_path)
    chain = Chain(settings.run, settings, cast(Tools, LocalTools(None, open_model, POOL)))
    chain.sources["problems"] = loaded = load_shards(settings, tmp_path, print)
    with remembered(settings):
        for stage in ("problems", "candidates"):
            chain.ensure(stage, NAME)
            chain.finish(stage, [NAME])
        run_samples(chain, [NAME])
        for stage in (*overlapped_stages(), "standings", "problem_standings"):
            chain.ensure(stage, NAME)
            chain.finish(stage, [NAME])
        chain.ensure_whole("pairs")
    assert (reporter().stages["lengths"].n_done, reporter().stages["lengths"].unit) == (4, "lengths")
    assert [row for row in stage_rows(settings.run) if row[0] == "lengths"] == [
        ("lengths", "4", "4", "lines 4", "")
    ]
    assert "lengths" in [stage.stage for stage in gather_run(settings.run).stages]
    assert read_provenance(settings.run)["lengths"].settings == {"syntax.near_threshold": "0.85"}
    assert "4 rows" in next(line for line in printed(settings, tmp_path).splitlines() if "lengths" in line)
    changed = load_config(settings.run / "config.toml", ["syntax.near_threshold=0.9", f"run={settings.run}"])
    states = {one.stage: one for one in examine_run(settings.run, changed, loaded)}
    assert states["lengths"].state is State.STALE
    assert states["lengths"].reasons == ("syntax.near_threshold: 0.85 -> 0.9",)
    made = pages()
    assert "## `lengths`" in made["columns.md"]
    assert (
        "| `lengths` | counts the lines of each program | `programs` | `syntax.near_threshold` |"
        in made["stages.md"]
    )


FILE, FOLDER = "<file>", "<folder>"
OTHERS: Mapping[str, Any] = {
    "store": "memory://elsewhere",
    "sampling.schedule": [{"temperature": 0.1}],
    "sampling.extra": {"top_k": 3},
    "training.extra": {"optim": "sgd"},
    "sampling.vllm.engine": {"max_num_seqs": 3},
    "sampling.samples": FILE,
    "sampling.adapter": FOLDER,
    "sampling.prompts": FOLDER,
    "sampling.store": "run",
    "syntax.benchmarks": [FILE],
    "syntax.order_free": ["imports"],
    "pairs.policies": [{"name": "passed_over_failed", "reach": 8}],
    "training.trackers": ["tensorboard"],
    "training.micro_batch_size": 1,
    "problems.trust": "reference",
    "evaluation.models": [{"name": "other"}],
    "evaluation.sets": [{"name": "other", "source": "humaneval"}],
}
"""Another value of settings whose type does not tell one."""


def literals(key: str) -> list[Any]:
    """Return the values of a setting that has some fixed ones."""
    model: Any = RunConfig
    for part in key.split("."):
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field is not None else None
    return list(typing.get_args(model)) if typing.get_origin(model) is typing.Literal else []


def other_values(key: str, now: Any) -> Iterator[Any]:
    """Yield values that may be allowed in the place of one."""
    if key in OTHERS:
        yield OTHERS[key]
    if isinstance(now, bool):
        yield not now
    elif isinstance(now, int):
        yield from (now + 1, now - 1)
    elif isinstance(now, float):
        yield from (now + 0.1, now / 2, now - 0.05, now + 1.0)
    elif isinstance(now, list):
        yield from (["other"], [1], [0.5], now[1:])
    yield from ("other", 7, 0.5, ["other"], "humaneval", "files", "docker", "all", "exact", "ray")
    yield from ("sft", "none", "bfloat16", "cosine", "transformers", "cuda", "full", "weigh", "estimate")
    yield from ("distinct_behaviour", 64, 0.1, [{"model": "other"}], [{"path": "other"}])


def flipped(config: RunConfig, key: str, folder: Path) -> RunConfig | None:
    """Return a configuration with another value of one setting; None where none was found."""
    file = folder / "other.jsonl"
    file.write_text('{"task_id": "p/0", "solution": "x", "prompt": "p"}\n')
    (folder / "mine.chat.jinja").write_text("{{ prompt }}")
    tree = config.model_dump(mode="json")
    *sections, name = key.split(".")
    inner = tree
    for section in sections:
        inner = inner[section]
    now = inner[name]
    for value in (*literals(key), *other_values(key, now)):
        inner[name] = json.loads(json.dumps(value).replace(FILE, str(file)).replace(FOLDER, str(folder)))
        try:
            changed = RunConfig.model_validate(tree)
        except ValidationError:
            continue
        if changed != config:
            return changed
    return None


def keys_of(run: Path, config: RunConfig) -> dict[str, object]:
    """Return what each stage's shards are known by; problems are what they are, whatever names them."""
    chain = open_chain(run, config)
    found: dict[str, object] = {}
    for stage in table.STAGES:
        if stage.record is not None and stage.name != "problems":
            names = list(chain.sources.get(stage.name, [NAME]))
            found[stage.name] = {name: chain.key(stage.name, name) for name in names}
    return found


@pytest.mark.slow
def test_what_changes_a_key_is_a_setting_of_its_stage_and_nothing_else_is(
    chain_config: RunConfig, tmp_path: Path
) -> None:
    config, folder = chain_config, tmp_path / "other"
    folder.mkdir()
    run_chain(tmp_path / "run", config)
    before = keys_of(tmp_path / "run", config)
    leaves = {key for key, _ in flatten(config.model_dump(mode="json"))}
    drifted, unflipped = [], []
    for key in sorted(leaves):
        changed = flipped(config, key, folder)
        if changed is None:
            unflipped.append(key)
            continue
        after = keys_of(tmp_path / "run", changed)
        for name in before:
            stage = table.find_stage(name)
            made = Provenance("", stage.settings_in(config))
            is_reason = bool(list_changes(stage, changed, made, str(stage.version)))  # as `status` shows them
            if (before[name] != after[name]) is not is_reason:
                drifted.append(f"{key} and {name}: the key {'changes' if not is_reason else 'stays'}")
    assert drifted == []
    # Refused without `rounds.reference = start`, without an adapter.
    assert unflipped == ["rounds.start", "training.reference"]


def test_the_settings_that_stages_name_are_settings() -> None:
    known = {key.path for key in list_keys()} | {key.section[0] for key in list_keys() if key.section}
    named = {key for stage in table.STAGES for key in (*stage.settings, *stage.by_content)} | {*NON_SEMANTIC}
    assert named <= known


def test_candidates_of_before_several_models_went_are_still_there() -> None:
    """Their key is that of a configuration that had the setting, empty."""
    (text, *_) = table.find_stage("candidates").texts(RunConfig())
    assert '"base_url":["http://127.0.0.1:8000/v1"],"models":[],"templates":["auto"]' in text
