"""What BoNBoN asks of its pairs: the best and the worst of n draws of the start itself."""

from typing import Any

from pairsmith.pipeline.training.checks import TrainingError


def check_best_of_n(pairs: Any, start: str) -> None:
    """Raise unless each pair is the best and the worst of n draws from the model that training starts from.

    Args:
        pairs: `datasets.Dataset`, with the columns of `schemas.pair.Pair`.
        start: name of the start, as the sampler has it.

    Raises:
        TrainingError: the message says which pairs these are, and what makes the right ones.
    """
    if not len(pairs):
        return
    remedy = '; build them with pairs.policies = [{name = "best_of_n"}]'
    for name in ("policy", "n_compared", "chosen_model", "rejected_model"):
        if name not in pairs.column_names:
            raise TrainingError(
                f"bonbon needs the best and the worst of n draws, but the pairs have no column {name!r}{remedy}"
            )
    others = sorted(set(pairs["policy"]) - {"best_of_n"})
    if others:
        raise TrainingError(
            f"bonbon needs the best and the worst of n draws, but there are pairs of {', '.join(others)}{remedy}"
        )
    if not all(n is not None and n >= 2 for n in pairs["n_compared"]):
        raise TrainingError(f"bonbon needs n of each pair, but some have none in n_compared{remedy}")
    models = sorted(set(pairs["chosen_model"]) | set(pairs["rejected_model"]))
    if models != [start]:
        raise TrainingError(
            f"bonbon needs draws of the model that it starts from, {start}; these pairs were drawn from "
            f"{', '.join(models)}: sample from {start}, or start from what was sampled"
        )
