"""The part `training` of a run: it has no shards."""

from pairsmith.pipeline.chain.stage import Planned, Stage


def _planned(planned: Planned) -> str:
    settings = planned.config.training
    epochs = "1 epoch" if settings.epochs == 1 else f"{settings.epochs:g} epochs"
    length = f"{settings.max_steps} steps" if settings.max_steps else f"{epochs} in steps"
    return f"{settings.method}, {length} of {settings.batch_size} pairs"


STAGE = Stage(
    name="training",
    about="SFT, DPO and its kin, KTO, ORPO, CPO, SimPO, BoNBoN, through TRL",
    record=None,
    reads=("pairs",),
    settings=("training", "sampling.model", "seed"),
    planned=_planned,
    last_file="summary.json",
)
