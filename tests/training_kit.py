"""What the training tests share: pairs of one line each and a model of 2 layers that trains in milliseconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.config import TrainingConfig
from pairsmith.schemas.pair import Message, Pair
from pairsmith.schemas.training import TrainingStep

CONFIG = TrainingConfig(
    learning_rate=1e-2, batch_size=2, max_steps=4, max_length=96, lora_rank=4, lora_alpha=8, device="cpu"
)
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
STEP = TrainingStep(1, 0.693, 0.0, 0.5, -40.25, -38.5, 5e-5, 0.125)


def make_pair(index: int, split: str = "train") -> Pair:
    """Return a pair with every column filled: a sum that is right over one that is not."""
    right = f"def add{index}(a, b):\n    return a + b"
    wrong = f"def add{index}(a, b):\n    return a - b * {index}"
    return Pair(
        pair_id=f"{index:032x}",
        problem_id=f"starter/add{index}",
        split=split,
        policy="passed_over_failed",
        policy_value=None,
        n_compared=None,
        weight=1.0,
        source="starter",
        level="trivial",
        topic="numbers",
        prompt=(Message("user", f"Write add{index}, the sum of two numbers."),),
        chosen=(Message("assistant", f"```python\n{right}\n```"),),
        rejected=(Message("assistant", f"```python\n{wrong}\n```"),),
        chosen_id="c" * 32,
        rejected_id="d" * 32,
        chosen_code=right,
        rejected_code=wrong,
        rejected_cause="wrong_value",
        rejected_detail="",
        chosen_share=1.0,
        rejected_share=0.25,
        n_cases=8,
        pass_rate=0.5,
        chosen_tags="early_return",
        rejected_tags="",
        chosen_n_lines=2,
        rejected_n_lines=2,
        chosen_n_tokens=12,
        rejected_n_tokens=14,
        chosen_logprob=-0.5 if index % 2 else None,
        rejected_logprob=None,
        chosen_model="tiny",
        rejected_model="tiny",
        chosen_standing="",
        rejected_standing="",
    )


def write_pairs(file: Path, pairs: list[Pair]) -> Path:
    """Write pairs as the pairs stage does, and return the file."""
    pq.write_table(to_table(pairs, Pair), file, compression="zstd")
    return file


def write_columns(file: Path, columns: dict[str, pa.Array]) -> Path:
    """Write a Parquet file of any columns, and return it."""
    pq.write_table(pa.table(columns), file)
    return file


def interrupt_at(number: int) -> Callable[[TrainingStep], None]:
    """Return what interrupts a run after a step, as Ctrl-C does."""

    def interrupt(step: TrainingStep) -> None:
        if step.step == number:
            raise KeyboardInterrupt

    return interrupt


def lengthen(pair: Pair, n_words: int) -> Pair:
    """Return the pair with a chosen answer of so many words more."""
    text = pair.chosen[0].content + " word" * n_words
    return replace(pair, chosen=(Message("assistant", text),))


def build_tiny_model(folder: Path) -> Path:
    """Save a random Llama of 2 layers, 64 wide, with a byte-pair tokenizer, and return its folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    words.train_from_iterator(
        [f"{pair.prompt} {pair.chosen} {pair.rejected}" for pair in map(make_pair, range(20))],
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<|endoftext|>", eos_token="<|im_end|>", chat_template=CHATML
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
