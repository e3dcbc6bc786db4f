"""Problems, requests and a tiny model for the tests of sampling."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, Sampler
from pairsmith.schemas.problem import JudgedBy, Problem


def make_problem(name: str = "double", continuation: str = "", **changes: Any) -> Problem:
    """A problem `p/<name>` that asks for a function of that name."""
    fields: dict[str, Any] = {
        "problem_id": f"p/{name}",
        "source": "jsonl",
        "language": "python",
        "entry_point": name,
        "prompt": f"Double it.\n\n```python\ndef {name}(x: int) -> int:\n```",
        "continuation": continuation,
        "setup": "",
        "judged_by": JudgedBy.CASES,
        "cases": (),
        "test_code": "",
        "reference": "",
        "level": "",
        "topic": "",
        "license": "",
    }
    return Problem(**{**fields, **changes})


def make_request(index: int = 0, text: str = "ask", **changes: Any) -> Request:
    """A request for the function `double`."""
    fields: dict[str, Any] = {
        "candidate_id": f"{index:032x}",
        "problem_id": "p/double",
        "index": index,
        "opening": Opening("chat", text),
        "entry_point": "double",
        "temperature": 1.0,
        "top_p": 1.0,
        "max_tokens": 8,
        "seed": 1000 + index,
    }
    return Request(**{**fields, **changes})


class EchoSampler(Sampler):
    """Answers every request with its id, last first, and remembers what it was asked."""

    backend, model, revision = "transformers", "echo", "r1"

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        batch = list(requests)
        self.asked.extend(batch)
        for request in reversed(batch):
            yield Drawn(request, request.candidate_id, 3, 5, "stop", -0.5, request.seed)


def only_drawn(outcomes: Iterable[Drawn | Failure]) -> list[Drawn]:
    """The outcomes, of which none may be a failure."""
    found = []
    for outcome in outcomes:
        assert isinstance(outcome, Drawn), outcome
        found.append(outcome)
    return found


def save_tiny_model(folder: Path, chat: bool = True, seed: int = 0) -> Path:
    """Save a random Llama of 2 layers over 97 words, with its tokenizer: loads in a moment."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    words = ["<pad>", "<end>", "<unk>", *(f"w{i}" for i in range(94))]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    if chat:
        tokenizer.chat_template = "{% for m in messages %}w1 {{ m['content'] }} w2{% endfor %}"
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        pad_token_id=0, eos_token_id=1, bos_token_id=None, initializer_range=0.2,
    )  # fmt: skip
    logging.disable_progress_bar()
    try:
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    finally:
        logging.enable_progress_bar()
    return folder
