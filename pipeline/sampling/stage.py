"""The stage `candidates`: what the models answered."""

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Planned, Stage, file_digest_or_name
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.sampling.filling import Filled, draw
from pairsmith.pipeline.sampling.models import choose_backend, digest_folder
from pairsmith.pipeline.sampling.protocol import TRANSIENT
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

ASK_AGAIN = "to_ask_again"
"""Count of a shard's requests that a server failed, and that are sent again by the next run."""


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return a shard of candidates; what could not be drawn is counted by its trouble."""
    filled: Sequence[Filled] | None = inputs.source
    if filled is None:
        opened, store = tools.open_model, tools.store()
        filled = list(draw(inputs.run_dir, [inputs.shard], config, opened, store))
    rows = sorted(
        (row for problem in filled for row in problem.candidates), key=lambda row: (row.problem_id, row.index)
    )
    failures = [failure.trouble for problem in filled for failure in problem.failures]
    counts = Counter(f"finish.{row.finish_reason or 'unknown'}" for row in rows)
    counts["tokens"] = sum(max(row.n_tokens, 0) for row in rows)
    counts["prompt_tokens"] = sum(max(row.n_prompt_tokens, 0) for row in rows)
    counts["empty"] = sum(not row.completion.strip() for row in rows)
    counts["replaced_characters"] = sum("\ufffd" in row.completion for row in rows)
    counts["on_policy"] = sum(row.is_on_policy for row in rows)
    counts[ASK_AGAIN] = sum(trouble in TRANSIENT for trouble in failures)
    dropped = Counter(str(trouble) for trouble in failures)
    return (Shard(rows, len(rows) + len(failures), dropped, +counts),)


def _external(config: RunConfig) -> list[str]:
    """Return digests of what the settings name on this machine: samples, adapter, weights, own templates."""
    sampling = config.sampling
    adapter = sampling.adapter.rglob("*") if sampling.adapter is not None else ()
    files = [sampling.samples] if sampling.samples is not None else []
    files += sorted(path for path in adapter if path.is_file())
    if sampling.prompts is not None:
        files += sorted(sampling.prompts.glob("*.jinja"))
    identity = [file_digest_or_name(path) for path in files]
    return [*identity, _model_digest(Path(sampling.model))] if Path(sampling.model).is_dir() else identity


_model_digest = functools.cache(digest_folder)


def _planned(planned: Planned) -> str:
    sampling = planned.config.sampling
    return f"{planned.n_draws} samples of {sampling.model} by {choose_backend(sampling)}"


STAGE = Stage(
    name="candidates",
    about="draws completions from a model, a server or files",
    record=Candidate,
    reads=("problems",),
    # `training`: who is on policy
    settings=("sampling", "sampling.n", "training.start", "training.adapter", "seed"),
    by_content=(
        "sampling.samples", "sampling.adapter", "sampling.prompts",
    ),
    version=5,  # 5: log-probabilities when needed
    run=_run,
    external=_external,
    packages=("transformers", "torch", "vllm"),
    unit="samples",
    counted=("tokens", "finish."),
    planned=_planned,
)  # fmt: skip
