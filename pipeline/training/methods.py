"""The methods: what each trains with in TRL, on which rows, and its defaults with their sources.

Learning rates are those of full fine-tuning; an adapter takes ten times as much (`LORA_RATE`). Papers train on
thousands of pairs: a run of some tens of steps on a small model needs more, such as `data/demo.toml`'s.
"""

import difflib
import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.schemas.config.training import MethodName, TrainingConfig

Rows = Literal["pairs", "unpaired", "sft"]
LORA_RATE = 10.0
"""How much larger an adapter's best learning rate is: Schulman et al. 2025, "LoRA Without Regret"."""
SIMPO_LOSS, CPO_LOSS = "simpo", "sigmoid"
MODEL_ARGUMENTS = "model_init_kwargs"
"""TRL's name for arguments that the model is loaded with; of `training.extra` the one that goes to the model."""
TRL_WANTED = "trl>=1.16,<1.17"


@dataclass(frozen=True, slots=True)
class Method:
    """One way to train."""

    name: MethodName
    trainer: str  # class of TRL, as `module:name`; `settings` the class of its configuration
    settings: str
    rows: Rows  # what it is trained on: pairs, single answers with a label, or right answers
    # Names of TRL's losses, summed with weights 1 and `sft_weight`; empty where a trainer has one.
    losses: tuple[str, ...]
    learning_rate: float  # of full fine-tuning
    source: str  # where loss and defaults come from
    beta: float | None = None  # None where the loss has none; likewise `label_smoothing`, `sft_weight`, `margin`
    label_smoothing: float | None = None
    sft_weight: float | None = None
    margin: float | None = None
    has_reference: bool = True  # whether a frozen start takes part in the loss
    couples_batch: bool = False  # whether pairs that are in memory together change each other's loss
    is_experimental: bool = False  # whether TRL calls the trainer experimental: it may change or go at any time

    @property
    def is_dpo(self) -> bool:
        """Return whether TRL trains it by its DPO trainer."""
        return self.trainer == "trl:DPOTrainer"


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a run trains with: the configuration's values, and the method's where it has none."""

    learning_rate: float
    beta: float | None
    label_smoothing: float | None
    sft_weight: float | None
    margin: float | None


def _dpo(name: MethodName, loss: str, rate: float, beta: float, source: str, **more: Any) -> Method:
    losses = (loss, "sft") if "sft_weight" in more else (loss,)
    return Method(name, "trl:DPOTrainer", "trl:DPOConfig", "pairs", losses, rate, source, beta, **more)


_ROWS = (
    Method(
        "sft", "trl:SFTTrainer", "trl:SFTConfig", "sft", (), 2e-5,
        "loss on the answers only; learning rate: TRL 1.16, SFTConfig", has_reference=False,
    ),
    _dpo(
        "dpo", "sigmoid", 1e-6, 0.1, "Rafailov et al. 2023, arXiv:2305.18290, appendix B", label_smoothing=0.0,
    ),
    _dpo("ipo", "ipo", 1e-6, 0.1, "Azar et al. 2023, arXiv:2310.12036, equation 17, by token; rates: TRL 1.16"),
    _dpo("hinge", "hinge", 1e-6, 0.1, "Zhao et al. 2023, arXiv:2305.10425, section 2; rates: TRL 1.16"),
    _dpo("apo_zero", "apo_zero", 2e-7, 0.1, "D'Oosterlinck et al. 2024, arXiv:2408.06266, section 5.2"),
    _dpo("apo_down", "apo_down", 2e-7, 0.1, "D'Oosterlinck et al. 2024, arXiv:2408.06266, section 5.2"),
    _dpo(
        "sigmoid_norm", "sigmoid_norm", 5e-7, 5.0, "by token: Lambert et al. 2024 (Tulu 3), arXiv:2411.15124",
    ),
    _dpo(
        "rpo", "sigmoid", 1e-6, 0.1, "Pang et al. 2024, arXiv:2404.19733: alpha = 1; rate: TRL 1.16",
        sft_weight=1.0,
    ),
    _dpo(
        "focal", "sigmoid", 1e-6, 0.1,
        "over the tokens that differ between program and repair: Wu et al. 2025, arXiv:2503.02783; rates: dpo",
        label_smoothing=0.0,
    ),
    Method(
        "kto", "trl:KTOTrainer", "trl:KTOConfig", "unpaired", ("kto",), 1e-6,
        "Ethayarajh et al. 2024, arXiv:2402.01306; rates: TRL 1.16", beta=0.1, couples_batch=True,
    ),
    Method(
        "orpo", "trl.experimental.orpo:ORPOTrainer", "trl.experimental.orpo:ORPOConfig", "pairs", (), 8e-6,
        "Hong et al. 2024, arXiv:2403.07691: lambda = 0.1, appendix C", beta=0.1, has_reference=False,
        is_experimental=True,
    ),
    Method(
        "cpo", "trl.experimental.cpo:CPOTrainer", "trl.experimental.cpo:CPOConfig", "pairs", (CPO_LOSS,), 1e-6,
        "Xu et al. 2024, arXiv:2401.08417; rate: TRL 1.16", beta=0.1, sft_weight=1.0, has_reference=False,
        is_experimental=True,
    ),
    Method(
        "simpo", "trl.experimental.cpo:CPOTrainer", "trl.experimental.cpo:CPOConfig", "pairs", (SIMPO_LOSS,), 6e-7,
        "Meng et al. 2024, arXiv:2405.14734, table 8: gamma / beta = 0.5", beta=2.0, sft_weight=0.0, margin=1.0,
        has_reference=False, is_experimental=True,
    ),
    Method(
        "bonbon", "trl:DPOTrainer", "trl:DPOConfig", "pairs", ("sigmoid",), 5e-7,
        "Gui et al. 2024, arXiv:2406.00832: alpha = 0.005, and beta by n", sft_weight=0.005,
    ),
)  # fmt: skip
METHODS: Mapping[MethodName, Method] = {row.name: row for row in _ROWS}


def knobs(method: Method, config: TrainingConfig) -> Knobs:
    """Return what to train with."""
    taken = {}
    for name in ("beta", "label_smoothing", "sft_weight", "margin"):
        own, default = getattr(config, name), getattr(method, name)
        if own is not None and default is None:
            raise TrainingError(f"{method.name} has no parameter {name}; remove training.{name}")
        taken[name] = default if own is None else own
    if method.name == "bonbon" and taken["sft_weight"] > 1.0:
        raise TrainingError(f"training.sft_weight is bonbon's alpha, a share; {taken['sft_weight']} is over 1")
    rate = method.learning_rate * (1.0 if config.tuning == "full" else LORA_RATE)
    return Knobs(learning_rate=rate if config.learning_rate is None else config.learning_rate, **taken)


def trl_classes(method: Method) -> tuple[Any, Any]:
    """Return the trainer and the configuration of a method from the installed TRL.

    Raises:
        TrainingError: TRL is not installed, or has no such trainer or loss.
    """
    try:
        installed = version("trl")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the table and the summary contain that it is experimental
            trainer, settings = (_class(name) for name in (method.trainer, method.settings))
    except (ImportError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("trl."):
            raise TrainingError(
                f"training needs the package {error.name or 'trl'!r}; pip install 'pairsmith[train]'"
            ) from None
        raise _lacks(method, installed, method.trainer.partition(":")[2]) from None
    known = settings.__dataclass_fields__["loss_type"].metadata.get("help", "") if method.is_dpo else ""
    for loss in method.losses:
        if known and f"'{loss}'" not in known:
            raise _lacks(method, installed, f"the loss {loss!r}")
    return trainer, settings


def check_arguments(method: Method, extra: Mapping[str, Any]) -> None:
    """Raise unless TRL's configuration of a method has all of `training.extra`.

    Raises:
        TrainingError: an unknown name, with the nearest known one; see `trl_classes`.
    """
    settings = trl_classes(method)[1]
    for name in sorted(set(extra) - {*settings.__dataclass_fields__, MODEL_ARGUMENTS}):
        nearest = difflib.get_close_matches(name[:80], settings.__dataclass_fields__, n=1, cutoff=0.0)[0]
        raise TrainingError(
            f"training.extra.{name}: TRL's {settings.__name__} has no such argument; the nearest is {nearest}"
        )


def least_rows(method: str) -> int:
    """Return the rows that a method needs in memory at once: KTO estimates its KL over them."""
    return 2 if method == "kto" else 1


def _class(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _lacks(method: Method, installed: str, what: str) -> TrainingError:
    return TrainingError(
        f"{method.name}: trl {installed} lacks {what}; pairsmith was tried with {TRL_WANTED}: "
        f"pip install '{TRL_WANTED}'"
    )
