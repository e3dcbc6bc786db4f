"""The parts of our own batching: a cache whose rows change hands, and noise that belongs to the request.

A key-value cache with a fixed number of rows, each of which can be given to another sequence.

transformers' own cache grows by concatenation, so every step copies the whole of it: 20% (bfloat16) to 68%
(float32) of the time with SmolLM2 and 64 rows on 2 cores. This one writes in place.

Drawing of tokens with noise that belongs to the request, so that batch mates don't matter.

Adding independent Gumbel noise to log-probabilities and taking the maximum draws exactly from the
distribution. Here the noise is a hash of (seed of the draw, step, token): it needs no generator state, and it
is the same in a batch of 1 and of 100, on any device.

Source: Gumbel-max: Maddison et al. 2014, arXiv:1411.0030, section 2. Hash: splitmix64, Steele et al. 2014.
Top-p: Holtzman et al. 2020, arXiv:1904.09751, section 3.1.
"""

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

from pairsmith.pipeline.sampling.protocol import SamplingError


class SlotLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, [rows, heads, columns, size]; all rows end at the same column."""

    def __init__(self, n_columns: int) -> None:
        """Make an empty layer; memory is taken at the first `place`."""
        super().__init__()
        self.n_columns = n_columns
        self.length = 0

    def place(self, layer: DynamicLayer, n_rows: int, rows: torch.Tensor, owners: torch.Tensor, at: int) -> None:
        """Write prompts into rows so that they end at column `at`.

        Args:
            layer: keys and values of the prompts, left-padded.
            n_rows: rows of this cache, for its first use.
            rows: [n], rows to write.
            owners: [n], the prompt that goes into each.
            at: column behind the prompt's last token.
        """
        if not self.is_initialized:
            self.lazy_initialization(layer.keys, layer.values)
            shape = (n_rows, layer.keys.shape[1], self.n_columns)
            # Zeros, for what is masked is still multiplied by 0, and 0 * nan is nan.
            self.all_keys = layer.keys.new_zeros(*shape, layer.keys.shape[3])
            self.all_values = layer.values.new_zeros(*shape, layer.values.shape[3])
        n = layer.keys.shape[-2]
        self.all_keys[rows, :, at - n : at] = layer.keys[owners]
        self.all_values[rows, :, at - n : at] = layer.values[owners]
        self.length = at

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one column and return all columns so far."""
        end = self.length + key_states.shape[-2]
        self.all_keys[:, :, self.length : end] = key_states
        self.all_values[:, :, self.length : end] = value_states
        self.length = end
        return self.all_keys[:, :, :end], self.all_values[:, :, :end]

    def get_seq_length(self) -> int:
        """Return the columns in use."""
        return self.length

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Drop all other rows."""
        self.all_keys, self.all_values = self.all_keys[rows], self.all_values[rows]

    def drop_columns(self, n: int) -> None:
        """Drop the first n columns."""
        for states in (self.all_keys, self.all_values):
            states[:, :, : self.length - n] = states[:, :, n : self.length].clone()
        self.length -= n


def slot_cache(config: Any, n_columns: int) -> Cache:
    """Return an empty cache for a model.

    Args:
        n_columns: tokens that a row holds, those of earlier sequences included.

    Raises:
        SamplingError: if the model keeps other states than keys and values, or a window shorter than that.
    """
    layers = DynamicCache(config=config).layers
    n_layers = config.get_text_config(decoder=True).num_hidden_layers
    for layer in layers:
        window = layer.sliding_window if type(layer) is DynamicSlidingWindowLayer else n_columns
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) or window < n_columns:
            raise SamplingError(
                f"{config.model_type}: the transformers backend can't batch this kind of model; "
                "set sampling.backend to vllm or openai"
            )
    return Cache(layers=[SlotLayer(n_columns) for _ in range(n_layers)])


_GOLDEN = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15 as a signed number, likewise below
_FIRST = -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9
_SECOND = -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB
_FIRST_TOP = 64  # tokens tried first: at temperature 0.8 and top-p 0.95 they nearly always suffice


def draw_tokens(
    logits: torch.Tensor,
    temperature: torch.Tensor,
    top_p: torch.Tensor,
    seed: torch.Tensor,
    step: torch.Tensor,
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
