"""The configuration of each round: what is laid over it, what it draws from, and what rounds can't be run with."""

from itertools import pairwise
from pathlib import Path

from pairsmith.pipeline.chain.stage import NON_SEMANTIC, flatten
from pairsmith.pipeline.chain.state import read_config
from pairsmith.pipeline.evaluation.stage import start_sampling, trained_sampling
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.config import RunConfig, validate_run
from pairsmith.schemas.config.loading import merged
from pairsmith.schemas.config.sampling import SamplingConfig

_NOT_OURS = ("openai", "openai-batch", "files")  # backends that draw from what somebody else serves
_OUTSIDE = ("run", "store", "publish", "schedule", "service", "rounds", "engine", "prices")


class RoundsError(PairsmithError):
    """Rounds can't be run as they are configured."""


def round_folder(rounds: Path, number: int) -> Path:
    """Return the run folder of a round, from 1."""
    return rounds / f"round-{number}"


def list_rounds(rounds: Path) -> list[Path]:
    """Return the run folders of the rounds that were begun, in order; none in a folder of another kind."""
    found = [path for path in rounds.glob("round-*") if path.name.partition("-")[2].isdecimal()]
    return sorted(found, key=lambda path: int(path.name.partition("-")[2]))


def laid_over(config: RunConfig, number: int) -> RunConfig:
    """Return the configuration with what `rounds.by_round` lays over it in a round.

    Raises:
        ConfigError: a key that there is none of, or a bad value.
    """
    tree = merged(config.model_dump(), *config.rounds.by_round[:number])
    return validate_run({**tree, "run": round_folder(config.run, number), "store": ""})


def round_config(config: RunConfig, number: int, before: RunConfig | None) -> RunConfig:
    """Return the configuration of a round's run.

    Args:
        config: of the rounds.
        number: from 1.
        before: configuration of the round before, which is trained; None for the first.

    Raises:
        ConfigError: see `laid_over`.
        RoundsError: the round before trained nothing.
    """
    laid = laid_over(config, number)
    trained = trained_sampling(before) if before is not None else None
    if before is None:
        return laid
    if trained is None:
        raise RoundsError(f"{before.run}: contains no trained model; delete the folder and run again")
    sampling, training, settings = laid.sampling, laid.training, config.rounds
    if sampling.backend not in _NOT_OURS:
        sampling = sampling.model_copy(update=_policy(trained))
    changes: dict[str, object] = {}
    if settings.start == "previous":
        changes = {
            "start": trained.model,
            "revision": trained.revision,
            "adapter": trained.adapter,
        }
        changes["reference"] = "base" if settings.reference == "start" else "start"
    else:
        first = start_sampling(config)
        changes = {"start": first.model, "revision": first.revision, "adapter": first.adapter}
    if settings.replay:
        earlier = [round_folder(config.run, k) for k in range(1, number)]
        share = settings.replay / len(earlier)
        replayed = [{"path": str(run / "dataset"), "name": run.name, "share": share} for run in earlier]
        own = [part.model_dump() for part in training.datasets] or [{}]
        changes["datasets"] = [*own, *replayed]
    tree = laid.model_dump()
    if settings.fresh < 1.0 or laid.pairs.keep_approaches:
        n = max(1, round(sampling.n * settings.fresh))
        earlier = [round_folder(config.run, k) for k in range(1, number)]
        tree["pairs"] |= {"earlier": earlier, "earlier_n": sampling.n - n}
        sampling = sampling.model_copy(update={"n": n})
    return validate_run({**tree, "sampling": sampling.model_dump(), "training": {**tree["training"], **changes}})


def scored_config(config: RunConfig, number: int) -> RunConfig:
    """Return the configuration that a round is scored with: that of all rounds, so that they can be compared."""
    sampling = config.sampling
    if sampling.backend in _NOT_OURS:  # no server has what was trained here
        sampling = sampling.model_copy(update={"backend": "auto", "samples": None})
    run = round_folder(config.run, number)
    return config.model_copy(update={"run": run, "store": "", "sampling": sampling})


def policy_of(config: RunConfig, of_round: RunConfig) -> SamplingConfig | None:
    """Return how the model is drawn from that a round trained, as all rounds are scored."""
    trained = trained_sampling(of_round)
    if trained is None:
        return None
    return start_sampling(config).model_copy(update=_policy(trained))


def _policy(trained: SamplingConfig) -> dict[str, object]:
    return {"model": trained.model, "revision": trained.revision, "adapter": trained.adapter}


def check_rounds(config: RunConfig) -> None:
    """Raise where rounds can't be run as they are configured.

    Raises:
        ConfigError: what `rounds.by_round` lays over is no configuration.
        RoundsError: a server or a file that can't give draws of what was trained; a reference that is not kept; a
            dataset to train on that is not there.
    """
    settings, training = config.rounds, config.training
    parts = [laid_over(config, number) for number in range(1, settings.n + 1)]
    has_other_base = training.tuning == "full" or training.adapter is not None
    if settings.start == "previous" and settings.reference == "start" and has_other_base:
        raise RoundsError(
            "rounds.reference = start is the model under the adapter: it needs training.tuning = lora or qlora, "
            "no training.adapter"
        )
    if config.evaluation.models or not config.evaluation.held_out:
        raise RoundsError(
            "rounds are scored on held-out problems against the start; leave evaluation.models and held_out"
        )
    paths = [dataset.path for part in parts for dataset in part.training.datasets if dataset.path]
    if missing := [path for path in paths if not Path(path).expanduser().exists()]:
        raise RoundsError(f"training.datasets: {missing[0]}: no such folder or file")
    for number, (before, after) in enumerate(pairwise(parts), start=2):
        own, others = ((part.model, part.base_url, part.samples) for part in (after.sampling, before.sampling))
        if after.sampling.backend in _NOT_OURS and own == others:
            raise RoundsError(
                f"round {number} would draw from what round {number - 1} drew from: "
                f"sampling.backend = {after.sampling.backend} can't serve what is trained here; "
                "take vllm or transformers, or name another model, base_url or samples for it in rounds.by_round"
            )


def changed_settings(of_round: RunConfig) -> list[str]:
    """Return the settings of a round that differ from those that it was last run with, as `key: old -> new`."""
    kept = read_config(of_round.run)
    if kept is None:
        return []
    before, now = (dict(flatten(config.model_dump(mode="json"))) for config in (kept, of_round))
    ignored = {key for key in {*before, *now} if key in NON_SEMANTIC or key.partition(".")[0] in _OUTSIDE}
    return [
        f"{key}: {before.get(key, 'unset')} -> {now.get(key, 'unset')}"
        for key in sorted({*before, *now} - ignored)
        if before.get(key) != now.get(key)
    ]
