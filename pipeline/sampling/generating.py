"""Batched generation: a finished row goes to the next request at once, equal prompts are read once.

`model.generate` waits for the longest completion of a batch, reads a prompt once for each of its n candidates
and draws with one generator for all rows. Here a draw's noise belongs to its request: adding independent Gumbel
noise to log-probabilities and taking the maximum draws exactly from the distribution. The noise is a hash of (seed
of the draw, step, token), the same in a batch of 1 and of 100, on any device.

Source: Gumbel-max: Maddison et al. 2014, arXiv:1411.0030, section 2. Hash: splitmix64, Steele et al. 2014.
Top-p: Holtzman et al. 2020, arXiv:1904.09751, section 3.1.
"""

import inspect
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

from pairsmith.pipeline.sampling.opening import find_end
from pairsmith.pipeline.sampling.protocol import Drawn, Request, SamplingError

_TAIL_TOKENS = 16  # decoded at each step, to see whether a stop may have come
_LEAST_LIVE = 0.75  # share of rows at work, below which the others are dropped when nothing waits for them
_FIRST_TOP = 64  # tokens tried first: at temperature 0.8 and top-p 0.95 they nearly always suffice
_GOLDEN = -0x61C8864680B583EB  # splitmix64's 0x9E3779B97F4A7C15 as a signed number, likewise below
_FIRST = -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9
_SECOND = -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB


@dataclass(slots=True)
class Row:
    """One sequence under way."""

    request: Request
    prompt: tuple[int, ...]  # token ids
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)  # natural-log probability of each token drawn so far
    admitted: float = 0.0  # time at which it came into the batch, seconds of the monotonic clock


class SlotCache(Cache):  # type: ignore[misc]
    """Keys and values of rows that each can be given to another sequence; a row begins at column 0.

    transformers' own cache grows by concatenation, so every step copies the whole of it: 20% (bfloat16) to 68%
    (float32) of the time with SmolLM2 and 64 rows on 2 cores. This one writes in place.

    """

    def __init__(self, n_rows: int) -> None:
        """Make an empty cache; memory is taken at the first `place`."""
        super().__init__(layer_class_to_replicate=DynamicLayer)
        self._n_rows, self._n_used = n_rows, 0
        self._rows = self._lengths = torch.empty(0, dtype=torch.int64)
        self._states: list[torch.Tensor] = []  # keys, then values of each layer, [rows, heads, columns, size]

    def place(self, prompt: DynamicCache, rows: list[int], n_columns: int) -> None:
        """Write a prompt into rows, and make room for `n_columns` in each."""
        read = [part for layer in prompt.layers for part in (layer.keys, layer.values)]
        if not self._states:
            self._states = [part.new_zeros(self._n_rows, part.shape[1], 0, part.shape[3]) for part in read]
        missing = n_columns - self._states[0].shape[2]
        if missing > 0:  # zeros, for what is masked is still multiplied by 0, and 0 * nan is nan
            self._states = [torch.nn.functional.pad(part, (0, 0, 0, missing)) for part in self._states]
        for mine, theirs in zip(self._states, read, strict=True):
            mine[rows, :, : theirs.shape[2]] = theirs

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one column of each row behind its last; return all columns so far."""
        keys, values = self._states[2 * layer_idx : 2 * layer_idx + 2]
        keys[self._rows, :, self._lengths] = key_states[:, :, 0]
        values[self._rows, :, self._lengths] = value_states[:, :, 0]
        return keys[:, :, : self._n_used + 1], values[:, :, : self._n_used + 1]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the columns of the longest row."""
        return self._n_used

    def set_lengths(self, lengths: torch.Tensor) -> None:
        """Say how many columns each row has filled, [rows]; once before each step."""
        self._lengths, self._n_used = lengths, int(lengths.max())
        self._rows = torch.arange(len(lengths), device=lengths.device)

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Drop all other rows."""
        self._states = [part[rows] for part in self._states]


def check_states(config: Any, n_columns: int) -> None:
    """Refuse a model with states that can't be batched here.

    Raises:
        SamplingError: if the model keeps other states than keys and values, or a window shorter than `n_columns`.
    """
    for layer in DynamicCache(config=config).layers:
        window = layer.sliding_window if type(layer) is DynamicSlidingWindowLayer else n_columns
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) or window < n_columns:
            raise SamplingError(
                f"{config.model_type}: the transformers backend can't batch this kind of model; "
                "set sampling.backend to vllm or openai"
            )


class Batch:
    """Rows that are generated together with one model."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        rows: Iterable[Row],
        batch_size: int,
        stop_at_code: bool,
        keep_logprobs: bool = False,
    ) -> None:
        """Make a batch.

        Args:
            rows: what is to be drawn; taken as there is room.
            stop_at_code: see `find_end`.
        """
        self._model, self._tokenizer = model, tokenizer
        self._stop_at_code, self._keep_logprobs = stop_at_code, keep_logprobs
        source = iter(rows)
        first = list(itertools.islice(source, batch_size))
        self._waiting = itertools.chain(first, source)
        self._slots: list[Row | None] = [None] * len(first)
        self._cache = SlotCache(len(first))
        self._cache_name = _cache_name(model)
        self._end_tokens = _end_tokens(model, tokenizer)
        self._logits = torch.empty(0)  # [rows, vocabulary], of the next token of each row
        self._last: tuple[tuple[int, ...], DynamicCache, torch.Tensor] | None = None  # the prompt read last

    def run(self) -> Iterator[Drawn]:
        """Yield completions as they are finished, until the rows end."""
        while True:
            with torch.inference_mode():
                self._admit()
                if not any(self._slots):
                    return
                finished, tokens = self._draw()
                if any(self._slots):
                    self._step(tokens)
            yield from finished

    def _admit(self) -> None:
        """Give free rows to waiting requests; drop the free ones where nothing waits for them."""
        taken: dict[tuple[int, ...], list[int]] = {}
        for slot, row in enumerate(self._slots):
            if row is None and (new := next(self._waiting, None)) is not None:
                new.admitted = time.monotonic()
                self._slots[slot] = new
                taken.setdefault(new.prompt, []).append(slot)
        for prompt, slots in taken.items():
            self._read(prompt, slots)
        live = [slot for slot, row in enumerate(self._slots) if row is not None]
        if 0 < len(live) < _LEAST_LIVE * len(self._slots):
            rows = torch.tensor(live, device=self._model.device)
            self._cache.keep_rows(rows)
            self._slots, self._logits = [self._slots[slot] for slot in live], self._logits[rows]

    def _read(self, prompt: tuple[int, ...], slots: list[int]) -> None:
        """Read a prompt and write its keys and values into the rows that it belongs to."""
        if self._last is None or self._last[0] != prompt:
            cache = DynamicCache()
            read = self._model(
                input_ids=torch.tensor([prompt], device=self._model.device),
                use_cache=True,
                logits_to_keep=1,
                **{self._cache_name: cache},
            )
            self._last = prompt, cache, read.logits[:, -1]
        _, cache, logits = self._last
        n_columns = len(prompt) + max(row.request.max_tokens for slot in slots if (row := self._slots[slot]))
        check_states(self._model.config, n_columns)
        self._cache.place(cache, slots, n_columns)
        if not len(self._logits):
            self._logits = logits.new_zeros(len(self._slots), logits.shape[-1])
        self._logits[slots] = logits

    def _draw(self) -> tuple[list[Drawn], torch.Tensor]:
        """Draw a token for each row; return what is finished, and the tokens, [rows]."""
        live = [(slot, row) for slot, row in enumerate(self._slots) if row is not None]
        device = self._logits.device

        def column(values: list[Any], dtype: torch.dtype) -> torch.Tensor:
            return torch.tensor(values, dtype=dtype, device=device)

        where = column([slot for slot, _ in live], torch.int64)
        drawn, logprobs = draw_tokens(
            self._logits[where],
            column([row.request.temperature for _, row in live], torch.float32),
            column([row.request.top_p for _, row in live], torch.float32),
            column([row.request.seed for _, row in live], torch.int64),
            column([len(row.tokens) for _, row in live], torch.int64),
        )
        tokens = torch.zeros(len(self._slots), dtype=torch.int64, device=device)
        tokens[where] = drawn
        finished = []
        for (slot, row), token, logprob in zip(live, drawn.tolist(), logprobs.tolist(), strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
            done = self._finish(row)
            if done is not None:
                finished.append(done)
                self._slots[slot] = None
        return finished, tokens

    def _finish(self, row: Row) -> Drawn | None:
        """Return what was drawn if a row is done: end token, stop text, closed answer, or enough tokens."""
        ended = row.tokens[-1] in self._end_tokens
        kept = row.tokens[:-1] if ended else row.tokens
        enough = len(row.tokens) >= row.request.max_tokens
        if not ended and not enough and not self._may_end(row):
            return None
        text = self._tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        end = find_end(text, row.request, self._stop_at_code)
        if end is None and not ended and not enough:
            return None
        return Drawn(
            request=row.request,
            completion=text[:end],
            n_prompt_tokens=len(row.prompt),
            n_tokens=len(row.tokens),
            finish_reason="stop" if ended or end is not None else "length",
            mean_logprob=sum(row.logprobs) / len(row.tokens),
            seed=row.request.seed,
            token_logprobs=tuple(row.logprobs) if self._keep_logprobs else (),
            wall_s=time.monotonic() - row.admitted,
        )

    def _may_end(self, row: Row) -> bool:
        """Tell from the last tokens whether it is worth looking at the whole text."""
        tail = self._tokenizer.decode(row.tokens[-_TAIL_TOKENS:])
        fence = self._stop_at_code and row.request.opening.template == "chat" and "```" in tail
        return fence or any(stop in tail for stop in row.request.stop)

    def _step(self, tokens: torch.Tensor) -> None:
        filled = [len(row.prompt) + len(row.tokens) - 1 if row else 0 for row in self._slots]
        lengths = torch.tensor(filled, device=tokens.device)
        self._cache.set_lengths(lengths)
        # A mask of four dimensions is taken as it is, and makes transformers pack grouped queries: without
        # one, bfloat16 attention takes six times as long on a CPU.
        mask = torch.arange(max(filled) + 1, device=tokens.device)[None, :] <= lengths[:, None]
        self._logits = self._model(
            input_ids=tokens[:, None],
            attention_mask=mask[:, None, None, :],
            position_ids=lengths[:, None],
            use_cache=True,
            logits_to_keep=1,
            **{self._cache_name: self._cache},
        ).logits[:, -1]


def _cache_name(model: Any) -> str:
    """Return what the model calls its cache: transformers 5.24 has another name for it."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model  # peft's wrapper has no names
    return "cache" if "cache" in inspect.signature(base.forward).parameters else "past_key_values"


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    ends = getattr(model.generation_config, "eos_token_id", None)
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(token for token in [*listed, tokenizer.eos_token_id] if token is not None)


def draw_tokens(
    logits: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, seed: torch.Tensor, step: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the drawn tokens and their natural-log probabilities under the model itself, each [rows].

    Args:
        logits: [rows, vocabulary], raw.
        temperature: [rows], >= 0; 0 takes the most probable token.
        top_p: [rows], 0 < top_p <= 1, of the distribution at this temperature.
        seed: [rows], int64, one a draw.
        step: [rows], int64, tokens drawn before.
    """
    logits = logits.float()
    greedy = temperature <= 0
    scaled = logits / torch.where(greedy, 1.0, temperature)[:, None]
    top, tokens, kept = _nucleus(scaled, top_p)
    noisy = top + gumbel_noise(seed, step, tokens)
    choice = noisy.masked_fill(~kept, -torch.inf).argmax(-1)
    choice = torch.where(greedy, top.argmax(-1), choice)
    drawn = tokens.gather(-1, choice[:, None])
    return drawn[:, 0], logits.gather(-1, drawn)[:, 0] - logits.logsumexp(-1)


def gumbel_noise(seed: torch.Tensor, step: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return standard Gumbel noise for each token, [rows, n]: a function of seed, step and token alone.

    Args:
        seed: [rows], int64.
        step: [rows], int64.
        tokens: [rows, n], int64.
    """
    key = _mix(_mix(seed * _GOLDEN) + step * _GOLDEN)
    hashed = _mix(key[:, None] + (tokens + 1) * _GOLDEN)
    uniform = (((hashed >> 11) & (2**53 - 1)).double() + 0.5) * 2.0**-53
    return -torch.log(-torch.log(uniform)).float()


def _nucleus(scaled: torch.Tensor, top_p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return scores, tokens and which are kept, each [rows, n]; n is as small as top-p allows."""
    n_vocabulary = scaled.shape[-1]
    if bool((top_p >= 1.0).all()):
        tokens = torch.arange(n_vocabulary, device=scaled.device).expand_as(scaled)
        return scaled, tokens, torch.ones_like(scaled, dtype=torch.bool)
    total = scaled.logsumexp(-1, keepdim=True)
    n = min(_FIRST_TOP, n_vocabulary)
    while True:
        top, tokens = scaled.topk(n, dim=-1)
        shares = (top - total).exp()
        if n == n_vocabulary or bool((shares.sum(-1) >= top_p).all()):
            before = shares.cumsum(-1) - shares
            return top, tokens, (before < top_p[:, None]) | (top_p >= 1.0)[:, None]
        n = min(n * 16, n_vocabulary)


def _mix(x: torch.Tensor) -> torch.Tensor:
    """Return splitmix64's finaliser of int64 values; `>>` is arithmetic, so the sign bits are masked off."""
    x = (x ^ ((x >> 30) & (2**34 - 1))) * _FIRST
    x = (x ^ ((x >> 27) & (2**37 - 1))) * _SECOND
    return x ^ ((x >> 31) & (2**33 - 1))
