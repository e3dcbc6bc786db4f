"""The part `evaluation` of a run: it has no shards of its own, but a chain below it for each model and set."""

from pairsmith.pipeline.chain.stage import LIMITS, Planned, Stage


def _planned(planned: Planned) -> str:
    config = planned.config
    held_out = f"{planned.n_held_out:,} held-out problem{'s' * (planned.n_held_out != 1)}"
    sets = [held_out] if config.evaluation.held_out else []
    sets += [problem_set.title() for problem_set in config.evaluation.sets]
    models = ", ".join(model.name for model in config.evaluation.models) or "before and after"
    return f"{', '.join(sets)}; {config.scoring.n} candidates each; {models}"


STAGE = Stage(
    name="evaluation",
    about="pass@k next to diversity on held-out problems, before and after; measures",
    record=None,
    reads=("problems", "training"),
    settings=("scoring", "evaluation", "sampling", *LIMITS, "seed"),
    planned=_planned,
    last_file="gains.json",
)
