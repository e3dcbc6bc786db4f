"""The start of training: model, reference, tokenizer, device and number type."""

import importlib.util
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from pairsmith.pipeline.run.errors import first_line
from pairsmith.pipeline.sampling.models import digest_folder
from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.methods import MODEL_ARGUMENTS
from pairsmith.schemas.config.training import TrainingConfig

_log = logging.getLogger(__name__)
# Plain words, since a base model has no tokens of its own for turns. An answer ends with the end-of-text token, so
# that a trained model stops; the line break behind `Answer:` keeps tokens from merging over the prompt's end.
BASE_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ 'Answer:\\n' + message['content'] + eos_token + '\\n' }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
    "{% else %}{{ 'Task:\\n' + message['content'] + '\\n\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:\\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Start:
    """What training starts from."""

    model: Any  # causal language model, still in main memory; with the adapter that training goes on from, if any
    # A second copy that stays as it is; None where the model without (or with the first) adapter is the reference,
    # or the method has none.
    reference: Any
    tokenizer: Any  # with a chat template and a padding token
    device: str  # cpu or cuda, where training runs
    # Float32 or bfloat16, in which is multiplied. An adapter's base holds its weights in it; what is trained is
    # float32.
    precision: str


def load_start(folder: Path, config: TrainingConfig, needs_reference: bool) -> Start:
    """Return the start that a model folder holds."""
    device, precision = choose_device(config.device, config.precision)
    tokenizer, _ = load_tokenizer(folder, config.chat_template)

    # Under FSDP the first process of a machine maps the files; the others hold no weights until they are split.
    is_split = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    plan = _zero_plan(precision)  # transformers splits what it reads under ZeRO-3 as long as this is there

    def load() -> Any:
        # accelerate makes float32 of what is trained where it multiplies in bfloat16; a reference stays as stored.
        as_stored = is_split and precision == "bfloat16" and config.adapter is None
        whole = "auto" if as_stored else "float32"
        dtype = whole if config.tuning == "full" else precision
        model = load_model(folder, dtype, config.tuning == "qlora", config.extra.get(MODEL_ARGUMENTS, {}))
        if config.adapter is None:
            return model
        tuned = with_adapter(model, config.adapter, folder)
        return tuned.merge_and_unload() if config.tuning == "full" else tuned

    # TRL would load the reference again from where the model came from, which is not where an adapter was merged.
    # Under FSDP it can't ask the model itself before training has split it.
    if is_split and config.tuning != "full" and needs_reference and config.precompute_reference:
        raise TrainingError(
            "training.precompute_reference with an adapter under FSDP: TRL asks the model before it is split; "
            "leave it out, since there the reference is the model without the adapter and takes no memory"
        )
    own = config.tuning == "full" and needs_reference and (is_split or not config.precompute_reference)
    reference = load().requires_grad_(False) if own else None
    model = load()
    del plan
    return Start(model, reference, tokenizer, device, precision)


def _zero_plan(precision: str) -> Any:
    """Return DeepSpeed's settings as accelerate reads them, None without; the trainer makes them only later."""
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() != "true":
        return None
    from accelerate.utils import DeepSpeedPlugin

    plan = DeepSpeedPlugin()
    plan.set_mixed_precision("bf16" if precision == "bfloat16" else "no")
    plan.set_deepspeed_weakref()
    return plan


def choose_device(device: str, precision: str = "auto") -> tuple[str, str]:
    """Return the device, cpu or cuda, and the number type, float32 or bfloat16, to train in.

    Raises:
        TrainingError: cuda is asked for and not there; several GPUs are visible to one process.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("training.device = cuda, but torch sees no GPU; use auto or cpu")
    if device == "cpu" or not torch.cuda.is_available():
        return "cpu", "float32" if precision == "auto" else precision
    # Of processes that `accelerate launch` started beside each other each has a GPU of its own.
    is_launched = torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()
    if torch.cuda.device_count() > 1 and not is_launched:
        raise TrainingError(
            "several GPUs are visible; set training.launch.config = ddp to use them, or make one visible with "
            "CUDA_VISIBLE_DEVICES=0"
        )
    if precision == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise TrainingError("training.precision = bfloat16, but this GPU does not support it; use auto or float32")
    if precision == "auto":
        precision = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "cuda", precision


def load_tokenizer(folder: Path, template: Path | None = None) -> tuple[Any, bool]:
    """Return the tokenizer of a model folder with a chat template and a padding token, and if the template is new.

    A tokenizer without a padding token pads with its end-of-text token; padding is masked out of the loss.

    Args:
        template: Jinja file; None takes the folder's own, or a plain one where it has none.

    Raises:
        TrainingError: no tokenizer, neither padding nor end-of-text token; see `give_template`.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{folder}: no tokenizer: {first_line(error)}") from None
    if tokenizer.eos_token is None and (tokenizer.pad_token is None or not tokenizer.chat_template):
        raise TrainingError(f"{folder}: the tokenizer has neither a padding nor an end-of-text token; set one")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
        _log.info("%s: no padding token; using the end-of-text token %r", folder.name, tokenizer.eos_token)
    return tokenizer, give_template(tokenizer, template)


def give_template(tokenizer: Any, template: Path | None) -> bool:
    """Give a tokenizer the template of a file, or the plain one if it has none; return whether it got one.

    Raises:
        TrainingError: no such file; one that does not render a question and its answer, or not the answer's text.
    """
    if template is not None:
        try:
            tokenizer.chat_template = template.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TrainingError(f"{template}: the chat template can't be read: {error}") from None
    elif tokenizer.chat_template:
        return False
    else:
        tokenizer.chat_template = BASE_TEMPLATE
    _try_template(tokenizer, template)
    return True


def _try_template(tokenizer: Any, template: Path | None) -> None:
    messages = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "two"}]
    try:
        asked = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
        answered = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception as error:  # jinja2's errors have no base that a user's template can't leave
        raise TrainingError(f"{template}: not a chat template: {error}") from None
    if "two" not in answered or not answered.startswith(asked):
        raise TrainingError(f"{template}: a prompt must be the beginning of the prompt with its answer")


def load_model(folder: Path, dtype: str, in_4_bits: bool = False, further: Mapping[str, Any] | None = None) -> Any:
    """Return the causal language model of a folder.

    Args:
        dtype: float32, bfloat16, or `auto`, as stored: of its weights; in 4 bits, of what is multiplied.
        in_4_bits: NF4, quantised twice (Dettmers et al. 2023, arXiv:2305.14314).
        further: arguments of `from_pretrained`, such as `attn_implementation`.
    """
    more = dict(further or {})
    if in_4_bits:
        if importlib.util.find_spec("bitsandbytes") is None:
            raise TrainingError(
                "training.tuning = qlora needs bitsandbytes; pip install bitsandbytes, or use lora"
            )
        from transformers import BitsAndBytesConfig

        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, dtype),
        )  # fmt: skip
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype if dtype == "auto" else getattr(torch, dtype), local_files_only=True, **more
        )
    except (ImportError, OSError, TypeError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{folder}: the model can't be loaded: {first_line(error)}") from None


def with_adapter(model: Any, adapter: Path, base: Path) -> Any:
    """Return a model with a LoRA adapter that can be trained on."""
    from peft import PeftModel

    check_adapter(adapter, base)
    try:
        tuned = PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"{adapter}: an adapter for another base than {base.name}: {first_line(error)}"
        ) from None
    # By a bare name peft would ask the Hub for the base's configuration, at each checkpoint.
    tuned.peft_config["default"].base_model_name_or_path = str(base)
    return tuned


def check_adapter(adapter: Path, base: Path) -> None:
    """Raise unless a folder holds a LoRA adapter of this base, by the base's digest, else by its name."""
    from pairsmith.pipeline.training.saving import BASE_DIGEST

    try:
        settings = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TrainingError(f"{adapter}: not an adapter folder (no adapter_config.json)") from None
    if settings.get("peft_type") != "LORA":
        raise TrainingError(
            f"{adapter}: an adapter of kind {settings.get('peft_type')}; only LoRA can be continued"
        )
    try:
        known = (adapter / BASE_DIGEST).read_text(encoding="utf-8").strip()
    except OSError:
        known = ""
    name = Path(str(settings.get("base_model_name_or_path") or "")).name
    if known and known != digest_folder(base):
        raise TrainingError(f"{adapter}: an adapter for another base: it was trained on {name}, not on {base}")
    if not known and name and name not in (base.name, base.resolve().name):
        raise TrainingError(
            f"{adapter}: an adapter for another base: {name}, not {base.name}; if they are the same, write "
            f"{base.name!r} into base_model_name_or_path of its adapter_config.json"
        )
