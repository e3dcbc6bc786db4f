"""Shards of candidates: what the model answered."""

import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pairsmith.pipeline.chain.stages.common import NO_MATTER, VERSIONS, file_digest_or_name, stage_folder
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.sampling.arms import list_sources
from pairsmith.pipeline.sampling.models import digest_folder
from pairsmith.pipeline.sampling.protocol import TRANSIENT
from pairsmith.pipeline.sampling.stream import Filled
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import SamplingConfig

_ASK_AGAIN = "to_ask_again"  # counted in shards of candidates


def candidates_key(chain: Path, name: str, config: RunConfig, n_each: Mapping[str, int] | None = None) -> str:
    """Return the key of a shard of candidates; `n` is told apart so that a larger one adds to what is there.

    Args:
        n_each: draws a problem; None takes `sampling.n` for all.
    """
    sampling = config.sampling
    identity = [part for source in list_sources(sampling) for part in _model_identity(source.config)]
    matters = sampling.model_dump(mode="json", exclude={*NO_MATTER["sampling"], "samples", "adapter", "models"})
    matters["models"] = [one.model_dump(mode="json", exclude={"samples", "adapter"}) for one in sampling.models]
    for settings_of_model in (matters, *matters["models"]):  # no further parameters: the key of older versions
        if not settings_of_model["extra"]:
            del settings_of_model["extra"]
    folder = stage_folder(chain, "problems")
    n = str(sampling.n)
    if n_each is not None:
        n = json.dumps(
            {row.problem_id: n_each.get(row.problem_id, 0) for row in folder.read(name)}, sort_keys=True
        )
    policy = config.training.start or sampling.model
    settings = json.dumps(matters, sort_keys=True)
    version = str(VERSIONS["candidates"])
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


def _model_identity(sampling: SamplingConfig) -> list[str]:
    """Return digests of what a model's settings name on this machine: samples, adapter, weights, own templates."""
    files = [path for path in (sampling.samples, *_adapter_files(sampling.adapter)) if path is not None]
    if sampling.prompts is not None:
        files += sorted(sampling.prompts.glob("*.jinja"))
    identity = [file_digest_or_name(path) for path in files]
    if Path(sampling.model).is_dir():
        identity.append(_model_digest(Path(sampling.model)))
    return [*identity, sampling.vllm.quantization, sampling.vllm.dtype]


def _adapter_files(adapter: Path | None) -> list[Path]:
    return sorted(path for path in adapter.rglob("*") if path.is_file()) if adapter is not None else []


@functools.cache
def _model_digest(folder: Path) -> str:
    return digest_folder(folder)
